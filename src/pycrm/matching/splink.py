"""splink as another engine: its edges go through our clustering, constraints, stable ids and decisions.

For tables beyond one machine, for hand-tuned models, charts and labelling, splink is the better engine; what comes after the
pairs stays the same. Needs the extra `splink`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from attrs import frozen

from pycrm.errors import InvalidDataError, InvalidValueError, MissingExtraError
from pycrm.matching.blocking import choose_rules
from pycrm.matching.clusters import Constraints, cluster
from pycrm.matching.fields import Records, and_none, read_records
from pycrm.matching.resolution import Pairs, Resolution, Scorer, limited, named, rows_of_pairs
from pycrm.table import Frame, column

__all__ = ["Edges", "resolve_edges", "splink_edges"]


@frozen(eq=False)
class Edges:
    """Pairs that another engine has weighed: ids of both records, and log2 of the odds that they are one person."""

    left: Any
    right: Any
    weight: Any

    @classmethod
    def of_frame(
        cls, frame: Frame, *, left: str = "unique_id_l", right: str = "unique_id_r", weight: str = "match_weight"
    ) -> Edges:
        """Return the edges of a frame of predictions, as splink's `predict()` gives them."""
        return cls(column(frame, left), column(frame, right), column(frame, weight).astype(float))


def splink_edges(
    frame: Frame,
    *,
    id: str,
    fields: Mapping[str, str],
    sample: int = 1_000_000,
    least: float = 0.001,
    settings: Callable[[Any], Any] | None = None,
) -> Edges:
    """Return the pairs that splink finds, with settings made from the kinds of the fields.

    Parameters
    ----------
    frame, id, fields
        As in `resolve`.
    sample : int
        Random pairs from which u is estimated.
    least : float
        The probability from which a pair is returned.
    settings : callable, optional
        Given the settings made from `fields` (a `splink.SettingsCreator`), returns those to use: for tuning by hand.

    Raises
    ------
    MissingExtraError
        If splink is not installed.
    """
    try:
        import splink
        from splink.internals.duckdb.database_api import DuckDBAPI
    except ImportError:
        raise MissingExtraError("splink", "splink") from None
    records = read_records(frame, id, fields)
    rules = [rule for rule in choose_rules(records) if all("/" not in part for part in rule)]
    if len(records) < 2 or not rules:
        return Edges(records.ids[:0], records.ids[:0], np.empty(0))
    names = {held.name: f"field_{number}" for number, held in enumerate(records.columns)}
    made = splink.SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        comparisons=[_comparison(held.kind, names[held.name]) for held in records.columns],
        blocking_rules_to_generate_predictions=[splink.block_on(*(names[part] for part in rule)) for rule in rules],
        retain_matching_columns=False,
    )
    api = DuckDBAPI()
    linker = splink.Linker(api.register(_keys(records, names)), settings(made) if settings else made, log_level=40)
    exact = [splink.block_on(*(names[part] for part in rule)) for rule in rules[:3]]
    linker.training.estimate_probability_two_random_records_match(exact, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=sample, seed=1)
    for rule in _sessions(rules):
        linker.training.estimate_parameters_using_expectation_maximisation(
            splink.block_on(*(names[part] for part in rule))
        )
    found = linker.inference.predict(threshold_match_probability=least).as_pandas_dataframe()
    ids = records.ids
    left, right = found["unique_id_l"].to_numpy(dtype=np.int64), found["unique_id_r"].to_numpy(dtype=np.int64)
    return Edges(ids[left], ids[right], found["match_weight"].to_numpy(dtype=float))


def resolve_edges(
    frame: Frame,
    edges: Edges,
    *,
    id: str,
    fields: Mapping[str, str],
    threshold: float = 0.5,
    always: Pairs = (),
    never: Pairs = (),
    limits: Mapping[str, int] | None = None,
    max_cluster_size: int | None = None,
    previous: Frame | None = None,
) -> Resolution:
    """Return a resolution made of another engine's edges: clusters, constraints and stable ids as in `resolve`.

    Parameters
    ----------
    frame, id, fields, threshold, always, never, limits, max_cluster_size, previous
        As in `resolve`.
    edges : Edges
        The pairs, as `splink_edges` returns them. A pair that is not among them counts as unlikely.

    Raises
    ------
    InvalidDataError, InvalidValueError
        If an edge names no record of the frame, or weighs no number.

    Examples
    --------
    >>> people = {"key": [1, 2, 3], "email": ["a@x.example", "b@x.example", "c@x.example"]}
    >>> made = resolve_edges(people, Edges([1], [2], [7.0]), id="key", fields={"email": "email"})
    >>> made.clusters["cluster"].tolist()
    [1, 1, 3]
    """
    if not 0.0 < threshold < 1.0:
        raise InvalidValueError("threshold", threshold, "give a probability between 0 and 1")
    records = read_records(frame, id, fields)
    weight = np.asarray(edges.weight, dtype=float)
    if np.isnan(weight).any():
        raise InvalidDataError("match_weight", int(np.argmax(np.isnan(weight))), None, "every edge has a weight")
    rows, others = rows_of_pairs(records, list(zip(_plain(edges.left), _plain(edges.right), strict=True)), "edges")
    rows, others = np.minimum(rows, others), np.maximum(rows, others)
    order = np.lexsort((others, rows))
    rows, others, weight = rows[order], others[order], weight[order]
    keys = rows * max(len(records), 1) + others

    def known(a: Any, b: Any) -> Any:
        wanted = np.minimum(a, b) * max(len(records), 1) + np.maximum(a, b)
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        return (
            np.where(keys[place] == wanted, weight[place], -_UNLIKELY) - bar
            if len(keys)
            else np.full(len(wanted), -_UNLIKELY)
        )

    bar = float(np.log2(threshold / (1.0 - threshold)))
    constraints = Constraints(
        rows_of_pairs(records, always, "always"),
        rows_of_pairs(records, never, "never"),
        limited(records, limits or {}),
    )
    made = cluster(
        len(records), rows, others, weight - bar, score=known, constraints=constraints, bound=max_cluster_size
    )
    return named(records, rows, others, weight, made, Scorer(records, None, ()), threshold, (), (), previous)


_UNLIKELY = 3.0  # bits against a pair that the other engine did not return


def _plain(values: Any) -> list[Any]:
    return list(values.tolist() if isinstance(values, np.ndarray) else values)


def _keys(records: Records, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the match keys as columns of text; of several values of a cell the first."""
    made: dict[str, Any] = {"unique_id": np.arange(len(records))}
    for held in records.columns:
        made[names[held.name]] = and_none(held.vocabulary.keys)[held.first]
    return pd.DataFrame(made)


def _sessions(rules: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Two rules that share no field, so that every field is trained by one of them."""
    first = rules[0]
    second = next((rule for rule in rules[1:] if not set(rule) & set(first)), None)
    return [first] if second is None else [first, second]


def _comparison(kind: str, name: str) -> Any:
    import splink.comparison_library as library

    if kind in {"given_name", "surname", "full_name", "city", "text"}:
        made = library.JaroWinklerAtThresholds(name, [0.92, 0.8])
    elif kind == "address":
        made = library.JaroWinklerAtThresholds(name, [0.95, 0.88])
    elif kind in {"date", "phone", "identifier", "postcode"}:
        made = library.DamerauLevenshteinAtThresholds(name, [1, 2])
    elif kind == "email":
        made = library.JaroWinklerAtThresholds(name, [0.95])
    else:
        return library.ExactMatch(name)
    return made.configure(term_frequency_adjustments=kind not in {"date", "number"})
