"""The rows of a simulated business as entities, one after the other, each id the same for the same seed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pandas as pd

from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, ExternalId, PersonName, Role
from pycrm.model.entity import Entity, new_id
from pycrm.model.interaction import Direction, Interaction, InteractionKind, Mode
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderLine, Product, Refund
from pycrm.model.source import SourceRecord

if TYPE_CHECKING:
    from pycrm.datasets.business import SimulatedBusiness

__all__ = ["consents", "customers", "everything", "interactions", "orders", "products", "source_records"]

_FIELDS = {
    "given_name": "given",
    "family_name": "family",
    "email": "email",
    "phone": "phone",
    "postcode": "postcode",
    "city": "city",
    "country": "country",
}
_SELF_SERVICE = frozenset({"web"})


class _Ids:
    """UUIDv7 whose random part comes from seed, table and row."""

    def __init__(self, seed: int, table: str, rows: int) -> None:
        random = np.random.default_rng([seed, zlib.crc32(table.encode())])
        self._noise = random.bytes(10 * rows)

    def at(self, row: int, moment: datetime) -> UUID:
        """Return the id of a row that came to be at a moment."""
        nanoseconds = int(moment.timestamp() * 1000) * 1_000_000
        return new_id(clock=lambda: nanoseconds, random=lambda size: self._noise[10 * row : 10 * row + size])


def _naive(column: pd.Series) -> list[datetime]:
    found: list[datetime] = column.to_numpy("datetime64[us]").tolist()
    return found


def _moments(column: pd.Series) -> list[datetime]:
    return [moment.replace(tzinfo=UTC) for moment in _naive(column)]


def _cents(amount: int, currency: str) -> Money:
    return Money(Decimal(int(amount)).scaleb(-2), currency)


def products(business: SimulatedBusiness) -> Iterator[Product]:
    """Yield the catalogue."""
    ids = _Ids(business.seed, "products", len(business.products))
    opened = pd.Timestamp(business.start).to_pydatetime().replace(tzinfo=UTC)
    columns = [business.products[name].tolist() for name in ("sku", "name", "category", "price", "cost")]
    for row, (sku, name, category, price, cost) in enumerate(zip(*columns, strict=True)):
        yield Product(
            id=ids.at(row, opened),
            sku=sku,
            name=name,
            category=(category,),
            list_price=_cents(price, business.currency),
            cost=_cents(cost, business.currency),
        )


def source_records(business: SimulatedBusiness) -> Iterator[SourceRecord]:
    """Yield what the two sources hold, as it was typed."""
    contacts = business.contacts
    ids = _Ids(business.seed, "contacts", len(contacts))
    moments = _moments(contacts["received_at"])
    births = _naive(contacts["birth_date"])
    columns = {name: contacts[column].tolist() for name, column in _FIELDS.items()}
    for row, (source, key, at, birth) in enumerate(
        zip(contacts["source"], contacts["key"], moments, births, strict=True)
    ):
        fields: dict[str, object] = {name: column[row] for name, column in columns.items() if column[row]}
        if birth is not None:
            fields["birth_date"] = birth.date()
        yield SourceRecord(id=ids.at(row, at), source=source, key=key, received_at=at, fields=fields)


def customers(business: SimulatedBusiness) -> Iterator[Customer]:
    """Yield the people themselves, as nobody but the simulation knows them."""
    people = business.people
    ids = _Ids(business.seed, "people", len(people))
    own = business.contacts.groupby("person", sort=True).indices
    source, key = business.contacts["source"].tolist(), business.contacts["key"].tolist()
    births: list[date] = [moment.date() for moment in _naive(people["birth_date"])]
    columns = [people[name].tolist() for name in ("given", "family", "email", "phone", "country")]
    rows = zip(_moments(people["joined"]), births, *columns, strict=True)
    for row, (joined, birth, given, family, email, phone, country) in enumerate(rows):
        yield Customer(
            id=ids.at(row, joined),
            name=PersonName(given=given, family=family),
            roles=frozenset({Role.CUSTOMER}),
            contact_points=(
                ContactPoint(kind=ContactKind.EMAIL, raw=email, primary=True),
                ContactPoint(kind=ContactKind.PHONE, raw=phone, primary=True),
            ),
            external_ids=tuple(ExternalId(source[place], key[place]) for place in own[row]),
            birth_date=birth,
            country=country,
            first_touch_at=joined,
        )


def orders(business: SimulatedBusiness, owner: Mapping[tuple[str, str], UUID]) -> Iterator[Order]:
    """Yield the orders with their lines and refunds; `owner` says whose each (source, key) is."""
    ids = _Ids(business.seed, "orders", len(business.orders))
    sku = business.products["sku"].tolist()
    lines, refunds = business.lines, business.refunds.sort_values(["order", "at"], kind="stable")
    places = np.arange(len(business.orders) + 1)
    line_ends = np.searchsorted(lines["order"].to_numpy(), places)
    refund_ends = np.searchsorted(refunds["order"].to_numpy(), places)
    product, quantity, price = (lines[name].tolist() for name in ("product", "quantity", "unit_price"))
    back_at = _moments(refunds["at"])
    back_line, back_quantity, back_amount = (refunds[name].tolist() for name in ("line", "quantity", "amount"))
    currency = business.currency
    rows = zip(business.orders["number"], business.orders["customer"], _moments(business.orders["time"]), strict=True)
    for row, (number, key, at) in enumerate(rows):
        order = Order(
            id=ids.at(row, at),
            customer_id=owner["shop", key],
            number=number,
            placed_at=at,
            currency=currency,
            channel="web",
            lines=tuple(
                OrderLine(sku=sku[product[n]], quantity=quantity[n], unit_price=_cents(price[n], currency))
                for n in range(line_ends[row], line_ends[row + 1])
            ),
        )
        for n in range(refund_ends[row], refund_ends[row + 1]):
            back = Refund(
                at=back_at[n],
                amount=_cents(back_amount[n], currency),
                line=back_line[n] - 1,
                quantity=back_quantity[n],
                reason="returned",
            )
            order = order.refund(back)
        yield order


def interactions(business: SimulatedBusiness, owner: Mapping[tuple[str, str], UUID]) -> Iterator[Interaction]:
    """Yield what passed between the business and its people; known by their first record."""
    frame = business.interactions
    ids = _Ids(business.seed, "interactions", len(frame))
    shop = business.contacts[business.contacts["source"] == "shop"]
    first = shop.drop_duplicates("person")["key"].tolist()
    columns = zip(
        frame["person"].tolist(),
        _moments(frame["time"]),
        frame["kind"],
        frame["channel"],
        frame["direction"],
        frame["outcome"],
        strict=True,
    )
    for row, (person, at, kind, channel, direction, outcome) in enumerate(columns):
        alone = channel in _SELF_SERVICE
        met = channel == "in_person"
        yield Interaction(
            id=ids.at(row, at),
            customer_id=owner["shop", first[person]],
            kind=InteractionKind(kind),
            direction=Direction(direction),
            channel=channel,
            mode=Mode.SELF_SERVICE if alone else Mode.IN_PERSON if met else Mode.MEDIATED,
            assisted=not alone,
            occurred_at=at,
            recorded_at=at,
            outcome=outcome,
            idempotency_key=f"simulated-{row + 1}",
        )


def consents(business: SimulatedBusiness, owner: Mapping[tuple[str, str], UUID]) -> Iterator[ConsentEntry]:
    """Yield what people allowed and forbade."""
    frame = business.consents
    ids = _Ids(business.seed, "consents", len(frame))
    source, key = business.contacts["source"].tolist(), business.contacts["key"].tolist()
    columns = zip(
        frame["contact"].tolist(),
        _moments(frame["time"]),
        frame["channel"],
        frame["purpose"],
        frame["status"],
        strict=True,
    )
    for row, (contact, at, channel, purpose, status) in enumerate(columns):
        yield ConsentEntry(
            id=ids.at(row, at),
            customer_id=owner[source[contact], key[contact]],
            purpose=purpose,
            channel=channel,
            status=ConsentStatus(status),
            captured_at=at,
            capture_source=CaptureSource.CUSTOMER,
            evidence=f"{source[contact]} record {key[contact]}",
        )


def everything(business: SimulatedBusiness, owner: Mapping[tuple[str, str], UUID] | None) -> Iterator[Entity]:
    """Yield all of it, nothing before what it refers to."""
    yield from products(business)
    yield from source_records(business)
    if owner is None:
        owner = {}
        for customer in customers(business):
            owner |= {(known.system, known.value): customer.id for known in customer.external_ids}
            yield customer
    yield from orders(business, owner)
    yield from interactions(business, owner)
    yield from consents(business, owner)
