"""What customers bring and cost: profitability, share of customer, and how few carry the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, NotEstimableError

__all__ = ["Concentration", "concentration", "profitability", "value_needs_grid"]


def profitability(
    customers: table.Frame,
    *,
    revenue: str = "revenue",
    cost_of_goods: str | None = None,
    cost_to_serve: str | None = None,
    acquisition: str | None = None,
    spending: str | None = None,
    threshold: float = 0.0,
) -> Any:
    """Return `customers` with the columns `profit`, `margin`, `profitable`, and with `spending` also `share_of_customer` and `potential`.

    Parameters
    ----------
    customers : frame
        One row a customer, or a segment.
    revenue, cost_of_goods, cost_to_serve, acquisition : str
        Columns of money in one currency; what is not named is not subtracted. Costs are at least 0.
    spending : str, optional
        Column of all the customer spends on what we sell, here or elsewhere.
    threshold : float
        The profit below which a relationship is not profitable.

    Returns
    -------
    frame
        Of the same kind. profit = revenue - cost of goods - cost to serve - acquisition; margin = profit / revenue (missing
        where there is no revenue); share_of_customer = revenue / spending; potential = the profit at a share of 1 and this
        margin, less what it costs to acquire once.

    Examples
    --------
    >>> rows = {"revenue": [100.0, 50.0], "goods": [60.0, 30.0], "service": [10.0, 40.0]}
    >>> profitability(rows, cost_of_goods="goods", cost_to_serve="service")["profit"].tolist()
    [30.0, -20.0]
    """
    frame = table.eager(customers)
    income = table.numbers(frame, revenue)
    running = income.copy()
    for name in (cost_of_goods, cost_to_serve):
        if name is not None:
            running = running - table.numbers(frame, name, minimum=0.0)
    once = np.zeros(len(income)) if acquisition is None else table.numbers(frame, acquisition, minimum=0.0)
    profit = running - once
    columns = {name: table.column(frame, name) for name in frame.columns}
    with np.errstate(invalid="ignore", divide="ignore"):
        columns |= {
            "profit": profit,
            "margin": np.where(income > 0, profit / income, np.nan),
            "profitable": profit >= threshold,
        }
        if spending is not None:
            whole = table.numbers(frame, spending, minimum=0.0)
            if (whole < income).any():
                row = int(np.argmax(whole < income))
                raise InvalidDataError(
                    spending, row, float(whole[row]), f"give at least the revenue here, {income[row]:g}"
                )
            columns["share_of_customer"] = np.where(whole > 0, income / whole, np.nan)
            columns["potential"] = np.where(income > 0, whole * (running / income) - once, profit)
    return table.build(columns, like=customers, aligned=True)


@frozen(kw_only=True, eq=False)
class Concentration:
    """How unevenly value is spread over customers.

    Parameters
    ----------
    values : ndarray
        Of each customer, best first.
    """

    values: NDArray[np.float64] = field(repr=False)

    @property
    def total(self) -> float:
        """The sum."""
        return float(self.values.sum())

    @property
    def gini(self) -> float:
        """0 if all are alike, near 1 if one has all.

        Raises
        ------
        NotEstimableError
            If a value is negative or all are 0: the index has no meaning there; look at the whale curve.
        """
        if not len(self.values) or self.values[-1] < 0 or self.total <= 0:
            raise NotEstimableError(
                "the Gini index", "a value is negative or all are 0; the whale curve still has a meaning"
            )
        n = len(self.values)
        rank = np.arange(n, 0, -1)
        return float((2.0 * (rank * self.values).sum() / self.total - (n + 1.0)) / n)

    def top_share(self, share: float) -> float:
        """Return the part of the total that the top `share` of customers has; a fraction of a customer counts in part.

        Examples
        --------
        >>> concentration([80, 5, 5, 5, 5]).top_share(0.2)
        0.8
        """
        share = table.number_option("share", share, "give a share from 0 to 1", least=0.0, most=1.0)
        self._positive("the share of the top")
        reached = np.r_[0.0, np.cumsum(self.values)]
        return float(np.interp(share * len(self.values), np.arange(len(reached)), reached) / self.total)

    def lorenz(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the Lorenz curve: share of customers, poorest first, and share of the total they have."""
        self._positive("the Lorenz curve")
        return np.linspace(0.0, 1.0, len(self.values) + 1), np.r_[0.0, np.cumsum(self.values[::-1])] / self.total

    def whale_curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the whale curve: share of customers, best first, and their sum over the total; it rises above 1 where some cost money."""
        self._positive("the whale curve")
        return np.linspace(0.0, 1.0, len(self.values) + 1), np.r_[0.0, np.cumsum(self.values)] / self.total

    @property
    def peak(self) -> tuple[float, float]:
        """Where the whale curve is highest: the share of customers who bring money, and the sum they bring over the total."""
        share, reached = self.whale_curve()
        most = int(np.argmax(reached))
        return float(share[most]), float(reached[most])

    def deciles(self) -> NDArray[np.float64]:
        """Return the sums of the tenths of the customers, best tenth first; a customer on an edge is split."""
        reached = np.r_[0.0, np.cumsum(self.values)]
        sums: NDArray[np.float64] = np.diff(
            np.interp(np.linspace(0, len(self.values), 11), np.arange(len(reached)), reached)
        )
        return sums

    def _positive(self, quantity: str) -> None:
        if not self.total > 0:
            raise NotEstimableError(quantity, "the total is not above 0")


def concentration(values: ArrayLike) -> Concentration:
    """Return how unevenly `values`, one a customer, are spread.

    Examples
    --------
    >>> concentration([10, 10, 10, 10]).gini, concentration([100, 50, -50]).peak
    (0.0, (0.6666666666666666, 1.5))
    """
    given = table.numbers({"values": np.asarray(values).reshape(-1)}, "values")
    return Concentration(values=np.sort(given)[::-1])


def value_needs_grid(
    customers: table.Frame, *, tier: str = "tier", need: str = "need", value: str | None = None
) -> Any:
    """Return the grid of value tiers and needs: customers in each cell, and their value.

    Parameters
    ----------
    customers : frame
        One row a customer; several rows where a customer has several needs.
    tier, need : str
        Columns; a missing need is its own, called "unknown".
    value : str, optional
        Column to sum.

    Returns
    -------
    frame
        Of the same kind: tier, need, customers, share (of the tier), and value; every cell is there, also an empty one.

    Examples
    --------
    >>> rows = {"tier": ["gold", "gold", "tin"], "need": ["speed", "price", "price"]}
    >>> value_needs_grid(rows)["customers"].tolist()
    [1, 1, 1, 0]
    """
    frame = table.eager(customers)
    tier_code, tiers = table.factorise(table.column(frame, tier), tier)
    if (tier_code < 0).any():
        raise InvalidDataError(tier, int(np.argmin(tier_code)), None, "give each row a tier")
    need_code, needs = table.factorise(table.column(frame, need), need)
    names = [*map(str, needs), *(["unknown"] if (need_code < 0).any() else [])]
    need_code = np.where(need_code < 0, len(needs), need_code)
    cell = tier_code * len(names) + need_code
    size = len(tiers) * len(names)
    counts = np.bincount(cell, minlength=size).reshape(len(tiers), len(names))
    rows, columns = np.argsort(tiers.astype(str), kind="stable"), np.argsort(names, kind="stable")
    made = {
        "tier": np.repeat(np.asarray(tiers, dtype=object)[rows], len(names)),
        "need": np.tile(np.asarray(names, dtype=object)[columns], len(tiers)),
        "customers": counts[np.ix_(rows, columns)].reshape(-1),
        "share": (counts / np.maximum(counts.sum(1, keepdims=True), 1))[np.ix_(rows, columns)].reshape(-1),
    }
    if value is not None:
        worth = table.numbers(frame, value)
        order = np.lexsort((worth, cell))  # the last digits of a sum hang on the order of its parts
        sums = np.bincount(cell[order], weights=worth[order], minlength=size).reshape(len(tiers), len(names))
        made["value"] = sums[np.ix_(rows, columns)].reshape(-1)
    return table.build(made, like=customers)
