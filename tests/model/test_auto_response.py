"""What is answered by itself: the most specific rule wins, and what is not simple goes to a person."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.auto_response import RequestClass, ResponseAction, ResponseBook, ResponseRule
from pycrm.model.lifecycle import Stage

HOURS = RequestClass(purpose="hours", words=("open", "hours"))
DELIVERY = RequestClass(purpose="delivery", words=("parcel", "delivery"))
RULES = (
    ResponseRule(template="anything"),
    ResponseRule(customer_type="gold", template="gold"),
    ResponseRule(stage=Stage.LOYALTY, template="loyal"),
    ResponseRule(purpose="hours", template="hours"),
    ResponseRule(customer_type="gold", purpose="hours", template="gold_hours"),
    ResponseRule(customer_type="gold", purpose="hours", stage=Stage.LOYALTY, template="all_three"),
)
BOOK = ResponseBook(code="desk", rules=RULES, simple=(HOURS, DELIVERY), never=("lawyer", "complaint"), away="away")


@pytest.mark.parametrize(
    ("customer_type", "purpose", "stage", "template"),
    [
        ("gold", "hours", Stage.LOYALTY, "all_three"),
        ("gold", "hours", Stage.AWARENESS, "gold_hours"),
        ("tin", "hours", Stage.LOYALTY, "hours"),
        ("gold", "delivery", Stage.LOYALTY, "loyal"),
        ("gold", "delivery", None, "gold"),
        (None, "delivery", None, "anything"),
    ],
)
def test_the_most_specific_rule_wins_and_of_as_many_keys_the_purpose_before_the_stage(
    customer_type, purpose, stage, template
):
    assert BOOK.rule(customer_type, purpose, stage).template == template


@given(st.permutations(RULES), st.sampled_from(["gold", None]), st.sampled_from([*Stage, None]))
def test_the_order_of_the_rules_changes_nothing(rules, customer_type, stage):
    book = ResponseBook(code="desk", rules=tuple(rules))
    for purpose in ("hours", "delivery", None):
        assert book.rule(customer_type, purpose, stage) == BOOK.rule(customer_type, purpose, stage)


def test_rules_that_contradict_each_other_are_refused():
    for pair in permutations([ResponseRule(purpose="a", template="x"), ResponseRule(purpose="a", template="y")]):
        with pytest.raises(InvalidValueError, match="keep one"):
            ResponseBook(code="desk", rules=pair)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("My lawyer asks for your hours", "lawyer"),
        ("What are your hours of delivery?", "delivery or hours"),
        ("Do you like tea?", "nothing in it is known"),
        (" ".join(["open"] * 26), "26 words"),
        ("", "nothing in it is known"),
    ],
)
def test_what_is_not_simple_goes_to_a_person(text, why):
    found = BOOK.respond(text)
    assert (found.action, found.template) == (ResponseAction.HAND_OFF, None)
    assert why in found.reasons[0].text


def test_what_is_simple_is_answered_whether_somebody_is_there_or_not():
    for staffed in (True, False):
        found = BOOK.respond("When do you OPEN?", customer_type="gold", staffed=staffed)
        assert (found.action, found.template, found.purpose) == (ResponseAction.ANSWER, "gold_hours", "hours")


def test_where_nobody_is_there_it_is_acknowledged_and_handed_on():
    found = BOOK.respond("I have a complaint", staffed=False)
    assert (found.action, found.template) == (ResponseAction.ACKNOWLEDGE, "away")
    assert [reason.code for reason in found.reasons] == ["not_simple", "away"]


def test_a_simple_request_without_an_answer_goes_to_a_person():
    to_staff = ResponseBook(code="desk", rules=(ResponseRule(purpose="hours"),), simple=(HOURS, DELIVERY))
    for text in ("your hours?", "my parcel?"):
        assert to_staff.respond(text).action is ResponseAction.HAND_OFF


def test_a_request_class_has_words_in_lower_case():
    for words in ((), ("Open",)):
        with pytest.raises(InvalidValueError, match="lower case"):
            RequestClass(purpose="hours", words=words)
