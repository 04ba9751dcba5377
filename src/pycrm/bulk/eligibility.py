"""Who may be given which offer, for all customers and offers at once: the same answers as `pycrm.model.eligibility` one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.bulk.predicate import evaluate_columns
from pycrm.bulk.times import utc_time
from pycrm.model.eligibility import OBJECTIONS
from pycrm.model.offer import Offer
from pycrm.table import Frame

__all__ = ["Holdings", "objection_columns"]

_CODES = ("", *OBJECTIONS)


@frozen(kw_only=True, eq=False)
class Holdings:
    """What n customers have, of m offers and some articles.

    Parameters
    ----------
    skus : tuple of str
        The articles that offers name, in the order of the columns of `owned`.
    owned : ndarray of bool, shape (n, articles)
        Who owns what.
    bought : ndarray of bool, shape (n,)
        Who ever bought anything.
    given : ndarray of int, shape (n, m)
        How often each was given.
    last_given : ndarray of datetime64, shape (n, m)
        When last, in UTC; NaT where never.
    open : ndarray of bool, shape (n, m)
        Whether it is still open.
    """

    skus: tuple[str, ...]
    owned: NDArray[np.bool_] = field(repr=False)
    bought: NDArray[np.bool_] = field(repr=False)
    given: NDArray[np.int64] = field(repr=False)
    last_given: NDArray[np.datetime64] = field(repr=False)
    open: NDArray[np.bool_] = field(repr=False)

    def owns_any(self, skus: Sequence[str]) -> NDArray[np.bool_]:
        """Return who owns one of these articles."""
        columns = [self.skus.index(sku) for sku in dict.fromkeys(skus)]
        return np.asarray(self.owned[:, columns].any(axis=1))


def objection_columns(
    offers: Sequence[Offer], facts: Frame | None, holdings: Holdings, at: datetime
) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Return, for each customer and offer, why it may not be given.

    Parameters
    ----------
    offers : sequence of Offer
        The m offers, in the order of the columns of `holdings`.
    facts : frame or None
        Columns for the paths of their conditions, one row a customer; None where no offer has one.
    holdings : Holdings
        What the customers have.
    at : datetime
        Now.

    Returns
    -------
    ndarray of int, shape (n, m)
        0 where it may be given; else the place of the reason in the codes.
    tuple of str
        The codes; the first one is empty.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.offer import OfferKind
    >>> pot = Offer(code="pot", name="A pot", kind=OfferKind.SERVICE, skus=("pot",))
    >>> two = Holdings(
    ...     skus=("pot",),
    ...     owned=np.array([[True], [False]]),
    ...     bought=np.array([True, False]),
    ...     given=np.zeros((2, 1), int),
    ...     last_given=np.full((2, 1), np.datetime64("NaT", "us")),
    ...     open=np.zeros((2, 1), bool),
    ... )
    >>> answer, codes = objection_columns([pot], None, two, datetime(2026, 5, 1, tzinfo=UTC))
    >>> [codes[code] for code in answer[:, 0]]
    ['owned', '']
    """
    n = len(holdings.bought)
    now = utc_time("at", at)
    answer = np.zeros((n, len(offers)), dtype=np.int8)
    held = np.asarray(holdings.open.any(axis=1))
    place = {offer.code: number for number, offer in enumerate(offers)}
    for number, offer in enumerate(offers):
        column = answer[:, number]

        def object_to(code: str, who: NDArray[np.bool_] | bool, column: NDArray[np.int8] = column) -> None:
            column[(column == 0) & who] = _CODES.index(code)

        object_to("not_running", at not in offer.period)
        if offer.eligible is not None and facts is not None:
            object_to("not_concerned", ~evaluate_columns(offer.eligible, facts))
        if offer.never_bought:
            object_to("bought_before", holdings.bought)
        if offer.suppress_buyers and offer.skus:
            object_to("owned", holdings.owns_any(offer.skus))
        if offer.requires:
            object_to("goes_with_nothing", ~holdings.owns_any(offer.requires))
        if offer.upgrades:
            object_to("improves_nothing", ~holdings.owns_any(offer.upgrades))
        if offer.max_per_customer is not None:
            object_to("given_often", np.asarray(holdings.given[:, number] >= offer.max_per_customer, dtype=np.bool_))
        if offer.again_after is not None:
            free = holdings.last_given[:, number] + np.timedelta64(offer.again_after)
            object_to("given_lately", np.asarray(now < free, dtype=np.bool_))
        rivals = [place[code] for code in offer.excludes if code in place]
        if rivals:
            object_to("excluded", np.asarray(holdings.open[:, rivals].any(axis=1)))
        if not offer.stackable:
            object_to("not_alone", held)
    return answer, _CODES
