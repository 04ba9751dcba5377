"""Differentiate: what each customer is worth, so far and from here on, and which group he is in, as of a date."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.clv import BetaGeoNBD, GammaGamma, lifetime_value, purchase_summary
from pycrm.clv.units import Unit
from pycrm.errors import CurrencyMismatchError, InvalidDataError, InvalidValueError, NotEstimableError, PycrmWarning
from pycrm.fit import Fit
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.checks import is_line
from pycrm.model.customer import Customer
from pycrm.model.evidence import Reason
from pycrm.model.money import Money
from pycrm.model.order import Order, UnallocatedRefund
from pycrm.model.predicate import where
from pycrm.segmentation import TIERS, rfm_scores, rfm_segments, value_tiers
from pycrm.storage.identity import aliases
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["FEWEST_RETURNING", "DifferentiateReport", "Horizon", "Valuation", "assess", "value_orders"]

Floats: TypeAlias = NDArray[np.float64]

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


@frozen(kw_only=True, eq=False)
class Valuation:
    """What a table of orders says of its customers.

    Parameters
    ----------
    customers : DataFrame
        One row a customer: `customer`, `orders`, `first`, `last` (days), `revenue`, `frequency`, `recency`, `age`, `mean_value`,
        `probability_alive`, `expected_purchases`, `expected_value`, `expected_low`, `expected_high` (NaN where it cannot be
        estimated), `r`, `f`, `m`, `segment`, `tier`, `tier_reason`.
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
    tiers = value_tiers(pd.DataFrame({"value": _worth(customers)}))
    customers["tier"], customers["tier_reason"] = tiers["tier"].to_numpy(), tiers["tier_reason"].to_numpy()
    return Valuation(customers=customers, purchases=purchases, spend=spend, notes=tuple(notes), as_of=as_of, unit=unit)


def _worth(customers: pd.DataFrame) -> Floats:
    """Return what tiers go by: expected value where there is one, else the value so far; a negative past stays negative."""
    revenue = customers["revenue"].to_numpy(float)
    expected = customers["expected_value"].to_numpy(float)
    return np.where((revenue < 0) | np.isnan(expected), revenue, expected)


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


_DAYS: Mapping[Any, float] = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "quarter": 365.25 / 4, "year": 365.25}


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
    tiers, segments : Mapping of str to int
        Customers in each.
    expected_value : Money, optional
        Of all customers together; None where it cannot be estimated.
    parameters : Mapping of str to float
        Of the purchase model.
    log_likelihood : float, optional
        Of the purchase model.
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
    notes: tuple[str, ...]


def assess(
    store: Store,
    *,
    as_of: date,
    run: str = "current",
    currency: str | None = None,
    zone: str = "UTC",
    unit: Unit = "week",
    horizon: Horizon | None = None,
    actor: str | None = None,
) -> DifferentiateReport:
    """Assess every customer as of a day, and keep the snapshot.

    Parameters
    ----------
    store : Store
        With customers and their orders.
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
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    CurrencyMismatchError
        If there are orders of two currencies and none was chosen.
    NotEstimableError
        If there is no order yet.
    """
    if type(as_of) is not date or as_of >= date.max:
        raise InvalidValueError(
            "as_of", as_of, "give a calendar date that has a day after it, such as date(2026, 1, 31)"
        )
    if horizon is not None and not isinstance(horizon, Horizon):
        raise InvalidValueError("horizon", horizon, "give a Horizon, such as Horizon(length=12, unit='month')")
    try:
        local = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InvalidValueError("zone", zone, "give an IANA zone, such as 'Europe/Madrid'") from None
    with store.begin(actor=actor, cause="differentiate.assess") as unit_of_work:
        report = _assess(unit_of_work, as_of, run, currency, local, unit, horizon)
        unit_of_work.commit()
    return report


def _assess(
    unit_of_work: UnitOfWork,
    as_of: date,
    run: str,
    currency: str | None,
    zone: ZoneInfo,
    unit: Unit,
    horizon: Horizon | None,
) -> DifferentiateReport:
    end = datetime.combine(as_of + timedelta(days=1), time(), tzinfo=zone)
    now = aliases(unit_of_work)
    rows: list[tuple[UUID, date, UUID, Decimal]] = []
    for batch in unit_of_work.of(Order).stream(Query(Order, where("placed_at") < end)):
        for order in batch:
            currency = currency or order.currency
            if order.currency == currency:
                rows.append(
                    (now.of(order.customer_id), order.placed_at.astimezone(zone).date(), order.id, order.net.amount)
                )
            else:
                raise CurrencyMismatchError(currency, order.currency)
    credits: dict[UUID, Decimal] = {}
    for refunds in unit_of_work.of(UnallocatedRefund).stream(Query(UnallocatedRefund, where("at") < end)):
        for refund in refunds:
            if refund.amount.currency == currency:
                owner = now.of(refund.customer_id)
                credits[owner] = credits.get(owner, Decimal(0)) + refund.amount.amount
    if currency is None:
        raise NotEstimableError("the value of customers", f"no order lies on or before {as_of}")

    exact: dict[UUID, Decimal] = {customer: -credit for customer, credit in credits.items()}
    for customer, _, _, amount in rows:
        exact[customer] = exact.get(customer, Decimal(0)) + amount
    orders = pd.DataFrame(rows, columns=["customer", "day", "order", "amount"])
    orders["day"] = pd.to_datetime(orders["day"])
    orders["amount"] = orders["amount"].astype(float)
    valuation = value_orders(
        orders,
        as_of=as_of,
        unit=unit,
        horizon=horizon,
        value={customer: float(amount) for customer, amount in exact.items()},
    )

    known: dict[UUID, Any] = {row["customer"]: row for row in valuation.customers.to_dict("records")}
    since = orders["day"].min().date()
    _forget(unit_of_work, run, as_of)
    made = []
    for customers in unit_of_work.of(Customer).stream(Query(Customer)):
        for one in customers:
            if one.id in now.into:
                continue
            money = Money(exact.get(one.id, Decimal(0)), currency)
            made.append(_assessment(one.id, known.get(one.id), money, run, as_of, since, valuation.notes))
    unit_of_work.of(Assessment).put_many(made)

    expected = valuation.customers["expected_value"]
    purchases = valuation.purchases
    return DifferentiateReport(
        run=run,
        as_of=as_of,
        since=since,
        customers=len(made),
        orders=int(valuation.customers["orders"].sum()),
        revenue=Money(sum(exact.values(), Decimal(0)), currency),
        tiers={tier: sum(assessed.tier == tier for assessed in made) for tier in TIERS},
        segments={str(name): int(count) for name, count in valuation.customers["segment"].value_counts().items()},
        expected_value=None if expected.isna().all() else _money(float(expected.sum()), currency),
        parameters={} if purchases is None else dict(purchases.parameters),
        log_likelihood=None if purchases is None else purchases.log_likelihood,
        notes=valuation.notes,
    )


def _money(amount: float, currency: str) -> Money:
    return Money(Decimal(repr(amount)), currency).rounded()


def _forget(unit_of_work: UnitOfWork, run: str, as_of: date) -> None:
    repository = unit_of_work.of(Assessment)
    former = [
        assessment.id
        for batch in repository.stream(Query(Assessment, (where("run") == run) & (where("as_of") == as_of)))
        for assessment in batch
    ]
    for id in former:
        repository.remove(id)


def _assessment(
    customer_id: UUID,
    row: Mapping[str, Any] | None,
    value: Money,
    run: str,
    as_of: date,
    since: date,
    notes: tuple[str, ...],
) -> Assessment:
    if row is None:
        tier = Tier.BELOW_ZERO if value.amount < 0 else Tier.LOW_MAINTENANCE
        return Assessment(
            customer_id=customer_id,
            run=run,
            as_of=as_of,
            since=since,
            orders=0,
            historic_value=value,
            tier=tier,
            reasons=(Reason("no_orders", f"no order between {since} and {as_of}"),),
        )
    estimated = not np.isnan(row["expected_value"])
    reasons = [
        Reason(
            "rfm",
            f"{row['orders']} orders, the last {(as_of - row['last'].date()).days} days before {as_of}: {row['segment']}",
        ),
        Reason("tier", row["tier_reason"]),
    ]
    if not estimated:
        reasons.append(Reason("no_expected_value", next(iter(notes), "it cannot be estimated")))
    return Assessment(
        customer_id=customer_id,
        run=run,
        as_of=as_of,
        since=since,
        orders=int(row["orders"]),
        historic_value=value,
        expected_value=_money(row["expected_value"], value.currency) if estimated else None,
        expected_low=None if np.isnan(row["expected_low"]) else _money(row["expected_low"], value.currency),
        expected_high=None if np.isnan(row["expected_high"]) else _money(row["expected_high"], value.currency),
        probability_alive=None if np.isnan(row["probability_alive"]) else float(row["probability_alive"]),
        recency_score=int(row["r"]),
        frequency_score=int(row["f"]),
        monetary_score=int(row["m"]),
        segment=str(row["segment"]),
        tier=Tier(row["tier"]),
        reasons=tuple(reasons),
    )
