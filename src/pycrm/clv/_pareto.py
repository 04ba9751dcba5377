"""The process behind Pareto/NBD: Poisson purchases at a Gamma rate, until a lifetime that is exponential at a Gamma rate.

The likelihood is the sum of two cases, still alive at T or gone at some moment between the last purchase and T. The second is
an integral over that moment, taken by tanh-sinh in logs of time, everything as a ratio to its value at the last purchase: no
power overflows and no difference cancels, where the hypergeometric forms of the literature lose the number.
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

__all__ = ["Cases", "cases", "counts", "discounted", "expected", "log_likelihood", "probability", "surviving"]

_CHUNK = 2048


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
    u, v, weight = (part[:, None] for part in tanh_sinh(nodes))
    for at in range(0, size, _CHUNK):
        part = slice(at, at + _CHUNK)
        al = alpha if np.ndim(alpha) == 0 else alpha[part]
        be = beta if np.ndim(beta) == 0 else beta[part]
        shape, last, now = r + x[part], t_x[part], T[part]
        A, B = al + last, be + last
        C = np.minimum(A, B)
        silence = now - last
        h = np.log1p(silence / C)
        bend = h * (shape * (C / A) + (s + 1.0) * (C / B) - 1.0)
        bend = np.where(np.abs(bend) < 1e-3, 1e-3, bend)
        shrunk = np.exp(-bend)
        D = v + u * shrunk
        y = np.log(D) * (-h / bend)
        grown = np.expm1(y) * C
        in_a, in_b = np.log1p(grown / A), np.log1p(grown / B)
        terms = weight * np.exp(y - shape * in_a - (s + 1.0) * in_b) / D
        mass = terms.sum(axis=0)
        scale = C * (h * -np.expm1(-bend) / bend)
        log_A, log_B = np.log(A), np.log(B)
        with np.errstate(divide="ignore"):
            gone[part] = np.log(s) - shape * log_A - (s + 1.0) * log_B + np.log(mass * scale)
        alive[part] = -shape * np.log(al + now) - s * np.log(be + now)
        if made is not None:
            terms /= mass
            made[0][part] = -log_A - np.einsum("kn,kn->n", terms, in_a)
            made[1][part] = -shape * al * np.einsum("kn,kn->n", terms, 1.0 / (A + grown))
            made[2][part] = 1.0 / s - log_B - np.einsum("kn,kn->n", terms, in_b)
            made[3][part] = -(s + 1.0) * be * np.einsum("kn,kn->n", terms, 1.0 / (B + grown))
    return Cases(alive, gone, made)  # type: ignore[arg-type]  # four arrays were made above


def log_likelihood(
    parameters: tuple[Any, Any, Any, Any], x: Floats, t_x: Floats, T: Floats, nodes: int = 97, *, slopes: bool = True
) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats] | None]:
    """Return log L of each row and its derivatives in r, log alpha, s and log beta."""
    r, alpha, s, beta = parameters
    counts_, at = np.unique(x, return_inverse=True)
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
        stays = np.exp(-s * h) * _negative_binomial(n, length, r, alpha)
        return np.asarray(stays + (weight * leaving * _negative_binomial(n, moment, r, alpha)).sum(axis=0))

    r, alpha, s, beta = parameters
    there = surviving(start, s, beta)
    within = on_distinct(rows, n, length, r, alpha, s, beta + start)
    return np.asarray(there * within + np.where(n == 0.0, 1.0 - there, 0.0))


def _negative_binomial(n: Floats, t: Floats, r: Floats, alpha: Floats) -> Floats:
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
