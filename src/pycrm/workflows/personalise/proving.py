"""Did it work: what the loop earned with those in it against those who never heard of it, with its interval and its cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

import numpy as np

from pycrm.errors import CurrencyMismatchError, InvalidValueError, NotEstimableError
from pycrm.experiments import Design, difference_in_means
from pycrm.model.experiment import HOLDOUT, Finding, RowSet
from pycrm.model.intent import ContactIntent
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.order import Order, OrderStatus
from pycrm.model.predicate import where
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases
from pycrm.storage.profiling import LEFT_OUT, profiled
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["evaluate"]


def evaluate(
    store: Store,
    policy: str,
    *,
    as_of: date,
    at: datetime,
    holdout: float | None = None,
    ask_cost: Money | None = None,
    confidence: float = 0.95,
    actor: str | None = None,
) -> Finding:
    """Return what the loop did to a customer, against its holdout, as of a day; the finding is kept.

    What counts is what he paid, tax left out, less refunds and less the cost of what he bought where the order lines say it, from
    the first decision on him to the end of the day; and less what he was told and asked.

    Parameters
    ----------
    store : Store
        With the decisions and the orders.
    policy : str
        The code of the loop.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now.
    holdout : float, optional
        The share that was to be held out: given, a split that cannot be chance is refused.
    ask_cost : Money, optional
        Of one question or message that was planned besides the offers.
    confidence : float
        Coverage of the interval.
    actor : str, optional
        Who does it, for the audit trail.

    Returns
    -------
    Finding
        `estimate`, `low`, `high` of one customer; `value` is what all those in the loop brought in that would not have come,
        `cost` what they were told and asked for, and `profit` the difference.

    Raises
    ------
    NotEstimableError
        If nobody was decided on, or nobody held out.
    CurrencyMismatchError
        If orders, offers and questions are of several currencies.
    InvalidDataError
        If a share of the holdout is given that the split cannot have come from.
    """
    at = instant(at)
    with store.begin(actor=actor, cause="personalise.evaluate") as unit:
        finding = _finding(unit, policy, as_of, at, holdout, ask_cost, confidence)
        unit.of(Finding).add(finding)
        unit.commit()
    return finding


def _finding(
    unit: UnitOfWork,
    policy: str,
    as_of: date,
    at: datetime,
    holdout: float | None,
    ask_cost: Money | None,
    confidence: float,
) -> Finding:
    cutoff = datetime.combine(as_of + timedelta(days=1), time(), UTC)
    if at < cutoff - timedelta(days=1):
        raise InvalidValueError("as_of", as_of, f"the day has not come at {at.isoformat()}")
    decided = read_columns(
        unit,
        Query(OfferDecision, (where("policy") == policy) & (where("decided_at") < cutoff)),
        ["id", "customer_id", "arm", "decided_at", "offer_id", "channel"],
    )
    profiles = profiled(unit)
    now = profiles.now
    rows = [profiles.counts(id) for id in decided["customer_id"]]
    made = {name: [one for one, counts in zip(held, rows, strict=True) if counts] for name, held in decided.items()}
    barred = {now.of(id) for id, counts in zip(decided["customer_id"], rows, strict=True) if not counts}
    first: dict[UUID, tuple[datetime, str]] = {}
    for one, arm, when in zip(made["customer_id"], made["arm"], made["decided_at"], strict=True):
        who = now.of(one)
        if who not in first or when < first[who][0]:
            first[who] = when, arm
    if not first:
        raise NotEstimableError("the effect of the loop", f"nobody was decided on under {policy!r} by {as_of}")
    if not any(arm == HOLDOUT for _, arm in first.values()):
        fix = "nobody was held out; without a holdout it cannot be told what would have come without the loop"
        raise NotEstimableError("the effect of the loop", fix)
    currency, earned, orders = _earned(unit, first, cutoff, now)
    cost_of = {
        offer.id: offer.cost
        for batch in unit.of(Offer).stream(Query(Offer))
        for offer in batch
        if offer.cost is not None
    }
    spent, contacts = {who: Decimal(0) for who in first}, 0
    for one, offer, channel in zip(made["customer_id"], made["offer_id"], made["channel"], strict=True):
        if channel is not None:
            contacts += 1
            if offer in cost_of:
                spent[now.of(one)] += _in(cost_of[offer], currency)
    asked = read_columns(unit, Query(ContactIntent, where("send_at") < cutoff), ["customer_id", "send_at", "cancelled"])
    for one, when, cancelled in zip(*asked.values(), strict=True):
        who = now.of(one)
        if who in first and cancelled is None and when >= first[who][0]:
            contacts += 1
            spent[who] += Decimal(0) if ask_cost is None else _in(ask_cost, currency)

    ids = sorted(first)
    arms = np.array([first[who][1] for who in ids], dtype=object)
    net = np.array([float(earned[who] - spent[who]) for who in ids])
    design = None if holdout is None else Design(shares={HOLDOUT: holdout, "loop": 1.0 - holdout})
    effect = difference_in_means(net, arms, control=HOLDOUT, confidence=confidence, design=design)
    treated = effect.treatment.n
    cost = Money(sum((spent[who] for who in ids if first[who][1] != HOLDOUT), Decimal(0)), currency)
    low, high = effect.interval

    def all_of(one: float) -> Money:
        return Money(Decimal(f"{one * treated:.4f}"), currency) + cost

    return Finding(
        question=policy,
        arm="loop",
        control=HOLDOUT,
        metric="net_value",
        as_of=as_of,
        found_at=at,
        estimate=effect.estimate,
        low=low,
        high=high,
        confidence=confidence,
        p_value=effect.p_value,
        adjusted_p_value=effect.p_value,
        treated=treated,
        controls=effect.control.n,
        contacts=contacts,
        treated_mean=effect.treatment.mean,
        control_mean=effect.control.mean,
        method=effect.method,
        assumes=(
            *effect.assumes,
            "stock, budget and contacts are shared per arm, so that nobody gains by the others' silence",
        ),
        notes=(
            f"from the first decision, {min(when for when, _ in first.values()).date()}, to {as_of}",
            *((f"{len(barred)} {LEFT_OUT}",) if barred else ()),
        ),
        value=all_of(effect.estimate),
        value_low=all_of(low),
        value_high=all_of(high),
        cost=cost,
        rows=(_rows("decision", made["id"]), _rows("order", orders)),
    )


def _earned(
    unit: UnitOfWork, first: Mapping[UUID, tuple[datetime, str]], cutoff: datetime, now: Aliases
) -> tuple[str, Mapping[UUID, Decimal], list[UUID]]:
    """Return the currency, what each customer left us from his first decision on, and the orders it was."""
    names = ["id", "customer_id", "placed_at", "status", "currency", "lines", "refunds"]
    columns = read_columns(unit, Query(Order, where("placed_at") < cutoff), names)
    earned = dict.fromkeys(first, Decimal(0))
    orders, currency = [], None
    for id, buyer, placed_at, status, money, lines, refunds in zip(*columns.values(), strict=True):
        who = now.of(buyer)
        if who not in first or placed_at < first[who][0] or status == OrderStatus.CANCELLED:
            continue
        if currency not in {None, money}:
            raise CurrencyMismatchError(str(currency), money)
        currency = money
        orders.append(id)
        for line in lines or ():
            paid = Decimal(line.get("quantity", "1")) * _number(line["unit_price"])
            earned[who] += paid - _number(line.get("discount")) - _number(line.get("cost"))
        for refund in refunds or ():
            if datetime.fromisoformat(refund["at"]) < cutoff:
                earned[who] -= _number(refund["amount"])
    if currency is None:
        raise NotEstimableError("the effect of the loop", f"nobody it decided on bought anything before {cutoff}")
    return currency, earned, orders


def _number(money: Mapping[str, str] | None) -> Decimal:
    return Decimal(0) if money is None else Decimal(money["amount"])


def _in(money: Money, currency: str) -> Decimal:
    if money.currency != currency:
        raise CurrencyMismatchError(currency, money.currency)
    return money.amount


def _rows(kind: str, ids: list[UUID]) -> RowSet:
    text = "\n".join(sorted(map(str, ids)))
    return RowSet(kind=kind, rows=len(ids), digest=sha256(text.encode()).hexdigest())
