"""Groups found in behaviour: weighted k-means whose labels mean the same tomorrow, with the stability that tells whether to believe it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError

__all__ = ["ChoiceOfK", "Clusters", "adjusted_rand_index", "choose_k", "fit_clusters", "silhouette"]

STILL = 1e-4  # squared movement of all centres, in standard units, below which a start is not pursued further


@frozen(kw_only=True, eq=False)
class Clusters:
    """Centres of behaviour, and how to find the nearest.

    Parameters
    ----------
    columns : tuple of str
        The numbers it reads.
    categories : mapping of str to tuple of str
        The categories it reads, and their levels; two different levels are one standard unit apart, an unseen one is half a
        unit from each.
    log : frozenset of str
        Numbers taken as log(1 + x).
    shift, scale : ndarray, shape (p,)
        What is subtracted from each feature, and what it is divided by.
    centres : ndarray, shape (k, p)
        In scaled features.
    sizes : ndarray, shape (k,)
        Weight of the rows in each cluster at the fit.
    inertia : float
        Weighted sum of squared distances to the nearest centre.
    """

    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]] = field(factory=dict)
    log: frozenset[str] = frozenset()
    shift: NDArray[np.float64] = field(repr=False)
    scale: NDArray[np.float64] = field(repr=False)
    centres: NDArray[np.float64] = field(repr=False)
    sizes: NDArray[np.float64]
    inertia: float

    @property
    def k(self) -> int:
        """How many clusters."""
        return len(self.centres)

    def features(self, frame: table.Frame) -> NDArray[np.float64]:
        """Return the scaled features of each row, shape (n, p)."""
        return (_features(table.eager(frame), self.columns, self.categories, self.log) - self.shift) / self.scale

    def predict(self, frame: table.Frame) -> NDArray[np.int64]:
        """Return the cluster of each row, 0 to k - 1."""
        return _nearest(self.features(frame), self.centres)[0]

    def matched(self, former: Clusters) -> Clusters:
        """Return the same clusters, numbered so that they are as near as can be to those of a former run.

        A cluster the former run had no partner for comes last.

        Raises
        ------
        InvalidValueError
            If the former run read other columns.
        """
        if (former.columns, dict(former.categories)) != (self.columns, dict(self.categories)) or former.log != self.log:
            raise InvalidValueError("former", former.columns, f"give clusters over the same columns, {self.columns}")
        there = (former.centres * former.scale + former.shift - self.shift) / self.scale
        mine, theirs = linear_sum_assignment(cdist(self.centres, there))
        order = np.argsort(theirs)
        rest = np.setdiff1d(np.arange(self.k), mine)
        return self.renumbered(np.r_[mine[order], rest])

    def renumbered(self, order: ArrayLike) -> Clusters:
        """Return the same clusters in another order; `order` names the present numbers."""
        places = np.asarray(order, dtype=np.int64)
        if sorted(places.tolist()) != list(range(self.k)):
            raise InvalidValueError("order", order, f"name each cluster from 0 to {self.k - 1} once")
        return attrs.evolve(self, centres=self.centres[places], sizes=self.sizes[places])

    def profiles(self, *, notable: float = 0.5) -> tuple[str, ...]:
        """Return each cluster in words: what sets it apart from the average row, strongest first.

        Parameters
        ----------
        notable : float
            Standard units from the average below which a feature is not worth a word.

        Examples
        --------
        >>> rows = {"spent": [1.0, 2.0, 1.0, 90.0, 95.0], "visits": [3.0, 3.0, 4.0, 3.0, 4.0]}
        >>> fit_clusters(rows, 2, columns=["spent"], key="spent", rng=np.random.default_rng(0)).profiles()
        ('40 % of rows: spent far above average', '60 % of rows: spent below average')
        """
        names = [
            *self.columns,
            *(f"{column} = {level}" for column, levels in self.categories.items() for level in levels),
        ]
        mean = (self.sizes[:, None] * self.centres).sum(0) / self.sizes.sum()
        told = []
        for centre, size in zip(self.centres, self.sizes, strict=True):
            apart = centre - mean
            order = [place for place in np.argsort(-np.abs(apart)) if abs(apart[place]) >= notable]
            words = [f"{names[place]} {_in_words(float(apart[place]))}" for place in order]
            told.append(
                f"{size / self.sizes.sum():.0%} of rows: ".replace("%", " %") + (", ".join(words) or "average in all")
            )
        return tuple(told)


@frozen(kw_only=True)
class ChoiceOfK:
    """What speaks for one number of clusters.

    Parameters
    ----------
    k : int
        The number.
    inertia : float
        Weighted sum of squared distances.
    silhouette : float
        Mean silhouette over a sample: how much nearer rows are to their own cluster than to the next; -1 to 1.
    stability, least_stability : float
        Mean and least adjusted Rand index between the clusterings of two bootstrap samples; 1 is the same each time.
    """

    k: int
    inertia: float
    silhouette: float
    stability: float
    least_stability: float


def fit_clusters(
    frame: table.Frame,
    k: int,
    *,
    columns: Sequence[str],
    categories: Sequence[str] = (),
    log: Sequence[str] = (),
    weights: ArrayLike | None = None,
    key: str | None = None,
    restarts: int = 10,
    max_steps: int = 300,
    rng: np.random.Generator,
) -> Clusters:
    """Find k groups by k-means, started by k-means++ several times.

    Parameters
    ----------
    frame : frame
        One row a customer, or one row a distinct combination with its weight.
    k : int
        How many groups.
    columns : sequence of str
        Numbers; each is scaled to mean 0 and standard deviation 1, a constant one says nothing.
    categories : sequence of str
        Columns taken by level.
    log : sequence of str
        Which of `columns` to take as log(1 + x); they must be at least 0.
    weights : array_like, optional
        How many each row stands for.
    key : str, optional
        One of `columns`: cluster 0 has the highest mean of it, and so on; the first of `columns` by default.
    restarts : int
        Starts; the best counts.
    max_steps : int
        Most steps of one start.
    rng : numpy.random.Generator
        Where chance comes from.

    Raises
    ------
    NotEstimableError
        If there are fewer than k distinct rows.
    InvalidDataError
        Naming column and row of a value that is no finite number.

    References
    ----------
    .. [1] Arthur & Vassilvitskii (2007), k-means++.

    Examples
    --------
    >>> rows = {"spent": [1.0, 2.0, 1.0, 90.0, 95.0]}
    >>> fit_clusters(rows, 2, columns=["spent"], rng=np.random.default_rng(0)).predict(rows).tolist()
    [1, 1, 1, 0, 0]
    """
    chance: Any = rng
    if not isinstance(chance, np.random.Generator):
        raise InvalidValueError("rng", rng, "give a generator, such as numpy.random.default_rng(0)")
    if isinstance(columns, str):
        raise InvalidValueError("columns", columns, f"give a list of columns, [{columns!r}]")
    table_ = table.eager(frame)
    names, kinds, logs = tuple(columns), tuple(categories), frozenset(log)
    _check(names, kinds, logs, key)
    levels = {name: _levels(table_, name) for name in kinds}
    raw = _features(table_, names, levels, logs)
    weight = _weights(weights, len(raw))
    kept = weight > 0
    shift, scale = _scaling(raw[kept], weight[kept], len(names))
    points = (raw - shift) / scale
    centres, inertia = _best(points[kept], weight[kept], _whole_k(k), restarts=restarts, max_steps=max_steps, rng=rng)
    label, _ = _nearest(points[kept], centres)
    place = 0 if key is None else names.index(key)
    found = Clusters(
        columns=names,
        categories=levels,
        log=logs,
        shift=shift,
        scale=scale,
        centres=centres,
        sizes=np.bincount(label, weights=weight[kept], minlength=len(centres)).astype(np.float64),
        inertia=inertia,
    )
    return found.renumbered(np.lexsort((*centres.T[::-1], -centres[:, place])))


def choose_k(
    frame: table.Frame,
    *,
    columns: Sequence[str],
    ks: Sequence[int] = (2, 3, 4, 5, 6, 7, 8),
    categories: Sequence[str] = (),
    log: Sequence[str] = (),
    weights: ArrayLike | None = None,
    pairs: int = 20,
    restarts: int = 10,
    sample: int = 2_000,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ChoiceOfK, ...]:
    """Return inertia, silhouette and bootstrap stability of each number of clusters, side by side: they often disagree.

    Parameters
    ----------
    frame, columns, categories, log, weights, restarts, rng
        As in `fit_clusters`.
    ks : sequence of int
        The numbers to try, each at least 2.
    pairs : int
        Pairs of bootstrap samples.
    sample : int
        Rows the silhouette and the agreement are measured on.
    progress : callable, optional
        Told (done, of all) after each k.

    Notes
    -----
    Stability: two samples are clustered, both centres label the same rows, and the labels are compared by the adjusted Rand
    index (Hubert & Arabie 1985).
    """
    sizes: object = ks
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        raise InvalidValueError("ks", ks, "give a list of numbers, such as [2, 3, 4]")
    table_ = table.eager(frame)
    found = []
    for done, k in enumerate(ks, start=1):
        if _whole_k(k) < 2:
            raise InvalidValueError("ks", k, "give numbers of at least 2")
        model = fit_clusters(
            table_, k, columns=columns, categories=categories, log=log, weights=weights, restarts=restarts, rng=rng
        )
        points = model.features(table_)
        weight = _weights(weights, len(points))
        share = weight / weight.sum()
        size = min(sample, len(points))
        shown = points if size == len(points) and weights is None else points[rng.choice(len(points), size, p=share)]
        labels = _nearest(shown, model.centres)[0]
        agreement = np.empty(pairs)
        for pair in range(pairs):
            both = []
            for _ in range(2):
                again = rng.multinomial(max(int(weight.sum()), 1), share).astype(np.float64)
                used = again > 0
                try:
                    centres, _ = _best(points[used], again[used], k, restarts=2, max_steps=100, rng=rng)
                except NotEstimableError:  # a sample may hold fewer distinct rows than the data
                    centres = model.centres
                both.append(_nearest(shown, centres)[0])
            agreement[pair] = adjusted_rand_index(*both)
        found.append(
            ChoiceOfK(
                k=k,
                inertia=model.inertia,
                silhouette=silhouette(shown, labels),
                stability=float(agreement.mean()),
                least_stability=float(agreement.min()),
            )
        )
        if progress is not None:
            progress(done, len(ks))
    return tuple(found)


def silhouette(points: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean silhouette: (distance to the next cluster - distance to the own) / the larger of both.

    A row alone in its cluster counts 0.

    Raises
    ------
    NotEstimableError
        If all rows share one label.

    References
    ----------
    .. [1] Rousseeuw (1987), Journal of Computational and Applied Mathematics 20, 53-65.

    Examples
    --------
    >>> round(silhouette([[0.0], [1.0], [10.0], [11.0]], [0, 0, 1, 1]), 3)
    0.9
    """
    given = np.asarray(points, dtype=np.float64)
    names, code = np.unique(np.asarray(labels), return_inverse=True)
    if given.ndim != 2 or len(given) != len(code):
        raise InvalidDataError(
            "points", None, given.shape, f"give one row of numbers for each of the {len(code)} labels"
        )
    if len(names) < 2:
        raise NotEstimableError("the silhouette", "all rows are in one cluster")
    counts = np.bincount(code)
    member = np.zeros((len(given), len(names)))
    member[np.arange(len(given)), code] = 1.0
    sums = cdist(given, given) @ member
    rows = np.arange(len(given))
    own = sums[rows, code] / np.maximum(counts[code] - 1, 1)
    means = sums / counts
    means[rows, code] = np.inf
    other = means.min(axis=1)
    with np.errstate(invalid="ignore"):
        width = np.where(counts[code] > 1, (other - own) / np.maximum(own, other), 0.0)
    return float(np.nan_to_num(width).mean())


def adjusted_rand_index(one: ArrayLike, other: ArrayLike) -> float:
    """Return how far two labellings of the same rows agree beyond chance: 1 the same groups, 0 as by chance.

    References
    ----------
    .. [1] Hubert & Arabie (1985), Journal of Classification 2, 193-218.

    Examples
    --------
    >>> adjusted_rand_index([0, 0, 1, 1], ["b", "b", "a", "a"])
    1.0
    """
    a, b = np.unique(np.asarray(one), return_inverse=True)[1], np.unique(np.asarray(other), return_inverse=True)[1]
    if len(a) != len(b):
        raise InvalidDataError("other", None, len(b), f"give one label for each of the {len(a)} rows")
    if not len(a):
        raise NotEstimableError("the Rand index", "there are no rows")
    cells = np.bincount(a * (b.max() + 1) + b).astype(np.float64)
    pairs, rows, columns = (
        float((counts * (counts - 1.0) / 2.0).sum()) for counts in (cells, np.bincount(a), np.bincount(b))
    )
    every = len(a) * (len(a) - 1.0) / 2.0
    expected = rows * columns / every if every else 0.0
    most = (rows + columns) / 2.0
    return 1.0 if most == expected else (pairs - expected) / (most - expected)


def _check(names: tuple[str, ...], kinds: tuple[str, ...], logs: frozenset[str], key: str | None) -> None:
    if not names:
        raise InvalidValueError("columns", names, "give at least one column of numbers")
    if len(set(names + kinds)) < len(names + kinds):
        raise InvalidValueError("columns", names + kinds, "name each column once")
    for name in (*logs, *(() if key is None else (key,))):
        if name not in names:
            raise InvalidValueError("key" if name == key else "log", name, f"give one of {', '.join(names)}")


def _whole_k(k: int) -> int:
    return table.whole_option("k", k, 1)


def _weights(weights: ArrayLike | None, rows: int) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(rows)
    given = table.numbers({"weights": np.asarray(weights).reshape(-1)}, "weights", minimum=0.0)
    if len(given) != rows:
        raise InvalidDataError("weights", None, len(given), f"give one weight for each of the {rows} rows")
    return given


def _levels(frame: table.Frame, name: str) -> tuple[str, ...]:
    _, values = table.factorise(table.column(frame, name), name)
    return tuple(sorted(map(str, values)))


def _features(
    frame: table.Frame, columns: tuple[str, ...], categories: Mapping[str, tuple[str, ...]], log: frozenset[str]
) -> NDArray[np.float64]:
    parts = []
    for name in columns:
        values = table.numbers(frame, name, minimum=0.0 if name in log else None)
        parts.append(np.log1p(values) if name in log else values)
    for name, levels in categories.items():
        codes, values = table.factorise(table.column(frame, name), name)
        place = {level: index for index, level in enumerate(levels)}
        of_value = np.asarray([place.get(str(value), len(levels)) for value in values] + [len(levels)])
        # Squared distance of two levels: 2 * 1/2 = 1, one standard unit.
        parts.extend(np.vstack([np.eye(len(levels)), np.zeros(len(levels))])[of_value[codes]].T * np.sqrt(0.5))
    return np.stack(parts, axis=1)


def _scaling(
    raw: NDArray[np.float64], weight: NDArray[np.float64], numbers: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if not len(raw):
        raise NotEstimableError("the clusters", "there are no rows")
    shift = (weight[:, None] * raw).sum(0) / weight.sum()
    scale = np.sqrt((weight[:, None] * (raw - shift) ** 2).sum(0) / weight.sum())
    scale[scale <= 1e-12 * np.maximum(np.abs(shift), 1.0)] = 1.0
    shift[numbers:], scale[numbers:] = 0.0, 1.0
    return shift, scale


def _nearest(
    points: NDArray[np.float64], centres: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the nearest centre of each point and the squared distance; a tie goes to the lower number."""
    best = np.zeros(len(points), dtype=np.int64)
    least = np.full(len(points), np.inf)
    for place, centre in enumerate(centres):
        away = points - centre
        distance = np.einsum("ij,ij->i", away, away)
        nearer = distance < least
        best[nearer] = place
        np.minimum(least, distance, out=least)
    return best, least


def _best(
    points: NDArray[np.float64],
    weight: NDArray[np.float64],
    k: int,
    *,
    restarts: int,
    max_steps: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], float]:
    if len(points) < k or len(np.unique(points, axis=0)) < k:
        raise NotEstimableError("the clusters", f"there are fewer than {k} distinct rows; ask for fewer groups")
    if int(restarts) != restarts or restarts < 1:
        raise InvalidValueError("restarts", restarts, "give a whole number of at least 1")
    found: tuple[NDArray[np.float64], float] | None = None
    for _ in range(restarts):
        centres = _lloyd(points, weight, _plus_plus(points, weight, k, rng), max_steps, STILL)
        inertia = float((weight * _nearest(points, centres)[1]).sum())
        if found is None or inertia < found[1]:
            found = centres, inertia
    assert found is not None
    # Only the best start is worth its last steps.
    centres = _lloyd(points, weight, found[0], max_steps, 0.0)
    return centres, float((weight * _nearest(points, centres)[1]).sum())


def _plus_plus(
    points: NDArray[np.float64], weight: NDArray[np.float64], k: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return k starting points, each drawn with the squared distance to the nearest so far; the best of a few draws (greedy)."""
    tries = 2 + int(np.log(k))
    centres = points[rng.choice(len(points), 1, p=weight / weight.sum())]
    least = _nearest(points, centres)[1]
    while len(centres) < k:
        mass = weight * least
        drawn = rng.choice(len(points), tries, p=mass / mass.sum())
        nearer = [np.minimum(least, _nearest(points, points[[place]])[1]) for place in drawn]
        best = int(np.argmin([(weight * distance).sum() for distance in nearer]))
        centres, least = np.vstack([centres, points[drawn[best]]]), nearer[best]
    return centres


def _lloyd(
    points: NDArray[np.float64], weight: NDArray[np.float64], centres: NDArray[np.float64], max_steps: int, still: float
) -> NDArray[np.float64]:
    """Move centres to the means of their points until no point changes sides, or they move less than `still` in all."""
    columns = np.ascontiguousarray(points.T)
    label = _sides(columns, centres)
    for _ in range(max_steps):
        mass = np.bincount(label, weights=weight, minlength=len(centres))
        if (mass == 0).any():
            # An empty cluster takes the row that is worst served.
            distance = np.square(points - centres[label]).sum(1)
            for empty in np.flatnonzero(mass == 0):
                worst = int(np.argmax(weight * distance))
                label[worst], distance[worst] = empty, 0.0
            mass = np.bincount(label, weights=weight, minlength=len(centres))
        former = centres
        centres = (
            np.stack(
                [np.bincount(label, weights=weight * column, minlength=len(centres)) for column in columns], axis=1
            )
            / np.where(mass > 0, mass, 1.0)[:, None]
        )
        new = _sides(columns, centres)
        if (new == label).all() or np.square(centres - former).sum() <= still:
            break
        label = new
    return centres


def _sides(columns: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the nearest centre of each point, points as columns: what all distances of a point share is left out."""
    nearest: NDArray[np.int64] = np.argmin(
        (centres**2).sum(1)[:, None] - 2.0 * np.einsum("kj,jn->kn", centres, columns), axis=0
    )
    return nearest


def _in_words(apart: float) -> str:
    side = "above" if apart > 0 else "below"
    return f"far {side} average" if abs(apart) >= 1.0 else f"{side} average"
