"""Every kind of value comes back from every store as it was given, or is refused by all of them alike."""

from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import attrs
import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.custom import CustomFields
from pycrm.model.entity import Entity, new_id
from pycrm.storage import EntityMap, MemoryStore
from pycrm.storage.sql import SqlStore
from storage.opened import KINDS
from storage.servers import furnished

AT_ONCE = 20


@frozen(kw_only=True)
class Thing(Entity):
    """One field of each kind."""

    text: str | None = None
    short: str | None = None
    whole: int | None = None
    real: float | None = None
    exact: Decimal | None = None
    wide: Decimal | None = None
    flag: bool | None = None
    moment: datetime | None = None
    day: date | None = None
    key: UUID | None = None
    nested: CustomFields = attrs.field(factory=CustomFields, converter=CustomFields)


def maps():
    return (EntityMap.of(Thing, indexes=[("short",)], columns={"wide": {"precision": 38, "scale": 10}}),)


TRICKY = [
    "",
    " ",
    "a ",
    " a",
    "a\u00e9",
    "ae\u0301",
    "\U0001f469\u200d\U0001f52c",
    "\0",
    "\ud800",
    "\u202e",
    "'",
    "\\",
    "\r\n",
    "\uffff",
    "ı",
    "ẞ",
    "x" * 300,
]
texts = st.text(st.characters(codec=None), max_size=12) | st.sampled_from(TRICKY)
wholes = st.integers(-(2**65), 2**65) | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 0])
zones = st.integers(-(24 * 60 - 1), 24 * 60 - 1).map(lambda minutes: timezone(timedelta(minutes=minutes)))
decimals = st.decimals(allow_nan=True, allow_infinity=True) | st.builds(
    lambda number, places: Decimal(number).scaleb(-places), st.integers(-(10**39), 10**39), st.integers(0, 14)
)
leaves = st.none() | st.booleans() | wholes | st.text(max_size=5) | decimals | st.dates() | st.floats(allow_nan=False)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
VALUES = {
    "text": texts,
    "short": texts,
    "whole": wholes,
    "real": st.floats() | st.sampled_from([-0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2]),
    "exact": decimals,
    "wide": decimals,
    "flag": st.booleans() | st.integers(0, 1),
    "moment": st.datetimes(timezones=st.none() | zones | st.just(UTC)) | st.sampled_from([datetime.min, datetime.max]).map(lambda at: at.replace(tzinfo=UTC)),
    "day": st.dates() | st.datetimes(),
    "key": st.uuids(),
    "nested": st.dictionaries(st.sampled_from("abc"), trees, max_size=3),
}  # fmt: skip


@pytest.fixture(scope="module")
def stores():
    with ExitStack() as held:
        made = {"memory": MemoryStore(maps()), "sqlite": SqlStore("sqlite://", maps(), durable=False)}
        made["sqlite"].create_schema()
        held.callback(made["sqlite"].close)
        for kind in KINDS[2:]:
            made[kind] = held.enter_context(furnished(kind, maps))
        yield made


def same(found, given):
    """Tell whether nothing was changed, neither the value nor its type; -0.0 is 0.0, as Decimal("0.50") is 0.5."""
    return type(found) is type(given) and found == given


def kept(store, field, values):
    """Store each value alone and return what came back, or what the refusal said."""
    store, answers = store.tenant(f"t{new_id().hex}"), []
    with store.begin() as unit:
        for value in values:
            try:
                answers.append(unit.of(Thing).add(value))
            except InvalidValueError as error:
                answers.append((error.field, error.fix))
        unit.commit()
    with store.begin(read_only=True) as unit:
        return [one if isinstance(one, tuple) else getattr(unit.of(Thing).get(one.id), field) for one in answers]


@pytest.mark.parametrize("examples", [5, pytest.param(10_000 // AT_ONCE, marks=pytest.mark.deep)])
@pytest.mark.parametrize("field", VALUES)
def test_a_value_comes_back_as_it_was_given_or_is_refused_by_every_store_alike(stores, field, examples):
    def thing(value):
        try:
            return Thing(**{field: value})
        except InvalidValueError:
            return None  # refused before it came to a store

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(VALUES[field].map(thing), min_size=AT_ONCE, max_size=AT_ONCE))
    def law(things):
        things = [one for one in things if one is not None]
        expected = kept(stores["memory"], field, things)
        for one, answer in zip(things, expected, strict=True):
            if not (isinstance(answer, tuple) and answer[0].startswith(field)):
                assert same(answer, getattr(one, field)), (one, answer)
        for kind in KINDS[1:]:
            for one, answer, theirs in zip(things, expected, kept(stores[kind], field, things), strict=True):
                assert same(theirs, answer), (kind, one, answer, theirs)

    law()
