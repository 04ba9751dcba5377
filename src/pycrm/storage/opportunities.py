"""Deals over a store: opened, written to and read within a unit of work, each entry checked against the whole history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import attrs

from pycrm.errors import InvalidValueError
from pycrm.model.customer import Customer, Processing
from pycrm.model.evidence import Actor, ActorKind, EvidenceRef, Reason
from pycrm.model.opportunity import Opportunity, OpportunityChange, OpportunityTerms
from pycrm.model.opportunity_history import OpportunityState, open_opportunity, opportunity_state
from pycrm.model.pipeline import Pipeline
from pycrm.model.predicate import Predicate, where
from pycrm.model.task import Task
from pycrm.model.touchpoint import Touchpoint
from pycrm.storage.identity import aliases, aliases_of
from pycrm.storage.lookups import not_in_use, why_not_used
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import E, Query, asc, desc

__all__ = [
    "add_opportunity",
    "add_opportunity_change",
    "history_of_opportunity",
    "opportunity_histories",
    "pipelines_of",
]


def pipelines_of(unit: UnitOfWork) -> tuple[Pipeline, ...]:
    """Return every edition of every pipeline."""
    return tuple(_all(unit, Query(Pipeline)))


def history_of_opportunity(unit: UnitOfWork, opportunity_id: UUID) -> list[OpportunityChange]:
    """Return the entries of one deal, in the order of recording."""
    asked = Query(OpportunityChange, where("opportunity_id") == opportunity_id, order=(asc("number"),))
    return list(_all(unit, asked))


def opportunity_histories(
    unit: UnitOfWork,
    at: datetime,
    *,
    known_at: datetime | None = None,
    condition: Predicate | None = None,
    erased: bool = False,
) -> list[tuple[OpportunityState, list[OpportunityChange]]]:
    """Return where each deal stood at a time with the entries that say so, by when it was opened.

    Deals of customers whose data may not be used are passed over.

    Parameters
    ----------
    unit : UnitOfWork
        An open unit.
    at, known_at : datetime
        As for `opportunity_state`.
    condition : Predicate, optional
        On the `Opportunity`.
    erased : bool
        Whether the deals of those who were erased count: for rates, of which nobody is a part.

    Raises
    ------
    InvalidTransitionError
        If a history is none.
    """
    opened = where("opened_at") <= at
    asked = opened if condition is None else opened & condition
    now, unused = aliases(unit), not_in_use(unit)
    deals = {
        deal.id: deal
        for deal in _all(unit, Query(Opportunity, asked))
        if (why := unused.get(now.of(deal.customer_id))) is None or (erased and why is Processing.ERASED)
    }
    entries: dict[UUID, list[OpportunityChange]] = {id: [] for id in deals}
    happened: Predicate = where("occurred_at") <= at
    if known_at is not None:
        happened = happened & (where("recorded_at") <= known_at)
    for change in _all(unit, Query(OpportunityChange, happened)):
        if change.opportunity_id in entries:
            entries[change.opportunity_id].append(change)
    editions = pipelines_of(unit)
    found = []
    for id, held in entries.items():
        held.sort(key=lambda change: (change.occurred_at, change.number))
        state = opportunity_state(deals[id], held, editions, at)
        if state is not None:
            found.append((state, held))
    return sorted(found, key=lambda one: (one[0].opportunity.opened_at, str(one[0].opportunity.id)))


def add_opportunity(
    unit: UnitOfWork,
    opportunity: Opportunity,
    terms: OpportunityTerms,
    *,
    stage: str | None = None,
    reason: str = "opened",
    recorded_at: datetime | None = None,
    actor: Actor | None = None,
) -> Opportunity:
    """Store a deal with its first entry, and return it; of a key that was used before, the deal that has it.

    What touched the customer first and last until then is kept with the deal, unless it says so itself.

    Parameters
    ----------
    unit : UnitOfWork
        An open unit; the caller commits it.
    opportunity : Opportunity
        The deal.
    terms : OpportunityTerms
        What it would bring.
    stage, reason, recorded_at, actor
        As for `open_opportunity`.

    Raises
    ------
    InvalidValueError
        If the customer's data may not be used, the key belongs to a deal of another customer, or the stage is not there.
    NotFound
        If there is no such customer, or no such edition of a pipeline.
    """
    known = aliases_of(unit, opportunity.customer_id)
    held = unit.of(Opportunity).page(Query(Opportunity, where("key") == opportunity.key), size=1).items
    if held:
        if known.of(held[0].customer_id) != known.of(opportunity.customer_id):
            raise InvalidValueError(
                "key", opportunity.key, "it belongs to a deal of another customer; give one of its own"
            )
        return held[0]
    unit.of(Customer).get(opportunity.customer_id)
    why = why_not_used(unit, opportunity.customer_id)
    if why is not None:
        raise InvalidValueError("customer_id", opportunity.customer_id, why.text)
    pipeline = unit.of(Pipeline).get(opportunity.pipeline_id)
    change = open_opportunity(
        opportunity, pipeline, terms, stage=stage, reason=reason, recorded_at=recorded_at, actor=actor
    )
    touched = where("customer_id").is_in(known.ids_of(opportunity.customer_id)) & (where("at") <= opportunity.opened_at)
    touches = unit.of(Touchpoint)
    first = touches.page(Query(Touchpoint, touched, order=(asc("at"), asc("id"))), size=1).items
    last = touches.page(Query(Touchpoint, touched, order=(desc("at"), desc("id"))), size=1).items
    made = attrs.evolve(
        opportunity,
        first_touch_id=opportunity.first_touch_id or next((one.id for one in first), None),
        last_touch_id=opportunity.last_touch_id or next((one.id for one in last), None),
        changes=1,
    )
    kept = unit.of(Opportunity).add(made)
    unit.of(OpportunityChange).add(change)
    _add_tasks(unit, kept, change, pipeline)
    return kept


def add_opportunity_change(
    unit: UnitOfWork, opportunity: Opportunity, history: list[OpportunityChange], change: OpportunityChange
) -> Opportunity:
    """Store the next entry of a deal and return the deal; what entering the stage asks people to do becomes tasks.

    The deal is saved with it: of two units that write an entry at once the store lets one win, and the other gets a Conflict.

    Parameters
    ----------
    unit : UnitOfWork
        An open unit; the caller commits it.
    opportunity : Opportunity
        The deal as it was read.
    history : list of OpportunityChange
        All its entries.
    change : OpportunityChange
        The next one.

    Raises
    ------
    InvalidTransitionError
        If the history with it is none: an entry that happened earlier may not cut through later ones.
    Conflict
        If somebody wrote an entry since.
    """
    editions = pipelines_of(unit)
    whole = [*history, change]
    opportunity_state(opportunity, whole, editions, max(one.occurred_at for one in whole))
    kept = unit.of(Opportunity).save(attrs.evolve(opportunity, changes=len(whole)))
    unit.of(OpportunityChange).add(change)
    _add_tasks(unit, kept, change, next(one for one in editions if one.id == change.pipeline_id))
    return kept


def _add_tasks(unit: UnitOfWork, opportunity: Opportunity, change: OpportunityChange, pipeline: Pipeline) -> None:
    if not change.is_move:
        return
    stage = pipeline.stage(change.to_stage)
    owner = opportunity.owner_id
    for number, title in enumerate(stage.tasks):
        unit.of(Task).add(
            Task(
                title=title,
                customer_id=opportunity.customer_id,
                about=(EvidenceRef("opportunity", opportunity.id), EvidenceRef("opportunity_change", change.id)),
                because=(Reason("stage_entered", f"the deal entered {stage.label}"),),
                created_at=change.recorded_at,
                assignee=None if owner is None else Actor(ActorKind.HUMAN, str(owner)),
                key=f"stage:{change.id}:{number}",
            )
        )


def _all(unit: UnitOfWork, question: Query[E]) -> Iterator[E]:
    for batch in unit.of(question.model).stream(question):
        yield from batch
