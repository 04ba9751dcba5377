"""What goes with what: every pair of columns tested by the test that suits it, with false discoveries held down."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from scipy import stats

from pycrm import table
from pycrm.errors import InvalidDataError, InvalidValueError

__all__ = ["Association", "associations"]

Method: TypeAlias = Literal["rank correlation", "contingency", "rank comparison"]


@frozen(kw_only=True)
class Association:
    """One pair of columns.

    Parameters
    ----------
    first, second : str
        The columns, in alphabetical order.
    method : {"rank correlation", "contingency", "rank comparison"}
        Spearman for two numbers; Cramer's V and chi-square for two categories; epsilon squared and Kruskal-Wallis for one of each.
    rows : int
        Rows where both are known.
    strength : float
        -1 to 1 for numbers, 0 to 1 otherwise; NaN where `reason` says why.
    p_value : float
        Of no association.
    q_value : float
        The share of false discoveries among all pairs at least this sure (Benjamini & Hochberg 1995).
    found : bool
        Whether q_value is at most the rate asked for.
    reason : str, optional
        Why it could not be tested.
    """

    first: str
    second: str
    method: Method
    rows: int
    strength: float
    p_value: float
    q_value: float
    found: bool
    reason: str | None = None


def associations(
    rows: table.Frame,
    *,
    columns: Sequence[str] | None = None,
    target: str | None = None,
    false_discoveries: float = 0.05,
    min_rows: int = 20,
) -> tuple[Association, ...]:
    """Return the pairs of columns, the surest first; an association is a reason to look, never a cause.

    Parameters
    ----------
    rows : frame
        One row a customer.
    columns : sequence of str, optional
        Which; all by default. Numbers are ranked, everything else is taken by level; a missing value leaves its row out of the pair.
    target : str, optional
        Only pairs with this column: what anticipates it.
    false_discoveries : float
        The share of the pairs called found that may be chance.
    min_rows : int
        Pairs known together in fewer rows are not tested.

    Examples
    --------
    >>> people = {"age": list(range(40)), "spent": [n * n for n in range(40)], "shop": ["a", "b"] * 20}
    >>> best = associations(people)[0]
    >>> best.first, best.second, round(best.strength, 6), best.found
    ('age', 'spent', 1.0, True)
    """
    if not 0.0 < false_discoveries < 1.0:
        raise InvalidValueError("false_discoveries", false_discoveries, "give a share above 0 and below 1")
    frame = table.eager(rows)
    names = sorted(frame.columns if columns is None else columns)
    if target is not None and target not in names:
        raise InvalidValueError("target", target, f"give one of {', '.join(names)}")
    held = {name: _column(frame, name) for name in names}
    tested: list[dict[str, Any]] = []
    for first, second in itertools.combinations(names, 2):
        if target is None or target in {first, second}:
            tested.append({"first": first, "second": second, **_tested(held[first], held[second], min_rows)})
    known = np.asarray([not np.isnan(pair["p_value"]) for pair in tested], dtype=bool)
    q_values = np.full(len(tested), np.nan)
    if known.any():
        q_values[known] = stats.false_discovery_control([pair["p_value"] for pair in tested if pair["reason"] is None])
    made = [
        Association(**pair, q_value=float(q), found=bool(q <= false_discoveries))
        for pair, q in zip(tested, q_values, strict=True)
    ]
    order = sorted(made, key=lambda pair: (np.isnan(pair.p_value), pair.p_value, pair.first, pair.second))
    return tuple(order)


def _column(frame: Any, name: str) -> tuple[bool, NDArray[Any]]:
    """Return whether a column is of numbers, and its values: floats with NaN, or codes with -1 where missing."""
    raw = table.column(frame, name)
    if raw.dtype.kind in "iuf":
        values = raw.astype(np.float64)
        if np.isinf(values).any():
            row = int(np.argmax(np.isinf(values)))
            raise InvalidDataError(
                name, row, float(values[row]), "give a finite number, or nothing where it is missing"
            )
        return True, values
    return False, table.factorise(raw)[0]


def _tested(first: tuple[bool, NDArray[Any]], second: tuple[bool, NDArray[Any]], min_rows: int) -> dict[str, Any]:
    (number, a), (other, b) = first, second
    known = (~np.isnan(a) if number else a >= 0) & (~np.isnan(b) if other else b >= 0)
    a, b = a[known], b[known]
    method: Method = "rank correlation" if number and other else "rank comparison" if number or other else "contingency"
    made: dict[str, Any] = {"method": method, "rows": len(a), "strength": np.nan, "p_value": np.nan, "reason": None}
    if len(a) < max(min_rows, 3):
        return {**made, "reason": f"{len(a)} rows know both; at least {max(min_rows, 3)} are needed"}
    if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return {**made, "reason": "one of the two is constant"}
    if method == "rank correlation":
        found = stats.spearmanr(a, b)
        return {**made, "strength": float(found.statistic), "p_value": float(found.pvalue)}
    if method == "contingency":
        _, a = np.unique(a, return_inverse=True)
        _, b = np.unique(b, return_inverse=True)
        counts = np.bincount(a * (b.max() + 1) + b, minlength=(a.max() + 1) * (b.max() + 1)).reshape(a.max() + 1, -1)
        chi = stats.chi2_contingency(counts, correction=False)
        strength = np.sqrt(chi.statistic / (len(a) * (min(counts.shape) - 1)))
        return {**made, "strength": float(min(strength, 1.0)), "p_value": float(chi.pvalue)}
    values, groups = (a, b) if number else (b, a)
    if len(np.unique(groups)) == len(groups):
        return {**made, "reason": "every row is a group of its own"}
    parts = [values[groups == group] for group in np.unique(groups)]
    apart = stats.kruskal(*parts)
    strength = float(apart.statistic) / (len(values) - 1)
    return {**made, "strength": min(max(strength, 0.0), 1.0), "p_value": float(apart.pvalue)}
