"""The engine over a store: what no exact rule decides, the questions it leaves, and the words of people that it obeys."""

from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.invented import spaniards
from pycrm.errors import InvalidValueError, NotFound
from pycrm.matching import cluster_quality
from pycrm.model.customer import Customer
from pycrm.model.entity import new_id
from pycrm.model.merge import MatchDecision, MatchQuestion
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.storage import MemoryStore, Query
from pycrm.storage.sql import SqlStore
from pycrm.workflows import identify

NOW = datetime(2026, 5, 1, tzinfo=UTC)
STORES = {"memory": MemoryStore, "sqlite": lambda: SqlStore("sqlite://", durable=False)}
PEOPLE = spaniards(110)


def later(days):
    return NOW + timedelta(days=days)


def everything(store, model):
    with store.begin(read_only=True) as unit:
        return [one for batch in unit.of(model).stream(Query(model)) for one in batch]


def said(table=PEOPLE):
    """The table as source records, and the person of each key."""
    names = {"name": "full_name", "birth": "birth_date"}
    made, truth = [], {}
    for row in table.to_dict("records"):
        key = str(row.pop("id"))
        truth[key] = row.pop("person")
        fields = {names.get(name, name): value for name, value in row.items() if isinstance(value, str)}
        made.append(SourceRecord(source="crm", key=key, received_at=NOW - timedelta(days=9), fields=fields))
    return made, truth


def groups(store):
    now = identities(everything(store, IdentityLink))
    made = {}
    for record in everything(store, SourceRecord):
        made.setdefault(now[record.id], set()).add(record.key)
    return {frozenset(keys) for keys in made.values()}


@pytest.fixture(scope="module")
def found():
    store = MemoryStore()
    records, truth = said()
    identify.register(store, records)
    return store, identify.resolve(store, at=NOW), truth


def test_people_whom_no_exact_rule_finds_are_found_and_each_pair_says_why(found):
    store, report, truth = found
    exact = MemoryStore()
    identify.register(exact, said()[0])
    by_rules = identify.resolve(exact, at=NOW, matching=None)
    assert report.decided["model"] > 0
    assert report.customers < by_rules.customers
    now = identities(everything(store, IdentityLink))
    records = everything(store, SourceRecord)
    quality = cluster_quality([str(now[one.id]) for one in records], [truth[one.key] for one in records])
    assert quality.pair_f1 > 0.97
    [pair, *_] = report.explained
    assert "are one person with probability" in pair.sentence
    assert now[pair.left_id] == now[pair.right_id]
    by_model = [link for link in everything(store, IdentityLink) if link.rule == "model"]
    assert all(link.probability > 0.5 and link.mate_id is not None and "probable" in link.reason for link in by_model)


def test_another_run_changes_nothing(found):
    store, first, _ = found
    again = identify.resolve(store, at=later(1))
    assert (again.added, again.changed, again.decided, again.united) == (0, 0, {}, ())
    assert (again.customers, again.questions) == (first.customers, first.questions)
    assert again.model == first.model


@pytest.mark.parametrize("name", STORES)
def test_records_that_come_one_after_the_other_end_where_all_at_once_do(found, name):
    store = STORES[name]()
    records, _ = said()
    for day, part in enumerate((records[:150], records[150:260], records[260:])):
        identify.register(store, part)
        identify.resolve(store, at=later(day))
    assert groups(store) == groups(found[0])


def test_a_question_is_asked_until_it_is_answered_and_the_answer_holds():
    store = MemoryStore()
    identify.register(store, said()[0])
    wide = identify.Matching(review=(0.001, 0.999999))
    report = identify.resolve(store, at=NOW, matching=wide)
    asked = identify.questions(store)
    assert report.questions == len(asked) > 1
    assert [abs(one.weight) for one in asked] == sorted(abs(one.weight) for one in asked)
    together = next(one for one in asked if same(store, one))
    now = identities(everything(store, IdentityLink))
    stranger = next(record for record in now if now[record] != now[together.left_id])
    apart = attrs.evolve(together, right_id=stranger)
    identify.decide(store, together.left_id, together.right_id, same=False, at=later(1), reason="twins", actor="eva")
    identify.decide(store, together.left_id, stranger, same=True, at=later(1), reason="she moved", actor="eva")
    assert len(identify.questions(store)) == len(asked) - 1
    identify.resolve(store, at=later(2), matching=wide)
    assert (same(store, together), same(store, apart)) == (False, True)
    assert not {together.pair, apart.pair} & {one.pair for one in identify.questions(store)}
    # The last word counts.
    identify.decide(store, together.left_id, together.right_id, same=True, at=later(3), reason="no twins", actor="eva")
    identify.resolve(store, at=later(4), matching=wide)
    assert same(store, together)
    assert {one.decided_by for one in everything(store, MatchDecision)} == {"eva"}


def same(store, question):
    now = identities(everything(store, IdentityLink))
    return now[question.left_id] == now[question.right_id]


def test_without_the_engine_open_questions_stand_and_answered_ones_go():
    store = MemoryStore()
    identify.register(store, said()[0])
    identify.resolve(store, at=NOW, matching=identify.Matching(review=(0.001, 0.999999), questions=5))
    first, *others = identify.questions(store)
    with store.begin() as unit:
        unit.of(MatchDecision).add(
            MatchDecision(left_id=first.left_id, right_id=first.right_id, same=False, decided_at=NOW, reason="seen")
        )
        unit.commit()
    few = identify.Matching(fewest=10_000)
    assert identify.resolve(store, at=later(1), matching=few).questions == len(others) == 4
    assert identify.resolve(store, at=later(2), matching=None).questions == 0
    assert everything(store, MatchQuestion) == []


def test_a_model_that_was_kept_weighs_a_few_records_alike(found):
    _, report, _ = found
    store = MemoryStore()
    records = [
        SourceRecord(source="web", key=key, received_at=NOW, fields=fields)
        for key, fields in {
            "a": {"given_name": "Lucía", "family_name": "Garrido Cortés", "birth_date": "1980-02-03"},
            "b": {"given_name": "Lucia", "family_name": "Garrido", "birth_date": "1980-02-03", "city": "Vigo"},
            "c": {"given_name": "Pedro", "family_name": "Cortés", "birth_date": "1961-07-30"},
        }.items()
    ]
    identify.register(store, records)
    kept = identify.Matching(model=report.model)
    found_now = identify.resolve(store, at=NOW, matching=kept)
    assert found_now.model == report.model
    assert groups(store) == {frozenset("ab"), frozenset("c")}


def test_an_engine_union_that_is_taken_back_stays_taken_back(found):
    store = MemoryStore()
    records, _ = said()
    identify.register(store, records[:200])
    identify.resolve(store, at=NOW, matching=None)
    before = {customer.id: customer for customer in everything(store, Customer)}
    report = identify.resolve(store, at=later(1))
    now, gone = report.united[0]
    back = identify.unmerge(store, gone, at=later(2), reason="father and son")
    assert back.id == gone
    assert attrs.evolve(back, version=0) == attrs.evolve(before[gone], version=0)
    again = identify.resolve(store, at=later(3))
    assert gone not in identify.aliases(store)
    assert now in {customer.id for customer in everything(store, Customer)}
    assert (again.united, again.decided) == ((), {})


EVENTS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6)


@settings(max_examples=15)
@given(EVENTS, st.data())
def test_a_merge_taken_back_leaves_no_trace_whatever_came_since(keys, data):
    """Two stores get the same records; one merges two customers in between and takes it back."""

    def record(number, key):
        fields = {"given_name": key, "email": f"{key}@x.example"}
        if data_bridge and number == data_bridge[0]:
            fields = {"email": "a@x.example", "phone": "+34600111001", "family_name": "b"}
        return SourceRecord(source="web", key=f"{number}", received_at=later(number - 50), fields=fields)

    data_bridge = data.draw(st.lists(st.integers(0, len(keys) - 1), max_size=1))
    first = [
        SourceRecord(
            source="shop",
            key=key,
            received_at=later(-90),
            fields={"given_name": key, "family_name": key, "email": f"{key}@x.example", "phone": f"+3460011100{n}"},
        )
        for n, key in enumerate("abcdef")
    ]  # fmt: skip
    stores = MemoryStore(), MemoryStore()
    for store in stores:
        identify.register(store, first)
        identify.resolve(store, at=NOW)
    ids = [by_key(store) for store in stores]
    winner, loser = data.draw(st.sampled_from([("a", "b"), ("b", "a"), ("c", "d")]))
    identify.merge(stores[0], ids[0][winner], ids[0][loser], at=later(1), reason="alike")
    for store in stores:
        identify.register(store, [record(number, key) for number, key in enumerate(keys)])
        identify.resolve(store, at=later(2))
    identify.unmerge(stores[0], ids[0][loser], at=later(3), reason="not so")
    assert told(stores[0], ids[0]) == told(stores[1], ids[1])
    for store in stores:
        identify.resolve(store, at=later(4))
    assert told(stores[0], ids[0]) == told(stores[1], ids[1])


def by_key(store):
    now = identities(everything(store, IdentityLink))
    return {record.key: now[record.id] for record in everything(store, SourceRecord)}


def told(store, ids):
    """Every live customer in words that two stores share."""
    names = {id: key for key, id in ids.items()}
    gone = identify.aliases(store)
    made = {}
    for one in everything(store, Customer):
        if one.id not in gone:
            points = sorted(point.normalised for point in one.contact_points if point.period.end is None)
            outer = sorted(known.value for known in one.external_ids)
            made[names.get(one.id, "new")] = (one.name, points, outer, one.first_touch_at, one.roles)
    return made


def test_what_no_question_can_answer_is_refused():
    store = MemoryStore()
    identify.register(store, said()[0][:2])
    left, right = [one.id for one in everything(store, SourceRecord)]
    with pytest.raises(NotFound):
        identify.decide(store, left, new_id(), same=True, at=NOW, reason="x")
    with pytest.raises(InvalidValueError, match="two different"):
        identify.decide(store, right, right, same=True, at=NOW, reason="x")


def test_a_merge_against_a_word_that_they_are_two_is_refused():
    store = MemoryStore()
    identify.register(
        store, [SourceRecord(source="s", key=key, received_at=NOW, fields={"given_name": key}) for key in "ab"]
    )
    identify.resolve(store, at=NOW)
    ids = by_key(store)
    records = {one.key: one.id for one in everything(store, SourceRecord)}
    identify.decide(store, records["a"], records["b"], same=False, at=later(1), reason="sisters")
    with pytest.raises(InvalidValueError, match="sisters"):
        identify.merge(store, ids["a"], ids["b"], at=later(2), reason="alike")
    identify.decide(store, records["a"], records["b"], same=True, at=later(3), reason="one and the same")
    assert identify.merge(store, ids["a"], ids["b"], at=later(4), reason="alike").id == ids["a"]
