"""What differentiating found, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from attrs import field, frozen

from pycrm.insight import (
    FairnessAudit,
    TreatmentAudit,
)
from pycrm.model.checks import is_line
from pycrm.model.knowledge import NeedGap
from pycrm.model.money import Money
from pycrm.model.snapshot import NeedsGroup
from pycrm.segmentation import (
    Concentration,
    Migration,
)

__all__ = ["DifferentiateReport"]


@frozen(kw_only=True)
class DifferentiateReport:
    """What differentiating found.

    Parameters
    ----------
    run : str
        The snapshot: all assessments of this run and date.
    as_of, since : date
        The window of the orders.
    customers : int
        Assessed.
    orders : int
        Orders that counted.
    revenue : Money
        Their net value.
    tiers, segments, needs : Mapping of str to int
        Customers in each.
    expected_value, potential_value, profit : Money, optional
        Of all customers together; None where it cannot be estimated, or is not known.
    parameters : Mapping of str to float
        Of the purchase model.
    log_likelihood : float, optional
        Of the purchase model.
    share_of_customer : float, optional
        Expected over potential value of all whose spending is known: how much of what they spend comes here.
    rows : Mapping of str to int
        How many orders, refunds, expenses, facts and interactions the numbers rest on.
    groups : tuple of NeedsGroup
        The groups of needs, in words.
    grid : tuple of mapping
        Tier, need, customers, share and value of each cell of value x needs.
    gaps : tuple of NeedGap
        Needs by how far they are from being met.
    concentration : Concentration
        How few customers carry the revenue.
    former : date, optional
        The day of the snapshot it was compared with.
    migration : Migration, optional
        Who moved between tiers since then.
    fairness : Mapping of str to FairnessAudit
        Who is in the tiers that get most care, by each path that was asked for; conditional on the segment.
    treatment : Mapping of str to TreatmentAudit
        What the policy gives to the groups of each path.
    left_out : Mapping of str to int
        Customers of whom no numbers may be made, by the reason: restricted, erased, objected, ...
    notes : tuple of str
        What cannot be estimated, and why.
    """

    run: str = field(validator=is_line)
    as_of: date
    since: date
    customers: int
    orders: int
    revenue: Money
    tiers: Mapping[str, int]
    segments: Mapping[str, int]
    expected_value: Money | None
    parameters: Mapping[str, float]
    log_likelihood: float | None
    potential_value: Money | None = None
    profit: Money | None = None
    share_of_customer: float | None = None
    needs: Mapping[str, int] = field(factory=dict)
    rows: Mapping[str, int] = field(factory=dict)
    groups: tuple[NeedsGroup, ...] = ()
    grid: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    gaps: tuple[NeedGap, ...] = field(default=(), repr=False)
    concentration: Concentration | None = field(default=None, eq=False, repr=False)
    former: date | None = None
    migration: Migration | None = field(default=None, eq=False, repr=False)
    fairness: Mapping[str, FairnessAudit] = field(factory=dict, eq=False, repr=False)
    treatment: Mapping[str, TreatmentAudit] = field(factory=dict, eq=False, repr=False)
    left_out: Mapping[str, int] = field(factory=dict)
    notes: tuple[str, ...]
