"""Segments answered by the store are the segments answered one by one, and those answered over columns."""

from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pycrm.bulk import evaluate_columns
from pycrm.errors import InvalidValueError
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.customer import Customer, PersonName
from pycrm.model.money import Money
from pycrm.model.predicate import AllOf, AnyOf, Not, Op, Where, evaluate, where
from pycrm.model.segment import Segment, in_order
from pycrm.storage import MemoryStore
from pycrm.storage.membership import segment_members, segment_row
from pycrm.storage.sql import SqlStore
from storage.servers import furnished

DAY = date(2026, 1, 1)


def person(number, **fields):
    return Customer(id=UUID(int=number), name=PersonName(given=f"P{number}"), **fields)


def assessed(number, tier, value, *, as_of=DAY, **fields):
    return Assessment(
        customer_id=UUID(int=number), run="r", as_of=as_of, since=date(2025, 1, 1), orders=number,
        historic_value=Money(value, "EUR"), tier=tier, **fields,
    )  # fmt: skip


PEOPLE = [
    person(1, country="ES", tags=frozenset({"a", "b"}), custom={"x": 1, "s": "blue"}),
    person(2, country="DE", tags=frozenset({"b"}), custom={"x": 2.5}),
    person(3, country="ES", birth_date=date(1990, 5, 1)),
    person(4, custom={"x": "1"}),
    person(5, country="FR", tags=frozenset({"a"})),
    person(6),
]
SNAPSHOT = [
    assessed(1, Tier.MOST_VALUABLE, 100, segment="Champions", probability_alive=0.9),
    assessed(2, Tier.MIGRATOR, 20, expected_value=Money(5, "EUR"), segment="Lost"),
    assessed(3, Tier.BELOW_ZERO, -3),
    assessed(4, Tier.MOST_VALUABLE, 50, grade="A1", fit_score=60),
    assessed(1, Tier.BELOW_ZERO, -9, as_of=date(2025, 6, 1)),
    assessed(5, Tier.MOST_VALUABLE, 9, as_of=date(2025, 6, 1)),
]


def filled(store):
    with store.begin() as unit:
        unit.of(Customer).put_many(PEOPLE)
        unit.of(Assessment).put_many(SNAPSHOT)
        unit.commit()
    return store


@contextmanager
def made(kind):
    if kind == "memory":
        yield filled(MemoryStore())
        return
    if kind == "sqlite":
        store = SqlStore("sqlite://", durable=False)
        store.create_schema()
        yield filled(store)
        store.close()
        return
    with furnished(kind) as store:
        yield filled(store)


@pytest.fixture(scope="module", params=["memory", "sqlite", "postgresql", "mariadb"])
def store(request):
    with made(request.param) as store:
        yield store


TEXTS = ["ES", "DE", "a", "b", "blue", "1", "Lost", "most valuable", "A1", "first"]
scalars = st.one_of(st.sampled_from(TEXTS), st.integers(-5, 60), st.sampled_from([2.5, 0.9, True, date(1990, 5, 1)]))
paths = st.sampled_from(
    ["country", "tags", "custom.x", "custom.s", "birth_date", "is_deceased", "version", "orders", "value", "tier",
     "segment", "expected_value", "probability_alive", "grade", "fit_score", "needs", "segments",
     "age", "age.x", "spend_per_order", "recency_score"]
)  # fmt: skip
leaves = st.one_of(
    st.builds(Where, paths, st.sampled_from([op for op in Op if op not in {Op.IN, Op.IS_NULL}]), scalars),
    st.builds(Where, paths, st.just(Op.IN), st.lists(scalars, max_size=3).map(tuple)),
    st.builds(Where, paths, st.just(Op.IS_NULL), st.booleans()),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=6,
)
ids = st.frozensets(st.integers(1, 7).map(lambda number: UUID(int=number)), max_size=2)


def one_by_one(segments):
    last = {one.customer_id: one for one in SNAPSHOT if one.as_of == DAY}
    rows = {one.id: segment_row(one, last.get(one.id), day=DAY) | {"segments": frozenset()} for one in PEOPLE}
    for row, one in zip(rows.values(), PEOPLE, strict=True):
        row["version"] = 1
        row["custom"] = dict(one.custom)
    found = {}
    for segment in in_order(segments):
        columns = {}
        for path in ("country", "tags", "birth_date", "is_deceased", "version", "segments", "custom", *ASKED):
            column = np.empty(len(rows), dtype=object)
            column[:] = [row[path] for row in rows.values()]
            columns[path] = column
        if segment.definition is not None:
            over_columns = evaluate_columns(segment.definition, columns).tolist()
            assert over_columns == [evaluate(segment.definition, row) for row in rows.values()]
        found[segment.name] = frozenset(id for id, row in rows.items() if segment.holds(id, row))
        for id in found[segment.name]:
            rows[id]["segments"] |= {segment.name}
    return found


ASKED = ("orders", "value", "tier", "segment", "expected_value", "probability_alive", "grade", "fit_score", "needs",
         "age", "spend_per_order", "recency_score")  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(conditions, conditions, ids, ids)
@example(Not(where("tier") == "most valuable"), Not(where("segments").contains("first")), frozenset(), frozenset())
@example(where("tier") != "most valuable", where("segments").is_null(), frozenset(), frozenset())
@example(where("expected_value").is_null(), AnyOf(()), frozenset(), frozenset())
@example(where("age").between(30, 36), where("age").is_null(), frozenset(), frozenset())
@example(where("spend_per_order") >= 10, where("spend_per_order") != 12.5, frozenset(), frozenset())
@example(AllOf(()), where("segments") != "first", frozenset(), frozenset())
def test_the_store_answers_what_the_model_answers_one_by_one_and_over_columns(store, first, second, by_hand, kept_out):
    if "first" in _named(first) or "second" in _named(first) | _named(second):
        return
    segments = [
        Segment(name="first", definition=first),
        Segment(name="second", definition=second, included=by_hand, excluded=kept_out - by_hand),
    ]
    if any(name != "first" for name in segments[0].depends_on | segments[1].depends_on):
        return
    with store.begin(read_only=True) as unit:
        assert segment_members(unit, segments) == one_by_one(segments)


def _named(condition):
    match condition:
        case Where(path="segments", op=op, value=value) if op is not Op.IS_NULL:
            return set(map(str, value if op is Op.IN else (value,)))
        case Not(part=part):
            return _named(part)
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return set().union(*map(_named, parts))
    return set()


def test_the_snapshot_that_is_asked_is_the_last_not_later_than_the_day(store):
    valuable = Segment(name="valuable", definition=where("tier") == "most valuable")
    with store.begin(read_only=True) as unit:
        assert segment_members(unit, [valuable], as_of=date(2025, 7, 1)) == {"valuable": {UUID(int=5)}}
        assert segment_members(unit, [valuable], as_of=date(2024, 7, 1)) == {"valuable": frozenset()}


def test_a_segment_asks_for_a_band_of_ages_and_the_spend_of_one_purchase(store):
    segments = [
        Segment(name="thirties", definition=where("age").between(30, 40)),
        Segment(name="spenders", definition=where("spend_per_order") >= Decimal("12.5")),
    ]
    with store.begin(read_only=True) as unit:
        found = segment_members(unit, segments)
        assert found == {"thirties": {UUID(int=3)}, "spenders": {UUID(int=1), UUID(int=4)}}
        # On the eve of the birthday, and on it.
        eve, birthday = date(2030, 4, 30), date(2030, 5, 1)
        assert segment_members(unit, segments, as_of=eve)["thirties"] == {UUID(int=3)}
        assert segment_members(unit, segments, as_of=birthday)["thirties"] == frozenset()


def test_segments_that_ask_for_each_other_in_a_circle_are_refused(store):
    circle = [
        Segment(name="a", definition=where("segments").contains("b")),
        Segment(name="b", definition=where("segments").contains("a")),
    ]
    with store.begin(read_only=True) as unit, pytest.raises(InvalidValueError, match="circle"):
        segment_members(unit, circle)
