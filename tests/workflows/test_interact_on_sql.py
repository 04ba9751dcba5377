"""Interact gives the same answers over a database as over the store in memory."""

from datetime import timedelta

from worlds import NOW, TODAY, customer, order, permission

from pycrm.model.campaign import Campaign, CampaignStatus
from pycrm.model.contact_event import Answer, ContactEvent, ContactEventKind
from pycrm.model.contact_policy import ContactPolicy, QuietHours
from pycrm.model.content import Content, ContentKind
from pycrm.model.form import CaptureForm, FormField, FormFill, Submission
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.knowledge import FactKind, Topic
from pycrm.model.lifecycle import Stage, StageChange
from pycrm.model.newsletter import Newsletter
from pycrm.model.nurture import NurtureSequence, NurtureStep, ValueKind
from pycrm.model.play import Play, PlayAction, PlayTrigger
from pycrm.model.predicate import where
from pycrm.storage import MemoryStore, Query
from pycrm.storage.sql import SqlStore
from pycrm.workflows import interact

DAY = timedelta(days=1)
PEOPLE = [customer(f"c{number}", zone="Europe/Madrid" if number % 2 else None) for number in range(12)]
FORM = CaptureForm(
    code="guide",
    fields=(FormField(name="mail", used_for="to send it", fills=FormFill.EMAIL, required=True),),
    purposes=("marketing",),
    text_version="1",
)
SPRING = Campaign(
    code="spring",
    name="Spring",
    objective="more",
    kind=IntentKind.OFFER,
    text="Ten percent.",
    audience=where("days_since_order") <= 40,
    status=CampaignStatus.ACTIVE,
)
WELCOME = NurtureSequence(
    code="welcome",
    steps=(NurtureStep(code="hi", after=timedelta(0), value=ValueKind.GUIDE, promise="a guide", text="Here."),),
)
PLAY = Play(code="hello", stage=Stage.AWARENESS, trigger=PlayTrigger.ENTRY, action=PlayAction.TASK, text="Call")
LETTER = Newsletter(code="week", title="The week", purpose="marketing", editorial=1, products=1)
RANGES = Topic(FactKind.INTEREST, "ranges")


def put(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def sent(store):
    with store.begin(read_only=True) as unit:
        found = [one for batch in unit.of(ContactIntent).stream(Query(ContactIntent)) for one in batch]
    return sorted(found, key=lambda one: (str(one.customer_id), one.run))


def told(store):
    """Everything the verbs say of one world, and what they keep of it."""
    put(store, *PEOPLE, *(permission(who) for who in PEOPLE[:9]), SPRING)
    put(store, *(order(who, number, 10 * number + 5, 20) for number, who in enumerate(PEOPLE[:6])))
    put(store, ContactPolicy(quiet_hours=QuietHours.between("00:00", "08:00")))
    step = StageChange(
        customer_id=PEOPLE[0].id, to_stage=Stage.AWARENESS, occurred_at=NOW, recorded_at=NOW, reason="first_touch"
    )
    put(store, step)
    form = Submission(key="s", at=NOW, answers={"mail": "new@example.com"}, agreed=frozenset({"marketing"}))
    said = [interact.capture(store, FORM, form, at=NOW).new_lead, interact.capture(store, FORM, form, at=NOW).repeated]
    said.append(interact.plan(store, as_of=TODAY, at=NOW))
    due = interact.due(store, since=NOW - DAY, at=NOW + DAY / 2)
    said.append((len(due.intents), len(due.cancelled)))
    kinds = [ContactEventKind.ANSWERED, ContactEventKind.CLICKED, ContactEventKind.UNSUBSCRIBED]
    known = [intent for intent in sent(store) if intent.customer_id in {who.id for who in PEOPLE}]
    events = [
        ContactEvent(
            key=f"e{at}",
            kind=kinds[at % 3],
            at=NOW + DAY,
            intent_id=intent.id,
            answers=(Answer(RANGES, "tea"),) if at % 3 == 0 else (),
        )
        for at, intent in enumerate(known)
    ]
    said += [interact.record(store, events, at=NOW + DAY), interact.record(store, events, at=NOW + DAY)]
    said.append(interact.plan(store, as_of=TODAY, at=NOW + 2 * DAY, run="next"))
    said.append(interact.answer_rates(store, interact.HOUSE_PLAN, since=NOW - DAY, at=NOW + 2 * DAY))
    said.append(interact.launch(store, SPRING, as_of=TODAY, at=NOW + 2 * DAY))
    said.append(interact.follow(store, WELCOME, as_of=TODAY, at=NOW + 2 * DAY))
    said += [interact.play(store, [PLAY], as_of=TODAY, at=NOW + 2 * DAY) for _ in range(2)]
    news = Content(code="n", title="News", kind=ContentKind.NEWS, about=(RANGES,))
    said.append(interact.send_newsletter(store, LETTER, [news], as_of=TODAY, at=NOW + 3 * DAY, popular=["tea", "cup"]))
    kept = [
        (one.customer_id, one.run, one.topic, one.send_at, one.asks, one.carries, one.permission.allowed)
        for one in sent(store)
        if one.customer_id in {who.id for who in PEOPLE}
    ]
    return said, kept


def test_a_database_and_memory_tell_and_keep_the_same():
    sql = SqlStore("sqlite://")
    sql.create_schema()
    (said, kept), (also_said, also_kept) = told(MemoryStore()), told(sql)
    assert said == also_said
    assert kept == also_kept
    assert said[:2] == [True, True]
    assert said[2].planned == 10
