"""How each noun of `pycrm.model` is kept."""

from __future__ import annotations

from collections.abc import Iterator

from pycrm.model.action_plan import ActionPlan
from pycrm.model.assessment import Assessment
from pycrm.model.auto_response import ResponseBook
from pycrm.model.automation import AutomationRun
from pycrm.model.campaign import Campaign, CampaignMember
from pycrm.model.chat import ChatSession
from pycrm.model.consent import ConsentEntry
from pycrm.model.contact_policy import ContactPolicy, Suppression
from pycrm.model.content import Content
from pycrm.model.contribution import Contribution, ModerationEntry
from pycrm.model.customer import Customer, Strength
from pycrm.model.earning import EarningRule, ProgramBudget
from pycrm.model.expense import Expense
from pycrm.model.experiment import Assignment, Decision, Experiment, Exposure, Finding, Outcome
from pycrm.model.feed import ChangeFeed, FeedEvent, FeedReader
from pycrm.model.form import CaptureForm
from pycrm.model.import_run import ImportRun
from pycrm.model.intent import ContactIntent
from pycrm.model.interaction import Interaction
from pycrm.model.knowledge import CustomerFact
from pycrm.model.knowledge_plan import KnowledgePlan
from pycrm.model.lead import Conversion, Lead, LeadChange
from pycrm.model.lead_magnet import LeadMagnet, MagnetClaim
from pycrm.model.lifecycle import StageChange, StageRetraction
from pycrm.model.merge import MatchDecision, MatchQuestion
from pycrm.model.newsletter import Newsletter
from pycrm.model.next_step import NextStep
from pycrm.model.nurture import NurtureSequence
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.offer_log import OfferOutcome, OfferOverride
from pycrm.model.opportunity import Opportunity, OpportunityChange
from pycrm.model.order import Order, Product, UnallocatedRefund
from pycrm.model.pipeline import Pipeline
from pycrm.model.play import Play
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_entry import PointsEntry
from pycrm.model.privacy import SubjectRequest
from pycrm.model.profiling import ProfilingPolicy
from pycrm.model.promise import Promise
from pycrm.model.referral import Referral, ReferralProgram
from pycrm.model.reward import Redemption, Reward
from pycrm.model.segment import Segment, SegmentMembership
from pycrm.model.snapshot import Snapshot
from pycrm.model.source import IdentityLink, SourceRecord
from pycrm.model.strategy import Strategy
from pycrm.model.task import Task
from pycrm.model.template import Template
from pycrm.model.touchpoint import Touchpoint
from pycrm.model.treatment import TreatmentPlan
from pycrm.model.vote import Vote, VoteReview
from pycrm.model.withheld import WithheldAnswer
from pycrm.storage.mapping import EntityMap, UniqueEach

__all__ = ["default_maps"]


def _strong_identifiers(customer: Customer) -> Iterator[str]:
    for identifier in customer.identifiers:
        if identifier.strength is Strength.STRONG and identifier.period.end is None:
            yield f"{identifier.namespace}\x1f{identifier.value}"


def default_maps() -> tuple[EntityMap, ...]:
    """Return a map of every noun of `pycrm.model`; add your own to them and give all to the store.

    Examples
    --------
    >>> [map.table for map in default_maps()][:3]
    ['customer', 'product', 'purchase']
    """
    of_customer = {"customer_id": Customer}
    return (
        EntityMap.of(
            Customer,
            searched=[
                "name.family",
                "name.given",
                "name.full",
                "organisation.name",
                "organisation.parent_id",
                "contact_points.normalised",
                "identifiers.value",
                "external_ids.value",
                "tags",
            ],
            unique=[UniqueEach("strong_identifier", _strong_identifiers, ("identifiers",))],
            indexes=["owner_id", "country", "source"],
        ),
        EntityMap.of(Product, unique=[("sku",)], searched=["category"]),
        EntityMap.of(
            Order,
            table="purchase",
            unique=[("number",)],
            references=of_customer,
            searched=["lines.sku"],
            indexes=[("customer_id", "placed_at"), ("placed_at",), ("status", "placed_at")],
        ),
        EntityMap.of(UnallocatedRefund, unique=[("key",)], references=of_customer, indexes=["customer_id", "at"]),
        EntityMap.of(
            Interaction,
            unique=[("idempotency_key",)],
            references=of_customer,
            indexes=[("customer_id", "occurred_at"), ("occurred_at",), ("anonymous_id",)],
            append_only=True,
        ),
        EntityMap.of(ConsentEntry, references=of_customer, indexes=[("customer_id", "captured_at")], append_only=True),
        EntityMap.of(StageChange, references=of_customer, indexes=[("customer_id", "occurred_at")], append_only=True),
        EntityMap.of(
            StageRetraction,
            references=of_customer | {"change_id": StageChange},
            indexes=["customer_id"],
            append_only=True,
        ),
        EntityMap.of(SourceRecord, unique=[("source", "key")], indexes=[("received_at",)]),
        EntityMap.of(
            IdentityLink,
            references={"record_id": SourceRecord, "customer_id": Customer},
            indexes=[("record_id", "decided_at"), ("customer_id",), ("former_id",)],
            append_only=True,
        ),
        EntityMap.of(
            MatchDecision,
            references={"left_id": SourceRecord, "right_id": SourceRecord},
            indexes=["left_id", "right_id", "decided_at"],
            append_only=True,
        ),
        EntityMap.of(
            MatchQuestion,
            references={"left_id": SourceRecord, "right_id": SourceRecord},
            indexes=["left_id", "right_id", "probability"],
        ),
        EntityMap.of(
            Assessment,
            unique=[("customer_id", "run", "as_of")],
            references=of_customer,
            indexes=[("run", "as_of"), ("tier",)],
        ),
        EntityMap.of(Snapshot, unique=[("run", "as_of")], indexes=["as_of"]),
        EntityMap.of(TreatmentPlan, unique=[("edition",)]),
        EntityMap.of(Promise, unique=[("key",)], references=of_customer, indexes=[("customer_id", "due"), ("due",)]),
        EntityMap.of(Expense, unique=[("key",)], references=of_customer, indexes=["customer_id", "at"]),
        EntityMap.of(ContactIntent, references=of_customer, indexes=[("customer_id", "created_at"), ("run", "as_of")]),
        EntityMap.of(Offer, unique=[("code",)], indexes=["priority"]),
        EntityMap.of(
            OfferDecision,
            references=of_customer,
            indexes=[("customer_id", "decided_at"), ("run", "as_of"), ("offer_id",)],
            append_only=True,
        ),
        EntityMap.of(
            OfferOutcome,
            unique=[("decision_id",)],
            references={"decision_id": OfferDecision, "order_id": Order},
            indexes=["at"],
            append_only=True,
        ),
        EntityMap.of(
            OfferOverride,
            references={"decision_id": OfferDecision, "offer_id": Offer},
            indexes=["decision_id", "at"],
            append_only=True,
        ),
        EntityMap.of(NextStep, references=of_customer, indexes=[("customer_id", "made_at"), ("expires_at",)]),
        EntityMap.of(Experiment, unique=[("code",)], indexes=["follows"]),
        EntityMap.of(
            Assignment,
            unique=[("experiment_id", "customer_id")],
            references={"experiment_id": Experiment, "customer_id": Customer},
            indexes=[("experiment_id", "assigned_at")],
            append_only=True,
        ),
        EntityMap.of(
            Exposure,
            references={"experiment_id": Experiment, "customer_id": Customer},
            indexes=[("experiment_id", "exposed_at")],
            append_only=True,
        ),
        EntityMap.of(
            Outcome, references=of_customer, indexes=[("metric", "at"), ("customer_id", "at")], append_only=True
        ),
        EntityMap.of(
            Finding,
            references={"experiment_id": Experiment},
            indexes=[("question", "as_of"), ("found_at",)],
            append_only=True,
        ),
        EntityMap.of(
            Decision,
            references={"finding_id": Finding, "next_experiment_id": Experiment},
            indexes=["decided_at"],
            append_only=True,
        ),
        EntityMap.of(AutomationRun, unique=[("process", "key")], indexes=["at"], append_only=True),
        EntityMap.of(ActionPlan, unique=[("code",)], references={"finding_id": Finding}),
        EntityMap.of(ImportRun, unique=[("source", "key")], indexes=["started_at"]),
        EntityMap.of(ContactPolicy, references=of_customer, indexes=["customer_id"]),
        EntityMap.of(ProfilingPolicy, unique=[("purpose",)]),
        EntityMap.of(Suppression, references=of_customer, indexes=["address", "customer_id"]),
        EntityMap.of(EarningRule, unique=[("program", "code")]),
        EntityMap.of(ProgramBudget, unique=[("program",)]),
        EntityMap.of(PointsAccount, unique=[("member_id", "program")], references={"member_id": Customer}),
        EntityMap.of(
            PointsEntry,
            unique=[("account_id", "key")],
            references={"account_id": PointsAccount},
            indexes=[("account_id", "number")],
            append_only=True,
        ),
        EntityMap.of(Reward, unique=[("program", "code")]),
        EntityMap.of(
            Redemption, references={"member_id": Customer, "reward_id": Reward}, indexes=[("member_id", "at")]
        ),
        EntityMap.of(ReferralProgram, unique=[("code",)]),
        EntityMap.of(
            Referral,
            references={"advocate_id": Customer, "friend_id": Customer},
            indexes=[("program_code", "advocate_id"), ("friend_id",)],
        ),
        EntityMap.of(
            Contribution, unique=[("key",)], references={"author_id": Customer}, indexes=[("author_id", "made_at")]
        ),
        EntityMap.of(
            ModerationEntry,
            references={"contribution_id": Contribution},
            indexes=[("contribution_id", "at")],
            append_only=True,
        ),
        EntityMap.of(
            Vote,
            references={"contribution_id": Contribution, "voter_id": Customer},
            indexes=[("contribution_id", "at"), ("voter_id",)],
            append_only=True,
        ),
        EntityMap.of(
            VoteReview,
            references={"contribution_id": Contribution, "voter_id": Customer},
            indexes=[("contribution_id", "at"), ("voter_id",)],
            append_only=True,
        ),
        EntityMap.of(SubjectRequest, indexes=[("kind", "done_at"), ("customer_id",)], append_only=True),
        EntityMap.of(Segment, unique=[("name",)]),
        EntityMap.of(
            SegmentMembership,
            references=of_customer,
            searched=["period.start", "period.end"],
            indexes=["segment", "customer_id"],
        ),
        EntityMap.of(
            WithheldAnswer, references=of_customer, indexes=[("customer_id", "recorded_at")], append_only=True
        ),
        EntityMap.of(CustomerFact, references=of_customer, indexes=[("customer_id", "recorded_at")], append_only=True),
        EntityMap.of(
            Touchpoint,
            unique=[("key",)],
            references=of_customer,
            indexes=[("customer_id", "at"), ("anonymous_id",)],
            append_only=True,
        ),
        EntityMap.of(Campaign, unique=[("code",)], indexes=["segment"]),
        EntityMap.of(
            CampaignMember,
            unique=[("campaign_id", "customer_id")],
            references={"campaign_id": Campaign, "customer_id": Customer},
            indexes=["customer_id"],
            append_only=True,
        ),
        EntityMap.of(ChatSession, references=of_customer, indexes=["customer_id", "anonymous_id"]),
        EntityMap.of(Strategy, unique=[("code", "revision")], indexes=["segment"]),
        EntityMap.of(Play, unique=[("code", "revision")]),
        EntityMap.of(Task, unique=[("key",)], references=of_customer, indexes=["customer_id", ("status", "due")]),
        EntityMap.of(CaptureForm, unique=[("code",)]),
        EntityMap.of(Content, unique=[("code",)]),
        EntityMap.of(LeadMagnet, unique=[("code",)]),
        EntityMap.of(
            MagnetClaim,
            unique=[("magnet_id", "customer_id")],
            references={"magnet_id": LeadMagnet, "customer_id": Customer},
            indexes=["customer_id"],
            append_only=True,
        ),
        EntityMap.of(Newsletter, unique=[("code",)]),
        EntityMap.of(NurtureSequence, unique=[("code", "revision")]),
        EntityMap.of(ResponseBook, unique=[("code",)]),
        EntityMap.of(Template, unique=[("code", "revision", "language")]),
        EntityMap.of(KnowledgePlan, unique=[("code", "revision")]),
        EntityMap.of(Lead, references=of_customer, indexes=[("customer_id", "created_at"), ("created_at",)]),
        EntityMap.of(LeadChange, references={"lead_id": Lead}, indexes=[("lead_id", "occurred_at")], append_only=True),
        EntityMap.of(Pipeline, unique=[("code", "revision")], append_only=True),
        EntityMap.of(
            Opportunity,
            unique=[("key",)],
            references={
                "customer_id": Customer,
                "pipeline_id": Pipeline,
                "campaign_id": Campaign,
                "lead_id": Lead,
                "first_touch_id": Touchpoint,
                "last_touch_id": Touchpoint,
            },
            indexes=[("customer_id", "opened_at"), ("opened_at",), ("owner_id",)],
        ),
        EntityMap.of(
            OpportunityChange,
            unique=[("opportunity_id", "number"), ("opportunity_id", "key")],
            references={"opportunity_id": Opportunity, "pipeline_id": Pipeline, "former_pipeline_id": Pipeline},
            indexes=[("occurred_at",)],
            append_only=True,
        ),
        EntityMap.of(
            Conversion,
            references={
                "lead_id": Lead,
                "customer_id": Customer,
                "order_id": Order,
                "opportunity_id": Opportunity,
            },
            indexes=["at"],
            append_only=True,
        ),
        EntityMap.of(ChangeFeed),
        EntityMap.of(FeedEvent, unique=[("position",)], append_only=True),
        EntityMap.of(FeedReader),
    )
