"""Whether a customer may be profiled: an objection leaves him out, and where consent is needed silence does too."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus, LegalBasis
from pycrm.model.customer import Processing
from pycrm.model.entity import new_id
from pycrm.model.profiling import ProfilingPolicy, may_profile
from pycrm.model.time import Period

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ANA = new_id()
ASKED = ProfilingPolicy(basis=LegalBasis.CONSENT)


def said(status, days_ago=1, purpose="profiling", **more):
    return ConsentEntry(customer_id=ANA, purpose=purpose, status=status, captured_at=NOW - days_ago * DAY, **more)


def code(*consents, policies=(), at=NOW, processing=Processing.ALLOWED):
    answer = may_profile(ANA, at, consents=consents, policies=policies, processing=processing)
    return "allowed" if answer else answer.reasons[0].code


NO, YES = ConsentStatus.WITHDRAWN, ConsentStatus.GRANTED


def test_who_said_nothing_is_profiled_by_legitimate_interest_and_not_where_consent_is_needed():
    assert code() == "allowed"
    assert code(policies=[ASKED]) == "no_consent"


@pytest.mark.parametrize("status", [ConsentStatus.DENIED, ConsentStatus.WITHDRAWN])
def test_an_objection_leaves_out_and_the_reason_tells_what_and_when(status):
    answer = may_profile(ANA, NOW, consents=[said(status)])
    assert (answer.allowed, answer.reasons[0].code) == (False, "objected")
    assert answer.reasons[0].text == "the customer objected to profiling on 2026-04-30"


@pytest.mark.parametrize("processing", [Processing.RESTRICTED, Processing.ERASED])
def test_a_restriction_and_an_erasure_come_first(processing):
    assert code(said(YES), processing=processing) == processing.value


def test_a_no_to_a_purpose_above_reaches_it_and_one_below_or_beside_does_not():
    mine = ProfilingPolicy(purpose="marketing.profiling")
    assert code(said(NO, purpose="marketing"), policies=[mine]) == "objected"
    assert code(said(NO, purpose="marketing.profiling.tiers"), policies=[mine]) == "allowed"
    assert code(said(NO, purpose="marketing.news"), policies=[mine]) == "allowed"


def test_a_no_to_mail_about_everything_is_about_mail_and_a_no_to_profiling_is_one_on_any_channel():
    mine = ProfilingPolicy(purpose="marketing.profiling")
    assert code(said(NO, purpose="marketing", channel="email"), policies=[mine]) == "allowed"
    assert code(said(NO, purpose="marketing.profiling", channel="email"), policies=[mine]) == "objected"


def test_only_a_later_yes_of_his_own_ends_an_objection():
    assert code(said(NO, 3), said(YES, 2)) == "allowed"
    assert code(said(NO, 2), said(YES, 3)) == "objected"
    assert code(said(NO, 2), said(YES, 2)) == "objected"
    assert code(said(NO, 3), said(YES, 2, capture_source=CaptureSource.IMPORT)) == "objected"
    assert code(said(NO, 3), said(YES, 2, legal_basis=LegalBasis.LEGITIMATE_INTEREST)) == "objected"
    assert code(said(NO, 3, purpose="marketing"), said(YES, 2, purpose="marketing"),
                policies=[ProfilingPolicy(purpose="marketing.profiling")]) == "objected"  # fmt: skip


def test_an_objection_for_a_time_holds_that_time_and_what_is_said_later_is_not_known_yet():
    until = said(NO, 3, effective=Period(None, NOW))
    assert code(until) == "allowed"
    assert code(until, at=NOW - DAY) == "objected"
    assert code(said(NO, -1)) == "allowed"


def test_a_no_to_one_brand_counts_until_that_brand_or_all_hear_yes():
    assert code(said(NO, 3, brand="acme"), said(YES, 2, brand="other")) == "objected"
    assert code(said(NO, 3, brand="acme"), said(YES, 2, brand="acme")) == "allowed"
    assert code(said(NO, 3, brand="acme"), said(YES, 2)) == "allowed"
    assert code(said(NO, 3), said(YES, 2, brand="acme")) == "objected"


def test_where_consent_is_needed_only_a_standing_confirmed_one_is_enough():
    confirmed = attrs.evolve(ASKED, double_opt_in=True)
    assert code(said(YES), policies=[ASKED]) == "allowed"
    assert code(said(YES, legal_basis=LegalBasis.CONTRACT), policies=[ASKED]) == "no_consent"
    assert code(said(ConsentStatus.DEFAULT_YES), policies=[ASKED]) == "no_consent"
    assert code(said(YES, purpose="marketing"), policies=[ProfilingPolicy(purpose="marketing.profiling", basis=LegalBasis.CONSENT)]) == "no_consent"  # fmt: skip
    assert code(said(YES, effective=Period(None, NOW)), policies=[ASKED]) == "expired"
    assert code(said(YES), policies=[confirmed]) == "unconfirmed"
    assert code(said(YES, 3, double_opt_in_at=NOW + DAY), policies=[confirmed]) == "unconfirmed"
    assert code(said(YES, 3, double_opt_in_at=NOW), policies=[confirmed]) == "allowed"


def test_of_several_policies_all_must_agree():
    by_name = [ProfilingPolicy(), ProfilingPolicy(purpose="ads", basis=LegalBasis.CONSENT)]
    assert code(policies=by_name) == "no_consent"
    assert code(said(YES, purpose="ads"), policies=by_name) == "allowed"
    assert code(said(YES, purpose="ads"), said(NO), policies=by_name) == "objected"


def test_another_ground_is_refused_by_name():
    with pytest.raises(InvalidValueError, match=r"basis.*contract.*LEGITIMATE_INTEREST"):
        ProfilingPolicy(basis=LegalBasis.CONTRACT)


words = st.builds(
    said,
    st.sampled_from(ConsentStatus),
    st.integers(0, 3),
    purpose=st.sampled_from(["marketing", "marketing.profiling"]),
    channel=st.sampled_from([None, "email"]),
    brand=st.sampled_from([None, "acme"]),
    legal_basis=st.sampled_from(LegalBasis),
    capture_source=st.sampled_from(CaptureSource),
)


@given(st.lists(words, max_size=5), st.sampled_from([LegalBasis.LEGITIMATE_INTEREST, LegalBasis.CONSENT]))
def test_one_more_no_never_allows_and_consent_is_the_stricter_ground(consents, basis):
    policy = ProfilingPolicy(purpose="marketing.profiling", basis=basis)
    last = said(NO, 0, purpose="marketing.profiling")
    assert code(*consents, last, policies=[policy]) == "objected"
    strict = attrs.evolve(policy, basis=LegalBasis.CONSENT)
    if code(*consents, policies=[strict]) == "allowed":
        assert code(*consents, policies=[policy]) == "allowed"
