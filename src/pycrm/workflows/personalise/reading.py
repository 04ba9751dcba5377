"""What deciding reads, a column at a time: what each customer bought, what he was given and what came of it, what he needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.bulk import Holdings
from pycrm.model.customer import Customer
from pycrm.model.intent import ContactIntent
from pycrm.model.knowledge import CustomerFact
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.offer_log import OfferAnswer, OfferOutcome, OfferOverride
from pycrm.model.order import Order, OrderStatus
from pycrm.model.predicate import where
from pycrm.storage.columns import read_columns
from pycrm.storage.lookups import IN_USE
from pycrm.storage.profiling import Profiled, profiled
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query

__all__ = ["NEVER", "Bought", "Log", "bought_until", "customer_rows", "log_until", "needs_known", "told_since", "us"]

NEVER = np.datetime64("NaT", "us")
_GONE = {OrderStatus.CANCELLED, OrderStatus.RETURNED}


def us(at: datetime) -> np.datetime64:
    """Return a time as numpy keeps it."""
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def _times(values: Sequence[datetime | None]) -> NDArray[np.datetime64]:
    # A store answers in UTC.
    plain = [None if value is None else value.replace(tzinfo=None) for value in values]
    return np.array(plain, dtype="datetime64[us]")


def customer_rows(unit: UnitOfWork, of: Profiled | None = None) -> tuple[list[UUID], dict[UUID, int]]:
    """Return the customers in the order of their ids, and the row of each; a merged id has the row of who he is now.

    Those of whom no numbers may be made have none.
    """
    found = profiled(unit) if of is None else of
    known = found.now
    held = read_columns(unit, Query(Customer, IN_USE), ["id"])["id"]
    ids = sorted(id for id in held if id not in known.into and id not in found.why_not)
    rows = {id: row for row, id in enumerate(ids)}
    for gone, (now, _) in known.into.items():
        if now in rows:
            rows[gone] = rows[now]
    return ids, rows


def _size(rows: Mapping[UUID, int]) -> int:
    return max(rows.values(), default=-1) + 1


@frozen(kw_only=True, eq=False)
class Bought:
    """Order lines as columns, cancelled and wholly returned orders left out.

    Parameters
    ----------
    customer : ndarray of int
        The row of the customer of each line.
    at : ndarray of datetime64
        When.
    sku : ndarray of object
        What.
    order : ndarray of object
        The id of the order.
    paid : ndarray of float
        What the line came to, tax left out.
    """

    customer: NDArray[np.int64] = field(repr=False)
    at: NDArray[np.datetime64] = field(repr=False)
    sku: NDArray[np.object_] = field(repr=False)
    order: NDArray[np.object_] = field(repr=False)
    paid: NDArray[np.float64] = field(repr=False)


def _paid(line: Mapping[str, Any]) -> float:
    paid = float(line.get("quantity", 1)) * float(line["unit_price"]["amount"])
    discount = line.get("discount")
    return paid if discount is None else paid - float(discount["amount"])


def bought_until(unit: UnitOfWork, rows: Mapping[UUID, int], at: datetime) -> Bought:
    """Return what the customers in `rows` had bought by then."""
    names = ["id", "customer_id", "placed_at", "status", "lines"]
    columns = read_columns(unit, Query(Order, where("placed_at") <= at), names)
    customer, times, sku, order, paid = [], [], [], [], []
    for id, who, placed_at, status, lines in zip(*columns.values(), strict=True):
        if status in _GONE or who not in rows:
            continue
        for line in lines or ():
            customer.append(rows[who])
            times.append(placed_at)
            sku.append(line["sku"])
            order.append(id)
            paid.append(_paid(line))
    return Bought(
        customer=np.array(customer, dtype=np.int64),
        at=_times(times),
        sku=np.array(sku, dtype=object),
        order=np.array(order, dtype=object),
        paid=np.array(paid, dtype=np.float64),
    )


@frozen(kw_only=True, eq=False)
class Log:
    """The decisions as columns, the word of a person in the place of what was decided.

    Parameters
    ----------
    id : ndarray of object
        Of each decision.
    customer : ndarray of int
        The row of the customer.
    offer : ndarray of int
        The column of the offer; -1 is none.
    at, expires : ndarray of datetime64
        From when, and until when it is open (NaT: for good).
    told : ndarray of bool
        Whether it went out over a channel.
    channel : ndarray of object
        Over which.
    fallback : ndarray of bool
        Whether it is what everybody gets.
    arm, context : ndarray of object
        As in the decision.
    accepted, settled : ndarray of bool
        Whether it was taken, and whether there is an outcome at all.
    """

    id: NDArray[np.object_] = field(repr=False)
    customer: NDArray[np.int64] = field(repr=False)
    offer: NDArray[np.int64] = field(repr=False)
    at: NDArray[np.datetime64] = field(repr=False)
    expires: NDArray[np.datetime64] = field(repr=False)
    told: NDArray[np.bool_] = field(repr=False)
    channel: NDArray[np.object_] = field(repr=False)
    fallback: NDArray[np.bool_] = field(repr=False)
    arm: NDArray[np.object_] = field(repr=False)
    context: NDArray[np.object_] = field(repr=False)
    accepted: NDArray[np.bool_] = field(repr=False)
    settled: NDArray[np.bool_] = field(repr=False)

    def holdings(self, n: int, offers: Sequence[Offer], bought: Bought, at: datetime) -> Holdings:
        """Return what n customers have of the offers and of the articles that these name."""
        named = sorted({sku for offer in offers for sku in (*offer.skus, *offer.requires, *offer.upgrades)})
        column = {sku: number for number, sku in enumerate(named)}
        places = np.array([column.get(sku, -1) for sku in bought.sku.tolist()], dtype=np.int64)
        owned = np.zeros((n, len(named)), dtype=np.bool_)
        known = places >= 0
        owned[bought.customer[known], places[known]] = True
        ever = np.zeros(n, dtype=np.bool_)
        ever[bought.customer] = True
        given = np.zeros((n, len(offers)), dtype=np.int64)
        last = np.full((n, len(offers)), NEVER)
        is_open = np.zeros((n, len(offers)), dtype=np.bool_)
        some = np.flatnonzero(self.offer >= 0)
        cells = (self.customer[some], self.offer[some])
        np.add.at(given, cells, 1)
        np.fmax.at(last, cells, self.at[some])
        now = us(at)
        # What everybody gets holds nobody's hands.
        open_ = (now < self.expires[some]) & ~self.settled[some] & ~self.fallback[some]
        is_open[cells[0][open_], cells[1][open_]] = True
        return Holdings(skus=tuple(named), owned=owned, bought=ever, given=given, last_given=last, open=is_open)


def log_until(
    unit: UnitOfWork, rows: Mapping[UUID, int], columns: Mapping[UUID, int], at: datetime
) -> tuple[Log, datetime | None]:
    """Return the decisions on the customers in `rows`, and when the newest of all was made."""
    names = ["id", "customer_id", "offer_id", "decided_at", "expires_at", "channel", "fallback", "arm", "context"]
    held = read_columns(unit, Query(OfferDecision), names)
    newest = max(held["decided_at"], default=None)
    answers = read_columns(unit, Query(OfferOutcome, where("at") <= at), ["decision_id", "answer"])
    answered = dict(zip(answers["decision_id"], answers["answer"], strict=True))
    words = read_columns(unit, Query(OfferOverride, where("at") <= at), ["decision_id", "at", "id", "offer_id"])
    spoken = sorted(zip(*words.values(), strict=True), key=lambda word: (word[1], str(word[2])))
    said = {decision: offer for decision, _, _, offer in spoken}
    keep = [who in rows for who in held["customer_id"]]
    picked = {name: [value for value, kept in zip(held[name], keep, strict=True) if kept] for name in names}
    offered = [said.get(id, offer) for id, offer in zip(picked["id"], picked["offer_id"], strict=True)]
    came = [answered.get(id) for id in picked["id"]]
    log = Log(
        id=np.array(picked["id"], dtype=object),
        customer=np.array([rows[who] for who in picked["customer_id"]], dtype=np.int64),
        offer=np.array([-1 if offer is None else columns.get(offer, -1) for offer in offered], dtype=np.int64),
        at=_times(picked["decided_at"]),
        expires=_times(picked["expires_at"]),
        told=np.array([channel is not None for channel in picked["channel"]], dtype=np.bool_),
        channel=np.array(picked["channel"], dtype=object),
        fallback=np.array(picked["fallback"], dtype=np.bool_),
        arm=np.array(picked["arm"], dtype=object),
        # What a person gave instead was not given in that context.
        context=np.array(
            [None if id in said else code for id, code in zip(picked["id"], picked["context"], strict=True)],
            dtype=object,
        ),
        accepted=np.array([answer == OfferAnswer.ACCEPTED for answer in came], dtype=np.bool_),
        settled=np.array([answer is not None for answer in came], dtype=np.bool_),
    )
    return log, newest


def needs_known(unit: UnitOfWork, rows: Mapping[UUID, int], at: datetime, names: Sequence[str]) -> NDArray[np.bool_]:
    """Return who is known to have which of these needs, shape (n, needs): by the newest word on each topic.

    A fact speaks of a need by the name of its topic, where it matters to the customer (strength of .5 and more), or by its value.
    """
    known = np.zeros((_size(rows), len(names)), dtype=np.bool_)
    if not names:
        return known
    place = {name: number for number, name in enumerate(names)}
    wanted = ["customer_id", "topic", "value", "strength", "recorded_at", "id", "period"]
    columns = read_columns(unit, Query(CustomerFact, where("recorded_at") <= at), wanted)
    newest: dict[tuple[int, str], tuple[Any, ...]] = {}
    for who, topic, value, strength, recorded_at, id, period in zip(*columns.values(), strict=True):
        if who not in rows or not _holds(period, at):
            continue
        key = rows[who], f"{topic['kind']}:{topic['name']}"
        rank = (recorded_at, str(id))
        if key not in newest or rank > newest[key][0]:
            newest[key] = rank, topic["name"], value, strength
    for (row, _), (_, name, value, strength) in newest.items():
        if strength >= 0.5:
            for said in (name, value):
                if said in place:
                    known[row, place[said]] = True
    return known


def _holds(period: Mapping[str, Any] | None, at: datetime) -> bool:
    if not period:
        return True
    start, end = period.get("start"), period.get("end")
    return (start is None or datetime.fromisoformat(start) <= at) and (end is None or at < datetime.fromisoformat(end))


def told_since(
    unit: UnitOfWork, log: Log, rows: Mapping[UUID, int], at: datetime, span: timedelta
) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """Return when each customer was last contacted, and how often within the span: by offers, and by what was planned."""
    last, often = np.full(_size(rows), NEVER), np.zeros(_size(rows), dtype=np.int64)
    sent = np.flatnonzero(log.told)
    asked = read_columns(
        unit,
        Query(ContactIntent, (where("send_at") > at - span) & (where("send_at") <= at)),
        ["customer_id", "send_at", "cancelled"],
    )
    pairs = [
        (rows[who], when) for who, when, cancelled in zip(*asked.values(), strict=True) if who in rows and not cancelled
    ]
    who = np.concatenate([log.customer[sent], np.array([row for row, _ in pairs], dtype=np.int64)])
    when = np.concatenate([log.at[sent], _times([when for _, when in pairs])])
    np.fmax.at(last, who, when)
    lately = when > us(at - span)
    np.add.at(often, who[lately], 1)
    return last, often
