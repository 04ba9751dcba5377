"""Every figure of the report as a value: the page, the text and the JSON only show them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.insight import FairnessAudit
from pycrm.report.comparing import Moved, care_by_group, moved_since, tiers_of
from pycrm.report.forecast import Forecast, LifetimeValue, PurchaseModel, Unestimable, expected_value, forecast
from pycrm.report.purchases import Purchases
from pycrm.segmentation import STANDARD_SEGMENTS, TIERS, rfm_scores, rfm_segments

__all__ = ["ACTIONS", "Customer", "Figures", "Month", "Segment", "Tier", "figures"]

TOP = 10

ACTIONS: Mapping[str, str] = {
    "Champions": "Thank them, ask what they would miss, let them try first; do not discount what they buy anyway.",
    "Loyal Customers": "Show them what suits the last purchase; invite reviews and referrals.",
    "Potential Loyalist": "Offer the third purchase within the usual gap: a bundle, a reminder, membership.",
    "New Customers": "Welcome them, help with the first purchase, ask what they need next.",
    "Promising": "Remind them of what they looked at; one small reason to come back.",
    "Need Attention": "Ask what changed; offer what they used to buy before the gap grows.",
    "About To Sleep": "One reminder with their favourite product; stop if there is no answer.",
    "At Risk": "Call or write in person while the memory is fresh; settle open complaints first.",
    "Can't Lose Them": "Somebody who knows them should call this week; win back before all others.",
    "Hibernating": "A seasonal reminder at no cost; no money on discounts.",
    "Lost": "Leave in peace; remove from paid channels and keep the door open.",
}
"""What to do next about each segment."""

TIER_MEANING: Mapping[str, str] = {
    "most valuable": "the top fifth by expected value: keep",
    "most growable": "who could bring most beyond what they bring: grow",
    "migrator": "the tenth just below: a push decides",
    "low maintenance": "everybody else: serve well at low cost",
    "below zero": "cost more than they bring: find out why, and stop losing",
}


@frozen(kw_only=True)
class Month:
    """One month: what was bought, and by how many customers for the first time or again."""

    start: dt.date
    revenue: float
    orders: int
    new: int
    returning: int
    whole: bool


@frozen(kw_only=True)
class Segment:
    """One RFM segment: who, how much so far, how much to come, what to do."""

    name: str
    customers: int
    orders: int
    revenue: float
    recency: float
    expected: float | None
    action: str


@frozen(kw_only=True)
class Tier:
    """One value tier."""

    name: str
    customers: int
    revenue: float
    expected: float | None
    meaning: str


@frozen(kw_only=True)
class Customer:
    """One of those who will bring the most, or where that is unknown, brought the most."""

    name: str
    orders: int
    revenue: float
    last: dt.date
    segment: str
    tier: str
    alive: float | None
    expected: float | None
    low: float | None
    high: float | None


@frozen(kw_only=True, eq=False)
class Figures:
    """What a report says.

    Parameters
    ----------
    purchases : Purchases
        What it was computed from.
    customers : int
        Everybody with a line that is used.
    buyers : int
        Those with a purchase that stands.
    once_share, top_share : float
        Share of buyers with one purchase; share of revenue of the top fifth of customers (NaN where there is none).
    mean_order : float
        Mean of the purchases that stand; NaN where there is none.
    given_back : int
        Purchases that were given back whole.
    months : tuple of Month
        The course of the business.
    cells : ndarray, shape (5, 5)
        Customers by recency score (rows, 5 first) and frequency score.
    segments, tiers, top : tuple
        Who is who.
    forecast : Forecast
        What is to come.
    moved : Moved or Unestimable, optional
        Who is in another tier than on an earlier day, where one was given.
    fairness : FairnessAudit or Unestimable
        Whether the tiers of most care are even by group.
    """

    purchases: Purchases
    customers: int
    buyers: int
    once_share: float
    top_share: float
    mean_order: float
    given_back: int
    months: tuple[Month, ...] = field(repr=False)
    cells: NDArray[np.int64] = field(repr=False)
    segments: tuple[Segment, ...] | Unestimable
    tiers: tuple[Tier, ...]
    top: tuple[Customer, ...]
    forecast: Forecast
    moved: Moved | Unestimable | None = None
    fairness: FairnessAudit | Unestimable

    @property
    def model(self) -> PurchaseModel | Unestimable:
        """How often they buy."""
        return self.forecast.model

    @property
    def value(self) -> LifetimeValue | Unestimable:
        """What they will bring."""
        return self.forecast.value


def figures(
    purchases: Purchases,
    *,
    unit: Literal["day", "week"] = "week",
    then: Purchases | None = None,
    progress: Callable[[str], None] | None = None,
) -> Figures:
    """Return every figure of a report on `purchases`.

    Parameters
    ----------
    purchases : Purchases
        At least one customer.
    unit : {"day", "week"}
        The unit of time of the model's parameters.
    then : Purchases, optional
        The same customers at the same places as of an earlier day, to see who moved between tiers.
    progress : callable, optional
        Told what is being worked on.
    """
    say = progress or (lambda _: None)
    stands = purchases.stands
    customer, net = purchases.customer[stands], purchases.net[stands]
    day = purchases.time[stands].astype("datetime64[D]")
    size = len(purchases.customers)
    counts = np.bincount(customer, minlength=size)
    values = purchases.values()
    say("segments")
    segment, cells = _segment_of(purchases, customer, day, net, size)
    say("purchase model")
    ahead = forecast(purchases, unit)
    expected, alive = np.full(size, np.nan), np.full(size, np.nan)
    if not isinstance(ahead.model, Unestimable):
        rows = ahead.model.summary.index.to_numpy()
        alive[rows] = ahead.model.alive
        if not isinstance(ahead.value, Unestimable):
            expected[rows] = ahead.value.value
    say("tiers")
    tier = tiers_of(values, expected, counts > 0)
    moved = None if then is None else moved_since(then, expected_value(then, unit), purchases, tier)
    last = np.full(size, np.iinfo(np.int64).min)
    np.maximum.at(last, customer, day.astype(np.int64))
    buyers = counts > 0
    return Figures(
        purchases=purchases,
        customers=size,
        buyers=int(buyers.sum()),
        once_share=float((counts[buyers] == 1).mean()) if buyers.any() else math.nan,
        top_share=_top_share(values),
        mean_order=float(net.mean()) if len(net) else math.nan,
        given_back=int((~stands).sum()),
        months=_months(purchases, customer, day, net),
        cells=cells,
        segments=_segments(segment, counts, values, expected=expected, purchases=purchases, last=last),
        tiers=_tiers(tier, values, expected),
        top=_top(
            purchases,
            counts,
            values,
            last=last,
            segment=segment,
            tier=tier,
            alive=alive,
            expected=expected,
            ahead=ahead,
        ),
        forecast=ahead,
        moved=moved,
        fairness=care_by_group(purchases, segment, tier),
    )


def _date(day: Any) -> dt.date:
    return dt.date.fromisoformat(str(np.datetime64(day, "D")))


def _segment_of(
    purchases: Purchases,
    customer: NDArray[np.int64],
    day: NDArray[np.datetime64],
    net: NDArray[np.float64],
    size: int,
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the segment of each customer, "" for those without a purchase that stands, and the recency-frequency cells."""
    names = np.full(size, "", dtype=object)
    cells = np.zeros((5, 5), dtype=np.int64)
    if len(customer):
        frame = pd.DataFrame({"customer": customer, "time": day.astype("datetime64[s]"), "amount": net})
        scored = rfm_segments(rfm_scores(frame, as_of=_date(purchases.as_of)))
        names[scored["customer"].to_numpy()] = scored["segment"].to_numpy()
        np.add.at(cells, (5 - scored["r"].to_numpy(), scored["f"].to_numpy() - 1), 1)
    return names, cells


def _segments(
    segment: NDArray[Any],
    counts: NDArray[np.int64],
    values: NDArray[np.float64],
    *,
    expected: NDArray[np.float64],
    purchases: Purchases,
    last: NDArray[np.int64],
) -> tuple[Segment, ...] | Unestimable:
    if not (segment != "").any():
        return Unestimable("RFM segments", "there is no purchase that was not given back")
    today = int(purchases.as_of.astype("datetime64[D]").astype(np.int64))
    known = not np.isnan(expected).all()
    made = []
    for name in dict.fromkeys(box.name for box in STANDARD_SEGMENTS):
        own = segment == name
        if own.any():
            made.append(
                Segment(
                    name=name,
                    customers=int(own.sum()),
                    orders=int(counts[own].sum()),
                    revenue=float(values[own].sum()),
                    recency=float(np.median(today - last[own])),
                    expected=float(np.nansum(expected[own])) if known else None,
                    action=ACTIONS[name],
                )
            )
    return tuple(made)


def _tiers(tier: NDArray[Any], values: NDArray[np.float64], expected: NDArray[np.float64]) -> tuple[Tier, ...]:
    known = not np.isnan(expected).all()
    return tuple(
        Tier(
            name=name,
            customers=int((tier == name).sum()),
            revenue=float(values[tier == name].sum()),
            expected=float(np.nansum(expected[tier == name])) if known else None,
            meaning=TIER_MEANING[name]
            if known or name != "most valuable"
            else "the top fifth by what they brought: keep",
        )
        for name in TIERS
        if (tier == name).any()
    )


def _top(
    purchases: Purchases,
    counts: NDArray[np.int64],
    values: NDArray[np.float64],
    *,
    last: NDArray[np.int64],
    segment: NDArray[Any],
    tier: NDArray[Any],
    alive: NDArray[np.float64],
    expected: NDArray[np.float64],
    ahead: Forecast,
) -> tuple[Customer, ...]:
    known = not np.isnan(expected).all()
    worth = np.where(np.isnan(expected), -np.inf, expected) if known else values
    buyers = np.flatnonzero(counts > 0)
    best = buyers[np.lexsort((buyers, -worth[buyers]))][:TOP]
    limits = np.full((2, len(best)), np.nan)
    if known and not isinstance(ahead.model, Unestimable):
        limits = ahead.limits(ahead.model.summary.index.get_indexer(pd.Index(best)))

    def number(value: float) -> float | None:
        return float(value) if math.isfinite(value) else None

    return tuple(
        Customer(
            name=str(purchases.customers[place]),
            orders=int(counts[place]),
            revenue=float(values[place]),
            last=_date(np.datetime64(int(last[place]), "D")),
            segment=str(segment[place]),
            tier=str(tier[place]),
            alive=number(alive[place]),
            expected=number(expected[place]),
            low=number(limits[0, row]),
            high=number(limits[1, row]),
        )
        for row, place in enumerate(best.tolist())
    )


def _top_share(values: NDArray[np.float64]) -> float:
    ordered = np.sort(values[values > 0])[::-1]
    if not len(ordered):
        return math.nan
    return float(ordered[: max(round(len(values) * 0.2), 1)].sum() / ordered.sum())


def _months(
    purchases: Purchases, customer: NDArray[np.int64], day: NDArray[np.datetime64], net: NDArray[np.float64]
) -> tuple[Month, ...]:
    if not len(day):
        return ()
    month = day.astype("datetime64[M]")
    first = np.full(len(purchases.customers), np.iinfo(np.int64).max)
    np.minimum.at(first, customer, month.astype(np.int64))
    place = month.astype(np.int64) - month.astype(np.int64).min()
    size = int(place.max()) + 1
    revenue = np.bincount(place, weights=net, minlength=size)
    orders = np.bincount(place, minlength=size)
    pairs = np.unique(place * len(purchases.customers) + customer)
    at, who = np.divmod(pairs, len(purchases.customers))
    fresh = first[who] - month.astype(np.int64).min() == at
    new = np.bincount(at[fresh], minlength=size)
    returning = np.bincount(at[~fresh], minlength=size)
    start = month.min()
    made = []
    for number in range(size):
        begins = start + np.timedelta64(number, "M")
        ends = (begins + 1).astype("datetime64[D]") - 1
        made.append(
            Month(
                start=_date(begins),
                revenue=float(revenue[number]),
                orders=int(orders[number]),
                new=int(new[number]),
                returning=int(returning[number]),
                whole=bool(ends <= purchases.as_of and begins.astype("datetime64[D]") >= day.min() - 6),
            )
        )
    return tuple(made)
