"""Which purchase a credit line takes back: the latest earlier line of the same customer and product with pieces left."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.report.lines import OrderLines

__all__ = ["Settlement", "settle"]


_DUST = 1e-9
"""Below this an amount is the rounding of a sum."""


@frozen(kw_only=True, eq=False)
class Settlement:
    """Credit lines set against purchases.

    Parameters
    ----------
    refunded : ndarray of float
        For each line, what was taken back of it; 0 on credit lines. Never more than the line's amount.
    unallocated : ndarray of float
        For each customer, what was credited without a purchase to take it back from.
    matched_lines, unmatched_lines : int
        Credit lines that found all of their pieces, and those that did not.
    allocations : tuple of (int, int, float, float)
        Credit line, purchase line, pieces, worth: what took back what.
    rests : tuple of (int, float)
        Credit line, worth that found no purchase.
    """

    refunded: NDArray[np.float64] = field(repr=False)
    unallocated: NDArray[np.float64] = field(repr=False)
    matched_lines: int
    unmatched_lines: int
    allocations: tuple[tuple[int, int, float, float], ...] = field(default=(), repr=False)
    rests: tuple[tuple[int, float], ...] = field(default=(), repr=False)


def settle(lines: OrderLines) -> Settlement:
    """Return how the credit lines of `lines` settle against its purchases.

    A credit goes to the customer's latest earlier line of the same product that has pieces left, then to the one before,
    and so on. What it takes back is valued at its own price, up to what is left of the purchase; the rest stays an
    unallocated refund of the customer, so that orders never become negative and no money is lost:
    purchases - refunded - unallocated is the sum of all lines.

    Notes
    -----
    Only (customer, product) pairs that hold a credit are walked through; a stack per pair makes it linear. In a file without
    quantities a line is one piece.
    """
    refunded = np.zeros(lines.rows_used)
    unallocated = np.zeros(len(lines.customers))
    credit = lines.amount < 0
    if not credit.any():
        return Settlement(refunded=refunded, unallocated=unallocated, matched_lines=0, unmatched_lines=0)
    pair = lines.customer * (int(lines.product.max()) + 1) + lines.product
    touched = np.flatnonzero(np.isin(pair, np.unique(pair[credit])))
    # At one moment the file's order counts.
    touched = touched[np.lexsort((touched, lines.time[touched].astype(np.int64), pair[touched]))]
    pieces = lines.quantity if "quantity" in dict(lines.mapping.items()) else np.abs(lines.amount)
    left = np.abs(pieces)
    matched = unmatched = 0
    allocations: list[tuple[int, int, float, float]] = []
    rests: list[tuple[int, float]] = []
    stack: list[int] = []
    current = -1
    for row in touched.tolist():
        if pair[row] != current:
            current, stack = pair[row], []
        if not credit[row]:
            stack.append(row)
            continue
        owed, worth = float(left[row]), -float(lines.amount[row])
        price = worth / owed if owed else 0.0
        while stack and owed > 0:
            purchase = stack[-1]
            taken = min(owed, float(left[purchase]))
            value = min(taken * price, float(lines.amount[purchase] - refunded[purchase]), worth)
            if value > _DUST:
                allocations.append((row, purchase, taken, value))
            refunded[purchase] += value
            worth -= value
            owed -= taken
            left[purchase] -= taken
            if left[purchase] <= 0:
                stack.pop()
        if owed > 0:
            unmatched += 1
        else:
            matched += 1
        if worth > _DUST:
            unallocated[lines.customer[row]] += worth
            rests.append((row, worth))
    return Settlement(
        refunded=refunded,
        unallocated=unallocated,
        matched_lines=matched,
        unmatched_lines=unmatched,
        allocations=tuple(allocations),
        rests=tuple(rests),
    )
