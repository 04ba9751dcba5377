"""The one bridge from entities and stored columns to data frames and back; it owns the names and units of columns.

============  ==========================================  =======================================================
column        what it is                                  type in a pandas frame
============  ==========================================  =======================================================
``customer``  id of a customer                            object (UUID)
``order``     id of an order                              object (UUID)
``time``      when, UTC                                   ``datetime64[us, UTC]``
``day``       calendar day, UTC                           ``datetime64[us]`` at midnight
``amount``    money in ``currency``, after discount       ``float64``; exact Decimals stay in the columns
``quantity``  how many                                    ``float64``
``currency``  ISO 4217                                    ``str``
============  ==========================================  =======================================================

Other texts are ``str``, whole numbers ``Int64`` where any is missing, truth values ``boolean`` where any is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pandas as pd

from pycrm.errors import CurrencyMismatchError, InvalidDataError
from pycrm.model.order import Order, OrderStatus

__all__ = ["columns_of", "orders_frame", "to_frame", "to_frames"]


def _series(name: str, values: Sequence[Any]) -> pd.Series:
    present = [value for value in values if value is not None]
    kinds = {type(value.value) if isinstance(value, Enum) else type(value) for value in present}
    plain = [value.value if isinstance(value, Enum) else value for value in values]
    if not kinds:
        return pd.Series(plain, name=name, dtype=object)
    if all(issubclass(kind, datetime) for kind in kinds):
        return pd.Series(pd.to_datetime(pd.Series(plain, dtype=object), utc=True).dt.as_unit("us"), name=name)
    if kinds == {date}:
        return pd.Series(pd.to_datetime(pd.Series(plain, dtype=object)).dt.as_unit("us"), name=name)
    if kinds == {bool}:
        return pd.Series(plain, name=name, dtype=bool if len(present) == len(plain) else "boolean")
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in present):
        return pd.Series(plain, name=name, dtype="int64" if len(present) == len(plain) else "Int64")
    if kinds <= {int, float, Decimal}:
        return pd.Series(
            [float("nan") if value is None else float(value) for value in plain], name=name, dtype="float64"
        )
    if kinds == {str}:
        return pd.Series(plain, name=name, dtype="str")
    return pd.Series(plain, name=name, dtype=object)


def to_frame(columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return columns, as stores give them, as a data frame with the types stated above.

    Raises
    ------
    InvalidDataError
        If the columns are of different lengths.

    Examples
    --------
    >>> from decimal import Decimal
    >>> to_frame({"sku": ["A1"], "amount": [Decimal("1.50")]}).to_dict("list")
    {'sku': ['A1'], 'amount': [1.5]}
    """
    sizes = {len(values) for values in columns.values()}
    if len(sizes) > 1:
        short = min(columns, key=lambda name: len(columns[name]))
        raise InvalidDataError(short, None, len(columns[short]), f"the longest column has {max(sizes)} rows")
    return pd.DataFrame({name: _series(name, values) for name, values in columns.items()})


def to_frames(tables: Mapping[str, Mapping[str, Sequence[Any]]]) -> dict[str, pd.DataFrame]:
    """Return facts and dimensions, as `pycrm.storage.facts` gives them, as data frames.

    Examples
    --------
    >>> list(to_frames({"products": {"sku": ["A1"]}})["products"]["sku"])
    ['A1']
    """
    return {name: to_frame(columns) for name, columns in tables.items()}


def orders_frame(orders: Iterable[Order]) -> pd.DataFrame:
    """Return one row per order that was not cancelled: customer, order, time, amount (net of refunds), currency.

    The frame goes into `pycrm.clv.purchase_summary` and `pycrm.segmentation.rfm_scores` with ``customer="customer"``,
    ``time="time"``, ``amount="amount"``.

    Raises
    ------
    CurrencyMismatchError
        If the orders are not all in one currency.

    Examples
    --------
    >>> list(orders_frame([]).columns)
    ['customer', 'order', 'time', 'amount', 'currency']
    """
    made: dict[str, list[Any]] = {"customer": [], "order": [], "time": [], "amount": [], "currency": []}
    for order in orders:
        if order.status is OrderStatus.CANCELLED:
            continue
        if made["currency"] and made["currency"][0] != order.currency:
            raise CurrencyMismatchError(made["currency"][0], order.currency)
        row = (order.customer_id, order.id, order.placed_at, order.net.amount, order.currency)
        for name, value in zip(made, row, strict=True):
            made[name].append(value)
    return to_frame(made)


def columns_of(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return a data frame as columns that stores take: Python values, None for what is missing, times aware.

    Raises
    ------
    InvalidDataError
        If two columns have one name.

    Examples
    --------
    >>> columns_of(pd.DataFrame({"sku": ["A1", None], "seats": [1.0, float("nan")]}))
    {'sku': ['A1', None], 'seats': [1.0, None]}
    """
    names = [str(name) for name in frame.columns]
    for name in names:
        if names.count(name) > 1:
            raise InvalidDataError(name, None, names, "give each column a name of its own")
    made: dict[str, list[Any]] = {}
    for at, name in enumerate(names):
        column = frame.iloc[:, at]
        if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
            aware = column if isinstance(column.dtype, pd.DatetimeTZDtype) else column.dt.tz_localize("UTC")
            made[name] = [None if value is pd.NaT else value.to_pydatetime() for value in aware.dt.tz_convert("UTC")]
        else:
            missing = column.isna()
            made[name] = [None if gone else value for value, gone in zip(column.tolist(), missing, strict=True)]
    return made
