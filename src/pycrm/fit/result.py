"""What a fit found: the model, how sure we are of it, and whether the search ended at its optimum."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from pycrm.errors import DocumentError, InvalidValueError, NotEstimableError
from pycrm.fit.bootstrap import Bootstrap, resampled
from pycrm.fit.interval import Interval, Symmetry, around, checked_confidence
from pycrm.fit.likelihood_ratio import LikelihoodRatio, ratio_of
from pycrm.fit.parameters import changed, targets

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fit", "Scale"]

M = TypeVar("M")

Scale: TypeAlias = Literal["log", "identity"]
"""In what a parameter is searched and its interval is symmetric: "log" for one that is above 0, "identity" for one of either sign."""

_FORM = "pycrm.fit/1"


@frozen(kw_only=True, eq=False, repr=False)
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

    def __repr__(self) -> str:
        """Return what a reader of a notebook wants to see first: estimates with their errors, and how the search ended."""
        head = f"{type(self.model).__name__} fitted to {self.weight:,.10g} customers: "
        head += f"log-likelihood {self.log_likelihood:.4f}, AIC {self.aic:.2f}, BIC {self.bic:.2f}"
        rows: list[tuple[str, ...]] = [("", "estimate", "standard error", "95 % from", "to")]
        for name, (low, high) in self.intervals().items():
            numbers = (self.parameters[name], self.standard_errors[name], low, high)
            rows.append((name, *(f"{number:.5g}" for number in numbers)))
        wide = [max(len(row[at]) for row in rows) for at in range(5)]
        lines = [
            f"{row[0]:<{wide[0]}}  " + "  ".join(f"{cell:>{wide[at]}}" for at, cell in enumerate(row[1:], start=1))
            for row in rows
        ]
        end = "converged" if self.converged else "NOT CONVERGED"
        tail = f"{end}: largest derivative left {self.gradient_norm:.1e}, after {self.steps} evaluations"
        return "\n".join([head, *lines, tail, *(f"note: {note}" for note in self.notes)])

    def summary(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return the estimates as a frame: `estimate`, `standard_error`, `lower` and `upper`, one row a parameter.

        Examples
        --------
        >>> from pycrm.clv import BetaGeoNBD
        >>> truth = BetaGeoNBD(r=0.5, alpha=5.0, a=0.8, b=2.5)
        >>> fit = BetaGeoNBD.fit(truth.simulate([52.0] * 3000, random=np.random.default_rng(1)))
        >>> fit.summary().index.tolist()
        ['r', 'alpha', 'a', 'b']
        """
        import pandas as pd

        ends = self.intervals(confidence)
        return pd.DataFrame(
            {
                "estimate": self.parameters,
                "standard_error": self.standard_errors,
                "lower": {name: low for name, (low, _) in ends.items()},
                "upper": {name: high for name, (_, high) in ends.items()},
            },
            index=list(self.parameters),
        )

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
            heads, key = targets(name)
            value = getattr(self.model, heads[0])
            found[name] = float(value if key is None else value[key])
        return found

    def evolve(self, **changes: Any) -> Fit[M]:
        """Return a copy with `changes`."""
        return attrs.evolve(self, **changes)

    def at(self, estimates: ArrayLike) -> M:
        """Return the model with other values of the estimated parameters, in the order of `names`."""
        values = np.asarray(estimates, dtype=np.float64)
        moved: M = changed(self.model, dict(zip(self.names, values.tolist(), strict=True)))
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
        reach = float(ndtri(0.5 + checked_confidence(confidence) / 2.0))
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
        reach = float(ndtri(0.5 + checked_confidence(confidence) / 2.0))
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
        middle = _asked(function, self.model)
        slopes = []
        for i in range(centre.size):
            ends = []
            for sign in (1.0, -1.0):
                moved = centre.copy()
                moved[i] = moved[i] * math.exp(sign * steps[i]) if logs[i] else moved[i] + sign * steps[i]
                ends.append(_asked(function, self.at(moved)))
            slopes.append((ends[0] - ends[1]) / (2.0 * steps[i]))
        slope = np.stack(slopes)
        error = np.sqrt(np.maximum(np.einsum("i...,ij,j...->...", slope, covariance, slope), 0.0))
        return around(middle, reach * error, confidence, symmetry)

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
        return resampled(
            self,
            summary,
            random=random,
            draws=draws,
            method=method,
            refit=refit,
            simulate=simulate,
            progress=progress,
        )

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
        return ratio_of(self, simpler)

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


def _asked(function: Callable[[M], ArrayLike], model: M) -> NDArray[np.float64]:
    fix = "give a function of a model that returns numbers: lambda model: model.expected_purchases(52, x, t_x, T)"
    if not callable(function):
        raise InvalidValueError("function", function, fix)
    found = function(model)
    try:
        return np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValueError("function", found, fix) from None
