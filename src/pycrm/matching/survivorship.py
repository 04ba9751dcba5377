"""What is known of each customer: of several records' values the one that survives, and where it came from.

The records are never changed; the survivors are made anew from them whenever the clusters change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.matching.fields import and_none
from pycrm.table import Frame, build, column, eager

__all__ = ["STRATEGIES", "Survivors", "survivors"]

STRATEGIES = ("most_recent", "most_frequent", "source_priority", "longest", "minimum", "maximum", "keep_all")
"""How a value may survive; a tie goes to the more recent record, then to the row further down."""

Rows = NDArray[np.int64]


@frozen(eq=False)
class Survivors:
    """The values that survive, one row a cluster, and for each the record it came from.

    Parameters
    ----------
    frame : Frame
        `cluster` and one column a field.
    strategies : mapping of str to str
        How each field survived.
    """

    frame: Any
    strategies: Mapping[str, str]
    _clusters: NDArray[Any] = field(repr=False)
    _ids: NDArray[Any] = field(repr=False)
    _order: Rows = field(repr=False)
    _starts: Rows = field(repr=False)
    _winners: Mapping[str, Rows] = field(repr=False)
    _values: Mapping[str, tuple[Rows, NDArray[Any]]] = field(repr=False)

    @property
    def provenance(self) -> Any:
        """The record that each value came from, in the shape of `frame`; None where no record says anything."""
        made: dict[str, Any] = {"cluster": self._clusters}
        ids = and_none(self._ids)
        for name, rows in self._winners.items():
            made[name] = ids[rows]
        return build(made, self.frame)

    def why(self, cluster: Any, field: str) -> Any:
        """Return every record of a cluster and what it says of a field, as a frame `id`, `value`, `won`.

        Raises
        ------
        InvalidValueError
            If there is no such cluster or field.
        """
        if field not in self._winners:
            raise InvalidValueError("field", field, f"choose from {', '.join(self._winners)}")
        place = np.flatnonzero(self._clusters == cluster)
        if not place.size:
            raise InvalidValueError("cluster", cluster, "there is no such cluster")
        ends = np.append(self._starts[1:], len(self._order))
        rows = np.sort(self._order[self._starts[place[0]] : ends[place[0]]])
        codes, held = self._values[field]
        values = held[codes[rows]]
        winner = self._winners[field][place[0]]
        won = rows == winner
        if self.strategies[field] == "keep_all":
            won = np.asarray(~pd.isna(values))
        return build({"id": self._ids[rows], "value": values, "won": won}, self.frame)


def survivors(
    frame: Frame,
    *,
    id: str,
    cluster: str,
    fields: Mapping[str, str],
    time: str | None = None,
    source: str | None = None,
    priority: Sequence[Any] = (),
) -> Survivors:
    """Return one row a cluster: of each field the value that survives.

    Parameters
    ----------
    frame : Frame
        The records, with their cluster.
    id, cluster : str
        The columns of the record's id and of its cluster.
    fields : mapping of str to str
        Each field's strategy: most_recent, most_frequent, source_priority, longest, minimum, maximum or keep_all. A missing
        value or an empty text never wins.
    time : str, optional
        The column by which a record is more recent; without it the further down a row is, the more recent.
    source : str, optional
        The column of the record's source; needed for source_priority.
    priority : sequence
        The sources, the most trusted first; others come after them.

    Returns
    -------
    Survivors
        `frame` with the values, `provenance` with the records they came from, `why(cluster, field)` with the losers.

    Examples
    --------
    >>> said = {"key": [1, 2, 3], "who": ["a", "a", "b"], "city": ["Vigo", None, "Lugo"], "on": [1, 2, 3]}
    >>> made = survivors(said, id="key", cluster="who", fields={"city": "most_recent"}, time="on")
    >>> made.frame["city"].tolist(), made.provenance["city"].tolist()
    (['Vigo', 'Lugo'], [1, 3])
    """
    for name, strategy in fields.items():
        if strategy not in STRATEGIES:
            raise InvalidValueError(f"fields[{name!r}]", strategy, f"use one of {', '.join(STRATEGIES)}")
    if "source_priority" in fields.values() and (source is None or not priority):
        raise InvalidValueError(
            "priority", tuple(priority), "source_priority needs the column `source` and an order of sources"
        )
    table = eager(frame)
    ids, groups = column(table, id), column(table, cluster)
    if pd.isna(groups).any():
        raise InvalidDataError(cluster, int(np.argmax(pd.isna(groups))), None, "every record is in a cluster")
    codes, names = pd.factorize(groups)
    recency = _recency(table, time, len(ids))
    order = np.lexsort((recency, codes)).astype(np.int64)
    sorted_codes = codes[order]
    starts = np.flatnonzero(np.diff(sorted_codes, prepend=-1))
    trust = _trust(table, source, priority) if source is not None else np.zeros(len(ids), dtype=np.int64)
    winners: dict[str, Rows] = {}
    values: dict[str, tuple[Rows, NDArray[Any]]] = {}
    made: dict[str, Any] = {"cluster": np.asarray(names)}
    for name, strategy in fields.items():
        native = table[name].to_native() if name in table.columns else column(table, name)
        field_codes, uniques = _codes(native, name)
        score = _SCORES[strategy](_Said(name, field_codes[order], uniques, sorted_codes, trust[order]))
        winners[name] = _best(score, field_codes[order] >= 0, order, starts)
        held = and_none(uniques)
        values[name] = field_codes, held
        picked = np.append(field_codes, -1)[winners[name]]
        if strategy == "keep_all":
            made[name] = _all_of(field_codes[order], sorted_codes, uniques, len(starts))
        else:
            made[name] = held[picked] if (picked < 0).any() else uniques[picked]
    return Survivors(build(made, table), dict(fields), np.asarray(names), ids, order, starts, winners, values)


def _recency(table: Any, time: str | None, rows: int) -> NDArray[Any]:
    if time is None:
        return np.arange(rows)
    moment = column(table, time)
    missing = pd.isna(moment)
    codes, _ = pd.factorize(moment, sort=True) if not missing.all() else (np.full(rows, -1), None)
    return np.asarray(codes)


def _trust(table: Any, source: str, priority: Sequence[Any]) -> Rows:
    rank = {name: len(priority) - place for place, name in enumerate(priority)}
    codes, uniques = pd.factorize(column(table, source))
    held = np.array([*(rank.get(name, 0) for name in np.asarray(uniques).tolist()), 0], dtype=np.int64)
    return np.asarray(held[codes])


def _codes(values: Any, name: str) -> tuple[Rows, NDArray[Any]]:
    """Codes of values, an empty text counting as missing."""
    try:
        codes, uniques = pd.factorize(values)
    except TypeError:
        fix = "give single values; tuples survive, lists do not"
        raise InvalidDataError(name, None, "lists or other mutable values", fix) from None
    held = np.asarray(uniques, dtype=object) if not isinstance(uniques, np.ndarray) else uniques
    if held.dtype == object:
        blank = _are_blank(held.tolist())
        if blank.any():
            codes = np.where((codes >= 0) & blank[codes], -1, codes)
    return np.asarray(codes, dtype=np.int64), held


def _are_blank(values: list[Any]) -> NDArray[np.bool_]:
    """Return which values are text of nothing but spaces; texts alone are asked at the speed of C."""
    try:
        blank = np.fromiter(map(str.isspace, values), bool, len(values))
    except TypeError:
        return np.array([isinstance(value, str) and not value.strip() for value in values] or [False])
    if "" in values:
        blank[values.index("")] = True
    return blank


def _best(score: NDArray[np.float64], there: NDArray[np.bool_], order: Rows, starts: Rows) -> Rows:
    """Return the row with the highest score of each group, the last of equals; -1 where none is there."""
    if not len(order):
        return np.empty(0, dtype=np.int64)
    held = np.where(there, score, -np.inf)
    best = np.maximum.reduceat(held, starts)
    sizes = np.diff(np.append(starts, len(order)))
    top = np.where(there & (held == np.repeat(best, sizes)), np.arange(len(order)), -1)
    last = np.maximum.reduceat(top, starts)
    return np.where(last >= 0, order[last], -1)


@frozen(eq=False)
class _Said:
    """What the records say of one field, in the order of their clusters, older before newer."""

    name: str
    codes: Rows
    uniques: NDArray[Any]
    groups: Rows
    trust: Rows

    def recency(self) -> NDArray[np.float64]:
        return np.zeros(len(self.codes))  # the order itself: the last of equals wins

    def frequency(self) -> NDArray[np.float64]:
        inverse, _ = pd.factorize(self.groups * (len(self.uniques) + 1) + self.codes + 1)
        return np.bincount(inverse)[inverse].astype(float) if len(inverse) else np.empty(0)

    def priority(self) -> NDArray[np.float64]:
        return self.trust.astype(float)

    def length(self) -> NDArray[np.float64]:
        return np.array([*(len(str(value)) for value in self.uniques.tolist()), 0], dtype=float)[self.codes]

    def rank(self) -> NDArray[np.float64]:
        rank = np.zeros(len(self.uniques) + 1)
        try:
            rank[np.argsort(self.uniques, kind="stable")] = np.arange(len(self.uniques))
        except TypeError:
            fix = "minimum and maximum need values that can be ordered"
            raise InvalidDataError(self.name, None, "values of several types", fix) from None
        return rank[self.codes]

    def reverse_rank(self) -> NDArray[np.float64]:
        return -self.rank()


_SCORES: dict[str, Callable[[_Said], NDArray[np.float64]]] = {
    "most_recent": _Said.recency,
    "most_frequent": _Said.frequency,
    "source_priority": _Said.priority,
    "longest": _Said.length,
    "minimum": _Said.reverse_rank,
    "maximum": _Said.rank,
    "keep_all": _Said.recency,
}


def _all_of(codes: Rows, groups: Rows, uniques: NDArray[Any], count: int) -> NDArray[np.object_]:
    """Return the different values of each group as a tuple, in the order they were said."""
    there = np.flatnonzero(codes >= 0)
    key = groups[there] * (len(uniques) + 1) + codes[there]
    _, first = np.unique(key, return_index=True)
    kept = there[np.sort(first)]
    values = uniques[codes[kept]].tolist()
    ends = np.searchsorted(groups[kept], np.arange(count + 1))
    made = np.empty(count, dtype=object)
    made[:] = [tuple(values[a:b]) for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    return made
