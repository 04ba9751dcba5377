"""What each customer is likeliest to want next, from what everybody bought: for those nothing is known of, what their segment buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidValueError
from pycrm.model.time import instant
from pycrm.recommendation import EASE, Popularity
from pycrm.scoring import Isotonic
from pycrm.storage.lookups import last_assessments
from pycrm.storage.protocols import Store
from pycrm.workflows.personalise.reading import Bought, bought_until, customer_rows, us

__all__ = ["Recommended", "recommend"]

_ALL = ""


@frozen
class Recommended:
    """An article for a customer: which, and the share of customers like him who own it.

    Parameters
    ----------
    sku : str
        Which.
    score : float
        Of a customer with a history the score of the model, in which only the order counts; of another the share of owners.
    popular : bool
        Whether it is only what most of his segment buy.
    probability : float, optional
        That he buys it within the span that was asked for; None where that was not asked, is not known, or it is only popular.
    """

    sku: str
    score: float
    popular: bool
    probability: float | None = None


def recommend(
    store: Store,
    *,
    at: datetime,
    k: int = 10,
    penalty: float = 500.0,
    max_items: int = 5_000,
    least: int = 3,
    within: timedelta | None = None,
) -> Mapping[UUID, tuple[Recommended, ...]]:
    """Return the k articles each customer is likeliest to want, never one he owns.

    Who owns at least one article of the model is ranked by EASE, learned from all purchases until `at`; who does not, by what most
    of his segment own, or of all where the segment is not known.

    Parameters
    ----------
    store : Store
        With orders; assessments where there are any.
    at : datetime
        Now.
    k : int
        How many, at most.
    penalty : float
        Of EASE: the larger, the closer to plain popularity.
    max_items : int
        More articles than this are cut to the most bought ones, with a DataWarning.
    least : int
        With fewer articles or buyers than this nothing is learned but what is popular.
    within : timedelta, optional
        Say how likely it is that he buys each within this span: the model as it would have been that long ago recommends to
        those who had bought by then, and the shares who did buy since calibrate its scores (isotonic). It costs a second fit, and is
        as good as scores mean now what they meant then.

    Returns
    -------
    mapping of customer id to tuple of Recommended
        Every customer in use; empty where nothing was ever sold. The codes alone are the `articles` of `decide`.

    Raises
    ------
    InvalidValueError
        If `within` is not above zero.
    """
    if within is not None and within <= timedelta(0):
        raise InvalidValueError("within", within, "give a span above zero")
    now = instant(at)
    with store.begin(read_only=True) as unit:
        ids, rows = customer_rows(unit)
        bought = bought_until(unit, rows, now)
        segments = {id: one.segment or _ALL for id, one in last_assessments(unit, now.date()).items()}
    if not bought.customer.size:
        return dict.fromkeys(ids, ())
    found: dict[UUID, tuple[Recommended, ...]] = {}
    ranking = _ranked(bought.customer, bought.sku, k, penalty, max_items, least)
    known: set[int] = set()
    if ranking is not None:
        known = ranking.known
        chances: Sequence[float | None] = [None] * len(ranking.skus)
        if within is not None:
            chance = _calibrated(bought, now - within, k, penalty, max_items, least)
            chances = chances if chance is None else chance(_shares(ranking.scores)).tolist()
        for row, sku, score, likely in zip(ranking.rows, ranking.skus, ranking.scores, chances, strict=True):
            one = Recommended(sku, score, popular=False, probability=likely)
            found[ids[row]] = (*found.get(ids[row], ()), one)
    owned: dict[int, set[str]] = {}
    for row, sku in zip(bought.customer.tolist(), bought.sku.tolist(), strict=True):
        owned.setdefault(row, set()).add(sku)
    popular = Popularity.fit(
        {
            "customer": bought.customer,
            "sku": bought.sku,
            "segment": [segments.get(ids[row], _ALL) for row in bought.customer.tolist()],
        },
        user="customer",
        item="sku",
        segment="segment",
    ).model
    shares: dict[str, list[Recommended]] = {}
    most = max((len(his) for his in owned.values()), default=0)
    for row, id in enumerate(ids):
        if row in known:
            found.setdefault(id, ())
            continue
        segment = segments.get(id, _ALL)
        if segment not in shares:
            known_segment = segment if segment != _ALL and segment in popular.by_segment else None
            owners = popular.owners if known_segment is None else popular.by_segment[segment]
            count = dict(zip(popular.items.tolist(), owners.tolist(), strict=True))
            buyers = sum(known_segment is None or segments.get(ids[one], _ALL) == segment for one in owned)
            shares[segment] = [
                Recommended(sku, count[sku] / max(buyers, 1), popular=True)
                for sku in popular.top(k + most, segment=known_segment)
            ]
        his = owned.get(row, set())
        found[id] = tuple(one for one in shares[segment] if one.sku not in his)[:k]
    return found


@frozen(kw_only=True)
class _Ranking:
    """What a model recommends: the rows of the customers, articles and scores, and whose history it knows anything of."""

    rows: list[int]
    skus: list[str]
    scores: list[float]
    known: set[int]


def _ranked(
    customer: NDArray[np.int64], sku: NDArray[np.object_], k: int, penalty: float, max_items: int, least: int
) -> _Ranking | None:
    """Return the k best for everybody whose purchases a model of them all knows; None where there is too little to learn from."""
    if min(len(set(sku.tolist())), len(np.unique(customer))) < least:
        return None
    purchases: dict[str, Any] = {"customer": customer, "sku": sku}
    model = EASE.fit(purchases, user="customer", item="sku", penalty=penalty, max_items=max_items).model
    held = np.isin(sku.astype(str), model.items.astype(str))
    ranked = model.recommend({"customer": customer[held], "sku": sku[held]}, k)
    return _Ranking(
        rows=ranked["customer"].tolist(),
        skus=ranked["sku"].tolist(),
        scores=[float(score) for score in ranked["score"].tolist()],
        known=set(np.unique(customer[held]).tolist()),
    )


def _calibrated(bought: Bought, since: datetime, k: int, penalty: float, max_items: int, least: int) -> Isotonic | None:
    """Return how likely a score was to come true from then until now; None where nobody, or everybody, bought what he was told."""
    before = bought.at < us(since)
    ranking = _ranked(bought.customer[before], bought.sku[before], k, penalty, max_items, least)
    if ranking is None:
        return None
    later = set(zip(bought.customer[~before].tolist(), bought.sku[~before].tolist(), strict=True))
    came = [pair in later for pair in zip(ranking.rows, ranking.skus, strict=True)]
    if len(set(came)) < 2:
        return None
    return Isotonic.fit(_shares(ranking.scores), np.array(came, dtype=np.float64)).model


def _shares(scores: Sequence[float]) -> NDArray[np.float64]:
    # A score may leave 0 to 1 by a little; beyond them it says no more.
    return np.clip(np.array(scores, dtype=np.float64), 0.0, 1.0)
