"""What a customer allows: an append-only ledger, and the decision that folds it.

Unknown never means yes. A withdrawal reaches every purpose below the one it names, a grant only the one it names. An
imported entry may fill a gap, never grant anew what was withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional
from pycrm.model.contact import channel_code
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity
from pycrm.model.evidence import Actor, Reason
from pycrm.model.time import Period, in_utc, is_instant

__all__ = ["CaptureSource", "ConsentEntry", "ConsentStatus", "LegalBasis", "Permission", "may_contact"]


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
    reasons: tuple[Reason, ...] = ()
    entry_id: UUID | None = None

    def __bool__(self) -> bool:
        return self.allowed


def _said_of(purpose: str) -> list[str]:
    """Return `purpose` and the purposes above it."""
    parts = purpose.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _strictness(entry: ConsentEntry) -> tuple[datetime, bool, str]:
    return (entry.captured_at, entry.forbids, str(entry.id))


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
        On whose behalf; entries said to another brand do not count, a no said to no brand counts for all.
    double_opt_in : bool
        Whether a consent must be confirmed.
    interests : frozenset of str
        Purposes for which a recorded legitimate interest suffices where nobody objected.

    Returns
    -------
    Permission
        With at least one reason, whichever way it falls.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.contact import ContactKind, ContactPoint
    >>> ana = Customer(contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw="ana@example.com"),))
    >>> may_contact(ana, "email", "marketing", datetime(2026, 5, 1, tzinfo=UTC), consents=[]).reasons[0].code
    'no_consent'
    """
    channel = channel_code(channel)
    reasons: list[Reason] = []
    if customer.is_deceased:
        reasons.append(Reason("deceased", "the customer has died"))
    if customer.reachable_by(channel, at) is None:
        reasons.append(Reason("unreachable", f"there is no working address for {channel}"))

    known = [
        entry
        for entry in consents
        if entry.customer_id == customer.id
        and entry.captured_at <= at
        and at in entry.effective
        and entry.channel in {None, channel}
        and (entry.brand is None or entry.brand == brand)
    ]
    above = _said_of(purpose)
    nos = [entry for entry in known if entry.forbids and entry.purpose in above]
    last_no = max(nos, key=_strictness, default=None)
    grants = [
        entry
        for entry in known
        if entry.purpose == purpose
        and entry.status is ConsentStatus.GRANTED
        and (
            last_no is None
            or (_strictness(entry) > _strictness(last_no) and entry.capture_source is not CaptureSource.IMPORT)
        )
    ]
    last_yes = max(grants, key=_strictness, default=None)
    if last_no is not None and last_yes is not None and last_no.captured_at == last_yes.captured_at:
        last_yes = None

    if last_yes is None:
        if last_no is not None:
            said = "withdrawn" if last_no.status is ConsentStatus.WITHDRAWN else "denied"
            when = last_no.captured_at.date().isoformat()
            reasons.append(Reason(said, f"{last_no.purpose} was {said} on {when}"))
        elif any(entry.status is ConsentStatus.PENDING and entry.purpose == purpose for entry in known):
            reasons.append(Reason("pending", f"consent to {purpose} is not confirmed yet"))
        else:
            reasons.append(Reason("no_consent", f"nothing on record permits {purpose} over {channel}"))
        return Permission(allowed=False, reasons=tuple(reasons), entry_id=None if last_no is None else last_no.id)

    if (
        last_yes.legal_basis is LegalBasis.CONSENT
        and double_opt_in
        and (last_yes.double_opt_in_at is None or last_yes.double_opt_in_at > at)
    ):
        reasons.append(Reason("unconfirmed", f"the consent to {purpose} was never confirmed"))
    if last_yes.legal_basis is LegalBasis.LEGITIMATE_INTEREST and purpose not in interests:
        reasons.append(Reason("interest_not_allowed", f"{purpose} does not allow legitimate interest as its basis"))
    if reasons:
        return Permission(allowed=False, reasons=tuple(reasons), entry_id=last_yes.id)
    granted = Reason(
        "granted", f"{purpose} was granted on {last_yes.captured_at.date().isoformat()} ({last_yes.legal_basis})"
    )
    return Permission(allowed=True, reasons=(granted,), entry_id=last_yes.id)
