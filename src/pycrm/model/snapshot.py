"""One run of differentiating as a whole: its window, its rows, its models and its groups of needs, so that each number can be traced."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.money import currency_code
from pycrm.model.time import in_utc, is_date, is_instant

__all__ = ["NamedNumber", "NeedsGroup", "Snapshot"]


def _is_finite(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, float) or not math.isfinite(value):
        raise InvalidValueError(attribute.name, value, "give a finite float")


@frozen
class NamedNumber:
    """A number by its name."""

    name: str = field(validator=is_line)
    value: float = field(validator=_is_finite)


@frozen(kw_only=True)
class NeedsGroup:
    """A group of customers who need and do alike.

    Parameters
    ----------
    name : str
        What assessments call it.
    customers : int
        How many.
    profile : str
        What sets it apart, in words.
    centre : tuple of NamedNumber
        Its mean row, so that the next run gives like groups the same name.
    """

    name: str = field(validator=is_line)
    customers: int = field(validator=at_least(0))
    profile: str = field(validator=is_line)
    centre: tuple[NamedNumber, ...] = field(default=(), validator=tuple_of(NamedNumber))


@frozen(kw_only=True)
class Snapshot(Entity):
    """What all assessments of one run and day have in common.

    Parameters
    ----------
    run : str
        The name the assessments carry.
    as_of, since : date
        The window of the orders.
    until : datetime
        The end of `as_of` where the business is: later rows did not count.
    currency : str
        Of every amount.
    customers, orders, refunds, expenses, facts, interactions : int
        Rows it rests on.
    parameters : tuple of NamedNumber
        Of the fitted models, such as "purchases.r".
    groups : tuple of NeedsGroup
        The groups of needs; none where they were not asked for.
    policy, scoring : str, optional
        The versions of the treatment policy and of the scoring rules.
    notes : tuple of str
        What could not be estimated, and why.
    """

    run: str = field(validator=is_line)
    as_of: date = field(validator=is_date)
    since: date = field(validator=is_date)
    until: datetime = field(converter=in_utc, validator=is_instant)
    currency: str = field(converter=currency_code)
    customers: int = field(validator=at_least(0))
    orders: int = field(validator=at_least(0))
    refunds: int = field(default=0, validator=at_least(0))
    expenses: int = field(default=0, validator=at_least(0))
    facts: int = field(default=0, validator=at_least(0))
    interactions: int = field(default=0, validator=at_least(0))
    parameters: tuple[NamedNumber, ...] = field(default=(), validator=tuple_of(NamedNumber))
    groups: tuple[NeedsGroup, ...] = field(default=(), validator=tuple_of(NeedsGroup))
    policy: str | None = field(default=None, validator=optional(is_line))
    scoring: str | None = field(default=None, validator=optional(is_line))
    notes: tuple[str, ...] = field(default=(), validator=tuple_of(str))

    def __attrs_post_init__(self) -> None:
        if self.since > self.as_of:
            raise InvalidValueError("since", self.since, f"the window starts before it ends, {self.as_of}")
