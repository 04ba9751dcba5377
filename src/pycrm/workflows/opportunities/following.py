"""Which deals need somebody: ranked by any priority, and those of which nothing was heard for too long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from attrs import frozen

from pycrm.errors import CurrencyMismatchError, InvalidDataError, InvalidValueError
from pycrm.model.evidence import Actor, ActorKind, EvidenceRef, Reason
from pycrm.model.interaction import Interaction
from pycrm.model.opportunity_history import OpportunityState
from pycrm.model.predicate import Predicate, where
from pycrm.model.priority import Priority, PriorityRules, expected_value
from pycrm.model.task import Task
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.opportunities import opportunity_histories
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["Ranked", "Stale", "queue", "remind", "stale"]


@frozen(kw_only=True)
class Ranked:
    """A deal in the order of work.

    Parameters
    ----------
    rank : int
        1 is worked on first.
    priority : float
        What the priority said.
    deal : OpportunityState
        Where it stands.
    reasons : tuple of str
        Of `PriorityRules` the codes of the rules that hold; of other priorities nothing.
    """

    rank: int
    priority: float
    deal: OpportunityState
    reasons: tuple[str, ...] = ()


@frozen(kw_only=True)
class Stale:
    """A deal of which nothing was heard for longer than its stage bears.

    Parameters
    ----------
    deal : OpportunityState
        Where it stands.
    last_sign : datetime
        When something was last written of it, or somebody last spoke about it.
    since : datetime
        From when on it is stale.
    """

    deal: OpportunityState
    last_sign: datetime
    since: datetime


def queue(
    store: Store,
    *,
    at: datetime,
    priority: Priority = expected_value,
    condition: Predicate | None = None,
    capacity: int | None = None,
) -> tuple[Ranked, ...]:
    """Return the open deals in the order in which to work on them; equal ones by when they were opened.

    Parameters
    ----------
    store : Store
        With the deals.
    at : datetime
        Now.
    priority : callable
        Given a deal and the time, a number: the higher, the sooner. `PriorityRules` are one that is data.
    condition : Predicate, optional
        On the `Opportunity`, such as ``where("owner_id") == ana``.
    capacity : int, optional
        How many can be worked on.

    Raises
    ------
    CurrencyMismatchError
        If expected values of two currencies would be compared.
    InvalidDataError
        If a priority is no finite number, naming the place of the deal among the open ones.
    """
    wanted: object = capacity
    if wanted is not None and (not isinstance(wanted, int) or wanted < 0):
        raise InvalidValueError("capacity", capacity, "give a whole number of at least 0")
    now = instant(at)
    with store.begin(read_only=True) as unit:
        deals = _open(unit, now, condition)
    if priority is expected_value:
        for deal in deals:
            if deal.terms.currency != deals[0].terms.currency:
                raise CurrencyMismatchError(deals[0].terms.currency, deal.terms.currency)
    found = []
    for place, deal in enumerate(deals):
        said = float(priority(deal, now))
        if not abs(said) < float("inf"):
            raise InvalidDataError("priority", place, said, f"give a finite number for deal {deal.opportunity.id}")
        found.append((-said, place))
    ranked = sorted(found)[:capacity]
    return tuple(
        Ranked(
            rank=rank,
            priority=-said,
            deal=deals[place],
            reasons=priority.holding(deals[place], now) if isinstance(priority, PriorityRules) else (),
        )
        for rank, (said, place) in enumerate(ranked, 1)
    )


def stale(store: Store, *, at: datetime, condition: Predicate | None = None) -> tuple[Stale, ...]:
    """Return the open deals of which nothing was heard for longer than their stage bears, the longest silent first.

    A sign is an entry in the history, and an interaction that names the deal.

    Parameters
    ----------
    store : Store
        With the deals and interactions.
    at : datetime
        Now.
    condition : Predicate, optional
        On the `Opportunity`.
    """
    now = instant(at)
    with store.begin(read_only=True) as unit:
        return _stale(unit, now, condition)


def remind(store: Store, *, at: datetime, actor: str | None = None) -> tuple[Task, ...]:
    """Give the owner of every stale deal a task, once for each silence, and return the new ones.

    Parameters
    ----------
    store : Store
        With the deals, interactions and tasks.
    at : datetime
        Now.
    actor : str, optional
        Who does it, for the audit trail.
    """
    now = instant(at)
    with store.begin(actor=actor, cause="opportunities.remind") as unit:
        made = []
        for one in _stale(unit, now, None):
            deal, owner = one.deal.opportunity, one.deal.opportunity.owner_id
            key = f"stale:{deal.id}:{one.last_sign.isoformat()}"
            if unit.of(Task).count(Query(Task, where("key") == key)):
                continue
            days = (now - one.last_sign).days
            made.append(
                Task(
                    title="Take up a deal that has gone quiet",
                    customer_id=deal.customer_id,
                    about=(EvidenceRef("opportunity", deal.id),),
                    because=(Reason("stale", f"nothing was heard for {days} days in {one.deal.stage}"),),
                    created_at=now,
                    assignee=None if owner is None else Actor(ActorKind.HUMAN, str(owner)),
                    key=key,
                )
            )
        unit.of(Task).put_many(made)
        unit.commit()
    return tuple(made)


def _open(unit: UnitOfWork, at: datetime, condition: Predicate | None) -> list[OpportunityState]:
    found = opportunity_histories(unit, at, condition=condition)
    return [state for state, _ in found if not state.kind.is_closed]


def _stale(unit: UnitOfWork, at: datetime, condition: Predicate | None) -> tuple[Stale, ...]:
    silent = [
        deal
        for deal in _open(unit, at, condition)
        if (until := deal.stale_since()) is not None and until <= at  # by its history alone
    ]
    heard = _last_contacts(unit, silent, at)
    found = []
    for deal in silent:
        last = heard.get(deal.opportunity.id)
        since = deal.stale_since(last)
        if since is not None and since <= at:
            sign = deal.changed_at if last is None else max(last, deal.changed_at)
            found.append(Stale(deal=deal, last_sign=sign, since=since))
    return tuple(sorted(found, key=lambda one: (one.last_sign, str(one.deal.opportunity.id))))


def _last_contacts(unit: UnitOfWork, deals: list[OpportunityState], at: datetime) -> Mapping[UUID, datetime]:
    if not deals:
        return {}
    since = min(deal.changed_at for deal in deals)
    asked = where("opportunity_id").is_null(False) & (where("occurred_at") >= since) & (where("occurred_at") <= at)
    held = read_columns(unit, Query(Interaction, asked), ["opportunity_id", "occurred_at"])
    last: dict[UUID, datetime] = {}
    for id, when in zip(held["opportunity_id"], held["occurred_at"], strict=True):
        last[id] = max(when, last.get(id, when))
    return last
