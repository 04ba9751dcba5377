"""Instants are aware and in UTC, dates are dates, periods are half open."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import attrs
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

import strategies
from pycrm.errors import InvalidValueError
from pycrm.model.time import Period, in_utc, is_date, is_instant, is_zone, local_date

DAY = timedelta(days=1)
START = datetime(2026, 5, 1, tzinfo=UTC)


@frozen
class Moment:
    at: datetime = attrs.field(converter=in_utc, validator=is_instant)


@frozen
class Day:
    on: date = attrs.field(validator=is_date)
    zone: str = attrs.field(default="UTC", validator=is_zone)


class Nowhere(tzinfo):
    def utcoffset(self, _):
        return None


@given(strategies.days, st.sampled_from(["Europe/Madrid", "America/New_York", "Asia/Kathmandu", "UTC"]))
def test_an_instant_is_kept_in_utc(at, zone):
    kept = Moment(at.astimezone(ZoneInfo(zone))).at
    assert kept == at
    assert kept.tzinfo is UTC


@pytest.mark.parametrize(
    "at", [None, "2026-05-01", date(2026, 5, 1), datetime(2026, 5, 1), datetime(2026, 5, 1, tzinfo=Nowhere()), 0]
)
def test_a_time_without_zone_is_refused(at):
    with pytest.raises(InvalidValueError, match="at"):
        Moment(at)


def test_a_time_outside_the_calendar_of_utc_is_refused():
    with pytest.raises(InvalidValueError, match="years 1 to 9999"):
        Moment(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))))


@pytest.mark.parametrize("on", [None, "2026-05-01", START, 0])
def test_a_time_is_no_date(on):
    with pytest.raises(InvalidValueError, match="calendar date"):
        Day(on)


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc", None, 5, "Europe"])
def test_an_unknown_zone_is_refused(zone):
    with pytest.raises(InvalidValueError, match="IANA zone"):
        Day(date(2026, 5, 1), zone)


def test_the_date_is_that_of_the_place():
    assert local_date(datetime(2026, 1, 31, 23, 30, tzinfo=UTC), "Europe/Madrid") == date(2026, 2, 1)
    assert local_date(datetime(2026, 1, 31, 23, 30, tzinfo=UTC), "America/New_York") == date(2026, 1, 31)


@given(strategies.periods(), strategies.days)
def test_a_period_holds_its_start_and_not_its_end(period, at):
    assert (at in period) == ((period.start is None or period.start <= at) and (period.end is None or at < period.end))
    if period.start is not None:
        assert period.start in period
    if period.end is not None:
        assert period.end not in period


@given(strategies.periods(), strategies.periods())
def test_periods_overlap_when_an_instant_lies_in_both(one, other):
    ends = [each.start for each in (one, other) if each.start is not None]
    ends += [each.end - timedelta(microseconds=1) for each in (one, other) if each.end is not None]
    shared = any(at in one and at in other for at in ends) or not ends
    assert one.overlaps(other) == other.overlaps(one) == shared


def test_a_period_is_asked_in_whatever_zone_the_instant_is_told():
    year = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    madrid = ZoneInfo("Europe/Madrid")
    assert datetime(2027, 1, 1, 0, 30, tzinfo=madrid) in year
    assert datetime(2026, 1, 1, 0, 30, tzinfo=madrid) not in year


def test_neighbours_do_not_overlap():
    assert not Period(START, START + DAY).overlaps(Period(START + DAY, None))
    assert not Period(START + DAY, None).overlaps(Period(None, START + DAY))


def test_a_period_has_a_length_unless_a_side_is_open():
    assert Period(START, START + DAY).length == DAY
    assert Period(START, None).length is Period(None, START).length is None


@pytest.mark.parametrize("end", [START, START - DAY])
def test_a_period_ends_after_its_start(end):
    with pytest.raises(InvalidValueError, match="ends after its start"):
        Period(START, end)


@pytest.mark.parametrize("side", ["2026", 5, datetime(2026, 1, 1)])
def test_a_period_is_made_of_instants(side):
    with pytest.raises(InvalidValueError):
        Period(side)
