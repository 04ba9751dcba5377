"""Who moved between the groups of two dates: counts, rates, and how orderly the movement was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError

__all__ = ["Migration", "migration_matrix"]


@frozen(kw_only=True, eq=False)
class Migration:
    """Movement between groups from one snapshot to the next.

    Parameters
    ----------
    states : tuple of str
        The groups; best first where `ranked`.
    counts : ndarray of int, shape (k, k)
        Customers of both snapshots: from the row's group to the column's.
    entered, left : ndarray of int, shape (k,)
        Customers only in the later snapshot, by their group there; only in the former, by their group then.
    ranked : bool
        Whether the order of `states` says which is better, so that up and down have a meaning.
    """

    states: tuple[str, ...]
    counts: NDArray[np.int64] = field(repr=False)
    entered: NDArray[np.int64] = field(repr=False)
    left: NDArray[np.int64] = field(repr=False)
    ranked: bool = False

    @property
    def stayed(self) -> int:
        """Customers in both snapshots."""
        return int(self.counts.sum())

    @property
    def rates(self) -> NDArray[np.float64]:
        """Share of each row's customers that went to each column: rows sum to 1, or are NaN where nobody started."""
        totals = self.counts.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            rates: NDArray[np.float64] = self.counts / np.where(totals > 0, totals, np.nan)
        return rates

    @property
    def upward(self) -> float:
        """Share of the customers of both snapshots who are in a better group now."""
        return self._share(np.tril(self.counts, -1))

    @property
    def downward(self) -> float:
        """Share of the customers of both snapshots who are in a worse group now."""
        return self._share(np.triu(self.counts, 1))

    @property
    def entropy(self) -> float:
        """Bits still open about the later group once the former is known: 0 if groups decide, log2 k if they tell nothing.

        The conditional entropy H(later | former) over the customers of both snapshots.
        """
        self._somebody("the entropy of a migration")
        share = self.counts / self.counts.sum()
        given = self.counts.sum(axis=1, keepdims=True) / self.counts.sum()
        hit = share > 0
        return float(abs(-(share[hit] * np.log2((share / np.where(given > 0, given, 1.0))[hit])).sum()))

    def rows(self) -> list[dict[str, Any]]:
        """Return one mapping for each move that happened, largest first: from, to, customers, rate."""
        rates = self.rates
        moves = [
            {
                "from": self.states[a],
                "to": self.states[b],
                "customers": int(self.counts[a, b]),
                "rate": rates[a, b].item(),
            }
            for a, b in zip(*np.nonzero(self.counts), strict=True)
        ]
        return sorted(moves, key=lambda move: (-move["customers"], move["from"], move["to"]))

    def _share(self, part: NDArray[np.int64]) -> float:
        if not self.ranked:
            raise NotEstimableError(
                "the share that moved up or down", "the groups have no order; give states=, best first"
            )
        self._somebody("the share that moved up or down")
        return float(part.sum() / self.counts.sum())

    def _somebody(self, quantity: str) -> None:
        if not self.counts.sum():
            raise NotEstimableError(quantity, "no customer is in both snapshots")


def migration_matrix(
    before: table.Frame,
    after: table.Frame,
    *,
    customer: str = "customer",
    state: str = "segment",
    states: Sequence[str] | None = None,
) -> Migration:
    """Compare the groups of two snapshots.

    Parameters
    ----------
    before, after : frame
        One row a customer, with the columns `customer` and `state`.
    states : sequence of str, optional
        The groups, best first; gives upward and downward moves a meaning. Left out, the groups found, in sorted order.

    Raises
    ------
    InvalidDataError
        Naming a customer with two rows, or a group that is not among `states`.

    Examples
    --------
    >>> january = {"customer": [1, 2, 3], "segment": ["gold", "gold", "tin"]}
    >>> june = {"customer": [1, 2, 4], "segment": ["gold", "tin", "gold"]}
    >>> moved = migration_matrix(january, june, states=["gold", "tin"])
    >>> moved.counts.tolist(), moved.downward, moved.entropy
    ([[1, 1], [0, 0]], 0.5, 1.0)
    >>> moved.entered.tolist(), moved.left.tolist()
    ([1, 0], [0, 1])
    """
    then, now = (_states(frame, customer, state) for frame in (before, after))
    names = tuple(sorted({*then.values(), *now.values()})) if states is None else tuple(states)
    place = {name: index for index, name in enumerate(names)}
    if len(place) < len(names):
        raise InvalidValueError("states", names, "name each group once")
    for found in (then, now):
        for who, name in found.items():
            if name not in place:
                raise InvalidDataError(
                    state, None, name, f"of customer {who!r}; give one of {', '.join(map(str, names))}"
                )
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    entered, left = np.zeros(len(names), dtype=np.int64), np.zeros(len(names), dtype=np.int64)
    both = [(place[name], place[now[who]]) for who, name in then.items() if who in now]
    if both:
        np.add.at(counts, tuple(np.asarray(both).T), 1)
    np.add.at(entered, [place[name] for who, name in now.items() if who not in then], 1)
    np.add.at(left, [place[name] for who, name in then.items() if who not in now], 1)
    return Migration(states=names, counts=counts, entered=entered, left=left, ranked=states is not None)


def _states(frame: table.Frame, customer: str, state: str) -> Mapping[Any, str]:
    who, names = table.column(frame, customer).tolist(), table.column(frame, state).tolist()
    found = dict(zip(who, names, strict=True))
    if len(found) < len(who):
        seen: set[Any] = set()
        for row, name in enumerate(who):
            if name in seen:
                raise InvalidDataError(customer, row, name, "give each customer one row")
            seen.add(name)
    for row, name in enumerate(names):
        if name is None or name != name:  # noqa: PLR0124  # NaN, whatever its type, is unlike itself
            raise InvalidDataError(state, row, name, "give each customer a group")
    return found
