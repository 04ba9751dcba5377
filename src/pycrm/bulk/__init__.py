"""The rules of the model over whole columns: the same answers as one by one."""

from pycrm.bulk.contact import Permissions, permission_columns
from pycrm.bulk.eligibility import Holdings, objection_columns
from pycrm.bulk.permission import consent_columns
from pycrm.bulk.predicate import evaluate_columns
from pycrm.bulk.stages import StageSteps, derive_stages

__all__ = [
    "Holdings",
    "Permissions",
    "StageSteps",
    "consent_columns",
    "derive_stages",
    "evaluate_columns",
    "objection_columns",
    "permission_columns",
]


def __dir__() -> list[str]:
    return __all__
