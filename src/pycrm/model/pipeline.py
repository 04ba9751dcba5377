"""The stages of a sale as versioned data: in which order, how likely each ends well, what may follow which, what entering asks.

The label of a stage is free text; its kind - open, won or lost - is what the logic goes by. An edition is never edited: another
one with the next revision takes its place, and what was written under the old one is read by the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_fraction, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.predicate import AllOf, AnyOf, Not, Predicate, Where
from pycrm.model.time import Period, instant

__all__ = ["Pipeline", "PipelineStage", "PipelineStageKind", "current_pipeline"]


class PipelineStageKind(StrEnum):
    """What a stage of a pipeline means, whatever its label says."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"

    @property
    def is_closed(self) -> bool:
        """Whether the deal is over in it."""
        return self is not PipelineStageKind.OPEN


_SURE: Mapping[PipelineStageKind, float] = {PipelineStageKind.WON: 1.0, PipelineStageKind.LOST: 0.0}


def _is_predicate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Where | AllOf | AnyOf | Not):
        raise InvalidValueError(attribute.name, value, "give a predicate, such as where('evidence.kind') == 'quote'")


def _is_span(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise InvalidValueError(attribute.name, value, "give a length of time above 0, or None")


@frozen(kw_only=True)
class PipelineStage:
    """One stage of a pipeline.

    Parameters
    ----------
    code : str
        What programs call it; it stays when the label changes.
    label : str
        What people read. The code unless given.
    kind : PipelineStageKind
        Whether a deal in it is open, won or lost.
    probability : float
        That a deal in it is won, 0 to 1: of a won stage 1, of a lost one 0.
    next : tuple of str
        Codes of the stages that may follow. None given: after an open stage every other one, after a closed one nothing, so
        reopening has to be said here.
    requires : Predicate, optional
        What a deal must fulfil to enter: a condition on `OpportunityState.facts`, such as ``where("evidence.kind") == "quote"``.
    stale_after : timedelta, optional
        After how long without a sign a deal in it is stale; that of the pipeline unless given.
    tasks : tuple of str
        What a person has to do when a deal enters it: the titles of tasks.
    formerly : tuple of str
        Codes of stages of earlier editions whose deals belong here now.

    Examples
    --------
    >>> PipelineStage(code="won", kind=PipelineStageKind.WON).probability
    1.0
    """

    code: str = field(validator=is_code)
    label: str = field(default=attrs.Factory(lambda stage: stage.code, takes_self=True), validator=is_line)
    kind: PipelineStageKind = field(default=PipelineStageKind.OPEN, validator=is_a(PipelineStageKind))
    probability: float = field(
        default=attrs.Factory(lambda stage: _SURE.get(stage.kind), takes_self=True), validator=is_fraction
    )
    next: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    requires: Predicate | None = field(default=None, validator=optional(_is_predicate))
    stale_after: timedelta | None = field(default=None, validator=optional(_is_span))
    tasks: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    formerly: tuple[str, ...] = field(default=(), validator=tuple_of(str))

    def __attrs_post_init__(self) -> None:
        sure = _SURE.get(self.kind, self.probability)
        if self.probability != sure:
            raise InvalidValueError("probability", self.probability, f"a {self.kind} deal has {sure:g}")
        if self.kind.is_closed and self.stale_after is not None:
            raise InvalidValueError("stale_after", self.stale_after, "what is closed does not go stale; leave it out")


@frozen(kw_only=True)
class Pipeline(Entity):
    """One edition of a pipeline.

    Parameters
    ----------
    code : str
        Unique together with `revision`. Several pipelines stand side by side under codes of their own.
    revision : int
        From 1 on; the highest that holds counts for new deals.
    stages : tuple of PipelineStage
        In their order: the first open one is where a deal begins unless said otherwise. At least one won, one lost and one open.
    stale_after : timedelta, optional
        After how long without a sign a deal is stale, where its stage does not say.
    period : Period
        When it is used for new deals.

    Raises
    ------
    InvalidValueError
        If codes repeat, a stage of a kind is missing, a stage names one that is not there, or no end can be reached from one.

    Examples
    --------
    >>> sales = Pipeline(
    ...     code="new_business",
    ...     stages=(
    ...         PipelineStage(code="talking", probability=0.2),
    ...         PipelineStage(code="quoted", probability=0.5, next=("won", "lost")),
    ...         PipelineStage(code="won", kind=PipelineStageKind.WON),
    ...         PipelineStage(code="lost", kind=PipelineStageKind.LOST, next=("talking",)),
    ...     ),
    ... )
    >>> sales.after("talking"), sales.after("quoted"), sales.after("won"), sales.after("lost")
    (('quoted', 'won', 'lost'), ('won', 'lost'), (), ('talking',))
    """

    code: str = field(validator=is_code)
    revision: int = field(default=1, validator=at_least(1))
    stages: tuple[PipelineStage, ...] = field(validator=tuple_of(PipelineStage))
    stale_after: timedelta | None = field(default=None, validator=optional(_is_span))
    period: Period = field(default=Period(), validator=is_a(Period))

    def __attrs_post_init__(self) -> None:
        codes = [stage.code for stage in self.stages]
        if len(set(codes)) != len(codes):
            raise InvalidValueError("stages", codes, "give each stage a code of its own")
        for kind in PipelineStageKind:
            if all(stage.kind is not kind for stage in self.stages):
                raise InvalidValueError("stages", codes, f"add a stage of kind {kind}")
        for stage in self.stages:
            strange = [code for code in stage.next if code not in codes or code == stage.code]
            if strange:
                raise InvalidValueError(
                    f"stages[{stage.code!r}].next", strange[0], "name another stage of this pipeline"
                )
        former = [code for stage in self.stages for code in stage.formerly]
        if len(set(former)) != len(former) or set(former) & set(codes):
            raise InvalidValueError("formerly", former, "an earlier stage went to one stage, and is none of these")
        ends = {stage.code for stage in self.stages if stage.kind.is_closed}
        grown = True
        while grown:
            more = {code for code in codes if code not in ends and ends.intersection(self.after(code))}
            ends, grown = ends | more, bool(more)
        trapped = [code for code in codes if code not in ends]
        if trapped:
            raise InvalidValueError(
                "stages", trapped, "no won or lost stage can be reached from here; add one to `next`"
            )

    @property
    def name(self) -> str:
        """Code and revision in one."""
        return f"{self.code}/{self.revision}"

    @property
    def open_stages(self) -> tuple[str, ...]:
        """The codes of the stages a deal may begin in, in their order."""
        return tuple(stage.code for stage in self.stages if stage.kind is PipelineStageKind.OPEN)

    def stage(self, code: str) -> PipelineStage:
        """Return a stage.

        Raises
        ------
        InvalidValueError
            If there is none of that code.
        """
        for stage in self.stages:
            if stage.code == code:
                return stage
        known = ", ".join(stage.code for stage in self.stages)
        raise InvalidValueError("stage", code, f"pipeline {self.name} has {known}")

    def first_of(self, kind: PipelineStageKind) -> str:
        """Return the code of the first stage of a kind."""
        return next(stage.code for stage in self.stages if stage.kind is kind)

    def after(self, code: str) -> tuple[str, ...]:
        """Return the codes of the stages that may follow one, in the order of the pipeline.

        Raises
        ------
        InvalidValueError
            If there is no such stage.
        """
        stage = self.stage(code)
        if stage.next or stage.kind.is_closed:
            return tuple(each.code for each in self.stages if each.code in stage.next)
        return tuple(each.code for each in self.stages if each.code != code)

    def counterpart(self, code: str) -> str | None:
        """Return which open stage the deals of a stage of an earlier edition belong to; None where nobody said."""
        for stage in self.stages:
            if code in {stage.code, *stage.formerly} and not stage.kind.is_closed:
                return stage.code
        return None

    def patience(self, code: str) -> timedelta | None:
        """Return after how long without a sign a deal in a stage is stale; None: never."""
        stage = self.stage(code)
        return None if stage.kind.is_closed else stage.stale_after or self.stale_after


def current_pipeline(pipelines: Iterable[Pipeline], code: str, at: datetime) -> Pipeline:
    """Return the edition of a pipeline that new deals get: the highest revision whose period holds.

    Raises
    ------
    InvalidValueError
        If none holds.

    Examples
    --------
    >>> from datetime import UTC
    >>> stages = (
    ...     PipelineStage(code="talking", probability=0.2),
    ...     PipelineStage(code="won", kind=PipelineStageKind.WON),
    ...     PipelineStage(code="lost", kind=PipelineStageKind.LOST),
    ... )
    >>> editions = [Pipeline(code="renewals", revision=number, stages=stages) for number in (1, 2)]
    >>> current_pipeline(editions, "renewals", datetime(2026, 5, 1, tzinfo=UTC)).revision
    2
    """
    now = instant(at)
    named = [one for one in pipelines if one.code == code]
    holding = [one for one in named if now in one.period]
    if not holding:
        why = "none of its editions holds then" if named else "store a Pipeline of this code first"
        raise InvalidValueError("pipeline", code, why)
    return max(holding, key=lambda one: one.revision)
