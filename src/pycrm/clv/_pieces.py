"""The process behind Pareto/NBD with changing covariates: both rates are the customer's own times a factor, piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import gammaln, psi

from pycrm.clv import _pareto as process
from pycrm.clv._history import Floats
from pycrm.clv.covariate_paths import CovariatePaths, earlier, sums

__all__ = ["Span", "log_likelihood", "overlap", "rates", "two_cases"]


@frozen(kw_only=True, eq=False)
class Span:
    """Pieces of customers from some moment on: when each begins (`since`: from that moment), lasts, and its two factors.

    `alpha` and `beta`, one a customer, are the rates of the Gammas at that moment.
    """

    owner: NDArray[np.int64]
    begin: Floats
    since: Floats
    lasts: Floats
    a: Floats
    b: Floats
    alpha: Floats
    beta: Floats

    def until(self, life: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the integral of the purchase factor until a `life` in that of dropout is over, and whether it outlasts all.

        `life` is of shape (..., customers).
        """
        bought = np.zeros(life.shape)
        rest = life.copy()
        rank = self._rank()
        for place in range(int(rank.max()) + 1):
            at = np.flatnonzero(rank == place)
            who = self.owner[at]
            used = np.minimum(rest[..., who], (self.b * self.lasts)[at])
            bought[..., who] += used * (self.a / self.b)[at]
            rest[..., who] -= used
        return bought, rest > 0.0

    def when(self, who: NDArray[np.int64], bought: Floats) -> tuple[NDArray[np.int64], Floats]:
        """Return the piece in which the integral of the purchase factor of customer `who` reaches `bought`, and the moment."""
        opening = np.flatnonzero(np.concatenate(([True], self.owner[1:] != self.owner[:-1])))
        before = earlier(self.owner, self.a * self.lasts)
        last = np.append(opening[1:], self.owner.size)[who] - 1
        piece = opening[who]
        for _ in range(int(self._rank().max())):
            onward = np.minimum(piece + 1, last)
            piece = np.where(before[onward] <= bought, onward, piece)
        return piece, self.begin[piece] + (bought - before[piece]) / self.a[piece]

    def _rank(self) -> NDArray[np.int64]:
        """Return the how-manieth piece of its customer each is, from 0."""
        opening = np.flatnonzero(np.concatenate(([True], self.owner[1:] != self.owner[:-1])))
        return np.arange(self.owner.size) - np.repeat(opening, np.diff(np.append(opening, self.owner.size)))


def overlap(begin: Floats, end: Floats, now: Floats) -> tuple[Floats, Floats]:
    """Return how much of each piece lies before now, and how much after."""
    past = np.clip(np.minimum(end, now) - begin, 0.0, None)
    return past, np.clip(end - begin, 0.0, None) - past


def rates(effects: Mapping[str, float], paths: CovariatePaths) -> Floats:
    return np.exp(
        sum((effect * paths.covariates[name] for name, effect in effects.items()), np.zeros(paths.owner.size))
    )


def two_cases(
    shapes: tuple[Any, ...],
    purchase: Mapping[str, float],
    dropout: Mapping[str, float],
    paths: CovariatePaths,
    nodes: int,
) -> tuple[Floats, Floats, Floats, Any]:
    """Return log of alive and of gone, A and B at the end, and what the derivatives need."""
    r, alpha, s, beta = shapes
    owner, n = paths.owner, paths.age.size
    begin, end = paths.pieces(paths.age)
    a, b = rates(purchase, paths), rates(dropout, paths)
    recent = paths.recency[owner]
    lasts = np.clip(end - begin, 0.0, None)
    in_a, in_b = earlier(owner, a * lasts), earlier(owner, b * lasts)
    whole_a = alpha + np.bincount(owner, weights=a * lasts, minlength=n)
    whole_b = beta + np.bincount(owner, weights=b * lasts, minlength=n)
    x = paths.frequency
    alive = -(r + x) * np.log(whole_a) - s * np.log(whole_b)
    # Of each piece, the part after the last purchase; there alpha + A = a (near_a + time), and the same of beta.
    skip = np.clip(recent - begin, 0.0, lasts)
    silent = np.flatnonzero(lasts - skip > 0.0)
    near_a = ((alpha + in_a) / a + skip)[silent]
    near_b = ((beta + in_b) / b + skip)[silent]
    mine = owner[silent]
    zero = np.zeros(silent.size)
    found = process.cases((r, near_a, s, near_b), x[mine], zero, (lasts - skip)[silent], nodes, slopes=True)
    piece = found.gone - (r + x[mine]) * np.log(a[silent]) - s * np.log(b[silent])
    gone = np.full(n, -np.inf)
    if silent.size:
        opening = np.flatnonzero(np.concatenate(([True], mine[1:] != mine[:-1])))
        gone[mine[opening]] = np.logaddexp.reduceat(piece, opening)
    return alive, gone, np.column_stack([whole_a, whole_b]), (a, b, lasts, in_a, in_b, skip, silent, found, piece)


def log_likelihood(
    shapes: tuple[Any, ...],
    purchase: Mapping[str, float],
    dropout: Mapping[str, float],
    paths: CovariatePaths,
    nodes: int,
) -> tuple[Floats, list[Floats], tuple[dict[str, Floats], dict[str, Floats]]]:
    """Return log L of each customer, its derivatives in r, alpha, s and beta, and those in the effects."""
    r, alpha, s, beta = shapes
    x, owner, n = paths.frequency, paths.owner, paths.age.size
    alive, gone, whole, parts = two_cases(shapes, purchase, dropout, paths, nodes)
    a, b, lasts, in_a, in_b, skip, silent, found, piece = parts
    both = np.logaddexp(alive, gone)
    seen = sum((effect * paths.at_purchases[name] for name, effect in purchase.items()), np.zeros(n))
    value = seen + gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + both
    lives = np.exp(alive - both)
    mine = owner[silent]
    share = np.exp(piece - both[mine])
    in_r, by_alpha, in_s, by_beta = found.gone_slopes

    def back(amounts: Floats) -> Floats:
        return sums(mine, share * amounts, n)

    whole_a, whole_b = whole[:, 0], whole[:, 1]
    start_a, start_b = (alpha + in_a)[silent], (beta + in_b)[silent]
    scale_a, scale_b = start_a + (a * skip)[silent], start_b + (b * skip)[silent]
    slopes = [
        psi(r + x) - psi(r) + np.log(alpha) - lives * np.log(whole_a) + back(in_r - np.log(a[silent])),
        r / alpha - lives * (r + x) / whole_a + back(by_alpha / scale_a),
        np.log(beta) - lives * np.log(whole_b) + back(in_s - np.log(b[silent])),
        s / beta - lives * s / whole_b + back(by_beta / scale_b),
    ]
    ups, outs = {}, {}
    for name in purchase:
        z = paths.covariates[name]
        grown = np.bincount(owner, weights=z * a * lasts, minlength=n)
        inner = by_alpha * (earlier(owner, z * a * lasts)[silent] - z[silent] * start_a) / scale_a
        ups[name] = (
            paths.at_purchases[name] - lives * (r + x) * grown / whole_a + back(inner - (r + x[mine]) * z[silent])
        )
    for name in dropout:
        z = paths.covariates[name]
        grown = np.bincount(owner, weights=z * b * lasts, minlength=n)
        inner = by_beta * (earlier(owner, z * b * lasts)[silent] - z[silent] * start_b) / scale_b
        outs[name] = -lives * s * grown / whole_b + back(inner - s * z[silent])
    return value, slopes, (ups, outs)
