"""Two customers who turn out to be one, and who turn out not to be: over every store."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError, NotFound
from pycrm.model.consent import ConsentEntry, ConsentStatus
from pycrm.model.contact_policy import Suppression
from pycrm.model.customer import Customer, CustomerKind, Organisation
from pycrm.model.entity import new_id
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderLine
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.storage import MemoryStore, Query
from pycrm.storage.sql import SqlStore
from pycrm.workflows import identify

NOW = datetime(2026, 5, 1, tzinfo=UTC)
STORES = {"memory": MemoryStore, "sqlite": lambda: SqlStore("sqlite://", durable=False)}


def later(days):
    return NOW + timedelta(days=days)


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param]()


def record(key, *, source="shop", days=0, **fields):
    return SourceRecord(source=source, key=str(key), received_at=later(days - 30), fields=fields)


def everything(store, model):
    with store.begin(read_only=True) as unit:
        return [entity for batch in unit.of(model).stream(Query(model)) for entity in batch]


def customer_of(store, key):
    [found] = [one for one in everything(store, SourceRecord) if one.key == key]
    return identities(everything(store, IdentityLink))[found.id]


def told(customer):
    return attrs.evolve(customer, version=0) if hasattr(customer, "version") else customer


def state(store):
    """What is known of each customer that is spoken of, versions aside."""
    now = identities(everything(store, IdentityLink))
    return {one.id: told(one) for one in everything(store, Customer) if one.id in now.values()}, now


def keep(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def two(store):
    identify.register(
        store,
        [
            record("a", given_name="Ana", family_name="Ruiz", email="ana@x.example", tax_id="12345678Z", country="ES"),
            record(
                "b", source="web", days=5, given_name="Anita", phone="+34600111222", tax_id="X1234567L", country="ES"
            ),
        ],
    )
    identify.resolve(store, at=NOW)
    return customer_of(store, "a"), customer_of(store, "b")


def test_a_merge_unites_what_is_known_and_keeps_the_first_touch(store):
    ana, anita = two(store)
    merged = identify.merge(store, anita, ana, at=later(1), reason="she said so on the telephone")
    assert merged.id == anita
    assert {point.normalised for point in merged.contact_points} == {"ana@x.example", "+34600111222"}
    assert {known.value for known in merged.identifiers} == {"12345678Z", "X1234567L"}
    assert merged.first_touch_at == later(-30)
    assert identify.aliases(store) == {ana: anita}
    again = identify.resolve(store, at=later(2))
    assert (again.customers, again.added, again.changed, again.conflicts) == (1, 0, 0, ())


def test_taking_a_merge_back_equals_never_having_merged(store):
    ana, anita = two(store)
    before = state(store)
    identify.merge(store, ana, anita, at=later(1), reason="alike")
    back = identify.unmerge(store, anita, at=later(2), reason="sisters")
    assert back.id == anita
    assert state(store) == before
    assert identify.aliases(store) == {}
    assert identify.resolve(store, at=later(3)).customers == 2


@settings(max_examples=12)
@given(st.data())
def test_the_decisions_are_replayed_without_the_one_taken_back(data):
    def world():
        made = MemoryStore()
        identify.register(made, [record(key, email=f"{key}@x.example", given_name=key) for key in "abcde"])
        identify.resolve(made, at=NOW)
        return made

    def who(made):
        now = identities(everything(made, IdentityLink))
        keys = {one.id: one.key for one in everything(made, SourceRecord)}
        together = {}
        for one, of in now.items():
            together.setdefault(of, set()).add(keys[one])
        return sorted(map(sorted, together.values()))

    first, second = world(), world()
    left, merges = list("abcde"), []
    for _ in range(data.draw(st.integers(1, 4))):
        loser = data.draw(st.sampled_from(left))
        left.remove(loser)
        merges.append((data.draw(st.sampled_from(left)), loser))
    undone = data.draw(st.integers(0, len(merges) - 1))
    ids = [{key: customer_of(made, key) for key in "abcde"} for made in (first, second)]
    for day, (winner, loser) in enumerate(merges):
        identify.merge(first, ids[0][winner], ids[0][loser], at=later(1 + day), reason="alike")
        if day != undone:
            identify.merge(second, ids[1][winner], ids[1][loser], at=later(1 + day), reason="alike")
    identify.unmerge(first, ids[0][merges[undone][1]], at=later(20), reason="not so")
    assert who(first) == who(second)
    points = [
        sorted(sorted(point.normalised for point in one.contact_points) for one in state(made)[0].values())
        for made in (first, second)
    ]
    assert points[0] == points[1]


def test_who_was_merged_twice_over_is_found_under_the_last_and_comes_back_with_all_his_records(store):
    rows = [record(key, email=f"{key}@x.example", given_name=key) for key in "abc"]
    identify.register(store, [*rows, record("a2", source="web", email="a@x.example")])
    identify.resolve(store, at=NOW)
    a, b, c = (customer_of(store, key) for key in "abc")
    before = state(store)
    assert customer_of(store, "a2") == a
    identify.merge(store, b, a, at=later(1), reason="alike")
    identify.merge(store, c, b, at=later(2), reason="alike")
    assert identify.aliases(store) == {a: c, b: c}
    identify.unmerge(store, a, at=later(3), reason="not so")
    assert identify.aliases(store) == {b: c}
    assert {customer_of(store, key) for key in ("a", "a2")} == {a}
    identify.unmerge(store, b, at=later(4), reason="nor this")
    assert identify.aliases(store) == {}
    assert state(store) == before


def test_an_organisation_of_unknown_first_touch_may_be_merged_and_keeps_its_name(store):
    identify.register(store, [record("tea", email="hello@tea.example"), record("shop", email="shop@tea.example")])
    identify.resolve(store, at=NOW)
    tea, shop = customer_of(store, "tea"), customer_of(store, "shop")
    firm = {"kind": CustomerKind.ORGANISATION, "organisation": Organisation(name="Tea House"), "name": None}
    with store.begin() as unit:
        customers = unit.of(Customer)
        customers.save(attrs.evolve(customers.get(shop), first_touch_at=None, identified_at=None, **firm))
        unit.commit()
    merged = identify.merge(store, tea, shop, at=later(1), reason="one house")
    assert merged.first_touch_at == later(-30)
    with store.begin(read_only=True) as unit:
        husk = unit.of(Customer).get(shop)
    assert (husk.organisation, husk.first_touch_at) == (Organisation(name="Tea House"), None)
    assert husk.reachable_by("email", later(2)) is None
    assert identify.file_of(store, shop, at=later(2)).customer == merged


def test_orders_and_consent_follow_and_the_stricter_word_counts(store):
    ana, anita = two(store)
    line = OrderLine(sku="tea", unit_price=Money(Decimal(10), "EUR"))
    orders = [
        Order(customer_id=who, number=str(n), placed_at=later(-n), currency="EUR", lines=(line,))
        for n, who in enumerate((ana, anita))
    ]
    yes = ConsentEntry(customer_id=ana, purpose="marketing", status=ConsentStatus.GRANTED, captured_at=later(-1))
    no = ConsentEntry(customer_id=anita, purpose="marketing", status=ConsentStatus.WITHDRAWN, captured_at=later(-9))
    keep(store, *orders, yes, no)
    assert [row.address for row in identify.pull_list(store, channel="email", purpose="marketing", at=NOW).rows] == [
        "ana@x.example"
    ]
    identify.merge(store, ana, anita, at=later(1), reason="alike")
    for asked in (ana, anita):
        file = identify.file_of(store, asked, at=later(2))
        assert (file.customer.id, file.ids) == (ana, (ana, anita))
        assert [order.number for order in file.orders] == ["1", "0"]
        assert [one.key for one in file.records] == ["a", "b"]
        assert len(file.consents) == 3
    pulled = identify.pull_list(store, channel="email", purpose="marketing", at=later(2))
    assert (pulled.rows, pulled.left_out) == ((), {"withdrawn": 1})
    assert identify.resolve(store, at=later(2)).addressability["email"] == 0
    identify.unmerge(store, anita, at=later(3), reason="sisters")
    file = identify.file_of(store, anita, at=later(4))
    assert [order.number for order in file.orders] == ["1"]
    assert len(identify.pull_list(store, channel="email", purpose="marketing", at=later(4)).rows) == 1


def test_a_list_leaves_out_who_is_suppressed_and_writes_to_an_address_once(store):
    identify.register(
        store, [record(key, email="family@x.example", given_name=key, birth_date=f"198{key}-01-02") for key in "12"]
    )
    identify.resolve(store, at=NOW, rules=[identify.Rule("birth", ("birth_date",))])
    ids = [customer_of(store, key) for key in "12"]
    keep(
        store,
        *(
            ConsentEntry(customer_id=one, purpose="news", status=ConsentStatus.GRANTED, captured_at=later(-1))
            for one in ids
        ),
    )
    pulled = identify.pull_list(store, channel="email", purpose="news", at=NOW)
    assert ([row.address for row in pulled.rows], pulled.left_out) == (["family@x.example"], {"same_address": 1})
    never = Suppression(address="family@x.example", reason="complaint", since=later(-1))
    assert identify.pull_list(store, channel="email", purpose="news", at=NOW, suppressions=[never]).rows == ()


def test_what_cannot_be_merged_is_refused(store):
    ana, anita = two(store)
    with pytest.raises(InvalidValueError, match="two different"):
        identify.merge(store, ana, ana, at=later(1), reason="x")
    with pytest.raises(NotFound):
        identify.merge(store, ana, new_id(), at=later(1), reason="x")
    with pytest.raises(InvalidValueError, match="merged into nobody"):
        identify.unmerge(store, anita, at=later(1), reason="x")
    with pytest.raises(InvalidValueError, match="decide after it"):
        identify.merge(store, ana, anita, at=NOW, reason="x")
    identify.merge(store, ana, anita, at=later(1), reason="x")
    with pytest.raises(InvalidValueError, match="no source record"):
        identify.merge(store, ana, anita, at=later(2), reason="x")
    with pytest.raises(InvalidValueError, match="decide after it"):
        identify.unmerge(store, anita, at=later(1), reason="x")
