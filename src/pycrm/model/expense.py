"""What a customer cost us beside the goods: service, delivery, acquisition, gifts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_line, optional
from pycrm.model.entity import Entity
from pycrm.model.money import Money
from pycrm.model.time import in_utc, is_instant

__all__ = ["Expense", "ExpenseKind"]


class ExpenseKind(StrEnum):
    """What money was spent on."""

    ACQUISITION = "acquisition"
    SERVICE = "service"
    DELIVERY = "delivery"
    MARKETING = "marketing"
    REWARD = "reward"
    OTHER = "other"


def _is_above_zero(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, Money):
        raise InvalidValueError(attribute.name, value, "give Money")
    if value.amount <= 0:
        raise InvalidValueError(attribute.name, value, "an expense is above 0; what comes back is a sale")


@frozen(kw_only=True)
class Expense(Entity):
    """Money spent on one customer; what his goods cost stands on the lines of his orders.

    Parameters
    ----------
    customer_id : UUID
        On whom.
    key : str
        The source's own key, unique in a tenant, so that a second import changes nothing.
    at : datetime
        When.
    kind : ExpenseKind
        On what.
    amount : Money
        Above 0.
    note : str, optional
        In words.

    Examples
    --------
    >>> from datetime import UTC
    >>> spent = Expense(
    ...     customer_id=UUID(int=1),
    ...     key="call-7",
    ...     at=datetime(2026, 5, 1, tzinfo=UTC),
    ...     kind=ExpenseKind.SERVICE,
    ...     amount=Money(4, "EUR"),
    ... )
    >>> spent.kind.value
    'service'
    """

    customer_id: UUID = field(validator=is_a(UUID))
    key: str = field(validator=is_line)
    at: datetime = field(converter=in_utc, validator=is_instant)
    kind: ExpenseKind = field(validator=is_a(ExpenseKind))
    amount: Money = field(validator=_is_above_zero)
    note: str | None = field(default=None, validator=optional(is_line))
