"""Personalise: for each customer an offer he is eligible for, with reasons, and a fallback for everybody else.

Nobody gets an offer for what he owns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from attrs import frozen

from pycrm.model.assessment import Assessment
from pycrm.model.consent import may_contact
from pycrm.model.contact import Channel, channel_code
from pycrm.model.customer import Customer
from pycrm.model.evidence import Reason
from pycrm.model.facts import facts_of
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.order import Order, OrderStatus
from pycrm.model.predicate import evaluate, where
from pycrm.model.time import instant
from pycrm.storage.identity import Aliases, aliases
from pycrm.storage.lookups import consents_by_customer, last_assessments
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["PersonaliseReport", "decide"]


@frozen(kw_only=True)
class PersonaliseReport:
    """What was decided.

    Parameters
    ----------
    run : str
        The name of the decisions.
    as_of : date
        The last day whose facts count.
    customers : int
        Decided for.
    offers : Mapping of str to int
        Customers who get each offer, by its code.
    fallback : int
        Customers for whom nothing else fits.
    nothing : int
        Customers without even a fallback, because there is none.
    told : Mapping of str to int
        Customers by the channel over which the offer may be told; the others see it when they come.
    """

    run: str
    as_of: date
    customers: int
    offers: Mapping[str, int]
    fallback: int
    nothing: int
    told: Mapping[str, int]


def decide(
    store: Store,
    *,
    as_of: date,
    at: datetime,
    run: str = "current",
    channels: Sequence[str] = (Channel.EMAIL, Channel.SMS),
    actor: str | None = None,
) -> PersonaliseReport:
    """Decide on an offer for every customer, and keep the decisions.

    Of the offers that run at `at` and whose condition the customer's facts meet, those are left out that are for something he
    owns; the one of highest priority wins, then the lowest code. Within it, the article most bought in his segment is named.

    Parameters
    ----------
    store : Store
        With customers, orders, offers, consent and, where there is one, the last assessment.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now.
    run : str
        The name of the decisions; customers decided for under this name and day keep their decision.
    channels : sequence of str
        The channels we have, the preferred one first.
    actor : str, optional
        Who does it, for the audit trail.
    """
    ours = [channel_code(channel) for channel in channels]
    at = instant(at)
    with store.begin(actor=actor, cause="personalise.decide") as unit:
        report = _decide(unit, as_of, at, run, ours)
        unit.commit()
    return report


def _decide(unit: UnitOfWork, as_of: date, at: datetime, run: str, channels: Sequence[str]) -> PersonaliseReport:
    assessments = last_assessments(unit, as_of)
    now = aliases(unit)
    owned, last_order = _bought(unit, at, now)
    popular = _popular(owned, assessments)
    consents = consents_by_customer(unit, at, now)
    offers = sorted(
        (offer for batch in unit.of(Offer).stream(Query(Offer)) for offer in batch if at in offer.period),
        key=lambda offer: (offer.fallback, -offer.priority, offer.code),
    )
    decided = {
        now.of(decision.customer_id)
        for batch in unit.of(OfferDecision).stream(
            Query(OfferDecision, (where("run") == run) & (where("as_of") == as_of))
        )
        for decision in batch
    }

    made: list[OfferDecision] = []
    given: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for customers in unit.of(Customer).stream(Query(Customer)):
        for customer in customers:
            if customer.id in now.into:
                continue
            if customer.id in decided:
                continue
            his = owned.get(customer.id, frozenset())
            assessment = assessments.get(customer.id)
            facts = facts_of(customer, as_of, assessment=assessment, last_order=last_order.get(customer.id), owned=his)
            offer, reasons = _chosen(offers, facts, his)
            sku = None
            channel = None
            if offer is not None:
                group = "" if assessment is None or assessment.segment is None else assessment.segment
                sku = _article(offer, his, popular.get(group) or popular.get("", []))
                if sku is not None:
                    reasons.append(
                        Reason("article", f"{sku} is the article bought most in this group that he does not own")
                    )
                for candidate in channels:
                    if may_contact(customer, candidate, offer.purpose, at, consents=consents.get(customer.id, [])):
                        channel = candidate
                        break
                else:
                    reasons.append(
                        Reason(
                            "not_told", f"nothing permits {offer.purpose} over {', '.join(channels) or 'any channel'}"
                        )
                    )
                given[offer.code] += 1
            if channel is not None:
                told[channel] += 1
            made.append(
                OfferDecision(
                    customer_id=customer.id,
                    run=run,
                    as_of=as_of,
                    decided_at=at,
                    offer_id=None if offer is None else offer.id,
                    sku=sku,
                    channel=channel,
                    fallback=offer is not None and offer.fallback,
                    reasons=tuple(reasons),
                )
            )
    unit.of(OfferDecision).put_many(made)
    return PersonaliseReport(
        run=run,
        as_of=as_of,
        customers=len(made),
        offers=dict(given),
        fallback=sum(decision.fallback for decision in made),
        nothing=sum(decision.offer_id is None for decision in made),
        told=dict(told),
    )


def _chosen(
    offers: Sequence[Offer], facts: Mapping[str, object], owned: frozenset[str]
) -> tuple[Offer | None, list[Reason]]:
    passed_over: list[str] = []
    for offer in offers:
        if offer.eligible is not None and not evaluate(offer.eligible, facts):
            continue
        has = owned.intersection(offer.skus)
        if has:
            passed_over.append(f"{offer.code} (owns {min(has)})")
            continue
        code = "fallback" if offer.fallback else "eligible"
        text = "nothing else fits" if offer.fallback else f"the facts meet the condition of {offer.code}"
        reasons = [Reason(code, text)]
        if passed_over:
            reasons.append(Reason("owned", f"passed over: {', '.join(passed_over)}"))
        return offer, reasons
    return None, [Reason("no_offer", "no offer fits and there is no fallback that he does not own already")]


def _article(offer: Offer, owned: frozenset[str], popular: Sequence[str]) -> str | None:
    if offer.skus:
        return next((sku for sku in popular if sku in offer.skus), min(offer.skus))
    return next((sku for sku in popular if sku not in owned), None)


def _bought(unit: UnitOfWork, at: datetime, now: Aliases) -> tuple[dict[UUID, frozenset[str]], dict[UUID, date]]:
    """Return the articles each customer owns, cancelled and fully returned orders left out, and the day of his last order."""
    skus: dict[UUID, set[str]] = {}
    last: dict[UUID, date] = {}
    for orders in unit.of(Order).stream(Query(Order, where("placed_at") <= at)):
        for order in orders:
            if order.status in {OrderStatus.CANCELLED, OrderStatus.RETURNED}:
                continue
            owner = now.of(order.customer_id)
            skus.setdefault(owner, set()).update(line.sku for line in order.lines)
            day = order.placed_at.date()
            last[owner] = max(day, last.get(owner, day))
    return {customer: frozenset(owned) for customer, owned in skus.items()}, last


def _popular(owned: Mapping[UUID, frozenset[str]], assessments: Mapping[UUID, Assessment]) -> Mapping[str, list[str]]:
    """Return the articles of each segment, and under "" of everybody, by how many own them, then by name."""
    counts: dict[str, Counter[str]] = {"": Counter()}
    for customer, skus in owned.items():
        counts[""].update(skus)
        assessment = assessments.get(customer)
        if assessment is not None and assessment.segment is not None:
            counts.setdefault(assessment.segment, Counter()).update(skus)
    return {group: sorted(of, key=lambda sku: (-of[sku], sku)) for group, of in counts.items()}
