"""What a source said of somebody, as it said it; and, apart from it, whom we take that to be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from attrs import field, frozen

from pycrm.model.checks import is_a, is_code, is_fraction, is_line, optional
from pycrm.model.custom import NO_FIELDS, CustomFields
from pycrm.model.entity import Entity
from pycrm.model.time import in_utc, is_instant

__all__ = ["IdentityLink", "SourceRecord", "identities"]


@frozen(kw_only=True)
class SourceRecord(Entity):
    """A record of a source: a merge never touches it, so a merge can always be undone.

    Parameters
    ----------
    source : str
        The source; with `key` unique in a tenant.
    key : str
        What the source calls the record.
    received_at : datetime
        When we got it.
    fields : CustomFields
        What it says, as it says it.
    """

    source: str = field(validator=is_line)
    key: str = field(validator=is_line)
    received_at: datetime = field(converter=in_utc, validator=is_instant)
    fields: CustomFields = field(default=NO_FIELDS, converter=CustomFields, validator=is_a(CustomFields))

    @property
    def digest(self) -> str:
        """What is kept of it once it is erased, so that it is known when it comes again: SHA-256 of source and key."""
        told = f"{self.source}\x1f{self.key}".encode("utf-8", "surrogatepass")
        return f"sha256:{hashlib.sha256(told).hexdigest()}"


@frozen(kw_only=True)
class IdentityLink(Entity):
    """A decision that a source record speaks of a customer; append-only, the last one counts.

    Parameters
    ----------
    record_id : UUID
        The source record.
    customer_id : UUID
        Whom it speaks of.
    rule : str
        Which rule decided: "email", "new", "model", "manual".
    probability : float
        How sure, 0 to 1.
    decided_at : datetime
        When.
    reason : str
        In words.
    former_id : UUID, optional
        Whom the record spoke of until now, where it changed hands.
    mate_id : UUID, optional
        The source record beside which it was found.
    """

    record_id: UUID = field(validator=is_a(UUID))
    customer_id: UUID = field(validator=is_a(UUID))
    rule: str = field(validator=is_code)
    probability: float = field(default=1.0, validator=is_fraction)
    decided_at: datetime = field(converter=in_utc, validator=is_instant)
    reason: str = field(validator=is_line)
    former_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    mate_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))


def identities(links: Iterable[IdentityLink]) -> dict[UUID, UUID]:
    """Return whom each source record speaks of: source record id -> customer id, the last decision counts."""
    last: dict[UUID, IdentityLink] = {}
    for link in links:
        held = last.get(link.record_id)
        if held is None or (held.decided_at, str(held.id)) < (link.decided_at, str(link.id)):
            last[link.record_id] = link
    return {record: link.customer_id for record, link in last.items()}
