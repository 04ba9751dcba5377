"""Lists made of the customers: who may be written to, and who lives or works together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import attrs
import pandas as pd
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.matching import households, organisations
from pycrm.model.consent import may_contact
from pycrm.model.contact_policy import Suppression
from pycrm.model.customer import Customer
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.storage.identity import Aliases, aliases
from pycrm.storage.lookups import consents_by_customer
from pycrm.storage.protocols import Store
from pycrm.workflows.identify.rules import FIELDS, in_order, text_of
from pycrm.workflows.identify.state import all_of_model

__all__ = ["Grouped", "ListPull", "ListRow", "group", "pull_list"]


@frozen
class ListRow:
    """One line of a list: who, how he is called, where he is reached, and the consent that permits it."""

    customer_id: UUID
    name: str
    address: str
    consent_id: UUID | None


@frozen
class ListPull:
    """A list for one campaign, and why everybody else is not on it.

    Parameters
    ----------
    rows : tuple of ListRow
        Each address once.
    left_out : Mapping of str to int
        How many customers were left out, by the code of the first reason; "same_address" where another row has it.
    """

    rows: tuple[ListRow, ...]
    left_out: Mapping[str, int]


def pull_list(
    store: Store,
    *,
    channel: str,
    purpose: str,
    at: datetime,
    suppressions: Iterable[Suppression] = (),
    brand: str | None = None,
) -> ListPull:
    """Return who may be written to: identified, reachable, permitted, on no list of suppression, each once.

    Parameters
    ----------
    store : Store
        With resolved customers; one who was merged is not written to twice.
    channel, purpose : str
        Over what, and what for.
    at : datetime
        When.
    suppressions : iterable of Suppression
        Who is never contacted, beside those whom the store says to leave alone.
    brand : str, optional
        On whose behalf.
    """
    left_out: dict[str, int] = {}
    rows: dict[str, ListRow] = {}
    with store.begin(read_only=True) as unit:
        now = aliases(unit)
        never = tuple(_of_today(one, now) for one in (*all_of_model(unit, Suppression), *suppressions))
        ledgers = consents_by_customer(unit, at)
        spoken_of = sorted(set(identities(all_of_model(unit, IdentityLink)).values()), key=str)
        for customer in unit.of(Customer).get_many(spoken_of):
            permission = may_contact(
                customer, channel, purpose, at, consents=ledgers.get(customer.id, ()), suppressions=never, brand=brand
            )
            point = customer.reachable_by(channel, at)
            if not permission.allowed or point is None:
                code = permission.reasons[0].code
            elif point.normalised in rows:
                code = "same_address"
            else:
                rows[point.normalised] = ListRow(
                    customer.id, customer.display_name, point.normalised, permission.entry_id
                )
                continue
            left_out[code] = left_out.get(code, 0) + 1
    return ListPull(tuple(rows.values()), left_out)


def _of_today(suppression: Suppression, now: Aliases) -> Suppression:
    """Return a suppression of the customer of today: the stricter survives a merge."""
    if suppression.customer_id is None or suppression.customer_id not in now.into:
        return suppression
    return attrs.evolve(suppression, customer_id=now.of(suppression.customer_id))


@frozen(kw_only=True)
class Grouped:
    """Customers in groups of a looser kind, never the same relation as being one person.

    Parameters
    ----------
    level : {"household", "organisation"}
        What they share.
    groups : Mapping of UUID to tuple of UUID
        Per group, named by its first member, the members; only groups of two or more.
    refused : int
        Addresses, telephones or domains that too many share to mean anything.
    """

    level: str
    groups: Mapping[UUID, tuple[UUID, ...]] = field(factory=dict)
    refused: int = 0

    def group_of(self, customer_id: UUID) -> tuple[UUID, ...]:
        """Return with whom a customer shares a group, himself included."""
        return next((members for members in self.groups.values() if customer_id in members), (customer_id,))


def group(
    store: Store, *, level: Literal["household", "organisation"] = "household", largest: int | None = None
) -> Grouped:
    """Return which customers live together, or work for one organisation, by what their source records say.

    Parameters
    ----------
    store : Store
        With resolved customers.
    level : {"household", "organisation"}
        A surname with a whole address or a telephone; or the domain of an e-mail that is no free mail's.
    largest : int, optional
        More customers than this share no household (12) or organisation (100,000).

    Raises
    ------
    InvalidValueError
        If `level` is neither.
    """
    if level not in {"household", "organisation"}:
        raise InvalidValueError("level", level, "choose household or organisation")
    with store.begin(read_only=True) as unit:
        now = identities(all_of_model(unit, IdentityLink))
        records = in_order(record for record in all_of_model(unit, SourceRecord) if record.id in now)
    names = ("family_name", "address", "phone", "postcode", "email")
    table: dict[str, Any] = {name: [text_of(record.fields.get(name)) for record in records] for name in names}
    table |= {"record": range(len(records)), "person": [str(now[record.id]) for record in records]}
    frame = pd.DataFrame(table)
    if level == "household":
        fields = {name: FIELDS[name] for name in names[:-1]}
        found = households(frame, id="record", person="person", fields=fields, largest=largest or 12)
    else:
        found = organisations(frame, person="person", email="email", largest=largest or 100_000)
    members: dict[UUID, list[UUID]] = {}
    for person, home in zip(found.frame["person"].tolist(), found.frame[level].tolist(), strict=True):
        members.setdefault(UUID(home), []).append(UUID(person))
    groups = {home: tuple(each) for home, each in members.items() if len(each) > 1}
    return Grouped(level=level, groups=groups, refused=found.refused)
