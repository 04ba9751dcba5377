"""How much a fit moves from one data set like its own to the next."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError, PycrmWarning
from pycrm.fit.interval import Interval, checked_confidence

if TYPE_CHECKING:
    from pycrm.fit.result import Fit  # noqa: TC004  # attrs does not resolve it, and that module makes this class

__all__ = ["Bootstrap", "resampled"]

M = TypeVar("M")


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
        tail = (1.0 - checked_confidence(confidence)) / 2.0
        ends = np.quantile(self.estimates, [tail, 1.0 - tail], axis=0)
        return {name: (float(low), float(high)) for name, low, high in zip(self.fit.names, *ends, strict=True)}

    def predict(self, function: Callable[[M], ArrayLike], *, confidence: float = 0.95) -> Interval:
        """Return any prediction with its percentile interval over the draws."""
        tail = (1.0 - checked_confidence(confidence)) / 2.0
        every = np.stack([np.asarray(function(model), dtype=np.float64) for model in self.models])
        lower, upper = np.quantile(every, [tail, 1.0 - tail], axis=0)
        return Interval(np.asarray(function(self.fit.model), dtype=np.float64), lower, upper, confidence)


def resampled(
    fit: Fit[M],
    summary: Any,
    *,
    random: np.random.Generator,
    draws: int,
    method: str,
    refit: Callable[[Any], Fit[M]] | None,
    simulate: Callable[[M, np.random.Generator], Any] | None,
    progress: Callable[[int, int], None] | None,
) -> Bootstrap[M]:
    """Return the fits of data sets like the one `fit` was made from, as :meth:`Fit.bootstrap` says."""
    if not isinstance(random, np.random.Generator):
        raise InvalidValueError("random", random, "give a generator: numpy.random.default_rng(1)")
    if draws < 1:
        raise InvalidValueError("draws", draws, "give at least 1")
    if method not in {"customer", "parametric"}:
        raise InvalidValueError("method", method, "give 'customer' or 'parametric'")
    fitted: Callable[[Any], Fit[M]] = refit if refit is not None else type(fit.model).fit  # type: ignore[attr-defined]  # every model of the library has it
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
            drawn = simulate(fit.model, random)
        else:
            model: Any = fit.model
            drawn = model.simulate(np.repeat(columns["age"], np.rint(weight).astype(np.int64)), random=random)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PycrmWarning)
            again = fitted(drawn)
        if again.names != fit.names:
            made_by = f"refit=lambda data: {type(fit.model).__name__}.fit(data, ...)"
            raise InvalidValueError(
                "refit", refit, f"the fit has {', '.join(fit.names)}; fit again with its options: {made_by}"
            )
        failed += bool(again.notes)
        found.append(again.model)
        estimates.append(list(again.parameters.values()))
        if progress is not None:
            progress(done + 1, draws)
    return Bootstrap(fit=fit, models=tuple(found), estimates=np.array(estimates), failed=failed)


def _columns(summary: Any) -> dict[str, NDArray[Any]]:
    """Return the columns of a frame as arrays; by shape, for this room does not know frames."""
    names = summary.keys() if isinstance(summary, Mapping) else getattr(summary, "columns", None)
    if names is None or not hasattr(summary, "__getitem__"):
        raise InvalidDataError(
            "summary", None, type(summary).__name__, "give a pandas or Polars frame, or a mapping of columns"
        )
    return {str(name): np.asarray(summary[name]) for name in names}
