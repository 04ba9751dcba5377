"""Every field of every noun has a sensitivity, and redacting follows it."""

import uuid

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.customer import Customer, CustomerKind, Organisation, PersonName, Processing
from pycrm.model.entity import Entity
from pycrm.model.erased_keys import key_digest
from pycrm.model.handlings import HANDLINGS, handling_of
from pycrm.model.interaction import Interaction, InteractionKind, Participant
from pycrm.model.order import Order
from pycrm.model.points_account import Hold, Lot, PointsAccount
from pycrm.model.privacy import BLANK, Fate, Handling, RequestKind, RetentionRule, Sensitivity, SubjectRequest
from pycrm.serialize import to_plain
from pycrm.storage import default_maps
from pycrm.testing.made import NOW, an_order, ana
from strategies import ENTITIES


@pytest.mark.parametrize("map", default_maps(), ids=lambda map: map.table)
def test_every_field_of_every_noun_has_a_sensitivity(map):
    try:
        handling = handling_of(map.model, map.handling)
    except InvalidValueError as error:
        pytest.fail(
            f"{error}\nEvery noun needs its Handling in src/pycrm/model/handlings.py, every field its sensitivity."
        )
    refers_to_people = {reference.path for reference in map.references if issubclass(reference.model, Customer)}
    missing = refers_to_people - set(handling.subjects)
    assert not missing, f"add {sorted(missing)} to `subjects` of the handling of {map.model.__name__} in handlings.py"
    if handling.since is not None:
        assert handling.since in {each.name for each in attrs.fields(map.model)}


def test_no_handling_is_of_a_noun_that_is_not_kept():
    assert set(HANDLINGS) == {map.model for map in default_maps()}


def leaves(plain):
    if isinstance(plain, str):
        yield plain
    elif isinstance(plain, dict):
        for name, value in plain.items():
            yield name
            yield from leaves(value)
    elif isinstance(plain, list):
        for value in plain:
            yield from leaves(value)


REDACTED = [model for model in ENTITIES if HANDLINGS[model].is_personal and HANDLINGS[model].fate is Fate.REDACT]


@pytest.mark.parametrize("model", REDACTED, ids=lambda model: model.__name__)
def test_what_erasure_takes_is_gone_from_the_fields_it_stood_in_and_the_rest_is_kept(model):
    handling = handling_of(model)

    @settings(max_examples=15)
    @given(ENTITIES[model])
    def law(entity):
        after = handling.redacted(entity)
        assert handling.redacted(after) == after
        assert (after.id, after.version) == (entity.id, entity.version)
        for each in attrs.fields(model):
            sensitivity = handling.of(each.name)
            before, now = getattr(entity, each.name), getattr(after, each.name)
            if sensitivity is Sensitivity.LABEL:
                assert now == (None if before is None else key_digest(before))
            elif sensitivity.is_erased:
                texts = set(leaves(to_plain(now)))
                safe = {BLANK, str(entity.id), "system", "given_first"}
                assert all(text in safe or text.startswith("sha256:") for text in texts - set(_names(each.name)))
            elif sensitivity is not Sensitivity.PARTS and each.name not in handling.blanks:
                assert now == before

    law()


_HOLDS_PARTS = {"name", "organisation", "actor", "reasons"}


def _names(field):
    return ["full", "name", "order", "kind", "id", "domains", "code", "text"] if field in _HOLDS_PARTS else []


@given(st.builds(str.replace, st.just("call +34 600 111 222 back"), st.just("back"), st.text("abc", max_size=3)))
def test_free_text_is_told_anew_and_nothing_else_is(text):
    order = an_order(uuid.UUID(int=1), custom={"note": text, "deep": [{"more": text}]}, number="+34 600 111 222")
    handling = HANDLINGS[Order]
    after = handling.retold(order, lambda said: said.replace("+34 600 111 222", BLANK))
    assert "600" not in str(after.custom)
    assert after.number == order.number
    assert handling.retold(after, lambda said: said) is after


def test_a_label_that_names_somebody_is_told_as_a_digest_and_every_other_is_kept():
    lots = (Lot(uuid.UUID(int=7), 5),)
    holds = (Hold("gift:ana@example.com", lots), Hold("basket 7", lots))
    account = PointsAccount(member_id=uuid.UUID(int=1), program="tea", holds=holds)
    handling = HANDLINGS[PointsAccount]
    told = handling.retold(account, lambda text: text.replace("ana@example.com", BLANK))
    assert told.holds == (Hold(key_digest("gift:ana@example.com"), lots), Hold("basket 7", lots))
    assert handling.retold(told, lambda text: text.replace("ana@example.com", BLANK)) is told
    assert [hold.key for hold in handling.redacted(told).holds] == [key_digest(hold.key) for hold in holds]


def test_a_person_and_a_firm_keep_a_blank_where_a_name_must_stand():
    person = HANDLINGS[Customer].redacted(ana(processing=Processing.RESTRICTED))
    assert (person.name, person.contact_points, person.processing) == (PersonName(full=BLANK), (), Processing.ERASED)
    firm = Customer(kind=CustomerKind.ORGANISATION, organisation=Organisation(name="Acme", industry="tea"))
    assert HANDLINGS[Customer].redacted(firm).organisation == Organisation(name=BLANK)
    nameless = HANDLINGS[Customer].redacted(attrs.evolve(ana(), name=None))
    assert nameless.name == PersonName(full=BLANK)


def test_a_visitor_who_took_part_as_nobody_else_keeps_a_blank():
    def visit(**more):
        return Interaction(
            anonymous_id="cookie-1", kind=InteractionKind.WEB, channel="web", occurred_at=NOW, recorded_at=NOW, **more
        )

    handling = HANDLINGS[Interaction]
    assert handling.redacted(visit()).anonymous_id == BLANK
    assert handling.redacted(visit(customer_id=uuid.UUID(int=1))).anonymous_id is None
    assert handling.redacted(visit(participants=(Participant(party_id=uuid.UUID(int=1)),))).anonymous_id is None


@attrs.frozen(kw_only=True)
class Visit(Entity):
    customer_id: uuid.UUID
    note: str
    weight: float = 0.0


@attrs.frozen(kw_only=True)
class Patient(Customer):
    ward: str | None = None


def test_a_noun_or_field_without_a_handling_is_refused_with_what_to_add():
    with pytest.raises(InvalidValueError, match=r"add a Handling to HANDLINGS .* or give your own as EntityMap.of"):
        handling_of(Visit)
    with pytest.raises(InvalidValueError, match=r"Patient.ward has no sensitivity: say how sensitive 'ward' is"):
        handling_of(Patient)
    own = attrs.evolve(
        HANDLINGS[Customer], model=Patient, fields={**HANDLINGS[Customer].fields, "ward": Sensitivity.BEHAVIOUR}
    )
    assert handling_of(Patient, own).redacted(Patient(name=PersonName(given="Ana"), ward="7")).ward is None
    with pytest.raises(InvalidValueError, match=r"colour"):
        own.of("colour")


def test_a_field_that_cannot_be_blank_is_refused_until_its_blank_is_said():
    fields = {"customer_id": Sensitivity.KEY, "note": Sensitivity.FREE_TEXT, "weight": Sensitivity.BEHAVIOUR}
    told = {"model": Visit, "purpose": "p", "use": "u", "subjects": ("customer_id",)}
    visit = Visit(customer_id=uuid.UUID(int=1), note="a", weight=80.0)
    with pytest.raises(InvalidValueError, match="say in `blanks`"):
        Handling(fields=fields, **told).redacted(visit)
    blank = Handling(fields=fields, blanks={"weight": lambda _: 0.0}, **told)
    assert blank.redacted(visit) == attrs.evolve(visit, note=BLANK, weight=0.0)
    with pytest.raises(InvalidValueError, match="give 'note' one of Sensitivity"):
        Handling(fields={"note": "secret"}, **told)
    assert Handling(fields={**fields, "line": Sensitivity.NONE}, **told).gaps() == [
        "Visit has no field 'line': take it out of its handling"
    ]


def test_parts_need_sensitivities_of_their_own():
    gaps = attrs.evolve(HANDLINGS[Order], parts={}).gaps()
    assert any("OrderLine.description, in 'lines', has no sensitivity" in gap for gap in gaps)


def test_what_was_asked_for_is_done_after_it_was_received():
    with pytest.raises(InvalidValueError, match="done_at"):
        SubjectRequest(
            kind=RequestKind.ERASE,
            customer_id=uuid.UUID(int=1),
            received_at=NOW,
            done_at=NOW.replace(year=2025),
        )
    with pytest.raises(InvalidValueError, match="keep"):
        RetentionRule(table="lead", keep=-(NOW - NOW.replace(year=2025)), then=Fate.DELETE, why="x")
