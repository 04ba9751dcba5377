"""Personalise: for each customer the next best thing, with reasons, a fallback for everybody, and proof of what it did."""

from pycrm.workflows.personalise.answers import AnswersReport, override, record, settle
from pycrm.workflows.personalise.deciding import PersonaliseReport, decide, held_out
from pycrm.workflows.personalise.proving import evaluate

__all__ = [
    "AnswersReport",
    "PersonaliseReport",
    "decide",
    "evaluate",
    "held_out",
    "override",
    "record",
    "settle",
]


def __dir__() -> list[str]:
    return __all__
