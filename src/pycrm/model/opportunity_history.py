"""Where a deal stands: a fold of its history, checked against the editions of the pipelines it was written under.

Whoever wrote an entry, through whatever adapter: a step that its edition does not allow is refused here, when it is made and
again when it is read, and never counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidTransitionError, InvalidValueError
from pycrm.model.entity import new_id
from pycrm.model.evidence import Actor, EvidenceRef
from pycrm.model.money import Money
from pycrm.model.opportunity import Opportunity, OpportunityChange, OpportunityTerms
from pycrm.model.pipeline import Pipeline, PipelineStageKind
from pycrm.model.predicate import evaluate, paths_of
from pycrm.model.time import instant

__all__ = ["OpportunityState", "open_opportunity", "opportunity_state"]

_K = PipelineStageKind


@frozen(kw_only=True)
class OpportunityState:
    """Where a deal stood at a time.

    Parameters
    ----------
    opportunity : Opportunity
        Which.
    pipeline : Pipeline
        The edition it is under.
    stage : str
        The code of its stage.
    entered_at : datetime
        Since when it is in the stage.
    changed_at : datetime
        When something was last written of it.
    terms : OpportunityTerms
        The last ones.
    closed_at : datetime, optional
        When it was won or lost; given if and only if it is.
    lost_reason : str, optional
        Why it was lost; given if and only if it is.
    entries : int
        How many entries of its history this rests on.
    forced : bool
        Whether any of them was forced.
    evidence : tuple of EvidenceRef
        What all of them rest on.
    """

    opportunity: Opportunity
    pipeline: Pipeline = field(repr=False)
    stage: str
    entered_at: datetime
    changed_at: datetime
    terms: OpportunityTerms
    closed_at: datetime | None = None
    lost_reason: str | None = None
    entries: int = 1
    forced: bool = False
    evidence: tuple[EvidenceRef, ...] = field(default=(), repr=False)

    def __attrs_post_init__(self) -> None:
        if self.kind.is_closed != (self.closed_at is not None):
            raise InvalidValueError("closed_at", self.closed_at, "give it if and only if the deal is won or lost")
        if (self.kind is _K.LOST) != (self.lost_reason is not None):
            raise InvalidValueError("lost_reason", self.lost_reason, "give it if and only if the deal is lost")

    @property
    def kind(self) -> PipelineStageKind:
        """Whether it is open, won or lost."""
        return self.pipeline.stage(self.stage).kind

    @property
    def probability(self) -> float:
        """That it is won: 1 where it is, 0 where it is lost, else what a person believes, else that of the stage."""
        stage = self.pipeline.stage(self.stage)
        if stage.kind.is_closed or self.terms.probability is None:
            return stage.probability
        return self.terms.probability

    @property
    def weighted(self) -> Money:
        """The amount times the probability, to the minor unit; of the probability six digits count."""
        return (self.terms.total * Decimal(str(round(self.probability, 6)))).rounded()

    @property
    def facts(self) -> Mapping[str, Any]:
        """What conditions on a deal may ask about, by path."""
        return {
            "name": self.opportunity.name,
            "source": self.opportunity.source,
            "owner_id": self.opportunity.owner_id,
            "campaign_id": self.opportunity.campaign_id,
            "lead_id": self.opportunity.lead_id,
            "contacts": self.opportunity.contacts,
            "pipeline": self.pipeline.code,
            "stage": self.stage,
            "kind": self.kind,
            "amount": self.terms.total.amount,
            "currency": self.terms.currency,
            "lines": self.terms.lines,
            "recurring": self.terms.recurring,
            "expected_close": self.terms.expected_close,
            "probability": self.probability,
            "evidence": self.evidence,
            "opened_at": self.opportunity.opened_at,
            "entered_at": self.entered_at,
        }

    def stale_since(self, last_sign: datetime | None = None) -> datetime | None:
        """Return from when on the deal is stale if nothing more is heard; None if it never is.

        Parameters
        ----------
        last_sign : datetime, optional
            The last contact about it; what was written of it counts too.
        """
        patience = self.pipeline.patience(self.stage)
        if patience is None:
            return None
        return (self.changed_at if last_sign is None else max(self.changed_at, instant(last_sign))) + patience

    def after(self, pipeline: Pipeline | None = None) -> tuple[str, ...]:
        """Return the stages that may follow: of its own edition, or, for an open deal, the open ones of another."""
        if pipeline is None or pipeline.id == self.pipeline.id:
            return self.pipeline.after(self.stage)
        return () if self.kind.is_closed else pipeline.open_stages

    def moved(
        self,
        to: str,
        *,
        at: datetime,
        reason: str,
        recorded_at: datetime | None = None,
        pipeline: Pipeline | None = None,
        terms: OpportunityTerms | None = None,
        evidence: Iterable[EvidenceRef] = (),
        actor: Actor | None = None,
        note: str | None = None,
        forced: bool = False,
        key: str | None = None,
        number: int | None = None,
    ) -> OpportunityChange:
        """Return the entry that leads to a stage, or, with `pipeline`, into a stage of another edition or pipeline.

        The same stage with other terms is an entry too: the deal stays where it is.

        Parameters
        ----------
        to : str
            The code of the stage.
        at, recorded_at : datetime
            When it happened, and when we knew: the same unless given.
        reason : str
            A code; of a step into a lost stage, why it was lost.
        pipeline : Pipeline, optional
            Into which edition; its own unless given.
        terms : OpportunityTerms, optional
            From now on.
        evidence : iterable of EvidenceRef
            What it rests on.
        actor, note, forced
            A forced step needs both, and is flagged.
        key : str, optional
            The same key twice is the same entry.
        number : int, optional
            Its place in the history; behind those this state rests on unless given.

        Raises
        ------
        InvalidTransitionError
            If the stage may not follow.
        InvalidValueError
            If there is no such stage, or the deal does not fulfil what entering it asks.
        """
        into = self.pipeline if pipeline is None else pipeline
        stage, refs, id = into.stage(to), tuple(evidence), new_id()
        change = OpportunityChange(
            id=id,
            opportunity_id=self.opportunity.id,
            number=self.entries + 1 if number is None else number,
            pipeline_id=into.id,
            former_pipeline_id=None if into.id == self.pipeline.id else self.pipeline.id,
            from_stage=self.stage,
            to_stage=to,
            kind=stage.kind,
            allowed=self.after(pipeline),
            terms=terms,
            occurred_at=at,
            recorded_at=at if recorded_at is None else recorded_at,
            reason=reason,
            actor=actor,
            forced=forced,
            note=note,
            evidence=refs,
            key=str(id) if key is None else key,
        )
        # A stage that another edition calls by another name is the one it is in.
        entered = into.code != self.pipeline.code or into.counterpart(self.stage) != to
        if stage.requires is not None and entered and not forced:
            then = {**self.facts, **_told(terms or self.terms), "evidence": (*self.evidence, *refs)}
            if not evaluate(stage.requires, then):
                asked = ", ".join(sorted(paths_of(stage.requires)))
                raise InvalidValueError(
                    "to", to, f"this stage asks something of {asked}; give it, or force the step with actor and note"
                )
        return change


def _told(terms: OpportunityTerms) -> dict[str, Any]:
    told = {
        "amount": terms.total.amount,
        "currency": terms.currency,
        "lines": terms.lines,
        "recurring": terms.recurring,
        "expected_close": terms.expected_close,
    }
    return told if terms.probability is None else {**told, "probability": terms.probability}


def open_opportunity(
    opportunity: Opportunity,
    pipeline: Pipeline,
    terms: OpportunityTerms,
    *,
    stage: str | None = None,
    reason: str = "opened",
    recorded_at: datetime | None = None,
    evidence: Iterable[EvidenceRef] = (),
    actor: Actor | None = None,
) -> OpportunityChange:
    """Return the first entry of a deal.

    Parameters
    ----------
    opportunity : Opportunity
        The deal; it was opened at its `opened_at`.
    pipeline : Pipeline
        The edition it names.
    terms : OpportunityTerms
        What it would bring.
    stage : str, optional
        Where it begins: an open stage, the first unless given.
    reason : str
        A code.
    recorded_at : datetime, optional
        When we knew; when it was opened unless given.
    evidence : iterable of EvidenceRef
        What it rests on.
    actor : Actor, optional
        Who did it.

    Raises
    ------
    InvalidTransitionError
        If the stage is no open one.
    InvalidValueError
        If the pipeline is another than the deal names, or has no such stage.
    """
    if opportunity.pipeline_id != pipeline.id:
        raise InvalidValueError("pipeline_id", opportunity.pipeline_id, f"the edition given is {pipeline.id}")
    begin = pipeline.stage(pipeline.open_stages[0] if stage is None else stage)
    return OpportunityChange(
        opportunity_id=opportunity.id,
        number=1,
        pipeline_id=pipeline.id,
        to_stage=begin.code,
        kind=begin.kind,
        allowed=pipeline.open_stages,
        terms=terms,
        occurred_at=opportunity.opened_at,
        recorded_at=opportunity.opened_at if recorded_at is None else recorded_at,
        reason=reason,
        actor=actor,
        evidence=tuple(evidence),
        key="opened",
    )


def opportunity_state(
    opportunity: Opportunity,
    history: Iterable[OpportunityChange],
    pipelines: Iterable[Pipeline],
    at: datetime,
    *,
    known_at: datetime | None = None,
) -> OpportunityState | None:
    """Return where a deal stood at a time; None before it was opened.

    The order of `history` does not matter: entries count by when they happened, those of one instant by their number.

    Parameters
    ----------
    opportunity : Opportunity
        The deal.
    history : iterable of OpportunityChange
        Its entries.
    pipelines : iterable of Pipeline
        The editions they name; more do no harm.
    at : datetime
        What happened later does not count.
    known_at : datetime, optional
        What was recorded later does not count: how the deal was seen then.

    Raises
    ------
    InvalidTransitionError
        If an entry is not what its edition allows, or does not start where the one before it ended.
    InvalidValueError
        If an entry is of another deal, or names an edition that is not given.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> from uuid import UUID
    >>> from pycrm.model.pipeline import PipelineStage
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> sales = Pipeline(
    ...     code="new_business",
    ...     stages=(
    ...         PipelineStage(code="talking", probability=0.2),
    ...         PipelineStage(code="won", kind=PipelineStageKind.WON),
    ...         PipelineStage(code="lost", kind=PipelineStageKind.LOST),
    ...     ),
    ... )
    >>> deal = Opportunity(customer_id=UUID(int=1), name="Tea for all", pipeline_id=sales.id, opened_at=day)
    >>> first = open_opportunity(deal, sales, OpportunityTerms(amount=Money("500.00", "EUR")))
    >>> now = opportunity_state(deal, [first], [sales], day)
    >>> now.stage, now.probability, now.weighted
    ('talking', 0.2, Money('100.00', 'EUR'))
    >>> gone = now.moved("lost", at=day + timedelta(days=9), reason="price")
    >>> later = opportunity_state(deal, [gone, first], [sales], day + timedelta(days=9))
    >>> later.kind.value, later.lost_reason, later.probability
    ('lost', 'price', 0.0)
    """
    until = instant(at)
    editions = {one.id: one for one in pipelines}
    counted = [change for change in history if change.occurred_at <= until]
    if known_at is not None:
        seen = instant(known_at)
        counted = [change for change in counted if change.recorded_at <= seen]
    state: OpportunityState | None = None
    for change in sorted(counted, key=lambda change: (change.occurred_at, change.number)):
        if change.opportunity_id != opportunity.id:
            raise InvalidValueError("history", change.opportunity_id, f"give the entries of {opportunity.id} only")
        if change.pipeline_id not in editions:
            raise InvalidValueError("pipelines", change.pipeline_id, "give the edition this entry was written under")
        state = _next(opportunity, state, change, editions[change.pipeline_id])
    return state


def _next(
    opportunity: Opportunity, state: OpportunityState | None, change: OpportunityChange, pipeline: Pipeline
) -> OpportunityState:
    change.check()
    if state is None:
        allowed = pipeline.open_stages
        follows = change.from_stage is None and change.to_stage in allowed
    else:
        allowed = state.after(pipeline)
        former = None if pipeline.id == state.pipeline.id else state.pipeline.id
        stays = former is None and change.to_stage == state.stage
        follows = (
            change.from_stage == state.stage
            and change.former_pipeline_id == former
            and (stays or change.forced or change.to_stage in allowed)
        )
    if not follows:
        # The stage it claims to start from, or the edge, is not what the history and the edition say.
        raise InvalidTransitionError("nothing" if state is None else state.stage, change.to_stage, set(allowed))
    stage = pipeline.stage(change.to_stage)
    if change.kind is not stage.kind:
        raise InvalidValueError("kind", str(change.kind), f"stage {stage.code!r} of {pipeline.name} is {stage.kind}")
    if state is None:
        assert change.terms is not None  # check() asks it of the opening
        return OpportunityState(
            opportunity=opportunity,
            pipeline=pipeline,
            stage=stage.code,
            entered_at=change.occurred_at,
            changed_at=change.occurred_at,
            terms=change.terms,
            evidence=change.evidence,
        )
    moved = change.is_move or pipeline.code != state.pipeline.code
    stays = stage.kind is state.kind and not moved
    closed, lost = (state.closed_at, state.lost_reason) if stays else (change.occurred_at, change.reason)
    return attrs.evolve(
        state,
        pipeline=pipeline,
        stage=stage.code,
        entered_at=change.occurred_at if moved else state.entered_at,
        changed_at=change.occurred_at,
        terms=state.terms if change.terms is None else change.terms,
        closed_at=closed if stage.kind.is_closed else None,
        lost_reason=lost if stage.kind is _K.LOST else None,
        entries=state.entries + 1,
        forced=state.forced or change.forced,
        evidence=(*state.evidence, *change.evidence),
    )
