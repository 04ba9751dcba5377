"""Identify: one customer list out of many sources.

Source records are kept as they came; who they speak of is an append-only decision beside them, and the customer is what
survives of his records, made anew each time. So nothing a source said is ever lost, and every decision can be looked at.
"""

from pycrm.workflows.identify.lists import Grouped, ListPull, ListRow, group, pull_list
from pycrm.workflows.identify.merging import CustomerFile, aliases, decide, file_of, forget, merge, questions, unmerge
from pycrm.workflows.identify.registering import OnMatch, register
from pycrm.workflows.identify.resolving import ExplainedPair, IdentifyReport, Matching, resolve
from pycrm.workflows.identify.rules import FIELDS, RULES, Rule
from pycrm.workflows.identify.surviving import FieldOrigin, Surviving, provenance

__all__ = [
    "FIELDS",
    "RULES",
    "CustomerFile",
    "ExplainedPair",
    "FieldOrigin",
    "Grouped",
    "IdentifyReport",
    "ListPull",
    "ListRow",
    "Matching",
    "OnMatch",
    "Rule",
    "Surviving",
    "aliases",
    "decide",
    "file_of",
    "forget",
    "group",
    "merge",
    "provenance",
    "pull_list",
    "questions",
    "register",
    "resolve",
    "unmerge",
]


def __dir__() -> list[str]:
    return __all__
