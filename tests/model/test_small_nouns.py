"""Interactions, sources, imports, offers, assessments, intents: each refuses what contradicts itself."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.consent import Permission
from pycrm.model.customer import Customer, PersonName
from pycrm.model.entity import new_id
from pycrm.model.evidence import Actor, ActorKind, EvidenceRef, Reason
from pycrm.model.facts import age_on, facts_of
from pycrm.model.import_run import ImportOutcome, ImportRun, RowStatus, count_outcomes
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.interaction import Interaction, InteractionKind, Participant
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferDecision, OfferKind
from pycrm.model.predicate import where
from pycrm.model.source import IdentityLink, SourceRecord, identities

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MAY = date(2026, 5, 1)
WHO = new_id()
WHY = (Reason("because", "it is so"),)


def call(**fields):
    return Interaction(
        **{
            "customer_id": WHO,
            "kind": InteractionKind.CALL,
            "channel": "phone",
            "occurred_at": NOON,
            "recorded_at": NOON,
            **fields,
        }
    )


def test_the_same_contact_has_the_key_of_its_source_or_its_own():
    assert call(idempotency_key="crm:7").idempotency_key == "crm:7"
    plain = call()
    assert plain.idempotency_key == str(plain.id)
    assert call(customer_id=None, anonymous_id="cookie").customer_id is None
    assert call(customer_id=None, participants=(Participant(party_id=WHO),)).participants[0].role == "customer"


@pytest.mark.parametrize(
    "fields",
    [{"recorded_at": NOON - timedelta(seconds=1)}, {"customer_id": None}, {"duration": timedelta(-1)}, {"sentiment": 1.5},
     {"sentiment": float("nan")}, {"sentiment": "good"}, {"channel": "fax"}, {"occurred_at": "now"}, {"kind": "call"}, {"duration": 5}],
)  # fmt: skip
def test_an_impossible_contact_is_refused(fields):
    with pytest.raises(InvalidValueError):
        call(**fields)


def test_who_acted_and_what_it_rests_on():
    assert str(Actor(ActorKind.AGENT, "bot")) == "agent:bot"
    assert EvidenceRef("order", WHO, NOON).at == NOON
    for wrong in (
        lambda: Actor("human", "x"),
        lambda: Reason("Code!", "x"),
        lambda: Reason("x", ""),
        lambda: EvidenceRef("order", "x"),
    ):
        with pytest.raises(InvalidValueError):
            wrong()


@given(st.lists(strategies.identity_links, max_size=6), st.randoms())
def test_the_last_decision_says_whom_a_record_speaks_of_whatever_the_order(links, random):
    shuffled = list(links)
    random.shuffle(shuffled)
    assert identities(shuffled) == identities(links)
    assert set(identities(links)) == {link.record_id for link in links}


def test_a_later_decision_replaces_an_earlier_one():
    record, other = new_id(), new_id()
    links = [
        IdentityLink(
            record_id=record, customer_id=who, rule="email", decided_at=NOON + timedelta(days=day), reason="same"
        )
        for who, day in ((other, 1), (WHO, 0))
    ]
    assert identities(links) == {record: other}


@pytest.mark.parametrize("fields", [{"key": ""}, {"received_at": MAY}, {"fields": 5}, {"source": None}])
def test_a_source_record_without_key_or_time_is_refused(fields):
    with pytest.raises(InvalidValueError):
        SourceRecord(**{"source": "shop", "key": "7", "received_at": NOON, **fields})


def test_an_import_counts_its_rows_and_ends_after_its_start():
    assert count_outcomes([ImportOutcome(0, RowStatus.REFUSED, "k", "no key")])["refused"] == 1
    with pytest.raises(InvalidValueError, match="ends after"):
        ImportRun(source="shop", key="7", started_at=NOON, finished_at=NOON - timedelta(1))
    with pytest.raises(InvalidValueError):
        ImportOutcome(-1, RowStatus.ADDED)
    assert ImportRun(source="shop", key="7", started_at=NOON).finished_at is None


def offer(**fields):
    return Offer(**{"code": "tea", "name": "Tea", "kind": OfferKind.SERVICE, **fields})


@pytest.mark.parametrize(
    "fields",
    [{"kind": OfferKind.PERCENT}, {"percent": Decimal(5)}, {"kind": OfferKind.PERCENT, "percent": Decimal(0)},
     {"kind": OfferKind.PERCENT, "percent": Decimal(101)}, {"kind": OfferKind.AMOUNT}, {"amount": Money(1, "EUR")},
     {"kind": OfferKind.AMOUNT, "amount": Money(0, "EUR")}, {"fallback": True, "eligible": where("a") == 1}, {"eligible": "all"},
     {"code": "Tea!"}, {"priority": -1}],
)  # fmt: skip
def test_an_offer_that_contradicts_itself_is_refused(fields):
    with pytest.raises(InvalidValueError):
        offer(**fields)


def test_an_offer_gives_what_its_kind_says():
    assert offer(kind=OfferKind.PERCENT, percent=Decimal(100)).percent == 100
    assert offer(kind=OfferKind.AMOUNT, amount=Money(5, "EUR")).amount == Money(5, "EUR")


def test_a_decision_says_why_and_over_which_channel():
    fields = {"customer_id": WHO, "run": "1", "as_of": MAY, "decided_at": NOON}
    assert OfferDecision(**fields, reasons=WHY).offer_id is None
    for wrong in ({"reasons": ()}, {"reasons": WHY, "channel": "fax"}):
        with pytest.raises(InvalidValueError):
            OfferDecision(**fields, **wrong)


def assessment(**fields):
    return Assessment(
        **{
            "customer_id": WHO,
            "run": "1",
            "as_of": MAY,
            "since": MAY,
            "orders": 1,
            "historic_value": Money(9, "EUR"),
            "tier": Tier.MOST_VALUABLE,
            **fields,
        }
    )


@pytest.mark.parametrize(
    "fields",
    [{"since": date(2026, 5, 2)}, {"recency_score": 0}, {"frequency_score": 6}, {"monetary_score": True}, {"orders": -1},
     {"probability_alive": 1.1}, {"tier": "most valuable"}, {"as_of": NOON}],
)  # fmt: skip
def test_an_impossible_assessment_is_refused(fields):
    with pytest.raises(InvalidValueError):
        assessment(**fields)


def test_an_assessment_is_of_one_currency():
    with pytest.raises(CurrencyMismatchError):
        assessment(expected_high=Money(9, "USD"))


def intent(**fields):
    return ContactIntent(
        **{
            "customer_id": WHO,
            "run": "1",
            "as_of": MAY,
            "created_at": NOON,
            "kind": IntentKind.QUESTION,
            "topic": "needs",
            "text": "What do you need?",
            "channel": "email",
            "purpose": "service",
            "permission": Permission(True, WHY),
            "reasons": WHY,
            **fields,
        }
    )


def test_there_is_no_intent_without_a_permission():
    assert intent().permission
    for refused in (Permission(False, WHY), Permission(False), "yes"):
        with pytest.raises(InvalidValueError, match="permission"):
            intent(permission=refused)
    with pytest.raises(InvalidValueError, match="before it was planned"):
        intent(send_at=NOON - timedelta(seconds=1))


def test_the_facts_of_a_customer_are_one_row_and_what_is_not_known_is_none():
    ana = Customer(id=WHO, name=PersonName(given="Ana"), birth_date=date(2000, 2, 29), tags=frozenset({"b", "a"}))
    row = facts_of(ana, date(2026, 2, 28))
    assert (row["age"], row["orders"], row["tier"], row["tags"], row["email"]) == (25, 0, None, ("a", "b"), False)
    assert age_on(date(2000, 2, 29), date(2026, 3, 1)) == 26
    full = facts_of(
        ana,
        date(2026, 5, 11),
        assessment=assessment(expected_value=Money(3, "EUR"), segment="loyal"),
        last_order=MAY,
        owned=frozenset({"tea"}),
    )
    assert (full["value"], full["expected_value"], full["tier"], full["days_since_order"]) == (
        9,
        3,
        "most valuable",
        10,
    )
    assert facts_of(ana, MAY, assessment=assessment())["expected_value"] is None
