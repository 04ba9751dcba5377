"""Interact: a dialogue that learns. For each customer the next thing worth asking or telling, and what came of it."""

from pycrm.workflows.interact.house import HOUSE_PLAN, ROUTES
from pycrm.workflows.interact.planning import InteractReport, plan
from pycrm.workflows.interact.recording import RecordReport, record
from pycrm.workflows.interact.releasing import Due, answer_rates, due

__all__ = ["HOUSE_PLAN", "ROUTES", "Due", "InteractReport", "RecordReport", "answer_rates", "due", "plan", "record"]


def __dir__() -> list[str]:
    return __all__
