"""Market baskets: which pairs are bought together more often than chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycrm.errors import InvalidValueError
from pycrm.recommendation._matrix import purchases_of
from pycrm.table import Frame, build, number_option

__all__ = ["pair_lift"]


def pair_lift(baskets: Frame, *, basket: str = "order", item: str = "sku", min_support: float = 0.01) -> Any:
    """Return the pairs of articles that share at least `min_support` of the baskets.

    Parameters
    ----------
    baskets : Frame
        One row an article in a basket.
    basket, item : str
        Its columns.
    min_support : float
        Share of all baskets, above 0 and at most 1.

    Returns
    -------
    frame
        Of the kind of `baskets`: `left` and `right` (left before right), `baskets` (with both), `support` (their share),
        `confidence` (of right given left), `reverse_confidence` (of left given right), `lift` (support over what chance
        would give), the highest lift first.

    References
    ----------
    .. [1] Brin, Motwani, Ullman & Tsur (1997), SIGMOD '97.

    Examples
    --------
    >>> rows = {"order": [1, 1, 2, 2, 3, 4], "sku": ["tea", "pot", "tea", "pot", "tea", "mug"]}
    >>> pair_lift(rows, min_support=0.5)[["left", "right", "support", "confidence", "lift"]].values.tolist()
    [['pot', 'tea', 0.5, 1.0, 1.3333333333333333]]
    """
    said = "give a share above 0 and at most 1"
    if number_option("min_support", min_support, said, most=1.0) <= 0.0:
        raise InvalidValueError("min_support", min_support, said)
    found = purchases_of(baskets, basket, item)
    total = found.users.size
    owners = found.owners
    # An article below the support is in no pair above it: it is dropped before pairs are counted.
    frequent = np.flatnonzero(owners >= min_support * total - 1e-9)
    ones = found.matrix[:, frequent].astype(np.int32)
    both = (ones.T @ ones).tocoo()
    kept = (both.row < both.col) & (both.data >= min_support * total - 1e-9)
    left, right, count = frequent[both.row[kept]], frequent[both.col[kept]], both.data[kept].astype(np.int64)
    lift = count * total / (owners[left].astype(np.float64) * owners[right])
    order = np.lexsort((right, left, -lift))
    left, right, count, lift = left[order], right[order], count[order], lift[order]
    columns = {
        "left": found.items[left],
        "right": found.items[right],
        "baskets": count,
        "support": count / total,
        "confidence": count / owners[left],
        "reverse_confidence": count / owners[right],
        "lift": lift,
    }
    return build(columns, baskets)
