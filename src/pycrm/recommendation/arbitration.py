"""Who gets what: at most one offer each, within stock and budget, with a bound on what any other answer could bring."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError

__all__ = ["Arbitration", "arbitrate"]

_ROUNDS = 30
_HALVINGS = 24
_SAMPLE = 4_000
_NUDGE = 1e-12


@frozen(kw_only=True, eq=False)
class Arbitration:
    """Who gets what.

    Parameters
    ----------
    choice : ndarray of int, shape (n,)
        The column given to each row; -1 is none.
    value : float
        What the choice brings.
    spent : float
        What it costs.
    bound : float
        No choice within the same stock and budget brings more than this.
    floor_missed : int
        Rows that the floor asked for and stock, budget or eligibility did not allow.
    """

    choice: NDArray[np.int64] = field(repr=False)
    value: float
    spent: float
    bound: float
    floor_missed: int = 0

    @property
    def gap(self) -> float:
        """How much of the bound is not reached, 0 to 1: the best choice is at most so much better."""
        return 0.0 if self.bound <= 0.0 else max(0.0, 1.0 - self.value / self.bound)


def arbitrate(
    value: ArrayLike,
    cost: ArrayLike | None = None,
    *,
    capacity: ArrayLike | None = None,
    budget: float | None = None,
    group: ArrayLike | None = None,
    floor: float = 0.0,
) -> Arbitration:
    """Give each row at most one column so that the sum of values is large, within the capacity of columns and a budget.

    Prices on scarce columns and on money are raised until nothing is asked for too often; what is left over is then given to
    who brings most for it. Without scarcity the answer is the best one. With it, the prices bound what the best one could
    bring (Lagrange's dual), so that every answer says how far from the best it may be.

    Parameters
    ----------
    value : array_like, shape (n, m)
        What each column brings with each row, its cost already taken off; minus infinity where it may not be given. Values of 0
        and below are given to nobody, but for the floor.
    cost : array_like, shape (m,) or (n, m), optional
        What it takes of the budget, at least 0.
    capacity : array_like, shape (m,), optional
        How often each column may be given, at least 0; infinity where it does not matter.
    budget : float, optional
        At least 0.
    group : array_like of int, shape (n,), optional
        A group of each row, from 0.
    floor : float
        Share of the rows of each group, among those that may be given anything, that get something even where it brings
        nothing; the rows with the highest values first. Stock and budget still hold.

    Raises
    ------
    InvalidDataError
        If shapes do not fit, or a cost or capacity is negative or no number.
    InvalidValueError
        If the budget is negative, or the floor no share.

    References
    ----------
    .. [1] Bertsekas (1988), Annals of Operations Research 14, 105-123 (prices in auctions); Geoffrion (1974), Mathematical
       Programming Study 2, 82-114 (the bound).

    Examples
    --------
    >>> found = arbitrate([[5.0, 3.0], [4.0, 1.0], [2.0, 2.0]], capacity=[1, 2])
    >>> found.choice.tolist(), found.value, found.bound
    ([1, 0, 1], 9.0, 9.0)
    >>> arbitrate([[5.0], [3.0], [-1.0]], [2.0], budget=3.0).choice.tolist()
    [0, -1, -1]
    """
    worth = np.array(value, dtype=np.float64, ndmin=2)
    n, m = worth.shape
    if np.isnan(worth).any() or np.isposinf(worth).any():
        row = int(np.argmax((np.isnan(worth) | np.isposinf(worth)).any(axis=1)))
        raise InvalidDataError("value", row, "no number", "give a number, or minus infinity where it may not be given")
    if cost is None:
        price = np.zeros((1, m))
    else:
        given = np.asarray(cost, dtype=np.float64)
        if given.shape not in {(m,), (n, m)}:
            raise InvalidDataError("cost", None, str(given.shape), f"give one per column, {m}, or one per cell")
        price = np.atleast_2d(given)
    room = np.full(m, np.inf) if capacity is None else np.array(capacity, dtype=np.float64)
    if room.shape != (m,):
        raise InvalidDataError("capacity", None, str(room.shape), f"give one per column, {m}")
    for name, numbers in (("cost", price), ("capacity", room)):
        if not (numbers >= 0.0).all():
            raise InvalidDataError(name, None, float(numbers.min()), "give numbers of at least 0")
    money = np.inf if budget is None else float(budget)
    if not money >= 0.0:
        raise InvalidValueError("budget", budget, "give an amount of at least 0, or None")
    if not 0.0 <= floor <= 1.0:
        raise InvalidValueError("floor", floor, "give a share from 0 to 1")

    choice = np.full(n, -1, dtype=np.int64)
    asked = _floor_rows(worth, group, floor) if floor > 0.0 else np.zeros(0, dtype=np.int64)
    left, purse = np.floor(room), money
    if asked.size:
        held = worth[asked]
        # Lifted above zero, so that the floor is kept also where it brings nothing.
        lift = 1.0 - min(0.0, float(held[np.isfinite(held)].min()))
        costs = price if price.shape[0] == 1 else price[asked]
        choice[asked], left, purse, _, _ = _market(held + lift, costs, left, purse)
    open_ = np.flatnonzero(choice < 0)
    open_ = open_[~np.isin(open_, asked)]
    costs = price if price.shape[0] == 1 else price[open_]
    choice[open_], _, purse, prices, rate = _market(worth[open_], costs, left, purse)
    rows = np.flatnonzero(choice >= 0)
    brought = float(worth[rows, choice[rows]].sum())
    spent = float(_of(price, rows, choice[rows]).sum())
    bound = _bound(worth, price, np.floor(room), money, prices, rate)
    return Arbitration(
        choice=choice,
        value=brought,
        spent=spent,
        bound=max(bound, brought),
        floor_missed=int((choice[asked] < 0).sum()),
    )


def _of(price: NDArray[np.float64], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    cells: NDArray[np.float64] = price[np.zeros_like(rows) if price.shape[0] == 1 else rows, columns]
    return cells


def _floor_rows(worth: NDArray[np.float64], group: ArrayLike | None, floor: float) -> NDArray[np.int64]:
    """Return the rows to be given something first: of each group its share, the highest values first, ties by row."""
    n = worth.shape[0]
    of = np.zeros(n, dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
    if of.shape != (n,) or (of < 0).any():
        raise InvalidDataError("group", None, str(of.shape), f"give {n} whole numbers of at least 0")
    top = worth.max(axis=1, initial=-np.inf)
    able = np.flatnonzero(np.isfinite(top))
    if not able.size:
        return able
    able = able[np.lexsort((able, -top[able], of[able]))]
    size = np.bincount(of[able])
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    rank = np.arange(able.size) - first[of[able]]
    needed = np.ceil(floor * size - 1e-9)
    return np.sort(able[rank < needed[of[able]]])


def _market(
    worth: NDArray[np.float64], price: NDArray[np.float64], room: NDArray[np.float64], money: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], float, NDArray[np.float64], float]:
    """Return the choice, the room and money left, and the prices."""
    n, m = worth.shape
    choice = np.full(n, -1, dtype=np.int64)
    if not (n and m):
        return choice, room, money, np.zeros(m), 0.0
    # Prices need no more than a sample: the bound is one at any prices.
    step = max(1, n // _SAMPLE)
    costs = price if price.shape[0] == 1 else price[::step]
    share = len(range(0, n, step)) / n
    prices, rate = _prices(worth[::step], costs, room * share, money * share)
    choice, left, purse = _served(worth - prices - rate * price, price, room.copy(), money, choice)
    choice, left, purse = _served(worth, price, left, purse, choice)
    return choice, left, purse, prices, rate


def _prices(
    worth: NDArray[np.float64], price: NDArray[np.float64], room: NDArray[np.float64], money: float
) -> tuple[NDArray[np.float64], float]:
    """Return a price of each column, and of money, at which no more is asked for than there is."""
    prices, spent = _auction(worth, price, room, 0.0)
    if spent <= money * (1.0 + _NUDGE):
        return prices, 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        yields = np.where((price > 0.0) & (worth > 0.0), worth / price, 0.0)
    low, high = 0.0, float(yields.max()) * (1.0 + _NUDGE)
    prices = np.zeros(worth.shape[1])
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        tried, spent = _auction(worth, price, room, middle)
        if spent > money:
            low = middle
        else:
            high, prices = middle, tried
    return prices, high


def _auction(
    worth: NDArray[np.float64], price: NDArray[np.float64], room: NDArray[np.float64], rate: float
) -> tuple[NDArray[np.float64], float]:
    """Raise the prices of columns asked for too often; return them, and what is spent where money has its price."""
    net = worth - rate * price
    everyone, prices, spent = np.arange(worth.shape[0]), np.zeros(worth.shape[1]), 0.0
    for _ in range(_ROUNDS):
        reduced = net - prices
        best = reduced.argmax(axis=1)
        top = reduced[everyone, best]
        chosen = np.flatnonzero(top > 0.0)
        asked = best[chosen]
        spent = float(_of(price, chosen, asked).sum())
        scarce = np.flatnonzero(np.bincount(asked, minlength=room.size) > room)
        if not scarce.size:
            break
        reduced[everyone, best] = -np.inf
        regret = top[chosen] - np.maximum(reduced[chosen].max(axis=1), 0.0)
        for k in scarce:
            # The price at which as many turn away as are too many.
            prices[k] += np.sort(regret[asked == k])[::-1][int(room[k])] + _NUDGE
    return prices, spent


def _served(
    worth: NDArray[np.float64],
    price: NDArray[np.float64],
    room: NDArray[np.float64],
    money: float,
    choice: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Give what is left to rows that have nothing: each asks for its best, who brings most for the money is served first."""
    waiting = np.flatnonzero((choice < 0) & (worth.max(axis=1) > 0.0))
    while waiting.size:
        costs = np.broadcast_to(price if price.shape[0] == 1 else price[waiting], (waiting.size, worth.shape[1]))
        able = (worth[waiting] > 0.0) & (room >= 1.0) & (costs <= money * (1.0 + _NUDGE))
        some = able.any(axis=1)
        waiting, able, costs = waiting[some], able[some], costs[some]
        if not waiting.size:
            break
        wish = np.where(able, worth[waiting], -np.inf).argmax(axis=1)
        rows = np.arange(waiting.size)
        brings, pays = worth[waiting, wish], costs[rows, wish]
        with np.errstate(divide="ignore"):
            keenness = (
                np.where(pays > 0.0, brings / np.where(pays > 0.0, pays, 1.0), np.inf) if money < np.inf else brings
            )
        order = np.lexsort((waiting, -brings, -keenness))
        by_column = order[np.argsort(wish[order], kind="stable")]
        counts = np.bincount(wish, minlength=worth.shape[1])
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        rank = np.empty(waiting.size)
        rank[by_column] = np.arange(waiting.size) - first[wish[by_column]]
        fits = (rank < room[wish])[order]
        taken = order[fits]
        taken = taken[np.cumsum(pays[taken]) <= money * (1.0 + _NUDGE)]
        choice[waiting[taken]] = wish[taken]
        room -= np.bincount(wish[taken], minlength=room.size)
        money = max(money - float(pays[taken].sum()), 0.0)
        waiting = np.delete(waiting, taken)
    return choice, room, money


def _bound(
    worth: NDArray[np.float64],
    price: NDArray[np.float64],
    room: NDArray[np.float64],
    money: float,
    prices: NDArray[np.float64],
    rate: float,
) -> float:
    surplus = (worth - prices - rate * price).max(axis=1, initial=0.0)
    stock = float((room[prices > 0.0] * prices[prices > 0.0]).sum())
    return float(np.maximum(surplus, 0.0).sum()) + stock + (rate * money if rate > 0.0 else 0.0)
