"""The process behind Pareto/NBD: Poisson purchases at a Gamma rate, until a lifetime that is exponential at a Gamma rate.

The likelihood is the sum of two cases, still alive at T or gone at some moment between the last purchase and T. The second is
an integral over that moment, taken by Gauss and Legendre in logs of time up to where it has died away, everything as a ratio
to its value at the last purchase: no power overflows and no difference cancels, where the hypergeometric forms of the
literature lose the number. Thirty-two nodes leave an error of 1e-14 of the logarithm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import gammaln, psi

from pycrm.clv._beta_geometric import on_distinct
from pycrm.clv._history import Floats
from pycrm.clv._quadrature import legendre, tanh_sinh

__all__ = [
    "Cases",
    "cases",
    "counts",
    "discounted",
    "expected",
    "leaving",
    "log_likelihood",
    "negative_binomial",
    "probability",
    "surviving",
]

_CELLS = 32_768
"""Nodes times rows that stay in cache."""
_DEPTH = 40.0
"""Beyond a fall by e^-40 nothing is added to a sum of doubles."""


@frozen(eq=False)
class Cases:
    """The log of both cases of each history, and how the second one bends; slopes are in r, log alpha, s and log beta."""

    alive: Floats
    gone: Floats
    gone_slopes: tuple[Floats, Floats, Floats, Floats] | None


def cases(
    parameters: tuple[Any, Any, Any, Any], x: Floats, t_x: Floats, T: Floats, nodes: int, *, slopes: bool
) -> Cases:
    """Return log of alive, (alpha+T)^-(r+x) (beta+T)^-s, and of gone, s times the integral; both without the common factor."""
    r, alpha, s, beta = parameters
    size = x.size
    alive, gone = np.empty(size), np.empty(size)
    made = tuple(np.empty(size) for _ in range(4)) if slopes else None
    u, weight = (part[:, None] for part in legendre(nodes))
    chunk = max(256, _CELLS // nodes)
    for at in range(0, size, chunk):
        part = slice(at, at + chunk)
        al = alpha if np.ndim(alpha) == 0 else alpha[part]
        be = beta if np.ndim(beta) == 0 else beta[part]
        shape, now = r + x[part], T[part]
        A, B = al + t_x[part], be + t_x[part]
        first = A <= B
        near, far = np.where(first, A, B), np.where(first, B, A)
        of_near, of_far = np.where(first, shape, s + 1.0) - 1.0, np.where(first, s + 1.0, shape)
        # Time is C e^y, C the nearer of the two: there the power is exact, and what is left is log-concave.
        share = near / far
        fall = of_near + of_far * share
        with np.errstate(divide="ignore", over="ignore"):
            end = np.where(fall > 0.0, _DEPTH / np.where(fall > 0.0, fall, 1.0), np.inf)
            end = np.minimum(end, np.log1p(np.expm1(np.minimum(_DEPTH / of_far, 700.0)) / share))
        end = np.minimum(end, np.log1p((now - t_x[part]) / near))
        y = u * end
        grown = np.exp(y)
        rest = share * grown
        rest += 1.0 - share
        bent = np.log(rest)
        terms = bent * -of_far
        terms -= of_near * y
        np.exp(terms, out=terms)
        terms *= weight
        mass = terms.sum(axis=0)
        log_A, log_B = np.log(A), np.log(B)
        with np.errstate(divide="ignore"):
            gone[part] = np.log(s) - shape * log_A - (s + 1.0) * log_B + np.log(mass * end * near)
        alive[part] = -shape * np.log(al + now) - s * np.log(be + now)
        if made is not None:
            terms /= mass
            log_near, log_far = np.einsum("kn,kn->n", terms, y), np.einsum("kn,kn->n", terms, bent)
            one_near = np.einsum("kn->n", np.divide(terms, grown, out=grown)) / near
            one_far = np.einsum("kn->n", np.divide(terms, rest, out=rest)) / far
            made[0][part] = -log_A - np.where(first, log_near, log_far)
            made[1][part] = -shape * al * np.where(first, one_near, one_far)
            made[2][part] = 1.0 / s - log_B - np.where(first, log_far, log_near)
            made[3][part] = -(s + 1.0) * be * np.where(first, one_far, one_near)
    return Cases(alive, gone, made)  # type: ignore[arg-type]  # four arrays were made above


def log_likelihood(
    parameters: tuple[Any, Any, Any, Any],
    history: tuple[Floats, Floats, Floats],
    nodes: int = 32,
    *,
    slopes: bool = True,
    index: tuple[Floats, NDArray[np.int64]] | None = None,
) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats] | None]:
    """Return log L of each row and its derivatives in r, log alpha, s and log beta.

    `index` is ``np.unique(x, return_inverse=True)``, where it was made before.
    """
    r, alpha, s, beta = parameters
    x, t_x, T = history
    counts_, at = np.unique(x, return_inverse=True) if index is None else index
    found = cases(parameters, x, t_x, T, nodes, slopes=slopes)
    both = np.logaddexp(found.alive, found.gone)
    value = (gammaln(r + counts_) - gammaln(r))[at] + r * np.log(alpha) + s * np.log(beta) + both
    if found.gone_slopes is None:
        return value, None
    lives = np.exp(found.alive - both)
    leaves = np.exp(found.gone - both)
    in_r, in_alpha, in_s, in_beta = found.gone_slopes
    return value, (
        (psi(r + counts_) - psi(r))[at] + np.log(alpha) - lives * np.log(alpha + T) + leaves * in_r,
        r - lives * (r + x) * (alpha / (alpha + T)) + leaves * in_alpha,
        np.log(beta) - lives * np.log(beta + T) + leaves * in_s,
        s - lives * s * (beta / (beta + T)) + leaves * in_beta,
    )


def surviving(t: Floats, s: Floats, beta: Floats) -> Floats:
    """Return P(alive at t) of a customer who is alive at 0."""
    return np.asarray(np.exp(-s * np.log1p(t / beta)))


def expected(t: Floats, r: Floats, alpha: Floats, s: Floats, beta: Floats) -> Floats:
    """Return E[X(t)] of a customer who is alive at 0: nothing is singular at s = 1."""
    length = np.log1p(t / beta)
    z = (s - 1.0) * length
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(np.abs(z) < 1e-8, 1.0 - z / 2.0, -np.expm1(-z) / np.where(z == 0.0, 1.0, z))
    return np.asarray(r / alpha * beta * length * share)


def discounted(rate: float, horizon: Floats, *parameters: Floats) -> Floats:
    """Return the mean of the purchases until `horizon`, each discounted at the continuous `rate` from its moment.

    r / alpha times the integral of exp(-rate t) (1 + t / beta)^-s; `horizon` may be infinite where `rate` is positive.
    """

    def rows(horizon: Floats, s: Floats, beta: Floats) -> Floats:
        scale = beta / (s + 1.0)
        end = np.broadcast_to(horizon, np.broadcast_shapes(horizon.shape, beta.shape))
        if rate > 0.0:
            scale = np.minimum(scale, 1.0 / rate)
            end = np.minimum(end, 45.0 / rate)
        node, share = (part[:, None] for part in legendre(96))
        # In logs of 1 + t / scale both the power and the exponential are smooth.
        width = np.log1p(end / scale)
        grown = np.expm1(width * node) * scale
        terms = share * np.exp(width * node - rate * grown - s * np.log1p(grown / beta))
        return np.asarray(terms.sum(axis=0) * width * scale)

    r, alpha, s, beta = parameters
    return np.asarray(r / alpha * on_distinct(rows, horizon, s, beta))


def probability(n: Floats, start: Floats, length: Floats, *parameters: Floats) -> Floats:
    """Return P(n purchases in (start, start + length])."""

    def rows(n: Floats, length: Floats, *parameters: Floats) -> Floats:
        r, alpha, s, beta = parameters
        u, _, weight = (part[:, None] for part in tanh_sinh(193))
        h = np.log1p(length / beta)
        moment = np.expm1(h * u) * beta
        leaving = s * h * np.exp(-s * h * u)
        stays = np.exp(-s * h) * negative_binomial(n, length, r, alpha)
        return np.asarray(stays + (weight * leaving * negative_binomial(n, moment, r, alpha)).sum(axis=0))

    r, alpha, s, beta = parameters
    there = surviving(start, s, beta)
    within = on_distinct(rows, n, length, r, alpha, s, beta + start)
    return np.asarray(there * within + np.where(n == 0.0, 1.0 - there, 0.0))


def leaving(n: Floats, up: Floats, out: Floats, *parameters: Floats) -> Floats:
    """Return P(leaves within a piece of time, n purchases until then) of one who is alive where it begins.

    Over the piece the integral of his purchase factor grows by `up` from `parameters[0]`, that of dropout by `out`; what
    follows are r, alpha, s and beta, the latter where the piece begins.
    """

    def rows(*given: Floats) -> Floats:
        n, up, out, bought, r, alpha, s, beta = given
        u, _, weight = (part[:, None] for part in tanh_sinh(193))
        h = np.log1p(out / beta)
        share = np.expm1(h * u) * (beta / out)
        each = negative_binomial(n, bought + up * share, r, alpha)
        return np.asarray((weight * s * h * np.exp(-s * h * u) * each).sum(axis=0))

    return on_distinct(rows, n, up, out, *parameters)


def negative_binomial(n: Floats, t: Floats, r: Floats, alpha: Floats) -> Floats:
    """Return P(n purchases in t) of a customer who never leaves."""
    z = t / (alpha + t)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.where(n > 0.0, n * np.log(np.where(n > 0.0, z, 1.0)), 0.0)
    return np.asarray(np.exp(gammaln(r + n) - gammaln(r) - gammaln(n + 1.0) - r * np.log1p(t / alpha) + power))


def counts(
    random: np.random.Generator, length: Floats, rate: Floats, leaving: Floats
) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]:
    """Draw how many purchases fall into `length`, when the last one does, and whether the customer is alive after it."""
    with np.errstate(divide="ignore", over="ignore"):
        life = random.exponential(size=length.shape) / leaving
    span = np.minimum(life, length)
    made = random.poisson(rate * span).astype(np.int64)
    last = np.where(made > 0, span * random.beta(np.maximum(made, 1), 1.0), 0.0)
    return made, last, life > length
