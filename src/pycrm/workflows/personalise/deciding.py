"""Decide: who gets which offer, over what, and why. Eligible, permitted, worth it, affordable - and for everybody else a fallback."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import numpy as np
from attrs import Factory, define, frozen
from numpy.random import Generator
from numpy.typing import NDArray

from pycrm import experiments
from pycrm.bulk import objection_columns
from pycrm.errors import InvalidValueError
from pycrm.model.checks import expect, listed
from pycrm.model.contact import Channel, channel_code
from pycrm.model.contact_policy import ContactMade, ContactPolicy, Suppression
from pycrm.model.customer import Customer
from pycrm.model.decision_policy import DecisionPolicy
from pycrm.model.eligibility import OBJECTIONS
from pycrm.model.evidence import Reason
from pycrm.model.facts import facts_of
from pycrm.model.intent import ContactIntent
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferDecision
from pycrm.model.predicate import paths_of, reach, where
from pycrm.model.time import instant
from pycrm.recommendation import arbitrate
from pycrm.storage.calm import uncollected
from pycrm.storage.columns import read_columns
from pycrm.storage.consents import Consents
from pycrm.storage.identity import aliases
from pycrm.storage.lookups import last_assessments
from pycrm.storage.profiling import profiled
from pycrm.storage.protocols import ColumnWriter, Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.personalise.learning import (
    Beliefs,
    Worth,
    context_code,
    contexts_of,
    lasting_change,
    match_levels,
    worth_of,
)
from pycrm.workflows.personalise.reading import (
    Bought,
    Log,
    bought_until,
    customer_rows,
    log_until,
    needs_known,
    told_since,
    us,
)

__all__ = ["PersonaliseReport", "decide", "held_out"]

_UNKNOWN = 1e-9  # what an offer is worth of which no margin is known: less than any that pays, more than nothing


@frozen(kw_only=True)
class PersonaliseReport:
    """What was decided.

    Parameters
    ----------
    run : str
        The name of the decisions.
    as_of : date
        The last day whose facts count.
    customers : int
        Decided for.
    offers : Mapping of str to int
        Customers who get each offer, by its code.
    fallback : int
        Customers for whom nothing else fits.
    nothing : int
        Customers without even a fallback: there is none, or they are left alone to learn from.
    told : Mapping of str to int
        Customers by the channel over which the offer may be told; the others see it when they come.
    holdout, silent : int
        Customers who never hear of the loop, and those left alone this once.
    refused : Mapping of str to int
        How often an offer may not be given, by the rule that says so; and how many customers may not be told anything.
    expected, spent : float
        What the offers told are expected to bring, and what telling them costs.
    gap : float
        At most this share more could another choice bring within the same stock and budget, by the chances it was made with.
    floor_missed : int
        Customers whom the floor asked for and stock, budget or rules did not allow.
    answers : int
        How many answers it rests on.
    left_out : Mapping of str to int
        Customers of whom no numbers may be made, and who are decided on by nobody, by the reason.
    """

    run: str
    as_of: date
    customers: int
    offers: Mapping[str, int]
    fallback: int
    nothing: int
    told: Mapping[str, int]
    holdout: int = 0
    silent: int = 0
    refused: Mapping[str, int]
    expected: float = 0.0
    spent: float = 0.0
    gap: float = 0.0
    floor_missed: int = 0
    answers: int = 0
    left_out: Mapping[str, int] = Factory(dict)


def held_out(policy: DecisionPolicy, customers: Sequence[UUID]) -> NDArray[np.bool_]:
    """Return which customers never hear of the loop: by the hash of policy and customer, always the same ones.

    Examples
    --------
    >>> weekly = DecisionPolicy(code="weekly", holdout=0.2)
    >>> held_out(weekly, [UUID(int=number) for number in range(8)]).tolist()
    [False, False, False, False, False, False, False, True]
    """
    return experiments.held_out(np.array(customers, dtype=object), salt=policy.code, share=policy.holdout)


def decide(
    store: Store,
    *,
    as_of: date,
    at: datetime,
    run: str = "current",
    policy: DecisionPolicy | None = None,
    channels: Sequence[str] = (Channel.EMAIL, Channel.SMS),
    policies: Iterable[ContactPolicy] = (),
    articles: Mapping[UUID, Sequence[str]] | None = None,
    random: Generator | None = None,
    actor: str | None = None,
) -> PersonaliseReport:
    """Decide on an offer for every customer, and keep the decisions.

    Of the offers that run at `at`, those are left out that a rule of theirs forbids: their condition on the facts, what he owns
    or lacks, how often and when he was given them, what else he holds. Without a policy the one of highest priority wins, then
    the lowest code. With one, whoever may be told something is given what is expected to bring most beyond what would come
    without it, within stock, budget and contacts - or whose lifetime value it is expected to change most, where the policy says
    how offers last; offers that say no margin come after those that pay, by priority. Everybody
    else gets the fallback. Within an offer, the article most bought in the customer's segment is named.

    Parameters
    ----------
    store : Store
        With customers, orders, offers, consent; and, where there are any, assessments, facts on needs, earlier decisions.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now; not before the newest decision.
    run : str
        The name of the decisions; customers decided for under this name and day keep their decision.
    policy : DecisionPolicy, optional
        What may be spent, who is held out, how much is tried.
    channels : sequence of str
        The channels we have, the preferred one first.
    policies : iterable of ContactPolicy
        Rules of contact besides those in the store.
    articles : mapping of customer id to sequence of str, optional
        What each is recommended, the best first: `recommend`.
    random : numpy.random.Generator, optional
        Where chance comes from; unless given, it is drawn from policy, run and day, so that the same run decides the same.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If `at` lies before the newest decision.
    CurrencyMismatchError
        If offers and budget are of several currencies.
    """
    if type(as_of) is not date:
        raise InvalidValueError("as_of", as_of, "give a calendar date, such as date(2026, 1, 31)")
    if policy is not None:
        expect("policy", policy, DecisionPolicy)
    if isinstance(channels, str):
        raise InvalidValueError("channels", channels, f"give a list of channels, [{channels!r}]")
    policies = listed("policies", policies, ContactPolicy)
    ours = [channel_code(channel) for channel in channels]
    at = instant(at)
    if random is None:
        name = f"{'' if policy is None else policy.code}:{run}:{as_of.isoformat()}"
        random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))
    with uncollected(), store.begin(actor=actor, cause="personalise.decide") as unit:
        report = _run(unit, as_of, at, run, policy, ours, tuple(policies), articles or {}, random)
        unit.commit()
    return report


@define
class _People:
    """What a run knows of its customers, by row."""

    ids: Sequence[UUID]
    rows: Mapping[UUID, int]
    groups: NDArray[np.object_]
    facts: Mapping[str, list[object]]
    channel: Mapping[str, NDArray[np.int64]]
    refused: Counter[str]
    decided: NDArray[np.bool_]
    popular: Mapping[str, list[str]]
    segments: Mapping[UUID, str]
    values: Sequence[Money | None]
    owned: Sequence[set[str]]

    def reachable(self, offers: Sequence[Offer]) -> NDArray[np.bool_]:
        """Return who may be told each offer."""
        columns = [self.channel[offer.purpose] >= 0 for offer in offers]
        return np.stack(columns, axis=1) if columns else np.zeros((len(self.ids), 0), dtype=np.bool_)


@define
class _Choice:
    """Who gets what, by row and column; -1 is nothing."""

    offer: NDArray[np.int64]
    told: NDArray[np.bool_]
    held: NDArray[np.bool_]
    silent: NDArray[np.bool_]
    lately: NDArray[np.bool_]
    objections: NDArray[np.int8]
    value: NDArray[np.float64]
    chance: NDArray[np.float64]
    context: NDArray[np.int64]
    lasting: NDArray[np.float64]
    gap: float = 0.0
    floor_missed: int = 0
    answers: int = 0


def _run(
    unit: UnitOfWork,
    as_of: date,
    at: datetime,
    run: str,
    policy: DecisionPolicy | None,
    channels: Sequence[str],
    policies: Sequence[ContactPolicy],
    articles: Mapping[UUID, Sequence[str]],
    random: Generator,
) -> PersonaliseReport:
    offers = sorted(
        (offer for batch in unit.of(Offer).stream(Query(Offer)) for offer in batch),
        key=lambda offer: (offer.fallback, -offer.priority, offer.code),
    )
    who = profiled(unit)
    ids, rows = customer_rows(unit, who)
    log, newest = log_until(unit, rows, {offer.id: column for column, offer in enumerate(offers)}, at)
    if newest is not None and at < newest:
        fix = f"the newest decision was made at {newest.isoformat()}; give a time that is not before it"
        raise InvalidValueError("at", at, fix)
    bought = bought_until(unit, rows, at)
    people = _people(unit, ids, rows, offers, policy, as_of, at, run, channels, policies, bought, log)
    holdings = log.holdings(len(ids), offers, bought, at)
    objections, _ = objection_columns(offers, people.facts, holdings, at)
    worth = worth_of(offers, None if policy is None else policy.budget)
    left = np.array([np.inf if one.stock is None else one.stock for one in offers]) - holdings.given.sum(axis=0)
    choice = (
        _by_priority(offers, people, objections, np.maximum(left, 0.0))
        if policy is None
        else _by_value(unit, offers, people, objections, np.maximum(left, 0.0), policy, worth, log, bought, at, random)
    )
    made = _decisions(offers, people, choice, worth, policy, as_of, at, run, channels, articles)
    _write(unit, made)
    by_id = {offer.id: offer.code for offer in offers}
    sent = np.flatnonzero(choice.told & (choice.offer >= 0))
    refused = Counter(people.refused)
    for code, name in enumerate(OBJECTIONS, start=1):
        refused[name] += int((choice.objections == code).sum())
    refused["told_lately"] += int(choice.lately.sum())
    return PersonaliseReport(
        run=run,
        as_of=as_of,
        customers=len(made),
        offers=Counter(by_id[one["offer_id"]] for one in made if "offer_id" in one),
        fallback=sum(one.get("fallback", False) for one in made),
        nothing=sum("offer_id" not in one for one in made),
        told=Counter(one["channel"] for one in made if "channel" in one),
        holdout=int((choice.held & ~people.decided).sum()),
        silent=int(choice.silent.sum()),
        refused=+refused,
        expected=float(choice.value[sent, choice.offer[sent]].sum()),
        spent=float(worth.cost[choice.offer[sent]].sum()),
        gap=choice.gap,
        floor_missed=choice.floor_missed,
        answers=choice.answers,
        left_out=who.left_out,
    )


def _people(
    unit: UnitOfWork,
    ids: Sequence[UUID],
    rows: Mapping[UUID, int],
    offers: Sequence[Offer],
    policy: DecisionPolicy | None,
    as_of: date,
    at: datetime,
    run: str,
    channels: Sequence[str],
    policies: Sequence[ContactPolicy],
    bought: Bought,
    log: Log,
) -> _People:
    """Read the customers once: the facts that conditions speak of, and over what each may be told something."""
    conditions = [offer.eligible for offer in offers if offer.eligible is not None]
    heads = sorted({path.partition(".")[0] for condition in conditions for path in paths_of(condition)})
    floored = policy is not None and policy.floor > 0.0
    floor_by = policy.floor_by if policy is not None and floored else ""
    assessments = last_assessments(unit, as_of)
    rules = _Rules.read(unit, policies, log, rows, at)
    n = len(ids)
    facts: dict[str, list[object]] = {head: [None] * n for head in heads}
    groups = np.full(n, "", dtype=object)
    purposes = sorted({offer.purpose for offer in offers})
    channel = {purpose: np.full(n, -1, dtype=np.int64) for purpose in purposes}
    refused: Counter[str] = Counter()
    owned, last_order = _by_customer(bought, n)
    for batch in unit.of(Customer).stream(Query(Customer)):
        for customer in batch:
            row = rows.get(customer.id, -1)
            if row < 0 or ids[row] != customer.id:
                continue
            if heads or floored:
                known = facts_of(
                    customer,
                    as_of,
                    assessment=assessments.get(customer.id),
                    last_order=last_order[row],
                    owned=frozenset(owned[row]),
                )
                for head in heads:
                    facts[head][row] = known.get(head)
                if floored:
                    groups[row] = str(next((value for value, _ in reach(known, floor_by)), ""))
            for purpose in purposes:
                found, why = rules.channel(customer, row, channels, purpose, at)
                channel[purpose][row] = found
                if why is not None:
                    refused[why] += 1
    segments = {id: one.segment for id, one in assessments.items() if one.segment is not None}
    decided = np.zeros(n, dtype=np.bool_)
    again = read_columns(unit, Query(OfferDecision, (where("run") == run) & (where("as_of") == as_of)), ["customer_id"])
    decided[[rows[who] for who in again["customer_id"] if who in rows]] = True
    return _People(
        ids=ids,
        rows=rows,
        groups=groups,
        facts=facts,
        channel=channel,
        refused=refused,
        decided=decided,
        popular=_popular(bought, ids, segments),
        segments=segments,
        values=[None if (one := assessments.get(id)) is None else one.expected_value for id in ids],
        owned=owned,
    )


@define
class _Rules:
    """The rules of contact, the lists of who is left alone, and the contacts made, by whom they concern."""

    everybody: list[ContactPolicy]
    of: dict[UUID, list[ContactPolicy]]
    lists: dict[UUID | str, list[Suppression]]
    made: dict[int, list[ContactMade]]
    consents: Consents

    @classmethod
    def read(
        cls, unit: UnitOfWork, more: Sequence[ContactPolicy], log: Log, rows: Mapping[UUID, int], at: datetime
    ) -> _Rules:
        """Return what the store holds, and `more`."""
        now = aliases(unit)
        self = cls(everybody=[], of={}, lists={}, made={}, consents=Consents.read(unit, at, now))
        for policy in (*(one for batch in unit.of(ContactPolicy).stream(Query(ContactPolicy)) for one in batch), *more):
            if policy.customer_id is None:
                self.everybody.append(policy)
            else:
                who = now.of(policy.customer_id)
                self.of.setdefault(who, []).append(attrs.evolve(policy, customer_id=who))
        for batch in unit.of(Suppression).stream(Query(Suppression)):
            for one in batch:
                if one.customer_id is None:
                    self.lists.setdefault(one.address or "", []).append(one)
                else:
                    whose = now.of(one.customer_id)
                    self.lists.setdefault(whose, []).append(attrs.evolve(one, customer_id=whose))
        if self.everybody or self.of:
            # A month is the longest cap.
            since = at - timedelta(days=32)
            planned = read_columns(
                unit,
                Query(ContactIntent, (where("send_at") > since) & (where("send_at") <= at)),
                ["customer_id", "channel", "send_at", "purpose", "cancelled"],
            )
            for who, channel, when, purpose, cancelled in zip(*planned.values(), strict=True):
                if who in rows and not cancelled:
                    self.made.setdefault(rows[who], []).append(ContactMade(channel, when, purpose))
            for place in np.flatnonzero(log.told & (log.at > us(since))):
                when = log.at[place].astype("datetime64[us]").item().replace(tzinfo=UTC)
                self.made.setdefault(int(log.customer[place]), []).append(ContactMade(log.channel[place], when))
        return self

    def channel(
        self,
        customer: Customer,
        row: int,
        channels: Sequence[str],
        purpose: str,
        at: datetime,
    ) -> tuple[int, str | None]:
        """Return the place of the first channel that is permitted; else -1 and the code of the refusal that says most."""
        if customer.id not in self.consents:
            # Nothing said is a no whatever else holds; the refusal that says most is this one, where he can be reached at all.
            reached = any(customer.reachable_by(channel, at) is not None for channel in channels)
            return -1, "no_consent" if reached else "unreachable" if channels else "no_channel"
        mine = self.of.get(customer.id)
        keys: tuple[UUID | str, ...] = ()
        if self.lists:
            held = [point.normalised for point in customer.contact_points]
            # Of an erased owner the list keeps a digest, not the address.
            keys = (customer.id, *held, *map(Suppression.digest_of, held))
        rules = self.everybody if mine is None else [*self.everybody, *mine]
        listed = [one for key in keys for one in self.lists.get(key, ())]
        made = self.made.get(row, ())
        refusals = []
        for place, channel in enumerate(channels):
            permission = self.consents.permission(
                customer, channel, purpose, at, policies=rules, made=made, suppressions=listed
            )
            if permission:
                return place, None
            refusals.append(permission.reasons[0].code)
        return -1, min(refusals, key=lambda code: code == "unreachable", default="no_channel")


def _by_priority(
    offers: Sequence[Offer], people: _People, objections: NDArray[np.int8], left: NDArray[np.float64]
) -> _Choice:
    """Give everybody the first offer he may have, while there is stock."""
    n, m = objections.shape
    open_ = ~people.decided
    able = (objections == 0) & open_[:, None]
    able[:, [offer.fallback for offer in offers]] = False
    chosen = arbitrate(np.where(able, _UNKNOWN * (m - np.arange(m)), -np.inf), capacity=left).choice
    nobody = np.zeros(n, dtype=np.bool_)
    nothing = np.zeros((n, m))
    choice = _Choice(
        offer=chosen,
        told=nobody.copy(),
        held=nobody,
        silent=nobody,
        lately=nobody,
        objections=objections,
        value=nothing,
        chance=nothing,
        context=np.zeros((n, m), dtype=np.int64),
        lasting=nothing,
    )
    _fall_back(offers, choice, open_)
    _tell(choice, people.reachable(offers))
    return choice


def _tell(choice: _Choice, reachable: NDArray[np.bool_]) -> None:
    rows = np.flatnonzero(choice.offer >= 0)
    choice.told[rows] = reachable[rows, choice.offer[rows]]


def _fall_back(offers: Sequence[Offer], choice: _Choice, who: NDArray[np.bool_]) -> None:
    """Give those who have nothing the first fallback they may have."""
    for column, offer in enumerate(offers):
        if offer.fallback:
            choice.offer[who & (choice.offer < 0) & (choice.objections[:, column] == 0)] = column


def _by_value(
    unit: UnitOfWork,
    offers: Sequence[Offer],
    people: _People,
    objections: NDArray[np.int8],
    left: NDArray[np.float64],
    policy: DecisionPolicy,
    worth: Worth,
    log: Log,
    bought: Bought,
    at: datetime,
    random: Generator,
) -> _Choice:
    """Give each what is expected to bring most beyond what would come anyway, within stock, budget and contacts."""
    n, m = objections.shape
    rows = people.rows
    span = 2 * policy.window if policy.min_gap is None else max(2 * policy.window, policy.min_gap)
    last_told, often = told_since(unit, log, rows, at, span)
    names = sorted({need for offer in offers for need in offer.needs})
    match = match_levels(offers, needs_known(unit, rows, at, names), names)
    beliefs = Beliefs.learned(offers, log, bought, match, policy, at)
    context = contexts_of(match, log, often)
    chance = beliefs.chance(context, None)
    lasting = (
        lasting_change(offers, people.values, policy.lasting, worth.currency) if policy.lasting else np.zeros((n, m))
    )
    believed = beliefs.value(worth, context, chance, lasting)
    tried = beliefs.value(worth, context, beliefs.chance(context, random), lasting) if policy.explore else believed
    # Of offers believed alike, what meets a need he has comes first, what meets none of those known last.
    meets = _UNKNOWN * ((match == 1).astype(np.float64) - (match == 2))
    believed, tried = believed + meets, tried + meets

    open_ = ~people.decided
    held = held_out(policy, people.ids) & open_ if n else np.zeros(0, dtype=np.bool_)
    lately = np.zeros(n, dtype=np.bool_)
    if policy.min_gap is not None:
        lately = last_told + np.timedelta64(policy.min_gap) > us(at)
    usual = np.array([not offer.fallback for offer in offers], dtype=np.bool_)
    able = (objections == 0) & usual & (open_ & ~held)[:, None]
    may_tell = able & people.reachable(offers) & ~lately[:, None]
    silent = may_tell.any(axis=1) & (random.random(n) < policy.silence)
    may_tell &= ~silent[:, None]
    # Offers of which no margin is known come after those that pay, by priority.
    unknown = _UNKNOWN * (m - np.arange(m))
    share = 1.0 - held.sum() / max(int(open_.sum()), 1)
    room = np.minimum(np.floor(left * share + 0.5), left)
    found = arbitrate(
        np.where(may_tell, np.where(worth.known, tried, unknown), -np.inf),
        worth.cost,
        capacity=room,
        budget=None if policy.budget is None else float(policy.budget.amount) * share,
        group=np.unique(people.groups.astype(str), return_inverse=True)[1] if policy.floor > 0.0 else None,
        floor=policy.floor,
    )
    choice = _Choice(
        offer=found.choice,
        told=found.choice >= 0,
        held=held,
        silent=silent,
        lately=lately & able.any(axis=1),
        objections=objections,
        value=believed,
        chance=chance,
        context=context,
        lasting=lasting,
        gap=found.gap,
        floor_missed=found.floor_missed,
        answers=beliefs.answers,
    )
    if policy.contacts is not None:
        _cut(choice, tried, int(policy.contacts * share + 0.5))
    # Who may not be told anything now sees what fits him best when he comes, from the stock that is left.
    waiting = able & ~may_tell.any(axis=1)[:, None] & ~silent[:, None]
    seen = np.where(worth.known, believed + worth.cost, unknown)
    room = room - np.bincount(choice.offer[choice.offer >= 0], minlength=m)
    later = arbitrate(np.where(waiting, seen, -np.inf), capacity=np.maximum(room, 0.0)).choice
    choice.offer = np.where(choice.offer < 0, later, choice.offer)
    without = choice.offer < 0
    _fall_back(offers, choice, open_ & ~held & ~silent)
    if policy.tell_fallback:
        fell = np.flatnonzero(without & (choice.offer >= 0) & ~lately)
        choice.told[fell] = people.reachable(offers)[fell, choice.offer[fell]]
    return choice


def _cut(choice: _Choice, value: NDArray[np.float64], contacts: int) -> None:
    """Take back what brings least, down to so many contacts."""
    told = np.flatnonzero(choice.told)
    worst_last = told[np.lexsort((told, -value[told, choice.offer[told]]))]
    dropped = worst_last[contacts:]
    choice.offer[dropped] = -1
    choice.told[dropped] = False


def _decisions(
    offers: Sequence[Offer],
    people: _People,
    choice: _Choice,
    worth: Worth,
    policy: DecisionPolicy | None,
    as_of: date,
    at: datetime,
    run: str,
    channels: Sequence[str],
    articles: Mapping[UUID, Sequence[str]],
) -> list[dict[str, Any]]:
    """Return the fields of the decisions, each with its reasons."""
    writer = _Writer(offers, people, choice, worth, policy, channels, articles)
    common: dict[str, Any] = {
        "run": run,
        "as_of": as_of,
        "decided_at": at,
        "policy": None if policy is None else policy.code,
        "since": None if policy is None else min((at - policy.memory).date(), as_of),
        "expires_at": None if policy is None else at + policy.window,
    }
    return [
        {"customer_id": people.ids[row], **common, **writer.fields(row)}
        for row in np.flatnonzero(~people.decided).tolist()
    ]


def _write(unit: UnitOfWork, made: Sequence[Mapping[str, Any]]) -> None:
    """Keep the decisions: as columns where the store takes them, which reads equal reasons once."""
    if not made:
        return
    if not isinstance(unit, ColumnWriter):
        unit.of(OfferDecision).put_many([OfferDecision(**one) for one in made])
        return
    names = sorted({name for one in made for name in one})
    unit.put_columns(OfferDecision, {name: [one.get(name) for one in made] for name in names})


@define
class _Writer:
    """Says of each customer what he gets and why; equal reasons are written once."""

    offers: Sequence[Offer]
    people: _People
    choice: _Choice
    worth: Worth
    policy: DecisionPolicy | None
    channels: Sequence[str]
    articles: Mapping[UUID, Sequence[str]]
    ranked: NDArray[np.int64] = Factory(lambda self: self.ranking(), takes_self=True)
    written: dict[object, Reason] = Factory(dict)
    amounts: dict[tuple[int, int, bool, float], Money] = Factory(dict)

    def ranking(self) -> NDArray[np.int64]:
        """Return the columns of each row by what they are believed to bring, the three best first."""
        usual = np.array([not offer.fallback for offer in self.offers], dtype=np.bool_)
        value = np.where(self.worth.known, self.choice.value, _UNKNOWN * (len(usual) - np.arange(len(usual))))
        fits = (self.choice.objections == 0) & usual & (value > 0.0)
        best = np.argsort(np.where(fits, -value, np.inf), axis=1, kind="stable")[:, :3]
        return np.where(np.take_along_axis(fits, best, axis=1), best, -1)

    def reason(self, key: object, code: str, text: Callable[[], str]) -> Reason:
        """Return a reason, made once for each key."""
        if key not in self.written:
            self.written[key] = Reason(code, text())
        return self.written[key]

    def fields(self, row: int) -> dict[str, Any]:
        """Return what is said of one customer."""
        choice, column = self.choice, int(self.choice.offer[row])
        reasons: list[Reason] = []
        if self.policy is not None and choice.held[row]:
            policy = self.policy.code
            why = self.reason("holdout", "holdout", lambda: f"left alone under {policy}, to tell what the loop does")
            return {"arm": "holdout", "reasons": (why,)}
        if choice.silent[row]:
            why = self.reason("silent", "silent", lambda: "left alone this once, to learn what comes by itself")
            return {"arm": "loop", "context": "silent", "reasons": (why,)}
        arm = None if self.policy is None else "loop"
        if column < 0:
            text = "no offer fits and there is no fallback that he does not own already"
            return {"arm": arm, "reasons": (self.reason("none", "no_offer", lambda: text), *self.passed(row))}
        offer = self.offers[column]
        told = bool(choice.told[row])
        made: dict[str, Any] = {"arm": arm, "offer_id": offer.id, "fallback": offer.fallback}
        if offer.fallback:
            reasons.append(self.reason("fallback", "fallback", lambda: "nothing else fits"))
        else:
            text = f"the facts meet the condition of {offer.code}"
            reasons.append(self.reason(("eligible", column), "eligible", lambda: text))
            if self.policy is not None:
                made |= self.value(row, column, reasons, told=told)
        reasons += self.passed(row)
        segment = self.people.segments.get(self.people.ids[row], "")
        sku = self.recommended(row, offer)
        if sku is not None:
            text = f"{sku} is what he is likeliest to want of what he does not own"
            reasons.append(self.reason(("recommended", sku), "recommended", lambda: text))
        else:
            sku = self.article(row, offer, segment)
            if sku is not None:
                text = f"{sku} is the article bought most in this group that he does not own"
                reasons.append(self.reason(("article", sku), "article", lambda: text))
        place = int(self.people.channel[offer.purpose][row])
        if told:
            made["channel"] = self.channels[place]
        elif place < 0:
            text = f"nothing permits {offer.purpose} over {', '.join(self.channels) or 'any channel'}"
            reasons.append(self.reason(("not_told", offer.purpose), "not_told", lambda: text))
        elif choice.lately[row]:
            reasons.append(
                self.reason("lately", "told_lately", lambda: "he heard of us lately; it waits for his visit")
            )
        else:
            reasons.append(
                self.reason("waits", "waits", lambda: "no message is worth its cost; it waits for his visit")
            )
        alternatives = tuple(self.offers[k].code for k in self.ranked[row] if k >= 0 and k != column)[:2]
        return {**made, "sku": sku, "reasons": tuple(reasons), "alternatives": alternatives}

    def value(self, row: int, column: int, reasons: list[Reason], *, told: bool) -> dict[str, Any]:
        """Return what the offer is believed to bring, and add why it was taken."""
        choice, currency = self.choice, self.worth.currency
        context = int(choice.context[row, column])
        made: dict[str, Any] = {"probability": round(float(choice.chance[row, column]), 6)}
        if told:
            made["context"] = context_code(context)
        if currency is None or not self.worth.known[column]:
            text = "what it brings is not known; it comes by priority"
            reasons.append(self.reason(("priority", column), "priority", lambda: text))
            return made
        brought = float(choice.value[row, column]) + (0.0 if told else float(self.worth.cost[column]))
        lasting = float(choice.lasting[row, column])
        cell = (column, context, told, lasting)
        if cell not in self.amounts:
            self.amounts[cell] = Money(Decimal(f"{brought:.4f}"), currency)
        made["expected"] = self.amounts[cell]
        chance = made["probability"]
        reasons.append(
            self.reason(
                ("value", *cell),
                "value",
                lambda: f"{brought:.2f} {currency} expected beyond what comes without it; {chance:.1%} take it",
            )
        )
        if lasting:
            text = f"who takes it is worth {lasting:+.2f} {currency} from then on, of his lifetime value"
            reasons.append(self.reason(("lifetime", column, lasting), "lifetime", lambda: text))
        best = int(self.ranked[row, 0]) if self.ranked.shape[1] else -1
        if best not in {-1, column}:
            text = f"{self.offers[best].code} is believed best; this is tried, is left in stock or fits the budget"
            reasons.append(self.reason(("tried", best), "not_best", lambda: text))
        return made

    def passed(self, row: int) -> list[Reason]:
        """Return that offers were passed over for what he owns."""
        code = 1 + list(OBJECTIONS).index("owned")
        over = tuple(np.flatnonzero(self.choice.objections[row] == code).tolist())
        if not over:
            return []
        owned = self.people.owned[row]
        names = ", ".join(f"{self.offers[k].code} (owns {min(owned & set(self.offers[k].skus))})" for k in over)
        return [self.reason(("owned", names), "owned", lambda: f"passed over: {names}")]

    def recommended(self, row: int, offer: Offer) -> str | None:
        """Return the first of what he is recommended that the offer is for and he does not own."""
        wanted = self.articles.get(self.people.ids[row], ())
        owned = self.people.owned[row]
        return next((sku for sku in wanted if sku not in owned and (not offer.skus or sku in offer.skus)), None)

    def article(self, row: int, offer: Offer, segment: str) -> str | None:
        """Return the article to name: the one bought most in his group that he does not own."""
        popular = self.people.popular.get(segment) or self.people.popular.get("", [])
        if offer.skus:
            owned = self.people.owned[row]
            left = [sku for sku in offer.skus if sku not in owned] or offer.skus
            return next((sku for sku in popular if sku in left), min(left))
        return next((sku for sku in popular if sku not in self.people.owned[row]), None)


def _by_customer(bought: Bought, n: int) -> tuple[list[set[str]], list[date | None]]:
    """Return the articles of each customer, and the day of his last order."""
    owned: list[set[str]] = [set() for _ in range(n)]
    last: list[date | None] = [None] * n
    days = bought.at.astype("datetime64[D]").tolist()
    for row, sku, day in zip(bought.customer.tolist(), bought.sku.tolist(), days, strict=True):
        owned[row].add(sku)
        held = last[row]
        last[row] = day if held is None or day > held else held
    return owned, last


def _popular(bought: Bought, ids: Sequence[UUID], segments: Mapping[UUID, str]) -> Mapping[str, list[str]]:
    """Return the articles of each segment, and under "" of everybody, by how many own them, then by name."""
    counts: dict[str, Counter[str]] = {"": Counter()}
    for row, sku in set(zip(bought.customer.tolist(), bought.sku.tolist(), strict=True)):
        counts[""][sku] += 1
        segment = segments.get(ids[row])
        if segment is not None:
            counts.setdefault(segment, Counter())[sku] += 1
    return {group: sorted(of, key=lambda sku: (-of[sku], sku)) for group, of in counts.items()}
