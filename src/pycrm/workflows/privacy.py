"""Privacy: what a person may ask of whoever keeps his data, and what becomes of data nobody needs any more.

Access and export tell what is held, why, since when and what for; rectify corrects it; restrict stops its use; erase takes the
identity out of everything and keeps the books and the counts; retention does so by itself, after the time the rules give. All
read the handlings of the nouns (`pycrm.model.handlings`), so a noun that nobody described is refused, never passed over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import Conflict, InvalidValueError, NotFound, Transient
from pycrm.model.consent import LegalBasis
from pycrm.model.correction import correction_of, is_correction
from pycrm.model.custom import CustomFields
from pycrm.model.customer import Customer, Processing
from pycrm.model.feed import ChangeFeed
from pycrm.model.privacy import Fate, Handling, RequestKind, RetentionPolicy, SubjectRequest
from pycrm.model.source import IdentityLink, SourceRecord
from pycrm.model.time import instant
from pycrm.serialize import to_plain
from pycrm.storage.erasure import Erased, Mention, erase_people
from pycrm.storage.mapping import EntityMap
from pycrm.storage.person import Person, handlings_of, person_of
from pycrm.storage.protocols import Audited, Scrubbing, Store, UnitOfWork
from pycrm.storage.retention import RetentionItem, apply_retention, overdue

__all__ = [
    "ErasureReport",
    "Held",
    "RetentionItem",
    "RetentionReport",
    "SubjectData",
    "access",
    "erase",
    "export",
    "rectify",
    "restrict",
    "retention",
]


@frozen(kw_only=True)
class Held:
    """What is held of one kind.

    Parameters
    ----------
    table : str
        The kind.
    purpose, use : str
        Why it is held, and what it is used for.
    basis : LegalBasis
        Why that is lawful.
    since : datetime or date, optional
        Of the oldest record; None where the kind knows no date.
    on_erasure : Fate
        What an erasure does.
    records : tuple of mapping
        The records as plain data, without who of us wrote them.
    """

    table: str
    purpose: str
    use: str
    basis: LegalBasis
    since: datetime | date | None
    on_erasure: Fate
    records: tuple[Mapping[str, Any], ...]


@frozen(kw_only=True)
class SubjectData:
    """Everything that is held about one person.

    Parameters
    ----------
    customer_ids : tuple of UUID
        Every id he is known by, his own first.
    as_of : datetime
        When it was looked up.
    processing : Processing
        Whether it is used.
    held : tuple of Held
        By kind.
    corrections : tuple of mapping
        What was changed about him, and when.
    """

    customer_ids: tuple[UUID, ...]
    as_of: datetime
    processing: Processing
    held: tuple[Held, ...]
    corrections: tuple[Mapping[str, Any], ...] = ()

    def as_json(self) -> str:
        """Return it as JSON that a machine reads: everything, with nothing left out."""
        plain = {
            "customer_ids": [str(one) for one in self.customer_ids],
            "as_of": self.as_of.isoformat(),
            "processing": str(self.processing),
            "held": [
                {
                    "kind": held.table,
                    "purpose": held.purpose,
                    "used_for": held.use,
                    "legal_basis": str(held.basis),
                    "since": None if held.since is None else held.since.isoformat(),
                    "on_erasure": str(held.on_erasure),
                    "records": list(held.records),
                }
                for held in self.held
            ],
            "corrections": list(self.corrections),
        }
        return json.dumps(plain, ensure_ascii=False, indent=2)

    def as_text(self) -> str:
        """Return it as text that a person reads: what, why, since when, what for, and each record."""
        lines = [
            f"What we hold about you, as of {self.as_of.date().isoformat()}",
            f"Its use is {self.processing}. We know you by {len(self.customer_ids)} number(s): "
            + ", ".join(map(str, self.customer_ids)),
        ]
        for held in self.held:
            since = "" if held.since is None else f", since {held.since.isoformat()[:10]}"
            erasure = _ON_ERASURE[held.on_erasure]
            lines += [
                "",
                f"{held.table.replace('_', ' ').capitalize()}: {len(held.records)} record(s){since}",
                f"  Why: {held.purpose} ({str(held.basis).replace('_', ' ')}).",
                f"  Used for: {held.use}.",
                f"  If you ask us to erase it, it is {erasure}.",
            ]
            for record in held.records:
                lines.append("  - " + "; ".join(f"{name.replace('_', ' ')}: {text}" for name, text in _told(record)))
        for one in self.corrections:
            lines += ["", f"Changed on {one['at'][:10]}:"]
            for name, change in one["fields"].items():
                before, after = (json.dumps(change[when], ensure_ascii=False) for when in ("before", "after"))
                lines.append(f"  - {name.replace('_', ' ')}: from {before} to {after}")
        return "\n".join(lines) + "\n"


_ON_ERASURE = {
    Fate.DELETE: "deleted",
    Fate.REDACT: "kept without what says who you are",
    Fate.KEEP: "kept: it says nothing of who you are",
}


def _told(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in record.items():
        if name != "version" and value not in (None, "", [], {}):
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _given(handling: Handling, row: Any) -> dict[str, Any]:
    return {
        each.name: to_plain(getattr(row, each.name))
        for each in attrs.fields(type(row))
        if each.name != "version" and handling.of(each.name).is_given
    }


def _held(person: Person, handlings: Mapping[EntityMap, Handling]) -> tuple[Held, ...]:
    found = []
    for map, rows in person.rows.items():
        handling = handlings[map]
        dates = [when for row in rows if (when := _since(handling, row)) is not None]
        found.append(
            Held(
                table=map.table,
                purpose=handling.purpose,
                use=handling.use,
                basis=handling.basis,
                since=min(dates, default=None, key=lambda when: when.isoformat()),
                on_erasure=handling.fate,
                records=tuple(_given(handling, row) for row in rows),
            )
        )
    return tuple(found)


def _since(handling: Handling, row: Any) -> datetime | date | None:
    return None if handling.since is None else getattr(row, handling.since)


def _is_about(person: Person) -> Customer:
    """Return the customer a person is now."""
    for rows in person.rows.values():
        for row in rows:
            if isinstance(row, Customer) and row.id == person.customer_ids[0]:
                return row
    raise NotFound("Customer", person.customer_ids[0])


def access(store: Store, customer_id: UUID, *, at: datetime) -> SubjectData:
    """Return everything held about a person: what, why, since when and what for; under every id he was known by.

    Parameters
    ----------
    store : Store
        Where.
    customer_id : UUID
        Any id of his; that of somebody merged into him does.
    at : datetime
        Now.

    Raises
    ------
    NotFound
        If there is no such customer.
    InvalidValueError
        If a noun of the store has no handling.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.customer import PersonName
    >>> from pycrm.storage import MemoryStore
    >>> store = MemoryStore()
    >>> ana = Customer(name=PersonName(given="Ana"))
    >>> with store.begin() as unit:
    ...     _ = unit.of(Customer).add(ana)
    ...     unit.commit()
    >>> print(access(store, ana.id, at=datetime(2026, 5, 1, tzinfo=UTC)).held[0].purpose)
    to know whom we deal with and where he is reached
    """
    now = instant(at)
    with store.begin(read_only=True) as unit:
        handlings = handlings_of(unit)
        person = person_of(unit, customer_id)
        return SubjectData(
            customer_ids=person.customer_ids,
            as_of=now,
            processing=_is_about(person).processing,
            held=_held(person, handlings),
            corrections=tuple(_corrections(unit, person)),
        )


def _corrections(unit: UnitOfWork, person: Person) -> Iterator[dict[str, Any]]:
    if not isinstance(unit, Audited):
        return
    for map, rows in person.rows.items():
        for row in rows if issubclass(map.model, Customer) else ():
            for change in unit.history(map.model, row.id):
                if change.fields:
                    fields = {name: {"before": old, "after": new} for name, (old, new) in change.fields.items()}
                    yield {"id": str(row.id), "at": change.at.isoformat(), "fields": fields}


def export(
    store: Store, customer_id: UUID, *, at: datetime, received_at: datetime | None = None, actor: str | None = None
) -> str:
    """Return everything held about a person as JSON to be handed over, and keep an entry that it was done.

    Raises
    ------
    NotFound
        If there is no such customer.
    """
    data = access(store, customer_id, at=at)
    counts = {held.table: len(held.records) for held in data.held}
    with store.begin(actor=actor, cause="privacy.export") as unit:
        unit.of(SubjectRequest).add(
            SubjectRequest(
                kind=RequestKind.EXPORT,
                customer_id=data.customer_ids[0],
                customer_ids=data.customer_ids,
                received_at=data.as_of if received_at is None else received_at,
                done_at=data.as_of,
                counts=counts,
            )
        )
        unit.commit()
    return data.as_json()


def rectify(
    store: Store,
    customer_id: UUID,
    changes: Mapping[str, Any],
    *,
    at: datetime,
    received_at: datetime | None = None,
    actor: str | None = None,
) -> Customer:
    """Correct what is held about a person; what stood there before, who changed it and when is in the audit trail.

    The correction is kept as a source record that no source outvotes, however new: `identify.resolve` keeps to it, and an address
    that was taken away does not come back with the next file.

    Parameters
    ----------
    store : Store
        Where.
    customer_id : UUID
        Any id of his.
    changes : mapping of str to object
        Fields of `Customer`, and what is right.
    at, received_at : datetime
        Now, and when it was asked for.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    NotFound
        If there is no such customer.
    InvalidValueError
        If a field is not one that is corrected this way, its value is none, or the person was erased.
    """
    now = instant(at)
    with store.begin(actor=actor, cause="privacy.rectify") as unit:
        handlings = handlings_of(unit)
        person = person_of(unit, customer_id)
        customer = _is_about(person)
        _refuse_erased(customer)
        handling = next(held for map, held in handlings.items() if map.model is type(customer))
        known = {each.name for each in attrs.fields(type(customer))}
        for name in changes:
            if name not in known or name == "processing" or not handling.of(name).is_corrected:
                correct = sorted(
                    each for each in handling.fields if handling.of(each).is_corrected and each != "processing"
                )
                raise InvalidValueError("changes", name, f"correct one of {', '.join(correct)}")
        after = attrs.evolve(customer, **changes)
        if after != customer:
            _keep_correction(unit, person, customer, after, now)
            after = unit.of(type(customer)).save(after)
            _enter(unit, RequestKind.RECTIFY, person, received_at, now, {"fields": len(changes)})
            unit.commit()
    return after


def _keep_correction(unit: UnitOfWork, person: Person, before: Customer, after: Customer, now: datetime) -> None:
    """Keep a correction beside what the sources say of him; where none speaks of him, nothing can overwrite it."""
    links = sorted(person.of(IdentityLink), key=lambda link: (link.decided_at, str(link.id)))
    first = {link.record_id: link.customer_id for link in reversed(links)}
    records = [record for record in person.of(SourceRecord) if not is_correction(record)]
    if not records:
        return
    # One that was his from the beginning: taking a merge back leaves the correction with him.
    about = min(records, key=lambda one: (first.get(one.id) != before.id, one.received_at, one.source, one.key))
    made = correction_of(before, after, about=about.id, at=now)
    if made is not None:
        unit.of(SourceRecord).add(made)
        unit.of(IdentityLink).add(
            IdentityLink(
                record_id=made.id,
                customer_id=before.id,
                rule="correction",
                decided_at=now,
                reason="it says how he was corrected",
                mate_id=about.id,
            )
        )


def _refuse_erased(customer: Customer) -> None:
    if customer.processing is Processing.ERASED:
        raise InvalidValueError(
            "customer_id", customer.id, "this person was erased; nothing is held that says who it is"
        )


def _enter(
    unit: UnitOfWork,
    kind: RequestKind,
    person: Person,
    received_at: datetime | None,
    now: datetime,
    counts: Mapping[str, Any],
) -> None:
    unit.of(SubjectRequest).add(
        SubjectRequest(
            kind=kind,
            customer_id=person.customer_ids[0],
            customer_ids=person.customer_ids,
            received_at=now if received_at is None else received_at,
            done_at=now,
            counts=CustomFields(counts),
        )
    )


def restrict(
    store: Store,
    customer_id: UUID,
    *,
    at: datetime,
    lift: bool = False,
    received_at: datetime | None = None,
    actor: str | None = None,
) -> Customer:
    """Stop the use of a person's data, or allow it again: what is held stays, nobody contacts or assesses him.

    `may_contact` then refuses with the reason ``restricted``, and the workflows pass him over. Restricting who is restricted
    already changes nothing.

    Parameters
    ----------
    store : Store
        Where.
    customer_id : UUID
        Any id of his; all of them are restricted.
    at, received_at : datetime
        Now, and when it was asked for.
    lift : bool
        Whether the restriction ends.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    NotFound
        If there is no such customer.
    InvalidValueError
        If the person was erased.
    """
    now = instant(at)
    aim = Processing.ALLOWED if lift else Processing.RESTRICTED
    with store.begin(actor=actor, cause="privacy.lift" if lift else "privacy.restrict") as unit:
        person = person_of(unit, customer_id)
        _refuse_erased(_is_about(person))
        changed = 0
        for map, rows in person.rows.items():
            for row in rows if issubclass(map.model, Customer) else ():
                if row.processing is not aim and unit.of(map.model).find(row.id) is not None:
                    unit.of(map.model).save(attrs.evolve(row, processing=aim))
                    changed += 1
        if changed:
            _enter(unit, RequestKind.LIFT if lift else RequestKind.RESTRICT, person, received_at, now, {"ids": changed})
            unit.commit()
    with store.begin(read_only=True) as unit:
        return _is_about(person_of(unit, customer_id))


@frozen(kw_only=True)
class ErasureReport:
    """What an erasure did, and what is left to do.

    Parameters
    ----------
    customer_ids : tuple of UUID
        Every id the person was known by.
    counts : mapping of str to int
        Records by what became of them; empty where nothing was left to erase.
    mentions : tuple of Mention
        Records about others in whose free text the full name still stands: for a person to read.
    request : SubjectRequest, optional
        The entry that was kept; None where nothing was left to erase.
    left_to_host : tuple of str
        Where old bytes may remain that the store does not reach.
    """

    customer_ids: tuple[UUID, ...]
    counts: Mapping[str, int]
    mentions: tuple[Mention, ...]
    request: SubjectRequest | None
    left_to_host: tuple[str, ...]


def erase(
    store: Store,
    customer_id: UUID,
    *,
    at: datetime,
    received_at: datetime | None = None,
    reason: str = "request",
    search: bool = True,
    actor: str | None = None,
) -> ErasureReport:
    """Erase a person: his identity leaves every record, audit entry, event and result; the books and the counts stay.

    Asked for somebody merged into another, it erases the one person they are. Asked again, it erases what has come since, or
    nothing. His id stays, and says nothing any more; his stage is `erased`, which nothing follows. It cannot be undone, and a
    backup that is restored repeats it (`pycrm.storage.restore`).

    Parameters
    ----------
    store : Store
        Where.
    customer_id : UUID
        Any id of his.
    at, received_at : datetime
        Now, and when it was asked for.
    reason : str
        A code; never a word of who it was.
    search : bool
        Whether the free text of everybody's records is searched for his addresses and numbers, which reads them all.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    NotFound
        If there is no such customer, and nobody of that id was erased before.
    InvalidValueError
        If a noun of the store has no handling, or the store cannot redact.
    """
    now = instant(at)
    asked = SubjectRequest(
        kind=RequestKind.ERASE,
        customer_id=customer_id,
        received_at=now if received_at is None else received_at,
        done_at=now,
        reason=reason,
    )
    return _reported(_erased(store, asked, search=search, actor=actor), _scrubbed(store))


_ATTEMPTS = 5


def _erased(store: Store, asked: SubjectRequest, *, search: bool, actor: str | None) -> Erased:
    """Erase in one unit of work, and again where the feed of changes went on meanwhile: its publisher never stops."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with store.begin(actor=actor, cause="privacy.erase") as unit:
                done = erase_people(unit, [asked], search=search)
                unit.commit()
                return done
        except Conflict as error:
            if error.model != ChangeFeed.__name__ or attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")  # pragma: no cover


def _reported(done: Erased, left: tuple[str, ...]) -> ErasureReport:
    return ErasureReport(
        customer_ids=done.customer_ids,
        counts=done.counts,
        mentions=done.mentions,
        request=next(iter(done.requests), None),
        left_to_host=left,
    )


def _scrubbed(store: Store) -> tuple[str, ...]:
    if not isinstance(store, Scrubbing):
        return ("whatever this store keeps beside its records: it has no scrub()",)
    try:
        return store.scrub()
    except Transient as error:
        return (f"call store.scrub() again: {error}",)


@frozen(kw_only=True)
class RetentionReport:
    """What a retention run did, or would do."""

    version: str
    as_of: datetime
    dry_run: bool
    items: tuple[RetentionItem, ...] = field(factory=tuple)
    left_to_host: tuple[str, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many records of each kind."""
        return Counter(item.table for item in self.items)


def retention(
    store: Store,
    policy: RetentionPolicy,
    as_of: datetime,
    *,
    dry_run: bool = True,
    actor: str | None = None,
) -> RetentionReport:
    """Delete or blank what has been kept long enough; unless told otherwise, only say what and why.

    A record's time counts from the date its handling names; a customer's from the last thing that is known of him, and what then
    happens is an erasure. A record that another still refers to is left, and the report says so.

    Parameters
    ----------
    store : Store
        Where.
    policy : RetentionPolicy
        The rules; the first that fits a record counts.
    as_of : datetime
        Now.
    dry_run : bool
        Whether nothing is changed.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If a rule names a kind of data that the store has not got, or one that knows no date.
    """
    now = instant(as_of)
    with store.begin(read_only=dry_run, actor=actor, cause=f"privacy.retention {policy.version}") as unit:
        items = list(overdue(unit, policy, now))
        if dry_run:
            return RetentionReport(version=policy.version, as_of=now, dry_run=True, items=tuple(items))
        done = tuple(apply_retention(unit, items, now))
        unit.commit()
    left = _scrubbed(store) if any(item.done for item in done) else ()
    return RetentionReport(version=policy.version, as_of=now, dry_run=False, items=done, left_to_host=left)
