"""What we are after with a segment, as versioned data: an aim, and the actions that serve it, each sparing the customer effort."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, optional, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.time import Period, instant

__all__ = ["Strategy", "StrategyAction", "choose_strategy"]


@frozen(kw_only=True)
class StrategyAction:
    """Something we do so that the customer has less to do.

    Parameters
    ----------
    code : str
        What it is called; once in a strategy.
    text : str
        What we do.
    steps_before, steps_after : int
        How many steps the customer has to take without it, and with it: fewer.
    parts : tuple of StrategyAction
        What it consists of.
    """

    code: str = field(validator=is_code)
    text: str = field(validator=is_line)
    steps_before: int = field(validator=at_least(1))
    steps_after: int = field(validator=at_least(0))
    parts: tuple[StrategyAction, ...] = field(default=())

    def __attrs_post_init__(self) -> None:
        if self.steps_after >= self.steps_before:
            raise InvalidValueError(
                "steps_after", self.steps_after, f"an action spares effort: below {self.steps_before}"
            )
        if not all(isinstance(part, StrategyAction) for part in self.parts):
            raise InvalidValueError("parts", self.parts, "give only StrategyAction in it")

    @property
    def spared(self) -> int:
        """The steps the customer is spared."""
        return self.steps_before - self.steps_after

    def walk(self) -> Iterator[StrategyAction]:
        """Yield the action and all its parts, each before its own."""
        yield self
        for part in self.parts:
            yield from part.walk()


@frozen(kw_only=True)
class Strategy(Entity):
    """How one segment is sold to and spoken with.

    Parameters
    ----------
    code : str
        Unique together with `revision`.
    revision : int
        From 1 on; the highest that holds counts.
    segment : str, optional
        For whom; None is for everybody without one of their own.
    aim : str
        What it is after.
    actions : tuple of StrategyAction
        What is done for it.
    period : Period
        When it holds.
    priority : int
        Of a customer in several segments, the strategy of the highest wins.

    Examples
    --------
    >>> reorder = StrategyAction(code="reorder", text="One click orders the same again", steps_before=5, steps_after=1)
    >>> Strategy(code="regulars", segment="loyal", aim="keep them", actions=(reorder,)).spared
    4
    """

    code: str = field(validator=is_code)
    revision: int = field(default=1, validator=at_least(1))
    segment: str | None = field(default=None, validator=optional(is_code))
    aim: str = field(validator=is_line)
    actions: tuple[StrategyAction, ...] = field(validator=tuple_of(StrategyAction))
    period: Period = field(default=Period(), validator=is_a(Period))
    priority: int = field(default=0, validator=at_least(0))

    def __attrs_post_init__(self) -> None:
        codes = [action.code for action in self.walk()]
        if not codes or len(set(codes)) != len(codes):
            raise InvalidValueError("actions", codes, "give at least one action, each with a code of its own")

    def walk(self) -> Iterator[StrategyAction]:
        """Yield all actions with their parts."""
        for action in self.actions:
            yield from action.walk()

    @property
    def spared(self) -> int:
        """The steps the customer is spared by all actions; parts are within them."""
        return sum(action.spared for action in self.actions)


def choose_strategy(strategies: Iterable[Strategy], segments: Collection[str], at: datetime) -> Strategy | None:
    """Return the strategy for a customer in these segments at that time; None where not even one for everybody holds.

    One for a segment comes before one for everybody, then the higher priority, then the higher revision, then the code.

    Examples
    --------
    >>> from datetime import UTC
    >>> help = (StrategyAction(code="help", text="Call back", steps_before=2, steps_after=1),)
    >>> every = Strategy(code="all", aim="serve", actions=help)
    >>> loyal = Strategy(code="loyal", segment="loyal", aim="keep", actions=help)
    >>> choose_strategy([every, loyal], {"loyal"}, datetime(2026, 5, 1, tzinfo=UTC)).code
    'loyal'
    """
    now = instant(at)
    fitting = [one for one in strategies if now in one.period and (one.segment is None or one.segment in segments)]
    return min(fitting, key=lambda one: (one.segment is None, -one.priority, -one.revision, one.code), default=None)
