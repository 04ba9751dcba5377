"""Measure: assign customers by chance, and say as of a date what an action did, with its cost and the rows it came from."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

import attrs
import numpy as np
from attrs import field, frozen

from pycrm.errors import (
    CurrencyMismatchError,
    DataWarning,
    InvalidDataError,
    InvalidValueError,
    NotEstimableError,
)
from pycrm.experiments import (
    Design,
    Effect,
    Split,
    adjust_p_values,
    cuped,
    difference_in_differences,
    difference_in_means,
    difference_in_proportions,
)
from pycrm.model.customer import Customer
from pycrm.model.experiment import (
    HOLDOUT,
    Assignment,
    Experiment,
    Exposure,
    Finding,
    Outcome,
    RowSet,
)
from pycrm.model.money import Money
from pycrm.model.order import Order, OrderStatus
from pycrm.model.predicate import Predicate, where
from pycrm.storage.identity import Aliases
from pycrm.storage.lookups import IN_USE
from pycrm.storage.profiling import LEFT_OUT, profiled
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = [
    "ORDER_METRICS",
    "AssignReport",
    "assign",
    "before_after",
    "effect",
    "rows_of",
]

ORDER_METRICS = ("revenue", "purchase", "orders")
"""What is read from the orders; any other metric is read from recorded outcomes."""


@frozen(kw_only=True)
class AssignReport:
    """Who was assigned.

    Parameters
    ----------
    experiment_id : UUID
        To what.
    assigned : Mapping of str to int
        New customers of each arm.
    kept : int
        Customers who had an arm already.
    left_out : Mapping of str to int
        Customers of whom no numbers may be made, by the reason: they get no arm.
    """

    experiment_id: UUID
    assigned: Mapping[str, int]
    kept: int
    left_out: Mapping[str, int] = field(factory=dict)


@frozen
class _Fact:
    """One row that counts: whose, when, how much."""

    customer_id: UUID
    at: datetime
    value: float
    id: UUID


@frozen(kw_only=True)
class _Facts:
    """The rows of a metric by customer, and how the rows of one customer become one number."""

    kind: str
    by_customer: Mapping[UUID, Sequence[_Fact]]
    currency: str | None
    fold: Callable[[Sequence[float]], float | None]

    def of(self, customer_id: UUID, start: datetime, stop: datetime) -> tuple[float | None, list[UUID]]:
        found = [fact for fact in self.by_customer.get(customer_id, ()) if start <= fact.at < stop]
        return self.fold([fact.value for fact in found]), [fact.id for fact in found]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _any(values: Sequence[float]) -> float:
    return float(bool(values))


def _total(values: Sequence[float]) -> float:
    return float(sum(values))


def _cutoff(as_of: date) -> datetime:
    """Return the first instant that no longer counts."""
    return datetime.combine(as_of + timedelta(days=1), time(), UTC)


def _facts(unit: UnitOfWork, metric: str, cutoff: datetime, now: Aliases) -> _Facts:
    rows: dict[UUID, list[_Fact]] = {}
    currency: str | None = None
    if metric not in ORDER_METRICS:
        asked = (where("metric") == metric) & (where("at") < cutoff)
        for outcomes in unit.of(Outcome).stream(Query(Outcome, asked)):
            for outcome in outcomes:
                owner = now.of(outcome.customer_id)
                rows.setdefault(owner, []).append(_Fact(owner, outcome.at, outcome.value, outcome.id))
        if not rows:
            raise NotEstimableError(
                f"the effect on {metric!r}", f"no outcome of that metric is recorded before {cutoff}"
            )
        return _Facts(kind="outcome", by_customer=rows, currency=None, fold=_mean)
    for orders in unit.of(Order).stream(Query(Order, where("placed_at") < cutoff)):
        for order in orders:
            if order.status is OrderStatus.CANCELLED:
                continue
            known = attrs.evolve(order, refunds=tuple(refund for refund in order.refunds if refund.at < cutoff))
            if metric == "revenue" and currency not in {None, order.currency}:
                raise CurrencyMismatchError(str(currency), order.currency)
            currency = order.currency
            value = float(known.net.amount) if metric == "revenue" else 1.0
            owner = now.of(order.customer_id)
            rows.setdefault(owner, []).append(_Fact(owner, order.placed_at, value, order.id))
    return _Facts(kind="order", by_customer=rows, currency=currency, fold=_any if metric == "purchase" else _total)


@frozen(kw_only=True, eq=False)
class _Sample:
    """The customers of an experiment whose outcomes are complete as of a day, and the rows they rest on."""

    arms: np.ndarray[tuple[int], np.dtype[np.object_]]
    outcome: np.ndarray[tuple[int], np.dtype[np.float64]]
    before: np.ndarray[tuple[int], np.dtype[np.float64]] | None
    exposed: np.ndarray[tuple[int], np.dtype[np.bool_]] | None
    counts: Mapping[str, int]
    ids: Mapping[str, tuple[UUID, ...]]
    currency: str | None
    notes: tuple[str, ...]


def _sample(unit: UnitOfWork, experiment: Experiment, as_of: date, control: str, metric: str) -> _Sample:
    cutoff = _cutoff(as_of)
    assigned = (where("experiment_id") == experiment.id) & (where("assigned_at") < cutoff)
    assignments = sorted(
        (one for batch in unit.of(Assignment).stream(Query(Assignment, assigned)) for one in batch),
        key=lambda one: one.id,
    )
    if not assignments:
        raise NotEstimableError(
            "the effect", f"nobody was assigned to {experiment.code!r} by {as_of}; call measure.assign"
        )
    met = (where("experiment_id") == experiment.id) & (where("exposed_at") < cutoff)
    exposures = [one for batch in unit.of(Exposure).stream(Query(Exposure, met)) for one in batch]
    mine = {one.customer_id: one for one in assignments}
    for exposure in exposures:
        theirs = mine.get(exposure.customer_id)
        if theirs is None or theirs.assigned_at > exposure.exposed_at:
            raise InvalidDataError(
                "exposure", None, str(exposure.id), "a customer is exposed after he is assigned; look at what sent it"
            )
        if theirs.arm != exposure.arm:
            fix = f"the customer was assigned to {theirs.arm!r}; one customer is in one arm, so find out what sent him the other"
            raise InvalidDataError("exposure", None, exposure.arm, fix)
    who = profiled(unit)
    now = who.now
    facts = _facts(unit, metric, cutoff, now)
    assignments, in_two_arms = _one_each(assignments, now)
    everybody = len(assignments)
    assignments = [one for one in assignments if who.counts(one.customer_id)]
    barred = everybody - len(assignments)
    compared = {control, *(arm.code for arm in experiment.arms)}
    reached = {now.of(one.customer_id) for one in exposures}
    arms, outcome, before, exposed, counted, used = [], [], [], [], [], []
    early = silent = 0
    for one in assignments:
        stop = cutoff if experiment.window is None else one.assigned_at + experiment.window
        if one.arm not in compared:
            continue
        if stop > cutoff:
            early += 1
            continue
        customer = now.of(one.customer_id)
        value, ids = facts.of(customer, one.assigned_at, stop)
        if value is None:
            silent += 1
            continue
        past: float | None = None
        if experiment.window is not None and facts.kind == "order":
            past, earlier = facts.of(customer, one.assigned_at - experiment.window, one.assigned_at)
            ids = [*earlier, *ids]
        arms.append(one.arm)
        outcome.append(value)
        before.append(past)
        exposed.append(customer in reached)
        counted.append(one)
        used.extend(ids)
    notes = []
    if barred:
        notes.append(f"{barred} {LEFT_OUT}")
    if in_two_arms:
        notes.append(f"{in_two_arms} customers who were merged and had been in two arms are left out")
    if early:
        notes.append(f"{early} customers whose {experiment.window} are not over by {as_of} are left out")
    if silent:
        notes.append(
            f"{silent} customers without {metric!r} are left out: those who answered may differ from those who did not"
        )
    if not arms:
        raise NotEstimableError("the effect", notes[0] if notes else f"no arm of {experiment.code!r} has customers")
    customers = {now.of(one.customer_id) for one in counted}
    return _Sample(
        arms=np.array(arms, dtype=object),
        outcome=np.array(outcome, dtype=np.float64),
        before=None if None in before else np.array(before, dtype=np.float64),
        exposed=np.array(exposed, dtype=np.bool_) if exposures else None,
        counts=Counter(one.arm for one in assignments),
        ids={
            "assignment": tuple(sorted(one.id for one in counted)),
            "exposure": tuple(sorted(one.id for one in exposures if now.of(one.customer_id) in customers)),
            facts.kind: tuple(sorted(used)),
        },
        currency=facts.currency,
        notes=tuple(notes),
    )


def _one_each(assignments: Sequence[Assignment], now: Aliases) -> tuple[list[Assignment], int]:
    """Return one assignment a customer, the first; and how many were left out because they had been in two arms."""
    if not now.into:
        return list(assignments), 0
    arms: dict[UUID, set[str]] = {}
    first: dict[UUID, Assignment] = {}
    for one in sorted(assignments, key=lambda one: one.assigned_at):
        customer = now.of(one.customer_id)
        arms.setdefault(customer, set()).add(one.arm)
        first.setdefault(customer, one)
    kept = {one.id for customer, one in first.items() if len(arms[customer]) == 1}
    return [one for one in assignments if one.id in kept], len(first) - len(kept)


def _row_sets(ids: Mapping[str, Iterable[UUID]]) -> tuple[RowSet, ...]:
    made = []
    for kind, rows in ids.items():
        listed = [str(id) for id in rows]
        made.append(RowSet(kind=kind, rows=len(listed), digest=hashlib.sha256("\n".join(listed).encode()).hexdigest()))
    return tuple(made)


def _money(amount: float, currency: str) -> Money:
    return Money(Decimal(repr(float(amount))), currency).rounded()


def assign(
    store: Store,
    experiment_id: UUID,
    *,
    at: datetime,
    customers: Predicate | None = None,
    stratum: Callable[[Customer], str] | None = None,
    actor: str | None = None,
) -> AssignReport:
    """Give every customer who has none an arm of the experiment, by the hash of his id; nobody is ever moved.

    Parameters
    ----------
    store : Store
        With the experiment and the customers.
    experiment_id : UUID
        Which.
    at : datetime
        Now; within the period of the experiment.
    customers : Predicate, optional
        Whom: a condition on the fields of a customer; all by default.
    stratum : callable, optional
        The group of a customer, within which the arms get their shares to the unit.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If the experiment does not run at that time.
    """
    with store.begin(actor=actor, cause="measure.assign") as unit:
        experiment = unit.of(Experiment).get(experiment_id)
        if at not in experiment.period:
            raise InvalidValueError("at", at, f"{experiment.code!r} assigns customers within {experiment.period}")
        who = profiled(unit)
        now = who.now
        known = {
            now.of(one.customer_id)
            for batch in unit.of(Assignment).stream(Query(Assignment, where("experiment_id") == experiment_id))
            for one in batch
        }
        new, strata, kept = [], [], 0
        for batch in unit.of(Customer).stream(Query(Customer, IN_USE if customers is None else customers & IN_USE)):
            for customer in batch:
                if customer.id in now.into or customer.id not in who:
                    continue
                if customer.id in known:
                    kept += 1
                    continue
                new.append(customer.id)
                strata.append(None if stratum is None else stratum(customer))
        split = Split(
            salt=experiment.code.replace(":", "/"),
            weights={arm.code: arm.share for arm in experiment.arms},
            holdout=experiment.holdout,
        )
        arms = split.arms(
            np.array([str(id) for id in new], dtype=object),
            strata=None if stratum is None else np.array(strata, dtype=object),
        )
        unit.of(Assignment).put_many(
            Assignment(experiment_id=experiment_id, customer_id=id, arm=arm, assigned_at=at, stratum=group)
            for id, arm, group in zip(new, arms.tolist(), strata, strict=True)
        )
        unit.commit()
    return AssignReport(experiment_id=experiment_id, assigned=Counter(arms.tolist()), kept=kept, left_out=who.left_out)


def _effects(sample: _Sample, arms: Sequence[str], control: str, metric: str, confidence: float) -> list[Effect]:
    """Compare each arm with the control: adjusted by the time before where it says something, Bonferroni-wide intervals."""
    level = 1.0 - (1.0 - confidence) / len(arms)
    found = []
    for code in arms:
        own = (sample.arms == code) | (sample.arms == control)
        y, labels = sample.outcome[own], sample.arms[own]
        past = None if sample.before is None else sample.before[own]
        if past is not None and all(
            np.ptp(past[labels == label]) > 0 for label in (code, control) if (labels == label).any()
        ):
            found.append(cuped(y, labels, past, control=control, confidence=level))
        elif metric == "purchase":
            found.append(difference_in_proportions(y, labels, control=control, confidence=level))
        else:
            found.append(difference_in_means(y, labels, control=control, confidence=level))
    adjusted = adjust_p_values([one.p_value for one in found])
    return [attrs.evolve(one, adjusted_p_value=float(p)) for one, p in zip(found, adjusted, strict=True)]


def effect(
    store: Store,
    experiment_id: UUID,
    *,
    as_of: date,
    at: datetime,
    metric: str | None = None,
    control: str | None = None,
    margin: float = 1.0,
    worth: Money | None = None,
    confidence: float = 0.95,
    on_mismatch: Literal["raise", "warn"] = "raise",
    actor: str | None = None,
) -> tuple[Finding, ...]:
    """Say what each arm did against the control as of a day, with interval, cost and value, and keep the answer.

    By assignment, reached or not. Where the experiment has a window and customers have orders before it, they narrow the
    interval (CUPED). With several arms the intervals hold together and p-values are Holm's.

    Parameters
    ----------
    store : Store
        With the experiment, its assignments and exposures, and the orders or outcomes.
    experiment_id : UUID
        Which.
    as_of : date
        The last day whose facts count, also for refunds.
    at : datetime
        Now.
    metric : str, optional
        Another metric than the experiment's own.
    control : str, optional
        Another control than its own; "holdout" compares with those who heard nothing.
    margin : float
        What of a unit of revenue stays with us.
    worth : Money, optional
        What one unit of another metric is worth; without it only revenue has a value.
    confidence : float
        Chance that all intervals hold.
    on_mismatch : str
        "raise" refuses arms whose sizes chance cannot explain; "warn" goes on.
    actor : str, optional
        Who does it, for the audit trail.

    Returns
    -------
    tuple of Finding
        One for each arm but the control; kept in the store.

    Raises
    ------
    InvalidDataError
        On a sample-ratio mismatch, a customer exposed to another arm than his, or exposed before he was assigned.
    NotEstimableError
        If nobody was assigned, an arm is empty, no window is over, or nothing varies.
    """
    with store.begin(actor=actor, cause="measure.effect") as unit:
        experiment = unit.of(Experiment).get(experiment_id)
        against = control or experiment.control
        if against == HOLDOUT and not experiment.holdout:
            raise InvalidValueError("control", against, f"{experiment.code!r} holds nobody out")
        if against != HOLDOUT:
            experiment.arm(against)
        counted = metric or experiment.metric
        sample = _sample(unit, experiment, as_of, against, counted)
        design = Design(shares=experiment.shares(), sample_size=experiment.sample_size, on_mismatch=on_mismatch)
        design.check(sample.counts)
        notes = list(sample.notes)
        if experiment.period.end is not None and _cutoff(as_of) < experiment.period.end:
            notes.append(f"read before its end, {experiment.period.end:%Y-%m-%d}: repeated looks make false alarms")
            warnings.warn(
                f"{experiment.code!r} is {notes[-1]}; use pycrm.experiments.monitor", DataWarning, stacklevel=2
            )
        others = [arm.code for arm in experiment.arms if arm.code != against]
        rows = _row_sets(sample.ids)
        findings = []
        for code, one in zip(others, _effects(sample, others, against, counted, confidence), strict=True):
            own = sample.arms == code
            contacts = int(own.sum() if sample.exposed is None else (own & sample.exposed).sum())
            arm = experiment.arm(code)
            findings.append(
                _finding(
                    one,
                    question=experiment.code,
                    experiment_id=experiment.id,
                    tactic=arm.tactic,
                    metric=counted,
                    as_of=as_of,
                    at=at,
                    contacts=contacts,
                    unit_value=_unit_value(counted, margin, worth, sample.currency),
                    cost=arm.cost(contacts),
                    confidence=confidence,
                    notes=tuple(notes),
                    rows=rows,
                )
            )
        unit.of(Finding).put_many(findings)
        unit.commit()
    return tuple(findings)


def _unit_value(metric: str, margin: float, worth: Money | None, currency: str | None) -> tuple[float, str] | None:
    """Return what one unit of the outcome is worth, and in which currency."""
    if metric == "revenue":
        if not (np.isfinite(margin) and 0.0 < margin <= 1.0):
            raise InvalidValueError("margin", margin, "give the share of revenue that stays, above 0 and up to 1")
        return None if currency is None else (float(margin), currency)
    return None if worth is None else (float(worth.amount), worth.currency)


def _finding(
    one: Effect,
    *,
    question: str,
    experiment_id: UUID | None,
    tactic: str | None,
    metric: str,
    as_of: date,
    at: datetime,
    contacts: int,
    unit_value: tuple[float, str] | None,
    cost: Money | None,
    confidence: float,
    notes: tuple[str, ...],
    rows: tuple[RowSet, ...],
) -> Finding:
    value: list[Money | None] = [None, None, None]
    if unit_value is not None:
        scale = unit_value[0] * one.treatment.n
        ends = sorted(scale * end for end in (*one.interval, one.estimate))
        value = [_money(ends[1], unit_value[1]), _money(ends[0], unit_value[1]), _money(ends[2], unit_value[1])]
    return Finding(
        question=question,
        experiment_id=experiment_id,
        arm=str(one.treatment.label),
        control=str(one.control.label),
        tactic=tactic,
        metric=metric,
        as_of=as_of,
        found_at=at,
        estimate=one.estimate,
        low=one.interval[0],
        high=one.interval[1],
        confidence=confidence,
        p_value=one.p_value,
        adjusted_p_value=one.p_value if one.adjusted_p_value is None else one.adjusted_p_value,
        treated=one.treatment.n,
        controls=one.control.n,
        contacts=contacts,
        treated_mean=one.treatment.mean,
        control_mean=one.control.mean,
        method=one.method,
        assumes=one.assumes,
        notes=notes,
        value=value[0],
        value_low=value[1],
        value_high=value[2],
        cost=cost,
        rows=rows,
    )


def rows_of(store: Store, finding: Finding) -> Mapping[str, tuple[UUID, ...]]:
    """Return the ids of the records a finding came from, by kind.

    Raises
    ------
    InvalidValueError
        If the finding is of no experiment: ask for it again by `before_after`.
    InvalidDataError
        If the records of that day are no longer those it came from (an order was erased or recorded late).
    """
    if finding.experiment_id is None:
        raise InvalidValueError(
            "experiment_id", None, "a comparison without experiment keeps its digest only; ask it again"
        )
    with store.begin(read_only=True) as unit:
        experiment = unit.of(Experiment).get(finding.experiment_id)
        ids = _sample(unit, experiment, finding.as_of, finding.control, finding.metric).ids
    for then, now in zip(finding.rows, _row_sets(ids), strict=True):
        if then != now:
            fix = f"the finding came from {then.rows} rows and there are {now.rows} others now; ask again with measure.effect"
            raise InvalidDataError(then.kind, None, now.digest, fix)
    return ids


def before_after(
    store: Store,
    *,
    question: str,
    treated: Predicate,
    changed_at: datetime,
    span: timedelta,
    metric: str,
    as_of: date,
    at: datetime,
    controls: Predicate | None = None,
    margin: float = 1.0,
    worth: Money | None = None,
    cost: Money | None = None,
    confidence: float = 0.95,
    actor: str | None = None,
) -> Finding:
    """Say how much more the treated changed than the others, where chance did not decide who was treated, and keep the answer.

    Parameters
    ----------
    store : Store
        With customers and their orders or outcomes.
    question : str
        A code for what was changed, such as "automated_replies".
    treated, controls : Predicate
        Whom the change reached, and with whom they are compared: conditions on the fields of a customer. The controls are all
        others unless given.
    changed_at : datetime
        When.
    span : timedelta
        How long before and after it is looked at; both must be over by `as_of`.
    metric : str
        "revenue", "purchase", "orders", or a recorded outcome such as "satisfaction" or "cycle_days": of such a one only
        customers with a value both before and after count.
    as_of, at, margin, worth, confidence, actor
        As in `effect`.
    cost : Money, optional
        What the change cost.

    Raises
    ------
    InvalidValueError
        If the span is not over, or a customer is on both sides.
    NotEstimableError
        If a side is empty or nothing varies.
    """
    cutoff = _cutoff(as_of)
    if span <= timedelta(0) or changed_at + span > cutoff:
        raise InvalidValueError("span", span, f"give a span above zero that is over by {as_of}")
    with store.begin(actor=actor, cause="measure.before_after") as unit:
        repository = unit.of(Customer)
        ours = {one.id for batch in repository.stream(Query(Customer, treated)) for one in batch}
        theirs = {one.id for batch in repository.stream(Query(Customer, controls)) for one in batch}
        who = profiled(unit)
        now = who.now
        ours, theirs = {now.of(id) for id in ours}, {now.of(id) for id in theirs}
        if controls is None:
            theirs -= ours
        elif ours & theirs:
            raise InvalidValueError(
                "controls", len(ours & theirs), "no customer is treated and a control; tell them apart"
            )
        barred = sum(not who.counts(id) for id in ours | theirs)
        ours, theirs = {id for id in ours if who.counts(id)}, {id for id in theirs if who.counts(id)}
        facts = _facts(unit, metric, cutoff, now)
        arms, first, second, used = [], [], [], []
        silent = 0
        for customer in sorted(ours | theirs):
            before, earlier = facts.of(customer, changed_at - span, changed_at)
            after, later = facts.of(customer, changed_at, changed_at + span)
            if before is None or after is None:
                silent += 1
                continue
            arms.append("treated" if customer in ours else "control")
            first.append(before)
            second.append(after)
            used.extend([*earlier, *later])
        if not arms:
            raise NotEstimableError("the change", f"no customer has {metric!r} both before and after")
        one = difference_in_differences(first, second, arms, confidence=confidence)
        notes = (f"{barred} {LEFT_OUT}",) if barred else ()
        if silent:
            notes = (*notes, f"{silent} customers without {metric!r} on both sides are left out")
        finding = _finding(
            one,
            question=question,
            experiment_id=None,
            tactic=None,
            metric=metric,
            as_of=as_of,
            at=at,
            contacts=one.treatment.n,
            unit_value=_unit_value(metric, margin, worth, facts.currency),
            cost=cost,
            confidence=confidence,
            notes=notes,
            rows=_row_sets({facts.kind: sorted(used)}),
        )
        unit.of(Finding).add(finding)
        unit.commit()
    return finding
