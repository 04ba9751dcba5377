"""What is done at which stage of the journey: when a customer enters it, has been in it for so long, or leaves it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line
from pycrm.model.contact import Channel, channel_code
from pycrm.model.entity import Entity
from pycrm.model.intent import IntentKind
from pycrm.model.lifecycle import Stage, StageChange, in_turn
from pycrm.model.time import instant

__all__ = ["Play", "PlayAction", "PlayDue", "PlayTrigger", "plays_due"]


class PlayTrigger(StrEnum):
    """What sets a play off."""

    ENTRY = "entry"
    DWELL = "dwell"
    EXIT = "exit"


class PlayAction(StrEnum):
    """What it does."""

    MESSAGE = "message"
    TASK = "task"


@frozen(kw_only=True)
class Play(Entity):
    """One play of the library.

    Parameters
    ----------
    code : str
        Unique together with `revision`.
    revision : int
        From 1 on.
    stage : Stage
        At which stage; churned and erased are stages too, and to an erased customer no message can be sent.
    trigger : PlayTrigger
        Entry, dwell or exit.
    after : timedelta
        How long after the entry, or the exit; of a dwell, how long he has been there, above 0.
    action : PlayAction
        A message to the customer, or a task for a person.
    text : str
        The message, or the title of the task.
    kind : IntentKind
        Of a message: what it brings.
    purpose, channel : str
        Of a message.
    patience : timedelta
        How late it may be done; later, it is passed over.

    Examples
    --------
    >>> Play(code="miss_you", stage=Stage.CHURNED, trigger=PlayTrigger.ENTRY, action=PlayAction.TASK, text="Call").revision
    1
    """

    code: str = field(validator=is_code)
    revision: int = field(default=1, validator=at_least(1))
    stage: Stage = field(validator=is_a(Stage))
    trigger: PlayTrigger = field(validator=is_a(PlayTrigger))
    after: timedelta = field(default=timedelta(0), validator=is_a(timedelta))
    action: PlayAction = field(validator=is_a(PlayAction))
    text: str = field(validator=is_line)
    kind: IntentKind = field(default=IntentKind.CONTENT, validator=is_a(IntentKind))
    purpose: str = field(default="service", validator=is_code)
    channel: str = field(default=Channel.EMAIL, converter=channel_code)
    patience: timedelta = field(default=timedelta(days=14), validator=is_a(timedelta))

    def __attrs_post_init__(self) -> None:
        if self.after < timedelta(0) or self.patience < timedelta(0):
            raise InvalidValueError("after", self.after, "give lengths of time of at least 0")
        if self.trigger is PlayTrigger.DWELL and not self.after:
            raise InvalidValueError("after", self.after, "say how long he has been there: a dwell is above 0")
        if self.stage is Stage.ERASED and (self.action is PlayAction.MESSAGE or self.trigger is not PlayTrigger.ENTRY):
            raise InvalidValueError(
                "stage", str(self.stage), "when a customer is erased, only a task can be set, on entry"
            )

    @property
    def name(self) -> str:
        """Code and revision in one."""
        return f"{self.code}/{self.revision}"


@frozen(kw_only=True)
class PlayDue:
    """A play that is to be done now.

    Parameters
    ----------
    play : Play
        Which.
    customer_id : UUID
        For whom.
    change : StageChange
        The step it rests on.
    since : datetime
        Since when it is due.
    """

    play: Play
    customer_id: UUID
    change: StageChange
    since: datetime

    @property
    def key(self) -> str:
        """The same play for the same step is done once."""
        return f"play:{self.play.name}:{self.change.id}"


def plays_due(plays: Iterable[Play], history: Iterable[StageChange], at: datetime) -> tuple[PlayDue, ...]:
    """Return the plays that are due for one customer at that time, by when they came due, then by code.

    A dwell is due only while he is in the stage. What is later than its patience is left out.

    Parameters
    ----------
    plays : iterable of Play
        The library.
    history : iterable of StageChange
        Of one customer; steps after `at` are not known yet.
    at : datetime
        When.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> step = StageChange(customer_id=UUID(int=1), to_stage=Stage.AWARENESS, occurred_at=day, recorded_at=day, reason="first_touch")
    >>> hello = Play(code="hello", stage=Stage.AWARENESS, trigger=PlayTrigger.ENTRY, action=PlayAction.MESSAGE, text="Welcome.")
    >>> [due.play.code for due in plays_due([hello], [step], day)]
    ['hello']
    """
    now = instant(at)
    steps = in_turn(change for change in history if change.occurred_at <= now)
    found = [due for play in plays for due in _moments(play, steps) if due.since <= now <= due.since + play.patience]
    return tuple(sorted(found, key=lambda due: (due.since, due.play.code)))


def _moments(play: Play, steps: Sequence[StageChange]) -> Iterator[PlayDue]:
    """Yield every time at which a play came due."""
    if play.trigger is PlayTrigger.EXIT:
        for before, after in pairwise(steps):
            if before.to_stage is play.stage and after.to_stage is not play.stage:
                yield _due(play, after)
        return
    for at, change in enumerate(steps):
        stays = at == len(steps) - 1
        if change.to_stage is play.stage and (play.trigger is PlayTrigger.ENTRY or stays):
            yield _due(play, change)


def _due(play: Play, change: StageChange) -> PlayDue:
    return PlayDue(play=play, customer_id=change.customer_id, change=change, since=change.occurred_at + play.after)
