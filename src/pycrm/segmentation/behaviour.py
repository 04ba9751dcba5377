"""How customers buy: how often, how much at once, how widely."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycrm import table
from pycrm.errors import InvalidDataError

__all__ = ["buying_behaviour"]


def buying_behaviour(
    lines: table.Frame,
    *,
    customer: str = "customer",
    order: str = "order",
    time: str = "time",
    amount: str = "amount",
    category: str | None = None,
) -> Any:
    """Return how each customer buys, in a frame of the kind of `lines`, sorted by customer.

    Parameters
    ----------
    lines : frame
        One row an order line.
    customer, order, time, amount : str
        Columns: who, which order, when (a date or a naive time), how much.
    category : str, optional
        Column of what kind of article it is; a missing one is no category.

    Returns
    -------
    frame
        customer, orders, mean_gap (days between orders; NaN with one), spend_per_order, lines_per_order, and with `category`
        breadth (different categories).

    Raises
    ------
    InvalidDataError
        Naming the row of a missing customer or order, or an order of two customers.

    Examples
    --------
    >>> import datetime as dt
    >>> day = dt.date(2024, 1, 1)
    >>> rows = {"customer": ["ann"] * 3, "order": [1, 1, 2], "time": [day, day, dt.date(2024, 1, 11)], "amount": [4.0, 6.0, 20.0]}
    >>> buying_behaviour(rows)[["orders", "mean_gap", "spend_per_order", "lines_per_order"]].to_numpy().tolist()
    [[2.0, 10.0, 15.0, 1.5]]
    """
    frame = table.eager(lines)
    who, names = table.factorise(table.column(frame, customer), customer)
    which, orders = table.factorise(table.column(frame, order), order)
    for name, codes in ((customer, who), (order, which)):
        if (codes < 0).any():
            raise InvalidDataError(name, int(np.argmin(codes)), None, "drop rows without one, or give it")
    when = table.day_numbers(frame, time) if len(who) else np.empty(0, dtype=np.int64)
    spent = table.numbers(frame, amount)
    owner = np.full(len(orders), -1, dtype=np.int64)
    owner[which] = who
    if (owner[which] != who).any():
        row = int(np.argmax(owner[which] != who))
        raise InvalidDataError(order, row, orders[which[row]], "this order is of two customers; give each its own id")
    day = np.full(len(orders), np.iinfo(np.int64).max)
    np.minimum.at(day, which, when)
    size = len(names)
    count = np.bincount(owner, minlength=size) if size else np.empty(0, dtype=np.int64)
    first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, np.iinfo(np.int64).min)
    np.minimum.at(first, owner, day)
    np.maximum.at(last, owner, day)
    made: dict[str, Any] = {
        "customer": names,
        "orders": count,
        "mean_gap": np.where(count > 1, (last - first) / np.maximum(count - 1, 1), np.nan),
        "spend_per_order": np.bincount(who, weights=spent, minlength=size) / count,
        "lines_per_order": np.bincount(who, minlength=size) / count,
    }
    if category is not None:
        kind, kinds = table.factorise(table.column(frame, category), category)
        known = kind >= 0
        pairs = np.unique(who[known] * max(len(kinds), 1) + kind[known])
        made["breadth"] = np.bincount(pairs // max(len(kinds), 1), minlength=size)
    rows = np.argsort(names.astype(str) if names.dtype.kind == "O" else names, kind="stable")
    return table.build({name: np.asarray(values)[rows] for name, values in made.items()}, like=lines)
