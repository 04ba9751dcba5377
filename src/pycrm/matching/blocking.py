"""Which pairs of records are compared at all: those that agree on a rule's fields.

A rule is a tuple of parts, each a column (`"email"`) or a piece of one (`"name/last"`); two records meet if they agree on
all parts of any rule. A block beyond the cap is not multiplied out: its records, sorted by content, meet their next
neighbours only, and the report says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from attrs import frozen
from numpy.typing import NDArray

from pycrm.matching.fields import Column, Records

__all__ = ["BlockRule", "CappedBlocks", "Parts", "candidate_pairs", "choose_rules", "composite"]

BlockRule = tuple[str, ...]
Codes = NDArray[np.int64]

WINDOW = 10  # neighbours met inside a block beyond the cap
_ALONE = {"email", "phone", "identifier"}  # agree on one of these and you are compared, however common the value
_NEVER_ALONE = {"city", "number", "text"}
_PIECES: dict[str, dict[str, Callable[[str], str]]] = {
    "full_name": {"first": lambda key: key.split(" ", 1)[0], "last": lambda key: key.rsplit(" ", 1)[-1]},
    "surname": {"first": lambda key: key.split(" ", 1)[0]},
}


@frozen
class CappedBlocks:
    """What the cap of blocks left out of one rule."""

    rule: BlockRule
    blocks: int
    """Blocks larger than the cap."""
    largest: int
    """Records of the largest of them."""
    pairs_skipped: int
    """Pairs that were not compared by this rule."""


class Parts:
    """The codes of columns and of their pieces, each made once."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = {column.name: column for column in columns}
        self._made: dict[str, NDArray[np.int32]] = {}

    def codes(self, part: str) -> NDArray[np.int32]:
        """Return one code a record (or a row of them), -1 where missing."""
        if part not in self._made:
            name, _, piece = part.partition("/") if part not in self._columns else (part, "", "")
            held = self._columns[name]
            if piece:
                pieces, _ = pd.factorize(np.array(self.pieces(held, piece), dtype=object))
                self._made[part] = np.append(pieces, -1).astype(np.int32)[held.codes]
            else:
                self._made[part] = held.codes
        return self._made[part]

    @staticmethod
    def cut(kind: str, piece: str) -> Callable[[str], str]:
        """Return what cuts a piece from a key."""
        return _PIECES[kind][piece]

    @staticmethod
    def pieces(column: Column, piece: str) -> list[str]:
        """Return the piece of each key of a column."""
        cut = Parts.cut(column.kind, piece)
        return [cut(key) for key in column.vocabulary.keys.tolist()]

    def column_of(self, part: str) -> str:
        """Return the column that `part` belongs to."""
        return part if part in self._columns else part.partition("/")[0]


def choose_rules(records: Records, *, budget: int | None = None) -> tuple[BlockRule, ...]:
    """Return the rules that fit the table: every field selective enough alone, else in pairs.

    Parameters
    ----------
    records : Records
        The table.
    budget : int, optional
        Pairs one rule may produce; by default 100,000 and one for two records. The pairs of fields may together produce
        five times that, and 20 a record.

    Notes
    -----
    Fields that name a person nearly alone (e-mail, phone, identifier) always are a rule. Two records that agree on any two
    other fields meet, unless that agreement is too common to be worth a comparison.
    """
    n = len(records)
    budget = min(100_000 + n // 2, 20 * n) if budget is None else budget
    left = min(5 * budget, 20 * n)
    parts = Parts(records.columns)
    alone: list[BlockRule] = []
    shared: list[str] = []
    for column in records.columns:
        names = [column.name]
        if _mostly_several(column):
            names = (
                [f"{column.name}/first"]
                if column.kind == "surname"
                else [column.name, f"{column.name}/first", f"{column.name}/last"]
            )
        for name in names:
            pairs = _count(parts, (name,))
            if not pairs and column.kind not in _ALONE:
                continue
            if column.kind in _ALONE or (pairs <= budget and column.kind not in _NEVER_ALONE):
                alone.append((name,))
                break
            shared.append(name)
    together: list[BlockRule] = [
        pair for pair in combinations(shared, 2) if parts.column_of(pair[0]) != parts.column_of(pair[1])
    ]
    counted = sorted((_count(parts, rule), rule) for rule in together)
    chosen = []
    for pairs, rule in counted:
        left -= pairs
        if 0 < pairs <= budget and left >= 0:
            chosen.append(rule)
    if not alone and not chosen:
        chosen = [rule for pairs, rule in counted[:1] if pairs] or [(name,) for name in shared[:1]]
    return (*alone, *chosen)


def candidate_pairs(
    records: Records, rules: Sequence[BlockRule], *, cap: int = 200
) -> tuple[Codes, Codes, tuple[CappedBlocks, ...]]:
    """Return the pairs (lower row, higher row) that any rule lets meet, each once, sorted; and what the cap left out."""
    n = len(records)
    parts = Parts(records.columns)
    found: list[Codes] = []
    capped: list[CappedBlocks] = []
    for rule in rules:
        keys, rows = composite(parts, rule)
        one, other, report = _pairs_of_blocks(keys, rows, records, rule, cap)
        lows, highs = np.minimum(one, other), np.maximum(one, other)
        pairs = lows * n + highs
        found.append(pairs[lows != highs] if (lows == highs).any() else pairs)
        if report is not None:
            capped.append(report)
    joined = np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
    joined = joined[np.diff(joined, prepend=-1) != 0]  # numpy's unique hashes first, which costs more than the sort
    return joined // max(n, 1), joined % max(n, 1), tuple(capped)


def composite(parts: Parts, rule: BlockRule) -> tuple[Codes, Codes]:
    """Return one key a record (or several, where cells hold several values) and the rows they belong to; missing left out."""
    keys: Codes | None = None
    rows: Codes = np.empty(0, dtype=np.int64)
    for part in rule:
        codes = parts.codes(part)
        if keys is None:
            keys, rows = _unrolled(codes, np.arange(len(codes)))
            continue
        width = int(codes.max(initial=0)) + 1
        if keys.size and int(keys.max()) >= 2**62 // width:
            keys = pd.factorize(keys)[0].astype(np.int64)
        if codes.ndim == 1:
            there = codes[rows] >= 0
            keys, rows = keys[there] * width + codes[rows[there]], rows[there]
        else:
            several = codes[rows]
            row, slot = np.nonzero(several >= 0)
            keys, rows = keys[row] * width + several[row, slot], rows[row]
    assert keys is not None
    return keys, rows


def _mostly_several(column: Column) -> bool:
    """Whether a fifth of the names or more have several words."""
    if column.kind not in {"surname", "full_name"}:
        return False
    beginning = column.vocabulary.keys[:5000].tolist()
    return 5 * sum(" " in key for key in beginning) > len(beginning)


def _unrolled(codes: NDArray[np.int32], rows: Codes) -> tuple[Codes, Codes]:
    if codes.ndim == 1:
        there = np.flatnonzero(codes >= 0)
        return codes[there].astype(np.int64), rows[there]
    row, slot = np.nonzero(codes >= 0)
    return codes[row, slot].astype(np.int64), rows[row]


def _count(parts: Parts, rule: BlockRule) -> int:
    keys, _ = composite(parts, rule)
    ordered = np.sort(keys)
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    sizes = np.diff(np.append(starts, len(ordered)))
    return int((sizes * (sizes - 1) // 2).sum())


def _pairs_of_blocks(
    keys: Codes, rows: Codes, records: Records, rule: BlockRule, cap: int
) -> tuple[Codes, Codes, CappedBlocks | None]:
    if not keys.size:
        return rows, rows, None
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], rows[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    ends = np.append(starts[1:], len(keys))
    sizes = ends - starts
    large = sizes > cap
    report = None
    followers = np.repeat(ends, sizes) - np.arange(len(keys)) - 1
    if large.any():
        inside = np.repeat(large, sizes)
        within = np.flatnonzero(inside)
        order = np.lexsort((rows[within], _content(records)[rows[within]], keys[within]))
        rows[within] = rows[within][order]
        all_pairs = int((sizes[large] * (sizes[large] - 1) // 2).sum())
        followers[within] = np.minimum(followers[within], WINDOW)
        report = CappedBlocks(rule, int(large.sum()), int(sizes.max()), all_pairs - int(followers[within].sum()))
    first = np.repeat(np.arange(len(keys)), followers)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(followers) - followers, followers)
    return rows[first], rows[first + offset + 1], report


def _content(records: Records) -> Codes:
    """Return a number a record that is the same for the same content."""
    mixed = np.zeros(len(records), dtype=np.int64)
    for place, column in enumerate(records.columns):
        mixed = mixed * 1_000_003 + column.first * (2 * place + 1)
    return mixed
