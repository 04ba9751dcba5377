"""Discounted sums of beta-mixed geometric lives, exact where the library function is not.

A customer whose chance `p` of leaving at each step has a Beta(a, b) distribution takes the i-th step with probability
B(a, b + i) / B(a, b); discounted by `z` a step, the sum over all steps is 2F1(1, b; a + b; z).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaln, hyp2f1

__all__ = ["discounted_steps", "log_rise", "steps"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_FEW, _SHARES = np.polynomial.legendre.leggauss(12)
_SAFE_SHAPE = 200.0  # beyond it scipy's 2F1 returns NaN near z = 1


def log_rise(z: ArrayLike, a: ArrayLike) -> NDArray[np.float64]:
    """Return log Gamma(z + a) - log Gamma(z), without the cancellation of two huge numbers where z is large."""
    z, a = np.broadcast_arrays(np.asarray(z, dtype=np.float64), np.asarray(a, dtype=np.float64))
    large = np.maximum(z, 16.0)
    stirling = (large - 0.5) * np.log1p(a / large) + a * (np.log(large + a) - 1.0) + _rest(large + a) - _rest(large)
    return np.asarray(np.where(z >= 16.0, stirling, gammaln(z + a) - gammaln(z)), dtype=np.float64)


def _rest(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what Stirling's formula leaves of log Gamma, for z of 16 and more."""
    inverse = 1.0 / (z * z)
    return (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / z


def steps(a: float, b: ArrayLike, m: ArrayLike) -> NDArray[np.float64]:
    """Return the sum over j = 1 .. m of B(a, b + j) / B(a, b): what is left of m steps; nothing is singular at a = 1."""
    # B(a, d) = B(a - 1, d) - B(a - 1, d + 1), so the sum telescopes; it is written in the slope of log Gamma over a - 1.
    b, m = np.broadcast_arrays(np.asarray(b, dtype=np.float64), np.asarray(m, dtype=np.float64))
    g = a - 1.0
    start, end = b + 1.0, b + m + 1.0
    smooth = np.abs(g) < np.maximum(0.25, start / 8.0)
    slope = np.empty(start.shape)
    u = g * (_FEW + 1.0) / 2.0
    slope[smooth] = (digamma(end[smooth][..., None] + u) - digamma(start[smooth][..., None] + u)) @ (_SHARES / 2.0)
    low, high = start[~smooth], end[~smooth]
    if low.size:
        slope[~smooth] = (log_rise(high, g) - log_rise(low, g)) / g
    drop = g * slope
    share = np.where(drop == 0.0, 1.0, -np.expm1(-drop) / np.where(drop == 0.0, 1.0, drop))
    # B(a, b + 1) / B(a - 1, b + 1) = (a - 1) / (a + b), and B(a, b + 1) = b / (a + b) B(a, b).
    return np.asarray(b * slope * share)


def discounted_steps(a: ArrayLike, b: ArrayLike, z: ArrayLike) -> NDArray[np.float64]:
    """Return 2F1(1, b; a + b; z), the mean of 1 / (1 - z (1 - p)) over p ~ Beta(a, b); 0 <= z < 1."""
    a, b, z = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (a, b, z)))
    with np.errstate(all="ignore"):
        found = np.asarray(hyp2f1(1.0, b, a + b, z), dtype=np.float64)
    doubtful = (b > _SAFE_SHAPE) | ~np.isfinite(found)
    if doubtful.any():
        found = found.copy()
        found[doubtful] = _by_quadrature(a[doubtful], b[doubtful], z[doubtful])
    return found


def _by_quadrature(a: NDArray[np.float64], b: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate over logit(p), where the integrand is smooth; below the lowest node it is a pure power of p."""
    rest = 1.0 - z
    centre, sharpness = np.log(a / b), a * b / (a + b)
    low = np.log(rest / (1.0 + b)) - 39.0
    # The factor 1 / (rest + z p) takes one power of p away, so the mass ends on the left like p^(a - 1).
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(a > 2.0, 45.0 / (a - 1.0) + np.sqrt(90.0 / sharpness), np.inf)
    low = np.maximum(low, centre - left)
    high = np.maximum(centre + 45.0 / b + np.sqrt(90.0 / sharpness), low + 1.0)
    panels = int(np.ceil(np.max((high - low) / np.minimum(2.0, 3.0 / np.sqrt(sharpness)))))
    edges = np.linspace(0.0, 1.0, panels + 1)
    # Both integrals share the unnormalised density: B(a, b) itself loses five digits at b = 1e4.
    peak = a * np.log(a / (a + b)) + b * np.log(b / (a + b))
    mass, total = np.zeros_like(peak), np.zeros_like(peak)
    for start, end in pairwise(edges):
        middle = low + (high - low) * (start + end) / 2.0
        half = (high - low) * (end - start) / 2.0
        u = middle[..., None] + half[..., None] * _NODES
        log_p, log_q = -np.logaddexp(0.0, -u), -np.logaddexp(0.0, u)
        density = _WEIGHTS * np.exp(a[..., None] * log_p + b[..., None] * log_q - peak[..., None])
        mass += half * density.sum(axis=-1)
        total += half * np.sum(density / (rest[..., None] + z[..., None] * np.exp(log_p)), axis=-1)
    below = np.exp(a * low - (a + b) * np.logaddexp(0.0, low) - peak) / a
    return np.asarray((total + below / rest) / (mass + below))
