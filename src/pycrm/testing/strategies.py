"""Hypothesis strategies for the nouns of `pycrm.model`: any value that the model allows and a store must keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.contribution import Contribution, Moderation, ModerationEntry
from pycrm.model.customer import Customer, ExternalId, Identifier, PersonName, Role, Strength
from pycrm.model.interaction import Interaction, InteractionKind
from pycrm.model.money import Money
from pycrm.model.opportunity import Opportunity, OpportunityChange, OpportunityTerms
from pycrm.model.opportunity_history import open_opportunity, opportunity_state
from pycrm.model.order import Order, OrderLine, OrderStatus, Product
from pycrm.model.pipeline import Pipeline, PipelineStage, PipelineStageKind
from pycrm.model.vote import Vote, VoteKind

__all__ = [
    "contributions",
    "custom_fields",
    "customers",
    "interactions",
    "lines",
    "moderation_entries",
    "moneys",
    "opportunities",
    "orders",
    "pipelines",
    "products",
    "texts",
    "times",
    "votes",
]


def texts(size: int = 12) -> st.SearchStrategy[str]:
    """Return texts of one line that are not blank: letters of every script, emoji, marks, spaces at the ends."""
    allowed = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029")
    return st.text(allowed, min_size=1, max_size=size).filter(lambda text: bool(text.strip()))


def times() -> st.SearchStrategy[datetime]:
    """Return aware times of every year, in UTC."""
    return st.datetimes(timezones=st.just(UTC))


def moneys(currency: str = "EUR") -> st.SearchStrategy[Money]:
    """Return amounts of one currency, from 0 on."""
    return st.builds(Money, st.decimals(0, 10**9, places=2), st.just(currency))


def custom_fields() -> st.SearchStrategy[dict[str, Any]]:
    """Return custom fields of every type, nested."""
    scalars: st.SearchStrategy[Any] = st.one_of(
        st.none(),
        texts(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.decimals(allow_nan=False, allow_infinity=False, places=3),
        st.dates(),
        times(),
        st.uuids(),
    )
    values = st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3)
    )
    return st.dictionaries(texts(), values, max_size=4)


def customers() -> st.SearchStrategy[Customer]:
    """Return people; no two of them share a strong identifier by construction of their values."""
    points = st.lists(st.builds(ContactPoint, kind=st.sampled_from(ContactKind), raw=texts(30)), max_size=3)
    identifiers = st.lists(
        st.builds(Identifier, namespace=st.just("device"), value=texts(), strength=st.just(Strength.WEAK)), max_size=2
    )
    return st.builds(
        Customer,
        name=st.builds(PersonName, given=texts(), family=st.none() | texts()),
        roles=st.frozensets(st.sampled_from(Role), min_size=1),
        contact_points=points.map(tuple),
        identifiers=identifiers.map(tuple),
        external_ids=st.lists(st.builds(ExternalId, st.just("shop"), texts()), max_size=2).map(tuple),
        birth_date=st.none() | st.dates(),
        country=st.none() | st.sampled_from(["ES", "FR", "JP"]),
        source=st.none() | texts(),
        owner_id=st.none() | st.uuids(),
        first_touch_at=st.none() | times(),
        is_deceased=st.booleans(),
        tags=st.frozensets(st.sampled_from(["vip", "press", "staff"])),
        custom=custom_fields(),
    )


def products() -> st.SearchStrategy[Product]:
    """Return products."""
    return st.builds(
        Product,
        sku=texts(),
        name=texts(),
        category=st.lists(texts(), max_size=2).map(tuple),
        list_price=st.none() | moneys(),
    )


def lines(currency: str = "EUR") -> st.SearchStrategy[OrderLine]:
    """Return order lines of one currency."""
    return st.builds(
        OrderLine,
        sku=texts(),
        quantity=st.integers(1, 99).map(Decimal),
        unit_price=moneys(currency),
        tax=st.none() | moneys(currency),
    )


def orders(customer: Customer) -> st.SearchStrategy[Order]:
    """Return orders of one customer."""
    return st.builds(
        Order,
        customer_id=st.just(customer.id),
        number=texts(),
        placed_at=times(),
        currency=st.just("EUR"),
        lines=st.lists(lines(), max_size=3).map(tuple),
        status=st.sampled_from(OrderStatus),
        custom=custom_fields(),
    )


def interactions(customer: Customer) -> st.SearchStrategy[Interaction]:
    """Return interactions of one customer."""
    early = st.datetimes(max_value=datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone
    return early.flatmap(
        lambda at: st.builds(
            Interaction,
            customer_id=st.just(customer.id),
            kind=st.sampled_from(InteractionKind),
            channel=st.sampled_from(["email", "web", "phone"]),
            occurred_at=st.just(at),
            recorded_at=st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda later: at + later),
            subject=st.none() | texts(),
            duration=st.none() | st.timedeltas(timedelta(0), timedelta(days=2)),
            sentiment=st.none() | st.floats(-1, 1),
            payload=custom_fields(),
        )
    )


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """Return pipelines of up to four open stages, of which some may be reopened into."""
    names = [f"stage_{number}" for number in range(draw(st.integers(1, 4)))]
    begun = [PipelineStage(code=name, label=draw(texts()), probability=draw(st.floats(0, 1))) for name in names]
    back = tuple(draw(st.lists(st.sampled_from(names), unique=True)))
    won = PipelineStage(code="won", label=draw(texts()), kind=PipelineStageKind.WON)
    lost = PipelineStage(code="lost", label=draw(texts()), kind=PipelineStageKind.LOST, next=back)
    return Pipeline(code="pipeline", revision=draw(st.integers(1, 9)), stages=(*begun, won, lost))


@st.composite
def opportunities(
    draw: st.DrawFn, customer: Customer, pipeline: Pipeline
) -> tuple[Opportunity, tuple[OpportunityChange, ...]]:
    """Return deals of one customer in one pipeline, with up to five entries of history that follow its rules."""
    opened = draw(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis adds the zone
    deal = Opportunity(customer_id=customer.id, name=draw(texts()), pipeline_id=pipeline.id, opened_at=opened)
    history = [open_opportunity(deal, pipeline, OpportunityTerms(amount=draw(moneys())))]
    for number in range(1, draw(st.integers(1, 5))):
        at = opened + timedelta(days=number)
        state = opportunity_state(deal, history, [pipeline], at)
        assert state is not None  # it was opened before
        if following := state.after():
            history.append(state.moved(draw(st.sampled_from(following)), at=at, reason="drawn"))
    made = Opportunity(
        id=deal.id,
        customer_id=customer.id,
        name=deal.name,
        pipeline_id=pipeline.id,
        opened_at=opened,
        changes=len(history),
    )
    return made, tuple(history)


def contributions(author: Customer) -> st.SearchStrategy[Contribution]:
    """Return what one customer made."""
    return st.builds(
        Contribution,
        author_id=st.just(author.id),
        kind=st.sampled_from(["review", "answer", "post"]),
        key=texts(),
        made_at=times(),
        link=st.none() | texts(),
        text_ref=st.none() | texts(),
        disclosed=st.booleans(),
    )


def moderation_entries(made: Contribution) -> st.SearchStrategy[ModerationEntry]:
    """Return what moderators say of one contribution."""
    return st.builds(
        ModerationEntry,
        contribution_id=st.just(made.id),
        verdict=st.sampled_from(Moderation),
        moderator=texts(),
        at=times(),
        reason=texts(),
    )


def votes(made: Contribution, voter: Customer) -> st.SearchStrategy[Vote]:
    """Return what one customer says of one contribution."""
    return st.builds(Vote.cast, st.just(made.id), st.just(voter.id), times(), st.sampled_from(VoteKind))
