"""How each tier is treated: versioned data, with a floor below which nobody falls."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.assessment import Tier
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.time import is_date

__all__ = ["ServiceFloor", "ServiceLevel", "TreatmentPlan"]


def _is_finite(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, float) or not math.isfinite(value):
        raise InvalidValueError(attribute.name, value, "give a finite float")


@frozen(kw_only=True)
class ServiceLevel:
    """What one tier gets of one service: hours until an answer, percent of discount, ..."""

    tier: Tier = field(validator=is_a(Tier))
    service: str = field(validator=is_code)
    value: float = field(validator=_is_finite)


@frozen(kw_only=True)
class ServiceFloor:
    """What everybody gets of one service: at least `minimum`, at most `maximum`."""

    service: str = field(validator=is_code)
    minimum: float | None = field(default=None, validator=optional(_is_finite))
    maximum: float | None = field(default=None, validator=optional(_is_finite))

    def holds(self, value: float) -> bool:
        """Whether `value` keeps the floor."""
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)


@frozen(kw_only=True)
class TreatmentPlan(Entity):
    """The services of every tier, under an edition that never changes its meaning.

    Parameters
    ----------
    edition : str
        Unique in a tenant; written with every assessment it treats.
    levels : tuple of ServiceLevel
        Every tier has every service that any tier has.
    floors : tuple of ServiceFloor
        The minimum everybody gets, the occasional customer too.
    valid_from : date, optional
        Since when it is in force.

    Raises
    ------
    InvalidValueError
        If a tier lacks a service, has it twice, or falls below the floor.

    Examples
    --------
    >>> hours = [
    ...     ServiceLevel(tier=tier, service="answer_hours", value=8.0 * (place + 1)) for place, tier in enumerate(Tier)
    ... ]
    >>> plan = TreatmentPlan(
    ...     edition="2026-1", levels=tuple(hours), floors=(ServiceFloor(service="answer_hours", maximum=48.0),)
    ... )
    >>> plan.of(Tier.BELOW_ZERO)
    {'answer_hours': 40.0}
    """

    edition: str = field(validator=is_line)
    levels: tuple[ServiceLevel, ...] = field(validator=tuple_of(ServiceLevel))
    floors: tuple[ServiceFloor, ...] = field(default=(), validator=tuple_of(ServiceFloor))
    valid_from: date | None = field(default=None, validator=optional(is_date))

    def __attrs_post_init__(self) -> None:
        services = sorted({level.service for level in self.levels})
        given = [(level.tier, level.service) for level in self.levels]
        for tier in Tier:
            for service in services:
                if given.count((tier, service)) != 1:
                    raise InvalidValueError("levels", service, f"give it to tier {tier.value!r} once")
        for floor in self.floors:
            if floor.service not in services:
                raise InvalidValueError("floors", floor.service, "no tier has this service")
            for level in self.levels:
                if level.service == floor.service and not floor.holds(level.value):
                    raise InvalidValueError(
                        "levels", level.value, f"{level.service!r} of tier {level.tier.value!r} falls below the floor"
                    )

    def of(self, tier: Tier) -> dict[str, float]:
        """Return what a tier gets, by service."""
        return {level.service: level.value for level in self.levels if level.tier is tier}
