"""How each tier is treated, as versioned data, with a floor below which nobody falls, and the audit that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import field, frozen

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.insight.fairness import GroupMean, audit_means

__all__ = ["Floor", "TreatmentAudit", "TreatmentPolicy", "apply_policy"]


@frozen(kw_only=True)
class Floor:
    """The service everybody gets: at least `minimum`, at most `maximum`.

    Examples
    --------
    >>> Floor(maximum=72.0).holds(48.0)
    True
    """

    minimum: float = -np.inf
    maximum: float = np.inf

    def __attrs_post_init__(self) -> None:
        if not self.minimum <= self.maximum:
            raise InvalidValueError("minimum", self.minimum, f"give at most the maximum, {self.maximum:g}")

    def holds(self, value: float) -> bool:
        """Whether `value` keeps the floor."""
        return self.minimum <= value <= self.maximum


@frozen(kw_only=True)
class TreatmentPolicy:
    """What each tier gets.

    Parameters
    ----------
    version : str
        Written with every treatment, so that a later reader knows the policy.
    treatments : mapping of tier to mapping of service to number
        Such as {"most valuable": {"answer_hours": 4.0}, ...}; every tier names the same services.
    floor : mapping of service to Floor
        What every tier must keep; a policy below it cannot be made.

    Raises
    ------
    InvalidValueError
        Naming the tier and service that fall below the floor, or a service some tier does not have.

    Examples
    --------
    >>> TreatmentPolicy(
    ...     version="2024-1",
    ...     treatments={"gold": {"answer_hours": 4.0}, "tin": {"answer_hours": 96.0}},
    ...     floor={"answer_hours": Floor(maximum=72.0)},
    ... )
    Traceback (most recent call last):
    pycrm.errors.InvalidValueError: treatments: 96.0 is refused; 'answer_hours' of tier 'tin' must lie from -inf to 72
    """

    version: str
    treatments: Mapping[str, Mapping[str, float]]
    floor: Mapping[str, Floor] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if not self.treatments:
            raise InvalidValueError("treatments", self.treatments, "give at least one tier")
        services = {service for given in self.treatments.values() for service in given}
        for service in self.floor:
            if service not in services:
                raise InvalidValueError("floor", service, "no tier has this service")
        for tier, given in self.treatments.items():
            for service in sorted(services):
                if service not in given:
                    raise InvalidValueError("treatments", tier, f"give this tier the service {service!r} too")
                value, held = given[service], self.floor.get(service, Floor())
                if not np.isfinite(value):
                    raise InvalidValueError("treatments", value, f"give {service!r} of tier {tier!r} a finite number")
                if not held.holds(value):
                    raise InvalidValueError(
                        "treatments",
                        value,
                        f"{service!r} of tier {tier!r} must lie from {held.minimum:g} to {held.maximum:g}",
                    )

    @property
    def services(self) -> tuple[str, ...]:
        """The services, sorted."""
        return tuple(sorted(next(iter(self.treatments.values()))))


@frozen(kw_only=True)
class TreatmentAudit:
    """What a policy does to groups of people.

    Parameters
    ----------
    version : str
        The policy's.
    gaps : mapping of service to tuple of GroupMean
        What each group gets on average.
    tier_gap : mapping of service to (lowest, highest)
        Over the tiers: the distance between the best and the least treated.
    """

    version: str
    gaps: Mapping[str, tuple[GroupMean, ...]]
    tier_gap: Mapping[str, tuple[float, float]]


def apply_policy(
    policy: TreatmentPolicy,
    customers: table.Frame,
    *,
    group: str | tuple[str, ...],
    tier: str = "tier",
    min_rows: int = 20,
) -> tuple[Any, TreatmentAudit]:
    """Return `customers` with a column for each service and `policy_version`, and the audit by `group`: never one without the other.

    Raises
    ------
    InvalidDataError
        Naming the row of a tier the policy does not know.

    Examples
    --------
    >>> policy = TreatmentPolicy(version="1", treatments={"gold": {"hours": 4.0}, "tin": {"hours": 48.0}})
    >>> people = {"tier": ["gold"] * 20 + ["tin"] * 20, "sex": ["f", "m"] * 20}
    >>> treated, audit = apply_policy(policy, people, group="sex")
    >>> [row.difference for row in audit.gaps["hours"]]
    [0.0, 0.0]
    """
    frame = table.eager(customers)
    codes, tiers = table.factorise(table.column(frame, tier), tier)
    known = [str(name) in policy.treatments for name in tiers]
    wrong = ~np.asarray([*known, False])[codes]
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidDataError(
            tier, row, table.column(frame, tier)[row], f"the policy knows: {', '.join(policy.treatments)}"
        )
    columns = {name: table.column(frame, name) for name in frame.columns}
    for service in policy.services:
        columns[service] = np.asarray([policy.treatments[str(name)][service] for name in tiers], dtype=np.float64)[
            codes
        ]
    gaps = {
        service: audit_means(columns, group=group, amount=service, min_rows=min_rows) for service in policy.services
    }
    spread = {
        service: (
            min(given[service] for given in policy.treatments.values()),
            max(given[service] for given in policy.treatments.values()),
        )
        for service in policy.services
    }
    columns["policy_version"] = np.full(len(codes), policy.version, dtype=object)
    return table.build(columns, like=customers, aligned=True), TreatmentAudit(
        version=policy.version, gaps=gaps, tier_gap=spread
    )
