"""No history loses its numbers: purchases and times up to 10,000, populations of every shape, 40 digits beside.

The grids of BG/NBD and MBG/NBD are in test_purchase_laws, that of Pareto/NBD in golden/, that of Gamma-Gamma in its own file.
"""

import itertools

import mpmath as mp
import numpy as np
import pytest

from pycrm.clv import (
    NBD,
    BetaGeoBetaBinomial,
    BetaGeoCNBDk,
    BetaGeoNBD,
    ModifiedBetaGeoCNBDk,
    ModifiedBetaGeoNBD,
    ParetoNBD,
)

SHAPES = [
    (0.243, 4.414, 0.793, 2.426),
    (0.5, 0.1, 2.0, 50.0),
    (3.0, 100.0, 0.05, 0.3),
    (1.0, 1.0, 1.0, 0.05),
    (8.0, 0.05, 8.0, 20.0),
]
PURCHASES, AGES, SHARES = (0, 1, 10, 100, 1000, 10_000), (1.0, 40.0, 1e3, 1e4), (0.0, 0.01, 0.5, 0.99, 1.0)
GRID = np.array(
    [(x, share * T, T) for x, T in itertools.product(PURCHASES, AGES) for share in (SHARES if x else (0.0,))]
)
DISCRETE = np.unique(
    [
        (max(1, round(part * t_x)), t_x, n)
        for n in (1, 2, 6, 40, 300, 10_000)
        for t_x in sorted({1, n // 2 or 1, round(0.9 * n) or 1, n - 1 or 1, n} if n <= 300 else {n - 100, n - 1, n})
        for part in (0.0, 0.1, 0.5, 0.9, 1.0)
    ]
    + [(0, 0, n) for n in (0, 1, 6, 40, 300)],
    axis=0,
).astype(float)


def _close(found, exact):
    """To 1e-8, or to what a double of that size holds."""
    assert np.isfinite(found)
    assert abs(float(found) - float(exact)) <= 1e-8 + 1e-13 * abs(float(exact))


def test_no_history_of_the_grid_loses_its_nbd_likelihood():
    assert len(SHAPES) * len(GRID) >= 500
    with mp.workdps(40):
        for r, alpha, _, _ in SHAPES:
            R, A = mp.mpf(r), mp.mpf(alpha)
            for (x, _, T), found in zip(GRID, NBD(r=r, alpha=alpha).log_likelihood(*GRID.T), strict=True):
                _close(found, mp.loggamma(R + x) - mp.loggamma(R) + R * mp.log(A) - (R + x) * mp.log(A + T))


@pytest.mark.parametrize("kind", [BetaGeoCNBDk, ModifiedBetaGeoCNBDk])
def test_no_history_of_the_grid_loses_its_regular_likelihood(kind):
    k, modified = 3, int(kind is ModifiedBetaGeoCNBDk)
    with mp.workdps(40):
        for r, alpha, a, b in SHAPES:
            R, A, p, q = (mp.mpf(value) for value in (r, alpha, a, b))
            for (x, t_x, T), found in zip(
                GRID, kind(r=r, alpha=alpha, a=a, b=b, k=k).log_likelihood(*GRID.T), strict=True
            ):
                shape, late, silence = R + k * mp.mpf(x), A + mp.mpf(T), mp.mpf(T) - mp.mpf(t_x)
                stages = sum(mp.rf(shape, j) / mp.factorial(j) * (silence / late) ** j for j in range(k))
                there = mp.log(stages) - shape * mp.log(late) + _log_beta(p, q + x + modified)
                if x or modified:
                    left = -shape * mp.log(A + mp.mpf(t_x)) + _log_beta(p + 1, q + x + modified - 1)
                    top = max(there, left)
                    there = top + mp.log(mp.exp(there - top) + mp.exp(left - top))
                exact = mp.loggamma(shape) - mp.loggamma(R) + R * mp.log(A) - x * mp.log(mp.factorial(k - 1))
                _close(found, exact + there - _log_beta(p, q))


def _log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def test_no_history_of_the_grid_loses_its_discrete_likelihood():
    shapes = [(1.204, 0.75, 0.657, 2.783), (0.05, 0.1, 0.02, 0.5), (30.0, 2.0, 8.0, 300.0), (1.0, 50.0, 1.0, 0.05)]
    shapes += [(800.0, 3.0, 0.3, 20.0), (5.0, 5.0, 5.0, 5.0), (0.5, 0.5, 60.0, 0.7)]
    assert len(shapes) * len(DISCRETE) >= 500
    with mp.workdps(40):
        for values in shapes:
            model = BetaGeoBetaBinomial(**dict(zip(("alpha", "beta", "gamma", "delta"), values, strict=True)))
            alpha, beta, gamma, delta = map(mp.mpf, values)
            for (x, t_x, n), found in zip(DISCRETE, model.log_likelihood(*DISCRETE.T), strict=True):
                whole = _log_beta(alpha, beta) + _log_beta(gamma, delta)
                there = _log_beta(alpha + x, beta + n - x) + _log_beta(gamma, delta + n)
                term = mp.exp(_log_beta(alpha + x, beta + t_x - x) + _log_beta(gamma + 1, delta + t_x) - there)
                left, j = mp.mpf(0), mp.mpf(t_x)
                while j < n:
                    left += term
                    term *= (beta + j - x) / (alpha + beta + j) * (delta + j) / (gamma + 1 + delta + j)
                    j += 1
                _close(found, there + mp.log1p(left) - whole)


@pytest.mark.parametrize(
    "kind", [NBD, BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD, BetaGeoCNBDk, ModifiedBetaGeoCNBDk, BetaGeoBetaBinomial]
)
def test_every_answer_on_the_grid_is_a_number(kind):
    names = {ParetoNBD: ("r", "alpha", "s", "beta"), NBD: ("r", "alpha")}.get(kind, ("r", "alpha", "a", "b"))
    regular = kind in {BetaGeoCNBDk, ModifiedBetaGeoCNBDk}
    for values in SHAPES[:2] if regular else SHAPES:
        options = {"k": 3} if regular else {}
        if kind is BetaGeoBetaBinomial:
            names = ("alpha", "beta", "gamma", "delta")
        model = kind(**dict(zip(names, values, strict=False)), **options)
        grid = DISCRETE if kind is BetaGeoBetaBinomial else GRID
        alive = model.probability_alive(*grid.T)
        assert ((alive >= 0.0) & (alive <= 1.0)).all()
        later = model.probability_alive(*grid.T, ahead=1.0)
        assert ((later >= 0.0) & (later <= alive * (1 + 1e-9))).all()
        made = model.expected_purchases(1.0, *grid.T)
        assert (np.isfinite(made) & (made >= 0.0)).all()
        none = model.purchase_probability(0, 1.0, *grid.T)
        assert ((none >= -1e-12) & (none <= 1.0 + 1e-12)).all()
        worth = model.discounted_purchases(*grid.T, discount_rate=0.01, per="period")
        assert (np.isfinite(worth) & (worth >= 0.0)).all()
