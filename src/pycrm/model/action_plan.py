"""What is to be done about a result: actions, each with an owner, a date, the effect it is expected to have, and how it stands."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidTransitionError, InvalidValueError
from pycrm.model.checks import is_a, is_code, is_fraction, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.money import Money
from pycrm.model.time import is_date

__all__ = ["ActionPlan", "ActionStatus", "PlannedAction"]


class ActionStatus(StrEnum):
    """How an action stands."""

    PLANNED = "planned"
    STARTED = "started"
    DONE = "done"
    DROPPED = "dropped"


_NEXT = {
    ActionStatus.PLANNED: frozenset({ActionStatus.STARTED, ActionStatus.DONE, ActionStatus.DROPPED}),
    ActionStatus.STARTED: frozenset({ActionStatus.DONE, ActionStatus.DROPPED}),
    ActionStatus.DONE: frozenset[ActionStatus](),
    ActionStatus.DROPPED: frozenset({ActionStatus.PLANNED}),
}


@frozen(kw_only=True)
class PlannedAction:
    """One action of a plan.

    Parameters
    ----------
    code : str
        What it is called in the plan.
    text : str
        What is to be done.
    owner : str
        Who does it.
    due : date
        By when.
    expected : Money, optional
        What it is expected to bring, its cost taken off.
    confidence : float
        How sure of it we are, 0 to 1.
    status : ActionStatus
        How it stands.
    """

    code: str = field(validator=is_code)
    text: str = field(validator=is_line)
    owner: str = field(validator=is_line)
    due: date = field(validator=is_date)
    expected: Money | None = field(default=None, validator=optional(is_a(Money)))
    confidence: float = field(default=1.0, validator=is_fraction)
    status: ActionStatus = field(default=ActionStatus.PLANNED, validator=is_a(ActionStatus))

    @property
    def worth(self) -> Decimal:
        """What it is expected to bring, by how sure we are; 0 where nothing is said."""
        return Decimal(0) if self.expected is None else self.expected.amount * Decimal(str(self.confidence))


@frozen(kw_only=True)
class ActionPlan(Entity):
    """What is to be done about a finding.

    Parameters
    ----------
    code : str
        Unique in a tenant.
    goal : str
        What it is for.
    finding_id : UUID, optional
        The result it acts on.
    actions : tuple of PlannedAction
        What is to be done; their codes differ.

    Examples
    --------
    >>> plan = ActionPlan(code="spring", goal="Fewer go", actions=(
    ...     PlannedAction(code="call", text="Call who complained", owner="ana", due=date(2026, 5, 1), expected=Money("90", "EUR")),
    ...     PlannedAction(code="mail", text="Write to the rest", owner="bob", due=date(2026, 5, 9), expected=Money("200", "EUR")),
    ... ))  # fmt: skip
    >>> [action.code for action in plan.ranked()], [action.code for action in plan.overdue(date(2026, 5, 4))]
    (['mail', 'call'], ['call'])
    >>> plan.with_status("call", ActionStatus.DONE).overdue(date(2026, 5, 4))
    ()
    """

    code: str = field(validator=is_code)
    goal: str = field(validator=is_line)
    finding_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    actions: tuple[PlannedAction, ...] = field(validator=tuple_of(PlannedAction))

    def __attrs_post_init__(self) -> None:
        codes = [action.code for action in self.actions]
        if len(set(codes)) != len(codes):
            raise InvalidValueError("actions", codes, "give each action a code of its own")
        currencies = sorted({action.expected.currency for action in self.actions if action.expected is not None})
        if len(currencies) > 1:
            raise CurrencyMismatchError(currencies[0], currencies[1], "expected")

    def with_status(self, code: str, status: ActionStatus) -> ActionPlan:
        """Return the plan with one action further on.

        Raises
        ------
        InvalidValueError
            If there is no such action.
        InvalidTransitionError
            If the status cannot follow.
        """
        found = next((action for action in self.actions if action.code == code), None)
        if found is None:
            raise InvalidValueError("code", code, f"the actions are {', '.join(one.code for one in self.actions)}")
        if status not in _NEXT[found.status]:
            raise InvalidTransitionError(found.status, status, _NEXT[found.status])
        moved = attrs.evolve(found, status=status)
        return attrs.evolve(self, actions=tuple(moved if one is found else one for one in self.actions))

    def ranked(self) -> tuple[PlannedAction, ...]:
        """Return the actions that are still to be done, what brings most first, then what is due first."""
        open_ = [one for one in self.actions if one.status in {ActionStatus.PLANNED, ActionStatus.STARTED}]
        return tuple(sorted(open_, key=lambda one: (-one.worth, one.due, one.code)))

    def overdue(self, today: date) -> tuple[PlannedAction, ...]:
        """Return the actions that should have been done before that day, the longest overdue first."""
        return tuple(sorted((one for one in self.ranked() if one.due < today), key=lambda one: (one.due, one.code)))

    def expected(self) -> Money | None:
        """Return what the open actions are expected to bring together, by how sure we are; None where nothing is said."""
        currency = next((one.expected.currency for one in self.ranked() if one.expected is not None), None)
        return None if currency is None else Money(sum((one.worth for one in self.ranked()), Decimal(0)), currency)
