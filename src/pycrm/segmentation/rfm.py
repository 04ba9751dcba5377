"""Recency, frequency and monetary scores of every customer, the same integers on every engine and for every order of rows.

Cut points are values, never ranks: equal customers share a score, and one more or one fewer row of theirs changes nothing else.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError

__all__ = ["RfmEdges", "RfmRule", "rfm_edges", "rfm_scores"]

RfmRule: TypeAlias = Literal["value-edges", "r-rfm"]
"""How a value meets an edge: strictly above it, or the rule of the R package rfm (at or above the edge plus one)."""

MEASURES = ("recency", "frequency", "monetary")
MICROSECONDS_A_DAY = 86_400_000_000

MOST = 4e12 / 1_000
DAY, UNITS, ORDER = "day_", "units_", "order_"

Counts: TypeAlias = tuple[NDArray[Any], NDArray[np.int64]]


def _ascending(value: Any) -> tuple[float, ...]:
    try:
        return tuple(float(edge) for edge in value)
    except (TypeError, ValueError):
        raise InvalidValueError("edges", value, "give numbers in ascending order, such as (30, 90, 180)") from None


def _checked_edges(_: object, attribute: Any, value: tuple[float, ...]) -> None:
    if not value or not all(np.isfinite(value)):
        raise InvalidValueError(attribute.name, value, "give one finite edge or more")
    if list(value) != sorted(value):
        raise InvalidValueError(attribute.name, value, "give the edges in ascending order")


@frozen(kw_only=True)
class RfmEdges:
    """The cut points of the three scores; with k edges a score runs from 1 to k + 1.

    Parameters
    ----------
    recency : tuple of float
        Days since the last order, ascending. Fewer days are better: the score is mirrored.
    frequency : tuple of float
        Number of orders, ascending.
    monetary : tuple of float
        Money spent, ascending, in the unit of the amounts.
    rule : {"value-edges", "r-rfm"}
        "value-edges": a score is one more than the number of edges below the value. "r-rfm": one is added to each edge, and
        edges at or below the value count; only that gives the numbers of the R package rfm.

    Examples
    --------
    >>> edges = RfmEdges(recency=(30, 90), frequency=(1, 3), monetary=(100, 500))
    >>> edges.scores([10, 90, 200], [1, 2, 9], [50, 100.5, 5000]).tolist()
    [[3, 1, 1], [2, 2, 2], [1, 3, 3]]
    """

    recency: tuple[float, ...] = field(converter=_ascending, validator=_checked_edges)
    frequency: tuple[float, ...] = field(converter=_ascending, validator=_checked_edges)
    monetary: tuple[float, ...] = field(converter=_ascending, validator=_checked_edges)
    rule: RfmRule = field(default="value-edges")

    def __attrs_post_init__(self) -> None:
        if self.rule not in get_args(RfmRule):
            raise InvalidValueError("rule", self.rule, f"give one of {', '.join(get_args(RfmRule))}")
        if not len(self.recency) == len(self.frequency) == len(self.monetary):
            lengths = (len(self.recency), len(self.frequency), len(self.monetary))
            raise InvalidValueError("edges", lengths, "give the three scores the same number of edges")

    @property
    def bins(self) -> int:
        """The highest score."""
        return len(self.recency) + 1

    def scores(self, recency: Any, frequency: Any, monetary: Any) -> NDArray[np.int64]:
        """Return r, f and m of each customer, shape (n, 3)."""
        r = self.bins + 1 - self._above(self.recency, recency)
        return np.stack([r, self._above(self.frequency, frequency), self._above(self.monetary, monetary)], axis=-1)

    def _above(self, edges: tuple[float, ...], values: Any) -> NDArray[np.int64]:
        given = np.asarray(values, dtype=np.float64)
        if np.isnan(given).any():
            raise InvalidDataError("scores", int(np.argmax(np.isnan(given))), float("nan"), "give a finite number")
        if self.rule == "r-rfm":
            return np.searchsorted(np.asarray(edges) + 1.0, given, side="right") + 1
        return np.searchsorted(np.asarray(edges), given, side="left") + 1


def rfm_scores(
    orders: table.Frame,
    *,
    as_of: dt.date,
    customer: str = "customer",
    time: str = "time",
    amount: str = "amount",
    order: str | None = None,
    bins: int = 5,
    edges: RfmEdges | None = None,
    rule: RfmRule = "value-edges",
    weights: tuple[float, float, float] | None = None,
) -> Any:
    """Score each customer by recency, frequency and money spent, as things stood at `as_of`.

    Parameters
    ----------
    orders : frame
        Orders or order lines, at least one row; rows after `as_of` are left out.
    as_of : date or datetime
        The snapshot: a date stands for the end of that day, and recency counts calendar days; a naive datetime is that
        moment, and recency counts whole days elapsed.
    customer, time, amount : str
        Columns: who, when (a date, or a naive local time), how much. Amounts may be negative (refunds), and are summed
        exactly, in millionths of their unit, so the sum does not depend on the order of rows.
    order : str, optional
        Column of the order id, where a row is an order line; frequency counts the distinct orders of the customer. Without
        it one row is one order.
    bins : int
        Scores run from 1 to `bins`, cut at quantiles over the customers (type 7 of Hyndman & Fan).
    edges : RfmEdges, optional
        Fixed cut points instead of quantiles: of a former date, or agreed with the business.
    rule : {"value-edges", "r-rfm"}
        See `RfmEdges`; ignored with `edges`, which bring their own.
    weights : tuple of float, optional
        Adds a column `rfm`, the mean of r, f and m with these weights.

    Returns
    -------
    frame
        Of the same kind: customer, recency (days), frequency (orders), monetary, r, f, m; one row a customer, sorted by it.
        A Polars lazy frame, a DuckDB relation or a PySpark frame is grouped and scored by its own engine (only four cut points
        a score come here), gives the same integers, and comes back unsorted.

    Raises
    ------
    InvalidDataError
        Naming column and row of a missing customer or order, a value that is no date, or an amount that is no finite number.
    NotEstimableError
        If no row lies on or before `as_of`, so there are no quantiles.

    Notes
    -----
    Customers who are all alike share one cell: the most recent (r = `bins`) and the lowest f and m.

    Examples
    --------
    >>> import datetime as dt
    >>> orders = {
    ...     "customer": ["ann", "ann", "bob", "cia"],
    ...     "time": [dt.date(2024, 1, 3), dt.date(2024, 3, 1), dt.date(2024, 1, 9), dt.date(2024, 2, 2)],
    ...     "amount": [20.0, 30.5, 10.0, 99.0],
    ... }
    >>> rfm_scores(orders, as_of=dt.date(2024, 3, 31), bins=3)
      customer  recency  frequency  monetary  r  f  m
    0      ann       30          2      50.5  3  3  2
    1      bob       82          1      10.0  1  1  1
    2      cia       58          1      99.0  2  1  3
    """
    share = _weights(weights)
    given: Any = edges
    if given is not None and not isinstance(given, RfmEdges):
        raise InvalidValueError("edges", edges, "give RfmEdges(recency=..., frequency=..., monetary=...)")
    lazy = table.lazy(orders)
    if lazy is not None:
        facts_there = _lazy_customers(lazy, as_of=as_of, customer=customer, time=time, amount=amount, order=order)
        return _lazy_scores(facts_there, bins=bins, edges=edges, rule=rule, share=share)
    facts = _customers(orders, as_of=as_of, customer=customer, time=time, amount=amount, order=order)
    who, recency, frequency, monetary = facts
    cuts = _quantile_edges(recency, frequency, monetary, bins=bins, rule=rule) if edges is None else edges
    scores = cuts.scores(recency, frequency, monetary)
    columns = {
        "customer": who,
        "recency": recency,
        "frequency": frequency,
        "monetary": monetary,
        "r": scores[:, 0],
        "f": scores[:, 1],
        "m": scores[:, 2],
    }
    if share is not None:
        columns["rfm"] = scores @ share
    return table.build(columns, like=orders)


def rfm_edges(
    orders: table.Frame,
    *,
    as_of: dt.date,
    customer: str = "customer",
    time: str = "time",
    amount: str = "amount",
    order: str | None = None,
    bins: int = 5,
    rule: RfmRule = "value-edges",
) -> RfmEdges:
    """Return the quantile cut points `rfm_scores` would use, to keep them for a later date.

    Parameters
    ----------
    orders, as_of, customer, time, amount, order, bins, rule
        As in `rfm_scores`.

    Examples
    --------
    >>> import datetime as dt
    >>> orders = {"customer": [1, 2, 3], "time": [dt.date(2024, 1, day) for day in (1, 11, 21)], "amount": [5, 7, 9]}
    >>> rfm_edges(orders, as_of=dt.date(2024, 1, 31), bins=2).monetary
    (7.0,)
    """
    lazy = table.lazy(orders)
    if lazy is not None:
        there = _lazy_customers(lazy, as_of=as_of, customer=customer, time=time, amount=amount, order=order)
        return _edges(*(there.counts(name) for name in MEASURES), bins=bins, rule=rule)
    facts = _customers(orders, as_of=as_of, customer=customer, time=time, amount=amount, order=order)
    return _quantile_edges(*facts[1:], bins=bins, rule=rule)


def quantile_edges(values: NDArray[np.float64], bins: int) -> tuple[float, ...]:
    """Return the type 7 quantiles 1/bins, 2/bins ... of a column."""
    bins = table.whole_option("bins", bins, 2)
    return _type_7(*np.unique(values, return_counts=True), bins)


def _weights(weights: tuple[float, float, float] | None) -> NDArray[np.float64] | None:
    if weights is None:
        return None
    try:
        given = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.empty(0)
    if given.shape != (3,) or not np.isfinite(given).all() or (given < 0).any() or given.sum() <= 0:
        raise InvalidValueError("weights", weights, "give three numbers of at least 0, not all 0: for r, f and m")
    share: NDArray[np.float64] = given / given.sum()
    return share


def _customers(
    orders: table.Frame, *, as_of: dt.date, customer: str, time: str, amount: str, order: str | None
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return customer, days since the last order, number of orders, money spent; sorted by customer."""
    now, unit = _now(as_of)
    frame = table.eager(orders)
    codes, who = _codes(frame, customer)
    moments = table.day_numbers(frame, time) if unit == 1 else table.microseconds(frame, time)
    units, scale = _units(frame, amount)
    basket = None if order is None else _codes(frame, order)[0]
    past = moments <= now
    if not past.all():
        codes, moments, units = codes[past], moments[past], units[past]
        basket = None if basket is None else basket[past]
    last = np.full(len(who), np.iinfo(np.int64).min)
    np.maximum.at(last, codes, moments)
    spent = np.zeros(len(who), dtype=np.int64)
    np.add.at(spent, codes, units)
    if basket is None:
        counts = np.bincount(codes, minlength=len(who))
    else:
        # One sort of (customer, order) counts distinct orders several times faster than a hash set for each customer.
        width = int(basket.max(initial=0)) + 1
        pairs = np.sort(codes * width + basket)
        first = np.ones(len(pairs), dtype=bool)
        first[1:] = pairs[1:] != pairs[:-1]
        counts = np.bincount(pairs[first] // width, minlength=len(who))
    seen = np.flatnonzero(counts)
    rows = seen[_sorted(who[seen], customer)]
    return who[rows], (now - last[rows]) // unit, counts[rows].astype(np.int64), spent[rows] / scale


def _lazy_customers(
    orders: table.LazyTable, *, as_of: dt.date, customer: str, time: str, amount: str, order: str | None
) -> table.LazyTable:
    """Return the same facts as `_customers`, grouped by the engine; the rows of the result have no order."""
    if isinstance(as_of, dt.datetime):
        raise InvalidValueError("as_of", as_of, "give a date: an engine counts calendar days")
    today, _ = _now(as_of)
    orders.require(customer, time, amount, *(() if order is None else (order,)))
    present = [customer, time, *(() if order is None else (order,))]
    for name, rows in orders.bad_rows(present=present, numbers={amount: MOST}).items():
        if rows:
            fix = f"give an amount of at most {MOST:g}" if name == amount else "drop rows without one, or give it"
            raise InvalidDataError(name, None, f"{rows} bad rows", fix)
    names = {customer: "customer", DAY: DAY, UNITS: UNITS} | ({} if order is None else {order: ORDER})
    rows_there = orders.with_day(time, DAY).with_millionths(amount, UNITS).renamed(names).at_most(DAY, today)
    if order is not None:
        rows_there = rows_there.grouped(["customer", ORDER], largest=[DAY], total=[UNITS])
    facts = rows_there.grouped(["customer"], largest=[DAY], total=[UNITS], count="frequency").with_rest(
        today, DAY, "recency"
    )
    facts = facts.with_quotient(UNITS, table.MILLIONTHS, "monetary")
    return facts.renamed({name: name for name in ("customer", *MEASURES)}).held()


def _lazy_scores(
    facts: table.LazyTable,
    *,
    bins: int,
    edges: RfmEdges | None,
    rule: RfmRule,
    share: NDArray[np.float64] | None,
) -> Any:
    cuts = _edges(*(facts.counts(name) for name in MEASURES), bins=bins, rule=rule) if edges is None else edges
    at, more = (True, 1.0) if cuts.rule == "r-rfm" else (False, 0.0)
    for name, score, start, by in (("recency", "r", cuts.bins, -1), ("frequency", "f", 1, 1), ("monetary", "m", 1, 1)):
        moved = [edge + more for edge in getattr(cuts, name)]
        facts = facts.with_steps(name, moved, score, at=at, start=start, by=by)
    if share is not None:
        facts = facts.with_mean({"r": share[0], "f": share[1], "m": share[2]}, "rfm")
    return facts.native()


def _now(as_of: dt.date) -> tuple[int, int]:
    """`as_of` as days or, if it has a time of day, as microseconds; and how many of these make a day."""
    given: Any = as_of
    if not isinstance(given, dt.date) or given != given:  # noqa: PLR0124  # NaT calls itself a datetime, unlike itself
        raise InvalidValueError("as_of", as_of, "give a date, or a naive local datetime")
    if getattr(as_of, "tzinfo", None) is not None:
        raise InvalidValueError("as_of", as_of, "convert it to local time and drop the zone, as in the column of times")
    exact = isinstance(as_of, dt.datetime)
    moment = np.datetime64(as_of.isoformat(), "us" if exact else "D")
    return int(moment.astype(np.int64)), MICROSECONDS_A_DAY if exact else 1


def _codes(frame: table.Frame, name: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    codes, values = table.factorise(table.column(frame, name), name)
    if len(codes) and codes.min() < 0:
        raise InvalidDataError(name, int(np.argmin(codes)), None, "drop rows without one, or give it")
    return codes, values


def _sorted(values: NDArray[Any], name: str) -> NDArray[np.int64]:
    try:
        return np.argsort(values, kind="stable")
    except TypeError:
        raise InvalidDataError(name, None, "values of several types", "make them all text or all numbers") from None


def _units(frame: table.Frame, name: str) -> tuple[NDArray[np.int64], int]:
    """Amounts as whole numbers, and how many of them make one unit of money: floats would not add up to the same sum twice."""
    values = table.numbers(frame, name)
    scale = 1 if (values == np.rint(values)).all() else table.MILLIONTHS
    if np.abs(values).sum() * scale >= 2.0**62:
        largest = int(np.argmax(np.abs(values)))
        raise InvalidDataError(name, largest, float(values[largest]), "give amounts whose sum is below 4e12")
    return np.rint(values * scale).astype(np.int64), scale


def _quantile_edges(
    recency: NDArray[np.int64],
    frequency: NDArray[np.int64],
    monetary: NDArray[np.float64],
    *,
    bins: int,
    rule: RfmRule,
) -> RfmEdges:
    r, f, m = (np.unique(values, return_counts=True) for values in (recency, frequency, monetary))
    return _edges(r, f, m, bins=bins, rule=rule)


def _edges(recency: Counts, frequency: Counts, monetary: Counts, *, bins: int, rule: RfmRule) -> RfmEdges:
    bins = table.whole_option("bins", bins, 2)
    if not len(recency[0]):
        raise NotEstimableError("the RFM edges", "no order lies on or before as_of")
    return RfmEdges(
        recency=_type_7(*recency, bins),
        frequency=_type_7(*frequency, bins),
        monetary=_type_7(*monetary, bins),
        rule=rule,
    )


def _type_7(values: NDArray[Any], counts: NDArray[np.int64], bins: int) -> tuple[float, ...]:
    """Quantiles 1/bins ... of distinct ascending `values`, each as often as `counts` says; whole-number ranks, so exact."""
    ends = np.cumsum(counts)
    edges = []
    for cut in range(1, bins):
        rank, rest = divmod((int(ends[-1]) - 1) * cut, bins)
        low, high = values[np.searchsorted(ends, [rank, min(rank + 1, int(ends[-1]) - 1)], side="right")]
        edges.append(float(low + (high - low) * (rest / bins)))
    return tuple(edges)
