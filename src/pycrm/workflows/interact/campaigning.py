"""Campaigns to those they are for, and the plays of the stage a customer is in: each once, each with the fact that justifies it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.campaign import Campaign, CampaignMember, CampaignStatus
from pycrm.model.contact_policy import ContactPolicy
from pycrm.model.customer import Customer
from pycrm.model.evidence import EvidenceRef, Reason
from pycrm.model.facts import facts_of
from pycrm.model.intent import ContactIntent
from pycrm.model.lifecycle import StageChange, StageRetraction
from pycrm.model.play import Play, PlayAction, PlayDue, plays_due
from pycrm.model.predicate import evaluate, where
from pycrm.model.segment import SegmentMembership
from pycrm.model.task import Task
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases, aliases
from pycrm.storage.lookups import last_assessments
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.interact.because import because
from pycrm.workflows.interact.gate import Gate
from pycrm.workflows.interact.reading import Dialogue, Purchases

__all__ = ["Launched", "Played", "launch", "play"]


@frozen(kw_only=True)
class Launched:
    """What a campaign sends.

    Parameters
    ----------
    campaign : str
        Its code.
    members : int
        On the list.
    planned : int
        Who get a message now.
    refused : Mapping of str to int
        Why others do not.
    """

    campaign: str
    members: int
    planned: int
    refused: Mapping[str, int]


def launch(
    store: Store,
    campaign: Campaign,
    *,
    as_of: date,
    at: datetime,
    policies: Iterable[ContactPolicy] = (),
    within: timedelta = timedelta(days=1),
    actor: str | None = None,
) -> Launched:
    """Plan the messages of an active campaign: once to each on its list, where permitted, within its budget.

    The list is drawn up and frozen at the first launch; of a campaign with an open list, who comes to fit later is added. Customers are taken
    by id, so the same list and budget reach the same ones.

    Parameters
    ----------
    store : Store
        Holding the campaign.
    campaign : Campaign
        Which.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now.
    policies : iterable of ContactPolicy
        Rules of contact besides those in the store.
    within : timedelta
        How long a message may wait for quiet hours or a pause to end.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If the campaign is not active, or `at` lies outside its period or before the newest intent.
    """
    now = instant(at)
    if campaign.status is not CampaignStatus.ACTIVE:
        raise InvalidValueError("status", str(campaign.status), "only an active campaign is sent")
    if now not in campaign.period:
        raise InvalidValueError("at", at, f"the campaign runs in {campaign.period}")
    with store.begin(actor=actor, cause="interact.launch") as unit:
        known = aliases(unit)
        dialogue = Dialogue.read(
            unit, known, at=now, run="", as_of=as_of, again_after=timedelta(0), since=now - timedelta(days=32)
        )
        dialogue.refuse_earlier(now)
        gate = Gate.of(unit, known, dialogue, now, policies, within)
        owned = Purchases.read(unit, now, known, with_articles=True)
        people = _people(unit, known)
        listed = _listed(unit, campaign, known, people, owned, as_of, now)
        run = f"campaign:{campaign.code}"
        had = set(known.columns(read_columns(unit, Query(ContactIntent, where("run") == run), ["customer_id"]))[0])
        room = None if campaign.affordable is None else campaign.affordable - len(had)
        refused: Counter[str] = Counter()
        made: list[ContactIntent] = []
        for who, why in listed:
            customer = people.get(who)
            if customer is None or who in had:
                refused["sent_already" if who in had else "gone"] += 1
                continue
            if owned.owned.get(who, set()).intersection(campaign.not_owning):
                refused["owned"] += 1
                continue
            when, permission = gate.permission(customer, campaign.channel, (campaign.purpose,))
            if not permission:
                refused[permission.reasons[0].code] += 1
                continue
            if when not in campaign.period:
                refused["period"] += 1
                continue
            if room is not None and len(made) >= room:
                refused["budget"] += 1
                continue
            point = customer.reachable_by(campaign.channel, when)
            made.append(
                ContactIntent(
                    customer_id=who,
                    run=run,
                    as_of=as_of,
                    created_at=now,
                    send_at=when,
                    kind=campaign.kind,
                    topic=campaign.code,
                    text=campaign.text,
                    channel=campaign.channel,
                    address=None if point is None else point.normalised,
                    purpose=campaign.purpose,
                    permission=permission,
                    plan=run,
                    campaign_id=campaign.id,
                    reasons=(*why, *permission.reasons),
                )
            )
        unit.of(ContactIntent).put_many(made)
        unit.commit()
    return Launched(campaign=campaign.code, members=len(listed), planned=len(made), refused=refused)


_NAMED = (Reason("included", "named by the campaign"),)


def _people(unit: UnitOfWork, known: Aliases) -> Mapping[UUID, Customer]:
    return {
        one.id: one for batch in unit.of(Customer).stream(Query(Customer)) for one in batch if one.id not in known.into
    }


def _listed(
    unit: UnitOfWork,
    campaign: Campaign,
    known: Aliases,
    people: Mapping[UUID, Customer],
    purchases: Purchases,
    as_of: date,
    at: datetime,
) -> list[tuple[UUID, tuple[Reason, ...]]]:
    """Return who is on the list and why, by id; draw it up where it is not there, and add to it where it is open."""
    members = unit.of(CampaignMember)
    held = {
        known.of(member.customer_id): member.reasons
        for batch in members.stream(Query(CampaignMember, where("campaign_id") == campaign.id))
        for member in batch
    }
    if not held or campaign.open_list:
        fresh = _audience(unit, campaign, known, people, purchases, as_of, at)
        new = {who: why for who, why in fresh.items() if who not in held}
        members.put_many(
            CampaignMember(campaign_id=campaign.id, customer_id=who, listed_at=at, reasons=why)
            for who, why in new.items()
        )
        held |= new
    left_out = {known.of(who) for who in campaign.excludes}
    return sorted(((who, why) for who, why in held.items() if who not in left_out), key=lambda one: str(one[0]))


def _audience(
    unit: UnitOfWork,
    campaign: Campaign,
    known: Aliases,
    people: Mapping[UUID, Customer],
    purchases: Purchases,
    as_of: date,
    at: datetime,
) -> Mapping[UUID, tuple[Reason, ...]]:
    """Return whom the campaign is for now, each with the facts that say so."""
    found: dict[UUID, tuple[Reason, ...]] = {}
    if campaign.segment is not None or campaign.audience is not None:
        fitting: Iterable[UUID] = people
        since: dict[UUID, datetime | None] = {}
        if campaign.segment is not None:
            memberships = unit.of(SegmentMembership).stream(
                Query(SegmentMembership, where("segment") == campaign.segment)
            )
            since = {
                known.of(one.customer_id): one.period.start
                for batch in memberships
                for one in batch
                if at in one.period
            }
            fitting = since
        assessments = {} if campaign.audience is None else last_assessments(unit, as_of)
        for who in fitting:
            if who not in people:
                continue
            why = []
            if (entered := since.get(who)) is not None:
                why.append(f"in segment {campaign.segment} since {entered.date().isoformat()}")
            if campaign.audience is not None:
                last = purchases.last.get(who)
                facts = facts_of(
                    people[who],
                    as_of,
                    assessment=assessments.get(who),
                    last_order=None if last is None else last.date(),
                    owned=frozenset(purchases.owned.get(who, ())),
                )
                if not evaluate(campaign.audience, facts):
                    continue
                why.append(because(campaign.audience, facts).text)
            found[who] = (Reason("audience", "; ".join(why)),)
    found |= {known.of(who): _NAMED for who in campaign.includes}
    for who in campaign.excludes:
        found.pop(known.of(who), None)
    return found


@frozen(kw_only=True)
class Played:
    """What the plays did.

    Parameters
    ----------
    due, messages, tasks : int
        Plays that were due, messages planned and tasks set.
    plays : Mapping of str to int
        What was done, by code.
    refused : Mapping of str to int
        Why others were not.
    """

    due: int
    messages: int
    tasks: int
    plays: Mapping[str, int]
    refused: Mapping[str, int]


def play(
    store: Store,
    plays: Sequence[Play],
    *,
    as_of: date,
    at: datetime,
    policies: Iterable[ContactPolicy] = (),
    within: timedelta = timedelta(days=1),
    actor: str | None = None,
) -> Played:
    """Do what is due at the stage each customer entered, is in, or left: a message where permitted, or a task; each once.

    Parameters
    ----------
    store : Store
        With the steps of the customers.
    plays : sequence of Play
        The library.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now.
    policies : iterable of ContactPolicy
        Rules of contact besides those in the store.
    within : timedelta
        How long a message may wait for quiet hours or a pause to end.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    InvalidValueError
        If two plays share code and revision, or `at` lies before the newest intent.
    """
    names = [one.name for one in plays]
    if len(set(names)) != len(names):
        raise InvalidValueError("plays", names, "give each play a code and revision of its own")
    now = instant(at)
    with store.begin(actor=actor, cause="interact.play") as unit:
        known = aliases(unit)
        dialogue = Dialogue.read(
            unit, known, at=now, run="", as_of=as_of, again_after=timedelta(0), since=now - timedelta(days=32)
        )
        dialogue.refuse_earlier(now)
        gate = Gate.of(unit, known, dialogue, now, policies, within)
        gone = set(read_columns(unit, Query(StageRetraction, where("recorded_at") <= now), ["change_id"])["change_id"])
        history: dict[UUID, list[StageChange]] = {}
        for batch in unit.of(StageChange).stream(Query(StageChange, where("occurred_at") <= now)):
            for change in (one for one in batch if one.id not in gone):
                history.setdefault(known.of(change.customer_id), []).append(change)
        due = [one for who in sorted(history, key=str) for one in plays_due(plays, history[who], now)]
        runs = sorted({one.key for one in due})
        done: set[str] = set()
        for start in range(0, len(runs), 500):
            some = runs[start : start + 500]
            done.update(read_columns(unit, Query(ContactIntent, where("run").is_in(some)), ["run"])["run"])
            done.update(read_columns(unit, Query(Task, where("key").is_in(some)), ["key"])["key"])
        counted: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        messages: list[ContactIntent] = []
        tasks: list[Task] = []
        for one in due:
            who = known.of(one.customer_id)
            if one.key in done:
                refused["done_already"] += 1
                continue
            if one.play.action is PlayAction.TASK:
                tasks.append(_task(one, who, now))
            else:
                customer = unit.of(Customer).get(who)
                when, permission = gate.permission(customer, one.play.channel, (one.play.purpose,))
                if not permission:
                    refused[permission.reasons[0].code] += 1
                    continue
                point = customer.reachable_by(one.play.channel, when)
                messages.append(
                    ContactIntent(
                        customer_id=who,
                        run=one.key,
                        as_of=as_of,
                        created_at=now,
                        send_at=when,
                        kind=one.play.kind,
                        topic=one.play.code,
                        text=one.play.text,
                        channel=one.play.channel,
                        address=None if point is None else point.normalised,
                        purpose=one.play.purpose,
                        permission=permission,
                        plan=f"play:{one.play.name}",
                        reasons=(_because(one), *permission.reasons),
                    )
                )
            counted[one.play.code] += 1
        unit.of(ContactIntent).put_many(messages)
        unit.of(Task).put_many(tasks)
        unit.commit()
    return Played(due=len(due), messages=len(messages), tasks=len(tasks), plays=counted, refused=refused)


def _because(due: PlayDue) -> Reason:
    step = due.change
    came = f"{step.from_stage or 'nowhere'} to {step.to_stage} on {step.occurred_at.date().isoformat()}: {step.reason}"
    return Reason("stage", f"{due.play.trigger} of {due.play.stage}; went from {came}")


def _task(due: PlayDue, who: UUID, at: datetime) -> Task:
    return Task(
        title=due.play.text,
        customer_id=who,
        about=(EvidenceRef("stage_change", due.change.id, due.change.occurred_at),),
        because=(_because(due),),
        created_at=at,
        due=max(at, due.since + due.play.patience),
        key=due.key,
    )
