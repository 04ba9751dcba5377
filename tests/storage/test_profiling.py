"""Of whom numbers may be made: over every store, asked at once as asked one by one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus, LegalBasis
from pycrm.model.customer import Customer, PersonName, Processing
from pycrm.model.entity import new_id
from pycrm.model.profiling import ProfilingPolicy
from pycrm.model.source import SourceRecord
from pycrm.model.time import Period
from pycrm.storage import Query
from pycrm.storage.profiling import may_be_profiled, profiled
from pycrm.workflows import identify
from storage.opened import KINDS, fresh, opened

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
NO, YES = ConsentStatus.WITHDRAWN, ConsentStatus.GRANTED
ASKED = ProfilingPolicy(basis=LegalBasis.CONSENT)


@pytest.fixture(scope="module", params=KINDS)
def shared(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def store(shared):
    return fresh(shared)


def person(**more):
    return Customer(name=PersonName(given="Ana"), **more)


def said(who, status, days_ago=1, **more):
    told = {"purpose": "profiling"} | more
    return ConsentEntry(customer_id=who, status=status, captured_at=NOW - days_ago * DAY, **told)


def keep(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def left_out(store, at=NOW):
    """Return who is left out, having found the same of each alone."""
    with store.begin(read_only=True) as unit:
        found = profiled(unit, at)
        for batch in unit.of(Customer).stream(Query(Customer)):
            for who in batch:
                one = may_be_profiled(unit, who.id, at)
                home = found.now.of(who.id)
                assert (None if one else one.reasons[0].code) == found.why_not.get(home)
                assert (who.id in found) == one.allowed
    return found


def test_who_is_restricted_erased_or_objects_is_left_out_and_counted_by_the_reason(store):
    ana, bea, cid, dan = person(), person(), person(processing=Processing.RESTRICTED), person()
    keep(store, ana, bea, cid, dan, person(processing=Processing.ERASED))
    keep(store, said(bea.id, NO), said(cid.id, NO), said(dan.id, NO, 3), said(dan.id, YES, 2))
    found = left_out(store)
    assert found.left_out == {"erased": 1, "objected": 1, "restricted": 1}
    assert (ana.id in found, bea.id in found, dan.id in found) == (True, False, True)
    assert [found.counts(who.id) for who in (ana, bea, cid)] == [True, False, False]


def test_who_was_erased_counts_in_figures_about_many(store):
    gone = person(processing=Processing.ERASED)
    keep(store, gone)
    found = left_out(store)
    assert (gone.id in found, found.counts(gone.id)) == (False, True)


def test_where_a_policy_needs_consent_silence_leaves_out_too(store):
    ana, bea, cid = person(), person(), person()
    keep(store, ana, bea, cid, ASKED, said(ana.id, YES), said(bea.id, NO))
    assert left_out(store).why_not == {bea.id: "objected", cid.id: "no_consent"}


def test_the_purpose_is_the_hosts_and_a_no_above_it_reaches_it(store):
    ana, bea = person(), person()
    keep(store, ana, bea, ProfilingPolicy(purpose="marketing.profiling"))
    keep(store, said(ana.id, NO), said(bea.id, NO, purpose="marketing"))
    assert left_out(store).why_not == {bea.id: "objected"}


def test_what_is_not_said_yet_does_not_count_and_now_is_when_none_is_given(store):
    ana = person()
    keep(store, ana, said(ana.id, NO))
    assert left_out(store, NOW - 2 * DAY).why_not == {}
    assert left_out(store, None).why_not == {ana.id: "objected"}


def test_somebody_nobody_stored_is_neither_left_out_nor_counted(store):
    with store.begin(read_only=True) as unit:
        assert may_be_profiled(unit, new_id(), NOW).allowed
        assert profiled(unit, NOW).left_out == {}


def test_more_who_object_than_are_asked_for_at_once_are_all_left_out(store):
    people = [person() for _ in range(501)]
    with store.begin() as unit:
        unit.of(Customer).put_many(people)
        unit.of(ConsentEntry).put_many(said(who.id, NO) for who in people)
        unit.commit()
    with store.begin(read_only=True) as unit:
        assert profiled(unit, NOW).left_out == {"objected": 501}


@pytest.mark.parametrize("kept", ["ana", "anita"])
def test_of_two_who_turn_out_to_be_one_the_objection_survives(store, kept):
    names = ("ana", "anita")
    identify.register(
        store,
        [
            SourceRecord(
                source="shop", key=name, received_at=NOW - 9 * DAY,
                fields={"given_name": name, "email": f"{name}@x.example"},
            )
            for name in names
        ],
    )  # fmt: skip
    identify.resolve(store, at=NOW - 8 * DAY)
    with store.begin(read_only=True) as unit:
        ids = {one.name.given: one.id for batch in unit.of(Customer).stream(Query(Customer)) for one in batch}
    other = next(name for name in names if name != kept)
    # The other said yes later, without knowing of the no.
    keep(store, said(ids["anita"], NO, 5), said(ids["ana"], YES, 4))
    identify.merge(store, ids[kept], ids[other], at=NOW - 3 * DAY, reason="one person")
    assert left_out(store).why_not == {ids[kept]: "objected"}
    keep(store, said(ids[kept], YES, 2))
    assert left_out(store).why_not == {}


words = st.fixed_dictionaries(
    {
        "purpose": st.sampled_from(["marketing", "marketing.profiling", "service"]),
        "channel": st.sampled_from([None, "email"]),
        "brand": st.sampled_from([None, "acme"]),
        "status": st.sampled_from(ConsentStatus),
        "days_ago": st.integers(-1, 3),
        "legal_basis": st.sampled_from(LegalBasis),
        "capture_source": st.sampled_from(CaptureSource),
        "effective": st.sampled_from([Period(), Period(None, NOW), Period(NOW)]),
    }
)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(words, max_size=3), min_size=1, max_size=4), st.sampled_from([None, *LegalBasis]))
def test_at_once_is_as_one_by_one(shared, ledgers, basis):
    store = fresh(shared)
    if basis in {LegalBasis.CONSENT, LegalBasis.LEGITIMATE_INTEREST}:
        keep(store, ProfilingPolicy(purpose="marketing.profiling", basis=basis))
    for ledger in ledgers:
        who = person()
        keep(store, who, *(said(who.id, **word) for word in ledger))
    left_out(store)
