"""The right moment for each customer, and for each segment: when he will want something, and at which hour of his own clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from attrs import frozen

from pycrm.model.customer import Customer
from pycrm.model.interaction import Direction, Interaction
from pycrm.model.predicate import where
from pycrm.model.time import instant
from pycrm.recommendation import best_hours, next_purchase
from pycrm.storage.columns import read_columns
from pycrm.storage.lookups import last_assessments
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.personalise.reading import bought_until, customer_rows

__all__ = ["Moment", "SegmentMoment", "moments", "segment_moments"]

_NOBODY = "(no segment)"


@frozen(kw_only=True)
class Moment:
    """When to speak to one customer.

    Parameters
    ----------
    customer_id : UUID
        Whom.
    expected, low, high : datetime
        When he will buy next, if he does at all, and the interval.
    chance : float
        That he buys within the horizon.
    hour : int, optional
        The hour of his own clock at which he is most often there; None where nobody was ever seen.
    zone : str
        Whose clock; UTC where it is not known.
    send_at : datetime
        The next such hour, not before `lead` ahead of what is expected.
    """

    customer_id: UUID
    expected: datetime
    low: datetime
    high: datetime
    chance: float
    hour: int | None
    zone: str
    send_at: datetime


@frozen(kw_only=True)
class SegmentMoment:
    """When to speak to the customers of a segment: at which hour of their clocks, and how many are due within the horizon."""

    segment: str
    customers: int
    due: float
    hour: int | None


def moments(
    store: Store, *, at: datetime, horizon: timedelta = timedelta(days=30), lead: timedelta = timedelta(days=2)
) -> list[Moment]:
    """Return the right moment of each customer who ever bought, the likeliest to buy within the horizon first.

    Parameters
    ----------
    store : Store
        With orders; and, where there are any, interactions and assessments, whose chance of being alive counts.
    at : datetime
        Now.
    horizon : timedelta
        Within which the chance is told.
    lead : timedelta
        How long before the purchase he had best hear of us.

    Raises
    ------
    NotEstimableError
        If nobody bought on two days.
    InvalidDataError
        If nobody bought anything.
    """
    now = instant(at)
    with store.begin(read_only=True) as unit:
        found, ids, _ = _due(unit, now, horizon)
        hours, zones = _hours(unit, now)
    made = []
    for row in found:
        id = ids[row["row"]]
        zone = zones.get(id, "UTC")
        expected, low, high = (row[name].replace(tzinfo=UTC) for name in ("expected", "low", "high"))
        hour = hours.get(id)
        start = max(now, expected - lead)
        made.append(
            Moment(
                customer_id=id,
                expected=expected,
                low=low,
                high=high,
                chance=float(row["chance"]),
                hour=hour,
                zone=zone,
                send_at=start if hour is None else _next_hour(start, hour, zone),
            )
        )
    return sorted(made, key=lambda one: (-one.chance, one.customer_id))


def segment_moments(store: Store, *, at: datetime, horizon: timedelta = timedelta(days=30)) -> list[SegmentMoment]:
    """Return the right moment of each segment of the last assessment, the one with most customers due first.

    Parameters
    ----------
    store : Store
        With orders and assessments, and interactions where there are any.
    at : datetime
        Now.
    horizon : timedelta
        Within which customers are due.
    """
    now = instant(at)
    with store.begin(read_only=True) as unit:
        found, ids, segments = _due(unit, now, horizon)
        hours, _ = _hours(unit, now, segments)
    due: dict[str, list[float]] = {}
    for row in found:
        due.setdefault(segments.get(ids[row["row"]], _NOBODY), []).append(float(row["chance"]))
    made = [
        SegmentMoment(segment=name, customers=len(chances), due=sum(chances), hour=hours.get(name))
        for name, chances in due.items()
    ]
    return sorted(made, key=lambda one: (-one.due, one.segment))


def _due(
    unit: UnitOfWork, at: datetime, horizon: timedelta
) -> tuple[list[dict[str, Any]], list[UUID], Mapping[UUID, str]]:
    ids, rows = customer_rows(unit)
    bought = bought_until(unit, rows, at)
    assessments = last_assessments(unit, at.date())
    buyers = np.unique(bought.customer)
    alive = [
        1.0 if (one := assessments.get(ids[row])) is None or one.probability_alive is None else one.probability_alive
        for row in buyers.tolist()
    ]
    found = next_purchase(
        {"row": bought.customer, "at": bought.at},
        as_of=np.datetime64(at.replace(tzinfo=None), "us"),
        customer="row",
        alive=alive,
        horizon=horizon / timedelta(days=1),
    )
    segments = {id: one.segment for id, one in assessments.items() if one.segment is not None}
    return found.to_dict("records"), ids, segments


def _hours(
    unit: UnitOfWork, at: datetime, groups: Mapping[UUID, str] | None = None
) -> tuple[Mapping[Any, int], Mapping[UUID, str]]:
    """Return the best hour of each customer, or group, on his own clock; and the zones that are known."""
    columns = read_columns(unit, Query(Customer), ["id", "zone"])
    zones = {id: zone for id, zone in zip(columns["id"], columns["zone"], strict=True) if zone is not None}
    ids, rows = customer_rows(unit)
    asked = (where("occurred_at") <= at) & (where("direction") == Direction.IN)
    seen = read_columns(unit, Query(Interaction, asked), ["customer_id", "occurred_at"])
    bought = bought_until(unit, rows, at)
    times = [(ids[rows[who]], when) for who, when in zip(*seen.values(), strict=True) if who in rows]
    orders = {(int(row), when) for row, when in zip(bought.customer, bought.at.tolist(), strict=True)}
    times += [(ids[row], when.replace(tzinfo=UTC)) for row, when in sorted(orders)]
    if not times:
        return {}, zones
    known = {name: ZoneInfo(name) for name in {*zones.values(), "UTC"}}
    local = [when.astimezone(known[zones.get(id, "UTC")]).hour for id, when in times]
    keys = [str(id) if groups is None else groups.get(id, _NOBODY) for id, _ in times]
    best = best_hours({"key": keys, "hour": local}, by="key")
    found = dict(zip(best["key"].tolist(), best["hour"].tolist(), strict=True))
    return (found if groups is not None else {UUID(key): hour for key, hour in found.items()}), zones


def _next_hour(start: datetime, hour: int, zone: str) -> datetime:
    """Return the first instant from `start` on at which the clocks of `zone` show that hour."""
    place = ZoneInfo(zone)
    day = start.astimezone(place).date()
    for ahead in range(3):
        when = datetime.combine(day + timedelta(days=ahead), time(hour), place).astimezone(UTC)
        if when >= start:
            return when
    return start
