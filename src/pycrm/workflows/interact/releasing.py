"""What may go out now, asked again at the last moment; and how readily each approach was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import attrs
from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.consent import may_contact
from pycrm.model.contact_policy import ContactMade, ContactPolicy
from pycrm.model.customer import Customer
from pycrm.model.evidence import Reason
from pycrm.model.intent import ContactIntent
from pycrm.model.interaction import Direction, Interaction
from pycrm.model.knowledge_plan import KnowledgePlan
from pycrm.model.predicate import where
from pycrm.model.time import instant
from pycrm.storage.columns import read_columns
from pycrm.storage.identity import aliases
from pycrm.storage.lookups import consents_by_customer
from pycrm.storage.protocols import Store
from pycrm.storage.query import Query, asc
from pycrm.workflows.interact.reading import INTENT_KEY, Dialogue, Policies

__all__ = ["Due", "answer_rates", "due"]


@frozen(kw_only=True)
class Due:
    """What is to be sent, and what is not to be after all.

    Parameters
    ----------
    intents : tuple of ContactIntent
        To be sent now, the earliest first.
    cancelled : tuple of ContactIntent
        No longer permitted; each says why, and is kept so.
    """

    intents: tuple[ContactIntent, ...]
    cancelled: tuple[ContactIntent, ...]


def due(
    store: Store, *, since: datetime, at: datetime, policies: Iterable[ContactPolicy] = (), actor: str | None = None
) -> Due:
    """Return the intents whose time came after `since`, up to `at`, and that are permitted still.

    Permission is asked again, with what is known now: who withdrew since the plan was made gets nothing, and the intent is
    kept as cancelled. What was cancelled before is left out.

    Parameters
    ----------
    store : Store
        With the intents.
    since : datetime
        `at` of the last call.
    at : datetime
        Now.
    policies : iterable of ContactPolicy
        Rules of contact besides those in the store.
    actor : str, optional
        Who does it, for the audit trail.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> due(MemoryStore(), since=day, at=day + timedelta(hours=1)).intents
    ()
    """
    since, at = instant(since), instant(at)
    if at < since:
        raise InvalidValueError("at", at, f"give a time that is not before since, {since.isoformat()}")
    with store.begin(actor=actor, cause="interact.due") as unit:
        asked = Query(
            ContactIntent, (where("send_at") > since) & (where("send_at") <= at), order=(asc("send_at"), asc("id"))
        )
        waiting = [
            intent for batch in unit.of(ContactIntent).stream(asked) for intent in batch if intent.cancelled is None
        ]
        if not waiting:
            return Due(intents=(), cancelled=())
        now = aliases(unit)
        consents = consents_by_customer(unit, at, now)
        rules = Policies.read(unit, policies, now)
        dialogue = Dialogue.read(
            unit, now, at=at, run="", as_of=at.date(), again_after=timedelta(0), since=at - timedelta(days=32)
        )
        customers = {
            one.id: one
            for one in unit.of(Customer).get_many(list(dict.fromkeys(now.of(one.customer_id) for one in waiting)))
        }
        going, stopped = [], []
        for intent in waiting:
            customer = customers[now.of(intent.customer_id)]
            made = list(dialogue.made(customer.id))
            # The intent itself is among the contacts; it does not count against itself.
            itself = ContactMade(intent.channel, intent.send_at, intent.purpose)
            if itself in made:
                made.remove(itself)
            answer = may_contact(
                customer,
                intent.channel,
                intent.purpose,
                at,
                consents=consents.get(customer.id, ()),
                policies=rules.concerning(customer.id),
                made=made,
                suppressions=rules.suppressions(customer),
            )
            if answer:
                going.append(intent)
            else:
                why = answer.reasons[0]
                stopped.append(attrs.evolve(intent, cancelled=Reason(why.code, f"no longer permitted: {why.text}")))
        if stopped:
            unit.of(ContactIntent).put_many(stopped, on_conflict="update")
        unit.commit()
    return Due(intents=tuple(going), cancelled=tuple(stopped))


def answer_rates(
    store: Store, plan: KnowledgePlan, *, since: datetime, at: datetime, strength: float = 20.0
) -> Mapping[str, float]:
    """Return the answer rate of each approach of `plan`, from what went out and what came back in that time.

    A rate starts at the one the plan supposes, which weighs as much as `strength` contacts, and moves to what was seen.

    Parameters
    ----------
    store : Store
        With the intents and what came of them.
    plan : KnowledgePlan
        Whose approaches.
    since, at : datetime
        Of what time.
    strength : float
        The weight of the supposed rate, in contacts; above 0.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> from pycrm.workflows.interact.house import HOUSE_PLAN
    >>> year = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    >>> answer_rates(MemoryStore(), HOUSE_PLAN, since=year[0], at=year[1])["interests"]
    0.2
    """
    if not strength > 0:
        raise InvalidValueError("strength", strength, "give a number above 0")
    since, at = instant(since), instant(at)
    with store.begin(read_only=True) as unit:
        went_out = (where("send_at") > since) & (where("send_at") <= at)
        intents = read_columns(unit, Query(ContactIntent, went_out), ["id", "topic", "cancelled"])
        came = (where("occurred_at") > since) & (where("occurred_at") <= at) & (where("direction") == Direction.IN)
        signs = read_columns(unit, Query(Interaction, came), ["idempotency_key", "payload"])
    answered = {
        payload.get("intent")
        for key, payload in zip(*signs.values(), strict=True)
        if key.startswith(INTENT_KEY) and payload
    }
    sent: Counter[str] = Counter()
    heard: Counter[str] = Counter()
    for id, topic, cancelled in zip(*intents.values(), strict=True):
        if cancelled:
            continue
        sent[topic] += 1
        heard[topic] += str(id) in answered
    return {
        approach.code: (heard[approach.code] + strength * approach.answer_rate) / (sent[approach.code] + strength)
        for approach in plan.approaches
    }
