"""What the verb was asked for, checked and in one value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from attrs import frozen

from pycrm.clv.units import Unit
from pycrm.model.assessment import Tier
from pycrm.model.inferred_need import NeedSign
from pycrm.scoring import ScoringRules
from pycrm.segmentation import (
    NeedsRules,
    TierRules,
)
from pycrm.workflows.differentiate.grading import GradeRule
from pycrm.workflows.differentiate.valuing import Horizon

__all__ = ["AGE_BAND", "CARED_FOR", "Asked"]

AGE_BAND = "age_band"
"""What `audit` may name beside paths: groups of ages, from the date of birth."""

CARED_FOR = (Tier.MOST_VALUABLE, Tier.MOST_GROWABLE)
"""The tiers that get most care, and whose members an audit counts."""


@frozen(kw_only=True)
class Asked:
    """What `assess` was asked for."""

    as_of: date
    run: str
    currency: str | None
    zone: ZoneInfo
    unit: Unit
    horizon: Horizon
    tiers: TierRules | None
    spending: str | None
    needs: NeedsRules | None
    satisfaction: Mapping[tuple[UUID, str], float]
    signs: tuple[NeedSign, ...]
    scoring: ScoringRules | None
    grades: GradeRule | None
    policy: str | None
    audit: tuple[str, ...]
    min_rows: int

    @property
    def until(self) -> datetime:
        """The end of the last day that counts."""
        return datetime.combine(self.as_of + timedelta(days=1), time(), tzinfo=self.zone)
