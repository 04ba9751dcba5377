"""Small worlds whose people answer to offers by known rules, so that what a loop earns can be held against the truth.

The rules were written down before any loop was tried on them. One round is one week. What a customer buys without us, what an
offer adds, how contact tires and drives away, and what it all earns are functions here; a run only draws from them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import numpy as np
from attrs import field, frozen
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.model.consent import ConsentEntry, ConsentStatus
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer, PersonName
from pycrm.model.entity import Entity
from pycrm.model.money import Money
from pycrm.model.order import Product

__all__ = ["WORLDS", "Chances", "Population", "World", "WorldState", "populate"]

WORLD_START = datetime(2026, 1, 5, 9, tzinfo=UTC)
CURRENCY = "EUR"
_NEEDS = {"garden": 0.3, "kitchen": 0.25, "travel": 0.2, "music": 0.15, "sport": 0.1}


@frozen(kw_only=True)
class World:
    """The rules of one world.

    Parameters
    ----------
    name : str
        What it is called.
    needs : mapping of str to float
        Each need and the share of people whose main need it is; one article serves each need.
    focus : float
        Share of a person's taste that is for his main need; the rest is spread evenly. 1 and one need: all are alike.
    base_rate : float
        Mean chance to buy something in a week without us; it differs between people.
    effect : float
        What an offer adds to the chance to buy its article, for a taste of 1, of somebody who is not tired.
    unresponsive : float
        Share of people on whom no offer has any effect.
    price, unit_cost : int
        Of every article, in cents.
    discount : float
        Share of the price that a buyer with an offer does not pay.
    contact_cost : int
        Of one contact, question or offer, in cents.
    fatigue : float
        How fast the effect fades: it is multiplied by exp(-fatigue x tiredness).
    recovery : float
        Share of the tiredness that is gone after a week; each contact adds one.
    leave, leave_when_tired : float
        Chance to leave for good in a week, and what each unit of tiredness adds to it.
    answers : float
        Chance that a question about the main need is answered, truthfully, by somebody who is not tired.
    permitted : float
        Share of people who allow marketing by e-mail.
    drift_round : int, optional
        The round, from 0, from which `drifting` of the people have another main need.
    drifting : float
        Share of them.
    """

    name: str
    needs: Mapping[str, float] = field(factory=lambda: dict(_NEEDS))
    focus: float = 0.8
    base_rate: float = 0.06
    effect: float = 0.25
    unresponsive: float = 0.3
    price: int = 4_000
    unit_cost: int = 2_400
    discount: float = 0.1
    contact_cost: int = 50
    fatigue: float = 0.15
    recovery: float = 0.4
    leave: float = 0.005
    leave_when_tired: float = 0.003
    answers: float = 0.5
    permitted: float = 0.8
    drift_round: int | None = None
    drifting: float = 0.6

    def __attrs_post_init__(self) -> None:
        total = sum(self.needs.values())
        if not self.needs or abs(total - 1.0) > 1e-9 or min(self.needs.values()) < 0.0:
            raise InvalidValueError("needs", dict(self.needs), "give each need a share; they sum to one")

    @property
    def skus(self) -> tuple[str, ...]:
        """The article that serves each need."""
        return tuple(f"{need}-set" for need in self.needs)

    @property
    def best_seller(self) -> int:
        """The place of the article most people want."""
        shares = list(self.needs.values())
        return shares.index(max(shares))


WORLDS: Mapping[str, World] = MappingProxyType(
    {
        world.name: world
        for world in (
            World(name="main"),
            World(
                name="no effect",
                effect=0.0,
                discount=0.0,
                contact_cost=0,
                fatigue=0.0,
                leave_when_tired=0.0,
            ),
            World(
                name="equal tastes",
                needs={"garden": 1.0, "kitchen": 0.0, "travel": 0.0, "music": 0.0, "sport": 0.0},
                focus=1.0,
                unresponsive=0.0,
                contact_cost=0,
                fatigue=0.0,
                leave_when_tired=0.0,
                permitted=1.0,
            ),
            World(name="drift", drift_round=10),
            World(name="strong fatigue", fatigue=0.6, leave_when_tired=0.03),
        )
    }
)
"""The worlds of the proof: the usual one; one where nothing works; one where all want the same; one whose tastes change; one
that is soon tired."""


@frozen(kw_only=True, eq=False)
class WorldState:
    """Where everybody stands before a round.

    Parameters
    ----------
    round : int
        From 0.
    alive : ndarray of bool
        Who is still a customer.
    tired : ndarray
        How tired of us each one is, 0 at first.
    """

    round: int
    alive: NDArray[np.bool_]
    tired: NDArray[np.float64]


@frozen(kw_only=True, eq=False)
class Chances:
    """What will happen in a round, before it is drawn.

    Parameters
    ----------
    buys : ndarray, shape (n, articles)
        Chance of each to buy each article.
    answers, leaves : ndarray, shape (n,)
        Chance to answer the question he is asked, and to leave after the round.
    net : ndarray, shape (n,)
        Expected margin of the round less the cost of contact, in cents.
    """

    buys: NDArray[np.float64]
    answers: NDArray[np.float64]
    leaves: NDArray[np.float64]
    net: NDArray[np.float64]


@frozen(kw_only=True, eq=False)
class Population:
    """The people of a world, with the truth about each.

    Parameters
    ----------
    world : World
        Its rules.
    ids : tuple of UUID
        Who; the same for the same seed.
    main_need : ndarray of int, shape (2, n)
        The need of each, by its place, before and after the drift.
    base : ndarray, shape (n,)
        His chance to buy something in a week without us.
    responsive, permitted : ndarray of bool, shape (n,)
        Whether offers have an effect on him; whether he allows contact.
    """

    world: World
    ids: tuple[UUID, ...] = field(repr=False)
    main_need: NDArray[np.int64] = field(repr=False)
    base: NDArray[np.float64] = field(repr=False)
    responsive: NDArray[np.bool_] = field(repr=False)
    permitted: NDArray[np.bool_] = field(repr=False)

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.ids)

    def start(self) -> WorldState:
        """Return how everybody stands before the first round."""
        return WorldState(round=0, alive=np.ones(self.size, dtype=np.bool_), tired=np.zeros(self.size))

    def need(self, round: int) -> NDArray[np.int64]:
        """Return the place of the main need of each in a round."""
        drifted = self.world.drift_round is not None and round >= self.world.drift_round
        needs: NDArray[np.int64] = self.main_need[int(drifted)]
        return needs

    def taste(self, round: int) -> NDArray[np.float64]:
        """Return how much each wants each article, shape (n, articles); each row sums to one."""
        count = len(self.world.needs)
        rest = (1.0 - self.world.focus) / max(count - 1, 1)
        tastes = np.full((self.size, count), rest)
        tastes[np.arange(self.size), self.need(round)] = self.world.focus
        return tastes

    def chances(self, state: WorldState, offered: ArrayLike, asked: ArrayLike | None = None) -> Chances:
        """Return what will happen if each is offered the article at that place (-1: none) and asked or not.

        Examples
        --------
        >>> people = populate(WORLDS["main"], 1_000, seed=1)
        >>> nothing = people.chances(people.start(), np.full(1_000, -1))
        >>> best = people.chances(people.start(), people.need(0))
        >>> bool(best.net.mean() > nothing.net.mean())
        True
        """
        rules, n = self.world, self.size
        offer = np.asarray(offered)
        question = np.zeros(n, dtype=np.bool_) if asked is None else np.asarray(asked, dtype=np.bool_)
        if offer.shape != (n,) or question.shape != (n,) or not ((offer >= -1) & (offer < len(rules.needs))).all():
            raise InvalidDataError("offered", None, str(offer.shape), f"give {n} places of articles, -1 for none")
        tastes = self.taste(state.round)
        buys = self.base[:, None] * tastes
        got = np.flatnonzero(offer >= 0)
        strength = rules.effect * np.exp(-rules.fatigue * state.tired) * self.responsive
        buys[got, offer[got]] += strength[got] * tastes[got, offer[got]]
        buys = np.minimum(buys, 1.0) * state.alive[:, None]
        margin = np.full(n, float(rules.price - rules.unit_cost))
        net = buys.sum(axis=1) * margin
        net[got] -= buys[got, offer[got]] * rules.discount * rules.price
        contacts = (offer >= 0).astype(np.float64) + question
        # A message to somebody who has left costs as much as any other.
        net -= contacts * rules.contact_cost
        answers = rules.answers * np.exp(-rules.fatigue * state.tired) * question * state.alive
        leaves = np.minimum(rules.leave + rules.leave_when_tired * (state.tired + contacts), 1.0) * state.alive
        return Chances(buys=buys, answers=answers, leaves=leaves, net=net)

    def step(
        self, state: WorldState, offered: ArrayLike, asked: ArrayLike | None, random: Generator
    ) -> tuple[WorldState, NDArray[np.bool_], NDArray[np.bool_]]:
        """Draw one round: return how everybody stands after it, who bought what, and who answered."""
        chances = self.chances(state, offered, asked)
        bought = random.random(chances.buys.shape) < chances.buys
        answered = random.random(self.size) < chances.answers
        left = random.random(self.size) < chances.leaves
        contacts = (np.asarray(offered) >= 0).astype(np.float64)
        if asked is not None:
            contacts += np.asarray(asked, dtype=np.float64)
        after = WorldState(
            round=state.round + 1,
            alive=state.alive & ~left,
            tired=(state.tired + contacts) * (1.0 - self.world.recovery),
        )
        return after, bought, answered

    def without_contact(self, rounds: int) -> NDArray[np.float64]:
        """Return what each earns us in so many rounds if he never hears of us, in cents: the expectation, exactly."""
        stays = 1.0 - self.world.leave
        nothing = np.full(self.size, -1)
        total = np.zeros(self.size)
        state = self.start()
        for number in range(rounds):
            here = WorldState(round=number, alive=state.alive, tired=state.tired)
            total += stays**number * self.chances(here, nothing).net
        return total

    def entities(self) -> Iterator[Entity]:
        """Yield the articles, the people and what they allow, as a store keeps them."""
        rules = self.world
        for need, sku in zip(rules.needs, rules.skus, strict=True):
            yield Product(
                sku=sku,
                name=f"Everything for {need}",
                category=(need,),
                list_price=_money(rules.price),
                cost=_money(rules.unit_cost),
            )
        for number, id in enumerate(self.ids):
            yield Customer(
                id=id,
                name=PersonName(given=f"Person {number}"),
                contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw=f"p{number}@example.com"),),
                zone="Europe/Madrid",
            )
        for number, id in enumerate(self.ids):
            yield ConsentEntry(
                customer_id=id,
                purpose="marketing",
                status=ConsentStatus.GRANTED if self.permitted[number] else ConsentStatus.DENIED,
                captured_at=WORLD_START - timedelta(days=30),
            )

    @staticmethod
    def at(round: int) -> datetime:
        """Return when a round begins."""
        return WORLD_START + timedelta(weeks=round)


def _money(cents: int) -> Money:
    return Money(Decimal(cents) / 100, CURRENCY)


def populate(world: World, customers: int, *, seed: int) -> Population:
    """Return the people of a world, the same for the same arguments.

    Parameters
    ----------
    world : World
        Its rules, one of `WORLDS` or your own.
    customers : int
        At least 1.
    seed : int
        At least 0; each part is drawn from a stream of its own.

    Examples
    --------
    >>> people = populate(WORLDS["drift"], 500, seed=3)
    >>> people.size, bool((people.need(0) != people.need(10)).mean() > 0.4)
    (500, True)
    """
    for name, value, least in (("customers", customers, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or value != int(value) or value < least:
            raise InvalidValueError(name, value, f"give a whole number of at least {least}")

    def stream(part: str) -> Generator:
        return np.random.default_rng([seed, zlib.crc32(part.encode())])

    shares: Any = list(world.needs.values())
    before = stream("needs").choice(len(shares), size=customers, p=shares)
    moved = stream("drifting").random(customers) < world.drifting
    after = np.where(moved, stream("new needs").choice(len(shares), size=customers, p=shares), before)
    return Population(
        world=world,
        ids=tuple(UUID(int=(seed + 1) << 64 | number + 1) for number in range(customers)),
        main_need=np.stack([before, after]).astype(np.int64),
        base=world.base_rate * stream("base").gamma(2.0, 0.5, customers).clip(max=10.0),
        responsive=stream("responsive").random(customers) >= world.unresponsive,
        permitted=stream("permission").random(customers) < world.permitted,
    )
