"""What a customer was asked and would rather not say: neither an answer nor a question still open, and never filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from attrs import field, frozen

from pycrm.model.checks import is_a, is_line, optional
from pycrm.model.entity import Entity
from pycrm.model.evidence import EvidenceRef
from pycrm.model.knowledge import CustomerFact, FactOrigin
from pycrm.model.time import in_utc, instant, is_instant

__all__ = ["WithheldAnswer", "withheld_by"]


@frozen(kw_only=True)
class WithheldAnswer(Entity):
    """One answer a customer was asked for and did not want to give.

    Parameters
    ----------
    customer_id : UUID
        Who.
    about : str
        What: a topic as text, "need:speed", or a path on the customer, "custom.gender".
    recorded_at : datetime
        When he declined.
    evidence : EvidenceRef, optional
        What it rests on.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    about: str = field(validator=is_line)
    recorded_at: datetime = field(converter=in_utc, validator=is_instant)
    evidence: EvidenceRef | None = field(default=None, validator=optional(is_a(EvidenceRef)))


def withheld_by(
    customer_id: UUID, withheld: Iterable[WithheldAnswer], at: datetime, *, facts: Iterable[CustomerFact] = ()
) -> Mapping[str, datetime]:
    """Return what one customer withholds at a time, and since when he last did; what he said later he withholds no more.

    Parameters
    ----------
    customer_id : UUID
        Whose; entries of others are passed over.
    withheld : iterable of WithheldAnswer
        In any order; what is declined later is not known yet.
    at : datetime
        When.
    facts : iterable of CustomerFact
        What is known; only what he stated himself ends his silence: what we conclude is not his answer.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> no = WithheldAnswer(customer_id=UUID(int=1), about="need:speed", recorded_at=day)
    >>> list(withheld_by(UUID(int=1), [no], day))
    ['need:speed']
    """
    moment = instant(at)
    last: dict[str, datetime] = {}
    for one in withheld:
        if one.customer_id == customer_id and one.recorded_at <= moment:
            last[one.about] = max(one.recorded_at, last.get(one.about, one.recorded_at))
    for fact in facts:
        since = last.get(str(fact.topic))
        his_own = fact.customer_id == customer_id and fact.origin is FactOrigin.STATED
        if his_own and since is not None and since < fact.recorded_at <= moment:
            del last[str(fact.topic)]
    return dict(sorted(last.items()))
