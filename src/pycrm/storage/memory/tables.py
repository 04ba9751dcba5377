"""The rows of one entity class, each with its versions, and the indexes and unique keys over them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from attrs import define

from pycrm.storage.mapping import EntityMap

__all__ = ["BEYOND", "Key", "Sorted", "Staged", "Table", "Version"]

# A unique key an entity holds, by the name of its rule, with the fields of the rule.
Key: TypeAlias = "tuple[tuple[str, Any], tuple[str, ...]]"


BEYOND = 1 << 128  # above every id


class Sorted:
    """Entries in order; many new ones are merged at the next look."""

    __slots__ = ("_entries", "_new")

    def __init__(self) -> None:
        self._entries: list[Any] = []
        self._new: list[Any] = []

    def add(self, entry: Any) -> None:
        """Put one in."""
        if not self._new and (not self._entries or self._entries[-1] < entry):
            self._entries.append(entry)
        else:
            self._new.append(entry)

    def discard(self, entry: Any) -> None:
        """Take one out, if it is there."""
        entries = self.entries
        at = bisect_left(entries, entry)
        if at < len(entries) and entries[at] == entry:
            del entries[at]

    @property
    def entries(self) -> list[Any]:
        """All of them, in order."""
        if self._new:
            if len(self._new) <= 32:
                for entry in self._new:
                    insort(self._entries, entry)
            else:
                self._entries += self._new
                self._entries.sort()
            self._new.clear()
        return self._entries

    def walk(self, low: Any, high: Any, after: Any, *, descending: bool) -> Iterator[Any]:
        """Yield the entries from `low` to below `high`, behind `after` in the direction; None leaves a side open."""
        entries = self.entries
        first = 0 if low is None else bisect_left(entries, low)
        end = len(entries) if high is None else bisect_left(entries, high)
        if after is not None and descending:
            end = min(end, bisect_left(entries, after))
        elif after is not None:
            first = max(first, bisect_right(entries, after))
        return map(entries.__getitem__, range(end - 1, first - 1, -1) if descending else range(first, end))


@define
class Version:
    """One state of a row, from `commit` on; `entity` is None once it is erased."""

    commit: int
    entity: Any
    live: bool
    keys: tuple[Key, ...]


@define
class Staged:
    """What a unit of work wants a row to be; `base` is the version it was read at, None for a new row."""

    entity: Any
    live: bool
    base: int | None
    erased: bool = False
    redacted: bool = False
    keys: tuple[Key, ...] = ()


class Table:
    """The rows of one map, in one tenant."""

    def __init__(self, map: EntityMap) -> None:
        self.map = map
        self.rows: dict[UUID, list[Version]] = {}
        self.ids: Sorted = Sorted()
        single = {path for index in map.indexes for path in index[:1]}
        single |= {reference.path for reference in map.references} | {column.path for column in map.searched}
        single |= {rule.paths[0] for rule in map.uniques}
        self.indexes: dict[str, Sorted] = {path: Sorted() for path in sorted(single)}
        self.many: dict[str, dict[str, Sorted]] = {path: {} for path in map.many}
        self.holders: dict[tuple[str, Any], UUID] = {}
        self.last_commit = 0

    def keys_of(self, entity: Any) -> Iterator[Key]:
        """Yield each unique key an entity holds, with the fields of its rule."""
        for rule in self.map.uniques:
            key = self.map.unique_key(entity, rule)
            if key is not None:
                yield (rule.name, key), rule.paths
        for each, text in self.map.each_key(entity):
            yield (each.name, text), each.fields

    def indexed(self, entity: Any) -> set[tuple[str, Any]]:
        """Return the values `entity` holds at the indexed paths; what is missing is not indexed."""
        held = self.map.held
        return {(path, value) for path in self.indexes if (value := held(entity, path)) is not None}

    def indexed_by(self, path: str) -> bool:
        """Tell whether the ids with one value at a path are kept in order."""
        return path in self.indexes or path in self.many

    def searched(self, entity: Any) -> set[tuple[str, str]]:
        """Return the values `entity` holds at the paths through collections."""
        return {(path, value) for path in self.many for value in self.map.search_values(entity, path)}

    def index(self, entity: Any, known: Sequence[Any] = ()) -> None:
        """Add the values of `entity` that none of its `known` states holds."""
        id = entity.id
        fresh = self.indexed(entity)
        for path, value in fresh.difference(*map(self.indexed, known)) if known else fresh:
            self.indexes[path].add((value, id.int, id))
        found = self.searched(entity)
        for path, value in found.difference(*map(self.searched, known)) if known else found:
            self.many[path].setdefault(value, Sorted()).add(id)

    def unindex(self, entity: Any, known: Sequence[Any]) -> None:
        """Forget the values of a past state that none of the `known` states holds."""
        id = entity.id
        for path, value in self.indexed(entity).difference(*map(self.indexed, known)):
            self.indexes[path].discard((value, id.int, id))
        for path, value in self.searched(entity).difference(*map(self.searched, known)):
            ids = self.many[path].get(value, Sorted())
            ids.discard(id)
            if not ids.entries:
                self.many[path].pop(value, None)
