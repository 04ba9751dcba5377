"""Interact: a dialogue that learns. For each customer the next thing worth asking or telling, and what came of it."""

from pycrm.workflows.interact.campaigning import Launched, Played, launch, play
from pycrm.workflows.interact.capturing import Captured, capture
from pycrm.workflows.interact.following import Followed, follow, send_newsletter
from pycrm.workflows.interact.house import HOUSE_PLAN, ROUTES
from pycrm.workflows.interact.planning import InteractReport, plan
from pycrm.workflows.interact.recording import RecordReport, record
from pycrm.workflows.interact.releasing import Due, answer_rates, due

__all__ = [
    "HOUSE_PLAN",
    "ROUTES",
    "Captured",
    "Due",
    "Followed",
    "InteractReport",
    "Launched",
    "Played",
    "RecordReport",
    "answer_rates",
    "capture",
    "due",
    "follow",
    "launch",
    "plan",
    "play",
    "record",
    "send_newsletter",
]


def __dir__() -> list[str]:
    return __all__
