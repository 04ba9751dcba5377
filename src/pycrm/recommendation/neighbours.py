"""Item neighbours: what those bought who bought the same, by cosine or BM25."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy import sparse

from pycrm.errors import InvalidValueError
from pycrm.recommendation._matrix import BLOCK, Purchases, checked_k, histories_of, purchases_of, recommended
from pycrm.recommendation.learned import Learned
from pycrm.table import Frame

__all__ = ["ItemNeighbours", "Weighting"]

Weighting: TypeAlias = Literal["cosine", "bm25"]
"""How a purchase is weighed before articles are compared."""

_SATURATION, _LENGTH = 100.0, 0.8  # BM25's k1 and b, for baskets of ones: only the length of a history weighs


@frozen(kw_only=True, eq=False)
class ItemNeighbours:
    """Articles recommended by the likeness of their buyers.

    Parameters
    ----------
    items : ndarray, shape (n,)
        The articles it knows, in ascending order.
    likeness : sparse array, shape (n, n)
        How alike the buyers of two articles are; each row keeps its nearest neighbours, never itself.
    owners : ndarray of int, shape (n,)
        How many bought each: the ranking for customers it knows nothing of.
    user, item : str
        The columns of purchases and histories.

    References
    ----------
    .. [1] Deshpande & Karypis (2004), ACM TOIS 22(1), 143-177.
    .. [2] Robertson & Zaragoza (2009), Foundations and Trends in IR 3(4), equation (3.15).

    Examples
    --------
    >>> bought = {"customer_id": [1, 1, 2, 2, 3], "sku": ["tea", "pot", "tea", "pot", "mug"]}
    >>> ItemNeighbours.fit(bought).model.recommend({"customer_id": [9], "sku": ["pot"]}, k=1)["sku"].tolist()
    ['tea']
    """

    items: NDArray[Any] = field(repr=False)
    likeness: sparse.csr_array = field(repr=False)
    owners: NDArray[np.int64] = field(repr=False)
    user: str = "customer_id"
    item: str = "sku"

    @classmethod
    def fit(
        cls,
        purchases: Frame,
        *,
        user: str = "customer_id",
        item: str = "sku",
        weighting: Weighting = "cosine",
        neighbours: int = 100,
    ) -> Learned[ItemNeighbours]:
        """Learn from purchases; how often somebody bought an article does not matter, only whether.

        Parameters
        ----------
        purchases : Frame
            One row a purchase.
        user, item : str
            Its columns.
        weighting : {"cosine", "bm25"}
            "bm25" lets rare articles and short histories weigh more.
        neighbours : int
            How many an article keeps; equal ones by item.
        """
        if weighting not in get_args(Weighting):
            raise InvalidValueError("weighting", weighting, "choose 'cosine' or 'bm25'")
        if neighbours < 1:
            raise InvalidValueError("neighbours", neighbours, "keep at least one")
        found = purchases_of(purchases, user, item)
        owners = found.owners
        ones = found.matrix
        if weighting == "bm25":
            length = np.diff(ones.indptr)
            idf = np.log(found.users.size) - np.log1p(owners)
            weight = (_SATURATION + 1.0) / (_SATURATION * (1.0 - _LENGTH + _LENGTH * length / length.mean()) + 1.0)
            weighed = ones.multiply(weight[:, None]).multiply(np.maximum(idf, 0.0)[None, :]).tocsr()
            alike = (weighed.T @ weighed).tocsr()
        else:
            unit = ones.multiply(1.0 / np.sqrt(owners)[None, :]).tocsr()
            alike = (unit.T @ unit).tocsr()
        model = cls(items=found.items, likeness=_nearest(alike, neighbours), owners=owners, user=user, item=item)
        return Learned(model=model, users=found.users.size, items=found.items.size, pairs=int(ones.nnz))

    def recommend(self, history: Frame, k: int = 10, *, repurchase: bool = False) -> Any:
        """Return the k articles each user of `history` is most likely to want; as :meth:`EASE.recommend` does."""
        histories = histories_of(history, self.user, self.item, self.items)
        return recommended(
            histories,
            self._scores(histories),
            user=self.user,
            item=self.item,
            k=checked_k(k),
            repurchase=repurchase,
            like=history,
        )

    def _scores(self, histories: Purchases) -> Iterator[NDArray[np.float64]]:
        popularity = self.owners / max(int(self.owners.max()), 1)
        for start in range(0, histories.users.size, BLOCK):
            block = histories.matrix[start : start + BLOCK]
            scores = (block @ self.likeness).toarray()
            # Where no neighbour speaks, popularity decides: it is below any likeness that does.
            scores = np.where(scores > 0, 1.0 + scores, popularity)
            yield scores


def _nearest(alike: sparse.csr_array, neighbours: int) -> sparse.csr_array:
    """Return each row's nearest columns, ties by column, without the diagonal."""
    pairs = alike.tocoo()
    off = (pairs.row != pairs.col) & (pairs.data > 0)
    row, col, worth = pairs.row[off], pairs.col[off], pairs.data[off]
    order = np.lexsort((col, -worth, row))
    row, col, worth = row[order], col[order], worth[order]
    first = np.searchsorted(row, np.arange(alike.shape[0]))
    kept = np.arange(row.size) - first[row] < neighbours
    return sparse.csr_array((worth[kept], (row[kept], col[kept])), shape=alike.shape)
