"""`entities`: a strategy of valid instances of any noun, ours or yours, from what its class says.

A class tells the types of its fields, and its validators tell what they take; what it says in `__attrs_post_init__` is asked by
trying. Everything drawn is tried at once; where the noun refuses that, it is tried field by field from the plainest instance on,
then two and three together (a kind and the field that goes with it), and what is refused stays as it was. So nothing is
filtered, every instance is valid, and it shrinks to the plainest.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from itertools import combinations
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID, uuid5

import attrs
from attrs import evolve, frozen
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.entity import Entity
from pycrm.model.money import Money
from pycrm.model.predicate import AllOf, AnyOf, Not, Op, Where
from pycrm.storage.mapping import EntityMap
from pycrm.storage.maps import default_maps
from pycrm.testing.kinds import REFUSED, plain_of, predicates, strategy_of
from pycrm.testing.rules import BY_HAND

__all__ = ["entities", "entities_with_references"]

T = TypeVar("T")
E = TypeVar("E", bound=Entity)

_KEPT = frozenset({"id", "version", "unknown"})  # which belong to the store, not to the noun
_LEFT: Any = object()
_PREDICATES = frozenset({Where, AllOf, AnyOf, Not})
_NAMES = UUID(int=7 << 76 | 2 << 62)


class _World:
    """What a value is made for: one currency, so that amounts add up, and the ids that may be referred to."""

    # No attrs class: hypothesis would print the maps, hundreds of kilobytes, with every example that fails.
    def __init__(
        self, maps: Mapping[type, EntityMap], ids: Mapping[type, Sequence[UUID]] | None = None, currency: str = "EUR"
    ) -> None:
        self.maps = maps
        self.ids = ids
        self.currency = currency
        self.made: dict[Any, Any] = {}  # strategies and plain values, each made once

    def __repr__(self) -> str:
        return f"_World({self.currency})"

    def referred(self, model: type, name: str) -> Sequence[UUID] | None:
        """Return the ids that a field may hold; None where it may hold any."""
        held = self.maps.get(model)
        if held is None or self.ids is None:
            return None
        for reference in held.references:
            if reference.path == name:
                return self.ids.get(reference.model, ())
        return None


@frozen(eq=False)
class _Field:
    """One field of a class, as far as its type tells."""

    attribute: Any
    members: tuple[Any, ...]
    optional: bool
    collection: type | None
    column: Any = None

    @property
    def name(self) -> str:
        return cast("str", self.attribute.name)

    @property
    def required(self) -> bool:
        return self.attribute.default is attrs.NOTHING


def _members(kind: Any) -> tuple[Any, ...]:
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return typing.get_args(kind)
    return (kind,)


@cache
def _fields(model: type) -> tuple[_Field, ...]:
    attrs.resolve_types(model)
    found = []
    for attribute in attrs.fields(model):
        if not attribute.init or (attribute.name in _KEPT and issubclass(model, Entity)):
            continue
        members = _members(attribute.type)
        real = tuple(each for each in members if each is not type(None))
        origin = typing.get_origin(real[0]) if len(real) == 1 else None
        collection = origin if origin in {tuple, frozenset} else None
        found.append(_Field(attribute, real, len(real) < len(members), collection))
    return tuple(found)


def _tried(model: type[T], values: Mapping[str, Any]) -> T | None:
    try:
        return model(**{_argument(model, name): value for name, value in values.items()})
    except REFUSED:
        return None


@cache
def _arguments(model: type) -> dict[str, str]:
    return {each.name: each.alias or each.name for each in attrs.fields(model)}


def _argument(model: type, name: str) -> str:
    return _arguments(model)[name]


# -- the plainest instance ----------------------------------------------------------------------------------------------------


def _once(world: _World, key: tuple[Any, ...], make: Callable[[], T]) -> T:
    if key not in world.made:
        world.made[key] = make()
    return cast("T", world.made[key])


def _nested(world: _World, model: type, number: int) -> list[Any]:
    """Return the plainest instance of a class and those that differ from it in one field."""
    values = _plain_values(world, model, number)
    changed: list[Any] = [
        _tried(model, {**values, each.name: value})
        for each in _fields(model)
        for value in _variants(world, model, each, number)
    ]
    return [_tried(model, values), *(one for one in changed if one is not None)]


def _inner(world: _World, each: _Field, kind: Any, number: int) -> list[Any]:
    """Return the plain values of one type; more than one where a rule may want another."""
    if kind in _PREDICATES:
        return [_CONDITION]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)
    if isinstance(kind, type) and kind is not Money and attrs.has(kind):
        return _once(world, ("nested", kind, number), lambda: _nested(world, kind, number))
    if typing.get_origin(kind) is tuple:
        return [tuple(_inner(world, each, part, number)[0] for part in typing.get_args(kind))]
    made = plain_of(kind, each.attribute, number=number, currency=world.currency, many=each.collection is not None)
    if not made:
        raise InvalidValueError(each.name, kind, "no strategy is known for this type; give one in fields=")
    return made


_CONDITION = Where("country", Op.EQ, "ES")


def _variants(world: _World, model: type, each: _Field, number: int) -> list[Any]:
    """Return the plain values of a field, the plainest first."""
    if (model, each.name) in BY_HAND:
        return [BY_HAND[model, each.name][0]()]
    ids = world.referred(model, each.name)
    if ids is not None:
        return [*([None] if each.optional else []), *ids[:2]]
    none = [None] if each.optional else []
    if each.collection is not None:
        kind = typing.get_args(each.members[0])[0]
        empty = each.collection()
        if kind is model or (isinstance(kind, type) and issubclass(kind, Enum)):
            return [*none, empty, *([each.collection(kind)] if kind is not model else [])]
        some = [_inner(world, each, kind, number + more)[0] for more in range(2)]
        return [*none, *([empty] if not each.required else []), each.collection(some[:1]), each.collection(some)]
    return [*none, *_inner(world, each, each.members[0], number)]


Moves: TypeAlias = tuple[tuple[str, int], ...]
_MOST = 2  # changes that a search tries together


@cache
def _moves(model: type) -> Moves | None:
    """Return the moves that make the plainest instance where it may refer to anything."""
    world = _World({})
    return _found(model, {each.name: _variants(world, model, each, 1) for each in _fields(model)})


def _start(model: type, variants: Mapping[str, list[Any]]) -> dict[str, Any]:
    return {each.name: variants[each.name][0] for each in _fields(model) if each.required and variants[each.name]}


def _found(model: type, variants: Mapping[str, list[Any]]) -> Moves | None:
    """Return the fewest changes that make the required fields a valid instance."""
    start = _start(model, variants)
    every = [(name, at) for name, found in variants.items() for at in range(len(found))]
    for count in range(_MOST + 1):
        for moves in combinations(every, count):
            if _tried(model, {**start, **{name: variants[name][at] for name, at in moves}}) is not None:
                return moves
    return None


def _guesses(model: type, variants: Mapping[str, list[Any]], *, known: bool) -> Iterator[Moves]:
    if known and (moves := _moves(model)) is not None:
        yield moves
    if (moves := _found(model, variants)) is not None:
        yield moves


def _plain_values(world: _World, model: type, number: int) -> dict[str, Any]:
    return _once(world, ("plain", model, number), lambda: _plainest(world, model, number, {}))


def _plainest(world: _World, model: type, number: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the plainest instance that has what is given."""
    variants = {
        each.name: [given[each.name]] if each.name in given else _variants(world, model, each, number)
        for each in _fields(model)
    }
    start = {**_start(model, variants), **given}
    for moves in _guesses(model, variants, known=not given):
        if all(at < len(variants[name]) for name, at in moves):
            values = {**start, **{name: variants[name][at] for name, at in moves}}
            if _tried(model, values) is not None:
                return values
    missing = [each.name for each in _fields(model) if each.required and not variants[each.name]]
    if missing:
        raise InvalidValueError("references", missing[0], f"{model.__name__} needs it: give ids of what it refers to")
    raise InvalidValueError(
        "fields", model.__name__, "its rules are met by no plain values; give strategies of some fields"
    )


def _plain(world: _World, model: type[T], number: int) -> T:
    return cast("T", _tried(model, _plain_values(world, model, number)))


# -- any instance -------------------------------------------------------------------------------------------------------------


def _one(world: _World, model: type, each: _Field, kind: Any, depth: int) -> st.SearchStrategy[Any]:
    if kind in _PREDICATES:
        return predicates()
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and kind is not Money and attrs.has(kind):
        return _values(world, kind, depth + 1)
    if typing.get_origin(kind) is tuple:
        return st.tuples(*(_one(world, model, each, part, depth) for part in typing.get_args(kind)))
    held = world.maps.get(model)
    made = strategy_of(
        kind,
        each.attribute,
        column=None if held is None else held.by_path.get(each.name),
        currency=world.currency,
        many=each.collection is not None,
    )
    if made is None:
        raise InvalidValueError(each.name, kind, "no strategy is known for this type; give one in fields=")
    return made


def _drawn(world: _World, model: type, each: _Field, depth: int) -> st.SearchStrategy[Any]:
    return _once(world, (model, each.name, depth), lambda: _strategy(world, model, each, depth))


def _strategy(world: _World, model: type, each: _Field, depth: int) -> st.SearchStrategy[Any]:
    ids = world.referred(model, each.name)
    if (model, each.name) in BY_HAND:
        some = BY_HAND[model, each.name][1]
    elif ids is not None:
        if not ids:
            return st.just(None if each.optional else _LEFT)
        some = st.sampled_from(ids)
    elif each.collection is not None:
        kind = typing.get_args(each.members[0])[0]
        inner = st.nothing() if kind is model and depth > 1 else _one(world, model, each, kind, depth)
        size = 4 if depth == 0 else 2
        some = st.lists(inner, max_size=0 if inner.is_empty else size).map(each.collection)
    else:
        some = _one(world, model, each, each.members[0], depth)
    if each.optional:
        return st.none() | some
    return some if each.required else st.just(_LEFT) | some


def _grown(model: type[T], held: dict[str, Any], drawn: dict[str, Any]) -> T:
    """Return `held` with as much of `drawn` as the noun takes."""
    at_once = _tried(model, {**held, **drawn})
    if at_once is not None:
        return at_once
    left = dict(drawn)

    def kept(names: Iterable[str], change: Mapping[str, Any]) -> bool:
        if _tried(model, {**held, **change}) is None:
            return False
        held.update(change)
        for name in names:
            del left[name]
        return True

    for name in list(left):
        if not kept([name], {name: left[name]}) and isinstance(left[name], tuple):
            for item in left[name]:
                more = {name: (*held.get(name, ()), item)}
                if _tried(model, {**held, **more}) is not None:
                    held.update(more)
    for count in (1, 2, 3):
        for names in combinations(list(left), count):
            if all(name in left for name in names):
                values = {name: left[name] for name in names}
                swapped = dict(zip(names, reversed(list(values.values())), strict=True))
                _ = kept(names, values) or (count == 2 and _alike(values) and kept(names, swapped))
    return cast("T", _tried(model, held))


def _alike(values: Mapping[str, Any]) -> bool:
    return len({type(value) for value in values.values()}) == 1


@st.composite
def _values(draw: st.DrawFn, world: _World, model: Any, depth: int, fields: Mapping[str, Any] | None = None) -> Any:
    given = {name: draw(strategy) for name, strategy in (fields or {}).items()}
    drawn = {
        each.name: value
        for each in _fields(model)
        if each.name not in given and (value := draw(_drawn(world, model, each, depth))) is not _LEFT
    }
    # Where one field rules another out, none of them always comes first.
    first = draw(st.integers(0, len(drawn) - 1)) if drawn else 0
    order = [*drawn][first:] + [*drawn][:first]
    plain = _plainest(world, model, 1, given) if given else _plain_values(world, model, 1)
    return _grown(model, dict(plain), {name: drawn[name] for name in order})


def _by_model(maps: Iterable[EntityMap] | None) -> dict[type, EntityMap]:
    return {each.model: each for each in (default_maps() if maps is None else maps)}


def _ids(references: Mapping[type, Iterable[Any]] | None) -> dict[type, tuple[UUID, ...]] | None:
    if references is None:
        return None
    return {
        model: tuple(one.id if isinstance(one, Entity) else one for one in given) for model, given in references.items()
    }


_CURRENCIES = ("EUR", "JPY", "KWD")


@st.composite
def _entity(draw: st.DrawFn, worlds: Sequence[_World], model: Any, fields: Mapping[str, Any]) -> Any:
    made = draw(_values(draw(st.sampled_from(worlds)), model, 0, fields))
    return evolve(made, id=draw(st.uuids()))


def entities(
    model: type[E],
    *,
    references: Mapping[type[Any], Iterable[Any]] | None = None,
    fields: Mapping[str, st.SearchStrategy[Any]] | None = None,
    maps: Iterable[EntityMap] | None = None,
) -> st.SearchStrategy[E]:
    """Return a strategy of valid instances of a noun, the awkward ones among them.

    Parameters
    ----------
    model : type
        A noun of `pycrm.storage.default_maps`, or your own entity class.
    references : mapping of type to iterable of UUID or Entity, optional
        What is stored, by class: a field that refers to a class holds one of these ids, or nothing where there are none.
        Without it such a field holds any id, which no store takes.
    fields : mapping of str to strategy, optional
        Strategies of your own, by field, for what a class does not tell.
    maps : iterable of EntityMap, optional
        Where references and digits are declared; `default_maps` unless given.

    Raises
    ------
    InvalidValueError
        When drawn: if a field has a type that no strategy is known for, a required reference has no id to hold, or no plain
        values meet the rules of the class.

    Examples
    --------
    >>> from hypothesis import given
    >>> from pycrm.model.order import Order
    >>> @given(entities(Order))
    ... def every_refund_is_paid_for(order):
    ...     assert order.refunded <= order.gross
    >>> every_refund_is_paid_for()
    """
    by_model = _by_model(maps)
    given: Any = model
    if not isinstance(given, type) or not issubclass(given, Entity):
        raise InvalidValueError("model", model, "give an entity class, such as Customer")
    known = {each.name for each in attrs.fields(given)} - _KEPT
    for name in fields or {}:
        if name not in known:
            raise InvalidValueError("fields", name, f"name fields of {model.__name__}: {', '.join(sorted(known))}")
    worlds = [_World(by_model, _ids(references), currency) for currency in _CURRENCIES]
    return cast("st.SearchStrategy[E]", _entity(worlds, model, dict(fields or {})))


def _needed(model: type, maps: Mapping[type, EntityMap], done: tuple[type, ...] = ()) -> Iterator[type]:
    for reference in maps[model].references if model in maps else ():
        if reference.model not in (*done, model):
            yield from _needed(reference.model, maps, (*done, model))
            yield reference.model


def entities_with_references(
    model: type[E],
    *,
    fields: Mapping[str, st.SearchStrategy[Any]] | None = None,
    maps: Iterable[EntityMap] | None = None,
) -> st.SearchStrategy[tuple[Entity, ...]]:
    """Return a strategy of what an instance of a noun refers to, plain and in the order to add it in, and it at the end.

    Parameters
    ----------
    model : type
        A noun of `pycrm.storage.default_maps`, or your own entity class.
    fields, maps
        As of `entities`.

    Examples
    --------
    >>> from hypothesis import given
    >>> from pycrm.model.order import Order
    >>> from pycrm.storage import MemoryStore
    >>> @given(entities_with_references(Order))
    ... def every_order_is_kept(made):
    ...     with MemoryStore().begin() as unit:
    ...         for one in made:
    ...             kept = unit.of(type(one)).add(one)
    ...         assert kept.lines == made[-1].lines
    >>> every_order_is_kept()
    """
    by_model = _by_model(maps)
    before: list[Entity] = []
    for needed in dict.fromkeys(_needed(model, by_model)):
        for number in (1, 2):
            # The second refers to the second of each, so that no two are of the same.
            ids = {kind: [one.id for one in found][:: 3 - 2 * number] for kind, found in _grouped(before).items()}
            made: Any = _plain(_World(by_model, ids), needed, number)
            before.append(evolve(made, id=uuid5(_NAMES, f"{needed.__name__} {number}")))
    last = entities(model, references=_grouped(before), fields=fields, maps=by_model.values())
    return last.map(lambda one: (*before, one))


def _grouped(held: Iterable[Entity]) -> dict[type, list[Entity]]:
    found: dict[type, list[Entity]] = {}
    for one in held:
        found.setdefault(type(one), []).append(one)
    return found
