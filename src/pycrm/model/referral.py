"""A referral programme: who brought whom, what came of it, and every reason why it does not count.

A referral moves forward only: invited, joined, qualified, rewarded; or it ends rejected, with its reason, or expired. One that
was rewarded for an order that came back is revoked. What looks like fraud is reviewed by a person before anything is taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidTransitionError, InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional
from pycrm.model.contact import ContactKind
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity
from pycrm.model.time import Period, in_utc, instant, is_instant
from pycrm.normalise import email_key

__all__ = [
    "MOST_LEVELS",
    "Household",
    "Referral",
    "ReferralProgram",
    "ReferralStatus",
    "RejectReason",
    "funnel",
    "identity_keys",
    "judge",
    "level_points",
    "shared_identity",
]


MOST_LEVELS = 5
"""How many levels above an advocate a programme may pay."""


class ReferralStatus(StrEnum):
    """How far a referral got."""

    INVITED = "invited"
    JOINED = "joined"
    QUALIFIED = "qualified"
    REWARDED = "rewarded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REVOKED = "revoked"


_S = ReferralStatus
_NEXT: dict[ReferralStatus, frozenset[ReferralStatus]] = {
    _S.INVITED: frozenset({_S.JOINED, _S.REJECTED, _S.EXPIRED}),
    _S.JOINED: frozenset({_S.QUALIFIED, _S.REJECTED, _S.EXPIRED}),
    _S.QUALIFIED: frozenset({_S.REWARDED, _S.REJECTED}),
    _S.REWARDED: frozenset({_S.REVOKED}),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REVOKED: frozenset(),
}


class RejectReason(StrEnum):
    """Why a referral does not count."""

    ADVOCATE_NOT_FOUND = "advocate_not_found"
    SELF_REFERRAL = "self_referral"
    SHARED_IDENTITY = "shared_identity"
    SAME_HOUSEHOLD = "same_household"
    ALREADY_REFERRED = "already_referred"
    EXISTING_CUSTOMER = "existing_customer"
    EXPIRED = "expired"
    REFERRAL_LIMIT = "referral_limit"
    PROGRAM_CLOSED = "program_closed"
    PROGRAM_LIMIT = "program_limit"
    TOO_FAST = "too_fast"
    CONDITION = "condition"
    REFUNDED = "refunded"
    REVIEW = "review"


class Household(StrEnum):
    """What is thought of members who share an address or a phone: they may, a person looks, or they may not."""

    ALLOW = "allow"
    REVIEW = "review"
    REFUSE = "refuse"


def _is_above_zero(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise InvalidValueError(attribute.name, value, "give a length of time above 0")


def _are_rates(_: Any, attribute: Any, value: Any) -> None:
    whole = isinstance(value, tuple) and all(isinstance(rate, int) and not isinstance(rate, bool) for rate in value)
    if not whole or any(rate < 0 for rate in value) or sum(value) > 10_000 or len(value) > MOST_LEVELS:
        raise InvalidValueError(
            attribute.name,
            value,
            f"give at most {MOST_LEVELS} levels in hundredths of a percent, together at most 10000",
        )


@frozen(kw_only=True)
class ReferralProgram(Entity):
    """The rules of a referral programme.

    Parameters
    ----------
    code : str
        Unique in a tenant.
    program : str
        The points programme that pays.
    advocate_points, friend_points : int
        What each side gets when the friend qualifies; 0 for nothing.
    window : timedelta
        How long after the invitation the friend may qualify.
    limit : int, optional
        How many rewarded referrals one advocate may have.
    program_limit : int, optional
        How many in all.
    velocity, velocity_window
        So many friends who join in so long are too fast, and are reviewed.
    household : Household
        What is thought of a shared address or phone.
    level_rates : tuple of int
        What those above the advocate get of `advocate_points`, nearest first, in hundredths of a percent: at most 5 levels,
        together at most all of it.
    period : Period
        When the programme runs.
    """

    code: str = field(validator=is_code)
    program: str = field(validator=is_code)
    advocate_points: int = field(default=100, validator=at_least(0))
    friend_points: int = field(default=100, validator=at_least(0))
    window: timedelta = field(default=timedelta(days=90), validator=_is_above_zero)
    limit: int | None = field(default=None, validator=optional(at_least(0)))
    program_limit: int | None = field(default=None, validator=optional(at_least(0)))
    velocity: int = field(default=10, validator=at_least(1))
    velocity_window: timedelta = field(default=timedelta(days=1), validator=_is_above_zero)
    household: Household = field(default=Household.REVIEW, validator=is_a(Household))
    level_rates: tuple[int, ...] = field(default=(), validator=_are_rates)
    period: Period = field(default=Period(), validator=is_a(Period))


@frozen(kw_only=True)
class Referral(Entity):
    """One customer who brings another.

    Parameters
    ----------
    program_code : str
        The programme.
    code : str
        The code of the advocate.
    advocate_id : UUID
        Who brings.
    friend_id : UUID, optional
        Who is brought; None until he joins. Once in a programme.
    status : ReferralStatus
        How far it got.
    invited_at : datetime
        When it began.
    joined_at, qualified_at, closed_at : datetime, optional
        When it went on, and when it ended.
    reason : RejectReason, optional
        Why it was rejected or revoked.
    note : str, optional
        In words.
    """

    program_code: str = field(validator=is_code)
    code: str = field(validator=is_line)
    advocate_id: UUID = field(validator=is_a(UUID))
    friend_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    status: ReferralStatus = field(default=ReferralStatus.INVITED, validator=is_a(ReferralStatus))
    invited_at: datetime = field(converter=in_utc, validator=is_instant)
    joined_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    qualified_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    closed_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    reason: RejectReason | None = field(default=None, validator=optional(is_a(RejectReason)))
    note: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if (self.status in {_S.REJECTED, _S.REVOKED}) != (self.reason is not None):
            fix = "a rejected or revoked referral has its reason, and no other has one"
            raise InvalidValueError("reason", self.reason, fix)
        went_on = self.status in {_S.JOINED, _S.QUALIFIED, _S.REWARDED, _S.REVOKED}
        if went_on and self.friend_id is None:
            raise InvalidValueError("friend_id", None, "say who joined")
        if self.friend_id == self.advocate_id and self.status is not ReferralStatus.REJECTED:
            raise InvalidValueError("friend_id", self.friend_id, "nobody refers himself")

    def _moved(self, status: ReferralStatus, **changes: Any) -> Referral:
        if status not in _NEXT[self.status]:
            raise InvalidTransitionError(str(self.status), str(status), {str(each) for each in _NEXT[self.status]})
        return attrs.evolve(self, status=status, **changes)

    def _not_before(self, at: datetime, step: str, before: datetime | None) -> None:
        if before is not None and instant(at) < before:
            raise InvalidValueError("at", at, f"the friend {step} at {before.isoformat()}; give a time from then on")

    def joined(self, friend_id: UUID, at: datetime) -> Referral:
        """Return the referral with its friend; refuse a time before the invitation."""
        self._not_before(at, "was invited", self.invited_at)
        return self._moved(_S.JOINED, friend_id=friend_id, joined_at=at)

    def qualified(self, at: datetime) -> Referral:
        """Return the referral whose friend did what counts; refuse a time before he joined."""
        self._not_before(at, "joined", self.joined_at)
        return self._moved(_S.QUALIFIED, qualified_at=at)

    def rewarded(self, at: datetime) -> Referral:
        """Return the referral after both sides were paid."""
        return self._moved(_S.REWARDED, closed_at=at)

    def rejected(self, reason: RejectReason, at: datetime, note: str | None = None) -> Referral:
        """Return the referral that does not count."""
        return self._moved(_S.REJECTED, reason=reason, closed_at=at, note=note)

    def revoked(self, reason: RejectReason, at: datetime, note: str | None = None) -> Referral:
        """Return the rewarded referral whose rewards were taken back."""
        return self._moved(_S.REVOKED, reason=reason, closed_at=at, note=note)

    def expired(self, at: datetime) -> Referral:
        """Return the referral whose time is over."""
        return self._moved(_S.EXPIRED, closed_at=at)


# Whose these are, is one person: a number of a messenger, a profile, a device that gets pushes.
_ACCOUNTS = frozenset({ContactKind.MESSAGING, ContactKind.SOCIAL, ContactKind.PUSH})


def _canonical(customer: Customer) -> dict[str, frozenset[str]]:
    points = customer.contact_points
    return {
        "email": frozenset(key for point in points if point.kind == "email" and (key := email_key(point.raw))),
        "phone": frozenset(point.normalised for point in points if point.kind == "phone"),
        "postal": frozenset(point.normalised.casefold() for point in points if point.kind == "postal"),
        "identifier": frozenset(f"{each.namespace}\x1f{each.value}" for each in customer.identifiers),
        "account": frozenset(f"{point.kind}\x1f{point.normalised}" for point in points if point.kind in _ACCOUNTS),
    }


def identity_keys(customer: Customer) -> frozenset[str]:
    """Return what two customers are one person or household by, as texts: they share one exactly where `shared_identity` says so.

    Examples
    --------
    >>> from pycrm.model.contact import ContactKind, ContactPoint
    >>> [key] = identity_keys(Customer(contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw="ANA@example.com"),)))
    >>> key.split(chr(31))
    ['email', 'ana@example.com']
    """
    return frozenset(f"{kind}\x1f{value}" for kind, values in _canonical(customer).items() for value in values)


def shared_identity(one: Customer, other: Customer) -> frozenset[str]:
    """Return by what two customers could be one: "email", "phone", "postal", "identifier" (any), "account" (messenger, push...).

    Examples
    --------
    >>> from pycrm.model.contact import ContactKind, ContactPoint
    >>> def at(raw):
    ...     return Customer(contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw=raw),))
    >>> sorted(shared_identity(at("ana@example.com"), at("ANA@example.com")))
    ['email']
    """
    here, there = _canonical(one), _canonical(other)
    return frozenset(kind for kind in here if here[kind] & there[kind])


def judge(
    program: ReferralProgram,
    referral: Referral,
    advocate: Customer | None,
    friend: Customer,
    at: datetime,
    *,
    others: Iterable[Referral] = (),
    friend_bought_before: bool = False,
    counted_in_program: int | None = None,
) -> tuple[RejectReason, ...]:
    """Return every reason why a referral would not count if its friend qualified at that time; none means that it does.

    Parameters
    ----------
    program : ReferralProgram
        The rules.
    referral : Referral
        The referral.
    advocate : Customer, optional
        Who brings; None where there is no such customer.
    friend : Customer
        Who is brought.
    at : datetime
        When he qualifies.
    others : iterable of Referral
        The other referrals of the programme; those of this advocate and this friend are enough where `counted_in_program`
        is given.
    friend_bought_before : bool
        Whether he was a customer before he was invited.
    counted_in_program : int, optional
        How many other referrals of the programme qualified or were rewarded; counted in `others` unless given.

    Returns
    -------
    tuple of RejectReason
        `REVIEW` and `TOO_FAST` ask for a person; the others refuse.
    """
    reasons = []
    others = [each for each in others if each.id != referral.id and each.program_code == program.code]
    if at not in program.period:
        reasons.append(RejectReason.PROGRAM_CLOSED)
    if at >= referral.invited_at + program.window:
        reasons.append(RejectReason.EXPIRED)
    if advocate is None:
        reasons.append(RejectReason.ADVOCATE_NOT_FOUND)
    elif advocate.id == friend.id:
        reasons.append(RejectReason.SELF_REFERRAL)
    else:
        shared = shared_identity(advocate, friend)
        if shared - {"phone", "postal"}:
            reasons.append(RejectReason.SHARED_IDENTITY)
        elif shared and program.household is Household.REFUSE:
            reasons.append(RejectReason.SAME_HOUSEHOLD)
        elif shared and program.household is Household.REVIEW:
            reasons.append(RejectReason.REVIEW)
    counted = {_S.QUALIFIED, _S.REWARDED}
    if any(each.friend_id == friend.id and each.status in counted for each in others):
        reasons.append(RejectReason.ALREADY_REFERRED)
    if friend_bought_before:
        reasons.append(RejectReason.EXISTING_CUSTOMER)
    paid = sum(each.status in counted for each in others) if counted_in_program is None else counted_in_program
    mine = [each for each in others if each.advocate_id == referral.advocate_id]
    if program.limit is not None and sum(each.status in counted for each in mine) >= program.limit:
        reasons.append(RejectReason.REFERRAL_LIMIT)
    if program.program_limit is not None and paid >= program.program_limit:
        reasons.append(RejectReason.PROGRAM_LIMIT)
    # Counted when he joined: friends of one afternoon who all buy a week later are as fast.
    joined = at if referral.joined_at is None else referral.joined_at
    lately = [
        each
        for each in mine
        if each.joined_at is not None and joined - program.velocity_window < each.joined_at <= joined
    ]
    if len(lately) >= program.velocity:
        reasons.append(RejectReason.TOO_FAST)
    return tuple(reasons)


def level_points(program: ReferralProgram, chain: Sequence[UUID]) -> tuple[tuple[UUID, int], ...]:
    """Return what an advocate and those above him get, nearest first; `chain` begins with the advocate.

    A level gets its rate of the advocate's points, rounded down, so all levels together never get more than the rates say;
    the chain ends where it would meet somebody again.

    Examples
    --------
    >>> program = ReferralProgram(code="friends", program="tea", advocate_points=100, level_rates=(1000, 500))
    >>> [points for _, points in level_points(program, [UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)])]
    [100, 10, 5]
    """
    paid: list[tuple[UUID, int]] = []
    seen: set[UUID] = set()
    rates = (Fraction(1), *(Fraction(rate, 10_000) for rate in program.level_rates))
    for who, rate in zip(chain, rates, strict=False):
        if who in seen:
            break
        seen.add(who)
        points = int(program.advocate_points * rate)
        if points:
            paid.append((who, points))
    return tuple(paid)


def funnel(referrals: Iterable[Referral]) -> Mapping[str, int]:
    """Return how many referrals got how far: each step counts those who went beyond it too, and `rewarded` those revoked since.

    Examples
    --------
    >>> from datetime import UTC
    >>> invited = Referral(program_code="friends", code="A", advocate_id=UUID(int=1), invited_at=datetime(2026, 5, 1, tzinfo=UTC))
    >>> funnel([invited])["invited"]
    1
    """
    counts = {str(status): 0 for status in ReferralStatus} | {f"rejected:{reason}": 0 for reason in RejectReason}
    for each in referrals:
        counts["invited"] += 1
        counts["joined"] += each.joined_at is not None
        counts["qualified"] += each.qualified_at is not None
        if each.status in {_S.REWARDED, _S.REJECTED, _S.EXPIRED, _S.REVOKED}:
            counts[str(each.status)] += 1
        counts["rewarded"] += each.status is _S.REVOKED
        if each.status is _S.REJECTED:
            counts[f"rejected:{each.reason}"] += 1
    return counts
