"""Deals over a store: opened, moved by the rules of their pipeline, won, lost, reopened; what they may bring, and how sales go."""

from pycrm.workflows.opportunities.following import Ranked, Stale, queue, remind, stale
from pycrm.workflows.opportunities.measuring import (
    Forecast,
    PaceChange,
    StageTime,
    compare,
    forecast,
    funnel,
    pace,
    time_in_stage,
    transitions,
)
from pycrm.workflows.opportunities.moving import (
    Adopted,
    adopt,
    force,
    lose,
    move,
    open,  # noqa: A004  # used qualified: opportunities.open
    reopen,
    reprice,
    win,
)

__all__ = [
    "Adopted",
    "Forecast",
    "PaceChange",
    "Ranked",
    "StageTime",
    "Stale",
    "adopt",
    "compare",
    "force",
    "forecast",
    "funnel",
    "lose",
    "move",
    "open",
    "pace",
    "queue",
    "remind",
    "reopen",
    "reprice",
    "stale",
    "time_in_stage",
    "transitions",
    "win",
]


def __dir__() -> list[str]:
    return __all__
