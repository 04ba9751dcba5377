"""Interact: a dialogue that learns. For each customer the next thing worth asking or telling, and what came of it."""

from pycrm.workflows.interact.house import HOUSE_PLAN, ROUTES
from pycrm.workflows.interact.planning import InteractReport, plan

__all__ = ["HOUSE_PLAN", "ROUTES", "InteractReport", "plan"]


def __dir__() -> list[str]:
    return __all__
