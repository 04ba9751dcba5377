"""What the sources say, kept as it came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pycrm.model.import_run import ImportOutcome, RowStatus
from pycrm.model.predicate import where
from pycrm.model.source import SourceRecord
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["register"]

_AT_ONCE = 500


def register(store: Store, records: Iterable[SourceRecord], *, actor: str | None = None) -> Sequence[ImportOutcome]:
    """Keep source records; one that is there already, by source and key, is skipped, so a file may come twice.

    A record that says something else than the one of the same key is refused: what a source said is never overwritten. Give a
    correction a key of its own ("4711@2026-05-01"); the rules find that it speaks of the same customer.

    Parameters
    ----------
    store : Store
        Where.
    records : iterable of SourceRecord
        What the sources say.
    actor : str, optional
        Who does it, for the audit trail.

    Returns
    -------
    sequence of ImportOutcome
        One a record, in the order given.
    """
    given = list(records)

    def work(unit: UnitOfWork) -> list[ImportOutcome]:
        held = _held(unit, given)
        outcomes: list[ImportOutcome] = []
        fresh: list[SourceRecord] = []
        for row, record in enumerate(given):
            key = f"{record.source}:{record.key}"
            known = held.get((record.source, record.key))
            if known is None:
                held[record.source, record.key] = record
                fresh.append(record)
                outcomes.append(ImportOutcome(row, RowStatus.ADDED, key))
            elif known.fields == record.fields:
                outcomes.append(ImportOutcome(row, RowStatus.SKIPPED, key, "it is there already"))
            else:
                outcomes.append(ImportOutcome(row, RowStatus.REFUSED, key, "this key said something else before"))
        unit.of(SourceRecord).put_many(fresh)
        return outcomes

    with store.begin(actor=actor, cause="identify.register") as unit:
        outcomes = work(unit)
        unit.commit()
    return outcomes


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
