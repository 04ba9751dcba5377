"""One entry per purchase: what every figure of the report is computed from, whether it came from a file or a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.report.lines import OrderLines
from pycrm.report.refunds import settle

__all__ = ["Purchases", "purchases_of"]

HALF_A_CENT = 0.005


@frozen(kw_only=True, eq=False)
class Purchases:
    """The purchases of a business, in columns, and how they came about.

    Parameters
    ----------
    customer : ndarray of int
        Whose, as a place in `customers`.
    time : ndarray of datetime64[us]
        When; of several lines the first.
    gross, refunded : ndarray of float
        What was charged, and what of it was given back; 0 <= refunded <= gross.
    customers : ndarray of str
        What to call each customer.
    unallocated : ndarray of float
        For each customer, what was given back beyond any purchase.
    currency : str or None
        Of every amount, if known.
    as_of : numpy.datetime64
        The last day that counts.
    source : str
        Where it came from.
    rows_read, rows_used : int
        Lines seen, and lines these purchases are made of.
    dropped : mapping
        Reason -> lines left out.
    identical_lines : int
        Lines that repeat another of their order in everything but its number; they count.
    refunds : str
        "net" or "ignore".
    notes : tuple of str
        How the source was understood.
    groups : ndarray of str, optional
        The group of each customer, "" where it is not known; None where the source has no column of groups.
    grouped_by : str
        What that column is called.
    """

    customer: NDArray[np.int64] = field(repr=False)
    time: NDArray[np.datetime64] = field(repr=False)
    gross: NDArray[np.float64] = field(repr=False)
    refunded: NDArray[np.float64] = field(repr=False)
    customers: NDArray[Any] = field(repr=False)
    unallocated: NDArray[np.float64] = field(repr=False)
    currency: str | None
    as_of: np.datetime64
    source: str
    rows_read: int
    rows_used: int
    dropped: Mapping[str, int]
    identical_lines: int = 0
    refunds: str = "net"
    notes: tuple[str, ...] = ()
    groups: NDArray[Any] | None = field(default=None, repr=False)
    grouped_by: str = ""

    @property
    def net(self) -> NDArray[np.float64]:
        """What each purchase brought in the end."""
        return self.gross - self.refunded

    @property
    def stands(self) -> NDArray[np.bool_]:
        """Whether anything of a purchase is left; one that was given back whole is no purchase."""
        return self.net > HALF_A_CENT

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which customers were there by then: with a purchase, or with money given back."""
        return np.asarray(
            (np.bincount(self.customer, minlength=len(self.customers)) > 0) | (self.unallocated > 0), dtype=np.bool_
        )

    @property
    def revenue(self) -> float:
        """Purchases less everything given back."""
        return float(self.gross.sum() - self.refunded.sum() - self.unallocated.sum())

    def values(self) -> NDArray[np.float64]:
        """Return what each customer brought so far; below 0 if more was given back than charged."""
        return np.bincount(self.customer, weights=self.net, minlength=len(self.customers)) - self.unallocated


def purchases_of(lines: OrderLines, source: str, *, until: np.datetime64 | None = None) -> Purchases:
    """Return the purchases that `lines` are made of: the credit lines settled, the lines of an order summed.

    Parameters
    ----------
    lines : OrderLines
        Of a file.
    source : str
        What to call it.
    until : numpy.datetime64, optional
        The last day that counts, as if the file had been written then: later credit lines took nothing back yet.
    """
    if until is not None:
        lines = _cut(lines, until)
    settled = settle(lines)
    bought = lines.amount > 0
    count = len(lines.orders)
    gross = np.bincount(lines.order[bought], weights=lines.amount[bought], minlength=count)
    refunded = np.bincount(lines.order[bought], weights=settled.refunded[bought], minlength=count)
    real = np.bincount(lines.order[bought], minlength=count) > 0
    owner = np.zeros(count, dtype=np.int64)
    owner[lines.order] = lines.customer
    time = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(time, lines.order[bought], lines.time[bought].astype(np.int64))
    notes = list(lines.notes)
    if settled.matched_lines or settled.unmatched_lines:
        notes.append(
            f"{settled.matched_lines:,} credit lines taken back from purchases, {settled.unmatched_lines:,} without (enough) "
            "earlier purchases: kept as unallocated refunds of their customers"
        )
    return Purchases(
        customer=owner[real],
        time=time[real].astype("datetime64[us]"),
        gross=np.asarray(gross[real], dtype=np.float64),
        refunded=np.minimum(refunded, gross)[real],
        customers=lines.names,
        unallocated=settled.unallocated,
        currency=lines.currency,
        as_of=lines.as_of,
        source=source,
        rows_read=lines.rows_read,
        rows_used=lines.rows_used,
        dropped=lines.dropped,
        identical_lines=_identical(lines),
        refunds="net"
        if (lines.amount < 0).any() or "credit or cancellation (ignored)" not in lines.dropped
        else "ignore",
        notes=tuple(notes),
        groups=lines.groups,
        grouped_by=lines.mapping.group or "",
    )


def _cut(lines: OrderLines, until: np.datetime64) -> OrderLines:
    """Return the lines of a day and before; the places of customers, orders and products stay."""
    day = until.astype("datetime64[D]")
    held = lines.time < (day + 1).astype("datetime64[us]")
    columns = ("customer", "order", "product", "line", "time", "quantity", "amount", "price")
    return attrs.evolve(lines, as_of=day, **{name: getattr(lines, name)[held] for name in columns})


def _identical(lines: OrderLines) -> int:
    columns = (lines.order, lines.product, lines.time.astype(np.int64), lines.quantity, lines.amount)
    by = np.lexsort(columns)
    same = np.ones(max(len(by) - 1, 0), dtype=bool)
    for column in columns:
        same &= column[by][1:] == column[by][:-1]
    return int(same.sum())
