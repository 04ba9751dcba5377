"""When a message may go out: the first moment that no quiet hours and no pause covers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pycrm.model.contact_policy import ContactPolicy
from pycrm.model.customer import Customer
from pycrm.model.time import instant

__all__ = ["first_free_time"]


def first_free_time(
    customer: Customer, purpose: str, at: datetime, *, policies: Iterable[ContactPolicy], until: datetime
) -> datetime | None:
    """Return the first moment from `at` on at which no quiet hours and no pause forbid a contact; None if there is none by `until`.

    Each policy is read on the customer's clocks, or its own where his are not known.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> from pycrm.model.contact_policy import QuietHours
    >>> from pycrm.model.customer import PersonName
    >>> ana = Customer(name=PersonName(given="Ana"), zone="Europe/Madrid")
    >>> night = ContactPolicy(quiet_hours=QuietHours.between("21:00", "08:00"))
    >>> evening = datetime(2026, 7, 1, 20, tzinfo=UTC)
    >>> first_free_time(ana, "marketing", evening, policies=[night], until=evening + timedelta(days=1))
    datetime.datetime(2026, 7, 2, 6, 0, tzinfo=datetime.timezone.utc)
    """
    mine = [policy for policy in policies if policy.concerns(customer.id, purpose)]
    now = instant(at)
    while now <= until:
        later = now
        for policy in mine:
            if policy.quiet_hours is not None:
                later = max(later, policy.quiet_hours.end_after(now, customer.zone or policy.zone))
            for pause in policy.pauses:
                if now in pause:
                    if pause.end is None:
                        return None
                    later = max(later, pause.end)
        if later == now:
            return now
        now = later
    return None
