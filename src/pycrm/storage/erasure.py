"""Erasing a person: his identity leaves every record, trail, event and result; the books and the counts stay."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError, NotFound
from pycrm.model.erased_keys import key_digest
from pycrm.model.feed import FEED_ID, ChangeFeed, FeedEvent
from pycrm.model.lifecycle import Stage, StageChange, StageRetraction, standing_stages
from pycrm.model.predicate import where
from pycrm.model.privacy import BLANK, Fate, Handling, RequestKind, SubjectRequest
from pycrm.model.source import SourceRecord
from pycrm.storage.columns import read_columns
from pycrm.storage.mapping import EntityMap
from pycrm.storage.person import Person, handlings_of, last_names_of, person_of
from pycrm.storage.protocols import Erasing, Redacting, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["Erased", "Mention", "erase_people", "erased_ids", "means_of"]


@frozen
class Mention:
    """A record about somebody else in whose free text the full name still stands: for a person to read."""

    table: str
    id: UUID
    field: str


@frozen(kw_only=True)
class Erased:
    """What erasing did.

    Parameters
    ----------
    customer_ids : tuple of UUID
        Every id that those who were asked for were known by.
    counts : mapping of str to int
        Records by what became of them: "purchase.redact", "source_record.delete", "beside.retold"; empty where nothing was left.
    mentions : tuple of Mention
        Where a full name remains in what speaks of others.
    requests : tuple of SubjectRequest
        The entries that were kept, one for each person about whom something was left to erase.
    """

    customer_ids: tuple[UUID, ...]
    counts: Mapping[str, int] = field(factory=dict)
    mentions: tuple[Mention, ...] = ()
    requests: tuple[SubjectRequest, ...] = ()


def erased_ids(unit: UnitOfWork) -> Mapping[UUID, SubjectRequest]:
    """Return every customer id a person who was erased was known by, with the entry that says so."""
    found = {}
    question = Query(SubjectRequest, where("kind") == str(RequestKind.ERASE))
    for batch in unit.of(SubjectRequest).stream(question):
        for request in batch:
            found.update(dict.fromkeys((request.customer_id, *request.customer_ids), request))
    return found


def means_of(unit: UnitOfWork) -> Any:
    """Return the unit of work if it has the means of erasure; raise InvalidValueError otherwise."""
    if not (isinstance(unit, Redacting) and isinstance(unit, Erasing)):
        raise InvalidValueError(
            "store", type(unit).__name__, "use a store whose units of work can redact(), retell() and erase()"
        )
    return unit


def erase_people(unit: UnitOfWork, asked: Iterable[SubjectRequest], *, search: bool = True, log: bool = True) -> Erased:
    """Erase people within a unit of work, which the caller commits.

    Parameters
    ----------
    unit : UnitOfWork
        Of a store that can redact.
    asked : iterable of SubjectRequest
        Whom, by any id of his, when it was asked for and when it is done.
    search : bool
        Whether the free text of everybody's records is searched for their addresses and numbers.
    log : bool
        Whether an entry is kept for each.

    Raises
    ------
    NotFound
        If there is no such customer, and nobody of that id was erased before.
    """
    means, handlings = means_of(unit), handlings_of(unit)
    done: list[tuple[SubjectRequest, Person, Counter[str]]] = []
    ids: dict[UUID, None] = {}
    telling, names, gone = set[str](), set[str](), set[UUID]()
    before = erased_ids(unit)
    for request in asked:
        known = before.get(request.customer_id)
        for customer_id in (request.customer_id, *(() if known is None else known.customer_ids)):
            if customer_id in ids:
                continue
            try:
                person = person_of(unit, customer_id)
            except NotFound:
                if customer_id not in before:
                    raise
                ids[customer_id] = None
                continue
            ids.update(dict.fromkeys(person.customer_ids))
            told, called = last_names_of(unit, person)
            telling |= told
            names |= called
            gone |= {row.id for rows in person.rows.values() for row in rows}
            counts = _erase_rows(means, handlings, person)
            if counts:
                counts["stage_change.add"] += _leave(means, person, request.done_at)
            done.append((request, person, counts))
    total = sum((counts for _, _, counts in done), Counter[str]())
    if gone:
        rewrite = _retelling({str(one) for one in gone}, telling)
        total["beside.retold"] += _retell_feed(means, handlings, rewrite) + means.retell(rewrite)
    mentions: tuple[Mention, ...] = ()
    if search and (telling or names):
        retold, mentions = _search(means, handlings, gone, telling, names)
        total.update(retold)
    requests = [
        attrs.evolve(
            request,
            customer_id=person.customer_ids[0],
            customer_ids=person.customer_ids,
            counts=dict(sorted((+counts).items())),
            records=tuple(sorted({*request.records, *(row.digest for row in person.of(SourceRecord))})),
        )
        for request, person, counts in done
        if counts
    ]
    if log:
        requests = [unit.of(SubjectRequest).add(request) for request in requests]
    return Erased(
        customer_ids=tuple(ids), counts=dict(sorted((+total).items())), mentions=mentions, requests=tuple(requests)
    )


def _retell_feed(means: Any, handlings: Mapping[EntityMap, Handling], rewrite: Callable[[str, Any], Any]) -> int:
    """Tell the events of the feed anew, like those that wait, and return how many changed."""
    if not any(map.model is ChangeFeed for map in handlings):
        return 0
    feed = means.of(ChangeFeed).find(FEED_ID)
    if feed is None:
        return 0
    # First: a publisher that holds events as they were told before finds by this that it must claim them again.
    means.of(ChangeFeed).save(attrs.evolve(feed, retold=feed.retold + 1))
    changed = 0
    for batch in means.of(FeedEvent).stream(Query(FeedEvent, deleted=True)):
        for event in batch:
            told = rewrite("event", event.payload)
            if told != event.payload:
                means.redact(attrs.evolve(event, body=json.dumps(told, ensure_ascii=False)))
                changed += 1
    return changed


def _erase_rows(means: Any, handlings: Mapping[EntityMap, Handling], person: Person) -> Counter[str]:
    counts: Counter[str] = Counter()
    for map, rows in reversed(tuple(person.rows.items())):  # what refers to a record is deleted before it
        handling = handlings[map]
        for row in rows if handling.fate is not Fate.KEEP else ():
            if handling.fate is Fate.DELETE:
                means.erase(map.model, row.id)
                counts[f"{map.table}.delete"] += 1
                continue
            after = handling.redacted(row)
            if after is not row or not _is_clean(means, map, row):
                means.redact(after)
                counts[f"{map.table}.redact"] += 1
    return counts


def _is_clean(unit: Any, map: EntityMap, row: Any) -> bool:
    """Whether nothing was done to a record since it was erased: then who added it and why is gone too."""
    trail = unit.history(map.model, row.id)
    return bool(trail) and trail[-1].action == "erase"


def _leave(means: Any, person: Person, at: datetime) -> int:
    """Write the stage `erased`, which nothing follows, behind each history that has not got it."""
    last: dict[UUID, StageChange] = {}
    for change in standing_stages(person.of(StageChange), person.of(StageRetraction)):
        last[change.customer_id] = change
    added = 0
    for customer_id, change in last.items():
        if change.to_stage is not Stage.ERASED:
            when = max(at, change.occurred_at)
            left = StageChange(
                customer_id=customer_id,
                from_stage=change.to_stage,
                to_stage=Stage.ERASED,
                occurred_at=when,
                recorded_at=when,
                reason="erased",
            )
            # Noted as clean, so that erasing again finds nothing to do.
            means.redact(means.of(StageChange).add(left))
            added += 1
    return added


def _pattern(texts: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern of any of these texts as whole words, the longest first."""
    ways = [re.escape(text) for text in sorted(texts, key=lambda text: (-len(text), text))]
    return re.compile(rf"(?<!\w)(?:{'|'.join(ways)})(?!\w)", re.IGNORECASE) if ways else None


def _blanked(pattern: re.Pattern[str] | None) -> Callable[[str], str]:
    """Return what puts a blank in place of every text that matches."""
    return lambda text: text if pattern is None else pattern.sub(BLANK, text)


def _retelling(ids: set[str], telling: Iterable[str]) -> Callable[[str, Any], Any]:
    """Return how events, results and trails are told without him.

    What names him by an id of his keeps ids, times and amounts, and no other text; elsewhere his addresses and numbers alone
    are blanked.
    """
    pattern = _pattern(telling)
    replace = _blanked(pattern)

    def names_him(plain: Any) -> bool:
        return any(not ids.isdisjoint(_ID.findall(leaf)) for leaf in _leaves(plain))

    def texts(plain: Any, change: Callable[[str], str]) -> Any:
        if isinstance(plain, str):
            return change(plain)
        if isinstance(plain, Mapping):
            return {replace(name): texts(value, change) for name, value in plain.items()}
        return type(plain)(texts(value, change) for value in plain) if isinstance(plain, list | tuple) else plain

    def rewrite(kind: str, plain: Any) -> Any:
        if kind == "key":
            found = pattern is not None and pattern.search(plain) is not None
            return key_digest(plain) if found else plain
        if kind in {"event", "result"} and names_him(plain):
            return texts(plain, lambda text: text if _SAYS_NOTHING.fullmatch(text) else BLANK)
        return texts(plain, replace)

    return rewrite


_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SAYS_NOTHING = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # an id
    r"|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)?"  # a time
    r"|-?\d{1,9}\.\d{1,6}|-?\d{1,5}|[A-Z]{3}|",  # an amount and its currency
)


def _leaves(plain: Any) -> Iterable[str]:
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, Mapping):
        for name, value in plain.items():
            yield name
            yield from _leaves(value)
    elif isinstance(plain, list | tuple):
        for value in plain:
            yield from _leaves(value)


def _search(
    unit: Any,
    handlings: Mapping[EntityMap, Handling],
    gone: set[UUID],
    telling: Iterable[str],
    names: Iterable[str],
) -> tuple[Counter[str], tuple[Mention, ...]]:
    """Blank his addresses and numbers in the free text of others' records, and find his full name there."""
    pattern, called = _pattern(telling), _pattern(names)
    replace = _blanked(pattern)
    counts: Counter[str] = Counter()
    mentions: list[Mention] = []
    for map, handling in handlings.items():
        names_ = [name for name in handling.free_text if name in {*map.documents, *(c.path for c in map.columns)}]
        held = read_columns(unit, Query(map.model, deleted=True), ["id", *names_])
        for at, id in enumerate(held["id"]):
            if id in gone:
                continue
            texts = {name: " ".join(_leaves(held[name][at])) for name in names_ if held[name][at] is not None}
            mentions += [
                Mention(map.table, id, name)
                for name, text in texts.items()
                if called is not None and called.search(text)
            ]
            if pattern is not None and any(pattern.search(text) for text in texts.values()):
                (row,) = unit.of(map.model).page(Query(map.model, where("id") == id, deleted=True), size=1).items
                after = handling.retold(row, replace)
                if after is not row:
                    unit.redact(after)
                    counts[f"{map.table}.retold"] += 1
    return counts, tuple(mentions)
