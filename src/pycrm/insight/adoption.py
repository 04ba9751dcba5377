"""Whether people take up what the system recommends, and whether processes run as they should."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from pycrm import table
from pycrm.errors import InvalidDataError
from pycrm.fit import proportion_interval

__all__ = ["Adoption", "Efficiency", "adoption", "process_efficiency"]


@frozen(kw_only=True)
class Adoption:
    """How recommendations are taken up in one group.

    Parameters
    ----------
    group : str
        A person, a team, a month; "all" for everybody.
    recommendations, decided : int
        Made; and of these, decided on by a person.
    followed : float
        Share of the decided that were followed; NaN where nothing was decided. `interval` is Wilson's.
    explained : float
        Share of the recommendations that came with a reason.
    """

    group: str
    recommendations: int
    decided: int
    followed: float
    interval: tuple[float, float]
    explained: float


def adoption(
    rows: table.Frame, *, followed: str = "followed", explained: str = "explained", by: str | None = None
) -> tuple[Adoption, ...]:
    """Return how recommendations were taken up, over all and by group.

    Parameters
    ----------
    rows : frame
        One row a recommendation.
    followed, explained : str
        Columns: 1 followed, 0 overridden, missing while nobody decided; and 1 where a reason stood beside it, else 0.
    by : str, optional
        Column of the groups.

    Examples
    --------
    >>> found = adoption({"followed": [1.0, 0.0, None, 1.0], "explained": [1, 1, 1, 0]})
    >>> found[0].decided, round(found[0].followed, 3), found[0].explained
    (3, 0.667, 0.75)
    """
    frame = table.eager(rows)
    taken = _flags(frame, followed, missing=True)
    reasons = _flags(frame, explained, missing=False)
    parts = [("all", np.ones(len(taken), dtype=bool))]
    if by is not None:
        codes, names = table.factorise(table.column(frame, by), by)
        parts += [(str(names[code]), codes == code) for code in np.argsort(names.astype(str), kind="stable")]
    made = []
    for group, hit in parts:
        decided = taken[hit & ~np.isnan(taken)]
        share, interval = np.nan, (np.nan, np.nan)
        if len(decided):
            share = float(decided.mean())
            low, high = proportion_interval(decided.sum(), len(decided))
            interval = (float(low), float(high))
        made.append(
            Adoption(
                group=group,
                recommendations=int(hit.sum()),
                decided=len(decided),
                followed=share,
                interval=interval,
                explained=float(reasons[hit].mean()) if hit.any() else np.nan,
            )
        )
    return tuple(made)


@frozen(kw_only=True)
class Efficiency:
    """How a process runs.

    Parameters
    ----------
    cases, done : int
        Begun, and ended.
    on_time : float
        Share of the ended that kept their promise.
    right_first_time : float
        Share of the ended that took one touch.
    median_days, p90_days : float
        From begin to end, of the ended.
    index : float
        0 to 1: the geometric mean of the shares that ended, kept their promise, and took one touch; NaN where none ended.
    """

    cases: int
    done: int
    on_time: float
    right_first_time: float
    median_days: float
    p90_days: float
    index: float


def process_efficiency(
    cases: table.Frame, *, days: str = "days", promised: str = "promised", touches: str = "touches"
) -> Efficiency:
    """Return how a process runs, from one row a case.

    Parameters
    ----------
    cases : frame
        One row a case.
    days, promised, touches : str
        Columns: days from begin to end (missing while it is open), days promised, and how often somebody had to touch it.

    Examples
    --------
    >>> process_efficiency({"days": [1.0, 3.0, None], "promised": [2, 2, 2], "touches": [1, 1, 4]}).on_time
    0.5
    """
    frame = table.eager(cases)
    taken = table.column(frame, days).astype(np.float64)
    said, often = table.numbers(frame, promised, minimum=0.0), table.numbers(frame, touches, minimum=0.0)
    if (taken < 0).any() or np.isinf(taken).any():
        row = int(np.argmax((taken < 0) | np.isinf(taken)))
        raise InvalidDataError(
            days, row, float(taken[row]), "give finite days of at least 0, or nothing while it is open"
        )
    ended = ~np.isnan(taken)
    if not ended.any():
        return Efficiency(
            cases=len(taken),
            done=0,
            on_time=np.nan,
            right_first_time=np.nan,
            median_days=np.nan,
            p90_days=np.nan,
            index=np.nan,
        )
    on_time = float((taken[ended] <= said[ended]).mean())
    first = float((often[ended] <= 1).mean())
    return Efficiency(
        cases=len(taken),
        done=int(ended.sum()),
        on_time=on_time,
        right_first_time=first,
        median_days=float(np.median(taken[ended])),
        p90_days=float(np.quantile(taken[ended], 0.9)),
        index=float((ended.mean() * on_time * first) ** (1.0 / 3.0)),
    )


def _flags(frame: Any, name: str, *, missing: bool) -> Any:
    values = table.column(frame, name)
    flags = np.asarray([np.nan if value is None else float(value) for value in values.tolist()], dtype=np.float64)
    wrong = (flags != 0) & (flags != 1) & ~(np.isnan(flags) if missing else np.zeros(len(flags), dtype=bool))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidDataError(name, row, float(flags[row]), "give 1 or 0" + (", or nothing" if missing else ""))
    return flags
