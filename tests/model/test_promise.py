"""Promises: what was promised, by when, and whether it was kept follows from the times alone."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.customer import Customer, PersonName
from pycrm.model.predicate import where
from pycrm.model.promise import Promise, PromiseStatus, promise_record
from pycrm.storage import MemoryStore, Query

MADE = datetime(2026, 5, 1, 12, tzinfo=UTC)
S = PromiseStatus


def on(day):
    return MADE + timedelta(days=day)


def promise(due=2, **values):
    return Promise(customer_id=UUID(int=1), kind="call_back", what="We call you", made_at=MADE, due=on(due), **values)


def test_a_promise_kept_at_the_very_moment_it_is_due_is_kept():
    assert promise().kept(on(2)).status(on(2)) is S.KEPT
    assert promise().kept(on(2) + timedelta(microseconds=1)).status(on(3)) is S.LATE


def test_a_promise_nobody_kept_is_broken_by_the_clock_alone():
    assert [promise().status(at) for at in (on(0), on(2), on(2) + timedelta(microseconds=1))] == [
        S.OPEN,
        S.OPEN,
        S.BROKEN,
    ]


def test_what_is_done_later_does_not_change_how_it_stood_before():
    late = promise().kept(on(5))
    assert [late.status(on(day)) for day in (1, 3, 5)] == [S.OPEN, S.BROKEN, S.LATE]
    freed = promise().released(on(5), "he bought elsewhere")
    assert [freed.status(on(day)) for day in (1, 3, 5)] == [S.OPEN, S.BROKEN, S.RELEASED]


@pytest.mark.parametrize(
    "make",
    [
        lambda: promise(due=-1),
        lambda: promise(kept_at=on(-1)),
        lambda: promise(kept_at=on(1), released_at=on(1)),
        lambda: promise().kept(on(1)).kept(on(1)),
        lambda: promise().kept(on(1)).released(on(2), "late"),
        lambda: promise().released(on(1), "no need").kept(on(2)),
    ],
)
def test_an_impossible_promise_is_refused(make):
    with pytest.raises(InvalidValueError):
        make()


def test_the_record_counts_what_was_due_and_by_how_much_it_was_missed():
    given_ = [
        promise().kept(on(1)),
        promise().kept(on(6)),
        promise(),
        promise(due=9),
        promise().released(on(1), "no need"),
        attrs.evolve(promise(due=30), made_at=on(20)),
    ]
    record = promise_record(given_, on(8))
    assert dict(record.counts) == {S.KEPT: 1, S.LATE: 1, S.BROKEN: 1, S.OPEN: 1, S.RELEASED: 1}
    assert record.share == pytest.approx(1 / 3)
    assert record.delay == timedelta(days=5)  # the median of 4 and 6


def test_of_no_promise_that_was_due_there_is_no_share():
    assert promise_record([promise()], on(1)).share is None
    assert promise_record([], on(1)).delay is None


days = st.integers(0, 20)


@given(st.lists(st.tuples(days, st.none() | days)), days)
def test_the_share_kept_never_rises_while_nothing_is_done(made, day):
    promises = [promise(due=due, kept_at=None if done is None else on(done)) for due, done in made]
    after_all = max((done or 0 for _, done in made), default=0)
    shares = [promise_record(promises, on(after_all + more)).share for more in (0, day)]
    assert shares[0] is None or (shares[1] is not None and shares[1] <= shares[0])


def test_what_is_due_is_found_in_a_store():
    store = MemoryStore()
    with store.begin() as unit:
        ana = unit.of(Customer).add(Customer(name=PersonName(given="Ana")))
        first = unit.of(Promise).add(attrs.evolve(promise(), customer_id=ana.id))
        unit.of(Promise).add(attrs.evolve(promise(due=9, key="later"), customer_id=ana.id))
        unit.of(Promise).save(first.kept(on(1)))
        unit.commit()
    with store.begin(read_only=True) as unit:
        asked = Query(Promise, (where("due") < on(10)) & where("kept_at").is_null(True))
        assert [one.key for one in unit.of(Promise).page(asked).items] == ["later"]
