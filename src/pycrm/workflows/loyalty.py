"""Loyalty: points for what customers do, rewards for points, and everything of it undone when the order is.

Each verb is one unit of work under a key of its own, so a call that comes twice, or a second process that is quicker, changes
nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pycrm.errors import InvalidValueError, NotFound
from pycrm.model.customer import Customer
from pycrm.model.earning import RulePoints
from pycrm.model.entity import named_id
from pycrm.model.order import Order
from pycrm.model.points import points_allowed
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_command import Redeem, Reverse
from pycrm.model.points_entry import Bucket, PointsEntry
from pycrm.model.points_statement import StatementLine, statement
from pycrm.model.predicate import where
from pycrm.model.reward import Redemption, RedemptionStatus, Reward
from pycrm.storage.earnings import earned_under, earning_rules, moved_points
from pycrm.storage.ledger import accounts_of, post_points, take_from_budget, transfer_points
from pycrm.storage.lookups import why_not_used
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query, asc

__all__ = ["account_of", "cancel", "earn_for_order", "redeem", "statement_of", "transfer"]


def account_of(unit: UnitOfWork, member_id: UUID, program: str) -> PointsAccount:
    """Return the own account of a member; an empty one where nothing was posted yet."""
    return accounts_of(unit, member_id, program)[0]


def earn_for_order(
    store: Store, order_id: UUID, program: str, at: datetime, *, actor: str | None = None
) -> tuple[RulePoints, ...]:
    """Give what an order earns as it stands now: new points the first time, and back what refunds or its cancelling undo.

    Call it whenever the order changed; calling it again changes nothing. A rule whose cap is reached gives nothing this time,
    and the others give what they would; called again when the cap has room, such as the next day, it gives what fits then. A rule
    that gave a part because no more fitted has given: the rest is lost. Whose data is restricted or was erased earns nothing new;
    what refunds undo is still taken back, for that is a matter of the books.

    Parameters
    ----------
    store : Store
        Where order and rules are.
    order_id : UUID
        The order.
    program : str
        Whose rules count.
    at : datetime
        Now.
    actor : str, optional
        For the audit trail.

    Returns
    -------
    tuple of RulePoints
        Per rule that ever gave points for it.

    Raises
    ------
    NotFound
        If there is no such order.
    InvalidValueError
        If the budget of the programme is used up.
    """
    with store.begin(actor=actor, cause="points for an order") as unit:
        order = unit.of(Order).get(order_id)
        given, balance = [], 0
        may_earn = why_not_used(unit, order.customer_id) is None
        for rule in earning_rules(unit, program, "order"):
            key = f"order:{order.id}:{rule.code}"
            account, first, beside = earned_under(unit, order.customer_id, program, key)
            due = rule.points_for(order)
            if first is None:
                earn = rule.earn(due, at) if due and may_earn else None
                if earn is not None and points_allowed(account, earn, at, beside):
                    posted = post_points(unit, order.customer_id, program, earn, key=key, at=at)
                    assert posted.result is not None
                    balance += posted.result.points
                    given.append(RulePoints(rule.code, posted.result.points, 0))
                continue
            earned = moved_points(first, Bucket.EARNED)
            before = dict(account.undone).get(first.id, 0)
            back = max(earned - due - before, 0)
            if back:
                undo = Reverse(key, back, f"order {order.number}: {order.status}")
                post_points(unit, order.customer_id, program, undo, key=f"{key}:back:{before + back}", at=at)
                balance -= back
            given.append(RulePoints(rule.code, earned, before + back))
        take_from_budget(unit, program, balance, at)
        unit.commit()
    return tuple(given)


def redeem(
    store: Store, member_id: UUID, reward_id: UUID, *, key: str, at: datetime, actor: str | None = None
) -> Redemption:
    """Give a reward for points: the stock goes down and the points are spent, both or neither.

    Parameters
    ----------
    store : Store
        Where reward and account are.
    member_id, reward_id : UUID
        Who takes what.
    key : str
        The idempotency key: asked again, the first redemption is returned.
    at : datetime
        Now.
    actor : str, optional
        For the audit trail.

    Raises
    ------
    NotFound
        If there is no such reward.
    InvalidValueError
        If none is left, it cannot be had now, the points are not there or owed, the member's data may not be used, or the key was
        used for another reward.
    """
    with store.begin(actor=actor, cause="redemption") as unit:
        reward = unit.of(Reward).get(reward_id)
        held = accounts_of(unit, member_id, reward.program)
        named = [named_id(account.id, f"redemption:{key}") for account in held]
        before = next((one for one in map(unit.of(Redemption).find, named) if one is not None), None)
        if before is not None:
            if before.reward_id != reward_id:
                raise InvalidValueError(
                    "key", key, "it was used for another reward; a key is used for one request only"
                )
            return before
        why = why_not_used(unit, member_id)
        if why is not None:
            raise InvalidValueError("member_id", member_id, why.text)
        own = named[0]
        post_points(unit, member_id, reward.program, Redeem(reward.cost, reward.code), key=f"redeem:{key}", at=at)
        taken = reward.taken(at)
        if taken is not reward:
            unit.of(Reward).save(taken)
        made = unit.of(Redemption).add(
            Redemption(
                id=own, member_id=member_id, reward_id=reward_id, points=reward.cost, entry_key=f"redeem:{key}", at=at
            )
        )
        unit.commit()
    return made


def cancel(store: Store, redemption_id: UUID, at: datetime, *, actor: str | None = None) -> Redemption:
    """Undo a redemption that was not used: the points go back into the lots they came from, and the reward into stock.

    Raises
    ------
    NotFound
        If there is no such redemption.
    InvalidValueError
        If it was used or cancelled before.
    """
    with store.begin(actor=actor, cause="redemption cancelled") as unit:
        redemption = unit.of(Redemption).get(redemption_id)
        cancelled = unit.of(Redemption).save(redemption.moved(RedemptionStatus.CANCELLED))
        reward = unit.of(Reward).get(redemption.reward_id)
        undo = Reverse(redemption.entry_key, reason="redemption cancelled")
        post_points(unit, redemption.member_id, reward.program, undo, key=f"cancel:{redemption.entry_key}", at=at)
        returned = reward.returned()
        if returned is not reward:
            unit.of(Reward).save(returned)
        unit.commit()
    return cancelled


def transfer(
    store: Store,
    giver_id: UUID,
    taker_id: UUID,
    program: str,
    points: int,
    *,
    key: str,
    at: datetime,
    actor: str | None = None,
) -> int:
    """Move points from one member to another, who keep their expiry; asked again under the key, nothing moves twice.

    `pycrm.storage.ledger.transfer_points` moves them too, and asks nobody whether his data may be used.

    Parameters
    ----------
    store : Store
        Where the accounts are.
    giver_id, taker_id : UUID
        From whom, to whom.
    program : str
        The programme of both.
    points : int
        How many.
    key : str
        The idempotency key, in both accounts.
    at : datetime
        Now.
    actor : str, optional
        For the audit trail.

    Returns
    -------
    int
        What the giver has left to spend.

    Raises
    ------
    InvalidValueError
        If the data of either may not be used, it is one member, the points are not there or owed, or the key was used for another
        request.
    NotFound
        If there is no such customer.
    """
    with store.begin(actor=actor, cause="points transferred") as unit:
        for name, member in (("giver_id", giver_id), ("taker_id", taker_id)):
            unit.of(Customer).get(member)
            why = why_not_used(unit, member)
            if why is not None:
                raise InvalidValueError(name, member, why.text)
        given, _ = transfer_points(unit, giver_id, taker_id, program, points, key=key, at=at)
        unit.commit()
    return given.account.available


def statement_of(store: Store, member_id: UUID, program: str) -> Sequence[StatementLine]:
    """Return what a member reads: each entry with what was available after it; the last line is the balance.

    Of a customer into whom others were merged it is the sum of all their entries.

    Raises
    ------
    NotFound
        If the member has no account in the programme.
    """
    with store.begin(read_only=True) as unit:
        held = [account for account in accounts_of(unit, member_id, program) if account.version]
        if not held:
            raise NotFound("PointsAccount", PointsAccount.opened(member_id, program).id)
        asked = Query(
            PointsEntry, where("account_id").is_in([one.id for one in held]), order=(asc("at"), asc("number"))
        )
        entries = [entry for batch in unit.of(PointsEntry).stream(asked) for entry in batch]
    return statement(entries)
