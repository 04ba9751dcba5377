"""What is known of a customer, as one flat row: what offers, topics and segments put their conditions to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TypeAlias

from pycrm.model.assessment import Assessment
from pycrm.model.contact import ContactKind
from pycrm.model.custom import Value
from pycrm.model.customer import Customer

__all__ = ["Facts", "age_on", "facts_of"]

Facts: TypeAlias = Mapping[str, Value]
"""A row of facts; a missing one is None, and no comparison with it is true."""


def age_on(birth_date: date, day: date) -> int:
    """Return the age in whole years on that day.

    Examples
    --------
    >>> age_on(date(2000, 2, 29), date(2026, 2, 28))
    25
    """
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def facts_of(
    customer: Customer,
    as_of: date,
    *,
    assessment: Assessment | None = None,
    last_order: date | None = None,
    owned: frozenset[str] = frozenset(),
) -> Facts:
    """Return the row of facts about `customer` as of a day.

    Parameters
    ----------
    customer : Customer
        Who.
    as_of : date
        Ages and silences are counted to this day.
    assessment : Assessment, optional
        The last one; without it value, segment and tier are not known.
    last_order : date, optional
        The day of the last order.
    owned : frozenset of str
        The articles he bought.

    Returns
    -------
    Mapping
        `kind`, `roles`, `tags`, `country`, `language`, `age`, `email`, `phone` (whether there is one), `birth_date`, `orders`,
        `days_since_order`, `value`, `expected_value`, `probability_alive`, `segment`, `tier`, `owned`, `custom`.

    Examples
    --------
    >>> from pycrm.model.customer import PersonName
    >>> facts_of(Customer(name=PersonName(given="Ana")), date(2026, 5, 1))["orders"]
    0
    """
    kinds = {point.kind for point in customer.contact_points}
    return {
        "kind": str(customer.kind),
        "roles": tuple(sorted(str(role) for role in customer.roles)),
        "tags": tuple(sorted(customer.tags)),
        "country": customer.country,
        "language": customer.language,
        "birth_date": customer.birth_date,
        "age": None if customer.birth_date is None else age_on(customer.birth_date, as_of),
        "email": ContactKind.EMAIL in kinds,
        "phone": ContactKind.PHONE in kinds,
        "orders": 0 if assessment is None else assessment.orders,
        "days_since_order": None if last_order is None else (as_of - last_order).days,
        "value": None if assessment is None else assessment.historic_value.amount,
        "expected_value": None
        if assessment is None or assessment.expected_value is None
        else assessment.expected_value.amount,
        "probability_alive": None if assessment is None else assessment.probability_alive,
        "segment": None if assessment is None else assessment.segment,
        "tier": None if assessment is None else str(assessment.tier),
        "owned": tuple(sorted(owned)),
        "custom": customer.custom,
    }
