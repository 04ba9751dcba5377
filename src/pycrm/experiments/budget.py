"""Where the next euro goes: a budget over actions by what each contact brings, within caps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.experiments.arms import vector

__all__ = ["allocate_budget"]


def allocate_budget(value: ArrayLike, cost: ArrayLike, cap: ArrayLike, budget: float) -> NDArray[np.int64]:
    """Return how many contacts of each action to buy.

    Actions whose contact brings more than it costs are bought in the order of value per cost, each up to its cap; of what is
    left of the budget, the next ones that still fit are bought. Without whole contacts this order is optimal; with them it is
    short of the optimum by less than the value of one contact.

    Parameters
    ----------
    value : array_like
        Incremental value of one contact, before its cost.
    cost : array_like
        Cost of one contact, at least 0.
    cap : array_like of int
        Most contacts of each action.
    budget : float
        What may be spent, at least 0.

    Returns
    -------
    ndarray of int
        Contacts of each action; their cost is at most the budget.

    Raises
    ------
    InvalidDataError
        Naming the row of a negative cost, or a cap that is no count.

    References
    ----------
    .. [1] Dantzig (1957), Operations Research 5(2), 266-277.

    Examples
    --------
    >>> allocate_budget([2.0, 5.0, 0.3], [0.5, 2.0, 0.4], [100, 50, 1_000], 120.0).tolist()
    [100, 35, 0]
    """
    worth = vector(value, "value")
    price = vector(cost, "cost", len(worth))
    most = vector(cap, "cap", len(worth))
    for name, values, refused, fix in (
        ("cost", price, price < 0.0, "give a cost of at least 0"),
        ("cap", most, (most < 0.0) | (most != np.rint(most)), "give a whole number of contacts, at least 0"),
    ):
        if refused.any():
            row = int(np.argmax(refused))
            raise InvalidDataError(name, row, float(values[row]), fix)
    if not (np.isfinite(budget) and budget >= 0.0):
        raise InvalidValueError("budget", budget, "give an amount of at least 0")
    bought = np.zeros(len(worth), dtype=np.int64)
    left = float(budget)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(price > 0.0, worth / price, np.inf)
    for k in np.lexsort((np.arange(len(worth)), -ratio)):
        if worth[k] <= price[k]:
            continue
        # The small allowance keeps 0.1 + 0.2 from costing more than 0.3.
        fits = most[k] if price[k] == 0.0 else min(most[k], np.floor(left / price[k] * (1.0 + 1e-12) + 1e-12))
        bought[k] = int(fits)
        left = max(left - fits * price[k], 0.0)
    return bought
