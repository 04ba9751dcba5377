"""The changes of a store in one order: each department reads on from where it stands, at its own pace, and misses none.

Events lie in the outbox of the transaction that made them true, and transactions commit in no order. `publish` gives what is
committed its place in the feed: position after position, in one numbering that only ever grows at its end. A reader that has
come to a position has therefore seen all before it, for good: a transaction that commits late gets a later position.

`changes` reads from a cursor, for a program with a place of its own to keep it. `follow` keeps the place here and does the work in
the same transaction. `freshness` says how old what each one knows is, `forget` lets go of what was read.

Use it qualified, ``feed.publish(store)``. The feed empties the outbox: a store has a `relay` or a feed, and what a relay's
subscribers did, followers do.

Examples
--------
>>> from pycrm.model.order import Product
>>> from pycrm.storage import MemoryStore, feed
>>> store = MemoryStore(announce={Product})
>>> pen = store.run(lambda uow: uow.products.add(Product(sku="A1", name="Pen")))
>>> feed.publish(store).delivered
1
>>> page = feed.changes(store)
>>> [(change.type, change.payload["version"]) for change in page.events], page.behind
([('Product.added', 1)], 0)
>>> feed.changes(store, page.next).events
()
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import attrs
from attrs import frozen

from pycrm.errors import CursorTooOld, InvalidCursor, InvalidValueError
from pycrm.model.entity import new_id
from pycrm.model.feed import FEED_ID, ChangeFeed, FeedEvent, FeedReader
from pycrm.model.predicate import where
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.erasure import means_of
from pycrm.storage.outbox import Relayed, Subscription
from pycrm.storage.protocols import Claim, Outbox, Store, UnitOfWork
from pycrm.storage.query import Query, asc, open_cursor, seal_cursor
from pycrm.storage.rows import checked_size
from pycrm.storage.unit import utc_now

__all__ = ["Changes", "Followed", "Freshness", "changes", "follow", "forget", "freshness", "latest", "publish", "renew"]

_BATCH = 500


@frozen
class Changes:
    """A stretch of the feed.

    Parameters
    ----------
    events : tuple of Claim
        In the order of the feed; of one entity, in the order of its versions.
    next : str, optional
        The cursor behind this stretch: keep it, and read on from it; None where nothing was ever published.
    behind : int
        How many positions lie behind this stretch.
    lag : timedelta
        How long the oldest of those has waited: how old what the reader knows is; zero where it knows all.
    """

    events: tuple[Claim, ...]
    next: str | None
    behind: int = 0
    lag: timedelta = timedelta(0)


@frozen
class Followed:
    """What one run of a follower did: events it handled, positions left, and how long the oldest of those has waited."""

    handled: int
    behind: int = 0
    lag: timedelta = timedelta(0)


@frozen
class Freshness:
    """How old what a department knows is.

    Parameters
    ----------
    reader : str
        Its name.
    behind : int
        Positions it has not read.
    lag : timedelta
        How long the oldest of them has waited; zero where it has read all.
    lost : int
        Positions that were forgotten before it read them: what it knows is to be made anew.
    """

    reader: str
    behind: int
    lag: timedelta
    lost: int = 0


def publish(
    store: Store,
    holder: str = "feed",
    *,
    limit: int = _BATCH,
    lease: float = 30.0,
    skew: timedelta = timedelta(seconds=5),
    clock: Callable[[], datetime] = utc_now,
) -> Relayed:
    """Give what waits in the outbox its places in the feed, until nothing waits or another publisher holds it.

    Run it often, from a scheduler or before each reading. Two at once are safe: one numbers, and nothing is numbered twice.

    Parameters
    ----------
    store : Store
        One that is an `Outbox` too.
    holder : str
        The name of this publisher; two that run at once have two names.
    limit : int
        Events of one transaction.
    lease : float
        Seconds for which others are kept away, as for `Outbox.claim`.
    skew : timedelta
        How far the clocks of two writers may differ. Where more waits than was claimed, what lies within it of the end waits for
        what follows, since an older version of the same entity may; zero where all writers share one clock.
    clock : callable
        The time now.

    Returns
    -------
    Relayed
        How many were numbered, and the longest time from an event to its place.

    Raises
    ------
    InvalidValueError
        If the store is no `Outbox`.

    Notes
    -----
    Why no reader misses anything: the positions of one batch are written in one transaction with the end of the feed, which is
    saved from the version it was read at. Whoever writes position n + 1 has therefore read n as committed. This rests on the
    version check that every store of ours gives, not on an isolation level or a sequence.
    """
    given: object = store
    if not isinstance(given, Outbox):
        raise InvalidValueError("store", type(store).__name__, "give a store whose events can be claimed: an Outbox")
    checked_size("limit", limit)
    given_skew: object = skew
    if not isinstance(given_skew, timedelta) or given_skew < timedelta(0):
        raise InvalidValueError("skew", skew, "give a timedelta of at least zero")
    delivered, longest = 0, None
    while True:
        retold = store.run(_begun).retold
        waiting = _claimed(given, holder, limit, lease, skew)
        if not waiting:
            return Relayed(delivered, longest)
        for at in range(0, len(waiting), limit):
            batch = waiting[at : at + limit]
            numbered = store.run(partial(_number, batch=batch, retold=retold))
            if numbered is None:
                break  # somebody was erased since they were claimed: they are claimed anew, as they are told now
            now = clock()
            waits = [now - claim.at for claim in batch if claim.id in numbered]
            longest = max([*waits, *([] if longest is None else [longest])], default=None)
            delivered += len(waits)
            if given.settle(holder, [claim.id for claim in batch]) < len(batch):
                return Relayed(delivered, longest)  # the lease went to another, who goes on


def _begun(unit: UnitOfWork) -> ChangeFeed:
    found = unit.of(ChangeFeed).find(FEED_ID)
    return unit.of(ChangeFeed).add(ChangeFeed()) if found is None else found


def _claimed(outbox: Outbox, holder: str, limit: int, lease: float, skew: timedelta) -> Sequence[Claim]:
    """Return what can be numbered now: all that waits, or the part of it that nothing unseen can belong before."""
    while True:
        claims = _in_order(outbox.claim(holder, limit=limit, lease=lease))
        if len(claims) < limit:
            return claims
        horizon = max(claim.at for claim in claims) - skew
        ready = next((at for at, claim in enumerate(claims) if skew and claim.at > horizon), len(claims))
        if ready:
            return claims[:ready]
        limit *= 2


def _in_order(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims with those of one entity in the order of its versions: the clocks of two writers may disagree."""
    places: dict[tuple[str, str], list[int]] = {}
    for at, claim in enumerate(claims):
        told = claim.payload
        if isinstance(told, Mapping) and isinstance(told.get("id"), str) and isinstance(told.get("version"), int):
            places.setdefault((claim.type.partition(".")[0], told["id"]), []).append(at)
    ordered = list(claims)
    for held in places.values():
        if len(held) > 1:
            by_version = sorted((claims[at] for at in held), key=lambda claim: claim.payload["version"])
            for at, claim in zip(held, by_version, strict=True):
                ordered[at] = claim
    return ordered


def _number(unit: UnitOfWork, batch: Sequence[Claim], retold: int) -> frozenset[UUID] | None:
    """Append what is not in the feed yet, and return its ids; None where what was claimed may say too much by now."""
    feed = unit.of(ChangeFeed).get(FEED_ID)
    if feed.retold != retold:
        return None
    ids = [claim.id for claim in batch]
    known = set(read_columns(unit, Query(FeedEvent, where("id").is_in(ids)), ["id"])["id"])
    fresh = [claim for claim in batch if claim.id not in known]
    if fresh:
        # The end is saved first: another publisher waits here, and then finds that it has moved.
        unit.of(ChangeFeed).save(attrs.evolve(feed, last=feed.last + len(fresh)))
        unit.of(FeedEvent).put_many(
            FeedEvent(
                id=claim.id,
                position=position,
                type=claim.type,
                body=json.dumps(claim.payload, ensure_ascii=False),
                at=claim.at,
            )
            for position, claim in enumerate(fresh, feed.last + 1)
        )
    return frozenset(claim.id for claim in fresh)


def changes(
    store: Store,
    since: str | None = None,
    *,
    limit: int = 100,
    types: Iterable[str] | None = None,
    fields: Iterable[str] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Changes:
    """Read on from a cursor.

    Keep `next` where the effect of the events is kept, in one transaction with it: then each has its effect once.

    Parameters
    ----------
    store : Store
        Whose changes.
    since : str, optional
        The cursor; from the oldest that is kept on unless given.
    limit : int
        Positions of this stretch; of other types than `types` they are read and left out.
    types, fields : iterable of str, optional
        The types of events, and the fields of the payload, that this reader may see; all unless given.
    clock : callable
        The time now.

    Raises
    ------
    CursorTooOld
        If events behind the cursor were forgotten before they were read.
    InvalidCursor
        If it was changed, or belongs to the feed of another store, tenant or numbering.
    """
    checked_size("limit", limit)
    sees = Subscription("reader", _nothing, types=types, fields=fields)
    with store.begin(read_only=True) as unit:
        feed = unit.of(ChangeFeed).find(FEED_ID)
        if feed is None:
            if since is not None:
                raise InvalidCursor("nothing was ever published here", _ANEW)
            return Changes((), None)
        start = feed.first - 1 if since is None else _opened(since, feed)
        return _read(unit, feed, start, limit, sees, clock)


_ANEW = "take latest(store), read the entities themselves, and go on from there"


def _nothing(_: Claim) -> None:
    """Handle nothing: who reads a page handles it itself."""


def _sealed(feed: ChangeFeed, position: int) -> str:
    return seal_cursor([position], feed.epoch.hex)


def _opened(cursor: str, feed: ChangeFeed) -> int:
    try:
        (position,) = open_cursor(cursor, feed.epoch.hex, 1)
    except InvalidCursor as error:
        raise InvalidCursor(error.reason, _ANEW) from error
    if position > feed.last:
        raise InvalidCursor("it lies behind the end of this feed, which an older state was put in place of", _ANEW)
    return int(position)


def _read(
    unit: UnitOfWork, feed: ChangeFeed, start: int, limit: int, sees: Subscription, clock: Callable[[], datetime]
) -> Changes:
    end = min(start + limit, feed.last)
    asked = range(start + 1, min(end + 1, feed.last) + 1)
    held = _held(unit, asked)
    if missing := [position for position in asked if position not in held]:
        raise CursorTooOld(missing[0] - 1, max(missing[-1] + 1, feed.first))
    found = (held[position] for position in range(start + 1, end + 1))
    events = (sees.shown(Claim(event.id, event.type, event.payload, event.at)) for event in found)
    return Changes(
        tuple(event for event in events if event is not None),
        _sealed(feed, end),
        feed.last - end,
        _lag(held.get(end + 1), clock()),
    )


def _held(unit: UnitOfWork, positions: Iterable[int]) -> dict[int, FeedEvent]:
    """Return the events at these positions, in their order."""
    asked = list(positions)
    if not asked:
        return {}
    question = Query(FeedEvent, where("position").is_in(asked), order=(asc("position"),))
    return {event.position: event for event in unit.of(FeedEvent).page(question, size=len(asked)).items}


def _lag(oldest: FeedEvent | None, now: datetime) -> timedelta:
    return timedelta(0) if oldest is None else max(now - oldest.at, timedelta(0))


def latest(store: Store) -> str | None:
    """Return the cursor at the end of the feed: take it, read the entities themselves, and read on from it.

    What was committed and not published yet comes behind it, so nothing lies between the two readings; what was read with the
    entities may come again, and its version says so.

    Examples
    --------
    >>> from pycrm.storage import MemoryStore
    >>> latest(MemoryStore()) is None
    True
    """
    with store.begin(read_only=True) as unit:
        feed = unit.of(ChangeFeed).find(FEED_ID)
        return None if feed is None else _sealed(feed, feed.last)


def follow(
    store: Store,
    name: str,
    work: Callable[[UnitOfWork, Claim], object],
    *,
    since: str | None = None,
    limit: int = 100,
    types: Iterable[str] | None = None,
    fields: Iterable[str] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Followed:
    """Do a department's work for every change it has not handled, and keep its place: both in one transaction, so once each.

    Parameters
    ----------
    store : Store
        Whose changes, and where the work is done.
    name : str
        Of the department; a new one begins with the oldest change that is kept.
    work : callable
        Takes the open unit of work and the event. What it raises undoes its stretch and is raised; the next run begins there.
    since : str, optional
        Where to go on instead of its place, such as `latest` after its data were made anew.
    limit : int
        Positions of one transaction.
    types, fields : iterable of str, optional
        What it may see, as in `changes`.
    clock : callable
        The time now.

    Raises
    ------
    CursorTooOld, InvalidCursor
        As `changes`.

    Examples
    --------
    >>> from pycrm.model.order import Product
    >>> from pycrm.storage import MemoryStore
    >>> store, names = MemoryStore(announce={Product}), []
    >>> _ = store.run(lambda uow: uow.products.add(Product(sku="A1", name="Pen")))
    >>> _ = publish(store)
    >>> follow(store, "catalogue", lambda uow, change: names.append(uow.products.get(UUID(change.payload["id"])).name))
    Followed(handled=1, behind=0, lag=datetime.timedelta(0))
    >>> names
    ['Pen']
    """
    checked_size("limit", limit)
    if not callable(work):
        raise InvalidValueError("work", work, "give a callable that takes the unit of work and the event")
    own, sees = FeedReader.of(name), Subscription(name, _nothing, types=types, fields=fields)
    handled = 0
    while True:
        page = store.run(partial(_followed, own=own, since=since, limit=limit, sees=sees, work=work, clock=clock))
        handled, since = handled + len(page.events), None
        if not page.behind:
            return Followed(handled, page.behind, page.lag)


def _followed(
    unit: UnitOfWork,
    own: FeedReader,
    since: str | None,
    limit: int,
    sees: Subscription,
    work: Callable[[UnitOfWork, Claim], object],
    clock: Callable[[], datetime],
) -> Changes:
    feed = _begun(unit)
    reader = unit.of(FeedReader).find(own.id)
    if reader is None:
        reader = unit.of(FeedReader).add(attrs.evolve(own, position=feed.first - 1))
    start = reader.position if since is None else _opened(since, feed)
    page = _read(unit, feed, start, limit, sees, clock)
    for event in page.events:
        work(unit, event)
    end = feed.last - page.behind
    if end != reader.position:
        unit.of(FeedReader).save(attrs.evolve(reader, position=end))
    return page


def freshness(store: Store, *, clock: Callable[[], datetime] = utc_now) -> tuple[Freshness, ...]:
    """Return how old what each follower knows is, by name. What waits in the outbox counts once it is published: do that before.

    Examples
    --------
    >>> from pycrm.storage import MemoryStore
    >>> store = MemoryStore()
    >>> _ = follow(store, "shipping", print)
    >>> freshness(store)
    (Freshness(reader='shipping', behind=0, lag=datetime.timedelta(0), lost=0),)
    """
    with store.begin(read_only=True) as unit:
        feed = unit.of(ChangeFeed).find(FEED_ID)
        if feed is None:
            return ()
        readers = [reader for batch in unit.of(FeedReader).stream(Query(FeedReader)) for reader in batch]
        oldest = {reader.name: max(reader.position + 1, feed.first) for reader in readers}
        held = _held(unit, sorted(set(oldest.values())))
        now = clock()
    return tuple(
        Freshness(
            reader.name,
            feed.last - reader.position,
            _lag(held.get(oldest[reader.name]), now),
            max(feed.first - 1 - reader.position, 0),
        )
        for reader in sorted(readers, key=lambda reader: reader.name)
    )


def forget(store: Store, before: datetime, *, unread: bool = False) -> int:
    """Erase the events from before a time, oldest first, and return how many.

    Parameters
    ----------
    store : Store
        One that can erase.
    before : datetime
        Those emitted earlier go, up to the first that was not.
    unread : bool
        Whether those go too that a follower has not read. Who keeps a cursor elsewhere is not known here: let `before` lie as far
        back as such a program may stand still.

    Raises
    ------
    InvalidValueError
        If `before` is no aware time, or the store cannot erase.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> forget(MemoryStore(), datetime(2026, 5, 1, tzinfo=UTC))
    0
    """
    limit, count = instant(before), 0
    while gone := store.run(lambda unit: _forgotten(unit, limit, unread=unread)):
        count += gone
    return count


def _forgotten(unit: UnitOfWork, before: datetime, *, unread: bool) -> int:
    means = means_of(unit)
    feed = unit.of(ChangeFeed).find(FEED_ID)
    if feed is None:
        return 0
    end = min(feed.first + _BATCH - 1, feed.last)
    if not unread:
        readers = (reader for batch in unit.of(FeedReader).stream(Query(FeedReader)) for reader in batch)
        end = min([end, *(reader.position for reader in readers)])
    held = _held(unit, range(feed.first, end + 1))
    first = next((position for position, event in held.items() if event.at >= before), end + 1)
    if first <= feed.first:
        return 0
    unit.of(ChangeFeed).save(attrs.evolve(feed, first=first))
    for position, event in held.items():
        if position < first:
            means.erase(FeedEvent, event.id)
    return first - feed.first


def renew(store: Store) -> None:
    """Refuse every cursor given out so far: after the database was put back to an older state, positions are given anew.

    Followers go on, since their places went back with it; a program with a cursor of its own is told to read the entities anew.

    Examples
    --------
    >>> from pycrm.storage import MemoryStore
    >>> renew(MemoryStore())
    """
    store.run(lambda unit: unit.of(ChangeFeed).save(attrs.evolve(_begun(unit), epoch=new_id())))
