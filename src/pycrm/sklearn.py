"""scikit-learn estimators over our values, for those who live in pipelines; needs ``pip install 'pycrm-domain[ml]'``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import MissingExtraError
from pycrm.fit import Fit
from pycrm.scoring import Scorecard
from pycrm.segmentation import Clusters, RfmRule, fit_clusters
from pycrm.segmentation.rfm import quantile_edges

if TYPE_CHECKING:
    # scikit-learn has no types; what is used of it is stated here.
    class BaseEstimator:
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def __sklearn_tags__(self) -> Any: ...

        n_features_in_: int

    class ClassifierMixin:
        def score(self, X: Any, y: Any, sample_weight: Any = None) -> float: ...

    class ClusterMixin: ...

    class TransformerMixin: ...

    def check_random_state(seed: object) -> np.random.RandomState: ...
    def check_classification_targets(y: Any) -> None: ...
    def type_of_target(y: Any) -> str: ...
    def _check_sample_weight(sample_weight: Any, X: Any) -> NDArray[np.float64]: ...
    def check_is_fitted(estimator: object, attributes: str | None = None) -> None: ...
    def validate_data(estimator: object, *data: Any, **options: Any) -> Any: ...

else:
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin, ClusterMixin, TransformerMixin
        from sklearn.utils import check_random_state
        from sklearn.utils.multiclass import check_classification_targets, type_of_target
        from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
    except ImportError as _absent:
        raise MissingExtraError("scikit-learn", "ml") from _absent

__all__ = ["KMeansClusters", "RfmTransformer", "ScorecardClassifier"]


def _columns(X: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {f"x{place}": X[:, place] for place in range(X.shape[1])}


class ScorecardClassifier(ClassifierMixin, BaseEstimator):
    """`pycrm.scoring.Scorecard` as a classifier of two classes.

    A frame is taken with its columns, text and missing values included; an array as numbers.

    Parameters
    ----------
    bins, smoothing, min_share, ridge
        As in `Scorecard.fit`.

    Examples
    --------
    >>> X, y = np.array([[1.0], [2.0], [3.0], [4.0]] * 9), np.array(["no", "no", "yes", "yes"] * 9)
    >>> ScorecardClassifier().fit(X, y).predict([[1.0], [4.0]]).tolist()
    ['no', 'yes']
    """

    def __init__(
        self, *, bins: int = 20, smoothing: float = 20.0, min_share: float = 0.001, ridge: float = 1.0
    ) -> None:
        self.bins = bins
        self.smoothing = smoothing
        self.min_share = min_share
        self.ridge = ridge

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> ScorecardClassifier:
        """Learn a scorecard; the event is the second of the sorted classes."""
        frame, labels = self._taken(X, y)
        check_classification_targets(labels)
        kind = type_of_target(labels)
        self.classes_: NDArray[Any] = np.unique(labels)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        if len(self.classes_) < 2:
            raise ValueError("The labels hold only one class; give rows of both.")
        event = (labels == self.classes_[1]).astype(int)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, np.zeros((len(labels), 1)))
            if not 0 < weights @ event < weights.sum():
                raise ValueError("The labels of the rows with weight hold only one class; give rows of both.")
        self.fit_: Fit[Scorecard] = Scorecard.fit(
            frame,
            event,
            weights=weights,
            bins=self.bins,
            smoothing=self.smoothing,
            min_share=self.min_share,
            ridge=self.ridge,
        )
        self.scorecard_: Scorecard = self.fit_.model
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the log odds of the second class."""
        check_is_fitted(self)
        return self.scorecard_.log_odds(self._taken(X)[0])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, shape (n, 2)."""
        check_is_fitted(self)
        return self.scorecard_.predict_proba(self._taken(X)[0])

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the more likely class."""
        check_is_fitted(self)
        labels: NDArray[Any] = self.classes_[(self.decision_function(X) > 0).astype(int)]
        return labels

    def _taken(self, X: Any, y: Any = None) -> tuple[Any, Any]:
        reset = y is not None
        if hasattr(X, "columns") and all(isinstance(name, str) for name in X.columns):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not reset:
                return X, None
            return X, _column_vector(y)
        options: dict[str, Any] = {"dtype": np.float64, "ensure_all_finite": "allow-nan", "reset": reset}
        if not reset:
            return _columns(validate_data(self, X, **options)), None
        values, labels = validate_data(self, X, y, **options)
        return _columns(values), labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags


class RfmTransformer(TransformerMixin, BaseEstimator):
    """Quantile scores of each column by value edges, equal values sharing a score, as `pycrm.segmentation.rfm_scores`.

    Parameters
    ----------
    bins : int
        Scores run from 1 to `bins`.
    mirrored : sequence of int
        Columns, by place, of which less is better; recency comes first by default.
    rule : {"value-edges", "r-rfm"}
        As in `rfm_scores`.

    Examples
    --------
    >>> RfmTransformer(bins=2).fit_transform([[10.0, 1.0, 5.0], [90.0, 4.0, 50.0], [50.0, 2.0, 9.0]]).tolist()
    [[2, 1, 1], [1, 2, 2], [2, 1, 1]]
    """

    def __init__(self, *, bins: int = 5, mirrored: Sequence[int] = (0,), rule: RfmRule = "value-edges") -> None:
        self.bins = bins
        self.mirrored = mirrored
        self.rule = rule

    def fit(self, X: Any, y: object = None) -> RfmTransformer:  # noqa: ARG002  # the interface of scikit-learn
        """Learn the edges."""
        values = validate_data(self, X, dtype=np.float64)
        self.edges_: NDArray[np.float64] = np.asarray([quantile_edges(column, self.bins) for column in values.T])
        return self

    def transform(self, X: Any) -> NDArray[np.int64]:
        """Return the scores, of the shape of X."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, reset=False)
        exact = self.rule == "value-edges"
        scores = np.empty(values.shape, dtype=np.int64)
        for place, (column, edges) in enumerate(zip(values.T, self.edges_, strict=True)):
            found = np.searchsorted(edges if exact else edges + 1.0, column, side="left" if exact else "right") + 1
            scores[:, place] = self.bins + 1 - found if place in self.mirrored else found
        return scores

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the scores: those of the columns with "_score" behind them."""
        check_is_fitted(self)
        own = getattr(self, "feature_names_in_", None)
        if input_features is None:
            names = [f"x{place}" for place in range(self.n_features_in_)] if own is None else list(own)
        else:
            names = list(input_features)
            if len(names) != self.n_features_in_ or (own is not None and names != list(own)):
                raise ValueError("input_features is not equal to feature_names_in_, or has another length")
        return np.asarray([f"{name}_score" for name in names], dtype=object)


class KMeansClusters(ClusterMixin, TransformerMixin, BaseEstimator):
    """`pycrm.segmentation.fit_clusters` as a clusterer; cluster 0 has the highest mean of the first column.

    Parameters
    ----------
    n_clusters : int
        How many.
    restarts, max_steps : int
        As in `fit_clusters`.
    random_state : int, RandomState or None
        Where chance comes from.

    Examples
    --------
    >>> KMeansClusters(2, random_state=0).fit_predict([[1.0], [2.0], [90.0], [95.0]]).tolist()
    [1, 1, 0, 0]
    """

    def __init__(
        self, n_clusters: int = 8, *, restarts: int = 10, max_steps: int = 300, random_state: Any = None
    ) -> None:
        self.n_clusters = n_clusters
        self.restarts = restarts
        self.max_steps = max_steps
        self.random_state = random_state

    def fit(self, X: Any, y: object = None, sample_weight: ArrayLike | None = None) -> KMeansClusters:  # noqa: ARG002
        """Find the clusters."""
        values = validate_data(self, X, dtype=np.float64)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, values)
        columns = _columns(values)
        self.clusters_: Clusters = fit_clusters(
            columns,
            self.n_clusters,
            columns=list(columns),
            weights=weights,
            restarts=self.restarts,
            max_steps=self.max_steps,
            rng=np.random.default_rng(check_random_state(self.random_state).randint(2**31)),
        )
        self.cluster_centers_: NDArray[np.float64] = (
            self.clusters_.centres * self.clusters_.scale + self.clusters_.shift
        )
        self.inertia_: float = self.clusters_.inertia
        self.labels_: NDArray[np.int64] = self.clusters_.predict(columns)
        return self

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return the cluster of each row."""
        check_is_fitted(self)
        return self.clusters_.predict(_columns(validate_data(self, X, dtype=np.float64, reset=False)))

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the distance of each row to each centre, in standard units."""
        check_is_fitted(self)
        points = self.clusters_.features(_columns(validate_data(self, X, dtype=np.float64, reset=False)))
        away: NDArray[np.float64] = np.linalg.norm(points[:, None, :] - self.clusters_.centres[None, :, :], axis=2)
        return away

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the names of the distances."""
        check_is_fitted(self)
        return np.asarray([f"kmeansclusters{place}" for place in range(self.clusters_.k)], dtype=object)


def _column_vector(y: Any) -> NDArray[Any]:
    from sklearn.utils.validation import column_or_1d

    labels: NDArray[Any] = column_or_1d(y, warn=True)
    return labels
