"""The total order of a query: sort terms, the id last, and the cursor that marks a place in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import total_ordering
from typing import Any
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidCursor, InvalidValueError
from pycrm.storage.mapping import ID_COLUMN, Column, EntityMap, Kind
from pycrm.storage.query import Query, fingerprint, open_cursor, seal_cursor

__all__ = ["Ordering", "Term"]

_TO_TEXT: dict[Kind, Callable[[Any], Any]] = {
    Kind.DECIMAL: str,
    Kind.TIME: lambda value: value.astimezone(UTC).isoformat(),
    Kind.DATE: date.isoformat,
    Kind.UUID: str,
}
_FROM_TEXT: dict[Kind, Callable[[Any], Any]] = {
    Kind.DECIMAL: Decimal,
    Kind.TIME: datetime.fromisoformat,
    Kind.DATE: date.fromisoformat,
    Kind.UUID: UUID,
}


@total_ordering
@frozen(order=False)
class _Reversed:
    """A value that sorts the other way round."""

    value: Any

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)


@frozen
class Term:
    """One column of an order."""

    column: Column
    descending: bool
    nulls_last: bool

    def key(self, value: Any) -> tuple[int, Any]:
        """Return what sorts `value` within this term."""
        if value is None:
            return (2 if self.nulls_last else 0), 0
        return 1, (_Reversed(value) if self.descending else value)


_BY_ID = (Term(ID_COLUMN, descending=False, nulls_last=True),)


@frozen
class Ordering:
    """The order of one query over one map, and its cursors."""

    map: EntityMap
    query: Query[Any]
    tenant: str
    terms: tuple[Term, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        if not self.query.order:
            object.__setattr__(self, "terms", _BY_ID)
            return
        terms = [
            Term(self.map.orderable(by.path), by.direction == "desc", by.nulls == "last") for by in self.query.order
        ]
        for at, term in enumerate(terms):
            if term.column.path == "id":
                del terms[at + 1 :]
                break
        else:
            terms.append(Term(self.map.id_column, terms[-1].descending, nulls_last=True))
        object.__setattr__(self, "terms", tuple(terms))

    def values(self, entity: Any) -> list[Any]:
        """Return what `entity` holds at each term."""
        return [self.map.value(entity, term.column) for term in self.terms]

    def position(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return the sort key of these values."""
        return tuple([term.key(value) for term, value in zip(self.terms, values, strict=True)])

    def seal(self, values: Sequence[Any]) -> str:
        """Return the cursor that continues after these values."""
        plain = [
            value if value is None else _TO_TEXT.get(term.column.kind, _same)(value)
            for term, value in zip(self.terms, values, strict=True)
        ]
        return seal_cursor(plain, fingerprint(self.query, self.tenant))

    def open(self, cursor: str) -> list[Any]:
        """Return the values a cursor holds; raise InvalidCursor where it is none of this query."""
        plain = open_cursor(cursor, fingerprint(self.query, self.tenant), len(self.terms))
        try:
            return [
                value if value is None else term.column.check(_FROM_TEXT.get(term.column.kind, _same)(value))
                for term, value in zip(self.terms, plain, strict=True)
            ]
        except (InvalidValueError, InvalidOperation, ValueError, TypeError, AttributeError) as error:
            raise InvalidCursor("it holds a value of another kind") from error


def _same(value: Any) -> Any:
    return value
