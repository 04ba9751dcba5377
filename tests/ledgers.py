"""The laws of the points ledger as one state machine, for an account in hand and for accounts that a store keeps."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pycrm.errors import InvalidValueError
from pycrm.model.customer import Customer, PersonName
from pycrm.model.points import post, transfer
from pycrm.model.points_account import PointsAccount, replay
from pycrm.model.points_command import (
    Adjust,
    CancelHold,
    CapSpan,
    Capture,
    Earn,
    EarnCap,
    Expire,
    HoldPoints,
    Redeem,
    Release,
    Reverse,
)
from pycrm.model.points_entry import EntryKind, PointsEntry
from pycrm.model.points_statement import statement
from pycrm.model.predicate import where
from pycrm.storage.ledger import post_points, transfer_points
from pycrm.storage.query import Query, asc

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANA, BEA = UUID(int=1), UUID(int=2)


class Book:
    """An account with its history, in hand."""

    def __init__(self, member=ANA, program="tea", zone="UTC"):
        self.empty = PointsAccount.opened(member, program, zone)
        self.account = self.empty
        self.entries = []

    @property
    def history(self):
        return {entry.key: entry for entry in self.entries}

    def post(self, command, key, day=0.0):
        return self.keep(self.try_to(command, key, NOON + day * DAY))

    def try_to(self, command, key, at):
        """Post without keeping it."""
        return post(self.account, command, key=key, at=at, history=self.history)

    def keep(self, posted):
        self.account = posted.account
        self.entries.extend(posted.entries)
        return posted

    def give(self, taker, points, key, at):
        out, into = transfer(self.account, taker.account, points, key=key, at=at, history=self.history)
        self.keep(out)
        taker.keep(into)

    @property
    def available(self):
        return self.account.available


class KeptBook:
    """An account as a store keeps it: every look is a new unit of work."""

    def __init__(self, store, program="tea"):
        self.store = store
        with store.begin() as unit:
            self.member = unit.of(Customer).add(Customer(name=PersonName(given="member"))).id
            unit.commit()
        self.program = program
        self.empty = PointsAccount.opened(self.member, program)

    @property
    def account(self):
        with self.store.begin(read_only=True) as unit:
            found = unit.of(PointsAccount).find(self.empty.id) or self.empty
        return attrs.evolve(found, version=0)

    @property
    def entries(self):
        asked = Query(PointsEntry, where("account_id") == self.empty.id, order=(asc("number"),))
        with self.store.begin(read_only=True) as unit:
            return [entry for batch in unit.of(PointsEntry).stream(asked) for entry in batch]

    @property
    def history(self):
        return {entry.key: entry for entry in self.entries}

    def try_to(self, command, key, at):
        posted = self.store.run(
            lambda unit: post_points(unit, self.member, self.program, command, key=key, at=at), attempts=50
        )
        return attrs.evolve(posted, account=attrs.evolve(posted.account, version=0))

    def keep(self, posted):
        return posted

    def give(self, taker, points, key, at):
        self.store.run(
            lambda unit: transfer_points(unit, self.member, taker.member, self.program, points, key=key, at=at)
        )


def laws(book):
    """Assert every law of one account; return what was transferred."""
    account, entries = book.account, book.entries
    for entry in entries:
        assert sum(leg.points for leg in entry.legs) == 0
    came = account.earned + account.transferred + account.adjusted + account.debt
    went = account.spent + account.expired + account.reversed + account.held
    assert came == went + account.available + sum(lot.points for lot in account.pending)
    assert account.available == sum(lot.points for lot in account.lots) >= 0
    assert account.debt >= 0
    assert not (account.debt and account.lots)
    # Only what was used is owed, and no expiry is undone that was not booked.
    assert account.expired >= 0
    assert all(lot.points > 0 for lot in (*account.lots, *account.pending))
    assert list(account.lots) == sorted(
        account.lots, key=lambda lot: (lot.expires_at is None, lot.expires_at or NOON, lot.id)
    )
    assert all(lot.expires_at is None or lot.expires_at > account.last_at for lot in account.lots)
    assert replay(book.empty, entries) == account
    lines = statement(entries)
    assert (lines[-1].available if lines else 0) == account.available
    assert all(line.available >= 0 for line in lines)
    assert len({entry.id for entry in entries}) == len({entry.key for entry in entries}) == len(entries)
    return account.transferred


class Ledger(RuleBasedStateMachine):
    """Two members of one programme, and everything that can be posted, in any order."""

    def open_books(self):
        return [Book(ANA), Book(BEA)]

    @initialize()
    def start(self):
        self.books = self.open_books()
        self.now = NOON
        self.number = 0
        self.given = {}
        self.spent = {}

    def attempt(self, which, command):
        book = self.books[which]
        self.number += 1
        key = f"k{self.number}"
        before = book.account
        try:
            posted = book.try_to(command, key, self.now)
        except InvalidValueError:
            assert book.account == before
            return None
        book.keep(posted)
        assert book.account == posted.account
        if posted.result is not None:
            again = book.try_to(command, key, self.now)
            assert again.replayed
            assert again.result == attrs.evolve(posted.result, version=again.result.version)
            assert (again.account, again.entries) == (book.account, ())
            with pytest.raises(InvalidValueError, match="another request"):
                book.try_to(Earn(999), key, self.now)
        return key

    which = st.integers(0, 1)
    points = st.integers(1, 50)

    @rule(
        which=which,
        points=points,
        lasts=st.none() | st.integers(1, 5),
        pending=st.booleans(),
        opens=st.none() | st.integers(0, 3),
    )
    def earn(self, which, points, lasts, pending, opens):
        expires = None if lasts is None else self.now + lasts * DAY
        opens_at = self.now + opens * DAY if pending and opens is not None else None
        owed = self.books[which].account.debt
        key = self.attempt(which, Earn(points, expires, pending, opens_at))
        waits = pending and (opens_at is None or opens_at > self.now)
        if key is not None and owed and not waits:
            assert self.books[which].account.debt <= max(owed - points, 0)

    @rule(which=which, points=points)
    def earn_under_a_cap(self, which, points):
        caps = (EarnCap(60, CapSpan.DAY), EarnCap(200, CapSpan.EVER))
        key = self.attempt(which, Earn(points, rule="visit", caps=caps))
        if key is not None:
            day, given = self.now.date(), self.books[which].history[key].points
            self.given[which, day] = self.given.get((which, day), 0) + given
        assert all(points <= 60 for points in self.given.values())
        assert sum(points for (member, _), points in self.given.items() if member == which) <= 200

    @rule(which=which, points=points)
    def redeem(self, which, points):
        account = self.books[which].account
        there = account.available_at(self.now)
        key = self.attempt(which, Redeem(points))
        if account.debt and not account.pending:
            assert key is None
        if key is not None:
            assert points <= there

    @rule(which=which, points=points)
    def hold(self, which, points):
        self.attempt(which, HoldPoints(points))

    @rule(which=which, points=st.none() | points, data=st.data())
    def capture(self, which, points, data):
        holds = [hold.key for hold in self.books[which].account.holds]
        self.attempt(which, Capture(data.draw(st.sampled_from([*holds, "none"])), points))

    @rule(which=which, data=st.data())
    def cancel(self, which, data):
        holds = [hold.key for hold in self.books[which].account.holds]
        self.attempt(which, CancelHold(data.draw(st.sampled_from([*holds, "none"]))))

    @rule(which=which, points=st.none() | points, data=st.data())
    def reverse(self, which, points, data):
        keys = [entry.key for entry in self.books[which].entries]
        undone = data.draw(st.sampled_from([*keys, "none"]))
        earns = [entry for entry in self.books[which].entries if entry.kind is EntryKind.EARN and entry.key == undone]
        unspent = earns and not self.uses(which)
        if self.attempt(which, Reverse(undone, points)) is not None and points is None:
            assert not (unspent and self.books[which].account.debt)  # what nobody used is not owed
            assert self.attempt(which, Reverse(undone)) is None  # a refund deducts once

    def uses(self, which):
        """Return the entries by which points were spent, set aside, or taken from other lots."""
        earned = {EntryKind.EARN, EntryKind.EXPIRE, EntryKind.RELEASE}
        return [entry for entry in self.books[which].entries if entry.kind not in earned]

    @rule(which=which, data=st.data())
    def release(self, which, data):
        keys = [entry.key for entry in self.books[which].entries if entry.kind is EntryKind.EARN]
        self.attempt(which, Release(data.draw(st.sampled_from([*keys, "none"]))))

    @rule(which=which, points=st.integers(-50, 50).filter(bool))
    def adjust(self, which, points):
        self.attempt(which, Adjust(points, "counted anew"))

    @rule(which=which, points=points)
    def transfer(self, which, points):
        giver, taker = self.books[which], self.books[1 - which]
        self.number += 1
        key, before = f"t{self.number}", (giver.account, taker.account)
        try:
            giver.give(taker, points, key, self.now)
        except InvalidValueError:
            assert (giver.account, taker.account) == before
            return
        after = (giver.account, taker.account)
        giver.give(taker, points, key, self.now)
        assert (giver.account, taker.account) == after

    @rule(which=which, hours=st.integers(0, 60))
    def time_passes(self, which, hours):
        self.now += timedelta(hours=hours)
        self.attempt(which, Expire())
        lots = [*self.books[which].account.lots, *self.books[which].account.pending]
        assert all(lot.expires_at is None or lot.expires_at > self.now for lot in lots)

    @precondition(lambda self: hasattr(self, "books"))
    @invariant()
    def the_laws_hold(self):
        assert sum(laws(book) for book in self.books) == 0
