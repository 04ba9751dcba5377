"""Contributions: what customers make for others is moderated, voted on, looked at for arranged votes, and then rewarded.

Every verb writes entries and changes none, so that what is true follows from them at any time. Votes that look wrong are held,
and only a person decides: a sign takes nothing away. Call `reward` whenever something was said; calling it again changes nothing.
"""

from pycrm.workflows.contributions.reviewing import VoteCheck, check, review
from pycrm.workflows.contributions.rewarding import ContentPoints, VoteCount, count, reward
from pycrm.workflows.contributions.submitting import disclose, moderate, submit, vote

__all__ = [
    "ContentPoints",
    "VoteCheck",
    "VoteCount",
    "check",
    "count",
    "disclose",
    "moderate",
    "review",
    "reward",
    "submit",
    "vote",
]


def __dir__() -> list[str]:
    return __all__
