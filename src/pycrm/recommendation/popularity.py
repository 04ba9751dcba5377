"""What most people buy: the ranking to beat, and the one for a customer nothing is known of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.recommendation._matrix import BLOCK, checked_k, histories_of, purchases_of, recommended
from pycrm.recommendation.learned import Learned
from pycrm.table import Frame, column, eager

__all__ = ["Popularity"]


@frozen(kw_only=True, eq=False)
class Popularity:
    """Articles by how many customers own them, over all and by segment.

    Parameters
    ----------
    items : ndarray, shape (n,)
        The articles, in ascending order.
    owners : ndarray of int, shape (n,)
        How many customers own each.
    by_segment : mapping of str to ndarray
        The same within each segment.
    user, item : str
        The columns of purchases and histories.

    Examples
    --------
    >>> bought = {"customer_id": [1, 2, 2, 3], "sku": ["tea", "tea", "pot", "mug"], "segment": ["new", "old", "old", "new"]}
    >>> popular = Popularity.fit(bought, segment="segment").model
    >>> popular.top(2), popular.top(1, segment="old")
    (['tea', 'mug'], ['pot'])
    """

    items: NDArray[Any] = field(repr=False)
    owners: NDArray[np.int64] = field(repr=False)
    by_segment: Mapping[Any, NDArray[np.int64]] = field(factory=dict, repr=False)
    user: str = "customer_id"
    item: str = "sku"

    @classmethod
    def fit(
        cls, purchases: Frame, *, user: str = "customer_id", item: str = "sku", segment: str | None = None
    ) -> Learned[Popularity]:
        """Count owners; bought twice is owned once."""
        table = eager(purchases)
        found = purchases_of(table, user, item)
        groups: dict[Any, NDArray[np.int64]] = {}
        if segment is not None:
            labels = column(table, segment)
            for name in sorted(set(labels.tolist()), key=str):
                part = {user: column(table, user)[labels == name], item: column(table, item)[labels == name]}
                groups[name] = histories_of(part, user, item, found.items).owners
        model = cls(items=found.items, owners=found.owners, by_segment=groups, user=user, item=item)
        return Learned(model=model, users=found.users.size, items=found.items.size, pairs=int(found.matrix.nnz))

    def top(self, k: int = 10, *, segment: Any = None) -> list[Any]:
        """Return the k most owned articles, of a segment if it is known, ties by item."""
        counts = self.by_segment.get(segment, self.owners)
        order = np.lexsort((np.arange(self.items.size), -counts))[: checked_k(k)]
        return [found.item() if hasattr(found, "item") else found for found in self.items[order]]

    def recommend(self, history: Frame, k: int = 10, *, repurchase: bool = False) -> Any:
        """Return the k most owned articles each user of `history` does not own; as :meth:`EASE.recommend` does."""
        histories = histories_of(history, self.user, self.item, self.items)

        def blocks() -> Iterator[NDArray[np.float64]]:
            for start in range(0, histories.users.size, BLOCK):
                rows = min(BLOCK, histories.users.size - start)
                yield np.tile(self.owners.astype(np.float64), (rows, 1))

        return recommended(
            histories, blocks(), user=self.user, item=self.item, k=checked_k(k), repurchase=repurchase, like=history
        )
