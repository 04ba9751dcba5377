"""Conditions as data: one language for queries, segments, offers and rules.

A predicate is a frozen value. `evaluate` answers it for one value; stores compile the same value to SQL and give the same
answer. What it means, exactly:

- A **path** is dotted: ``"status"``, ``"name.family"``, ``"custom.tier"``. Each part is an attribute of a value or a key of
  a mapping. What is not there, and what is None, is *missing*.
- A **collection** (tuple, list, set, frozenset) is entered wherever the path meets it: the condition holds when it holds for
  **any element**. ``where("contact_points.kind") == "email"`` reads "some contact point is an e-mail address".
- Every comparison with a missing value is **False**, the unequal one too. `Not` is plain negation, so
  ``~(where("tier") == "gold")`` holds where the tier is missing, and ``where("tier") != "gold"`` does not.
- Numbers compare with numbers (int, float and Decimal exactly), text with text by code point, times with times, dates with
  dates, UUIDs with UUIDs, booleans with booleans; an enum stands for its value. **Different kinds** are unequal and have no
  order.
- ``contains`` asks for a substring of a text, and for an equal element of a collection.

Examples
--------
>>> vip = (where("tier") == "gold") & (where("spent") >= 100) & ~where("tags").contains("staff")
>>> evaluate(vip, {"tier": "gold", "spent": 250, "tags": ("early",)})
True
>>> evaluate(vip, {"tier": "gold", "spent": None, "tags": ()})
False
>>> evaluate(where("birthday").is_null(), {"tier": "gold"})
True
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, ClassVar, Final, TypeAlias
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError

__all__ = [
    "AllOf",
    "AnyOf",
    "Not",
    "Op",
    "Path",
    "Predicate",
    "Where",
    "all_of",
    "any_of",
    "compare",
    "evaluate",
    "kind_of",
    "paths_of",
    "reach",
    "where",
]


class Op(enum.Enum):
    """What a `Where` asks of the value at its path."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    CONTAINS = "contains"
    IS_NULL = "is_null"


_ORDER: Final[Mapping[Op, Callable[[Any, Any], bool]]] = {Op.LT: lt, Op.LE: le, Op.GT: gt, Op.GE: ge}


def kind_of(value: object) -> str | None:
    """Return the kind `value` compares within, or None where it has none (missing, or no scalar).

    Examples
    --------
    >>> [kind_of(v) for v in (1, Decimal("1.5"), True, "a", None, {})]
    ['number', 'number', 'bool', 'text', None, None]
    """
    found = _EXACT.get(type(value))
    if found is not None:
        return found
    if isinstance(value, enum.Enum):
        return kind_of(value.value)
    for types, kind in _KINDS:
        if isinstance(value, types):
            return kind
    return None


# bool before int and datetime before date: each is a subclass of the other.
_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (str, "text"),
    (bool, "bool"),
    ((int, float, Decimal), "number"),
    (datetime, "time"),
    (date, "date"),
    (UUID, "uuid"),
)
_EXACT: Final[Mapping[type, str]] = {
    one: kind for types, kind in _KINDS for one in (types if isinstance(types, tuple) else (types,))
}


def _plain(value: object) -> object:
    return value.value if isinstance(value, enum.Enum) else value


def _checked_path(instance: Any, attribute: Any, path: Any) -> None:  # noqa: ARG001
    if not isinstance(path, str) or not all(path.split(".")):
        raise InvalidValueError("path", path, "write names joined by dots, such as 'name.family'")


def _checked_scalar(op: Op, value: object) -> None:
    if kind_of(value) is None:
        fix = "compare with a text, number, boolean, aware time, date, UUID or enum; ask for absence with is_null()"
        raise InvalidValueError(op.value, value, fix)
    if isinstance(value, float | Decimal) and not Decimal(value).is_finite():
        raise InvalidValueError(op.value, value, "compare with a finite number")
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise InvalidValueError(op.value, value, "give the time its zone, for instance tzinfo=UTC")


class _Combined:
    """What every predicate can do: & | ~."""

    __slots__ = ()

    def __and__(self, other: Predicate) -> AllOf:
        return all_of(self, other)  # type: ignore[arg-type]  # each subclass is a member of the union

    def __or__(self, other: Predicate) -> AnyOf:
        return any_of(self, other)  # type: ignore[arg-type]  # each subclass is a member of the union

    def __invert__(self) -> Not:
        return Not(self)

    def __bool__(self) -> bool:
        raise InvalidValueError("predicate", self, "combine with & | ~, not with and, or, not; ask with evaluate()")


def _part(part: object) -> Any:
    if not isinstance(part, _Combined):
        raise InvalidValueError("part", part, "give a predicate, such as where('status') == 'open'")
    return part


def _parts(parts: Iterable[Predicate]) -> tuple[Predicate, ...]:
    given: object = parts
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidValueError("parts", given, "give several predicates, such as (where('status') == 'open',)")
    return tuple(_part(each) for each in given)


@frozen
class Where(_Combined):
    """One comparison at one path; `where` writes it more shortly.

    Parameters
    ----------
    path : str
        Names joined by dots.
    op : Op
        The comparison.
    value : object
        A scalar; a tuple of scalars for `Op.IN`; True (missing) or False (present) for `Op.IS_NULL`.
    """

    path: str = field(validator=_checked_path)
    op: Op
    value: Any

    def __attrs_post_init__(self) -> None:
        if self.op is Op.IN:
            if not isinstance(self.value, tuple):
                raise InvalidValueError("in", self.value, "give a tuple of values")
            for each in self.value:
                _checked_scalar(self.op, each)
        elif self.op is Op.IS_NULL:
            if not isinstance(self.value, bool):
                raise InvalidValueError("is_null", self.value, "True asks for missing, False for present")
        else:
            _checked_scalar(self.op, self.value)


@frozen
class AllOf(_Combined):
    """Every part holds; true when there are none."""

    parts: tuple[Predicate, ...] = field(converter=_parts)


@frozen
class AnyOf(_Combined):
    """At least one part holds; false when there are none."""

    parts: tuple[Predicate, ...] = field(converter=_parts)


@frozen
class Not(_Combined):
    """The part does not hold."""

    part: Predicate = field(converter=_part)


Predicate: TypeAlias = Where | AllOf | AnyOf | Not


@frozen(eq=False)
class Path:
    """A path waiting for its comparison; made by `where`."""

    path: str = field(validator=_checked_path)

    def __eq__(self, value: object) -> Where:  # type: ignore[override]  # a condition, not an answer
        return Where(self.path, Op.EQ, value)

    def __ne__(self, value: object) -> Where:  # type: ignore[override]  # a condition, not an answer
        return Where(self.path, Op.NE, value)

    __hash__: ClassVar[None]  # type: ignore[assignment]  # equality builds a condition, so Python takes the hash away

    def __lt__(self, value: object) -> Where:
        return Where(self.path, Op.LT, value)

    def __le__(self, value: object) -> Where:
        return Where(self.path, Op.LE, value)

    def __gt__(self, value: object) -> Where:
        return Where(self.path, Op.GT, value)

    def __ge__(self, value: object) -> Where:
        return Where(self.path, Op.GE, value)

    def is_in(self, values: Iterable[object]) -> Where:
        """Return: the value is one of `values`; never true for none."""
        return Where(self.path, Op.IN, tuple(values))

    def contains(self, value: object) -> Where:
        """Return: the text has this substring, or the collection this element."""
        return Where(self.path, Op.CONTAINS, value)

    def is_null(self, missing: bool = True) -> Where:
        """Return: nothing is there (or, with False, something is)."""
        return Where(self.path, Op.IS_NULL, missing)

    def between(self, low: object, high: object) -> AllOf:
        """Return: `low` <= value < `high`, the half-open interval of periods."""
        return (self >= low) & (self < high)


def where(path: str) -> Path:
    """Begin a condition on the value at `path`.

    Examples
    --------
    >>> where("status") == "open"
    Where(path='status', op=<Op.EQ: 'eq'>, value='open')
    >>> where("total").between(10, 20).parts[1].op
    <Op.LT: 'lt'>
    """
    return Path(path)


def _flat(kind: type[AllOf | AnyOf], parts: Iterable[Predicate]) -> Iterator[Predicate]:
    for part in parts:
        if not isinstance(part, _Combined):
            raise InvalidValueError("predicate", part, "combine predicates, such as where('status') == 'open'")
        if isinstance(part, kind):
            yield from part.parts
        else:
            yield part


def all_of(*parts: Predicate) -> AllOf:
    """Return: every part holds; nested ones are flattened."""
    return AllOf(tuple(_flat(AllOf, parts)))


def any_of(*parts: Predicate) -> AnyOf:
    """Return: at least one part holds; nested ones are flattened."""
    return AnyOf(tuple(_flat(AnyOf, parts)))


def paths_of(predicate: Predicate) -> frozenset[str]:
    """Return every path `predicate` asks about.

    Examples
    --------
    >>> sorted(paths_of((where("a") == 1) | ~where("b.c").is_null()))
    ['a', 'b.c']
    """
    match predicate:
        case Where(path=path):
            return frozenset((path,))
        case Not(part=part):
            return paths_of(part)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return frozenset[str]().union(*map(paths_of, parts))
    raise InvalidValueError("predicate", predicate, "give a Where, AllOf, AnyOf or Not")


def reach(value: object, path: str) -> Iterator[tuple[object, bool]]:
    """Yield each value `path` leads to that is not missing, and whether it is an element of a collection at the end.

    Examples
    --------
    >>> list(reach({"tags": ("a", "b")}, "tags"))
    [('a', True), ('b', True)]
    """
    return _reach(value, path.split("."), 0, element=False)


def _reach(value: object, parts: list[str], at: int, *, element: bool) -> Iterator[tuple[object, bool]]:
    if value is None:
        return
    if isinstance(value, tuple | list | frozenset | set):
        for each in value:
            yield from _reach(each, parts, at, element=True)
    elif at == len(parts):
        yield value, element
    else:
        following = value.get(parts[at]) if isinstance(value, Mapping) else getattr(value, parts[at], None)
        yield from _reach(following, parts, at + 1, element=False)


def _equal(found: object, asked: object) -> bool:
    return kind_of(found) == kind_of(asked) and bool(_plain(found) == _plain(asked))


def compare(op: Op, found: object, asked: Any, *, element: bool = False) -> bool:
    """Answer one comparison of one present value; `element` says that it was found in a collection."""
    if op is Op.EQ:
        return _equal(found, asked)
    if op is Op.NE:
        return not _equal(found, asked)
    if op is Op.IN:
        return any(_equal(found, each) for each in asked)
    if op is Op.CONTAINS:
        if element:
            return _equal(found, asked)
        return kind_of(found) == kind_of(asked) == "text" and str(_plain(asked)) in str(_plain(found))
    return kind_of(found) == kind_of(asked) and _ORDER[op](_plain(found), _plain(asked))


def evaluate(predicate: Predicate, value: object) -> bool:
    """Answer `predicate` for one value: an entity, or a mapping of plain data.

    Examples
    --------
    >>> evaluate(where("lines.sku").is_in(["A1", "B2"]), {"lines": [{"sku": "B2"}, {"sku": "C3"}]})
    True
    """
    match predicate:
        case Where(path=path, op=op, value=asked):
            if op is Op.IS_NULL:
                return next(reach(value, path), None) is None if asked else next(reach(value, path), None) is not None
            return any(compare(op, found, asked, element=element) for found, element in reach(value, path))
        case AllOf(parts=parts):
            return all(evaluate(part, value) for part in parts)
        case AnyOf(parts=parts):
            return any(evaluate(part, value) for part in parts)
        case Not(part=part):
            return not evaluate(part, value)
    raise InvalidValueError("predicate", predicate, "give a Where, AllOf, AnyOf or Not")
