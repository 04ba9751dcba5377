"""Purchase rate and dropout rate that go together: the Sarmanov form of Pareto/NBD.

The joint density is f g (1 + m (e^(-alpha l) - E) (e^(-beta u) - E')). A Gamma(r, alpha) times e^(-alpha l) is 2^-r times a
Gamma(r, 2 alpha), so the form is a mixture of four independent Pareto/NBD with coefficients 1 + k, -k, -k and k.
"""

from __future__ import annotations

import math

import attrs
import numpy as np
from scipy.special import expit

from pycrm.clv import _pareto as process
from pycrm.clv._effects import Effects
from pycrm.clv._history import Floats
from pycrm.clv._search import Optimum, Rows, maximise, total, warn
from pycrm.errors import BoundaryWarning

__all__ = ["bounds", "draw_rates", "fit_correlated", "mixture"]


def _reach(r: float, s: float) -> tuple[float, float]:
    """Return the ends of k between which the joint density is nowhere negative."""
    first, second = 2.0**-r, 2.0**-s
    low = -1.0 / max(first * second, (1.0 - first) * (1.0 - second))
    high = 1.0 / max(first * (1.0 - second), (1.0 - first) * second)
    return low * first * second, high * first * second


def bounds(r: float, s: float) -> tuple[float, float]:
    """Return the smallest and the largest correlation that shapes `r` and `s` can hold."""
    low, high = _reach(r, s)
    scale = math.sqrt(r * s) / 4.0
    return low * scale, high * scale


def mixture(r: float, s: float, correlation: float) -> list[tuple[float, float, float]]:
    """Return the components: coefficient, and what alpha and beta are multiplied by."""
    if correlation == 0.0:
        return [(1.0, 1.0, 1.0)]
    k = 4.0 * correlation / math.sqrt(r * s)
    return [(1.0 + k, 1.0, 1.0), (-k, 2.0, 1.0), (-k, 1.0, 2.0), (k, 2.0, 2.0)]


def draw_rates(
    random: np.random.Generator,
    shape: tuple[int, ...],
    prior: tuple[float, Floats, float, Floats, float],
    x: Floats,
    T: Floats,
) -> tuple[Floats, Floats]:
    """Draw purchase and dropout rates of customers who are alive after (x, T), by rejection from independent ones."""
    r, alpha, s, beta, correlation = prior
    parts = [np.broadcast_to(part, shape).ravel() for part in (r + x, alpha + T, np.full((), s), beta + T, alpha, beta)]
    size = int(np.prod(shape))
    first, second = 2.0**-r, 2.0**-s
    m = 4.0 * correlation / math.sqrt(r * s) / (first * second)
    corners = [(u - first) * (v - second) for u in (0.0, 1.0) for v in (0.0, 1.0)]
    top = 1.0 + max(m * corner for corner in corners)
    purchase, dropout = np.empty(size), np.empty(size)
    open_ = np.arange(size)
    while open_.size:
        shape_l, rate_l, shape_u, rate_u, kernel_l, kernel_u = (part[open_] for part in parts)
        tried_l, tried_u = random.gamma(shape_l) / rate_l, random.gamma(shape_u) / rate_u
        density = 1.0 + m * (np.exp(-kernel_l * tried_l) - first) * (np.exp(-kernel_u * tried_u) - second)
        taken = random.uniform(size=open_.size) * top <= density
        purchase[open_[taken]], dropout[open_[taken]] = tried_l[taken], tried_u[taken]
        open_ = open_[~taken]
    return purchase.reshape(shape), dropout.reshape(shape)


def _coefficient(r: float, s: float, z: float) -> float:
    """Return k of a free coordinate: 0 at 0, and never beyond its ends."""
    low, high = _reach(r, s)
    middle = math.log(-low / high)
    return low + (high - low) * float(expit(z + middle))


def _slopes(r: float, s: float, z: float) -> Floats:
    made = []
    for i, value in enumerate((r, s, z)):
        step = 1e-6 * max(1.0, abs(value))
        up, down = [r, s, z], [r, s, z]
        up[i] += step
        down[i] -= step
        made.append((_coefficient(*up) - _coefficient(*down)) / (2.0 * step))
    return np.array(made)


def fit_correlated(plain: Optimum, rows: Rows, effects: Effects, penalty: float) -> tuple[Optimum, float]:
    """Return the search with a free correlation, begun at the `plain` one, and the correlation found."""
    covariates = dict(zip(effects.columns, rows.columns[3:], strict=True))
    history = (rows.columns[0], rows.columns[1], rows.columns[2])
    index = np.unique(history[0], return_inverse=True)

    def likelihood(values: Floats, nodes: int = 32) -> tuple[float, Floats]:
        r, alpha, s, beta = values[:4]
        z = float(values[-1])
        k = _coefficient(r, s, z)
        up, out = effects.logs(values[4:-1], covariates)
        al, be = alpha * np.exp(-up), beta * np.exp(-out)
        shares = np.array([1.0 + k, -k, -k, k])
        logs, slopes = [], []
        for in_alpha, in_beta in ((1.0, 1.0), (2.0, 1.0), (1.0, 2.0), (2.0, 2.0)):
            log, each_slope = process.log_likelihood((r, al * in_alpha, s, be * in_beta), history, nodes, index=index)
            assert each_slope is not None
            logs.append(log)
            slopes.append(each_slope)
        top = np.max(logs, axis=0)
        each = np.exp(np.array(logs) - top)
        whole = np.einsum("j,jn->n", shares, each)
        heavy = shares[:, None] * each / whole
        in_r, in_alpha, in_s, in_beta = (sum(heavy[j] * slopes[j][i] for j in range(4)) for i in range(4))
        in_k = total(rows.weight, (each[0] - each[1] - each[2] + each[3]) / whole)
        k_r, k_s, k_z = _slopes(r, s, z)
        slope = [
            total(rows.weight, np.asarray(in_r)) + in_k * k_r,
            total(rows.weight, np.asarray(in_alpha)) / alpha,
            total(rows.weight, np.asarray(in_s)) + in_k * k_s,
            total(rows.weight, np.asarray(in_beta)) / beta,
            *effects.slopes(rows.weight, -np.asarray(in_alpha), -np.asarray(in_beta), covariates),
            in_k * k_z,
        ]
        with np.errstate(invalid="ignore", divide="ignore"):
            return total(rows.weight, top + np.log(whole)), np.array(slope)

    start = dict(zip(plain.names, plain.estimates.tolist(), strict=True))
    found = maximise(
        likelihood,
        {**start, "correlation": 0.0},
        search=lambda values: likelihood(values, 12),
        curvature=lambda values: likelihood(values, 16),
        check=lambda values: likelihood(values, 97)[0],
        weight=float(rows.weight.sum()),
        scales={**effects.scales, "correlation": "identity"},
        penalty=penalty,
        bounds={"correlation": (-12.0, 12.0)},
        model="Pareto/NBD with correlation",
        quiet=True,
    )
    r, s, z = found["r"], found["s"], found["correlation"]
    scale = math.sqrt(r * s) / 4.0
    correlation = scale * _coefficient(r, s, z)
    k_r, k_s, k_z = _slopes(r, s, z)
    bend = np.eye(len(found.names))
    bend[-1, 0] = scale * k_r + correlation / (2.0 * r)
    bend[-1, found.names.index("s")] = scale * k_s + correlation / (2.0 * s)
    bend[-1, -1] = scale * k_z
    notes = list(dict.fromkeys((*plain.notes, *found.notes)))
    if abs(z) > 6.0:
        notes.append(
            f"the correlation runs to {correlation:.3g}, the {'largest' if z > 0.0 else 'smallest'} these shapes can hold; "
            "use the model without correlation, or more customers"
        )
    for note in notes[len(plain.notes) :]:
        warn(note, BoundaryWarning)
    estimates = found.estimates.copy()
    estimates[-1] = correlation
    lost = np.isnan(np.diag(found.covariance))
    covariance = bend @ np.where(np.isnan(found.covariance), 0.0, found.covariance) @ bend.T
    covariance[lost] = covariance[:, lost] = np.nan
    return attrs.evolve(found, estimates=estimates, covariance=covariance, notes=tuple(notes)), correlation
