"""A lead: somebody who may buy, the steps from a first sign to a sale, and the line from the sale back to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidTransitionError, InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional
from pycrm.model.entity import Entity
from pycrm.model.evidence import Actor
from pycrm.model.time import Period, in_utc, is_instant

__all__ = [
    "ALLOWED_LEAD_STATES",
    "Conversion",
    "ConversionRate",
    "Lead",
    "LeadChange",
    "LeadState",
    "conversion_rate",
    "lead_state",
    "recycle_due",
]


class LeadState(StrEnum):
    """Where a lead stands."""

    NEW = "new"
    WORKING = "working"
    MARKETING_QUALIFIED = "marketing_qualified"
    SALES_QUALIFIED = "sales_qualified"
    CONVERTED = "converted"
    DISQUALIFIED = "disqualified"
    RECYCLED = "recycled"


_OPEN = frozenset(
    {
        LeadState.WORKING,
        LeadState.MARKETING_QUALIFIED,
        LeadState.SALES_QUALIFIED,
        LeadState.CONVERTED,
        LeadState.DISQUALIFIED,
    }
)

ALLOWED_LEAD_STATES: Final = {
    LeadState.NEW: _OPEN,
    LeadState.WORKING: _OPEN - {LeadState.WORKING},
    LeadState.MARKETING_QUALIFIED: _OPEN - {LeadState.MARKETING_QUALIFIED},
    LeadState.SALES_QUALIFIED: _OPEN - {LeadState.SALES_QUALIFIED},
    LeadState.CONVERTED: frozenset[LeadState](),
    LeadState.DISQUALIFIED: frozenset({LeadState.RECYCLED}),
    LeadState.RECYCLED: _OPEN,
}
"""Which state may follow which: a sale is final, and a lead that was given up comes back only as recycled."""


@frozen(kw_only=True)
class Lead(Entity):
    """Somebody who may buy.

    Parameters
    ----------
    customer_id : UUID
        The prospect.
    source : str
        A code: where it came from.
    created_at : datetime
        When.
    owner_id : UUID, optional
        Who works on it.
    topic : str, optional
        What it is about.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    source: str = field(validator=is_code)
    created_at: datetime = field(converter=in_utc, validator=is_instant)
    owner_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    topic: str | None = field(default=None, validator=optional(is_line))


@frozen(kw_only=True)
class LeadChange(Entity):
    """One step of a lead; append-only.

    Parameters
    ----------
    lead_id : UUID
        Of which lead.
    from_state, to_state : LeadState
        Where from and where to.
    occurred_at : datetime
        When.
    reason : str
        A code, such as "score" or "never_responded".
    rules_version : str, optional
        Which scoring rules decided.
    actor : Actor, optional
        Who did it.

    Raises
    ------
    InvalidTransitionError
        If the state may not follow.

    Examples
    --------
    >>> from datetime import UTC
    >>> LeadChange(
    ...     lead_id=UUID(int=1),
    ...     from_state=LeadState.DISQUALIFIED,
    ...     to_state=LeadState.WORKING,
    ...     occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    ...     reason="hope",
    ... )
    Traceback (most recent call last):
    pycrm.errors.InvalidTransitionError: cannot move from 'disqualified' to 'working'; allowed next: recycled
    """

    lead_id: UUID = field(validator=is_a(UUID))
    from_state: LeadState = field(validator=is_a(LeadState))
    to_state: LeadState = field(validator=is_a(LeadState))
    occurred_at: datetime = field(converter=in_utc, validator=is_instant)
    reason: str = field(validator=is_code)
    rules_version: str | None = field(default=None, validator=optional(is_line))
    actor: Actor | None = field(default=None, validator=optional(is_a(Actor)))

    def __attrs_post_init__(self) -> None:
        allowed = ALLOWED_LEAD_STATES[self.from_state]
        if self.to_state not in allowed:
            raise InvalidTransitionError(str(self.from_state), str(self.to_state), {str(state) for state in allowed})


def lead_state(history: Iterable[LeadChange], at: datetime) -> LeadState:
    """Return where a lead stood at that time; new before its first step.

    Raises
    ------
    InvalidTransitionError
        If a step does not start where the one before it ended.
    """
    state = LeadState.NEW
    for change in sorted(
        (change for change in history if change.occurred_at <= at), key=lambda change: change.occurred_at
    ):
        if change.from_state is not state:
            raise InvalidTransitionError(
                str(state), str(change.to_state), {str(each) for each in ALLOWED_LEAD_STATES[state]}
            )
        state = change.to_state
    return state


def recycle_due(history: Iterable[LeadChange], at: datetime, *, rest: int = 180) -> bool:
    """Whether a disqualified lead has rested its days and may be tried again.

    Parameters
    ----------
    history : iterable of LeadChange
        Of one lead.
    at : datetime
        When.
    rest : int
        Days.
    """
    if rest < 0:
        raise InvalidValueError("rest", rest, "give a number of days of at least 0")
    steps = [change for change in history if change.occurred_at <= at]
    if lead_state(steps, at) is not LeadState.DISQUALIFIED:
        return False
    return (at - max(change.occurred_at for change in steps)).days >= rest


@frozen(kw_only=True)
class Conversion(Entity):
    """That a lead became a buyer: the line from the sale back to where it came from.

    Parameters
    ----------
    lead_id, customer_id : UUID
        Which lead, and who it is now.
    opportunity_id, order_id : UUID, optional
        What came of it; at least one of the two.
    at : datetime
        When.
    """

    lead_id: UUID = field(validator=is_a(UUID))
    customer_id: UUID = field(validator=is_a(UUID))
    opportunity_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    order_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    at: datetime = field(converter=in_utc, validator=is_instant)

    def __attrs_post_init__(self) -> None:
        if self.opportunity_id is None and self.order_id is None:
            raise InvalidValueError("order_id", None, "say what came of it: give order_id or opportunity_id")


@frozen(kw_only=True)
class ConversionRate:
    """How many leads of a period became buyers.

    Parameters
    ----------
    source : str
        Of which source; "all" for all of them.
    leads, converted : int
        Leads that came in the period, and how many of these converted by `at`.
    """

    source: str
    leads: int
    converted: int

    @property
    def rate(self) -> float | None:
        """Converted / leads; None where no lead came."""
        return self.converted / self.leads if self.leads else None


def conversion_rate(
    leads: Iterable[Lead], conversions: Iterable[Conversion], period: Period, at: datetime
) -> tuple[ConversionRate, ...]:
    """Return the conversion rate of the leads that came in `period`, over all and by source; a lead counts once.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 1, 1, tzinfo=UTC)
    >>> lead = Lead(customer_id=UUID(int=1), source="fair", created_at=day)
    >>> sale = Conversion(lead_id=lead.id, customer_id=UUID(int=1), order_id=UUID(int=2), at=day)
    >>> [(row.source, row.rate) for row in conversion_rate([lead], [sale, sale], Period(), day)]
    [('all', 1.0), ('fair', 1.0)]
    """
    came = {lead.id: lead.source for lead in leads if lead.created_at in period and lead.created_at <= at}
    won = {conversion.lead_id for conversion in conversions if conversion.at <= at} & came.keys()
    rows = [ConversionRate(source="all", leads=len(came), converted=len(won))]
    for source in sorted(set(came.values())):
        of_source = {id for id, name in came.items() if name == source}
        rows.append(ConversionRate(source=source, leads=len(of_source), converted=len(of_source & won)))
    return tuple(rows)
