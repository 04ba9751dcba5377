"""What identifying does, shown on the demonstration's own records: duplicates, one pair in words, a merge and its end."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from attrs import frozen

from pycrm.model.customer import Customer
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.report.escape import plain
from pycrm.report.section import Section, Table
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows import identify

__all__ = ["Shown", "section", "show"]


@frozen
class Shown:
    """The duplicates by what found them, pairs in words, and two customers before a merge, merged, and after its end."""

    decided: tuple[tuple[str, int], ...]
    pairs: tuple[str, ...]
    questions: int
    steps: tuple[tuple[str, str, str, str], ...]
    restored: bool


def show(store: Store, unit: UnitOfWork, found: identify.IdentifyReport, at: datetime) -> Shown:
    """Merge two customers who may be one, take it back, and tell what was seen at each step; the store ends as it began."""
    one, other = _two(store, unit)
    before = _told(store, one, at), _told(store, other, at)
    steps: list[tuple[str, str, str, str]] = [("before", *before[0]), ("before", *before[1])]
    if one != other:
        identify.merge(
            store, one, other, at=at + timedelta(minutes=1), reason="shown in the demonstration", actor="demo"
        )
        steps.append(("merged", *_told(store, one, at)))
        identify.unmerge(store, other, at=at + timedelta(minutes=2), reason="shown in the demonstration", actor="demo")
        steps += [("taken back", *_told(store, one, at)), ("taken back", *_told(store, other, at))]
    return Shown(
        decided=tuple(sorted(found.decided.items(), key=lambda row: (-row[1], row[0]))),
        pairs=tuple(pair.sentence for pair in found.explained[:1]),
        questions=found.questions,
        steps=tuple(steps),
        restored=(_told(store, one, at), _told(store, other, at)) == before,
    )


def _two(store: Store, unit: UnitOfWork) -> tuple[UUID, UUID]:
    """Return the customers of the question nearest to even odds that is open, or, where none is, the first two there are."""
    now = identities(link for batch in unit.of(IdentityLink).stream(Query(IdentityLink)) for link in batch)
    for question in identify.questions(store):
        if now[question.left_id] != now[question.right_id]:
            return now[question.left_id], now[question.right_id]
    first = [now[record.id] for record in unit.of(SourceRecord).page(Query(SourceRecord), size=50).items]
    return first[0], next((one for one in first if one != first[0]), first[0])


def _told(store: Store, customer: UUID, at: datetime) -> tuple[str, str, str]:
    """Return a customer's name, what he holds, and whether he may be written to."""
    file = identify.file_of(store, customer, at=at + timedelta(minutes=3))
    who: Customer = file.customer
    ended = "".join(f", {status}" for status in sorted({str(entry.status) for entry in file.consents}))
    return (
        plain(who.display_name),
        f"{len(file.records)} records, {len(file.orders)} orders, {len(file.interactions)} interactions",
        f"{len(file.consents)} consent entries{ended}",
    )


def section(shown: Shown) -> Section:
    """Return what was seen as a section of the report."""
    named = {
        "new": "first of its customer",
        "model": "probabilistic engine",
        "together": "joined with records found to be one",
    }
    sentences = [
        "Two customers were merged and the merge was taken back: "
        + (
            "both are as they were, with their records, orders and consent."
            if shown.restored
            else "they are not what they were, which is a fault; please report it."
        )
    ]
    if shown.pairs:
        sentences.insert(0, f"A pair that no exact rule found: {' '.join(map(plain, shown.pairs[0].split()))}")
    if shown.questions:
        sentences.append(
            f"{shown.questions:,} pairs wait for a person: identify.questions lists them, identify.decide answers."
        )
    return Section(
        name="who is who",
        title="Who is who",
        sentences=tuple(sentences),
        tables=(
            Table(
                caption="How each record found its customer",
                heads=("By", "Records"),
                rows=tuple((named.get(rule, rule.replace("_", " ")), f"{count:,}") for rule, count in shown.decided),
                numbers=frozenset({1}),
            ),
            Table(
                caption="A merge, and its end",
                heads=("When", "Customer", "Holds", "Consent"),
                rows=shown.steps,
            ),
        ),
    )
