"""What a recommender learned from, beside the model itself."""

from __future__ import annotations

from typing import Generic, TypeVar

from attrs import frozen

__all__ = ["Learned"]

M = TypeVar("M")


@frozen(kw_only=True, eq=False)
class Learned(Generic[M]):
    """A recommender and what it saw.

    Parameters
    ----------
    model : M
        What recommends.
    users, items, pairs : int
        Distinct users, articles, and pairs of the two, that were used.
    notes : tuple of str
        What was left out, and why.
    """

    model: M
    users: int
    items: int
    pairs: int
    notes: tuple[str, ...] = ()
