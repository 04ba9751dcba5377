"""Who will buy, who is lost, when they come again: training rows and backtests straight from a store, with nothing from later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pycrm.errors import CurrencyMismatchError, InvalidValueError, NotEstimableError
from pycrm.model.knowledge import CustomerFact
from pycrm.model.predicate import where
from pycrm.scoring import Fold, Scorer, rolling_origin, snapshot_labels
from pycrm.storage.profiling import Profiled, profiled
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.purchases import purchases
from pycrm.storage.query import Query

__all__ = ["backtest", "labels"]


def labels(
    store: Store,
    *,
    as_of: Sequence[date],
    horizon: int,
    observed_until: date,
    zone: str = "UTC",
    active_within: int | None = None,
    facts: bool = True,
) -> pd.DataFrame:
    """Return one row for each buyer and day: what was known then, and what happened in the `horizon` days after.

    Parameters
    ----------
    store : Store
        With orders, and facts where they are kept.
    as_of : sequence of date
        The days; a customer has a row from the day of the first order on.
    horizon : int
        Days in which the outcome is looked for.
    observed_until : date
        The last day all orders of which are in the store; a day whose horizon is not over by then is refused.
    zone : str
        Where a day begins and ends.
    active_within : int, optional
        Leave out customers with no order in so many days: what "churned" means to a business.
    facts : bool
        Whether the strengths of needs, wishes and the like that were recorded by then are features too.

    Returns
    -------
    DataFrame
        As `pycrm.scoring.snapshot_labels`: customer, as_of, recency, frequency, age, mean_gap, monetary (orders less the refunds
        made by then), a column for each topic such as "need:speed", and the labels bought, churned, next_days. Of whom no numbers
        may be made has no row; `attrs["left_out"]` tells how many, by the reason.

    Raises
    ------
    CurrencyMismatchError
        If there are orders of two currencies.
    NotEstimableError
        If there is no order.

    Notes
    -----
    A cancelled order does not count on any day: a store does not know when it was cancelled.
    """
    local = ZoneInfo(zone)
    until = datetime.combine(observed_until + timedelta(days=1), time(), tzinfo=local)
    with store.begin(read_only=True) as unit:
        who = profiled(unit)
        orders, refunds = _orders(unit, who, until, local)
        known = _facts(unit, who, until, local) if facts else None
    made: pd.DataFrame = snapshot_labels(
        orders,
        as_of=as_of,
        horizon=horizon,
        observed_until=observed_until,
        amount="amount",
        facts=known,
        active_within=active_within,
    )
    for day in sorted(set(as_of)):
        given_back = refunds[refunds["time"] <= pd.Timestamp(day)].groupby("customer")["amount"].sum()
        at = made["as_of"] == pd.Timestamp(day)
        made.loc[at, "monetary"] -= made.loc[at, "customer"].map(given_back).fillna(0.0)
    made.attrs["left_out"] = who.left_out
    return made


def backtest(
    store: Store,
    *,
    fit: Callable[[Any, NDArray[np.int64]], Scorer],
    as_of: Sequence[date],
    horizon: int,
    observed_until: date,
    features: Sequence[str] = ("recency", "frequency", "age", "mean_gap", "monetary"),
    label: str = "bought",
    zone: str = "UTC",
    active_within: int | None = None,
    least_train: int = 50,
    rng: np.random.Generator | None = None,
) -> tuple[Fold, ...]:
    """Train on what was over and test on what came next, at each day in turn.

    Parameters
    ----------
    store, as_of, horizon, observed_until, zone, active_within
        As for `labels`.
    fit : callable
        From features and labels to a scorer: ``lambda X, y: Scorecard.fit(X, y).model``.
    features : sequence of str
        Columns to learn from; one that says what happened next is refused.
    label : {"bought", "churned"}
        What to predict.
    least_train, rng
        As for `pycrm.scoring.rolling_origin`.

    Raises
    ------
    InvalidDataError
        If a feature is a label, or a day's horizon is not over.
    """
    if label not in {"bought", "churned"}:
        raise InvalidValueError("label", label, "give bought or churned")
    rows = labels(
        store, as_of=as_of, horizon=horizon, observed_until=observed_until, zone=zone, active_within=active_within
    )
    return rolling_origin(
        rows, fit=fit, horizon=horizon, features=features, label=label, least_train=least_train, rng=rng
    )


def _orders(unit: UnitOfWork, whom: Profiled, until: datetime, zone: ZoneInfo) -> tuple[pd.DataFrame, pd.DataFrame]:
    now = whom.now
    currency: str | None = None
    bought: list[pd.DataFrame] = []
    back: list[tuple[str, datetime, float]] = []
    for part in purchases(unit, until):
        for other in sorted(set(part["currency"])):
            currency = currency or other
            if other != currency:
                raise CurrencyMismatchError(currency, other)
        who = [str(now.of(id)) for id in part["customer"]]
        amounts = np.array([float(gross) for gross in part["gross"]])
        allowed = np.array([id in whom for id in part["customer"]], dtype=np.bool_)
        made = pd.DataFrame({"customer": who, "time": _days(part["time"], zone), "amount": amounts})
        bought.append(made[allowed & (amounts > 0)])
        for id, counts, refunds in zip(who, allowed.tolist(), part["refunds"], strict=True):
            back += [(id, at, float(amount)) for at, amount in refunds if counts]
    if not any(map(len, bought)):
        raise NotEstimableError("labels", "there is no order with a positive amount")
    refunds_ = pd.DataFrame(
        {
            "customer": pd.Series([id for id, _, _ in back], dtype=str),
            "time": _days([at for _, at, _ in back], zone),
            "amount": pd.Series([amount for _, _, amount in back], dtype=float),
        }
    )
    return pd.concat(bought, ignore_index=True), refunds_


def _days(times: Sequence[datetime], zone: ZoneInfo) -> pd.Series:
    when = pd.to_datetime(pd.Series(list(times), dtype=object), utc=True)
    return when.dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()


def _facts(unit: UnitOfWork, whom: Profiled, until: datetime, zone: ZoneInfo) -> pd.DataFrame | None:
    """Return what was known of each customer by the day it was recorded: one row a customer and day, the last of each topic."""
    now = whom.now
    said = [
        fact
        for batch in unit.of(CustomerFact).stream(Query(CustomerFact, where("recorded_at") < until))
        for fact in batch
        if fact.customer_id in whom
    ]
    if not said:
        return None
    said.sort(key=lambda fact: (fact.recorded_at, str(fact.id)))
    table = pd.DataFrame(
        {
            "customer": [str(now.of(fact.customer_id)) for fact in said],
            "known_at": _days([fact.recorded_at for fact in said], zone),
            "topic": [str(fact.topic) for fact in said],
            "strength": [fact.strength for fact in said],
        }
    )
    wide = table.pivot_table(index=["customer", "known_at"], columns="topic", values="strength", aggfunc="last")
    found = wide.groupby(level="customer").ffill().reset_index()
    found.columns.name = None
    return found
