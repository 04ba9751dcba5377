"""What differentiating found, as a section of a report: tiers, who moved between two dates, needs, and who gets most care."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Literal

from pycrm.errors import NotEstimableError
from pycrm.insight import FairnessAudit
from pycrm.model.assessment import Tier
from pycrm.model.treatment import ServiceFloor, ServiceLevel, TreatmentPlan
from pycrm.report.section import Bar, Section, Table
from pycrm.report.together import Together
from pycrm.segmentation import Migration, NeedsRules
from pycrm.workflows import differentiate

__all__ = ["assess_twice", "section"]

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
        together, as_of=as_of, unit=unit, needs=NeedsRules(), policy=plan.edition, audit=(_GROUPS,)
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
            *_moved(found),
            *_fair(found),
        ),
        tables=(
            _counted("Value tiers", ("Tier", "Customers"), found.tiers),
            *((_migration(found.former, found.migration),) if found.former and found.migration else ()),
            *((_needs(found),) if found.groups else ()),
            *(_fairness(path, audit) for path, audit in found.fairness.items()),
        ),
    )


def _counted(caption: str, heads: tuple[str, str], counts: Mapping[str, int]) -> Table:
    rows = list(counts.items())
    most = max((count for _, count in rows), default=1) or 1
    return Table(
        caption=caption, heads=heads, rows=tuple((name, Bar(f"{count:,}", count / most)) for name, count in rows)
    )


def _moved(found: differentiate.DifferentiateReport) -> tuple[str, ...]:
    if found.migration is None or not found.migration.stayed:
        return ()
    moved = found.migration
    return (
        (
            f"Since {found.former} {moved.upward:.0%} of {moved.stayed:,} customers rose to a better tier and {moved.downward:.0%} fell; "
            f"{int(moved.entered.sum()):,} are new."
        ),
    )


def _fair(found: differentiate.DifferentiateReport) -> tuple[str, ...]:
    said = []
    for path, audit in found.fairness.items():
        if audit.four_fifths is None:
            said.append(f"Whether care is even by {path.replace('_', ' ')} cannot be told: {'; '.join(audit.reasons)}.")
        else:
            verdict = "keeps" if audit.four_fifths else "breaks"
            said.append(
                f"By {path} the share of customers in the tiers of most care {verdict} the four-fifths rule "
                f"(lowest over highest {audit.demographic_parity_ratio:.2f}); nobody waits longer than the floor of the policy allows."
            )
    return tuple(said)


def _migration(former: date, moved: Migration) -> Table:
    rows = []
    for place, name in enumerate(moved.states):
        stayed = moved.counts[place]
        rows.append((name, *(f"{int(count):,}" for count in stayed), f"{int(moved.left[place]):,}"))
    rows.append(("not yet a customer", *(f"{int(count):,}" for count in moved.entered), "0"))
    return Table(
        caption=f"From the tier of {former} (rows) to the present one (columns), customers",
        heads=("Tier then", *moved.states, "gone"),
        rows=tuple(rows),
        numbers=frozenset(range(1, len(moved.states) + 2)),
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


def _fairness(path: str, audit: FairnessAudit) -> Table:
    def shown(number: float) -> str:
        return "not estimable" if math.isnan(number) else f"{number:.1%}"

    rows = []
    for row in audit.groups:
        between = "" if math.isnan(row.interval[0]) else f"{row.interval[0]:.1%} to {row.interval[1]:.1%}"
        apart = "reference" if row.group == audit.reference else shown(row.difference)
        rows.append((", ".join(row.group), f"{row.rows:,}", shown(row.selection_rate), between, apart))
    return Table(
        caption=f"Fairness: share of customers in the tiers of most care, by {path.replace('_', ' ')}",
        heads=(path.replace("_", " ").capitalize(), "Customers", "Share", "95 % interval", "Difference"),
        rows=tuple(rows),
        numbers=frozenset({1, 2, 3, 4}),
    )
