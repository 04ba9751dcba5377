"""Why we say so, who did it, and what it rests on."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import converters, field, frozen

from pycrm.model.checks import is_a, is_code, is_line, optional
from pycrm.model.time import in_utc, is_instant

__all__ = ["Actor", "ActorKind", "EvidenceRef", "Reason"]


class ActorKind(StrEnum):
    """What kind of one acted."""

    HUMAN = "human"
    SYSTEM = "system"
    AGENT = "agent"
    IMPORT = "import"


@frozen
class Actor:
    """Who did something: a person, the system, an agent or an import, each by the id its own world gives it.

    Examples
    --------
    >>> str(Actor(ActorKind.HUMAN, "ana"))
    'human:ana'
    """

    kind: ActorKind = field(validator=is_a(ActorKind))
    id: str = field(validator=is_line)

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@frozen
class Reason:
    """One reason of a decision: a stable code for programs, a sentence for people."""

    code: str = field(validator=is_code)
    text: str = field(validator=is_line)


@frozen
class EvidenceRef:
    """The record a statement rests on."""

    kind: str = field(validator=is_code)
    id: UUID = field(validator=is_a(UUID))
    at: datetime | None = field(default=None, converter=converters.optional(in_utc), validator=optional(is_instant))
