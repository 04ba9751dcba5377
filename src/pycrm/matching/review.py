"""The grey zone as data: pairs a person should look at, and what he says as constraints of the next run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pycrm.errors import InvalidValueError
from pycrm.matching.decisions import Decision
from pycrm.matching.engine import probabilities
from pycrm.matching.resolution import Resolution
from pycrm.table import build

__all__ = ["constraints_of", "review_queue"]

Pairs = tuple[tuple[Any, Any], ...]


def review_queue(
    resolution: Resolution,
    *,
    low: float = 0.1,
    high: float = 0.95,
    limit: int = 100,
    decided: Iterable[Decision] = (),
) -> Any:
    """Return the pairs most worth a look, as a frame `left`, `right`, `weight`, `probability`, `same_cluster`, `why`.

    Parameters
    ----------
    resolution : Resolution
        What `resolve` found.
    low, high : float
        The grey zone of probabilities; nearest to even odds come first.
    limit : int
        The most pairs to return.
    decided : iterable of Decision
        What people have said already; such pairs are not asked again.

    Examples
    --------
    >>> from pycrm.matching import resolve
    >>> people = {"key": [1, 2], "email": ["ana@example.com", "carl@example.com"]}
    >>> len(review_queue(resolve(people, id="key", fields={"email": "email"})))
    0
    """
    if not 0.0 <= low < high <= 1.0:
        raise InvalidValueError("low", (low, high), "give 0 <= low < high <= 1")
    if limit < 0:
        raise InvalidValueError("limit", limit, "give 0 or more")
    ids = resolution.records.ids
    probability = probabilities(resolution.weight)
    grey = np.flatnonzero((probability >= low) & (probability <= high))
    said = {frozenset(pair) for pairs in constraints_of(decided) for pair in pairs}
    grey = grey[np.lexsort((resolution.others[grey], resolution.rows[grey], np.abs(resolution.weight[grey])))]
    left, right = ids[resolution.rows[grey]], ids[resolution.others[grey]]
    fresh = np.array(
        [frozenset(pair) not in said for pair in zip(left.tolist(), right.tolist(), strict=True)], dtype=bool
    )
    grey, left, right = grey[fresh][:limit], left[fresh][:limit], right[fresh][:limit]
    labels = resolution.labels
    return build(
        {
            "left": left,
            "right": right,
            "weight": resolution.weight[grey],
            "probability": probability[grey],
            "same_cluster": labels[resolution.rows[grey]] == labels[resolution.others[grey]],
            "why": [resolution.explain(a, b).sentence for a, b in zip(left.tolist(), right.tolist(), strict=True)],
        },
        resolution.records.like,
    )


def constraints_of(decisions: Iterable[Decision]) -> tuple[Pairs, Pairs]:
    """Return the pairs to unite and those to keep apart, for `resolve(always=..., never=...)`; what was taken back is left out.

    Examples
    --------
    >>> said = [Decision(id=1, action="merge", records=(1, 2)), Decision(id=2, action="keep_apart", records=(1, 3))]
    >>> constraints_of(said)
    (((1, 2),), ((1, 3),))
    """
    entries = list(decisions)
    revoked = {entry.revokes for entry in entries if entry.action == "revoke"}
    held = [entry for entry in entries if entry.action != "revoke" and entry.id not in revoked]
    always = tuple(
        (entry.records[0], other) for entry in held if entry.action == "merge" for other in entry.records[1:]
    )
    never = tuple((entry.records[0], entry.records[1]) for entry in held if entry.action == "keep_apart")
    return always, never
