"""The loop on trial: the real workflows over a store, in a world whose truth is known, beside simple rules.

Each week the loop settles what came of its offers, asks who may be asked, decides, and hears what the world makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.datasets import Population, World
from pycrm.model.contact import Channel
from pycrm.model.contact_event import Answer, ContactEvent, ContactEventKind
from pycrm.model.customer import Customer
from pycrm.model.decision_policy import DecisionPolicy
from pycrm.model.entity import Entity
from pycrm.model.experiment import Finding
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.knowledge import FactKind, Topic
from pycrm.model.knowledge_plan import Approach, KnowledgePlan, Route, WantedTopic
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferDecision, OfferKind
from pycrm.model.order import Order, OrderLine
from pycrm.model.predicate import where
from pycrm.storage.memory import MemoryStore
from pycrm.storage.protocols import Store
from pycrm.storage.query import Query
from pycrm.workflows import interact, personalise

__all__ = ["POLICY", "Trial", "Week", "offers_of", "run_loop", "run_rule"]

CURRENCY = "EUR"
_NEED = Topic(FactKind.NEED, "main")
_DAY = timedelta(days=1)

POLICY = DecisionPolicy(
    code="weekly",
    holdout=0.2,
    min_gap=timedelta(days=13),
    window=timedelta(days=7),
    half_life=timedelta(weeks=12),
)
"""The policy of the proof, the same in every world: a fifth held out, nobody contacted twice within 13 days."""


def _money(cents: float) -> Money:
    return Money(Decimal(f"{cents / 100:.4f}"), CURRENCY)


def offers_of(world: World) -> list[Offer]:
    """Return one offer for each need of a world."""
    discounted = world.discount > 0.0
    return [
        Offer(
            code=need,
            name=f"Something for {need}",
            kind=OfferKind.PERCENT if discounted else OfferKind.SERVICE,
            percent=Decimal(str(100 * world.discount)) if discounted else None,
            skus=(sku,),
            needs=(need,),
            price=_money(world.price),
            margin=_money(world.price - world.unit_cost),
            cost=_money(world.contact_cost),
            suppress_buyers=False,
        )
        for need, sku in zip(world.needs, world.skus, strict=True)
    ]


def _plan() -> KnowledgePlan:
    """Return the plan of the trial: one question, asked again after twelve weeks; what it is worth is stated, not tuned."""
    ask = Approach(
        code="main_need",
        kind=IntentKind.QUESTION,
        text="What would you like to hear about?",
        teaches=(_NEED,),
        answer_rate=0.4,
    )
    topic = WantedTopic(topic=_NEED, worth=10.0, valid_for=timedelta(weeks=12))
    return KnowledgePlan(code="needs", topics=(topic,), approaches=(ask,), again_after=timedelta(weeks=4), stop_after=4)


@frozen(kw_only=True)
class Week:
    """What happened in one round.

    Parameters
    ----------
    asked, answered : int
        Customers who were asked what they need, and who said it.
    offered, accepted : int
        Customers who were told of an offer, and those of the week before who took it.
    left_alone : int
        Customers who may not be contacted, or are held out, or were contacted lately.
    refused : Mapping of str to int
        Why an offer was not given or not told, by the rule that says so.
    known : float
        Share of the needs that are known.
    earned : float
        What everybody left us this week, in cents: expected, given what was done.
    """

    asked: int
    answered: int
    offered: int
    accepted: int
    left_alone: int
    refused: Mapping[str, int]
    known: float
    earned: float


@frozen(kw_only=True, eq=False)
class Trial:
    """One way to treat the people of a world, over some rounds.

    Parameters
    ----------
    treated : ndarray of bool
        Who was in it, and not held out.
    net : ndarray
        What each was expected to leave us, given what was done to him and how he stood, in cents.
    contacts : ndarray of int
        How often each was contacted.
    weeks : tuple of Week
        What happened; empty for a simple rule.
    finding : Finding, optional
        What the loop says of itself.
    store : Store, optional
        Where all of it is kept.
    """

    treated: NDArray[np.bool_] = field(repr=False)
    net: NDArray[np.float64] = field(repr=False)
    contacts: NDArray[np.int64] = field(repr=False)
    weeks: tuple[Week, ...] = ()
    finding: Finding | None = None
    store: Store | None = field(default=None, repr=False)

    @property
    def mean(self) -> float:
        """What one who was in it was expected to leave us, in cents."""
        return float(self.net[self.treated].mean())


def run_rule(people: Population, rule: Literal["random", "best seller", "nothing"], *, rounds: int, seed: int) -> Trial:
    """Treat everybody who allows it by a simple rule, every week: a random offer, or the best-seller.

    Examples
    --------
    >>> from pycrm.datasets import WORLDS, populate
    >>> people = populate(WORLDS["main"], 100, seed=1)
    >>> int(run_rule(people, "best seller", rounds=3, seed=1).contacts.sum()) == 3 * int(people.permitted.sum())
    True
    """
    random, state = np.random.default_rng(seed), people.start()
    net = np.zeros(people.size)
    contacts = np.zeros(people.size, dtype=np.int64)
    for _ in range(rounds):
        offered = np.full(people.size, -1)
        if rule == "random":
            offered = random.integers(0, len(people.world.needs), people.size)
        elif rule == "best seller":
            offered = np.full(people.size, people.world.best_seller)
        offered = np.where(people.permitted, offered, -1)
        net += people.chances(state, offered).net
        contacts += offered >= 0
        state, _, _ = people.step(state, offered, None, random)
    return Trial(treated=np.ones(people.size, dtype=np.bool_), net=net, contacts=contacts)


def run_loop(
    people: Population,
    *,
    rounds: int,
    seed: int,
    policy: DecisionPolicy = POLICY,
    store: Store | None = None,
    progress: Callable[[Week], None] | None = None,
) -> Trial:
    """Run the loop over the people of a world: ask, decide, hear what came of it; then let it say what it did.

    Parameters
    ----------
    people : Population
        Who.
    rounds : int
        Weeks.
    seed : int
        Of what the world draws; who is held out is drawn from the code of the policy.
    policy : DecisionPolicy
        The rules of the loop.
    store : Store, optional
        An empty one; in memory unless given.
    progress : callable, optional
        Is given each week.

    Examples
    --------
    >>> from pycrm.datasets import WORLDS, populate
    >>> trial = run_loop(populate(WORLDS["main"], 60, seed=1), rounds=2, seed=1)
    >>> bool((trial.contacts[~trial.treated] == 0).all()), len(trial.weeks)
    (True, 2)
    """
    world, n = people.world, people.size
    kept: Store = MemoryStore() if store is None else store
    random, state = np.random.default_rng(seed), people.start()
    row = {id: number for number, id in enumerate(people.ids)}
    held = personalise.held_out(policy, people.ids)
    offers = offers_of(world)
    place = {offer.id: number for number, offer in enumerate(offers)}
    _fill(kept, people, offers)
    plan, route = _plan(), Route(channel=Channel.EMAIL, cost=max(world.contact_cost, 1) / 100)
    needs = list(world.needs)
    net = np.zeros(n)
    contacts = np.zeros(n, dtype=np.int64)
    weeks = []
    for number in range(rounds):
        at = people.at(number)
        run, as_of = f"week {number}", (at - _DAY).date()
        settled = personalise.settle(kept, at=at)
        planned = interact.plan(kept, as_of=as_of, at=at, run=run, knowledge=plan, routes=(route,), loop=policy)
        decided = personalise.decide(kept, as_of=as_of, at=at, run=run, policy=policy, channels=(Channel.EMAIL,))
        with kept.begin(read_only=True) as unit:
            intents = {
                row[one.customer_id]: one.id
                for batch in unit.of(ContactIntent).stream(Query(ContactIntent, where("run") == run))
                for one in batch
            }
            offered = np.full(n, -1)
            for batch in unit.of(OfferDecision).stream(Query(OfferDecision, where("run") == run)):
                for one in batch:
                    if one.channel is not None and one.offer_id is not None:
                        offered[row[one.customer_id]] = place[one.offer_id]
        asked = np.zeros(n, dtype=np.bool_)
        asked[list(intents)] = True
        expected = people.chances(state, offered, asked)
        net += expected.net
        contacts += (offered >= 0).astype(np.int64) + asked
        truth = people.need(state.round)
        state, bought, answered = people.step(state, offered, asked, random)
        _hear(kept, people, number, bought, offered)
        later = at + 2 * _DAY
        events = [
            ContactEvent(
                key=f"{number}:{who}",
                kind=ContactEventKind.ANSWERED,
                at=later,
                intent_id=intents[who],
                answers=(Answer(topic=_NEED, value=needs[truth[who]]),),
            )
            for who in np.flatnonzero(answered).tolist()
        ]
        interact.record(kept, events, at=later)
        week = Week(
            asked=planned.planned,
            answered=len(events),
            offered=sum(decided.told.values()),
            accepted=settled.kept.get("accepted", 0),
            left_alone=n - planned.planned - sum(decided.told.values()),
            refused={**decided.refused, "holdout": decided.holdout, "silent": decided.silent},
            known=planned.coverage,
            earned=float(expected.net.sum()),
        )
        weeks.append(week)
        if progress is not None:
            progress(week)
    end = people.at(rounds)
    personalise.settle(kept, at=end)
    finding = personalise.evaluate(
        kept, policy.code, as_of=(end - _DAY).date(), at=end, ask_cost=_money(world.contact_cost)
    )
    return Trial(treated=~held, net=net, contacts=contacts, weeks=tuple(weeks), finding=finding, store=kept)


def _fill(store: Store, people: Population, offers: list[Offer]) -> None:
    """Keep the people, what they allow, and the offers."""
    made: dict[type[Entity], list[Entity]] = {Offer: list(offers)}
    for entity in people.entities():
        made.setdefault(type(entity), []).append(entity)
    with store.begin(actor="trial", cause="a world") as unit:
        for model in sorted(made, key=lambda model: model is not Customer):
            unit.of(model).put_many(made[model])
        unit.commit()


def _hear(store: Store, people: Population, number: int, bought: NDArray[np.bool_], offered: NDArray[np.int64]) -> None:
    """Keep what was bought in a week as orders, one a line."""
    world = people.world
    off = _money(world.discount * world.price)
    orders = []
    for who, article in zip(*(axis.tolist() for axis in np.nonzero(bought)), strict=True):
        line = OrderLine(
            sku=world.skus[article],
            unit_price=_money(world.price),
            discount=off if offered[who] == article and world.discount else None,
            cost=_money(world.unit_cost),
        )
        orders.append(
            Order(
                customer_id=people.ids[who],
                number=f"{number}-{who}-{article}",
                placed_at=people.at(number) + 3 * _DAY,
                currency=CURRENCY,
                lines=(line,),
            )
        )
    with store.begin(actor="trial", cause="orders") as unit:
        unit.of(Order).put_many(orders)
        unit.commit()
