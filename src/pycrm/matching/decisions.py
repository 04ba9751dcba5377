"""What was decided about who is who: a log that only grows, and the clusters that follow from it.

A merge is an entry; taking it back is another entry, which names the first. The clusters are what the entries still in force
say, so a merge taken back equals one that never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidValueError

__all__ = ["Decision", "DecisionLog", "clusters_after"]


def _as_tuple(records: Any) -> tuple[Any, ...]:
    if not isinstance(records, Iterable):
        raise InvalidValueError("records", records, "name the records in a tuple")
    return tuple(records)


@frozen(kw_only=True)
class Decision:
    """One entry of the log.

    Parameters
    ----------
    id : Any
        Of the entry; unique in a log.
    action : {"merge", "keep_apart", "revoke"}
        These records are one person; these two are two people; the entry named in `revokes` holds no longer.
    records : tuple
        The records spoken of; for "keep_apart" exactly two, for "revoke" none.
    revokes : Any, optional
        The entry taken back.
    rule, actor, reason, at : optional
        By which rule or whom, why and when: kept for the reader, and without effect.
    weight : float, optional
        Log2 of the odds at the time.

    Examples
    --------
    >>> Decision(id=1, action="merge", records=("a", "b"), rule="email").action
    'merge'
    """

    id: Any
    action: Literal["merge", "keep_apart", "revoke"]
    records: tuple[Any, ...] = field(default=(), converter=_as_tuple)
    revokes: Any = None
    rule: str | None = None
    actor: str | None = None
    reason: str | None = None
    at: Any = None
    weight: float | None = None

    def __attrs_post_init__(self) -> None:
        if self.action not in {"merge", "keep_apart", "revoke"}:
            raise InvalidValueError("action", self.action, "use merge, keep_apart or revoke")
        if self.action == "revoke":
            if self.revokes is None or self.records:
                raise InvalidValueError("revokes", self.revokes, "name the entry that is taken back, and no records")
        elif self.revokes is not None:
            raise InvalidValueError("revokes", self.revokes, f"a {self.action} takes nothing back")
        elif len(set(self.records)) < 2 or (self.action == "keep_apart" and len(self.records) != 2):
            raise InvalidValueError("records", self.records, "name two different records (a merge may name more)")


class DecisionLog:
    """The entries so far, and the clusters they make of a list of records.

    Parameters
    ----------
    records : sequence
        The ids of all records, unique.
    decisions : iterable of Decision
        The entries, oldest first.

    Notes
    -----
    The clusters are the connected components of the merges in force. Taking an entry back visits only the records of the
    cluster it is in, so it takes the same time in a list of a million as in one of ten.

    Examples
    --------
    >>> log = DecisionLog(["a", "b", "c"], [Decision(id=1, action="merge", records=("a", "b"))])
    >>> log.cluster_of("b"), log.members("a")
    ('a', ('a', 'b'))
    >>> sorted(log.append(Decision(id=2, action="revoke", revokes=1)))
    ['a', 'b']
    >>> log.cluster_of("b")
    'b'
    """

    def __init__(self, records: Sequence[Any], decisions: Iterable[Decision] = ()) -> None:
        ids = list(records)
        self._place: dict[Any, int] = dict(zip(ids, range(len(ids)), strict=True))
        if len(self._place) != len(ids):
            seen: set[Any] = set()
            twice = next(one for one in ids if one in seen or seen.add(one))  # type: ignore[func-returns-value]  # the usual trick
            raise InvalidValueError("records", twice, "a record is named once")
        self._ids = ids
        self._home: dict[int, int] = {}  # only records that share a cluster: all others are their own
        self._members: dict[int, list[int]] = {}
        self._edges: dict[int, set[Any]] = {}
        self._decisions: dict[Any, Decision] = {}
        self._revoked: set[Any] = set()
        for decision in decisions:
            self.append(decision)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Every entry, also those taken back."""
        return tuple(self._decisions.values())

    @property
    def apart(self) -> tuple[tuple[Any, Any], ...]:
        """The pairs that entries in force keep apart, to be given to `resolve(never=...)`."""
        return tuple((entry.records[0], entry.records[1]) for entry in self._in_force() if entry.action == "keep_apart")

    @property
    def together(self) -> tuple[tuple[Any, Any], ...]:
        """The pairs that merges in force unite, to be given to `resolve(always=...)`."""
        return tuple(
            (entry.records[0], other)
            for entry in self._in_force()
            if entry.action == "merge"
            for other in entry.records[1:]
        )

    def append(self, decision: Decision) -> frozenset[Any]:
        """Add an entry; return the records whose cluster is another one now.

        Raises
        ------
        InvalidValueError
            If the entry's id is taken, a record or the entry taken back is unknown, or a merge unites two records that an
            entry in force keeps apart (and the other way round).
        """
        if decision.id in self._decisions:
            raise InvalidValueError(
                "id", decision.id, "an entry of this id is there already; entries are never changed"
            )
        for record in decision.records:
            if record not in self._place:
                raise InvalidValueError("records", record, "there is no record of this id")
        if decision.action == "revoke":
            return self._revoke(decision)
        places = [self._place[record] for record in decision.records]
        if decision.action == "merge":
            members = [place for home in dict.fromkeys(map(self._home_of, places)) for place in self._of(home)]
            self._refuse_apart(members, decision)
            before = {place: self._home_of(place) for place in members}
            self._decisions[decision.id] = decision
            for place in places:
                self._edges.setdefault(place, set()).add(decision.id)
            self._settle(members)
            return self._changed(before)
        if self._home_of(places[0]) == self._home_of(places[1]):
            raise InvalidValueError("records", decision.records, "they are merged; take that entry back first")
        self._decisions[decision.id] = decision
        for place in places:
            self._edges.setdefault(place, set()).add(decision.id)
        return frozenset()

    def cluster_of(self, record: Any) -> Any:
        """Return the cluster of a record: the id of its first member in the order of the records."""
        if record not in self._place:
            raise InvalidValueError("record", record, "there is no record of this id")
        return self._ids[self._home_of(self._place[record])]

    def members(self, record: Any) -> tuple[Any, ...]:
        """Return the records of the cluster that `record` is in, in the order of the records."""
        home = self._place[self.cluster_of(record)]
        return tuple(self._ids[place] for place in self._of(home))

    def labels(self) -> NDArray[Any]:
        """Return the cluster of every record, in the order of the records."""
        made = np.empty(len(self._ids), dtype=object)
        made[:] = self._ids
        for place, home in self._home.items():
            made[place] = self._ids[home]
        return made

    def _in_force(self) -> list[Decision]:
        return [
            entry for entry in self._decisions.values() if entry.id not in self._revoked and entry.action != "revoke"
        ]

    def _home_of(self, place: int) -> int:
        return self._home.get(place, place)

    def _of(self, home: int) -> list[int]:
        return self._members.get(home, [home])

    def _revoke(self, decision: Decision) -> frozenset[Any]:
        entry = self._decisions.get(decision.revokes)
        if entry is None or entry.action == "revoke" or entry.id in self._revoked:
            raise InvalidValueError("revokes", decision.revokes, "name a merge or keep_apart that is in force")
        places = [self._place[record] for record in entry.records]
        members = self._of(self._home_of(places[0])) if entry.action == "merge" else []
        before = {place: self._home_of(place) for place in members}
        self._decisions[decision.id] = decision
        self._revoked.add(entry.id)
        for place in places:
            self._edges[place].discard(entry.id)
        self._settle(list(members))
        return self._changed(before)

    def _settle(self, members: list[int]) -> None:
        """Find the components of these records anew."""
        inside = set(members)
        for place in members:
            self._home.pop(place, None)
            self._members.pop(place, None)
        left = set(inside)
        while left:
            start = left.pop()
            found, queue = [start], [start]
            while queue:
                for entry in self._edges.get(queue.pop(), ()):
                    if self._decisions[entry].action != "merge":
                        continue
                    for record in self._decisions[entry].records:
                        place = self._place[record]
                        if place in left:
                            left.discard(place)
                            found.append(place)
                            queue.append(place)
            if len(found) > 1:
                found.sort()
                self._members[found[0]] = found
                self._home.update(dict.fromkeys(found, found[0]))

    def _changed(self, before: Mapping[int, int]) -> frozenset[Any]:
        """Every record of the clusters that were joined or divided."""
        if all(self._home_of(place) == home for place, home in before.items()):
            return frozenset()
        return frozenset(self._ids[place] for place in before)

    def _refuse_apart(self, members: list[int], decision: Decision) -> None:
        inside = {self._ids[place] for place in members}
        for place in members:
            for entry in self._edges.get(place, ()):
                held = self._decisions[entry]
                if held.action == "keep_apart" and inside.issuperset(held.records):
                    raise InvalidValueError(
                        "records",
                        decision.records,
                        f"entry {held.id!r} keeps {held.records[0]!r} and {held.records[1]!r} apart",
                    )


def clusters_after(records: Sequence[Any], decisions: Iterable[Decision]) -> NDArray[Any]:
    """Return the cluster of every record after all decisions: a pure replay of the log.

    Examples
    --------
    >>> merge = Decision(id=1, action="merge", records=("a", "b"))
    >>> clusters_after(["a", "b", "c"], [merge]).tolist()
    ['a', 'a', 'c']
    >>> clusters_after(["a", "b", "c"], [merge, Decision(id=2, action="revoke", revokes=1)]).tolist()
    ['a', 'b', 'c']
    """
    return DecisionLog(records, decisions).labels()
