"""What the demonstration says of the three ledgers: a win-back, a refused contact, and a referral that pays both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from attrs import frozen

from pycrm.model.consent import may_contact
from pycrm.model.customer import Customer
from pycrm.model.evidence import Reason
from pycrm.model.journey import EventKind, LifecycleEvent, LifecyclePolicy, derive
from pycrm.model.lifecycle import StageChange
from pycrm.model.order import Order, OrderStatus
from pycrm.model.points_statement import StatementLine
from pycrm.model.predicate import where
from pycrm.model.referral import Referral, ReferralProgram, ReferralStatus
from pycrm.report.escape import plain
from pycrm.report.section import Section, Table
from pycrm.storage.identity import aliases
from pycrm.storage.lookups import consents_by_customer
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows import loyalty, refer

__all__ = ["LedgersFound", "as_dict", "look", "section"]

_POLICY = LifecyclePolicy(silence_floor=timedelta(days=60))
_PROGRAM = "demo"


@frozen(kw_only=True)
class LedgersFound:
    """One customer for each of the three ledgers, and how many others are like him.

    Parameters
    ----------
    won_back : tuple of StageChange
        The history of a customer who left and came back; empty where nobody did.
    came_back : int
        How many did.
    refused : Mapping of str to int
        How many may not be written to, by reason.
    refusal : tuple of (Customer, tuple of Reason), optional
        One of them.
    referral : Referral, optional
        A referral that was rewarded; None where there are not two to bring each other.
    paid : tuple of (str, StatementLine)
        What each side got, with his name.
    """

    won_back: Sequence[StageChange]
    came_back: int
    refused: Counter[str]
    refusal: tuple[Customer, Sequence[Reason]] | None
    referral: Referral | None
    paid: Sequence[tuple[str, StatementLine]]


def look(store: Store, now: datetime) -> LedgersFound:
    """Read a store for what the ledgers know of its customers, and keep one referral; again it changes nothing."""
    with store.begin(cause="demo") as unit:
        bought, first = _bought(unit)
        histories = [derive(events, _POLICY, now, customer_id=who) for who, events in bought.items()]
        back = [history for history in histories if any(step.reason == "won_back" for step in history)]
        refused, refusal = _refused(unit, bought, now)
        pair = _pair(first)
        if pair is not None and not unit.of(ReferralProgram).count(Query(ReferralProgram, where("code") == _PROGRAM)):
            unit.of(ReferralProgram).add(
                ReferralProgram(code=_PROGRAM, program=_PROGRAM, advocate_points=100, friend_points=50)
            )
        unit.commit()
    referral, paid = (None, ()) if pair is None else _referred(store, *pair)
    return LedgersFound(
        won_back=max(back, key=_longest, default=()),
        came_back=len(back),
        refused=refused,
        refusal=refusal,
        referral=referral,
        paid=paid,
    )


def _longest(steps: Sequence[StageChange]) -> tuple[int, list[tuple[datetime, str]]]:
    """Return an order of histories that does not hang on ids, which are new in each store."""
    return len(steps), [(step.occurred_at, step.reason) for step in steps]


_Bought: TypeAlias = dict[UUID, list[LifecycleEvent]]


def _bought(unit: UnitOfWork) -> tuple[_Bought, dict[UUID, datetime]]:
    """Return what customers bought and did not give back whole, and when each first bought anything."""
    now = aliases(unit)
    bought: _Bought = {}
    first: dict[UUID, datetime] = {}
    kept = where("status") != str(OrderStatus.CANCELLED)
    for batch in unit.of(Order).stream(Query(Order, kept)):
        for order in batch:
            who = now.of(order.customer_id)
            first[who] = min(order.placed_at, first.get(who, order.placed_at))
            if order.net:
                event = LifecycleEvent(id=order.id, customer_id=who, kind=EventKind.PURCHASE, at=order.placed_at)
                bought.setdefault(who, []).append(event)
    return {who: bought[who] for who in sorted(bought)}, first


def _refused(
    unit: UnitOfWork, bought: _Bought, now: datetime
) -> tuple[Counter[str], tuple[Customer, Sequence[Reason]] | None]:
    said = consents_by_customer(unit, now)
    reasons: Counter[str] = Counter()
    refused = []
    for customer in unit.of(Customer).get_many(list(bought)):
        answer = may_contact(customer, "email", "marketing", now, consents=said.get(customer.id, ()))
        if not answer:
            reasons.update({reason.code for reason in answer.reasons})
            refused.append((customer, answer.reasons))
    # Ids are new in each store; the one that is told of must not hang on them.
    return reasons, min(refused, key=_telling, default=None)


def _telling(refused: tuple[Customer, Sequence[Reason]]) -> tuple[int, list[str], str]:
    customer, reasons = refused
    return -len(reasons), [reason.code for reason in reasons], customer.display_name


def _pair(first: dict[UUID, datetime]) -> tuple[UUID, UUID, datetime] | None:
    """Return the longest customer, the newest one, and when the newest first bought."""
    known = sorted(first, key=lambda who: (first[who], who))
    if len(known) < 2 or first[known[0]] == first[known[-1]]:
        return None
    return known[0], known[-1], first[known[-1]]


def _referred(
    store: Store, advocate: UUID, friend: UUID, at: datetime
) -> tuple[Referral, Sequence[tuple[str, StatementLine]]]:
    opened = refer.invite(store, _PROGRAM, advocate, key="first", at=at - timedelta(days=1))
    if opened.friend_id is None:
        refer.join(store, opened.id, friend, at)
    outcome = refer.qualify(store, opened.id, at)
    if not outcome.paid and outcome.reasons:
        outcome = refer.review(store, opened.id, at, approved=True, actor="demo", note="they do know each other")
    if outcome.referral.status is not ReferralStatus.REWARDED:
        return outcome.referral, ()
    lines = []
    with store.begin(read_only=True) as unit:
        people = unit.of(Customer).get_many([advocate, friend])
    for person in people:
        lines += [(person.display_name, line) for line in loyalty.statement_of(store, person.id, _PROGRAM)]
    return outcome.referral, lines


def as_dict(found: LedgersFound) -> dict[str, Any]:
    """Return what was found as plain values: the steps of who came back, the refusals by reason, what the referral paid."""
    return {
        "came_back": found.came_back,
        "won_back": [
            {
                "at": step.occurred_at.isoformat(),
                "from": None if step.from_stage is None else str(step.from_stage),
                "to": str(step.to_stage),
                "reason": step.reason,
            }
            for step in found.won_back
        ],
        "refused": dict(sorted(found.refused.items())),
        "refusal": None if found.refusal is None else [reason.code for reason in found.refusal[1]],
        "referral": None if found.referral is None else str(found.referral.status),
        "paid": [
            {"member": name, "kind": str(line.kind), "change": line.change, "available": line.available}
            for name, line in found.paid
        ],
    }


def section(found: LedgersFound) -> Section:
    """Return what was found, in words and tables."""
    sentences, tables = [], []
    if found.won_back:
        sentences.append(
            f"{found.came_back:,} customers left and came back. A stage is derived from what happened, so each step has its evidence."
        )
        rows = tuple(
            (
                step.occurred_at.date().isoformat(),
                str(step.from_stage or "-"),
                str(step.to_stage),
                step.reason.replace("_", " "),
            )
            for step in found.won_back
        )
        tables.append(
            Table(caption="The stages of one who was won back", heads=("Day", "From", "To", "Why"), rows=rows)
        )
    else:
        sentences.append("Nobody left and came back.")
    if found.refusal is not None:
        customer, reasons = found.refusal
        sentences.append(
            f"{plain(customer.display_name)} may not be written to: {plain('; '.join(reason.text for reason in reasons))}. "
            "What is not known to be permitted is not done."
        )
        counts = tuple((code.replace("_", " "), f"{count:,}") for code, count in sorted(found.refused.items()))
        tables.append(
            Table(
                caption="Why an e-mail is refused", heads=("Reason", "Customers"), rows=counts, numbers=frozenset({1})
            )
        )
    if found.paid:
        sentences.append("A referral paid both sides, once, each in an account whose entries sum to zero.")
        lines = tuple(
            (plain(name), str(line.kind), f"{line.change:+,}", f"{line.available:,}") for name, line in found.paid
        )
        heads = ("Member", "What", "Points", "Balance")
        tables.append(Table(caption="What the referral paid", heads=heads, rows=lines, numbers=frozenset({2, 3})))
    return Section(name="ledgers", title="Stages, permission, points", sentences=tuple(sentences), tables=tuple(tables))
