"""From a form to a lead: who wrote, what he allows, where he came from and what he took, once however often it arrives."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import expect
from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus
from pycrm.model.contact import Channel, ContactKind, ContactPoint
from pycrm.model.customer import Customer, CustomerKind, Organisation, PersonName
from pycrm.model.evidence import EvidenceRef
from pycrm.model.form import CaptureForm, FormFill, Submission
from pycrm.model.interaction import Direction, Interaction, InteractionKind, Mode
from pycrm.model.knowledge import CustomerFact, FactOrigin
from pycrm.model.lead import Lead
from pycrm.model.lead_magnet import LeadMagnet, MagnetClaim
from pycrm.model.predicate import where
from pycrm.model.time import instant
from pycrm.model.touchpoint import Touchpoint
from pycrm.storage.identity import aliases
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query, asc

__all__ = ["Captured", "capture"]


@frozen(kw_only=True)
class Captured:
    """What a submission led to.

    Parameters
    ----------
    customer_id : UUID
        Who wrote.
    lead_id : UUID, optional
        The lead it made, or that he is already; None where it came before.
    new_customer, new_lead, repeated : bool
        Whether he was unknown, whether he is a lead only now, and whether it was captured before.
    asset : str, optional
        What the host sends him, where there is a magnet.
    """

    customer_id: UUID
    lead_id: UUID | None
    new_customer: bool
    new_lead: bool
    repeated: bool
    asset: str | None


def capture(
    store: Store,
    form: CaptureForm,
    submission: Submission,
    *,
    at: datetime,
    magnet: LeadMagnet | None = None,
    actor: str | None = None,
) -> Captured:
    """Take a form: find or make the customer, and write lead, consent, first touch, facts and claim, all or nothing.

    Who is known by the address is not changed, beyond an earlier first touch; who he really is, is for `identify` to say. A
    purpose that was not ticked is not permitted and not refused. The same submission again changes nothing; another one of
    the same customer makes no second lead of this source and no second claim.

    Parameters
    ----------
    store : Store
        Where it is kept.
    form : CaptureForm
        Which form it was.
    submission : Submission
        What was sent.
    at : datetime
        Now; not before the submission.
    magnet : LeadMagnet, optional
        What it was filled in for; kept in the store with its form.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If the answers are not those of the form, a purpose was not asked for, the magnet belongs to another form, or the clock is wrong.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.form import FormField
    >>> from pycrm.storage import MemoryStore
    >>> form = CaptureForm(
    ...     code="guide",
    ...     fields=(FormField(name="mail", used_for="to send the guide", fills=FormFill.EMAIL, required=True),),
    ...     purposes=("marketing.newsletter",),
    ...     text_version="2026-05",
    ... )
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> store, sent = MemoryStore(), Submission(key="s-1", at=day, answers={"mail": "ana@example.com"})
    >>> capture(store, form, sent, at=day).new_lead, capture(store, form, sent, at=day).repeated
    (True, True)
    """
    expect("form", form, CaptureForm)
    expect("submission", submission, Submission)
    if magnet is not None:
        expect("magnet", magnet, LeadMagnet)
    now = instant(at)
    if now < submission.at:
        raise InvalidValueError("at", at, f"the form was sent at {submission.at.isoformat()}; check the two clocks")
    written = form.checked(
        {name: value if isinstance(value, str) else "" for name, value in submission.answers.items()}
    )
    strange = sorted(submission.agreed - set(form.purposes))
    if strange:
        raise InvalidValueError(
            "agreed", strange, f"the form {form.code} asks for: {', '.join(form.purposes) or 'nothing'}"
        )
    if magnet is not None and magnet.form != form.code:
        raise InvalidValueError("magnet", magnet.code, f"it is given for the form {magnet.form}")
    with store.begin(actor=actor, cause="interact.capture") as unit:
        captured = _Capture(unit, form, submission, now, magnet, written).go()
        unit.commit()
    return captured


class _Capture:
    """One submission on its way in."""

    def __init__(
        self,
        unit: UnitOfWork,
        form: CaptureForm,
        submission: Submission,
        now: datetime,
        magnet: LeadMagnet | None,
        written: dict[str, str],
    ) -> None:
        self.unit, self.form, self.submission, self.now, self.magnet = unit, form, submission, now, magnet
        self.key = f"form:{submission.key}"
        self.filled = {one.fills: written[one.name] for one in form.fields if one.fills and one.name in written}
        self.told = {one.topic: written[one.name] for one in form.fields if one.topic and one.name in written}

    def go(self) -> Captured:
        before = self.unit.of(Interaction).page(Query(Interaction, where("idempotency_key") == self.key), size=1).items
        asset = None if self.magnet is None else self.magnet.asset
        if before and before[0].customer_id is not None:
            return Captured(
                customer_id=before[0].customer_id,
                lead_id=None,
                new_customer=False,
                new_lead=False,
                repeated=True,
                asset=asset,
            )
        customer, is_new = self._customer()
        interaction = Interaction(
            customer_id=customer.id,
            kind=InteractionKind.WEB,
            direction=Direction.IN,
            channel=Channel.WEB,
            mode=Mode.SELF_SERVICE,
            assisted=False,
            occurred_at=self.submission.at,
            recorded_at=self.now,
            subject=self.form.code,
            outcome="submitted",
            idempotency_key=self.key,
        )
        self.unit.of(Interaction).add(interaction)
        self._touch(customer)
        consents = self._consents(customer)
        self._facts(customer, EvidenceRef("interaction", interaction.id, self.submission.at))
        self._claim(customer, consents)
        lead, new_lead = self._lead(customer)
        return Captured(
            customer_id=customer.id,
            lead_id=lead.id,
            new_customer=is_new,
            new_lead=new_lead,
            repeated=False,
            asset=asset,
        )

    def _customer(self) -> tuple[Customer, bool]:
        """Return who wrote: known by the address, or new."""
        kinds = ((FormFill.EMAIL, ContactKind.EMAIL), (FormFill.PHONE, ContactKind.PHONE))
        points = tuple(
            ContactPoint(kind=kind, raw=self.filled[fill], primary=True) for fill, kind in kinds if fill in self.filled
        )
        customers = self.unit.of(Customer)
        for point in points:
            same = Query(Customer, where("contact_points.normalised") == point.normalised, order=(asc("id"),))
            found = next(iter(customers.page(same, size=1).items), None)
            if found is not None:
                home = customers.get(aliases(self.unit).of(found.id))
                touched = home.touched(self.submission.at)
                return (home if touched is home else customers.save(touched)), False
        given, family = self.filled.get(FormFill.GIVEN), self.filled.get(FormFill.FAMILY)
        firm = self.filled.get(FormFill.ORGANISATION)
        customer = Customer(
            kind=CustomerKind.PERSON if firm is None else CustomerKind.ORGANISATION,
            name=PersonName(given=given, family=family) if given or family else None,
            organisation=None if firm is None else Organisation(name=firm),
            contact_points=points,
            country=self.filled.get(FormFill.COUNTRY),
            language=self.filled.get(FormFill.LANGUAGE),
            source=self.submission.source or self.form.code,
            first_touch_at=self.submission.at,
            identified_at=self.submission.at,
        )
        return customers.add(customer), True

    def _touch(self, customer: Customer) -> None:
        sent = self.submission
        self.unit.of(Touchpoint).add(
            Touchpoint(
                customer_id=customer.id,
                anonymous_id=sent.anonymous_id,
                at=sent.at,
                channel=Channel.WEB,
                source=sent.source or self.form.code,
                medium=sent.medium,
                campaign=sent.campaign,
                referrer=sent.referrer,
                content=None if self.magnet is None else self.magnet.code,
                key=self.key,
            )
        )

    def _consents(self, customer: Customer) -> tuple[UUID, ...]:
        entries = [
            ConsentEntry(
                customer_id=customer.id,
                purpose=purpose,
                channel=self.form.channel,
                status=ConsentStatus.GRANTED,
                captured_at=self.submission.at,
                capture_source=CaptureSource.CUSTOMER,
                text_version=self.form.text_version,
                evidence=self.key,
            )
            for purpose in sorted(self.submission.agreed)
        ]
        self.unit.of(ConsentEntry).put_many(entries)
        return tuple(entry.id for entry in entries)

    def _facts(self, customer: Customer, evidence: EvidenceRef) -> None:
        """Write what he told, and what the magnet he took shows of his motive."""
        made = [
            CustomerFact(
                customer_id=customer.id,
                topic=topic,
                value=value,
                origin=FactOrigin.STATED,
                recorded_at=self.submission.at,
                evidence=evidence,
            )
            for topic, value in self.told.items()
        ]
        if self.magnet is not None:
            made.append(
                CustomerFact(
                    customer_id=customer.id,
                    topic=self.magnet.solves,
                    origin=FactOrigin.INFERRED,
                    strength=0.65,
                    confidence=0.5,
                    recorded_at=self.submission.at,
                    evidence=evidence,
                )
            )
        self.unit.of(CustomerFact).put_many(made)

    def _claim(self, customer: Customer, consents: tuple[UUID, ...]) -> None:
        if self.magnet is None:
            return
        claims = self.unit.of(MagnetClaim)
        mine = (where("magnet_id") == self.magnet.id) & (where("customer_id") == customer.id)
        if not claims.page(Query(MagnetClaim, mine), size=1).items:
            claims.add(
                MagnetClaim(
                    magnet_id=self.magnet.id,
                    customer_id=customer.id,
                    claimed_at=self.submission.at,
                    consent_ids=consents,
                )
            )

    def _lead(self, customer: Customer) -> tuple[Lead, bool]:
        leads = self.unit.of(Lead)
        mine = (where("customer_id") == customer.id) & (where("source") == self.form.code)
        found = next(iter(leads.page(Query(Lead, mine), size=1).items), None)
        if found is not None:
            return found, False
        topic = None if self.magnet is None else str(self.magnet.solves)
        made = Lead(customer_id=customer.id, source=self.form.code, created_at=self.submission.at, topic=topic)
        return leads.add(made), True
