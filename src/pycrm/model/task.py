"""Something a person has to do, with the reason it has to be done."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs
from attrs import converters, field, frozen

from pycrm.errors import InvalidTransitionError, InvalidValueError
from pycrm.model.checks import at_least, is_a, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.evidence import Actor, EvidenceRef, Reason
from pycrm.model.time import in_utc, is_instant

__all__ = ["Task", "TaskStatus"]


class TaskStatus(StrEnum):
    """How a task stands."""

    TODO = "todo"
    DOING = "doing"
    DEFERRED = "deferred"
    DONE = "done"
    CANCELLED = "cancelled"


_OPEN = frozenset({TaskStatus.TODO, TaskStatus.DOING, TaskStatus.DEFERRED})
_NEXT = {status: frozenset(TaskStatus) - {status} for status in _OPEN} | {
    TaskStatus.DONE: frozenset({TaskStatus.TODO}),
    TaskStatus.CANCELLED: frozenset({TaskStatus.TODO}),
}


@frozen(kw_only=True)
class Task(Entity):
    """A task of a person.

    Parameters
    ----------
    title : str
        What is to be done.
    customer_id : UUID, optional
        For whom.
    about : tuple of EvidenceRef
        The records it is about.
    because : tuple of Reason
        The facts that justify it; at least one.
    created_at : datetime
        When it came up.
    due : datetime, optional
        By when.
    priority : int
        The higher the sooner.
    assignee : Actor, optional
        Who does it.
    status : TaskStatus
        How it stands.
    completed_at : datetime, optional
        When it was done; given if and only if it is.
    key : str
        The same key twice is the same task. Its id unless given.

    Examples
    --------
    >>> from datetime import UTC
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> call = Task(title="Call Ana", because=(Reason("churned", "she left in April"),), created_at=day)
    >>> call.moved(TaskStatus.DONE, day).completed_at == day
    True
    """

    title: str = field(validator=is_line)
    customer_id: UUID | None = field(default=None, validator=optional(is_a(UUID)))
    about: tuple[EvidenceRef, ...] = field(default=(), validator=tuple_of(EvidenceRef))
    because: tuple[Reason, ...] = field(validator=tuple_of(Reason))
    created_at: datetime = field(converter=in_utc, validator=is_instant)
    due: datetime | None = field(default=None, converter=converters.optional(in_utc), validator=optional(is_instant))
    priority: int = field(default=0, validator=at_least(0))
    assignee: Actor | None = field(default=None, validator=optional(is_a(Actor)))
    status: TaskStatus = field(default=TaskStatus.TODO, validator=is_a(TaskStatus))
    completed_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    key: str = field(default=attrs.Factory(lambda task: str(task.id), takes_self=True), validator=is_line)

    def __attrs_post_init__(self) -> None:
        if not self.because:
            raise InvalidValueError("because", self.because, "name the fact that justifies it, in at least one reason")
        if (self.status is TaskStatus.DONE) != (self.completed_at is not None):
            raise InvalidValueError("completed_at", self.completed_at, "give it with status DONE, and only with it")
        if self.completed_at is not None and self.completed_at < self.created_at:
            raise InvalidValueError("completed_at", self.completed_at, "nothing is done before it came up")

    def moved(self, status: TaskStatus, at: datetime) -> Task:
        """Return the task in the next status; what was done or cancelled may only be taken up again.

        Raises
        ------
        InvalidTransitionError
            If the status may not follow.
        """
        if status not in _NEXT[self.status]:
            raise InvalidTransitionError(str(self.status), str(status), {str(each) for each in _NEXT[self.status]})
        return attrs.evolve(self, status=status, completed_at=at if status is TaskStatus.DONE else None)

    def overdue(self, at: datetime) -> bool:
        """Whether it is open past its time."""
        return self.status in _OPEN and self.due is not None and self.due < at
