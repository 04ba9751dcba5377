"""Refer: customers bring customers, both sides are paid once, and every reason why not is on record.

A referral is judged when its friend does what counts. What refuses it rejects it; what asks for a person leaves it as it is
until `review` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID, uuid5

import attrs
from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import expect
from pycrm.model.customer import Customer
from pycrm.model.entity import named_id
from pycrm.model.order import Order, OrderStatus
from pycrm.model.points import points_allowed
from pycrm.model.points_command import Earn, Reverse
from pycrm.model.points_entry import Bucket, PointsEntry
from pycrm.model.predicate import where
from pycrm.model.referral import (
    MOST_LEVELS,
    Referral,
    ReferralProgram,
    ReferralStatus,
    RejectReason,
    funnel,
    judge,
    level_points,
)
from pycrm.storage.earnings import earning_rules
from pycrm.storage.identity import aliases, aliases_of
from pycrm.storage.ledger import accounts_of, post_points, take_from_budget
from pycrm.storage.lookups import why_not_used
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = [
    "ReferralOutcome",
    "expire",
    "invite",
    "join",
    "join_by_code",
    "progress",
    "qualify",
    "reassess",
    "review",
    "revoke",
]

_S = ReferralStatus
_PERSON = frozenset({RejectReason.REVIEW, RejectReason.TOO_FAST})


@frozen
class ReferralOutcome:
    """What became of a referral: paid, rejected with its reasons, or waiting for a person who should look at them."""

    referral: Referral
    reasons: tuple[RejectReason, ...]
    paid: Mapping[UUID, int]


def _program(unit: UnitOfWork, code: str) -> ReferralProgram:
    found = unit.of(ReferralProgram).page(Query(ReferralProgram, where("code") == code), size=1).items
    if not found:
        raise InvalidValueError("program", code, "there is no referral programme of that code; store one first")
    return found[0]


def _refuse_unused(unit: UnitOfWork, name: str, customer_id: UUID) -> None:
    """Refuse a customer whose data is restricted, or who was erased."""
    why = why_not_used(unit, customer_id)
    if why is not None:
        raise InvalidValueError(name, customer_id, why.text)


def invite(
    store: Store, program: str, advocate_id: UUID, *, key: str, at: datetime, actor: str | None = None
) -> Referral:
    """Open a referral: an invitation that was sent, under the key of the invitation; the same key is the same referral.

    Raises
    ------
    InvalidValueError
        If there is no such programme, it does not run at that time, or the advocate's data may not be used.
    NotFound
        If there is no such advocate.
    """
    with store.begin(actor=actor, cause="referral invited") as unit:
        rules = _program(unit, program)
        unit.of(Customer).get(advocate_id)
        own = uuid5(rules.id, f"{advocate_id}\x1f{key}")
        before = unit.of(Referral).find(own)
        if before is not None:
            return before
        if at not in rules.period:
            raise InvalidValueError("at", at, f"the programme {program} does not run at that time")
        _refuse_unused(unit, "advocate_id", advocate_id)
        made = unit.of(Referral).add(
            Referral(id=own, program_code=program, code=key, advocate_id=advocate_id, invited_at=at)
        )
        unit.commit()
    return made


def join(store: Store, referral_id: UUID, friend_id: UUID, at: datetime, *, actor: str | None = None) -> Referral:
    """Record that the friend came: he is a customer now, with this referral behind him; a second call changes nothing.

    Whoever refers himself is rejected here already, and so is who comes after the window of the invitation.

    Raises
    ------
    NotFound
        If there is no such referral or friend.
    InvalidValueError
        If the data of either side may not be used, or he came before he was invited.
    """
    with store.begin(actor=actor, cause="referral joined") as unit:
        referral = unit.of(Referral).get(referral_id)
        unit.of(Customer).get(friend_id)
        himself = friend_id in aliases_of(unit, referral.advocate_id).ids_of(referral.advocate_id)
        if referral.friend_id == friend_id or (referral.reason is RejectReason.SELF_REFERRAL and himself):
            return referral
        _refuse_unused(unit, "advocate_id", referral.advocate_id)
        _refuse_unused(unit, "friend_id", friend_id)
        joined = referral if himself else referral.joined(friend_id, at)
        if himself:
            moved = referral.rejected(RejectReason.SELF_REFERRAL, at)
        elif at >= referral.invited_at + _program(unit, referral.program_code).window:
            moved = joined.rejected(RejectReason.EXPIRED, at)
        else:
            moved = joined
        saved = unit.of(Referral).save(moved)
        unit.commit()
    return saved


def join_by_code(
    store: Store, program: str, code: str, friend_id: UUID, at: datetime, *, actor: str | None = None
) -> Referral:
    """Record that a friend came by the code of an advocate, which any number of friends may use: one referral for each.

    The code is the key under which the advocate was given an invitation by `invite`; that invitation stays what it is, and counts
    as one in the funnel. Each friend has the whole window of the programme from when he used the code, and what limits and
    velocity say of the advocate is judged when he qualifies. Of an erased advocate a code is not known any more.

    Parameters
    ----------
    store : Store
        Where programme and invitation are.
    program : str
        The referral programme.
    code : str
        The code, as it was given out.
    friend_id : UUID
        Who came; asked again, his referral is returned.
    at : datetime
        Now.
    actor : str, optional
        For the audit trail.

    Raises
    ------
    InvalidValueError
        If nobody has the code, more than one has, the programme does not run at that time, he came before the code was given out,
        or the data of either side may not be used.
    NotFound
        If there is no such friend.
    """
    with store.begin(actor=actor, cause="referral joined by a code") as unit:
        rules = _program(unit, program)
        unit.of(Customer).get(friend_id)
        asked = Query(Referral, (where("program_code") == program) & (where("code") == code))
        given = [one for batch in unit.of(Referral).stream(asked) for one in batch]
        known = aliases(unit)
        owners = {known.of(one.advocate_id) for one in given}
        if len(owners) != 1:
            fix = (
                "nobody was given it" if not owners else f"{len(owners)} advocates have it; give each a code of his own"
            )
            raise InvalidValueError("code", code, fix)
        (advocate_id,) = owners
        mine = [one for one in given if one.friend_id is not None and known.of(one.friend_id) == known.of(friend_id)]
        if mine:
            return mine[0]
        if at not in rules.period:
            raise InvalidValueError("at", at, f"the programme {program} does not run at that time")
        first = min(one.invited_at for one in given)
        if at < first:
            raise InvalidValueError(
                "at", at, f"the code was given out at {first.isoformat()}; give a time from then on"
            )
        _refuse_unused(unit, "advocate_id", advocate_id)
        _refuse_unused(unit, "friend_id", friend_id)
        own = uuid5(rules.id, f"{advocate_id}\x1f{code}\x1f{friend_id}")
        opened = Referral(id=own, program_code=program, code=code, advocate_id=advocate_id, invited_at=at)
        himself = known.of(friend_id) == advocate_id
        moved = opened.rejected(RejectReason.SELF_REFERRAL, at) if himself else opened.joined(friend_id, at)
        made = unit.of(Referral).find(own) or unit.of(Referral).add(moved)
        unit.commit()
    return made


def _bought_before(unit: UnitOfWork, friend_id: UUID, at: datetime) -> bool:
    bought = (where("customer_id").is_in(aliases_of(unit, friend_id).ids_of(friend_id))) & (where("placed_at") < at)
    real = bought & (where("status") != str(OrderStatus.CANCELLED))
    return unit.of(Order).count(Query(Order, real)) > 0


def _others(unit: UnitOfWork, referral: Referral, rules: ReferralProgram) -> tuple[list[Referral], int | None]:
    """Return what else was said of this advocate and this friend, and how many count in the programme, if that matters."""
    assert referral.friend_id is not None
    here = where("program_code") == rules.code
    sides = {
        name: (who, aliases_of(unit, who).ids_of(who))
        for name, who in (("advocate_id", referral.advocate_id), ("friend_id", referral.friend_id))
    }
    about = [here & where(name).is_in(ids) for name, (_, ids) in sides.items()]
    found = {
        one.id: one for asked in about for batch in unit.of(Referral).stream(Query(Referral, asked)) for one in batch
    }
    found.pop(referral.id, None)
    # What was said of who became one of the two is said of him; of himself twice it is no referral, and stays as it is.
    for one in tuple(found.values()):
        now: dict[str, Any] = {name: who for name, (who, ids) in sides.items() if getattr(one, name) in ids}
        if len({now.get(name, getattr(one, name)) for name in sides}) == len(sides):
            found[one.id] = attrs.evolve(one, **now)
    if rules.program_limit is None:
        return list(found.values()), None
    counts = where("status").is_in((ReferralStatus.QUALIFIED, ReferralStatus.REWARDED))
    there = unit.of(Referral).count(Query(Referral, here & counts))
    return list(found.values()), there - (referral.status is ReferralStatus.QUALIFIED)


def _above(unit: UnitOfWork, rules: ReferralProgram, advocate_id: UUID) -> list[UUID]:
    """Return an advocate and those above him, as far as levels are paid."""
    chain = [advocate_id]
    paid = (where("program_code") == rules.code) & (where("status") == ReferralStatus.REWARDED)
    for _ in rules.level_rates:
        brought = unit.of(Referral).page(Query(Referral, paid & (where("friend_id") == chain[-1])), size=1).items
        if not brought:
            break
        chain.append(brought[0].advocate_id)
    return chain


def _pay(unit: UnitOfWork, rules: ReferralProgram, referral: Referral, at: datetime) -> dict[UUID, int]:
    assert referral.friend_id is not None
    due = dict(level_points(rules, _above(unit, rules, referral.advocate_id)))
    if rules.friend_points:
        due[referral.friend_id] = due.get(referral.friend_id, 0) + rules.friend_points
    due = {member: points for member, points in due.items() if why_not_used(unit, member) is None}
    for member, points in due.items():
        earn = Earn(points, reason=f"referral {referral.code}")
        post_points(unit, member, rules.program, earn, key=f"referral:{referral.id}", at=at)
    for rule in earning_rules(unit, rules.program, "referral"):
        member = referral.advocate_id
        own, *beside = accounts_of(unit, member, rules.program)
        earn = rule.earn(rule.points, at, f"referral {referral.code}")
        if at in rule.period and points_allowed(own, earn, at, beside):
            key = f"referral:{referral.id}:{rule.code}"
            posted = post_points(unit, member, rules.program, earn, key=key, at=at)
            assert posted.result is not None
            due[member] = due.get(member, 0) + posted.result.points
    take_from_budget(unit, rules.program, sum(due.values()), at)
    return due


def _take_back(
    unit: UnitOfWork, rules: ReferralProgram, referral: Referral, reason: str, at: datetime
) -> dict[UUID, int]:
    """Undo what is left of every payment for a referral; return how many points went back, by member."""
    assert referral.friend_id is not None
    members = dict.fromkeys((referral.friend_id, referral.advocate_id))
    paid = (where("program_code") == rules.code) & where("status").is_in((_S.REWARDED, _S.REVOKED))
    above = [referral.advocate_id]
    for _ in range(MOST_LEVELS):
        brought = Query(Referral, paid & where("friend_id").is_in(above))
        above = [one.advocate_id for batch in unit.of(Referral).stream(brought) for one in batch]
        members.update(dict.fromkeys(above))
    first = f"referral:{referral.id}"
    keys = [first, *(f"{first}:{rule.code}" for rule in earning_rules(unit, rules.program, "referral"))]
    back: dict[UUID, int] = {}
    accounts = {one.id: one for member in members for one in accounts_of(unit, member, rules.program)}
    for account, key in product(accounts.values(), keys):
        entry = unit.of(PointsEntry).find(named_id(account.id, key))
        if entry is None or dict(account.undone).get(entry.id, 0) >= entry.points:
            continue
        undone = post_points(
            unit, account.member_id, rules.program, Reverse(key, reason=reason), key=f"{key}:back", at=at
        )
        assert undone.result is not None
        points = sum(leg.points for leg in undone.result.legs if leg.bucket is Bucket.REVERSED)
        back[account.member_id] = back.get(account.member_id, 0) + points
    take_from_budget(unit, rules.program, -sum(back.values()), at)
    return back


def qualify(store: Store, referral_id: UUID, at: datetime, *, actor: str | None = None) -> ReferralOutcome:
    """Judge a referral whose friend did what counts: pay both sides, reject it with its reason, or leave it to a person.

    The advocate gets the points of the programme, and what the earning rules of the event ``referral`` in its points programme give
    on top, each once for a referral and under its caps; a rule that is not valid then, or whose cap is reached, gives nothing.
    Payment and status are one unit of work, under a key that follows from the referral: nobody is paid twice.

    Raises
    ------
    NotFound
        If there is no such referral.
    InvalidTransitionError
        If nobody has joined by it, or it has expired.
    InvalidValueError
        If the budget of the programme is used up, or the data of either side may not be used: the referral stays as it is.
    Transient, Conflict
        If another qualified at the same time; nothing was written, call it again.
    """
    return _decide(store, referral_id, at, actor, approved=None)


def review(
    store: Store, referral_id: UUID, at: datetime, *, approved: bool, actor: str, note: str | None = None
) -> ReferralOutcome:
    """Decide what `qualify` left to a person; what refuses a referral whatever anybody thinks still does.

    Parameters
    ----------
    store : Store
        Where the referral is.
    referral_id : UUID
        Which.
    at : datetime
        Now.
    approved : bool
        Whether it counts.
    actor : str
        Who decided.
    note : str, optional
        Why.
    """
    expect("approved", approved, bool)
    expect("actor", actor, str)
    return _decide(store, referral_id, at, actor, approved=approved, note=note)


def _decide(
    store: Store, referral_id: UUID, at: datetime, actor: str | None, *, approved: bool | None, note: str | None = None
) -> ReferralOutcome:
    # Limits are counted, not locked: two who qualify at once must not both be the last.
    with store.begin(isolation="serializable", actor=actor, cause="referral judged") as unit:
        referral = unit.of(Referral).get(referral_id)
        if referral.status in {_S.REWARDED, _S.REJECTED, _S.REVOKED}:
            return ReferralOutcome(referral, (), {})
        rules = _program(unit, referral.program_code)
        others, counted = _others(unit, referral, rules)
        qualified = referral if referral.status is ReferralStatus.QUALIFIED else referral.qualified(at)
        _refuse_unused(unit, "advocate_id", referral.advocate_id)
        assert qualified.friend_id is not None and qualified.qualified_at is not None  # noqa: PT018  # both follow from the status
        _refuse_unused(unit, "friend_id", qualified.friend_id)
        friend = unit.of(Customer).get(qualified.friend_id)
        himself = friend.id in aliases_of(unit, referral.advocate_id).ids_of(referral.advocate_id)
        reasons = judge(
            rules,
            qualified,
            friend if himself else unit.of(Customer).find(referral.advocate_id),
            friend,
            qualified.qualified_at,
            others=others,
            friend_bought_before=_bought_before(unit, friend.id, referral.invited_at),
            counted_in_program=counted,
        )
        refusing = [reason for reason in reasons if reason not in _PERSON]
        paid: dict[UUID, int] = {}
        if refusing:
            after = qualified.rejected(refusing[0], at, note)
        elif reasons and approved is None:
            after = qualified
        elif approved is False:
            after = qualified.rejected(reasons[0] if reasons else RejectReason.CONDITION, at, note)
        else:
            paid = _pay(unit, rules, qualified, at)
            after = qualified.rewarded(at)
        saved = referral if after == referral else unit.of(Referral).save(after)
        unit.commit()
    return ReferralOutcome(saved, reasons, paid)


def revoke(
    store: Store,
    referral_id: UUID,
    at: datetime,
    *,
    reason: RejectReason = RejectReason.REFUNDED,
    actor: str | None = None,
    note: str | None = None,
) -> ReferralOutcome:
    """Take back what a rewarded referral paid, to the advocate, those above him and the friend; a second call changes nothing.

    What was spent of it is owed. The points go back into the budget of the programme, and the referral counts for no limit any more.
    It is a matter of the books: restricted and erased members pay back too. One that waits for a person is rejected instead.

    Parameters
    ----------
    store : Store
        Where the referral is.
    referral_id : UUID
        Which.
    at : datetime
        Now.
    reason : RejectReason
        Why.
    actor, note : str, optional
        Who decided, and in words why.

    Returns
    -------
    ReferralOutcome
        `paid` holds what was taken back, below 0.

    Raises
    ------
    NotFound
        If there is no such referral.
    InvalidTransitionError
        If it was never rewarded.
    """
    with store.begin(actor=actor, cause="referral revoked") as unit:
        outcome = _revoked(unit, unit.of(Referral).get(referral_id), at, reason, note)
        unit.commit()
    return outcome


def _revoked(
    unit: UnitOfWork, referral: Referral, at: datetime, reason: RejectReason, note: str | None = None
) -> ReferralOutcome:
    if referral.status in {_S.REVOKED, _S.REJECTED}:
        return ReferralOutcome(referral, (), {})
    if referral.status is _S.QUALIFIED:
        return ReferralOutcome(unit.of(Referral).save(referral.rejected(reason, at, note)), (reason,), {})
    moved = referral.revoked(reason, at, note)
    back = _take_back(unit, _program(unit, referral.program_code), referral, f"referral {reason}", at)
    saved = unit.of(Referral).save(moved)
    return ReferralOutcome(saved, (reason,), {member: -points for member, points in back.items()})


def reassess(store: Store, order_id: UUID, at: datetime, *, actor: str | None = None) -> tuple[ReferralOutcome, ...]:
    """Revoke the referrals of a customer none of whose orders that counted is left, because they were refunded or cancelled.

    Those count that were placed from the invitation until he qualified. Call it whenever an order changed, as
    `loyalty.earn_for_order`; calling it again changes nothing. A customer who qualified by anything but an order has none that
    counted, and is left alone.

    Raises
    ------
    NotFound
        If there is no such order.
    """
    with store.begin(actor=actor, cause="referral reassessed") as unit:
        buyer = aliases_of(unit, unit.of(Order).get(order_id).customer_id).ids_of(
            unit.of(Order).get(order_id).customer_id
        )
        asked = where("friend_id").is_in(buyer) & where("status").is_in((_S.QUALIFIED, _S.REWARDED))
        found = [one for batch in unit.of(Referral).stream(Query(Referral, asked)) for one in batch]
        done = []
        for one in found:
            placed = (where("placed_at") >= one.invited_at) & (where("placed_at") <= one.qualified_at)
            counted = Query(Order, where("customer_id").is_in(buyer) & placed)
            orders = [order for batch in unit.of(Order).stream(counted) for order in batch]
            if orders and not any(order.status is not OrderStatus.CANCELLED and order.net for order in orders):
                done.append(_revoked(unit, one, at, RejectReason.REFUNDED))
        unit.commit()
    return tuple(done)


def expire(store: Store, program: str, at: datetime, *, actor: str | None = None) -> int:
    """Close the referrals of a programme whose window is over without a qualified friend; return how many there were."""
    with store.begin(actor=actor, cause="referrals expired") as unit:
        rules = _program(unit, program)
        waiting = where("status").is_in((ReferralStatus.INVITED, ReferralStatus.JOINED))
        over = (where("program_code") == program) & waiting & (where("invited_at") <= at - rules.window)
        late = [one for batch in unit.of(Referral).stream(Query(Referral, over)) for one in batch]
        for one in late:
            unit.of(Referral).save(one.expired(at))
        unit.commit()
    return len(late)


def progress(store: Store, program: str) -> Mapping[str, int]:
    """Return the funnel of a programme: how many got how far, and why the others did not."""
    with store.begin(read_only=True) as unit:
        asked = Query(Referral, where("program_code") == program)
        return funnel(one for batch in unit.of(Referral).stream(asked) for one in batch)
