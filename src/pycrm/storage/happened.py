"""What happened to customers, read out of what is kept of them: the evidence from which stages are derived, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from attrs import field, frozen

from pycrm.model.assessment import Assessment
from pycrm.model.earning import EarningRule
from pycrm.model.entity import Entity
from pycrm.model.interaction import Direction, Interaction, InteractionKind
from pycrm.model.journey import EventKind
from pycrm.model.lead import Lead
from pycrm.model.lead_magnet import MagnetClaim
from pycrm.model.lifecycle import StageChange
from pycrm.model.order import Order, OrderStatus
from pycrm.model.points_account import PointsAccount
from pycrm.model.points_entry import EntryKind, PointsEntry
from pycrm.model.predicate import Predicate, where
from pycrm.model.referral import Referral, ReferralStatus
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases
from pycrm.storage.lookups import not_in_use
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.purchases import as_columns
from pycrm.storage.query import Query

__all__ = ["SAID", "Happened", "chunks", "happened"]

_K = EventKind
_AT_ONCE = 500

SAID: Mapping[str, EventKind] = {
    "submitted": _K.IDENTIFIED,
    "clicked": _K.CLICK,
    "replied": _K.ENGAGED,
    "answered": _K.ENGAGED,
    "posted": _K.TOUCH,
    "unsubscribed": _K.REFUSED,
    "complained": _K.REFUSED,
    **{
        str(kind): kind
        for kind in (
            _K.IDENTIFIED, _K.CLICK, _K.ENGAGED, _K.CONTRACT_STARTED, _K.CASE_OPENED, _K.CASE_CLOSED, _K.SLA_MISSED,
            _K.TIER_LOST, _K.CANCELLED, _K.GOODBYE, _K.UNANSWERED, _K.INVALID, _K.REFUSED,
        )
    },
}  # fmt: skip
"""What the outcome of an interaction says; one that says nothing of this counts by who began it, and over what."""

_ANSWERS = {InteractionKind.VISIT: _K.TOUCH, InteractionKind.WEB: _K.TOUCH, InteractionKind.SOCIAL: _K.TOUCH}
_RATINGS = {"csat": _K.CSAT, "nps": _K.NPS}


@frozen(kw_only=True)
class Happened:
    """Events as columns, one row each, in no order.

    Parameters
    ----------
    customer : list of UUID
        Who he is now, after all merges.
    kind : list of EventKind
        What happened.
    at, known_at : list of datetime
        When, and when we knew; a record with one clock was known when it happened.
    value : list of float
        Scores; None elsewhere.
    to : list of Stage
        Where a forced step leads; None elsewhere.
    id : list of UUID
        The record it rests on.
    forced : dict of UUID to StageChange
        The entries that force, by their ids.
    """

    customer: list[UUID] = field(factory=list)
    kind: list[EventKind] = field(factory=list)
    at: list[datetime] = field(factory=list)
    known_at: list[datetime] = field(factory=list)
    value: list[float | None] = field(factory=list)
    to: list[Any] = field(factory=list)
    id: list[UUID] = field(factory=list)
    forced: dict[UUID, StageChange] = field(factory=dict)

    def add(self, whose: UUID, kind: EventKind, id: UUID, at: datetime, known_at: datetime | None = None) -> None:
        """Take one more; it has no score."""
        self.customer.append(whose)
        self.kind.append(kind)
        self.id.append(id)
        self.at.append(at)
        self.known_at.append(at if known_at is None else known_at)
        self.value.append(None)
        self.to.append(None)

    def rate(self, value: float) -> None:
        """Give the one taken last its score."""
        self.value[-1] = float(value)


def happened(unit: UnitOfWork, until: datetime, known: Aliases, ids: Sequence[UUID] | None = None) -> Happened:
    """Return what happened, and was known, until a time; of customers whose data may not be used, nothing.

    Parameters
    ----------
    unit : UnitOfWork
        Of the store.
    until : datetime
        What happened or was known later does not count.
    known : Aliases
        Whom each id means.
    ids : sequence of UUID, optional
        Only what was written of these; of all unless given.

    Notes
    -----
    A cancelled order never counts: a store does not know when it was cancelled. An order that was given back whole counts until
    the refund that did it. A survey keeps its ratings in its payload, as ``csat`` or ``nps``.
    """
    told = _Telling(unit, until, known, ids)
    told.orders()
    told.interactions()
    told.claims()
    told.referrals()
    told.contributions()
    told.assessments()
    told.forced()
    return told.made


def chunks(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    """Yield ids in parts that a store takes in one question."""
    listed = list(ids)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]


class _Telling:
    """One reading of everything that speaks of customers."""

    def __init__(self, unit: UnitOfWork, until: datetime, known: Aliases, ids: Sequence[UUID] | None) -> None:
        self.unit, self.until, self.known, self.ids = unit, until, known, ids
        self.unused = not_in_use(unit)
        self.made = Happened()

    def _columns(
        self, model: type[Entity], names: Sequence[str], condition: Predicate, whose: str = "customer_id"
    ) -> Iterator[tuple[UUID, tuple[Any, ...]]]:
        """Yield each record as whose it is and the columns asked for; nothing of those who are not used."""
        for mine in self._mine(condition, whose):
            held = read_columns(self.unit, Query(model, mine), [whose, *names])
            for id, *row in zip(*(held[name] for name in (whose, *names)), strict=True):
                owner = None if id is None else self.known.of(id)
                if owner is not None and owner not in self.unused and id not in self.unused:
                    yield owner, tuple(row)

    def _mine(self, condition: Predicate, whose: str) -> Iterator[Predicate]:
        if self.ids is None:
            yield condition
        else:
            for some in chunks(self.ids):
                yield condition & where(whose).is_in(some)

    def orders(self) -> None:
        add, end = self.made.add, self.until + timedelta(microseconds=1)
        kept = (where("placed_at") <= self.until) & (where("status") != str(OrderStatus.CANCELLED))
        names = ["id", "placed_at", "currency", "status", "lines", "refunds"]
        rows = list(self._columns(Order, names, kept))
        held = {name: [row[1][place] for row in rows] for place, name in enumerate(names)}
        held["customer_id"] = [owner for owner, _ in rows]
        brought = as_columns(held, end, wanted=False)
        columns = (held["id"], brought["customer"], brought["time"], brought["gross"], brought["refunds"])
        for id, owner, at, gross, refunds in zip(*columns, strict=True):
            if gross <= 0:
                continue
            add(owner, _K.PURCHASE, id, at)
            left = gross
            for moment, amount in sorted(refunds):
                left -= amount
                if left <= 0:
                    add(owner, _K.PURCHASE_REVERSED, id, max(moment, at))
                    break

    def interactions(self) -> None:
        add, made = self.made.add, self.made
        then = (where("occurred_at") <= self.until) & (where("recorded_at") <= self.until)
        names = ["id", "occurred_at", "recorded_at", "kind", "direction", "outcome"]
        for owner, (id, at, known_at, over, direction, outcome) in self._columns(Interaction, names, then):
            kind = SAID.get(outcome)
            if kind is None and direction == Direction.IN:
                kind = _ANSWERS.get(over, _K.ENGAGED)
            elif kind is None and direction == Direction.OUT:
                kind = _K.UNANSWERED
            if kind is not None:
                add(owner, kind, id, at, known_at)
        rated = then & (where("kind") == str(InteractionKind.SURVEY))
        for owner, (id, at, known_at, payload) in self._columns(
            Interaction, ["id", "occurred_at", "recorded_at", "payload"], rated
        ):
            for name, kind in _RATINGS.items():
                value = (payload or {}).get(name)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    add(owner, kind, id, at, known_at)
                    made.rate(value)

    def claims(self) -> None:
        for model, when in ((MagnetClaim, "claimed_at"), (Lead, "created_at")):
            for owner, (id, at) in self._columns(model, ["id", when], where(when) <= self.until):
                self.made.add(owner, _K.IDENTIFIED, id, at)

    def referrals(self) -> None:
        good = [str(ReferralStatus.QUALIFIED), str(ReferralStatus.REWARDED)]
        then = (where("qualified_at") <= self.until) & where("status").is_in(good)
        for owner, (id, at) in self._columns(Referral, ["id", "qualified_at"], then, "advocate_id"):
            self.made.add(owner, _K.REFERRAL_QUALIFIED, id, at)

    def contributions(self) -> None:
        """Take what earned points for content and was not taken back."""
        rules = read_columns(self.unit, Query(EarningRule, where("event") == "content"), ["code"])["code"]
        if not rules:
            return
        account = {id: owner for owner, (id,) in self._columns(PointsAccount, ["id"], where("posted") > 0, "member_id")}
        earned = (
            (where("kind") == str(EntryKind.EARN))
            & where("rule").is_in(sorted(set(rules)))
            & (where("at") <= self.until)
        )
        held = read_columns(self.unit, Query(PointsEntry, earned), ["id", "account_id", "at"])
        gone: set[UUID] = set()
        for some in chunks(held["id"]):
            undone = where("of_entry").is_in(some) & (where("at") <= self.until)
            undone &= where("kind") == str(EntryKind.REVERSE)
            gone.update(read_columns(self.unit, Query(PointsEntry, undone), ["of_entry"])["of_entry"])
        for id, whose, at in zip(held["id"], held["account_id"], held["at"], strict=True):
            if whose in account and id not in gone:
                self.made.add(account[whose], _K.CONTENT_REWARDED, id, at)

    def assessments(self) -> None:
        """Take who was how probably alive, as of the end of each day of a snapshot."""
        names = ["id", "as_of", "probability_alive"]
        given = (where("as_of") < self.until.date()) & where("probability_alive").is_null(False)
        for owner, (id, day, alive) in self._columns(Assessment, names, given):
            at = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
            self.made.add(owner, _K.ALIVE, id, at)
            self.made.rate(alive)

    def forced(self) -> None:
        asked = (where("forced") == True) & (where("recorded_at") <= self.until)  # noqa: E712  # a condition, not a comparison
        for condition in self._mine(asked, "customer_id"):
            for batch in self.unit.of(StageChange).stream(Query(StageChange, condition)):
                for change in batch:
                    owner = self.known.of(change.customer_id)
                    # What a derivation wrote again rests on the entry that forced it; that one is here too.
                    if owner in self.unused or any(ref.kind == _K.FORCED for ref in change.evidence):
                        continue
                    self.made.add(owner, _K.FORCED, change.id, change.occurred_at, change.recorded_at)
                    self.made.to[-1] = change.to_stage
                    self.made.forced[change.id] = change
