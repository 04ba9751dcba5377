"""How offers are decided on, as data: what may be spent, who is left alone to learn from, how much is tried, who is never left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_fraction, is_line, optional
from pycrm.model.money import Money

__all__ = ["DecisionPolicy"]


def _is_span(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise InvalidValueError(attribute.name, value, "give a span above zero")


def _is_budget(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Money) or value.amount < 0:
        raise InvalidValueError(attribute.name, value, "give Money of at least 0, or None")


def _is_lasting(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Mapping):
        raise InvalidValueError(attribute.name, value, "give a mapping of the code of an offer to a share")
    for code, share in value.items():
        real = isinstance(share, int | float) and not isinstance(share, bool)
        if not real or not -1.0 <= share < math.inf:
            fix = "give a number of at least -1: .05 for a twentieth more than his value is now"
            raise InvalidValueError(f"{attribute.name}[{code!r}]", share, fix)


@frozen(kw_only=True)
class DecisionPolicy:
    """The rules of one loop of decisions.

    Parameters
    ----------
    code : str
        What it is called; who is held out is drawn from it, so it never changes while the loop runs.
    version : int
        Of its other fields, from 1.
    holdout : float
        Share of customers who hear nothing, so that it can be told what the loop does; below 1.
    budget : Money, optional
        What the offers of one run may cost, of all customers; the holdout's share of it is not spent on the others.
    contacts : int, optional
        How many may be told in one run, of all customers; shared like the budget.
    min_gap : timedelta, optional
        How long one who was told something is left in peace.
    window : timedelta
        How long an offer is open, and an answer counts as one to it.
    memory : timedelta
        How far back answers are learned from.
    half_life : timedelta, optional
        After how long an answer counts half; None: all alike.
    explore : bool
        Whether what is little known is tried (Thompson); without it what is believed best is given.
    prior : float
        The chance that an offer is taken, before anything is known.
    strength : float
        How many answers this is worth.
    silence : float
        Share of those who could be told something that are left alone this once, by chance, so that it is learned what comes by
        itself from customers like these; below 1.
    floor : float
        Share of the customers of each group, of those who may be given something, who are given something even where it brings
        nothing.
    floor_by : str
        The fact that makes the groups, such as "tier" or "segment".
    tell_fallback : bool
        Whether the fallback is worth a message; otherwise it waits for the customer's visit.
    lasting : mapping of str to float
        By the code of an offer, the share by which the lifetime value of whoever takes it changes afterwards, as a test with a
        control group found it; offers that are not named change nothing. With it, what is made as large as possible is the
        expected change in lifetime value, less cost: the margin of the sale, and this share of the value that the last
        assessment expects of the customer. Without it only the sale counts.

    Examples
    --------
    >>> DecisionPolicy(code="weekly", holdout=0.1, budget=Money("500.00", "EUR")).window.days
    7
    """

    code: str = field(validator=is_code)
    version: int = field(default=1, validator=at_least(1))
    holdout: float = field(default=0.0, validator=is_fraction)
    budget: Money | None = field(default=None, validator=optional(_is_budget))
    contacts: int | None = field(default=None, validator=optional(at_least(0)))
    min_gap: timedelta | None = field(default=None, validator=optional(_is_span))
    window: timedelta = field(default=timedelta(days=7), validator=_is_span)
    memory: timedelta = field(default=timedelta(days=365), validator=_is_span)
    half_life: timedelta | None = field(default=None, validator=optional(_is_span))
    explore: bool = field(default=True, validator=is_a(bool))
    prior: float = field(default=0.05, validator=is_fraction)
    strength: float = 20.0
    silence: float = field(default=0.05, validator=is_fraction)
    floor: float = field(default=0.0, validator=is_fraction)
    floor_by: str = field(default="tier", validator=is_line)
    tell_fallback: bool = field(default=False, validator=is_a(bool))
    lasting: Mapping[str, float] = field(factory=dict, validator=_is_lasting)

    def __attrs_post_init__(self) -> None:
        if self.holdout >= 1.0:
            raise InvalidValueError("holdout", self.holdout, "give a share below 1")
        if self.silence >= 1.0:
            raise InvalidValueError("silence", self.silence, "give a share below 1")
        if not 0.0 < self.prior < 1.0:
            raise InvalidValueError("prior", self.prior, "give a chance between 0 and 1")
        if not self.strength > 0.0:
            raise InvalidValueError("strength", self.strength, "give a number above 0")
        if ":" in self.code:
            raise InvalidValueError("code", self.code, "give a code without a colon: the holdout is drawn from it")
