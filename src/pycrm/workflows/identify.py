"""Identify: one customer list out of many sources.

Source records are kept as they came; who they speak of is an append-only decision beside them, and the customer is what
survives of his records, made anew each time. So nothing a source said is ever lost, and every decision can be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_code, tuple_of
from pycrm.model.consent import ConsentEntry, may_contact
from pycrm.model.contact import Channel, ContactKind, ContactPoint
from pycrm.model.contact_policy import Suppression
from pycrm.model.customer import Customer, ExternalId, Identifier, PersonName
from pycrm.model.import_run import ImportOutcome, RowStatus
from pycrm.model.interaction import Interaction
from pycrm.model.lifecycle import Stage, StageChange, stage_of
from pycrm.model.order import Order
from pycrm.model.predicate import where
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.model.time import instant
from pycrm.normalise import date_key, email_key, is_placeholder, name_key, phone_key, tax_id_key
from pycrm.storage import identity
from pycrm.storage.lookups import consents_by_customer, united_consents
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = [
    "RULES",
    "CustomerFile",
    "IdentifyReport",
    "ListPull",
    "ListRow",
    "Rule",
    "aliases",
    "file_of",
    "merge",
    "pull_list",
    "register",
    "resolve",
    "unmerge",
]

FIELDS = ("given_name", "family_name", "full_name", "email", "phone", "birth_date", "tax_id", "country", "language")
"""What a source record may say, by these names; anything else is kept, and not read here."""


@frozen
class Rule:
    """Two records that agree on all these keys speak of one customer.

    Parameters
    ----------
    name : str
        What the decision is called.
    keys : tuple of str
        Of "email", "phone", "tax_id", "name", "given_name", "family_name", "birth_date".

    Examples
    --------
    >>> Rule("phone_and_name", ("phone", "given_name")).keys
    ('phone', 'given_name')
    """

    name: str = field(validator=is_code)
    keys: tuple[str, ...] = field(validator=tuple_of(str))

    def __attrs_post_init__(self) -> None:
        unknown = [key for key in self.keys if key not in _KEYS]
        if unknown or not self.keys:
            raise InvalidValueError("keys", self.keys, f"choose from {', '.join(_KEYS)}")


def _email(fields: Mapping[str, Any]) -> str | None:
    text = fields.get("email")
    return None if text is None or is_placeholder(text, "email") else email_key(text)


def _phone(fields: Mapping[str, Any]) -> str | None:
    text = fields.get("phone")
    return None if text is None or is_placeholder(text, "phone") else phone_key(text, fields.get("country"))


def _tax_id(fields: Mapping[str, Any]) -> str | None:
    text = fields.get("tax_id")
    return None if text is None or is_placeholder(text, "identifier") else tax_id_key(text, fields.get("country"))


def _name(fields: Mapping[str, Any]) -> str | None:
    full = fields.get("full_name")
    parts = (fields.get("given_name"), fields.get("family_name"))
    return name_key(full or " ".join(part for part in parts if part))


_KEYS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "email": _email,
    "phone": _phone,
    "tax_id": _tax_id,
    "name": _name,
    "given_name": lambda fields: name_key(fields.get("given_name")),
    "family_name": lambda fields: name_key(fields.get("family_name")),
    "birth_date": lambda fields: date_key(_as_text(fields.get("birth_date"))),
}

RULES = (
    Rule("tax_id", ("tax_id",)),
    Rule("email", ("email",)),
    Rule("phone_and_family_name", ("phone", "family_name")),
    Rule("name_and_birth_date", ("name", "birth_date")),
)
"""The exact rules, any of which suffices."""


@frozen(kw_only=True)
class IdentifyReport:
    """What identifying found.

    Parameters
    ----------
    records : int
        Source records in the store.
    customers : int
        Customers they speak of.
    added, changed : int
        Customers that are new, or know something new, since the last time.
    duplicates : int
        Records beyond the first of their customer.
    decided : Mapping of str to int
        How many records each rule decided this time; "new" is no match.
    conflicts : tuple of tuple of UUID
        Customers that a rule now says are one, but were kept apart so far: left for a person to decide.
    completeness : Mapping of str to float
        Share of the customers of whom each field is known.
    addressability : Mapping of str to int
        Customers who may be reached over each channel for `purpose`, permission included.
    purpose : str
        The purpose asked about.
    """

    records: int
    customers: int
    added: int
    changed: int
    duplicates: int
    decided: Mapping[str, int]
    conflicts: tuple[tuple[UUID, ...], ...]
    completeness: Mapping[str, float]
    addressability: Mapping[str, int]
    purpose: str


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
        repository = unit.of(SourceRecord)
        held = {(known.source, known.key): known for batch in repository.stream(Query(SourceRecord)) for known in batch}
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
        repository.put_many(fresh)
        return outcomes

    with store.begin(actor=actor, cause="identify.register") as unit:
        outcomes = work(unit)
        unit.commit()
    return outcomes


def resolve(
    store: Store,
    *,
    at: datetime,
    rules: Sequence[Rule] = RULES,
    purpose: str = "marketing",
    actor: str | None = None,
) -> IdentifyReport:
    """Decide whom each source record speaks of, and bring the customer list up to date.

    Records that share every key of a rule are one customer, through as many steps as it takes. A customer keeps his id; of
    several values of a field the one received last survives, contact points and identifiers are all kept. Two customers who
    exist already are never merged on the quiet: they are reported.

    Parameters
    ----------
    store : Store
        With the source records that `register` kept.
    at : datetime
        Now.
    rules : sequence of Rule
        Any of them suffices.
    purpose : str
        What addressability asks permission for.
    actor : str, optional
        Who does it, for the audit trail.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> store, now = MemoryStore(), datetime(2026, 5, 1, tzinfo=UTC)
    >>> said = [{"given_name": "Ana", "email": "ANA@example.com"}, {"family_name": "Ruiz", "email": "ana@example.com"}]
    >>> rows = [SourceRecord(source="shop", key=str(n), received_at=now, fields=f) for n, f in enumerate(said)]
    >>> [outcome.status.value for outcome in register(store, rows)]
    ['added', 'added']
    >>> report = resolve(store, at=now)
    >>> report.customers, report.duplicates
    (1, 1)
    """
    at = instant(at)
    with store.begin(actor=actor, cause="identify.resolve") as unit:
        report = _resolve(unit, at, tuple(rules), purpose)
        unit.commit()
    return report


def _resolve(unit: UnitOfWork, at: datetime, rules: tuple[Rule, ...], purpose: str) -> IdentifyReport:
    records = sorted(_all(unit, SourceRecord), key=lambda record: (record.received_at, record.source, record.key))
    links = identities(_all(unit, IdentityLink))
    customers = {customer.id: customer for customer in _all(unit, Customer)}
    group, decided_by = _groups(records, rules)
    group = _with_customers(group, [links.get(record.id) for record in records])

    members: dict[int, list[SourceRecord]] = {}
    for index, record in enumerate(records):
        members.setdefault(group[index], []).append(record)

    decided: dict[str, int] = {}
    new_links: list[IdentityLink] = []
    changed: list[Customer] = []
    conflicts: list[tuple[UUID, ...]] = []
    rule_of = {record.id: decided_by.get(index, "new") for index, record in enumerate(records)}
    added = 0
    for group_records in members.values():
        known = list(dict.fromkeys(links[record.id] for record in group_records if record.id in links))
        if len(known) > 1:
            conflicts.append(tuple(known))
        fresh = [record for record in group_records if record.id not in links]
        home = known[0] if known else None
        for customer_id in known:
            said = [record for record in group_records if links.get(record.id) == customer_id]
            said += fresh if customer_id == home else []
            after = _survivor(customers[customer_id], said)
            if after != customers[customer_id]:
                changed.append(after)
        if home is None:
            customer = _survivor(None, group_records)
            home, added = customer.id, added + 1
            changed.append(customer)
        for record in fresh:
            rule = rule_of[record.id]
            decided[rule] = decided.get(rule, 0) + 1
            reason = (
                "no rule found it among the records before"
                if rule == "new"
                else f"it agrees on {rule} with a record before"
            )
            new_links.append(
                IdentityLink(record_id=record.id, customer_id=home, rule=rule, decided_at=at, reason=reason)
            )
            links[record.id] = home

    for customer in changed:
        customers[customer.id] = customer
    unit.of(Customer).put_many(changed, on_conflict="update")
    unit.of(IdentityLink).put_many(new_links)
    spoken_of = [customers[id] for id in dict.fromkeys(links.values()) if id in customers]
    return IdentifyReport(
        records=len(records),
        customers=len(spoken_of),
        added=added,
        changed=len(changed) - added,
        duplicates=len(records) - len(spoken_of),
        decided=decided,
        conflicts=tuple(conflicts),
        completeness=_completeness(spoken_of),
        addressability=_addressability(unit, spoken_of, at, purpose),
        purpose=purpose,
    )


def _all(unit: UnitOfWork, model: type[Any]) -> list[Any]:
    return [entity for batch in unit.of(model).stream(Query(model)) for entity in batch]


def _groups(records: Sequence[SourceRecord], rules: tuple[Rule, ...]) -> tuple[list[int], dict[int, str]]:
    """Return the group of each record, and for each but the first of its group the rule that found its place."""
    parent = list(range(len(records)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    decided_by: dict[int, str] = {}
    keys = {key for rule in rules for key in rule.keys}
    written = [{key: _KEYS[key](record.fields) for key in keys} for record in records]
    for rule in rules:
        first: dict[tuple[str | None, ...], int] = {}
        for index, of_record in enumerate(written):
            shared = tuple(of_record[key] for key in rule.keys)
            if any(value is None for value in shared):
                continue
            earlier = first.setdefault(shared, index)
            if earlier != index:
                decided_by.setdefault(index, rule.name)
                low, high = sorted((root(earlier), root(index)))
                parent[high] = low
    return [root(index) for index in range(len(records))], decided_by


def _with_customers(group: Sequence[int], known: Sequence[UUID | None]) -> list[int]:
    """Unite the groups whose records are known to speak of one customer, as after a merge."""
    home: dict[int, int] = {}

    def root(of: int) -> int:
        while home.get(of, of) != of:
            of = home[of]
        return of

    first: dict[UUID, int] = {}
    for of, customer_id in zip(group, known, strict=True):
        if customer_id is not None:
            low, high = sorted((root(first.setdefault(customer_id, of)), root(of)))
            home[high] = low
    return [root(of) for of in group]


def _as_text(value: Any) -> str | None:
    return value.isoformat() if isinstance(value, date) else value


def _last(records: Sequence[SourceRecord], name: str) -> Any:
    """Return what was said last of a field; records are in the order they were received."""
    for record in reversed(records):
        value = record.fields.get(name)
        if value is not None and str(value).strip():
            return value.strip() if isinstance(value, str) else value
    return None


def _survivor(customer: Customer | None, records: Sequence[SourceRecord]) -> Customer:
    """Return the customer that `records` speak of; what no record says stays as it is."""
    parts = {part: _last(records, f"{part}_name") for part in ("given", "family", "full")}
    if parts["given"] or parts["family"]:
        parts["full"] = None
    said: dict[str, Any] = {name: _last(records, name) for name in ("country", "language")}
    if any(parts.values()):
        said["name"] = PersonName(**parts)
    birth = date_key(_as_text(_last(records, "birth_date")))
    said["birth_date"] = None if birth is None or is_placeholder(birth, "date") else date.fromisoformat(birth)
    said = {name: value for name, value in said.items() if value is not None}
    if "country" in said:
        code = str(said["country"]).upper()
        said = (
            {**said, "country": code}
            if len(code) == 2 and code.isalpha()
            else {k: v for k, v in said.items() if k != "country"}
        )

    points = {} if customer is None else {(point.kind, point.normalised): point for point in customer.contact_points}
    identifiers = {} if customer is None else {(known.namespace, known.value): known for known in customer.identifiers}
    externals = () if customer is None else customer.external_ids
    for record in records:
        for kind, name in ((ContactKind.EMAIL, "email"), (ContactKind.PHONE, "phone")):
            raw = record.fields.get(name)
            if (
                isinstance(raw, str)
                and raw.strip()
                and not is_placeholder(raw, "email" if name == "email" else "phone")
            ):
                key = _phone(record.fields) if name == "phone" else None
                point = (
                    ContactPoint(kind=kind, raw=raw)
                    if key is None
                    else ContactPoint(kind=kind, raw=raw, normalised=key)
                )
                points.setdefault((kind, point.normalised), point)
        number = _tax_id(record.fields)
        if number is not None:
            identifiers.setdefault(("tax_id", number), Identifier(namespace="tax_id", value=number))
    own = tuple(ExternalId(_code(record.source), record.key) for record in records)
    said |= {
        "contact_points": tuple(points.values()),
        "identifiers": tuple(identifiers.values()),
        "external_ids": tuple(dict.fromkeys((*externals, *own))),
    }
    earliest = min(record.received_at for record in records)
    if customer is None:
        return Customer(source=records[0].source, first_touch_at=earliest, identified_at=earliest, **said)
    return attrs.evolve(customer, **said).touched(earliest)


def _code(source: str) -> str:
    code = "".join(c if c.isalnum() or c in "_-." else "_" for c in source.lower()).strip(".-")
    return code or "source"


def _completeness(customers: Sequence[Customer]) -> Mapping[str, float]:
    known = {
        "name": lambda customer: customer.name is not None,
        "email": lambda customer: any(point.kind is ContactKind.EMAIL for point in customer.contact_points),
        "phone": lambda customer: any(point.kind is ContactKind.PHONE for point in customer.contact_points),
        "birth_date": lambda customer: customer.birth_date is not None,
        "country": lambda customer: customer.country is not None,
    }
    if not customers:
        return dict.fromkeys(known, 0.0)
    return {name: sum(map(test, customers)) / len(customers) for name, test in known.items()}


def _addressability(unit: UnitOfWork, customers: Sequence[Customer], at: datetime, purpose: str) -> Mapping[str, int]:
    said = consents_by_customer(unit, at)
    channels = (Channel.EMAIL, Channel.PHONE, Channel.SMS)
    return {
        str(channel): sum(
            may_contact(customer, channel, purpose, at, consents=said[customer.id]).allowed
            for customer in customers
            if customer.id in said
        )
        for channel in channels
    }


@frozen(kw_only=True)
class _Merge:
    """A merge as the links tell it: whose records became whose, and when."""

    gone: UUID
    now: UUID
    at: datetime


def _replayed(links: Iterable[IdentityLink]) -> tuple[dict[UUID, UUID], list[_Merge], dict[UUID, list[IdentityLink]]]:
    """Return whom each record was first taken for, the merges still in force, and the links of each record, oldest first."""
    histories: dict[UUID, list[IdentityLink]] = {}
    merges: list[_Merge] = []
    for link in sorted(links, key=lambda link: (link.decided_at, str(link.id))):
        history = histories.setdefault(link.record_id, [])
        if link.rule == "merge" and history:
            made = _Merge(gone=history[-1].customer_id, now=link.customer_id, at=link.decided_at)
            if made not in merges:
                merges.append(made)
        elif link.rule == "unmerge":
            undone = next((made for made in reversed(merges) if made.gone == _taken_back(link)), None)
            if undone is not None and undone.at < link.decided_at:
                merges.remove(undone)
        history.append(link)
    base = {
        record: [link for link in history if link.rule not in {"merge", "unmerge"}][-1].customer_id
        for record, history in histories.items()
    }
    return base, merges, histories


def _taken_back(link: IdentityLink) -> UUID:
    """Return the customer whose merge a link takes back: its reason begins with the id."""
    return UUID(link.reason.partition(" ")[0])


def _after(base: Mapping[UUID, UUID], merges: Iterable[_Merge]) -> dict[UUID, UUID]:
    """Return whom each record speaks of when these merges, and no others, were made."""
    now = dict(base)
    for made in merges:
        for record, customer_id in now.items():
            if customer_id == made.gone:
                now[record] = made.now
    return now


def aliases(store: Store) -> Mapping[UUID, UUID]:
    """Return for each customer who was merged into another who he is now; what speaks of the first speaks of the second.

    Orders, interactions and consent are append-only and keep the id they were written with: read them through this, or with
    `file_of`.
    """
    with store.begin(read_only=True) as unit:
        return {gone: now for gone, (now, _) in identity.aliases(unit).into.items()}


def merge(
    store: Store, winner_id: UUID, loser_id: UUID, *, at: datetime, reason: str, actor: str | None = None
) -> Customer:
    """Decide that two customers are one; return the one that stays.

    Nothing is moved or overwritten: the loser's source records speak of the winner from now on, and what else speaks of the
    loser is found under the winner (`file_of`). So `unmerge` brings both back as they were.

    Parameters
    ----------
    store : Store
        With both customers, each with a source record.
    winner_id, loser_id : UUID
        Who stays, and who becomes an alias of him.
    at : datetime
        Now; later than the decisions about their records so far.
    reason : str
        In words, for the record.
    actor : str, optional
        Who decides, for the audit trail.

    Raises
    ------
    NotFound
        If there is no such customer.
    InvalidValueError
        If they are the same, or one of them has no source records, or a later decision is there already.
    """
    if winner_id == loser_id:
        raise InvalidValueError("loser_id", loser_id, "name two different customers")
    with store.begin(actor=actor, cause="identify.merge") as unit:
        customers = unit.of(Customer).get_many([winner_id, loser_id])
        links = _all(unit, IdentityLink)
        now = identities(links)
        for name, one in (("winner_id", winner_id), ("loser_id", loser_id)):
            if one not in now.values():
                raise InvalidValueError(
                    name, one, "no source record speaks of this customer; register one, or take his merge back"
                )
        moved = [record for record, customer_id in now.items() if customer_id == loser_id]
        _refuse_earlier(links, moved, at)
        said = {record.id: record for record in _all(unit, SourceRecord)}
        unit.of(IdentityLink).put_many(
            IdentityLink(
                record_id=record, customer_id=winner_id, rule="merge", decided_at=at, reason=reason, former_id=loser_id
            )
            for record in moved
        )
        winner, loser = customers
        # A strong identifier has one owner at a time: the loser gives his up before the winner takes them.
        _save_changed(unit, loser, _husk(loser))
        together = _in_order(
            said[record] for record, customer_id in now.items() if customer_id in {winner_id, loser_id}
        )
        after = _survivor(winner, together)
        if loser.first_touch_at is not None:
            after = after.touched(loser.first_touch_at)
        after = _save_changed(unit, winner, after)
        unit.commit()
    return after


def unmerge(store: Store, loser_id: UUID, *, at: datetime, reason: str, actor: str | None = None) -> Customer:
    """Take the last merge of a customer back; return him as he is again.

    The decisions are replayed without that one: his records, and they alone, speak of him again, also where other merges came
    later. Both customers are made anew from their own records.

    Parameters
    ----------
    store : Store
        Where he was merged.
    loser_id : UUID
        Who became an alias.
    at : datetime
        Now; later than the merge.
    reason : str
        In words, for the record.
    actor : str, optional
        Who decides, for the audit trail.

    Raises
    ------
    NotFound
        If there is no such customer.
    InvalidValueError
        If he is merged into nobody, or a later decision is there already.
    """
    with store.begin(actor=actor, cause="identify.unmerge") as unit:
        loser = unit.of(Customer).get(loser_id)
        links = _all(unit, IdentityLink)
        base, merges, histories = _replayed(links)
        undone = next((made for made in reversed(merges) if made.gone == loser_id), None)
        if undone is None:
            raise InvalidValueError("loser_id", loser_id, "he is merged into nobody; there is nothing to take back")
        before = identities(links)
        now = _after(base, [made for made in merges if made is not undone])
        moved = [record for record in now if now[record] != before[record]]
        _refuse_earlier(links, moved, at)
        unit.of(IdentityLink).put_many(
            IdentityLink(
                record_id=record,
                customer_id=now[record],
                rule="unmerge",
                decided_at=at,
                reason=f"{loser_id} {reason}",
                former_id=before[record],
            )
            for record in moved
        )
        said = {record.id: record for record in _all(unit, SourceRecord)}
        gone = _in_order(said[record] for record in moved)
        for left_id in dict.fromkeys(before[record] for record in moved):
            left = unit.of(Customer).get(left_id)
            kept = _in_order(said[record] for record in now if now[record] == left_id)
            _save_changed(unit, left, _without(left, gone, kept))
        own = _in_order(said[record] for record in now if now[record] == loser_id)
        # What he learned from records that were his by a merge, since taken back, is not his any more.
        lent = _in_order(
            said[record]
            for record, history in histories.items()
            if now[record] != loser_id and any(link.customer_id == loser_id for link in history)
        )
        after = _save_changed(unit, loser, _without(loser, lent, own) if lent else _survivor(loser, own))
        unit.commit()
    return after


def _refuse_earlier(links: Iterable[IdentityLink], records: Sequence[UUID], at: datetime) -> None:
    spoken_of = set(records)
    latest = max((link.decided_at for link in links if link.record_id in spoken_of), default=None)
    if latest is not None and at <= latest:
        raise InvalidValueError(
            "at", at, f"a decision about these records was taken at {latest.isoformat()}; decide after it"
        )


def _in_order(records: Iterable[SourceRecord]) -> list[SourceRecord]:
    return sorted(records, key=lambda record: (record.received_at, record.source, record.key))


def _save_changed(unit: UnitOfWork, before: Customer, after: Customer) -> Customer:
    return before if after == before else unit.of(Customer).save(after)


def _husk(customer: Customer) -> Customer:
    """Return a merged customer without what only one may own or be reached by; his name and history stay."""
    name = customer.name or PersonName(full="merged")
    if customer.organisation is not None:
        return attrs.evolve(customer, identifiers=(), contact_points=())
    return attrs.evolve(customer, name=name, identifiers=(), contact_points=())


def _without(customer: Customer, gone: Sequence[SourceRecord], kept: Sequence[SourceRecord]) -> Customer:
    """Return a customer as his own records make him, what only the records that left had said taken away."""
    if not kept:
        return _husk(customer)
    theirs, own = _survivor(None, gone), _survivor(None, kept)

    def lost(name: str, key: Any) -> set[Any]:
        return {key(value) for value in getattr(theirs, name)} - {key(value) for value in getattr(own, name)}

    parts: dict[str, Any] = {}
    for name, key in (
        ("contact_points", lambda point: (point.kind, point.normalised)),
        ("identifiers", lambda known: (known.namespace, known.value)),
        ("external_ids", lambda known: known),
    ):
        leaving = lost(name, key)
        parts[name] = tuple(value for value in getattr(customer, name) if key(value) not in leaving)
    for name in ("name", "birth_date", "country", "language"):
        if getattr(own, name) is None and getattr(customer, name) == getattr(theirs, name):
            parts[name] = None
    if customer.first_touch_at == theirs.first_touch_at:
        parts["first_touch_at"] = own.first_touch_at
    return _survivor(attrs.evolve(customer, **parts), kept)


@frozen(kw_only=True)
class CustomerFile:
    """Everything that speaks of one customer, under whichever id it was written.

    Parameters
    ----------
    customer : Customer
        Who he is now.
    ids : tuple of UUID
        His own id, and those of customers merged into him.
    records : tuple of SourceRecord
        What the sources say, in the order it was received.
    orders : tuple of Order
        By the time they were placed.
    interactions : tuple of Interaction
        By the time they happened.
    consents : tuple of ConsentEntry
        One ledger; where two of them disagreed, the no has the last word.
    stage : Stage or None
        Of his stage changes under all ids the last.
    """

    customer: Customer
    ids: tuple[UUID, ...]
    records: tuple[SourceRecord, ...]
    orders: tuple[Order, ...]
    interactions: tuple[Interaction, ...]
    consents: tuple[ConsentEntry, ...]
    stage: Stage | None


def file_of(store: Store, customer_id: UUID, *, at: datetime) -> CustomerFile:
    """Return everything that speaks of one customer; the id of one who was merged leads to who he is now.

    Raises
    ------
    NotFound
        If there is no such customer.
    """
    with store.begin(read_only=True) as unit:
        links = _all(unit, IdentityLink)
        known = identity.aliases(unit)
        ids = known.ids_of(customer_id)
        home = ids[0]
        customer = unit.of(Customer).get(home)
        now = identities(links)
        records = unit.of(SourceRecord).get_many([record for record, of in now.items() if of == home])

        def of_them(model: type[Any]) -> list[Any]:
            return [
                one for batch in unit.of(model).stream(Query(model, where("customer_id").is_in(ids))) for one in batch
            ]

        consents = united_consents(of_them(ConsentEntry), known, at).get(home, ())
        return CustomerFile(
            customer=customer,
            ids=ids,
            records=tuple(_in_order(records)),
            orders=tuple(sorted(of_them(Order), key=lambda order: (order.placed_at, order.number))),
            interactions=tuple(sorted(of_them(Interaction), key=lambda one: (one.occurred_at, str(one.id)))),
            consents=tuple(consents),
            stage=stage_of((attrs.evolve(change, customer_id=home) for change in of_them(StageChange)), at),
        )


@frozen
class ListRow:
    """One line of a list: who, how he is called, where he is reached, and the consent that permits it."""

    customer_id: UUID
    name: str
    address: str
    consent_id: UUID | None


@frozen
class ListPull:
    """A list for one campaign, and why everybody else is not on it.

    Parameters
    ----------
    rows : tuple of ListRow
        Each address once.
    left_out : Mapping of str to int
        How many customers were left out, by the code of the first reason; "same_address" where another row has it.
    """

    rows: tuple[ListRow, ...]
    left_out: Mapping[str, int]


def pull_list(
    store: Store,
    *,
    channel: str,
    purpose: str,
    at: datetime,
    suppressions: Iterable[Suppression] = (),
    brand: str | None = None,
) -> ListPull:
    """Return who may be written to: identified, reachable, permitted, on no list of suppression, each once.

    Parameters
    ----------
    store : Store
        With resolved customers; one who was merged is not written to twice.
    channel, purpose : str
        Over what, and what for.
    at : datetime
        When.
    suppressions : iterable of Suppression
        Who is never contacted.
    brand : str, optional
        On whose behalf.
    """
    never = tuple(suppressions)
    left_out: dict[str, int] = {}
    rows: dict[str, ListRow] = {}
    with store.begin(read_only=True) as unit:
        ledgers = consents_by_customer(unit, at)
        spoken_of = sorted(set(identities(_all(unit, IdentityLink)).values()), key=str)
        for customer in unit.of(Customer).get_many(spoken_of):
            permission = may_contact(
                customer, channel, purpose, at, consents=ledgers.get(customer.id, ()), suppressions=never, brand=brand
            )
            point = customer.reachable_by(channel, at)
            if not permission.allowed or point is None:
                code = permission.reasons[0].code
            elif point.normalised in rows:
                code = "same_address"
            else:
                rows[point.normalised] = ListRow(
                    customer.id, customer.display_name, point.normalised, permission.entry_id
                )
                continue
            left_out[code] = left_out.get(code, 0) + 1
    return ListPull(tuple(rows.values()), left_out)
