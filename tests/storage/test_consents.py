"""Consents: the answer found once for all who said the same is the answer of the law, one by one."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus, LegalBasis, may_contact
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.contact_policy import CapPeriod, ContactMade, ContactPolicy, FrequencyCap, Suppression
from pycrm.model.customer import Customer, PersonName, Processing
from pycrm.model.time import Period
from pycrm.storage import MemoryStore
from pycrm.storage.consents import Consents
from pycrm.storage.identity import aliases
from pycrm.storage.lookups import consents_by_customer
from pycrm.storage.sql import SqlStore

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)

MAIL = ContactPoint(kind=ContactKind.EMAIL, raw="ana@example.com")
people = st.builds(
    Customer,
    name=st.just(PersonName(given="Ana")),
    contact_points=st.sampled_from([(), (MAIL,)]),
    processing=st.sampled_from([Processing.ALLOWED, Processing.ALLOWED, Processing.RESTRICTED]),
    is_deceased=st.sampled_from([False, False, True]),
)
words = st.fixed_dictionaries(
    {
        "purpose": st.sampled_from(["marketing", "marketing.news"]),
        "channel": st.sampled_from([None, "email", "phone"]),
        "status": st.sampled_from(ConsentStatus),
        "legal_basis": st.sampled_from(LegalBasis),
        "capture_source": st.sampled_from(CaptureSource),
        "brand": st.sampled_from([None, "other"]),
        # The same day twice, the very moment, and a word that nobody knows yet.
        "captured_at": st.sampled_from([NOW - 3 * DAY, NOW - 3 * DAY + timedelta(hours=1), NOW, NOW + DAY]),
        "effective": st.sampled_from([Period(), Period(NOW - DAY, NOW), Period(NOW), Period(None, NOW + DAY)]),
    }
)


def asked(store, who, **more):
    with store.begin(read_only=True) as unit:
        known = aliases(unit)
        ledger, said = Consents.read(unit, NOW, known), consents_by_customer(unit, NOW, known)
    for customer in who:
        for channel in ("email", "phone"):
            for purpose in ("marketing", "marketing.news"):
                for at in (NOW, NOW + 2 * DAY):
                    expected = may_contact(customer, channel, purpose, at, consents=said.get(customer.id, ()), **more)
                    assert ledger.permission(customer, channel, purpose, at, **more) == expected
        assert (customer.id in ledger) == (customer.id in said)


@given(st.lists(st.tuples(people, st.lists(words, max_size=3)), min_size=1, max_size=4))
def test_a_shared_answer_is_the_answer_of_the_law(told):
    store = MemoryStore()
    with store.begin() as unit:
        unit.of(Customer).put_many([who for who, _ in told])
        unit.of(ConsentEntry).put_many([ConsentEntry(customer_id=who.id, **one) for who, said in told for one in said])
        unit.commit()
    asked(store, [who for who, _ in told])


def test_those_who_said_the_same_get_one_answer_each_with_his_own_entry():
    store = SqlStore("sqlite://")
    store.create_schema()
    who = [Customer(name=PersonName(given=str(number)), contact_points=(MAIL,)) for number in range(3)]
    fields = {"purpose": "marketing", "status": ConsentStatus.GRANTED, "captured_at": NOW - DAY}
    said = [ConsentEntry(customer_id=one.id, **fields) for one in who]
    with store.begin() as unit:
        unit.of(Customer).put_many(who)
        unit.of(ConsentEntry).put_many(said)
        unit.commit()
    with store.begin(read_only=True) as unit:
        ledger = Consents.read(unit, NOW, aliases(unit))
    answers = [ledger.permission(one, "email", "marketing", NOW) for one in who]
    assert [one.entry_id for one in answers] == [one.id for one in said]
    assert len(ledger.answers) == 1
    asked(store, who)


def test_rules_lists_and_contacts_are_asked_of_the_law():
    ana = Customer(name=PersonName(given="Ana"), contact_points=(MAIL,))
    yes = ConsentEntry(customer_id=ana.id, purpose="marketing", status=ConsentStatus.GRANTED, captured_at=NOW - DAY)
    store = MemoryStore()
    with store.begin() as unit:
        unit.of(Customer).add(ana)
        unit.of(ConsentEntry).add(yes)
        unit.commit()
    asked(store, [ana], suppressions=[Suppression(customer_id=ana.id, reason="complaint", since=NOW - DAY)])
    cap = ContactPolicy(caps=(FrequencyCap(1, CapPeriod.DAY),))
    asked(store, [ana], policies=[cap], made=[ContactMade("email", NOW)])
