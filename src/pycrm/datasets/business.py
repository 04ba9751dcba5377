"""One call makes a whole business: two contact files, orders, refunds, dialogue, consent, and the truth behind them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.random import Generator
from numpy.typing import NDArray

from pycrm.datasets import entities
from pycrm.datasets.commerce import Behaviour, make_habits, make_lines, make_orders, make_products, make_refunds
from pycrm.datasets.dialogue import make_consents, make_interactions
from pycrm.datasets.people import make_contacts, make_people
from pycrm.errors import InvalidValueError
from pycrm.model.entity import Entity

__all__ = ["SimulatedBusiness", "simulate_business"]

CURRENCY = "EUR"


@frozen(kw_only=True, eq=False)
class SimulatedBusiness:
    """A business in columns. Amounts are whole cents; times are UTC; rows refer to each other by number.

    Parameters
    ----------
    people : DataFrame
        The truth, one row a person: name, address, `joined`, `left` (NaT while still a customer), `purchase_rate` (per week),
        `churn_rate` (chance to leave after each repeat purchase), `spend`, `favourite`, `responsiveness`.
    contacts : DataFrame
        What the sources hold: `source`, `key`, the fields as they were typed, `received_at`, and in `person` the truth.
    products : DataFrame
        `sku`, `name`, `category`, `price`, `cost`.
    orders : DataFrame
        `order`, `number`, `person`, `time`, and in `customer` the key of the shop's record the order came under.
    lines : DataFrame
        `order`, `line` (from 1), `product`, `quantity`, `unit_price`.
    refunds : DataFrame
        `order`, `line`, `quantity`, `amount`, `at`.
    interactions : DataFrame
        `interaction`, `person`, `time`, `kind`, `channel`, `direction`, `outcome`.
    consents : DataFrame
        `contact`, `person`, `channel`, `purpose`, `status`, `time`.
    behaviour : Behaviour
        How customers differ.
    start, end : numpy.datetime64
        When the first customer may have joined, and now.
    seed : int
        What it was made from.
    currency : str
        Of every amount.
    """

    people: pd.DataFrame = field(repr=False)
    contacts: pd.DataFrame = field(repr=False)
    products: pd.DataFrame = field(repr=False)
    orders: pd.DataFrame = field(repr=False)
    lines: pd.DataFrame = field(repr=False)
    refunds: pd.DataFrame = field(repr=False)
    interactions: pd.DataFrame = field(repr=False)
    consents: pd.DataFrame = field(repr=False)
    behaviour: Behaviour
    start: np.datetime64
    end: np.datetime64
    seed: int
    currency: str = CURRENCY

    def entities(self, owners: Mapping[tuple[str, str], UUID] | None = None) -> Iterator[Entity]:
        """Yield products, source records, customers, orders, interactions and consent, each after what it refers to.

        Parameters
        ----------
        owners : mapping, optional
            (source, key) -> customer id, as the identification of the source records found it: orders, interactions and
            consent then belong to these customers, and none is yielded. Otherwise the true people are.

        Examples
        --------
        >>> from collections import Counter
        >>> made = Counter(type(entity).__name__ for entity in simulate_business(customers=10, seed=1).entities())
        >>> made["Customer"], made["Product"]
        (10, 240)
        """
        return entities.everything(self, owners)

    def order_lines(self) -> pd.DataFrame:
        """Return the orders as a shop exports them: one row a line, refunds as credit lines with a negative quantity.

        Examples
        --------
        >>> exported = simulate_business(customers=50, seed=1).order_lines()
        >>> list(exported.columns)
        ['customer', 'order', 'date', 'product', 'quantity', 'price', 'currency']
        """
        bought, back = self.lines, self.refunds
        order = np.concatenate([bought["order"].to_numpy(), back["order"].to_numpy()])
        position = pd.Series(np.arange(len(bought)), index=pd.MultiIndex.from_frame(bought[["order", "line"]]))
        of_line = position.reindex(pd.MultiIndex.from_frame(back[["order", "line"]])).to_numpy()
        product = np.concatenate([bought["product"].to_numpy(), bought["product"].to_numpy()[of_line]])
        number = self.orders["number"].to_numpy()[order]
        credit = np.arange(len(order)) >= len(bought)
        number[credit] = "C" + number[credit]
        exported = pd.DataFrame(
            {
                "customer": self.orders["customer"].to_numpy()[order],
                "order": number,
                "date": np.concatenate([self.orders["time"].to_numpy()[bought["order"]], back["at"].to_numpy()]),
                "product": self.products["sku"].to_numpy()[product],
                "quantity": np.concatenate([bought["quantity"].to_numpy(), -back["quantity"].to_numpy()]),
                "price": self.products["price"].to_numpy()[product] / 100,
                "currency": self.currency,
            }
        )
        return exported.sort_values("date", kind="stable", ignore_index=True)


def simulate_business(
    *,
    customers: int = 1_000,
    seed: int = 0,
    start: str = "2024-01-01",
    end: str = "2025-12-31",
    behaviour: Behaviour | None = None,
) -> SimulatedBusiness:
    """Return a business of so many customers, the same for the same arguments on every machine.

    Customers join over the first three quarters of the time and buy by the BG/NBD model, so that what a model estimates can be
    held against the truth. Each part draws from a random stream of its own: what later releases add changes nothing here.

    Parameters
    ----------
    customers : int
        At least 1.
    seed : int
        At least 0.
    start, end : str
        Dates; the business runs from the first to the last second of the second.
    behaviour : Behaviour, optional
        How customers differ.

    Raises
    ------
    InvalidValueError
        If there would be no customer or no time.

    Examples
    --------
    >>> business = simulate_business(customers=200, seed=7)
    >>> len(business.people), set(business.contacts["source"]) == {"shop", "newsletter"}
    (200, True)
    """
    size, origin = _whole("customers", customers, 1), _whole("seed", seed, 0)
    try:
        first, last = np.datetime64(start, "D"), np.datetime64(end, "D")
    except ValueError:
        raise InvalidValueError("start", (start, end), "give two dates such as '2024-01-01'") from None
    if not last - first >= np.timedelta64(28, "D"):
        raise InvalidValueError("end", end, "give at least four weeks after start")
    habitual = behaviour or Behaviour()
    opened = first.astype("datetime64[us]")
    now = (last + 1).astype("datetime64[us]") - np.timedelta64(1, "s")

    def stream(part: str) -> Generator:
        return np.random.default_rng([origin, zlib.crc32(part.encode())])

    people = make_people(stream("people"), size)
    window = int((now - opened).astype(np.int64) * 0.75)
    joined = opened + np.sort(stream("joined").integers(0, window, size)).astype("timedelta64[us]")
    joined = joined.astype("datetime64[s]").astype("datetime64[us]")
    habits = make_habits(stream("habits"), size, habitual)
    orders, left = make_orders(stream("orders"), habits, joined, now)
    people = people.assign(joined=joined, left=left, **habits)
    contacts = make_contacts(stream("contacts"), people, joined, now)
    orders["customer"] = _shop_keys(stream("accounts"), contacts, orders)
    products = make_products(stream("products"))
    lines = make_lines(stream("lines"), orders, products, habits, habitual.lines_per_order)
    return SimulatedBusiness(
        people=people,
        contacts=contacts,
        products=products,
        orders=orders,
        lines=lines,
        refunds=make_refunds(stream("refunds"), orders, lines, now, habitual.refund_rate),
        interactions=make_interactions(stream("interactions"), joined, now, habits),
        consents=make_consents(stream("consents"), contacts, now),
        behaviour=habitual,
        start=opened,
        end=now,
        seed=origin,
    )


def _whole(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidValueError(name, value, f"give a whole number of at least {least}")
    return int(value)


def _shop_keys(random: Generator, contacts: pd.DataFrame, orders: pd.DataFrame) -> NDArray[Any]:
    """Return under which record of the shop each order came: the first, or once it exists as often the second."""
    shop = contacts[contacts["source"] == "shop"]
    keys = shop["key"].to_numpy(dtype=object)
    size = len(np.unique(shop["person"]))
    second = np.full(size, -1)
    second[shop["person"].to_numpy()[size:]] = np.arange(size, len(shop))
    since = np.full(size, np.datetime64("NaT", "us"))
    since[shop["person"].to_numpy()[size:]] = shop["received_at"].to_numpy()[size:]
    person = orders["person"].to_numpy()
    other = (second[person] >= 0) & (orders["time"].to_numpy() >= since[person]) & (random.random(len(orders)) < 0.5)
    return keys[np.where(other, second[person], person)]
