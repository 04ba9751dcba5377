"""Users by items, as a sparse matrix of ones; and the best k of a block of scores."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import sparse

from pycrm.errors import DataWarning, InvalidDataError, InvalidValueError
from pycrm.table import Frame, build, column, eager, factorise, whole_option

MADE = ("rank", "score")  # columns of the answer, beside those of user and item
BLOCK = 1024  # users scored at once: a block of scores stays in a few tens of megabytes


@frozen(eq=False)
class Purchases:
    """Who bought what: row and column labels, and ones where they meet."""

    users: NDArray[Any]
    items: NDArray[Any]
    matrix: sparse.csr_array

    @property
    def owners(self) -> NDArray[np.int64]:
        """How many users bought each item."""
        return np.asarray(self.matrix.sum(axis=0)).ravel().astype(np.int64)


def _labels(frame: Frame, name: str) -> NDArray[Any]:
    values = column(frame, name)
    codes, _ = factorise(values, name)
    if (codes < 0).any():
        raise InvalidDataError(name, int(np.argmax(codes < 0)), None, "give a value, or drop the row")
    return values


def _ones(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> sparse.csr_array:
    made = sparse.csr_array((np.ones(rows.size), (rows, columns)), shape=shape)
    made.data[:] = 1.0  # bought twice is bought
    return made


def sorted_labels(values: NDArray[Any], name: str) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return codes and distinct labels in ascending order, so that the order of rows changes nothing."""
    codes, labels = factorise(values)
    try:
        order = np.argsort(labels, kind="stable")
    except TypeError:
        raise InvalidDataError(name, None, "mixed types", "give labels of one type, all text or all numbers") from None
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return rank[codes], labels[order]


def purchases_of(frame: Frame, user: str, item: str) -> Purchases:
    """Return the purchases of a frame.

    Raises
    ------
    InvalidDataError
        If there is no row, or a user or item is missing.
    InvalidValueError
        If both are one column, or a column has a name that the answer needs.
    """
    table = eager(frame)
    if user == item or item in MADE or user in MADE:
        name = "item" if user == item or item in MADE else "user"
        raise InvalidValueError(
            name,
            item if name == "item" else user,
            f"give two columns, neither of them {' or '.join(MADE)}: rename yours",
        )
    who, what = _labels(table, user), _labels(table, item)
    if not who.size:
        raise InvalidDataError(item, None, "no rows", "give at least one purchase")
    rows, users = sorted_labels(who, user)
    columns, items = sorted_labels(what, item)
    return Purchases(users, items, _ones(rows, columns, (users.size, items.size)))


def histories_of(frame: Frame, user: str, item: str, items: NDArray[Any]) -> Purchases:
    """Return the histories in a frame over the items a model knows; other items are passed over, their users stay."""
    table = eager(frame)
    who, what = _labels(table, user), _labels(table, item)
    rows, users = sorted_labels(who, user) if who.size else (np.zeros(0, np.int64), who)
    codes, labels = factorise(what)
    try:
        at = np.minimum(np.searchsorted(items, labels), items.size - 1)
        place = np.where(items[at] == labels, at, -1)
    except TypeError:
        place = np.full(labels.size, -1)
    if labels.size and not (place >= 0).any() and (items.dtype.kind in "OU") != (labels.dtype.kind in "OU"):
        raise InvalidDataError(
            item,
            0,
            what.tolist()[0],
            f"the model knows items such as {items[0]!r}: text is no number, give them as in fit",
        )
    columns = place[codes] if codes.size else codes
    known = columns >= 0
    return Purchases(users, items, _ones(rows[known], columns[known], (users.size, items.size)))


def checked_k(k: int) -> int:
    """Refuse a number of recommendations below one."""
    return whole_option("k", k, 1, "ask for a whole number of at least one recommendation")


def kept_items(found: Purchases, limit: int) -> tuple[Purchases, tuple[str, ...]]:
    """Return the purchases of the `limit` items with most owners, and a note of what was cut."""
    limit = whole_option("max_items", limit, 2)
    if found.items.size <= limit:
        return found, ()
    order = np.lexsort((np.arange(found.items.size), -found.owners))[:limit]
    order.sort()
    note = f"only the {limit} most bought of {found.items.size} items are used; raise max_items to use more"
    warnings.warn(note, DataWarning, stacklevel=4)
    return Purchases(found.users, found.items[order], found.matrix[:, order]), (note,)


def best(scores: NDArray[np.float64], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the k best columns of each row, ties by column; what is minus infinity is never among them (-1)."""
    k = min(k, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    worth = np.take_along_axis(scores, order, axis=1)
    return np.where(np.isneginf(worth), -1, order), worth


def recommended(
    histories: Purchases,
    blocks: Iterator[NDArray[np.float64]],
    *,
    user: str,
    item: str,
    k: int,
    repurchase: bool,
    like: Frame,
) -> Any:
    """Return a frame of user, item, rank and score from blocks of scores, what is owned left out unless it may come again."""
    users, items, ranks, worths = [], [], [], []
    start = 0
    for scores in blocks:
        stop = start + scores.shape[0]
        if not repurchase:
            owned = histories.matrix[start:stop].tocoo()
            scores[owned.row, owned.col] = -np.inf
        order, worth = best(scores, k)
        row, rank = np.nonzero(order >= 0)
        users.append(histories.users[start + row])
        items.append(histories.items[order[row, rank]])
        ranks.append(rank + 1)
        worths.append(worth[row, rank])
        start = stop
    empty = np.zeros(0)
    columns = {
        user: np.concatenate(users) if users else histories.users,
        item: np.concatenate(items) if items else histories.items[:0],
        "rank": np.concatenate(ranks) if ranks else empty.astype(np.int64),
        "score": np.concatenate(worths) if worths else empty,
    }
    return build(columns, like)
