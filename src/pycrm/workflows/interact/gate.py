"""Whether, and from when on, somebody may be contacted: one place that asks the law with all that was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from attrs import define

from pycrm.model.consent import Permission
from pycrm.model.contact_policy import ContactPolicy
from pycrm.model.customer import Customer
from pycrm.model.send_time import first_free_time
from pycrm.storage.consents import Consents
from pycrm.storage.identity import Aliases
from pycrm.storage.protocols import UnitOfWork
from pycrm.workflows.interact.reading import Dialogue, Policies

__all__ = ["Gate"]


@define
class Gate:
    """What permission rests on, read once for a run."""

    at: datetime
    until: datetime
    dialogue: Dialogue
    policies: Policies
    consents: Consents

    @classmethod
    def of(
        cls,
        unit: UnitOfWork,
        now: Aliases,
        dialogue: Dialogue,
        at: datetime,
        policies: Iterable[ContactPolicy],
        within: timedelta,
    ) -> Gate:
        """Read consent, policies and lists."""
        return cls(at, at + within, dialogue, Policies.read(unit, policies, now), Consents.read(unit, at, now))

    def permission(self, customer: Customer, channel: str, purposes: Sequence[str]) -> tuple[datetime, Permission]:
        """Return when the contact may be made, and the decision for that time: of the first purpose, or the first refusal."""
        policies = self.policies.concerning(customer.id)
        when = self._free(customer, purposes, policies) if policies else self.at
        suppressions = self.policies.suppressions(customer)
        made = self.dialogue.made(customer.id) if policies else ()
        answers = [
            self.consents.permission(
                customer, channel, purpose, when, policies=policies, made=made, suppressions=suppressions
            )
            for purpose in purposes
        ]
        return when, next((answer for answer in answers if not answer), answers[0])

    def _free(self, customer: Customer, purposes: Sequence[str], policies: Sequence[ContactPolicy]) -> datetime:
        """Return the first moment that is free for all the purposes; now, where there is none: the refusal will say why."""
        when = self.at
        while True:
            times = [
                first_free_time(customer, purpose, when, policies=policies, until=self.until) for purpose in purposes
            ]
            latest = max((time for time in times if time is not None), default=when)
            if None in times:
                return self.at
            if latest == when:
                return when
            when = latest
