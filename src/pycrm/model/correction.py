"""What somebody had put right about himself: a source record like any other, but one that no source outvotes.

So a correction is kept apart from what it corrects, follows its customer through merges and back, and goes with him when he is
erased.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from pycrm.model.customer import Customer
from pycrm.model.entity import new_id
from pycrm.model.source import SourceRecord

__all__ = ["CORRECTION", "correction_of", "is_correction"]

CORRECTION = "correction"
"""The source of corrections; no other source may call itself so."""


def is_correction(record: SourceRecord) -> bool:
    """Whether a source record is a correction.

    Examples
    --------
    >>> from datetime import UTC
    >>> is_correction(SourceRecord(source="shop", key="1", received_at=datetime(2026, 5, 1, tzinfo=UTC)))
    False
    """
    return record.source == CORRECTION


def correction_of(before: Customer, after: Customer, *, about: UUID, at: datetime) -> SourceRecord | None:
    """Return the source record that says how a customer was corrected; None where it changed nothing that sources speak of.

    Parameters
    ----------
    before, after : Customer
        As he was written, and as is right.
    about : UUID
        A source record of his: the correction speaks of whomever that one speaks of.
    at : datetime
        When.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.customer import PersonName
    >>> ana = Customer(name=PersonName(given="Ana"), country="ES")
    >>> import attrs
    >>> right = attrs.evolve(ana, country="PT")
    >>> made = correction_of(ana, right, about=UUID(int=1), at=datetime(2026, 5, 1, tzinfo=UTC))
    >>> made.fields["country"], "given_name" in made.fields
    ('PT', False)
    """
    fields: dict[str, Any] = {}
    if before.name != after.name:
        for part in ("given", "family", "full"):
            fields[f"{part}_name"] = None if after.name is None else getattr(after.name, part)
    if before.organisation != after.organisation:
        fields["organisation"] = None if after.organisation is None else after.organisation.name
    if before.birth_date != after.birth_date:
        fields["birth_date"] = None if after.birth_date is None else after.birth_date.isoformat()
    for name in ("country", "language"):
        if getattr(before, name) != getattr(after, name):
            fields[name] = getattr(after, name)
    if before.roles != after.roles:
        fields["roles"] = sorted(map(str, after.roles))
    given: dict[str, Any] = {}
    withdrawn: dict[str, Any] = {}
    for name, (was, now) in {
        "contact_points": (_points(before), _points(after)),
        "identifiers": (_identifiers(before), _identifiers(after)),
        "external_ids": (_externals(before), _externals(after)),
    }.items():
        given[name] = [list(one) for one in now if one not in was]
        withdrawn[name] = [list(one) for one in was if one not in now]
    for side, told in (("given", given), ("withdrawn", withdrawn)):
        if any(told.values()):
            fields[side] = {name: each for name, each in told.items() if each}
    for kind, address in given["contact_points"]:
        # By its own name too, so that what comes later with the right address is found to be his.
        if kind in {"email", "phone"}:
            fields.setdefault(kind, address)
    if not fields:
        return None
    return SourceRecord(source=CORRECTION, key=str(new_id()), received_at=at, fields={"about": str(about), **fields})


def _points(customer: Customer) -> Iterable[tuple[str, str]]:
    return [(str(point.kind), point.normalised) for point in customer.contact_points]


def _identifiers(customer: Customer) -> Iterable[tuple[str, str]]:
    return [(one.namespace, one.value) for one in customer.identifiers]


def _externals(customer: Customer) -> Iterable[tuple[str, str]]:
    return [(one.system, one.value) for one in customer.external_ids]
