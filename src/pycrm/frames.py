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

Other texts are ``str`` (``object`` before pandas 3), whole numbers ``Int64`` where any is missing, truth values ``boolean``
where any is missing. `frame_of` gives the same types from columns read in batches, where the kind of a column is said and
not seen: one in which every value is missing has its type too. A Polars frame has String, Int64, Float64, Boolean,
Datetime("us", "UTC") and Date; ids are String there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import numpy as np
import pandas as pd

from pycrm.errors import CurrencyMismatchError, InvalidDataError, InvalidValueError, MissingExtraError
from pycrm.model.order import Order, OrderStatus

if TYPE_CHECKING:
    import polars as pl

__all__ = ["columns_of", "frame_of", "orders_frame", "to_frame", "to_frames"]


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


class TypedColumns(Protocol):
    """Columns in stretches whose kinds are known: what `pycrm.storage.read_batches` gives."""

    @property
    def kinds(self) -> Mapping[str, str | None]:
        """What each column holds: text, int, float, decimal, bool, time, date or uuid; None for plain data."""
        ...

    def __iter__(self) -> Iterator[Mapping[str, Sequence[Any]]]: ...


@overload
def frame_of(batches: TypedColumns, *, library: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
@overload
def frame_of(batches: TypedColumns, *, library: Literal["polars"]) -> pl.DataFrame: ...
def frame_of(batches: TypedColumns, *, library: Literal["pandas", "polars"] = "pandas") -> pd.DataFrame | pl.DataFrame:
    """Return columns, read a stretch at a time, as one data frame; the same types whatever store they come from.

    Each stretch is packed before the next one is read, so what is held at the end is the frame and little more.

    Parameters
    ----------
    batches : TypedColumns
        From `pycrm.storage.read_batches`.
    library : {"pandas", "polars"}
        Whose data frame it becomes.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore, Query, read_batches
    >>> with MemoryStore().begin() as uow:
    ...     _ = uow.products.add(Product(sku="A1", name="Pen"))
    ...     frame = frame_of(read_batches(uow, Query(Product), ["sku", "version"]))
    >>> frame.to_dict("list")
    {'sku': ['A1'], 'version': [1]}
    """
    if library not in {"pandas", "polars"}:
        raise InvalidValueError("library", library, "choose 'pandas' or 'polars'")
    kinds = batches.kinds
    pack = _pack if library == "pandas" else _pack_polars
    packed: dict[str, list[Any]] = {name: [] for name in kinds}
    for stretch in batches:
        for name, values in stretch.items():
            packed[name].append(pack(kinds[name], values))
    made: dict[str, Any] = {}
    for name, kind in kinds.items():
        # One column at a time, each stretch freed as it is joined: never the whole frame twice.
        join = _joined if library == "pandas" else _joined_polars
        made[name] = join(name, kind, packed.pop(name))
    if library == "pandas":
        return pd.DataFrame(made, copy=False)
    frame: pl.DataFrame = _polars().DataFrame(made)
    return frame


_NUMPY = {"float": "float64", "decimal": "float64", "time": "datetime64[us]", "date": "datetime64[us]"}


def _pack(kind: str | None, values: Any) -> Any:
    """Return one stretch of a column in the form that takes least: an array, or a list of what has no type."""
    arrow = hasattr(values, "null_count")
    match kind:
        case "float" | "decimal":
            if arrow:
                return values.to_numpy(zero_copy_only=False)
            return np.array(values, dtype="float64")
        case "int" | "bool":
            missing = values.null_count > 0 if arrow else None in values
            dtype = {"int": "int64", "bool": "bool"}[kind]
            if not missing:
                return values.to_numpy(zero_copy_only=False) if arrow else np.array(values, dtype=dtype)
            listed = values.to_pylist() if arrow else values
            return pd.array(listed, dtype="Int64" if kind == "int" else "boolean")
        case "time" | "date":
            if arrow:
                return values.to_numpy(zero_copy_only=False).astype("datetime64[us]")
            if kind == "time":
                return pd.DatetimeIndex(values, dtype="datetime64[us, UTC]").asi8.view("datetime64[us]")
            return np.array(values, dtype="datetime64[D]").astype("datetime64[us]")
        case "text":
            return pd.Series(values.to_pandas() if arrow else values, dtype="str")
    return values.to_pylist() if arrow else values


def _joined(name: str, kind: str | None, parts: list[Any]) -> pd.Series:
    """Return the stretches of a column as one series."""
    if kind in _NUMPY:
        whole = np.concatenate(parts) if parts else np.array([], dtype=_NUMPY[kind])
        made = pd.Series(whole, name=name, copy=False)
        if kind == "time":
            made = made.dt.tz_localize("UTC")
        return made
    if kind in {"int", "bool"}:
        if all(isinstance(part, np.ndarray) for part in parts):
            return pd.Series(np.concatenate(parts) if parts else np.array([], dtype=kind), name=name, copy=False)
        dtype = "Int64" if kind == "int" else "boolean"
        parts = [pd.Series(part, dtype=dtype) for part in parts]
    if kind in {"text", "int", "bool"}:
        joined: pd.Series = pd.concat(parts or [pd.Series([], dtype="str")], ignore_index=True)
        return joined.rename(name)
    listed = [value for part in parts for value in part]
    return pd.Series(listed, name=name, dtype=object) if kind == "uuid" else _series(name, listed)


def _polars() -> Any:
    try:
        import polars as pl
    except ImportError as error:
        raise MissingExtraError("polars", "polars") from error
    return pl


def _pack_polars(kind: str | None, values: Any) -> Any:
    pl = _polars()
    if kind is None:
        return values.to_pylist() if hasattr(values, "null_count") else values
    if hasattr(values, "null_count"):
        made = pl.from_arrow(values)
    elif kind == "uuid":
        made = pl.Series([None if value is None else str(value) for value in values], dtype=pl.String)
    elif kind == "decimal":
        made = pl.Series([None if value is None else float(value) for value in values], dtype=pl.Float64)
    else:
        made = pl.Series(values, dtype=_polars_type(kind))
    return made.cast(_polars_type(kind))


def _polars_type(kind: str) -> Any:
    pl = _polars()
    types = {"text": pl.String, "uuid": pl.String, "int": pl.Int64, "float": pl.Float64, "decimal": pl.Float64}
    types |= {"bool": pl.Boolean, "time": pl.Datetime("us", "UTC"), "date": pl.Date}
    return types[kind]


def _joined_polars(name: str, kind: str | None, parts: list[Any]) -> Any:
    pl = _polars()
    if kind is None:
        return pl.Series(name, [value for part in parts for value in part], strict=False)
    return pl.concat(parts).alias(name) if parts else pl.Series(name, [], dtype=_polars_type(kind))


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
