"""What a fit found: the model, how sure we are of it, and whether the search ended at its optimum.

Shared by every estimator of the library: intervals of parameters and of predictions, by the delta method and by bootstrap;
the comparison of nested fits; and a written form that keeps no data.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtri

from pycrm.errors import DocumentError, InvalidDataError, InvalidValueError, NotEstimableError, PycrmWarning

__all__ = ["Bootstrap", "Fit", "Interval", "LikelihoodRatio", "Scale", "Symmetry", "proportion_interval"]

M = TypeVar("M")

Scale: TypeAlias = Literal["log", "identity"]
"""In what a parameter is searched and its interval is symmetric: "log" for one that is above 0, "identity" for one of either sign."""

Symmetry: TypeAlias = Literal["log", "logit", "identity"]
"""In what the interval of a prediction is symmetric: "log" for positive amounts, "logit" for probabilities."""

_FORM = "pycrm.fit/1"


@frozen(eq=False)
class Interval:
    """An estimate and the ends of its interval, numbers or arrays of one shape."""

    estimate: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    confidence: float


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


def _share(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise InvalidValueError("confidence", confidence, "give a share between 0 and 1, 0.95 for 95 %")
    return confidence


def _targets(name: str) -> tuple[list[str], str | None]:
    """Take the name of a parameter apart: attributes, and the key where they are mappings ("purchase_effects[age]")."""
    head, _, key = name.partition("[")
    return head.split("="), key[:-1] if key else None


def _changed(model: Any, values: Mapping[str, float]) -> Any:
    changes: dict[str, Any] = {}
    for name, value in values.items():
        heads, key = _targets(name)
        for head in heads:
            if key is None:
                changes[head] = value
            else:
                changes[head] = {**changes.get(head, getattr(model, head)), key: value}
    return attrs.evolve(model, **changes)


@frozen(kw_only=True, eq=False)
class Fit(Generic[M]):
    """What fitting a model to data found.

    Parameters
    ----------
    model : M
        The model at the maximum; a value that can be used, saved and compared on its own.
    log_likelihood : float
        Its log-likelihood, over all rows and weights.
    names : tuple of str
        The estimated parameters, in the order of `covariance`: attributes of the model, "effects[key]" for an entry of a
        mapping, "one=other[key]" for a value that two of them share.
    covariance : ndarray, shape (k, k)
        Asymptotic covariance of the parameters, from the exact Hessian; NaN where it does not exist.
    converged : bool
        Whether the gradient vanished.
    gradient_norm : float
        Largest absolute derivative of the mean log-likelihood in any log parameter; where a parameter runs to a boundary, across
        the direction in which it runs.
    steps : int
        Evaluations of the likelihood.
    weight : float
        Total weight of the rows: customers, where each row is one.
    notes : tuple of str
        What the reader should know: boundaries reached, rows left out under a policy.
    scales : tuple of Scale
        On which scale the interval of each parameter is symmetric; none given means "log" for all.

    Examples
    --------
    >>> from pycrm.clv import GammaGamma
    >>> spend = {"frequency": [1, 2, 3, 4, 5, 6], "mean_value": [9.0, 30.0, 12.0, 55.0, 20.0, 33.0]}
    >>> fit = GammaGamma.fit(spend, penalty=0.001)
    >>> sorted(fit.parameters), fit.converged
    (['p', 'q', 'v'], True)
    """

    model: M
    log_likelihood: float
    names: tuple[str, ...]
    covariance: NDArray[np.float64] = field(repr=False)
    converged: bool
    gradient_norm: float
    steps: int
    weight: float
    notes: tuple[str, ...] = ()
    scales: tuple[Scale, ...] = ()

    @property
    def standard_errors(self) -> Mapping[str, float]:
        """Asymptotic standard error of each parameter."""
        return dict(zip(self.names, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2k - 2 log L; smaller is better."""
        return 2.0 * len(self.names) - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, k log n - 2 log L; smaller is better."""
        return len(self.names) * float(np.log(self.weight)) - 2.0 * self.log_likelihood

    @property
    def parameters(self) -> Mapping[str, float]:
        """The estimates by name: what the model itself calls its `parameters`, else its fields of these names."""
        own: Mapping[str, float] | None = getattr(self.model, "parameters", None)
        if own is not None:
            return own
        found: dict[str, float] = {}
        for name in self.names:
            heads, key = _targets(name)
            value = getattr(self.model, heads[0])
            found[name] = float(value if key is None else value[key])
        return found

    def evolve(self, **changes: Any) -> Fit[M]:
        """Return a copy with `changes`."""
        return attrs.evolve(self, **changes)

    def at(self, estimates: ArrayLike) -> M:
        """Return the model with other values of the estimated parameters, in the order of `names`."""
        values = np.asarray(estimates, dtype=np.float64)
        moved: M = _changed(self.model, dict(zip(self.names, values.tolist(), strict=True)))
        return moved

    def _logs(self) -> NDArray[np.bool_]:
        return np.array([scale == "log" for scale in (self.scales or ("log",) * len(self.names))])

    def intervals(self, confidence: float = 0.95) -> Mapping[str, tuple[float, float]]:
        """Return the ends of the interval of each parameter, symmetric on its scale (in logs, for one that is above 0).

        NaN where the parameter has no standard error, because it ran to a boundary or the data do not determine it.

        Examples
        --------
        >>> from pycrm.clv import BetaGeoNBD
        >>> truth = BetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5)
        >>> fit = BetaGeoNBD.fit(truth.simulate([52.0] * 3000, random=np.random.default_rng(1)))
        >>> low, high = fit.intervals()["r"]
        >>> low < 0.5 < high
        True
        """
        reach = float(ndtri(0.5 + _share(confidence) / 2.0))
        found = {}
        for (name, value), error, log in zip(
            self.parameters.items(), self.standard_errors.values(), self._logs(), strict=True
        ):
            if log:
                spread = math.exp(min(reach * error / value, 700.0)) if math.isfinite(error) else math.nan
                found[name] = (value / spread, value * spread)
            else:
                found[name] = (value - reach * error, value + reach * error)
        return found

    def predict(
        self, function: Callable[[M], ArrayLike], *, confidence: float = 0.95, symmetry: Symmetry = "log"
    ) -> Interval:
        """Return any prediction of the model with its interval, by the delta method on the scales of the parameters.

        Parameters
        ----------
        function : callable
            The model in, numbers out: ``lambda model: model.expected_purchases(52, x, t_x, T)``.
        confidence : float
            The share of such intervals that hold the truth.
        symmetry : {"log", "logit", "identity"}
            In what the interval is symmetric: "log" for positive amounts, "logit" for probabilities. Where the estimate
            itself has no finite value there, 0 or 1 or negative, the interval is symmetric around it as it is.

        Returns
        -------
        Interval
            It speaks of the expectation under the model, not of what a single customer will do.

        Raises
        ------
        NotEstimableError
            If the fit has no covariance.

        Examples
        --------
        >>> from pycrm.clv import BetaGeoNBD
        >>> truth = BetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5)
        >>> fit = BetaGeoNBD.fit(truth.simulate([52.0] * 3000, random=np.random.default_rng(1)))
        >>> next_year = fit.predict(lambda model: model.expected_purchases(52, [2, 0], [30, 0], 52))
        >>> bool((next_year.lower < next_year.estimate).all())
        True
        """
        reach = float(ndtri(0.5 + _share(confidence) / 2.0))
        if symmetry not in {"log", "logit", "identity"}:
            raise InvalidValueError("symmetry", symmetry, "give 'log', 'logit' or 'identity'")
        if not np.all(np.isfinite(self.covariance)):
            raise NotEstimableError(
                "the interval of a prediction",
                "the fit has no covariance, for a parameter ran to a boundary or the data do not determine it; use bootstrap",
                "covariance",
            )
        centre = np.array(list(self.parameters.values()))
        logs = self._logs()
        steps = np.where(logs, 1e-4, 1e-4 * np.maximum(1.0, np.abs(centre)))
        rates = np.where(logs, centre, 1.0)
        covariance = self.covariance / np.outer(rates, rates)
        middle = np.asarray(function(self.model), dtype=np.float64)
        slopes = []
        for i in range(centre.size):
            ends = []
            for sign in (1.0, -1.0):
                moved = centre.copy()
                moved[i] = moved[i] * math.exp(sign * steps[i]) if logs[i] else moved[i] + sign * steps[i]
                ends.append(np.asarray(function(self.at(moved)), dtype=np.float64))
            slopes.append((ends[0] - ends[1]) / (2.0 * steps[i]))
        slope = np.stack(slopes)
        error = np.sqrt(np.maximum(np.einsum("i...,ij,j...->...", slope, covariance, slope), 0.0))
        return _around(middle, reach * error, confidence, symmetry)

    def bootstrap(
        self,
        summary: Any,
        *,
        random: np.random.Generator,
        draws: int = 200,
        method: Literal["customer", "parametric"] = "customer",
        refit: Callable[[Any], Fit[M]] | None = None,
        simulate: Callable[[M, np.random.Generator], Any] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Bootstrap[M]:
        """Return the fits of `draws` data sets like the one this fit was made from.

        Parameters
        ----------
        summary : frame or mapping of columns
            The data of this fit.
        random : numpy.random.Generator
            Where chance comes from.
        draws : int
            How many data sets.
        method : {"customer", "parametric"}
            Customers drawn again with replacement, or new ones drawn from the fitted model.
        refit : callable, optional
            How a data set is fitted; ``type(model).fit`` by default. Give it where the fit had options (covariates, penalty).
        simulate : callable, optional
            How the model draws a data set; ``model.simulate(age, random=random)`` with the ages of `summary` by default.
        progress : callable, optional
            Told how many draws are done, of how many.

        Examples
        --------
        >>> from pycrm.clv import BetaGeoNBD
        >>> truth = BetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5)
        >>> sample = truth.simulate([52.0] * 1000, random=np.random.default_rng(1))
        >>> again = BetaGeoNBD.fit(sample).bootstrap(sample, random=np.random.default_rng(2), draws=20)
        >>> again.estimates.shape
        (20, 4)
        """
        if draws < 1:
            raise InvalidValueError("draws", draws, "give at least 1")
        if method not in {"customer", "parametric"}:
            raise InvalidValueError("method", method, "give 'customer' or 'parametric'")
        fitted: Callable[[Any], Fit[M]] = refit if refit is not None else type(self.model).fit  # type: ignore[attr-defined]  # every model of the library has it
        columns = _columns(summary)
        size = len(next(iter(columns.values()), ()))
        if not size:
            raise InvalidDataError("summary", None, "no rows", "give the data of this fit")
        weight = np.asarray(columns.get("weight", np.ones(size)), dtype=np.float64)
        customers = round(float(weight.sum()))
        found: list[M] = []
        estimates = []
        failed = 0
        for done in range(draws):
            if method == "customer":
                counts = random.multinomial(customers, weight / weight.sum())
                kept = counts > 0
                drawn: Any = {name: values[kept] for name, values in columns.items()} | {
                    "weight": counts[kept].astype(np.float64)
                }
            elif simulate is not None:
                drawn = simulate(self.model, random)
            else:
                model: Any = self.model
                drawn = model.simulate(np.repeat(columns["age"], np.rint(weight).astype(np.int64)), random=random)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PycrmWarning)
                again = fitted(drawn)
            failed += bool(again.notes)
            found.append(again.model)
            estimates.append(list(again.parameters.values()))
            if progress is not None:
                progress(done + 1, draws)
        return Bootstrap(fit=self, models=tuple(found), estimates=np.array(estimates), failed=failed)

    def likelihood_ratio(self, simpler: Fit[Any]) -> LikelihoodRatio:
        """Test a simpler fit of the same data inside this one.

        Parameters
        ----------
        simpler : Fit
            The same model with fewer covariates, with effects held equal, or without correlation; or another model that
            this one declares to contain.

        Raises
        ------
        NotEstimableError
            If the one is not a case of the other, if their data differ, or if the statistic has no known distribution because the
            simpler model lies where this one stops being defined; the message says which.

        Examples
        --------
        >>> from pycrm.clv import BetaGeoNBD
        >>> truth = BetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5)
        >>> sample = truth.simulate([52.0] * 1000, random=np.random.default_rng(1)).assign(vip=[0, 1] * 500)
        >>> fuller = BetaGeoNBD.fit(sample, purchase_covariates=["vip"])
        >>> fuller.likelihood_ratio(BetaGeoNBD.fit(sample)).degrees
        1
        """
        what = "the likelihood ratio"
        degrees = len(self.names) - len(simpler.names)
        relation = self._relation(simpler)
        if relation not in {"interior", "boundary"}:
            raise NotEstimableError(what, relation, "simpler")
        if degrees < 1:
            raise NotEstimableError(what, "the simpler fit has as many parameters; ask the fuller one", "simpler")
        if not math.isclose(self.weight, simpler.weight, rel_tol=1e-9):
            raise NotEstimableError(
                what,
                f"one fit saw {simpler.weight:g} customers, the other {self.weight:g}; fit both to the same data",
                "weight",
            )
        for fit in (self, simpler):
            if fit.notes:
                raise NotEstimableError(what, f"{fit.notes[0]}; compare AIC or BIC instead", "notes")
        statistic = 2.0 * (self.log_likelihood - simpler.log_likelihood)
        if statistic < -1e-6 * max(1.0, abs(self.log_likelihood) * 1e-6):
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

    def _relation(self, simpler: Fit[Any]) -> str:
        """Return "interior", "boundary", or why the one is no case of the other."""
        mine, theirs = type(self.model), type(simpler.model)
        if mine is not theirs:
            declared: Mapping[str, str] = getattr(mine, "NESTS", {})
            return declared.get(
                theirs.__name__, f"{theirs.__name__} is not a case of {mine.__name__}; compare AIC or BIC instead"
            )
        apart = {f"{head}[{key}]" for heads, key in map(_targets, self.names) for head in heads}
        inside = {f"{head}[{key}]" for heads, key in map(_targets, simpler.names) for head in heads}
        return (
            "interior" if inside <= apart else f"{sorted(inside - apart)} of the simpler fit are not in the fuller one"
        )

    def to_json(self) -> str:
        """Return the fit as JSON: the parameters, their covariance, how the search ended; no data.

        Examples
        --------
        >>> from pycrm.clv import BetaGeoNBD
        >>> truth = BetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5)
        >>> fit = BetaGeoNBD.fit(truth.simulate([52.0] * 1000, random=np.random.default_rng(1)))
        >>> Fit.from_json(fit.to_json(), BetaGeoNBD).model == fit.model
        True
        """
        document = {
            "form": _FORM,
            "class": type(self.model).__name__,
            "model": attrs.asdict(self.model),  # type: ignore[arg-type]  # a model is an attrs value
            "log_likelihood": self.log_likelihood,
            "names": list(self.names),
            "scales": list(self.scales),
            "covariance": [
                [value if math.isfinite(value) else None for value in row] for row in self.covariance.tolist()
            ],
            "converged": self.converged,
            "gradient_norm": self.gradient_norm,
            "steps": self.steps,
            "weight": self.weight,
            "notes": list(self.notes),
        }
        return json.dumps(document, allow_nan=False)

    @staticmethod
    def from_json(text: str, model: type[M]) -> Fit[M]:
        """Return the fit that `to_json` wrote, of the class the caller names.

        Raises
        ------
        DocumentError
            If the text is no fit, of another form, or of another class.
        """
        try:
            document = json.loads(text)
        except (TypeError, ValueError) as error:
            raise DocumentError("", "syntax", f"it is not JSON: {error}") from error
        if not isinstance(document, dict) or document.get("form") != _FORM:
            found = document.get("form") if isinstance(document, dict) else document
            raise DocumentError("form", "form", f"{found!r} is not {_FORM}, which this pycrm reads")
        if document.get("class") != model.__name__:
            raise DocumentError(
                "class", "class", f"it is a {document.get('class')}, and the caller asked for a {model.__name__}"
            )
        try:
            covariance = np.array(
                [[math.nan if value is None else value for value in row] for row in document["covariance"]],
                dtype=np.float64,
            ).reshape(len(document["names"]), len(document["names"]))
            return Fit(
                model=model(**document["model"]),
                covariance=covariance,
                names=tuple(document["names"]),
                scales=tuple(document["scales"]),
                notes=tuple(document["notes"]),
                log_likelihood=float(document["log_likelihood"]),
                converged=bool(document["converged"]),
                gradient_norm=float(document["gradient_norm"]),
                steps=int(document["steps"]),
                weight=float(document["weight"]),
            )
        except KeyError as error:
            raise DocumentError(str(error.args[0]), "missing", "a field is missing") from error
        except (TypeError, ValueError) as error:
            raise DocumentError("model", "value", str(error)) from error


def _columns(summary: Any) -> dict[str, NDArray[Any]]:
    """Return the columns of a frame as arrays; by shape, for this room does not know frames."""
    names = summary.keys() if isinstance(summary, Mapping) else getattr(summary, "columns", None)
    if names is None or not hasattr(summary, "__getitem__"):
        raise InvalidDataError(
            "summary", None, type(summary).__name__, "give a pandas or Polars frame, or a mapping of columns"
        )
    return {str(name): np.asarray(summary[name]) for name in names}


def _around(middle: NDArray[np.float64], reach: NDArray[np.float64], confidence: float, symmetry: Symmetry) -> Interval:
    """Return `middle` with ends `reach` away, measured on the scale of `symmetry` where that is finite."""
    lower, upper = middle - reach, middle + reach
    with np.errstate(all="ignore"):
        if symmetry == "log":
            bent = middle > 0.0
            spread = np.exp(reach / middle)
            lower, upper = np.where(bent, middle / spread, lower), np.where(bent, middle * spread, upper)
        elif symmetry == "logit":
            bent = (middle > 0.0) & (middle < 1.0)
            odds = middle / (1.0 - middle)
            spread = np.exp(reach / (middle * (1.0 - middle)))
            low = 1.0 / (1.0 + spread / odds)
            high = 1.0 / (1.0 + 1.0 / (odds * spread))
            lower = np.where(bent, low, np.clip(lower, 0.0, 1.0))
            upper = np.where(bent, high, np.clip(upper, 0.0, 1.0))
    return Interval(middle, lower, upper, confidence)


@frozen(kw_only=True, eq=False)
class Bootstrap(Generic[M]):
    """The fits of many data sets like one.

    Parameters
    ----------
    fit : Fit
        The fit of the data themselves.
    models : tuple
        The model found in each draw.
    estimates : ndarray, shape (draws, k)
        Its parameters, in the order of ``fit.names``.
    failed : int
        Draws whose search did not end inside: they are kept, and counted here.
    """

    fit: Fit[M]
    models: tuple[M, ...] = field(repr=False)
    estimates: NDArray[np.float64] = field(repr=False)
    failed: int

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance of the estimates over the draws."""
        return np.atleast_2d(np.cov(self.estimates, rowvar=False))

    def intervals(self, confidence: float = 0.95) -> Mapping[str, tuple[float, float]]:
        """Return the percentile interval of each parameter."""
        tail = (1.0 - _share(confidence)) / 2.0
        ends = np.quantile(self.estimates, [tail, 1.0 - tail], axis=0)
        return {name: (float(low), float(high)) for name, low, high in zip(self.fit.names, *ends, strict=True)}

    def predict(self, function: Callable[[M], ArrayLike], *, confidence: float = 0.95) -> Interval:
        """Return any prediction with its percentile interval over the draws."""
        tail = (1.0 - _share(confidence)) / 2.0
        every = np.stack([np.asarray(function(model), dtype=np.float64) for model in self.models])
        lower, upper = np.quantile(every, [tail, 1.0 - tail], axis=0)
        return Interval(np.asarray(function(self.fit.model), dtype=np.float64), lower, upper, confidence)


def proportion_interval(
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    confidence: float = 0.95,
    method: Literal["wilson", "agresti_coull", "clopper_pearson", "jeffreys", "wald"] = "wilson",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper ends of an interval for a share.

    Parameters
    ----------
    successes, trials : array_like
        0 <= successes <= trials, trials above 0; they broadcast.
    confidence : float
        Coverage, between 0 and 1.
    method : str
        "wilson" (the score interval; good at any n), "agresti_coull", "clopper_pearson" (never covers less than
        `confidence`), "jeffreys", or "wald" (the textbook normal one, poor near 0 and 1).

    Raises
    ------
    InvalidDataError
        Naming the first row whose counts are impossible.
    InvalidValueError
        For a confidence or a method that does not exist.

    References
    ----------
    .. [1] Brown, Cai & DasGupta (2001), Statistical Science 16(2), 101-133.

    Examples
    --------
    >>> low, high = proportion_interval(8, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.4902, 0.9433)
    """
    from scipy import stats

    if not 0.0 < confidence < 1.0:
        raise InvalidValueError("confidence", confidence, "give a number between 0 and 1, such as 0.95")
    x, n = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64))
    for name, counts, refused in (
        ("trials", n, ~(np.isfinite(n) & (n > 0.0))),
        ("successes", x, ~(np.isfinite(x) & (x >= 0.0) & (x <= n))),
    ):
        if refused.any():
            row = int(np.argmax(refused))
            fix = "give a count above 0" if name == "trials" else "give a count between 0 and the trials"
            raise InvalidDataError(name, row, float(counts.ravel()[row]), fix)
    tail = (1.0 - confidence) / 2.0
    z = float(stats.norm.isf(tail))
    p = x / n
    if method == "clopper_pearson":
        with np.errstate(invalid="ignore"):  # the ends 0 and 1 have no beta distribution; they are set below
            low, high = stats.beta.ppf(tail, x, n - x + 1.0), stats.beta.isf(tail, x + 1.0, n - x)
        return np.where(x == 0.0, 0.0, low), np.where(x == n, 1.0, high)
    if method == "jeffreys":
        low, high = stats.beta.ppf(tail, x + 0.5, n - x + 0.5), stats.beta.isf(tail, x + 0.5, n - x + 0.5)
        return np.asarray(low), np.asarray(high)
    if method == "wald":
        centre, half = p, z * np.sqrt(p * (1.0 - p) / n)
    elif method in {"wilson", "agresti_coull"}:
        centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n)
        half = z / (1.0 + z * z / n) * np.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n))
        if method == "agresti_coull":
            half = z * np.sqrt(centre * (1.0 - centre) / (n + z * z))
    else:
        raise InvalidValueError("method", method, "give wilson, agresti_coull, clopper_pearson, jeffreys or wald")
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
