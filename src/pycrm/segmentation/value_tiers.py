"""Tiers by what a customer is worth and could be worth, after Peppers & Rogers, by stated rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidValueError

__all__ = ["TIERS", "TierRules", "value_tiers"]

TIERS = ("most valuable", "most growable", "migrator", "low maintenance", "below zero")
"""The tiers, from the one that gets most care to the one that gets least."""


def _share(_: object, attribute: Any, value: float) -> None:
    given: Any = value
    if not isinstance(given, int | float) or not 0.0 <= value <= 1.0:
        raise InvalidValueError(attribute.name, value, "give a share from 0 to 1")


@frozen(kw_only=True)
class TierRules:
    """Who belongs to which tier.

    Parameters
    ----------
    valuable : float
        Share of the customers, by actual value, that are most valuable.
    growable : float
        Share of the customers, by unrealised value (potential - actual), that are most growable.
    migrating : float
        Share just below either of the two edges that may move up: the migrators.

    Examples
    --------
    >>> TierRules(valuable=0.1).migrating
    0.1
    """

    valuable: float = field(default=0.2, validator=_share)
    growable: float = field(default=0.2, validator=_share)
    migrating: float = field(default=0.1, validator=_share)


def value_tiers(
    customers: table.Frame,
    *,
    value: str = "value",
    potential: str | None = None,
    rules: TierRules | None = None,
) -> Any:
    """Return `customers` with the columns `tier` and `tier_reason`.

    In this order, the first that fits: *below zero*, whose potential value (or, not known, whose actual value) is negative;
    *most valuable*, the top share by actual value; *most growable*, the top share by unrealised value; *migrator*, just below
    one of those two edges; *low maintenance*, everybody else.

    Parameters
    ----------
    customers : frame
        One row a customer.
    value : str
        Column of actual value: margin of the past year, or lifetime value as things are.
    potential : str, optional
        Column of strategic value, what the customer would be worth with all their spending here; at least the actual value.
        Without it nobody is most growable.
    rules : TierRules, optional
        The shares; an edge is a value, so equal customers share a tier, and an edge of zero or less admits nobody.

    Examples
    --------
    >>> frame = value_tiers({"value": [-5, 1, 2, 3, 50], "potential": [-5, 2, 90, 4, 60]}, potential="potential")
    >>> frame["tier"].tolist()
    ['below zero', 'low maintenance', 'most growable', 'migrator', 'most valuable']
    """
    stated = TierRules() if rules is None else rules
    if not isinstance(stated, TierRules):
        raise InvalidValueError("rules", rules, "give TierRules(valuable=..., growable=..., migrating=...)")
    frame = table.eager(customers)
    actual = table.numbers(frame, value)
    strategic = actual if potential is None else np.maximum(table.numbers(frame, potential), actual)
    gap = strategic - actual
    columns = {name: table.column(frame, name) for name in frame.columns}
    tier = np.full(len(actual), "low maintenance", dtype=object)
    reason = np.full(len(actual), "neither value nor growth near an edge", dtype=object)
    found = [
        ("migrator", "value", actual, stated.valuable + stated.migrating),
        ("migrator", "unrealised value", gap, stated.growable + stated.migrating),
        ("most growable", "unrealised value", gap, stated.growable),
        ("most valuable", "value", actual, stated.valuable),
    ]
    for name, what, numbers, share in found:
        edge = _edge(numbers, min(share, 1.0))
        hit = numbers >= edge
        tier[hit] = name
        reason[hit] = f"{what} of at least {edge:.6g}"
    hit = strategic < 0
    tier[hit] = "below zero"
    reason[hit] = "costs more than it brings" + ("" if potential is None else ", and always would")
    columns |= {"tier": tier, "tier_reason": reason}
    return table.build(columns, like=customers, aligned=True)


def _edge(numbers: NDArray[np.float64], share: float) -> float:
    """Return the smallest positive value of the top `share`; infinite where nobody qualifies."""
    ordered = np.sort(numbers)[::-1]
    taken = ordered[: round(share * len(ordered))]
    return (
        float(taken[-1])
        if len(taken) and taken[-1] > 0
        else float(taken[taken > 0][-1])
        if (taken > 0).any()
        else np.inf
    )
