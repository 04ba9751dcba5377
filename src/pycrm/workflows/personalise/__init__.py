"""Personalise: for each customer the next best thing, with reasons, a fallback for everybody, and proof of what it did."""

from pycrm.workflows.personalise.answers import AnswersReport, override, record, settle
from pycrm.workflows.personalise.deciding import PersonaliseReport, decide, held_out
from pycrm.workflows.personalise.moments import Moment, SegmentMoment, moments, segment_moments
from pycrm.workflows.personalise.proving import evaluate

__all__ = [
    "AnswersReport",
    "Moment",
    "PersonaliseReport",
    "SegmentMoment",
    "decide",
    "evaluate",
    "held_out",
    "moments",
    "override",
    "record",
    "segment_moments",
    "settle",
]


def __dir__() -> list[str]:
    return __all__
