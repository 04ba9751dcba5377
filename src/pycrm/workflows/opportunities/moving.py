"""What is done with a deal. Every verb is one unit of work, and the same key twice is done once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import Conflict, InvalidTransitionError, InvalidValueError
from pycrm.model.checks import expect, listed
from pycrm.model.evidence import Actor, EvidenceRef
from pycrm.model.opportunity import Opportunity, OpportunityTerms
from pycrm.model.opportunity_history import OpportunityState, opportunity_state
from pycrm.model.pipeline import Pipeline, PipelineStageKind, current_pipeline
from pycrm.model.time import instant
from pycrm.storage.lookups import why_not_used
from pycrm.storage.opportunities import (
    add_opportunity,
    add_opportunity_change,
    history_of_opportunity,
    opportunity_histories,
    pipelines_of,
)
from pycrm.storage.protocols import Store, UnitOfWork

__all__ = ["Adopted", "adopt", "force", "lose", "move", "open", "reopen", "reprice", "win"]

_K = PipelineStageKind


def open(  # used qualified: opportunities.open
    store: Store,
    opportunity: Opportunity,
    terms: OpportunityTerms,
    *,
    stage: str | None = None,
    recorded_at: datetime | None = None,
    actor: Actor | None = None,
) -> Opportunity:
    """Keep a new deal; the same `Opportunity.key` twice is the same deal, and the first one is returned.

    Parameters
    ----------
    store : Store
        With the customer and the edition of the pipeline.
    opportunity : Opportunity
        The deal, with when it was opened.
    terms : OpportunityTerms
        What it would bring.
    stage : str, optional
        Where it begins: an open stage, the first unless given.
    recorded_at : datetime, optional
        When we knew, if that was later.
    actor : Actor, optional
        Who does it.

    Raises
    ------
    InvalidValueError
        If the customer's data is restricted, or he was erased.
    InvalidTransitionError
        If the stage is no open one.
    NotFound
        If there is no such customer or edition.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model import Customer, Money, PersonName, PipelineStage
    >>> from pycrm.storage import MemoryStore
    >>> noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    >>> ends = (PipelineStage(code=kind.value, kind=kind) for kind in (PipelineStageKind.WON, PipelineStageKind.LOST))
    >>> sales = Pipeline(code="sales", stages=(PipelineStage(code="talking", probability=0.2), *ends))
    >>> ana, store = Customer(name=PersonName(given="Ana")), MemoryStore()
    >>> with store.begin() as unit:
    ...     for entity in (ana, sales):
    ...         _ = unit.of(type(entity)).add(entity)
    ...     unit.commit()
    >>> deal = Opportunity(customer_id=ana.id, name="Tea for all", pipeline_id=sales.id, opened_at=noon)
    >>> deal = open(store, deal, OpportunityTerms(amount=Money("500.00", "EUR")))
    >>> win(store, deal.id, at=noon, key="signed").kind.value
    'won'
    """
    with store.begin(actor=_said(actor), cause="opportunities.open") as unit:
        kept = add_opportunity(unit, opportunity, terms, stage=stage, recorded_at=recorded_at, actor=actor)
        unit.commit()
    return kept


def move(
    store: Store,
    opportunity_id: UUID,
    to: str,
    *,
    at: datetime,
    key: str,
    reason: str = "moved",
    pipeline: str | None = None,
    terms: OpportunityTerms | None = None,
    evidence: Iterable[EvidenceRef] = (),
    recorded_at: datetime | None = None,
    note: str | None = None,
    actor: Actor | None = None,
    version: int | None = None,
) -> OpportunityState:
    """Move a deal to a stage that its pipeline lets follow, and return where it stands then.

    Parameters
    ----------
    store : Store
        With the deal.
    opportunity_id : UUID
        Which.
    to : str
        The code of the stage.
    at, recorded_at : datetime
        When it happened, and when we knew: the same unless given.
    key : str
        The same key twice in one deal is the same step.
    reason : str
        A code; of a step into a lost stage, why it was lost.
    pipeline : str, optional
        The code of another pipeline into whose current edition the deal goes.
    terms : OpportunityTerms, optional
        From now on.
    evidence : iterable of EvidenceRef
        What it rests on, such as ``EvidenceRef("quote", id)``.
    note : str, optional
        In words.
    actor : Actor, optional
        Who does it.
    version : int, optional
        The version of the `Opportunity` that was looked at before deciding: somebody who wrote since is not overruled.

    Raises
    ------
    InvalidTransitionError
        If the stage may not follow.
    InvalidValueError
        If the deal does not fulfil what entering the stage asks, the customer's data may not be used, or the key was used for
        another step.
    Conflict
        If somebody else wrote to the deal: look again, and decide anew.
    """
    asked = {"reason": reason, "terms": terms, "evidence": evidence, "note": note}
    return _written(store, opportunity_id, lambda _: to, at, key, recorded_at, actor, version, "move", pipeline, asked)


def force(
    store: Store,
    opportunity_id: UUID,
    to: str,
    *,
    at: datetime,
    key: str,
    actor: Actor,
    note: str,
    reason: str = "forced",
    pipeline: str | None = None,
    terms: OpportunityTerms | None = None,
    evidence: Iterable[EvidenceRef] = (),
    recorded_at: datetime | None = None,
    version: int | None = None,
) -> OpportunityState:
    """Move a deal to any stage, whatever the pipeline allows or asks: flagged for good, with who did it and why.

    The same stage with other `terms` corrects what a closed deal came to. Parameters and errors are those of `move`.
    """
    asked = {"reason": reason, "terms": terms, "evidence": evidence, "note": note, "forced": True}
    return _written(store, opportunity_id, lambda _: to, at, key, recorded_at, actor, version, "force", pipeline, asked)


def win(
    store: Store,
    opportunity_id: UUID,
    *,
    at: datetime,
    key: str,
    stage: str | None = None,
    reason: str = "bought",
    terms: OpportunityTerms | None = None,
    evidence: Iterable[EvidenceRef] = (),
    recorded_at: datetime | None = None,
    note: str | None = None,
    actor: Actor | None = None,
    version: int | None = None,
) -> OpportunityState:
    """Move a deal to a won stage, the first of its pipeline that may follow unless given. Otherwise as `move`."""
    asked = {"reason": reason, "terms": terms, "evidence": evidence, "note": note}
    end = _end(_K.WON, stage)
    return _written(store, opportunity_id, end, at, key, recorded_at, actor, version, "win", None, asked)


def lose(
    store: Store,
    opportunity_id: UUID,
    *,
    at: datetime,
    key: str,
    reason: str,
    stage: str | None = None,
    evidence: Iterable[EvidenceRef] = (),
    recorded_at: datetime | None = None,
    note: str | None = None,
    actor: Actor | None = None,
    version: int | None = None,
) -> OpportunityState:
    """Move a deal to a lost stage, the first of its pipeline that may follow unless given, and say why. Otherwise as `move`."""
    asked = {"reason": reason, "evidence": evidence, "note": note}
    end = _end(_K.LOST, stage)
    return _written(store, opportunity_id, end, at, key, recorded_at, actor, version, "lose", None, asked)


def reopen(
    store: Store,
    opportunity_id: UUID,
    *,
    at: datetime,
    key: str,
    reason: str = "reopened",
    stage: str | None = None,
    terms: OpportunityTerms | None = None,
    evidence: Iterable[EvidenceRef] = (),
    recorded_at: datetime | None = None,
    note: str | None = None,
    actor: Actor | None = None,
    version: int | None = None,
) -> OpportunityState:
    """Move a closed deal to an open stage, where its pipeline says that one may follow. Otherwise as `move`.

    Raises
    ------
    InvalidTransitionError
        If the pipeline lets no open stage follow; `force` goes beyond it.
    InvalidValueError
        If the deal is open.
    """
    asked = {"reason": reason, "terms": terms, "evidence": evidence, "note": note}
    end = _end(_K.OPEN, stage)
    return _written(store, opportunity_id, end, at, key, recorded_at, actor, version, "reopen", None, asked)


def reprice(
    store: Store,
    opportunity_id: UUID,
    terms: OpportunityTerms,
    *,
    at: datetime,
    key: str,
    reason: str = "repriced",
    evidence: Iterable[EvidenceRef] = (),
    recorded_at: datetime | None = None,
    note: str | None = None,
    actor: Actor | None = None,
    version: int | None = None,
) -> OpportunityState:
    """Put an open deal on other terms: amount, lines, expected close, or what a person believes. Otherwise as `move`.

    Raises
    ------
    InvalidValueError
        If the deal is closed; `force` corrects it.
    """
    asked = {"reason": reason, "terms": terms, "evidence": evidence, "note": note}
    return _written(
        store, opportunity_id, lambda state: state.stage, at, key, recorded_at, actor, version, "reprice", None, asked
    )


@frozen(kw_only=True)
class Adopted:
    """What taking up an edition did.

    Parameters
    ----------
    pipeline : str
        Code and revision of the edition.
    moved : Mapping of str to int
        Deals that are under it now, by stage.
    left : Mapping of str to tuple of UUID
        Deals that stay under theirs, by their stage: the edition says of none of its stages that they belong there.
    """

    pipeline: str
    moved: Mapping[str, int]
    left: Mapping[str, tuple[UUID, ...]] = field(repr=False)


def adopt(store: Store, code: str, *, at: datetime, actor: Actor | None = None) -> Adopted:
    """Bring the open deals of a pipeline under its current edition, each into the stage of its code or the one it went to.

    A deal whose stage is gone stays under its own edition, where all goes on as it did; `move` takes it over by hand. What is
    under the current edition is not touched, so the same call twice does nothing more.

    Parameters
    ----------
    store : Store
        With the pipelines and deals.
    code : str
        Which pipeline.
    at : datetime
        Now.
    actor : Actor, optional
        Who does it.

    Raises
    ------
    InvalidValueError
        If no edition of the pipeline holds now.
    """
    now = instant(at)
    with store.begin(actor=_said(actor), cause="opportunities.adopt") as unit:
        edition = current_pipeline(pipelines_of(unit), code, now)
        moved: dict[str, int] = {}
        left: dict[str, tuple[UUID, ...]] = {}
        for state, history in opportunity_histories(unit, now):
            if state.pipeline.code != code or state.pipeline.id == edition.id or state.kind.is_closed:
                continue
            stage = edition.counterpart(state.stage)
            if stage is None:
                left[state.stage] = (*left.get(state.stage, ()), state.opportunity.id)
                continue
            change = state.moved(
                stage, at=now, reason="edition", pipeline=edition, actor=actor, key=f"edition:{edition.name}"
            )
            add_opportunity_change(unit, state.opportunity, history, change)
            moved[stage] = moved.get(stage, 0) + 1
        unit.commit()
    return Adopted(pipeline=edition.name, moved=moved, left=left)


def _end(kind: PipelineStageKind, stage: str | None) -> Any:
    """Return what chooses the stage of a kind: the one named, else the first that may follow."""

    def chosen(state: OpportunityState) -> str:
        pipeline = state.pipeline
        if kind is _K.OPEN and not state.kind.is_closed:
            raise InvalidValueError("opportunity_id", state.opportunity.id, f"it is open, in {state.stage!r}; move it")
        if stage is not None:
            if pipeline.stage(stage).kind is not kind:
                known = ", ".join(each.code for each in pipeline.stages if each.kind is kind)
                raise InvalidValueError("stage", stage, f"name a stage of kind {kind}: {known}")
            return stage
        following = [code for code in pipeline.after(state.stage) if pipeline.stage(code).kind is kind]
        if not following:
            first = pipeline.first_of(kind)
            raise InvalidTransitionError(state.stage, first, set(pipeline.after(state.stage)))
        return following[0]

    return chosen


def _said(actor: Actor | None) -> str | None:
    return None if actor is None else str(actor)


def _written(
    store: Store,
    opportunity_id: UUID,
    to: Any,
    at: datetime,
    key: str,
    recorded_at: datetime | None,
    actor: Actor | None,
    version: int | None,
    verb: str,
    pipeline: str | None,
    asked: Mapping[str, Any],
) -> OpportunityState:
    """Write one entry in a unit of work of its own, once."""
    expect("key", key, str)
    if "evidence" in asked:
        asked = {**asked, "evidence": listed("evidence", asked["evidence"], EvidenceRef)}
    now = instant(at)
    with store.begin(actor=_said(actor), cause=f"opportunities.{verb}") as unit:
        deal = unit.of(Opportunity).get(opportunity_id)
        history = history_of_opportunity(unit, opportunity_id)
        editions = pipelines_of(unit)
        before = next((change for change in history if change.key == key), None)
        if before is not None:
            # Where it stood before that step tells what the same call would have asked for.
            earlier = opportunity_state(deal, [one for one in history if one.number < before.number], editions, now)
            wanted = None if earlier is None else to(earlier)
            if wanted != before.to_stage:
                raise InvalidValueError(
                    "key", key, f"it was used for the step to {before.to_stage!r}; give another one"
                )
            known = [one for one in history if one.number <= before.number]
            done = opportunity_state(deal, known, editions, before.occurred_at)
            assert done is not None  # the step itself is among them
            return done
        if version is not None and version != deal.version:
            raise Conflict("Opportunity", opportunity_id, version, deal.version)
        _check_use(unit, deal)
        state = opportunity_state(deal, history, editions, now)
        if state is None:
            raise InvalidValueError("at", at, f"the deal was opened at {deal.opened_at.isoformat()}")
        change = state.moved(
            to(state),
            at=now,
            recorded_at=recorded_at,
            pipeline=_edition(editions, pipeline, now),
            actor=actor,
            key=key,
            number=len(history) + 1,
            **asked,
        )
        kept = add_opportunity_change(unit, deal, history, change)
        unit.commit()
    done = opportunity_state(kept, [*history, change], editions, now)
    assert done is not None  # it was opened by then, or there was no state to move from
    return done


def _edition(editions: Iterable[Pipeline], code: str | None, at: datetime) -> Pipeline | None:
    return None if code is None else current_pipeline(editions, code, at)


def _check_use(unit: UnitOfWork, deal: Opportunity) -> None:
    why = why_not_used(unit, deal.customer_id)
    if why is not None:
        raise InvalidValueError("opportunity_id", deal.id, why.text)
