"""What may be done with what is kept of a person: how sensitive each field is, why it is kept, and what becomes of it.

A `Handling` says it for one noun, as data. Access, export, rectification, erasure and retention read it and nothing else, so a
field or noun without one is not forgotten by any of them: it is refused.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.consent import LegalBasis
from pycrm.model.custom import NO_FIELDS, CustomFields
from pycrm.model.entity import Entity
from pycrm.model.erased_keys import key_digest
from pycrm.model.evidence import Actor, ActorKind
from pycrm.model.predicate import Predicate
from pycrm.model.time import in_utc, is_instant

__all__ = [
    "BLANK",
    "Fate",
    "Handling",
    "RequestKind",
    "RetentionPolicy",
    "RetentionRule",
    "Sensitivity",
    "SubjectRequest",
]

BLANK = "erased"
"""What stands where a text was that may not be empty."""


class Sensitivity(StrEnum):
    """What a field says of a person, and so what is done with it.

    ========== =================================================== ======== =========== =======
    value      holds                                               given    corrected   erased
    ========== =================================================== ======== =========== =======
    key        ids of records: pseudonyms once identity is gone    yes      no          no
    identity   who it is                                           yes      yes         yes
    contact    where he is reached                                 yes      yes         yes
    behaviour  what he is like, wants, or is thought to want       yes      yes         yes
    accounting what the books must keep                            yes      no          no
    statistics what can be counted without knowing whom            yes      yes         no
    free_text  what somebody wrote, so anything at all             yes      yes         yes
    label      keys a process was given: anything may be in them   yes      no          as a digest
    staff      who of us did it                                    no       no          yes
    parts      values with sensitivities of their own              by part  yes         by part
    none       nothing of a person                                 yes      no          no
    ========== =================================================== ======== =========== =======
    """

    KEY = "key"
    IDENTITY = "identity"
    CONTACT = "contact"
    BEHAVIOUR = "behaviour"
    ACCOUNTING = "accounting"
    STATISTICS = "statistics"
    FREE_TEXT = "free_text"
    LABEL = "label"
    STAFF = "staff"
    PARTS = "parts"
    NONE = "none"

    @property
    def is_given(self) -> bool:
        """Whether a customer who asks is given it."""
        return self is not Sensitivity.STAFF

    @property
    def is_corrected(self) -> bool:
        """Whether it may be corrected on request; books are corrected by bookings."""
        return self not in _FIXED

    @property
    def is_erased(self) -> bool:
        """Whether erasure blanks it, or puts a digest in its place."""
        return self in _ERASED


_S = Sensitivity
_FIXED = frozenset({_S.KEY, _S.ACCOUNTING, _S.LABEL, _S.STAFF, _S.NONE})
_ERASED = frozenset({_S.IDENTITY, _S.CONTACT, _S.BEHAVIOUR, _S.FREE_TEXT, _S.LABEL, _S.STAFF})


class Fate(StrEnum):
    """What erasure does to a record about the person: keep it with what is sensitive blanked, delete it, or leave it."""

    REDACT = "redact"
    DELETE = "delete"
    KEEP = "keep"


def _is_table(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    for name, sensitivity in value.items():
        if not isinstance(sensitivity, Sensitivity):
            raise InvalidValueError(attribute.name, sensitivity, f"give {name!r} one of Sensitivity")


@frozen(kw_only=True, eq=False)
class Handling:
    """How one noun is handled where it speaks of a person.

    Parameters
    ----------
    model : type
        The entity class.
    fields : mapping of str to Sensitivity
        Of every field but `id` and `version`; `unknown`, fields of a newer release, is free text unless said otherwise.
    purpose, use : str
        Why it is kept, and what it is used for: what a customer who asks is told.
    basis : LegalBasis
        Why that is lawful.
    since : str, optional
        The field that says from when on it is held; retention counts from it.
    subjects : tuple of str
        Fields that hold the id of a customer, or of a record about one; "id" for the customer himself.
    named_by : tuple of type and str, optional
        Records about him are those whose id stands in that field of another noun about him.
    linked : tuple of str
        Fields whose value leads to further records of his, such as what a visitor was called before he was known.
    address : str, optional
        A field that holds an address: the records with one of his are his.
    fate : Fate
        What erasure does.
    parts : mapping of type to mapping of str to Sensitivity
        Of the fields of values inside fields marked `parts`.
    blanks : mapping of str to callable
        What stands where a field was that has no empty value, given the entity.
    telling : callable, optional
        Given the entity, the texts that by themselves say who it is: addresses and numbers, not names, which others share.

    Examples
    --------
    >>> @frozen(kw_only=True)
    ... class Visit(Entity):
    ...     customer_id: UUID
    ...     note: str | None = None
    >>> visits = Handling(
    ...     model=Visit,
    ...     fields={"customer_id": Sensitivity.KEY, "note": Sensitivity.FREE_TEXT},
    ...     purpose="to know who came",
    ...     use="the day's list",
    ...     basis=LegalBasis.CONTRACT,
    ...     subjects=("customer_id",),
    ... )
    >>> visits.redacted(Visit(customer_id=UUID(int=1), note="came with his mother")).note is None
    True
    """

    model: type[Any]
    fields: Mapping[str, Sensitivity] = field(validator=_is_table)
    purpose: str = field(validator=is_line)
    use: str = field(validator=is_line)
    basis: LegalBasis = field(default=LegalBasis.LEGITIMATE_INTEREST, validator=is_a(LegalBasis))
    since: str | None = None
    subjects: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    named_by: tuple[type[Any], str] | None = None
    linked: tuple[str, ...] = field(default=(), validator=tuple_of(str))
    address: str | None = None
    fate: Fate = field(default=Fate.REDACT, validator=is_a(Fate))
    parts: Mapping[type[Any], Mapping[str, Sensitivity]] = field(factory=dict)
    blanks: Mapping[str, Callable[[Any], Any]] = field(factory=dict)
    telling: Callable[[Any], Iterable[str]] | None = None

    @property
    def is_personal(self) -> bool:
        """Whether the noun speaks of persons at all."""
        return bool(self.subjects or self.named_by or self.address)

    def of(self, name: str) -> Sensitivity:
        """Return how sensitive a field is.

        Raises
        ------
        InvalidValueError
            If nobody said.
        """
        found = self.fields.get(name, {"unknown": _S.FREE_TEXT, "id": _S.KEY, "version": _S.NONE}.get(name))
        if found is None:
            raise InvalidValueError(f"{self.model.__name__}.{name}", None, _HOW.format(name=name))
        return found

    def gaps(self, model: type[Any] | None = None) -> list[str]:
        """Return what is wrong with this handling for a class, in words that say the fix; nothing if it covers it.

        Examples
        --------
        >>> plain = Handling(model=Entity, fields={"colour": Sensitivity.NONE}, purpose="none", use="none")
        >>> plain.gaps()
        ["Entity has no field 'colour': take it out of its handling"]
        """
        kind = self.model if model is None else model
        attrs.resolve_types(kind)
        names = {each.name for each in attrs.fields(kind)}
        found = [
            f"{kind.__name__}.{name} has no sensitivity: {_HOW.format(name=name)}"
            for name in sorted(names - set(self.fields) - {"id", "version", "unknown"})
        ]
        found += [
            f"{kind.__name__} has no field {name!r}: take it out of its handling"
            for name in sorted({*self.fields, *self.subjects, *self.blanks, *self.linked} - names)
        ]
        for each in attrs.fields(kind):
            if self.fields.get(each.name) is _S.PARTS:
                found += [gap for part in _classes(each.type) for gap in self._gaps_of(part, each.name)]
        return found

    def _gaps_of(self, part: type[Any], within: str) -> Iterator[str]:
        known = self.parts.get(part, {})
        attrs.resolve_types(part)
        for each in attrs.fields(part):
            if each.name not in known:
                yield f"{part.__name__}.{each.name}, in {within!r}, has no sensitivity: add it to `parts` of the handling"
            elif known[each.name] is _S.PARTS:
                for inner in _classes(each.type):
                    yield from self._gaps_of(inner, each.name)

    def redacted(self, entity: Any) -> Any:
        """Return `entity` with everything blanked that erasure takes; the same object where nothing is.

        Examples
        --------
        >>> plain = Handling(model=Entity, fields={}, purpose="none", use="none")
        >>> plain.redacted(Entity(unknown=CustomFields({"name": "Ana"}))).unknown
        CustomFields({})
        """
        changes = {}
        for each in attrs.fields(type(entity)):
            if each.name in {"id", "version"} or not each.init:
                continue
            value = getattr(entity, each.name)
            after = self._after(entity, each, value)
            if after is not value and after != value:
                changes[each.name] = after
        return attrs.evolve(entity, **changes) if changes else entity

    def retold(self, entity: Any, replace: Callable[[str], str]) -> Any:
        """Return `entity` with `replace` applied to every text in its free-text fields; the same object where nothing changes.

        Of a label that it would change the digest is told.

        Examples
        --------
        >>> plain = Handling(model=Entity, fields={}, purpose="none", use="none")
        >>> plain.retold(Entity(unknown=CustomFields({"note": "for Ana"})), lambda text: text.replace("Ana", "her")).unknown
        CustomFields({'note': 'for her'})
        """
        changes = {}
        for name in self.free_text:
            value = getattr(entity, name)
            after = self._told(value, _relabelled(replace) if self.of(name) is _S.LABEL else replace)
            if after != value:
                changes[name] = after
        return attrs.evolve(entity, **changes) if changes else entity

    @property
    def free_text(self) -> tuple[str, ...]:
        """The fields that hold free text or a label, or values that do."""
        told = {name for name, held in self.fields.items() if held in {_S.FREE_TEXT, _S.LABEL, _S.PARTS}}
        return ("unknown", *sorted(told))

    def _told(self, value: Any, replace: Callable[[str], str]) -> Any:
        if isinstance(value, str):
            return replace(value)
        if isinstance(value, tuple):
            return tuple(self._told(each, replace) for each in value)
        if isinstance(value, Mapping):
            return CustomFields({replace(name): self._told(each, replace) for name, each in value.items()})
        if attrs.has(type(value)):
            known = self.parts.get(type(value))
            told = {}
            for each in attrs.fields(type(value)):
                held = getattr(value, each.name)
                if known is not None and known[each.name] is _S.PARTS:
                    told[each.name] = self._told(held, replace)
                elif isinstance(held, str) and (known is None or known[each.name] is _S.FREE_TEXT):
                    told[each.name] = replace(held)
                elif isinstance(held, str) and known is not None and known[each.name] is _S.LABEL:
                    told[each.name] = _relabelled(replace)(held)
            return attrs.evolve(value, **told)
        return value

    def _after(self, entity: Any, attribute: attrs.Attribute[Any], value: Any) -> Any:
        name = attribute.name
        if name in self.blanks:
            return self.blanks[name](entity)
        sensitivity = self.of(name)
        if sensitivity is _S.PARTS:
            return self._parts(value)
        return _erased(sensitivity, attribute, value) if sensitivity.is_erased else value

    def _parts(self, value: Any) -> Any:
        return tuple(map(self._part, value)) if isinstance(value, tuple) else value and self._part(value)

    def _part(self, part: Any) -> Any:
        known, after = self.parts[type(part)], {}
        for each in attrs.fields(type(part)):
            if known[each.name] is _S.PARTS:
                after[each.name] = self._parts(getattr(part, each.name))
            elif known[each.name].is_erased:
                after[each.name] = _erased(known[each.name], each, getattr(part, each.name))
        return attrs.evolve(part, **after)


_HOW = (
    "say how sensitive {name!r} is in the handling of its noun (pycrm/model/handlings.py or, about no person, impersonal.py; of your own map, its `handling`): "
    "identity, contact, behaviour or free_text are blanked by erasure, of a label a digest is kept; accounting, statistics and key are kept; staff is not "
    "given out; none says nothing of a person"
)


def _classes(kind: Any) -> Iterator[type[Any]]:
    """Yield the attrs classes a type is made of."""
    if isinstance(kind, type) and attrs.has(kind):
        attrs.resolve_types(kind)
        yield kind
    for inner in typing.get_args(kind):
        yield from _classes(inner)


def _relabelled(replace: Callable[[str], str]) -> Callable[[str], str]:
    """Return what tells the digest of a label that `replace` would change."""
    return lambda label: label if replace(label) == label else key_digest(label)


def _erased(sensitivity: Sensitivity, attribute: attrs.Attribute[Any], value: Any) -> Any:
    if sensitivity is _S.LABEL:
        return value if value is None else key_digest(value)
    return _blank(attribute, value)


def _blank(attribute: attrs.Attribute[Any], value: Any) -> Any:
    """Return the emptiest value a field may hold."""
    default = attribute.default
    if default is None or (isinstance(default, tuple | frozenset | CustomFields) and not default):
        return default
    if isinstance(value, Actor):
        return Actor(ActorKind.SYSTEM, BLANK)
    if isinstance(value, tuple | frozenset | CustomFields):
        return NO_FIELDS if isinstance(value, CustomFields) else type(value)()
    if isinstance(value, str):
        return BLANK
    raise InvalidValueError(attribute.name, value, "say in `blanks` of the handling what stands in its place")


class RequestKind(StrEnum):
    """What a person may ask for (GDPR articles 15 to 20); `lift` ends a restriction."""

    ACCESS = "access"
    EXPORT = "export"
    RECTIFY = "rectify"
    RESTRICT = "restrict"
    LIFT = "lift"
    ERASE = "erase"


@frozen(kw_only=True)
class SubjectRequest(Entity):
    """What a person asked for and what was done; append-only, and without a word of who he is.

    The entries of kind `erase` are what a restored backup is held against.

    Parameters
    ----------
    kind : RequestKind
        What was asked for.
    customer_id : UUID
        About whom: an id that says nothing once the identity is gone.
    customer_ids : tuple of UUID
        Every id he was known by: his own and those merged into it.
    received_at, done_at : datetime
        When it was asked for, and when it was done.
    counts : CustomFields
        What was done: action and table to the number of records.
    reason : str
        A code.
    records : tuple of str
        Of an erasure, the digests of the source records that went (`SourceRecord.digest`), so that none comes again.
    """

    kind: RequestKind = field(validator=is_a(RequestKind))
    customer_id: UUID = field(validator=is_a(UUID))
    customer_ids: tuple[UUID, ...] = field(default=(), validator=tuple_of(UUID))
    received_at: datetime = field(converter=in_utc, validator=is_instant)
    done_at: datetime = field(converter=in_utc, validator=is_instant)
    counts: CustomFields = field(default=NO_FIELDS, converter=CustomFields, validator=is_a(CustomFields))
    reason: str = field(default="request", validator=is_code)
    records: tuple[str, ...] = field(default=(), validator=tuple_of(str))

    def __attrs_post_init__(self) -> None:
        if self.done_at < self.received_at:
            raise InvalidValueError("done_at", self.done_at, "a request is done after it was received")


@frozen(kw_only=True)
class RetentionRule:
    """How long one kind of data is kept, from which date, and what happens then.

    Parameters
    ----------
    table : str
        The kind of data: the table of its map, such as "interaction".
    keep : timedelta
        How long, from the date its handling names as `since`; of a customer, from the last thing that is known of him.
    then : Fate
        Delete the record, or keep it without what is sensitive. A customer is erased either way, and a kind of data that an
        erasure deletes is deleted.
    where : Predicate, optional
        Only these records.
    why : str
        Why that long, in words.
    """

    table: str = field(validator=is_code)
    keep: timedelta = field(validator=is_a(timedelta))
    then: Fate = field(default=Fate.DELETE, validator=is_a(Fate))
    where: Predicate | None = None
    why: str = field(validator=is_line)

    def __attrs_post_init__(self) -> None:
        if self.keep < timedelta(0):
            raise InvalidValueError("keep", self.keep, "give a span of at least zero")


@frozen(kw_only=True)
class RetentionPolicy:
    """The retention rules of one business, as data with a version.

    Parameters
    ----------
    version : str
        Named in what a run did.
    rules : tuple of RetentionRule
        One per kind of data and condition.
    valid_from : datetime, optional
        Since when it holds.
    """

    version: str = field(validator=is_line)
    rules: tuple[RetentionRule, ...] = field(validator=tuple_of(RetentionRule))
    valid_from: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
