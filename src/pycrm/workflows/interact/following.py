"""What goes out on a schedule: the steps of a nurture sequence to leads, the issues of a newsletter to its readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import attrs
from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.contact_policy import ContactPolicy
from pycrm.model.content import Content
from pycrm.model.customer import Customer
from pycrm.model.evidence import Reason
from pycrm.model.facts import facts_of
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.knowledge import CustomerFact, Topic, knowledge_state
from pycrm.model.lead import Conversion, Lead
from pycrm.model.newsletter import Newsletter, compose
from pycrm.model.nurture import NurtureSequence, NurtureStep
from pycrm.model.predicate import Predicate, evaluate, where
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import Aliases, aliases
from pycrm.storage.lookups import last_assessments
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.interact.gate import Gate
from pycrm.workflows.interact.reading import Dialogue, Purchases

__all__ = ["Followed", "follow", "send_newsletter"]


@frozen(kw_only=True)
class Followed:
    """What goes out.

    Parameters
    ----------
    name : str
        Of the sequence or the newsletter.
    looked_at, planned : int
        Leads or readers there are, and those who get something.
    steps : Mapping of str to int
        What they get: the steps, or the contents.
    refused : Mapping of str to int
        Why the others get nothing.
    """

    name: str
    looked_at: int
    planned: int
    steps: Mapping[str, int]
    refused: Mapping[str, int]


def follow(
    store: Store,
    sequence: NurtureSequence,
    *,
    as_of: date,
    at: datetime,
    policies: Iterable[ContactPolicy] = (),
    within: timedelta = timedelta(days=1),
    stop_after: int = 5,
    actor: str | None = None,
) -> Followed:
    """Plan the step that is due for every lead of a sequence, once, where he may be contacted.

    A sequence ends where its condition holds, with a conversion, and with a lead who answered none of `stop_after` contacts.

    Parameters
    ----------
    store : Store
        With leads, conversions, consent and what passed between us.
    sequence : NurtureSequence
        The steps.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now.
    policies : iterable of ContactPolicy
        Rules of contact besides those in the store.
    within : timedelta
        How long a message may wait for quiet hours or a pause to end.
    stop_after : int
        So many contacts without a sign, and it stops; at least 1.
    actor : str, optional
        Who does it, for the audit trail.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.nurture import ValueKind
    >>> from pycrm.storage import MemoryStore
    >>> guide = NurtureStep(code="guide", after=timedelta(0), value=ValueKind.GUIDE, promise="a guide", text="Here it is.")
    >>> sequence = NurtureSequence(code="welcome", steps=(guide,))
    >>> follow(MemoryStore(), sequence, as_of=date(2026, 5, 1), at=datetime(2026, 5, 1, tzinfo=UTC)).planned
    0
    """
    if stop_after < 1:
        raise InvalidValueError("stop_after", stop_after, "give a number of at least 1")
    now = instant(at)
    with store.begin(actor=actor, cause="interact.follow") as unit:
        known = aliases(unit)
        leads = _leads(unit, known, sequence, now)
        had = _had(unit, known, f"{sequence.name}")
        dialogue = _dialogue(unit, known, as_of, now)
        gate = Gate.of(unit, known, dialogue, now, policies, within)
        assessments = last_assessments(unit, as_of) if sequence.ends_when is not None else {}
        purchases = Purchases.read(unit, now, known, with_articles=sequence.ends_when is not None)
        for who, when in purchases.last.items():
            dialogue.sign(who, when)
        steps: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        made = []
        people = {one.id: one for one in unit.of(Customer).get_many(sorted(leads, key=str))}
        for who, began in sorted(leads.items(), key=lambda one: str(one[0])):
            customer = people[who]
            last = purchases.last.get(who)
            facts = facts_of(
                customer,
                as_of,
                assessment=assessments.get(who),
                last_order=None if last is None else last.date(),
                owned=frozenset(purchases.owned.get(who, ())),
            )
            if sequence.ends_when is not None and evaluate(sequence.ends_when, facts):
                refused["over"] += 1
                continue
            if dialogue.unanswered(who, now)[0] >= stop_after:
                refused["left_alone"] += 1
                continue
            step = sequence.step(began, had.get(who, ()), now)
            if step is None:
                refused["nothing_due"] += 1
                continue
            when, permission = gate.permission(customer, sequence.channel, (sequence.purpose,))
            if not permission:
                refused[permission.reasons[0].code] += 1
                continue
            steps[step.code] += 1
            point = customer.reachable_by(sequence.channel, when)
            made.append(
                ContactIntent(
                    customer_id=who,
                    run=sequence.name,
                    as_of=as_of,
                    created_at=now,
                    send_at=when,
                    kind=_kind(step),
                    topic=step.code,
                    text=step.text,
                    channel=sequence.channel,
                    address=None if point is None else point.normalised,
                    purpose=sequence.purpose,
                    permission=permission,
                    plan=sequence.name,
                    reasons=(
                        Reason("value", f"{step.value}: {step.promise}"),
                        Reason("step", f"{step.code} is due since {(began + step.after).isoformat()}"),
                        *permission.reasons,
                    ),
                )
            )
        unit.of(ContactIntent).put_many(made)
        unit.commit()
    return Followed(name=sequence.name, looked_at=len(leads), planned=len(made), steps=steps, refused=refused)


def _kind(step: NurtureStep) -> IntentKind:
    return IntentKind.OFFER if step.value in {"discount_code", "recommendation"} else IntentKind.CONTENT


def _leads(unit: UnitOfWork, known: Aliases, sequence: NurtureSequence, at: datetime) -> Mapping[UUID, datetime]:
    """Return when each lead of the sequence came, who has not converted: the first of a customer counts."""
    asked: Predicate = where("created_at") <= at
    if sequence.source is not None:
        asked = asked & (where("source") == sequence.source)
    converted = set(read_columns(unit, Query(Conversion, where("at") <= at), ["lead_id"])["lead_id"])
    columns = read_columns(unit, Query(Lead, asked), ["id", "customer_id", "created_at"])
    came: dict[UUID, datetime] = {}
    won: set[UUID] = set()
    for id, who, created_at in zip(*known.columns(columns), strict=True):
        if id in converted:
            won.add(who)
        elif who not in came or created_at < came[who]:
            came[who] = created_at
    return {who: when for who, when in came.items() if who not in won}


def _had(unit: UnitOfWork, known: Aliases, plan: str) -> Mapping[UUID, set[str]]:
    columns = read_columns(unit, Query(ContactIntent, where("run") == plan), ["customer_id", "topic"])
    had: dict[UUID, set[str]] = {}
    for who, topic in zip(*known.columns(columns), strict=True):
        had.setdefault(who, set()).add(topic)
    return had


def _dialogue(unit: UnitOfWork, known: Aliases, as_of: date, at: datetime) -> Dialogue:
    half_a_year = timedelta(days=180)
    dialogue = Dialogue.read(unit, known, at=at, run="", as_of=as_of, again_after=timedelta(0), since=at - half_a_year)
    dialogue.refuse_earlier(at)
    return dialogue


def send_newsletter(
    store: Store,
    letter: Newsletter,
    contents: Sequence[Content],
    *,
    as_of: date,
    at: datetime,
    skus: Mapping[UUID, Sequence[str]] | None = None,
    popular: Sequence[str] = (),
    policies: Iterable[ContactPolicy] = (),
    within: timedelta = timedelta(days=1),
    actor: str | None = None,
) -> Followed:
    """Plan the issue of every reader who permits the letter and for whom the cadence has come round.

    Contents are chosen by what is known of him; those he had in an earlier issue do not come again. Nobody is recommended what
    he owns.

    Parameters
    ----------
    store : Store
        With customers, consent, facts and orders.
    letter : Newsletter
        What it is made of.
    contents : sequence of Content
        What there is to read.
    as_of : date
        The last day whose facts count.
    at : datetime
        Now.
    skus : mapping of UUID to sequence of str, optional
        The articles recommended to each customer, the best first; as of a recommender.
    popular : sequence of str
        The articles for everybody else.
    policies : iterable of ContactPolicy
        Rules of contact besides those in the store.
    within : timedelta
        How long a message may wait for quiet hours or a pause to end.
    actor : str, optional
        Who does it, for the audit trail.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> sky = Newsletter(code="sky", title="The week's sky")
    >>> send_newsletter(MemoryStore(), sky, [], as_of=date(2026, 5, 1), at=datetime(2026, 5, 1, tzinfo=UTC)).looked_at
    0
    """
    now = instant(at)
    with store.begin(actor=actor, cause="interact.send_newsletter") as unit:
        known = aliases(unit)
        dialogue = _dialogue(unit, known, as_of, now)
        gate = Gate.of(unit, known, dialogue, now, policies, within)
        last, seen = _issues(unit, known, letter)
        topics = frozenset(topic for one in contents for topic in one.topics)
        facts = _facts(unit, known, topics, now)
        owned = Purchases.read(unit, now, known, with_articles=True).owned
        steps: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        looked_at, made = 0, []
        for customers in unit.of(Customer).stream(Query(Customer)):
            for customer in customers:
                who = customer.id
                if who in known.into:
                    continue
                looked_at += 1
                if who in last and now < last[who] + letter.every:
                    refused["not_yet"] += 1
                    continue
                when, permission = gate.permission(customer, letter.channel, (letter.purpose,))
                if not permission:
                    refused[permission.reasons[0].code] += 1
                    continue
                state = knowledge_state(who, facts.get(who, ()), now, wanted=topics)
                issue = compose(
                    letter,
                    contents,
                    (skus or {}).get(who, popular),
                    state,
                    now,
                    seen=seen.get(who, ()),
                    owned=owned.get(who, ()),
                )
                if issue is None:
                    refused["nothing_new"] += 1
                    continue
                steps.update(one.code for one in issue.contents)
                point = customer.reachable_by(letter.channel, when)
                made.append(
                    ContactIntent(
                        customer_id=who,
                        run=f"newsletter:{letter.code}",
                        as_of=as_of,
                        created_at=now,
                        send_at=when,
                        kind=IntentKind.CONTENT,
                        topic=letter.code,
                        text="; ".join((letter.title, *(one.title for one in issue.contents), *issue.skus)),
                        asks=tuple(dict.fromkeys(topic for one in issue.contents for topic in one.topics)),
                        channel=letter.channel,
                        address=None if point is None else point.normalised,
                        purpose=letter.purpose,
                        permission=permission,
                        plan=f"newsletter:{letter.code}",
                        carries=(*(one.code for one in issue.contents), *issue.skus),
                        reasons=(*issue.reasons, *permission.reasons),
                    )
                )
        unit.of(ContactIntent).put_many(made)
        unit.commit()
    return Followed(name=letter.code, looked_at=looked_at, planned=len(made), steps=steps, refused=refused)


def _facts(
    unit: UnitOfWork, known: Aliases, topics: Collection[Topic], at: datetime
) -> Mapping[UUID, Sequence[CustomerFact]]:
    """Return what was recorded on these topics, by the customer of today."""
    facts: dict[UUID, list[CustomerFact]] = {}
    for stored in unit.of(CustomerFact).stream(Query(CustomerFact, where("recorded_at") <= at)):
        for fact in stored:
            if fact.topic in topics:
                who = known.of(fact.customer_id)
                mine = fact if who == fact.customer_id else attrs.evolve(fact, customer_id=who)
                facts.setdefault(who, []).append(mine)
    return facts


def _issues(
    unit: UnitOfWork, known: Aliases, letter: Newsletter
) -> tuple[Mapping[UUID, datetime], Mapping[UUID, set[str]]]:
    """Return when each reader had his last issue, and what was in any of them."""
    asked = Query(ContactIntent, where("run") == f"newsletter:{letter.code}")
    columns = read_columns(unit, asked, ["customer_id", "created_at", "carries", "cancelled"])
    last: dict[UUID, datetime] = {}
    seen: dict[UUID, set[str]] = {}
    for who, created_at, carries, cancelled in zip(*known.columns(columns), strict=True):
        if cancelled:
            continue
        last[who] = max(created_at, last.get(who, created_at))
        seen.setdefault(who, set()).update(carries or ())
    return last, seen
