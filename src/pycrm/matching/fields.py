"""What the columns of a table hold, read into integer codes of match keys.

A column becomes its distinct keys (a `Vocabulary`) and one code a row; everything after works on codes and meets a string
once a distinct value. A multi-valued cell (a list of e-mails) becomes a row of codes.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray
from pandas.errors import InvalidIndexError

from pycrm import normalise
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.matching.keys import keys_of
from pycrm.table import Frame, column, eager

__all__ = [
    "Column",
    "Kind",
    "Records",
    "Stacked",
    "Vocabulary",
    "and_none",
    "canonical_order",
    "read_cells",
    "read_records",
]

Kind: TypeAlias = Literal[
    "given_name",
    "surname",
    "full_name",
    "date",
    "email",
    "phone",
    "postcode",
    "city",
    "address",
    "identifier",
    "text",
    "number",
]
"""What a field holds: it decides the match key, the levels of agreement and the blocks."""

KINDS: tuple[str, ...] = get_args(Kind)
MOST_VALUES = 16  # of one multi-valued cell; a record with more is a list of people, not a person


@frozen(eq=False)
class Vocabulary:
    """The distinct keys of a column, and what is compared of them beside the text."""

    kind: str
    keys: NDArray[np.object_]
    _features: dict[str, Any] = field(factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    def feature(self, name: str) -> NDArray[Any]:
        """Return one value a key, made on first use: `tokens`, `words`, `short`, `initial`, `digits`, `values`."""
        found = self._features.get(name)
        if found is None:
            found = self._features[name] = _FEATURES[name](self.keys.tolist(), self.kind)
        return found

    def warm(self) -> None:
        """Make the features that comparing these keys will ask for."""
        for name in _USED.get(self.kind, ()):
            self.feature(name)

    def stacked(self, fresh: list[str]) -> Stacked:
        """Return these keys followed by `fresh` ones, without copying."""
        return Stacked(self, Vocabulary.of(self.kind, fresh))

    def frequencies(self, listed: Mapping[str, float], rare: float) -> NDArray[np.float64]:
        """Return the frequency of each key: the listed one, or `rare`."""
        held = self._features.get("listed")
        if held is None or self._features["listing"] is not listed:
            found = np.fromiter((listed.get(key, -1.0) for key in self.keys.tolist()), float, len(self.keys))
            self._features["listed"] = held = found
            self._features["listing"] = listed
        return np.where(held >= 0.0, held, rare)

    @classmethod
    def of(cls, kind: str, keys: Sequence[str]) -> Vocabulary:
        """Return the vocabulary of `keys`, which are distinct."""
        held = np.empty(len(keys), dtype=object)
        held[:] = keys
        return cls(kind, held)


class Stacked:
    """A vocabulary followed by a few more keys; looks like one where codes are looked up."""

    def __init__(self, base: Vocabulary, extra: Vocabulary) -> None:
        self.kind: str = base.kind
        self._base, self._extra = base, extra
        self.keys: _Rows = _Rows(base.keys, extra.keys)

    def __len__(self) -> int:
        return len(self._base) + len(self._extra)

    def feature(self, name: str) -> _Rows:
        """Return one value a key."""
        return _Rows(self._base.feature(name), self._extra.feature(name))

    def fresh(self) -> list[str]:
        """Return the keys beyond those of the base."""
        return list(self._extra.keys.tolist())


class _Rows:
    """Two arrays one after the other, to be indexed by an array."""

    def __init__(self, base: NDArray[Any], extra: NDArray[Any]) -> None:
        self._base, self._extra, self._n = base, extra, len(base)

    def __getitem__(self, places: NDArray[Any]) -> NDArray[Any]:
        beyond = places >= self._n
        if not beyond.any():
            return np.asarray(self._base[places])
        if beyond.all():
            return np.asarray(self._extra[places - self._n])
        made = np.empty((len(places), *self._base.shape[1:]), dtype=self._base.dtype)
        made[~beyond] = self._base[places[~beyond]]
        made[beyond] = self._extra[places[beyond] - self._n]
        return made


def _hashes(texts: Iterable[str]) -> NDArray[np.int64]:
    return np.array([hash(text) for text in texts], dtype=np.int64)


def _tokens(keys: list[str], _: str) -> NDArray[np.int64]:
    """Hashes of the first four different words, 0 where there is none."""
    made = np.zeros((len(keys), 4), dtype=np.int64)
    for row, key in enumerate(keys):
        for place, word in enumerate(list(dict.fromkeys(key.split(" ")))[:4]):
            made[row, place] = hash(word) or 1
    return made


def _words(keys: list[str], _: str) -> NDArray[np.int64]:
    """How many different words a key has, four at most."""
    return np.fromiter((min(len(set(key.split(" "))), 4) if " " in key else 1 for key in keys), np.int64, len(keys))


def _short(keys: list[str], kind: str) -> NDArray[np.int64]:
    """Hash of the part that may agree where the whole does not: full given name, local part, outward postcode."""
    if kind == "email":
        return np.fromiter((hash(key.partition("@")[0]) for key in keys), np.int64, len(keys))
    if kind == "postcode":
        return np.fromiter((hash(key[: max(2, (len(key) + 1) // 2)]) for key in keys), np.int64, len(keys))
    return np.fromiter((hash(normalise.given_name_key(key)) for key in keys), np.int64, len(keys))


def _digits(keys: list[str], _: str) -> NDArray[np.int8]:
    if not keys:
        return np.empty((0, 8), dtype=np.int8)
    return np.frombuffer("".join(keys).encode(), dtype=np.int8).reshape(len(keys), 8)


def _initial(keys: list[str], _: str) -> NDArray[np.int64]:
    """Return the first letter's code, negative where the key is that letter only."""
    return np.fromiter((-ord(key) if len(key) == 1 else ord(key[0]) for key in keys), np.int64, len(keys))


_FEATURES: dict[str, Callable[[list[str], str], NDArray[Any]]] = {
    "tokens": _tokens,
    "words": _words,
    "short": _short,
    "first": lambda keys, _: _hashes(key.split(" ", 1)[0] for key in keys),
    "last": lambda keys, _: _hashes(key.rsplit(" ", 1)[-1] for key in keys),
    "digits": _digits,
    "initial": _initial,
    "values": lambda keys, _: np.array([float(key) for key in keys], dtype=float),
}


_USED = {
    "given_name": ("tokens", "words", "short", "initial"),
    "surname": ("tokens", "words"),
    "full_name": ("tokens", "words"),
    "date": ("digits",),
    "email": ("short",),
    "postcode": ("short",),
    "number": ("values",),
}


@frozen(eq=False)
class Column:
    """One field of all records: codes into a vocabulary, -1 where missing; two-dimensional where cells hold several values."""

    name: str
    kind: str
    codes: NDArray[np.int32]
    vocabulary: Any
    """A `Vocabulary`, or a `Stacked` one."""

    @property
    def first(self) -> NDArray[np.int32]:
        """The code of the first value of each record."""
        return self.codes if self.codes.ndim == 1 else self.codes[:, 0]

    def shown(self, row: int) -> str | None:
        """Return the keys of one record as text."""
        codes = [code for code in np.atleast_1d(self.codes[row]).tolist() if code >= 0]
        return "; ".join(str(self.vocabulary.keys[code]) for code in codes) or None


@frozen(eq=False)
class Records:
    """A table read for matching, in an order that does not depend on the order of its rows."""

    ids: NDArray[Any]
    columns: tuple[Column, ...]
    like: Any = field(repr=False)
    order: NDArray[np.int64] = field(repr=False)
    """The row of the table that each record was."""
    _places: list[pd.Index[Any]] = field(factory=list, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def row_of(self, id: Any, argument: str) -> int:
        """Return the row of an id; `argument` is who asked, for the error."""
        if not self._places:
            self._places.append(pd.Index(self.ids, dtype=self.ids.dtype))
        try:
            return int(self._places[0].get_loc(id))  # type: ignore[arg-type]  # ids are unique: one place
        except (KeyError, TypeError, InvalidIndexError):
            raise InvalidValueError(argument, id, "there is no record of this id") from None

    def rows_of(self, ids: Sequence[Any], argument: str) -> NDArray[np.int64]:
        """Return the rows of many records; `argument` is who asked, for the error."""
        if len(ids) < 100:
            return np.array([self.row_of(id, argument) for id in ids], dtype=np.int64)
        self.row_of(ids[0], argument)
        found = self._places[0].get_indexer(pd.Index(ids, dtype=object))
        if (found < 0).any():
            self.row_of(ids[int(np.argmax(found < 0))], argument)
        return np.asarray(found, dtype=np.int64)


def read_records(frame: Frame, id: str, fields: Mapping[str, str]) -> Records:
    """Return the records of `frame`, sorted by the hash of their id.

    Raises
    ------
    InvalidValueError
        If there are no fields, or a kind is unknown.
    InvalidDataError
        Naming the row whose id is missing or repeated, or whose value is neither text, number nor date.
    """
    if not _is_mapping(fields) or not fields:
        raise InvalidValueError("fields", fields, "give at least one column with its kind, as in {'email': 'email'}")
    for name, kind in fields.items():
        if kind not in KINDS:
            raise InvalidValueError(f"fields[{name!r}]", kind, f"use one of {', '.join(KINDS)}")
        if name == id:
            raise InvalidValueError("fields", name, "the id tells records apart and cannot be compared; leave it out")
    table = eager(frame)
    ids = column(table, id)
    order = _checked_order(ids, id)
    columns = tuple(_read(table, name, kind, order) for name, kind in fields.items())
    return Records(ids[order], columns, table.to_native(), order)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def canonical_order(ids: NDArray[Any]) -> NDArray[np.int64]:
    """Return an order of `ids` that does not depend on theirs, by a hash that is the same in every process."""
    return np.argsort(_hashed(ids), kind="stable").astype(np.int64)


def _hashed(ids: NDArray[Any]) -> NDArray[Any]:
    if ids.dtype.kind in "iu":
        return ids
    texts = ids.tolist()
    if pd.api.types.infer_dtype(texts, skipna=False) != "string":
        texts = [str(value) for value in texts]
    return np.asarray(pd.util.hash_array(np.array(texts, dtype=object), categorize=False))


def and_none(values: NDArray[Any]) -> NDArray[np.object_]:
    """Return `values` with None after them, where a code of -1 finds it."""
    made = np.empty(len(values) + 1, dtype=object)
    made[:-1] = values
    return made


def _checked_order(ids: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Return the canonical order of ids that are there and unique; only equal hashes are looked at closely."""
    missing = pd.isna(ids) if ids.ndim == 1 else np.ones(len(ids), dtype=bool)
    if np.any(missing):
        raise InvalidDataError(name, int(np.argmax(missing)), None, "every record needs an id")
    hashed = _hashed(ids)
    order = np.argsort(hashed, kind="stable").astype(np.int64)
    if (hashed[order[1:]] == hashed[order[:-1]]).any():
        try:
            repeated = np.asarray(pd.Series(ids, dtype=ids.dtype).duplicated())
        except TypeError:
            raise InvalidDataError(name, None, ids.dtype, "ids are numbers or text") from None
        if repeated.any():
            row = int(np.argmax(repeated))
            raise InvalidDataError(
                name, row, ids[row], "ids must be unique; number the rows, or drop exact repeats first"
            )
    return order


def _read(table: Any, name: str, kind: str, order: NDArray[np.int64]) -> Column:
    native = table[name].to_native() if name in table.columns else column(table, name)
    values = native if isinstance(native, pd.Series) else np.asarray(table[name].to_numpy())
    try:
        codes, uniques = pd.factorize(values)
        several = any(isinstance(value, tuple | frozenset) for value in uniques[:1000])
    except TypeError:
        several = True
    if several:
        return _read_several(np.asarray(values, dtype=object), name, kind, order)
    texts = np.asarray(uniques, dtype=object).tolist()
    if pd.api.types.infer_dtype(uniques, skipna=False) != "string":
        texts = [_written(value, name, np.asarray(codes), code) for code, value in enumerate(texts)]
    if kind == "email" and ";" in "\n".join(texts):
        return _read_several(np.asarray(values, dtype=object), name, kind, order)
    codes = np.asarray(codes)[order]
    there = codes >= 0
    recoded = np.full(len(codes), -1, dtype=np.int64)
    recoded[there], kept = pd.factorize(codes[there])
    key_codes, keys = _coded(kind, np.array(texts, dtype=object)[kept].tolist())
    full = np.append(key_codes, -1).astype(np.int32)
    return Column(name, kind, full[recoded], Vocabulary.of(kind, keys))


def read_cells(cells: Sequence[Any], name: str, kind: str) -> Column:
    """Return the column of a few records, in their order."""
    values = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        values[row] = cell
    return _read_several(values, name, kind, np.arange(len(cells)))


def _read_several(values: NDArray[np.object_], name: str, kind: str, order: NDArray[np.int64]) -> Column:
    cells = [_cell(values[row], name, row, kind) for row in order.tolist()]
    width = max(map(len, cells), default=1) or 1
    texts: dict[str, int] = {}
    raw = np.full((len(cells), width), -1, dtype=np.int64)
    for row, cell in enumerate(cells):
        for place, text in enumerate(cell):
            raw[row, place] = texts.setdefault(text, len(texts))
    key_codes, keys = _coded(kind, list(texts))
    codes = np.append(key_codes, -1).astype(np.int32)[raw]
    codes = -np.sort(-codes, axis=1)  # what is missing last, so that the first slot is filled where any is
    return Column(name, kind, codes if width > 1 else codes[:, 0], Vocabulary.of(kind, keys))


def _cell(value: Any, name: str, row: int, kind: str) -> list[str]:
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        several = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
    elif isinstance(value, str):
        several = value.split(";") if kind == "email" else [value]
    else:
        several = [value]
    texts = [_written(one, name, None, row) for one in several if not (one is None or _is_nan(one))]
    if len(texts) > MOST_VALUES:
        raise InvalidDataError(name, row, f"{len(texts)} values", f"a record may hold at most {MOST_VALUES}")
    return texts


def _is_nan(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return value is pd.NA or value is pd.NaT or (isinstance(value, np.datetime64) and bool(np.isnat(value)))


def _coded(kind: str, texts: list[str]) -> tuple[NDArray[np.int64], list[str]]:
    keys = keys_of(kind, texts)
    if len(keys) < 32:
        known: dict[str, int] = {}
        return np.array(
            [-1 if key is None else known.setdefault(key, len(known)) for key in keys], dtype=np.int64
        ), list(known)
    codes, uniques = (
        pd.factorize(np.array(keys, dtype=object)) if keys else (np.empty(0, np.int64), np.empty(0, object))
    )
    return codes.astype(np.int64), uniques.tolist()


def _written(value: Any, name: str, codes: NDArray[Any] | None, code: int) -> str:
    """`value` as text; `code` finds its first row where it is refused."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(value)
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[D]"))
    if isinstance(value, dt.date):
        return value.isoformat()[:10]
    if type(value).__name__ == "Decimal":
        return str(value)
    row = int(np.argmax(codes == code)) if codes is not None else code
    raise InvalidDataError(name, row, value, "give text, a number, a date, or a list of them")
