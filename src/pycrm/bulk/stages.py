"""Stages of many customers at once: the events as columns, the same steps as `pycrm.model.journey.derive` one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.bulk.times import utc_time, utc_times
from pycrm.errors import InvalidDataError
from pycrm.model.journey import RANKS, EventKind, LifecyclePolicy, walk
from pycrm.model.lifecycle import Stage

__all__ = ["StageSteps", "derive_stages"]

_KINDS = {str(kind): rank for kind, rank in RANKS.items()}
_STAGES: Mapping[str, Stage] = {str(stage): stage for stage in Stage}
_VALUED = [RANKS[kind] for kind in (EventKind.SCORED, EventKind.CSAT, EventKind.NPS, EventKind.ALIVE)]


@frozen(kw_only=True, eq=False)
class StageSteps:
    """The steps of all customers as columns, customer by customer, each in his order.

    Parameters
    ----------
    customer : ndarray
        Whose.
    from_stage, to_stage : ndarray of str
        The step; the first one comes from "".
    occurred_at : ndarray of datetime64[us]
        When, in UTC.
    reason : ndarray of str
        Why.
    event : ndarray of int
        The row of the event it rests on.
    recorded_at : ndarray of datetime64[us]
        When we knew all it was derived from, in UTC; `occurred_at` where the events say nothing of it.
    """

    customer: NDArray[Any]
    from_stage: NDArray[np.str_]
    to_stage: NDArray[np.str_]
    occurred_at: NDArray[np.datetime64]
    reason: NDArray[np.str_]
    event: NDArray[np.int64]
    recorded_at: NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.customer)

    def transitions(self) -> Mapping[tuple[str, str], int]:
        """Return how often each step was made: the transition matrix, by its cells."""
        pairs = np.char.add(np.char.add(self.from_stage, ">"), self.to_stage)
        cells, counts = np.unique(pairs, return_counts=True)
        split = (str(cell).split(">") for cell in cells)
        return {(before, after): int(count) for (before, after), count in zip(split, counts, strict=True)}

    def funnel(self) -> Mapping[str, int]:
        """Return how many customers ever reached each stage."""
        reached = {}
        for stage in Stage:
            reached[str(stage)] = len(np.unique(self.customer[self.to_stage == str(stage)]))
        return reached

    def present(self) -> tuple[NDArray[Any], NDArray[np.str_]]:
        """Return each customer with the stage he is in."""
        if not len(self):
            return self.customer, self.to_stage
        last = np.flatnonzero(np.append(self.customer[1:] != self.customer[:-1], True))
        return self.customer[last], self.to_stage[last]

    def days_in_stage(self, as_of: Any) -> NDArray[np.float64]:
        """Return how many days each step's stage lasted, up to `as_of` where it still does."""
        end, until = self.occurred_at, utc_time("as_of", as_of)
        if len(self):
            last = np.append(self.customer[1:] != self.customer[:-1], True)
            end = np.where(last, until, np.append(self.occurred_at[1:], until))
        return np.asarray((end - self.occurred_at) / np.timedelta64(1, "D"), dtype=float)


def _coded(name: str, values: NDArray[Any], allowed: Sequence[str]) -> NDArray[np.int64]:
    """Return the place of each value among those that are allowed."""
    uniques, code = np.unique(values.astype(str), return_inverse=True)
    places = {value: place for place, value in enumerate(allowed)}
    code = code.reshape(-1)
    for number, value in enumerate(uniques):
        if str(value) not in places:
            row = int(np.flatnonzero(code == number)[0])
            raise InvalidDataError(name, row, str(value), f"use one of {', '.join(key for key in allowed if key)}")
    table = np.asarray([places[str(value)] for value in uniques], dtype=np.int64)
    return table[code] if len(code) else np.empty(0, np.int64)


def _first(name: str, wrong: NDArray[np.bool_], fix: str) -> None:
    if wrong.any():
        raise InvalidDataError(name, int(np.flatnonzero(wrong)[0]), None, fix)


def derive_stages(
    customer: ArrayLike,
    kind: ArrayLike,
    at: ArrayLike,
    *,
    as_of: Any,
    policy: LifecyclePolicy | None = None,
    value: ArrayLike | None = None,
    to: ArrayLike | None = None,
    id: ArrayLike | None = None,
    known_at: ArrayLike | None = None,
    progress: Callable[[int], None] | None = None,
) -> StageSteps:
    """Derive the stages of all customers from their events.

    Parameters
    ----------
    customer : array_like
        Whose event, one row each, in any order.
    kind : array_like of str
        What happened: the values of `EventKind`.
    at : array_like of datetime64
        When, in UTC.
    as_of : datetime64 or text
        Up to when, in UTC.
    policy : LifecyclePolicy, optional
        The thresholds; the default policy unless given.
    value : array_like of float, optional
        Scores of ``scored``, ``csat`` and ``nps``, probabilities of ``alive``; NaN elsewhere.
    to : array_like of str, optional
        Stages of ``forced``; "" elsewhere.
    id : array_like, optional
        Of the record each rests on: breaks ties of one instant and kind, and the same kind and id of a customer twice count once.
        The row unless given.
    known_at : array_like of datetime64, optional
        When we knew, in UTC; `at` unless given.
    progress : callable, optional
        Called with the number of customers done, now and then.

    Raises
    ------
    InvalidDataError
        Naming column, row and value: an unknown kind or stage, a missing time, score or stage, columns of unequal length.

    Examples
    --------
    >>> steps = derive_stages(
    ...     ["ana", "ana", "bea"],
    ...     ["identified", "engaged", "touch"],
    ...     ["2026-01-01", "2026-01-02", "2026-01-05"],
    ...     as_of="2026-02-01",
    ... )
    >>> [column.tolist() for column in steps.present()]
    [['ana', 'bea'], ['retention', 'awareness']]
    """
    policy = LifecyclePolicy() if policy is None else policy
    who = np.asarray(customer)
    rows = len(who)
    columns = {"kind": kind, "at": at, "value": value, "to": to, "id": id}
    given = {name: np.asarray(column) for name, column in columns.items() if column is not None and name != "at"}
    times = utc_times("at", at)
    given["at"] = times
    if known_at is not None:
        given["known_at"] = utc_times("known_at", known_at)
    for name, column in given.items():
        if len(column) != rows:
            raise InvalidDataError(name, None, len(column), f"give {rows} values, one per event")
    _first("at", np.isnat(times), "give the time of the event")
    if "known_at" in given:
        _first(
            "known_at",
            ~(given["known_at"] >= times),
            "give when the event was known; nothing is known before it happens",
        )
    ranks = _coded("kind", given["kind"], list(_KINDS))
    scores = given["value"].astype(float) if "value" in given else np.full(rows, np.nan)
    _first("value", np.isin(ranks, _VALUED) & np.isnan(scores), "a score is missing; a rating has one")
    leads: list[Stage | None] = [None, *_STAGES.values()]
    to_code = _coded("to", given["to"], ["", *_STAGES]) if "to" in given else np.zeros(rows, np.int64)
    _first("to", (ranks == RANKS[EventKind.FORCED]) & (to_code == 0), "a forced step needs its stage")

    members, code = np.unique(who, return_inverse=True)
    code = code.reshape(-1)
    ties = given.get("id", np.arange(rows))
    end = utc_time("as_of", as_of)
    order = np.lexsort((ties, ranks, times, code))
    order = order[times[order] <= end]
    if "id" in given and len(order):
        _, tie = np.unique(ties, return_inverse=True)
        evidence = code[order] * (int(tie.max()) + 1) + tie.reshape(-1)[order]
        evidence = evidence * len(_KINDS) + ranks[order]
        _, first = np.unique(evidence, return_index=True)
        order = order[np.sort(first)]
    listed = order.tolist()
    kinds, micros = ranks[order].tolist(), times[order].astype(np.int64).tolist()
    values = [None if number != number else number for number in scores[order].tolist()]  # noqa: PLR0124  # NaN differs from itself
    events = list(zip(micros, kinds, values, [leads[place] for place in to_code[order].tolist()], strict=True))
    starts = np.searchsorted(code[order], np.arange(len(members) + 1)).tolist()
    until = int(end.astype(np.int64))
    owner: list[int] = []
    found: list[tuple[Stage | None, Stage, int, str, int]] = []
    rests: list[int] = []
    for number in range(len(members)):
        begin = starts[number]
        steps = walk(events[begin : starts[number + 1]], policy, until)
        owner.extend([number] * len(steps))
        found.extend((before, after, when, why, listed[begin + index]) for before, after, when, why, index, _ in steps)
        rests.extend(begin + step[5] for step in steps)
        if progress is not None and number % 10_000 == 0:
            progress(number)
    happened = np.asarray([step[2] for step in found], dtype=np.int64).astype("datetime64[us]")
    return StageSteps(
        customer=members[np.asarray(owner, dtype=np.int64)],
        from_stage=np.asarray(["" if step[0] is None else str.__str__(step[0]) for step in found], dtype=np.str_),
        to_stage=np.asarray([str.__str__(step[1]) for step in found], dtype=np.str_),
        occurred_at=happened,
        reason=np.asarray([step[3] for step in found], dtype=np.str_),
        event=np.asarray([step[4] for step in found], dtype=np.int64),
        recorded_at=np.maximum(happened, _known(given.get("known_at", times)[order], code[order])[rests]),
    )


def _known(times: NDArray[Any], code: NDArray[np.int64]) -> NDArray[Any]:
    """Return when each event of a customer and all before it were known; events stand customer by customer."""
    moments, place = np.unique(times, return_inverse=True)
    if not len(moments):
        return times
    # Places are small, so that a customer's code above them does not overflow.
    whole = np.maximum.accumulate(code * len(moments) + place.reshape(-1))
    return np.asarray(moments[whole - code * len(moments)])
