"""What the invented people buy and give back: purchases at a rate of their own until they silently leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from attrs import frozen
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["Behaviour", "make_habits", "make_lines", "make_orders", "make_products", "make_refunds"]

_CATEGORIES = {
    "Tea": "Green Black White Oolong Herbal Chai Matcha Rooibos Jasmine Mint",
    "Coffee": "Espresso Filter Decaf Arabica Robusta Blend Single Dark Light Cold",
    "Kitchen": "Kettle Teapot Mug Grinder Filter Spoon Tray Jar Timer Scale",
    "Gifts": "Box Card Candle Basket Ribbon Voucher Set Frame Album Lamp",
    "Books": "Atlas Novel Guide Diary Cookbook Poems History Garden Travel Art",
    "Home": "Cushion Throw Vase Clock Mirror Rug Hook Shelf Lantern Basket",
}
_SIZES = ("small", "medium", "large", "deluxe")
_MICROSECONDS_A_DAY = 86_400_000_000


@frozen(kw_only=True)
class Behaviour:
    """How the customers of a business differ: BG/NBD for purchases, with weeks as the unit.

    Parameters
    ----------
    r, alpha : float
        Purchase rates are Gamma(r, alpha) per week.
    a, b : float
        After each repeat purchase a customer leaves for good with a probability of their own, Beta(a, b).
    lines_per_order : float
        Mean.
    refund_rate : float
        Share of lines given back.
    """

    r: float = 1.0
    alpha: float = 12.0
    a: float = 0.8
    b: float = 2.4
    lines_per_order: float = 2.2
    refund_rate: float = 0.03


def make_products(random: Generator) -> pd.DataFrame:
    """Return a catalogue: category, name, price and cost in cents."""
    rows = [
        (category, f"{word} {category.lower()}, {size}", scale)
        for category, words in _CATEGORIES.items()
        for word in words.split()
        for scale, size in enumerate(_SIZES, start=1)
    ]
    category, name, scale = zip(*rows, strict=True)
    price = np.round(np.exp(random.normal(2.0, 0.5, len(rows))) * np.asarray(scale) * 20) * 5 + 95
    return pd.DataFrame(
        {
            "sku": [f"P{number:04d}" for number in range(1, len(rows) + 1)],
            "name": np.asarray(name, dtype=object),
            "category": np.asarray(category, dtype=object),
            "price": price.astype(np.int64),
            "cost": np.round(price * random.uniform(0.4, 0.7, len(rows))).astype(np.int64),
        }
    )


def make_habits(random: Generator, size: int, behaviour: Behaviour) -> dict[str, NDArray[Any]]:
    """Return what makes each customer tick: the truth that an estimate is held against."""
    return {
        "purchase_rate": random.gamma(behaviour.r, 1 / behaviour.alpha, size),
        "churn_rate": random.beta(behaviour.a, behaviour.b, size),
        "spend": random.gamma(4.0, 0.25, size) + 0.2,
        "favourite": random.choice(np.asarray(list(_CATEGORIES), dtype=object), size),
        "responsiveness": random.beta(2.0, 5.0, size),
    }


def make_orders(
    random: Generator,
    habits: dict[str, NDArray[Any]],
    joined: NDArray[np.datetime64],
    end: np.datetime64,
) -> tuple[pd.DataFrame, NDArray[np.datetime64]]:
    """Return orders by time, and when each customer left; NaT where he has not left by `end`.

    The first purchase is at `joined`. What would be bought by then if nobody left is a Poisson process; it ends with the
    purchase after which the customer left.
    """
    size = len(joined)
    weeks = (end - joined).astype(np.int64) / (7 * _MICROSECONDS_A_DAY)
    possible = random.poisson(habits["purchase_rate"] * weeks)
    last = random.geometric(np.maximum(habits["churn_rate"], 1e-12))
    owner = np.repeat(np.arange(size), possible)
    share = random.random(len(owner))
    owner_share = np.lexsort((share, owner))
    share = share[owner_share]
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(possible) - possible, possible)
    kept = rank < last[owner]
    repeat_owner, repeat_share = owner[kept], share[kept]
    gone = possible >= last
    left = np.full(size, np.datetime64("NaT", "us"))
    at = joined[owner] + (share * (end - joined).astype(np.int64)[owner]).astype("timedelta64[us]")
    final = rank == last[owner] - 1
    left[owner[final]] = at[final]
    left[~gone] = np.datetime64("NaT", "us")
    person = np.concatenate([np.arange(size), repeat_owner])
    time = np.concatenate(
        [
            joined,
            joined[repeat_owner]
            + (repeat_share * (end - joined).astype(np.int64)[repeat_owner]).astype("timedelta64[us]"),
        ]
    )
    time = time.astype("datetime64[s]").astype("datetime64[us]")
    by_time = np.lexsort((person, time))
    orders = pd.DataFrame({"order": np.arange(len(person)), "person": person[by_time], "time": time[by_time]})
    orders["number"] = ("O" + (orders["order"] + 1).astype(str).str.zfill(8)).to_numpy(dtype=object)
    return orders, left


def make_lines(
    random: Generator, orders: pd.DataFrame, products: pd.DataFrame, habits: dict[str, NDArray[Any]], mean: float
) -> pd.DataFrame:
    """Return the lines of `orders`: half of what a customer buys is of the category they like best."""
    counts = 1 + random.poisson(mean - 1, len(orders))
    order = np.repeat(orders["order"].to_numpy(), counts)
    person = np.repeat(orders["person"].to_numpy(), counts)
    line = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    weights = np.arange(1, len(products) + 1) ** -0.7
    popular = random.permutation(len(products))[
        np.searchsorted(np.cumsum(weights / weights.sum()), random.random(len(order)) * 0.999999)
    ]
    by_category = products.groupby("category", sort=False).indices
    wanted = habits["favourite"][person]
    liked = random.random(len(order)) < 0.5
    for category, places in by_category.items():
        rows = np.flatnonzero(liked & (wanted == category))
        popular[rows] = np.asarray(places)[random.integers(0, len(places), len(rows))]
    return pd.DataFrame(
        {
            "order": order,
            "line": line,
            "product": popular,
            "quantity": 1 + random.poisson(habits["spend"][person]),
            "unit_price": products["price"].to_numpy()[popular],
        }
    )


def make_refunds(
    random: Generator, orders: pd.DataFrame, lines: pd.DataFrame, end: np.datetime64, rate: float
) -> pd.DataFrame:
    """Return what was given back, by time: some pieces of a line, within three weeks."""
    rows = np.flatnonzero(random.random(len(lines)) < rate)
    quantity = lines["quantity"].to_numpy()[rows]
    back = np.ceil(quantity * random.random(len(rows))).astype(np.int64).clip(1, quantity)
    order = lines["order"].to_numpy()[rows]
    waited = (random.uniform(1, 21, len(rows)) * _MICROSECONDS_A_DAY).astype(np.int64)
    at = orders["time"].to_numpy()[order] + (waited // 1_000_000 * 1_000_000).astype("timedelta64[us]")
    refunds = pd.DataFrame(
        {
            "order": order,
            "line": lines["line"].to_numpy()[rows],
            "quantity": back,
            "amount": back * lines["unit_price"].to_numpy()[rows],
            "at": at,
        }
    )
    return refunds[refunds["at"] <= end].sort_values(["at", "order", "line"], kind="stable", ignore_index=True)
