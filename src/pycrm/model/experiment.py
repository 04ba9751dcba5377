"""What we try on whom, what came of it, and what was decided then.

An experiment assigns each customer once, by chance; exposures and outcomes follow; a finding is the answer as of a date and
says which rows it came from; a decision rests on a finding and may lead to the next version.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_fraction, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.evidence import Actor
from pycrm.model.money import Money
from pycrm.model.time import Period, in_utc, is_date, is_instant

__all__ = [
    "HOLDOUT",
    "Assignment",
    "Decision",
    "Experiment",
    "ExperimentArm",
    "Exposure",
    "Finding",
    "Outcome",
    "Recommendation",
    "RowSet",
]

HOLDOUT = "holdout"
"""The arm of those who hear nothing at all."""


def _is_number(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidValueError(attribute.name, value, "give a finite number")


def _is_cost(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Money) or value.amount < 0:
        raise InvalidValueError(attribute.name, value, "give Money of at least 0")


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@frozen(kw_only=True)
class ExperimentArm:
    """One thing that is tried.

    Parameters
    ----------
    code : str
        What it is called.
    share : float
        Of those not held out; above 0.
    tactic : str, optional
        The tactic it is a case of, such as "reminder"; results are compared by it.
    communication : str, optional
        Which communication is sent; None where nothing is.
    communication_version : int
        Which version of it.
    unit_cost : Money, optional
        Of one contact, at least 0.
    fixed_cost : Money, optional
        Of making it at all, at least 0.
    """

    code: str = field(validator=is_code)
    share: float = field(validator=is_fraction)
    tactic: str | None = field(default=None, validator=optional(is_code))
    communication: str | None = field(default=None, validator=optional(is_code))
    communication_version: int = field(default=1, validator=at_least(1))
    unit_cost: Money | None = field(default=None, validator=optional(_is_cost))
    fixed_cost: Money | None = field(default=None, validator=optional(_is_cost))

    def __attrs_post_init__(self) -> None:
        if self.share == 0:
            raise InvalidValueError("share", self.share, "give a share above 0, or leave the arm out")
        costs = [cost.currency for cost in (self.unit_cost, self.fixed_cost) if cost is not None]
        if len(set(costs)) > 1:
            raise CurrencyMismatchError(costs[0], costs[1], "fixed_cost")

    def cost(self, contacts: int) -> Money | None:
        """Return what so many contacts cost; None where no cost is known.

        Examples
        --------
        >>> ExperimentArm(code="mail", share=0.5, unit_cost=Money("0.40", "EUR")).cost(10)
        Money('4.00', 'EUR')
        """
        parts = [] if self.unit_cost is None else [self.unit_cost * contacts]
        if self.fixed_cost is not None:
            parts.append(self.fixed_cost)
        return sum(parts[1:], parts[0]) if parts else None


@frozen(kw_only=True)
class Experiment(Entity):
    """A question put to customers by chance.

    Parameters
    ----------
    code : str
        Unique in a tenant; it is also what the assignment is drawn from, so it never changes.
    name : str
        In words.
    hypothesis : str, optional
        What is expected, written down before.
    arms : tuple of ExperimentArm
        At least two; their shares sum to one.
    control : str
        The code of the arm the others are compared with.
    holdout : float
        Share of all customers kept out of every arm; below 1.
    metric : str
        What counts: "revenue", "purchase", "orders", or the metric of recorded outcomes.
    period : Period
        When customers are assigned; it has a start.
    window : timedelta, optional
        How long after his assignment a customer's outcomes count; None: until the day the question is asked.
    sample_size : int, optional
        Customers over all arms at which it is planned to be read.
    campaign_id : UUID, optional
        The campaign it belongs to.
    follows : UUID, optional
        The experiment whose result led to this one.

    Examples
    --------
    >>> from datetime import UTC
    >>> spring = Experiment(
    ...     code="spring-mail",
    ...     name="Does the mail pay?",
    ...     arms=(ExperimentArm(code="control", share=0.5), ExperimentArm(code="mail", share=0.5)),
    ...     control="control",
    ...     metric="revenue",
    ...     period=Period(datetime(2026, 3, 1, tzinfo=UTC)),
    ... )
    >>> spring.arm("mail").share
    0.5
    """

    code: str = field(validator=is_code)
    name: str = field(validator=is_line)
    hypothesis: str | None = field(default=None, validator=optional(is_line))
    arms: tuple[ExperimentArm, ...] = field(validator=tuple_of(ExperimentArm))
    control: str = field(validator=is_code)
    holdout: float = field(default=0.0, converter=_number, validator=is_fraction)
    metric: str = field(default="revenue", validator=is_code)
    period: Period = field(validator=is_a(Period))
    window: timedelta | None = field(default=None, validator=optional(is_a(timedelta)))
    sample_size: int | None = field(default=None, validator=optional(at_least(2)))
    campaign_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    follows: UUID | None = field(default=None, validator=optional(is_a(UUID)))

    def __attrs_post_init__(self) -> None:
        codes = [arm.code for arm in self.arms]
        if len(codes) < 2 or len(set(codes)) != len(codes):
            raise InvalidValueError("arms", codes, "give at least two arms, each with a code of its own")
        if HOLDOUT in codes:
            raise InvalidValueError("arms", codes, "the code 'holdout' is kept for those held out; rename the arm")
        total = sum(arm.share for arm in self.arms)
        if abs(total - 1.0) > 1e-9:
            raise InvalidValueError("arms", total, "the shares of the arms must sum to one")
        if self.control not in codes:
            raise InvalidValueError("control", self.control, f"name one of the arms: {', '.join(codes)}")
        if self.holdout >= 1.0:
            raise InvalidValueError("holdout", self.holdout, "give a share below 1")
        if self.period.start is None:
            raise InvalidValueError("period", self.period, "say when the first customer may be assigned")
        if self.window is not None and self.window <= timedelta(0):
            raise InvalidValueError("window", self.window, "give a span above zero, or None")
        if self.follows == self.id:
            raise InvalidValueError("follows", self.follows, "an experiment does not follow itself")

    def arm(self, code: str) -> ExperimentArm:
        """Return one arm by its code.

        Raises
        ------
        InvalidValueError
            If there is none; the message lists those there are.
        """
        for arm in self.arms:
            if arm.code == code:
                return arm
        raise InvalidValueError("arm", code, f"the arms are {', '.join(arm.code for arm in self.arms)}")

    def shares(self) -> dict[str, float]:
        """Return the planned share of every arm among all customers, the holdout's too."""
        planned = {arm.code: arm.share * (1.0 - self.holdout) for arm in self.arms}
        return {HOLDOUT: self.holdout, **planned} if self.holdout else planned

    def next_version(
        self, code: str, *, winner: str, challengers: Iterable[ExperimentArm], period: Period
    ) -> Experiment:
        """Return the experiment that tries the next versions against the winner of this one.

        Parameters
        ----------
        code : str
            Of the new experiment.
        winner : str
            The arm that becomes the control.
        challengers : iterable of ExperimentArm
            What is tried next; what they leave of the whole is the winner's share.
        period : Period
            When.

        Examples
        --------
        >>> from datetime import UTC
        >>> start = Period(datetime(2026, 3, 1, tzinfo=UTC))
        >>> arms = (ExperimentArm(code="none", share=0.5), ExperimentArm(code="mail", share=0.5, communication="spring"))
        >>> first = Experiment(code="one", name="Mail?", arms=arms, control="none", period=start)
        >>> better = ExperimentArm(code="mail-2", share=0.5, communication="spring", communication_version=2)
        >>> second = first.next_version("two", winner="mail", challengers=[better], period=start)
        >>> second.control, second.follows == first.id
        ('mail', True)
        """
        tried = tuple(challengers)
        left = 1.0 - sum(arm.share for arm in tried)
        if not tried or left <= 0.0:
            raise InvalidValueError(
                "challengers", [arm.code for arm in tried], "give some, and leave the winner a share"
            )
        arms = (attrs.evolve(self.arm(winner), share=left), *tried)
        return Experiment(
            code=code,
            name=self.name,
            hypothesis=None,
            arms=arms,
            control=winner,
            holdout=self.holdout,
            metric=self.metric,
            period=period,
            window=self.window,
            sample_size=self.sample_size,
            campaign_id=self.campaign_id,
            follows=self.id,
        )


@frozen(kw_only=True)
class Assignment(Entity):
    """One customer's arm; made once and never changed.

    Parameters
    ----------
    experiment_id, customer_id : UUID
        One assignment of a customer per experiment.
    arm : str
        Its code, or "holdout".
    assigned_at : datetime
        When; outcomes count from here.
    stratum : str, optional
        The group within which the arms were balanced.
    """

    experiment_id: UUID = field(validator=is_a(UUID))
    customer_id: UUID = field(validator=is_a(UUID))
    arm: str = field(validator=is_code)
    assigned_at: datetime = field(converter=in_utc, validator=is_instant)
    stratum: str | None = field(default=None, validator=optional(is_line))


@frozen(kw_only=True)
class Exposure(Entity):
    """A customer met his arm: the mail was delivered, the page was shown.

    Parameters
    ----------
    experiment_id, customer_id : UUID
        Whose, in what.
    arm : str
        What he met.
    exposed_at : datetime
        When.
    interaction_id : UUID, optional
        The contact it was.
    """

    experiment_id: UUID = field(validator=is_a(UUID))
    customer_id: UUID = field(validator=is_a(UUID))
    arm: str = field(validator=is_code)
    exposed_at: datetime = field(converter=in_utc, validator=is_instant)
    interaction_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))


@frozen(kw_only=True)
class Outcome(Entity):
    """Something measured on a customer that is no order: a satisfaction score, the days of a sales cycle.

    Parameters
    ----------
    customer_id : UUID
        Whose.
    metric : str
        What.
    value : float
        How much.
    at : datetime
        When.
    exposed_at : datetime, optional
        The exposure it answers; never later than `at`.
    evidence_id : UUID, optional
        The record it was read from.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    metric: str = field(validator=is_code)
    value: float = field(converter=_number, validator=_is_number)
    at: datetime = field(converter=in_utc, validator=is_instant)
    exposed_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    evidence_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))

    def __attrs_post_init__(self) -> None:
        if self.exposed_at is not None and self.exposed_at > self.at:
            raise InvalidValueError(
                "exposed_at", self.exposed_at, f"an outcome comes after its exposure, and this one came at {self.at}"
            )


def _is_digest(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise InvalidValueError(attribute.name, value, "give the 64 hexadecimal digits of a SHA-256")


@frozen(kw_only=True)
class RowSet:
    """Which records a finding rests on, without listing them.

    Parameters
    ----------
    kind : str
        What they are: "assignment", "order", "outcome", "exposure".
    rows : int
        How many.
    digest : str
        SHA-256 of their ids, sorted, as text of one id a line: the same rows give the same digest.
    """

    kind: str = field(validator=is_code)
    rows: int = field(validator=at_least(0))
    digest: str = field(validator=_is_digest)


class Recommendation(StrEnum):
    """What a finding advises."""

    ADOPT = "adopt"
    DROP = "drop"
    CONTINUE = "continue"


@frozen(kw_only=True)
class Finding(Entity):
    """What one arm did against the control, as of a date.

    Parameters
    ----------
    question : str
        The code of the experiment, or of what was changed.
    experiment_id : UUID, optional
        The experiment; None of a comparison before and after without one.
    arm, control : str
        What was compared.
    tactic : str, optional
        The tactic of the arm.
    metric : str
        What was counted.
    as_of : date
        The last day whose facts count.
    found_at : datetime
        When it was computed.
    estimate, low, high : float
        Effect on one customer and its interval.
    confidence : float
        Coverage of the interval.
    p_value, adjusted_p_value : float
        Of no effect; the second after the correction for several arms.
    treated, controls : int
        Customers of each side.
    contacts : int
        Treated customers who cost something: the exposed, or all where exposures are not recorded.
    treated_mean, control_mean : float
        Outcome of one customer.
    method : str
        How it was computed.
    assumes, notes : tuple of str
        What has to hold, and what the reader should know.
    value, value_low, value_high : Money, optional
        What all the treated brought in that would not have come, and its interval.
    cost : Money, optional
        What it cost.
    rows : tuple of RowSet
        Which records it came from.
    """

    question: str = field(validator=is_code)
    experiment_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    arm: str = field(validator=is_code)
    control: str = field(validator=is_code)
    tactic: str | None = field(default=None, validator=optional(is_code))
    metric: str = field(validator=is_code)
    as_of: date = field(validator=is_date)
    found_at: datetime = field(converter=in_utc, validator=is_instant)
    estimate: float = field(converter=_number, validator=_is_number)
    low: float = field(converter=_number, validator=_is_number)
    high: float = field(converter=_number, validator=_is_number)
    confidence: float = field(converter=_number, validator=is_fraction)
    p_value: float = field(converter=_number, validator=is_fraction)
    adjusted_p_value: float = field(converter=_number, validator=is_fraction)
    treated: int = field(validator=at_least(1))
    controls: int = field(validator=at_least(1))
    contacts: int = field(validator=at_least(0))
    treated_mean: float = field(converter=_number, validator=_is_number)
    control_mean: float = field(converter=_number, validator=_is_number)
    method: str = field(validator=is_line)
    assumes: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    notes: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    value: Money | None = field(default=None, validator=optional(is_a(Money)))
    value_low: Money | None = field(default=None, validator=optional(is_a(Money)))
    value_high: Money | None = field(default=None, validator=optional(is_a(Money)))
    cost: Money | None = field(default=None, validator=optional(_is_cost))
    rows: tuple[RowSet, ...] = field(default=(), validator=tuple_of(RowSet))

    def __attrs_post_init__(self) -> None:
        if not self.low <= self.estimate <= self.high:
            raise InvalidValueError("low", self.low, f"an interval holds its estimate, {self.estimate}")
        amounts = (self.value, self.value_low, self.value_high)
        if len({amount is None for amount in amounts}) > 1:
            raise InvalidValueError(
                "value", self.value, "give the value with both ends of its interval, or none of them"
            )
        currencies = {amount.currency for amount in (*amounts, self.cost) if amount is not None}
        if len(currencies) > 1:
            first, second, *_ = sorted(currencies)
            raise CurrencyMismatchError(first, second, "cost")

    @property
    def profit(self) -> tuple[Money, Money, Money] | None:
        """The value less the cost: estimate, low and high end; None where there is no value."""
        if self.value is None or self.value_low is None or self.value_high is None:
            return None
        cost = Money.zero(self.value.currency) if self.cost is None else self.cost
        return self.value - cost, self.value_low - cost, self.value_high - cost

    @property
    def recommendation(self) -> Recommendation:
        """Adopt what surely pays, drop what surely does not, else go on: by profit where it is known, else by the effect."""
        low, high = self.low, self.high
        if self.profit is not None:
            low, high = float(self.profit[1].amount), float(self.profit[2].amount)
        if low > 0:
            return Recommendation.ADOPT
        return Recommendation.DROP if high < 0 else Recommendation.CONTINUE


@frozen(kw_only=True)
class Decision(Entity):
    """What somebody decided upon a finding; what came of it is the finding of the experiment it led to.

    Parameters
    ----------
    finding_id : UUID
        What it rests on.
    recommended, decided : Recommendation
        What was advised, and what was decided.
    decided_at : datetime
        When.
    actor : Actor
        Who.
    note : str, optional
        Why; needed where the decision is not what was advised.
    next_experiment_id : UUID, optional
        The next version that was started upon it.
    """

    finding_id: UUID = field(validator=is_a(UUID))
    recommended: Recommendation = field(validator=is_a(Recommendation))
    decided: Recommendation = field(validator=is_a(Recommendation))
    decided_at: datetime = field(converter=in_utc, validator=is_instant)
    actor: Actor = field(validator=is_a(Actor))
    note: str | None = field(default=None, validator=optional(is_line))
    next_experiment_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))

    def __attrs_post_init__(self) -> None:
        if self.decided is not self.recommended and self.note is None:
            raise InvalidValueError("note", None, f"say why it is not {self.recommended}, as was recommended")
