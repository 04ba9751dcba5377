"""What a person may ask for, in a store that announces every change: events hold values, before and after, and keep none of hers."""

import pytest

from pycrm.errors import Conflict
from pycrm.model.customer import Customer
from pycrm.model.feed import FEED_ID, ChangeFeed
from pycrm.model.privacy import RequestKind, SubjectRequest
from pycrm.storage import MemoryStore, Query, default_maps, feed
from pycrm.storage.unit import announced_models
from pycrm.workflows import privacy
from storage.opened import KINDS, fresh, opened
from storage.test_feed import Through, read
from workflows.test_privacy import ANA, BEA, DAY, NOW, SECRETS, TWIN, fill, found_in
from workflows.worlds import everything

_OF_THE_FEED = {"ChangeFeed", "FeedEvent", "FeedReader"}
EVERYTHING = {map.model for map in default_maps() if map.name not in _OF_THE_FEED}


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    # A store of its own each: what is searched is every byte of it.
    with opened(request.param, announce=EVERYTHING) as made:
        yield made


def told(store):
    """Return type and payload of every event, waiting or published."""
    waiting = store.claim("feed", limit=10_000)
    return [(event.type, str(event.payload)) for event in (*read(store)[0], *waiting)]


@pytest.mark.parametrize("when", ["waiting", "published", "some of each"])
def test_erasing_leaves_nothing_of_hers_in_the_events_of_her_changes(store, when):
    fill(store)
    assert found_in(store, SECRETS) == set(SECRETS)
    if when == "published":
        feed.publish(store)
    if when == "some of each":
        feed.publish(store)
        privacy.restrict(store, ANA, at=NOW)
        privacy.rectify(store, ANA, {"job_title": "zz-beekeeper of bees"}, at=NOW)
    before = told(store)
    assert any("zz-beekeeper" in text or "zz-order-note" in text for _, text in before)

    privacy.erase(store, TWIN, at=NOW, received_at=NOW - 3 * DAY, actor="dpo")

    if isinstance(store, MemoryStore):
        store.begin().rollback()
    assert found_in(store, SECRETS) <= {"Zenobia", "Quixano"}  # in Bea's words, and reported
    after = told(store)
    assert not [
        secret for secret in SECRETS for _, text in after if secret in text and secret not in {"Zenobia", "Quixano"}
    ]
    assert [kind for kind, _ in after[: len(before)]] == [kind for kind, _ in before]  # that she changed is still told
    assert ("Customer.erased", str(ANA)) in {(kind, next(i for i in (str(ANA), str(TWIN)) if i in text))
                                             for kind, text in after if kind == "Customer.erased"}  # fmt: skip
    assert any(str(BEA) in text for _, text in after)
    feed.publish(store)
    assert found_in(store, SECRETS) <= {"Zenobia", "Quixano"}


def test_access_and_export_tell_the_same_whether_changes_are_announced_or_not(store):
    fill(store)
    feed.publish(store)
    plain = fill(MemoryStore())
    hers, as_plain = privacy.access(store, TWIN, at=NOW), privacy.access(plain, TWIN, at=NOW)
    assert {one.table: len(one.records) for one in hers.held} == {one.table: len(one.records) for one in as_plain.held}
    assert privacy.export(store, ANA, at=NOW) == hers.as_json()
    assert everything(store, SubjectRequest)[-1].kind is RequestKind.EXPORT
    assert "SubjectRequest.added" in {kind for kind, _ in told(store)}


class ErasedBetween(Through):
    """She is erased while a publisher holds what it has claimed."""

    erased = False

    def claim(self, holder, /, **options):
        claims = self.store.claim(holder, **options)
        if claims and not self.erased:
            self.erased = True
            privacy.erase(self.store, ANA, at=NOW)
        return claims


def test_what_a_publisher_had_claimed_before_she_was_erased_is_published_as_it_is_told_now(store):
    fill(store)
    feed.publish(ErasedBetween(store))
    assert {kind for kind, _ in told(store)} >= {"Customer.erased"}
    if isinstance(store, MemoryStore):
        store.begin().rollback()
    assert found_in(store, SECRETS) <= {"Zenobia", "Quixano"}


class PublishedMeanwhile(Through):
    """A publisher numbers one more event whenever a unit of work is about to commit, so many times."""

    def __init__(self, store, times):
        super().__init__(store)
        self.times = times

    def begin(self, **options):
        unit = self.store.begin(**options)
        if self.times and options.get("cause") == "privacy.erase":
            self.times -= 1
            self.store.run(lambda other: other.emit({"type": "Counted"}))
            feed.publish(self.store)
        return unit


def test_erasing_is_tried_again_while_a_publisher_goes_on_and_not_for_ever():
    store = fill(MemoryStore(announce=EVERYTHING))
    feed.publish(store)
    assert privacy.erase(PublishedMeanwhile(store, 2), ANA, at=NOW).counts
    store = fill(fresh(store))
    feed.publish(store)
    with pytest.raises(Conflict) as error:
        privacy.erase(PublishedMeanwhile(store, 9), ANA, at=NOW)
    assert (error.value.model, error.value.id) == ("ChangeFeed", FEED_ID)
    with store.begin(read_only=True) as unit:
        assert unit.of(ChangeFeed).get(FEED_ID).retold == 0
        assert unit.of(Customer).get(ANA).job_title == "zz-beekeeper"
        assert unit.of(SubjectRequest).count(Query(SubjectRequest)) == 0


def test_everything_that_is_kept_can_be_announced_but_the_feed_itself():
    assert announced_models(MemoryStore()._maps, EVERYTHING) == EVERYTHING
    assert {map.name for map in default_maps()} - {model.__name__ for model in EVERYTHING} == _OF_THE_FEED
