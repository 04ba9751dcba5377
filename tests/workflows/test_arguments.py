"""A verb that is given what it cannot use says which argument, which value and what to give, and writes nothing."""

from datetime import UTC, date, datetime

import pytest
from attrs import define, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.customer import Customer
from pycrm.model.entity import Entity, new_id
from pycrm.model.form import CaptureForm, FormField, FormFill, Submission
from pycrm.storage import EntityMap, MemoryStore, Query, read_columns
from pycrm.testing import store_contract
from pycrm.workflows import differentiate, identify, interact, personalise

NOW, TODAY = datetime(2026, 5, 1, tzinfo=UTC), date(2026, 4, 30)
FORM = CaptureForm(
    code="guide",
    fields=(FormField(name="mail", used_for="to send it", fills=FormFill.EMAIL, required=True),),
    purposes=(),
    text_version="1",
)


def submitted(**answers):
    return Submission(key="s-1", at=NOW, answers=answers)


def planned(**given):
    return lambda store: interact.plan(store, as_of=TODAY, at=NOW, **given)


def decided(**given):
    return lambda store: personalise.decide(store, **{"as_of": TODAY, "at": NOW, **given})


def assessed(**given):
    return lambda store: differentiate.assess(store, as_of=TODAY, **given)


def resolved(**given):
    return lambda store: identify.resolve(store, at=NOW, **given)


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (planned(knowledge=None), "knowledge: None is refused; give a KnowledgePlan"),
        (planned(loop="spring"), "loop: 'spring' is refused; give a DecisionPolicy"),
        (planned(policies="none"), "policies: 'none' is refused; give a list of ContactPolicy"),
        (lambda store: interact.capture(store, None, submitted(), at=NOW), "form: None is refused; give a CaptureForm"),
        (lambda store: interact.capture(store, FORM, None, at=NOW), "submission: None is refused; give a Submission"),
        (lambda store: interact.capture(store, FORM, "mail", at=NOW), "submission: 'mail' is refused"),
        (
            lambda store: interact.capture(store, FORM, submitted(mail="a@b.es"), at=NOW, magnet="guide"),
            "magnet: 'guide' is refused; give a LeadMagnet",
        ),
        (decided(as_of="2026-04-30"), "as_of: '2026-04-30' is refused; give a calendar date"),
        (decided(as_of=NOW), "as_of: .* is refused; give a calendar date"),
        (decided(policy="spring"), "policy: 'spring' is refused; give a DecisionPolicy"),
        (decided(channels="email"), r"channels: 'email' is refused; give a list of channels, \['email'\]"),
        (decided(policies="none"), "policies: 'none' is refused; give a list of ContactPolicy"),
        (assessed(scoring="text"), "scoring: 'text' is refused; give a ScoringRules"),
        (assessed(tiers="text"), "tiers: 'text' is refused; give a TierRules"),
        (assessed(needs="text"), "needs: 'text' is refused; give a NeedsRules"),
        (resolved(rules=["email"]), "rules: 'email' is refused; give only Rule"),
        (resolved(matching="all"), "matching: 'all' is refused; give a Matching"),
        (resolved(surviving="newest"), "surviving: 'newest' is refused; give a Surviving"),
    ],
)
def test_a_verb_names_the_argument_it_cannot_use(ask, named):
    store = MemoryStore()
    with pytest.raises(InvalidValueError, match=named):
        ask(store)
    with store.begin(read_only=True) as unit:
        assert unit.customers.count(Query(Customer)) == 0


@pytest.mark.parametrize(
    ("query", "fields", "named"),
    [
        (Query(Customer), None, "fields: None is refused; give a list of str"),
        (Query(Customer), "id", "fields: 'id' is refused; give a list of str"),
        (Customer, ["id"], r"query: .* is refused; give a Query, such as Query\(Customer\)"),
    ],
)
def test_columns_are_asked_for_by_a_question_and_a_list_of_fields(query, fields, named):
    with MemoryStore().begin() as unit, pytest.raises(InvalidValueError, match=named):
        read_columns(unit, query, fields)


def test_a_contract_is_of_what_makes_stores():
    with pytest.raises(InvalidValueError, match="make_store: 'x' is refused; give a callable"):
        store_contract("x")


@frozen(kw_only=True)
class Desk(Entity):
    label: str = "a"


@define
class Changing:
    id: object = new_id()
    version: int = 0


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"references": {"label": "Customer"}}, "references: 'Customer' is refused; give the entity class"),
        ({"references": ["label"]}, "references: .* is refused; give a mapping by field"),
        ({"columns": ["label"]}, "columns: .* is refused; give a mapping by field"),
        ({"columns": {"label": {"length": 9}}}, "columns: .* is refused; give settings of 'label' by name"),
        ({"columns": {"label": 9}}, "columns: 9 is refused; give settings of 'label' by name"),
        *(
            ({"table": table}, "table: .* is refused; use 1 to 63 bytes")
            for table in ("a; --", 'a"b', "", " a", "客" * 22)
        ),
        ({"table": 7}, "table: 7 is refused"),
        ({"handling": "none"}, "handling: 'none' is refused; give a Handling"),
    ],
)
def test_a_map_of_what_no_store_could_keep_is_refused(given, named):
    with pytest.raises(InvalidValueError, match=named):
        EntityMap.of(Desk, **given)


def test_a_class_that_changes_in_place_is_no_entity():
    with pytest.raises(InvalidValueError, match=r"decorate the class with attrs\.frozen"):
        EntityMap.of(Changing)
