"""What is known of a customer and from whom; what is left when a source record is erased; who lives and works together."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from pycrm.errors import InvalidValueError
from pycrm.model.consent import ConsentEntry, ConsentStatus
from pycrm.model.contact import ContactKind, ContactPoint, Validity
from pycrm.model.contact_policy import Suppression
from pycrm.model.customer import Customer, CustomerKind, Identifier, Role
from pycrm.model.merge import MatchDecision, MatchQuestion
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.storage import MemoryStore, Query
from pycrm.storage.sql import SqlStore
from pycrm.workflows import identify

NOW = datetime(2026, 5, 1, tzinfo=UTC)
STORES = {"memory": MemoryStore, "sqlite": lambda: SqlStore("sqlite://", durable=False)}


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param]()


def later(days):
    return NOW + timedelta(days=days)


def record(key, *, source="shop", days=0, **fields):
    return SourceRecord(source=source, key=key, received_at=later(days - 30), fields=fields)


def everything(store, model):
    with store.begin(read_only=True) as unit:
        return [one for batch in unit.of(model).stream(Query(model)) for one in batch]


def whose(store):
    now = identities(everything(store, IdentityLink))
    return {one.key: now[one.id] for one in everything(store, SourceRecord)}


def resolved(store, *records, day=0, **options):
    identify.register(store, records)
    return identify.resolve(store, at=later(day), **options)


def change(store, customer_id, **fields):
    with store.begin() as unit:
        customers = unit.of(Customer)
        customers.save(attrs.evolve(customers.get(customer_id), **fields))
        unit.commit()


def customer(store, id):
    return next(one for one in everything(store, Customer) if one.id == id)


THREE = (
    record("1", given_name="Ann", email="ana@x.example", birth_date="1980-02-03", language="es"),
    record("2", source="passport", days=1, given_name="Ana María", email="ana@x.example", birth_date="1980-02-13"),
    record("3", days=2, given_name="Ann", email="ana@x.example", birth_date="1980-02-03", country="Spain"),
)


def test_each_value_says_which_record_it_came_from_and_who_said_otherwise(store):
    resolved(store, *THREE)
    how = identify.Surviving(
        strategies={"given_name": "longest", "birth_date": "source_priority"}, priority=("passport",)
    )
    [home] = set(whose(store).values())
    found = {one.field: one for one in identify.provenance(store, home, surviving=how)}
    records = {one.id: one.key for one in everything(store, SourceRecord)}
    assert set(found) == {"given_name", "birth_date", "language"}
    assert (found["given_name"].value, found["given_name"].key, found["given_name"].strategy) == (
        "Ana María",
        "2",
        "longest",
    )
    assert sorted((records[one], value) for one, value in found["birth_date"].others) == [
        ("1", "1980-02-03"),
        ("3", "1980-02-03"),
    ]
    last = {one.field: one.value for one in identify.provenance(store, home)}
    assert last == {"given_name": "Ann", "birth_date": "1980-02-03", "language": "es"}
    with pytest.raises(InvalidValueError, match="no source record"):
        identify.provenance(store, everything(store, SourceRecord)[0].id)


def test_the_strategies_asked_for_make_the_customer(store):
    how = identify.Surviving(
        strategies={"given_name": "most_frequent", "birth_date": "source_priority"}, priority=("passport",)
    )
    resolved(store, *THREE, surviving=how)
    [made] = everything(store, Customer)
    assert (made.name.given, made.birth_date.isoformat(), made.language) == ("Ann", "1980-02-13", "es")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strategies": {"email": "longest"}}, "all kept"),
        ({"strategies": {"country": "keep_all"}}, "use one of"),
        ({"strategies": {"country": "source_priority"}}, "most trusted first"),
    ],
)
def test_a_survivorship_that_cannot_be_is_refused(change, words):
    with pytest.raises(InvalidValueError, match=words):
        identify.Surviving(**change)


def test_what_was_written_by_hand_outlives_a_merge_and_its_end(store):
    resolved(store, record("a", email="a@x.example"), record("b", email="b@x.example", given_name="Bea"))
    ids = whose(store)
    bounced = attrs.evolve(customer(store, ids["b"]).contact_points[0], validity=Validity.BOUNCED)
    by_hand = ContactPoint(kind=ContactKind.PHONE, raw="+34600111222", primary=True)
    card = Identifier(namespace="card", value="77")
    change(
        store,
        ids["b"],
        contact_points=(bounced, by_hand),
        identifiers=(card,),
        tags=frozenset({"vip"}),
        first_touch_at=later(-99),
    )
    before = customer(store, ids["b"])
    alone = customer(store, ids["a"])
    assert identify.merge(store, ids["a"], ids["b"], at=later(1), reason="alike").first_touch_at == later(-99)
    husk = customer(store, ids["b"])
    assert (husk.tags, husk.reachable_by("phone", later(1))) == (frozenset({"vip"}), None)
    [merged] = identify.file_of(store, ids["a"], at=later(2)).merged
    assert merged == husk
    back = identify.unmerge(store, ids["b"], at=later(3), reason="no")
    assert attrs.evolve(back, version=0) == attrs.evolve(before, version=0)
    assert attrs.evolve(customer(store, ids["a"]), version=0) == attrs.evolve(alone, version=0)


def test_a_strong_identifier_goes_to_the_winner_and_back(store):
    resolved(
        store,
        record("a", email="a@x.example"),
        record("b", email="b@x.example", tax_id="12345678Z", country="ES"),
    )
    ids = whose(store)
    winner = identify.merge(store, ids["a"], ids["b"], at=later(1), reason="alike")
    assert [one.value for one in winner.identifiers] == ["12345678Z"]
    back = identify.unmerge(store, ids["b"], at=later(2), reason="no")
    assert [one.value for one in back.identifiers] == ["12345678Z"]
    assert customer(store, ids["a"]).identifiers == ()


def erase(store, *ids):
    """Erase source records for good, with what was decided about them: what `pycrm.storage.Erasing` asks of its caller."""
    with store.begin() as unit:
        for model, paths in (
            (MatchQuestion, ("left_id", "right_id")),
            (MatchDecision, ("left_id", "right_id")),
            (IdentityLink, ("record_id",)),
        ):
            for one in [each for batch in unit.of(model).stream(Query(model)) for each in batch]:
                if any(getattr(one, path) in ids for path in paths):
                    unit.erase(model, one.id)
        for id in ids:
            unit.erase(SourceRecord, id)
        unit.commit()


def test_merge_then_erase_is_erase_then_merge():
    def world():
        made = MemoryStore()
        resolved(
            made,
            record("a", email="a@x.example", given_name="Ana"),
            record("b", email="b@x.example", given_name="Bea", language="es"),
            record("b2", source="web", email="b@x.example", phone="+34600111222", given_name="Beatriz"),
        )
        ids, records = whose(made), {one.key: one.id for one in everything(made, SourceRecord)}
        return made, ids, records

    def merged(made, ids):
        identify.merge(made, ids["a"], ids["b"], at=later(1), reason="alike")

    def erased(made, records):
        identify.forget(made, [records["b2"]])
        erase(made, records["b2"])

    def told(made):
        gone = identify.aliases(made)
        return [
            (one.name, sorted(point.normalised for point in one.contact_points), one.language, one.first_touch_at,
             sorted(known.value for known in one.external_ids))
            for one in everything(made, Customer) if one.id not in gone
        ]  # fmt: skip

    one, other = world(), world()
    merged(*one[:2])
    erased(one[0], one[2])
    erased(other[0], other[2])
    merged(*other[:2])
    assert told(one[0]) == told(other[0])
    [(name, points, *_)] = told(one[0])
    assert (name.given, points) == ("Bea", ["a@x.example", "b@x.example"])
    for made, ids, _ in (one, other):
        assert identify.resolve(made, at=later(5)).decided == {}
        assert identify.aliases(made) == {ids["b"]: ids["a"]}


def test_those_who_live_together_and_those_who_work_together_are_groups_and_stay_themselves(store):
    home = {"address": "C/ Mayor 5", "postcode": "28001"}
    report = resolved(
        store,
        record("ana", given_name="Ana", family_name="Ruiz Gil", email="ana@acme.example", **home),
        record("leo", given_name="Leo", family_name="Ruiz", email="leo@gmail.com", **home),
        record("eva", given_name="Eva", family_name="Olsen", email="eva@acme.example", **home),
    )
    assert report.customers == 3
    ids = whose(store)
    lives = identify.group(store)
    assert [set(members) for members in lives.groups.values()] == [{ids["ana"], ids["leo"]}]
    assert lives.group_of(ids["eva"]) == (ids["eva"],)
    works = identify.group(store, level="organisation")
    assert set(works.group_of(ids["eva"])) == {ids["ana"], ids["eva"]}
    with pytest.raises(InvalidValueError, match="household or organisation"):
        identify.group(store, level="village")


def test_a_list_leaves_out_whom_the_store_says_to_leave_alone_also_under_an_older_id(store):
    resolved(store, record("a", email="a@x.example"), record("b", email="b@x.example"))
    ids = whose(store)
    yes = [
        ConsentEntry(customer_id=one, purpose="news", status=ConsentStatus.GRANTED, captured_at=NOW)
        for one in ids.values()
    ]
    with store.begin() as unit:
        for one in yes:
            unit.of(ConsentEntry).add(one)
        unit.of(Suppression).add(Suppression(customer_id=ids["b"], reason="complaint", since=NOW))
        unit.commit()
    pulled = identify.pull_list(store, channel="email", purpose="news", at=later(1))
    assert [row.customer_id for row in pulled.rows] == [ids["a"]]
    identify.merge(store, ids["a"], ids["b"], at=later(2), reason="alike")
    pulled = identify.pull_list(store, channel="email", purpose="news", at=later(3))
    assert (pulled.rows, pulled.left_out) == ((), {"suppressed": 1})


def test_a_supplier_is_a_party_like_any_other(store):
    resolved(
        store,
        record(
            "1",
            organisation="Tea Imports",
            role="supplier",
            email="sales@tea.example",
            country="ES",
            tax_id="A58818501",
        ),
        record(
            "2",
            source="fair",
            days=1,
            organisation="Tea Imports S.L.",
            role="partner",
            tax_id="A58818501",
            country="ES",
        ),
    )
    [made] = everything(store, Customer)
    assert (made.kind, made.display_name) == (CustomerKind.ORGANISATION, "Tea Imports S.L.")
    assert made.roles == {Role.SUPPLIER, Role.PARTNER}
    with store.begin() as unit:
        unit.of(ConsentEntry).add(
            ConsentEntry(customer_id=made.id, purpose="news", status=ConsentStatus.GRANTED, captured_at=NOW)
        )
        unit.commit()
    [row] = identify.pull_list(store, channel="email", purpose="news", at=later(1)).rows
    assert (row.name, row.address) == ("Tea Imports S.L.", "sales@tea.example")
    assert identify.resolve(store, at=later(1)).decided == {}
