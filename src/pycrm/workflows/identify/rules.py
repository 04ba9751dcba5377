"""Which exact agreements make two source records one customer, and what a record says in its one written form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_code, tuple_of
from pycrm.model.correction import is_correction
from pycrm.model.source import SourceRecord
from pycrm.normalise import date_key, email_key, is_placeholder, name_key, phone_key, tax_id_key

__all__ = ["FIELDS", "RULES", "Rule", "edges_of", "in_order", "phone_of", "tax_id_of", "text_of"]

FIELDS: Mapping[str, str] = {
    "given_name": "given_name",
    "family_name": "surname",
    "full_name": "full_name",
    "birth_date": "date",
    "email": "email",
    "phone": "phone",
    "tax_id": "identifier",
    "address": "address",
    "city": "city",
    "postcode": "postcode",
}
"""What a source record may say of a person by these names, and as what kind it is compared; anything else is kept, and not read."""


@frozen
class Rule:
    """Two records that agree on all these keys speak of one customer.

    Parameters
    ----------
    name : str
        What the decision is called.
    keys : tuple of str
        Of "email", "phone", "tax_id", "name", "given_name", "family_name", "birth_date".

    Examples
    --------
    >>> Rule("phone_and_name", ("phone", "given_name")).keys
    ('phone', 'given_name')
    """

    name: str = field(validator=is_code)
    keys: tuple[str, ...] = field(validator=tuple_of(str))

    def __attrs_post_init__(self) -> None:
        unknown = [key for key in self.keys if key not in _KEYS]
        if unknown or not self.keys:
            raise InvalidValueError("keys", self.keys, f"choose from {', '.join(_KEYS)}")


def text_of(value: Any) -> str | None:
    """Return a value as text, a date in its ISO form; None where nothing is said."""
    text = value.isoformat() if isinstance(value, date) else None if value is None else str(value)
    return None if text is None or not text.strip() else text.strip()


def _email(fields: Mapping[str, Any]) -> str | None:
    text = fields.get("email")
    return None if text is None or is_placeholder(text, "email") else email_key(text)


def phone_of(fields: Mapping[str, Any]) -> str | None:
    """Return the telephone of a record in its one written form; None for a placeholder."""
    text = fields.get("phone")
    return None if text is None or is_placeholder(text, "phone") else phone_key(text, fields.get("country"))


def tax_id_of(fields: Mapping[str, Any]) -> str | None:
    """Return the tax id of a record in its one written form; None for a placeholder."""
    text = fields.get("tax_id")
    return None if text is None or is_placeholder(text, "identifier") else tax_id_key(text, fields.get("country"))


def _name(fields: Mapping[str, Any]) -> str | None:
    full = fields.get("full_name")
    parts = (fields.get("given_name"), fields.get("family_name"))
    return name_key(full or " ".join(part for part in parts if part))


_KEYS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "email": _email,
    "phone": phone_of,
    "tax_id": tax_id_of,
    "name": _name,
    "given_name": lambda fields: name_key(fields.get("given_name")),
    "family_name": lambda fields: name_key(fields.get("family_name")),
    "birth_date": lambda fields: date_key(text_of(fields.get("birth_date"))),
}

RULES = (
    Rule("tax_id", ("tax_id",)),
    Rule("email", ("email",)),
    Rule("phone_and_family_name", ("phone", "family_name")),
    Rule("name_and_birth_date", ("name", "birth_date")),
)
"""The exact rules, any of which suffices."""


def in_order(records: Iterable[SourceRecord]) -> list[SourceRecord]:
    """Return records as they were received, the first one first; the order is the same in every store."""
    return sorted(records, key=lambda record: (record.received_at, record.source, record.key))


def edges_of(records: Sequence[SourceRecord], rules: Iterable[Rule]) -> Iterator[tuple[int, int, str]]:
    """Yield a later record, the first one it shares every key of a rule with, and the rule's name; a correction with what it corrects."""
    corrections = [
        (place, str(record.fields["about"])) for place, record in enumerate(records) if is_correction(record)
    ]
    places = {str(record.id): place for place, record in enumerate(records)} if corrections else {}
    for place, about in corrections:
        if about in places:
            yield max(place, places[about]), min(place, places[about]), "correction"
    asked = tuple(rules)
    keys = {key for rule in asked for key in rule.keys}
    written = [{key: _KEYS[key](record.fields) for key in keys} for record in records]
    for rule in asked:
        first: dict[tuple[str | None, ...], int] = {}
        for place, of_record in enumerate(written):
            shared = tuple(of_record[key] for key in rule.keys)
            if None not in shared:
                earlier = first.setdefault(shared, place)
                if earlier != place:
                    yield place, earlier, rule.name
