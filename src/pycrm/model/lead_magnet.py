"""Something useful given for an address: which problem it solves, who took it, and when it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_code, is_line, tuple_of
from pycrm.model.entity import Entity
from pycrm.model.knowledge import FactKind, Topic
from pycrm.model.time import Period, in_utc, instant, is_instant

__all__ = ["LeadMagnet", "MagnetClaim", "PopUp", "magnet_for"]


@frozen(kw_only=True)
class LeadMagnet(Entity):
    """A guide, a sample, a calculation: given to whom fills in a form.

    Parameters
    ----------
    code : str
        Unique in a tenant.
    title : str
        What the visitor reads.
    solves : Topic
        The need it serves: whoever takes it is supposed to have it.
    asset : str
        Where it lies, for the host.
    form : str
        The code of the form it is given for.
    period : Period
        When it is given.
    """

    code: str = field(validator=is_code)
    title: str = field(validator=is_line)
    solves: Topic = field(validator=is_a(Topic))
    asset: str = field(validator=is_line)
    form: str = field(validator=is_code)
    period: Period = field(default=Period(), validator=is_a(Period))

    def __attrs_post_init__(self) -> None:
        if self.solves.kind is not FactKind.NEED:
            raise InvalidValueError("solves", str(self.solves), "give a topic of kind NEED")


@frozen(kw_only=True)
class MagnetClaim(Entity):
    """That a customer took a magnet; once, however often he asks.

    Parameters
    ----------
    magnet_id, customer_id : UUID
        What, and who.
    claimed_at : datetime
        When first.
    consent_ids : tuple of UUID
        What he agreed to with it.
    """

    magnet_id: UUID = field(validator=is_a(UUID))
    customer_id: UUID = field(validator=is_a(UUID))
    claimed_at: datetime = field(converter=in_utc, validator=is_instant)
    consent_ids: tuple[UUID, ...] = field(default=(), validator=tuple_of(UUID))


def magnet_for(
    needs: Mapping[Topic, float], magnets: Iterable[LeadMagnet], at: datetime, *, taken: Iterable[UUID] = ()
) -> LeadMagnet | None:
    """Return the magnet that serves the strongest need and was not taken yet; None where none serves any.

    Parameters
    ----------
    needs : mapping of Topic to float
        How strong each need is; of a chat, what was asked about.
    magnets : iterable of LeadMagnet
        What there is.
    at : datetime
        When.
    taken : iterable of UUID
        The magnets he has.

    Examples
    --------
    >>> from datetime import UTC
    >>> day, wait, cost = datetime(2026, 5, 1, tzinfo=UTC), Topic(FactKind.NEED, "speed"), Topic(FactKind.NEED, "price")
    >>> made = [
    ...     LeadMagnet(code=need.name, title="A guide", solves=need, asset="guide.pdf", form="guide") for need in (wait, cost)
    ... ]
    >>> magnet_for({wait: 0.3, cost: 0.9}, made, day).code
    'price'
    """
    now, held = instant(at), frozenset(taken)
    fitting = [
        magnet
        for magnet in magnets
        if magnet.id not in held and now in magnet.period and needs.get(magnet.solves, 0.0) > 0.0
    ]
    return min(fitting, key=lambda magnet: (-needs[magnet.solves], magnet.code), default=None)


@frozen(kw_only=True)
class PopUp:
    """When a magnet is laid over the page: at most so often.

    Parameters
    ----------
    at_most : int
        Shown to one visitor within `span`.
    span : timedelta
        Of what time.
    rest : timedelta
        The shortest time between two.

    Examples
    --------
    >>> from datetime import UTC
    >>> rule, noon = PopUp(at_most=2), datetime(2026, 5, 1, 12, tzinfo=UTC)
    >>> rule.may_show([noon - timedelta(days=2)], noon), rule.may_show([noon - timedelta(hours=2)], noon)
    (True, False)
    """

    at_most: int = field(default=1, validator=at_least(0))
    span: timedelta = field(default=timedelta(days=30), validator=is_a(timedelta))
    rest: timedelta = field(default=timedelta(days=1), validator=is_a(timedelta))

    def __attrs_post_init__(self) -> None:
        for name in ("span", "rest"):
            if getattr(self, name) < timedelta(0):
                raise InvalidValueError(name, getattr(self, name), "give a length of time of at least 0")

    def may_show(self, shown: Iterable[datetime], at: datetime) -> bool:
        """Whether one more may be shown; `shown` are the times at which one was."""
        now = instant(at)
        before = [time for time in map(instant, shown) if time <= now]
        recent = [time for time in before if time > now - self.span]
        return len(recent) < self.at_most and all(time <= now - self.rest for time in recent)
