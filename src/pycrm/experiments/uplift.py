"""For whom it works: learners that predict the effect of a treatment on each unit."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, NotEstimableError
from pycrm.experiments.arms import is_binary, treated, vector
from pycrm.experiments.features import Features
from pycrm.experiments.scorer import Foreign, LinearPredictor, LinearScorer, LogisticScorer, Scorer, fitted
from pycrm.fit import Fit
from pycrm.table import Frame

__all__ = ["SLearner", "TLearner", "XLearner"]

Predictor: TypeAlias = LinearPredictor | Foreign
Array: TypeAlias = NDArray[np.float64]
L = TypeVar("L")


def _read(X: Frame, treatment: ArrayLike, outcome: ArrayLike) -> tuple[Features, Array, NDArray[np.bool_], Array]:
    values = vector(outcome, "outcome")
    mask = treated(treatment, len(values))
    features = Features.of(X)
    known = features.matrix(X)
    if len(known) != len(values):
        raise InvalidDataError("X", None, f"{len(known)} rows", f"give one per outcome: {len(values)}")
    if values.min() == values.max():
        raise NotEstimableError("an uplift model", f"every outcome is {values[0]:g}")
    return features, known, mask, values


def _default(values: Array) -> Scorer:
    return LogisticScorer() if is_binary(values) else LinearScorer()


def _likelihood(values: Array, expected: Array) -> float:
    """Bernoulli for outcomes of 0 and 1, else normal with the variance that fits best."""
    if is_binary(values) and expected.min() >= 0.0 and expected.max() <= 1.0:
        p = np.clip(expected, 1e-12, 1.0 - 1e-12)
        return float(np.sum(np.where(values == 1.0, np.log(p), np.log1p(-p))))
    spread = max(float(np.mean((values - expected) ** 2)), 1e-300)
    return -0.5 * len(values) * (float(np.log(2.0 * np.pi * spread)) + 1.0)


def _fit_of(model: L, values: Array, expected: Array, *predictors: Predictor) -> Fit[L]:
    slope = max((p.gradient_norm for p in predictors if isinstance(p, LinearPredictor)), default=0.0)
    return Fit(
        model=model,
        log_likelihood=_likelihood(values, expected),
        names=(),
        covariance=np.empty((0, 0)),
        converged=slope < 1e-6,
        gradient_norm=slope,
        steps=sum(p.steps for p in predictors if isinstance(p, LinearPredictor)),
        weight=float(len(values)),
        notes=("units the model was fitted on flatter it; judge it by qini() on others",),
    )


@frozen(kw_only=True)
class SLearner:
    """One model of the outcome that also sees the treatment; the uplift is what switching it on changes.

    Parameters
    ----------
    features : Features
        How tables become numbers.
    outcome : predictor
        The fitted scorer, on the columns, the treatment, and their products.

    References
    ----------
    .. [1] Künzel, Sekhon, Bickel & Yu (2019), PNAS 116(10), 4156-4165.
    """

    features: Features
    outcome: Predictor

    @classmethod
    def fit(cls, X: Frame, treatment: ArrayLike, outcome: ArrayLike, *, scorer: Scorer | None = None) -> Fit[SLearner]:
        """Return the learner that an experiment teaches.

        Parameters
        ----------
        X : Frame or array, shape (n, k)
            What was known of each unit before the treatment: numbers and texts.
        treatment : array_like of 0 and 1
            Who was treated.
        outcome : array_like
            0 and 1, or amounts.
        scorer : Scorer, optional
            What predicts the outcome; by default `LogisticScorer` for 0 and 1, `LinearScorer` for amounts.

        Raises
        ------
        InvalidDataError
            Naming column and row of what cannot be read; a treatment coded as text.
        NotEstimableError
            If an arm is empty, or the outcome never varies.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> X, w = rng.normal(size=(2_000, 1)), rng.integers(0, 2, 2_000)
        >>> y = rng.random(2_000) < 0.2 + 0.3 * w * (X[:, 0] > 0)
        >>> uplift = SLearner.fit(X, w, y).model.uplift([[2.0], [-2.0]])
        >>> bool(uplift[0] > 0.3 > 0.1 > uplift[1])
        True
        """
        features, known, mask, values = _read(X, treatment, outcome)
        model = cls(features=features, outcome=fitted(scorer or _default(values), _with_arm(known, mask), values))
        return _fit_of(model, values, model.outcome.predict(_with_arm(known, mask)), model.outcome)

    def outcomes(self, X: Frame) -> tuple[Array, Array]:
        """Return the expected outcome of each unit if not treated, and if treated."""
        known = self.features.matrix(X)
        without, with_ = np.zeros(len(known), dtype=np.bool_), np.ones(len(known), dtype=np.bool_)
        return self.outcome.predict(_with_arm(known, without)), self.outcome.predict(_with_arm(known, with_))

    def uplift(self, X: Frame) -> Array:
        """Return the expected gain of treating each unit, in the unit of the outcome."""
        control, treatment = self.outcomes(X)
        return treatment - control


def _with_arm(known: Array, mask: NDArray[np.bool_]) -> Array:
    return np.column_stack([known, mask, known * mask[:, None]])


@frozen(kw_only=True)
class TLearner:
    """Two models of the outcome, one of each arm; the uplift is their difference.

    Parameters
    ----------
    features : Features
        How tables become numbers.
    control, treatment : predictor
        The fitted scorers of the arms.

    References
    ----------
    .. [1] Künzel, Sekhon, Bickel & Yu (2019), PNAS 116(10), 4156-4165.
    """

    features: Features
    control: Predictor
    treatment: Predictor

    @classmethod
    def fit(cls, X: Frame, treatment: ArrayLike, outcome: ArrayLike, *, scorer: Scorer | None = None) -> Fit[TLearner]:
        """Return the learner that an experiment teaches; parameters and errors as in `SLearner.fit`.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> X, w = {"visits": rng.poisson(3, 2_000), "zip": rng.choice(["rural", "urban"], 2_000)}, rng.integers(0, 2, 2_000)
        >>> y = rng.random(2_000) < 0.2 + 0.3 * w * (X["zip"] == "urban")
        >>> uplift = TLearner.fit(X, w, y).model.uplift({"visits": [3, 3], "zip": ["urban", "rural"]})
        >>> bool(uplift[0] > 0.2 > 0.1 > uplift[1])
        True
        """
        features, known, mask, values = _read(X, treatment, outcome)
        chosen = scorer or _default(values)
        model = cls(
            features=features,
            control=fitted(chosen, known[~mask], values[~mask]),
            treatment=fitted(chosen, known[mask], values[mask]),
        )
        expected = np.where(mask, model.treatment.predict(known), model.control.predict(known))
        return _fit_of(model, values, expected, model.control, model.treatment)

    def outcomes(self, X: Frame) -> tuple[Array, Array]:
        """Return the expected outcome of each unit if not treated, and if treated."""
        known = self.features.matrix(X)
        return self.control.predict(known), self.treatment.predict(known)

    def uplift(self, X: Frame) -> Array:
        """Return the expected gain of treating each unit, in the unit of the outcome."""
        control, treatment = self.outcomes(X)
        return treatment - control


@frozen(kw_only=True)
class XLearner:
    """Two models of the effect, each learned where the other arm's model supplies the missing outcome; for unequal arms.

    Parameters
    ----------
    features : Features
        How tables become numbers.
    control, treatment : predictor
        Scorers of the outcome in each arm.
    effect_on_control, effect_on_treated : predictor
        Scorers of the imputed effects.
    treated_share : float
        Share of the treated, which weighs the two: the effect learned in the small arm leans on the large one's model.

    References
    ----------
    .. [1] Künzel, Sekhon, Bickel & Yu (2019), PNAS 116(10), 4156-4165, algorithm 3.
    """

    features: Features
    control: Predictor
    treatment: Predictor
    effect_on_control: Predictor
    effect_on_treated: Predictor
    treated_share: float

    @classmethod
    def fit(
        cls,
        X: Frame,
        treatment: ArrayLike,
        outcome: ArrayLike,
        *,
        scorer: Scorer | None = None,
        effect_scorer: Scorer | None = None,
    ) -> Fit[XLearner]:
        """Return the learner that an experiment teaches; parameters and errors as in `SLearner.fit`.

        Parameters
        ----------
        X, treatment, outcome, scorer
            As in `SLearner.fit`.
        effect_scorer : Scorer, optional
            What predicts the imputed effects, which are amounts; by default `LinearScorer`.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> X, w = rng.normal(size=(2_000, 1)), rng.random(2_000) < 0.2
        >>> y = rng.normal(X[:, 0] + w * (1 + X[:, 0]))
        >>> bool(abs(XLearner.fit(X, w, y).model.uplift([[1.0]])[0] - 2.0) < 0.2)
        True
        """
        features, known, mask, values = _read(X, treatment, outcome)
        chosen = scorer or _default(values)
        effects = effect_scorer or LinearScorer()
        control, treatment_ = fitted(chosen, known[~mask], values[~mask]), fitted(chosen, known[mask], values[mask])
        without, with_ = control.predict(known), treatment_.predict(known)
        model = cls(
            features=features,
            control=control,
            treatment=treatment_,
            effect_on_control=fitted(effects, known[~mask], with_[~mask] - values[~mask]),
            effect_on_treated=fitted(effects, known[mask], values[mask] - without[mask]),
            treated_share=float(mask.mean()),
        )
        return _fit_of(
            model,
            values,
            np.where(mask, with_, without),
            control,
            treatment_,
            model.effect_on_control,
            model.effect_on_treated,
        )

    def outcomes(self, X: Frame) -> tuple[Array, Array]:
        """Return the expected outcome of each unit if not treated, and that plus its uplift."""
        known = self.features.matrix(X)
        control = self.control.predict(known)
        return control, control + self.uplift(X)

    def uplift(self, X: Frame) -> Array:
        """Return the expected gain of treating each unit, in the unit of the outcome."""
        known = self.features.matrix(X)
        on_control, on_treated = self.effect_on_control.predict(known), self.effect_on_treated.predict(known)
        return self.treated_share * on_control + (1.0 - self.treated_share) * on_treated
