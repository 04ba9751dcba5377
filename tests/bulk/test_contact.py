"""Permission over columns is that of one by one: consent, contact policies and suppression lists together."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pycrm.bulk import permission_columns
from pycrm.errors import InvalidDataError, MissingColumnError
from pycrm.model.consent import ConsentEntry, ConsentStatus, may_contact
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.contact_policy import CapPeriod, ContactMade, ContactPolicy, FrequencyCap, QuietHours, Suppression
from pycrm.model.customer import Customer, PersonName, Processing
from pycrm.model.time import Period

# Clocks go forward in Madrid on 29 March 2026 at 01:00 UTC, in New York on 8 March at 07:00, back in Lord Howe (half an hour) on
# 4 April at 15:00; Kathmandu is 5 h 45 min ahead, Apia and Pago Pago a day apart.
ZONES = [
    None,
    "Europe/Madrid",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Pago_Pago",
]
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
moments = st.builds(lambda minutes: MARCH + timedelta(minutes=minutes), st.integers(0, 36 * 24 * 60))
PEOPLE = [UUID(int=number) for number in range(1, 5)]
CONSENT_SAYS = {"expired", "unconfirmed", "interest_not_allowed", "withdrawn", "denied", "pending", "no_consent"}

people = st.tuples(
    *(
        st.builds(
            Customer,
            id=st.just(who),
            name=st.just(PersonName(given="Ana")),
            contact_points=st.sampled_from([(), (ContactPoint(kind=ContactKind.EMAIL, raw=f"{who.int}@Example.com"),)]),
            zone=st.sampled_from(ZONES),
            is_deceased=st.integers(0, 9).map(lambda one: one == 0),
            processing=st.sampled_from([Processing.ALLOWED] * 4 + [*Processing]),
        )
        for who in PEOPLE
    )
)
policies = st.lists(
    st.builds(
        lambda only, **fields: ContactPolicy(only_preferred=only and fields["preferred"] is not None, **fields),
        st.booleans(),
        customer_id=st.none() | st.sampled_from([*PEOPLE, UUID(int=9)]),
        purpose=st.sampled_from([None, "marketing", "marketing.news", "service"]),
        caps=st.lists(
            st.builds(
                FrequencyCap, st.integers(0, 3), st.sampled_from(CapPeriod), st.sampled_from([None, "email", "sms"])
            ),
            max_size=2,
        ).map(tuple),
        quiet_hours=st.none() | st.builds(QuietHours, st.integers(0, 1439), st.integers(0, 1439)),
        zone=st.sampled_from([zone for zone in ZONES if zone]),
        pauses=st.lists(moments.map(lambda at: Period(at, at + timedelta(days=3))), max_size=1).map(tuple),
        preferred=st.sampled_from([None, None, "email", "sms"]),
    ),
    max_size=4,
)
contacts = st.lists(
    st.tuples(
        st.sampled_from([*PEOPLE, UUID(int=9)]),
        st.builds(
            ContactMade,
            st.sampled_from(["email", "sms"]),
            moments,
            st.sampled_from([None, "marketing", "marketing.news"]),
        ),
    ),
    max_size=12,
)
addresses = st.sampled_from([f"{who.int}@example.com" for who in PEOPLE])
suppressions = st.lists(
    st.builds(
        lambda address, who, lasts, since, **fields: Suppression(
            address=address,
            customer_id=who if address is None else None,
            since=since,
            until=None if lasts is None else since + timedelta(days=lasts),
            **fields,
        ),
        st.none() | addresses | addresses.map(Suppression.digest_of),
        st.sampled_from(PEOPLE),
        st.none() | st.integers(1, 9),
        moments,
        channel=st.sampled_from([None, "email", "sms"]),
        reason=st.just("complaint"),
    ),
    max_size=3,
)
ledgers = st.lists(
    st.builds(
        ConsentEntry,
        customer_id=st.sampled_from(PEOPLE),
        purpose=st.sampled_from(["marketing", "marketing.news"]),
        status=st.sampled_from([ConsentStatus.GRANTED] * 5 + [*ConsentStatus]),
        captured_at=moments,
    ),
    max_size=6,
)


def columns_of(customers, at):
    points = [customer.reachable_by("email", at) for customer in customers]
    return {
        "customer": [str(customer.id) for customer in customers],
        "address": [None if point is None else point.normalised for point in points],
        "zone": [customer.zone for customer in customers],
        "deceased": [customer.is_deceased for customer in customers],
        "processing": [str(customer.processing) for customer in customers],
    }


DAWN = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30 in Madrid, an hour after the clocks went forward
ANA = Customer(
    id=PEOPLE[0], contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw="1@example.com"),), zone="Europe/Madrid"
)
OTHERS = tuple(Customer(id=who, name=PersonName(given="x")) for who in PEOPLE[1:])
YES = [ConsentEntry(customer_id=PEOPLE[0], purpose="marketing", status=ConsentStatus.GRANTED, captured_at=MARCH)]


@settings(max_examples=200)
@given(people, st.sampled_from(["marketing", "marketing.news"]), moments, ledgers, policies, contacts, suppressions)
@example(
    (ANA, *OTHERS), "marketing", DAWN, YES, [ContactPolicy(quiet_hours=QuietHours.between("02:00", "03:31"))], [], []
)
@example(
    (ANA, *OTHERS),
    "marketing",
    DAWN,
    YES,
    [ContactPolicy(caps=(FrequencyCap(1, CapPeriod.DAY),))],
    [(PEOPLE[0], ContactMade("email", datetime(2026, 3, 28, 23, tzinfo=UTC)))],
    [],
)
@example(
    (ANA, *OTHERS),
    "marketing",
    DAWN,
    YES,
    [ContactPolicy(caps=(FrequencyCap(1, CapPeriod.MONTH),))],
    [(PEOPLE[0], ContactMade("email", datetime(2026, 2, 28, 23, 30, tzinfo=UTC)))],
    [],
)
def test_permission_over_columns_is_that_of_one_by_one(customers, purpose, at, ledger, rules, made, never):
    found = permission_columns(
        columns_of(customers, at),
        "email",
        purpose,
        np.datetime64(at.replace(tzinfo=None), "us"),
        {
            "customer": [str(entry.customer_id) for entry in ledger],
            "purpose": [entry.purpose for entry in ledger],
            "status": [str(entry.status) for entry in ledger],
            "captured_at": [entry.captured_at for entry in ledger],
        },
        policies=rules,
        made={
            "customer": [str(who) for who, _ in made],
            "channel": [contact.channel for _, contact in made],
            "at": [contact.at for _, contact in made],
            "purpose": [contact.purpose for _, contact in made],
        },
        suppressions={
            "address": [one.address for one in never],
            "customer": [None if one.customer_id is None else str(one.customer_id) for one in never],
            "since": [one.since for one in never],
            "until": [one.until for one in never],
            "channel": [one.channel for one in never],
        },
    )
    for row, customer in enumerate(customers):
        alone = may_contact(
            customer,
            "email",
            purpose,
            at,
            consents=ledger,
            policies=rules,
            made=[contact for who, contact in made if who == customer.id],
            suppressions=never,
        )
        assert bool(found.allowed[row]) == alone.allowed
        codes = {"no_consent" if reason.code in CONSENT_SAYS else reason.code for reason in alone.reasons}
        against = {code for code, rows in found.against.items() if rows[row]}
        assert against == codes - {"granted", "zone_assumed", "another_preferred"}
        assert bool(found.reason[row]) != alone.allowed
    assert sum(found.counts().values()) == len(found) == 4


def test_the_columns_are_named_that_make_no_sense():
    ledger = {"customer": [], "purpose": [], "status": [], "captured_at": []}
    fit = {"customer": [1, 2], "address": ["a", "b"]}

    def ask(people, **more):
        return permission_columns(people, "email", "marketing", "2026-05-01", ledger, **more)

    for people, error, word in (
        ({"address": ["a"]}, MissingColumnError, "customer"),
        ({"customer": [1]}, MissingColumnError, "address"),
        ({"customer": [1, 1], "address": ["a", "b"]}, InvalidDataError, "once"),
        ({**fit, "address": ["a"]}, InvalidDataError, "give 2 values"),
        ({**fit, "zone": ["", "Mars/Base"]}, InvalidDataError, "IANA"),
    ):
        with pytest.raises(error, match=word):
            ask(people)
    capped = {"policies": [ContactPolicy(caps=(FrequencyCap(1, CapPeriod.DAY),))]}
    for made, error in (
        ({"customer": [1]}, MissingColumnError),
        ({"customer": [1], "channel": ["email"]}, MissingColumnError),
        ({"customer": [1], "channel": ["email"], "at": [None]}, InvalidDataError),
        ({"customer": [1], "channel": ["email"], "at": []}, InvalidDataError),
    ):
        with pytest.raises(error):
            ask(fit, made=made, **capped)
    with pytest.raises(MissingColumnError, match="since"):
        ask(fit, suppressions={"address": ["a"]})
    assert ask({"customer": [], "address": []}, **capped).counts() == {}


def test_a_suppressed_customer_is_known_by_his_id_or_by_the_digest_of_his_address():
    ledger = {"customer": [1, 2], "purpose": ["m", "m"], "status": ["granted"] * 2, "captured_at": ["2026-01-01"] * 2}
    people = {"customer": [1, 2], "address": ["a@b.example", "c@d.example"]}
    never = {"address": ["", Suppression.digest_of("c@d.example")], "customer": [1, None], "since": ["2026-01-01"] * 2}
    found = permission_columns(people, "email", "m", "2026-05-01", ledger, suppressions=never)
    assert found.reason.tolist() == ["suppressed", "suppressed"]
    assert found.counts() == {"suppressed": 2}
