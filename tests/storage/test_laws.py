"""Laws for all inputs: every store keeps every value, and answers alike whatever is done to it."""

from contextlib import ExitStack

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pycrm.errors import Conflict, Duplicate, InvalidCursor, InvalidQuery, InvalidValueError, NotFound, Transient
from pycrm.model.customer import Customer
from pycrm.model.entity import new_id
from pycrm.model.interaction import Interaction
from pycrm.model.order import Order, Product
from pycrm.model.predicate import AllOf, AnyOf, Not, evaluate, where
from pycrm.serialize import to_plain
from pycrm.storage import Query, asc, write_columns
from pycrm.testing import customers, interactions, orders, texts
from pycrm.testing.made import pen, stored
from storage.opened import KINDS, opened

STORES = {}
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", autouse=True)
def stores():
    with ExitStack() as held:
        STORES.update({kind: held.enter_context(opened(kind)) for kind in KINDS})
        yield
    STORES.clear()


def fresh(name):
    return STORES[name].tenant(f"t{new_id().hex}")


@FEW
@given(customers(), st.data())
def test_every_value_of_the_model_comes_back_equal_from_every_store(customer, data):
    order, contact = data.draw(orders(customer)), data.draw(interactions(customer))
    for name in STORES:
        store = fresh(name)
        for one in (customer, order, contact):
            assert attrs.evolve(stored(store, one), version=0) == one


LEAVES = st.one_of(
    st.builds(
        lambda p, v: where(p) == v, st.sampled_from(["country", "source", "name.family", "tags", "custom.x"]), texts(2)
    ),
    st.builds(lambda p, v: where(p) < v, st.sampled_from(["country", "source", "name.given"]), texts(2)),
    st.builds(lambda p, v: where(p).contains(v), st.sampled_from(["source", "name.given", "tags"]), texts(1)),
    st.builds(
        lambda p, v: where(p).is_null(v), st.sampled_from(["country", "birth_date", "name.family"]), st.booleans()
    ),
    st.builds(lambda v: where("birth_date") >= v, st.dates()),
    st.builds(lambda v: where("version") <= v, st.decimals(-3, 3, places=1) | st.floats(-3, 3)),
    st.builds(lambda v: where("is_deceased") == v, st.booleans()),
    st.builds(lambda v: where("country").is_in(v), st.lists(st.sampled_from(["ES", "FR", "JP"]), max_size=2)),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3)),
        st.builds(AnyOf, st.lists(inner, max_size=3)),
    ),
    max_leaves=5,
)


@FEW
@given(st.lists(customers(), max_size=6), st.lists(CONDITIONS, min_size=1, max_size=8), st.integers(1, 4))
def test_every_store_finds_what_evaluate_finds_page_by_page(people, conditions, size):
    for name in STORES:
        store = fresh(name)
        with store.begin() as unit:
            held = [unit.of(Customer).add(one) for one in people]
            for condition in conditions:
                query = Query(Customer, condition, order=(asc("country"),))
                found, after = [], None
                while True:
                    page = unit.of(Customer).page(query, size=size, after=after)
                    found += [one.id for one in page.items]
                    after = page.next
                    if after is None:
                        break
                expected = [one for one in held if evaluate(condition, one)]
                expected.sort(key=lambda one: (one.country is None, one.country or "", one.id.int))
                assert found == [one.id for one in expected]


@FEW
@given(st.lists(customers(), max_size=5), st.data())
def test_columns_are_stored_as_one_by_one(people, data):
    def columns(model, rows):
        fields = [field.name for field in attrs.fields(model) if field.name not in {"version", "unknown"}]
        plain = {"name", "contact_points", "identifiers", "external_ids", "roles", "tags", "lines", "custom"}
        return {
            field: [to_plain(getattr(row, field)) if field in plain else getattr(row, field) for row in rows]
            for field in fields
        }

    contacts = [data.draw(interactions(one)) for one in people]
    bought = [attrs.evolve(data.draw(orders(one)), number=str(at)) for at, one in enumerate(people)]
    for name in STORES:
        one, other = fresh(name), fresh(name)
        with one.begin() as unit:
            for row in (*people, *bought, *contacts):
                unit.of(type(row)).add(row)
            unit.commit()
        with other.begin() as unit:
            for model, rows in ((Customer, people), (Order, bought), (Interaction, contacts)):
                if rows:
                    assert write_columns(unit, model, columns(model, rows)) == len(rows)
            unit.commit()
        with one.begin() as first, other.begin() as second:
            for model in (Customer, Order, Interaction):
                assert list(first.of(model).stream(Query(model))) == list(second.of(model).stream(Query(model)))
            for value in ("vip", "press"):
                query = Query(Customer, where("tags") == value)
                assert first.of(Customer).count(query) == second.of(Customer).count(query)


FRAGMENTS = [
    "'",
    '"',
    "`",
    ";",
    "--",
    "/*",
    "\\",
    "%",
    "_",
    "?",
    "$1",
    "%s",
    ":x",
    "{0}",
    ")",
    " OR 1=1",
    "DROP TABLE product",
    "\n",
]
HOSTILE = st.lists(st.sampled_from(FRAGMENTS) | texts(4), max_size=5).map("".join)


def hostile_is_harmless(name, kept, text, cursor):
    with STORES[name].tenant(kept[name][0]).begin() as unit:
        products = unit.of(Product)
        for condition in (
            (where("name") == text) | (where("sku").contains(text)) | (where("category") == text),
            where("name").is_in([text, "Pen"]),
            Not(where("sku") >= text),
        ):
            query = Query(Product, condition, order=(asc("sku"),))
            assert products.count(query) == sum(evaluate(condition, one) for one in kept[name][1])
        with pytest.raises(InvalidQuery):
            products.page(Query(Product, order=(asc(f"sku{text} "),)))
        for tampered in (text, cursor + text if text else text, text.join(cursor)):
            if tampered != cursor:
                with pytest.raises(InvalidCursor):
                    products.page(Query(Product), size=1, after=tampered)
        assert len(products.page(Query(Product)).items) == 2


@pytest.mark.parametrize("examples", [25, pytest.param(10_000, marks=pytest.mark.deep)])
def test_hostile_text_in_questions_orders_and_cursors_finds_nothing_and_breaks_nothing(examples):
    kept, cursors = {}, {}
    for name in STORES:
        store = fresh(name)
        kept[name] = store.name, [stored(store, pen("A1", name="%_'")), stored(store, pen("B2"))]
        with store.begin() as unit:
            cursors[name] = unit.of(Product).page(Query(Product), size=1).next

    @settings(FEW, max_examples=examples)
    @given(HOSTILE)
    def law(text):
        for name in STORES:
            hostile_is_harmless(name, kept, text, cursors[name])

    law()


class TwoUnits(RuleBasedStateMachine):
    """Interleaved units of work over memory and another store at once: after every step both say the same.

    At most one has written at a time, as SQLite allows; the others read, each one state throughout.
    """

    other = "sqlite"
    keys = st.integers(0, 2)

    @initialize()
    def begin(self):
        self.stores = [fresh("memory"), fresh(self.other)]
        self.units = {}
        self.readers = {}
        self.ids = [new_id() for _ in range(3)]
        self.writer = None

    def both(self, who, work):
        """Do the same in both stores and compare what came of it."""
        answers = []
        for unit in self.units[who]:
            try:
                found = work(unit)
                answers.append(("ok", found))
            except (Conflict, Duplicate, NotFound, Transient, InvalidValueError) as error:
                answers.append((type(error).__name__, None))
        assert answers[0] == answers[1], answers
        if answers[0][0] in {"Duplicate", "Transient"}:
            self.end(who)
        return answers[0]

    def end(self, who):
        for unit in self.units.pop(who):
            unit.rollback()
        if self.writer == who:
            self.writer = None

    @rule(who=st.sampled_from("ab"))
    def open(self, who):
        if who not in self.units:
            self.units[who] = [store.begin() for store in self.stores]

    def may_write(self, who):
        # SQLite has one writer; and before its first write a unit reads what is committed there, but its own beginning in
        # memory: what is compared is a writer that began after the last commit.
        if who not in self.units or self.writer not in {None, who}:
            return False
        if self.writer is None:
            self.end(who)
            self.units[who] = [store.begin() for store in self.stores]
            self.writer = who
        return True

    @rule(who=st.sampled_from("ab"), key=keys, sku=st.sampled_from("XYZ"))
    def add(self, who, key, sku):
        if self.may_write(who):
            self.both(who, lambda unit: unit.products.add(Product(id=self.ids[key], sku=sku, name="n")))

    @rule(who=st.sampled_from("ab"), key=keys, sku=st.sampled_from("XYZ"), behind=st.integers(0, 1))
    def save(self, who, key, sku, behind):
        if self.may_write(who):

            def work(unit):
                held = unit.products.get(self.ids[key])
                return unit.products.save(attrs.evolve(held, sku=sku, version=max(held.version - behind, 0)))

            self.both(who, work)

    @rule(who=st.sampled_from("ab"), key=keys)
    def remove(self, who, key):
        if self.may_write(who):
            self.both(who, lambda unit: unit.products.remove(self.ids[key]))

    @precondition(lambda self: self.units)
    @rule(data=st.data(), keep=st.booleans())
    def finish(self, data, keep):
        who = data.draw(st.sampled_from(sorted(self.units)))
        if keep:
            self.both(who, lambda unit: unit.commit())
        if who in self.units:
            self.end(who)

    @rule(who=st.sampled_from("rs"))
    def read(self, who):
        if who not in self.readers:
            units = [store.begin(read_only=True) for store in self.stores]
            first, _ = [content(unit) for unit in units]  # asked of both: SQLite's snapshot begins with its first read
            self.readers[who] = units, first
        units, first = self.readers[who]
        assert [content(unit) for unit in units] == [first, first]

    @precondition(lambda self: self.readers)
    @rule(who=st.sampled_from("rs"))
    def stop_reading(self, who):
        for unit in self.readers.pop(who, ((), None))[0]:
            unit.rollback()

    @invariant()
    def the_writer_sees_the_same_in_both(self):
        if getattr(self, "writer", None) is not None:
            self.both(
                self.writer,
                lambda unit: [p for b in unit.products.stream(Query(Product, order=(asc("sku"),))) for p in b],
            )

    @invariant()
    def what_is_committed_is_the_same_in_both(self):
        if hasattr(self, "stores"):
            found = []
            for store in self.stores:
                with store.begin(read_only=True) as unit:
                    found.append(content(unit))
            assert found[0] == found[1]

    def teardown(self):
        for who in list(getattr(self, "units", {})):
            self.end(who)
        for who in list(getattr(self, "readers", {})):
            self.stop_reading(who)


def content(unit):
    return unit.of(Product).page(Query(Product, deleted=True)).items


@pytest.mark.parametrize(
    ("examples", "steps"), [(200, 30), pytest.param(10_000, 50, marks=pytest.mark.deep)], ids=["200x30", "10000x50"]
)
@pytest.mark.parametrize("kind", KINDS[1:])
def test_interleaved_units_of_work_do_in_every_store_what_they_do_in_memory(kind, examples, steps):
    machine = type("Machine", (TwoUnits,), {"other": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
