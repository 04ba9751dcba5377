# ruff: noqa: SLF001  # a store, its units of work and their repositories are one thing in several classes
"""Columns of many rows, without an entity per row: each value is read by its column alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pycrm.storage.calm import uncollected
from pycrm.storage.codec import column_value, plain_at
from pycrm.storage.query import Query

if TYPE_CHECKING:
    from pycrm.storage.mapping import Column
    from pycrm.storage.ordering import Ordering
    from pycrm.storage.sql.compiler import Clause
    from pycrm.storage.sql.repository import SqlRepository

__all__ = ["Scan"]


class Scan:
    """One question for columns: compiled, then run as a whole or in parts."""

    def __init__(self, repository: SqlRepository[Any], query: Query[Any], fields: Sequence[str]) -> None:
        self._repository = repository
        self._query = query
        self._fields = fields
        self._unit = repository._unit
        self._map = repository._map
        self.ordering: Ordering
        self.clause: Clause
        self.ordering, self.clause = repository._asked(query)
        for path in fields:
            self._map.knows(path)
        self.direct: list[Column] = [
            self._map.by_path[path] for path in dict.fromkeys(fields) if path in self._map.by_path
        ]
        self.nested: list[str] = [path for path in dict.fromkeys(fields) if path not in self._map.by_path]

    def sql(self, spell: Callable[[Column, str], str] = lambda _, name: name, more: Sequence[str] = ()) -> str:
        """Write the question without its order; `spell` says how a column is selected, `more` what is selected behind."""
        quoted = self._repository._statements.quoted
        selected = [spell(column, quoted[column.name]) for column in self.direct]
        if self.nested:
            selected.append(self._unit.dialect.document.format(quoted["document"]))
        return (
            f"SELECT {', '.join([*selected, *more]) or '1'} FROM {self._repository._statements.table}"  # noqa: S608
            f" WHERE {self._repository._condition(self._query, self.clause)}"
        )

    @property
    def order(self) -> str:
        """The order, as SQL."""
        return f" ORDER BY {self._repository._compiler.order(self.ordering)}"

    @property
    def parameters(self) -> tuple[Any, ...]:
        """What the question is filled with."""
        return (self._unit.tenant, *self.clause.parameters)

    def whole(self) -> dict[str, list[Any]]:
        """Return everything at once."""
        if self.clause.rest is not None:
            rows = [entity for batch in self._repository.stream(self._query) for entity in batch]
            return self._of_entities(rows)
        with uncollected():
            return self._read(self._unit.fetch(self.sql() + self.order, self.parameters))

    def parts(self, size: int) -> Iterator[dict[str, list[Any]]]:
        """Yield everything in parts of at most `size` rows."""
        if self.clause.rest is not None:
            for batch in self._repository.stream(self._query, batch=size):
                yield self._of_entities(batch)
        elif self._unit.dialect.name == "mariadb":
            yield from self._pages(size)
        else:
            for rows in self._unit.fetch_parts(self.sql() + self.order, self.parameters, size):
                if rows:
                    with uncollected():
                        made = self._read(rows)
                    yield made

    def _pages(self, size: int) -> Iterator[dict[str, list[Any]]]:
        """Ask again behind the last row: a result that MariaDB keeps would take the connection from everything else."""
        terms = [term.column for term in self.ordering.terms]
        quoted, p = self._repository._statements.quoted, self._unit.dialect.parameter
        asked = self.sql(more=[quoted[column.name] for column in terms])
        readers = [self._unit.dialect.reader(column) for column in terms]
        behind, values = "", list[Any]()
        while True:
            sql = f"{asked}{behind}{self.order} LIMIT {p}"
            rows = self._unit.fetch(sql, (*self.parameters, *values, size))
            if rows:
                with uncollected():
                    made = self._read(rows)
                yield made
            if len(rows) < size:
                return
            last = [
                value if value is None or read is None else read(value)
                for read, value in zip(readers, rows[-1][-len(terms) :], strict=True)
            ]
            following, values = self._repository._compiler.after(self.ordering, last)
            behind = f" AND {following}"

    def _of_entities(self, rows: Sequence[Any]) -> dict[str, list[Any]]:
        return {path: [column_value(self._map, entity, path) for entity in rows] for path in self._fields}

    def _read(self, rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
        width = len(self.direct) + bool(self.nested)
        transposed: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [() for _ in range(width)]
        made: dict[str, list[Any]] = {}
        for column, values in zip(self.direct, transposed, strict=False):
            read = self._unit.dialect.reader(column)
            made[column.path] = list(values) if read is None else [None if v is None else read(v) for v in values]
        if self.nested:
            made |= self.documents(transposed[len(self.direct)])
        return {path: made[path] for path in self._fields}

    def documents(self, texts: Sequence[str | None]) -> dict[str, list[Any]]:
        """Return what the documents hold at each nested path."""
        plain = [{} if text is None else json.loads(text) for text in texts]
        codec = self._repository._codec.document
        return {path: plain_at(codec, plain, path) for path in self.nested}
