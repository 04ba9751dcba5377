"""Who is in which tier, who moved since another date, and whether the tiers of most care are even by group.

The same tables and sentences serve a file and a store.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.insight import FairnessAudit, audit_selection
from pycrm.report.escape import plain
from pycrm.report.forecast import Unestimable
from pycrm.report.purchases import Purchases
from pycrm.report.section import Table
from pycrm.segmentation import TIERS, Migration, migration_matrix, value_tiers

__all__ = [
    "Moved",
    "audit_table",
    "care_by_group",
    "even_sentence",
    "fairness_as_dict",
    "migration_as_dict",
    "migration_table",
    "moved_sentence",
    "moved_since",
    "tiers_of",
]

GROUPS = 8
"""As many groups a table of fairness tells apart; the smaller ones are "other" together."""

CARED_FOR = ("most valuable", "most growable")


@frozen(kw_only=True, eq=False)
class Moved:
    """Who moved between tiers.

    Parameters
    ----------
    former : date
        The earlier day.
    migration : Migration
        From the tiers of that day to those of now.
    expected : bool
        Whether the tiers of that day go by expected value, not by the value until then.
    """

    former: date
    migration: Migration = field(repr=False)
    expected: bool


def tiers_of(values: NDArray[np.float64], expected: NDArray[np.float64], buyers: NDArray[np.bool_]) -> NDArray[Any]:
    """Return tiers by expected value where there is one, by the value so far where that is negative or all there is.

    Examples
    --------
    >>> tiers_of(np.array([90.0, 10.0, -5.0]), np.full(3, np.nan), np.ones(3, dtype=bool)).tolist()
    ['most valuable', 'low maintenance', 'below zero']
    """
    tier = np.where(values < 0, "below zero", "low maintenance").astype(object)
    if buyers.any():
        worth = np.where((values < 0) | np.isnan(expected), values, expected)[buyers]
        tier[buyers] = value_tiers({"value": worth})["tier"].to_numpy()
    return tier


def moved_since(
    then: Purchases, expected: NDArray[np.float64], now: Purchases, tier: NDArray[Any]
) -> Moved | Unestimable:
    """Return who moved between two days; customers have the same places in both.

    Parameters
    ----------
    then, now : Purchases
        What was known on the two days.
    expected : ndarray of float
        What each customer was expected to bring as of the earlier day; NaN where that cannot be estimated.
    tier : ndarray of str
        The tiers of now.
    """
    former = date.fromisoformat(str(then.as_of.astype("datetime64[D]")))
    if not then.known.any():
        return Unestimable("who moved between tiers", f"nobody had bought by {former}")
    buyers = np.bincount(then.customer[then.stands], minlength=len(then.customers)) > 0
    before, after = np.flatnonzero(then.known), np.flatnonzero(now.known)
    migration = migration_matrix(
        {"customer": before, "tier": tiers_of(then.values(), expected, buyers)[before]},
        {"customer": after, "tier": tier[after]},
        state="tier",
        states=TIERS,
    )
    return Moved(former=former, migration=migration, expected=not bool(np.isnan(expected).all()))


def care_by_group(
    purchases: Purchases, segment: NDArray[Any], tier: NDArray[Any], *, min_rows: int = 20
) -> FairnessAudit | Unestimable:
    """Return whether customers of each group are as often in the tiers of most care; given their RFM segment as well.

    Parameters
    ----------
    purchases : Purchases
        With the group of each customer.
    segment, tier : ndarray of str
        Of each customer.
    min_rows : int
        A share of fewer customers is not estimated.
    """
    if purchases.groups is None:
        why = "the source has no column of groups, such as gender, age band or country; name one with --group COLUMN"
        return Unestimable("fairness between groups", why)
    names, code = np.unique(
        np.where(purchases.groups == "", "missing", purchases.groups).astype(str), return_inverse=True
    )
    if len(names) == 1:
        return Unestimable("fairness between groups", f"all customers are of one group, {plain(names[0])}")
    rank = np.argsort(np.argsort(-np.bincount(code), kind="stable"), kind="stable")
    shown = np.asarray([plain(name) if rank[at] < GROUPS else "other" for at, name in enumerate(names)], dtype=object)
    rows = {
        "group": shown[code],
        "selected": np.isin(tier, CARED_FOR).astype(np.int64),
        "segment": np.where(segment == "", "none", segment),
    }
    return audit_selection(rows, group="group", selected="selected", given="segment", min_rows=min_rows)


def moved_sentence(former: date, moved: Migration) -> tuple[str, ...]:
    """Return in one sentence who rose and fell; none where nobody was there on both days."""
    if not moved.stayed:
        return ()
    return (
        (
            f"Since {former} {moved.upward:.0%} of {moved.stayed:,} customers rose to a better tier and {moved.downward:.0%} fell; "
            f"{int(moved.entered.sum()):,} are new."
        ),
    )


def migration_table(former: date, moved: Migration) -> Table:
    """Return how many customers went from which tier to which."""
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


def even_sentence(path: str, audit: FairnessAudit) -> str:
    """Return in one sentence whether care is even."""
    if audit.four_fifths is None:
        return f"Whether care is even by {path.replace('_', ' ')} cannot be told: {'; '.join(audit.reasons)}."
    verdict = "keeps" if audit.four_fifths else "breaks"
    return (
        f"By {path.replace('_', ' ')} the share of customers in the tiers of most care {verdict} the four-fifths rule "
        f"(lowest over highest {audit.demographic_parity_ratio:.2f})."
    )


def audit_table(path: str, audit: FairnessAudit) -> Table:
    """Return the share of each group in the tiers of most care, and its distance from the reference group."""

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


def migration_as_dict(former: date, moved: Migration) -> dict[str, Any]:
    """Return who moved as plain values."""
    return {
        "former": former.isoformat(),
        "tiers": list(moved.states),
        "counts": moved.counts.tolist(),
        "entered": moved.entered.tolist(),
        "left": moved.left.tolist(),
        "upward": moved.upward if moved.stayed else None,
        "downward": moved.downward if moved.stayed else None,
    }


def fairness_as_dict(path: str, audit: FairnessAudit) -> dict[str, Any]:
    """Return an audit as plain values."""
    return {
        "by": path,
        "reference": ", ".join(audit.reference),
        "ratio": audit.demographic_parity_ratio,
        "four_fifths": audit.four_fifths,
        "groups": [
            {
                "group": ", ".join(row.group),
                "customers": row.rows,
                "selected": row.selected,
                "share": row.selection_rate,
                "low": row.interval[0],
                "high": row.interval[1],
                "difference": row.difference,
            }
            for row in audit.groups
        ],
        "reasons": list(audit.reasons),
    }
