"""What the sources say, kept as it came; and, where the caller says so, brought up to date under the same key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import attrs
from attrs import define, field

from pycrm.errors import InvalidValueError
from pycrm.model.checks import listed
from pycrm.model.correction import CORRECTION
from pycrm.model.import_run import ImportOutcome, RowStatus
from pycrm.model.predicate import where
from pycrm.model.privacy import RequestKind, SubjectRequest
from pycrm.model.source import SourceRecord
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.identify.merging import retell
from pycrm.workflows.identify.state import few
from pycrm.workflows.identify.surviving import Surviving

__all__ = ["OnMatch", "register"]

OnMatch = Literal["refuse", "skip", "update", "replace"]
"""What becomes of a row whose key is there already and said something else."""

_AT_ONCE = 500


def register(
    store: Store,
    records: Iterable[SourceRecord],
    *,
    on_match: OnMatch = "refuse",
    dry_run: bool = False,
    surviving: Surviving | None = None,
    actor: str | None = None,
) -> Sequence[ImportOutcome]:
    """Keep source records; one that is there already, by source and key, is skipped, so a file may come twice.

    A record that says something else than the one of the same key is refused unless told otherwise: what a source said is not
    overwritten by accident. To keep both, give the later one a key of its own ("4711@2026-05-01"); the rules find that it speaks
    of the same customer. A record that spoke of somebody who was erased (`pycrm.workflows.privacy.erase`) is always refused, so
    a file that is read again does not bring him back; who comes back by himself comes under a new key.

    Parameters
    ----------
    store : Store
        Where.
    records : iterable of SourceRecord
        What the sources say.
    on_match : {"refuse", "skip", "update", "replace"}
        Of a key that said something else before: refuse the row, leave what is there, put what the row says over it and keep
        the rest, or let the row stand in its place. A row older than what is there never changes it. What only the former
        words made of a customer is taken from him; whom they speak of, the next `resolve` says.
    dry_run : bool
        Whether nothing is written, and the outcomes are what would happen.
    surviving : Surviving, optional
        As it is given to `resolve`.
    actor : str, optional
        Who does it, for the audit trail.

    Returns
    -------
    sequence of ImportOutcome
        One a record, in the order given.

    Raises
    ------
    InvalidValueError
        If `on_match` is none of these.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from pycrm.storage import MemoryStore
    >>> store, may = MemoryStore(), datetime(2026, 5, 1, tzinfo=UTC)
    >>> first = SourceRecord(source="shop", key="1", received_at=may, fields={"city": "Vigo", "language": "es"})
    >>> second = attrs.evolve(first, fields={"city": "Lugo"})
    >>> [str(one.status) for one in register(store, [first])]
    ['added']
    >>> [(str(one.status), one.reason) for one in register(store, [second], on_match="update", dry_run=True)]
    [('updated', 'it changed city')]
    >>> [(str(one.status), one.reason) for one in register(store, [second], on_match="replace", dry_run=True)]
    [('replaced', 'it changed city, language')]
    """
    if on_match not in {"refuse", "skip", "update", "replace"}:
        raise InvalidValueError("on_match", on_match, "choose refuse, skip, update or replace")
    given = listed("records", records, SourceRecord)
    with store.begin(read_only=dry_run, actor=actor, cause="identify.register") as unit:
        made = _Registering(_held(unit, given), _erased(unit), on_match)
        outcomes = [made.take(row, record) for row, record in enumerate(given)]
        if not dry_run:
            unit.of(SourceRecord).put_many(made.fresh.values())
            retell(unit, {record.id: record for record in made.changed.values()}, surviving or Surviving())
            unit.commit()
    return outcomes


@define
class _Registering:
    """One file on its way in: what is there by key, what is new, and what says something else than it did."""

    held: dict[tuple[str, str], SourceRecord]
    is_erased: Callable[[SourceRecord], bool]
    on_match: OnMatch
    fresh: dict[tuple[str, str], SourceRecord] = field(factory=dict)
    changed: dict[tuple[str, str], SourceRecord] = field(factory=dict)

    def take(self, row: int, record: SourceRecord) -> ImportOutcome:
        """Return what becomes of a row, and keep it for writing."""
        name = (record.source, record.key)
        status, reason = self._judged(name, record)
        return ImportOutcome(row, status, f"{record.source}:{record.key}", reason)

    def _judged(self, name: tuple[str, str], record: SourceRecord) -> tuple[RowStatus, str | None]:
        if record.source == CORRECTION:
            return RowStatus.REFUSED, "corrections are made by privacy.rectify; give the source another name"
        if self.is_erased(record):
            return RowStatus.REFUSED, "it spoke of a person who was erased"
        known = self.held.get(name)
        if known is None:
            self.held[name] = self.fresh[name] = record
            return RowStatus.ADDED, None
        if known.fields == record.fields:
            return RowStatus.SKIPPED, "it is there already"
        if self.on_match == "refuse":
            return RowStatus.REFUSED, "this key said something else before"
        if self.on_match == "skip":
            return RowStatus.SKIPPED, "this key said something else before, which stays"
        if record.received_at < known.received_at:
            return RowStatus.SKIPPED, "what is there was received later"
        fields = {**known.fields, **record.fields} if self.on_match == "update" else record.fields
        after = attrs.evolve(known, received_at=record.received_at, fields=fields)
        if after.fields == known.fields:
            return RowStatus.SKIPPED, "it says nothing new"
        self.held[name] = after
        (self.fresh if name in self.fresh else self.changed)[name] = after
        status = RowStatus.UPDATED if self.on_match == "update" else RowStatus.REPLACED
        return status, f"it changed {', '.join(_differing(known.fields, after.fields))}"


def _differing(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return sorted(
        name for name in {*before, *after} if (name in before, before.get(name)) != (name in after, after.get(name))
    )


def _erased(unit: UnitOfWork) -> Callable[[SourceRecord], bool]:
    """Return whether a record spoke of somebody who was erased; what it said is not known any more, its digest is."""
    erasures = few(unit, SubjectRequest, "kind", [str(RequestKind.ERASE)])
    digests = {digest for request in erasures for digest in request.records}
    return lambda record: bool(digests) and record.digest in digests


def _held(unit: UnitOfWork, given: Sequence[SourceRecord]) -> dict[tuple[str, str], SourceRecord]:
    """Return what is there of the keys given: asked for by key where they are few, else read whole."""
    keys = list(dict.fromkeys(record.key for record in given))
    asked = (
        [where("key").is_in(keys[start : start + _AT_ONCE]) for start in range(0, len(keys), _AT_ONCE)]
        if len(keys) <= 10 * _AT_ONCE
        else [None]
    )
    repository = unit.of(SourceRecord)
    return {
        (known.source, known.key): known
        for condition in asked
        for batch in repository.stream(Query(SourceRecord, condition))
        for known in batch
    }
