"""Who withholds an answer is told apart from who was never asked, is not asked again, and is never guessed: over the stores."""

from datetime import timedelta

import pytest
from worlds import NOW, TODAY, customer, everything, order, permission

from pycrm.errors import InvalidDataError
from pycrm.model.customer import Customer
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.knowledge_plan import Approach, KnowledgePlan, WantedTopic
from pycrm.model.source import SourceRecord
from pycrm.model.withheld import WithheldAnswer, withheld_by
from pycrm.storage import MemoryStore, Query
from pycrm.storage.identity import aliases
from pycrm.storage.sql import SqlStore
from pycrm.workflows import differentiate, identify, interact, privacy, review
from pycrm.workflows.interact.reading import withheld_topics

DAY = timedelta(days=1)
SPEED = Topic(FactKind.NEED, "speed")
STORES = {"memory": MemoryStore, "sqlite": lambda: SqlStore("sqlite://", durable=False)}


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param]()


def plan(rest=None):
    asks = Approach(code="speed", kind=IntentKind.QUESTION, text="How soon?", teaches=(SPEED,))
    return KnowledgePlan(code="needs", topics=(WantedTopic(topic=SPEED, worth=1000, rest=rest),), approaches=(asks,))


def keep(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def declined(who, days_ago=5, about="need:speed"):
    return WithheldAnswer(customer_id=who, about=about, recorded_at=NOW - days_ago * DAY)


def said(who, days_ago, origin=FactOrigin.STATED):
    return CustomerFact(customer_id=who, topic=SPEED, origin=origin, recorded_at=NOW - days_ago * DAY, confidence=0.3)


@pytest.mark.parametrize(("rest", "asked"), [(None, {"Bea"}), (5 * DAY, {"Ana", "Bea"}), (6 * DAY, {"Bea"})])
def test_who_withheld_is_not_asked_again_unless_the_plan_lets_it_rest(store, rest, asked):
    people = {name: customer(name) for name in ("Ana", "Bea")}
    keep(store, *people.values(), *map(permission, people.values()), declined(people["Ana"].id))
    report = interact.plan(store, as_of=TODAY, at=NOW, knowledge=plan(rest))
    ids = {one.customer_id for one in everything(store, ContactIntent)}
    assert {name for name, who in people.items() if who.id in ids} == asked
    assert (report.withheld, report.coverage) == (2 - len(asked), 0.0)


def test_all_at_once_is_as_one_by_one_under_whichever_id(store):
    names = ("ana", "anita", "carl", "dora")
    identify.register(
        store,
        [
            SourceRecord(
                source="shop", key=name, received_at=NOW - 90 * DAY,
                fields={"given_name": name, "email": f"{name}@x.example"},
            )
            for name in names
        ],
    )  # fmt: skip
    identify.resolve(store, at=NOW - 60 * DAY)
    ids = {one.name.given: one.id for one in everything(store, Customer)}
    keep(
        store,
        declined(ids["anita"]),
        declined(ids["carl"], 5),
        declined(ids["carl"], 9),
        said(ids["carl"], 4),
        declined(ids["dora"]),
        said(ids["dora"], 4, FactOrigin.INFERRED),
        said(ids["dora"], 6),
    )
    identify.merge(store, ids["ana"], ids["anita"], at=NOW - DAY, reason="one person")
    with store.begin(read_only=True) as unit:
        now = aliases(unit)
        found = withheld_topics(unit, plan(), NOW, now)
        entries, facts = (
            [one for batch in unit.of(model).stream(Query(model)) for one in batch]
            for model in (WithheldAnswer, CustomerFact)
        )
    assert found == {ids["ana"]: {SPEED}, ids["dora"]: {SPEED}}
    for name in ("carl", "dora"):
        alone = plan().withheld(withheld_by(ids[name], entries, NOW, facts=facts), NOW)
        assert found.get(ids[name], frozenset()) == alone


def audited(store, **more):
    people = [customer(f"c{n}", country=(["ES"] * 9 + ["FR"] * 3 + [None] * 5)[n]) for n in range(17)]
    keep(store, *people, *(order(who, at, 9, 20 + at) for at, who in enumerate(people)))
    # Of five without a country two would rather not say; one who said it before is where he said.
    keep(store, *(declined(who.id, about="country") for who in (people[0], people[12], people[13])))
    keep(store, declined(people[14].id, about="gender"))
    differentiate.assess(store, as_of=TODAY)
    return review.audit(store, as_of=TODAY, group="country", min_rows=1, **more)


def test_an_audit_tells_who_withheld_beside_who_is_unknown(store):
    found = audited(store)
    assert {row.group[0]: row.rows for row in found.selection.groups} == {"ES": 9, "FR": 3, "missing": 3, "withheld": 2}
    assert (found.published, found.published_total) == (None, None)


@pytest.mark.parametrize(
    ("least", "published", "total"),
    [
        (2, {"ES": 9, "FR": 3, "missing": 3, "withheld": 2}, 17),
        (3, {"ES": 9, "missing": 3}, 17),
        (4, {"ES": 9}, 17),
        (10, {}, 17),
        (15, {}, None),
    ],
)
def test_an_audit_says_which_counts_may_be_published(store, least, published, total):
    found = audited(store, least=least)
    assert (found.published, found.published_total) == (published, total)


def test_a_smallest_group_of_one_publishes_everything_and_is_refused(store):
    with pytest.raises(InvalidDataError, match="least"):
        audited(store, least=1)


def test_it_is_told_by_access_and_deleted_by_erasure(store):
    ana = customer("Ana")
    keep(store, ana, declined(ana.id))
    assert "need:speed" in privacy.access(store, ana.id, at=NOW).as_json()
    privacy.erase(store, ana.id, at=NOW)
    assert everything(store, WithheldAnswer) == []
