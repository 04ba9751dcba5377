"""Questions as data: the SQL adapter compiles them, the memory adapter evaluates them, and both agree.

Examples
--------
>>> from pycrm.model.predicate import where
>>> from pycrm.storage.query import Query, desc
>>> from attrs import frozen
>>> @frozen
... class Ticket:
...     id: int
...     version: int
...     status: str
>>> Query(Ticket, where("status") == "open", order=(desc("opened_at"),)).order
(By(path='opened_at', direction='desc', nulls='last'),)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

from attrs import field, frozen

from pycrm.errors import InvalidCursor, InvalidValueError
from pycrm.model.predicate import AllOf, AnyOf, Not, Predicate, Where

__all__ = ["By", "Identified", "Page", "Query", "asc", "desc", "fingerprint", "open_cursor", "seal_cursor"]

Id_co = TypeVar("Id_co", covariant=True)
T_co = TypeVar("T_co", covariant=True)


class Identified(Protocol[Id_co]):
    """What a stored thing must show: read-only, so frozen classes fit."""

    @property
    def id(self) -> Id_co:
        """Its identity, made by the client."""
        ...

    @property
    def version(self) -> int:
        """0 until it is stored, and one more with each write."""
        ...


E = TypeVar("E", bound=Identified[Any])


@frozen
class By:
    """One term of an order; what is missing stands first or last, as said here."""

    path: str
    direction: Literal["asc", "desc"] = field(default="asc")
    nulls: Literal["first", "last"] = field(default="last")

    def __attrs_post_init__(self) -> None:
        if not self.path or not isinstance(self.path, str):
            raise InvalidValueError("path", self.path, "name the field to order by")
        if self.direction not in {"asc", "desc"}:
            raise InvalidValueError("direction", self.direction, "choose 'asc' or 'desc'")
        if self.nulls not in {"first", "last"}:
            raise InvalidValueError("nulls", self.nulls, "choose 'first' or 'last'")


def asc(path: str, *, nulls: Literal["first", "last"] = "last") -> By:
    """Order by `path`, smallest first."""
    return By(path, "asc", nulls)


def desc(path: str, *, nulls: Literal["first", "last"] = "last") -> By:
    """Order by `path`, largest first."""
    return By(path, "desc", nulls)


def _is_class(_: Any, __: Any, model: Any) -> None:
    if not isinstance(model, type):
        raise InvalidValueError("model", model, "give the class that is asked for, such as Customer")


def _condition(where: object) -> Any:
    if where is not None and not isinstance(where, Where | AllOf | AnyOf | Not):
        raise InvalidValueError("where", where, "give a predicate, such as where('status') == 'open'")
    return where


def _terms(order: Iterable[By]) -> tuple[By, ...]:
    terms = tuple(order)
    for term in terms:
        if not isinstance(term, By):
            raise InvalidValueError("order", term, "give asc('path') or desc('path')")
    return terms


@frozen
class Query(Generic[E]):
    """Which entities, in which order: plain data.

    Parameters
    ----------
    model : type
        The entity class asked for.
    where : Predicate, optional
        The condition; None asks for all.
    order : tuple of By
        The id is always the last term, so the order is total.
    deleted : bool
        Whether removed entities are found too.
    """

    model: type[E] = field(validator=_is_class)
    where: Predicate | None = field(default=None, converter=_condition)
    order: tuple[By, ...] = field(default=(), converter=_terms)
    deleted: bool = False


@frozen
class Page(Generic[T_co]):
    """A stretch of the answer; `next` continues it and is None on the last page; `total` only when asked for."""

    items: Sequence[T_co]
    next: str | None
    total: int | None = None


def fingerprint(query: Query[Any], tenant: str) -> str:
    """Return a short digest of the question, so that a cursor of another one is recognised."""
    asked = repr((query.model.__qualname__, query.where, query.order, query.deleted, tenant))
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def seal_cursor(values: Sequence[object], question: str) -> str:
    """Return an opaque cursor holding plain `values`; its shape and checksum are verified by `open_cursor`."""
    body = json.dumps([question, *values], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:9] + body).decode()


def open_cursor(cursor: str, question: str, size: int) -> list[Any]:
    """Return the `size` values of a cursor of this question.

    Raises
    ------
    InvalidCursor
        If it was changed on its way, or belongs to another question.
    """
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        body = raw[9:]
        if hashlib.sha256(body).digest()[:9] != raw[:9]:
            raise InvalidCursor("it was changed on its way")
        held = json.loads(body)
    except (AttributeError, UnicodeError, binascii.Error, ValueError, RecursionError) as error:
        if isinstance(error, InvalidCursor):
            raise
        raise InvalidCursor("it is no cursor") from error
    if not isinstance(held, list) or len(held) != size + 1 or held[0] != question:
        raise InvalidCursor("it belongs to another question, order or tenant")
    return held[1:]
