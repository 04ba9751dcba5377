"""The match keys of many distinct values at once: the same as one by one, and ten times sooner where values are plain.

Plain ASCII values are lowered, stripped of punctuation and cut apart as one long string; whatever is not plain takes the
full way through `pycrm.normalise`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pycrm import normalise
from pycrm.normalise import NOBODY_DATES, NOBODY_DOMAINS, NOBODY_LOCALS, NOBODY_NAMES, STREET_NOISE, STREET_WORDS

__all__ = ["keys_of"]

_PLAIN_EMAIL = re.compile(r"[a-z0-9._-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]{2,24}")
_PLAIN_DATE = re.compile(r"(?:19|20)[0-9]{2}(-?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|1[0-9]|2[0-8])")
_PUNCTUATION = str.maketrans(
    {chr(c): " " for c in range(128) if not chr(c).isalnum() and chr(c) not in "\n'`"} | {"'": "", "`": ""}
)
_DIALLED = str.maketrans("", "", " -.()/+")
_NO_DIGIT = re.compile(r"[^0-9]+")
_EXTENSION = re.compile(r"(?i)\s*(?:ext\.?|x|#)\s*\d+\s*$")
_GMAIL = {"gmail.com", "googlemail.com"}


def _email(text: str) -> str | None:
    key = normalise.email_key(text)
    return None if key is None or normalise.is_placeholder(key, "email") else key


def _phone(text: str) -> str | None:
    """Return the last nine digits: the same with and without country code or trunk zero."""
    digits = _NO_DIGIT.sub("", _EXTENSION.sub("", text))
    return None if len(digits) < 6 or normalise.is_placeholder(digits, "phone") else digits[-9:]


def _date(text: str) -> str | None:
    """Return a calendar date, or eight digits that are none: a typing error in a date is still evidence."""
    key = normalise.date_key(text)
    if key is not None:
        return None if normalise.is_placeholder(key, "date") else key.replace("-", "")
    digits = _NO_DIGIT.sub("", text[:32])
    return digits if len(digits) == 8 and len(set(digits)) > 1 else None


def _name(text: str) -> str | None:
    if text.isascii() and text.isalpha():  # one plain word: nothing to turn round or to leave out
        low = text.lower()
        if len(low) < 200 and len(set(low)) > 1 and low not in NOBODY_NAMES:
            return low
    return None if normalise.is_placeholder(text, "name") else normalise.name_key(text)


def _identifier(text: str) -> str | None:
    key = normalise.fold(text)
    if key is None or normalise.is_placeholder(key, "identifier"):
        return None
    return key.replace(" ", "")


def _postcode(text: str) -> str | None:
    key = normalise.postcode_key(text)
    return None if key is None or normalise.is_placeholder(key, "postcode") else key


def _number(text: str) -> str | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return repr(value) if math.isfinite(value) else None


_KEYS: dict[str, Callable[[str], str | None]] = {
    "given_name": _name,
    "surname": _name,
    "full_name": _name,
    "date": _date,
    "email": _email,
    "phone": _phone,
    "postcode": _postcode,
    "city": normalise.fold,
    "address": normalise.address_key,
    "identifier": _identifier,
    "text": normalise.fold,
    "number": _number,
}


def keys_of(kind: str, values: Sequence[str]) -> list[str | None]:
    """Return the match key of each of many distinct values; None where there is none, or a placeholder.

    Examples
    --------
    >>> keys_of("email", ["Ana@Example.com", "test@x.com", "a.b+c@gmail.com"])
    ['ana@example.com', None, 'ab@gmail.com']
    """
    if kind == "date":
        return _dates(values)
    one = _KEYS[kind]
    many = _MANY.get(kind)
    if many is None or len(values) < 64:
        return [one(value) for value in values]
    joined = "\n".join(values)
    if not joined.isascii() or joined.count("\n") != len(values) - 1 or max(map(len, values)) > 200:
        half = len(values) // 2
        return keys_of(kind, values[:half]) + keys_of(kind, values[half:])
    return many(joined, values)


def _dates(values: Sequence[str]) -> list[str | None]:
    plain = _PLAIN_DATE.fullmatch
    return [
        text.replace("-", "") if plain(text) and text not in NOBODY_DATES and "-" in text else _date(text)
        for text in values
    ]


def _emails(joined: str, values: Sequence[str]) -> list[str | None]:
    plain = _PLAIN_EMAIL.fullmatch
    made: list[str | None] = []
    for low, value in zip(joined.lower().split("\n"), values, strict=True):
        if not plain(low):
            made.append(_email(value))
            continue
        local, _, domain = low.partition("@")
        if domain in _GMAIL:
            local, domain = local.replace(".", "") or local, "gmail.com"
        made.append(None if local in NOBODY_LOCALS or domain in NOBODY_DOMAINS else f"{local}@{domain}")
    return made


def _phones(joined: str, values: Sequence[str]) -> list[str | None]:
    dialled = joined.translate(_DIALLED).split("\n")
    made: list[str | None] = [digits[-9:] for digits in dialled]
    length = np.fromiter(map(len, dialled), np.int64, len(dialled))
    unsure = length < 8
    for size in np.unique(length[length >= 8]).tolist():
        rows = np.flatnonzero(length == size)
        text = "".join([dialled[row] for row in rows.tolist()])
        unsure[rows] = ~_are_plain_phones(np.frombuffer(text.encode(), dtype=np.uint8).reshape(len(rows), size))
    for row in np.flatnonzero(unsure).tolist():
        made[row] = _phone(values[row])
    return made


def _are_plain_phones(digits: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which rows of characters are figures that can be told to be no placeholder at a glance: not few, and not counting."""
    figures = ((digits >= 48) & (digits <= 57)).all(axis=1)
    tail = np.sort(digits[:, -8:], axis=1)
    different = 1 + (np.diff(tail, axis=1) != 0).sum(axis=1)
    step = (digits[:, 1:] - digits[:, :-1] + np.uint8(10)) % 10
    counting = np.zeros(len(digits), dtype=bool)
    for by in (1, 9):
        run = step == by
        counting |= (run[:, :-2] & run[:, 1:-1] & run[:, 2:]).any(axis=1)
    return np.asarray(figures & (different > 3) & ~counting)


def _texts(joined: str, _: Sequence[str]) -> list[str | None]:
    return [" ".join(text.split()) or None for text in joined.lower().translate(_PUNCTUATION).split("\n")]


def _addresses(joined: str, _: Sequence[str]) -> list[str | None]:
    written, noise = STREET_WORDS.get, STREET_NOISE
    made: list[str | None] = []
    for text in joined.lower().translate(_PUNCTUATION).split("\n"):
        words = [written(word, word) for word in text.split()]
        if noise.isdisjoint(words):
            made.append(" ".join(words) or None)
        else:
            made.append(" ".join([word for word in words if word not in noise] or words))
    return made


_MANY: dict[str, Callable[[str, Sequence[str]], list[str | None]]] = {
    "email": _emails,
    "phone": _phones,
    "text": _texts,
    "city": _texts,
    "address": _addresses,
}
