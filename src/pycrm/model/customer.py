"""Who we deal with: a person or an organisation, prospect or customer, supplier or partner: one noun for all."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, set_of, tuple_of
from pycrm.model.contact import ContactPoint
from pycrm.model.custom import NO_FIELDS, CustomFields
from pycrm.model.entity import Entity
from pycrm.model.money import Money
from pycrm.model.time import Period, in_utc, is_date, is_instant, is_zone

__all__ = [
    "Customer",
    "CustomerKind",
    "ExternalId",
    "Identifier",
    "NameOrder",
    "Organisation",
    "PersonName",
    "Processing",
    "Role",
    "Strength",
]


class CustomerKind(StrEnum):
    """What a customer is."""

    PERSON = "person"
    ORGANISATION = "organisation"


class Role(StrEnum):
    """What a customer is to us; one may be several."""

    PROSPECT = "prospect"
    CUSTOMER = "customer"
    SUPPLIER = "supplier"
    PARTNER = "partner"


class Processing(StrEnum):
    """Whether a customer's data may be used: as usual, only kept (he asked to restrict it), or not at all any more."""

    ALLOWED = "allowed"
    RESTRICTED = "restricted"
    ERASED = "erased"


class NameOrder(StrEnum):
    """Which name comes first when it is shown."""

    GIVEN_FIRST = "given_first"
    FAMILY_FIRST = "family_first"


@frozen(kw_only=True)
class PersonName:
    """A name as it was given: never parsed, no part required but one of full, given, family or nickname.

    Examples
    --------
    >>> PersonName(given="Ana", family="García López").display
    'Ana García López'
    >>> PersonName(given="Tarō", family="Yamada", order=NameOrder.FAMILY_FIRST).display
    'Yamada Tarō'
    >>> PersonName(full="Pelé").display
    'Pelé'
    """

    full: str | None = field(default=None, validator=optional(is_line))
    given: str | None = field(default=None, validator=optional(is_line))
    middle: str | None = field(default=None, validator=optional(is_line))
    family: str | None = field(default=None, validator=optional(is_line))
    prefix: str | None = field(default=None, validator=optional(is_line))
    suffix: str | None = field(default=None, validator=optional(is_line))
    nickname: str | None = field(default=None, validator=optional(is_line))
    order: NameOrder = field(default=NameOrder.GIVEN_FIRST, validator=is_a(NameOrder))

    def __attrs_post_init__(self) -> None:
        if not any((self.full, self.given, self.family, self.nickname)):
            raise InvalidValueError("name", None, "give one of full, given, family or nickname")

    @property
    def display(self) -> str:
        """The name as it is shown, in its own order."""
        if self.full:
            return self.full
        given = (self.given, self.middle)
        parts = (self.prefix, *given, self.family, self.suffix)
        if self.order is NameOrder.FAMILY_FIRST:
            parts = (self.prefix, self.family, *given, self.suffix)
        return " ".join(part for part in parts if part) if self.given or self.family else str(self.nickname)


@frozen(kw_only=True)
class Organisation:
    """What is known of a firm.

    Parameters
    ----------
    name : str
        What people call it.
    legal_name : str, optional
        What the register calls it.
    domains : tuple of str
        Its internet domains, lower case.
    industry, size_band : str, optional
        Firmographics.
    annual_revenue : Money, optional
        Firmographics.
    parent_id : UUID, optional
        The organisation it belongs to.
    ideal_fit : bool, optional
        Whether it is the kind of customer we look for; None while nobody judged.
    """

    name: str = field(validator=is_line)
    legal_name: str | None = field(default=None, validator=optional(is_line))
    domains: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    industry: str | None = field(default=None, validator=optional(is_line))
    size_band: str | None = field(default=None, validator=optional(is_line))
    annual_revenue: Money | None = field(default=None, validator=optional(is_a(Money)))
    parent_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    ideal_fit: bool | None = field(default=None, validator=optional(is_a(bool)))

    def __attrs_post_init__(self) -> None:
        for domain in self.domains:
            if domain != domain.strip().lower() or "." not in domain or "@" in domain:
                raise InvalidValueError("domains", domain, "write it like 'example.com'")


class Strength(StrEnum):
    """Whether an identifier alone says who somebody is."""

    STRONG = "strong"
    WEAK = "weak"


@frozen(kw_only=True)
class Identifier:
    """A number or name by which the world knows a customer: tax id, loyalty card, device.

    A strong one belongs to one live customer of a tenant; a weak one, such as a device, may be shared.
    """

    namespace: str = field(validator=is_code)
    value: str = field(validator=is_line)
    strength: Strength = field(default=Strength.STRONG, validator=is_a(Strength))
    authority: str | None = field(default=None, validator=optional(is_line))
    verified: bool = field(default=False, validator=is_a(bool))
    period: Period = field(default=Period(), validator=is_a(Period))


@frozen
class ExternalId:
    """The id this record has in another system."""

    system: str = field(validator=is_code)
    value: str = field(validator=is_line)


@frozen(kw_only=True)
class Customer(Entity):
    """A person or an organisation; every other record reaches it by its id.

    Parameters
    ----------
    kind : CustomerKind
        Person unless said otherwise.
    name : PersonName, optional
        Of a person.
    organisation : Organisation, optional
        Of an organisation, and of it alone.
    roles : frozenset of Role
        What it is to us.
    contact_points : tuple of ContactPoint
        Where it can be reached; one primary of a kind at most.
    identifiers : tuple of Identifier
        By what the world knows it.
    external_ids : tuple of ExternalId
        By what other systems know it.
    birth_date : date, optional
        A calendar date.
    gender : str, optional
        As the person states it.
    language : str, optional
        Language tag, such as "es-ES".
    zone : str, optional
        IANA time zone.
    country : str, optional
        Two letters, ISO 3166.
    job_title, department : str, optional
        Of a person at work.
    source : str, optional
        Where it came from first.
    owner_id : UUID, optional
        Who looks after it.
    first_touch_at, identified_at : datetime, optional
        First contact, and when the identity became known. The first never moves later.
    is_deceased : bool
        Nobody writes to the dead.
    processing : Processing
        Whether his data may be used; what is erased stays so.
    tags : frozenset of str
        Codes.
    custom : CustomFields
        The business's own fields.

    Raises
    ------
    InvalidValueError
        If there is neither a name, an identifier nor a contact point, or the parts contradict each other.

    Examples
    --------
    >>> from pycrm.model.contact import ContactKind
    >>> ana = Customer(
    ...     name=PersonName(given="Ana"),
    ...     contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw="ana@example.com"),),
    ... )
    >>> ana.display_name
    'Ana'
    """

    kind: CustomerKind = field(default=CustomerKind.PERSON, validator=is_a(CustomerKind))
    name: PersonName | None = field(default=None, validator=optional(is_a(PersonName)))
    organisation: Organisation | None = field(default=None, validator=optional(is_a(Organisation)))
    roles: frozenset[Role] = field(default=frozenset({Role.PROSPECT}), validator=set_of(Role))
    contact_points: tuple[ContactPoint, ...] = field(default=(), validator=tuple_of(ContactPoint))
    identifiers: tuple[Identifier, ...] = field(default=(), validator=tuple_of(Identifier))
    external_ids: tuple[ExternalId, ...] = field(default=(), validator=tuple_of(ExternalId))
    birth_date: date | None = field(default=None, validator=optional(is_date))
    gender: str | None = field(default=None, validator=optional(is_line))
    language: str | None = field(default=None, validator=optional(is_line))
    zone: str | None = field(default=None, validator=optional(is_zone))
    country: str | None = field(default=None, validator=optional(is_line))
    job_title: str | None = field(default=None, validator=optional(is_line))
    department: str | None = field(default=None, validator=optional(is_line))
    source: str | None = field(default=None, validator=optional(is_line))
    owner_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    first_touch_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    identified_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    is_deceased: bool = field(default=False, validator=is_a(bool))
    processing: Processing = field(default=Processing.ALLOWED, validator=is_a(Processing))
    tags: frozenset[str] = field(default=frozenset(), validator=set_of(str))
    custom: CustomFields = field(default=NO_FIELDS, converter=CustomFields, validator=is_a(CustomFields))

    def __attrs_post_init__(self) -> None:
        if self.kind is CustomerKind.ORGANISATION and self.organisation is None:
            raise InvalidValueError("organisation", None, "an organisation needs organisation=Organisation(name=...)")
        if self.kind is CustomerKind.PERSON and self.organisation is not None:
            raise InvalidValueError(
                "organisation", self.organisation.name, "say kind=CustomerKind.ORGANISATION, or leave it out"
            )
        known = self.name or self.organisation or self.identifiers or self.contact_points or self.external_ids
        if not known:
            raise InvalidValueError("name", None, "give a name, an identifier, an external id or a contact point")
        primaries = [point.kind for point in self.contact_points if point.primary]
        if len(primaries) != len(set(primaries)):
            raise InvalidValueError("contact_points", primaries, "make at most one contact point of a kind primary")
        if not self.roles:
            raise InvalidValueError(
                "roles", self.roles, "give at least one role; Role.PROSPECT is where everybody starts"
            )
        if self.country is not None and not (
            len(self.country) == 2 and self.country.isascii() and self.country.isupper()
        ):
            raise InvalidValueError("country", self.country, "give two capital letters, such as 'ES'")
        if self.organisation is not None and self.organisation.parent_id == self.id:
            raise InvalidValueError("parent_id", self.id, "an organisation is not its own parent")

    @property
    def display_name(self) -> str:
        """What to call it: its name, else an address or number it is known by."""
        if self.name is not None:
            return self.name.display
        if self.organisation is not None:
            return self.organisation.name
        if self.contact_points:
            return self.contact_points[0].normalised
        if self.identifiers:
            return self.identifiers[0].value
        return self.external_ids[0].value

    def touched(self, at: datetime) -> Customer:
        """Return the customer with `at` as first touch if nothing earlier is known; it never moves later.

        Examples
        --------
        >>> from datetime import UTC
        >>> ana = Customer(name=PersonName(given="Ana"), first_touch_at=datetime(2026, 1, 1, tzinfo=UTC))
        >>> ana.touched(datetime(2026, 2, 1, tzinfo=UTC)) == ana
        True
        """
        if self.first_touch_at is not None and self.first_touch_at <= at:
            return self
        return attrs.evolve(self, first_touch_at=at)

    def reachable_by(self, channel: str, at: datetime) -> ContactPoint | None:
        """Return where `channel` reaches the customer at that time: the primary address first; None if nowhere."""
        points = [point for point in self.contact_points if point.reaches(channel, at)]
        return min(points, key=lambda point: not point.primary, default=None)
