"""Hypothesis strategies for every value and entity of the model; each builds only what its constructor takes."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import attrs
from hypothesis import strategies as st

from pycrm.model.action_plan import ActionPlan, ActionStatus, PlannedAction
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.auto_response import RequestClass, ResponseBook, ResponseRule
from pycrm.model.automation import AutomationRun
from pycrm.model.campaign import Campaign, CampaignMember, CampaignStatus
from pycrm.model.chat import ChatRole, ChatSession, ChatTurn
from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus, LegalBasis, Permission
from pycrm.model.contact import Channel, ContactKind, ContactPoint, Validity
from pycrm.model.contact_policy import CapPeriod, ContactPolicy, FrequencyCap, QuietHours, Suppression
from pycrm.model.content import Content, ContentKind
from pycrm.model.contribution import Contribution, Moderation, ModerationEntry
from pycrm.model.custom import CustomFieldDef, CustomFields, FieldKind
from pycrm.model.customer import (
    Customer,
    CustomerKind,
    ExternalId,
    Identifier,
    NameOrder,
    Organisation,
    PersonName,
    Processing,
    Role,
    Strength,
)
from pycrm.model.earning import EarningMode, EarningRule, ProgramBudget
from pycrm.model.evidence import Actor, ActorKind, EvidenceRef, Reason
from pycrm.model.expense import Expense, ExpenseKind
from pycrm.model.experiment import (
    Assignment,
    Decision,
    Experiment,
    ExperimentArm,
    Exposure,
    Finding,
    Outcome,
    Recommendation,
    RowSet,
)
from pycrm.model.feed import ChangeFeed, FeedEvent, FeedReader
from pycrm.model.form import CaptureForm, FormField, FormFill
from pycrm.model.import_run import ImportOutcome, ImportRun, RowStatus
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.interaction import Direction, Interaction, InteractionKind, Mode, Participant
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.knowledge_plan import Approach, KnowledgePlan, WantedTopic
from pycrm.model.lead import ALLOWED_LEAD_STATES, Conversion, Lead, LeadChange
from pycrm.model.lead_magnet import LeadMagnet, MagnetClaim
from pycrm.model.lifecycle import ALLOWED, Stage, StageChange, StageRetraction
from pycrm.model.merge import MatchDecision, MatchQuestion
from pycrm.model.money import Money, MoneyAt
from pycrm.model.newsletter import Newsletter
from pycrm.model.next_step import NextStep, StepOption
from pycrm.model.nurture import NurtureSequence, NurtureStep, ValueKind
from pycrm.model.offer import Offer, OfferDecision, OfferKind
from pycrm.model.offer_log import OfferAnswer, OfferOutcome, OfferOverride
from pycrm.model.opportunity import (
    BuyingRole,
    Opportunity,
    OpportunityChange,
    OpportunityContact,
    OpportunityTerms,
    RecurringAmount,
)
from pycrm.model.order import Order, OrderLine, OrderStatus, Product, Refund, UnallocatedRefund
from pycrm.model.pipeline import Pipeline, PipelineStage, PipelineStageKind
from pycrm.model.play import Play, PlayAction, PlayTrigger
from pycrm.model.points_account import Hold, Lot, PointsAccount, RuleTotal
from pycrm.model.points_command import CapSpan, EarnCap
from pycrm.model.points_entry import Bucket, EntryKind, Leg, PointsEntry
from pycrm.model.predicate import AllOf, AnyOf, Not, Op, Where
from pycrm.model.privacy import RequestKind, SubjectRequest
from pycrm.model.profiling import ProfilingPolicy
from pycrm.model.promise import Promise
from pycrm.model.referral import Household, Referral, ReferralProgram, ReferralStatus, RejectReason
from pycrm.model.reward import Redemption, RedemptionStatus, Reward, RewardKind
from pycrm.model.segment import Segment, SegmentMembership
from pycrm.model.snapshot import NamedNumber, NeedsGroup, Snapshot
from pycrm.model.source import IdentityLink, SourceRecord
from pycrm.model.strategy import Strategy, StrategyAction
from pycrm.model.task import Task, TaskStatus
from pycrm.model.template import Markup, Missing, Rendition, Slot, Template
from pycrm.model.time import Period
from pycrm.model.touchpoint import Touchpoint
from pycrm.model.treatment import ServiceFloor, ServiceLevel, TreatmentPlan
from pycrm.model.vote import Vote, VoteKind, VoteReview, VoteState
from pycrm.model.withheld import WithheldAnswer


def text(max_size=12):
    """Any line a field takes: no blank one, no NUL, no lone surrogate."""
    characters = st.characters(exclude_categories=("Cs",), exclude_characters="\x00")
    return st.text(characters, min_size=1, max_size=max_size).filter(lambda value: value.strip())


def _unfolded(at):
    return at.replace(fold=0)


codes = st.from_regex(r"[a-z][a-z0-9_]{0,8}(\.[a-z0-9]{1,5}){0,2}", fullmatch=True)
ids = st.uuids()
dates = st.dates()
instants = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.just(UTC)).map(
    _unfolded
)
days = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2029, 12, 31), timezones=st.just(UTC)).map(
    _unfolded
)
fractions = st.floats(0, 1)
channels = st.one_of(st.sampled_from(Channel).map(str), st.just("other:fax"))
currencies = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4)


def maybe(strategy):
    """None, or one of `strategy`."""
    return st.none() | strategy


def many(strategy, max_size=3):
    """A short tuple of `strategy`."""
    return st.lists(strategy, max_size=max_size).map(tuple)


@st.composite
def periods(draw):
    start, end = sorted(draw(st.tuples(days, days)))
    return Period(draw(maybe(st.just(start))), draw(maybe(st.just(end + timedelta(microseconds=1)))))


def money(currency=currencies, amount=decimals):
    """An exact amount."""
    return st.builds(Money, amount, currency)


def charge(currency):
    """An amount of at least 0."""
    return money(st.just(currency), st.decimals(0, 10**6, places=2))


scalars = st.one_of(
    st.none(),
    text(),
    st.just(""),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**53, -(2**53), 2**64, 10**30]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-0.0, 1e16, 1e22, 5e-324, 1.0]),
    decimals,
    st.sampled_from([Decimal("1E+3"), Decimal("-0"), Decimal("1.50")]),
    dates,
    instants,
    ids,
)
values = st.recursive(
    scalars,
    lambda inner: many(inner) | st.dictionaries(text() | st.sampled_from(["$decimal", "$x"]), inner, max_size=3),
    max_leaves=6,
)
custom = st.dictionaries(text(), values, max_size=3).map(CustomFields)
unknown = st.dictionaries(codes.map(lambda code: "new_" + code.replace(".", "_")), scalars, max_size=2).map(
    CustomFields
)

compared = st.one_of(
    text(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    decimals,
    dates,
    instants,
    ids,
)
wheres = st.one_of(
    st.builds(Where, codes, st.sampled_from([Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE, Op.CONTAINS]), compared),
    st.builds(Where, codes, st.just(Op.IN), many(compared)),
    st.builds(Where, codes, st.just(Op.IS_NULL), st.booleans()),
)
predicates = st.recursive(
    wheres,
    lambda inner: st.builds(AllOf, many(inner)) | st.builds(AnyOf, many(inner)) | st.builds(Not, inner),
    max_leaves=5,
)

actors = st.builds(Actor, st.sampled_from(ActorKind), text())
reasons = st.builds(Reason, codes, text())
evidence_refs = st.builds(EvidenceRef, codes, ids, maybe(instants))
custom_field_defs = st.one_of(
    st.builds(
        CustomFieldDef,
        name=codes,
        kind=st.sampled_from([kind for kind in FieldKind if kind is not FieldKind.CHOICE]),
        label=maybe(text()),
        required=st.booleans(),
        sensitive=st.booleans(),
    ),
    st.builds(CustomFieldDef, name=codes, kind=st.just(FieldKind.CHOICE), choices=st.just(("a", "b"))),
)
money_at = st.builds(
    lambda amount, at, rate: MoneyAt(money=amount, as_of=at, base_currency="CHF", rate=rate),
    money(),
    instants,
    st.decimals("0.0001", 1000, places=4),
)


def _entity(**fields):
    return {"id": ids, "version": st.integers(0, 2**31), "unknown": unknown, **fields}


contact_points = st.builds(
    ContactPoint,
    kind=st.sampled_from(ContactKind),
    raw=text(30) | st.sampled_from([" Ana@Example.COM ", "+34 600 111 222", "(02) 1234 5678"]),
    label=maybe(text()),
    primary=st.just(False),
    verified_at=maybe(instants),
    validity=st.sampled_from(Validity),
    period=periods(),
)
person_names = st.builds(
    PersonName,
    full=maybe(text()),
    given=text(),
    middle=maybe(text()),
    family=maybe(text()),
    prefix=maybe(text()),
    suffix=maybe(text()),
    nickname=maybe(text()),
    order=st.sampled_from(NameOrder),
)
organisations = st.builds(
    Organisation,
    name=text(),
    legal_name=maybe(text()),
    domains=many(st.sampled_from(["example.com", "tea.example"])),
    industry=maybe(text()),
    size_band=maybe(text()),
    annual_revenue=maybe(money()),
    parent_id=maybe(ids),
    ideal_fit=maybe(st.booleans()),
)
identifiers = st.builds(
    Identifier,
    namespace=codes,
    value=text(),
    strength=st.sampled_from(Strength),
    authority=maybe(text()),
    verified=st.booleans(),
    period=periods(),
)
external_ids = st.builds(ExternalId, codes, text())


@st.composite
def customers(draw):
    is_person = draw(st.booleans())
    points = draw(many(contact_points))
    if points and draw(st.booleans()):
        first = points[0]
        points = (
            ContactPoint(kind=first.kind, raw=first.raw, primary=True, period=first.period),
            *points[1:],
        )
    return Customer(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        kind=CustomerKind.PERSON if is_person else CustomerKind.ORGANISATION,
        name=draw(person_names) if is_person else None,
        organisation=None if is_person else draw(organisations),
        roles=draw(st.frozensets(st.sampled_from(Role), min_size=1)),
        contact_points=points,
        identifiers=draw(many(identifiers)),
        external_ids=draw(many(external_ids)),
        birth_date=draw(maybe(dates)),
        gender=draw(maybe(text())),
        language=draw(maybe(st.just("es-ES"))),
        zone=draw(maybe(st.sampled_from(["Europe/Madrid", "UTC", "America/New_York", "Asia/Kathmandu"]))),
        country=draw(maybe(st.sampled_from(["ES", "NP"]))),
        job_title=draw(maybe(text())),
        department=draw(maybe(text())),
        source=draw(maybe(text())),
        owner_id=draw(maybe(ids)),
        first_touch_at=draw(maybe(instants)),
        identified_at=draw(maybe(instants)),
        processing=draw(st.sampled_from(Processing)),
        is_deceased=draw(st.booleans()),
        tags=draw(st.frozensets(codes, max_size=3)),
        custom=draw(custom),
    )


consent_entries = st.builds(
    lambda captured, confirmed, **fields: ConsentEntry(
        captured_at=captured, double_opt_in_at=None if confirmed is None else captured + confirmed, **fields
    ),
    days,
    maybe(st.timedeltas(timedelta(0), timedelta(days=9))),
    **_entity(
        customer_id=ids,
        purpose=codes,
        channel=maybe(channels),
        status=st.sampled_from(ConsentStatus),
        legal_basis=st.sampled_from(LegalBasis),
        capture_source=st.sampled_from(CaptureSource),
        text_version=maybe(text()),
        effective=periods(),
        brand=maybe(codes),
        evidence=maybe(text()),
        actor=maybe(actors),
    ),
)
permissions = st.builds(Permission, allowed=st.booleans(), reasons=st.tuples(reasons), entry_id=maybe(ids))
interactions = st.builds(
    lambda occurred, later, **fields: Interaction(occurred_at=occurred, recorded_at=occurred + later, **fields),
    days,
    st.timedeltas(timedelta(0), timedelta(days=99)),
    **_entity(
        customer_id=ids,
        anonymous_id=maybe(text()),
        participants=many(st.builds(Participant, party_id=ids, role=codes)),
        kind=st.sampled_from(InteractionKind),
        direction=st.sampled_from(Direction),
        channel=channels,
        mode=st.sampled_from(Mode),
        assisted=st.booleans(),
        subject=maybe(text()),
        summary=maybe(text()),
        outcome=maybe(text()),
        duration=maybe(st.timedeltas(timedelta(0), timedelta.max)),
        sentiment=maybe(st.floats(-1, 1)),
        conversation_id=maybe(ids),
        case_id=maybe(ids),
        opportunity_id=maybe(ids),
        campaign_id=maybe(ids),
        order_id=maybe(ids),
        idempotency_key=text(),
        payload=custom,
    ),
)


def order_lines(currency):
    """A line whose discount is within its price."""
    return st.builds(
        lambda price, share, tax, cost, quantity, **fields: OrderLine(
            unit_price=price,
            quantity=quantity,
            discount=None if share is None else (price * quantity * share),
            tax=tax,
            cost=cost,
            **fields,
        ),
        charge(currency),
        maybe(st.decimals(0, 1, places=2)),
        maybe(charge(currency)),
        maybe(charge(currency)),
        st.decimals("0.001", 1000, places=3),
        sku=text(),
        description=maybe(text()),
    )


@st.composite
def orders(draw):
    currency = draw(currencies)
    lines = draw(many(order_lines(currency)))
    placed, delivered = sorted((draw(instants), draw(instants)))
    order = Order(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        customer_id=draw(ids),
        number=draw(text()),
        placed_at=placed,
        currency=currency,
        lines=lines,
        status=draw(st.sampled_from(OrderStatus)),
        channel=draw(maybe(channels)),
        coupons=draw(many(text())),
        promised_at=draw(maybe(instants)),
        delivered_at=draw(st.sampled_from([None, delivered])),
        cart_id=draw(maybe(ids)),
        custom=draw(custom),
    )
    share = draw(maybe(st.sampled_from([Decimal("0.25"), Decimal(1)])))
    if share is None or not order.gross:
        return order
    line = draw(maybe(st.integers(0, len(lines) - 1)))
    return order.refund(
        Refund(
            at=draw(instants),
            amount=order.gross * share,
            line=line,
            quantity=draw(maybe(st.just(Decimal(1) if line is None else lines[line].quantity))),
            reason=draw(maybe(text())),
        )
    )


products = currencies.flatmap(
    lambda currency: st.builds(
        Product,
        **_entity(
            sku=text(),
            name=text(),
            category=many(text()),
            list_price=maybe(charge(currency)),
            cost=maybe(charge(currency)),
            active=periods(),
            custom=custom,
        ),
    )
)
unallocated_refunds = st.builds(
    UnallocatedRefund,
    **_entity(
        customer_id=ids,
        key=text(),
        at=instants,
        amount=money(amount=st.decimals("0.01", 1000, places=2)),
        sku=maybe(text()),
        reason=maybe(text()),
    ),
)


@st.composite
def stage_changes(draw):
    before = draw(maybe(st.sampled_from([stage for stage in Stage if stage is not Stage.ERASED])))
    after = draw(st.sampled_from(Stage))
    forced = after not in ALLOWED[before]
    occurred = draw(days)
    return StageChange(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        customer_id=draw(ids),
        from_stage=before,
        to_stage=after,
        occurred_at=occurred,
        recorded_at=occurred + draw(st.timedeltas(timedelta(0), timedelta(days=9))),
        reason=draw(codes),
        evidence=draw(many(evidence_refs)),
        policy_version=draw(text()),
        actor=draw(actors if forced else maybe(actors)),
        forced=forced,
        note=draw(text() if forced else maybe(text())),
    )


stage_retractions = st.builds(
    StageRetraction,
    **_entity(customer_id=ids, change_id=ids, recorded_at=instants, policy_version=text()),
)


@st.composite
def assessments(draw):
    currency = draw(currencies)
    amount = money(st.just(currency))
    since, as_of = sorted(draw(st.tuples(dates, dates)))
    score = maybe(st.integers(1, 5))
    return Assessment(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        customer_id=draw(ids),
        run=draw(text()),
        as_of=as_of,
        since=since,
        orders=draw(st.integers(0, 99)),
        historic_value=draw(amount),
        expected_value=draw(maybe(amount)),
        expected_low=draw(maybe(amount)),
        expected_high=draw(maybe(amount)),
        probability_alive=draw(maybe(fractions)),
        recency_score=draw(score),
        frequency_score=draw(score),
        monetary_score=draw(score),
        segment=draw(maybe(text())),
        tier=draw(st.sampled_from(Tier)),
        profit=draw(maybe(amount)),
        potential_value=draw(maybe(amount)),
        needs=draw(maybe(text())),
        fit_score=draw(maybe(st.integers(-99, 99))),
        engagement_score=draw(maybe(st.integers(-99, 99))),
        grade=draw(maybe(st.sampled_from(["A1", "C3"]))),
        policy=draw(maybe(text())),
        refunds=draw(st.integers(0, 9)),
        expenses=draw(st.integers(0, 9)),
        facts=draw(st.integers(0, 9)),
        interactions=draw(st.integers(0, 9)),
        reasons=draw(many(reasons)),
    )


finite = st.floats(-1e9, 1e9)
named_numbers = st.builds(NamedNumber, text(), finite)
needs_groups = st.builds(
    NeedsGroup, name=text(), customers=st.integers(0, 99), profile=text(), centre=many(named_numbers)
)


@st.composite
def snapshots(draw):
    since, as_of = sorted(draw(st.tuples(dates, dates)))
    counts = {
        name: draw(st.integers(0, 99))
        for name in ("customers", "orders", "refunds", "expenses", "facts", "interactions")
    }
    return Snapshot(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        run=draw(text()),
        as_of=as_of,
        since=since,
        until=draw(instants),
        currency=draw(currencies),
        parameters=draw(many(named_numbers)),
        groups=draw(many(needs_groups)),
        policy=draw(maybe(text())),
        scoring=draw(maybe(text())),
        notes=draw(many(text())),
        **counts,
    )


@st.composite
def treatment_plans(draw):
    service = draw(codes)
    levels = [ServiceLevel(tier=tier, service=service, value=draw(st.floats(1, 9))) for tier in Tier]
    floors = (ServiceFloor(service=service, minimum=1.0, maximum=draw(maybe(st.just(9.0)))),)
    return TreatmentPlan(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        edition=draw(text()),
        levels=tuple(levels),
        floors=draw(st.sampled_from([(), floors])),
        valid_from=draw(maybe(dates)),
    )


expenses = st.builds(
    Expense,
    **_entity(
        customer_id=ids,
        key=text(),
        at=instants,
        kind=st.sampled_from(ExpenseKind),
        amount=money(amount=st.decimals("0.01", 999, places=2)),
        note=maybe(text()),
    ),
)


@st.composite
def promises(draw):
    made, first, last = sorted(draw(st.lists(instants, min_size=3, max_size=3)))
    end = draw(st.sampled_from([{}, {"kept_at": last}, {"released_at": last}]))
    return Promise(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        customer_id=draw(ids),
        kind=draw(codes),
        what=draw(text()),
        made_at=made,
        due=first,
        made_by=draw(maybe(actors)),
        about=draw(many(evidence_refs)),
        note=draw(maybe(text())),
        key=draw(text()),
        **end,
    )


@st.composite
def offers(draw):
    kind = draw(st.sampled_from(OfferKind))
    fallback = draw(st.booleans())
    never_bought = draw(st.booleans())
    code, skus = draw(codes), draw(many(text()))
    price = Money(draw(st.decimals(999, 2_000, places=2)), "EUR")
    limits = (
        {}
        if fallback
        else {
            "eligible": draw(maybe(predicates)),
            "stock": draw(maybe(st.integers(0, 99))),
            "max_per_customer": draw(maybe(st.integers(1, 9))),
            "again_after": draw(maybe(st.timedeltas(timedelta(seconds=1), timedelta(days=99)))),
            "never_bought": never_bought,
            "requires": () if never_bought else tuple(set(draw(many(text()))) - set(skus)),
            "upgrades": () if never_bought else tuple(set(draw(many(text()))) - set(skus)),
            "excludes": tuple(set(draw(many(codes))) - {code}),
        }
    )
    return Offer(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        code=code,
        name=draw(text()),
        kind=kind,
        percent=draw(st.decimals("0.01", 100, places=2)) if kind is OfferKind.PERCENT else None,
        amount=Money(draw(st.decimals("0.01", 999, places=2)), "EUR") if kind is OfferKind.AMOUNT else None,
        skus=skus,
        purpose=draw(codes),
        period=draw(periods()),
        priority=draw(st.integers(0, 9)),
        fallback=fallback,
        needs=draw(many(codes)),
        price=price,
        margin=Money(draw(st.decimals(-999, 999, places=2)), "EUR"),
        cost=draw(maybe(st.just(Money("0.40", "EUR")))),
        floor_price=draw(maybe(st.just(Money("0", "EUR")))),
        suppress_buyers=draw(st.booleans()),
        stackable=draw(st.booleans()),
        **limits,
    )


offer_outcomes = st.builds(OfferOutcome, **_entity(decision_id=ids, answer=st.sampled_from(OfferAnswer), at=instants))
offer_overrides = st.builds(
    OfferOverride, **_entity(decision_id=ids, offer_id=maybe(ids), actor=actors, at=instants, note=text())
)
step_options = st.builds(StepOption, codes, text(), st.floats(allow_nan=False, allow_infinity=False))


@st.composite
def next_steps(draw):
    made, expires = sorted(draw(st.lists(instants, min_size=2, max_size=2, unique=True)))
    fields = _entity(
        customer_id=ids,
        step=step_options,
        alternatives=many(step_options),
        reasons=st.tuples(reasons),
        owner=maybe(text()),
    )
    return NextStep(**{name: draw(strategy) for name, strategy in fields.items()}, made_at=made, expires_at=expires)


planned_actions = st.builds(
    PlannedAction,
    code=codes,
    text=text(),
    owner=text(),
    due=dates,
    expected=maybe(st.just(Money("9.50", "EUR"))),
    confidence=fractions,
    status=st.sampled_from(ActionStatus),
)
spans = st.timedeltas(timedelta(0), timedelta(days=99))
automation_runs = st.builds(
    AutomationRun,
    **_entity(
        process=codes,
        key=text(),
        at=instants,
        items=st.integers(0, 10**6),
        by_hand=spans,
        overseen=spans,
        basis=maybe(text()),
    ),
)
feed_events = st.builds(
    FeedEvent,
    **_entity(
        position=st.integers(1, 10**6),
        type=text(),
        body=st.builds(json.dumps, st.dictionaries(text(), text(), max_size=3)),
        at=instants,
    ),
)
change_feeds = st.builds(
    lambda kept, **fields: ChangeFeed(last=fields["first"] - 1 + kept, **fields),
    kept=st.integers(0, 10**6),
    **_entity(epoch=st.uuids(), first=st.integers(1, 10**6), retold=st.integers(0, 9)),
)
feed_readers = st.builds(FeedReader, **_entity(name=codes, position=st.integers(0, 10**6)))
action_plans = st.builds(
    ActionPlan,
    **_entity(
        code=codes,
        goal=text(),
        finding_id=maybe(ids),
        actions=st.lists(planned_actions, max_size=2, unique_by=lambda one: one.code).map(tuple),
    ),
)
offer_decisions = st.builds(
    OfferDecision,
    **_entity(
        customer_id=ids,
        run=text(),
        as_of=dates,
        decided_at=instants,
        offer_id=maybe(ids),
        sku=maybe(text()),
        channel=maybe(channels),
        fallback=st.booleans(),
        reasons=st.tuples(reasons),
        policy=maybe(codes),
        arm=maybe(codes),
        context=maybe(codes),
        probability=maybe(fractions),
        expected=maybe(st.just(Money("-1.25", "EUR"))),
        alternatives=many(codes),
    ),
)
topics = st.builds(Topic, st.sampled_from(FactKind), codes)
contact_intents = st.builds(
    lambda created_at, waits, **fields: ContactIntent(created_at=created_at, send_at=created_at + waits, **fields),
    days,
    st.timedeltas(timedelta(0), timedelta(days=2)),
    **_entity(
        customer_id=ids,
        run=text(),
        as_of=dates,
        kind=st.sampled_from(IntentKind),
        topic=codes,
        text=text(),
        asks=many(topics),
        carries=many(codes),
        campaign_id=maybe(ids),
        channel=channels,
        address=maybe(text()),
        purpose=codes,
        permission=st.builds(Permission, st.just(True), st.tuples(reasons), maybe(ids)),
        reasons=many(reasons),
        plan=maybe(text()),
        cancelled=maybe(reasons),
    ),
)
source_records = st.builds(SourceRecord, **_entity(source=text(), key=text(), received_at=instants, fields=custom))
identity_links = st.builds(
    IdentityLink,
    **_entity(
        record_id=ids,
        customer_id=ids,
        rule=codes,
        probability=fractions,
        decided_at=instants,
        reason=text(),
        former_id=maybe(ids),
        mate_id=maybe(ids),
    ),
)
_two_records = st.tuples(ids, ids).filter(lambda pair: pair[0] != pair[1])
match_decisions = st.builds(
    lambda pair, **fields: MatchDecision(left_id=pair[0], right_id=pair[1], **fields),
    _two_records,
    **_entity(
        same=st.booleans(),
        decided_at=instants,
        decided_by=maybe(text()),
        reason=text(),
        revokes=maybe(ids),
        winner_id=maybe(ids),
        loser_id=maybe(ids),
        own_first_touch_at=maybe(instants),
    ),
)
match_questions = st.builds(
    lambda pair, **fields: MatchQuestion(left_id=pair[0], right_id=pair[1], **fields),
    _two_records,
    **_entity(probability=fractions, weight=fractions, why=text(), asked_at=instants),
)
import_runs = st.builds(
    lambda started, took, **fields: ImportRun(
        started_at=started, finished_at=None if took is None else started + took, **fields
    ),
    days,
    maybe(st.timedeltas(timedelta(0), timedelta(days=1))),
    **_entity(
        source=text(),
        key=text(),
        dry_run=st.booleans(),
        counts=st.dictionaries(codes, st.integers(0, 99), max_size=2).map(CustomFields),
        outcomes=many(
            st.builds(ImportOutcome, st.integers(0, 99), st.sampled_from(RowStatus), maybe(text()), maybe(text()))
        ),
    ),
)

caps = st.builds(FrequencyCap, st.integers(0, 9), st.sampled_from(CapPeriod), maybe(channels))
contact_policies = st.builds(
    ContactPolicy,
    **_entity(
        customer_id=maybe(ids),
        purpose=maybe(codes),
        caps=many(caps),
        quiet_hours=maybe(st.builds(QuietHours, st.integers(0, 1439), st.integers(0, 1439))),
        zone=st.sampled_from(["UTC", "Europe/Madrid"]),
        pauses=many(periods(), max_size=2),
        preferred=channels,
        only_preferred=st.booleans(),
    ),
)
profiling_policies = st.builds(
    ProfilingPolicy,
    **_entity(
        purpose=codes,
        basis=st.sampled_from([LegalBasis.LEGITIMATE_INTEREST, LegalBasis.CONSENT]),
        double_opt_in=st.booleans(),
    ),
)
suppressions = st.builds(
    lambda lasts, since, **fields: Suppression(since=since, until=None if lasts is None else since + lasts, **fields),
    maybe(st.timedeltas(timedelta(seconds=1), timedelta(days=9))),
    days,
    **_entity(address=text(), channel=maybe(channels), reason=codes),
)

arms = st.builds(
    ExperimentArm,
    code=codes,
    share=st.floats(0.01, 1),
    tactic=maybe(codes),
    communication=maybe(codes),
    communication_version=st.integers(1, 9),
    unit_cost=maybe(charge("EUR")),
    fixed_cost=maybe(charge("EUR")),
)


@st.composite
def experiments(draw):
    names = draw(st.lists(codes.filter(lambda code: code != "holdout"), min_size=2, max_size=4, unique=True))
    return Experiment(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        code=draw(codes),
        name=draw(text()),
        hypothesis=draw(maybe(text())),
        arms=tuple(attrs.evolve(draw(arms), code=name, share=1 / len(names)) for name in names),
        control=draw(st.sampled_from(names)),
        holdout=draw(st.floats(0, 0.9)),
        metric=draw(codes),
        period=Period(draw(days)),
        window=draw(maybe(st.timedeltas(timedelta(seconds=1), timedelta(days=999)))),
        sample_size=draw(maybe(st.integers(2, 9999))),
        campaign_id=draw(maybe(ids)),
        follows=draw(maybe(ids)),
    )


assignments = st.builds(
    Assignment,
    **_entity(experiment_id=ids, customer_id=ids, arm=codes, assigned_at=instants, stratum=maybe(text())),
)
exposures = st.builds(
    Exposure, **_entity(experiment_id=ids, customer_id=ids, arm=codes, exposed_at=instants, interaction_id=maybe(ids))
)
outcomes = st.builds(
    lambda exposed, took, **fields: Outcome(at=exposed + took, exposed_at=exposed, **fields),
    days,
    st.timedeltas(timedelta(0), timedelta(days=1)),
    **_entity(
        customer_id=ids,
        metric=codes,
        value=st.floats(allow_nan=False, allow_infinity=False),
        evidence_id=maybe(ids),
    ),
)
row_sets = st.builds(
    RowSet, kind=codes, rows=st.integers(0, 99), digest=st.binary(min_size=32, max_size=32).map(bytes.hex)
)


@st.composite
def findings(draw):
    low, estimate, high = sorted(draw(st.tuples(*[st.floats(-1e6, 1e6)] * 3)))
    value = draw(st.booleans())
    amount = money(st.just("EUR"))
    return Finding(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        question=draw(codes),
        experiment_id=draw(maybe(ids)),
        arm=draw(codes),
        control=draw(codes),
        tactic=draw(maybe(codes)),
        metric=draw(codes),
        as_of=draw(dates),
        found_at=draw(instants),
        estimate=estimate,
        low=low,
        high=high,
        confidence=draw(st.floats(0, 1)),
        p_value=draw(st.floats(0, 1)),
        adjusted_p_value=draw(st.floats(0, 1)),
        treated=draw(st.integers(1, 99)),
        controls=draw(st.integers(1, 99)),
        contacts=draw(st.integers(0, 99)),
        treated_mean=draw(st.floats(-1e6, 1e6)),
        control_mean=draw(st.floats(-1e6, 1e6)),
        method=draw(text()),
        assumes=draw(many(text())),
        notes=draw(many(text())),
        value=draw(amount) if value else None,
        value_low=draw(amount) if value else None,
        value_high=draw(amount) if value else None,
        cost=draw(maybe(charge("EUR"))),
        rows=draw(many(row_sets)),
    )


decisions = st.builds(
    Decision,
    **_entity(
        finding_id=ids,
        recommended=st.sampled_from(Recommendation),
        decided=st.sampled_from(Recommendation),
        decided_at=instants,
        actor=actors,
        note=text(),
        next_experiment_id=maybe(ids),
    ),
)

points_entries = st.builds(
    lambda points, lot, **fields: PointsEntry(
        legs=(Leg(Bucket.EARNED, -points), Leg(Bucket.OPEN, points, lot, fields["at"])), **fields
    ),
    st.integers(1, 10**6),
    ids,
    **_entity(
        account_id=ids,
        key=text(),
        request=text(),
        kind=st.sampled_from(EntryKind),
        at=instants,
        rule=maybe(codes),
        of_entry=maybe(ids),
        hold=maybe(text()),
        reason=maybe(text()),
    ),
)
lots = st.builds(Lot, ids, st.integers(1, 99), maybe(instants), maybe(instants))
points_accounts = st.builds(
    PointsAccount,
    **_entity(
        member_id=ids,
        program=codes,
        lots=many(lots),
        pending=many(lots),
        holds=many(st.builds(Hold, text(), many(lots))),
        debt=st.integers(0, 9),
        earned=st.integers(0, 10**9),
        undone=many(st.tuples(ids, st.integers(1, 9))),
        rules=many(st.builds(RuleTotal, codes, dates, st.integers(0, 9), st.integers(0, 99))),
        last_at=maybe(instants),
    ),
)

lengths = st.timedeltas(timedelta(seconds=1), timedelta(days=400))
earning_rules = st.builds(
    EarningRule,
    **_entity(
        code=codes,
        program=codes,
        event=codes,
        mode=st.just(EarningMode.PER_UNIT),
        points=st.integers(1, 99),
        min_amount=maybe(money()),
        skus=many(text()),
        period=periods(),
        valid_for=maybe(lengths),
        pending_for=maybe(lengths),
        caps=many(st.builds(EarnCap, st.integers(0, 99), st.sampled_from(CapSpan))),
    ),
)
program_budgets = st.builds(
    ProgramBudget,
    **_entity(program=codes, max_points=st.integers(50, 99), given=st.integers(0, 50), closed_at=maybe(instants)),
)
rewards = st.builds(
    Reward,
    **_entity(
        code=codes,
        program=codes,
        name=text(),
        kind=st.just(RewardKind.PERCENT),
        cost=st.integers(1, 99),
        percent=st.decimals("0.01", 100, places=2),
        stock=maybe(st.integers(0, 9)),
        period=periods(),
    ),
)
redemptions = st.builds(
    Redemption,
    **_entity(
        member_id=ids,
        reward_id=ids,
        points=st.integers(1, 99),
        entry_key=text(),
        at=instants,
        status=st.sampled_from(RedemptionStatus),
    ),
)
referral_programs = st.builds(
    ReferralProgram,
    **_entity(
        code=codes,
        program=codes,
        advocate_points=st.integers(0, 99),
        friend_points=st.integers(0, 99),
        window=lengths,
        limit=maybe(st.integers(0, 9)),
        program_limit=maybe(st.integers(0, 9)),
        velocity=st.integers(1, 9),
        velocity_window=lengths,
        household=st.sampled_from(Household),
        level_rates=many(st.integers(0, 2000)),
        period=periods(),
    ),
)
referrals = st.builds(
    lambda status, reason, **fields: Referral(
        status=status,
        reason=reason if status in {ReferralStatus.REJECTED, ReferralStatus.REVOKED} else None,
        **fields,
    ),
    st.sampled_from(ReferralStatus),
    st.sampled_from(RejectReason),
    **_entity(
        program_code=codes,
        code=text(),
        advocate_id=st.just(UUID(int=1)),
        friend_id=st.uuids(version=4),
        invited_at=instants,
        joined_at=maybe(instants),
        qualified_at=maybe(instants),
        closed_at=maybe(instants),
        note=maybe(text()),
    ),
)

segments = st.builds(
    lambda one, other, **fields: Segment(included=frozenset({one}), excluded=frozenset({other}) - {one}, **fields),
    ids,
    ids,
    **_entity(name=codes, description=maybe(text())),
)
memberships = st.builds(
    lambda start, lasts, **fields: SegmentMembership(period=Period(start, start + lasts), **fields),
    days,
    st.timedeltas(timedelta(seconds=1), timedelta(days=9)),
    **_entity(segment=codes, customer_id=ids, reasons=many(reasons)),
)
customer_facts = st.builds(
    CustomerFact,
    **_entity(
        customer_id=ids,
        topic=topics,
        value=maybe(text()),
        strength=fractions,
        origin=st.sampled_from(FactOrigin),
        confidence=fractions,
        recorded_at=instants,
        period=periods(),
        evidence=maybe(evidence_refs),
    ),
)
withheld_answers = st.builds(
    WithheldAnswer,
    **_entity(customer_id=ids, about=text(), recorded_at=instants, evidence=maybe(evidence_refs)),
)
campaigns = st.builds(
    Campaign,
    **_entity(
        code=codes,
        name=text(),
        objective=text(),
        kind=st.sampled_from(IntentKind),
        text=text(),
        status=st.sampled_from(CampaignStatus),
        period=periods(),
        segment=codes,
        audience=maybe(predicates),
        includes=many(ids),
        excludes=many(ids),
        not_owning=many(text()),
        open_list=st.booleans(),
        purpose=codes,
        channel=channels,
        cost=st.just(Money("0.10", "EUR")),
        budget=maybe(charge("EUR")),
    ),
)
campaign_members = st.builds(
    CampaignMember, **_entity(campaign_id=ids, customer_id=ids, listed_at=instants, reasons=many(reasons))
)
chat_sessions = st.builds(
    lambda opened, **fields: ChatSession(
        opened_at=opened, turns=(ChatTurn(at=opened, role=ChatRole.BOT, text="Hello"),), **fields
    ),
    days,
    **_entity(customer_id=maybe(ids), anonymous_id=text(), need=maybe(topics)),
)
plays = st.builds(
    Play,
    **_entity(
        code=codes,
        revision=st.integers(1, 9),
        stage=st.sampled_from([Stage.LOYALTY, Stage.CHURNED]),
        trigger=st.sampled_from(PlayTrigger),
        after=st.timedeltas(timedelta(seconds=1), timedelta(days=9)),
        action=st.sampled_from(PlayAction),
        text=text(),
        kind=st.sampled_from(IntentKind),
        purpose=codes,
        channel=channels,
    ),
)
strategy_plans = st.builds(
    Strategy,
    **_entity(
        code=codes,
        revision=st.integers(1, 9),
        segment=maybe(codes),
        aim=text(),
        actions=st.builds(
            lambda words: (
                StrategyAction(
                    code="a",
                    text=words,
                    steps_before=3,
                    steps_after=1,
                    parts=(StrategyAction(code="b", text=words, steps_before=1, steps_after=0),),
                ),
            ),
            text(),
        ),
        period=periods(),
        priority=st.integers(0, 9),
    ),
)
tasks = st.builds(
    lambda created, status, **fields: Task(
        created_at=created, status=status, completed_at=created if status is TaskStatus.DONE else None, **fields
    ),
    days,
    st.sampled_from(TaskStatus),
    **_entity(
        title=text(),
        customer_id=maybe(ids),
        about=many(evidence_refs),
        because=st.tuples(reasons),
        due=maybe(instants),
        priority=st.integers(0, 9),
        assignee=maybe(actors),
    ),
)
capture_forms = st.builds(
    CaptureForm,
    **_entity(
        code=codes,
        fields=st.builds(
            lambda used, topic: (
                FormField(name="mail", used_for=used, fills=FormFill.EMAIL, required=True),
                FormField(name="what", used_for=used, topic=topic),
            ),
            text(),
            topics,
        ),
        purposes=many(codes).map(lambda all: tuple(dict.fromkeys(all))),
        channel=channels,
        text_version=text(),
        most=st.integers(2, 9),
    ),
)
needs = st.builds(Topic, st.just(FactKind.NEED), codes)
contents = st.builds(
    Content,
    **_entity(
        code=codes,
        title=text(),
        kind=st.sampled_from(ContentKind),
        need=needs,
        about=many(topics),
        asset=maybe(text()),
        period=periods(),
    ),
)
lead_magnets = st.builds(
    LeadMagnet, **_entity(code=codes, title=text(), solves=needs, asset=text(), form=codes, period=periods())
)
magnet_claims = st.builds(
    MagnetClaim, **_entity(magnet_id=ids, customer_id=ids, claimed_at=instants, consent_ids=many(ids))
)
newsletters = st.builds(
    Newsletter,
    **_entity(
        code=codes,
        title=text(),
        purpose=codes,
        every=st.timedeltas(timedelta(seconds=1), timedelta(days=9)),
        editorial=st.integers(1, 5),
        products=st.integers(0, 5),
        least_match=fractions,
    ),
)
nurture_sequences = st.builds(
    NurtureSequence,
    **_entity(
        code=codes,
        revision=st.integers(1, 9),
        source=maybe(codes),
        purpose=codes,
        steps=st.builds(
            lambda names, value, promise: tuple(
                NurtureStep(code=name, after=timedelta(days=at), value=value, promise=promise, text=promise)
                for at, name in enumerate(names)
            ),
            st.lists(codes, unique=True, min_size=1, max_size=3),
            st.sampled_from(ValueKind),
            text(),
        ),
        ends_when=maybe(predicates),
    ),
)
response_books = st.builds(
    ResponseBook,
    **_entity(
        code=codes,
        rules=st.builds(
            lambda kind, purpose, stage, template: (
                ResponseRule(customer_type=kind, purpose=purpose, stage=stage, template=template),
            ),
            maybe(text()),
            maybe(codes),
            st.sampled_from([*Stage, None]),
            maybe(codes),
        ),
        simple=many(st.builds(RequestClass, purpose=codes, words=st.just(("open", "hours")))),
        never=many(text()),
        longest=st.integers(1, 99),
        away=maybe(codes),
    ),
)
templates = st.builds(
    Template,
    **_entity(
        code=codes,
        revision=st.integers(1, 9),
        language=maybe(text()),
        slots=st.sampled_from(
            [(), (Slot(name="given", missing=Missing.DROP),), (Slot(name="a.b", missing=Missing.DEFAULT, default="x"),)]
        ),
        renditions=st.builds(
            lambda channel, subject, markup: (
                Rendition(channel=channel, subject=subject, body="Dear reader", markup=markup, limit=99),
            ),
            channels,
            st.sampled_from(["News", None]),
            st.sampled_from(Markup),
        ),
    ),
)
touchpoints = st.builds(
    Touchpoint,
    **_entity(
        customer_id=ids,
        anonymous_id=maybe(text()),
        at=instants,
        channel=channels,
        source=codes,
        medium=maybe(text()),
        campaign=maybe(codes),
        content=maybe(text()),
        term=maybe(text()),
        referrer=maybe(text()),
        cost=maybe(money()),
    ),
)


@st.composite
def knowledge_plans(draw):
    wanted = draw(st.lists(topics, unique=True, max_size=2))
    approaches = [
        Approach(
            code=code,
            kind=draw(st.sampled_from(IntentKind)),
            text=draw(text()),
            teaches=tuple(wanted),
            certainty=draw(fractions),
            answer_rate=draw(fractions),
            worth=draw(st.floats(0.5, 9)),
            effort=draw(st.floats(0, 9)),
            concerns=draw(maybe(predicates)),
            channels=draw(many(channels)),
            purpose=draw(maybe(codes)),
        )
        for code in draw(st.lists(codes, unique=True, max_size=2))
    ]
    return draw(
        st.builds(
            KnowledgePlan,
            **_entity(
                code=codes,
                revision=st.integers(1, 9),
                topics=st.just(tuple(WantedTopic(topic=topic, worth=draw(st.floats(0.5, 9))) for topic in wanted)),
                approaches=st.just(tuple(approaches)),
                again_after=st.timedeltas(timedelta(seconds=1), timedelta(days=9)),
                sure=fractions,
                stop_after=st.integers(1, 9),
                patience=fractions,
            ),
        )
    )


leads = st.builds(
    Lead, **_entity(customer_id=ids, source=codes, created_at=instants, owner_id=maybe(ids), topic=maybe(text()))
)
lead_changes = st.builds(
    lambda step, **fields: LeadChange(from_state=step[0], to_state=step[1], **fields),
    st.sampled_from([(one, other) for one, after in ALLOWED_LEAD_STATES.items() for other in sorted(after)]),
    **_entity(lead_id=ids, occurred_at=instants, reason=codes, rules_version=maybe(text()), actor=maybe(actors)),
)
conversions = st.builds(
    Conversion, **_entity(lead_id=ids, customer_id=ids, opportunity_id=maybe(ids), order_id=ids, at=instants)
)


@st.composite
def pipelines(draw):
    """A pipeline of any shape that has an end to every way."""
    names = draw(st.lists(codes, min_size=3, max_size=6, unique=True))
    begun, won, lost, *more = names
    kinds = {won: PipelineStageKind.WON, lost: PipelineStageKind.LOST, begun: PipelineStageKind.OPEN}
    kinds |= {name: draw(st.sampled_from(PipelineStageKind)) for name in more}
    spans = maybe(st.timedeltas(timedelta(microseconds=1), timedelta(days=99)))
    stages = []
    for name in draw(st.permutations(names)):
        others = [other for other in names if other != name]
        following = draw(st.lists(st.sampled_from(others), unique=True, max_size=3))
        # A way that leads somewhere leads to an end.
        if following and kinds[name] is PipelineStageKind.OPEN and won not in following:
            following.append(won)
        more = {} if kinds[name].is_closed else {"probability": draw(fractions), "stale_after": draw(spans)}
        stages.append(
            PipelineStage(
                code=name,
                label=draw(text()),
                kind=kinds[name],
                next=tuple(following),
                requires=draw(maybe(predicates)),
                tasks=draw(many(text())),
                formerly=(f"old_{name}",) if draw(st.booleans()) and f"old_{name}" not in names else (),
                **more,
            )
        )
    return Pipeline(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        code=draw(codes),
        revision=draw(st.integers(1, 99)),
        stages=tuple(stages),
        stale_after=draw(spans),
        period=draw(periods()),
    )


@st.composite
def opportunity_terms(draw):
    currency = draw(currencies)
    lines = draw(many(order_lines(currency)))
    return OpportunityTerms(
        lines=lines,
        amount=draw(charge(currency) if not lines else maybe(charge(currency))),
        recurring=draw(maybe(st.builds(RecurringAmount, charge(currency), st.integers(1, 99)))),
        expected_close=draw(maybe(dates)),
        probability=draw(maybe(fractions)),
    )


opportunities = st.builds(
    Opportunity,
    **_entity(
        customer_id=ids,
        name=text(),
        pipeline_id=ids,
        opened_at=instants,
        contacts=st.lists(st.builds(OpportunityContact, ids, st.sampled_from(BuyingRole)), max_size=3, unique=True).map(
            tuple
        ),
        owner_id=maybe(ids),
        source=maybe(codes),
        campaign_id=maybe(ids),
        lead_id=maybe(ids),
        first_touch_id=maybe(ids),
        last_touch_id=maybe(ids),
        key=text(),
        changes=st.integers(0, 99),
    ),
)


@st.composite
def opportunity_changes(draw):
    began, at = draw(st.booleans()), draw(days)
    forced = not began and draw(st.booleans())
    to = draw(codes)
    kind = PipelineStageKind.OPEN if began else draw(st.sampled_from(PipelineStageKind))
    return OpportunityChange(
        **{name: draw(strategy) for name, strategy in _entity().items()},
        opportunity_id=draw(ids),
        number=1 if began else draw(st.integers(2, 99)),
        pipeline_id=draw(ids),
        former_pipeline_id=None if began else draw(maybe(ids)),
        from_stage=None if began else draw(codes.filter(lambda code: code != to)),
        to_stage=to,
        kind=kind,
        allowed=() if forced else (to, *draw(many(codes))),
        terms=draw(opportunity_terms()) if began else draw(maybe(opportunity_terms())),
        occurred_at=at,
        recorded_at=at + draw(st.timedeltas(timedelta(0), timedelta(days=99))),
        reason=draw(codes),
        actor=draw(actors) if forced else draw(maybe(actors)),
        forced=forced,
        note=draw(text()) if forced else draw(maybe(text())),
        evidence=draw(many(evidence_refs)),
        key=draw(text()),
    )


contributions = st.builds(
    Contribution,
    **_entity(
        author_id=ids,
        kind=codes,
        key=text(),
        made_at=instants,
        link=maybe(text()),
        text_ref=maybe(text()),
        disclosed=st.booleans(),
    ),
)
moderation_entries = st.builds(
    ModerationEntry,
    **_entity(contribution_id=ids, verdict=st.sampled_from(Moderation), moderator=text(), at=instants, reason=text()),
)
votes = st.builds(Vote, **_entity(contribution_id=ids, voter_id=ids, kind=st.sampled_from(VoteKind), at=instants))
vote_reviews = st.builds(
    lambda state, actor, **fields: VoteReview(state=state, actor=None if state is VoteState.HELD else actor, **fields),
    st.sampled_from(VoteState),
    text(),
    **_entity(contribution_id=ids, voter_id=ids, reasons=st.tuples(st.builds(Reason, codes, text())), at=instants),
)

subject_requests = st.builds(
    lambda received, later, **fields: SubjectRequest(received_at=received, done_at=received + later, **fields),
    days,
    st.timedeltas(timedelta(0), timedelta(days=30)),
    **_entity(
        kind=st.sampled_from(RequestKind),
        customer_id=ids,
        customer_ids=many(ids),
        counts=st.dictionaries(codes, st.integers(0, 9), max_size=2),
        reason=codes,
        records=many(codes),
    ),
)

ENTITIES = {
    Contribution: contributions,
    ModerationEntry: moderation_entries,
    Vote: votes,
    VoteReview: vote_reviews,
    SubjectRequest: subject_requests,
    Conversion: conversions,
    Opportunity: opportunities,
    OpportunityChange: opportunity_changes(),
    Pipeline: pipelines(),
    CustomerFact: customer_facts,
    KnowledgePlan: knowledge_plans(),
    Touchpoint: touchpoints,
    Campaign: campaigns,
    CampaignMember: campaign_members,
    ChatSession: chat_sessions,
    Play: plays,
    Strategy: strategy_plans,
    Task: tasks,
    CaptureForm: capture_forms,
    Content: contents,
    LeadMagnet: lead_magnets,
    MagnetClaim: magnet_claims,
    Newsletter: newsletters,
    NurtureSequence: nurture_sequences,
    ResponseBook: response_books,
    Template: templates,
    Lead: leads,
    LeadChange: lead_changes,
    Segment: segments,
    SegmentMembership: memberships,
    EarningRule: earning_rules,
    ProgramBudget: program_budgets,
    Redemption: redemptions,
    Referral: referrals,
    ReferralProgram: referral_programs,
    Reward: rewards,
    PointsAccount: points_accounts,
    PointsEntry: points_entries,
    ContactPolicy: contact_policies,
    ProfilingPolicy: profiling_policies,
    WithheldAnswer: withheld_answers,
    Suppression: suppressions,
    Assessment: assessments(),
    Assignment: assignments,
    ConsentEntry: consent_entries,
    ContactIntent: contact_intents,
    Customer: customers(),
    Decision: decisions,
    Experiment: experiments(),
    Expense: expenses,
    Promise: promises(),
    Exposure: exposures,
    Finding: findings(),
    IdentityLink: identity_links,
    MatchDecision: match_decisions,
    MatchQuestion: match_questions,
    ImportRun: import_runs,
    Interaction: interactions,
    Offer: offers(),
    OfferDecision: offer_decisions,
    OfferOutcome: offer_outcomes,
    OfferOverride: offer_overrides,
    NextStep: next_steps(),
    ActionPlan: action_plans,
    AutomationRun: automation_runs,
    ChangeFeed: change_feeds,
    FeedEvent: feed_events,
    FeedReader: feed_readers,
    Order: orders(),
    Outcome: outcomes,
    Product: products,
    Snapshot: snapshots(),
    SourceRecord: source_records,
    StageChange: stage_changes(),
    StageRetraction: stage_retractions,
    TreatmentPlan: treatment_plans(),
    UnallocatedRefund: unallocated_refunds,
}
"""A strategy for each entity."""

VALUES = {
    Actor: actors,
    ExperimentArm: arms,
    RowSet: row_sets,
    ContactPoint: contact_points,
    CustomFieldDef: custom_field_defs,
    EvidenceRef: evidence_refs,
    ExternalId: external_ids,
    Identifier: identifiers,
    Money: money(),
    MoneyAt: money_at,
    OrderLine: currencies.flatmap(order_lines),
    Organisation: organisations,
    Participant: st.builds(Participant, party_id=ids, role=codes),
    Period: periods(),
    Permission: permissions,
    PersonName: person_names,
    Reason: reasons,
    Refund: st.builds(Refund, at=instants, amount=money(amount=st.decimals("0.01", 99, places=2))),
    ImportOutcome: st.builds(ImportOutcome, st.integers(0, 99), st.sampled_from(RowStatus)),
}
"""A strategy for each value that is part of one."""
