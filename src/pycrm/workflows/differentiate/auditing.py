"""Who gets most care and what a policy gives, by group."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from pycrm.errors import InvalidValueError
from pycrm.insight import (
    FairnessAudit,
    Floor,
    TreatmentAudit,
    TreatmentPolicy,
    apply_policy,
    audit_selection,
)
from pycrm.model.assessment import Tier
from pycrm.model.facts import age_on
from pycrm.model.predicate import where
from pycrm.model.treatment import TreatmentPlan
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.differentiate.asking import AGE_BAND, CARED_FOR, Asked
from pycrm.workflows.differentiate.reading import People

__all__ = ["audit_groups", "policy_of", "stored_plan"]

_AGES = (30, 45, 60)


def stored_plan(unit: UnitOfWork, edition: str) -> TreatmentPlan:
    """Return the treatment plan of an edition."""
    found = unit.of(TreatmentPlan).page(Query(TreatmentPlan, where("edition") == edition), size=1).items
    if not found:
        raise InvalidValueError("policy", edition, "there is no treatment plan of this edition in the store; add it")
    return found[0]


def policy_of(plan: TreatmentPlan) -> TreatmentPolicy:
    """Return a stored plan as what `pycrm.insight.apply_policy` and `review.audit` take.

    Examples
    --------
    >>> from pycrm.model.treatment import ServiceLevel
    >>> levels = tuple(ServiceLevel(tier=tier, service="answer_hours", value=24.0) for tier in Tier)
    >>> policy_of(TreatmentPlan(edition="1", levels=levels)).services
    ('answer_hours',)
    """
    return TreatmentPolicy(
        version=plan.edition,
        treatments={tier.value: plan.of(tier) for tier in Tier},
        floor={
            floor.service: Floor(
                minimum=-np.inf if floor.minimum is None else floor.minimum,
                maximum=np.inf if floor.maximum is None else floor.maximum,
            )
            for floor in plan.floors
        },
    )


def audit_groups(
    asked: Asked, people: People, frame: pd.DataFrame, plan: TreatmentPlan | None
) -> tuple[dict[str, FairnessAudit], dict[str, TreatmentAudit]]:
    """Return, for each path that was asked for, who is in the tiers of most care, and what the plan gives."""
    fairness: dict[str, FairnessAudit] = {}
    treatment: dict[str, TreatmentAudit] = {}
    for path in asked.audit:
        rows = pd.DataFrame(
            {
                "group": _age_bands(people, asked.as_of)
                if path == AGE_BAND
                else [None if value is None else str(value) for value in people.only(path)],
                "selected": frame["tier"].isin([tier.value for tier in CARED_FOR]).astype(int).to_numpy(),
                "segment": frame["segment"].fillna("none").to_numpy(),
                "tier": frame["tier"].to_numpy(),
            }
        )
        fairness[path] = audit_selection(
            rows, group="group", selected="selected", given="segment", min_rows=asked.min_rows
        )
        if plan is not None:
            treatment[path] = apply_policy(policy_of(plan), rows, group="group", min_rows=asked.min_rows)[1]
    return fairness, treatment


def _age_bands(people: People, as_of: date) -> list[str | None]:
    def band(born: date) -> str:
        age = age_on(born, as_of)
        low = max((edge for edge in _AGES if edge <= age), default=0)
        high = min((edge for edge in _AGES if edge > age), default=None)
        return f"{low} and over" if high is None else f"under {high}" if low == 0 else f"{low} to {high - 1}"

    return [None if born is None else band(born) for born in people.only("birth_date")]
