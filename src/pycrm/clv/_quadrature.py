"""Nodes for the integrals of this room: means over a Beta, means over a Gamma, integrals over a span of time."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

__all__ = ["beta_nodes", "legendre", "tanh_sinh"]

Floats: TypeAlias = NDArray[np.float64]


@lru_cache(maxsize=16)
def tanh_sinh(count: int) -> tuple[Floats, Floats, Floats]:
    """Return nodes u in (0, 1), their complements 1 - u, and weights that sum to 1.

    The complement is carried by itself: near 1 it would be lost in rounding.

    Examples
    --------
    >>> u, _, weight = tanh_sinh(49)
    >>> round(float(weight @ u**-0.5), 6)
    2.0
    """
    half = count // 2
    reach = 3.15
    step = reach / half
    t = step * np.arange(-half, half + 1)
    s = np.pi * np.sinh(t)
    u = 1.0 / (1.0 + np.exp(-s))
    v = 1.0 / (1.0 + np.exp(s))
    weight = step * np.pi * np.cosh(t) * u * v
    weight /= weight.sum()
    for part in (u, v, weight):
        part.flags.writeable = False
    return u, v, weight


def beta_nodes(a: Floats, b: Floats, count: int = 97) -> tuple[Floats, Floats, Floats]:
    """Return nodes p, their complements and weights for means over Beta(a, b), each of shape (count, ...).

    The logit of p is a hyperbolic sine around the bulk, so tails of any weight are reached in few nodes.

    Examples
    --------
    >>> p, _, weight = beta_nodes(np.array([0.3]), np.array([2.0]))
    >>> round(float((weight * p).sum()), 12) == round(0.3 / 2.3, 12)
    True
    """
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    # The trapezoid needs steps well below the width of the peak, and of the bend of the logistic, which is about one; and its
    # centre where the density falls, which for a shape below 1 is not its mode.
    blunt_a, blunt_b = np.maximum(a, 1.0), np.maximum(b, 1.0)
    spread = np.sqrt(1.0 / blunt_a + 1.0 / blunt_b)
    width = np.minimum(1.0, spread)
    left = np.arcsinh((42.0 / a + 10.0 * spread) / width)
    right = np.arcsinh((42.0 / b + 10.0 * spread) / width)
    fraction = np.linspace(0.0, 1.0, count).reshape((count,) + (1,) * a.ndim)
    y = -left + fraction * (left + right)
    logit = np.log(blunt_a / blunt_b) + width * np.sinh(y)
    p = 1.0 / (1.0 + np.exp(-np.clip(logit, -700.0, 700.0)))
    q = 1.0 / (1.0 + np.exp(np.clip(logit, -700.0, 700.0)))
    log_p = -np.logaddexp(0.0, -logit)
    log_q = -np.logaddexp(0.0, logit)
    step = (left + right) / (count - 1)
    weight = step * width * np.cosh(y) * np.exp(a * log_p + b * log_q - betaln(a, b))
    return p, q, weight


@lru_cache(maxsize=16)
def legendre(count: int) -> tuple[Floats, Floats]:
    """Return the nodes in (0, 1) and the weights of Gauss and Legendre.

    Examples
    --------
    >>> node, weight = legendre(8)
    >>> round(float(weight @ node**3), 12)
    0.25
    """
    x, w = np.polynomial.legendre.leggauss(count)
    node, weight = (x + 1.0) / 2.0, w / 2.0
    node.flags.writeable = weight.flags.writeable = False
    return node, weight
