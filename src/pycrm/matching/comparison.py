"""How far two values of a field agree: a few ordered levels for each kind.

Level 0 is disagreement, the highest is equality, -1 says that one of the two is missing. A level is computed once for each
distinct pair of values, however many pairs of records share it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA, JaroWinkler

from pycrm.matching.fields import Column, Vocabulary

__all__ = ["LEVELS", "compare", "levels_of_columns"]

Levels = NDArray[np.int8]

LEVELS: dict[str, tuple[str, ...]] = {
    "given_name": ("different", "similar", "close", "short form or initial", "swapped with the surname", "equal"),
    "surname": ("different", "similar", "shares one surname", "close", "same surnames, one missing or moved", "equal"),
    "full_name": (
        "different",
        "similar",
        "shares two words",
        "close",
        "one holds the other",
        "same words, other order",
        "equal",
    ),
    "date": (
        "different",
        "same year, or day and month",
        "two figures differ",
        "one figure differs or two swapped",
        "equal",
    ),
    "email": ("different", "similar", "same name at another domain, or close", "equal"),
    "phone": ("different", "two figures differ", "one figure differs", "equal"),
    "postcode": ("different", "same district", "one character differs", "equal"),
    "city": ("different", "similar", "close", "equal"),
    "address": ("different", "similar", "close", "equal"),
    "identifier": ("different", "one character differs", "equal"),
    "text": ("different", "similar", "close", "equal"),
    "number": ("different", "within ten per cent", "within one per cent", "equal"),
}
"""The levels of each kind in words, from disagreement to equality."""

SWAPPED = LEVELS["given_name"].index("swapped with the surname")
# Jaro-Winkler; the customary thresholds of record linkage, met also where the last bit of a float falls short.
CLOSE, SIMILAR = 0.92 - 1e-6, 0.8 - 1e-6


def levels_of_columns(
    left: Sequence[Column], right: Sequence[Column], rows: NDArray[np.int64], others: NDArray[np.int64]
) -> Levels:
    """Return the levels of pairs of records, one row a pair and one column a field.

    `left[f]` and `right[f]` are the same field of two tables (or the same table twice) whose codes share a numbering: equal
    codes are equal values.
    """
    made = np.empty((len(rows), len(left)), dtype=np.int8)
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        made[:, number] = _levels_of_column(one, other, rows, others)
    _mark_swaps(left, right, rows, others, made)
    _once(left, made)
    return made


def _once(left: Sequence[Column], made: Levels) -> None:
    """Where a name is given whole and in parts, count it once: the parts if both are there, else the whole."""
    kinds = [column.kind for column in left]
    if any(kinds.count(kind) != 1 for kind in ("full_name", "given_name", "surname")):
        return
    whole, given, family = kinds.index("full_name"), kinds.index("given_name"), kinds.index("surname")
    parts = (made[:, given] >= 0) & ((made[:, family] >= 0) | (made[:, given] == SWAPPED))
    only_whole = ~parts & (made[:, whole] >= 0)
    made[parts, whole] = -1
    made[only_whole, given] = -1
    made[only_whole, family] = -1


def _levels_of_column(one: Column, other: Column, rows: NDArray[np.int64], others: NDArray[np.int64]) -> Levels:
    if one.codes.ndim == 1 and other.codes.ndim == 1:
        return _levels_of_codes(one, other, one.codes[rows], other.codes[others])
    best = np.full(len(rows), -1, dtype=np.int8)
    lefts, rights = np.atleast_2d(one.codes.T).T[rows], np.atleast_2d(other.codes.T).T[others]
    for a in range(lefts.shape[1]):
        for b in range(rights.shape[1]):
            there = (lefts[:, a] >= 0) & (rights[:, b] >= 0)
            if there.any():
                found = _levels_of_codes(one, other, lefts[there, a], rights[there, b])
                best[there] = np.maximum(best[there], found)
    return best


def _levels_of_codes(one: Column, other: Column, a: NDArray[np.int32], b: NDArray[np.int32]) -> Levels:
    top = len(LEVELS[one.kind]) - 1
    made = np.full(len(a), -1, dtype=np.int8)
    equal = (a == b) & (a >= 0)
    made[equal] = top
    unsure = np.flatnonzero((a >= 0) & (b >= 0) & ~equal)
    if not unsure.size:
        return made
    lows, highs = a[unsure].astype(np.int64), b[unsure].astype(np.int64)
    if one.vocabulary is other.vocabulary:
        lows, highs = np.minimum(lows, highs), np.maximum(lows, highs)
    width = int(highs.max()) + 1
    if len(unsure) > 64:
        inverse, distinct = pd.factorize(lows * width + highs)
        lows, highs = np.asarray(distinct) // width, np.asarray(distinct) % width
        made[unsure] = compare(one.vocabulary, lows, other.vocabulary, highs)[inverse]
    else:
        made[unsure] = compare(one.vocabulary, lows, other.vocabulary, highs)
    return made


def compare(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    """Return the level of each pair of values that are not equal: `left.keys[a[i]]` beside `right.keys[b[i]]`."""
    return _COMPARE[left.kind](left, a, right, b)


def _mark_swaps(
    left: Sequence[Column], right: Sequence[Column], rows: NDArray[np.int64], others: NDArray[np.int64], made: Levels
) -> None:
    """Where given name and surname changed places, the given name says so and the surname says nothing more."""
    kinds = [column.kind for column in left]
    if kinds.count("given_name") != 1 or kinds.count("surname") != 1:
        return
    given, family = kinds.index("given_name"), kinds.index("surname")
    columns = (left[given], left[family], right[given], right[family])
    if any(column.codes.ndim > 1 for column in columns):
        return
    low = np.flatnonzero((made[:, given] >= 0) & (made[:, given] < 3) & (made[:, family] >= 0) & (made[:, family] < 3))
    if not low.size:
        return
    given_left, family_left, given_right, family_right = (
        column.vocabulary.keys[column.codes[places[low]]]
        for column, places in zip(columns, (rows, rows, others, others), strict=True)
    )
    swapped = low[np.asarray((given_left == family_right) & (family_left == given_right), dtype=bool)]
    made[swapped, given] = SWAPPED
    made[swapped, family] = -1


def _similarity(
    scorer: Any, left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Score pairs of keys: few in a loop, many pair by pair, and a full grid as a matrix, which is ten times cheaper a pair."""
    if len(a) < 24:
        return np.array(
            [scorer(x, y) for x, y in zip(left.keys[a].tolist(), right.keys[b].tolist(), strict=True)], np.float32
        )
    if len(a) > 1_000 and (across := _row_length(a, b)):
        grid = process.cdist(
            left.keys[a[::across]].tolist(), right.keys[b[:across]].tolist(), scorer=scorer, dtype=np.float32
        )
        return np.asarray(grid.ravel())
    return np.asarray(
        process.cpdist(left.keys[a].tolist(), right.keys[b].tolist(), scorer=scorer, dtype=np.float32, workers=1)
    )


def _row_length(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    """How many pairs a row has, where the pairs are a full grid given row by row; else 0."""
    across = int(np.argmax(a != a[0]))
    if across < 2 or len(a) % across:
        return 0
    rows, columns = a.reshape(-1, across), b.reshape(-1, across)
    return across if (rows == rows[:, :1]).all() and (columns == columns[:1]).all() else 0


def _by_text(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    likeness = _similarity(JaroWinkler.similarity, left, a, right, b)
    return np.asarray((likeness >= SIMILAR).astype(np.int8) + (likeness >= CLOSE))


def _by_given_name(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    made = _by_text(left, a, right, b)
    same = left.feature("short")[a] == right.feature("short")[b]
    first, second = left.feature("initial")[a], right.feature("initial")[b]
    same |= ((first < 0) | (second < 0)) & (np.abs(first) == np.abs(second))
    made[same] = 3
    several, shared, fewest, _ = _shared_words(left, a, right, b)
    made[several[shared == fewest]] = 3
    return made


def _by_surname(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    made = _by_text(left, a, right, b)
    made[made == 2] = 3
    several, shared, fewest, _ = _shared_words(left, a, right, b)
    some = several[shared > 0]
    made[some] = np.maximum(made[some], 2)
    made[several[shared == fewest]] = 4
    return made


def _by_full_name(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    likeness = _similarity(JaroWinkler.similarity, left, a, right, b)
    sorted_likeness = _similarity(fuzz.token_sort_ratio, left, a, right, b) / np.float32(100.0)
    likeness = np.maximum(likeness, sorted_likeness)
    made = np.where(likeness >= CLOSE, 3, likeness >= SIMILAR).astype(np.int8)
    several, shared, fewest, most = _shared_words(left, a, right, b)
    some = several[shared > 1]
    made[some] = np.maximum(made[some], 2)
    made[several[(shared == fewest) & (fewest > 1)]] = 4
    made[several[(shared == most) & (fewest == most)]] = 5
    return made


def _shared_words(
    left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where one of two names has several words: which pairs, words shared, words of the shorter and of the longer."""
    first, second = left.feature("words")[a], right.feature("words")[b]
    several = np.flatnonzero((first > 1) | (second > 1))
    one, other = left.feature("tokens")[a[several]], right.feature("tokens")[b[several]]
    shared = np.zeros(len(several), dtype=np.int64)
    for place in range(one.shape[1]):
        word = one[:, place]
        shared += (word != 0) & (other == word[:, None]).any(axis=1)
    first, second = first[several], second[several]
    return several, shared, np.minimum(first, second), np.maximum(first, second)


def _by_date(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    x, y = left.feature("digits")[a], right.feature("digits")[b]
    differ = x != y
    count = differ.sum(axis=1)
    neighbours = (x[:, :-1] == y[:, 1:]) & (x[:, 1:] == y[:, :-1]) & differ[:, :-1] & differ[:, 1:]
    swapped = (count == 2) & neighbours.any(axis=1)
    turned = (x[:, 4:6] == y[:, 6:8]).all(axis=1) & (x[:, 6:8] == y[:, 4:6]).all(axis=1) & ~differ[:, :4].any(axis=1)
    same_year, same_day = ~differ[:, :4].any(axis=1), ~differ[:, 4:].any(axis=1)
    made: Levels = (same_year | same_day).astype(np.int8)
    made[count == 2] = 2
    made[(count == 1) | swapped | turned] = 3
    return made


def _by_email(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    likeness = _similarity(JaroWinkler.similarity, left, a, right, b)
    made = (likeness >= 0.88 - 1e-6).astype(np.int8)
    made[(likeness >= 0.96 - 1e-6) | (left.feature("short")[a] == right.feature("short")[b])] = 2
    return made


def _by_phone(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    distance = _similarity(OSA.distance, left, a, right, b)
    return np.asarray((distance <= 2).astype(np.int8) + (distance <= 1))


def _by_postcode(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    made: Levels = (left.feature("short")[a] == right.feature("short")[b]).astype(np.int8)
    made[_similarity(OSA.distance, left, a, right, b) <= 1] = 2
    return made


def _by_identifier(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    return (_similarity(OSA.distance, left, a, right, b) <= 1).astype(np.int8)


def _by_address(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    likeness = _similarity(fuzz.ratio, left, a, right, b)
    return np.asarray((likeness >= 70 - 1e-4).astype(np.int8) + (likeness >= 88 - 1e-4))


def _by_number(left: Vocabulary, a: NDArray[np.int64], right: Vocabulary, b: NDArray[np.int64]) -> Levels:
    x, y = left.feature("values")[a], right.feature("values")[b]
    apart = np.abs(x - y) / np.maximum(np.maximum(np.abs(x), np.abs(y)), np.finfo(float).tiny)
    return np.asarray((apart <= 0.1).astype(np.int8) + (apart <= 0.01))


_COMPARE: dict[str, Callable[[Vocabulary, NDArray[np.int64], Vocabulary, NDArray[np.int64]], Levels]] = {
    "given_name": _by_given_name,
    "surname": _by_surname,
    "full_name": _by_full_name,
    "date": _by_date,
    "email": _by_email,
    "phone": _by_phone,
    "postcode": _by_postcode,
    "city": _by_text,
    "address": _by_address,
    "identifier": _by_identifier,
    "text": _by_text,
    "number": _by_number,
}
