"""How every model of this room is fitted: distinct weighted rows, logs of parameters, exact gradients, Newton at the end.

A model gives the log-likelihood of its rows and its derivatives in the natural parameters; what is here searches in their
logarithms (or in the parameter itself, for effects that may have either sign), first by L-BFGS-B, then by Newton's method
with a Hessian of differenced exact gradients; by Newton's method alone where the model gives its second derivatives, too, and
that ends inside. The same Hessian gives the covariance, and says where there is none.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize

from pycrm.errors import BoundaryWarning, ConvergenceWarning, InvalidValueError
from pycrm.fit import Fit, Scale

__all__ = ["Likelihood", "Optimum", "Rows", "compress", "finished", "maximise", "sample", "total", "warn"]

M = TypeVar("M")

Floats: TypeAlias = NDArray[np.float64]
Likelihood: TypeAlias = Callable[[Floats], tuple[float, Floats]]
"""Natural parameters in; total log-likelihood over weighted rows and its derivative in each natural parameter out."""

Bend: TypeAlias = Callable[[Floats, Floats], Floats]
"""Natural parameters and the first derivatives there in; the matrix of second derivatives of the log-likelihood out."""

_Curve: TypeAlias = Callable[[Floats, Floats], Floats]
"""Place and slope of the search in; the Hessian of its objective there out."""

TOLERANCE = 1e-8
"""A search has converged when no derivative of the mean log-likelihood in a log parameter exceeds this."""

_FAR = np.log(1e6)
"""How far, in logs, a parameter is let run from where it started."""
_ROUNDS = 40
"""Steps of Newton's method at most."""
_FINER = 1e-8
"""What share of a log-likelihood a finer rule of integration may differ by."""
_FLAT = 1e-4
"""A direction whose curvature is at most this share of the largest is one that a parameter may run along."""
_NEAR = 2.0
"""How far, in logs, Newton's method alone is trusted to have gone to the largest maximum."""
_LEVEL = 1e-10
"""A direction whose curvature is at most this share of the largest is one the data say nothing about."""
_EDGE = np.log(1e4)
"""How far it may end from where it started before its edge is spoken of."""


@frozen(eq=False)
class Rows:
    """Distinct rows, how much each weighs, and, where asked for, which of them each original row is."""

    columns: tuple[Floats, ...]
    weight: Floats
    inverse: NDArray[np.int64] | None = None

    @property
    def size(self) -> int:
        """Distinct rows."""
        return self.weight.size


def _codes(values: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Return small integer codes of `values` and what each code stands for (not every code need occur)."""
    for scale in (1.0, 7.0) if np.isfinite(values).all() else ():
        counts = np.rint(values * scale)
        low = counts.min()
        span = counts.max() - low
        if span < 4_000_000 and np.array_equal(counts / scale, values):
            return (counts - low).astype(np.int64), (np.arange(span + 1.0) + low) / scale
    import pandas as pd

    codes, distinct = pd.factorize(values, sort=True)
    return codes.astype(np.int64), np.asarray(distinct, dtype=np.float64)


def compress(columns: Sequence[Floats], weight: Floats | None = None, *, inverse: bool = False) -> Rows:
    """Return the distinct rows of `columns` with their total weights.

    A likelihood depends only on the multiset of histories, and daily data repeat: a million customers are a hundred
    thousand rows. They come in the order of their values, so a fit does not hang on the order of the customers.

    Examples
    --------
    >>> rows = compress([np.array([1.0, 2.0, 1.0]), np.array([0.5, 0.5, 0.5])])
    >>> rows.columns[0].tolist(), rows.weight.tolist()
    ([1.0, 2.0], [2.0, 1.0])
    """
    if weight is not None and not inverse and not weight.all():
        columns, weight = [column[weight > 0.0] for column in columns], weight[weight > 0.0]
    n = columns[0].size
    if n == 0:
        return Rows(
            tuple(np.asarray(c, dtype=float) for c in columns),
            np.zeros(0),
            np.zeros(0, dtype=np.int64) if inverse else None,
        )
    key = np.zeros(n, dtype=np.int64)
    tables: list[Floats] = []
    size = 1
    decodable = True
    for values in columns:
        codes, table = _codes(np.asarray(values, dtype=np.float64))
        if size > 2**62 // table.size:
            key, size = _dense(key)
            decodable = False
        key *= table.size
        key += codes
        tables.append(table)
        size *= table.size
    if decodable and weight is None and not inverse and size > max(4 * n, 4096):
        return _sorted(key, tables)
    if size > max(4 * n, 4096):
        key, size = _dense(key)
    last = np.full(size, -1, dtype=np.int64)
    last[key] = np.arange(n)
    present = last >= 0
    totals = np.bincount(key, weights=weight, minlength=size)[present].astype(np.float64)
    chosen = last[present]
    back = (np.cumsum(present) - 1)[key] if inverse else None
    return Rows(tuple(np.asarray(c, dtype=np.float64)[chosen] for c in columns), totals, back)


def _dense(key: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    import pandas as pd

    codes, distinct = pd.factorize(key, sort=True)
    return codes.astype(np.int64), distinct.size


def _sorted(key: NDArray[np.int64], tables: Sequence[Floats]) -> Rows:
    """Run lengths of sorted keys, taken apart again: cheaper than a hash where nobody asks which row went where."""
    key.sort()
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    distinct = key[first]
    totals = np.diff(np.append(first, key.size)).astype(np.float64)
    parts: list[Floats] = []
    for table in reversed(tables):
        distinct, code = np.divmod(distinct, table.size)
        parts.append(table[code])
    return Rows(tuple(reversed(parts)), totals)


def sample(rows: Rows, size: int = 4096) -> Rows:
    """Return some of `rows` that stand for all: the heaviest, and of the others each so-and-so-manieth, weighing more.

    A search begins among them, for the way to the optimum needs no more; its last steps are made with all rows.
    """
    if rows.size <= 3 * size:
        return rows
    order = np.argsort(rows.weight, kind="stable")
    heavy, light = order[-size:], np.sort(order[:-size])
    step = light.size // size
    chosen = light[step // 2 :: step]
    kept = np.concatenate([heavy, chosen])
    weight = rows.weight[kept].copy()
    weight[size:] *= rows.weight[light].sum() / max(float(rows.weight[chosen].sum()), 1e-300)
    return Rows(tuple(column[kept] for column in rows.columns), weight)


def total(weight: Floats, values: Floats) -> float:
    """Return the weighted sum of `values`.

    Through einsum: a BLAS dot of a thousand numbers may wait a hundred milliseconds for its threads on a busy machine.
    """
    return float(np.einsum("i,i->", weight, values))


@frozen(kw_only=True, eq=False)
class Optimum:
    """Where a search ended."""

    names: tuple[str, ...]
    estimates: Floats
    scales: tuple[Scale, ...]
    log_likelihood: float
    covariance: Floats = field(repr=False)
    gradient_norm: float
    converged: bool
    steps: int
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> float:
        """Return the estimate called `name`."""
        return float(self.estimates[self.names.index(name)])


class _Objective:
    """Mean penalised negative log-likelihood in search coordinates, counting its evaluations."""

    def __init__(self, weight: float, logs: NDArray[np.bool_], penalty: float) -> None:
        self.weight = weight
        self.logs = logs
        self.penalty = penalty
        self.steps = 0

    def natural(self, theta: Floats) -> Floats:
        return np.where(self.logs, np.exp(np.where(self.logs, theta, 0.0)), theta)

    def __call__(self, likelihood: Likelihood, theta: Floats) -> tuple[float, Floats]:
        self.steps += 1
        values = self.natural(theta)
        with np.errstate(all="ignore"):
            found, slope = likelihood(values)
        slope = np.where(self.logs, values, 1.0) * np.asarray(slope)
        if not np.isfinite(found):
            return np.inf, np.zeros_like(theta)
        value = -found / self.weight + self.penalty * float(np.sum(values * values))
        return value, -slope / self.weight + 2.0 * self.penalty * values * np.where(self.logs, values, 1.0)

    def differenced(self, likelihood: Likelihood, step: float = 1e-4) -> _Curve:
        """Central differences of the exact gradient: their error is of the order of `step` squared."""

        def curve(theta: Floats, _: Floats) -> Floats:
            rows = []
            for i in range(theta.size):
                moved = np.zeros_like(theta)
                moved[i] = step
                rows.append((self(likelihood, theta + moved)[1] - self(likelihood, theta - moved)[1]) / (2.0 * step))
            matrix = np.array(rows).reshape(theta.size, theta.size)
            return (matrix + matrix.T) / 2.0

        return curve

    def exact(self, bend: Bend) -> _Curve:
        """Return the second derivatives themselves in search coordinates; along a logarithm the slope bends, too."""

        def curve(theta: Floats, slope: Floats) -> Floats:
            values = self.natural(theta)
            rates = np.where(self.logs, values, 1.0)
            held = 2.0 * self.penalty * values * rates
            with np.errstate(all="ignore"):
                matrix = bend(values, (held - slope) * self.weight / rates)
                matrix *= np.outer(rates, rates) / -self.weight
            matrix[np.diag_indices_from(matrix)] += np.where(self.logs, slope + held, 2.0 * self.penalty)
            return matrix

        return curve


def _newton(
    objective: _Objective,
    likelihood: Likelihood,
    curves: tuple[_Curve, _Curve],
    theta: Floats,
    ends: tuple[Floats, Floats],
) -> tuple[Floats, float, Floats, Floats]:
    """Polish `theta` by the likelihood; return it with the objective, its gradient and, by the second curve, its Hessian there.

    Directions come from the first curve, the cheap one, until they no longer serve.
    """
    cheap, bent_by = curves
    low, high = ends
    value, slope = objective(likelihood, theta)
    curvature: Floats | None = None
    made_at, made_by = theta, cheap
    slow = 0
    for _ in range(_ROUNDS):
        free = _free(theta, slope, low, high)
        norm = float(np.max(np.abs(slope[free]), initial=0.0))
        if norm <= TOLERANCE * 1e-3:
            break
        if curvature is None or float(np.max(np.abs(theta - made_at))) > 1e-3:
            curvature, made_at = made_by(theta, slope), theta
        matrix = curvature[np.ix_(free, free)]
        if not np.all(np.isfinite(matrix)):
            break
        roots, vectors = np.linalg.eigh(matrix)
        bent = np.maximum(np.abs(roots), 1e-12 * max(float(np.max(np.abs(roots))), 1e-300))
        direction = np.zeros_like(theta)
        direction[free] = -(vectors @ ((vectors.T @ slope[free]) / bent))
        direction *= min(1.0, 2.0 / max(float(np.max(np.abs(direction))), 1e-300))
        for halving in range(25):
            tried = np.clip(theta + direction * 0.5**halving, low, high)
            new_value, new_slope = objective(likelihood, tried)
            new_norm = float(np.max(np.abs(new_slope[free]), initial=0.0))
            # On a flat ridge the value is lost in its rounding: there a smaller slope is what shows the way.
            if new_value < value - 1e-14 * abs(value) or (new_value <= value + 1e-12 * abs(value) and new_norm < norm):
                break
        else:
            if made_by is bent_by:
                break
            made_by, curvature = bent_by, None
            continue
        theta, value, slope = tried, new_value, new_slope
        slow += new_norm > 0.3 * norm
        if slow > 2 and made_by is not bent_by:
            made_by, curvature = bent_by, None
    if curvature is None or made_by is not bent_by or float(np.max(np.abs(theta - made_at))) > 1e-4:
        curvature = bent_by(theta, slope)
    return theta, value, slope, curvature


def _free(theta: Floats, slope: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Where a parameter is not held back by its bound."""
    held: NDArray[np.bool_] = ((theta <= low) & (slope > 0.0)) | ((theta >= high) & (slope < 0.0))
    return ~held


def _settle(
    objective: _Objective,
    likelihood: Likelihood,
    bent_by: _Curve,
    theta: Floats,
    ends: tuple[Floats, Floats],
    running: NDArray[np.bool_],
) -> tuple[Floats, Floats, Floats]:
    """Polish `theta` across the directions in which parameters run away; return it, its Hessian, and the slope left there.

    Far out the likelihood is flat along such a direction and rounded by more than its last digits, which stops a search by
    value: here the derivative alone decides, without its part along those directions.
    """
    low, high = ends
    slope = objective(likelihood, theta)[1]
    bend = bent_by(theta, slope)

    def across(theta: Floats, slope: Floats) -> tuple[Floats, Floats]:
        free = _free(theta, slope, low, high)
        left, step = np.zeros_like(theta), np.zeros_like(theta)
        matrix = bend[np.ix_(free, free)]
        if not free.any() or not np.all(np.isfinite(matrix)):
            left[free] = slope[free]
            return left, step
        roots, vectors = np.linalg.eigh(matrix)
        flat = np.abs(roots) <= _FLAT * np.max(np.abs(roots))
        stays = vectors[:, ~(flat & ((vectors[running[free]] ** 2).sum(axis=0) > 0.9))]
        bent = np.einsum("ij,ik,kj->j", stays, matrix, stays)
        part = stays.T @ slope[free]
        left[free] = stays @ part
        step[free] = -(stays @ (part / np.maximum(np.abs(bent), 1e-12)))
        return left, step * min(1.0, 0.5 / max(float(np.max(np.abs(step))), 1e-300))

    left, step = across(theta, slope)
    for _ in range(_ROUNDS):
        norm = float(np.max(np.abs(left)))
        if norm <= TOLERANCE * 1e-1:
            break
        tried = np.clip(theta + step, low, high)
        new_left, new_step = across(tried, objective(likelihood, tried)[1])
        if not float(np.max(np.abs(new_left))) < norm:
            break
        theta, left, step = tried, new_left, new_step
    return theta, bend, left


def maximise(
    likelihood: Likelihood,
    start: Mapping[str, float],
    *,
    weight: float,
    scales: Mapping[str, Scale] | None = None,
    search: Likelihood | None = None,
    curvature: Likelihood | None = None,
    bends: tuple[Bend, Bend] | None = None,
    check: Callable[[Floats], float] | None = None,
    penalty: float = 0.0,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    model: str = "the model",
    quiet: bool = False,
) -> Optimum:
    """Find the parameters of the largest likelihood.

    Parameters
    ----------
    likelihood : Likelihood
        Total log-likelihood and its derivatives in the natural parameters, in the order of `start`.
    start : mapping of str to float
        Where to begin, by name, in the order of the parameters; a rate begins near its unit of time, so nothing needs scaling.
    weight : float
        Total weight of the rows.
    scales : mapping of str to Scale, optional
        "identity" for a parameter of either sign; all others are searched in logs.
    search : Likelihood, optional
        A cheaper likelihood for the way there; `likelihood` itself makes the last steps.
    curvature : Likelihood, optional
        A cheaper likelihood for the Hessian, which needs less precision than the gradient.
    bends : (Bend, Bend), optional
        The second derivatives of `search` (of `likelihood` where there is none) and of `likelihood`.
    check : callable, optional
        The log-likelihood by a finer rule, asked once at the end: a difference beyond 1e-8 of it becomes a note.
    penalty : float
        L2 penalty: `penalty` times the sum of squares of the parameters is taken off the mean log-likelihood.
    bounds : mapping of str to (float, float), optional
        Natural bounds of single parameters.
    model : str
        What to call the model in warnings.
    quiet : bool
        Do not warn; the notes say the same.

    Returns
    -------
    Optimum
        With the log-likelihood without the penalty, and the covariance in natural parameters, NaN where it does not exist.

    Warns
    -----
    BoundaryWarning
        Naming the parameter and the edge it runs to.
    ConvergenceWarning
        If the gradient did not vanish.
    """
    try:
        usable = 0.0 <= float(penalty) < np.inf
    except (TypeError, ValueError):
        usable = False
    if not usable:
        raise InvalidValueError("penalty", penalty, "give a finite number of at least 0")
    names = tuple(start)
    kinds: tuple[Scale, ...] = tuple((scales or {}).get(name, "log") for name in names)
    logs = np.array([kind == "log" for kind in kinds])
    objective = _Objective(weight, logs, penalty)
    begun = np.array([np.log(v) if log else v for v, log in zip(start.values(), logs, strict=True)], dtype=float)
    reach = np.where(logs, _FAR, np.inf)
    low, high = begun - reach, begun + reach
    for i, name in enumerate(names):
        if bounds is not None and name in bounds:
            ends = np.log(bounds[name]) if logs[i] else np.asarray(bounds[name], dtype=float)
            low[i], high[i] = ends
    rough = search if search is not None else likelihood
    exact = curvature if curvature is not None else likelihood
    bent_by = objective.differenced(exact) if bends is None else objective.exact(bends[1])
    ended: tuple[Floats, float, Floats, Floats] | None = None
    if bends is not None:
        quick, from_there = objective.exact(bends[0]), begun
        if search is not None:
            from_there = _newton(objective, search, (quick, quick), begun, (low, high))[0]
        ended = _newton(objective, likelihood, (bent_by, bent_by), from_there, (low, high))
    moved = np.inf if ended is None else float(np.max(np.abs(ended[0] - begun)[logs]))
    inside = ended is not None and float(np.max(np.abs(ended[2]))) <= TOLERANCE and moved <= _EDGE
    if not inside or moved > _NEAR:
        found = minimize(  # type: ignore[call-overload]  # the stubs do not know the options of L-BFGS-B
            lambda theta: objective(rough, theta),
            begun,
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(low, high),
            options={"gtol": 1e-6, "ftol": 1e-14, "maxiter": 500, "maxcor": 10},
        )
        curves = (objective.differenced(rough if search is not None else exact), bent_by)
        other = _newton(objective, likelihood, curves, np.clip(found.x, low, high), (low, high))
        # Far from its start Newton's method may have come to a smaller maximum.
        if ended is None or not inside or other[1] < ended[1]:
            ended = other
    assert ended is not None
    theta, _, slope, bend = ended
    free = _free(theta, slope, low, high)
    left = np.where(free, slope, 0.0)
    running = logs & (np.abs(theta - begun) > _EDGE)
    if running.any() and float(np.max(np.abs(left), initial=0.0)) > TOLERANCE:
        theta, bend, left = _settle(objective, likelihood, bent_by, theta, (low, high), running)
    norm = float(np.max(np.abs(left), initial=0.0))
    values = objective.natural(theta)
    notes: list[str] = []
    edges = [
        f"{name} runs to {'infinity' if up else '0'}"
        for name, runs, up in zip(names, running, theta > begun, strict=True)
        if runs
    ]
    if edges:
        notes.append(
            f"{' and '.join(edges)}: the likelihood of {model} has no maximum inside; "
            "use a simpler model, more customers, or a penalty"
        )
    elif apart := _undetermined(bend, free, names):
        notes.append(
            f"the data do not determine {', '.join(apart)}: the likelihood of {model} is flat along them; "
            "leave out what does not vary, or give a penalty"
        )
    if norm > TOLERANCE:
        notes.append(
            f"{model} did not converge: the derivative in {names[int(np.argmax(np.abs(left)))]} is still {norm:.2g}"
        )
    with np.errstate(all="ignore"):
        log_likelihood = likelihood(values)[0]
        finer = log_likelihood if check is None else check(values)
    # Where nobody came back the log-likelihood itself vanishes, and a share of it says nothing.
    if not abs(finer - log_likelihood) <= _FINER * max(abs(finer), weight):
        notes.append(
            f"the log-likelihood of {model} is {finer - log_likelihood:+.2g} away by a finer rule of integration: "
            "its integrals are not exact at these parameters"
        )
    if not quiet:
        for note in notes:
            warn(note, ConvergenceWarning if "did not converge" in note or "finer rule" in note else BoundaryWarning)
    return Optimum(
        names=names,
        estimates=values,
        scales=kinds,
        log_likelihood=float(log_likelihood),
        covariance=_covariance(bend * weight, free, np.where(logs, values, 1.0)),
        gradient_norm=norm,
        converged=norm <= TOLERANCE,
        steps=objective.steps + 1,
        notes=tuple(notes),
    )


def _undetermined(bend: Floats, free: NDArray[np.bool_], names: Sequence[str]) -> list[str]:
    """Return the parameters along which the likelihood does not bend at all."""
    inner = bend[np.ix_(free, free)]
    if not inner.size or not np.all(np.isfinite(inner)):
        return []
    roots, vectors = np.linalg.eigh(inner)
    flat = (vectors[:, np.abs(roots) <= _LEVEL * max(float(np.max(np.abs(roots))), _LEVEL)] ** 2).sum(axis=1) > 0.01
    return [name for name, level in zip(np.array(names)[free], flat, strict=True) if level]


def _covariance(information: Floats, free: NDArray[np.bool_], slope: Floats) -> Floats:
    """Return the inverse of the information about the free parameters, in natural coordinates; NaN where there is none."""
    covariance = np.full(information.shape, np.nan)
    inner = information[np.ix_(free, free)]
    if inner.size and np.all(np.isfinite(inner)):
        roots = np.linalg.eigvalsh(inner)
        if roots[0] > 1e-12 * max(roots[-1], 1e-300):
            covariance[np.ix_(free, free)] = np.linalg.inv(inner)
    covariance *= np.outer(slope, slope)
    return covariance


def warn(note: str, kind: type[Warning]) -> None:
    """Warn at the line outside this room that asked for the fit."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("pycrm.clv."):
        level, frame = level + 1, frame.f_back
    warnings.warn(note, kind, stacklevel=level)


def finished(model: M, optimum: Optimum, weight: float) -> Fit[M]:
    """Return the Fit of `model` that a search found."""
    return Fit(
        model=model,
        log_likelihood=optimum.log_likelihood,
        names=optimum.names,
        scales=optimum.scales,
        covariance=optimum.covariance,
        converged=optimum.converged,
        gradient_norm=optimum.gradient_norm,
        steps=optimum.steps,
        weight=weight,
        notes=optimum.notes,
    )
