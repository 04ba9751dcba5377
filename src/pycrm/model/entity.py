"""What everything that is kept has in common: an identity and a version."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from uuid import UUID, SafeUUID

from attrs import field, frozen

from pycrm.model.checks import at_least, is_a
from pycrm.model.custom import NO_FIELDS, CustomFields

__all__ = ["Entity", "new_id"]


def new_id(clock: Callable[[], int] = time.time_ns, random: Callable[[int], bytes] = os.urandom) -> UUID:
    """Return a new UUID of version 7 (RFC 9562): time-ordered, made by the client.

    Parameters
    ----------
    clock : callable
        Nanoseconds since 1970.
    random : callable
        Gives that many random bytes.

    Examples
    --------
    >>> new_id(clock=lambda: 0, random=lambda n: bytes(n))
    UUID('00000000-0000-7000-8000-000000000000')
    """
    milliseconds = clock() // 1_000_000
    noise = int.from_bytes(random(10), "big")
    return UUID(
        int=(milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | (noise >> 68) << 64 | 2 << 62 | noise & (1 << 62) - 1
    )


def unchecked_id(number: int) -> UUID:
    """Return the UUID of a number of 128 bits, without the checks of its constructor, which take most of its time."""
    made = _new(UUID)
    _number(made, number)
    _safety(made, SafeUUID.unknown)
    return made


# A UUID refuses to be set; its slots do not.
_new, _number, _safety = object.__new__, UUID.__dict__["int"].__set__, UUID.__dict__["is_safe"].__set__
_VERSION_5, _WITHOUT = 5 << 76 | 1 << 63, ~(0xF << 76 | 3 << 62)


def named_id(namespace: UUID, name: str) -> UUID:
    """Return the UUID of version 5 that follows from `namespace` and `name`: `uuid.uuid5`, in half its time.

    Examples
    --------
    >>> from uuid import NAMESPACE_DNS, uuid5
    >>> named_id(NAMESPACE_DNS, "example.com") == uuid5(NAMESPACE_DNS, "example.com")
    True
    """
    digest = hashlib.sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()
    return unchecked_id(int.from_bytes(digest[:16], "big") & _WITHOUT | _VERSION_5)


@frozen(kw_only=True)
class Entity:
    """Something that is kept, found again and changed over time.

    Who wrote it and when is the audit trail's, whether it is deleted is the store's, and which tenant it belongs to is the
    store's too: none of the three is a field.

    Parameters
    ----------
    id : UUID
        Made by the client; a new UUIDv7 unless given.
    version : int
        0 until it is stored, 1 after the first time, and one more with each change.
    unknown : CustomFields
        Fields of a newer release that this one does not know, by path; kept so that nothing is lost on the way through.
    """

    id: UUID = field(factory=new_id, validator=is_a(UUID))
    version: int = field(default=0, validator=at_least(0))
    unknown: CustomFields = field(default=NO_FIELDS, validator=is_a(CustomFields), repr=False)
