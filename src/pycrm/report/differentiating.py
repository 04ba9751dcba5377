"""What differentiating found, as a section of a report: tiers, who moved between two dates, needs, and who gets most care."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, Literal

from pycrm.errors import NotEstimableError
from pycrm.model.assessment import Tier
from pycrm.model.inferred_need import NeedSign
from pycrm.model.treatment import ServiceFloor, ServiceLevel, TreatmentPlan
from pycrm.report.comparing import (
    audit_table,
    even_sentence,
    fairness_as_dict,
    migration_as_dict,
    migration_table,
    moved_sentence,
)
from pycrm.report.section import Bar, Section, Table
from pycrm.report.together import Together
from pycrm.segmentation import NeedsRules
from pycrm.workflows import differentiate

__all__ = ["as_dict", "assess_twice", "section"]

_NEEDS = 10
_SIGNS = (
    NeedSign(need="care", outcome="complaint"),
    NeedSign(need="information", outcome="question", weight=0.2),
)
_APART = timedelta(days=90)
_GROUPS = differentiate.AGE_BAND
_ANSWER_HOURS = {
    Tier.MOST_VALUABLE: 4.0,
    Tier.MOST_GROWABLE: 4.0,
    Tier.MIGRATOR: 8.0,
    Tier.LOW_MAINTENANCE: 24.0,
    Tier.BELOW_ZERO: 48.0,
}


def _plan() -> TreatmentPlan:
    return TreatmentPlan(
        edition="demo-1",
        levels=tuple(
            ServiceLevel(tier=tier, service="answer_hours", value=hours) for tier, hours in _ANSWER_HOURS.items()
        ),
        floors=(ServiceFloor(service="answer_hours", maximum=48.0),),
    )


def assess_twice(together: Together, as_of: date, unit: Literal["day", "week"]) -> differentiate.DifferentiateReport:
    """Assess as of a season before and as of the day, so that there is something to compare; return the later report."""
    with together.begin() as work:
        plan = work.of(TreatmentPlan).add(_plan())
        work.commit()
    # Where nobody had bought by then there is nothing to compare, and the later day stands alone.
    with suppress(NotEstimableError):
        differentiate.assess(together, as_of=as_of - _APART, unit=unit)
    return differentiate.assess(
        together, as_of=as_of, unit=unit, needs=NeedsRules(), signs=_SIGNS, policy=plan.edition, audit=(_GROUPS,)
    )


def section(found: differentiate.DifferentiateReport) -> Section:
    """Return the section; every table says how many customers it counts."""
    worth = (
        ""
        if found.expected_value is None
        else f" and are expected to bring {found.expected_value} in the next twelve months"
    )
    profit = "" if found.profit is None else f" After the cost of goods and service {found.profit} are left."
    return Section(
        name="differentiate",
        title="Differentiate",
        sentences=(
            (
                f"{found.customers:,} customers brought {found.revenue} in {found.orders:,} orders since {found.since}{worth}; each has a "
                f"segment, a tier and the reasons for both, kept as a snapshot.{profit}"
            ),
            *(moved_sentence(found.former, found.migration) if found.former and found.migration else ()),
            *(even_sentence(path, audit) for path, audit in found.fairness.items()),
            *(("Nobody waits longer for an answer than the floor of the policy allows.",) if found.treatment else ()),
        ),
        tables=(
            _counted("Value tiers", ("Tier", "Customers"), found.tiers),
            *((migration_table(found.former, found.migration),) if found.former and found.migration else ()),
            *((_needs(found),) if found.groups else ()),
            *((_grid(found),) if found.grid else ()),
            *((_gaps(found),) if found.gaps else ()),
            *(audit_table(path, audit) for path, audit in found.fairness.items()),
        ),
    )


def _counted(caption: str, heads: tuple[str, str], counts: Mapping[str, int]) -> Table:
    rows = list(counts.items())
    most = max((count for _, count in rows), default=1) or 1
    return Table(
        caption=caption, heads=heads, rows=tuple((name, Bar(f"{count:,}", count / most)) for name, count in rows)
    )


def _needs(found: differentiate.DifferentiateReport) -> Table:
    most = max(group.customers for group in found.groups) or 1
    return Table(
        caption="Groups of needs, by what they buy and what they said",
        heads=("Group", "Customers", "What sets them apart"),
        rows=tuple(
            (group.name, Bar(f"{group.customers:,}", group.customers / most), group.profile.partition(": ")[2])
            for group in found.groups
        ),
    )


def _grid(found: differentiate.DifferentiateReport) -> Table:
    needs = tuple(dict.fromkeys(str(cell["need"]) for cell in found.grid))
    held = {(cell["tier"], cell["need"]): cell for cell in found.grid}
    return Table(
        caption="Value tiers (rows) by group of needs (columns): customers, and what they brought",
        heads=("Tier", *needs),
        rows=tuple(
            (
                tier,
                *(f"{held[tier, need]['customers']:,} ({held[tier, need]['value']:,.0f})" for need in needs),
            )
            for tier in found.tiers
            if (tier, needs[0]) in held
        ),
        numbers=frozenset(range(1, len(needs) + 1)),
    )


def _gaps(found: differentiate.DifferentiateReport) -> Table:
    def share(number: float | None) -> str:
        return "nobody asked" if number is None else f"{number:.0%}"

    return Table(
        caption="Needs by how far they are from being met",
        heads=("Need", "How much it matters", "Met", "Gap"),
        rows=tuple(
            (gap.topic.name.replace("_", " "), f"{gap.strength:.0%}", share(gap.satisfaction), share(gap.gap))
            for gap in found.gaps[:_NEEDS]
        ),
        numbers=frozenset({1, 2, 3}),
    )


def as_dict(found: differentiate.DifferentiateReport) -> dict[str, Any]:
    """Return what was found as plain values, for the JSON form."""
    moved = None
    if found.former is not None and found.migration is not None:
        moved = migration_as_dict(found.former, found.migration)
    return {
        "as_of": found.as_of.isoformat(),
        "tiers": dict(found.tiers),
        "migration": moved,
        "needs": [{"group": one.name, "customers": one.customers, "profile": one.profile} for one in found.groups],
        "grid": [dict(cell) for cell in found.grid],
        "gaps": [
            {
                "need": gap.topic.name,
                "strength": gap.strength,
                "satisfaction": gap.satisfaction,
                "gap": gap.gap,
            }
            for gap in found.gaps
        ],
        "fairness": [fairness_as_dict(path, audit) for path, audit in found.fairness.items()],
    }
