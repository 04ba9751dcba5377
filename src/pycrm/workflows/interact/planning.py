"""Whom to ask or tell what next: the approach that teaches most for its cost, over a permitted channel, at a permitted time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import numpy as np
from attrs import define, frozen

from pycrm.bulk import evaluate_columns
from pycrm.errors import InvalidValueError
from pycrm.experiments import held_out
from pycrm.model.assessment import Assessment
from pycrm.model.checks import expect, listed
from pycrm.model.consent import Permission
from pycrm.model.contact_policy import ContactPolicy
from pycrm.model.customer import Customer
from pycrm.model.decision_policy import DecisionPolicy
from pycrm.model.evidence import Reason
from pycrm.model.facts import Facts, facts_of
from pycrm.model.intent import ContactIntent
from pycrm.model.knowledge import Topic
from pycrm.model.knowledge_plan import Approach, Closeness, KnowledgePlan, Route
from pycrm.model.predicate import Predicate, paths_of
from pycrm.model.time import instant
from pycrm.storage.calm import uncollected
from pycrm.storage.identity import aliases
from pycrm.storage.lookups import last_assessments
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.interact.because import because
from pycrm.workflows.interact.gate import Gate
from pycrm.workflows.interact.house import HOUSE_PLAN, ROUTES
from pycrm.workflows.interact.reading import Dialogue, Purchases, known_topics, withheld_topics

__all__ = ["InteractReport", "plan"]

_NOTHING: Mapping[Topic, float] = {}


@frozen(kw_only=True)
class InteractReport:
    """What is to be asked and told.

    Parameters
    ----------
    run : str
        The name of the run.
    plan : str
        The knowledge plan, with its revision.
    as_of : date
        The last day whose facts count.
    customers : int
        Looked at.
    planned : int
        Who get something.
    topics, channels : Mapping of str to int
        What, and over what.
    refused : Mapping of str to int
        Why others get nothing: the code of the first reason.
    coverage : float
        Of what the plan wants to know, the share that is known, over all customers.
    withheld : int
        How many answers customers would rather not give, counted by customer and topic: not known, and not asked either.
    gain, cost : float
        What is expected to be gained, and what the contacts cost, in the unit of the plan.
    """

    run: str
    plan: str
    as_of: date
    customers: int
    planned: int
    topics: Mapping[str, int]
    channels: Mapping[str, int]
    refused: Mapping[str, int]
    coverage: float
    gain: float
    cost: float
    withheld: int = 0


@frozen
class _Choice:
    """An approach over a route, for a customer of whom so much is known."""

    approach: Approach
    route: Route
    asks: tuple[Topic, ...]
    gain: float
    cost: float
    purposes: tuple[str, ...]
    personal: bool


@define
class _Choices:
    """The choices by what is known and how long it has been silent: few such states, many customers."""

    plan: KnowledgePlan
    routes: Sequence[Route]
    purpose: str
    rates: Mapping[str, float]
    held: dict[tuple[frozenset[tuple[Topic, float]], frozenset[Topic], int], list[_Choice]]

    def ranked(self, known: Mapping[Topic, float], withheld: frozenset[Topic], unanswered: int) -> list[_Choice]:
        """Return all choices that gain anything, by gain per cost; ties by code, then in the order of the routes."""
        key = (frozenset(known.items()), withheld, unanswered)
        if key not in self.held:
            made = [
                self._choice(approach, route, known, withheld, unanswered)
                for approach in self.plan.approaches
                for route in self.routes
                if not approach.channels or route.channel in approach.channels
            ]
            made = [choice for choice in made if choice.gain > 0]
            self.held[key] = sorted(made, key=lambda one: (-one.gain / one.cost, one.approach.code))
        return self.held[key]

    def _choice(
        self,
        approach: Approach,
        route: Route,
        known: Mapping[Topic, float],
        withheld: frozenset[Topic],
        unanswered: int,
    ) -> _Choice:
        reach = route.reach
        if approach.code in self.rates and approach.answer_rate:
            reach *= self.rates[approach.code] / approach.answer_rate
        asks = self.plan.asks(approach, known, withheld)
        wanted = {one.topic: one for one in self.plan.topics}
        own = (wanted[topic].purpose for topic in asks)
        return _Choice(
            approach=approach,
            route=route,
            asks=asks,
            gain=self.plan.gain(approach, known, reach=reach, unanswered=unanswered, withheld=withheld),
            cost=route.cost + approach.effort,
            purposes=(approach.purpose or self.purpose, *dict.fromkeys(purpose for purpose in own if purpose)),
            personal=any(wanted[topic].closeness is Closeness.PERSONAL for topic in asks),
        )


def plan(
    store: Store,
    *,
    as_of: date,
    at: datetime,
    run: str = "current",
    purpose: str = "marketing",
    knowledge: KnowledgePlan = HOUSE_PLAN,
    routes: Sequence[Route] = ROUTES,
    policies: Iterable[ContactPolicy] = (),
    rates: Mapping[str, float] | None = None,
    within: timedelta = timedelta(days=1),
    loop: DecisionPolicy | None = None,
    actor: str | None = None,
) -> InteractReport:
    """Plan the next contact of every customer who may be contacted.

    Of the approaches that concern him, the one with the highest expected gain per cost of contact is taken, over the first
    route on which he may be reached, the channel he prefers before others. Never what is known already, never what he got
    within the span of the plan, never past a cap, never in quiet hours, and nobody who does not answer. The plan is kept as
    contact intents, each with the permission it rests on; sending is the host's.

    Parameters
    ----------
    store : Store
        With customers, consent, policies, what is known and what passed between us; orders and assessments where there are any.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now.
    run : str
        The name of the run; the same name and day again adds only customers who were not planned for.
    purpose : str
        What permission is asked for.
    knowledge : KnowledgePlan
        What we want to know, and how we go about it.
    routes : sequence of Route
        The channels we have.
    policies : iterable of ContactPolicy
        Rules of contact besides those in the store.
    rates : mapping of str to float, optional
        The answer rate of each approach as it was measured, by its code: `answer_rates`.
    within : timedelta
        How long a message may wait for quiet hours or a pause to end.
    loop : DecisionPolicy, optional
        The loop of offers that this dialogue belongs to: whom it holds out is not asked either.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If `at` lies before the newest intent, a route comes twice, or a rate is no share.
    """
    expect("knowledge", knowledge, KnowledgePlan, "interact.HOUSE_PLAN")
    if loop is not None:
        expect("loop", loop, DecisionPolicy)
    policies = listed("policies", policies, ContactPolicy)
    channels = [route.channel for route in listed("routes", routes, Route)]
    if len(set(channels)) != len(channels):
        raise InvalidValueError("routes", channels, "give each channel once")
    for code, rate in (rates or {}).items():
        if not 0.0 <= rate <= 1.0:
            raise InvalidValueError(f"rates[{code!r}]", rate, "give a share from 0 to 1")
    at = instant(at)
    with uncollected(), store.begin(actor=actor, cause="interact.plan") as unit:
        planner = _Planner.of(
            unit, as_of, at, run, purpose, knowledge, routes, tuple(policies), rates or {}, within, loop
        )
        report = planner.go(unit)
        unit.commit()
    return report


@define
class _Planner:
    """One run: what was read, and what becomes of each customer."""

    as_of: date
    at: datetime
    run: str
    plan: KnowledgePlan
    choices: _Choices
    known: Mapping[UUID, Mapping[Topic, float]]
    told: frozenset[UUID]
    withheld: Mapping[UUID, frozenset[Topic]]
    dialogue: Dialogue
    purchases: Purchases
    gate: Gate
    assessments: Mapping[UUID, Assessment]
    gone: frozenset[UUID]
    loop: DecisionPolicy | None

    @classmethod
    def of(
        cls,
        unit: UnitOfWork,
        as_of: date,
        at: datetime,
        run: str,
        purpose: str,
        knowledge: KnowledgePlan,
        routes: Sequence[Route],
        policies: Iterable[ContactPolicy],
        rates: Mapping[str, float],
        within: timedelta,
        loop: DecisionPolicy | None,
    ) -> _Planner:
        """Read what a run needs."""
        # A month is the longest cap; twice the rest is how far back silence counts.
        since = at - max(2 * knowledge.rest, timedelta(days=32))
        now = aliases(unit)
        dialogue = Dialogue.read(unit, now, at=at, run=run, as_of=as_of, again_after=knowledge.again_after, since=since)
        dialogue.refuse_earlier(at)
        conditions = [approach.concerns for approach in knowledge.approaches if approach.concerns is not None]
        purchases = Purchases.read(unit, at, now, with_articles=_speak_of(conditions, {"owned"}))
        for who, when in purchases.last.items():
            dialogue.sign(who, when)
        known, told = known_topics(unit, knowledge, at, now)
        return cls(
            as_of=as_of,
            at=at,
            run=run,
            plan=knowledge,
            choices=_Choices(plan=knowledge, routes=routes, purpose=purpose, rates=rates, held={}),
            known=known,
            told=told,
            withheld=withheld_topics(unit, knowledge, at, now),
            dialogue=dialogue,
            purchases=purchases,
            gate=Gate.of(unit, now, dialogue, at, policies, within),
            gone=frozenset(now.into),
            loop=loop,
            assessments=last_assessments(unit, as_of) if _speak_of(conditions, _ASSESSED) else {},
        )

    def go(self, unit: UnitOfWork) -> InteractReport:
        """Plan for every customer, batch by batch."""
        topics: Counter[str] = Counter()
        channels: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        looked_at, gain, cost, sure, withheld = 0, 0.0, 0.0, 0, 0
        for customers in unit.of(Customer).stream(Query(Customer)):
            made = []
            rows, concerned = self._concerned(customers)
            held = self._held_out(customers)
            for at, customer in enumerate(customers):
                if customer.id in self.gone:
                    continue
                looked_at += 1
                withheld += len(self.withheld.get(customer.id, ()))
                sure += sum(each >= 1.0 for each in self.known.get(customer.id, _NOTHING).values())
                found = "holdout" if held[at] else self._next(customer, concerned, rows, at)
                if isinstance(found, str):
                    refused[found] += 1
                    continue
                choice, intent = found
                made.append(intent)
                topics[intent.topic] += 1
                channels[intent.channel] += 1
                gain += choice.gain
                cost += choice.cost
            unit.of(ContactIntent).put_many(made)
        wanted = len(self.plan.topics) * looked_at
        return InteractReport(
            run=self.run,
            plan=self.plan.name,
            as_of=self.as_of,
            customers=looked_at,
            planned=topics.total(),
            topics=topics,
            channels=channels,
            refused=refused,
            coverage=sure / wanted if wanted else 1.0,
            gain=gain,
            cost=cost,
            withheld=withheld,
        )

    def _held_out(self, customers: Sequence[Customer]) -> Sequence[bool]:
        """Return who never hears of the loop."""
        if self.loop is None:
            return [False] * len(customers)
        ids = np.array([customer.id for customer in customers], dtype=object)
        held: list[bool] = held_out(ids, salt=self.loop.code, share=self.loop.holdout).tolist()
        return held

    def _concerned(self, customers: Sequence[Customer]) -> tuple[Sequence[Facts], Mapping[str, Sequence[bool]]]:
        """Return the facts about the customers and, for each approach with a condition, which of them it concerns."""
        conditions = {one.code: one.concerns for one in self.plan.approaches if one.concerns is not None}
        if not conditions:
            return (), {}
        rows = [self._facts(customer) for customer in customers]
        heads = {path.partition(".")[0] for condition in conditions.values() for path in paths_of(condition)}
        columns = {head: [row.get(head) for row in rows] for head in sorted(heads)}
        return rows, {code: evaluate_columns(condition, columns).tolist() for code, condition in conditions.items()}

    def _next(
        self, customer: Customer, concerned: Mapping[str, Sequence[bool]], rows: Sequence[Facts], at: int
    ) -> tuple[_Choice, ContactIntent] | str:
        """Return the next contact of one customer, or the code of the reason why there is none."""
        who = customer.id
        if who in self.dialogue.planned:
            return "planned_already"
        unanswered, last = self.dialogue.unanswered(who, self.at)
        if unanswered >= self.plan.stop_after and last is not None and self.at < last + self.plan.rest:
            return "left_alone"
        if not self.choices.routes:
            return "no_channel"
        ranked = self.choices.ranked(
            self.known.get(who, _NOTHING), self.withheld.get(who, frozenset()), min(unanswered, self.plan.stop_after)
        )
        said: Collection[str] = self.dialogue.said.get(who, ())
        stranger = not (who in self.told or who in self.dialogue.last_sign)
        fitting = [
            choice
            for choice in ranked
            if choice.approach.code not in said
            and (choice.approach.concerns is None or concerned[choice.approach.code][at])
            and not (choice.personal and stranger)
        ]
        if not fitting:
            return "nothing_to_say"
        policies = self.gate.policies.concerning(who)
        wishes = {one.preferred for one in policies if one.customer_id is not None and one.preferred is not None}
        if wishes:
            fitting.sort(key=lambda choice: choice.route.channel not in wishes)
        refusals: list[Permission] = []
        asked: dict[tuple[str, ...], tuple[datetime, Permission]] = {}
        for choice in fitting:
            question = (choice.route.channel, *choice.purposes)
            if question not in asked:
                asked[question] = self.gate.permission(customer, choice.route.channel, choice.purposes)
            when, permission = asked[question]
            if permission:
                return choice, self._intent(customer, choice, when, permission, rows[at] if rows else {})
            refusals.append(permission)
        # The refusal that says most: that of a channel that reaches him before one that does not.
        return min(refusals, key=lambda refusal: refusal.reasons[0].code == "unreachable").reasons[0].code

    def _facts(self, customer: Customer) -> Facts:
        last = self.purchases.last.get(customer.id)
        return facts_of(
            customer,
            self.as_of,
            assessment=self.assessments.get(customer.id),
            last_order=None if last is None else last.date(),
            owned=frozenset(self.purchases.owned.get(customer.id, ())),
        )

    def _intent(
        self, customer: Customer, choice: _Choice, when: datetime, permission: Permission, row: Facts
    ) -> ContactIntent:
        approach, route = choice.approach, choice.route
        point = customer.reachable_by(route.channel, when)
        why = Reason(
            "gain",
            f"{choice.gain:.3g} expected for {choice.cost:.3g}, the most per cost of what concerns this customer",
        )
        facts = () if approach.concerns is None else (because(approach.concerns, row),)
        waits = () if when == self.at else (Reason("waits", f"not before {when.isoformat()}: quiet hours or a pause"),)
        asks = (
            (Reason("unknown", f"not known yet: {', '.join(str(topic) for topic in choice.asks)}"),)
            if choice.asks
            else ()
        )
        return ContactIntent(
            customer_id=customer.id,
            run=self.run,
            as_of=self.as_of,
            created_at=self.at,
            send_at=when,
            kind=approach.kind,
            topic=approach.code,
            text=approach.text,
            asks=choice.asks,
            channel=route.channel,
            address=None if point is None else point.normalised,
            purpose=choice.purposes[0],
            permission=permission,
            plan=self.plan.name,
            reasons=(why, *facts, *asks, *waits, *permission.reasons),
        )


_ASSESSED = frozenset({"orders", "value", "expected_value", "probability_alive", "segment", "tier"})


def _speak_of(conditions: Iterable[Predicate], names: Iterable[str]) -> bool:
    heads = {path.partition(".")[0] for condition in conditions for path in paths_of(condition)}
    return not heads.isdisjoint(names)
