"""New records against a table that is resolved: the mates of one in less than a millisecond, or of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.matching.blocking import WINDOW, BlockRule, Parts, candidate_pairs
from pycrm.matching.clusters import Constraints, cluster
from pycrm.matching.comparison import levels_of_columns
from pycrm.matching.engine import probabilities
from pycrm.matching.fields import Column, Records, Vocabulary, canonical_order, read_cells, read_records
from pycrm.matching.keys import keys_of
from pycrm.matching.resolution import BY_RULE, FAINT, Resolution, Scorer, named
from pycrm.matching.single import SingleWeigher
from pycrm.table import Frame, build

__all__ = ["Match", "MatchIndex"]

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

_MIX = np.int64(1_000_003_000_007)
_MANY = 100  # mates from which arrays are sooner than one by one


@frozen
class Match:
    """A record that may be the same person as a new one.

    Parameters
    ----------
    id : Any
        Of the record.
    cluster : Any
        The cluster it is in.
    weight : float
        Log2 of the odds that the two are one person.
    probability : float
        The same as a probability.
    """

    id: Any
    cluster: Any
    weight: float
    probability: float


@frozen(eq=False)
class _Block:
    """One rule's keys of the base, sorted, and the rows they belong to."""

    parts: tuple[tuple[int, str], ...]
    """Of each part the field's number, and the piece of it (empty: all of it)."""
    keys: Rows
    rows: Rows


class MatchIndex:
    """The records of a resolution, ready to be asked.

    Parameters
    ----------
    resolution : Resolution
        With a model; made by `resolve`.
    block_cap : int
        Of a block with more records than this only the first few are looked at.

    Raises
    ------
    NotEstimableError
        If the resolution has no model (it was made by rules only).

    Examples
    --------
    >>> from pycrm.matching import resolve
    >>> people = {"key": [1, 2, 3], "email": ["ana@example.com", "carl@example.com", "dora@example.com"]}
    >>> index = MatchIndex(resolve(people, id="key", fields={"email": "email"}))
    >>> [match.id for match in index.find({"email": "CARL@example.com"}, least=0.0)]
    [2]
    """

    def __init__(self, resolution: Resolution, *, block_cap: int = 200) -> None:
        if resolution.model is None:
            raise NotEstimableError(
                "the mates of a new record", "the resolution was made by rules only and has no model"
            )
        self.resolution = resolution
        self._cap = block_cap
        self._columns = resolution.records.columns
        self._names = [held.name for held in self._columns]
        self._scorer = resolution.scorer
        parts = Parts(self._columns)
        self._pieces: dict[tuple[int, str], dict[str, int]] = {}
        for number, held in enumerate(self._columns):
            self._pieces[number, ""] = dict(
                zip(held.vocabulary.keys.tolist(), range(len(held.vocabulary)), strict=True)
            )
            held.vocabulary.warm()
        rules = tuple(dict.fromkeys((*resolution.model.rules, *resolution.rules)))
        self._blocks = tuple(self._block(rule, parts) for rule in rules)
        weigher = self._scorer.weigher
        simple = weigher is not None and all(held.codes.ndim == 1 for held in self._columns)
        self._single = (
            SingleWeigher(weigher, self._columns, self._scorer.rules, BY_RULE) if weigher and simple else None
        )

    def _block(self, rule: BlockRule, parts: Parts) -> _Block:
        placed = []
        keys = np.zeros(len(self.resolution.records), dtype=np.int64)
        there = np.ones(len(keys), dtype=bool)
        rows = np.arange(len(keys))
        for part in rule:
            name = parts.column_of(part)
            number, piece = self._names.index(name), "" if part == name else part.rpartition("/")[2]
            placed.append((number, piece))
            codes = parts.codes(part)
            if piece and (number, piece) not in self._pieces:
                known = self._pieces[number, piece] = {}
                for code, text in enumerate(Parts.pieces(self._columns[number], piece)):
                    known.setdefault(text, code)
                firsts = np.fromiter((known[text] for text in Parts.pieces(self._columns[number], piece)), np.int64)
                codes = np.append(firsts, -1)[self._columns[number].codes]
            if codes.ndim > 1:
                keys, there, rows = (
                    np.repeat(keys, codes.shape[1]),
                    np.repeat(there, codes.shape[1]),
                    np.repeat(rows, codes.shape[1]),
                )
                codes = codes[rows[:: codes.shape[1]]].ravel()
            else:
                codes = codes[rows]
            there &= codes >= 0
            keys = keys * _MIX + codes
        keys, rows = keys[there], rows[there]
        order = np.argsort(keys, kind="stable")
        return _Block(tuple(placed), keys[order], rows[order])

    def find(self, record: Mapping[str, Any], *, least: float | None = None, limit: int = 10) -> tuple[Match, ...]:
        """Return the records most probably the same person as `record`, the most probable first.

        Parameters
        ----------
        record : mapping of str to Any
            The fields of the new record by their column's name; those left out are missing.
        least : float, optional
            The probability a match must have; by default the threshold of the resolution.
        limit : int
            The most matches to return.

        Raises
        ------
        InvalidValueError
            If a field is not one of the resolution's.
        """
        if not _is_mapping(record):
            raise InvalidValueError(
                "record", record, "give a mapping of field to value, as in {'email': 'ana@example.com'}"
            )
        unknown = [name for name in record if name not in self._names]
        if unknown:
            raise InvalidValueError("record", unknown[0], f"the index knows the fields {', '.join(self._names)}")
        single = self._one_by_one(record) if self._single else None
        if single is None:
            new = [self._placed(number, [record.get(name)]) for number, name in enumerate(self._names)]
            rows = self._mates(new, 1)[1]
            weight = self._weigh(rows, np.zeros(len(rows), dtype=np.int64), new)
        else:
            rows, weight = single
        if not rows.size:
            return ()
        probability = probabilities(weight)
        bar = self.resolution.threshold if least is None else least
        order = np.lexsort((rows, -weight))[:limit]
        ids, labels = self.resolution.records.ids, self.resolution.labels
        return tuple(
            Match(
                _plain(ids[rows[place]]), _plain(labels[rows[place]]), float(weight[place]), float(probability[place])
            )
            for place in order.tolist()
            if probability[place] > bar
        )

    def _one_by_one(self, record: Mapping[str, Any]) -> tuple[Rows, Floats] | None:
        """Return the mates of a record of single values and their weights; None where that is not the sooner way."""
        keys: list[str | None] = []
        for held in self._columns:
            value = record.get(held.name)
            if value is not None and (not isinstance(value, str) or (held.kind == "email" and ";" in value)):
                return None
            keys.append(None if value is None else keys_of(held.kind, [value])[0])
        mates: set[int] = set()
        for block in self._blocks:
            wanted = self._key_of(block, keys)
            if wanted is None:
                continue
            low = int(block.keys.searchsorted(wanted))
            if low == len(block.keys) or block.keys[low] != wanted:
                continue
            high = int(block.keys.searchsorted(wanted, side="right"))
            mates.update(block.rows[low : high if high - low <= self._cap else low + WINDOW].tolist())
            if len(mates) > _MANY:
                return None
        rows = sorted(mates)
        assert self._single is not None
        weight = [self._single.weigh(row, keys) for row in rows]
        return np.array(rows, dtype=np.int64), np.array(weight, dtype=float)

    def _key_of(self, block: _Block, keys: Sequence[str | None]) -> np.int64 | None:
        """Return the key of one record in a block: the same arithmetic as in bulk, which wraps at 64 bits."""
        mixed = 0
        for number, piece in block.parts:
            key = keys[number]
            if key is None:
                return None
            code = self._pieces[number, piece].get(Parts.cut(self._columns[number].kind, piece)(key) if piece else key)
            if code is None:
                return None
            mixed = (mixed * int(_MIX) + code + 2**63) % 2**64 - 2**63
        return np.int64(mixed)

    def link(self, frame: Frame, *, id: str) -> Any:
        """Return the pairs of new records and those of the base, as a frame `left` (new), `right`, `weight`, `probability`."""
        records, new = self._read(frame, id)
        left, right = self._mates(new, len(records))
        weight = self._weigh(right, left, new)
        kept = weight > np.log2(FAINT)
        return build(
            {
                "left": records.ids[left[kept]],
                "right": self.resolution.records.ids[right[kept]],
                "weight": weight[kept],
                "probability": probabilities(weight[kept]),
            },
            records.like,
        )

    def extend(self, frame: Frame, *, id: str) -> Resolution:
        """Return the resolution of the base and new records together, without comparing the base with itself again.

        The same as resolving all records at once with the same model, but for blocks beyond the cap. Constraints of the first
        run are not known here: they are given to `resolve`.

        Raises
        ------
        InvalidDataError
            If a new record bears the id of one in the base.
        """
        records, new = self._read(frame, id)
        base = self.resolution.records
        again = np.isin(records.ids, base.ids)
        if again.any():
            raise InvalidDataError(
                id, int(records.order[np.argmax(again)]), records.ids[np.argmax(again)], "the base has this id"
            )
        n = len(base)
        left, right = self._mates(new, len(records))
        weight = self._weigh(right, left, new)
        merged = tuple(_merged(held, extra) for held, extra in zip(self._columns, new, strict=True))
        ids = np.concatenate([base.ids, records.ids]) if len(records) else base.ids
        among = Records(
            records.ids, tuple(evolve(held, codes=held.codes[n:]) for held in merged), base.like, records.order
        )
        rules = (
            tuple(dict.fromkeys((*self.resolution.model.rules, *self.resolution.rules)))
            if self.resolution.model
            else ()
        )
        first, second, capped = candidate_pairs(among, rules, cap=self._cap)
        rows = np.concatenate([self.resolution.rows, right, first + n])
        others = np.concatenate([self.resolution.others, left + n, second + n])
        order = canonical_order(ids)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        whole = Records(ids[order], tuple(evolve(held, codes=held.codes[order]) for held in merged), base.like, order)
        scorer = Scorer(whole, self.resolution.model, self.resolution.rules)
        rows, others = place[rows], place[others]
        rows, others = np.minimum(rows, others), np.maximum(rows, others)
        inner = len(self.resolution.rows) + len(right)
        weight = np.concatenate([self.resolution.weight, weight, scorer(rows[inner:], others[inner:])])
        kept = np.flatnonzero(weight > np.log2(FAINT))
        kept = kept[np.lexsort((others[kept], rows[kept]))]
        rows, others, weight = rows[kept], others[kept], weight[kept]
        threshold = self.resolution.threshold
        bar = float(np.log2(threshold / (1.0 - threshold)))
        none = np.empty(0, dtype=np.int64)
        made = cluster(
            len(whole), rows, others, weight - bar,
            score=lambda a, b: scorer(a, b) - bar, constraints=Constraints((none, none), (none, none)),
        )  # fmt: skip
        return named(
            whole,
            rows,
            others,
            weight,
            made,
            scorer,
            threshold,
            (*self.resolution.capped, *capped),
            self.resolution.rules,
            None,
        )

    def _read(self, frame: Frame, id: str) -> tuple[Records, list[Column]]:
        kinds = {held.name: held.kind for held in self._columns}
        records = read_records(frame, id, kinds)
        return records, [self._renumbered(number, held) for number, held in enumerate(records.columns)]

    def _placed(self, number: int, cells: Sequence[Any]) -> Column:
        held = self._columns[number]
        return self._renumbered(number, read_cells(cells, held.name, held.kind))

    def _renumbered(self, number: int, column: Column) -> Column:
        """Return the column with the codes of the base, and higher ones for keys that the base has not."""
        known, held = self._pieces[number, ""], self._columns[number].vocabulary
        keys = column.vocabulary.keys.tolist()
        codes: list[int] = []
        fresh: list[str] = []
        for key in keys:
            code = known.get(key, -1)
            if code < 0:
                code = len(held) + len(fresh)
                fresh.append(key)
            codes.append(code)
        table = np.array([*codes, -1], dtype=np.int32)
        return Column(column.name, column.kind, table[column.codes], held.stacked(fresh))

    def _mates(self, new: Sequence[Column], count: int) -> tuple[Rows, Rows]:
        """Pairs (new row, base row) that a rule lets meet, each once."""
        found = []
        for block in self._blocks:
            keys = np.zeros(count, dtype=np.int64)
            rows = np.arange(count)
            there = np.ones(count, dtype=bool)
            for number, piece in block.parts:
                codes = self._codes_of(new[number], number, piece)
                if codes.ndim > 1:
                    wide = codes.shape[1]
                    codes = codes[rows].ravel()
                    keys, rows, there = np.repeat(keys, wide), np.repeat(rows, wide), np.repeat(there, wide)
                else:
                    codes = codes[rows]
                there = there & (codes >= 0)
                keys = keys * _MIX + codes
            keys, rows = keys[there], rows[there]
            if not keys.size:
                continue
            low = np.searchsorted(block.keys, keys, side="left")
            size = np.searchsorted(block.keys, keys, side="right") - low
            size = np.where(size > self._cap, WINDOW, size)
            if not size.any():
                continue
            start = np.repeat(low - np.cumsum(size) + size, size)
            found.append((np.repeat(rows, size), block.rows[start + np.arange(len(start))]))
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        n = len(self.resolution.records)
        pairs = np.unique(np.concatenate([a * n + b for a, b in found]))
        return pairs // n, pairs % n

    def _codes_of(self, column: Column, number: int, piece: str) -> NDArray[Any]:
        if not piece:
            return column.codes
        known = self._pieces[number, piece]
        cut = Parts.cut(column.kind, piece)
        shape = column.codes.shape
        texts = [
            None if code < 0 else column.vocabulary.keys[np.array([code])][0] for code in column.codes.ravel().tolist()
        ]
        return np.array([-1 if text is None else known.get(cut(text), -1) for text in texts], dtype=np.int64).reshape(
            shape
        )

    def _weigh(self, base: Rows, new_rows: Rows, new: Sequence[Column]) -> Floats:
        if not base.size:
            return np.empty(0)
        levels = levels_of_columns(self._columns, new, base, new_rows)
        return self._scorer.of_levels(levels, base, new_rows, new)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _merged(held: Column, extra: Column) -> Column:
    """Return base and new rows as one column of one vocabulary."""
    one, two = np.atleast_2d(held.codes.T).T, np.atleast_2d(extra.codes.T).T
    width = max(one.shape[1], two.shape[1])
    codes = np.full((len(one) + len(two), width), -1, dtype=np.int32)
    codes[: len(one), : one.shape[1]] = one
    codes[len(one) :, : two.shape[1]] = two
    keys = [*held.vocabulary.keys.tolist(), *extra.vocabulary.fresh()]
    return Column(held.name, held.kind, codes if width > 1 else codes[:, 0], Vocabulary.of(held.kind, keys))
