"""How each noun of ours is handled where it speaks of a person: the sensitivity of every field, why it is kept, its fate.

A new noun or field needs its line here; a test and every erasure refuse the one that has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pycrm.errors import InvalidValueError
from pycrm.model.assessment import Assessment
from pycrm.model.campaign import CampaignMember
from pycrm.model.chat import ChatSession
from pycrm.model.consent import ConsentEntry, LegalBasis
from pycrm.model.contact_policy import ContactPolicy, Suppression
from pycrm.model.contribution import Contribution, ModerationEntry
from pycrm.model.customer import Customer, Organisation, PersonName, Processing
from pycrm.model.evidence import Actor, ActorKind, Reason
from pycrm.model.expense import Expense
from pycrm.model.experiment import Assignment, Exposure, Outcome
from pycrm.model.impersonal import impersonal_handlings
from pycrm.model.intent import ContactIntent
from pycrm.model.interaction import Interaction
from pycrm.model.knowledge import CustomerFact
from pycrm.model.lead import Conversion, Lead, LeadChange
from pycrm.model.lead_magnet import MagnetClaim
from pycrm.model.lifecycle import StageChange, StageRetraction
from pycrm.model.merge import MatchDecision, MatchQuestion
from pycrm.model.next_step import NextStep
from pycrm.model.offer import OfferDecision
from pycrm.model.offer_log import OfferOutcome, OfferOverride
from pycrm.model.opportunity import Opportunity, OpportunityChange, OpportunityTerms
from pycrm.model.order import Order, OrderLine, Refund, UnallocatedRefund
from pycrm.model.points_account import Hold, Lot, PointsAccount
from pycrm.model.points_entry import PointsEntry
from pycrm.model.privacy import BLANK, Fate, Handling, Sensitivity, SubjectRequest
from pycrm.model.promise import Promise
from pycrm.model.referral import Referral
from pycrm.model.reward import Redemption
from pycrm.model.segment import SegmentMembership
from pycrm.model.source import IdentityLink, SourceRecord
from pycrm.model.task import Task
from pycrm.model.touchpoint import Touchpoint
from pycrm.model.vote import Vote, VoteReview
from pycrm.model.withheld import WithheldAnswer

__all__ = ["HANDLINGS", "handling_of"]

_S, _B = Sensitivity, LegalBasis


def _all(sensitivity: Sensitivity, names: str) -> dict[str, Sensitivity]:
    return dict.fromkeys(names.split(), sensitivity)


_LINE = _all(_S.ACCOUNTING, "sku quantity unit_price discount tax cost") | _all(_S.FREE_TEXT, "description")


def _name_of(customer: Customer) -> PersonName | None:
    return None if customer.organisation is not None else PersonName(full=BLANK)


def _firm_of(customer: Customer) -> Organisation | None:
    return None if customer.organisation is None else Organisation(name=BLANK)


def _addresses(customer: Customer) -> Iterator[str]:
    for point in customer.contact_points:
        yield from (point.raw, point.normalised)
    for identifier in customer.identifiers:
        yield identifier.value
    for external in customer.external_ids:
        yield external.value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _texts(inner)


def _addresses_in(record: SourceRecord) -> Iterator[str]:
    """Yield what looks like an address or a telephone number; a word may be anybody's."""
    for text in (record.key, *_texts(record.fields)):
        if "@" in text or sum(letter.isdigit() for letter in text) >= 7:
            yield text


def _visitor_of(seen: Interaction | Touchpoint) -> str | None:
    known = seen.customer_id is not None or (isinstance(seen, Interaction) and seen.participants)
    return None if seen.anonymous_id is None or known else BLANK


def _digest_of(suppression: Suppression) -> str | None:
    held = suppression.address
    return held if held is None or held.startswith("sha256:") else Suppression.digest_of(held)


HANDLINGS: Mapping[type[Any], Handling] = {
    each.model: each
    for each in (
        *impersonal_handlings(),
        Handling(
            model=Customer,
            purpose="to know whom we deal with and where he is reached",
            use="every other record reaches the customer through it",
            basis=_B.CONTRACT,
            since="first_touch_at",
            subjects=("id",),
            fields=_all(_S.IDENTITY, "name organisation identifiers external_ids birth_date")
            | _all(_S.CONTACT, "contact_points")
            | _all(_S.BEHAVIOUR, "gender job_title department tags")
            | _all(
                _S.STATISTICS,
                "kind roles language zone country source first_touch_at identified_at is_deceased processing",
            )
            | _all(_S.KEY, "owner_id")
            | _all(_S.FREE_TEXT, "custom"),
            blanks={"name": _name_of, "organisation": _firm_of, "processing": lambda _: Processing.ERASED},
            telling=_addresses,
        ),
        Handling(
            model=SourceRecord,
            purpose="to know what each source said, so that a wrong merge can be taken back",
            use="the customer is made from it",
            basis=_B.CONTRACT,
            since="received_at",
            named_by=(IdentityLink, "record_id"),
            fate=Fate.DELETE,
            fields=_all(_S.IDENTITY, "key") | _all(_S.FREE_TEXT, "fields") | _all(_S.STATISTICS, "source received_at"),
            telling=_addresses_in,
        ),
        Handling(
            model=IdentityLink,
            purpose="to know which record speaks of whom, and who decided it",
            use="duplicates are found and taken apart by it",
            basis=_B.CONTRACT,
            since="decided_at",
            subjects=("customer_id",),
            fate=Fate.DELETE,
            fields=_all(_S.KEY, "record_id customer_id former_id mate_id")
            | _all(_S.STATISTICS, "rule probability decided_at")
            | _all(_S.FREE_TEXT, "reason"),
        ),
        Handling(
            model=MatchDecision,
            purpose="to know who decided that two records are one person, or are not",
            use="no later run decides it otherwise",
            basis=_B.CONTRACT,
            since="decided_at",
            subjects=("left_id", "right_id"),
            fate=Fate.DELETE,
            fields=_all(_S.KEY, "left_id right_id revokes winner_id loser_id")
            | _all(_S.STATISTICS, "same decided_at own_first_touch_at")
            | _all(_S.STAFF, "decided_by")
            | _all(_S.FREE_TEXT, "reason"),
        ),
        Handling(
            model=MatchQuestion,
            purpose="to ask a person whether two records are one",
            use="the list of pairs to look at",
            basis=_B.CONTRACT,
            since="asked_at",
            subjects=("left_id", "right_id"),
            fate=Fate.DELETE,
            fields=_all(_S.KEY, "left_id right_id")
            | _all(_S.STATISTICS, "probability weight asked_at")
            | _all(_S.FREE_TEXT, "why"),
        ),
        Handling(
            model=Order,
            purpose="to fulfil and account for what was bought",
            use="delivery, invoices, the value of a customer",
            basis=_B.LEGAL_OBLIGATION,
            since="placed_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id cart_id")
            | _all(_S.ACCOUNTING, "number placed_at currency status coupons promised_at delivered_at")
            | _all(_S.STATISTICS, "channel")
            | _all(_S.PARTS, "lines refunds")
            | _all(_S.FREE_TEXT, "custom"),
            parts={
                OrderLine: _LINE,
                Refund: _all(_S.ACCOUNTING, "at amount line quantity") | _all(_S.FREE_TEXT, "reason"),
            },
        ),
        Handling(
            model=UnallocatedRefund,
            purpose="to account for what was paid back",
            use="the value of a customer",
            basis=_B.LEGAL_OBLIGATION,
            since="at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id")
            | _all(_S.ACCOUNTING, "key at amount sku")
            | _all(_S.FREE_TEXT, "reason"),
        ),
        Handling(
            model=Expense,
            purpose="to account for what a customer cost",
            use="the profit of a customer",
            basis=_B.LEGAL_OBLIGATION,
            since="at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id") | _all(_S.ACCOUNTING, "key at kind amount") | _all(_S.FREE_TEXT, "note"),
        ),
        Handling(
            model=Promise,
            purpose="to do what we said we would",
            use="what is due to a customer, and how many promises are kept",
            since="made_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id about")
            | _all(_S.IDENTITY, "key")
            | _all(_S.STATISTICS, "kind made_at due kept_at released_at")
            | _all(_S.STAFF, "made_by")
            | _all(_S.FREE_TEXT, "what note"),
            blanks={"key": lambda promise: str(promise.id)},
        ),
        Handling(
            model=Interaction,
            purpose="to know what passed between us",
            use="service, the stage of a customer, what to say next",
            since="occurred_at",
            subjects=("customer_id",),
            linked=("anonymous_id",),
            fields=_all(_S.KEY, "customer_id participants conversation_id case_id opportunity_id campaign_id order_id")
            | _all(_S.IDENTITY, "anonymous_id idempotency_key")
            | _all(_S.STATISTICS, "kind direction channel mode assisted occurred_at recorded_at duration sentiment")
            | _all(_S.FREE_TEXT, "subject summary outcome payload"),
            blanks={"anonymous_id": _visitor_of, "idempotency_key": lambda interaction: str(interaction.id)},
            telling=lambda interaction: (
                () if interaction.anonymous_id in {None, BLANK} else (interaction.anonymous_id,)
            ),
        ),
        Handling(
            model=CampaignMember,
            purpose="to send a campaign once to those it is for",
            use="the list of a campaign",
            since="listed_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "campaign_id customer_id")
            | _all(_S.STATISTICS, "listed_at")
            | _all(_S.FREE_TEXT, "reasons"),
        ),
        Handling(
            model=Task,
            purpose="to do what a customer needs of us",
            use="the work of whoever looks after him",
            since="created_at",
            subjects=("customer_id",),
            fate=Fate.DELETE,
            fields=_all(_S.KEY, "customer_id about")
            | _all(_S.STATISTICS, "created_at due priority status completed_at key")
            | _all(_S.STAFF, "assignee")
            | _all(_S.FREE_TEXT, "title because"),
        ),
        Handling(
            model=ChatSession,
            purpose="to answer what a customer asks",
            use="service, and what to improve",
            since="opened_at",
            subjects=("customer_id",),
            linked=("anonymous_id",),
            fate=Fate.DELETE,
            fields=_all(_S.KEY, "customer_id")
            | _all(_S.IDENTITY, "anonymous_id")
            | _all(_S.BEHAVIOUR, "need")
            | _all(_S.STATISTICS, "opened_at closed_at outcome")
            | _all(_S.FREE_TEXT, "turns"),
        ),
        Handling(
            model=MagnetClaim,
            purpose="to give what was asked for, once",
            use="who was given what, against which consent",
            basis=_B.CONSENT,
            since="claimed_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "magnet_id customer_id consent_ids") | _all(_S.STATISTICS, "claimed_at"),
        ),
        Handling(
            model=Touchpoint,
            purpose="to know what brought a customer here",
            use="what advertising is worth",
            since="at",
            subjects=("customer_id",),
            linked=("anonymous_id",),
            fields=_all(_S.KEY, "customer_id")
            | _all(_S.IDENTITY, "anonymous_id key")
            | _all(_S.STATISTICS, "at channel source medium campaign content cost")
            | _all(_S.FREE_TEXT, "term referrer"),
            blanks={"anonymous_id": _visitor_of, "key": lambda touch: str(touch.id)},
            telling=lambda touch: () if touch.anonymous_id in {None, BLANK} else (touch.anonymous_id,),
        ),
        Handling(
            model=ConsentEntry,
            purpose="to know, and to prove, what was allowed",
            use="every contact is decided by it",
            basis=_B.LEGAL_OBLIGATION,
            since="captured_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id")
            | _all(
                _S.STATISTICS,
                "purpose channel status legal_basis captured_at capture_source text_version double_opt_in_at effective brand",
            )
            | _all(_S.FREE_TEXT, "evidence")
            | _all(_S.STAFF, "actor"),
        ),
        Handling(
            model=StageChange,
            purpose="to know how the relationship went on",
            use="the stage of a customer, and how many reach which",
            since="occurred_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id evidence")
            | _all(_S.STATISTICS, "from_stage to_stage occurred_at recorded_at reason policy_version forced")
            | _all(_S.FREE_TEXT, "note")
            | _all(_S.STAFF, "actor"),
            blanks={
                "note": lambda change: None if change.note is None else BLANK,
                "actor": lambda change: None if change.actor is None else Actor(ActorKind.SYSTEM, BLANK),
            },
        ),
        Handling(
            model=StageRetraction,
            purpose="to know how the relationship went on, and what we thought of it before we knew better",
            use="the stage of a customer, now and as it was known then",
            since="recorded_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id change_id") | _all(_S.STATISTICS, "recorded_at policy_version"),
        ),
        Handling(
            model=Assessment,
            purpose="to know what a customer is worth to us and how to treat him",
            use="tiers and treatment, always beside the audit of fairness",
            since="as_of",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id")
            | _all(
                _S.STATISTICS,
                "run as_of since orders historic_value expected_value expected_low expected_high probability_alive "
                "recency_score frequency_score monetary_score segment tier profit potential_value needs fit_score engagement_score "
                "grade policy refunds expenses facts interactions",
            )
            | _all(_S.FREE_TEXT, "reasons"),
        ),
        Handling(
            model=ContactIntent,
            purpose="to say the one thing that matters next, once",
            use="the host sends it",
            since="created_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id campaign_id")
            | _all(_S.CONTACT, "address")
            | _all(
                _S.STATISTICS, "run as_of created_at kind topic asks carries channel purpose permission send_at plan"
            )
            | _all(_S.FREE_TEXT, "text cancelled reasons"),
        ),
        Handling(
            model=OfferDecision,
            purpose="to offer what suits, and to learn whether it did",
            use="the offer a customer gets",
            since="decided_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id offer_id")
            | _all(
                _S.STATISTICS,
                "run as_of decided_at sku channel fallback policy arm context probability expected alternatives since expires_at",
            )
            | _all(_S.FREE_TEXT, "reasons"),
            blanks={"reasons": lambda _: (Reason(BLANK, BLANK),)},
        ),
        Handling(
            model=OfferOutcome,
            purpose="to learn whether an offer suited",
            use="what came of it",
            since="at",
            subjects=("decision_id",),
            fields=_all(_S.KEY, "decision_id order_id") | _all(_S.STATISTICS, "answer at value"),
        ),
        Handling(
            model=OfferOverride,
            purpose="to know where a person decided otherwise",
            use="the machine learns from it",
            since="at",
            subjects=("decision_id",),
            fields=_all(_S.KEY, "decision_id offer_id")
            | _all(_S.STATISTICS, "at")
            | _all(_S.STAFF, "actor")
            | _all(_S.FREE_TEXT, "note"),
        ),
        Handling(
            model=NextStep,
            purpose="to do the next right thing for a customer",
            use="a recommendation to whoever looks after him",
            since="made_at",
            subjects=("customer_id",),
            fate=Fate.DELETE,
            fields=_all(_S.KEY, "customer_id")
            | _all(_S.BEHAVIOUR, "step alternatives")
            | _all(_S.STATISTICS, "made_at expires_at")
            | _all(_S.STAFF, "owner")
            | _all(_S.FREE_TEXT, "reasons"),
        ),
        Handling(
            model=Assignment,
            purpose="to learn what works",
            use="the arm of an experiment a customer is in",
            since="assigned_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "experiment_id customer_id") | _all(_S.STATISTICS, "arm assigned_at stratum"),
        ),
        Handling(
            model=Exposure,
            purpose="to learn what works",
            use="who has seen what was tried",
            since="exposed_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "experiment_id customer_id interaction_id") | _all(_S.STATISTICS, "arm exposed_at"),
        ),
        Handling(
            model=Outcome,
            purpose="to learn what works",
            use="what came of what was tried",
            since="at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id evidence_id") | _all(_S.STATISTICS, "metric value at exposed_at"),
        ),
        Handling(
            model=ContactPolicy,
            purpose="to leave a customer alone when he wishes it",
            use="every contact is decided by it",
            subjects=("customer_id",),
            fate=Fate.DELETE,
            fields=_all(_S.KEY, "customer_id")
            | _all(_S.BEHAVIOUR, "purpose caps quiet_hours pauses preferred only_preferred")
            | _all(_S.STATISTICS, "zone"),
        ),
        Handling(
            model=Suppression,
            purpose="never to contact who must not be contacted",
            use="every contact is decided by it; after an erasure by a digest, so that a new import writes to nobody",
            basis=_B.LEGAL_OBLIGATION,
            since="since",
            subjects=("customer_id",),
            address="address",
            fields=_all(_S.KEY, "customer_id")
            | _all(_S.CONTACT, "address")
            | _all(_S.STATISTICS, "channel reason since until"),
            blanks={"address": _digest_of},
        ),
        Handling(
            model=PointsAccount,
            purpose="to account for points",
            use="what a member may redeem",
            basis=_B.CONTRACT,
            since="last_at",
            subjects=("member_id",),
            fields=_all(_S.KEY, "member_id")
            | _all(
                _S.ACCOUNTING,
                "program zone lots pending debt earned spent expired reversed adjusted transferred undone rules posted last_at",
            )
            | _all(_S.PARTS, "holds"),
            parts={
                Hold: _all(_S.LABEL, "key") | _all(_S.PARTS, "lots"),
                Lot: _all(_S.KEY, "id") | _all(_S.ACCOUNTING, "points expires_at opens_at"),
            },
        ),
        Handling(
            model=PointsEntry,
            purpose="to account for points",
            use="the statement of a member",
            basis=_B.CONTRACT,
            since="at",
            subjects=("account_id",),
            fields=_all(_S.KEY, "account_id of_entry")
            | _all(_S.ACCOUNTING, "number request kind at legs rule")
            | _all(_S.LABEL, "key hold")
            | _all(_S.FREE_TEXT, "reason"),
        ),
        Handling(
            model=Redemption,
            purpose="to account for rewards",
            use="what a member got",
            basis=_B.CONTRACT,
            since="at",
            subjects=("member_id",),
            fields=_all(_S.KEY, "member_id reward_id")
            | _all(_S.ACCOUNTING, "points at status")
            | _all(_S.LABEL, "entry_key"),
        ),
        Handling(
            model=Referral,
            purpose="to reward who recommends us",
            use="points for both, and the funnel of the programme",
            basis=_B.CONTRACT,
            since="invited_at",
            subjects=("advocate_id", "friend_id"),
            fields=_all(_S.KEY, "advocate_id friend_id")
            | _all(_S.ACCOUNTING, "program_code status invited_at joined_at qualified_at closed_at reason")
            | _all(_S.LABEL, "code")
            | _all(_S.FREE_TEXT, "note"),
        ),
        Handling(
            model=Contribution,
            purpose="to reward who makes what helps others",
            use="points, and where it stands; its text is kept by whoever shows it",
            basis=_B.CONTRACT,
            since="made_at",
            subjects=("author_id",),
            fields=_all(_S.KEY, "author_id")
            | _all(_S.IDENTITY, "key link text_ref")
            | _all(_S.STATISTICS, "kind made_at disclosed"),
            blanks={"key": lambda made: str(made.id)},
        ),
        Handling(
            model=ModerationEntry,
            purpose="to reward nothing that nobody looked at",
            use="whether a contribution is rewarded, and why not",
            basis=_B.CONTRACT,
            since="at",
            subjects=("contribution_id",),
            fields=_all(_S.KEY, "contribution_id")
            | _all(_S.STATISTICS, "verdict at")
            | _all(_S.STAFF, "moderator")
            | _all(_S.FREE_TEXT, "reason"),
            blanks={"reason": lambda entry: None if entry.reason is None else BLANK},
        ),
        Handling(
            model=Vote,
            purpose="to reward what others value",
            use="how many say that a contribution helped",
            since="at",
            subjects=("voter_id",),
            fields=_all(_S.KEY, "contribution_id voter_id") | _all(_S.STATISTICS, "kind at"),
        ),
        Handling(
            model=VoteReview,
            purpose="to reward no votes that were arranged",
            use="which votes wait for a person, and what he decided",
            since="at",
            subjects=("voter_id", "contribution_id"),
            fields=_all(_S.KEY, "contribution_id voter_id")
            | _all(_S.STATISTICS, "state at")
            | _all(_S.STAFF, "actor")
            | _all(_S.FREE_TEXT, "reasons"),
            blanks={
                "reasons": lambda review: (Reason(BLANK, BLANK),) if review.reasons else (),
                "actor": lambda review: None if review.actor is None else BLANK,
            },
        ),
        Handling(
            model=SegmentMembership,
            purpose="to treat alike who is alike",
            use="who is in which segment, and when",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id") | _all(_S.STATISTICS, "segment period") | _all(_S.FREE_TEXT, "reasons"),
        ),
        Handling(
            model=CustomerFact,
            purpose="to know what a customer needs and likes",
            use="what he is offered and told",
            since="recorded_at",
            subjects=("customer_id",),
            fate=Fate.DELETE,
            fields=_all(_S.KEY, "customer_id evidence")
            | _all(_S.BEHAVIOUR, "topic value strength origin confidence period")
            | _all(_S.STATISTICS, "recorded_at"),
        ),
        Handling(
            model=WithheldAnswer,
            purpose="to know what a customer does not want to be asked",
            use="what he is not asked again",
            since="recorded_at",
            subjects=("customer_id",),
            fate=Fate.DELETE,
            fields=_all(_S.KEY, "customer_id evidence")
            | _all(_S.BEHAVIOUR, "about")
            | _all(_S.STATISTICS, "recorded_at"),
        ),
        Handling(
            model=Lead,
            purpose="to follow up an interest",
            use="who is asked next",
            since="created_at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id owner_id")
            | _all(_S.STATISTICS, "source created_at")
            | _all(_S.FREE_TEXT, "topic"),
        ),
        Handling(
            model=LeadChange,
            purpose="to follow up an interest",
            use="how a lead went on",
            since="occurred_at",
            subjects=("lead_id",),
            fields=_all(_S.KEY, "lead_id")
            | _all(_S.STATISTICS, "from_state to_state occurred_at reason rules_version")
            | _all(_S.STAFF, "actor"),
        ),
        Handling(
            model=Opportunity,
            purpose="to follow up a sale that may come about",
            use="who is worked with next, and what sales to expect",
            since="opened_at",
            subjects=("customer_id",),
            fields=_all(
                _S.KEY,
                "customer_id pipeline_id contacts owner_id campaign_id lead_id first_touch_id last_touch_id",
            )
            | _all(_S.STATISTICS, "opened_at source changes")
            | _all(_S.IDENTITY, "key")
            | _all(_S.FREE_TEXT, "name"),
            blanks={"key": lambda deal: str(deal.id)},
        ),
        Handling(
            model=OpportunityChange,
            purpose="to know how a sale went on",
            use="how likely it is, how long sales take, and where they are lost",
            since="occurred_at",
            subjects=("opportunity_id",),
            fields=_all(_S.KEY, "opportunity_id pipeline_id former_pipeline_id evidence")
            | _all(_S.STATISTICS, "number from_stage to_stage kind allowed occurred_at recorded_at reason forced")
            | _all(_S.PARTS, "terms")
            | _all(_S.IDENTITY, "key")
            | _all(_S.FREE_TEXT, "note")
            | _all(_S.STAFF, "actor"),
            parts={
                OpportunityTerms: _all(_S.STATISTICS, "amount recurring expected_close probability")
                | _all(_S.PARTS, "lines"),
                OrderLine: _LINE,
            },
            blanks={
                "key": lambda change: str(change.id),
                "note": lambda change: None if change.note is None else BLANK,
                "actor": lambda change: None if change.actor is None else Actor(ActorKind.SYSTEM, BLANK),
            },
        ),
        Handling(
            model=Conversion,
            purpose="to know which interest became a purchase",
            use="rates of conversion",
            since="at",
            subjects=("customer_id",),
            fields=_all(_S.KEY, "lead_id customer_id opportunity_id order_id") | _all(_S.STATISTICS, "at"),
        ),
        Handling(
            model=SubjectRequest,
            purpose="to prove that a request was answered, and to hold a restored backup against it",
            use="erasures are repeated by it",
            basis=_B.LEGAL_OBLIGATION,
            since="done_at",
            fate=Fate.KEEP,
            subjects=("customer_id",),
            fields=_all(_S.KEY, "customer_id customer_ids records")
            | _all(_S.STATISTICS, "kind received_at done_at counts reason"),
        ),
    )
}
"""The handling of every noun of `pycrm.model`, by its class."""


def handling_of(model: type[Any], own: Handling | None = None) -> Handling:
    """Return how a noun is handled, complete for every field of its class.

    A class of the host that derives from ours is handled like ours where it adds no field.

    Raises
    ------
    InvalidValueError
        If the noun or one of its fields has no handling; the message says what to add.

    Examples
    --------
    >>> handling_of(Order).of("number")
    <Sensitivity.ACCOUNTING: 'accounting'>
    """
    found = own
    if found is None:
        found = next((HANDLINGS[each] for each in model.__mro__ if each in HANDLINGS), None)
    if found is None:
        raise InvalidValueError(
            model.__name__,
            None,
            "say how this noun is handled where it speaks of a person: add a Handling to HANDLINGS in "
            "pycrm/model/handlings.py, or give your own as EntityMap.of(..., handling=Handling(...))",
        )
    gaps = found.gaps(model)
    if gaps:
        raise InvalidValueError(model.__name__, None, "; ".join(gaps))
    return found
