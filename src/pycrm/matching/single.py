"""One new record against a handful of others, without arrays: the same levels and weights as in bulk, at a tenth of the time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, JaroWinkler

from pycrm.matching.comparison import CLOSE, LEVELS, SIMILAR, SWAPPED
from pycrm.matching.engine import SHARED, Weigher
from pycrm.matching.fields import Column
from pycrm.normalise import given_name_key

__all__ = ["SingleWeigher", "level_of"]


def level_of(kind: str, a: str, b: str) -> int:
    """Return the level of two keys of a kind, as `comparison.compare` does for many.

    Examples
    --------
    >>> level_of("surname", "garcia lopez", "garcia"), level_of("date", "19800102", "19800201")
    (4, 3)
    """
    if a == b:
        return len(LEVELS[kind]) - 1
    return _LEVEL[kind](a, b)


def _text(a: str, b: str) -> int:
    likeness = JaroWinkler.similarity(a, b)
    return int(likeness >= SIMILAR) + int(likeness >= CLOSE)


def _words(a: str, b: str) -> tuple[int, int, int]:
    """Words shared, and of the shorter and the longer, where one has several; else nothing is shared."""
    if " " not in a and " " not in b:
        return 0, 1, 1
    first, second = list(dict.fromkeys(a.split(" ")))[:4], list(dict.fromkeys(b.split(" ")))[:4]
    if len(first) < 2 and len(second) < 2:
        return 0, 1, 1
    shared = sum(word in second for word in first)
    return shared, min(len(first), len(second)), max(len(first), len(second))


def _given_name(a: str, b: str) -> int:
    if given_name_key(a) == given_name_key(b) or (a[0] == b[0] and (len(a) == 1 or len(b) == 1)):
        return 3
    shared, fewest, _ = _words(a, b)
    return 3 if shared == fewest else _text(a, b)


def _surname(a: str, b: str) -> int:
    shared, fewest, _ = _words(a, b)
    if shared == fewest:
        return 4
    level = _text(a, b)
    return 3 if level == 2 else 2 if shared else level


def _full_name(a: str, b: str) -> int:
    shared, fewest, most = _words(a, b)
    if shared == most == fewest:
        return 5
    if shared == fewest and fewest > 1:
        return 4
    likeness = max(JaroWinkler.similarity(a, b), fuzz.token_sort_ratio(a, b) / 100.0)
    return 3 if likeness >= CLOSE else 2 if shared > 1 else int(likeness >= SIMILAR)


def _date(a: str, b: str) -> int:
    places = [place for place in range(8) if a[place] != b[place]]
    count = len(places)
    if count == 1:
        return 3
    if count == 2:
        low, high = places
        if high - low == 1 and a[low] == b[high] and a[high] == b[low]:
            return 3
    if a[:4] == b[:4]:
        return 3 if a[4:6] == b[6:] and a[6:] == b[4:6] else 2 if count == 2 else 1
    return 2 if count == 2 else int(a[4:] == b[4:])


def _email(a: str, b: str) -> int:
    likeness = JaroWinkler.similarity(a, b)
    same = a.partition("@")[0] == b.partition("@")[0]
    return 2 if same or likeness >= 0.96 - 1e-6 else int(likeness >= 0.88 - 1e-6)


def _phone(a: str, b: str) -> int:
    distance = OSA.distance(a, b, score_cutoff=2)
    return int(distance <= 2) + int(distance <= 1)


def _postcode(a: str, b: str) -> int:
    if OSA.distance(a, b, score_cutoff=1) <= 1:
        return 2
    return int(a[: max(2, (len(a) + 1) // 2)] == b[: max(2, (len(b) + 1) // 2)])


def _identifier(a: str, b: str) -> int:
    return int(OSA.distance(a, b, score_cutoff=1) <= 1)


def _address(a: str, b: str) -> int:
    likeness = fuzz.ratio(a, b)
    return int(likeness >= 70 - 1e-4) + int(likeness >= 88 - 1e-4)


def _number(a: str, b: str) -> int:
    x, y = float(a), float(b)
    apart = abs(x - y) / max(abs(x), abs(y), float(np.finfo(float).tiny))
    return int(apart <= 0.1) + int(apart <= 0.01)


_LEVEL: dict[str, Callable[[str, str], int]] = {
    "given_name": _given_name,
    "surname": _surname,
    "full_name": _full_name,
    "date": _date,
    "email": _email,
    "phone": _phone,
    "postcode": _postcode,
    "city": _text,
    "address": _address,
    "identifier": _identifier,
    "text": _text,
    "number": _number,
}


class SingleWeigher:
    """The weight of one record beside rows of a table whose cells hold one value each."""

    def __init__(
        self, weigher: Weigher, columns: Sequence[Column], rules: Sequence[Sequence[int]], by_rule: float
    ) -> None:
        self._columns = columns
        self._kinds = [column.kind for column in columns]
        self._top = [len(LEVELS[kind]) - 1 for kind in self._kinds]
        self._keys = [column.vocabulary.keys for column in columns]
        self._weights = [weight.tolist() for weight in weigher.weights]
        self._alike = [
            ([weight.tolist() for weight in weights], float(share), parts)
            for weights, share, parts in zip(weigher.alike, weigher.shares, weigher.parts, strict=True)
        ]
        self._adjustments = weigher.adjustments
        self._prior = weigher.model.prior_weight
        self._rules, self._by_rule = rules, by_rule
        self._names = self._place_of("given_name"), self._place_of("surname"), self._place_of("full_name")

    def _place_of(self, kind: str) -> int:
        """Return the only field of a kind, -1 where there is none or several."""
        return self._kinds.index(kind) if self._kinds.count(kind) == 1 else -1

    def weigh(self, row: int, keys: Sequence[str | None]) -> float:
        """Return the weight of a row of the table and the keys of a record."""
        levels: list[int] = []
        theirs: list[Any] = []
        codes: list[int] = []
        for number, key in enumerate(keys):
            code = int(self._columns[number].codes[row])
            other = self._keys[number][code] if code >= 0 else None
            codes.append(code)
            theirs.append(other)
            levels.append(-1 if key is None or other is None else level_of(self._kinds[number], other, key))
        self._names_once(levels, theirs, keys)
        fields = by_chance = shared = 0.0
        for number, level in enumerate(levels):
            fields += self._weights[number][level]
            if level == self._top[number] and len(self._adjustments[number]):
                adjusted = float(self._adjustments[number][codes[number]])
                if self._kinds[number] in SHARED:
                    shared += adjusted
                else:
                    by_chance += adjusted
        least = fields + shared
        for weights, share, parts in self._alike:
            if all(self._agree(number, part, levels, theirs, keys) for number, part in parts):
                least = min(least, share + sum(weight[level] for weight, level in zip(weights, levels, strict=True)))
        total = self._prior + by_chance + least
        for rule in self._rules:
            if all(levels[number] == self._top[number] for number in rule):
                return max(total, self._by_rule)
        return total

    def _agree(
        self, number: int, part: str, levels: Sequence[int], theirs: Sequence[Any], keys: Sequence[str | None]
    ) -> bool:
        if part == self._columns[number].name:
            return levels[number] == self._top[number]
        one, other = theirs[number], keys[number]
        if one is None or other is None:
            return False
        if part.endswith("/last"):
            return bool(one.rpartition(" ")[2] == other.rpartition(" ")[2])
        return bool(one.partition(" ")[0] == other.partition(" ")[0])

    def _names_once(self, levels: list[int], theirs: Sequence[Any], keys: Sequence[str | None]) -> None:
        """Mark names that changed places, and count a name once that is given whole and in parts."""
        given, family, whole = self._names
        if given < 0 or family < 0:
            return
        if (
            0 <= levels[given] < 3
            and 0 <= levels[family] < 3
            and theirs[given] == keys[family]
            and theirs[family] == keys[given]
        ):
            levels[given], levels[family] = SWAPPED, -1
        if whole < 0:
            return
        if levels[given] >= 0 and (levels[family] >= 0 or levels[given] == SWAPPED):
            levels[whole] = -1
        elif levels[whole] >= 0:
            levels[given] = levels[family] = -1
