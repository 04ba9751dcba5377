"""What happened to a customer, and the stages it leads to: a pure function of the events, the policy and two clocks.

`derive` walks the events in the order they happened (ties by kind, then by id), so their order of arrival changes nothing, one
that comes late simply gives another answer, and customers who turn out to be one have the union of their events. What was
known at an earlier time is what the events known by then lead to. Entering and leaving loyalty have thresholds of their own and
a minimum dwell between them, so a customer does not flap.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import accumulate, pairwise
from statistics import median
from types import MappingProxyType, SimpleNamespace
from typing import Any, TypeAlias
from uuid import UUID, uuid5

from attrs import converters, field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import at_least, is_a, is_fraction, is_line, optional
from pycrm.model.evidence import Actor, EvidenceRef
from pycrm.model.lifecycle import Stage, StageChange
from pycrm.model.time import in_utc, instant, is_instant

__all__ = [
    "HUBSPOT_LABELS",
    "RANKS",
    "SALESFORCE_LABELS",
    "ActivityStatus",
    "EventKind",
    "LifecycleEvent",
    "LifecyclePolicy",
    "Step",
    "activity_status",
    "derive",
    "time_in_stage",
    "walk",
    "win_back_count",
]


class EventKind(StrEnum):
    """What happened. The order of the members is their rank among events of one instant."""

    TOUCH = "touch"
    IDENTIFIED = "identified"
    CLICK = "click"
    ENGAGED = "engaged"
    SCORED = "scored"
    CONTRACT_STARTED = "contract_started"
    PURCHASE = "purchase"
    CASE_OPENED = "case_opened"
    CASE_CLOSED = "case_closed"
    CSAT = "csat"
    NPS = "nps"
    REFERRAL_QUALIFIED = "referral_qualified"
    CONTENT_REWARDED = "content_rewarded"
    SLA_MISSED = "sla_missed"
    TIER_LOST = "tier_lost"
    PURCHASE_REVERSED = "purchase_reversed"
    CANCELLED = "cancelled"
    GOODBYE = "goodbye"
    UNANSWERED = "unanswered"
    ALIVE = "alive"
    INVALID = "invalid"
    REFUSED = "refused"
    FORCED = "forced"
    ERASED = "erased"


RANKS: Mapping[EventKind, int] = MappingProxyType({kind: rank for rank, kind in enumerate(EventKind)})
"""The place of each kind among the members: its rank, and how `walk` writes it."""
_K = EventKind
# The walk takes a million events at a time: it compares small whole numbers, not enums, whose hash is a call of its own.
_R = SimpleNamespace(**{kind.name: rank for kind, rank in RANKS.items()})
_INBOUND_KINDS = {_K.TOUCH, _K.IDENTIFIED, _K.CLICK, _K.ENGAGED, _K.CSAT, _K.NPS, _K.CASE_OPENED, _K.REFERRAL_QUALIFIED}
_INBOUND = tuple(kind in _INBOUND_KINDS for kind in EventKind)
_BUYS = tuple(kind in {_K.PURCHASE, _K.CONTRACT_STARTED} for kind in EventKind)
_SIGNS = tuple(kind in {*_INBOUND_KINDS, _K.PURCHASE, _K.CONTRACT_STARTED, _K.FORCED} for kind in EventKind)
_WEIGHED = tuple(
    kind in {_K.CASE_OPENED, _K.CASE_CLOSED, _K.CSAT, _K.NPS, _K.REFERRAL_QUALIFIED, _K.CONTENT_REWARDED}
    for kind in EventKind
)
_PATH = (Stage.AWARENESS, Stage.ACQUISITION, Stage.RETENTION, Stage.FULFILMENT)
_EARLY = (Stage.AWARENESS, Stage.ACQUISITION, Stage.RETENTION)


@frozen(kw_only=True)
class LifecycleEvent:
    """One piece of evidence.

    Parameters
    ----------
    id : UUID
        Of the record it rests on; the same kind of the same record twice counts once.
    customer_id : UUID
        Whose.
    kind : EventKind
        What happened.
    at : datetime
        When it happened.
    known_at : datetime, optional
        When we knew; `at` unless given, and never before it.
    value : float, optional
        The score of SCORED, CSAT and NPS; the probability of ALIVE.
    to : Stage, optional
        Where a FORCED step leads; it also needs `actor` and `note`.
    actor : Actor, optional
        Who forced it.
    note : str, optional
        Why it was forced.
    """

    id: UUID = field(validator=is_a(UUID))
    customer_id: UUID = field(validator=is_a(UUID))
    kind: EventKind = field(validator=is_a(EventKind))
    at: datetime = field(converter=in_utc, validator=is_instant)
    known_at: datetime | None = field(
        default=None, converter=converters.optional(in_utc), validator=optional(is_instant)
    )
    value: float | None = None
    to: Stage | None = field(default=None, validator=optional(is_a(Stage)))
    actor: Actor | None = field(default=None, validator=optional(is_a(Actor)))
    note: str | None = field(default=None, validator=optional(is_line))

    def __attrs_post_init__(self) -> None:
        if self.known_at is not None and self.known_at < self.at:
            raise InvalidValueError(
                "known_at", self.known_at, "nothing is known before it happens; check the two clocks"
            )
        if self.kind in {_K.SCORED, _K.CSAT, _K.NPS, _K.ALIVE}:
            number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
            if not number or self.value != self.value:  # NaN is unequal to itself
                raise InvalidValueError("value", self.value, f"{self.kind} needs its score")
        if self.kind is _K.FORCED and (self.to is None or self.actor is None or self.note is None):
            raise InvalidValueError("to", self.to, "a forced step names its stage, its actor and, as note, its reason")

    @property
    def known(self) -> datetime:
        """When we knew."""
        return self.at if self.known_at is None else self.known_at


def _is_above_zero(_: object, attribute: object, value: Any) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        raise InvalidValueError(getattr(attribute, "name", ""), value, "give a length of time above 0")


@frozen(kw_only=True)
class LifecyclePolicy:
    """Every threshold of the lifecycle, as versioned data.

    Parameters
    ----------
    version : str
        Goes into every step.
    before, since : LifecyclePolicy and datetime, optional
        The edition that counted before this one, and when this one took over: steps before keep their thresholds and version.
    clicks, click_window
        So many clicks in so long are two-way engagement.
    quality_score : float
        From this score on a lead is a contact, engaged or not.
    loyal_orders : int
        Net orders that loyalty needs.
    csat_enter, nps_enter : float
        Ratings that praise (or better); `csat_leave`, `nps_leave`: ratings that complain (or worse).
    min_dwell : timedelta
        The shortest time between entering loyalty and losing it by a rating, and between losing it and entering again.
    silence_factor, silence_floor
        A buyer is gone after a silence longer than both the factor times the median gap of his own orders, and the floor.
    churned_below : float, optional
        A buyer without contract is gone, too, when an ALIVE event gives him a probability below this one; none unless given.
    unanswered, unanswered_window
        So many of our touches in so long without an answer disqualify a lead.
    """

    version: str = field(default="1", validator=is_line)
    clicks: int = field(default=2, validator=at_least(1))
    click_window: timedelta = field(default=timedelta(days=30), validator=_is_above_zero)
    quality_score: float = field(default=0.7, validator=is_fraction)
    loyal_orders: int = field(default=2, validator=at_least(1))
    csat_enter: float = 4.0
    csat_leave: float = 2.0
    nps_enter: float = 9.0
    nps_leave: float = 6.0
    min_dwell: timedelta = field(default=timedelta(days=30), validator=_is_above_zero)
    silence_factor: float = 3.0
    silence_floor: timedelta = field(default=timedelta(days=180), validator=_is_above_zero)
    churned_below: float | None = field(default=None, validator=optional(is_fraction))
    unanswered: int = field(default=5, validator=at_least(1))
    unanswered_window: timedelta = field(default=timedelta(days=90), validator=_is_above_zero)
    before: LifecyclePolicy | None = None
    since: datetime | None = field(default=None, converter=converters.optional(in_utc), validator=optional(is_instant))

    def __attrs_post_init__(self) -> None:
        if (self.before is None) != (self.since is None):
            raise InvalidValueError(
                "since", self.since, "give the edition before and since when this one counts, or neither"
            )
        earlier = None if self.before is None else self.before.since
        if earlier is not None and self.since is not None and earlier >= self.since:
            raise InvalidValueError("since", self.since, f"the edition before counts since {earlier}")
        if not (self.csat_leave < self.csat_enter and self.nps_leave < self.nps_enter):
            raise InvalidValueError("csat_leave", self.csat_leave, "what loses loyalty is rated below what gains it")
        if not self.silence_factor > 0:
            raise InvalidValueError("silence_factor", self.silence_factor, "give a number above 0")

    def edition_at(self, at: datetime) -> LifecyclePolicy:
        """Return the edition that counts at a time.

        Examples
        --------
        >>> may = datetime(2026, 5, 1, tzinfo=UTC)
        >>> new = LifecyclePolicy(version="2", before=LifecyclePolicy(), since=may)
        >>> new.edition_at(may).version, new.edition_at(may - timedelta(days=1)).version
        ('2', '1')
        """
        edition = self
        while edition.before is not None and edition.since is not None and at < edition.since:
            edition = edition.before
        return edition


Step: TypeAlias = tuple["Stage | None", Stage, int, str, int, int]
"""From, to, when (microseconds since 1970), why, the index of the event it rests on, and of the last one it was derived from."""
Row: TypeAlias = tuple[int, int, "float | None", "Stage | None"]
"""When, the rank of the kind, the score, and where a forced step leads."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = 1 << 63


class _Walk:
    """What is remembered of a customer on the way through his events."""

    __slots__ = (
        "began", "bought", "clicks", "coming", "contract", "dwell", "entered", "floor", "index", "last", "lost_loyalty", "next", "open_cases", "orders", "policy",
        "praised", "sign", "sign_index", "stage", "steps", "unanswered",
    )  # fmt: skip

    def __init__(self, policy: LifecyclePolicy) -> None:
        self.coming: list[tuple[int, LifecyclePolicy]] = []
        while policy.before is not None and policy.since is not None:
            self.coming.append((_micros(policy.since), policy))
            policy = policy.before
        self.use(policy, 0)
        self.stage: Stage | None = None
        self.steps: list[Step] = []
        self.entered = self.index = self.last = self.orders = self.open_cases = 0
        self.bought: list[int] = []
        self.clicks: list[int] = []
        self.unanswered: list[int] = []
        self.praised = self.contract = False
        self.lost_loyalty: int | None = None
        self.sign = self.sign_index = 0

    def use(self, policy: LifecyclePolicy, since: int) -> None:
        self.policy, self.began = policy, since
        self.dwell = policy.min_dwell // _MICROSECOND
        self.floor = policy.silence_floor // _MICROSECOND
        self.next = self.coming[-1][0] if self.coming else _NEVER

    def reach(self, at: int) -> None:
        """Take up every edition that counts by then; what its predecessor decides, it decides up to there."""
        while at >= self.next:
            since, policy = self.coming.pop()
            self.fall_silent(since - 1)
            self.use(policy, since)

    def go(self, to: Stage, at: int, reason: str) -> None:
        self.steps.append((self.stage, to, at, reason, self.index, self.last))
        if self.stage is Stage.LOYALTY:
            self.lost_loyalty = at
        if to is Stage.ACQUISITION:
            self.clicks.clear()  # engagement is what follows the capture
        self.stage, self.entered = to, at

    def buy_path(self, at: int, reason: str) -> None:
        """Go up to fulfilment; stages that were skipped are there, with no length."""
        start = _PATH.index(self.stage) + 1 if self.stage in _EARLY else 0
        for stage in _PATH[start:]:
            self.go(stage, at, reason)

    def fall_silent(self, until: int) -> None:
        """Let a buyer without contract go whose silence grew too long, at the instant it did."""
        is_buyer = self.stage is Stage.FULFILMENT or self.stage is Stage.LOYALTY
        if not is_buyer or self.contract or until - self.sign <= self.floor:
            return
        limit = self.floor
        if len(self.bought) > 1:
            gaps = [after - before for before, after in pairwise(self.bought)]
            limit = max(limit, int(self.policy.silence_factor * median(gaps)))
        if until - self.sign > limit:
            self.index = self.sign_index
            self.go(Stage.CHURNED, max(self.sign + limit + 1, self.began), "inactive")

    def loyal(self, at: int) -> None:
        enough = self.orders >= self.policy.loyal_orders and self.open_cases == 0
        if enough and (self.lost_loyalty is None or at - self.lost_loyalty >= self.dwell):
            self.go(Stage.LOYALTY, at, "loyal")

    def within(self, times: list[int], at: int, window: timedelta) -> int:
        times.append(at)
        return len(times) - bisect_right(times, at - window // _MICROSECOND - 1)

    def came_back(self, at: int, kind: int) -> None:
        stage, policy = self.stage, self.policy
        if stage is None:
            self.go(Stage.AWARENESS, at, "first_touch")
        elif stage is Stage.DISQUALIFIED and at > self.entered:
            self.go(Stage.ACQUISITION, at, "recycled")
        elif stage is Stage.CHURNED and at > self.entered:
            self.go(Stage.RETENTION, at, "re_engaged")
        if kind == _R.IDENTIFIED and self.stage is Stage.AWARENESS:
            self.go(Stage.ACQUISITION, at, "identified")
        clicked = kind == _R.CLICK and self.within(self.clicks, at, policy.click_window) >= policy.clicks
        if (clicked or kind == _R.ENGAGED) and self.stage is Stage.ACQUISITION and at > self.entered:
            self.go(Stage.RETENTION, at, "engaged")

    def bought_at(self, at: int, kind: int) -> None:
        stage = self.stage
        self.orders += 1
        self.bought.append(at)
        self.contract = self.contract or kind == _R.CONTRACT_STARTED
        if stage is Stage.CHURNED or (stage is Stage.RETENTION and len(self.bought) > 1):
            self.go(Stage.FULFILMENT, at, "won_back")
        elif stage is Stage.RETENTION:
            self.go(Stage.FULFILMENT, at, "first_purchase")
        elif stage is Stage.DISQUALIFIED:
            self.go(Stage.ACQUISITION, at, "recycled")
            self.buy_path(at, "direct_purchase")
        elif stage is not Stage.FULFILMENT and stage is not Stage.LOYALTY:
            self.buy_path(at, "direct_purchase")

    def weigh(self, at: int, kind: int, value: float | None) -> None:
        """Take what speaks for loyalty, or against it."""
        policy = self.policy
        if kind == _R.CASE_OPENED:
            self.open_cases += 1
        elif kind == _R.CASE_CLOSED:
            self.open_cases = max(self.open_cases - 1, 0)
        elif value is None:
            self.praised = True
        else:
            csat = kind == _R.CSAT
            if value >= (policy.csat_enter if csat else policy.nps_enter):
                self.praised = True
            elif value <= (policy.csat_leave if csat else policy.nps_leave):
                self.praised = False
                if self.stage is Stage.LOYALTY and at - self.entered >= self.dwell:
                    self.go(Stage.FULFILMENT, at, "expectation_broken")

    def turn(self, at: int, kind: int, value: float | None, to: Stage | None) -> None:
        """Take what is neither a purchase nor a sign from the customer."""
        stage, policy = self.stage, self.policy
        if kind == _R.UNANSWERED:
            if self.within(self.unanswered, at, policy.unanswered_window) >= policy.unanswered and stage in _EARLY:
                self.go(Stage.DISQUALIFIED, at, "never_responded")
        elif kind == _R.PURCHASE_REVERSED:
            self.orders = max(self.orders - 1, 0)
            if self.orders == 0 and self.stage is Stage.LOYALTY:
                self.go(Stage.FULFILMENT, at, "order_reversed")
            if self.orders == 0 and self.stage is Stage.FULFILMENT:
                self.go(Stage.RETENTION, at, "order_reversed")
        elif kind == _R.SCORED:
            if stage is Stage.ACQUISITION and value is not None and value >= policy.quality_score:
                self.go(Stage.RETENTION, at, "engaged")
        elif kind in {_R.SLA_MISSED, _R.TIER_LOST}:
            if stage is Stage.LOYALTY:
                self.praised = False
                self.go(Stage.FULFILMENT, at, "expectation_broken")
        elif kind == _R.ALIVE:
            is_buyer = stage is Stage.FULFILMENT or stage is Stage.LOYALTY
            limit = policy.churned_below
            if is_buyer and not self.contract and limit is not None and value is not None and value < limit:
                self.go(Stage.CHURNED, at, "inactive")
        elif kind in {_R.CANCELLED, _R.GOODBYE}:
            self.contract = False
            if stage is Stage.FULFILMENT or stage is Stage.LOYALTY:
                self.go(Stage.CHURNED, at, "cancelled")
            elif stage in _EARLY and kind == _R.GOODBYE:
                self.go(Stage.DISQUALIFIED, at, "refused")
        elif kind in {_R.INVALID, _R.REFUSED}:
            if stage in _EARLY:
                self.go(Stage.DISQUALIFIED, at, "invalid" if kind == _R.INVALID else "refused")
        elif kind == _R.FORCED:
            self.praised = False  # what spoke for loyalty before does not overrule who decided; what comes after may
            if to is not None and to is not stage:
                self.go(to, at, "forced")
        elif kind == _R.ERASED and stage is not None:
            self.go(Stage.ERASED, at, "erased")

    def take(self, index: int, at: int, kind: int, value: float | None, to: Stage | None) -> None:
        if at >= self.next:
            self.reach(at)
        if at - self.sign > self.floor:
            self.fall_silent(at)
        self.index = self.last = index
        if _BUYS[kind]:
            self.bought_at(at, kind)
        elif _INBOUND[kind]:
            self.came_back(at, kind)
        else:
            self.turn(at, kind, value, to)
        if _SIGNS[kind]:
            self.sign, self.sign_index = at, index
            if self.unanswered:
                self.unanswered.clear()
        if _WEIGHED[kind]:
            self.weigh(at, kind, value)
        if self.praised and self.stage is Stage.FULFILMENT:
            self.loyal(at)


def walk(rows: Iterable[Row], policy: LifecyclePolicy, as_of: int) -> list[Step]:
    """Return the steps that `rows` of one customer lead to; they come in the order of the walk.

    What `derive` and the columns of `pycrm.bulk` share; times are whole microseconds since 1970.
    """
    way = _Walk(policy)
    for index, (at, kind, value, to) in enumerate(rows):
        way.take(index, at, kind, value, to)
        if kind == _R.ERASED or way.stage is Stage.ERASED:
            return way.steps
    way.reach(as_of)
    way.fall_silent(as_of)
    return way.steps


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def derive(
    events: Iterable[LifecycleEvent],
    policy: LifecyclePolicy,
    as_of: datetime,
    *,
    known_at: datetime | None = None,
    customer_id: UUID | None = None,
) -> tuple[StageChange, ...]:
    """Return the history of stages that the events lead to.

    Parameters
    ----------
    events : iterable of LifecycleEvent
        The evidence, in any order; the same kind and id twice count once.
    policy : LifecyclePolicy
        The thresholds.
    as_of : datetime
        Up to when: later events do not count, and silence is counted to here.
    known_at : datetime, optional
        Only what was known by then; everything unless given.
    customer_id : UUID, optional
        Whose history it is; needed where events of several customers, merged into one, come together.

    Returns
    -------
    tuple of StageChange
        In their order; ids follow from the customer and the step, so deriving again makes the same entries.

    Raises
    ------
    InvalidValueError
        If the events are of several customers and none is named.

    Examples
    --------
    >>> who = UUID(int=1)
    >>> bought = LifecycleEvent(
    ...     id=UUID(int=2), customer_id=who, kind=EventKind.PURCHASE, at=datetime(2026, 5, 1, tzinfo=UTC)
    ... )
    >>> history = derive([bought], LifecyclePolicy(), datetime(2026, 6, 1, tzinfo=UTC))
    >>> [str(change.to_stage) for change in history]
    ['awareness', 'acquisition', 'retention', 'fulfilment']
    """
    as_of, known_at = instant(as_of), None if known_at is None else instant(known_at)
    known = [each for each in events if each.at <= as_of and (known_at is None or each.known <= known_at)]
    latest_first = sorted(known, key=lambda each: each.at, reverse=True)
    once = list({(each.id, each.kind): each for each in latest_first}.values())
    once.sort(key=lambda each: (each.at, RANKS[each.kind], each.id))
    whose = {each.customer_id for each in once}
    if customer_id is None and len(whose) > 1:
        raise InvalidValueError(
            "customer_id", len(whose), "the events are of several customers; name whose history it is"
        )
    if not once:
        return ()
    owner = next(iter(whose)) if customer_id is None else customer_id
    rows = [(_micros(each.at), RANKS[each.kind], each.value, each.to) for each in once]
    # Had one of the events before it been another, the step might have been: it was known when all of them were.
    known_by = list(accumulate((each.known for each in once), max))
    changes = []
    for number, (before, after, micros, reason, index, last) in enumerate(walk(rows, policy, _micros(as_of))):
        event, at = once[index], _EPOCH + micros * _MICROSECOND
        version = policy.edition_at(at).version
        forced = reason == "forced"
        changes.append(
            StageChange(
                id=uuid5(owner, f"{version}\x1f{number}\x1f{before}\x1f{after}\x1f{micros}"),
                customer_id=owner,
                from_stage=before,
                to_stage=after,
                occurred_at=at,
                recorded_at=max(at, known_by[last]),
                reason=reason,
                evidence=(EvidenceRef(str(event.kind), event.id, event.at),),
                policy_version=version,
                actor=event.actor if forced else None,
                forced=forced,
                note=event.note if forced else None,
            )
        )
    return tuple(changes)


def win_back_count(history: Iterable[StageChange]) -> int:
    """Return how often a customer was won back: bought again after he had left.

    Examples
    --------
    >>> win_back_count([])
    0
    """
    return sum(change.reason == "won_back" for change in history)


def time_in_stage(history: Sequence[StageChange], as_of: datetime) -> Mapping[Stage, timedelta]:
    """Return how long the customer was in each stage he was ever in, up to `as_of`.

    Examples
    --------
    >>> time_in_stage([], datetime(2026, 6, 1, tzinfo=UTC))
    {}
    """
    spent: dict[Stage, timedelta] = {}
    for number, change in enumerate(history):
        if change.occurred_at > as_of:
            break
        end = history[number + 1].occurred_at if number + 1 < len(history) else as_of
        spent[change.to_stage] = spent.get(change.to_stage, timedelta(0)) + min(end, as_of) - change.occurred_at
    return spent


class ActivityStatus(StrEnum):
    """Whether a buyer is still with us: derived as of a date, never stored as truth."""

    NEW = "new"
    ACTIVE = "active"
    COOLING = "cooling"
    AT_RISK = "at_risk"
    LAPSED = "lapsed"
    LOST = "lost"
    WON_BACK = "won_back"


_SILENCE = (
    (1.5, ActivityStatus.ACTIVE),
    (2.5, ActivityStatus.COOLING),
    (4.0, ActivityStatus.AT_RISK),
    (8.0, ActivityStatus.LAPSED),
)
_ALIVE = (
    (0.8, ActivityStatus.ACTIVE),
    (0.5, ActivityStatus.COOLING),
    (0.25, ActivityStatus.AT_RISK),
    (0.1, ActivityStatus.LAPSED),
)


def activity_status(
    orders: Iterable[datetime],
    as_of: datetime,
    *,
    usual_gap: timedelta = timedelta(days=60),
    probability_alive: float | None = None,
) -> ActivityStatus | None:
    """Return how active a buyer is at `as_of`; None before his first order.

    His silence is measured in his own median gap, in `usual_gap` where he has none; with `probability_alive` that is asked
    instead. A first order within `usual_gap` makes him new; one that ended a silence of a lapsed buyer, won back.

    Examples
    --------
    >>> activity_status([datetime(2026, 5, 1, tzinfo=UTC)], datetime(2026, 5, 9, tzinfo=UTC))
    <ActivityStatus.NEW: 'new'>
    """
    as_of = instant(as_of)
    times = sorted(at for at in map(instant, orders) if at <= as_of)
    if usual_gap <= timedelta(0):
        raise InvalidValueError("usual_gap", usual_gap, "give a length of time above 0")
    if probability_alive is not None and not 0 <= probability_alive <= 1:
        raise InvalidValueError("probability_alive", probability_alive, "give a number from 0 to 1")
    if not times:
        return None
    silence = (as_of - times[-1]) / usual_gap
    gaps = [(after - before) / usual_gap for before, after in pairwise(times) if after > before]
    if not gaps and silence <= 1:
        return ActivityStatus.NEW
    own = median(gaps) if gaps else 1.0
    if probability_alive is None:
        status = next((status for limit, status in _SILENCE if silence <= limit * own), ActivityStatus.LOST)
    else:
        status = next((status for limit, status in _ALIVE if probability_alive >= limit), ActivityStatus.LOST)
    usual = median(gaps[:-1]) if len(gaps) > 1 else 1.0
    ended_a_silence = bool(gaps) and gaps[-1] > 4 * usual
    return ActivityStatus.WON_BACK if ended_a_silence and status is ActivityStatus.ACTIVE else status


HUBSPOT_LABELS: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.AWARENESS: "subscriber",
        Stage.ACQUISITION: "lead",
        Stage.RETENTION: "marketingqualifiedlead",
        Stage.FULFILMENT: "customer",
        Stage.LOYALTY: "evangelist",
        Stage.DISQUALIFIED: "other",
        Stage.CHURNED: "other",
        Stage.ERASED: "other",
    }
)
"""Each stage as HubSpot's property `lifecyclestage` calls it."""
SALESFORCE_LABELS: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.AWARENESS: "Visitor",
        Stage.ACQUISITION: "Prospect",
        Stage.RETENTION: "MQL",
        Stage.FULFILMENT: "Won",
        Stage.LOYALTY: "Won",
        Stage.DISQUALIFIED: "Disqualified",
        Stage.CHURNED: "Lost",
        Stage.ERASED: "Removed",
    }
)
"""Each stage as the lifecycle report of Salesforce Account Engagement would call it; it has none after the sale."""
