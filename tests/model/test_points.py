"""The points ledger: its laws for every sequence of posts, the bugs others reported, and the worked ledger of the docs."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledgers import ANA, BEA, DAY, NOON, Book, Ledger, laws
from pycrm.errors import InvalidValueError
from pycrm.model.points import post, transfer
from pycrm.model.points_account import PointsAccount, apply, replay
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
from pycrm.model.points_entry import Bucket, EntryKind, Leg, PointsEntry
from pycrm.model.points_statement import statement

GOLDEN = Path(__file__).parents[1] / "golden" / "points_ledger.json"

TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


# -- the bugs that users of other systems reported ----------------------------------------------------------------------------------


def test_bug_flocafe_78_spending_is_paired_with_the_lots_it_took_so_expiry_does_not_collapse_the_balance():
    book = Book()
    book.post(Earn(100, NOON + 10 * DAY), "a")
    book.post(Earn(50, NOON + 90 * DAY), "b")
    book.post(Redeem(80), "r", 1)
    book.post(Expire(), "x", 10)
    assert (book.available, book.account.expired) == (50, 20)
    laws(book)


def test_bug_kademi_5962_what_has_expired_is_not_in_the_balance():
    book = Book()
    book.post(Earn(100, NOON + DAY), "a")
    assert book.account.available_at(NOON + DAY - timedelta(microseconds=1)) == 100
    assert book.account.available_at(NOON + DAY) == 0
    with pytest.raises(InvalidValueError, match="0 points are available"):
        book.post(Redeem(1), "r", 1)


def test_bug_kademi_4304_expiry_is_in_the_statement():
    book = Book()
    book.post(Earn(100, NOON + DAY), "a")
    book.post(Expire(), "x", 1)
    assert [(line.kind, line.change, line.available) for line in statement(book.entries)] == [
        (EntryKind.EARN, 100, 100),
        (EntryKind.EXPIRE, -100, 0),
    ]


def test_bug_nopcommerce_5595_the_running_balance_is_right_whichever_of_earn_and_spend_is_refunded_first():
    for order in (["a", "r"], ["r", "a"]):
        book = Book()
        book.post(Earn(500), "before")
        book.post(Redeem(200), "r")
        book.post(Earn(70), "a")
        for number, key in enumerate(order):
            book.post(Reverse(key), f"refund{number}")
        assert [line.available for line in statement(book.entries)][-1] == book.available == 500
        laws(book)


def test_bug_odoo_212922_a_refund_deducts_once():
    book = Book()
    book.post(Earn(100), "order")
    book.post(Reverse("order"), "refund")
    book.post(Reverse("order"), "refund")
    assert (book.available, book.account.debt, book.account.reversed) == (0, 0, 100)


def test_bug_odoo_257854_who_buys_refunds_and_has_spent_owes_the_points():
    book = Book()
    book.post(Earn(100), "order")
    book.post(Redeem(100), "reward")
    book.post(Reverse("order"), "refund")
    assert (book.available, book.account.debt) == (0, 100)
    book.post(Earn(130), "next")
    assert (book.available, book.account.debt) == (30, 0)
    laws(book)


def test_bug_odoo_238806_a_cancelled_order_gives_back_what_it_earned():
    book = Book()
    book.post(Earn(40, pending=True, opens_at=NOON + 14 * DAY), "order")
    book.post(Reverse("order"), "cancel", 1)
    book.post(Expire(), "later", 20)
    assert (book.available, book.account.pending, book.account.reversed) == (0, (), 40)


def test_bug_erpnext_32951_a_partial_return_takes_back_its_share():
    book = Book()
    book.post(Earn(90), "order")
    book.post(Reverse("order", 30), "return")
    assert book.available == 60
    with pytest.raises(InvalidValueError, match="60 of its 90 points"):
        book.post(Reverse("order", 61), "too much")


def test_bug_blnk_152_a_refund_is_not_accepted_again_and_again():
    book = Book()
    book.post(Earn(100), "order")
    book.post(Redeem(60), "reward")
    book.post(Reverse("reward"), "refund 1")
    for number in (2, 3):
        with pytest.raises(InvalidValueError, match="0 of its 60 points can be undone"):
            book.post(Reverse("reward"), f"refund {number}")
    assert book.available == 100


def test_bug_formance_1464_a_redelivered_request_posts_once():
    book = Book()
    first = book.post(Earn(100), "event:7")
    again = book.post(Earn(100), "event:7", 3)
    assert again.replayed
    assert again.result == first.result
    assert book.available == 100


def test_bug_balaka_29_a_key_is_not_used_for_another_request():
    book = Book()
    book.post(Earn(100), "event:7")
    with pytest.raises(InvalidValueError, match="key: 'event:7' is refused; it was used for another request"):
        book.post(Earn(101), "event:7")


# -- how it works ---------------------------------------------------------------------------------------------------------------------


def test_the_worked_ledger_of_the_docs():
    book = Book()
    for step in json.loads(GOLDEN.read_text())["steps"]:
        kind = {
            "earn": Earn,
            "redeem": Redeem,
            "reverse": Reverse,
            "hold": HoldPoints,
            "capture": Capture,
            "expire": Expire,
        }[step["do"]]
        options = dict(step.get("with", {}))
        if "expires_on_day" in options:
            options["expires_at"] = NOON + options.pop("expires_on_day") * DAY
        book.post(kind(**options), step["key"], step["day"])
        account = book.account
        found = {
            "open": account.available,
            "held": account.held,
            "debt": account.debt,
            "spent": account.spent,
            "expired": account.expired,
        }
        assert found == {name: step["then"].get(name, 0) for name in found}, step
        laws(book)


def test_the_lot_that_expires_first_is_spent_first_and_comes_back_with_its_expiry():
    book = Book()
    book.post(Earn(50), "never")
    book.post(Earn(50, NOON + 30 * DAY), "late")
    book.post(Earn(50, NOON + 5 * DAY), "soon")
    book.post(Redeem(70), "r")
    assert [lot.points for lot in book.account.lots] == [30, 50]
    book.post(Reverse("r", 30), "half")
    assert [(lot.points, lot.expires_at) for lot in book.account.lots] == [
        (10, NOON + 5 * DAY),
        (50, NOON + 30 * DAY),
        (50, None),
    ]
    book.post(Reverse("r"), "rest")
    assert [lot.points for lot in book.account.lots] == [50, 50, 50]
    assert book.account.spent == 0


def test_of_lots_that_expire_together_the_older_is_spent_first():
    book = Book()
    for number in range(20):
        book.post(Earn(10), f"{number}")
    older = [lot.id for lot in book.account.lots]
    taken = book.post(Redeem(35), "r").result
    assert [leg.lot_id for leg in taken.legs if leg.bucket is Bucket.OPEN] == older[:4]
    assert [leg.lot_id for entry in book.entries[:20] for leg in entry.legs if leg.lot_id] == older
    book.post(Reverse("r"), "back")
    assert [lot.id for lot in book.account.lots] == older


@pytest.mark.parametrize("key", ["a:due", "a:expired", "a:after"])
def test_the_keys_of_the_ledger_itself_are_not_for_requests(key):
    book = Book()
    with pytest.raises(InvalidValueError, match="the ledger's own"):
        book.post(Earn(1), key)


def test_what_comes_back_after_its_time_expires_at_once():
    book = Book()
    book.post(Earn(50, NOON + DAY), "a")
    book.post(Redeem(50), "r")
    book.post(Reverse("r"), "back", 2)
    assert (book.available, book.account.expired) == (0, 50)
    laws(book)


def test_pending_points_open_when_they_are_due_or_released_or_expire_unopened():
    book = Book()
    book.post(Earn(10, pending=True, opens_at=NOON + DAY), "due")
    book.post(Earn(20, pending=True), "by hand")
    book.post(Earn(40, NOON + 2 * DAY, pending=True), "too late")
    assert (book.available, book.account.available_at(NOON + DAY)) == (0, 10)
    book.post(Release("by hand"), "release", 1)
    assert book.available == 30
    with pytest.raises(InvalidValueError, match="none of its points are pending"):
        book.post(Release("by hand"), "again", 1)
    book.post(Expire(), "x", 2)
    assert (book.available, book.account.pending, book.account.expired) == (30, (), 40)
    book.post(Earn(5, pending=True, opens_at=NOON), "open already", 3)
    assert book.available == 35


def test_a_hold_is_captured_in_part_and_undone_in_part():
    book = Book()
    book.post(Earn(30, NOON + 9 * DAY), "soon")
    book.post(Earn(30), "never")
    book.post(HoldPoints(50), "h")
    assert (book.available, book.account.held) == (10, 50)
    with pytest.raises(InvalidValueError, match="the hold is of 50 points"):
        book.post(Capture("h", 51), "c")
    book.post(Capture("h", 40), "c")
    assert (book.available, book.account.held, book.account.spent) == (20, 0, 40)
    book.post(Reverse("c", 15), "u")
    assert [(lot.points, lot.expires_at) for lot in book.account.lots] == [(5, NOON + 9 * DAY), (30, None)]
    with pytest.raises(InvalidValueError, match="no open hold"):
        book.post(CancelHold("h"), "x")
    laws(book)


def test_a_cancelled_hold_pays_debt_first_and_none_is_captured_while_points_are_owed():
    book = Book()
    book.post(Earn(30), "a")
    book.post(HoldPoints(30), "h")
    book.post(Reverse("a"), "undo")
    assert (book.account.debt, book.account.held) == (30, 30)
    for command in (Capture("h"), Redeem(1)):
        with pytest.raises(InvalidValueError, match="30 points are owed"):
            book.post(command, "blocked")
    book.post(CancelHold("h"), "cancel")
    assert (book.account.debt, book.available) == (0, 0)
    assert book.account.available_at(NOON) == 0
    laws(book)


def test_undoing_an_earn_takes_its_own_lot_then_others_then_leaves_debt():
    book = Book()
    book.post(Earn(50), "a")
    book.post(Redeem(40), "r")
    book.post(Earn(20), "b")
    book.post(Reverse("a"), "undo")
    assert (book.available, book.account.debt) == (0, 20)
    book.post(Reverse("r"), "refund")
    assert (book.available, book.account.debt) == (20, 0)
    laws(book)


def test_points_that_expired_unspent_are_not_owed_when_their_earn_is_undone():
    book = Book()
    book.post(Earn(100, NOON + 10 * DAY), "order")
    book.post(Redeem(30), "reward", 1)
    book.post(Earn(5, NOON + 40 * DAY), "other", 2)
    for part in (20, 60, None):
        book.post(Reverse("order", part), f"back {part}", 20)
        laws(book)
    account = book.account
    assert (account.expired, account.reversed, account.debt, book.available) == (0, 100, 25, 0)


@pytest.mark.parametrize("pending", [False, True])
def test_an_earn_that_expires_as_it_is_undone_leaves_no_debt(pending):
    book = Book()
    book.post(Earn(40, NOON + 10 * DAY), "before")
    book.post(Earn(100, NOON + 10 * DAY, pending=pending), "order")
    book.post(Reverse("order"), "refund", 20)
    assert (book.account.debt, book.account.expired, book.account.reversed) == (0, 40, 100)
    laws(book)


def test_a_history_that_does_not_tell_what_expired_is_refused():
    book = Book()
    book.post(Earn(100, NOON + 10 * DAY), "order")
    book.post(Expire(), "night", 10)
    with pytest.raises(InvalidValueError, match="of 100 expired points they tell 0"):
        post(book.account, Reverse("order"), key="r", at=NOON + 20 * DAY, history={"order": book.entries[0]})


def test_a_cap_gives_what_is_left_of_it_and_then_nothing_until_the_next_day_of_the_member():
    book = Book(zone="America/New_York")
    earn = Earn(40, rule="visit", caps=(EarnCap(50), EarnCap(95, CapSpan.EVER)))
    assert book.post(earn, "1").result.points == 40
    assert book.post(earn, "2", 0.4).result.points == 10
    with pytest.raises(InvalidValueError, match="the cap of visit is reached"):
        book.post(earn, "3", 0.6)  # after midnight in UTC, not yet in New York
    assert book.post(earn, "4", 1).result.points == 40
    assert book.post(earn, "5", 2).result.points == 5
    assert book.account.points_by_rule("visit").ever == 95
    assert book.account.points_by_rule("other") is None


def test_a_transfer_keeps_the_expiry_and_is_done_once():
    ana, bea = Book(ANA), Book(BEA)
    ana.post(Earn(30, NOON + 9 * DAY), "a")
    out, into = transfer(ana.account, bea.account, 20, key="t", at=NOON, history=ana.history)
    ana.keep(out)
    bea.keep(into)
    assert (ana.available, bea.available, bea.account.lots[0].expires_at) == (10, 20, NOON + 9 * DAY)
    out, into = transfer(ana.account, bea.account, 20, key="t", at=NOON, history=ana.history)
    assert out.replayed
    assert into.replayed
    with pytest.raises(InvalidValueError, match="another request"):
        transfer(ana.account, bea.account, 5, key="t", at=NOON, history=ana.history)
    bea.post(Earn(1), "used")
    with pytest.raises(InvalidValueError, match="another request"):
        transfer(ana.account, bea.account, 5, key="used", at=NOON, history=ana.history, history_of_taker=bea.history)
    for taker in (ana.account, PointsAccount.opened(BEA, "coffee")):
        with pytest.raises(InvalidValueError, match="taker"):
            transfer(ana.account, taker, 5, key="u", at=NOON)


def test_a_clock_that_is_behind_is_read_as_the_time_of_the_last_entry():
    book = Book()
    book.post(Earn(10), "a", 5)
    assert book.post(Earn(10), "b", 1).result.at == NOON + 5 * DAY


@pytest.mark.parametrize(
    "make",
    [
        lambda: Earn(0),
        lambda: Earn(1.5),
        lambda: Earn(True),
        lambda: Earn(1, datetime(2026, 1, 1)),
        lambda: Earn(1, caps=(EarnCap(5),)),
        lambda: Earn(1, opens_at=NOON),
        lambda: Redeem(-1),
        lambda: Adjust(0, "x"),
        lambda: Adjust(True, "x"),
        lambda: Adjust(5, " "),
        lambda: EarnCap(-1),
        lambda: Reverse(""),
        lambda: PointsEntry(
            account_id=ANA, key="k", request="", kind=EntryKind.EARN, at=NOON, legs=(Leg(Bucket.OPEN, 5, ANA),)
        ),
    ],
)
def test_an_impossible_request_is_refused(make):
    with pytest.raises(InvalidValueError):
        make()


@pytest.mark.parametrize(
    "command, key, at",
    [(Earn(1), "", NOON), (Earn(1), "k", datetime(2026, 1, 1)), (Earn(1, NOON), "k", NOON), ("earn", "k", NOON), (Reverse("x"), "k", NOON),
     (Adjust(-5, "too many"), "k", NOON)],
)  # fmt: skip
def test_an_impossible_post_is_refused(command, key, at):
    with pytest.raises(InvalidValueError):
        post(PointsAccount.opened(ANA, "tea"), command, key=key, at=at)


def test_entries_are_of_one_account_and_in_their_order():
    book = Book()
    book.post(Earn(10), "a")
    book.post(Redeem(10), "r")
    with pytest.raises(InvalidValueError, match="this is the account"):
        apply(PointsAccount.opened(BEA, "tea"), book.entries[0])
    with pytest.raises(InvalidValueError, match="apply all entries in their order"):
        replay(book.empty, reversed(book.entries))
    taking = PointsEntry(
        account_id=book.empty.id,
        key="x",
        request="",
        kind=EntryKind.REDEEM,
        at=NOON,
        legs=(Leg(Bucket.OPEN, -5, ANA), Leg(Bucket.SPENT, 5)),
    )
    with pytest.raises(InvalidValueError, match="takes what is not there"):
        apply(book.empty, taking)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 99))
def test_what_is_spent_of_one_expiry_is_spent_oldest_first(earned, spent):
    book = Book()
    for number, points in enumerate(earned):
        book.post(Earn(points), f"{number}")
    spent = min(spent, sum(earned))
    book.post(Redeem(spent), "r")
    assert book.available == sum(earned) - spent
    laws(book)
