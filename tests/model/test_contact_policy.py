"""Caps, quiet hours and pauses hold on the customer's own clocks, across daylight saving."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from pycrm.errors import InvalidValueError
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.contact_policy import (
    CapPeriod,
    ContactMade,
    ContactPolicy,
    FrequencyCap,
    QuietHours,
    Suppression,
    objections,
)
from pycrm.model.customer import Customer
from pycrm.model.entity import new_id
from pycrm.model.time import Period

MADRID = "Europe/Madrid"
ANA = Customer(contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw="ana@example.com"),), zone=MADRID)
NIGHT = QuietHours.between("21:00", "08:00")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUNE = datetime(2026, 6, 1, 10, tzinfo=UTC)  # a Monday, noon in Madrid


def local(*parts):
    return datetime(*parts, tzinfo=ZoneInfo(MADRID)).astimezone(UTC)


def asked(at=JUNE, customer=ANA, channel="email", purpose="marketing", **lists):
    against, notes = objections(customer, channel, purpose, at, **lists)
    return [reason.code for reason in against], [reason.code for reason in notes]


@pytest.mark.parametrize(
    "at, quiet",
    [
        (local(2026, 1, 15, 20, 59), False),
        (local(2026, 1, 15, 21, 0), True),
        (local(2026, 7, 15, 21, 0), True),
        (local(2026, 7, 15, 7, 59), True),
        (local(2026, 7, 15, 8, 0), False),
        (datetime(2026, 1, 15, 19, 30, tzinfo=UTC), False),
        (datetime(2026, 7, 15, 19, 30, tzinfo=UTC), True),
    ],
)
def test_quiet_hours_are_those_of_the_clock_on_the_wall(at, quiet):
    assert NIGHT.cover(at, MADRID) is quiet


@given(
    strategies.days,
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from([MADRID, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_quiet_hours_end_at_an_instant_that_is_not_quiet(at, start, end, zone):
    quiet = QuietHours(start, end)
    over = quiet.end_after(at, zone)
    assert over >= at
    assert not quiet.cover(over, zone)
    assert over - at <= timedelta(hours=26)
    if over > at:
        assert quiet.cover(over - timedelta(minutes=1), zone) or over - at < timedelta(minutes=1)


def test_quiet_hours_end_at_their_end_where_the_clocks_jump():
    spring, autumn = QuietHours.between("00:00", "02:30"), QuietHours.between("00:00", "02:30")
    assert spring.end_after(local(2026, 3, 29, 1, 0), MADRID) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert autumn.end_after(local(2026, 10, 25, 1, 0), MADRID) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # the clocks show 02:10 again
    assert autumn.end_after(second_pass, MADRID) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_hours_that_begin_where_they_end_are_never_quiet():
    assert not QuietHours(600, 600).cover(JUNE, "UTC")
    assert not QuietHours.between("10:30", "11:30").cover(JUNE, "UTC")


@pytest.mark.parametrize("hours", [(-1, 5), (0, 1440), (True, 5), (1.0, 5), ("21:00", 5)])
def test_impossible_hours_are_refused(hours):
    with pytest.raises(InvalidValueError):
        QuietHours(*hours)


@pytest.mark.parametrize("text", ["25:00", "x", None, 5])
def test_an_unreadable_hour_is_refused(text):
    with pytest.raises(InvalidValueError, match="quiet_hours"):
        QuietHours.between(text, "08:00")


@pytest.mark.parametrize(
    "per, within, outside",
    [
        (CapPeriod.DAY, JUNE - HOUR, local(2026, 5, 31, 23, 59)),
        (CapPeriod.WEEK, local(2026, 6, 1, 0, 0), local(2026, 5, 31, 23, 59)),
        (CapPeriod.MONTH, local(2026, 6, 1, 0, 0), local(2026, 5, 31, 23, 59)),
    ],
)
def test_a_cap_counts_the_calendar_period_of_the_customer(per, within, outside):
    policy = ContactPolicy(caps=(FrequencyCap(1, per),))
    assert asked(policies=[policy], made=[ContactMade("email", within)]) == (["frequency_cap"], [])
    assert asked(policies=[policy], made=[ContactMade("email", outside)]) == ([], [])
    assert asked(policies=[policy], made=[ContactMade("email", JUNE + HOUR)]) == ([], [])


def test_a_cap_of_a_channel_or_purpose_counts_its_own():
    email = ContactPolicy(caps=(FrequencyCap(1, CapPeriod.DAY, "email"),))
    marketing = ContactPolicy(purpose="marketing", caps=(FrequencyCap(1, CapPeriod.DAY),))
    sms, news, service = (
        ContactMade("sms", JUNE),
        ContactMade("email", JUNE, "marketing.news"),
        ContactMade("email", JUNE, "service"),
    )
    assert asked(policies=[email], made=[sms])[0] == []
    assert asked(policies=[email], made=[service])[0] == ["frequency_cap"]
    assert asked(policies=[email], made=[service], channel="sms")[0] == []
    assert asked(policies=[marketing], made=[service])[0] == []
    assert asked(policies=[marketing], made=[news])[0] == ["frequency_cap"]
    assert asked(policies=[marketing], made=[sms])[0] == ["frequency_cap"]
    assert asked(policies=[marketing], made=[news], purpose="service")[0] == []


def test_the_strictest_of_all_policies_wins():
    loose, strict = (ContactPolicy(caps=(FrequencyCap(count, CapPeriod.DAY),)) for count in (9, 0))
    assert asked(policies=[loose, strict])[0] == ["frequency_cap"]
    assert asked(policies=[loose, ContactPolicy(customer_id=ANA.id, pauses=(Period(None, None),))])[0] == ["paused"]
    assert asked(policies=[ContactPolicy(customer_id=new_id(), pauses=(Period(None, None),))]) == ([], [])


def test_without_a_zone_that_of_the_policy_counts_and_is_named():
    nowhere = attrs.evolve(ANA, zone=None)
    policy = ContactPolicy(quiet_hours=NIGHT, zone="Asia/Tokyo")
    assert asked(datetime(2026, 6, 1, 13, tzinfo=UTC), nowhere, policies=[policy]) == (
        ["quiet_hours"],
        ["zone_assumed"],
    )
    assert asked(datetime(2026, 6, 1, 3, tzinfo=UTC), nowhere, policies=[policy, policy]) == ([], ["zone_assumed"])
    assert asked(customer=nowhere, policies=[ContactPolicy()]) == ([], [])


def test_a_preferred_channel_is_a_note_or_a_rule():
    assert asked(policies=[ContactPolicy(preferred="sms")]) == ([], ["another_preferred"])
    assert asked(policies=[ContactPolicy(preferred="email", only_preferred=True)]) == ([], [])
    assert asked(policies=[ContactPolicy(preferred="sms", only_preferred=True)]) == (["not_preferred"], [])
    with pytest.raises(InvalidValueError, match="preferred"):
        ContactPolicy(only_preferred=True)


@pytest.mark.parametrize(
    "fields, holds",
    [
        ({"address": "ana@example.com"}, True),
        ({"address": "bea@example.com"}, False),
        ({"address": Suppression.digest_of("ana@example.com")}, True),
        ({"address": Suppression.digest_of("bea@example.com")}, False),
        ({"customer_id": ANA.id}, True),
        ({"customer_id": new_id()}, False),
        ({"customer_id": ANA.id, "channel": "sms"}, False),
        ({"customer_id": ANA.id, "until": JUNE}, False),
        ({"customer_id": ANA.id, "until": JUNE + DAY}, True),
        ({"customer_id": ANA.id, "since": JUNE + DAY}, False),
    ],
)
def test_a_suppression_forbids_its_address_or_customer(fields, holds):
    listed = Suppression(**{"reason": "complaint", "since": JUNE - DAY, **fields})
    assert asked(suppressions=[listed])[0] == ["suppressed"] * holds


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"address": "a", "customer_id": ANA.id},
        {"address": " "},
        {"address": "a", "until": JUNE},
        {"address": "a", "channel": "fax"},
    ],
)
def test_a_suppression_that_names_nobody_or_ends_early_is_refused(fields):
    with pytest.raises(InvalidValueError):
        Suppression(reason="complaint", since=JUNE, **fields)
