"""The lifecycle over a store: stages derived from what is kept, written as steps, and taken back where we know better.

`advance` reads what happened to all customers, derives their stages at once, and writes what is new. A step is never changed and
never deleted: one that the evidence does not lead to any more is retracted by an entry of its own, so that
`pycrm.model.standing_stages` tells the stages as they are known now, or as they were known at any time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycrm.bulk import derive_stages
from pycrm.errors import InvalidValueError, NotFound
from pycrm.model.customer import Customer
from pycrm.model.entity import named_id
from pycrm.model.evidence import Actor, EvidenceRef
from pycrm.model.journey import EventKind, LifecycleEvent, LifecyclePolicy
from pycrm.model.lifecycle import Stage, StageChange, StageRetraction, stage_of, standing_stages
from pycrm.model.predicate import Predicate, where
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.happened import Happened, chunks, happened
from pycrm.storage.identity import Aliases, aliases, aliases_among
from pycrm.storage.lookups import not_in_use, why_not_used
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["Advanced", "advance", "events", "force"]

_STRETCH = 1000

_Key: TypeAlias = tuple["Stage | None", Stage, datetime, str]


@frozen(kw_only=True)
class Advanced:
    """What a derivation over a store wrote.

    Parameters
    ----------
    as_of : datetime
        Up to when.
    customers : int
        How many have a history, or had one.
    written : Mapping of str to int
        New steps, by reason.
    retracted : int
        Steps that are not held any more.
    """

    as_of: datetime
    customers: int
    written: Mapping[str, int]
    retracted: int


def events(store: Store, customer_id: UUID, *, as_of: datetime) -> tuple[LifecycleEvent, ...]:
    """Return the evidence that a store keeps of one customer, as `pycrm.model.derive` takes it, oldest first.

    Of several who were merged it is everything of all of them. What was refunded, clicked, answered or left unanswered is told by
    `pycrm.storage.happened`; of one whose data may not be used there is none.

    Raises
    ------
    NotFound
        If there is no such customer.
    """
    until = instant(as_of)
    with store.begin(read_only=True) as unit:
        known = aliases_among(unit, (customer_id,))
        unit.of(Customer).get(known.of(customer_id))
        told = happened(unit, until, known, known.ids_of(customer_id))
    made = []
    for row, id in enumerate(told.id):
        root = told.forced.get(id)
        made.append(
            LifecycleEvent(
                id=id,
                customer_id=told.customer[row],
                kind=told.kind[row],
                at=told.at[row],
                known_at=told.known_at[row],
                value=told.value[row],
                to=told.to[row],
                actor=None if root is None else root.actor,
                note=None if root is None else root.note,
            )
        )
    return tuple(sorted(made, key=lambda one: (one.at, str(one.kind), str(one.id))))


def advance(
    store: Store,
    policy: LifecyclePolicy | None = None,
    *,
    as_of: datetime,
    customers: Iterable[UUID] | None = None,
    actor: str | None = None,
) -> Advanced:
    """Derive the stages of all customers from what the store keeps, and write what is new; again, it changes nothing.

    Parameters
    ----------
    store : Store
        With orders, interactions and whatever else speaks of customers.
    policy : LifecyclePolicy, optional
        The thresholds; the default policy unless given. A new one that names the edition `before` it leaves older steps as they are.
    as_of : datetime
        Now: what happened, or was recorded, later does not count, and silence is counted to here.
    customers : iterable of UUID, optional
        Only these, under whichever ids they are known.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If something was recorded of their stages after `as_of`: what was known is written forward.
    NotFound
        If one of `customers` is none.

    Notes
    -----
    Each thousand customers are a unit of work; a run that was interrupted is completed by the next. Customers whose data may not be
    used are left as they are. A step that a host wrote itself stands if the evidence leads there, or if it was forced.

    Examples
    --------
    >>> from pycrm.storage import MemoryStore
    >>> advance(MemoryStore(), as_of=datetime(2026, 5, 1, tzinfo=UTC)).customers
    0
    """
    rules, now = LifecyclePolicy() if policy is None else policy, instant(as_of)
    with store.begin(read_only=True) as unit:
        known, ids = _whom(unit, customers)
        _refuse_earlier(unit, now, ids)
        derived = _derived(happened(unit, now, known, ids), rules, now)
        had = {known.of(id) for id in _those_with_steps(unit, ids)}
        owners = sorted((derived.keys() | had) - not_in_use(unit).keys(), key=str)
    written: Counter[str] = Counter()
    retracted = 0
    for start in range(0, len(owners), _STRETCH):
        some = owners[start : start + _STRETCH]
        with store.begin(actor=actor, cause="lifecycle.advance") as unit:
            new, gone = _reconciled(unit, known, some, derived, rules, now)
            unit.commit()
        written.update(one.reason for one in new)
        retracted += len(gone)
    return Advanced(as_of=now, customers=len(owners), written=written, retracted=retracted)


def force(
    store: Store,
    customer_id: UUID,
    to: Stage,
    *,
    reason: str,
    actor: Actor,
    at: datetime,
    policy: LifecyclePolicy | None = None,
) -> StageChange:
    """Move a customer to a stage, whatever the rules allow, by name and with a reason; derivations respect it until newer evidence.

    Parameters
    ----------
    store : Store
        Where the customer is.
    customer_id : UUID
        Who, under whichever id he is known.
    to : Stage
        Where to; an erasure is not forced but done, by `privacy.erase`.
    reason : str
        Why, in words.
    actor : Actor
        Who decided.
    at : datetime
        Now.
    policy : LifecyclePolicy, optional
        The thresholds of the steps before it; the default policy unless given.

    Returns
    -------
    StageChange
        The entry; asked again for the same time, the same one.

    Raises
    ------
    InvalidValueError
        If he is in that stage already, his data may not be used, or something was recorded of his stages after `at`.
    NotFound
        If there is no such customer.
    """
    rules, now = LifecyclePolicy() if policy is None else policy, instant(at)
    if to is Stage.ERASED:
        raise InvalidValueError("to", to, "an erasure is not forced but done: privacy.erase")
    with store.begin(actor=str(actor), cause="lifecycle.force") as unit:
        known, ids = _whom(unit, (customer_id,))
        home = known.of(customer_id)
        why = why_not_used(unit, home)
        if why is not None:
            raise InvalidValueError("customer_id", customer_id, why.text)
        named = named_id(home, f"forced\x1f{to}\x1f{now.isoformat()}\x1f{actor}\x1f{reason}")
        before = unit.of(StageChange).find(named)
        if before is not None:
            return before
        _refuse_earlier(unit, now, ids)
        _reconciled(unit, known, [home], _derived(happened(unit, now, known, ids), rules, now), rules, now)
        present = stage_of(_standing(unit, known, home), now)
        if present is to:
            raise InvalidValueError("to", to, "he is in this stage already")
        made = unit.of(StageChange).add(
            StageChange(
                id=named,
                customer_id=home,
                from_stage=present,
                to_stage=to,
                occurred_at=now,
                recorded_at=now,
                reason="forced",
                policy_version=rules.version,
                actor=actor,
                forced=True,
                note=reason,
            )
        )
        _reconciled(unit, known, [home], _derived(happened(unit, now, known, ids), rules, now), rules, now)
        unit.commit()
    return made


def _whom(unit: UnitOfWork, customers: Iterable[UUID] | None) -> tuple[Aliases, Sequence[UUID] | None]:
    """Return who is who, and every id that is to be read; None for all."""
    if customers is None:
        return aliases(unit), None
    asked = sorted(set(customers), key=str)
    known = aliases_among(unit, asked)
    ids = sorted({id for one in asked for id in known.ids_of(one)}, key=str)
    found = {
        id for some in chunks(ids) for id in read_columns(unit, Query(Customer, where("id").is_in(some)), ["id"])["id"]
    }
    for one in asked:
        if known.of(one) not in found:
            raise NotFound("customer", one)
    return known, ids


def _refuse_earlier(unit: UnitOfWork, now: datetime, ids: Sequence[UUID] | None) -> None:
    for model in (StageChange, StageRetraction):
        later: Predicate = where("recorded_at") > now
        if model is StageChange:
            later &= where("to_stage") != str(Stage.ERASED)
        asked = [later] if ids is None else [later & where("customer_id").is_in(some) for some in chunks(ids)]
        for condition in asked:
            if unit.of(model).count(Query(model, condition)):
                raise InvalidValueError(
                    "as_of", now, "stages were recorded after it; what was known is written forward"
                )


def _those_with_steps(unit: UnitOfWork, ids: Sequence[UUID] | None) -> set[UUID]:
    if ids is not None:
        return set(ids)
    return set(read_columns(unit, Query(StageChange), ["customer_id"])["customer_id"])


def _moments(times: Sequence[datetime]) -> NDArray[np.datetime64]:
    return np.array([at.astimezone(UTC).replace(tzinfo=None) for at in times], dtype="datetime64[us]")


def _derived(told: Happened, rules: LifecyclePolicy, now: datetime) -> Mapping[UUID, list[dict[str, Any]]]:
    """Return the steps that the evidence leads to, by customer, as arguments of a `StageChange`."""
    steps = derive_stages(
        np.array([str(id) for id in told.customer], dtype=np.str_),
        np.array([str(kind) for kind in told.kind], dtype=np.str_),
        _moments(told.at),
        as_of=now,
        policy=rules,
        value=np.array([np.nan if value is None else value for value in told.value], dtype=float),
        to=np.array(["" if to is None else str(to) for to in told.to], dtype=np.str_),
        id=np.array([str(id) for id in told.id], dtype=np.str_),
        known_at=_moments(told.known_at),
    )
    found: dict[UUID, list[dict[str, Any]]] = {}
    columns = (steps.from_stage, steps.to_stage, steps.occurred_at, steps.recorded_at, steps.reason, steps.event)
    for before, after, at, known_at, reason, row in zip(*(column.tolist() for column in columns), strict=True):
        root = told.forced[told.id[row]] if reason == EventKind.FORCED else None
        found.setdefault(told.customer[row], []).append(
            {
                "from_stage": Stage(before) if before else None,
                "to_stage": Stage(after),
                "occurred_at": at.replace(tzinfo=UTC),
                "recorded_at": known_at.replace(tzinfo=UTC),
                "reason": reason,
                "evidence": (EvidenceRef(str(told.kind[row]), told.id[row], told.at[row]),),
                "actor": None if root is None else root.actor,
                "note": None if root is None else root.note,
                "forced": root is not None,
            }
        )
    return found


def _ledger(unit: UnitOfWork, model: type[Any], ids: Iterable[UUID], known: Aliases) -> dict[UUID, list[Any]]:
    held: dict[UUID, list[Any]] = {}
    for some in chunks(ids):
        for batch in unit.of(model).stream(Query(model, where("customer_id").is_in(some))):
            for one in batch:
                held.setdefault(known.of(one.customer_id), []).append(one)
    return held


def _standing(unit: UnitOfWork, known: Aliases, home: UUID) -> tuple[StageChange, ...]:
    ids = known.ids_of(home)
    changes, gone = (_ledger(unit, model, ids, known).get(home, ()) for model in (StageChange, StageRetraction))
    return standing_stages(changes, gone)


def _reconciled(
    unit: UnitOfWork,
    known: Aliases,
    owners: Sequence[UUID],
    derived: Mapping[UUID, list[dict[str, Any]]],
    rules: LifecyclePolicy,
    now: datetime,
) -> tuple[list[StageChange], list[StageRetraction]]:
    """Write what the derivation holds and the store does not, and retract the reverse."""
    everybody = _under_all_ids(known, owners)
    kept = _ledger(unit, StageChange, everybody, known)
    taken_back = _ledger(unit, StageRetraction, everybody, known)
    new: list[StageChange] = []
    gone: list[StageRetraction] = []
    for owner in owners:
        changes, retractions = kept.get(owner, []), taken_back.get(owner, [])
        standing: dict[_Key, list[StageChange]] = {}
        for change in standing_stages(changes, retractions):
            standing.setdefault(_key(change), []).append(change)
        times = Counter(_key(change) for change in changes)
        newest = max((one.recorded_at for one in (*changes, *retractions)), default=None)
        for step in derived.get(owner, ()):
            key = (step["from_stage"], step["to_stage"], step["occurred_at"], step["reason"])
            if standing.get(key):
                standing[key].pop(0)
                continue
            # What an earlier derivation did not find was not known then, whatever clock its evidence has.
            late = newest is not None and step["recorded_at"] <= newest
            name = "\x1f".join([*map(str, key), str(times[key])])
            times[key] += 1
            made = {**step, "recorded_at": now if late else step["recorded_at"]}
            new.append(
                StageChange(
                    id=named_id(owner, name),
                    customer_id=owner,
                    policy_version=rules.edition_at(step["occurred_at"]).version,
                    **made,
                )
            )
        gone += [
            StageRetraction(
                id=named_id(change.id, "retracted"),
                customer_id=change.customer_id,
                change_id=change.id,
                recorded_at=now,
                policy_version=rules.version,
            )
            for left in standing.values()
            for change in left
        ]
    # Two derivations at once find the same and give it the same ids.
    unit.of(StageChange).put_many(new, on_conflict="skip")
    unit.of(StageRetraction).put_many(gone, on_conflict="skip")
    return new, gone


def _under_all_ids(known: Aliases, owners: Sequence[UUID]) -> list[UUID]:
    wanted = set(owners)
    return [*owners, *(gone for gone, (home, _) in known.into.items() if home in wanted and gone not in wanted)]


def _key(change: StageChange) -> _Key:
    return change.from_stage, change.to_stage, change.occurred_at, change.reason
