"""What each customer is likeliest to want next, from what everybody bought: for those nothing is known of, what their segment buys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from attrs import frozen

from pycrm.model.time import instant
from pycrm.recommendation import EASE, Popularity
from pycrm.storage.lookups import last_assessments
from pycrm.storage.protocols import Store
from pycrm.workflows.personalise.reading import bought_until, customer_rows

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
    """

    sku: str
    score: float
    popular: bool


def recommend(
    store: Store, *, at: datetime, k: int = 10, penalty: float = 500.0, max_items: int = 5_000, least: int = 3
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

    Returns
    -------
    mapping of customer id to tuple of Recommended
        Every customer in use; empty where nothing was ever sold. The codes alone are the `articles` of `decide`.
    """
    now = instant(at)
    with store.begin(read_only=True) as unit:
        ids, rows = customer_rows(unit)
        bought = bought_until(unit, rows, now)
        segments = {id: one.segment or _ALL for id, one in last_assessments(unit, now.date()).items()}
    if not bought.customer.size:
        return dict.fromkeys(ids, ())
    purchases: dict[str, Any] = {"customer": bought.customer, "sku": bought.sku}
    found: dict[UUID, tuple[Recommended, ...]] = {}
    enough = min(len(set(bought.sku.tolist())), len(np.unique(bought.customer))) >= least
    known: set[int] = set()
    if enough:
        model = EASE.fit(purchases, user="customer", item="sku", penalty=penalty, max_items=max_items).model
        held = np.isin(bought.sku.astype(str), model.items.astype(str))
        known = set(np.unique(bought.customer[held]).tolist())
        ranked = model.recommend({"customer": bought.customer[held], "sku": bought.sku[held]}, k)
        for row, sku, score in zip(
            ranked["customer"].tolist(), ranked["sku"].tolist(), ranked["score"].tolist(), strict=True
        ):
            found[ids[row]] = (*found.get(ids[row], ()), Recommended(sku, float(score), popular=False))
    owned: dict[int, set[str]] = {}
    for row, sku in zip(bought.customer.tolist(), bought.sku.tolist(), strict=True):
        owned.setdefault(row, set()).add(sku)
    popular = Popularity.fit(
        {**purchases, "segment": [segments.get(ids[row], _ALL) for row in bought.customer.tolist()]},
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
