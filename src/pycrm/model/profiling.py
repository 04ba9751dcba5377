"""Whether a customer may be profiled: put into a segment, a tier, a score, a forecast or an experiment.

An objection is an entry of the consent ledger like any other no. It stops the numbers about a person, not the business with him:
orders, points, tickets and the ledger itself go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code
from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus, LegalBasis, Permission
from pycrm.model.contact_policy import purposes_above
from pycrm.model.customer import Processing
from pycrm.model.entity import Entity
from pycrm.model.evidence import Reason
from pycrm.model.time import instant

__all__ = ["ProfilingPolicy", "may_profile"]


def _is_ground(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value not in {LegalBasis.LEGITIMATE_INTEREST, LegalBasis.CONSENT}:
        raise InvalidValueError(
            attribute.name, value, "give LegalBasis.LEGITIMATE_INTEREST (who objects is left out) or LegalBasis.CONSENT"
        )


@frozen(kw_only=True)
class ProfilingPolicy(Entity):
    """On what ground a business profiles its customers, and under which purpose of its ledger they object.

    A store holds none, and the defaults count, or one a purpose, and all of them must agree.

    Parameters
    ----------
    purpose : str
        A code of the host's tree of purposes; unique in a tenant. A no to a purpose above it reaches it.
    basis : LegalBasis
        LEGITIMATE_INTEREST: who objects is left out (GDPR article 21). CONSENT: who has not consented is left out (article 22).
    double_opt_in : bool
        Whether a consent must be confirmed.

    Examples
    --------
    >>> ProfilingPolicy(purpose="marketing.profiling").basis.value
    'legitimate_interest'
    """

    purpose: str = field(default="profiling", validator=is_code)
    basis: LegalBasis = field(default=LegalBasis.LEGITIMATE_INTEREST, validator=_is_ground)
    double_opt_in: bool = field(default=False, validator=is_a(bool))

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purpose and those above it: of every other one an entry says nothing here."""
        return tuple(purposes_above(self.purpose))


_DEFAULT = ProfilingPolicy()


def _order(entry: ConsentEntry) -> tuple[datetime, bool, str]:
    return entry.captured_at, entry.forbids, str(entry.id)


def _speaks(entry: ConsentEntry, policy: ProfilingPolicy) -> bool:
    # A no to mail about everything is about mail; a no to profiling is one, whichever channel it was filed under.
    return entry.purpose == policy.purpose or (entry.channel is None and entry.purpose in policy.purposes)


def _flaw(grants: Sequence[ConsentEntry], policy: ProfilingPolicy, at: datetime) -> Reason | None:
    """Return why grants are not the consent that is needed; None if one of them is."""
    flaw = Reason("no_consent", f"nothing on record is a consent to {policy.purpose}")
    for entry in grants:
        if entry.legal_basis is not LegalBasis.CONSENT:
            continue
        if at not in entry.effective:
            flaw = Reason("expired", f"the consent to {policy.purpose} does not hold at that time")
        elif policy.double_opt_in and (entry.double_opt_in_at is None or entry.double_opt_in_at > at):
            flaw = Reason("unconfirmed", f"the consent to {policy.purpose} was never confirmed")
        else:
            return None
    return flaw


def _against(entries: Sequence[ConsentEntry], policy: ProfilingPolicy, at: datetime) -> Reason | None:
    about = sorted((entry for entry in entries if _speaks(entry, policy)), key=_order)
    grants: list[ConsentEntry] = []
    # What was said to one brand is known to the business: profiling is not done brand by brand, so any no counts.
    for brand in dict.fromkeys([None, *(entry.brand for entry in about)]):
        said = [entry for entry in about if entry.brand in {None, brand}]
        nos = [entry for entry in said if entry.forbids and at in entry.effective]
        yeses = [
            entry
            for entry in said
            if entry.purpose == policy.purpose
            and entry.status is ConsentStatus.GRANTED
            and (not nos or _lifts(entry, nos[-1]))
        ]
        if nos and not yeses:
            on = nos[-1].captured_at.date().isoformat()
            return Reason("objected", f"the customer objected to {nos[-1].purpose} on {on}")
        grants += yeses
    return None if policy.basis is LegalBasis.LEGITIMATE_INTEREST else _flaw(grants, policy, at)


def _lifts(entry: ConsentEntry, no: ConsentEntry) -> bool:
    """Whether a later yes ends an objection: only one of the customer's own, never an import or an interest of ours."""
    return (
        entry.captured_at > no.captured_at
        and entry.capture_source is not CaptureSource.IMPORT
        and entry.legal_basis is not LegalBasis.LEGITIMATE_INTEREST
    )


def may_profile(
    customer_id: UUID,
    at: datetime,
    *,
    consents: Iterable[ConsentEntry],
    policies: Iterable[ProfilingPolicy] = (),
    processing: Processing = Processing.ALLOWED,
) -> Permission:
    """Say whether numbers may be made of a customer, and why not.

    Parameters
    ----------
    customer_id : UUID
        Who.
    at : datetime
        When the numbers are made, whatever day they are about; what is said later is not known yet.
    consents : iterable of ConsentEntry
        The ledger, in any order; entries of others are passed over.
    policies : iterable of ProfilingPolicy
        Those of the business; all must agree. Without any, the defaults of `ProfilingPolicy` count.
    processing : Processing
        Whether his data is used at all.

    Returns
    -------
    Permission
        Where it is not allowed, with the reason: restricted, erased, objected, or where consent is needed no_consent, expired or
        unconfirmed.

    Raises
    ------
    InvalidValueError
        If the time is none.

    Examples
    --------
    >>> from datetime import UTC
    >>> ana, day = UUID(int=1), datetime(2026, 5, 1, tzinfo=UTC)
    >>> said = ConsentEntry(customer_id=ana, purpose="profiling", status=ConsentStatus.WITHDRAWN, captured_at=day)
    >>> may_profile(ana, day, consents=[]).allowed, may_profile(ana, day, consents=[said]).reasons[0].text
    (True, 'the customer objected to profiling on 2026-05-01')
    """
    moment = instant(at)
    if processing is not Processing.ALLOWED:
        said = "processing is restricted" if processing is Processing.RESTRICTED else "the customer was erased"
        return Permission(False, (Reason(str(processing), said),))
    own = [entry for entry in consents if entry.customer_id == customer_id and entry.captured_at <= moment]
    for policy in sorted(policies, key=lambda policy: policy.purpose) or (_DEFAULT,):
        against = _against(own, policy, moment)
        if against is not None:
            return Permission(False, (against,))
    return Permission(True)
