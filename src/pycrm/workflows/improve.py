"""Improve: decide upon what was measured, follow a communication from version to version, and spend the next budget by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from attrs import frozen

from pycrm.errors import CurrencyMismatchError, InvalidTransitionError
from pycrm.experiments import allocate_budget
from pycrm.model.evidence import Actor
from pycrm.model.experiment import Decision, Experiment, Finding, Recommendation
from pycrm.model.money import Money
from pycrm.model.predicate import where
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query, desc

__all__ = ["Share", "Step", "Tactic", "allocate", "catalogue", "decide", "response_path"]


@frozen(kw_only=True)
class Share:
    """What one action gets of a budget: so many contacts, their cost, and the value they are expected to bring."""

    finding: Finding
    contacts: int
    cost: Money
    expected: Money


@frozen(kw_only=True)
class Step:
    """One version in a response path: what was tried, what came of it, what was decided."""

    experiment: Experiment
    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...]


@frozen(kw_only=True)
class Tactic:
    """One tactic with what it did.

    Parameters
    ----------
    code : str
        The tactic, or the arm where it names none.
    findings : tuple of Finding
        The last one of every question, arm and metric.
    profit, profit_low, profit_high : Money, optional
        Summed over those that know it: ends of intervals are summed too, so the interval is cautious.
    """

    code: str
    findings: tuple[Finding, ...]
    profit: Money | None
    profit_low: Money | None
    profit_high: Money | None


def decide(
    store: Store,
    finding_id: UUID,
    *,
    decided: Recommendation,
    at: datetime,
    by: Actor,
    note: str | None = None,
    next_experiment: Experiment | None = None,
    actor: str | None = None,
) -> Decision:
    """Keep what was decided upon a finding, and the next version if one is started upon it.

    Parameters
    ----------
    store : Store
        With the finding.
    finding_id : UUID
        What the decision rests on.
    decided : Recommendation
        What was decided.
    at : datetime
        Now.
    by : Actor
        Who decided.
    note : str, optional
        Why; needed where it is not what was recommended.
    next_experiment : Experiment, optional
        The next version, made by `Experiment.next_version`; it is stored too.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidTransitionError
        If the next version does not follow the experiment of the finding.
    """
    with store.begin(actor=actor, cause="improve.decide") as unit:
        finding = unit.of(Finding).get(finding_id)
        if next_experiment is not None:
            if finding.experiment_id is None or next_experiment.follows != finding.experiment_id:
                raise InvalidTransitionError(
                    finding.question, next_experiment.code, {f"a version that follows {finding.question}"}
                )
            unit.of(Experiment).add(next_experiment)
        decision = Decision(
            finding_id=finding_id,
            recommended=finding.recommendation,
            decided=decided,
            decided_at=at,
            actor=by,
            note=note,
            next_experiment_id=None if next_experiment is None else next_experiment.id,
        )
        unit.of(Decision).add(decision)
        unit.commit()
    return decision


def response_path(store: Store, experiment_id: UUID) -> tuple[Step, ...]:
    """Return the whole path an experiment is on: from the first version to the last, each with findings and decisions."""
    with store.begin(read_only=True) as unit:
        experiments = unit.of(Experiment)
        first = experiments.get(experiment_id)
        seen = {first.id}
        while first.follows is not None and first.follows not in seen:
            seen.add(first.follows)
            first = experiments.get(first.follows)
        path, waiting = [], [first]
        while waiting:
            current = waiting.pop(0)
            path.append(current)
            asked = Query(Experiment, where("follows") == current.id)
            waiting.extend(one for batch in experiments.stream(asked) for one in batch if one not in path)
        decisions = [one for batch in unit.of(Decision).stream(Query(Decision)) for one in batch]
        steps = []
        for experiment in path:
            asked_findings = Query(Finding, where("question") == experiment.code)
            findings = tuple(one for batch in unit.of(Finding).stream(asked_findings) for one in batch)
            known = {one.id for one in findings}
            mine = tuple(one for one in decisions if one.finding_id in known)
            steps.append(Step(experiment=experiment, findings=findings, decisions=mine))
    return tuple(steps)


def _last_findings(unit: UnitOfWork, as_of: date) -> list[Finding]:
    """Return the last finding of every question, arm, control and metric."""
    last: dict[tuple[str, ...], Finding] = {}
    asked = Query(Finding, where("as_of") <= as_of, order=(desc("found_at"),))
    for batch in unit.of(Finding).stream(asked):
        for one in batch:
            last.setdefault((one.question, one.arm, one.control, one.metric), one)
    return sorted(last.values(), key=lambda one: (one.question, one.arm, one.control, one.metric))


def catalogue(store: Store, *, as_of: date) -> tuple[Tactic, ...]:
    """Return every tactic that was tried, with what it measurably did as of a day, by name.

    Raises
    ------
    CurrencyMismatchError
        If the profits of one tactic are in two currencies.
    """
    with store.begin(read_only=True) as unit:
        findings = _last_findings(unit, as_of)
    by_tactic: dict[str, list[Finding]] = {}
    for one in findings:
        by_tactic.setdefault(one.tactic or one.arm, []).append(one)
    made = []
    for code in sorted(by_tactic):
        profits = [one.profit for one in by_tactic[code] if one.profit is not None]
        sums: list[Money | None] = [None, None, None]
        if profits:
            sums = [sum((profit[k] for profit in profits[1:]), profits[0][k]) for k in range(3)]
        made.append(
            Tactic(
                code=code,
                findings=tuple(by_tactic[code]),
                profit=sums[0],
                profit_low=sums[1],
                profit_high=sums[2],
            )
        )
    return tuple(made)


def allocate(
    store: Store, budget: Money, *, as_of: date, caps: Mapping[str, int], prudent: bool = True
) -> tuple[Share, ...]:
    """Divide a budget over the actions that were measured, by what a contact brings beyond what would have come anyway.

    Parameters
    ----------
    store : Store
        With findings of experiments whose arms have a unit cost.
    budget : Money
        What may be spent.
    as_of : date
        Findings of later days do not count.
    caps : mapping of str to int
        The most contacts of each tactic (or arm, where it names no tactic); what is not in it gets nothing.
    prudent : bool
        Whether a contact is taken at the low end of its interval, or at the estimate.

    Returns
    -------
    tuple of Share
        What gets something, the best per euro first. Of an action measured several times the last finding counts.

    Raises
    ------
    CurrencyMismatchError
        If a cost is in another currency than the budget.
    """
    with store.begin(read_only=True) as unit:
        candidates: dict[str, tuple[Finding, Money]] = {}
        for finding in sorted(_last_findings(unit, as_of), key=lambda one: one.found_at):
            code = finding.tactic or finding.arm
            if finding.experiment_id is None or finding.value is None or not finding.contacts or code not in caps:
                continue
            unit_cost = unit.of(Experiment).get(finding.experiment_id).arm(finding.arm).unit_cost
            if unit_cost is None:
                continue
            if unit_cost.currency != budget.currency or finding.value.currency != budget.currency:
                raise CurrencyMismatchError(budget.currency, unit_cost.currency, code)
            candidates[code] = (finding, unit_cost)
    if not candidates:
        return ()
    codes = sorted(candidates)
    values = []
    for code in codes:
        finding = candidates[code][0]
        amount = finding.value_low if prudent else finding.value
        values.append(float(amount.amount) / finding.contacts if amount is not None else 0.0)
    costs = [float(candidates[code][1].amount) for code in codes]
    bought = allocate_budget(values, costs, [caps[code] for code in codes], float(budget.amount))
    shares = [
        Share(
            finding=candidates[code][0],
            contacts=int(contacts),
            cost=candidates[code][1] * int(contacts),
            expected=Money(Decimal(repr(value * int(contacts))), budget.currency).rounded(),
        )
        for code, value, contacts in zip(codes, values, bought, strict=True)
        if contacts
    ]
    return tuple(sorted(shares, key=lambda share: -share.expected.amount / (share.cost.amount or Decimal(1))))
