"""Many rows without a search for cycles among them: the collector comes back, whatever happens."""

import gc

import pytest

from ledgers import NOON, KeptBook
from pycrm.errors import InvalidValueError
from pycrm.model.points_command import Redeem
from pycrm.storage import MemoryStore
from pycrm.storage.calm import uncollected
from pycrm.storage.ledger import PointsRequest, post_many_points


def test_the_collector_rests_within_and_works_after_even_one_within_another():
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_turned_the_collector_off_finds_it_off():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_refused_batch_leaves_the_collector_on():
    store = MemoryStore()
    book = KeptBook(store)
    with store.begin() as unit, pytest.raises(InvalidValueError):
        post_many_points(unit, "tea", [PointsRequest(book.member, Redeem(5), "r", NOON)])
    assert gc.isenabled()
