"""How much each level of agreement says: the model of Fellegi and Sunter, its parameters found without labels.

For each field and level, m is the probability of the level among pairs of one person and u among pairs of two; the weight
of a level is log2(m / u), a missing value weighs nothing, and weights add. Two people of one household, or two namesakes,
agree on more than chance: what they share is learned too, rule by rule, and taken off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidValueError
from pycrm.matching.blocking import BlockRule
from pycrm.matching.comparison import LEVELS, SWAPPED

__all__ = ["Alike", "FellegiSunter", "start_m", "train"]

_FLOOR = 1e-7


@frozen(kw_only=True)
class Alike:
    """Two people who agree on the fields of a blocking rule: namesakes, a household, a shared telephone.

    Their other fields agree more often than those of two people at random (a household shares its surname, namesakes have
    e-mails alike), so the weights of independent fields would take them for one person.
    """

    rule: BlockRule
    share: float
    """Such pairs, as a share of all pairs of records."""
    u: Mapping[str, tuple[float, ...]]
    """Per field outside the rule the probability of each level among such pairs."""


@frozen(kw_only=True)
class FellegiSunter:
    """The parameters of record linkage: what agreement and disagreement on each field weigh.

    Parameters
    ----------
    kinds : mapping of str to str
        The kind of each field, as in `resolve(fields=...)`.
    m, u : mapping of str to tuple of float
        Per field the probability of each level (from disagreement to equality) among pairs of one person, and of two.
    prior : float
        Share of pairs of one person among all pairs of records, in (0, 1).
    frequencies : mapping of str to mapping of str to float
        Per field the relative frequency of common keys: equality on a common value weighs less.
    rare : mapping of str to float
        Per field the frequency taken for keys that are not listed.
    rules : tuple of tuple of str
        The blocks: which fields must agree for two records to be compared.
    alike : tuple of Alike
        Pairs of two people that agree on a rule, where that happens more than by chance.

    References
    ----------
    .. [1] Fellegi & Sunter (1969), A theory for record linkage, JASA 64(328), 1183-1210.
    .. [2] Winkler (1988), Using the EM algorithm for weight computation in the Fellegi-Sunter model of record linkage.

    Examples
    --------
    >>> model = FellegiSunter(kinds={"email": "email"}, m={"email": (0.1, 0.05, 0.05, 0.8)},
    ...                       u={"email": (0.98, 0.01, 0.009, 0.001)}, prior=0.5)
    >>> [round(weight, 1) for weight in model.weights["email"]]
    [-3.3, 2.3, 2.5, 9.6]
    """

    kinds: Mapping[str, str]
    m: Mapping[str, tuple[float, ...]]
    u: Mapping[str, tuple[float, ...]]
    prior: float
    frequencies: Mapping[str, Mapping[str, float]] = field(factory=dict, repr=False)
    rare: Mapping[str, float] = field(factory=dict, repr=False)
    rules: tuple[BlockRule, ...] = ()
    alike: tuple[Alike, ...] = field(default=(), repr=False)

    def __attrs_post_init__(self) -> None:
        if not 0.0 < self.prior < 1.0:
            raise InvalidValueError("prior", self.prior, "give a probability between 0 and 1")
        for name, kind in self.kinds.items():
            if kind not in LEVELS:
                raise InvalidValueError(f"kinds[{name!r}]", kind, f"use one of {', '.join(LEVELS)}")
            for letter, held in (("m", self.m), ("u", self.u)):
                found = held.get(name, ())
                if len(found) != len(LEVELS[kind]) or not all(0.0 < p <= 1.0 for p in found):
                    raise InvalidValueError(
                        f"{letter}[{name!r}]", found, f"give {len(LEVELS[kind])} probabilities above 0, one a level"
                    )

    @property
    def weights(self) -> dict[str, tuple[float, ...]]:
        """Per field the weight log2(m / u) of each level, before value frequencies."""
        return {
            name: tuple(float(w) for w in np.log2(np.asarray(self.m[name]) / np.asarray(self.u[name])))
            for name in self.kinds
        }

    @property
    def prior_weight(self) -> float:
        """The weight every pair starts from: log2 of the prior odds."""
        return float(np.log2(self.prior / (1.0 - self.prior)))

    def frequency_weight(self, name: str, key: str) -> float:
        """Return what equality on `key` weighs above equality as such: log2(u of equality / frequency of the key)."""
        if name not in self.rare:
            return 0.0
        frequency = self.frequencies.get(name, {}).get(key, self.rare[name])
        return float(np.log2(self.u[name][-1] / frequency))


def start_m(kind: str) -> NDArray[np.float64]:
    """Return the probabilities among matches to start from: 85 % equal, the rest falling away from there."""
    levels = len(LEVELS[kind])
    rest = 0.5 ** np.arange(levels - 1)[::-1]
    if kind == "given_name":
        rest[SWAPPED] = 0.05
    rest[0] = rest[1:].max(initial=1.0)
    return np.append(0.15 * rest / rest.sum(), 0.85)


Logs = list[NDArray[np.float64]]


@frozen(eq=False)
class Session:
    """All pairs of one blocking rule, as counts of patterns, and what two people alike there look like."""

    skip: frozenset[int]
    """The fields of the rule, on which all its pairs agree."""
    own: frozenset[int]
    """The fields whose u is learned here; the others agree by chance only, as with any two people."""
    patterns: NDArray[np.int8]
    counts: NDArray[np.float64]
    u: Logs
    prior: float


def train(
    sessions: Sequence[Session],
    u: Sequence[NDArray[np.float64]],
    start: Sequence[NDArray[np.float64]],
    *,
    fixed_m: bool = False,
    steps: int = 30,
) -> tuple[list[NDArray[np.float64]], list[Session]]:
    """Return m of each field, one for all sessions, and the sessions with their own u and prior, by expectation maximisation.

    Parameters
    ----------
    sessions : sequence of Session
        One a blocking rule, with *all* pairs of the rule: counting only those that no earlier rule found would train on the
        leftovers, and be wrong.
    u, start : sequence of ndarray
        u among random pairs, and the first m, per field.
    fixed_m : bool
        Whether m is known (from labels) and only the sessions are learned.
    """
    m = [np.array(first) for first in start]
    held = list(sessions)
    for _ in range(steps):
        totals = [
            8.0 * first for first in start
        ]  # a few matches' worth of opinion, so that no level becomes impossible
        moved = 0.0
        for place, session in enumerate(held):
            if not len(session.counts):
                continue
            expected = session.counts * expected_matches(session.patterns, m, session.u, session.prior, session.skip)
            unmatched = session.counts - expected
            prior = float(np.clip(expected.sum() / session.counts.sum(), _FLOOR, 1.0 - 1e-3))
            moved = max(moved, abs(prior - session.prior))
            own = list(session.u)
            for number, first in enumerate(start):
                if number in session.skip:
                    continue
                levels = session.patterns[:, number]
                totals[number] = totals[number] + tally(levels, expected, len(first))
                if number in session.own:
                    apart = tally(levels, unmatched, len(first)) + 20.0 * u[number]
                    own[number] = np.maximum(apart / apart.sum(), _FLOOR)
            held[place] = evolve(session, u=own, prior=prior)
        if not fixed_m:
            m = [np.maximum(total / total.sum(), _FLOOR) for total in totals]
        if moved < 1e-4:
            break
    return m, held


def expected_matches(
    patterns: NDArray[np.int8],
    m: Sequence[NDArray[np.float64]],
    u: Sequence[NDArray[np.float64]],
    prior: float,
    skip: frozenset[int],
) -> NDArray[np.float64]:
    """Return the probability of being a match of each pattern of levels (Bayes' rule; fields in `skip` left out)."""
    weight = np.full(len(patterns), np.log(prior) - np.log1p(-prior))
    for number, (yes, no) in enumerate(zip(m, u, strict=True)):
        if number not in skip:
            weight += np.append(np.log(yes) - np.log(no), 0.0)[patterns[:, number]]
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(weight, -500, 500))))


def tally(levels: NDArray[np.int8], expected: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return the sum of `expected` over each level."""
    there = levels >= 0
    return np.bincount(levels[there], weights=expected[there], minlength=width).astype(float)
