"""What customers settle without us: the share that stays there, and the way through a telephone menu."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_a, tuple_of
from pycrm.model.interaction import Direction, Interaction

__all__ = ["Containment", "IvrPath", "containment"]


@frozen(kw_only=True)
class IvrPath:
    """The way of one call through a menu.

    Parameters
    ----------
    nodes : tuple of str
        The menus, in order; at least one. The last is where the call left.
    handed_to_person : bool
        Whether a person took it there.

    Examples
    --------
    >>> IvrPath.of({"menu": ("main", "delivery"), "person": False}).exit_node
    'delivery'
    """

    nodes: tuple[str, ...] = field(validator=tuple_of(str))
    handed_to_person: bool = field(default=False, validator=is_a(bool))

    def __attrs_post_init__(self) -> None:
        if not self.nodes:
            raise InvalidValueError("nodes", self.nodes, "give at least one menu")

    @property
    def exit_node(self) -> str:
        """Where the call left the menu."""
        return self.nodes[-1]

    @property
    def payload(self) -> dict[str, object]:
        """The same, as the payload of an interaction of kind IVR; its `assisted` is `handed_to_person`."""
        return {"menu": self.nodes, "person": self.handed_to_person}

    @classmethod
    def of(cls, payload: object) -> IvrPath:
        """Return the path that an interaction's payload holds."""
        held: Mapping[str, object] = payload if isinstance(payload, Mapping) else {}
        menu, person = held.get("menu"), held.get("person", False)
        if not isinstance(menu, tuple | list) or not isinstance(person, bool):
            raise InvalidValueError("payload", payload, "give what IvrPath.payload returns")
        return cls(nodes=tuple(menu), handed_to_person=person)


@frozen(kw_only=True)
class Containment:
    """How much customers settled by themselves.

    Parameters
    ----------
    begun : int
        Contacts that customers began without a person.
    contained : int
        Those after which no person was needed within the window.
    """

    begun: int
    contained: int

    @property
    def rate(self) -> float | None:
        """Contained / begun; None where none was begun."""
        return self.contained / self.begun if self.begun else None


def containment(
    interactions: Iterable[Interaction], *, window: timedelta = timedelta(days=1), channel: str | None = None
) -> Containment:
    """Return how many self-service contacts needed no person: no assisted contact the same customer began within `window` after.

    Parameters
    ----------
    interactions : iterable of Interaction
        Of any customers, in any order; those of visitors who are not known are left out.
    window : timedelta
        How long after.
    channel : str, optional
        Only of this channel; a person may have been needed over any.

    Examples
    --------
    >>> containment([]).rate is None
    True
    """
    began = [one for one in interactions if one.customer_id is not None and one.direction is Direction.IN]
    helped: dict[object, list[Interaction]] = {}
    for one in began:
        if one.assisted:
            helped.setdefault(one.customer_id, []).append(one)
    alone = [one for one in began if not one.assisted and channel in {None, one.channel}]
    contained = sum(
        not any(
            one.occurred_at <= other.occurred_at <= one.occurred_at + window
            for other in helped.get(one.customer_id, ())
        )
        for one in alone
    )
    return Containment(begun=len(alone), contained=contained)
