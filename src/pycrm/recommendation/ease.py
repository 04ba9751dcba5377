"""EASE: a linear model of which articles go with which, in one closed form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.linalg import lapack

from pycrm.errors import InvalidValueError, NotEstimableError
from pycrm.recommendation._matrix import (
    BLOCK,
    Purchases,
    checked_k,
    histories_of,
    kept_items,
    purchases_of,
    recommended,
)
from pycrm.recommendation.learned import Learned
from pycrm.table import Frame, number_option

__all__ = ["EASE"]


@frozen(kw_only=True, eq=False)
class EASE:
    """Articles recommended by a linear autoencoder with a closed form.

    Parameters
    ----------
    items : ndarray, shape (n,)
        The articles it knows, in ascending order.
    weights : ndarray, shape (n, n)
        How much owning the row's article speaks for the column's; zero on the diagonal.
    owners : ndarray of int, shape (n,)
        How many bought each: the ranking for customers it knows nothing of.
    user, item : str
        The columns of purchases and histories.

    References
    ----------
    .. [1] Steck (2019), Embarrassingly shallow autoencoders for sparse data, WWW '19, equation (8).

    Examples
    --------
    >>> bought = {"customer_id": [1, 1, 2, 2, 3, 3, 4], "sku": ["tea", "pot", "tea", "pot", "tea", "mug", "pot"]}
    >>> learned = EASE.fit(bought, penalty=1.0)
    >>> learned.model.recommend({"customer_id": [9], "sku": ["pot"]}, k=1)["sku"].tolist()
    ['tea']
    """

    items: NDArray[Any] = field(repr=False)
    weights: NDArray[np.float64] = field(repr=False)
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
        penalty: float = 500.0,
        max_items: int = 10_000,
    ) -> Learned[EASE]:
        """Learn from purchases; how often somebody bought an article does not matter, only whether.

        Parameters
        ----------
        purchases : Frame
            One row a purchase.
        user, item : str
            Its columns.
        penalty : float
            The ridge, above 0: the larger, the closer to plain popularity among those who share an article.
        max_items : int
            More articles than this are cut to the most bought ones, with a DataWarning; time grows with the cube, memory with
            8 bytes times the square.

        Returns
        -------
        Learned of EASE
            The recommender in `.model`, and what it saw.

        Raises
        ------
        InvalidDataError
            If there is no purchase, or a user or item is missing.
        NotEstimableError
            If there is only one article.
        """
        if number_option("penalty", penalty, "give a number above 0") <= 0:
            raise InvalidValueError("penalty", penalty, "give a number above 0")
        found, notes = kept_items(purchases_of(purchases, user, item), max_items)
        if found.items.size < 2:
            raise NotEstimableError("what goes with what", "there is only one article", "items")
        gram = (found.matrix.T @ found.matrix).toarray()
        np.fill_diagonal(gram, gram.diagonal() + penalty)
        factor, failed = lapack.dpotrf(gram, lower=1, overwrite_a=1)
        inverse, broken = lapack.dpotri(factor, lower=1, overwrite_c=1)
        if failed or broken:
            raise NotEstimableError(
                "what goes with what", "the matrix of co-purchases is singular; raise penalty", "penalty"
            )
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        weights = inverse / -inverse.diagonal()
        np.fill_diagonal(weights, 0.0)
        model = cls(items=found.items, weights=weights, owners=found.owners, user=user, item=item)
        return Learned(
            model=model, users=found.users.size, items=found.items.size, pairs=int(found.matrix.nnz), notes=notes
        )

    def recommend(self, history: Frame, k: int = 10, *, repurchase: bool = False) -> Any:
        """Return the k articles each user of `history` is most likely to want.

        Parameters
        ----------
        history : Frame
            What each user bought so far, in the columns of `fit`; users need not have been in it. Articles the model does not
            know are passed over; who has no other gets what most people bought.
        k : int
            How many; fewer where he owns nearly everything.
        repurchase : bool
            Whether what he owns may be recommended again.

        Returns
        -------
        frame
            Of the kind of `history`: user, item, rank (from 1), score; users in ascending order, ties by item.
        """
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
            scores = np.asarray(block @ self.weights)
            cold = np.diff(block.indptr) == 0
            scores[cold] = popularity
            yield scores
