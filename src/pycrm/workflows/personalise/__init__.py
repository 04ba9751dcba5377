"""Personalise: for each customer the next best thing, with reasons, a fallback for everybody, and proof of what it did."""

from pycrm.workflows.personalise.advice import (
    Coverage,
    ListEntry,
    NextStepsReport,
    StepRule,
    coverage,
    next_steps,
    pull_list,
    repeat_sales,
    touches_per_sale,
)
from pycrm.workflows.personalise.answers import AnswersReport, override, record, settle
from pycrm.workflows.personalise.deciding import PersonaliseReport, decide, held_out
from pycrm.workflows.personalise.moments import Moment, SegmentMoment, moments, segment_moments
from pycrm.workflows.personalise.proving import evaluate
from pycrm.workflows.personalise.recommending import Recommended, recommend

__all__ = [
    "AnswersReport",
    "Coverage",
    "ListEntry",
    "Moment",
    "NextStepsReport",
    "PersonaliseReport",
    "Recommended",
    "SegmentMoment",
    "StepRule",
    "coverage",
    "decide",
    "evaluate",
    "held_out",
    "moments",
    "next_steps",
    "override",
    "pull_list",
    "recommend",
    "record",
    "repeat_sales",
    "segment_moments",
    "settle",
    "touches_per_sale",
]


def __dir__() -> list[str]:
    return __all__
