"""Where a customer stands with us, and which step may follow which.

The history is the truth; the present stage is its last entry. Whether a buyer is still active is another question, and where
a deal stands a third: neither is a stage.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidTransitionError, InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.evidence import Actor, EvidenceRef
from pycrm.model.time import in_utc, instant, is_instant

__all__ = ["ALLOWED", "Stage", "StageChange", "StageRetraction", "stage_of", "standing_stages"]


class Stage(StrEnum):
    """The five stages and the exits; ERASED has no way out."""

    AWARENESS = "awareness"
    ACQUISITION = "acquisition"
    RETENTION = "retention"
    FULFILMENT = "fulfilment"
    LOYALTY = "loyalty"
    DISQUALIFIED = "disqualified"
    CHURNED = "churned"
    ERASED = "erased"


_S = Stage
ALLOWED: dict[Stage | None, frozenset[Stage]] = {
    None: frozenset({_S.AWARENESS, _S.ACQUISITION, _S.FULFILMENT}),
    _S.AWARENESS: frozenset({_S.ACQUISITION, _S.FULFILMENT, _S.DISQUALIFIED, _S.ERASED}),
    _S.ACQUISITION: frozenset({_S.RETENTION, _S.FULFILMENT, _S.DISQUALIFIED, _S.ERASED}),
    _S.RETENTION: frozenset({_S.FULFILMENT, _S.DISQUALIFIED, _S.ERASED}),
    _S.FULFILMENT: frozenset({_S.LOYALTY, _S.RETENTION, _S.CHURNED, _S.ERASED}),
    _S.LOYALTY: frozenset({_S.FULFILMENT, _S.CHURNED, _S.ERASED}),
    _S.DISQUALIFIED: frozenset({_S.ACQUISITION, _S.ERASED}),
    _S.CHURNED: frozenset({_S.RETENTION, _S.FULFILMENT, _S.ERASED}),
    _S.ERASED: frozenset(),
}
"""What may follow a stage without force; None is before the first."""


@frozen(kw_only=True)
class StageChange(Entity):
    """One step from a stage to the next, with its evidence.

    Parameters
    ----------
    customer_id : UUID
        Whose.
    from_stage : Stage, optional
        None at the beginning.
    to_stage : Stage
        Where to.
    occurred_at, recorded_at : datetime
        When it happened, and when we knew.
    reason : str
        A code, such as "first_purchase".
    evidence : tuple of EvidenceRef
        What it rests on.
    policy_version : str
        Which rules decided.
    actor : Actor, optional
        Who forced it.
    forced : bool
        Whether it goes beyond what the rules allow; then it needs an actor and a note.
    note : str, optional
        Why it was forced.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    from_stage: Stage | None = field(default=None, validator=optional(is_a(Stage)))
    to_stage: Stage = field(validator=is_a(Stage))
    occurred_at: datetime = field(converter=in_utc, validator=is_instant)
    recorded_at: datetime = field(converter=in_utc, validator=is_instant)
    reason: str = field(validator=is_code)
    evidence: tuple[EvidenceRef, ...] = field(default=(), validator=tuple_of(EvidenceRef))
    policy_version: str = field(default="1", validator=is_line)
    actor: Actor | None = field(default=None, validator=optional(is_a(Actor)))
    forced: bool = field(default=False, validator=is_a(bool))
    note: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if self.occurred_at > self.recorded_at:
            raise InvalidValueError(
                "occurred_at", self.occurred_at, "nothing is recorded before it happens; check the two clocks"
            )
        allowed = ALLOWED[self.from_stage]
        if self.from_stage is Stage.ERASED or (self.to_stage not in allowed and not self.forced):
            raise InvalidTransitionError(
                str(self.from_stage or "nothing"), str(self.to_stage), {str(stage) for stage in allowed}
            )
        if self.forced and (self.actor is None or self.note is None):
            raise InvalidValueError("forced", self.forced, "a forced step names its actor and, as note, its reason")


@frozen(kw_only=True)
class StageRetraction(Entity):
    """That a step is not held any more: what was learned later does not lead to it. The step itself stays.

    Parameters
    ----------
    customer_id : UUID
        Whose.
    change_id : UUID
        The step.
    recorded_at : datetime
        Since when we know better.
    policy_version : str
        Which rules decided.
    """

    customer_id: UUID = field(validator=is_a(UUID))
    change_id: UUID = field(validator=is_a(UUID))
    recorded_at: datetime = field(converter=in_utc, validator=is_instant)
    policy_version: str = field(default="1", validator=is_line)


def standing_stages(
    changes: Iterable[StageChange],
    retractions: Iterable[StageRetraction] = (),
    *,
    known_at: datetime | None = None,
) -> tuple[StageChange, ...]:
    """Return the steps of one customer that hold, in their turn: all that were recorded, less those that were retracted.

    Parameters
    ----------
    changes : iterable of StageChange
        Everything that was ever written of him.
    retractions : iterable of StageRetraction
        Which of it is not held any more.
    known_at : datetime, optional
        As it was known then; as it is known now unless given.

    Examples
    --------
    >>> from datetime import UTC
    >>> from uuid import UUID
    >>> ana, may, june = UUID(int=1), datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    >>> step = StageChange(customer_id=ana, to_stage=Stage.AWARENESS, occurred_at=may, recorded_at=may, reason="first_touch")
    >>> wrong = StageRetraction(customer_id=ana, change_id=step.id, recorded_at=june)
    >>> len(standing_stages([step], [wrong])), len(standing_stages([step], [wrong], known_at=may))
    (0, 1)
    """
    until = None if known_at is None else instant(known_at)
    gone = {one.change_id for one in retractions if until is None or one.recorded_at <= until}
    return in_turn(one for one in changes if one.id not in gone and (until is None or one.recorded_at <= until))


def in_turn(changes: Iterable[StageChange]) -> tuple[StageChange, ...]:
    """Return steps by when they happened; those of one instant so that each starts where the one before it ended, if they can."""
    waiting = sorted(changes, key=_when)
    found: list[StageChange] = []
    while waiting:
        now = waiting[0].occurred_at
        here = [each for each in waiting if each.occurred_at == now]
        del waiting[: len(here)]
        found += _chained(found[-1].to_stage if found else None, here) or here
    return tuple(found)


def _chained(stage: Stage | None, steps: list[StageChange]) -> list[StageChange] | None:
    """Return the steps so that each starts where the one before it ended; None if there is no such order."""
    if not steps:
        return []
    for number, step in enumerate(steps):
        if step.from_stage is stage:
            rest = _chained(step.to_stage, steps[:number] + steps[number + 1 :])
            if rest is not None:
                return [step, *rest]
    return None


def stage_of(history: Iterable[StageChange], at: datetime) -> Stage | None:
    """Return the stage a history leads to at that time; None before its first entry.

    Steps of the same instant, such as the stages a direct purchase skipped, follow one another by where they start.

    Raises
    ------
    InvalidTransitionError
        If a step does not start where the one before it ended.
    """
    stage: Stage | None = None
    for step in in_turn(change for change in history if change.occurred_at <= at):
        if step.from_stage is not stage:
            raise InvalidTransitionError(
                str(stage or "nothing"), str(step.to_stage), {str(allowed) for allowed in ALLOWED[stage]}
            )
        stage = step.to_stage
    return stage


def _when(change: StageChange) -> tuple[datetime, str]:
    return (change.occurred_at, str(change.id))
