"""What came of the decisions: reported by the host, read from the orders, or overruled by a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
from attrs import frozen

from pycrm.errors import InvalidDataError
from pycrm.model.checks import listed
from pycrm.model.evidence import Actor
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.offer_log import OfferAnswer, OfferOutcome, OfferOverride
from pycrm.model.order import Order
from pycrm.model.predicate import where
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.personalise.reading import bought_until, customer_rows, log_until, us

__all__ = ["AnswersReport", "override", "record", "settle"]


@frozen(kw_only=True)
class AnswersReport:
    """What was kept.

    Parameters
    ----------
    kept : Mapping of str to int
        New outcomes, by the answer.
    repeated : int
        Outcomes that were there already, word for word; nothing was done.
    open : int
        Offers told that wait for an answer still.
    """

    kept: Mapping[str, int]
    repeated: int = 0
    open: int = 0


def record(store: Store, outcomes: Sequence[OfferOutcome], *, actor: str | None = None) -> AnswersReport:
    """Keep what came of decisions; the same outcome again changes nothing.

    Parameters
    ----------
    store : Store
        With the decisions.
    outcomes : sequence of OfferOutcome
        One a decision.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidDataError
        Naming the row of an outcome of a decision that is not known, that comes before its decision, or that contradicts the one
        that is kept; nothing is kept then.
    """
    given = listed("outcomes", outcomes, OfferOutcome)
    with store.begin(actor=actor, cause="personalise.record") as unit:
        kept = _held(unit)
        made: list[OfferOutcome] = []
        repeated = 0
        decisions = unit.of(OfferDecision)
        for row, outcome in enumerate(given):
            decision = decisions.find(outcome.decision_id)
            if decision is None:
                fix = "there is no such decision; give the id of one, and record it in the store it was made in"
                raise InvalidDataError("decision_id", row, str(outcome.decision_id), fix)
            if outcome.at < decision.decided_at:
                fix = f"an answer comes after its decision, which was made at {decision.decided_at.isoformat()}"
                raise InvalidDataError("at", row, outcome.at, fix)
            known = kept.get(outcome.decision_id)
            if known is None:
                kept[outcome.decision_id] = outcome
                made.append(outcome)
            elif _said(known) == _said(outcome):
                repeated += 1
            else:
                fix = f"{known.answer} is kept of this decision; an outcome is never changed"
                raise InvalidDataError("answer", row, str(outcome.answer), fix)
        unit.of(OfferOutcome).put_many(made)
        unit.commit()
    return AnswersReport(kept=Counter(str(one.answer) for one in made), repeated=repeated)


def _held(unit: UnitOfWork) -> dict[UUID, OfferOutcome]:
    return {one.decision_id: one for batch in unit.of(OfferOutcome).stream(Query(OfferOutcome)) for one in batch}


def _said(outcome: OfferOutcome) -> tuple[object, ...]:
    return outcome.answer, outcome.at, outcome.value, outcome.order_id


def settle(store: Store, *, at: datetime, actor: str | None = None) -> AnswersReport:
    """Read from the orders what came of the offers that were told and have no outcome yet.

    An offer is accepted by the first order, while it is open, with an article it is for (any article, where it names none); it
    is ignored when its time is over. What is still open waits.

    Parameters
    ----------
    store : Store
        With decisions and orders.
    at : datetime
        Now.
    actor : str, optional
        Who does it, for the audit trail.
    """
    at = instant(at)
    with store.begin(actor=actor, cause="personalise.settle") as unit:
        offers = [offer for batch in unit.of(Offer).stream(Query(Offer)) for offer in batch]
        _, rows = customer_rows(unit)
        log, _ = log_until(unit, rows, {offer.id: column for column, offer in enumerate(offers)}, at)
        waiting = np.flatnonzero(log.told & (log.offer >= 0) & ~log.settled & ~log.fallback & (log.at <= us(at)))
        bought = bought_until(unit, rows, at)
        order = np.lexsort((bought.at, bought.customer))
        customer = bought.customer[order]
        first = np.searchsorted(customer, log.customer[waiting], side="left").tolist()
        last = np.searchsorted(customer, log.customer[waiting], side="right").tolist()
        currency = _currencies(unit, at) if waiting.size else {}
        made: list[OfferOutcome] = []
        open_ = 0
        for place, start, stop in zip(waiting.tolist(), first, last, strict=True):
            skus = offers[log.offer[place]].skus
            since, until = log.at[place], log.expires[place]
            for line in order[start:stop].tolist():
                inside = since <= bought.at[line] and (np.isnat(until) or bought.at[line] < until)
                if inside and (not skus or bought.sku[line] in skus):
                    made.append(
                        _accepted(log.id[place], bought.at[line], bought.order[line], bought.paid[line], currency)
                    )
                    break
            else:
                if until <= us(at):
                    when = instant(until.astype("datetime64[us]").item().replace(tzinfo=UTC))
                    made.append(OfferOutcome(decision_id=log.id[place], answer=OfferAnswer.IGNORED, at=when))
                else:
                    open_ += 1
        unit.of(OfferOutcome).put_many(made)
        unit.commit()
    return AnswersReport(kept=Counter(str(one.answer) for one in made), open=open_)


def _currencies(unit: UnitOfWork, at: datetime) -> Mapping[UUID, str]:
    columns = read_columns(unit, Query(Order, where("placed_at") <= at), ["id", "currency"])
    return dict(zip(columns["id"], columns["currency"], strict=True))


def _accepted(
    decision: UUID, when: np.datetime64, order: UUID, paid: float, currency: Mapping[UUID, str]
) -> OfferOutcome:
    return OfferOutcome(
        decision_id=decision,
        answer=OfferAnswer.ACCEPTED,
        at=instant(when.astype("datetime64[us]").item().replace(tzinfo=UTC)),
        value=Money(Decimal(f"{paid:.4f}"), currency[order]),
        order_id=order,
    )


def override(store: Store, decision: UUID, *, offer: str | None, by: Actor, note: str, at: datetime) -> OfferOverride:
    """Keep that a person decided otherwise; from then on the decision counts as one for that offer.

    Parameters
    ----------
    store : Store
        With the decision.
    decision : UUID
        Which.
    offer : str or None
        The code of the offer he is given instead; None is nothing.
    by : Actor
        Who says so.
    note : str
        Why.
    at : datetime
        When; not before the decision.

    Raises
    ------
    InvalidDataError
        If there is no such decision or offer, or it has an outcome already.
    """
    with store.begin(actor=str(by), cause="personalise.override") as unit:
        held = unit.of(OfferDecision).find(decision)
        if held is None:
            raise InvalidDataError("decision", None, str(decision), "there is no such decision; give the id of one")
        said = instant(at)
        if said < held.decided_at:
            fix = f"the decision was made at {held.decided_at.isoformat()}; give a time that is not before it"
            raise InvalidDataError("at", None, at, fix)
        if unit.of(OfferOutcome).count(Query(OfferOutcome, where("decision_id") == decision)):
            fix = "there is an outcome already: what the customer answered to is not changed afterwards"
            raise InvalidDataError("decision", None, str(decision), fix)
        offer_id = None
        if offer is not None:
            found = unit.of(Offer).page(Query(Offer, where("code") == offer), size=1).items
            if not found:
                raise InvalidDataError("offer", None, offer, "there is no offer of that code")
            offer_id = found[0].id
        word = unit.of(OfferOverride).add(
            OfferOverride(decision_id=decision, offer_id=offer_id, actor=by, at=said, note=note)
        )
        unit.commit()
    return word
