"""How sales go: what the open deals may bring, how long they stay where, how far they come, and how fast they are won."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import attrs
import numpy as np
from attrs import field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidValueError, NotEstimableError
from pycrm.experiments import Effect, difference_in_means, difference_in_proportions
from pycrm.insight import (
    SalesForecast,
    SalesFunnel,
    SalesPace,
    StageSurvival,
    Step,
    TransitionMatrix,
    sales_forecast,
    sales_funnel,
    sales_pace,
    stage_stays,
    stage_survival,
    transition_matrix,
)
from pycrm.model.checks import expect
from pycrm.model.money import currency_code
from pycrm.model.opportunity import OpportunityChange
from pycrm.model.opportunity_history import OpportunityState
from pycrm.model.pipeline import Pipeline, PipelineStageKind, current_pipeline
from pycrm.model.predicate import where
from pycrm.model.time import Period, instant, local_date
from pycrm.storage.opportunities import opportunity_histories, pipelines_of
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = [
    "Forecast",
    "PaceChange",
    "StageTime",
    "compare",
    "forecast",
    "funnel",
    "pace",
    "time_in_stage",
    "transitions",
]

_K = PipelineStageKind
_Held = list[tuple[OpportunityState, list[OpportunityChange]]]


@frozen(kw_only=True)
class Forecast:
    """What the open deals may bring.

    Parameters
    ----------
    at, known_at : datetime
        As of when, and as it was known when.
    currency : str
        Of all amounts.
    by_period : SalesForecast
        By the period of the expected close.
    deals : int
        Deals in it.
    other_currencies : int
        Open deals that are not in it because another currency was asked for.
    """

    at: datetime
    known_at: datetime
    currency: str
    by_period: SalesForecast
    deals: int
    other_currencies: int = 0


@frozen(kw_only=True, eq=False)
class StageTime:
    """How long deals stay in a stage.

    Parameters
    ----------
    pipeline, stage : str
        Which.
    days : Mapping of UUID to float
        Of each deal that was ever in it: all its stays together, in days, up to now where it is still there.
    survival : StageSurvival
        How long a stay lasts, counting those that go on.
    """

    pipeline: str
    stage: str
    days: dict[UUID, float] = field(repr=False)
    survival: StageSurvival = field(repr=False)

    @property
    def median(self) -> float:
        """After how many days half have left; infinite where more than half are still there."""
        return self.survival.median


@frozen(kw_only=True)
class PaceChange:
    """How sales went before and after something was changed.

    Parameters
    ----------
    before, after : SalesPace
        Of the two times.
    cycle : Effect
        Difference of the mean length of the won deals, in days; below 0 is faster.
    win_rate : Effect
        Difference of the shares won.
    """

    before: SalesPace
    after: SalesPace
    cycle: Effect
    win_rate: Effect


def forecast(
    store: Store,
    *,
    at: datetime,
    known_at: datetime | None = None,
    pipeline: str | None = None,
    currency: str | None = None,
    step: Step = "month",
    zone: str = "UTC",
) -> Forecast:
    """Return what the open deals may bring, by the period of their expected close; as of any time, as it was known at any time.

    Parameters
    ----------
    store : Store
        With the deals.
    at, known_at : datetime
        Where they stood when, by what was recorded by when: all that is known unless given.
    pipeline : str, optional
        The code of one pipeline; all unless given.
    currency : str, optional
        Deals in other currencies are counted, and left out; unless given all must be in one.
    step : {"week", "month", "quarter", "year"}
        The calendar period.
    zone : str
        Whose today it is.

    Raises
    ------
    CurrencyMismatchError
        If the deals are in several currencies and none was asked for.
    NotEstimableError
        If there is no open deal whose currency it could be in.
    """
    now = instant(at)
    seen = None if known_at is None else instant(known_at)
    with store.begin(read_only=True) as unit:
        held = _held(unit, now, pipeline, known_at=seen)
    deals = [state for state, _ in held if not state.kind.is_closed]
    wanted, mine = _in_one_currency(deals, currency)
    if wanted is None:
        raise NotEstimableError("the forecast", "there is no open deal; name a currency to get zeros")
    close = [deal.terms.expected_close for deal in mine]
    return Forecast(
        at=now,
        known_at=now if seen is None else seen,
        currency=wanted,
        by_period=sales_forecast(
            _amounts(mine),
            [deal.probability for deal in mine],
            np.asarray(close, dtype="datetime64[D]"),
            as_of=local_date(now, zone),
            step=step,
        ),
        deals=len(mine),
        other_currencies=len(deals) - len(mine),
    )


def time_in_stage(store: Store, pipeline: str, *, at: datetime, confidence: float = 0.95) -> tuple[StageTime, ...]:
    """Return how long deals stay in each open stage of a pipeline, over all its editions, in the order of the current one.

    Stages that only an earlier edition has come last. A stage in which no deal ever was is left out.

    Parameters
    ----------
    store : Store
        With the deals.
    pipeline : str
        The code.
    at : datetime
        Now.
    confidence : float
        Of the interval of each survival.

    Raises
    ------
    InvalidValueError
        If no edition of the pipeline holds.
    """
    now = instant(at)
    with store.begin(read_only=True) as unit:
        editions = pipelines_of(unit)
        current = current_pipeline(editions, pipeline, now)
        rows = _Steps.of(opportunity_histories(unit, now, erased=True), {one.id: one.code for one in editions})
    stays = stage_stays(rows.deal, rows.stage, rows.at, as_of=now)
    here = rows.pipeline[stays.place] == pipeline
    order = list(current.open_stages)
    for edition in sorted((one for one in editions if one.code == pipeline), key=lambda one: -one.revision):
        order += [code for code in edition.open_stages if code not in order]
    found = []
    for stage in order:
        mine = here & (stays.stage == stage)
        if not mine.any():
            continue
        which, total = np.unique(rows.deal[stays.place[mine]], return_inverse=True)
        days = np.bincount(total.reshape(-1), weights=stays.days[mine], minlength=len(which))
        # Of other pipelines the steps still end stays of this one, under a name no stage has.
        named = np.where(rows.pipeline == pipeline, rows.stage, "")
        survival = stage_survival(stage, rows.deal, named, rows.at, as_of=now, confidence=confidence)
        by_deal = {rows.ids[at]: float(length) for at, length in zip(which.tolist(), days.tolist(), strict=True)}
        found.append(StageTime(pipeline=pipeline, stage=stage, days=by_deal, survival=survival))
    return tuple(found)


def transitions(store: Store, pipeline: str, *, at: datetime) -> TransitionMatrix:
    """Return how often each stage of a pipeline was followed by each; "" is before the first.

    Parameters
    ----------
    store, pipeline, at
        As for `time_in_stage`.
    """
    now = instant(at)
    with store.begin(read_only=True) as unit:
        codes = {one.id: one.code for one in pipelines_of(unit)}
        moves = [
            (change.from_stage or "", change.to_stage)
            for _, history in opportunity_histories(unit, now, erased=True)
            for change in history
            if change.is_move and codes[change.pipeline_id] == pipeline and change.former_pipeline_id is None
        ]
    return transition_matrix([before for before, _ in moves], [after for _, after in moves])


def funnel(store: Store, pipeline: str, *, at: datetime, period: Period | None = None) -> SalesFunnel:
    """Return how far the deals of a pipeline came: its open stages in their order, then won.

    Parameters
    ----------
    store, pipeline, at
        As for `time_in_stage`.
    period : Period, optional
        When they were opened. Those that are still on their way count as far as they came, so give a time long enough ago.
    """
    now, when = instant(at), Period() if period is None else period
    with store.begin(read_only=True) as unit:
        editions = {one.id: one for one in pipelines_of(unit)}
        current = current_pipeline(editions.values(), pipeline, now)
        held = opportunity_histories(unit, now, erased=True)
    won = current.first_of(_K.WON)
    rows = [
        (place, won if change.kind is _K.WON else change.to_stage)
        for place, (state, history) in enumerate(held)
        if state.opportunity.opened_at in when
        for change in history
        if editions[change.pipeline_id].code == pipeline
    ]
    stages = (*current.open_stages, won)
    return sales_funnel([place for place, _ in rows], [stage for _, stage in rows], stages=stages)


def pace(
    store: Store, period: Period, *, at: datetime, pipeline: str | None = None, currency: str | None = None
) -> SalesPace:
    """Return the win rate, the length of the sales cycle and the velocity of sales of a period.

    Parameters
    ----------
    store : Store
        With the deals.
    period : Period
        With both ends: what was closed in it counts.
    at : datetime
        By what is known now: a deal that was reopened since is not closed.
    pipeline : str, optional
        The code of one pipeline; all unless given.
    currency : str, optional
        Of the deals that count; unless given all must be in one.

    Raises
    ------
    CurrencyMismatchError
        If the deals are in several currencies and none was asked for.
    """
    now = instant(at)
    with store.begin(read_only=True) as unit:
        held = _held(unit, now, pipeline, erased=True)
    _, deals = _in_one_currency([state for state, _ in held], currency)
    return _pace(deals, period)


def compare(
    store: Store,
    before: Period,
    after: Period,
    *,
    at: datetime,
    pipeline: str | None = None,
    currency: str | None = None,
    confidence: float = 0.95,
) -> PaceChange:
    """Return how the sales cycle and the win rate of two periods differ, with intervals.

    Nobody drew lots between the two times: what else changed between them is in the difference too.

    Parameters
    ----------
    store, at, pipeline, currency
        As for `pace`.
    before, after : Period
        With both ends; the second begins when the first is over.
    confidence : float
        Of the intervals.

    Raises
    ------
    NotEstimableError
        If fewer than two deals were won in either, or nothing varies.
    """
    ends = [*_ends(before), *_ends(after)]
    if ends[2] < ends[1]:
        raise InvalidValueError("after", after, f"it begins when the time before is over, {ends[1].isoformat()}")
    now = instant(at)
    with store.begin(read_only=True) as unit:
        held = _held(unit, now, pipeline, erased=True)
    _, deals = _in_one_currency([state for state, _ in held], currency)
    times = [("before", before), ("after", after)]
    decided = [(label, deal) for label, time in times for deal in deals if deal.closed_at and deal.closed_at in time]
    won = [(label, deal) for label, deal in decided if deal.kind is _K.WON]
    lasted = [_days(deal) for _, deal in won]
    assumes = ("the deals of the two times differ in nothing else that matters",)
    cycle = difference_in_means(lasted, [label for label, _ in won], control="before", confidence=confidence)
    rate = difference_in_proportions(
        [deal.kind is _K.WON for _, deal in decided],
        [label for label, _ in decided],
        control="before",
        confidence=confidence,
    )
    return PaceChange(
        before=_pace(deals, before),
        after=_pace(deals, after),
        cycle=attrs.evolve(cycle, assumes=assumes),
        win_rate=attrs.evolve(rate, assumes=assumes),
    )


@frozen(kw_only=True, eq=False)
class _Steps:
    """The steps of many deals from one stage to another, as columns; the same stage of another edition is no other."""

    ids: list[UUID]
    deal: np.ndarray[Any, np.dtype[np.int64]]
    pipeline: np.ndarray[Any, np.dtype[np.str_]]
    stage: np.ndarray[Any, np.dtype[np.str_]]
    at: np.ndarray[Any, np.dtype[np.datetime64]]

    @classmethod
    def of(cls, held: _Held, codes: dict[UUID, str]) -> _Steps:
        deal, pipeline, stage, at = [], [], [], []
        for place, (_, history) in enumerate(held):
            before: tuple[str, str] | None = None
            for change in history:
                here = codes[change.pipeline_id], change.to_stage
                if here != before:
                    deal.append(place)
                    pipeline.append(here[0])
                    stage.append(here[1])
                    at.append(change.occurred_at.astimezone(UTC).replace(tzinfo=None))
                before = here
        return cls(
            ids=[state.opportunity.id for state, _ in held],
            deal=np.asarray(deal, dtype=np.int64),
            pipeline=np.asarray(pipeline, dtype=np.str_),
            stage=np.asarray(stage, dtype=np.str_),
            at=np.asarray(at, dtype="datetime64[us]"),
        )


def _held(
    unit: UnitOfWork, at: datetime, pipeline: str | None, *, known_at: datetime | None = None, erased: bool = False
) -> _Held:
    if pipeline is not None and not unit.of(Pipeline).count(Query(Pipeline, where("code") == pipeline)):
        raise InvalidValueError("pipeline", pipeline, "there is no pipeline of this code; all count unless given")
    held = opportunity_histories(unit, at, known_at=known_at, erased=erased)
    return [one for one in held if pipeline is None or one[0].pipeline.code == pipeline]


def _in_one_currency(
    deals: Sequence[OpportunityState], currency: str | None
) -> tuple[str | None, list[OpportunityState]]:
    if currency is not None:
        wanted = currency_code(currency)
        return wanted, [deal for deal in deals if deal.terms.currency == wanted]
    for deal in deals:
        if deal.terms.currency != deals[0].terms.currency:
            raise CurrencyMismatchError(deals[0].terms.currency, deal.terms.currency)
    return (deals[0].terms.currency if deals else None), list(deals)


def _amounts(deals: Iterable[OpportunityState]) -> list[float]:
    return [float(deal.terms.total.amount) for deal in deals]


def _days(deal: OpportunityState) -> float:
    assert deal.closed_at is not None  # asked of closed deals only
    return (deal.closed_at - deal.opportunity.opened_at).total_seconds() / 86_400.0


def _ends(period: Period) -> tuple[datetime, datetime]:
    expect("period", period, Period)
    if period.start is None or period.end is None:
        raise InvalidValueError("period", period, "give a period with both ends")
    return period.start, period.end


def _naive(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC).replace(tzinfo=None)


def _pace(deals: Sequence[OpportunityState], period: Period) -> SalesPace:
    start, end = _ends(period)
    return sales_pace(
        np.asarray([_naive(deal.opportunity.opened_at) for deal in deals], dtype="datetime64[us]"),
        np.asarray([_naive(deal.closed_at) for deal in deals], dtype="datetime64[us]"),
        np.asarray([deal.kind is _K.WON for deal in deals], dtype=bool),
        np.asarray(_amounts(deals)),
        start=start,
        end=end,
    )
