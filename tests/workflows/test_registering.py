"""What becomes of each row of a file, said before and done after: over every store."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.correction import CORRECTION
from pycrm.model.customer import Customer
from pycrm.model.import_run import RowStatus
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.storage import MemoryStore, export, export_erasures, restore
from pycrm.storage.sql import SqlStore
from pycrm.workflows import identify, privacy
from workflows.worlds import everything

NOW = datetime(2026, 5, 1, tzinfo=UTC)
STORES = {"memory": MemoryStore, "sqlite": lambda: SqlStore("sqlite://", durable=False)}
A, U, P, S, X = RowStatus.ADDED, RowStatus.UPDATED, RowStatus.REPLACED, RowStatus.SKIPPED, RowStatus.REFUSED


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param]()


def record(key, *, days=0, **fields):
    return SourceRecord(source="shop", key=key, received_at=NOW + timedelta(days=days), fields=fields)


def fields_of(store):
    return {one.key: dict(one.fields) for one in everything(store, SourceRecord)}


OLD = (record("1", city="Vigo", language="es"), record("2", city="Lugo"))
NEW = (
    record("1", days=1, city="Ourense"),
    record("2", days=1, city="Lugo"),
    record("3", days=1, city="Vigo"),
    record("3", days=2, city="Lugo", language="gl"),
)


@pytest.mark.parametrize(
    ("on_match", "statuses", "held"),
    [
        ("refuse", [X, S, A, X], {"1": {"city": "Vigo", "language": "es"}, "2": {"city": "Lugo"}, "3": {"city": "Vigo"}}),
        ("skip", [S, S, A, S], {"1": {"city": "Vigo", "language": "es"}, "2": {"city": "Lugo"}, "3": {"city": "Vigo"}}),
        ("update", [U, S, A, U], {"1": {"city": "Ourense", "language": "es"}, "2": {"city": "Lugo"}, "3": {"city": "Lugo", "language": "gl"}}),
        ("replace", [P, S, A, P], {"1": {"city": "Ourense"}, "2": {"city": "Lugo"}, "3": {"city": "Lugo", "language": "gl"}}),
    ],
)  # fmt: skip
def test_each_row_meets_the_fate_that_was_asked_for_and_a_dry_run_says_it_before(store, on_match, statuses, held):
    identify.register(store, OLD)
    before = fields_of(store)
    told = identify.register(store, NEW, on_match=on_match, dry_run=True)
    assert fields_of(store) == before
    done = identify.register(store, NEW, on_match=on_match)
    assert done == told
    assert [one.status for one in done] == statuses
    assert fields_of(store) == held
    again = identify.register(store, NEW[:2], on_match=on_match)
    assert all(one.status in {S, X} for one in again)
    assert fields_of(store) == held


def test_what_only_the_former_words_made_of_a_customer_is_taken_from_him(store):
    identify.register(
        store, [record("1", given_name="Ann", email="ann@x.example", phone="+34600111222", language="es")]
    )
    identify.resolve(store, at=NOW)
    identify.register(store, [record("1", days=1, given_name="Ana", email="ann@x.example")], on_match="replace")
    (ana,) = everything(store, Customer)
    assert (ana.name.given, ana.language) == ("Ana", None)
    assert [point.normalised for point in ana.contact_points] == ["ann@x.example"]
    assert identify.resolve(store, at=NOW + timedelta(days=2)).changed == 0


def test_an_older_row_changes_nothing(store):
    identify.register(store, [record("1", days=3, city="Vigo")])
    (told,) = identify.register(store, [record("1", days=2, city="Lugo")], on_match="replace")
    assert (told.status, told.reason) == (S, "what is there was received later")
    assert fields_of(store) == {"1": {"city": "Vigo"}}


def test_nobody_registers_corrections_or_an_unknown_fate(store):
    (told,) = identify.register(store, [attrs.evolve(OLD[0], source=CORRECTION)])
    assert (told.status, "privacy.rectify" in told.reason) == (X, True)
    with pytest.raises(InvalidValueError, match="choose refuse, skip, update or replace"):
        identify.register(store, OLD, on_match="overwrite")
    assert everything(store, SourceRecord) == []


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.dictionaries(st.sampled_from("xy"), st.integers(0, 1)))
    ),
    st.sampled_from(["refuse", "skip", "update", "replace"]),
)
def test_what_a_dry_run_says_is_what_happens_and_a_second_run_after_it_writes_nothing_new(rows, on_match):
    store = MemoryStore()
    file = [record(key, days=days, **said) for key, days, said in rows]
    half = len(file) // 2
    identify.register(store, file[:half])
    told = identify.register(store, file[half:], on_match=on_match, dry_run=True)
    assert identify.register(store, file[half:], on_match=on_match) == told
    keys = {one.key for one in file}
    assert set(fields_of(store)) == keys
    assert not any(one.status is A for one in identify.register(store, file, on_match=on_match))


ANA = (
    record("ana", given_name="Ana", email="ana@x.example", phone="+34600111222"),
    record("ana again", days=1, email="ana@x.example", family_name="Ruiz"),
)
BEA = record("bea", given_name="Bea", email="bea@x.example")


def erased(store):
    identify.register(store, [*ANA, BEA])
    identify.resolve(store, at=NOW + timedelta(days=2))
    now = identities(everything(store, IdentityLink))
    (home,) = {now[one.id] for one in everything(store, SourceRecord) if one.key.startswith("ana")}
    identify.resolve(store, at=NOW + timedelta(days=3))
    privacy.erase(store, home, at=NOW + timedelta(days=4))
    return home


def test_who_was_erased_does_not_come_back_with_the_same_file(store):
    home = erased(store)
    again = [attrs.evolve(one, id=record("x").id) for one in (*ANA, BEA)]
    for on_match in ("refuse", "replace"):
        told = identify.register(store, again, on_match=on_match)
        assert [one.status for one in told] == [X, X, S]
        assert told[0].reason == "it spoke of a person who was erased"
    for day in (5, 6):
        report = identify.resolve(store, at=NOW + timedelta(days=day))
        assert (report.records, report.customers, report.added, report.changed) == (1, 1, 0, 0)
    told = " ".join(map(str, everything(store, Customer)))
    assert "Ruiz" not in told
    assert "ana@x.example" not in told
    assert not any("ana@x.example" in str(one) for one in everything(store, SourceRecord))
    privacy.erase(store, home, at=NOW + timedelta(days=7))
    assert [one.status for one in identify.register(store, again)] == [X, X, S]


def test_who_comes_back_by_himself_is_somebody_new(store):
    home = erased(store)
    identify.register(store, [record("2026-77", days=9, given_name="Ana", email="ana@x.example")])
    report = identify.resolve(store, at=NOW + timedelta(days=10))
    assert (report.customers, report.added) == (2, 1)
    assert home not in identities(everything(store, IdentityLink)).values()


def test_a_restored_backup_refuses_the_file_too(tmp_path):
    store = MemoryStore()
    identify.register(store, [*ANA, BEA])
    identify.resolve(store, at=NOW + timedelta(days=2))
    now = identities(everything(store, IdentityLink))
    home = next(now[one.id] for one in everything(store, SourceRecord) if one.key == "ana")
    export(store, tmp_path / "all.gz")
    privacy.erase(store, home, at=NOW + timedelta(days=4))
    export_erasures(store, tmp_path / "erasures.jsonl")
    other = MemoryStore()
    restore(tmp_path / "all.gz", other, erasures=tmp_path / "erasures.jsonl")
    again = [attrs.evolve(one, id=record("x").id) for one in ANA]
    assert [one.status for one in identify.register(other, again)] == [X, X]


def test_a_record_that_was_forgotten_and_erased_is_not_brought_back_by_resolving(store):
    identify.register(store, ANA)
    identify.resolve(store, at=NOW + timedelta(days=2))
    later = next(one for one in everything(store, SourceRecord) if one.key == "ana again")
    (home,) = identify.forget(store, [later.id])
    with store.begin() as unit:
        for link in [one for one in everything(store, IdentityLink) if one.record_id == later.id]:
            unit.erase(IdentityLink, link.id)
        unit.erase(SourceRecord, later.id)
        unit.commit()
    identify.resolve(store, at=NOW + timedelta(days=5))
    (ana,) = everything(store, Customer)
    assert (ana.id, ana.name.family) == (home, None)
    privacy.erase(store, home, at=NOW + timedelta(days=6))
    assert identify.resolve(store, at=NOW + timedelta(days=7)).customers == 0
