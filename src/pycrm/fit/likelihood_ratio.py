"""The test of a simpler model inside a fuller one, where its statistic has a known distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen
from scipy.special import chdtrc

from pycrm.errors import NotEstimableError
from pycrm.fit.parameters import targets

if TYPE_CHECKING:
    from pycrm.fit.result import Fit

__all__ = ["LikelihoodRatio", "ratio_of"]


@frozen(eq=False)
class LikelihoodRatio:
    """The test of a simpler model inside a fuller one.

    Parameters
    ----------
    statistic : float
        Twice the difference of the log-likelihoods.
    degrees : int
        Parameters the fuller model has more.
    p_value : float
        How likely so large a statistic is if the simpler model is true.
    reference : str
        Which distribution that is: a chi-square, or on a boundary its even mixture with the one of a degree less.
    """

    statistic: float
    degrees: int
    p_value: float
    reference: str


def ratio_of(fuller: Fit[Any], simpler: Fit[Any]) -> LikelihoodRatio:
    """Test `simpler` inside `fuller`, as :meth:`Fit.likelihood_ratio` says."""
    what = "the likelihood ratio"
    degrees = len(fuller.names) - len(simpler.names)
    relation = _relation(fuller, simpler)
    if relation not in {"interior", "boundary"}:
        raise NotEstimableError(what, relation, "simpler")
    if degrees < 1:
        raise NotEstimableError(what, "the simpler fit has as many parameters; ask the fuller one", "simpler")
    if not math.isclose(fuller.weight, simpler.weight, rel_tol=1e-9):
        raise NotEstimableError(
            what,
            f"one fit saw {simpler.weight:g} customers, the other {fuller.weight:g}; fit both to the same data",
            "weight",
        )
    for fit in (fuller, simpler):
        if fit.notes:
            raise NotEstimableError(what, f"{fit.notes[0]}; compare AIC or BIC instead", "notes")
    statistic = 2.0 * (fuller.log_likelihood - simpler.log_likelihood)
    if statistic < -1e-6 * max(1.0, abs(fuller.log_likelihood) * 1e-6):
        raise NotEstimableError(
            what, "the simpler fit has the larger likelihood; one of the two is not at its maximum", "simpler"
        )
    statistic = max(statistic, 0.0)
    p_value = float(chdtrc(degrees, statistic))
    if relation == "boundary":
        below = float(chdtrc(degrees - 1, statistic)) if degrees > 1 else float(statistic <= 0.0)
        return LikelihoodRatio(
            statistic,
            degrees,
            (p_value + below) / 2.0,
            f"even mixture of chi-square({degrees - 1}) and chi-square({degrees})",
        )
    return LikelihoodRatio(statistic, degrees, p_value, f"chi-square({degrees})")


def _relation(fuller: Fit[Any], simpler: Fit[Any]) -> str:
    """Return "interior", "boundary", or why the one is no case of the other."""
    mine, theirs = type(fuller.model), type(simpler.model)
    if mine is not theirs:
        declared: Mapping[str, str] = getattr(mine, "NESTS", {})
        return declared.get(
            theirs.__name__, f"{theirs.__name__} is not a case of {mine.__name__}; compare AIC or BIC instead"
        )
    apart = {f"{head}[{key}]" for heads, key in map(targets, fuller.names) for head in heads}
    inside = {f"{head}[{key}]" for heads, key in map(targets, simpler.names) for head in heads}
    return "interior" if inside <= apart else f"{sorted(inside - apart)} of the simpler fit are not in the fuller one"
