"""Consent: unknown never means yes, a no reaches down, an import never grants anew, and the order of entries changes nothing."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.consent import (
    CaptureSource,
    ConsentEntry,
    ConsentStatus,
    LegalBasis,
    Permission,
    may_contact,
    merge_consents,
)
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.contact_policy import ContactMade, ContactPolicy, QuietHours, Suppression
from pycrm.model.customer import Customer, Processing
from pycrm.model.entity import new_id
from pycrm.model.evidence import Actor, ActorKind
from pycrm.model.time import Period

ANA = Customer(contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw="ana@example.com"),), zone="Europe/Madrid")
JUNE = datetime(2026, 6, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
YES, NO = ConsentStatus.GRANTED, ConsentStatus.WITHDRAWN


def said(status, day=1, purpose="marketing", **fields):
    return ConsentEntry(
        **{
            "customer_id": ANA.id,
            "purpose": purpose,
            "status": status,
            "captured_at": datetime(2026, 5, day, tzinfo=UTC),
            **fields,
        }
    )


def ask(*entries, purpose="marketing", channel="email", at=JUNE, **options):
    return may_contact(ANA, channel, purpose, at, consents=entries, **options)


def codes(permission):
    return [reason.code for reason in permission.reasons]


entries = st.lists(
    st.builds(
        said,
        st.sampled_from(ConsentStatus),
        st.integers(1, 28),
        st.sampled_from(["marketing", "marketing.news", "marketing.news.tea", "service"]),
        channel=st.sampled_from([None, "email", "sms"]),
        capture_source=st.sampled_from(CaptureSource),
        legal_basis=st.sampled_from(LegalBasis),
        brand=st.sampled_from([None, "tea"]),
        id=st.integers(1, 10**6).map(lambda number: new_id(lambda: number * 10**6)),
    ),
    max_size=6,
)


def test_a_yes_permits_and_says_why():
    answer = ask(said(YES))
    assert answer
    assert codes(answer) == ["granted"]
    assert "2026-05-01 (consent)" in answer.reasons[0].text


@pytest.mark.parametrize("status", [status for status in ConsentStatus if status is not YES])
def test_only_a_yes_permits(status):
    assert not ask(said(status))
    assert not ask()


@given(entries, st.sampled_from(["marketing", "marketing.news", "service", "other"]), st.booleans())
def test_unknown_never_means_yes(ledger, purpose, double_opt_in):
    answer = ask(*ledger, purpose=purpose, double_opt_in=double_opt_in)
    assert answer.reasons
    if answer:
        (entry,) = [each for each in ledger if each.id == answer.entry_id][:1]
        assert entry.status is YES
        assert entry.purpose == purpose
        assert entry.channel in {None, "email"}


@given(entries, st.randoms(), st.sampled_from(["marketing", "marketing.news"]))
def test_the_order_of_the_ledger_changes_nothing(ledger, random, purpose):
    ledger = list({each.id: each for each in ledger}.values())
    shuffled = list(ledger)
    random.shuffle(shuffled)
    assert ask(*ledger, purpose=purpose) == ask(*shuffled, purpose=purpose)


@pytest.mark.parametrize("processing", [Processing.RESTRICTED, Processing.ERASED])
@given(ledger=entries)
def test_no_ledger_permits_who_is_restricted_or_erased(processing, ledger):
    answer = may_contact(
        attrs.evolve(ANA, processing=processing), "email", "marketing", JUNE, consents=[*ledger, said(YES)]
    )
    assert (answer.allowed, answer.reasons[0].code) == (False, str(processing))


@given(entries)
def test_a_withdrawal_now_ends_every_permission_below_it(ledger):
    last = said(NO, captured_at=datetime(2026, 5, 29, tzinfo=UTC))
    for purpose in ("marketing", "marketing.news", "marketing.news.tea"):
        assert not ask(*ledger, last, purpose=purpose)


def test_a_withdrawal_reaches_the_purposes_below_and_a_grant_only_its_own():
    assert not ask(said(YES, 1, "marketing.news"), said(NO, 2), purpose="marketing.news")
    assert ask(said(YES, 3, "marketing.news"), said(NO, 2), purpose="marketing.news")
    assert not ask(said(YES, 3), purpose="marketing.news")
    assert ask(said(YES), said(NO, 2, "marketing.news"))


@given(entries)
def test_an_import_never_grants_anew(ledger):
    ledger = [*ledger, said(NO, captured_at=datetime(2026, 5, 29, tzinfo=UTC), brand=None, channel=None)]
    imported = said(YES, captured_at=datetime(2026, 5, 30, tzinfo=UTC), capture_source=CaptureSource.IMPORT)
    assert not ask(*ledger, imported)
    assert ask(*ledger, said(YES, captured_at=datetime(2026, 5, 30, tzinfo=UTC)))


def test_an_import_may_fill_a_gap():
    assert ask(said(YES, capture_source=CaptureSource.IMPORT))


def test_of_a_yes_and_a_no_at_the_same_time_the_no_counts():
    assert codes(ask(said(YES), said(ConsentStatus.DENIED))) == ["denied"]
    assert codes(ask(said(YES), said(NO))) == ["withdrawn"]


def test_a_yes_holds_over_its_channel_and_within_its_period():
    assert not ask(said(YES, channel="sms"))
    assert codes(ask(said(YES, effective=Period(None, JUNE)))) == ["expired"]
    assert ask(said(YES, effective=Period(None, JUNE + DAY)))
    assert codes(ask(said(YES, captured_at=JUNE + DAY))) == ["no_consent"]
    assert ask(said(YES), said(NO, 2, effective=Period(None, JUNE)))


def test_an_older_yes_that_still_holds_is_enough():
    assert ask(said(YES, 1, double_opt_in_at=JUNE - DAY), said(YES, 2), double_opt_in=True)


def test_a_consent_may_have_to_be_confirmed():
    assert codes(ask(said(YES), double_opt_in=True)) == ["unconfirmed"]
    assert codes(ask(said(YES, double_opt_in_at=JUNE + DAY), double_opt_in=True)) == ["unconfirmed"]
    assert ask(said(YES, double_opt_in_at=JUNE), double_opt_in=True)
    assert ask(said(YES, legal_basis=LegalBasis.CONTRACT), double_opt_in=True)
    assert codes(ask(said(ConsentStatus.PENDING))) == ["pending"]


def test_legitimate_interest_needs_a_purpose_that_allows_it_and_nobody_who_objects():
    interest = said(YES, 3, legal_basis=LegalBasis.LEGITIMATE_INTEREST)
    assert codes(ask(interest)) == ["interest_not_allowed"]
    assert ask(interest, interests=frozenset({"marketing"}))
    assert codes(ask(said(NO, 2), interest, interests=frozenset({"marketing"}))) == ["withdrawn"]


def test_a_brand_speaks_for_itself_and_a_no_to_none_for_all():
    assert not ask(said(YES, brand="tea"))
    assert ask(said(YES, brand="tea"), brand="tea")
    assert not ask(said(YES, brand="tea"), said(NO, 2), brand="tea")
    assert ask(said(YES), said(NO, 2, brand="tea"))


def test_the_dead_and_the_unreachable_are_not_contacted_and_all_reasons_are_given():
    import attrs

    answer = may_contact(attrs.evolve(ANA, is_deceased=True), "sms", "marketing", JUNE, consents=[said(YES)])
    assert codes(answer) == ["deceased", "unreachable"]
    assert codes(ask(channel="sms")) == ["unreachable", "no_consent"]


def test_entries_of_others_are_passed_over():
    assert not ask(said(YES, customer_id=new_id()))


def test_policies_and_lists_are_asked_too():
    night = ContactPolicy(quiet_hours=QuietHours.between("11:00", "13:00"), preferred="sms")
    answer = ask(said(YES), policies=[night], made=[ContactMade("email", JUNE)])
    assert codes(answer) == ["quiet_hours", "another_preferred"]
    assert codes(ask(said(YES), policies=[night], at=JUNE + DAY / 4)) == ["granted", "another_preferred"]
    listed = Suppression(address="ana@example.com", reason="complaint", since=JUNE)
    assert codes(ask(said(YES), suppressions=[listed])) == ["suppressed"]


@pytest.mark.parametrize(
    "options", [{"channel": "fax"}, {"purpose": "Marketing!"}, {"at": datetime(2026, 5, 1)}, {"at": None}]
)
def test_a_question_that_makes_no_sense_is_refused(options):
    with pytest.raises(InvalidValueError):
        ask(said(YES), **options)


@pytest.mark.parametrize(
    "fields",
    [{"double_opt_in_at": datetime(2026, 4, 1, tzinfo=UTC)}, {"customer_id": "x"}, {"purpose": ""}, {"legal_basis": "consent"},
     {"channel": "fax"}, {"captured_at": datetime(2026, 1, 1)}, {"actor": "ana"}, {"brand": "Tea"}, {"effective": None}],
)  # fmt: skip
def test_a_wrong_entry_is_refused(fields):
    with pytest.raises(InvalidValueError):
        said(YES, **fields)


def test_a_permission_holds_reasons():
    with pytest.raises(InvalidValueError):
        Permission(True, ("because",))
    with pytest.raises(InvalidValueError):
        Permission("yes")


@given(entries, entries, st.sampled_from(["marketing", "marketing.news", "service"]), st.sampled_from(["email", "sms"]))
def test_the_stricter_survives_a_merge(one, other, purpose, channel):
    import attrs

    twin = new_id()
    other = [attrs.evolve(entry, customer_id=twin, id=new_id()) for entry in other]
    reach = (*ANA.contact_points, ContactPoint(kind=ContactKind.PHONE, raw="600111222"))
    here = attrs.evolve(ANA, contact_points=reach)
    there = attrs.evolve(here, id=twin)
    merged = merge_consents(ANA.id, [one, other], JUNE - DAY, actor=Actor(ActorKind.HUMAN, "ana"))
    assert {entry.customer_id for entry in merged} <= {ANA.id}
    assert len(merged) >= len(one) + len(other)
    before = [
        may_contact(each, channel, purpose, JUNE, consents=ledger) for each, ledger in ((here, one), (there, other))
    ]
    if any(answer.reasons[0].code in {"withdrawn", "denied"} for answer in before):
        assert not may_contact(here, channel, purpose, JUNE, consents=merged)


@pytest.mark.parametrize(
    "one, other, purpose",
    [
        ([said(YES, 2, brand="tea")], [said(NO, channel="email")], "marketing"),
        ([said(YES, 2, channel="email")], [said(NO, brand="tea")], "marketing"),
        ([said(YES, 2, "marketing.news")], [said(NO, channel="email")], "marketing.news"),
        ([said(NO), said(YES, 2, capture_source=CaptureSource.IMPORT)], [said(YES, 3)], "marketing"),
        ([said(NO), said(YES, 2, legal_basis=LegalBasis.LEGITIMATE_INTEREST)], [said(YES, 3)], "marketing"),
    ],
)
def test_a_no_survives_a_merge_however_wide_it_was_and_whatever_did_not_overrule_it(one, other, purpose):
    assert not ask(*merge_consents(ANA.id, [one, other], JUNE - DAY), purpose=purpose, brand="tea")
    assert not ask(*merge_consents(ANA.id, [other, one], JUNE - DAY), purpose=purpose, brand="tea")


def test_a_merge_that_takes_back_a_wide_yes_says_so_once():
    one, other = [said(YES, 2), said(YES, 2, channel="email"), said(YES, 2, brand="tea")], [said(NO)]
    (*_, added) = merge_consents(ANA.id, [one, other], JUNE)
    assert (len(one) + len(other) + 1, added.channel, added.brand) == (5, None, None)
    assert len(merge_consents(ANA.id, [one, other], JUNE)) == 5


def test_a_merge_of_those_who_agree_adds_nothing():
    assert len(merge_consents(ANA.id, [[said(YES)], [said(YES, 2)], []], JUNE)) == 2
    assert len(merge_consents(ANA.id, [[said(NO)], [said(YES, 2)]], JUNE)) == 3
