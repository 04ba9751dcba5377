"""The fields whose values a rule of the whole noun decides, by hand: the plainest value, and a strategy of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from pycrm.model.assessment import Tier
from pycrm.model.experiment import Experiment, ExperimentArm
from pycrm.model.form import CaptureForm, FormField, FormFill
from pycrm.model.knowledge import FactKind, Topic
from pycrm.model.lead_magnet import LeadMagnet
from pycrm.model.opportunity import OpportunityChange
from pycrm.model.pipeline import Pipeline, PipelineStage, PipelineStageKind
from pycrm.model.points_entry import Bucket, Leg, PointsEntry
from pycrm.model.referral import ReferralProgram
from pycrm.model.template import Rendition, Slot
from pycrm.model.treatment import ServiceFloor, ServiceLevel, TreatmentPlan
from pycrm.testing.strategies import pipelines, texts

__all__ = ["BY_HAND"]

Rule = tuple[Callable[[], Any], st.SearchStrategy[Any]]


def _arms(parts: list[int]) -> tuple[ExperimentArm, ...]:
    codes = ("control", "a", "b", "c")
    return tuple(ExperimentArm(code=code, share=part / sum(parts)) for code, part in zip(codes, parts, strict=False))


def _levels(values: list[float]) -> tuple[ServiceLevel, ...]:
    return tuple(
        ServiceLevel(tier=tier, service=service, value=value)
        for service, value in zip(("calls", "visits"), values, strict=False)
        for tier in Tier
    )


def _legs(points: list[int]) -> tuple[Leg, ...]:
    return tuple(leg for each in points for leg in (Leg(Bucket.EARNED, -each), Leg(Bucket.OPEN, each)))


_STAGES = st.sampled_from(["a1", "b", "won"])
_FIRST = FormField(name="email", used_for="to answer", fills=FormFill.EMAIL, required=True)


def _pipeline() -> tuple[PipelineStage, ...]:
    return (
        PipelineStage(code="begun", probability=0.5),
        PipelineStage(code="won", kind=PipelineStageKind.WON),
        PipelineStage(code="lost", kind=PipelineStageKind.LOST),
    )


BY_HAND: dict[tuple[type, str], Rule] = {
    (Experiment, "arms"): (lambda: _arms([1, 1]), st.lists(st.integers(1, 9), min_size=2, max_size=4).map(_arms)),
    (Experiment, "control"): (lambda: "control", st.sampled_from(["control", "a"])),
    (TreatmentPlan, "levels"): (
        lambda: _levels([1.0]),
        st.lists(st.floats(0, 100), min_size=1, max_size=2).map(_levels),
    ),
    (TreatmentPlan, "floors"): (
        tuple,
        st.lists(
            st.builds(
                ServiceFloor,
                service=st.sampled_from(["calls", "visits"]),
                minimum=st.none() | st.floats(-100, 0),
                maximum=st.none() | st.floats(100, 200),
            ),
            max_size=2,
        ).map(tuple),
    ),
    (CaptureForm, "fields"): (
        lambda: (_FIRST,),
        st.lists(
            st.builds(
                FormField, name=st.sampled_from(["b", "c", "d"]), used_for=texts(), fills=st.sampled_from(FormFill)
            ),
            max_size=3,
        ).map(lambda more: (_FIRST, *more)),
    ),
    (Topic, "name"): (lambda: "speed", st.sampled_from(["speed", "price.low"])),
    (OpportunityChange, "to_stage"): (lambda: "a1", _STAGES),
    (OpportunityChange, "from_stage"): (lambda: None, st.none() | _STAGES),
    (OpportunityChange, "allowed"): (lambda: ("a1",), st.lists(_STAGES, unique=True).map(tuple)),
    (Pipeline, "stages"): (_pipeline, pipelines().map(lambda pipeline: pipeline.stages)),
    (PointsEntry, "legs"): (lambda: _legs([1]), st.lists(st.integers(1, 2**62), max_size=3).map(_legs)),
    (ReferralProgram, "level_rates"): (
        lambda: (1_000,),
        st.lists(st.integers(0, 2_000), min_size=1, max_size=5).map(tuple),
    ),
    (LeadMagnet, "solves"): (
        lambda: Topic(FactKind.NEED, "speed"),
        st.builds(Topic, st.just(FactKind.NEED), st.sampled_from(["speed", "price.low"])),
    ),
    (Slot, "name"): (lambda: "given", st.sampled_from(["given", "offer.name"])),
    (Rendition, "body"): (
        lambda: "Hello",
        texts() | st.sampled_from(["Hi {{given}}", "[[Dear {{given}},]] é\u0301 😀\nBye"]),
    ),
}
