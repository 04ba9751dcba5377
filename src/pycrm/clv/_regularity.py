"""The process behind BG/CNBD-k and MBG/CNBD-k: a purchase at every k-th event of a hidden Poisson process.

Waiting times are Erlang-k with a rate that is Gamma(r, alpha) over customers; after a purchase (in the modified model after
the first one, too) a customer leaves with a probability that is Beta(a, b). A customer seen at `age` who is still there has had
0 .. k - 1 hidden events since the last purchase. Everything that lies ahead is a sum over the hidden events since the last
purchase, each with the weight of a negative binomial times the probability that fewer than k of them have happened by now;
all terms are positive, so nothing cancels.

Arguments: k; `shape` = r + k x and `rate` = alpha + age, the Gamma of those still there; `silence` = age - recency; a and
`stays` = b + x (+ 1), their Beta.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy.special import betainc, betaln, digamma, expit, gammaln

from pycrm.clv._history import Floats
from pycrm.clv._quadrature import beta_nodes, legendre
from pycrm.clv._search import compress
from pycrm.clv._series import discounted_steps
from pycrm.errors import InvalidValueError

__all__ = [
    "States",
    "ahead",
    "discounted",
    "discounted_until",
    "draw",
    "draw_stage",
    "likelihood",
    "odds_gone",
    "regularity",
    "window",
]

_TERMS = 1_000_000
_NODES = 193  # of a mean over another chance to leave
_STEEP = 300.0  # in logs: how much the weight without its second factor may exceed 1


def _stages(k: int, shape: Floats, silence: Floats, rate: Floats) -> Floats:
    """Return the log weight of 0 .. k - 1 hidden events in the silence, shape (k, rows), that of none being 0."""
    made = np.zeros((k, *shape.shape))
    with np.errstate(divide="ignore"):
        ratio = np.log(silence / rate)
    for j in range(1, k):
        made[j] = made[j - 1] + np.log((shape + j - 1.0) / j) + ratio
    return made


def _log_sum(logs: Floats) -> Floats:
    top = logs.max(axis=0)
    return np.asarray(top + np.log(np.exp(logs - top).sum(axis=0)))


def odds_gone(  # the parameters of the model, in their usual sequence
    k: int, modified: int, r: float, alpha: float, a: float, b: float, x: Floats, t_x: Floats, T: Floats
) -> Floats:
    """Return the log odds of having left, given the history; -inf for who cannot have left yet."""
    shape = r + k * x
    there = _log_sum(_stages(k, shape, T - t_x, alpha + T))
    may = (x > 0.0) | bool(modified)
    before = np.where(may, b + x + modified - 1.0, 1.0)
    return np.where(may, np.log(a / before) + shape * np.log1p((T - t_x) / (alpha + t_x)) - there, -np.inf)


def likelihood(  # the parameters of the model, in their usual sequence
    k: int, modified: int, r: float, alpha: float, a: float, b: float, x: Floats, t_x: Floats, T: Floats
) -> tuple[Floats, Floats]:
    """Return log L of each row without its term in the gaps, and the derivatives in r, alpha, a and b as rows."""
    shape, silence = r + k * x, T - t_x
    stages = _stages(k, shape, silence, alpha + T)
    there = _log_sum(stages)
    share = np.exp(stages - there)
    j = np.arange(float(k))[:, None]
    in_shape, grown = np.zeros_like(shape), np.zeros_like(shape)
    for i in range(1, k):
        grown = grown + 1.0 / (shape + i - 1.0)
        in_shape = in_shape + share[i] * grown
    in_rate = -(share * j).sum(axis=0) / (alpha + T)
    odds = odds_gone(k, modified, r, alpha, a, b, x, t_x, T)
    gone = expit(odds)
    stays = b + x + modified
    may = (x > 0.0) | bool(modified)
    before = np.where(may, stays - 1.0, 1.0)
    long, short = np.log(alpha + T), np.log(alpha + t_x)
    value = (
        gammaln(shape)
        - gammaln(r)
        - x * gammaln(k)
        + r * np.log(alpha)
        - shape * long
        + betaln(a, stays)
        - betaln(a, b)
        + there
        + np.logaddexp(0.0, odds)
    )
    whole, part = digamma(a + b), digamma(a + stays)
    slopes = np.stack(
        [
            digamma(shape) - digamma(r) + np.log(alpha) - long + (1.0 - gone) * in_shape + gone * (long - short),
            r / alpha - shape * ((1.0 - gone) / (alpha + T) + gone / (alpha + t_x)) + (1.0 - gone) * in_rate,
            whole - part + gone / a,
            digamma(stays) - part - digamma(b) + whole - np.where(may, gone / before, 0.0),
        ]
    )
    return value, slopes


@frozen(eq=False)
class States:
    """Distinct states of customers who are still there, and which of them each asked row is."""

    shape: Floats
    rate: Floats
    silence: Floats
    stays: Floats
    extra: tuple[Floats, ...]
    inverse: NDArray[np.int64]
    asked: tuple[int, ...]

    @classmethod
    def of(cls, shape: Floats, rate: Floats, silence: Floats, stays: Floats, *extra: Floats) -> States:
        """Collect the distinct rows of all arguments, which broadcast."""
        spread = np.broadcast_arrays(shape, rate, silence, stays, *extra)
        rows = compress([np.ravel(part) for part in spread], inverse=True)
        assert rows.inverse is not None
        first, second, third, fourth, *others = rows.columns
        return cls(first, second, third, fourth, tuple(others), rows.inverse, spread[0].shape)

    def back(self, found: Floats) -> Floats:
        """Return one value a row that was asked for."""
        return np.asarray(found[self.inverse].reshape(self.asked))


def _windows(
    k: int, states: States, length: Floats
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Floats, Floats]]:
    """Yield, in pieces, the rows, the row within them of each term, its hidden events, and its probability."""
    shape, rate, silence = states.shape, states.rate, states.silence
    mean = (shape + k) * length / rate
    spread = np.sqrt(mean * (1.0 + length / rate))
    high = np.ceil(mean + 10.0 * spread + 42.0 * (1.0 + length / rate)) + k
    low = np.maximum(np.floor(shape * length / rate - 10.0 * spread - 42.0), 0.0)
    many = (high - low + 1.0).astype(np.int64)
    norm = _log_sum(_stages(k, shape, silence, rate))
    order = np.argsort(many, kind="stable")
    cuts = np.flatnonzero(np.diff(np.cumsum(many[order]) // _TERMS)) + 1
    for rows in np.split(order, cuts):
        count = many[rows]
        row = np.repeat(np.arange(rows.size), count)
        first = np.cumsum(count) - count
        events = np.arange(row.size) - first[row] + low[rows][row]
        own = rows[row]
        span = silence + length
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = (
                gammaln(shape[own] + events)
                - gammaln(events + 1.0)
                + np.where(events > 0.0, events * np.log(span / (rate + length))[own], 0.0)
                - (gammaln(shape) + shape * np.log1p(length / rate) + norm)[own]
            )
            later = np.where(span > 0.0, length / np.where(span > 0.0, span, 1.0), 0.0)[own]
        few = np.where(events >= k, betainc(np.maximum(events - k + 1.0, 1.0), float(k), later), 1.0)
        # Where nothing is silent, all hidden events lie ahead, and no time ahead leaves only the present stages.
        steep = (-shape * np.log1p(-silence / rate))[own] > _STEEP
        chance = np.exp(np.where(steep, 0.0, logs)) * few
        if steep.any():
            at = own[steep]
            parts = (shape[at], rate[at], silence[at], length[at])
            chance[steep] = _stage_by_stage(k, events[steep], *parts) * np.exp(-norm[at])
        yield rows, row, events, chance


def _stage_by_stage(  # a state, in its usual sequence
    k: int, events: Floats, shape: Floats, rate: Floats, silence: Floats, length: Floats
) -> Floats:
    """Return the weight of `events` hidden ones as a sum over stages, where one of the two factors would overflow."""
    made = np.zeros(events.shape)
    for j, stage in enumerate(_stages(k, shape, silence, rate)):
        later = np.maximum(events - j, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = (
                stage
                + gammaln(shape + j + later)
                - gammaln(shape + j)
                - gammaln(later + 1.0)
                - (shape + j) * np.log1p(length / rate)
                + np.where(later > 0.0, later * np.log(length / (rate + length)), 0.0)
            )
        made += np.where(events >= j, np.exp(logs), 0.0)
    return made


def _left(a: float, stays: Floats, top: int, leaving: float) -> tuple[Floats, NDArray[np.int64]]:
    """Return the chance to stay after each of M = 0 .. top purchases, one row per distinct `stays`, and the row of each.

    B(a, stays + M) / B(a, stays), or the mean of (1 - leaving p)^M where everybody's chance to leave is another.
    """
    distinct, at = np.unique(stays, return_inverse=True)
    if leaving != 1.0:
        p, _, weight = beta_nodes(np.full(distinct.size, a), distinct, _NODES)
        keeps, power = np.maximum(1.0 - leaving * p, 0.0), np.ones_like(p)
        table = np.empty((distinct.size, top + 1))
        for made in range(top + 1):
            table[:, made] = (weight * power).sum(axis=0)
            power *= keeps
        return table, at
    i = np.arange(float(top))
    factors = (distinct[:, None] + i) / (a + distinct[:, None] + i)
    return np.concatenate([np.ones((distinct.size, 1)), np.cumprod(factors, axis=1)], axis=1), at


def ahead(k: int, a: float, states: States, *, alive: bool = False, leaving: float = 1.0) -> Floats:
    """Return the expected purchases in `extra[0]` of each state, or with `alive` the probability to be there after it.

    `leaving` is a factor on everybody's chance to leave after the purchases to come.
    """
    length = states.extra[0]
    found = np.zeros(length.size)
    for rows, row, events, chance in _windows(k, states, length):
        purchases = (events // k).astype(np.int64)
        table, at = _left(a, states.stays[rows], int(purchases.max(initial=0)), leaving)
        if not alive:
            table = np.concatenate([np.zeros((table.shape[0], 1)), np.cumsum(table[:, :-1], axis=1)], axis=1)
        found[rows] = np.bincount(row, weights=chance * table[at[row], purchases], minlength=rows.size)
    return states.back(found)


def _arrivals(k: int, n: Floats, stage: Floats, shape: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Return P(exactly n) and P(at least n) k-th events, from `stage` hidden ones, of a negative binomial (shape, z)."""

    def at_least(hidden: Floats) -> Floats:
        return np.where(hidden > 0.0, betainc(np.maximum(hidden, 1.0), shape, z), 1.0)

    reached, beyond = at_least(k * n - stage), at_least(k * n + k - stage)
    none = betainc(shape, np.maximum(k * n + k - stage, 1.0), 1.0 - z)
    return np.where(n == 0.0, none, reached - beyond), reached


def window(k: int, a: float, states: States) -> Floats:
    """Return P(n purchases in a window) of each state; `extra` holds n, the start of the window and its length."""
    n, start, length = states.extra
    found = np.zeros(n.size)
    for rows, row, events, chance in _windows(k, states, start):
        own = rows[row]
        before = np.floor(events / k)
        count = n[own]
        z = (length / (states.rate + start + length))[own]
        exact, reached = _arrivals(k, count, events - k * before, states.shape[own] + events, z)
        stays = states.stays[own]
        whole = betaln(a, stays)
        keeps = np.exp(betaln(a, stays + before + count) - whole)
        leaves = np.exp(betaln(a + 1.0, stays + before + np.maximum(count - 1.0, 0.0)) - whole)
        gone = -np.expm1(betaln(a, stays + before) - whole)
        value = keeps * exact + np.where(count > 0.0, leaves * reached, gone)
        found[rows] = np.bincount(row, weights=chance * value, minlength=rows.size)
    return states.back(found)


def _over_rates(k: int, states: States, inner: Callable[[slice, Floats, Floats], Floats], low: float) -> Floats:
    """Return the mean of `inner` over purchase rates, given the state; `inner` goes to 0 with the rate below `low`."""
    found = np.zeros(states.shape.size)
    for start in range(0, found.size, 2048):
        rows = slice(start, start + 2048)
        shape, rate, silence = states.shape[rows], states.rate[rows], states.silence[rows]
        wide = np.sqrt(90.0 / shape)
        usual = np.log(shape / rate)
        bottom = np.maximum(usual - wide - 45.0 / shape, np.minimum(np.log(low), usual) - 48.0 / (shape + 1.0) - wide)
        top = np.log((shape + k + 45.0 + 12.0 * np.sqrt(shape + k)) / rate)
        step = np.minimum(0.3, 0.6 / np.sqrt(shape + k))
        count = int(np.ceil(np.max((top - bottom) / step))) + 1
        u = bottom + (top - bottom) * np.linspace(0.0, 1.0, count)[:, None]
        purchase_rate = np.exp(u)
        stages = np.zeros((k, *u.shape))
        with np.errstate(divide="ignore"):
            quiet = np.log(silence) + u
        for j in range(1, k):
            stages[j] = stages[j - 1] + quiet - np.log(j)
        norm = gammaln(shape) - shape * np.log(rate) + _log_sum(_stages(k, shape, silence, rate))
        density = np.exp(shape * u - rate * purchase_rate - norm)
        value = density * inner(rows, purchase_rate, np.exp(stages))
        found[rows] = value.sum(axis=0) * (top - bottom) / (count - 1)
    return found


def discounted(k: int, a: float, discount: float, states: States, leaving: float = 1.0) -> Floats:
    """Return the purchases to come, each discounted at the continuous rate `discount` > 0 from its moment."""

    def inner(rows: slice, purchase_rate: Floats, stages: Floats) -> Floats:
        # From one hidden event to the next the discount is s on average; the first purchase is k - j of them away.
        s = purchase_rate / (purchase_rate + discount)
        later = _steps(a, np.broadcast_to(states.stays[rows], s.shape), s**k, leaving)
        first = sum(stages[j] * s ** (k - j) for j in range(k))
        return np.asarray(first * later)

    return states.back(_over_rates(k, states, inner, discount))


def _steps(a: float, stays: Floats, z: Floats, leaving: float) -> Floats:
    """Return the mean over the chance p to leave of 1 / (1 - z (1 - leaving p))."""
    if leaving == 1.0:
        return discounted_steps(a, stays, z)
    p, _, weight = beta_nodes(np.full(stays.shape[1], a), stays[0], _NODES)
    made = np.zeros(z.shape)
    for chance, share in zip(p, weight, strict=True):
        made += share / (1.0 - z * np.maximum(1.0 - leaving * chance, 0.0))
    return made


def discounted_until(k: int, a: float, discount: float, states: States, leaving: float = 1.0) -> Floats:
    """Return the purchases in `extra[0]`, each discounted from its moment, by parts: no derivative is needed."""
    length = states.extra[0]
    node, share = legendre(64)
    rate = states.rate
    width = np.log1p(length / rate)
    found = np.exp(-discount * length) * _expected(k, a, states, length, leaving)
    for u, w in zip(node, share, strict=True):
        at = np.expm1(width * u) * rate
        found += w * width * (at + rate) * discount * np.exp(-discount * at) * _expected(k, a, states, at, leaving)
    return states.back(found)


def _expected(k: int, a: float, states: States, length: Floats, leaving: float) -> Floats:
    inner = States(
        states.shape, states.rate, states.silence, states.stays, (length,), np.arange(length.size), length.shape
    )
    return ahead(k, a, inner, leaving=leaving)


def draw(  # the parameters of the model, in their usual sequence
    random: np.random.Generator, k: int, length: Floats, stage: NDArray[np.int64], rate: Floats, chance: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats, NDArray[np.bool_]]:
    """Draw purchases in `length`, the hidden events in it, the time of the last purchase, and who is there after it."""
    hidden = random.poisson(rate * length)
    possible = (hidden + stage) // k
    with np.errstate(divide="ignore", over="ignore"):
        leaves = np.ceil(np.log(random.uniform(size=length.shape)) / np.log1p(-np.clip(chance, 1e-300, 1.0)))
    leaves = np.where(np.isfinite(leaves), np.maximum(leaves, 1.0), np.where(chance >= 1.0, 1.0, np.inf))
    made = np.minimum(possible, leaves).astype(np.int64)
    # The n-th of N hidden events is Beta(n, N - n + 1) of the span.
    n = np.maximum(k * made - stage, 1)
    last = np.where(made > 0, length * random.beta(n, np.maximum(hidden - n, 0) + 1.0), 0.0)
    return made, hidden, last, possible < leaves


def draw_stage(random: np.random.Generator, k: int, shape: Floats, silence: Floats, rate: Floats) -> NDArray[np.int64]:
    """Draw the hidden events since the last purchase of customers who are still there."""
    stages = np.exp(_stages(k, shape, silence, rate) - _log_sum(_stages(k, shape, silence, rate)))
    passed = random.uniform(size=shape.shape) > np.cumsum(stages, axis=0)
    return np.asarray(np.minimum(passed.sum(axis=0), k - 1), dtype=np.int64)


def regularity(instance: object, attribute: Any, value: Any) -> None:
    """Refuse a regularity that is not 1, 2, ... (a validator of attrs)."""
    name = f"{type(instance).__name__}.{attribute.name}"
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InvalidValueError(name, value, "give a whole number of at least 1")
