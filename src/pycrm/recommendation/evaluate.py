"""How good a ranking was: against what was bought afterwards."""

from __future__ import annotations

import numpy as np
from attrs import frozen

from pycrm.errors import NotEstimableError
from pycrm.recommendation._matrix import checked_k, purchases_of
from pycrm.table import Frame, column, eager

__all__ = ["RankingQuality", "ranking_quality"]


@frozen(kw_only=True)
class RankingQuality:
    """Means over the users who bought something.

    Parameters
    ----------
    recall : float
        Share of what a user bought that was among his k.
    ndcg : float
        Discounted gain over the best possible one.
    average_precision : float
        Mean of the precision at each hit, over the smaller of k and what he bought.
    users : int
        Users it is a mean over.
    items_shown : int
        Distinct articles recommended to them.
    """

    recall: float
    ndcg: float
    average_precision: float
    users: int
    items_shown: int


def ranking_quality(
    recommended: Frame, bought: Frame, *, k: int = 10, user: str = "customer_id", item: str = "sku"
) -> RankingQuality:
    """Compare recommendations with what was bought afterwards.

    Parameters
    ----------
    recommended : Frame
        User, item and `rank`, as a recommender returns it.
    bought : Frame
        User and item; a user without a recommendation counts as a miss.
    k : int
        The length of the list that counts.
    user, item : str
        The columns.

    References
    ----------
    .. [1] Järvelin & Kekäläinen (2002), ACM TOIS 20(4), 422-446.

    Examples
    --------
    >>> said = {"customer_id": [1, 1], "sku": ["tea", "pot"], "rank": [1, 2]}
    >>> ranking_quality(said, {"customer_id": [1], "sku": ["pot"]}, k=2).recall
    1.0
    """
    checked_k(k)
    truth = purchases_of(bought, user, item)
    table = eager(recommended)
    ranks = column(table, "rank")
    if not np.isin(truth.users, column(table, user)).any():
        raise NotEstimableError("the quality of the ranking", "no user is in both frames", "recommended")
    sizes = np.diff(truth.matrix.indptr)
    place = {label: row for row, label in enumerate(truth.users.tolist())}
    who = np.array([place.get(label, -1) for label in column(table, user).tolist()])
    at = np.minimum(np.searchsorted(truth.items, column(table, item)), truth.items.size - 1)
    right = (truth.items[at] == column(table, item)) & (who >= 0) & (ranks <= k)
    hit = np.zeros(ranks.size, dtype=bool)
    hit[right] = np.asarray(truth.matrix[who[right], at[right]]).ravel() > 0
    gains = np.zeros((truth.users.size, k))
    gains[who[hit], ranks[hit].astype(int) - 1] = 1.0
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.minimum(sizes, k) - 1]
    precision = np.cumsum(gains, axis=1) / np.arange(1, k + 1)
    shown = np.unique(column(table, item)[(who >= 0) & (ranks <= k)]).size
    return RankingQuality(
        recall=float(np.mean(gains.sum(axis=1) / sizes)),
        ndcg=float(np.mean(gains @ discount / ideal)),
        average_precision=float(np.mean((precision * gains).sum(axis=1) / np.minimum(sizes, k))),
        users=int(truth.users.size),
        items_shown=int(shown),
    )
