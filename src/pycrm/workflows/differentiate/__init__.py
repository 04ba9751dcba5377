"""Differentiate: what each customer is worth, needs and does, and which tier and segment that makes, as of a date."""

from pycrm.workflows.differentiate.alerting import Alert, alerts
from pycrm.workflows.differentiate.asking import AGE_BAND, CARED_FOR
from pycrm.workflows.differentiate.assessing import assess
from pycrm.workflows.differentiate.auditing import policy_of
from pycrm.workflows.differentiate.finding import DifferentiateReport
from pycrm.workflows.differentiate.grading import GradeRule
from pycrm.workflows.differentiate.provenance import Provenance, rows_of
from pycrm.workflows.differentiate.valuing import FEWEST_RETURNING, Horizon, Valuation, value_orders

__all__ = [
    "AGE_BAND",
    "CARED_FOR",
    "FEWEST_RETURNING",
    "Alert",
    "DifferentiateReport",
    "GradeRule",
    "Horizon",
    "Provenance",
    "Valuation",
    "alerts",
    "assess",
    "policy_of",
    "rows_of",
    "value_orders",
]


def __dir__() -> list[str]:
    return __all__
