"""Leads over a store: scored by rules, qualified, given up when they never answer, taken up again, ranked by what they bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.model.customer import Customer
from pycrm.model.evidence import Reason
from pycrm.model.lead import (
    Conversion,
    ConversionRate,
    Lead,
    LeadChange,
    LeadState,
    conversion_rate,
    lead_state,
    recycle_due,
)
from pycrm.model.opportunity import Opportunity, OpportunityTerms
from pycrm.model.predicate import where
from pycrm.model.time import Period, instant
from pycrm.scoring import (
    LeadScores,
    ProfileRule,
    ScoringRules,
    never_responders,
    score_leads,
    shrunken_rates,
    work_queue,
)
from pycrm.storage import read_columns
from pycrm.storage.engagements import engagements
from pycrm.storage.identity import aliases
from pycrm.storage.lookups import why_not_used
from pycrm.storage.opportunities import add_opportunity
from pycrm.storage.profiling import profiled
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["LeadReport", "Queued", "Silence", "convert", "grade_rates", "qualify", "queue", "rates", "scores"]

_RISING = (LeadState.MARKETING_QUALIFIED, LeadState.SALES_QUALIFIED)
_CLOSED = frozenset({LeadState.CONVERTED, LeadState.DISQUALIFIED})


@frozen(kw_only=True)
class Silence:
    """When a lead that never answers is given up, and when it may be tried again.

    Parameters
    ----------
    touches, days : int
        So many touches of ours within so many days without any answer.
    rest : int
        Days until it may be tried again.
    """

    touches: int = 5
    days: int = 30
    rest: int = 180


@frozen(kw_only=True)
class LeadReport:
    """What qualifying found.

    Parameters
    ----------
    at : datetime
        When.
    states : Mapping of str to int
        Leads in each state now; those of customers of whom no numbers may be made are passed over, here as everywhere.
    moved : Mapping of str to int
        Steps made, by reason.
    dead_rules : Mapping of str to str
        Rules that can never give a point, and why.
    silent_rules : tuple of str
        Rules that gave nobody a point this time.
    left_out : Mapping of str to int
        Customers of whom no numbers may be made, by the reason.
    """

    at: datetime
    states: Mapping[str, int]
    moved: Mapping[str, int]
    dead_rules: Mapping[str, str]
    silent_rules: tuple[str, ...]
    left_out: Mapping[str, int] = field(factory=dict)


@frozen(kw_only=True)
class Queued:
    """One lead of the work queue.

    Parameters
    ----------
    lead_id, customer_id : UUID
        Which.
    rank : int
        1 is worked on first.
    expected_value : float
        Probability times value less cost.
    probability : float
        Of a sale.
    grade : str
        A1 to C3.
    reasons : tuple of Reason
        What gave points, largest first.
    """

    lead_id: UUID
    customer_id: UUID
    rank: int
    expected_value: float
    probability: float
    grade: str
    reasons: tuple[Reason, ...] = field(repr=False)


def scores(store: Store, rules: ScoringRules, *, at: datetime) -> LeadScores:
    """Score every lead there was at `at` by what was known then: the score of any past moment is computed again.

    Profile rules read paths on the customer ("country", "custom.branch") and on the lead ("lead.source", "lead.topic"); event
    rules count the interactions of the customer, by their kind ("email") and by kind and outcome ("email:clicked").
    """
    with store.begin(read_only=True) as unit:
        return _scored(unit, rules, _Leads.read(unit, instant(at)))


def qualify(
    store: Store, rules: ScoringRules, *, at: datetime, silence: Silence | None = None, actor: str | None = None
) -> LeadReport:
    """Move each open lead where its score puts it, give up who never answers, take up again who rested or answered.

    Parameters
    ----------
    store : Store
        With leads, customers and interactions.
    rules : ScoringRules
        Their qualifications name the states "marketing_qualified" and "sales_qualified"; a lead rises by them and never falls.
    at : datetime
        Now.
    silence : Silence, optional
        When to give up.
    actor : str, optional
        Who does it, for the audit trail.
    """
    now, given_up = instant(at), Silence() if silence is None else silence
    for step in rules.qualifications:
        if step.state not in {state.value for state in _RISING}:
            known = " or ".join(state.value for state in _RISING)
            raise InvalidValueError("qualifications", step.state, f"a lead rises to {known}")
    with store.begin(actor=actor, cause="leads.qualify") as unit:
        leads = _Leads.read(unit, now)
        found = _scored(unit, rules, leads)
        silent = _never_answered(leads, given_up, now)
        made: list[LeadChange] = []
        for place, lead in enumerate(leads.leads):
            before = leads.states[place]
            for number, (state, reason) in enumerate(_steps(leads, place, found, silent, given_up, now)):
                made.append(
                    LeadChange(
                        lead_id=lead.id,
                        from_state=before,
                        to_state=state,
                        # Two steps of one moment are a microsecond apart, so that the history has one order.
                        occurred_at=now + timedelta(microseconds=number),
                        reason=reason,
                        rules_version=rules.version,
                    )
                )
                before = state
        unit.of(LeadChange).put_many(made)
        unit.commit()
    ends = {change.lead_id: change.to_state for change in made}
    final = [ends.get(lead.id, state) for lead, state in zip(leads.leads, leads.states, strict=True)]
    return LeadReport(
        at=now,
        states={state.value: final.count(state) for state in LeadState if state in final},
        moved={reason: sum(change.reason == reason for change in made) for reason in sorted({c.reason for c in made})},
        dead_rules=rules.dead_rules(),
        silent_rules=tuple(name for name, leads_hit in found.fired.items() if leads_hit == 0),
        left_out=leads.left_out,
    )


def queue(
    store: Store,
    rules: ScoringRules,
    *,
    at: datetime,
    probability: Mapping[str, float],
    value: float | Mapping[UUID, float],
    cost: float = 0.0,
    capacity: int | None = None,
) -> tuple[Queued, ...]:
    """Return the open leads worth working on, the most expected value first.

    Parameters
    ----------
    store, rules, at
        As for `qualify`.
    probability : mapping of grade to float
        Chance of a sale of a lead of this grade, from `grade_rates`.
    value : float or mapping of UUID to float
        Margin of a sale; of each customer where they differ, and who is not in it brings nothing.
    cost : float
        Of working on one lead.
    capacity : int, optional
        How many can be worked on.

    Raises
    ------
    InvalidValueError
        If a lead has a grade without a probability.
    """
    with store.begin(read_only=True) as unit:
        leads = _Leads.read(unit, instant(at))
        found = _scored(unit, rules, leads)
    grades = found.grade
    for grade in sorted(set(grades.tolist()) - probability.keys()):
        raise InvalidValueError("probability", grade, "give the chance of a sale of this grade too")
    rows = [place for place, state in enumerate(leads.states) if state not in _CLOSED and not found.disqualified[place]]
    worth = [value.get(leads.leads[place].customer_id, 0.0) if isinstance(value, Mapping) else value for place in rows]
    ranked = work_queue(
        pd.DataFrame(
            {
                "lead": pd.Series([str(leads.leads[place].id) for place in rows], dtype=object),
                "place": pd.Series(rows, dtype=np.int64),
                "probability": pd.Series([probability[grades[place]] for place in rows], dtype=float),
                "value": pd.Series(worth, dtype=float),
                "cost": cost,
            }
        ),
        cost="cost",
        capacity=capacity,
    )
    at_place = {str(leads.leads[place].id): place for place in rows}
    made = []
    for name, rank, expected in zip(ranked["lead"], ranked["rank"], ranked["expected_value"], strict=True):
        place = at_place[name]
        made.append(
            Queued(
                lead_id=leads.leads[place].id,
                customer_id=leads.leads[place].customer_id,
                rank=int(rank),
                expected_value=float(expected),
                probability=probability[grades[place]],
                grade=grades[place],
                reasons=tuple(Reason("score.rule", f"{rule}: {points:+d}") for rule, points in found.explain(place)),
            )
        )
    return tuple(made)


def grade_rates(
    store: Store, rules: ScoringRules, *, moments: Sequence[datetime], horizon: int, at: datetime
) -> dict[str, float]:
    """Return the share of each grade that converted within `horizon` days of the moments, small grades drawn to the overall share.

    At each moment every open lead is graded by what was known then; a moment whose horizon is not over at `at` is refused.

    Raises
    ------
    InvalidValueError
        If a horizon is not over: who has not bought yet would count as lost.
    NotEstimableError
        If there was no open lead at any moment.
    """
    now = instant(at)
    tried = {a + b: 0 for a in "ABC" for b in "123"}
    won = dict(tried)
    with store.begin(read_only=True) as unit:
        sold = {one.lead_id: one.at for one in _all(unit, Conversion)}
        for moment in map(instant, moments):
            end = moment + timedelta(days=horizon)
            if end > now:
                raise InvalidValueError("moments", moment, f"its {horizon} days are not over at {now.isoformat()}")
            leads = _Leads.read(unit, moment)
            grades = _scored(unit, rules, leads).grade
            for lead, state, grade in zip(leads.leads, leads.states, grades.tolist(), strict=True):
                if state not in _CLOSED:
                    tried[grade] += 1
                    won[grade] += lead.id in sold and moment < sold[lead.id] <= end
    if not sum(tried.values()):
        raise NotEstimableError("the rates of grades", "there was no open lead at any of the moments")
    return dict(zip(tried, shrunken_rates(list(won.values()), list(tried.values())).tolist(), strict=True))


def convert(
    store: Store,
    lead_id: UUID,
    *,
    at: datetime,
    order_id: UUID | None = None,
    opportunity_id: UUID | None = None,
    opportunity: Opportunity | None = None,
    terms: OpportunityTerms | None = None,
    reason: str = "bought",
    actor: str | None = None,
) -> Conversion:
    """Keep that a lead became a buyer: the line from lead to customer to order or opportunity.

    Parameters
    ----------
    store : Store
        With the lead.
    lead_id : UUID
        Which.
    at : datetime
        When.
    order_id, opportunity_id : UUID, optional
        What came of it, where it is kept already.
    opportunity : Opportunity, optional
        A deal that begins with it: opened in the same unit of work, with the lead it came from, and its source where the deal
        names none.
    terms : OpportunityTerms, optional
        On which terms; with `opportunity`, and only with it.
    reason : str
        A code.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    NotFound
        If there is no such lead.
    InvalidTransitionError
        If it was converted before, or given up and not taken up again.
    InvalidValueError
        If the customer's data is restricted, or he was erased; or the deal is another customer's, or has no terms.
    """
    if (opportunity is None) != (terms is None):
        raise InvalidValueError("terms", terms, "give the opportunity and its terms together")
    if opportunity is not None and opportunity_id is not None:
        raise InvalidValueError("opportunity_id", opportunity_id, "give one that is kept, or one to open, not both")
    now = instant(at)
    with store.begin(actor=actor, cause="leads.convert") as unit:
        lead = unit.of(Lead).get(lead_id)
        why = why_not_used(unit, lead.customer_id)
        if why is not None:
            raise InvalidValueError("lead_id", lead_id, why.text)
        home = aliases(unit).of(lead.customer_id)
        history = _all(unit, LeadChange, where("lead_id") == lead_id)
        unit.of(LeadChange).add(
            LeadChange(
                lead_id=lead_id,
                from_state=lead_state(history, now),
                to_state=LeadState.CONVERTED,
                occurred_at=now,
                reason=reason,
            )
        )
        if opportunity is not None and terms is not None:
            if aliases(unit).of(opportunity.customer_id) != home:
                raise InvalidValueError("opportunity", opportunity.customer_id, "give a deal of the lead's customer")
            begun = attrs.evolve(opportunity, lead_id=lead_id, source=opportunity.source or lead.source)
            opportunity_id = add_opportunity(unit, begun, terms).id
        made = unit.of(Conversion).add(
            Conversion(
                lead_id=lead_id,
                customer_id=home,
                order_id=order_id,
                opportunity_id=opportunity_id,
                at=now,
            )
        )
        unit.commit()
    return made


def rates(store: Store, period: Period, *, at: datetime) -> tuple[ConversionRate, ...]:
    """Return how many of the leads that came in `period` became buyers by `at`, over all and by source.

    Of whom no numbers may be made is passed over, here as everywhere.
    """
    with store.begin(read_only=True) as unit:
        who = profiled(unit)
        counted = (lead for lead in _all(unit, Lead) if lead.customer_id in who)
        return conversion_rate(counted, _all(unit, Conversion), period, instant(at))


@frozen(kw_only=True, eq=False)
class _Leads:
    """The leads of a moment: where each stood, since when it is open, and what was exchanged with its customer."""

    at: datetime
    leads: list[Lead]
    histories: list[list[LeadChange]]
    states: list[LeadState]
    events: pd.DataFrame
    left_out: Mapping[str, int]

    @classmethod
    def read(cls, unit: UnitOfWork, at: datetime) -> _Leads:
        """Read what was known at the moment; of whom no numbers may be made today is passed over."""
        who = profiled(unit)
        now = who.now
        found = (lead for lead in _all(unit, Lead, where("created_at") <= at) if lead.customer_id in who)
        leads = sorted(found, key=lambda lead: (lead.created_at, str(lead.id)))
        of_lead: dict[UUID, list[LeadChange]] = {}
        for change in _all(unit, LeadChange, where("occurred_at") <= at):
            of_lead.setdefault(change.lead_id, []).append(change)
        histories = [sorted(of_lead.get(lead.id, ()), key=lambda change: change.occurred_at) for lead in leads]
        places = pd.DataFrame(
            {
                "lead": np.arange(len(leads)),
                "customer": pd.Series([now.of(lead.customer_id) for lead in leads], dtype=object),
            }
        )
        held = engagements(unit, at + timedelta(microseconds=1))
        events = pd.DataFrame({name: pd.Series(held[name], dtype=object) for name in held}).merge(places, on="customer")
        # One customer may be two leads: the same contact counts for each, under an id of its own.
        events["event"] = events["event"].astype(str) + "@" + events["lead"].astype(str)
        events["time"] = pd.to_datetime(events["time"], utc=True).dt.tz_localize(None)
        events["response"] = events["response"].astype(bool)
        return cls(
            at=at,
            leads=leads,
            histories=histories,
            states=[lead_state(history, at) for history in histories],
            events=events,
            left_out=who.left_out,
        )

    def opened(self, place: int) -> datetime:
        """Since when it is open: when it came, or when it was taken up again."""
        again = [change.occurred_at for change in self.histories[place] if change.to_state is LeadState.RECYCLED]
        return max([self.leads[place].created_at, *again])


def _scored(unit: UnitOfWork, rules: ScoringRules, leads: _Leads) -> LeadScores:
    profiles: dict[str, Any] = {"lead": np.arange(len(leads.leads))}
    paths = dict.fromkeys(rule.column for rule in rules.rules if isinstance(rule, ProfileRule))
    of_customer = [path for path in paths if not path.startswith("lead.")]
    held = read_columns(unit, Query(Customer), ["id", *(path for path in of_customer if path != "id")])
    place = {id: at for at, id in enumerate(held["id"])}
    now = aliases(unit)
    rows = [place.get(now.of(lead.customer_id)) for lead in leads.leads]
    for path in paths:
        if path in held:
            found = [None if row is None else held[path][row] for row in rows]
        else:
            found = [getattr(lead, path.removeprefix("lead."), None) for lead in leads.leads]
        values = [_one(value, path, row) for row, value in enumerate(found)]
        profiles[path] = pd.Series(values, dtype=object)
    moment = leads.at.astimezone(UTC).replace(tzinfo=None)
    return score_leads(pd.DataFrame(profiles), leads.events, rules, as_of=moment)


def _one(value: Any, path: str, row: int) -> Any:
    if isinstance(value, list | tuple):
        if len(value) > 1:
            raise InvalidDataError(path, row, list(value), "a profile rule reads one value; name a path that holds one")
        return value[0] if value else None
    return value.value if isinstance(value, Enum) else value


def _never_answered(leads: _Leads, silence: Silence, now: datetime) -> frozenset[int]:
    """Return the places of the open leads to give up; what happened before a lead was opened is not held against it."""
    opened = np.array(
        [leads.opened(place).replace(tzinfo=None) for place in range(len(leads.leads))], dtype="datetime64[us]"
    )
    own = leads.events[~leads.events["event"].str.contains(":", regex=False)]
    since = own[own["time"].to_numpy() >= opened[own["lead"].to_numpy(dtype=np.int64)]] if len(own) else own
    out = never_responders(
        since[["lead", "time", "response"]],
        as_of=now.date(),
        touches=silence.touches,
        days=silence.days,
        recycle_after=silence.rest,
    )
    return frozenset(int(place) for place in out["lead"])


def _steps(
    leads: _Leads, place: int, found: LeadScores, silent: frozenset[int], silence: Silence, now: datetime
) -> list[tuple[LeadState, str]]:
    """Return the steps a lead makes now, in order, each with its reason."""
    state, history = leads.states[place], leads.histories[place]
    made: list[tuple[LeadState, str]] = []
    if state is LeadState.CONVERTED:
        return made
    if state is LeadState.DISQUALIFIED:
        gone = history[-1].occurred_at.replace(tzinfo=None)
        mine = leads.events[(leads.events["lead"] == place) & leads.events["response"]]
        if found.disqualified[place]:
            return made
        if (mine["time"] > gone).any():
            made.append((LeadState.RECYCLED, "responded"))
        elif recycle_due(history, now, rest=silence.rest):
            return [(LeadState.RECYCLED, "rested")]
        else:
            return made
    elif found.disqualified[place]:
        return [(LeadState.DISQUALIFIED, "rule")]
    elif place in silent:
        return [(LeadState.DISQUALIFIED, "never_responded")]
    wanted = found.state[place]
    for step in _RISING[::-1]:
        if wanted == step.value and (state not in _RISING or _RISING.index(state) < _RISING.index(step)):
            made.append((step, "score"))
            break
    return made


def _all(unit: UnitOfWork, model: type[Any], condition: Any = None) -> list[Any]:
    return [entity for batch in unit.of(model).stream(Query(model, condition)) for entity in batch]
