"""From records to weighed pairs: block, compare, learn, score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from attrs import evolve, frozen
from numpy.typing import NDArray

from pycrm.matching.blocking import BlockRule, Parts
from pycrm.matching.comparison import LEVELS, compare
from pycrm.matching.fields import Column, Records
from pycrm.matching.model import Alike, FellegiSunter, Session, start_m, tally, train

__all__ = ["Weigher", "learn", "probabilities"]

_COMMON = 5  # a key held by more records than this is a common value; by fewer, it may be one person's
_LISTED = 50_000  # common keys kept a field
_SMALLEST = 1e-7
_ENOUGH = 30  # pairs of a rule, to say what people alike there look like
_PERSONAL = {"date", "identifier", "number"}  # two people who agree on these do so by chance
_SHARABLE = {"surname", "address", "phone", "email", "postcode", "city"}  # what a household or namesakes have in common
SHARED = {"address", "phone", "email"}  # two people agree on these because they share the thing, not by chance

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


def probabilities(weight: Floats) -> Floats:
    """Return the probability of a match of a weight in bits (log2 of the odds).

    Examples
    --------
    >>> probabilities(np.array([-1.0, 0.0, 10.0])).round(3)
    array([0.333, 0.5  , 0.999])
    """
    return np.asarray(1.0 / (1.0 + np.exp2(-np.clip(weight, -500.0, 500.0))))


@frozen(eq=False)
class Weigher:
    """A model made ready for one table: the weights of levels, of people alike, and of each key's frequency."""

    model: FellegiSunter
    weights: tuple[Floats, ...]
    """Per field the weight of each level, and 0 at the end, where level -1 finds it."""
    alike: tuple[tuple[Floats, ...], ...]
    """The same beside each kind of people alike."""
    shares: Floats
    """What each kind of people alike takes off: log2 of their share of all pairs."""
    parts: tuple[tuple[tuple[int, str], ...], ...]
    """For each kind of people alike the fields, and the pieces of fields, that must agree."""
    adjustments: tuple[Floats, ...]
    """Per field what equality on each key adds; empty where frequencies say nothing."""

    @classmethod
    def of(cls, model: FellegiSunter, columns: Sequence[Column]) -> Weigher:
        """Return the weigher of a table's columns."""
        names = [column.name for column in columns]
        parts = Parts(columns)
        alike, places = [], []
        for held in model.alike:
            apart = [np.asarray(held.u[name]) if name in held.u else None for name in names]
            alike.append(
                tuple(
                    np.zeros(len(model.m[name]) + 1)
                    if u is None
                    else np.append(np.log2(np.asarray(model.m[name]) / u), 0.0)
                    for name, u in zip(names, apart, strict=True)
                )
            )
            places.append(tuple((names.index(parts.column_of(part)), part) for part in held.rule))
        inside = [
            sum(np.log2(model.m[names[place]][-1]) for place, part in held) for held in places
        ]  # both kinds of pair agree there, the matches with probability m
        shares = np.array([-np.log2(held.share) for held in model.alike]) + np.array(inside, dtype=float)
        weights = tuple(np.append(model.weights[name], 0.0) for name in names)
        return cls(
            model,
            weights,
            tuple(alike),
            shares,
            tuple(places),
            tuple(_adjustments(model, column) for column in columns),
        )

    def weigh(
        self,
        levels: NDArray[np.int8],
        columns: Sequence[Column],
        rows: Rows,
        others: Rows,
        right: Sequence[Column] | None = None,
    ) -> Floats:
        """Return the weight of each pair, the prior included: fields, frequencies, and what people alike take off."""
        right = columns if right is None else right
        fields, alike = self.of_patterns(levels, columns, rows, others, right)
        by_chance = np.zeros(len(rows))
        shared = np.zeros(len(rows))
        for number, column in enumerate(columns):
            if not len(self.adjustments[number]):
                continue
            equal = np.flatnonzero(levels[:, number] == len(self.weights[number]) - 2)
            adjusted = self.adjusted(number, column, right[number], rows[equal], others[equal])
            (shared if column.kind in SHARED else by_chance)[equal] += adjusted
        return self.model.prior_weight + by_chance + np.minimum(fields + shared, alike)

    def of_patterns(
        self, levels: NDArray[np.int8], columns: Sequence[Column], rows: Rows, others: Rows, right: Sequence[Column]
    ) -> tuple[Floats, Floats]:
        """Return the weight of the fields, and the least weight beside any kind of people alike (infinite beside none)."""
        if len(levels) > 1000:
            flags = [
                _agree(columns, right, number, part, levels, rows, others)
                for number, part in dict.fromkeys(pair for held in self.parts for pair in held)
                if part != columns[number].name
            ]
            _, inverse, first = patterns_of(levels, flags)
            fields, alike = (
                self.of_patterns(levels[first], columns, rows[first], others[first], right)[:2]
                if len(first) <= 1000
                else self._weights(levels[first], columns, rows[first], others[first], right)
            )
            return fields[inverse], alike[inverse]
        return self._weights(levels, columns, rows, others, right)

    def _weights(
        self, levels: NDArray[np.int8], columns: Sequence[Column], rows: Rows, others: Rows, right: Sequence[Column]
    ) -> tuple[Floats, Floats]:
        fields = np.zeros(len(levels))
        for number, weight in enumerate(self.weights):
            fields += weight[levels[:, number]]
        least = np.full(len(levels), np.inf)
        for weights, share, held in zip(self.alike, self.shares, self.parts, strict=True):
            inside = np.ones(len(levels), dtype=bool)
            for number, part in held:
                inside &= _agree(columns, right, number, part, levels, rows, others)
            there = np.flatnonzero(inside)
            total = np.full(len(there), share)
            for number, weight in enumerate(weights):
                total += weight[levels[there, number]]
            least[there] = np.minimum(least[there], total)
        return fields, least

    def adjusted(self, number: int, column: Column, other: Column, rows: Rows, others: Rows) -> Floats:
        """Return what equality on their keys adds to pairs that are equal on a field."""
        if not len(self.adjustments[number]):
            return np.zeros(len(rows))
        table = self.adjustments[number]
        if column.codes.ndim == 1 and other.codes.ndim == 1:
            return np.asarray(table[column.codes[rows]])
        best = np.full(len(rows), -np.inf)
        lefts, rights = np.atleast_2d(column.codes.T).T[rows], np.atleast_2d(other.codes.T).T[others]
        for a in range(lefts.shape[1]):
            same = ((lefts[:, [a]] == rights) & (lefts[:, [a]] >= 0)).any(axis=1)
            best[same] = np.maximum(best[same], table[lefts[same, a]])
        return np.where(np.isfinite(best), best, 0.0)


def _agree(
    columns: Sequence[Column],
    right: Sequence[Column],
    number: int,
    part: str,
    levels: NDArray[np.int8],
    rows: Rows,
    others: Rows,
) -> NDArray[np.bool_]:
    """Whether each pair agrees on a field, or on a piece of one."""
    column, other = columns[number], right[number]
    if part == column.name:
        return np.asarray(levels[:, number] == len(LEVELS[column.kind]) - 1)
    piece = part.rpartition("/")[2]
    one, two = column.vocabulary.feature(piece), other.vocabulary.feature(piece)
    a, b = column.first[rows], other.first[others]
    return np.asarray((a >= 0) & (b >= 0) & (one[a] == two[b]))


def _adjustments(model: FellegiSunter, column: Column) -> Floats:
    if column.name not in model.rare:
        return np.empty(0)
    u = model.u[column.name][-1]
    listed = model.frequencies.get(column.name, {})
    return np.asarray(np.log2(u / column.vocabulary.frequencies(listed, model.rare[column.name])))


def learn(
    records: Records,
    rules: tuple[BlockRule, ...],
    rows: Rows,
    others: Rows,
    levels: NDArray[np.int8],
    *,
    sample: int,
    labelled: tuple[NDArray[np.int8], NDArray[np.bool_]] | None = None,
) -> FellegiSunter:
    """Return the model of a table, learned from its candidate pairs without labels, or with m from labelled pairs.

    u comes from all pairs of a random sample of records (equality in closed form from the frequencies), m and the people
    alike from expectation maximisation over each rule's pairs, then u once more without the pairs now believed to be
    matches, and the prior last: the matches expected among the candidates, as a share of all pairs.
    """
    columns = records.columns
    counts = [_counts(column) for column in columns]
    seen = _random_levels(records, sample)
    u = [_u_of(count, levels_seen) for count, levels_seen in zip(counts, seen, strict=True)]
    start = [start_m(column.kind) for column in columns]
    if labelled is not None:
        start = _labelled_m(labelled, start)
    sessions = _sessions(records, rules, rows, others, levels, u, start)
    m, sessions = train(sessions, u, start, fixed_m=labelled is not None)
    listed = {
        column.name: _common(column, count)
        for column, count in zip(columns, counts, strict=True)
        if column.kind != "number" and count.sum()
    }
    model = _model(records, rules, m, u, listed, sessions)
    if not len(rows):
        return model
    model, matched = _with_prior(model, records, rows, others, levels)
    u = [
        _without_matches(count, own, tally(levels[:, number], matched, len(own)))
        for number, (count, own) in enumerate(zip(counts, u, strict=True))
    ]
    model = _model(records, rules, m, u, listed, sessions)
    return _with_prior(model, records, rows, others, levels)[0]


def _model(
    records: Records,
    rules: tuple[BlockRule, ...],
    m: Sequence[Floats],
    u: Sequence[Floats],
    listed: Mapping[str, tuple[Mapping[str, float], float]],
    sessions: Sequence[Session],
) -> FellegiSunter:
    columns = records.columns
    names = [column.name for column in columns]
    pairs = max(len(records) * (len(records) - 1) / 2.0, 1.0)
    return FellegiSunter(
        kinds={column.name: column.kind for column in columns},
        m={name: tuple(map(float, values)) for name, values in zip(names, m, strict=True)},
        u={name: tuple(map(float, values)) for name, values in zip(names, u, strict=True)},
        prior=_share(0.1 * len(records), len(records)),
        frequencies={name: common for name, (common, _) in listed.items()},
        rare={name: _rare(common, total, float(u[names.index(name)][-1])) for name, (common, total) in listed.items()},
        rules=rules,
        alike=tuple(
            Alike(
                rule=rule,
                share=float(min(max((1.0 - session.prior) * session.counts.sum() / pairs, 1e-18), 1.0)),
                u={
                    name: tuple(map(float, session.u[place]))
                    for place, name in enumerate(names)
                    if place not in session.skip
                },
            )
            for rule, session in zip(rules, sessions, strict=True)
            if session.own and session.counts.sum() >= _ENOUGH
        ),
    )


def _with_prior(
    model: FellegiSunter, records: Records, rows: Rows, others: Rows, levels: NDArray[np.int8]
) -> tuple[FellegiSunter, Floats]:
    """Return the model with the prior at its fixed point over the pairs as they are weighed, and the expected matches."""
    evidence = Weigher.of(model, records.columns).weigh(levels, records.columns, rows, others) - model.prior_weight
    prior = model.prior
    matched = np.zeros(len(rows))
    for _ in range(30):
        matched = probabilities(evidence + np.log2(prior / (1.0 - prior)))
        last, prior = prior, _share(float(matched.sum()), len(records))
        if abs(last - prior) < 1e-3 * prior:
            break
    return evolve(model, prior=prior), matched


def _share(matched: float, n: int) -> float:
    """Return `matched` of all pairs of `n` records as a prior: at least one match is thought possible, and not all are sure."""
    pairs = max(n * (n - 1) / 2.0, 2.0)
    return float(min(max(matched, 1.0) / pairs, 0.9))


def _counts(column: Column) -> Floats:
    codes = column.codes[column.codes >= 0]
    return np.bincount(codes, minlength=len(column.vocabulary)).astype(float)


def _random_levels(records: Records, sample: int) -> list[Floats]:
    """How often each level but equality occurs among the pairs between two random samples of records."""
    n = len(records)
    side = max(2, int(np.sqrt(sample)))
    drawn = np.random.default_rng(0).permutation(n)
    ones, others = (drawn, drawn) if n <= side else (drawn[: min(side, n // 2)], drawn[n // 2 :][: min(side, n // 2)])
    made = []
    for column in records.columns:
        a, times_a = np.unique(_held(column.codes[ones]), return_counts=True)
        b, times_b = np.unique(_held(column.codes[others]), return_counts=True)
        rows, places = np.repeat(a, len(b)), np.tile(b, len(a))
        times = np.repeat(times_a, len(b)) * np.tile(times_b, len(a))
        seen = np.zeros(len(LEVELS[column.kind]))
        if len(rows):
            levels = compare(column.vocabulary, rows, column.vocabulary, places)
            apart = rows != places
            seen += np.bincount(levels[apart], weights=times[apart], minlength=len(seen))
        made.append(seen)
    return made


def _held(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    return codes[codes >= 0].astype(np.int64)


def _u_of(count: Floats, seen: Floats) -> Floats:
    """Return u of each level: equality in closed form, the others by their share among sampled pairs that differ."""
    total = count.sum()
    equal = float((count * (count - 1)).sum() / max(total * (total - 1), 1.0))
    equal = min(max(equal, _SMALLEST), 0.98)
    rest = seen[:-1] + np.append(0.5, np.full(len(seen) - 2, 0.05))
    return np.append(np.maximum((1.0 - equal) * rest / rest.sum(), _SMALLEST), equal)


def _without_matches(count: Floats, u: Floats, found: Floats) -> Floats:
    """Return u with the pairs believed to be matches taken out of the numbers of all pairs."""
    total = count.sum()
    pairs = max(total * (total - 1) / 2.0, 1.0)
    left = np.maximum(u * pairs - found, np.maximum(0.05 * u * pairs, 0.5))
    return np.asarray(np.maximum(left / left.sum(), _SMALLEST))


def _common(column: Column, count: Floats) -> tuple[Mapping[str, float], float]:
    """Return the relative frequency of common keys, and how many values there are in all."""
    total = float(count.sum())
    common = np.flatnonzero(count > _COMMON)
    if len(common) > _LISTED:
        common = np.sort(common[np.argsort(-count[common], kind="stable")[:_LISTED]])
    share = count[common] / total
    return dict(zip(column.vocabulary.keys[common].tolist(), share.tolist(), strict=True)), total


def _rare(common: Mapping[str, float], total: float, u_equal: float) -> float:
    """Return the frequency to take for keys that are not common, such that with the common ones they make u of equality."""
    share = np.fromiter(common.values(), float, len(common))
    mass = max(1.0 - float(share.sum()), 1.0 / total)
    rare = (u_equal - float((share**2).sum())) / mass
    return float(min(max(rare, 0.1 / total, _SMALLEST), max(2.0 / total, _SMALLEST)))


def patterns_of(
    levels: NDArray[np.int8], flags: Sequence[NDArray[np.bool_]] = ()
) -> tuple[NDArray[np.int8], Rows, Rows]:
    """Return the distinct rows of levels (apart by flags), which of them each pair has, and the first pair of each."""
    key = np.zeros(len(levels), dtype=np.int64)
    for number, values in enumerate([*levels.T, *flags]):
        key *= 8
        key += values.astype(np.int8) + 1
        if number % 18 == 17:
            key = pd.factorize(key)[0].astype(np.int64)
    inverse, distinct = pd.factorize(key)
    first = np.zeros(len(distinct), dtype=np.int64)
    first[inverse[::-1]] = np.arange(len(key))[::-1]
    return levels[first], inverse.astype(np.int64), first


def _sessions(
    records: Records,
    rules: tuple[BlockRule, ...],
    rows: Rows,
    others: Rows,
    levels: NDArray[np.int8],
    u: Sequence[Floats],
    start: Sequence[Floats],
) -> list[Session]:
    columns = records.columns
    parts = Parts(columns)
    places = {column.name: number for number, column in enumerate(columns)}
    patterns, inverse, _ = patterns_of(levels)
    # Half-way to agreement: two people alike are told from one person from the first step on, and chance is still in reach.
    first = [0.7 * no + 0.3 * yes for no, yes in zip(u, start, strict=True)]
    made = []
    for rule in rules:
        inside = np.ones(len(rows), dtype=bool)
        for part in rule:
            inside &= _agree(columns, columns, places[parts.column_of(part)], part, levels, rows, others)
        counts = np.bincount(inverse[inside], minlength=len(patterns)).astype(float)
        held = np.flatnonzero(counts)
        skip = frozenset(places[parts.column_of(part)] for part in rule)
        alike = not any(columns[place].kind in _PERSONAL for place in skip)
        own = frozenset(place for place in places.values() if alike and columns[place].kind in _SHARABLE) - skip
        apart = [first[place] if place in own else u[place] for place in range(len(columns))]
        made.append(Session(skip, own, patterns[held], counts[held], apart, 0.2))
    return made


def _labelled_m(labelled: tuple[NDArray[np.int8], NDArray[np.bool_]], start: Sequence[Floats]) -> list[Floats]:
    levels, same = labelled
    made = []
    for number, first in enumerate(start):
        seen = levels[same, number]
        total = np.bincount(seen[seen >= 0], minlength=len(first)) + 4.0 * first
        made.append(np.maximum(total / total.sum(), _SMALLEST))
    return made
