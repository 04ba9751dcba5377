"""Differentiate: what each customer is worth, needs and does, and which tier and segment that makes, as of a date."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.clv import BetaGeoNBD, GammaGamma, lifetime_value, purchase_summary
from pycrm.clv.units import Unit
from pycrm.errors import CurrencyMismatchError, InvalidDataError, InvalidValueError, NotEstimableError, PycrmWarning
from pycrm.fit import Fit
from pycrm.insight import (
    FairnessAudit,
    Floor,
    TreatmentAudit,
    TreatmentPolicy,
    apply_policy,
    audit_selection,
)
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.checks import is_line
from pycrm.model.customer import Customer
from pycrm.model.entity import new_id
from pycrm.model.evidence import Reason
from pycrm.model.expense import Expense
from pycrm.model.facts import age_on
from pycrm.model.interaction import Interaction
from pycrm.model.knowledge import CustomerFact, NeedGap, knowledge_state, need_gaps
from pycrm.model.money import Money
from pycrm.model.order import Order, Product, UnallocatedRefund
from pycrm.model.predicate import Predicate, where
from pycrm.model.snapshot import NamedNumber, NeedsGroup, Snapshot
from pycrm.model.treatment import TreatmentPlan
from pycrm.scoring import LeadScores, ProfileRule, ScoringRules, score_leads
from pycrm.segmentation import (
    TIERS,
    Concentration,
    Migration,
    NeedsRules,
    TierRules,
    concentration,
    migration_matrix,
    rfm_scores,
    rfm_segments,
    segment_needs,
    value_needs_grid,
    value_tiers,
)
from pycrm.storage import read_columns, write_columns
from pycrm.storage.engagements import engagements
from pycrm.storage.identity import aliases, aliases_of
from pycrm.storage.lookups import IN_USE
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.purchases import purchases
from pycrm.storage.query import Query, desc

__all__ = [
    "AGE_BAND",
    "CARED_FOR",
    "FEWEST_RETURNING",
    "Alert",
    "DifferentiateReport",
    "Horizon",
    "Provenance",
    "Valuation",
    "alerts",
    "assess",
    "policy_of",
    "rows_of",
    "value_orders",
]

Floats: TypeAlias = NDArray[np.float64]

_DAYS: Mapping[Any, float] = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}

FEWEST_RETURNING = 10
"""With fewer customers who came back, four parameters are told by chance, not by the data."""


@frozen(kw_only=True)
class Horizon:
    """How far ahead value is counted, and what later money is worth today.

    Parameters
    ----------
    length : int
        How many `unit`.
    unit : Unit
        "week", "month", ...
    discount_rate : float
        Effective per year.
    margin : float
        The share of the spend that is earned.

    Examples
    --------
    >>> Horizon(length=12, unit="month").discount_rate
    0.1
    """

    length: int = 12
    unit: Unit = "month"
    discount_rate: float = 0.1
    margin: float = 1.0

    def __attrs_post_init__(self) -> None:
        if self.length < 1:
            raise InvalidValueError("length", self.length, "look at least one unit ahead")

    @property
    def years(self) -> float:
        """How many years' spending, evenly spread and discounted at the end of each unit, lie within."""
        unit = _DAYS[self.unit] / 365.25
        ends = np.arange(1, self.length + 1) * unit
        return float((unit * (1.0 + self.discount_rate) ** -ends).sum())


@frozen(kw_only=True, eq=False)
class Valuation:
    """What a table of orders says of its customers.

    Parameters
    ----------
    customers : DataFrame
        One row a customer: `customer`, `orders`, `first`, `last` (days), `revenue`, `frequency`, `recency`, `age`, `mean_value`,
        `probability_alive`, `expected_purchases`, `expected_value`, `expected_low`, `expected_high` (NaN where it cannot be
        estimated), `r`, `f`, `m`, `segment`.
    purchases, spend : Fit, optional
        The two models; None where they cannot be fitted.
    notes : tuple of str
        What cannot be estimated, and why; what the fits warn of.
    as_of : date
        The last day that counted.
    unit : Unit
        Of the purchase model.
    """

    customers: pd.DataFrame = field(repr=False)
    purchases: Fit[BetaGeoNBD] | None
    spend: Fit[GammaGamma] | None
    notes: tuple[str, ...]
    as_of: date
    unit: Unit


def value_orders(
    orders: pd.DataFrame,
    *,
    as_of: date,
    unit: Unit = "week",
    horizon: Horizon | None = None,
    value: Mapping[Any, float] | None = None,
) -> Valuation:
    """Return what each customer is worth, from columns alone.

    Parameters
    ----------
    orders : DataFrame
        `customer`, `day` (dates), `order` (its number) and `amount` (net, in one currency); orders worth nothing are no purchase.
    as_of : date
        The last day that counts.
    unit : Unit
        Of the purchase model.
    horizon : Horizon, optional
        How far ahead; twelve months at 10 % unless told otherwise.
    value : mapping, optional
        Historic value by customer where it is not the sum of the amounts (refunds that found no order); may be negative.

    Returns
    -------
    Valuation
        Intervals are of the expected value at 95 %, from the uncertainty of the fitted parameters, on the log scale.

    Raises
    ------
    NotEstimableError
        If no order with a positive amount lies before the end of `as_of`.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-05", "2026-02-02", "2026-02-09"])
    >>> found = value_orders(
    ...     pd.DataFrame({"customer": ["a", "a", "b"], "day": days, "order": [1, 2, 3], "amount": [10.0, 20.0, 5.0]}),
    ...     as_of=date(2026, 3, 1),
    ... )
    >>> found.customers[["customer", "orders", "revenue"]].values.tolist()
    [['a', 2, 30.0], ['b', 1, 5.0]]
    """
    ahead = Horizon() if horizon is None else horizon
    bought = orders[(orders["amount"] > 0) & (orders["day"] < pd.Timestamp(as_of) + pd.Timedelta(days=1))]
    if bought.empty:
        raise NotEstimableError("the value of customers", f"no order with a positive amount lies on or before {as_of}")
    summary = purchase_summary(bought, customer="customer", time="day", amount="amount", unit=unit, end=as_of)
    scores = rfm_segments(
        rfm_scores(bought, customer="customer", time="day", amount="amount", order="order", as_of=as_of)
    )
    spans = bought.groupby("customer", sort=False)["day"].agg(["min", "max"])

    customers = summary.merge(
        scores[["customer", "frequency", "monetary", "r", "f", "m", "segment"]].rename(
            columns={"frequency": "orders", "monetary": "revenue"}
        ),
        on="customer",
        validate="one_to_one",
    )
    customers["first"] = customers["customer"].map(spans["min"])
    customers["last"] = customers["customer"].map(spans["max"])
    if value is not None:
        customers["revenue"] = customers["customer"].map(value).fillna(customers["revenue"])

    notes: list[str] = []
    purchases: Fit[BetaGeoNBD] | None = None
    spend: Fit[GammaGamma] | None = None
    returning = int((summary["frequency"] > 0).sum())
    if returning >= FEWEST_RETURNING:
        purchases = _fitted(lambda: BetaGeoNBD.fit(summary), "the purchase model", notes)
        spend = _fitted(lambda: GammaGamma.fit(summary), "the spend model", notes)
    else:
        notes.append(
            f"purchases to come cannot be estimated: {returning} of {len(summary)} customers came back on another day; "
            f"{FEWEST_RETURNING} are the least"
        )
    for name in ("probability_alive", "expected_purchases", "expected_value", "expected_low", "expected_high"):
        customers[name] = np.nan
    if purchases is not None and spend is not None:
        _expect(customers, summary, purchases, spend, ahead, notes)
    return Valuation(customers=customers, purchases=purchases, spend=spend, notes=tuple(notes), as_of=as_of, unit=unit)


def _fitted(fit: Callable[[], Fit[Any]], what: str, notes: list[str]) -> Fit[Any] | None:
    try:
        with warnings.catch_warnings():
            # What a fit warns of is in its notes, and from there in ours.
            warnings.simplefilter("ignore", PycrmWarning)
            found = fit()
    except (NotEstimableError, InvalidDataError) as error:
        notes.append(f"{what} cannot be estimated: {error}")
        return None
    notes.extend(f"{what}: {note}" for note in found.notes)
    if not found.converged:
        notes.append(f"{what} is left out: the search found no maximum, and numbers from elsewhere would be inventions")
        return None
    return found


def _expect(
    customers: pd.DataFrame,
    summary: pd.DataFrame,
    purchases: Fit[BetaGeoNBD],
    spend: Fit[GammaGamma],
    ahead: Horizon,
    notes: list[str],
) -> None:
    history = [summary[name].to_numpy(float) for name in ("frequency", "recency", "age")]
    customers["probability_alive"] = purchases.model.probability_alive(*history)
    rows, back = np.unique(
        np.column_stack([*history, summary["mean_value"].to_numpy(float)]), axis=0, return_inverse=True
    )
    distinct = pd.DataFrame(rows, columns=["frequency", "recency", "age", "mean_value"])
    distinct.attrs["unit"] = summary.attrs.get("unit")

    def value(often: Any, much: Any) -> Floats:
        return lifetime_value(
            often,
            much,
            distinct,
            horizon=ahead.length,
            unit=ahead.unit,
            discount_rate=ahead.discount_rate,
            margin=ahead.margin,
        )

    expected = value(purchases.model, spend.model)
    low = high = np.full_like(expected, np.nan)
    try:
        # Two independent fits: their reaches on the log scale add in squares.
        often = purchases.predict(lambda model: value(model, spend.model))
        much = spend.predict(lambda model: value(purchases.model, model))
        reach = np.hypot(np.log(often.upper / expected), np.log(much.upper / expected))
        low, high = expected * np.exp(-reach), expected * np.exp(reach)
    except NotEstimableError as error:
        notes.append(f"expected values have no interval: {error}")
    customers["expected_value"] = expected[back]
    customers["expected_low"], customers["expected_high"] = low[back], high[back]
    at = summary.attrs.get("unit")
    length = ahead.length if at == ahead.unit else ahead.length * _DAYS[ahead.unit] / _DAYS[at]
    customers["expected_purchases"] = purchases.model.expected_purchases(length, *history)


@frozen(kw_only=True)
class DifferentiateReport:
    """What differentiating found.

    Parameters
    ----------
    run : str
        The snapshot: all assessments of this run and date.
    as_of, since : date
        The window of the orders.
    customers : int
        Assessed.
    orders : int
        Orders that counted.
    revenue : Money
        Their net value.
    tiers, segments, needs : Mapping of str to int
        Customers in each.
    expected_value, potential_value, profit : Money, optional
        Of all customers together; None where it cannot be estimated, or is not known.
    parameters : Mapping of str to float
        Of the purchase model.
    log_likelihood : float, optional
        Of the purchase model.
    share_of_customer : float, optional
        Expected over potential value of all whose spending is known: how much of what they spend comes here.
    rows : Mapping of str to int
        How many orders, refunds, expenses, facts and interactions the numbers rest on.
    groups : tuple of NeedsGroup
        The groups of needs, in words.
    grid : tuple of mapping
        Tier, need, customers, share and value of each cell of value x needs.
    gaps : tuple of NeedGap
        Needs by how far they are from being met.
    concentration : Concentration
        How few customers carry the revenue.
    former : date, optional
        The day of the snapshot it was compared with.
    migration : Migration, optional
        Who moved between tiers since then.
    fairness : Mapping of str to FairnessAudit
        Who is in the tiers that get most care, by each path that was asked for; conditional on the segment.
    treatment : Mapping of str to TreatmentAudit
        What the policy gives to the groups of each path.
    notes : tuple of str
        What cannot be estimated, and why.
    """

    run: str = field(validator=is_line)
    as_of: date
    since: date
    customers: int
    orders: int
    revenue: Money
    tiers: Mapping[str, int]
    segments: Mapping[str, int]
    expected_value: Money | None
    parameters: Mapping[str, float]
    log_likelihood: float | None
    potential_value: Money | None = None
    profit: Money | None = None
    share_of_customer: float | None = None
    needs: Mapping[str, int] = field(factory=dict)
    rows: Mapping[str, int] = field(factory=dict)
    groups: tuple[NeedsGroup, ...] = ()
    grid: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    gaps: tuple[NeedGap, ...] = field(default=(), repr=False)
    concentration: Concentration | None = field(default=None, eq=False, repr=False)
    former: date | None = None
    migration: Migration | None = field(default=None, eq=False, repr=False)
    fairness: Mapping[str, FairnessAudit] = field(factory=dict, eq=False, repr=False)
    treatment: Mapping[str, TreatmentAudit] = field(factory=dict, eq=False, repr=False)
    notes: tuple[str, ...]


AGE_BAND = "age_band"
"""What `audit` may name beside paths: groups of ages, from the date of birth."""

_AGES = (30, 45, 60)

CARED_FOR = (Tier.MOST_VALUABLE, Tier.MOST_GROWABLE)
"""The tiers that get most care, and whose members an audit counts."""


@frozen(kw_only=True)
class _Asked:
    """What `assess` was asked for."""

    as_of: date
    run: str
    currency: str | None
    zone: ZoneInfo
    unit: Unit
    horizon: Horizon
    tiers: TierRules | None
    spending: str | None
    needs: NeedsRules | None
    satisfaction: Mapping[tuple[UUID, str], float]
    scoring: ScoringRules | None
    policy: str | None
    audit: tuple[str, ...]
    min_rows: int

    @property
    def until(self) -> datetime:
        """The end of the last day that counts."""
        return datetime.combine(self.as_of + timedelta(days=1), time(), tzinfo=self.zone)


def assess(
    store: Store,
    *,
    as_of: date,
    run: str = "current",
    currency: str | None = None,
    zone: str = "UTC",
    unit: Unit = "week",
    horizon: Horizon | None = None,
    tiers: TierRules | None = None,
    spending: str | None = None,
    needs: NeedsRules | None = None,
    satisfaction: Mapping[tuple[UUID, str], float] | None = None,
    scoring: ScoringRules | None = None,
    policy: str | None = None,
    audit: Sequence[str] = (),
    min_rows: int = 20,
    actor: str | None = None,
) -> DifferentiateReport:
    """Assess every customer as of a day: value, needs, segment, scores and tier; keep the snapshot and compare it with the former.

    Parameters
    ----------
    store : Store
        With customers and their orders; refunds, expenses, facts and interactions count where they are kept.
    as_of : date
        The last day that counts.
    run : str
        The name of the snapshot; the same name and day again replaces it.
    currency : str, optional
        Which orders count; may be left out while there is one.
    zone : str
        Where a day begins and ends.
    unit, horizon
        As for `value_orders`.
    tiers : TierRules, optional
        Which shares of the customers are in which tier.
    spending : str, optional
        A path on the customer, such as "custom.yearly_spend": all he spends in a year on what we sell, here and elsewhere. The
        potential value follows from it; without it nobody is most growable.
    needs : NeedsRules, optional
        Finds groups of needs in behaviour and facts.
    satisfaction : mapping of (customer id, need) to float, optional
        How well each need is met, 0 to 1, for the gaps.
    scoring : ScoringRules, optional
        Scores every customer; profile rules read columns of `facts_of` and paths on the customer, event rules the interactions.
    policy : str, optional
        The edition of a stored `TreatmentPlan`: what each tier gets. It needs `audit`.
    audit : sequence of str
        Paths on the customer whose groups are compared: "country", "gender", "custom.branch", or "age_band"; who has none is in
        "missing".
    min_rows : int
        A rate over fewer customers is not estimated.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    CurrencyMismatchError
        If there are orders of two currencies and none was chosen.
    NotEstimableError
        If there is no order yet.
    InvalidValueError
        If a policy comes without an audit, or is not in the store.
    """
    if type(as_of) is not date or as_of >= date.max:
        raise InvalidValueError(
            "as_of", as_of, "give a calendar date that has a day after it, such as date(2026, 1, 31)"
        )
    if horizon is not None and not isinstance(horizon, Horizon):
        raise InvalidValueError("horizon", horizon, "give a Horizon, such as Horizon(length=12, unit='month')")
    if isinstance(audit, str):
        raise InvalidValueError("audit", audit, f"give a list of paths, [{audit!r}]")
    if policy is not None and not audit:
        raise InvalidValueError("audit", audit, "a treatment policy is never without its audit; name the groups")
    try:
        local = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InvalidValueError("zone", zone, "give an IANA zone, such as 'Europe/Madrid'") from None
    asked = _Asked(
        as_of=as_of,
        run=run,
        currency=currency,
        zone=local,
        unit=unit,
        horizon=Horizon() if horizon is None else horizon,
        tiers=tiers,
        spending=spending,
        needs=needs,
        satisfaction={} if satisfaction is None else satisfaction,
        scoring=scoring,
        policy=policy,
        audit=tuple(audit),
        min_rows=min_rows,
    )
    with store.begin(actor=actor, cause="differentiate.assess") as unit_of_work:
        report = _assess(unit_of_work, asked)
        unit_of_work.commit()
    return report


def _assess(unit: UnitOfWork, asked: _Asked) -> DifferentiateReport:
    people = _People.read(unit, asked)
    books = _Books.read(unit, asked, people)
    valuation = value_orders(
        books.orders,
        as_of=asked.as_of,
        unit=asked.unit,
        horizon=asked.horizon,
        value=dict(enumerate(float(amount) for amount in books.net)),
    )
    notes = [*valuation.notes, *books.notes]
    frame = _customer_frame(people, books, valuation, asked)
    found_needs = _needs(unit, asked, people, books, frame, notes)
    scores = _scores(unit, asked, people, frame)
    snapshot = Snapshot(
        run=asked.run,
        as_of=asked.as_of,
        since=books.since,
        until=asked.until,
        currency=books.currency,
        customers=len(people.ids),
        orders=int(frame["orders"].sum()),
        refunds=int(books.refunds.sum()),
        expenses=int(books.spent_rows.sum()),
        facts=found_needs.facts,
        interactions=0 if scores is None else int(frame["interactions"].sum()),
        parameters=_parameters(valuation),
        groups=found_needs.groups,
        policy=asked.policy,
        scoring=None if asked.scoring is None else asked.scoring.version,
        notes=tuple(notes),
    )
    former = _former(unit, asked)
    _keep(unit, asked, people, books, frame, snapshot)
    plan = None if asked.policy is None else _plan(unit, asked.policy)
    fairness, treatment = _audit(asked, people, frame, plan)
    expected, potential = frame["expected_value"], frame["potential_value"]
    return DifferentiateReport(
        run=asked.run,
        as_of=asked.as_of,
        since=books.since,
        customers=len(people.ids),
        orders=snapshot.orders,
        revenue=Money(sum(books.net, Decimal(0)), books.currency),
        tiers={tier: int((frame["tier"] == tier).sum()) for tier in TIERS},
        segments={str(name): int(count) for name, count in valuation.customers["segment"].value_counts().items()},
        expected_value=None if expected.isna().all() else _money(float(expected.sum()), books.currency),
        potential_value=None if potential.isna().all() else _money(float(potential.sum()), books.currency),
        share_of_customer=_share(frame),
        profit=Money(sum(books.profit, Decimal(0)), books.currency) if books.costs_known else None,
        parameters={} if valuation.purchases is None else dict(valuation.purchases.parameters),
        log_likelihood=None if valuation.purchases is None else valuation.purchases.log_likelihood,
        needs={group.name: group.customers for group in found_needs.groups},
        rows={name: getattr(snapshot, name) for name in ("orders", "refunds", "expenses", "facts", "interactions")},
        groups=found_needs.groups,
        grid=_grid(frame) if found_needs.groups else (),
        gaps=found_needs.gaps,
        concentration=concentration(frame["historic_value"].to_numpy(float)),
        former=None if former is None else former[0],
        migration=None if former is None else _migration(former[1], people, frame),
        fairness=fairness,
        treatment=treatment,
        notes=tuple(notes),
    )


@frozen(kw_only=True, eq=False)
class _People:
    """The customers, by place."""

    ids: list[UUID]
    place: Mapping[UUID, int]
    held: Mapping[str, list[Any]]
    """`place` also knows who was merged into another: he has the place of the one he is now."""

    @classmethod
    def read(cls, unit: UnitOfWork, asked: _Asked) -> _People:
        """Read every customer, and of each only the paths that somebody asks for."""
        paths = dict.fromkeys("birth_date" if path == AGE_BAND else path for path in asked.audit)
        if asked.spending is not None:
            paths[asked.spending] = None
        if asked.scoring is not None:
            paths |= dict.fromkeys(
                rule.column
                for rule in asked.scoring.rules
                if isinstance(rule, ProfileRule) and rule.column not in _OF_THE_SNAPSHOT
            )
        held = read_columns(unit, Query(Customer, IN_USE), ["id", *(path for path in paths if path != "id")])
        into = aliases(unit).into
        if into:
            stayed = [at for at, id in enumerate(held["id"]) if id not in into]
            held = {path: [values[at] for at in stayed] for path, values in held.items()}
        place = {id: at for at, id in enumerate(held["id"])}
        place |= {gone: place[now] for gone, (now, _) in into.items() if now in place}
        return cls(ids=held["id"], place=place, held=held)

    def only(self, path: str) -> list[Any]:
        """Return one value of a path for each customer: the first of several, None of none."""
        return [
            (value[0] if value else None) if isinstance(value, list | tuple) else value for value in self.held[path]
        ]


@frozen(kw_only=True, eq=False)
class _Books:
    """What the customers paid, got back and cost, exactly, by place."""

    orders: pd.DataFrame
    net: list[Decimal]
    profit: list[Decimal]
    costs_known: bool
    refunds: NDArray[np.int64]
    spent_rows: NDArray[np.int64]
    currency: str
    since: date
    lines: tuple[NDArray[np.int64], list[str], Floats]
    notes: tuple[str, ...]

    @classmethod
    def read(cls, unit: UnitOfWork, asked: _Asked, people: _People) -> _Books:
        """Read orders, refunds without an order, and expenses before the end of the day."""
        size, until = len(people.ids), asked.until
        place = people.place
        net = [Decimal(0)] * size
        costs = [Decimal(0)] * size
        refunds, spent = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        currency, costs_known, strangers = asked.currency, False, 0
        parts: list[pd.DataFrame] = []
        of_lines: list[NDArray[np.int64]] = []
        skus: list[str] = []
        amounts: list[float] = []
        for part in purchases(unit, until, lines=asked.needs is not None):
            if currency is None:
                currency = part["currency"][0]
            for other in set(part["currency"]) - {currency}:
                raise CurrencyMismatchError(currency, other)
            who = np.fromiter((place.get(id, -1) for id in part["customer"]), np.int64, len(part["customer"]))
            strangers += int((who < 0).sum())
            for at, amount, back, cost in zip(who.tolist(), part["amount"], part["refunds"], part["cost"], strict=True):
                if at >= 0:
                    net[at] += amount
                    if back:
                        refunds[at] += len(back)
                    if cost is not None:
                        costs[at] += cost
                        costs_known = True
            when = pd.to_datetime(pd.Series(part["time"], dtype=object), utc=True)
            day = when.dt.tz_convert(asked.zone).dt.tz_localize(None).dt.normalize()
            made = pd.DataFrame(
                {"customer": who, "day": day, "amount": np.array([float(amount) for amount in part["amount"]])}
            )
            parts.append(made[who >= 0])
            if asked.needs is not None:
                of_lines.append(np.repeat(who, [len(lines) for lines in part["lines"]]))
                for lines in part["lines"]:
                    for sku, amount in lines:
                        skus.append(sku)
                        amounts.append(float(amount))
        if currency is None or not parts or not any(map(len, parts)):
            raise NotEstimableError("the value of customers", f"no order lies on or before {asked.as_of}")
        before = where("at") < until
        given = read_columns(unit, Query(UnallocatedRefund, before), ["customer_id", "amount"])
        for id, money in zip(*given.values(), strict=True):
            at = place.get(id, -1)
            if at >= 0 and money["currency"] == currency:
                net[at] -= Decimal(money["amount"])
                refunds[at] += 1
        given = read_columns(unit, Query(Expense, before), ["customer_id", "amount"])
        for id, money in zip(*given.values(), strict=True):
            at = place.get(id, -1)
            if at >= 0 and money["currency"] == currency:
                costs[at] += Decimal(money["amount"])
                spent[at] += 1
                costs_known = True
        orders = pd.concat(parts, ignore_index=True)
        orders["order"] = np.arange(len(orders))
        return cls(
            orders=orders,
            net=net,
            profit=[value - cost for value, cost in zip(net, costs, strict=True)],
            costs_known=costs_known,
            refunds=refunds,
            spent_rows=spent,
            currency=currency,
            since=orders["day"].min().date(),
            lines=(np.concatenate(of_lines) if of_lines else np.empty(0, dtype=np.int64), skus, np.asarray(amounts)),
            notes=(f"{strangers} orders of customers who are not there are left out",) if strangers else (),
        )


def _customer_frame(people: _People, books: _Books, valuation: Valuation, asked: _Asked) -> pd.DataFrame:
    """Return one row a customer, in the order of `people`: what was measured, and the tier that follows."""
    frame = valuation.customers.set_index("customer").reindex(range(len(people.ids)))
    frame["orders"] = frame["orders"].fillna(0).astype(np.int64)
    frame["historic_value"] = [float(amount) for amount in books.net]
    frame["interactions"] = 0
    base = np.array([float(amount) for amount in (books.profit if books.costs_known else books.net)])
    expected = frame["expected_value"].to_numpy(float)
    # What lies ahead decides, but a past that cost more than it brought stays negative.
    frame["worth"] = np.where((base < 0) | np.isnan(expected), base, expected)
    potential = np.full(len(frame), np.nan)
    if asked.spending is not None:
        yearly = _numbers(people.only(asked.spending), asked.spending)
        potential = yearly * asked.horizon.margin * asked.horizon.years
    frame["potential_value"] = np.fmax(potential, np.where(np.isnan(potential), np.nan, frame["worth"]))
    known = np.where(np.isnan(potential), frame["worth"], frame["potential_value"])
    tiers = value_tiers(
        pd.DataFrame({"value": frame["worth"].to_numpy(), "potential": known}), potential="potential", rules=asked.tiers
    )
    frame["tier"], frame["tier_reason"] = tiers["tier"].to_numpy(), tiers["tier_reason"].to_numpy()
    frame["days_since_order"] = (pd.Timestamp(asked.as_of) - frame["last"]).dt.days
    return frame


def _share(frame: pd.DataFrame) -> float | None:
    known = frame["potential_value"] > 0
    return float(frame["worth"][known].sum() / frame["potential_value"][known].sum()) if known.any() else None


def _numbers(values: list[Any], path: str) -> Floats:
    made = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        if value is None:
            continue
        try:
            made[place] = float(value)
        except (TypeError, ValueError):
            raise InvalidDataError(path, place, value, "give a number") from None
        if not 0.0 <= made[place] < np.inf:
            raise InvalidDataError(path, place, value, "give a finite amount of at least 0")
    return made


def _parameters(valuation: Valuation) -> tuple[NamedNumber, ...]:
    fits = (("purchases", valuation.purchases), ("spend", valuation.spend))
    return tuple(
        NamedNumber(f"{name}.{parameter}", float(value))
        for name, fit in fits
        if fit is not None
        for parameter, value in fit.parameters.items()
        if np.isfinite(value)
    )


@frozen(kw_only=True, eq=False)
class _Needs:
    """The groups of needs, and what they rest on."""

    groups: tuple[NeedsGroup, ...] = ()
    gaps: tuple[NeedGap, ...] = ()
    facts: int = 0


def _needs(
    unit: UnitOfWork, asked: _Asked, people: _People, books: _Books, frame: pd.DataFrame, notes: list[str]
) -> _Needs:
    """Put the columns `needs`, `needs_profile` and `facts` into the frame."""
    size = len(people.ids)
    nobody = pd.Series([None] * size, index=frame.index, dtype=object)
    frame["needs"], frame["needs_profile"], frame["facts"] = nobody, nobody, 0
    if asked.needs is None:
        return _Needs()
    said: dict[int, list[CustomerFact]] = {}
    for batch in unit.of(CustomerFact).stream(Query(CustomerFact, where("recorded_at") < asked.until)):
        for fact in batch:
            at = people.place.get(fact.customer_id)
            if at is not None:
                said.setdefault(at, []).append(attrs.evolve(fact, customer_id=people.ids[at]))
    moment = asked.until - timedelta(microseconds=1)
    states = {at: knowledge_state(people.ids[at], facts, moment) for at, facts in said.items()}
    facts = np.zeros(size, dtype=np.int64)
    strength: dict[str, Floats] = {}
    for at, state in states.items():
        facts[at] = len(state.facts)
        for topic, fact in state.facts.items():
            strength.setdefault(str(topic), np.zeros(size))[at] = fact.strength * fact.confidence
    frame["facts"] = facts
    features = _spending_habits(unit, asked.needs, books, size)
    features |= {
        name: values for name, values in sorted(strength.items()) if (values > 0).mean() >= asked.needs.least_share
    }
    known = (frame["orders"].to_numpy() > 0) | (facts > 0)
    rows = {name: values[known] for name, values in features.items()}
    gaps = need_gaps(states.values(), asked.satisfaction)
    try:
        found = segment_needs(rows, columns=list(rows), rules=asked.needs, former=_former_groups(unit, asked))
    except NotEstimableError as error:
        notes.append(f"groups of needs cannot be told apart: {error}")
        return _Needs(gaps=gaps, facts=int(facts.sum()))
    for name, values in (("needs", found.names), ("needs_profile", found.profiles)):
        column = np.full(size, None, dtype=object)
        column[known] = np.asarray(values, dtype=object)[found.label]
        frame[name] = pd.Series(column, index=frame.index, dtype=object)
    sizes = np.bincount(found.label, minlength=len(found.names))
    groups = tuple(
        NeedsGroup(
            name=name,
            customers=int(count),
            profile=profile,
            centre=tuple(NamedNumber(column, float(value)) for column, value in centre.items()),
        )
        for name, count, profile, centre in zip(found.names, sizes, found.profiles, found.centres(), strict=True)
    )
    return _Needs(groups=groups, gaps=gaps, facts=int(facts.sum()))


def _spending_habits(unit: UnitOfWork, rules: NeedsRules, books: _Books, size: int) -> dict[str, Floats]:
    """Return what each customer spends on, as shares of the largest categories, and how many articles an order has."""
    who, skus, amounts = books.lines
    products = read_columns(unit, Query(Product), ["sku", "category"])
    category = {sku: path[0] for sku, path in zip(products["sku"], products["category"], strict=True) if path}
    codes, names = pd.factorize(np.asarray([category.get(sku, sku) for sku in skus], dtype=object))
    ours = who >= 0
    spent = np.maximum(amounts, 0.0)
    largest = np.argsort(-np.bincount(codes[ours], weights=spent[ours], minlength=len(names)), kind="stable")
    total = np.bincount(who[ours], weights=spent[ours], minlength=size)
    made: dict[str, Floats] = {}
    for code in largest[: rules.categories].tolist():
        hit = ours & (codes == code)
        part = np.bincount(who[hit], weights=spent[hit], minlength=size)
        made[f"share of {names[code]}"] = np.where(total > 0, part / np.where(total > 0, total, 1.0), 0.0)
    orders = np.bincount(books.orders["customer"], minlength=size)
    lines = np.bincount(who[ours], minlength=size)
    made["articles per order"] = lines / np.maximum(orders, 1)
    return made


def _former_groups(unit: UnitOfWork, asked: _Asked) -> dict[str, dict[str, float]]:
    found = _former_snapshot(unit, asked)
    if found is None:
        return {}
    return {group.name: {number.name: number.value for number in group.centre} for group in found.groups}


_OF_THE_SNAPSHOT = ("orders", "days_since_order", "value", "expected_value", "probability_alive", "segment", "tier")


def _scores(unit: UnitOfWork, asked: _Asked, people: _People, frame: pd.DataFrame) -> LeadScores | None:
    """Put the columns `fit_score`, `engagement_score`, `grade` and `interactions` into the frame."""
    for name in ("fit_score", "engagement_score", "grade"):
        frame[name] = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    if asked.scoring is None:
        return None
    profiles: dict[str, Any] = {"lead": np.arange(len(people.ids))}
    for rule in asked.scoring.rules:
        if not isinstance(rule, ProfileRule):
            continue
        if rule.column in _OF_THE_SNAPSHOT:
            profiles[rule.column] = frame["historic_value" if rule.column == "value" else rule.column].to_numpy()
        else:
            values = np.empty(len(people.ids), dtype=object)
            for row, value in enumerate(people.held[rule.column]):
                if isinstance(value, list | tuple) and len(value) > 1:
                    fix = "a profile rule reads one value; name a path that holds one"
                    raise InvalidDataError(rule.column, row, list(value), fix)
            values[:] = [value.value if isinstance(value, Enum) else value for value in people.only(rule.column)]
            profiles[rule.column] = values
    held = engagements(unit, asked.until)
    who = [people.place.get(id, -1) for id in held["customer"]]
    ours = np.asarray([at >= 0 for at in who], dtype=bool)
    events = pd.DataFrame({"lead": who, "event": held["event"], "kind": held["kind"]}).astype({"lead": np.int64})
    events["time"] = pd.to_datetime(pd.Series(held["time"], dtype=object), utc=True).dt.tz_localize(None)
    moment = asked.until.astimezone(UTC).replace(tzinfo=None)
    scores = score_leads(pd.DataFrame(profiles), events[ours], asked.scoring, as_of=moment)
    place = scores.leads.astype(np.int64)
    for name, values in (("fit_score", scores.fit), ("engagement_score", scores.engagement), ("grade", scores.grade)):
        column = np.empty(len(people.ids), dtype=object)
        column[place] = values.tolist()
        frame[name] = pd.Series(column, index=frame.index, dtype=object)
    # One that counts under two kinds is one row all the same.
    own = events[ours & ~events["event"].str.contains(":", regex=False)]
    frame["interactions"] = np.bincount(own["lead"], minlength=len(people.ids))
    return scores


def _former_snapshot(unit: UnitOfWork, asked: _Asked) -> Snapshot | None:
    before = (where("run") == asked.run) & (where("as_of") < asked.as_of)
    found = unit.of(Snapshot).page(Query(Snapshot, before, order=(desc("as_of"),)), size=1).items
    return found[0] if found else None


def _former(unit: UnitOfWork, asked: _Asked) -> tuple[date, pd.DataFrame] | None:
    """Return the day of the snapshot before, and the tier of each customer then."""
    found = _former_snapshot(unit, asked)
    if found is None:
        return None
    which = (where("run") == found.run) & (where("as_of") == found.as_of)
    held = read_columns(unit, Query(Assessment, which), ["customer_id", "tier"])
    tiers = [Tier(tier).value for tier in held["tier"]]
    return found.as_of, pd.DataFrame({"customer": held["customer_id"], "tier": tiers})


def _migration(former: pd.DataFrame, people: _People, frame: pd.DataFrame) -> Migration:
    # Who was merged into another since then went nowhere: the other one is compared.
    itself = [people.ids[people.place.get(id, 0)] == id or id not in people.place for id in former["customer"]]
    former = former[np.asarray(itself, dtype=bool)]
    now = pd.DataFrame({"customer": people.ids, "tier": frame["tier"].to_numpy()})
    return migration_matrix(former, now, state="tier", states=TIERS)


def _plan(unit: UnitOfWork, edition: str) -> TreatmentPlan:
    found = unit.of(TreatmentPlan).page(Query(TreatmentPlan, where("edition") == edition), size=1).items
    if not found:
        raise InvalidValueError("policy", edition, "there is no treatment plan of this edition in the store; add it")
    return found[0]


def policy_of(plan: TreatmentPlan) -> TreatmentPolicy:
    """Return a stored plan as what `pycrm.insight.apply_policy` and `review.audit` take.

    Examples
    --------
    >>> from pycrm.model.treatment import ServiceLevel
    >>> levels = tuple(ServiceLevel(tier=tier, service="answer_hours", value=24.0) for tier in Tier)
    >>> policy_of(TreatmentPlan(edition="1", levels=levels)).services
    ('answer_hours',)
    """
    return TreatmentPolicy(
        version=plan.edition,
        treatments={tier.value: plan.of(tier) for tier in Tier},
        floor={
            floor.service: Floor(
                minimum=-np.inf if floor.minimum is None else floor.minimum,
                maximum=np.inf if floor.maximum is None else floor.maximum,
            )
            for floor in plan.floors
        },
    )


def _audit(
    asked: _Asked, people: _People, frame: pd.DataFrame, plan: TreatmentPlan | None
) -> tuple[dict[str, FairnessAudit], dict[str, TreatmentAudit]]:
    fairness: dict[str, FairnessAudit] = {}
    treatment: dict[str, TreatmentAudit] = {}
    for path in asked.audit:
        rows = pd.DataFrame(
            {
                "group": _age_bands(people, asked.as_of)
                if path == AGE_BAND
                else [None if value is None else str(value) for value in people.only(path)],
                "selected": frame["tier"].isin([tier.value for tier in CARED_FOR]).astype(int).to_numpy(),
                "segment": frame["segment"].fillna("none").to_numpy(),
                "tier": frame["tier"].to_numpy(),
            }
        )
        fairness[path] = audit_selection(
            rows, group="group", selected="selected", given="segment", min_rows=asked.min_rows
        )
        if plan is not None:
            treatment[path] = apply_policy(policy_of(plan), rows, group="group", min_rows=asked.min_rows)[1]
    return fairness, treatment


def _age_bands(people: _People, as_of: date) -> list[str | None]:
    def band(born: date) -> str:
        age = age_on(born, as_of)
        low = max((edge for edge in _AGES if edge <= age), default=0)
        high = min((edge for edge in _AGES if edge > age), default=None)
        return f"{low} and over" if high is None else f"under {high}" if low == 0 else f"{low} to {high - 1}"

    return [None if born is None else band(born) for born in people.only("birth_date")]


def _grid(frame: pd.DataFrame) -> tuple[Mapping[str, Any], ...]:
    cells = value_needs_grid(frame[["tier", "needs", "historic_value"]], need="needs", value="historic_value")
    return tuple(cells.to_dict("records"))


def _money(amount: float, currency: str) -> Money:
    # Six decimals: far below any unit of money, and never the 30 digits of a value next to nothing.
    return Money(Decimal(f"{amount:.6f}"), currency).rounded()


_MAY_BE_LEFT_OUT = frozenset(
    {
        "profit",
        "policy",
        "refunds",
        "expenses",
        "expected_value",
        "expected_low",
        "expected_high",
        "potential_value",
        "needs",
        "fit_score",
        "engagement_score",
        "grade",
        "facts",
        "interactions",
    }
)
"""Columns whose empty value is the default of the field: a column of nothing else need not be written."""


def _keep(
    unit: UnitOfWork, asked: _Asked, people: _People, books: _Books, frame: pd.DataFrame, snapshot: Snapshot
) -> None:
    """Write one assessment a customer; a run of the same day is overwritten where it differs, and nowhere else."""
    of_run = (where("run") == asked.run) & (where("as_of") == asked.as_of)
    held = read_columns(unit, Query(Assessment, of_run), ["id", "customer_id"])
    known = dict(zip(held["customer_id"], held["id"], strict=True))
    for customer_id in known.keys() - set(people.ids):
        unit.of(Assessment).remove(known[customer_id])
    size = len(people.ids)
    columns: dict[str, list[Any]] = {
        "id": [known.get(id) or new_id() for id in people.ids],
        "customer_id": people.ids,
        "run": [asked.run] * size,
        "as_of": [asked.as_of] * size,
        "since": [snapshot.since] * size,
        "orders": frame["orders"].tolist(),
        "historic_value": [Money(amount, books.currency) for amount in books.net],
        "tier": frame["tier"].tolist(),
        "profit": [Money(amount, books.currency) if books.costs_known else None for amount in books.profit],
        "policy": [asked.policy] * size,
        "refunds": books.refunds.tolist(),
        "expenses": books.spent_rows.tolist(),
        "reasons": _reasons(asked, frame, books, snapshot),
    }
    for name in ("expected_value", "expected_low", "expected_high", "potential_value"):
        columns[name] = [
            None if amount != amount else _money(amount, books.currency)  # noqa: PLR0124  # NaN
            for amount in frame[name].tolist()
        ]
    for name, source in (("recency_score", "r"), ("frequency_score", "f"), ("monetary_score", "m")):
        columns[name] = [None if score != score else int(score) for score in frame[source].tolist()]  # noqa: PLR0124
    columns["probability_alive"] = [None if p != p else p for p in frame["probability_alive"].tolist()]  # noqa: PLR0124
    columns["segment"] = [name if isinstance(name, str) else None for name in frame["segment"].tolist()]
    for name in ("needs", "fit_score", "engagement_score", "grade", "facts", "interactions"):
        columns[name] = frame[name].tolist()
    told = {name: values for name, values in columns.items() if name not in _MAY_BE_LEFT_OUT or any(values)}
    write_columns(unit, Assessment, told, on_conflict="update" if known else "error")
    former = unit.of(Snapshot).page(Query(Snapshot, of_run), size=1).items
    if former:
        unit.of(Snapshot).save(attrs.evolve(snapshot, id=former[0].id, version=former[0].version))
    else:
        unit.of(Snapshot).add(snapshot)


def _reasons(asked: _Asked, frame: pd.DataFrame, books: _Books, snapshot: Snapshot) -> list[tuple[Reason, ...]]:
    """Return why, and from which rows, for each customer; what is said of many is made once."""
    nothing = Reason("no_orders", f"no order between {snapshot.since} and {asked.as_of}")
    missing = Reason("no_expected_value", next(iter(snapshot.notes), "it cannot be estimated"))
    shared: dict[tuple[str, str], Reason] = {}

    def once(code: str, text: str) -> Reason:
        found = shared.get((code, text))
        if found is None:
            found = shared[code, text] = Reason(code, text)
        return found

    made: list[tuple[Reason, ...]] = []
    first, last = (frame[name].dt.date.tolist() for name in ("first", "last"))
    days = frame["days_since_order"].tolist()
    expected, needs = frame["expected_value"].tolist(), frame["needs_profile"].tolist()
    refunds, expenses = books.refunds.tolist(), books.spent_rows.tolist()
    for at, (orders, segment, tier) in enumerate(
        zip(frame["orders"].tolist(), frame["segment"].tolist(), frame["tier_reason"].tolist(), strict=True)
    ):
        back = f" less {refunds[at]} refunds" if refunds[at] else ""
        cost = f" and {expenses[at]} expenses" if expenses[at] else ""
        given = [once("tier", tier)]
        if orders:
            given = [
                once("rfm", f"{orders} orders, the last {int(days[at])} days before {asked.as_of}: {segment}"),
                *given,
                once("rows", f"{orders} orders from {first[at]} to {last[at]}{back}{cost}"),
            ]
            if expected[at] != expected[at]:  # NaN
                given.append(missing)
        else:
            given = [nothing, *given]
            if back or cost:
                given.append(once("rows", f"0 orders{back}{cost}"))
        if needs[at] is not None:
            given.append(once("needs", needs[at]))
        made.append(tuple(given))
    return made


@frozen(kw_only=True)
class Provenance:
    """The rows that the numbers of one assessment rest on, by id.

    Parameters
    ----------
    orders, refunds, expenses, facts, interactions : tuple of UUID
        Of the customer, before `until`; `refunds` are those without an order, the others stand in their orders.
    until : datetime
        Later rows did not count.
    """

    orders: tuple[UUID, ...]
    refunds: tuple[UUID, ...]
    expenses: tuple[UUID, ...]
    facts: tuple[UUID, ...]
    interactions: tuple[UUID, ...]
    until: datetime


def rows_of(store: Store, assessment: Assessment) -> Provenance:
    """Return which rows of the store an assessment was made from.

    Raises
    ------
    NotEstimableError
        If its snapshot is not in the store.
    """
    with store.begin(read_only=True) as unit:
        whose = aliases_of(unit, assessment.customer_id).ids_of(assessment.customer_id)
        mine = where("customer_id").is_in(whose)
        of_run = (where("run") == assessment.run) & (where("as_of") == assessment.as_of)
        found = unit.of(Snapshot).page(Query(Snapshot, of_run), size=1).items
        if not found:
            raise NotEstimableError("the rows", f"there is no snapshot {assessment.run!r} of {assessment.as_of}")
        until = found[0].until
        bought = mine & (where("placed_at") < until) & ~(where("status") == "cancelled")

        def ids(model: type[Any], condition: Predicate) -> tuple[UUID, ...]:
            return tuple(read_columns(unit, Query(model, condition), ["id"])["id"])

        return Provenance(
            orders=ids(Order, bought),
            refunds=ids(UnallocatedRefund, mine & (where("at") < until)),
            expenses=ids(Expense, mine & (where("at") < until)),
            facts=ids(CustomerFact, mine & (where("recorded_at") < until)),
            interactions=ids(Interaction, mine & (where("occurred_at") < until)),
            until=until,
        )


@frozen(kw_only=True)
class Alert:
    """A relationship that brings less than it should.

    Parameters
    ----------
    customer_id : UUID
        With whom.
    profit : Money
        Historic value less all costs; the historic value where no cost is known.
    former : Money, optional
        The same in the snapshot before; None where he was not in it.
    reason : Reason
        "profit.crossed" where it was enough before, "profit.low" where it was not, or nobody knows.
    """

    customer_id: UUID
    profit: Money
    former: Money | None
    reason: Reason


def alerts(store: Store, *, as_of: date, run: str = "current", least: Decimal | int = 0) -> tuple[Alert, ...]:
    """Return the customers of a snapshot whose profit is below `least`: who fell below since the one before first, then the worst.

    Raises
    ------
    NotEstimableError
        If there is no such snapshot.
    """
    with store.begin(read_only=True) as unit:
        now = _profits(unit, run, as_of)
        if not now:
            raise NotEstimableError(
                "alerts", f"there is no snapshot {run!r} of {as_of}; make it with differentiate.assess"
            )
        before = (where("run") == run) & (where("as_of") < as_of)
        found = unit.of(Snapshot).page(Query(Snapshot, before, order=(desc("as_of"),)), size=1).items
        then = _profits(unit, run, found[0].as_of) if found else {}
    made = []
    for customer_id, profit in now.items():
        if profit.amount >= least:
            continue
        former = then.get(customer_id)
        crossed = former is not None and former.amount >= least
        told = f"profit {profit} is below {least}" + ("" if former is None else f"; it was {former}")
        made.append(
            Alert(
                customer_id=customer_id,
                profit=profit,
                former=former,
                reason=Reason("profit.crossed" if crossed else "profit.low", told),
            )
        )
    return tuple(sorted(made, key=lambda one: (one.reason.code, one.profit.amount, str(one.customer_id))))


def _profits(unit: UnitOfWork, run: str, as_of: date) -> dict[UUID, Money]:
    of_run = (where("run") == run) & (where("as_of") == as_of)
    held = read_columns(unit, Query(Assessment, of_run), ["customer_id", "profit", "historic_value"])
    return {
        id: Money(Decimal((profit or value)["amount"]), (profit or value)["currency"])
        for id, profit, value in zip(*held.values(), strict=True)
    }
