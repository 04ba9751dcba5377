"""For people: the next step of staff, lists for direct marketing, and how personal what we say is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional
from pycrm.model.consent import may_contact
from pycrm.model.contact import channel_code
from pycrm.model.contact_policy import Suppression
from pycrm.model.customer import Customer
from pycrm.model.evidence import Reason
from pycrm.model.facts import facts_of
from pycrm.model.intent import ContactIntent
from pycrm.model.next_step import NextStep, StepOption
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.order import Order, OrderStatus
from pycrm.model.predicate import AllOf, AnyOf, Not, Predicate, Where, evaluate, where
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import aliases
from pycrm.storage.lookups import consents_by_customer, last_assessments
from pycrm.storage.profiling import Profiled, profiled
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.personalise.reading import bought_until, customer_rows

__all__ = [
    "Coverage",
    "ListEntry",
    "NextStepsReport",
    "StepRule",
    "coverage",
    "next_steps",
    "pull_list",
    "repeat_sales",
    "touches_per_sale",
]


def _is_predicate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Where | AllOf | AnyOf | Not):
        raise InvalidValueError(attribute.name, value, "give a predicate, such as where('orders') >= 1")


@frozen(kw_only=True)
class StepRule:
    """Something staff could do, and for whom.

    Parameters
    ----------
    code : str
        What it is called.
    text : str
        What is to be done, in words.
    concerns : Predicate
        Whom: a condition on the row of facts about a customer.
    worth : float
        What it is believed to be worth, in one unit for all rules; above 0.
    valid_for : timedelta
        How long the advice holds.
    """

    code: str = field(validator=is_code)
    text: str = field(validator=is_line)
    concerns: Predicate = field(validator=_is_predicate)
    worth: float = field(converter=float)
    valid_for: timedelta = field(default=timedelta(days=14), validator=is_a(timedelta))

    def __attrs_post_init__(self) -> None:
        if not self.worth > 0:
            raise InvalidValueError("worth", self.worth, "give a worth above 0; leave out what is worth nothing")
        if self.valid_for <= timedelta(0):
            raise InvalidValueError("valid_for", self.valid_for, "give a span above zero")


@frozen(kw_only=True)
class NextStepsReport:
    """What staff is advised to do.

    Parameters
    ----------
    customers : int
        Looked at.
    made : int
        New pieces of advice.
    held : int
        Customers whose last advice still holds; they get no other.
    nothing : int
        Customers whom no rule concerns.
    left_out : Mapping of str to int
        Customers of whom no numbers may be made, by the reason.
    steps : Mapping of str to int
        The new ones, by code.
    """

    customers: int
    made: int
    held: int
    nothing: int
    steps: Mapping[str, int]
    left_out: Mapping[str, int] = field(factory=dict)


def next_steps(
    store: Store, rules: Sequence[StepRule], *, as_of: date, at: datetime, actor: str | None = None
) -> NextStepsReport:
    """Advise, for every customer, the step that is worth most, with what else could be done and until when it holds.

    Parameters
    ----------
    store : Store
        With customers; orders and assessments where there are any.
    rules : sequence of StepRule
        What could be done; of two worth the same the lower code comes first.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If two rules share a code.
    """
    codes = [rule.code for rule in rules]
    if len(set(codes)) != len(codes):
        raise InvalidValueError("rules", codes, "give each rule a code of its own")
    now = instant(at)
    ranked = sorted(rules, key=lambda rule: (-rule.worth, rule.code))
    held, nothing, made = 0, 0, []
    with store.begin(actor=actor, cause="personalise.next_steps") as unit:
        known = aliases(unit)
        open_ = {
            known.of(one.customer_id)
            for batch in unit.of(NextStep).stream(Query(NextStep, where("expires_at") > now))
            for one in batch
            if one.holds_at(now)
        }
        looked_at, who = 0, profiled(unit)
        for customer, facts in _with_facts(unit, as_of, now, who):
            looked_at += 1
            if customer.id in open_:
                held += 1
                continue
            fitting = [rule for rule in ranked if evaluate(rule.concerns, facts)]
            if not fitting:
                nothing += 1
                continue
            best, *others = fitting
            made.append(
                NextStep(
                    customer_id=customer.id,
                    step=StepOption(best.code, best.text, best.worth),
                    alternatives=tuple(StepOption(one.code, one.text, one.worth) for one in others),
                    reasons=(
                        Reason("concerns", f"the facts as of {as_of} meet the condition of {best.code}"),
                        Reason("worth", f"worth {best.worth:g}, the most of {len(fitting)} steps that concern him"),
                    ),
                    owner=None if customer.owner_id is None else str(customer.owner_id),
                    made_at=now,
                    expires_at=now + best.valid_for,
                )
            )
        unit.of(NextStep).put_many(made)
        unit.commit()
    return NextStepsReport(
        customers=looked_at,
        made=len(made),
        held=held,
        nothing=nothing,
        steps=Counter(one.step.code for one in made),
        left_out=who.left_out,
    )


def _with_facts(
    unit: UnitOfWork, as_of: date, at: datetime, who: Profiled
) -> Iterable[tuple[Customer, Mapping[str, Any]]]:
    ids, rows = customer_rows(unit, who)
    bought = bought_until(unit, rows, at)
    owned: list[set[str]] = [set() for _ in ids]
    last: list[date | None] = [None] * len(ids)
    days = bought.at.astype("datetime64[D]").tolist()
    for row, sku, day in zip(bought.customer.tolist(), bought.sku.tolist(), days, strict=True):
        owned[row].add(sku)
        before = last[row]
        last[row] = day if before is None else max(day, before)
    assessments = last_assessments(unit, as_of)
    for batch in unit.of(Customer).stream(Query(Customer)):
        for customer in batch:
            row = rows.get(customer.id, -1)
            if row >= 0 and ids[row] == customer.id:
                assessment = assessments.get(customer.id)
                yield (
                    customer,
                    facts_of(customer, as_of, assessment=assessment, last_order=last[row], owned=frozenset(owned[row])),
                )


@frozen(kw_only=True)
class ListEntry:
    """One line of a list for direct marketing.

    Parameters
    ----------
    customer_id : UUID, optional
        Whom; None of a seed.
    address : str
        Where it goes.
    offer : str, optional
        The code of the offer.
    sku : str, optional
        The article named.
    seed : bool
        Whether it is an address of ours, so that we see what goes out and when.
    """

    customer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    address: str = field(validator=is_line)
    offer: str | None = None
    sku: str | None = None
    seed: bool = False


def pull_list(
    store: Store, run: str, *, channel: str, at: datetime, seeds: Collection[str] = ()
) -> tuple[list[ListEntry], Mapping[str, int]]:
    """Return whom the decisions of a run tell something over a channel, with seeds, permission asked once more.

    A list is pulled later than it was decided: who withdrew, died, moved, went on a list of suppression or objected to being
    profiled since is left out.

    Parameters
    ----------
    store : Store
        With the decisions.
    run : str
        Which.
    channel : str
        Over what.
    at : datetime
        When it goes out.
    seeds : collection of str
        Addresses of ours, put at the end.

    Returns
    -------
    list of ListEntry
        By customer id; each address once.
    mapping of str to int
        Who was left out, by the code of the reason.
    """
    now, over = instant(at), channel_code(channel)
    left_out: Counter[str] = Counter()
    entries: dict[str, ListEntry] = {}
    with store.begin(read_only=True) as unit:
        profiles = profiled(unit)
        known = profiles.now
        offers = {one.id: one for batch in unit.of(Offer).stream(Query(Offer)) for one in batch}
        consents = consents_by_customer(unit, now, known)
        lists = [one for batch in unit.of(Suppression).stream(Query(Suppression)) for one in batch]
        asked = Query(OfferDecision, (where("run") == run) & (where("channel") == over))
        decided = sorted(
            (one for batch in unit.of(OfferDecision).stream(asked) for one in batch), key=lambda one: one.id
        )
        for decision in sorted(decided, key=lambda one: known.of(one.customer_id)):
            customer = unit.of(Customer).find(known.of(decision.customer_id))
            offer = offers.get(decision.offer_id) if decision.offer_id is not None else None
            if customer is None or offer is None:
                left_out["gone"] += 1
                continue
            permission = may_contact(
                customer, over, offer.purpose, now, consents=consents.get(customer.id, ()), suppressions=lists
            )
            point = customer.reachable_by(over, now)
            if not permission or point is None:
                left_out[permission.reasons[0].code] += 1
            elif customer.id not in profiles:
                left_out[profiles.why_not[customer.id]] += 1
            elif point.normalised in entries:
                left_out["same_address"] += 1
            else:
                entries[point.normalised] = ListEntry(
                    customer_id=customer.id, address=point.normalised, offer=offer.code, sku=decision.sku
                )
    sent = [*entries.values(), *(ListEntry(address=seed, seed=True) for seed in seeds if seed not in entries)]
    return sent, +left_out


@frozen(kw_only=True)
class Coverage:
    """How personal what we say is.

    Parameters
    ----------
    offers, messages : int
        Decisions that give something, and intents that go out.
    personal_offers, personal_messages : int
        Those that rest on something known of this one customer: his needs, what he owns or lacks, facts that a condition asks for.
    by_purpose : Mapping of str to (int, int)
        All and personal ones, by the first part of the purpose: service is personalised too, or it is not.
    """

    offers: int
    messages: int
    personal_offers: int
    personal_messages: int
    by_purpose: Mapping[str, tuple[int, int]]

    @property
    def share(self) -> float | None:
        """Of all that was said, what is personal; None where nothing was."""
        said = self.offers + self.messages
        return (self.personal_offers + self.personal_messages) / said if said else None


def coverage(store: Store, *, since: datetime, until: datetime) -> Coverage:
    """Return how much of what was decided and planned in a time rests on something known of the one customer.

    Parameters
    ----------
    store : Store
        With decisions and intents.
    since, until : datetime
        From, included, and to, excluded.
    """
    start, end = instant(since), instant(until)
    said: dict[str, list[int]] = {}

    def count(purpose: str, *, personal: bool) -> None:
        both = said.setdefault(purpose.partition(".")[0], [0, 0])
        both[0] += 1
        both[1] += personal

    counts = Counter[str]()
    with store.begin(read_only=True) as unit:
        offers = {one.id: one for batch in unit.of(Offer).stream(Query(Offer)) for one in batch}
        when = (where("decided_at") >= start) & (where("decided_at") < end)
        for batch in unit.of(OfferDecision).stream(Query(OfferDecision, when)):
            for one in batch:
                offer = None if one.offer_id is None else offers.get(one.offer_id)
                if offer is None:
                    continue
                personal = not one.fallback and (
                    offer.eligible is not None
                    or offer.never_bought
                    or bool(offer.requires or offer.upgrades)
                    or (one.context or "").startswith("m1")
                )
                counts["offers"] += 1
                counts["personal_offers"] += personal
                count(offer.purpose, personal=personal)
        planned = (where("created_at") >= start) & (where("created_at") < end)
        intents = (one for batch in unit.of(ContactIntent).stream(Query(ContactIntent, planned)) for one in batch)
        for intent in intents:
            if intent.cancelled is None:
                asks = bool(intent.asks)  # it asks what is not known of this one
                counts["messages"] += 1
                counts["personal_messages"] += asks
                count(intent.purpose, personal=asks)
    return Coverage(
        offers=counts["offers"],
        messages=counts["messages"],
        personal_offers=counts["personal_offers"],
        personal_messages=counts["personal_messages"],
        by_purpose={purpose: (both[0], both[1]) for purpose, both in sorted(said.items())},
    )


def repeat_sales(store: Store, *, at: datetime) -> Mapping[str, float | int]:
    """Return how many customers bought, how many of them again on another day, their share, and the median days in between.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> repeat_sales(MemoryStore(), at=datetime(2026, 5, 1, tzinfo=UTC))["buyers"]
    0
    """
    now = instant(at)
    with store.begin(read_only=True) as unit:
        known = aliases(unit)
        held = read_columns(unit, Query(Order, where("placed_at") <= now), ["customer_id", "placed_at", "status"])
    days: dict[UUID, set[date]] = {}
    for who, when, status in zip(*held.values(), strict=True):
        if status not in {OrderStatus.CANCELLED, OrderStatus.RETURNED}:
            days.setdefault(known.of(who), set()).add(when.date())
    seconds = sorted((sorted(each)[1] - min(each)).days for each in days.values() if len(each) > 1)
    middle = seconds[(len(seconds) - 1) // 2] if seconds else 0
    return {
        "buyers": len(days),
        "again": len(seconds),
        "share": len(seconds) / len(days) if days else 0.0,
        "median_days": middle,
    }


def touches_per_sale(
    store: Store, *, since: datetime, until: datetime, human: Collection[str] = ("phone", "in_person")
) -> Mapping[str, float]:
    """Return the contacts of a time, those made by people, and both per order placed in it; no order gives no ratio.

    Parameters
    ----------
    store : Store
        With decisions, intents and orders.
    since, until : datetime
        From, included, and to, excluded.
    human : collection of str
        The channels behind which a person works.
    """
    start, end = instant(since), instant(until)
    people = {channel_code(channel) for channel in human}
    with store.begin(read_only=True) as unit:
        told = read_columns(
            unit, Query(OfferDecision, (where("decided_at") >= start) & (where("decided_at") < end)), ["channel"]
        )["channel"]
        asked = read_columns(
            unit,
            Query(ContactIntent, (where("send_at") >= start) & (where("send_at") < end)),
            ["channel", "cancelled"],
        )
        orders = read_columns(
            unit, Query(Order, (where("placed_at") >= start) & (where("placed_at") < end)), ["status"]
        )["status"]
    channels = [one for one in told if one is not None]
    channels += [one for one, gone in zip(asked["channel"], asked["cancelled"], strict=True) if gone is None]
    sales = sum(status != OrderStatus.CANCELLED for status in orders)
    by_people = sum(one in people for one in channels)
    found = {"contacts": float(len(channels)), "by_people": float(by_people), "orders": float(sales)}
    if sales:
        found |= {"contacts_per_order": len(channels) / sales, "by_people_per_order": by_people / sales}
    return found
