"""The feed of changes: every reader, at its own pace, sees each change once, an entity's in order, and misses none."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.errors import CursorTooOld, InvalidCursor, InvalidValueError
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity, new_id
from pycrm.model.feed import FEED_ID, ChangeFeed, FeedEvent, FeedReader
from pycrm.model.order import Product
from pycrm.model.privacy import Handling, Sensitivity
from pycrm.storage import EntityMap, MemoryStore, Query, Store, default_maps, export, feed, restore
from pycrm.testing.made import ana, pen
from storage.opened import KINDS, fresh, opened

HOUR = timedelta(hours=1)


@attrs.frozen(kw_only=True)
class Label(Entity):
    """What the packing department keeps of a product."""

    name: str
    seen: int


LABELS = Handling(model=Label, fields={"name": Sensitivity.NONE, "seen": Sensitivity.NONE}, purpose="none", use="none")


def maps():
    """Return the maps of everything, and of the labels."""
    return (*default_maps(), EntityMap.of(Label, handling=LABELS))


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    made = maps() if request.param in {"memory", "sqlite"} else maps
    with opened(request.param, maps=made, announce={Product, Customer}) as store:
        yield store


@pytest.fixture
def store(whole):
    return fresh(whole)


def at_clock(store, offset):
    """Return the same store, written to by a machine whose clock goes wrong by `offset`."""
    other = store.tenant(store.name)
    name = "_clock" if isinstance(store, MemoryStore) else "clock"
    plain = getattr(store, name)
    setattr(other, name, lambda: plain() + offset)
    return other


def emit(store, *numbers):
    store.run(lambda unit: [unit.emit({"type": "Counted", "number": n, "secret": "s"}) for n in numbers])


def numbers(page):
    return [event.payload["number"] for event in page.events]


def read(store, since=None, **options):
    """Read to the end, and return the events and the cursor."""
    found = []
    while True:
        page = feed.changes(store, since, **options)
        found += page.events
        since = page.next
        if not page.behind:
            return found, since


def test_readers_go_on_from_where_each_stands(store):
    emit(store, 1, 2)
    emit(store, 3)
    assert feed.publish(store).delivered == 3
    first = feed.changes(store, limit=2)
    assert (numbers(first), first.behind) == ([1, 2], 1)
    emit(store, 4)
    feed.publish(store)
    slow = feed.changes(store, first.next)
    assert (numbers(slow), slow.behind, slow.lag) == ([3, 4], 0, timedelta(0))
    assert feed.changes(store, slow.next).events == ()
    assert feed.changes(store, slow.next).next == slow.next
    assert numbers(feed.changes(store)) == [1, 2, 3, 4]
    assert store.claim("another") == []


def test_a_reader_sees_the_types_and_fields_it_asked_for(store):
    emit(store, 1)
    store.run(lambda unit: unit.emit({"type": "Other", "number": 2}))
    feed.publish(store)
    page = feed.changes(store, types={"Counted"}, fields=["number"])
    assert [(event.type, event.payload) for event in page.events] == [("Counted", {"number": 1})]
    assert page.behind == 0
    assert feed.changes(store, page.next).events == ()


def test_before_anything_was_published_there_is_nothing_and_no_cursor(store):
    assert feed.changes(store) == feed.Changes((), None)
    assert feed.latest(store) is None
    assert feed.freshness(store) == ()
    assert feed.forget(store, datetime.now(UTC)) == 0
    assert feed.publish(store).delivered == 0


def test_what_commits_late_comes_late_and_is_not_skipped(store):
    if getattr(store, "dialect", None) is not None and store.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time: whoever commits late also begins late")
    with store.begin() as slow:
        slow.emit({"type": "Counted", "number": 1})
        slow.retell(lambda kind, told: told)  # its event is written, with its time, and not committed
        emit(store, 2)
        feed.publish(store)
        page = feed.changes(store)
        assert numbers(page) == [2]
        slow.commit()
    feed.publish(store)
    late = feed.changes(store, page.next)
    assert numbers(late) == [1]
    if not isinstance(store, MemoryStore):
        assert late.events[0].at < page.events[0].at  # who pages by time would have missed it


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_skipped_or_told_twice_while_many_write_publish_and_read(store, seed):
    ids = [store.run(lambda unit: unit.products.add(pen(f"A{new_id().hex}"))).id for _ in range(3)]
    writing = [True]

    def write(writer):
        chance = random.Random(f"{seed} {writer}")
        for turn in range(12):
            slow = chance.random() * 0.02 if chance.random() < 0.3 else 0.0

            id = chance.choice(ids)

            def work(unit, id=id, turn=turn, slow=slow):
                held = unit.products.get(id)
                unit.products.save(attrs.evolve(held, name=f"{writer} {turn}"))
                unit.emit({"type": "Wrote", "writer": writer, "turn": turn})
                time.sleep(slow)  # a slow committer: others that began later commit before it

            at_clock(store, timedelta(seconds=chance.uniform(-2, 2))).run(work, attempts=50)

    def publish(name):
        while writing:
            feed.publish(store, name, limit=5, lease=0.05)  # so short that they take over from each other
            time.sleep(0.002)

    def follow(limit):
        seen, since = [], None
        while True:
            done = not writing
            page = feed.changes(store, since, limit=limit)
            seen += page.events
            since = page.next
            if done and not page.behind:
                return seen, since

    with ThreadPoolExecutor(8) as pool:
        publishers = [pool.submit(publish, name) for name in ("one", "other")]
        readers = [pool.submit(follow, limit) for limit in (1, 7)]
        for one in [pool.submit(write, writer) for writer in range(4)]:
            one.result()
        writing.clear()
        for one in publishers:
            one.result()
        behind = [one.result() for one in readers]
    time.sleep(0.1)  # the lease of the last publisher ends
    feed.publish(store, "last")
    seen = [events + read(store, since)[0] for events, since in behind]
    assert seen[0] == seen[1]
    assert len({event.id for event in seen[0]}) == len(seen[0]) == 3 + 2 * 4 * 12
    versions = {str(id): [] for id in ids}
    turns = {writer: [] for writer in range(4)}
    for event in seen[0]:
        if event.type == "Wrote":
            turns[event.payload["writer"]].append(event.payload["turn"])
        else:
            versions[event.payload["id"]].append(event.payload["version"])
    for id, told in versions.items():
        with store.begin(read_only=True) as unit:
            assert told == [change.version for change in unit.history(Product, UUID(id))]
    assert all(sorted(told) == list(range(12)) for told in turns.values())


@pytest.fixture(scope="module")
def in_a_file():
    with opened("sqlite", announce={Product}) as store:
        yield store


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(-1800, 1800)), min_size=1, max_size=14),
    limit=st.integers(1, 5),
    pages=st.integers(1, 4),
    stops=st.sets(st.integers(0, 14)),
)
def test_an_entity_is_told_in_the_order_of_its_versions_however_wrong_the_clocks_are(
    in_a_file, steps, limit, pages, stops
):
    store = fresh(in_a_file)
    expected = {}
    for turn, (which, wrong) in enumerate(steps):
        machine, id = at_clock(store, timedelta(seconds=wrong)), UUID(int=which + 1)

        def work(unit, id=id):
            held = unit.products.find(id)
            made = (
                unit.products.add(attrs.evolve(pen(f"A{id.int}"), id=id))
                if held is None
                else unit.products.save(attrs.evolve(held, name=held.name + "."))
            )
            return made.version

        expected.setdefault(str(id), []).append(machine.run(work))
        if turn in stops:
            feed.publish(store, limit=limit, skew=HOUR)
    feed.publish(store, limit=limit, skew=HOUR)
    events, since = read(store, limit=pages)
    told = {}
    for event in events:
        told.setdefault(event.payload["id"], []).append(event.payload["version"])
    assert told == expected
    assert feed.changes(store, since) == feed.Changes((), since)
    with store.begin(read_only=True) as unit:
        kept = unit.of(FeedEvent).page(Query(FeedEvent), size=500).items
    assert sorted(event.position for event in kept) == list(range(1, len(steps) + 1))


def test_a_publisher_that_died_before_it_settled_leaves_nothing_twice(store):
    emit(store, 1, 2)
    feed.publish(Forgetful(store))
    assert len(store.claim("feed")) == 2
    emit(store, 3)
    assert feed.publish(store).delivered == 1
    assert numbers(feed.changes(store)) == [1, 2, 3]


class Through:
    """A store that does what another does, for those that do one thing otherwise."""

    def __init__(self, store):
        self.store = store

    def __getattr__(self, name):
        return getattr(self.store, name)

    def begin(self, **options):
        return self.store.begin(**options)

    def run(self, work, /, **options):
        return self.store.run(work, **options)

    def tenant(self, tenant, /):
        return self.store.tenant(tenant)

    def claim(self, holder, /, **options):
        return self.store.claim(holder, **options)

    def settle(self, holder, ids, /):
        return self.store.settle(holder, ids)


class Forgetful(Through):
    """Dies before it settles."""

    def settle(self, holder, ids, /):
        return 0


def test_a_store_without_an_outbox_is_refused():
    class Plain:
        def begin(self, **_): ...
        def run(self, work, /, **_): ...
        def tenant(self, tenant, /): ...

    assert isinstance(Plain(), Store)
    with pytest.raises(InvalidValueError, match="Outbox"):
        feed.publish(Plain())


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"limit": 0}, "limit"),
        ({"skew": 5}, "skew"),
        ({"skew": timedelta(-1)}, "skew"),
    ],
)
def test_bad_options_of_a_publisher_are_refused(bad, told):
    with pytest.raises(InvalidValueError, match=told):
        feed.publish(MemoryStore(), **bad)


def test_bad_questions_of_a_reader_are_refused():
    store = MemoryStore()
    with pytest.raises(InvalidValueError, match="limit"):
        feed.changes(store, limit=0)
    with pytest.raises(InvalidValueError, match="several names"):
        feed.changes(store, types="Counted")
    with pytest.raises(InvalidValueError, match="callable"):
        feed.follow(store, "sales", "work")
    with pytest.raises(InvalidValueError, match="name"):
        feed.follow(store, "Sales of us", print)
    with pytest.raises(InvalidValueError, match="zone"):
        feed.forget(store, datetime(2026, 5, 1))  # that is what is refused
    with pytest.raises(InvalidCursor, match="nothing was ever published"):
        feed.changes(store, "x")


@pytest.mark.parametrize("model", [ChangeFeed, FeedEvent, FeedReader])
def test_the_feed_does_not_tell_of_itself(model):
    with pytest.raises(InvalidValueError, match="announce what the feed tells of"):
        MemoryStore(announce={model})


@pytest.mark.parametrize("given", [Product, "Product", None])
def test_what_is_announced_is_a_set_of_models(given):
    with pytest.raises(InvalidValueError, match="give several models"):
        MemoryStore(announce=given)


def test_a_cursor_is_good_for_one_feed_and_unchanged(store):
    emit(store, 1)
    feed.publish(store)
    cursor = feed.latest(store)
    other = fresh(store)
    emit(other, 1)
    feed.publish(other)
    for place, bad in ((other, cursor), (store, cursor[:-4] + "AAAA"), (store, "x"), (store, 7)):
        with pytest.raises(InvalidCursor, match=r"take latest\(store\)"):
            feed.changes(place, bad)
    feed.renew(store)
    with pytest.raises(InvalidCursor):
        feed.changes(store, cursor)
    assert numbers(feed.changes(store)) == [1]


def test_a_cursor_behind_the_end_of_a_feed_that_was_put_back_is_refused(store):
    emit(store, 1, 2)
    feed.publish(store)
    cursor = feed.latest(store)
    with store.begin() as unit:  # the database is put back to before the second
        held = unit.of(ChangeFeed).get(FEED_ID)
        unit.of(ChangeFeed).save(attrs.evolve(held, last=1))
        unit.commit()
    with pytest.raises(InvalidCursor, match="older state"):
        feed.changes(store, cursor)


def test_a_restored_store_has_a_feed_of_its_own(store, tmp_path):
    store.run(lambda unit: unit.products.add(pen("A1")))
    feed.publish(store)
    cursor = feed.latest(store)
    export(store, tmp_path / "all.gz")
    other = fresh(store)
    restore(tmp_path / "all.gz", other)
    assert feed.changes(other).events == ()
    with pytest.raises(InvalidCursor):
        feed.changes(other, cursor)


def label(unit, change):
    """Keep a label of every product: the packing department's own projection."""
    id = UUID(change.payload["id"])
    held = unit.of(Label).find(id)
    product = unit.products.find(id)
    if product is None:
        if held is not None:
            unit.of(Label).remove(id)
    elif held is None:
        unit.of(Label).add(Label(id=id, name=product.name, seen=1))
    else:
        unit.of(Label).save(attrs.evolve(held, name=product.name, seen=held.seen + 1))


PRODUCTS = {"Product.added", "Product.saved", "Product.removed"}


def labels(store):
    with store.begin(read_only=True) as unit:
        return {one.id: (one.name, one.seen) for one in unit.of(Label).page(Query(Label)).items}


def test_a_projection_is_kept_fresh_each_change_once(store):
    one = store.run(lambda unit: unit.products.add(pen("A1")))
    two = store.run(lambda unit: unit.products.add(pen("A2")))
    feed.publish(store)
    assert feed.follow(store, "packing", label, types=PRODUCTS, limit=1).handled == 2
    store.run(lambda unit: unit.products.save(attrs.evolve(unit.products.get(one.id), name="Blue")))
    store.run(lambda unit: unit.products.remove(two.id))
    emit(store, 1)
    feed.publish(store)
    assert feed.follow(store, "packing", label, types=PRODUCTS).handled == 2
    assert feed.follow(store, "packing", label, types=PRODUCTS).handled == 0
    assert labels(store) == {one.id: ("Blue", 2)}


def test_work_that_fails_is_undone_and_done_again(store):
    rows = [store.run(lambda unit, sku=sku: unit.products.add(pen(sku))) for sku in ("A1", "A2")]
    feed.publish(store)
    broken = [True]

    def work(unit, change):
        label(unit, change)
        if broken and change.payload["id"] == str(rows[1].id):
            broken.clear()
            raise OSError("down")

    with pytest.raises(OSError, match="down"):
        feed.follow(store, "packing", work)
    assert labels(store) == {}
    feed.follow(store, "packing", work)
    assert labels(store) == {row.id: (row.name, 1) for row in rows}


def test_two_that_follow_under_one_name_at_once_do_each_work_once(store):
    rows = [store.run(lambda unit, n=n: unit.products.add(pen(f"A{n}"))) for n in range(6)]
    feed.publish(store)

    def work(unit, change):
        label(unit, change)
        time.sleep(0.002)

    def follow(_):
        return feed.follow(store, "packing", work, limit=2).handled

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(follow, range(2))) == 6
    assert labels(store) == {row.id: (row.name, 1) for row in rows}


def test_how_old_what_each_department_knows_is(store):
    emit(store, 1, 2, 3)
    feed.publish(store)
    feed.follow(store, "sales", lambda unit, change: None)
    emit(store, 4, 5)
    late = feed.publish(store, clock=lambda: datetime.now(UTC) + HOUR)
    assert (late.delivered, late.longest > timedelta(minutes=59)) == (2, True)
    with pytest.raises(OSError, match="down"):
        feed.follow(store, "service", down)
    feed.follow(store, "stock", lambda unit, change: None)
    soon = datetime.now(UTC) + HOUR
    found = {one.reader: one for one in feed.freshness(store, clock=lambda: soon)}
    assert (found["sales"].behind, found["stock"].behind) == (2, 0)
    assert timedelta(minutes=59) < found["sales"].lag < HOUR + timedelta(minutes=1)
    assert found["stock"].lag == timedelta(0)
    assert "service" not in found  # it never finished a stretch
    page = feed.changes(store, limit=3, clock=lambda: soon)
    assert (page.behind, page.lag) == (2, found["sales"].lag)


def down(unit, change):
    raise OSError("down")


def test_what_all_have_read_is_forgotten_and_no_more(store):
    emit(store, *range(5))
    feed.publish(store)
    cursor = feed.changes(store, limit=1).next
    feed.follow(store, "slow", lambda unit, change: None)
    emit(store, 5)
    feed.publish(store)
    assert feed.forget(store, datetime.now(UTC) - HOUR) == 0
    assert feed.forget(store, datetime.now(UTC) + HOUR) == 5
    assert feed.forget(store, datetime.now(UTC) + HOUR) == 0
    assert numbers(feed.changes(store)) == [5]
    with pytest.raises(CursorTooOld, match=r"read up to change 1, and those up to 5 were forgotten; take latest"):
        feed.changes(store, cursor)
    assert feed.follow(store, "slow", lambda unit, change: None).handled == 1


def test_positions_go_on_where_all_was_forgotten(store):
    emit(store, 1)
    feed.publish(store)
    cursor = feed.latest(store)
    assert feed.forget(store, datetime.now(UTC) + HOUR, unread=True) == 1
    emit(store, 2)
    feed.publish(store)
    assert numbers(feed.changes(store, cursor)) == numbers(feed.changes(store)) == [2]


def test_a_follower_that_stood_still_too_long_is_told_and_begins_anew(store):
    emit(store, 1, 2)
    feed.publish(store)
    feed.follow(store, "asleep", lambda unit, change: None)
    emit(store, 3, 4, 5)
    feed.publish(store)
    middle = read(store)[0][3].at
    assert feed.forget(store, datetime.now(UTC) + HOUR, unread=True) == 5
    (found,) = feed.freshness(store)
    assert (found.behind, found.lost, found.lag) == (3, 3, timedelta(0))
    with pytest.raises(CursorTooOld) as error:
        feed.follow(store, "asleep", lambda unit, change: None)
    assert (error.value.position, error.value.kept_from) == (2, 6)
    emit(store, 6)
    feed.publish(store)
    got = []
    feed.follow(
        store, "asleep", lambda unit, change: got.append(change.payload["number"]), since=feed.changes(store).next
    )
    emit(store, 7)
    feed.publish(store)
    feed.follow(store, "asleep", lambda unit, change: got.append(change.payload["number"]))
    assert got == [7]
    assert middle is not None


def test_events_that_were_erased_by_other_means_are_not_passed_over_in_silence(store):
    emit(store, 1, 2, 3)
    feed.publish(store)
    cursor = feed.changes(store, limit=1).next
    with store.begin() as unit:
        (second,) = [one for one in unit.of(FeedEvent).page(Query(FeedEvent)).items if one.position == 2]
        unit.erase(FeedEvent, second.id)
        unit.commit()
    with pytest.raises(CursorTooOld) as error:
        feed.changes(store, cursor)
    assert (error.value.position, error.value.kept_from) == (1, 3)


def test_a_department_that_begins_reads_the_entities_and_then_what_changes(store):
    old = store.run(lambda unit: unit.customers.add(ana()))
    feed.publish(store)
    cursor = feed.latest(store)
    store.run(lambda unit: unit.customers.save(attrs.evolve(old, tags=frozenset({"new"}))))
    with store.begin(read_only=True) as unit:
        known = {one.id: one.version for one in unit.customers.page(Query(Customer)).items}
    feed.publish(store)
    page = feed.changes(store, cursor)
    told = [(UUID(event.payload["id"]), event.payload["version"]) for event in page.events]
    assert told == [(old.id, 2)]
    assert known == {old.id: 2}  # it comes again, and its version says so
