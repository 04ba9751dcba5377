"""The laws of the points ledger on every store: one after another in any order, and by eight writers at once."""

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ledgers import DAY, NOON, KeptBook, Ledger, laws
from pycrm.errors import Conflict, Duplicate, InvalidValueError
from pycrm.model.customer import Customer, PersonName
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_command import CapSpan, Earn, EarnCap, Expire, Redeem, Reverse
from pycrm.storage import MemoryStore
from pycrm.storage.ledger import PointsRequest, post_many_points, post_points, transfer_points
from storage.servers import kept

KINDS = ["memory", "sqlite", "postgresql", "mariadb"]
CAPS = (EarnCap(60, CapSpan.DAY), EarnCap(100, CapSpan.EVER))


@pytest.fixture(scope="module", params=KINDS)
def store(request, tmp_path_factory):
    with kept(request.param, tmp_path_factory.mktemp("ledger")) as made:
        yield made


def test_the_laws_hold_after_every_post_whatever_is_posted(store):
    class KeptLedger(Ledger):
        def open_books(self):
            return [KeptBook(store), KeptBook(store)]

    run_state_machine_as_test(
        KeptLedger,
        settings=settings(
            max_examples=5, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_batch_posts_what_one_by_one_would_and_each_key_once(store):
    books = [KeptBook(store), KeptBook(store)]
    for_each = [
        (Earn(100, NOON + 3 * DAY), "a", 0),
        (Redeem(30), "r", 1),
        (Earn(100, NOON + 3 * DAY), "a", 1),
        (Reverse("r", 10), "back", 2),
        (Expire(), "x", 3),
        (Earn(5), "b", 4),
    ]
    with store.begin() as unit:
        first = post_many_points(
            unit,
            "tea",
            [
                PointsRequest(book.member, command, key, NOON + day * DAY)
                for command, key, day in for_each
                for book in books
            ],
        )
        unit.commit()
    single = KeptBook(store)
    for command, key, day in for_each:
        single.try_to(command, key, NOON + day * DAY)
    for book in books:
        assert (book.account.available, book.account.expired, book.account.posted) == (5, 80, 5)
        assert [(one.key, one.legs[0].points) for one in book.entries] == [
            (one.key, one.legs[0].points) for one in single.entries
        ]
        laws(book)
    assert [one and one.key for one in first[::2]] == ["a", "r", "a", "back", None, "b"]
    with store.begin() as unit:
        again = post_many_points(
            unit,
            "tea",
            [PointsRequest(books[0].member, command, key, NOON + 9 * DAY) for command, key, _ in for_each[:4]],
        )
        unit.commit()
    assert [one.id for one in again] == [one.id for one in first[:8:2]]
    assert books[0].account.posted == 5


def test_a_batch_that_undoes_what_expired_leaves_no_debt(store):
    book = KeptBook(store)
    for number, (command, key) in enumerate(
        [(Earn(100, NOON + 3 * DAY), "a"), (Redeem(30), "r"), (Expire(), "x"), (Reverse("a", 10), "part")]
    ):
        book.try_to(command, key, NOON + 2 * number * DAY)
    assert (book.account.expired, book.account.debt) == (60, 0)
    with store.begin() as unit:
        post_many_points(unit, "tea", [PointsRequest(book.member, Reverse("a"), "rest", NOON + 9 * DAY)])
        unit.commit()
    assert (book.account.expired, book.account.debt) == (0, 30)
    laws(book)


def test_an_account_is_opened_in_the_zone_of_its_member(store):
    with store.begin() as unit:
        zones = ("America/New_York", "Asia/Tokyo", None, "Europe/Madrid")
        people = [unit.of(Customer).add(Customer(name=PersonName(given="Ana"), zone=zone)).id for zone in zones]
        post_points(unit, people[0], "tea", Earn(9), key="a", at=NOON)
        transfer_points(unit, people[0], people[1], "tea", 4, key="t", at=NOON)
        post_many_points(unit, "tea", [PointsRequest(one, Earn(1), "b", NOON) for one in people])
        opened = [unit.of(PointsAccount).get(PointsAccount.id_of(one, "tea")).zone for one in people]
        assert opened == ["America/New_York", "Asia/Tokyo", "UTC", "Europe/Madrid"]
        post_many_points(unit, "cocoa", [PointsRequest(people[0], Earn(1), "b", NOON)], zone="Asia/Tokyo")
        assert unit.of(PointsAccount).get(PointsAccount.id_of(people[0], "cocoa")).zone == "Asia/Tokyo"


def test_a_batch_with_a_refused_request_names_it(store):
    book = KeptBook(store)
    with store.begin() as unit, pytest.raises(InvalidValueError, match=r"requests\[1\].points: 8 is refused"):
        post_many_points(
            unit,
            "tea",
            [PointsRequest(book.member, Earn(7), "a", NOON), PointsRequest(book.member, Redeem(8), "r", NOON)],
        )
    assert book.entries == []


def at_once(workers, work):
    """Run `work` for each worker in a thread of its own; raise what any of them raised."""
    errors = []

    def guarded(worker):
        try:
            work(worker)
        except Exception as error:  # noqa: BLE001  # told below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_eight_writers_on_one_account_come_to_the_exact_total(store):
    book = KeptBook(store)

    def write(worker):
        for number in range(6):
            command = Redeem(1) if number % 3 == 2 else Earn(worker + 1)
            book.try_to(command, f"{worker}:{number}", NOON + timedelta(minutes=number))
            book.try_to(Earn(1), f"shared:{number}", NOON)  # the same request of all eight: it counts once

    at_once(8, write)
    account = book.account
    assert account.earned == 4 * sum(range(1, 9)) + 6
    assert (account.spent, account.available) == (16, account.earned - 16)
    assert account.posted == len(book.entries) == 8 * 6 + 6
    laws(book)


def test_caps_hold_when_many_earn_at_once(store):
    book = KeptBook(store)

    def earn(worker):
        for number in range(4):
            try:
                book.try_to(Earn(7, rule="visit", caps=CAPS), f"{worker}:{number}", NOON)
            except InvalidValueError as error:
                refused.append(str(error))

    refused = []
    at_once(6, earn)
    assert len(refused) == 24 - 9
    assert all("the cap of visit is reached" in why for why in refused)
    assert book.account.points_by_rule("visit").ever == book.account.available == 60
    laws(book)


class Interleaved(RuleBasedStateMachine):
    """Units of work that are open at the same time, on one account, under a cap; each commits or begins again."""

    opened = Bundle("opened")

    @initialize()
    def start(self):
        self.book = KeptBook(MemoryStore())
        self.number = 0
        self.committed = 0

    @rule(target=opened, points=st.integers(1, 40))
    def open(self, points):
        self.number += 1
        unit = self.book.store.begin()
        try:
            posted = post_points(
                unit, self.book.member, "tea", Earn(points, rule="visit", caps=CAPS), key=f"k{self.number}", at=NOON
            )
        except InvalidValueError:
            return (unit, 0)
        return (unit, posted.result.points)

    @rule(one=consumes(opened))
    def commit(self, one):
        unit, points = one
        try:
            unit.commit()
        except (Conflict, Duplicate):  # another was quicker
            return
        self.committed += points

    @invariant()
    def the_cap_holds(self):
        if hasattr(self, "book"):
            assert self.book.account.available == self.committed <= 60
            laws(self.book)


TestInterleaved = Interleaved.TestCase
TestInterleaved.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
