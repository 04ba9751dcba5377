"""One table of records in, who is who out: `resolve` and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.matching.blocking import CappedBlocks, candidate_pairs, choose_rules
from pycrm.matching.clusters import Clustering, Constraints, cluster
from pycrm.matching.comparison import LEVELS, levels_of_columns
from pycrm.matching.engine import Weigher, learn, probabilities
from pycrm.matching.fields import Column, Records, read_records
from pycrm.matching.model import FellegiSunter
from pycrm.matching.stable import keep_ids
from pycrm.table import Frame, build, column, whole_option

__all__ = ["Explanation", "Resolution", "resolve"]

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Pairs = Iterable[tuple[Any, Any]]

BY_RULE = 40.0  # bits of a pair that a deterministic rule joins: beyond any sum of fields that could speak against it
FAINT = 0.001  # pairs less probable than this are not kept


@frozen(eq=False)
class Explanation:
    """Why two records are, or are not, one person.

    Parameters
    ----------
    rows : Frame
        One row a part of the weight: `field`, `left`, `right`, `level`, `weight` in bits; the weights add up to `weight`.
    weight, probability : float
        Of the pair, as in `Resolution.pairs`.
    sentence : str
        The same in words.
    """

    rows: Any
    weight: float
    probability: float
    sentence: str

    def __str__(self) -> str:
        return self.sentence


@frozen(eq=False)
class Resolution:
    """Who is who in a table.

    Parameters
    ----------
    model : FellegiSunter or None
        What agreement weighs; save it and pass it on to resolve other tables alike. None where only rules were asked for.
    threshold : float
        The probability above which a pair counts as one person.
    capped : tuple of CappedBlocks
        What the cap on blocks left out.
    bound : int
        The most records a cluster may have.
    doubtful : int
        Groups of records that were looked at again: too large, too loose, or against a constraint.
    """

    model: FellegiSunter | None
    threshold: float
    capped: tuple[CappedBlocks, ...]
    bound: int
    doubtful: int
    records: Records = field(repr=False)
    rows: Rows = field(repr=False)
    """The pairs kept: row of the left record."""
    others: Rows = field(repr=False)
    weight: Floats = field(repr=False)
    labels: NDArray[Any] = field(repr=False)
    """The cluster of each row."""
    aliases: Mapping[Any, Any] = field(factory=dict, repr=False)
    """Cluster ids of the previous run that have gone, each with the one its records are in now."""
    rules: tuple[tuple[str, ...], ...] = ()
    scorer: Scorer = field(kw_only=True, repr=False)
    """The weight of any pairs of rows."""

    @property
    def clusters(self) -> Any:
        """The cluster of each record, as a frame `id`, `cluster` in the order of the ids' table."""
        back = np.argsort(self.records.order, kind="stable")
        return build({"id": self.records.ids[back], "cluster": self.labels[back]}, self.records.like)

    @property
    def pairs(self) -> Any:
        """The pairs that are not hopeless, as a frame `left`, `right`, `weight` (log2 of the odds), `probability`."""
        ids = self.records.ids
        return build(
            {
                "left": ids[self.rows],
                "right": ids[self.others],
                "weight": self.weight,
                "probability": probabilities(self.weight),
            },
            self.records.like,
        )

    def explain(self, left: Any, right: Any) -> Explanation:
        """Return why two records are one person or not: any two, compared or not.

        Raises
        ------
        InvalidValueError
            If there is no record of such an id.
        """
        a, b = self.records.row_of(left, "left"), self.records.row_of(right, "right")
        return self.scorer.explain(a, b, left, right)


class Scorer:
    """The weight of any pairs of one table: its model, and its deterministic rules."""

    def __init__(self, records: Records, model: FellegiSunter | None, rules: tuple[tuple[str, ...], ...]) -> None:
        self.records = records
        self.model = model
        self.weigher: Weigher | None = None if model is None else Weigher.of(model, records.columns)
        places = {held.name: number for number, held in enumerate(records.columns)}
        self.rules: tuple[tuple[int, ...], ...] = tuple(tuple(places[name] for name in rule) for rule in rules)

    def __call__(self, rows: Rows, others: Rows) -> Floats:
        return self.of_levels(levels_of_columns(self.records.columns, self.records.columns, rows, others), rows, others)

    def of_levels(
        self, levels: NDArray[np.int8], rows: Rows, others: Rows, right: Sequence[Column] | None = None
    ) -> Floats:
        """Return the weight of pairs whose levels are known; `right` are the columns of `others`, where another table's."""
        by_rule = self.by_rule(levels)
        if self.weigher is None:
            return np.where(by_rule, BY_RULE, 1e-3)
        weight = self.weigher.weigh(levels, self.records.columns, rows, others, right)
        return np.where(by_rule, np.maximum(weight, BY_RULE), weight) if self.rules else weight

    def by_rule(self, levels: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Return which pairs a deterministic rule joins."""
        found = np.zeros(len(levels), dtype=bool)
        for rule in self.rules:
            agreed = np.ones(len(levels), dtype=bool)
            for number in rule:
                agreed &= levels[:, number] == len(LEVELS[self.records.columns[number].kind]) - 1
            found |= agreed
        return found

    def explain(self, a: int, b: int, left: Any, right: Any) -> Explanation:
        """Return the parts of the weight of one pair."""
        rows, others = np.array([a], dtype=np.int64), np.array([b], dtype=np.int64)
        columns = self.records.columns
        levels = levels_of_columns(columns, columns, rows, others)
        weight = float(self.of_levels(levels, rows, others)[0])
        parts: list[tuple[str, Any, Any, str, float]] = []
        if self.weigher is not None:
            parts.append(("(any two records)", None, None, "before looking", self.weigher.model.prior_weight))
            for number, held in enumerate(columns):
                level = int(levels[0, number])
                says = float(self.weigher.weights[number][level])
                if level == len(LEVELS[held.kind]) - 1:
                    says += float(self.weigher.adjusted(number, held, held, rows, others)[0])
                word = "missing" if level < 0 else LEVELS[held.kind][level]
                parts.append((held.name, held.shown(a), held.shown(b), word, says))
            rest = weight - sum(part[-1] for part in parts)
            if self.by_rule(levels)[0]:
                parts.append(("(rule)", None, None, "a rule joins them", rest))
            elif abs(rest) > 1e-9:
                parts.append(("(people alike)", None, None, "a household or namesakes would agree here too", rest))
        else:
            parts.append(("(rule)", None, None, "a rule joins them" if weight > 1 else "no rule joins them", weight))
        names = ("field", "left", "right", "level", "weight")
        frame = build({name: [part[place] for part in parts] for place, name in enumerate(names)}, self.records.like)
        probability = float(probabilities(np.array([weight]))[0])
        return Explanation(frame, weight, probability, _sentence(left, right, probability, parts))


def _sentence(left: Any, right: Any, probability: float, parts: Sequence[tuple[str, Any, Any, str, float]]) -> str:
    said = [(name, level, weight) for name, _, _, level, weight in parts if level not in {"missing", "before looking"}]
    for_it = ", ".join(f"{name} {level} (+{weight:.1f})" for name, level, weight in said if weight > 0)
    against = ", ".join(f"{name} {level} ({weight:.1f})" for name, level, weight in said if weight <= 0)
    prior = f" It starts from {parts[0][-1]:.1f}, before looking." if parts[0][3] == "before looking" else ""
    shown = (
        f"{probability:.1%}"
        if 0.0005 < probability < 0.9995
        else "almost 0%"
        if probability < 0.5
        else "more than 99.9%"
    )
    return f"{left} and {right} are one person with probability {shown}. For it: {for_it or 'nothing'}. Against it: {against or 'nothing'}.{prior}"


def resolve(
    frame: Frame,
    *,
    id: str,
    fields: Mapping[str, str],
    threshold: float = 0.5,
    model: FellegiSunter | None = None,
    rules: Sequence[Sequence[str]] = (),
    rules_only: bool = False,
    always: Pairs = (),
    never: Pairs = (),
    limits: Mapping[str, int] | None = None,
    max_cluster_size: int | None = None,
    labels: Frame | None = None,
    previous: Frame | None = None,
    block_cap: int = 200,
    sample: int = 1_000_000,
    progress: Callable[[str], None] | None = None,
) -> Resolution:
    """Find the records of one table that speak of one person.

    Parameters
    ----------
    frame : Frame
        Any table, one row a record.
    id : str
        The column that tells records apart; unique, never missing.
    fields : mapping of str to str
        The columns to compare, each with its kind: given_name, surname, full_name, date, email, phone, postcode, city,
        address, identifier, text or number. A cell may hold a list of values.
    threshold : float
        Pairs more probable than this count as one person.
    model : FellegiSunter, optional
        What agreement weighs; by default learned from the table, without labels.
    rules : sequence of sequence of str
        Deterministic rules: two records that agree on all fields of any rule are one person. `[["email"], ["surname",
        "dob"]]` reads: the same e-mail, or the same surname and date of birth.
    rules_only : bool
        Whether only the rules join records.
    always, never : iterable of (id, id)
        Pairs that are one person, or two, whatever the table says.
    limits : mapping of str to int, optional
        How many different values of a strong identifier one person may have, as in ``{"tax_id": 1}``.
    max_cluster_size : int, optional
        The most records one person may have; by default what the table itself suggests.
    labels : Frame, optional
        Pairs that people have judged, as columns `left`, `right`, `match`; m is then taken from them.
    previous : Frame, optional
        The clusters of an earlier run (`id`, `cluster`): a cluster keeps the id it shares most records with.
    block_cap : int
        Records that may be compared with one another because they share a value; beyond it only neighbours are.
    sample : int
        Random pairs from which to learn how often two people agree.
    progress : callable, optional
        Told the name of each step as it starts.

    Returns
    -------
    Resolution
        With `clusters`, `pairs`, `explain(left, right)` and `model`.

    Raises
    ------
    MissingColumnError, InvalidDataError, InvalidValueError
        Naming the column, row or argument that cannot be used.

    Notes
    -----
    The answer does not depend on the order of the rows. The model is that of Fellegi and Sunter with term frequencies and,
    beyond it, what two people who share a household or a name have in common, learned too.

    Examples
    --------
    >>> people = {
    ...     "key": [1, 2, 3, 4],
    ...     "name": ["Ana Ruiz", "RUIZ, Ana", "Carl Olsen", "Ana Ruiz"],
    ...     "email": ["ana@example.com", "Ana@example.com", "carl@example.com", None],
    ... }
    >>> found = resolve(people, id="key", fields={"name": "full_name", "email": "email"}, rules=[["email"]], rules_only=True)
    >>> found.clusters["cluster"].tolist()
    [1, 1, 3, 4]
    """
    if not _is_probability(threshold):
        raise InvalidValueError("threshold", threshold, "give a probability between 0 and 1")
    if max_cluster_size is not None:
        whole_option("max_cluster_size", max_cluster_size, 1)
    whole_option("block_cap", block_cap, 2)
    said = progress or (lambda _: None)
    said("read")
    records = read_records(frame, id, fields)
    exact = _checked_rules(rules, fields)
    if rules_only and (not exact or model is not None):
        raise InvalidValueError("rules_only", rules_only, "give rules, and no model")
    known: object = model
    if known is not None and not isinstance(known, FellegiSunter):
        raise InvalidValueError("model", model, "give the .model of a former resolution")
    if model is not None and dict(model.kinds) != dict(fields):
        raise InvalidValueError("model", tuple(model.kinds), f"it was made for other fields than {', '.join(fields)}")
    said("block")
    blocks = () if rules_only else model.rules if model is not None else choose_rules(records)
    rows, others, capped = candidate_pairs(records, tuple(dict.fromkeys((*blocks, *exact))), cap=block_cap)
    said("compare")
    levels = levels_of_columns(records.columns, records.columns, rows, others)
    if not rules_only and model is None:
        said("learn")
        judged = None if labels is None else _judged(records, labels)
        model = learn(records, blocks, rows, others, levels, sample=sample, labelled=judged)
    said("weigh")
    scorer = Scorer(records, None if rules_only else model, exact)
    weight = scorer.of_levels(levels, rows, others)
    kept = np.flatnonzero(weight > np.log2(FAINT)) if not rules_only else np.flatnonzero(weight > 1.0)
    rows, others, weight = rows[kept], others[kept], weight[kept]
    said("cluster")
    bar = float(np.log2(threshold / (1.0 - threshold)))
    constraints = Constraints(
        rows_of_pairs(records, always, "always"),
        rows_of_pairs(records, never, "never"),
        limited(records, limits or {}),
    )
    made = cluster(
        len(records), rows, others, weight - bar,
        score=lambda a, b: scorer(a, b) - bar, constraints=constraints, bound=max_cluster_size,
    )  # fmt: skip
    return named(records, rows, others, weight, made, scorer, threshold, capped, exact, previous)


def _is_probability(value: object) -> bool:
    return isinstance(value, int | float) and 0.0 < value < 1.0


def named(
    records: Records, rows: Rows, others: Rows, weight: Floats, made: Clustering, scorer: Scorer, threshold: float,
    capped: tuple[CappedBlocks, ...], exact: tuple[tuple[str, ...], ...], previous: Frame | None,
) -> Resolution:  # fmt: skip
    """Return the resolution of clusters that were made, under the ids of an earlier run where there is one."""
    labels: NDArray[Any] = records.ids[made.labels] if len(records) else records.ids
    found = Resolution(
        scorer.model, threshold, capped, made.bound, made.doubtful, records, rows, others, weight, labels, {}, exact,
        scorer=scorer,
    )  # fmt: skip
    if previous is None:
        return found
    kept, aliases = keep_ids(records.ids, labels, column(previous, "id"), column(previous, "cluster"))
    return evolve(found, labels=kept, aliases=aliases)


def _checked_rules(rules: Sequence[Sequence[str]], fields: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    made = []
    for rule in rules:
        if isinstance(rule, str) or not rule:
            raise InvalidValueError("rules", rule, "a rule is a list of fields that must all agree, as in [['email']]")
        unknown = [name for name in rule if name not in fields]
        if unknown:
            raise InvalidValueError("rules", unknown[0], f"rules speak of the fields {', '.join(fields)}")
        made.append(tuple(rule))
    return tuple(made)


def rows_of_pairs(records: Records, pairs: Pairs, argument: str) -> tuple[Rows, Rows]:
    """Return pairs of ids as rows; `argument` is who asked, for the error."""
    given: list[Any] = list(pairs)
    for pair in given:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise InvalidValueError(argument, pair, "give pairs of ids, as in [(1, 2)]")
    one = records.rows_of([pair[0] for pair in given], argument)
    other = records.rows_of([pair[1] for pair in given], argument)
    if (one == other).any():
        raise InvalidValueError(argument, given[int(np.argmax(one == other))], "give two different records")
    return one, other


def limited(records: Records, limits: Mapping[str, int]) -> tuple[tuple[NDArray[np.int32], int], ...]:
    """Return the codes of each strong identifier, and how many different ones a person may have."""
    if not isinstance(limits, Mapping):
        raise InvalidValueError("limits", limits, "give how many a person may have, as in {'email': 3}")
    held = {made.name: made for made in records.columns}
    for name, most in limits.items():
        if name not in held:
            raise InvalidValueError("limits", name, f"limit one of the fields {', '.join(held)}")
        whole_option(f"limits[{name!r}]", most, 1)
    return tuple((held[name].first, most) for name, most in limits.items())


def _judged(records: Records, labels: Frame) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    left, right, match = (column(labels, name) for name in ("left", "right", "match"))
    missing = pd.isna(match)
    if missing.any():
        raise InvalidDataError("match", int(np.argmax(missing)), None, "say True or False")
    same = match.astype(bool)
    if not same.any():
        raise InvalidDataError(
            "match", None, "no pair is a match", "judge at least one pair of one person, or give no labels"
        )
    rows, others = records.rows_of(left.tolist(), "labels"), records.rows_of(right.tolist(), "labels")
    return levels_of_columns(records.columns, records.columns, rows, others), same
