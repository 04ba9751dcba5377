"""The process behind BG/NBD and MBG/NBD: Poisson purchases at a Gamma rate, and after each a Beta chance to leave.

Everything here speaks of a customer who is alive at time 0 and can leave only after a purchase; rates are Gamma(r, alpha),
chances Beta(a, b), each argument an array. A customer with a history is such a customer with r + x, alpha + T and b + x,
given that he is alive.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, gammaln

from pycrm.clv._history import Floats
from pycrm.clv._quadrature import beta_nodes, legendre
from pycrm.clv._search import compress

__all__ = ["alive", "counts", "discounted", "expected", "in_blocks", "on_distinct", "probability"]

_CHUNK = 4096
_BLOCK = 16_384
"""Rows of a few columns that stay in cache."""


def on_distinct(function: Callable[..., Floats], *arguments: ArrayLike) -> Floats:
    """Return `function` of `arguments`, evaluated once per distinct row, in chunks that stay in cache.

    A single number is handed on as it is; the others have one broadcast shape.
    """
    parts = [np.asarray(part, dtype=np.float64) for part in arguments]
    many = [at for at, part in enumerate(parts) if part.ndim]
    shape = np.broadcast_shapes(*(part.shape for part in parts))
    if not many:
        return np.asarray(function(parts[0].reshape(1), *parts[1:])).reshape(())
    rows = compress([np.broadcast_to(parts[at], shape).ravel() for at in many], inverse=True)
    assert rows.inverse is not None
    made = np.empty(rows.size)
    given: list[Floats] = list(parts)
    for start in range(0, rows.size, _CHUNK):
        for at, column in zip(many, rows.columns, strict=True):
            given[at] = column[start : start + _CHUNK]
        made[start : start + _CHUNK] = function(*given)
    return made[rows.inverse].reshape(shape)


def in_blocks(function: Callable[..., Floats], history: tuple[Floats, ...], *parameters: ArrayLike) -> Floats:
    """Return `function` of `history` and `parameters`, in blocks that stay in cache: for what costs less than to compress.

    A parameter that is a single number is handed on as it is; all others have one broadcast shape.
    """
    given = [np.asarray(part, dtype=np.float64) for part in parameters]
    shape = np.broadcast_shapes(*(part.shape for part in (*history, *given)))
    rows = [np.broadcast_to(part, shape).reshape(-1) for part in history]
    made = np.empty(rows[0].size)
    each = [part if part.ndim == 0 else np.broadcast_to(part, shape).reshape(-1) for part in given]
    for start in range(0, made.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        own = (part if part.ndim == 0 else part[block] for part in each)
        made[block] = function(*(part[block] for part in rows), *own)
    return made.reshape(shape)


def _mean_over_chance(function: Callable[[Floats, Floats], Floats], a: Floats, b: Floats, count: int = 97) -> Floats:
    """Return the mean of `function` (of p and 1 - p, shape (count, rows)) over Beta(a, b)."""
    distinct = compress([np.ravel(part) for part in np.broadcast_arrays(a, b)], inverse=True)
    each_a, each_b = distinct.columns
    p, q, weight = beta_nodes(each_a, each_b, count)
    at = distinct.inverse
    return np.asarray((weight[:, at] * function(p[:, at], q[:, at])).sum(axis=0))


def alive(t: Floats, r: Floats, alpha: Floats, a: Floats, b: Floats) -> Floats:
    """Return P(alive at t), the mean of exp(-lambda p t)."""
    return _mean_over_chance(lambda p, _: np.exp(-r * np.log1p(p * (t / alpha))), a, b, _nodes(t, alpha))


def expected(t: Floats, r: Floats, alpha: Floats, a: Floats, b: Floats) -> Floats:
    """Return E[X(t)], the mean of (1 - exp(-lambda p t)) / p: all terms positive, nothing singular at a = 1."""
    return _mean_over_chance(lambda p, _: -np.expm1(-r * np.log1p(p * (t / alpha))) / p, a, b, _nodes(t, alpha))


def _nodes(t: Floats, alpha: Floats) -> int:
    """Return how many nodes a mean needs: more where t is far longer than alpha, for there the integrand turns sharply."""
    turn = float(np.max(t / alpha, initial=0.0))
    return 65 if turn <= 5.0 else 97 if turn <= 50.0 else 385


def discounted(rate: float, horizon: Floats, *parameters: Floats) -> Floats:
    """Return the mean of the purchases until `horizon`, each discounted at the continuous `rate` from its moment.

    The integral of exp(-rate t) E[lambda exp(-lambda p t)]; `horizon` may be infinite where `rate` is positive.
    """
    r, alpha, a, b = parameters
    node, share = legendre(64)

    def inner(p: Floats, _: Floats) -> Floats:
        scale = alpha / ((r + 1.0) * p)
        end = np.broadcast_to(horizon, np.broadcast_shapes(np.shape(horizon), p.shape))
        if rate > 0.0:
            scale = np.minimum(scale, 1.0 / rate)
            end = np.minimum(end, 45.0 / rate)
        # In logs of 1 + t / scale both the power and the exponential are smooth.
        width = np.log1p(end / scale)
        made = np.zeros(end.shape)
        for u, w in zip(node, share, strict=True):
            grown = np.expm1(width * u) * scale
            made += w * np.exp(width * u - rate * grown - (r + 1.0) * np.log1p(p * grown / alpha))
        return made * width * scale * r / alpha

    return _mean_over_chance(inner, a, b)


def probability(n: Floats, start: Floats, length: Floats, *parameters: Floats) -> Floats:
    """Return P(n purchases in (start, start + length])."""

    def at_once(n: Floats, length: Floats, *parameters: Floats) -> Floats:
        r, alpha, a, b = parameters
        z = length / (alpha + length)
        with np.errstate(divide="ignore", invalid="ignore"):
            count = gammaln(r + n) - gammaln(r) - gammaln(n + 1.0) - r * np.log1p(length / alpha) + _xlog(n, z)
        stays = np.exp(betaln(a, b + n) - betaln(a, b) + count)
        more = np.maximum(n, 1.0)
        leaves = np.exp(betaln(a + 1.0, b + more - 1.0) - betaln(a, b)) * betainc(more, r, z)
        return np.asarray(stays + np.where(n > 0.0, leaves, 0.0))

    def later(n: Floats, start: Floats, length: Floats, *parameters: Floats) -> Floats:
        r, alpha, a, b = parameters

        def given(p: Floats, q: Floats) -> Floats:
            rate = alpha + p * start
            there = np.exp(-r * np.log1p(p * start / alpha))
            z = length / (rate + length)
            with np.errstate(divide="ignore", invalid="ignore"):
                count = gammaln(r + n) - gammaln(r) - gammaln(n + 1.0) - r * np.log1p(length / rate)
                stays = np.exp(count + _xlog(n, z) + _xlog(n, q))
                more = np.maximum(n, 1.0)
                leaves = p * np.exp(_xlog(more - 1.0, q)) * betainc(more, r, z)
            return np.asarray(there * (stays + np.where(n > 0.0, leaves, 0.0)) + np.where(n > 0.0, 0.0, 1.0 - there))

        return _mean_over_chance(given, a, b)

    if np.all(start == 0.0):
        return at_once(n, length, *parameters)
    return later(n, start, length, *parameters)


def _xlog(n: Floats, z: Floats) -> Floats:
    """Return n log z, 0 where n is 0."""
    return np.where(n > 0.0, n * np.log(np.where(n > 0.0, z, 1.0)), 0.0)


def counts(
    random: np.random.Generator, length: Floats, *parameters: Floats
) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]:
    """Draw how many purchases fall into `length`, when the last one does, and whether the customer is alive after it."""
    r, alpha, a, b = parameters
    rate = random.gamma(np.broadcast_to(r, length.shape)) / alpha
    chance = np.clip(random.beta(np.broadcast_to(a, length.shape), np.broadcast_to(b, length.shape)), 1e-300, 1.0)
    arrivals = random.poisson(rate * length)
    # The purchase after which he leaves is geometric; drawn by inversion, for a chance near 0 overflows an integer.
    with np.errstate(divide="ignore", over="ignore"):
        leaves = np.ceil(np.log(random.uniform(size=length.shape)) / np.log1p(-chance))
    leaves = np.where(np.isfinite(leaves), np.maximum(leaves, 1.0), np.where(chance >= 1.0, 1.0, np.inf))
    made = np.minimum(arrivals, leaves).astype(np.int64)
    last = np.where(made > 0, length * random.beta(np.maximum(made, 1), np.maximum(arrivals - made, 0) + 1.0), 0.0)
    return made, last, arrivals < leaves
