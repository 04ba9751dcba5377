"""Something to read that is of use to the reader: a benefit or a solution, tied to the need it serves."""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, is_code, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.knowledge import FactKind, Topic
from pycrm.model.time import Period

__all__ = ["Content", "ContentKind"]


class ContentKind(StrEnum):
    """What a content tells."""

    BENEFIT = "benefit"
    SOLUTION = "solution"
    NEWS = "news"


@frozen(kw_only=True)
class Content(Entity):
    """An article, a guide, a note.

    Parameters
    ----------
    code : str
        Unique in a tenant.
    title : str
        What the reader sees.
    kind : ContentKind
        What it tells.
    need : Topic, optional
        The need it serves; a benefit and a solution name one.
    about : tuple of Topic
        What else it is about: what interest it meets, and what a click on it shows.
    asset : str, optional
        Where it lies, for the host.
    period : Period
        When it may be shown.

    Examples
    --------
    >>> speed = Topic(FactKind.NEED, "speed")
    >>> Content(code="faster", title="Half the wait", kind=ContentKind.BENEFIT, need=speed).topics == (speed,)
    True
    """

    code: str = field(validator=is_code)
    title: str = field(validator=is_line)
    kind: ContentKind = field(validator=is_a(ContentKind))
    need: Topic | None = field(default=None, validator=optional(is_a(Topic)))
    about: tuple[Topic, ...] = field(default=(), validator=tuple_of(Topic))
    asset: str | None = field(default=None, validator=optional(is_line))
    period: Period = field(default=Period(), validator=is_a(Period))

    def __attrs_post_init__(self) -> None:
        if self.need is not None and self.need.kind is not FactKind.NEED:
            raise InvalidValueError("need", str(self.need), "give a topic of kind NEED")
        if self.need is None and self.kind is not ContentKind.NEWS:
            raise InvalidValueError("need", None, f"a {self.kind} names the need it serves")

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The need it serves, and what else it is about."""
        return self.about if self.need is None else tuple(dict.fromkeys((self.need, *self.about)))
