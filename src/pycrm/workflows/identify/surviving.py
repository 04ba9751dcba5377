"""What is known of a customer: made anew from his source records, each value with the record it came from.

A customer holds two things: what his records say, and what was written on him by hand. The first is made anew whenever his
records change, the second stays; which is which follows from the records themselves, so nothing has to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.matching import Survivors, survivors
from pycrm.matching.survivorship import STRATEGIES
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.correction import is_correction
from pycrm.model.customer import (
    Customer,
    CustomerKind,
    ExternalId,
    Identifier,
    Organisation,
    PersonName,
    Role,
    Strength,
)
from pycrm.model.source import SourceRecord
from pycrm.model.time import Period
from pycrm.normalise import date_key, is_placeholder
from pycrm.storage.identity import aliases_of
from pycrm.storage.protocols import Store
from pycrm.workflows.identify.rules import in_order, phone_of, tax_id_of, text_of
from pycrm.workflows.identify.state import records_of

__all__ = ["FieldOrigin", "Said", "Surviving", "husk", "made_of", "provenance", "restored", "said_of"]

_ONE_VALUE = ("given_name", "family_name", "full_name", "organisation", "birth_date", "country", "language")


@frozen(kw_only=True)
class Surviving:
    """Which of several values of a field survives.

    Parameters
    ----------
    strategies : Mapping of str to str
        Per field one of `pycrm.matching.survivorship.STRATEGIES`; "most_recent" where nothing is said.
    priority : tuple of str
        The sources, the most trusted first, for "source_priority".

    Examples
    --------
    >>> Surviving(strategies={"birth_date": "source_priority"}, priority=("passport", "shop")).strategy("birth_date")
    'source_priority'
    """

    strategies: Mapping[str, str] = field(factory=dict)
    priority: tuple[str, ...] = field(default=(), converter=tuple)

    def __attrs_post_init__(self) -> None:
        for name, strategy in self.strategies.items():
            if name not in _ONE_VALUE:
                raise InvalidValueError(
                    "strategies", name, f"choose from {', '.join(_ONE_VALUE)}; e-mails, phones and ids are all kept"
                )
            if strategy not in STRATEGIES or strategy == "keep_all":
                raise InvalidValueError(f"strategies[{name!r}]", strategy, f"use one of {', '.join(STRATEGIES[:-1])}")
        if "source_priority" in self.strategies.values() and not self.priority:
            raise InvalidValueError("priority", self.priority, "name the sources, the most trusted first")

    def strategy(self, name: str) -> str:
        """Return how a field survives."""
        return self.strategies.get(name, "most_recent")


@frozen
class Said:
    """What the records of one customer say, put together."""

    scalars: Mapping[str, Any]
    points: Mapping[tuple[ContactKind, str], ContactPoint]
    identifiers: Mapping[tuple[str, str], Identifier]
    externals: tuple[ExternalId, ...]
    roles: frozenset[Role]
    first: datetime | None
    source: str | None
    corrected: Mapping[str, UUID] = field(factory=dict)


_NOTHING = Said({}, {}, {}, (), frozenset(), None, None)


def said_of(groups: Mapping[UUID, Sequence[SourceRecord]], surviving: Surviving) -> Mapping[UUID, Said]:
    """Return what survives of each group of records, as they were received; a group of none says nothing."""
    held = {whose: in_order(records) for whose, records in groups.items() if records}
    plain = {whose: [one for one in records if not is_correction(one)] for whose, records in held.items()}
    scalars = _scalars(plain, surviving)
    return {whose: _said(records, plain[whose], scalars.get(whose, {})) for whose, records in held.items()}


def _said(records: Sequence[SourceRecord], plain: Sequence[SourceRecord], scalars: Mapping[str, str]) -> Said:
    """Return what survives of records, given the values that survive of those of the sources: corrections outvote them."""
    made: dict[str, Any] = dict(scalars)
    points, identifiers = _points(plain), _identifiers(plain)
    externals, roles = dict.fromkeys(_externals(plain)), _roles(plain)
    corrected: dict[str, UUID] = {}
    for record in records:
        if not is_correction(record):
            continue
        for name in _corrects(record):
            corrected[name] = record.id
            made[name] = record.fields[name]
        fields: Mapping[str, Any] = record.fields
        if "roles" in fields:
            roles = frozenset(map(Role, fields["roles"]))
        for name, pairs in fields.get("given", {}).items():
            for first, second in pairs:
                if name == "contact_points":
                    kind = ContactKind(first)
                    points[kind, second] = ContactPoint(kind=kind, raw=second, normalised=second)
                elif name == "identifiers":
                    identifiers[first, second] = Identifier(namespace=first, value=second)
                else:
                    externals[ExternalId(first, second)] = None
        for name, pairs in fields.get("withdrawn", {}).items():
            for first, second in pairs:
                if name == "contact_points":
                    points.pop((ContactKind(first), second), None)
                elif name == "identifiers":
                    identifiers.pop((first, second), None)
                else:
                    externals.pop(ExternalId(first, second), None)
    oldest = (plain or records)[0]
    return Said(
        _shaped({name: value for name, value in made.items() if value is not None}), points, identifiers, tuple(externals),
        roles, oldest.received_at, oldest.source, corrected,
    )  # fmt: skip


def _corrects(record: SourceRecord) -> Sequence[str]:
    """Return the fields a correction speaks of, those it says are unknown included."""
    return [name for name in _ONE_VALUE if name in record.fields]


def _scalars(groups: Mapping[UUID, Sequence[SourceRecord]], surviving: Surviving) -> Mapping[UUID, Mapping[str, str]]:
    if all(surviving.strategy(name) == "most_recent" for name in _ONE_VALUE):
        # The last word of each field, without a table: most stores ask for nothing else.
        return {
            whose: {name: value for record in records for name, value in _values(record)}
            for whose, records in groups.items()
        }
    made = _survivors(groups, surviving)
    if made is None:
        return {}
    columns = {name: made.frame[name].tolist() for name in made.frame.columns}
    places = columns.pop("cluster")
    names = list(groups)
    return {
        names[whose]: {name: values[row] for name, values in columns.items() if values[row] is not None}
        for row, whose in enumerate(places)
    }


def _survivors(groups: Mapping[UUID, Sequence[SourceRecord]], surviving: Surviving) -> Survivors | None:
    """Return the survivors of the fields of which one value survives; rows stand in the order they were received."""
    rows = [(number, record) for number, records in enumerate(groups.values()) for record in records]
    if not rows:
        return None
    table: dict[str, Any] = {name: np.full(len(rows), None, dtype=object) for name in _ONE_VALUE}
    for row, (_, record) in enumerate(rows):
        for name, value in _values(record):
            table[name][row] = value
    frame = pd.DataFrame(table)
    frame["cluster"] = [number for number, _ in rows]
    frame["record"] = range(len(rows))
    frame["source"] = [record.source for _, record in rows]
    return survivors(
        frame,
        id="record",
        cluster="cluster",
        fields={name: surviving.strategy(name) for name in _ONE_VALUE},
        source="source" if surviving.priority else None,
        priority=surviving.priority,
    )


def _values(record: SourceRecord) -> Iterable[tuple[str, str]]:
    """Yield what a record says that can be believed: no placeholder for a birth date, no country that is no code."""
    for name in _ONE_VALUE:
        text = text_of(record.fields.get(name))
        if text is None:
            continue
        if name == "birth_date":
            text = date_key(text)
            if text is None or is_placeholder(text, "date"):
                continue
        elif name == "country":
            text = text.upper()
            if len(text) != 2 or not text.isalpha():
                continue
        yield name, text


def _shaped(said: Mapping[str, str]) -> Mapping[str, Any]:
    """Return values as a customer holds them: the parts of a name together, the whole only where no part is known."""
    made: dict[str, Any] = {name: said[name] for name in ("country", "language") if name in said}
    given, family = said.get("given_name"), said.get("family_name")
    full = None if given or family else said.get("full_name")
    if given or family or full:
        made["name"] = PersonName(given=given, family=family, full=full)
    elif "organisation" in said:
        made |= {"kind": CustomerKind.ORGANISATION, "organisation": Organisation(name=said["organisation"])}
    if "birth_date" in said:
        made["birth_date"] = date.fromisoformat(said["birth_date"])
    return made


def _points(records: Sequence[SourceRecord]) -> dict[tuple[ContactKind, str], ContactPoint]:
    made: dict[tuple[ContactKind, str], ContactPoint] = {}
    for record in records:
        points = []
        email, phone = record.fields.get("email"), record.fields.get("phone")
        if isinstance(email, str) and email.strip() and not is_placeholder(email, "email"):
            points.append(ContactPoint(kind=ContactKind.EMAIL, raw=email))
        if isinstance(phone, str) and phone.strip() and not is_placeholder(phone, "phone"):
            point = ContactPoint(kind=ContactKind.PHONE, raw=phone)
            points.append(attrs.evolve(point, normalised=phone_of(record.fields) or point.normalised))
        for point in points:
            made.setdefault((point.kind, point.normalised), point)
    return made


def _identifiers(records: Sequence[SourceRecord]) -> dict[tuple[str, str], Identifier]:
    numbers = (tax_id_of(record.fields) for record in records)
    return {
        ("tax_id", number): Identifier(namespace="tax_id", value=number) for number in numbers if number is not None
    }


def _externals(records: Sequence[SourceRecord]) -> tuple[ExternalId, ...]:
    return tuple(dict.fromkeys(ExternalId(_code(record.source), record.key) for record in records))


def _roles(records: Sequence[SourceRecord]) -> frozenset[Role]:
    """Return what the sources say somebody is to us: "supplier", "partner", "customer", "prospect"."""
    said = {text_of(record.fields.get("role")) for record in records}
    return frozenset(role for role in Role if str(role) in said)


def _code(source: str) -> str:
    code = "".join(c if c.isalnum() or c in "_-." else "_" for c in source.lower()).strip(".-")
    return code or "source"


def made_of(customer: Customer | None, id: UUID, now: Said, before: Said = _NOTHING) -> Customer:
    """Return a customer as his records make him now, given what they made of him before; what was written by hand stays."""
    if customer is None:
        return Customer(
            id=id, roles=now.roles or frozenset({Role.PROSPECT}), source=now.source, first_touch_at=now.first, identified_at=now.first, **now.scalars,
            contact_points=tuple(now.points.values()), identifiers=tuple(now.identifiers.values()), external_ids=now.externals,
        )  # fmt: skip
    changes: dict[str, Any] = {"roles": (customer.roles - before.roles) | now.roles or customer.roles}
    if customer.organisation is not None and "organisation" in now.scalars:
        changes["organisation"] = attrs.evolve(customer.organisation, name=now.scalars["organisation"].name)
    for name in ("name", "birth_date", "country", "language"):
        part = "given_name" if name == "name" else name
        if part in now.corrected and now.corrected[part] == before.corrected.get(part):
            continue  # as it was corrected, with what a source record has no words for
        if name in now.scalars:
            changes[name] = now.scalars[name]
        elif part in now.corrected or (name in before.scalars and getattr(customer, name) == before.scalars[name]):
            changes[name] = None
    changes["contact_points"] = _kept(
        customer.contact_points, lambda one: (one.kind, one.normalised), now.points, before.points
    )
    changes["identifiers"] = _kept(
        customer.identifiers, lambda one: (one.namespace, one.value), now.identifiers, before.identifiers
    )
    own = [one for one in customer.external_ids if one not in before.externals or one in now.externals]
    changes["external_ids"] = tuple(dict.fromkeys((*own, *now.externals)))
    if before.first is not None and customer.first_touch_at == before.first:
        changes["first_touch_at"] = now.first
    after = attrs.evolve(customer, **changes)
    return after if now.first is None else after.touched(now.first)


def _kept(held: Iterable[Any], key: Any, now: Mapping[Any, Any], before: Mapping[Any, Any]) -> tuple[Any, ...]:
    """Return what is held and what is said now, each once; what only records that have gone had said is left out."""
    own = {key(one): one for one in held if key(one) in now or key(one) not in before}
    return tuple({**now, **own}[name] for name in dict.fromkeys((*own, *now)))


def husk(customer: Customer, at: datetime) -> Customer:
    """Return a customer who was merged: all he was, but what only one may own or be reached by ends with the merge."""

    def ended(one: Any) -> Any:
        if one.period.end is not None:
            return one
        start = one.period.start
        end = at if start is None or start < at else start + timedelta(microseconds=1)
        return attrs.evolve(one, period=Period(start, end))

    return attrs.evolve(
        customer,
        contact_points=tuple(map(ended, customer.contact_points)),
        identifiers=tuple(ended(one) if one.strength is Strength.STRONG else one for one in customer.identifiers),
    )


def restored(customer: Customer, since: datetime) -> Customer:
    """Return a husk as he was before the merge that ended him."""

    def open_again(one: Any) -> Any:
        return attrs.evolve(one, period=Period(one.period.start)) if one.period.end == since else one

    return attrs.evolve(
        customer,
        contact_points=tuple(map(open_again, customer.contact_points)),
        identifiers=tuple(map(open_again, customer.identifiers)),
    )


@frozen(kw_only=True)
class FieldOrigin:
    """Where one value of a customer came from, and what else was said.

    Parameters
    ----------
    field : str
        Which.
    value : str
        What survived.
    record_id : UUID
        The source record it came from.
    source, key : str
        The same in the words of the source.
    strategy : str
        Why it won.
    others : tuple of (UUID, str)
        The records that said something else, and what.
    """

    field: str
    value: str
    record_id: UUID
    source: str
    key: str
    strategy: str
    others: tuple[tuple[UUID, str], ...]


def provenance(store: Store, customer_id: UUID, *, surviving: Surviving | None = None) -> tuple[FieldOrigin, ...]:
    """Return for each value that survives of several which record it came from, why, and who said otherwise.

    Made anew from the source records, which never change. E-mails, telephones and ids are all kept, so none of them won.

    Parameters
    ----------
    store : Store
        With resolved customers.
    customer_id : UUID
        Whose values; the id of one who was merged leads to who he is now.
    surviving : Surviving, optional
        As it was given to `resolve`.

    Raises
    ------
    InvalidValueError
        If no source record speaks of this customer.
    """
    how = Surviving() if surviving is None else surviving
    with store.begin(read_only=True) as unit:
        home = aliases_of(unit, customer_id).of(customer_id)
        records = in_order(records_of(unit, [home]).get(home, ()))
    if not records:
        raise InvalidValueError("customer_id", customer_id, "no source record speaks of this customer")
    plain = [record for record in records if not is_correction(record)]
    last = {name: record for record in records if is_correction(record) for name in _corrects(record)}
    found = [
        _corrected_origin(name, last[name], plain) for name in _ONE_VALUE if name in last and last[name].fields[name]
    ]
    made = _survivors({home: plain}, how)
    if made is None:
        return tuple(found)
    for name in _ONE_VALUE:
        row = made.provenance[name].tolist()[0]
        if row is None or name in last:
            continue
        value = made.frame[name].tolist()[0]
        losers = made.why(0, name)
        others = tuple(
            (plain[place].id, said)
            for place, said in zip(losers["id"].tolist(), losers["value"].tolist(), strict=True)
            if said is not None and said != value
        )
        winner = plain[row]
        found.append(
            FieldOrigin(
                field=name,
                value=value,
                record_id=winner.id,
                source=winner.source,
                key=winner.key,
                strategy=how.strategy(name),
                others=others,
            )
        )
    return tuple(found)


def _corrected_origin(name: str, correction: SourceRecord, plain: Iterable[SourceRecord]) -> FieldOrigin:
    value = str(correction.fields[name])
    otherwise = ((record.id, said) for record in plain for of, said in _values(record) if of == name and said != value)
    return FieldOrigin(
        field=name,
        value=value,
        record_id=correction.id,
        source=correction.source,
        key=correction.key,
        strategy="correction",
        others=tuple(otherwise),
    )
