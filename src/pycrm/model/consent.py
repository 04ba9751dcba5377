"""What a customer allows: an append-only ledger, and the decision that folds it.

Unknown never means yes. A withdrawal reaches every purpose below the one it names, a grant only the one it names. An
imported entry may fill a gap, never grant anew what was withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import product
from uuid import UUID, uuid5

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.contact import channel_code
from pycrm.model.contact_policy import ContactMade, ContactPolicy, Suppression, objections, purposes_above
from pycrm.model.customer import Customer, Processing
from pycrm.model.entity import Entity
from pycrm.model.evidence import Actor, Reason
from pycrm.model.time import Period, in_utc, is_instant

__all__ = [
    "CaptureSource",
    "ConsentEntry",
    "ConsentStatus",
    "LegalBasis",
    "Permission",
    "may_contact",
    "merge_consents",
]


class ConsentStatus(StrEnum):
    """What was said. The two defaults are wishes that came with an import: they never permit."""

    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    PENDING = "pending"
    UNKNOWN = "unknown"
    DEFAULT_YES = "default_yes"
    DEFAULT_NO = "default_no"


class LegalBasis(StrEnum):
    """Why processing is lawful (GDPR article 6)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    LEGITIMATE_INTEREST = "legitimate_interest"
    VITAL = "vital"
    PUBLIC = "public"


class CaptureSource(StrEnum):
    """How the entry reached us."""

    CUSTOMER = "customer"
    STAFF = "staff"
    IMPORT = "import"
    SYSTEM = "system"


@frozen(kw_only=True)
class ConsentEntry(Entity):
    """One thing a customer said, or that lawfully holds, about being contacted.

    Parameters
    ----------
    customer_id : UUID
        Whose.
    purpose : str
        A code; a dot leads to a child purpose: "marketing.newsletter".
    channel : str, optional
        The channel it speaks of; None means every channel.
    status : ConsentStatus
        What was said.
    legal_basis : LegalBasis
        Why contact would be lawful.
    captured_at : datetime
        When it was said.
    capture_source : CaptureSource
        How it reached us.
    text_version : str, optional
        Which wording the customer saw.
    double_opt_in_at : datetime, optional
        When he confirmed; None if he was not asked to, or has not.
    effective : Period
        When it holds; an expired grant permits nothing.
    brand : str, optional
        The brand it was said to.
    evidence : str, optional
        Where the proof is.
    actor : Actor, optional
        Who wrote it down.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    purpose: str = field(validator=is_code)
    channel: str | None = field(default=None, converter=converters.optional(channel_code))
    status: ConsentStatus = field(validator=is_a(ConsentStatus))
    legal_basis: LegalBasis = field(default=LegalBasis.CONSENT, validator=is_a(LegalBasis))
    captured_at: datetime = field(converter=in_utc, validator=is_instant)
    capture_source: CaptureSource = field(default=CaptureSource.CUSTOMER, validator=is_a(CaptureSource))
    text_version: str | None = field(default=None, validator=optional(is_line))
    double_opt_in_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    effective: Period = field(default=Period(), validator=is_a(Period))
    brand: str | None = field(default=None, validator=optional(is_code))
    evidence: str | None = field(default=None, validator=optional(is_line))
    actor: Actor | None = field(default=None, validator=optional(is_a(Actor)))

    def __attrs_post_init__(self) -> None:
        if self.double_opt_in_at is not None and self.double_opt_in_at < self.captured_at:
            raise InvalidValueError(
                "double_opt_in_at", self.double_opt_in_at, "a confirmation follows what it confirms"
            )

    @property
    def forbids(self) -> bool:
        """Whether it is a no."""
        return self.status in {ConsentStatus.DENIED, ConsentStatus.WITHDRAWN}


@frozen
class Permission:
    """The answer to "may we?", with every reason for it.

    Examples
    --------
    >>> Permission(False, (Reason("no_consent", "nothing is recorded"),)).allowed
    False
    """

    allowed: bool = field(validator=is_a(bool))
    reasons: tuple[Reason, ...] = field(default=(), validator=tuple_of(Reason))
    entry_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))

    def __bool__(self) -> bool:
        return self.allowed


def _strictness(entry: ConsentEntry) -> tuple[datetime, bool, str]:
    return (entry.captured_at, entry.forbids, str(entry.id))


def _said(entry: ConsentEntry) -> Reason:
    said = "withdrawn" if entry.status is ConsentStatus.WITHDRAWN else "denied"
    return Reason(said, f"{entry.purpose} was {said} on {entry.captured_at.date().isoformat()}")


@frozen
class _Ledger:
    """The entries that count for one question, folded: the last no, and the grants it leaves."""

    known: tuple[ConsentEntry, ...]
    last_no: ConsentEntry | None
    grants: tuple[ConsentEntry, ...]


def _grants_after(entry: ConsentEntry, purpose: str, no: ConsentEntry | None) -> bool:
    """Whether an entry grants the purpose, whatever the last no says.

    After a no, only a later yes of the customer's own counts: an import fills gaps, an interest yields to an objection.
    """
    if entry.purpose != purpose or entry.status is not ConsentStatus.GRANTED:
        return False
    return no is None or (
        entry.captured_at > no.captured_at
        and entry.capture_source is not CaptureSource.IMPORT
        and entry.legal_basis is not LegalBasis.LEGITIMATE_INTEREST
    )


def _folded(
    consents: Iterable[ConsentEntry], customer_id: UUID, channel: str, purpose: str, at: datetime, brand: str | None
) -> _Ledger:
    known = tuple(
        entry
        for entry in consents
        if entry.customer_id == customer_id
        and entry.captured_at <= at
        and entry.channel in {None, channel}
        and (entry.brand is None or entry.brand == brand)
    )
    above = purposes_above(purpose)
    nos = (entry for entry in known if entry.forbids and entry.purpose in above and at in entry.effective)
    no = max(nos, key=_strictness, default=None)
    grants = (entry for entry in known if _grants_after(entry, purpose, no))
    return _Ledger(known, no, tuple(sorted(grants, key=_strictness, reverse=True)))


def _flaw(
    entry: ConsentEntry, purpose: str, at: datetime, *, double_opt_in: bool, interests: frozenset[str]
) -> Reason | None:
    """Why a grant does not permit by itself; None if it does."""
    if at not in entry.effective:
        return Reason("expired", f"the consent to {purpose} does not hold at that time")
    if (
        entry.legal_basis is LegalBasis.CONSENT
        and double_opt_in
        and (entry.double_opt_in_at is None or entry.double_opt_in_at > at)
    ):
        return Reason("unconfirmed", f"the consent to {purpose} was never confirmed")
    if entry.legal_basis is LegalBasis.LEGITIMATE_INTEREST and purpose not in interests:
        return Reason("interest_not_allowed", f"{purpose} does not allow legitimate interest as its basis")
    return None


def may_contact(
    customer: Customer,
    channel: str,
    purpose: str,
    at: datetime,
    *,
    consents: Iterable[ConsentEntry],
    brand: str | None = None,
    double_opt_in: bool = False,
    interests: frozenset[str] = frozenset(),
    policies: Iterable[ContactPolicy] = (),
    made: Iterable[ContactMade] = (),
    suppressions: Iterable[Suppression] = (),
) -> Permission:
    """Say whether `customer` may be contacted over `channel` for `purpose` at that time, and why.

    Parameters
    ----------
    customer : Customer
        Who.
    channel : str
        Over what.
    purpose : str
        What for; a code.
    at : datetime
        When; entries captured later are not known yet.
    consents : iterable of ConsentEntry
        The ledger, in any order; entries of others are passed over.
    brand : str, optional
        On whose behalf; entries said to another brand do not count, what was said to no brand counts for all.
    double_opt_in : bool
        Whether a consent must be confirmed.
    interests : frozenset of str
        Purposes for which a recorded legitimate interest suffices where nobody objected.
    policies : iterable of ContactPolicy
        Rules of contact; all that concern the customer and purpose must agree.
    made : iterable of ContactMade
        The contacts already made with this customer, for the caps.
    suppressions : iterable of Suppression
        Lists of those who are never contacted.

    Returns
    -------
    Permission
        With at least one reason, whichever way it falls.

    Raises
    ------
    InvalidValueError
        If the channel, the purpose or the time is none.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.contact import ContactKind, ContactPoint
    >>> ana = Customer(contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw="ana@example.com"),))
    >>> may_contact(ana, "email", "marketing", datetime(2026, 5, 1, tzinfo=UTC), consents=[]).reasons[0].code
    'no_consent'
    """
    asked = ContactMade(channel, at, purpose)
    channel, at = asked.channel, asked.at
    against: list[Reason] = []
    if customer.processing is not Processing.ALLOWED:
        said = "processing is restricted" if customer.processing is Processing.RESTRICTED else "the customer was erased"
        against.append(Reason(str(customer.processing), said))
    if customer.is_deceased:
        against.append(Reason("deceased", "the customer has died"))
    if customer.reachable_by(channel, at) is None:
        against.append(Reason("unreachable", f"there is no working address for {channel}"))
    left_alone, notes = objections(
        customer, channel, purpose, at, policies=policies, made=made, suppressions=suppressions
    )
    against.extend(left_alone)

    ledger = _folded(consents, customer.id, channel, purpose, at, brand)
    flaws = [_flaw(each, purpose, at, double_opt_in=double_opt_in, interests=interests) for each in ledger.grants]
    sound = next((each for each, flaw in zip(ledger.grants, flaws, strict=True) if flaw is None), None)
    if sound is not None:
        on = sound.captured_at.date().isoformat()
        granted = Reason("granted", f"{purpose} was granted on {on} ({sound.legal_basis})")
        return Permission(not against, (*against, *(() if against else (granted,)), *notes), sound.id)
    rests_on = ledger.grants[0] if ledger.grants else ledger.last_no
    if flaws and flaws[0] is not None:
        against.append(flaws[0])
    elif ledger.last_no is not None:
        against.append(_said(ledger.last_no))
    elif any(each.status is ConsentStatus.PENDING and each.purpose == purpose for each in ledger.known):
        against.append(Reason("pending", f"consent to {purpose} is not confirmed yet"))
    else:
        against.append(Reason("no_consent", f"nothing on record permits {purpose} over {channel}"))
    return Permission(allowed=False, reasons=(*against, *notes), entry_id=None if rests_on is None else rests_on.id)


def _topics(ledgers: Sequence[tuple[ConsentEntry, ...]]) -> list[tuple[str, str | None, str | None]]:
    """Return every purpose, channel and brand on which ledgers can disagree, the widest first.

    A yes to a brand and a no over a channel meet where nobody spoke of both, so it is not enough to ask what was spoken of.
    """
    entries = [entry for ledger in ledgers for entry in ledger]
    if not any(entry.forbids for entry in entries):
        return []
    purposes = sorted({entry.purpose for entry in entries}, key=lambda purpose: (purpose.count("."), purpose))
    channels = sorted({None, *(entry.channel for entry in entries)}, key=lambda channel: channel or "")
    brands = sorted({None, *(entry.brand for entry in entries)}, key=lambda brand: brand or "")
    return list(product(purposes, channels, brands))


def _last_word(
    ledger: tuple[ConsentEntry, ...], purpose: str, channel: str | None, brand: str | None, at: datetime
) -> bool | None:
    """Return whether a ledger said yes or no to a topic by then; None where it said neither."""
    about = [
        entry
        for entry in ledger
        if entry.captured_at <= at and entry.channel in {None, channel} and entry.brand in {None, brand}
    ]
    above = purposes_above(purpose)
    no = max((entry for entry in about if entry.forbids and entry.purpose in above), key=_strictness, default=None)
    if any(_grants_after(entry, purpose, no) for entry in about):
        return True
    return None if no is None else False


def merge_consents(
    winner_id: UUID, ledgers: Sequence[Iterable[ConsentEntry]], at: datetime, *, actor: Actor | None = None
) -> tuple[ConsentEntry, ...]:
    """Return the ledger of customers who turn out to be one: all they said, and a no where one of them said no.

    A yes that one gave later than the other's no does not overrule it: it was said without knowing of it. So where, at the
    time of the merge, one ledger's last word on a purpose and channel is no and another's is yes, a withdrawal is added.

    Parameters
    ----------
    winner_id : UUID
        Who they are from now on.
    ledgers : sequence of iterable of ConsentEntry
        What each of them said.
    at : datetime
        When they are merged.
    actor : Actor, optional
        Who merges them.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.entity import new_id
    >>> one, other = new_id(), new_id()
    >>> def said(who, status, day):
    ...     when = datetime(2026, 5, day, tzinfo=UTC)
    ...     return ConsentEntry(customer_id=who, purpose="marketing", status=status, captured_at=when)
    >>> merged = merge_consents(
    ...     one,
    ...     [[said(one, ConsentStatus.WITHDRAWN, 1)], [said(other, ConsentStatus.GRANTED, 2)]],
    ...     datetime(2026, 5, 3, tzinfo=UTC),
    ... )
    >>> [str(entry.status) for entry in merged]
    ['withdrawn', 'granted', 'withdrawn']
    """
    said = [tuple(ledger) for ledger in ledgers]
    added: list[ConsentEntry] = []
    for purpose, channel, brand in _topics(said):
        answers = {_last_word(ledger, purpose, channel, brand, at) for ledger in said}
        is_told = any(
            each.purpose in purposes_above(purpose) and each.channel in {None, channel} and each.brand in {None, brand}
            for each in added
        )
        if {True, False} <= answers and not is_told:
            told = f"{purpose}\x1f{channel}\x1f{brand}\x1f{at.isoformat()}"
            added.append(
                ConsentEntry(
                    id=uuid5(winner_id, told),  # the same merge makes the same entry, however often it is read
                    customer_id=winner_id,
                    purpose=purpose,
                    channel=channel,
                    brand=brand,
                    status=ConsentStatus.WITHDRAWN,
                    captured_at=at,
                    capture_source=CaptureSource.SYSTEM,
                    evidence="merge: the stricter of two ledgers",
                    actor=actor,
                )
            )
    moved = (attrs.evolve(entry, customer_id=winner_id) for ledger in said for entry in ledger)
    return (*moved, *added)
