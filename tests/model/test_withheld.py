"""What a customer would rather not say is neither known nor asked again."""

from datetime import UTC, datetime, timedelta

import pytest

from pycrm.model.entity import new_id
from pycrm.model.intent import IntentKind
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.knowledge_plan import Approach, KnowledgePlan, WantedTopic
from pycrm.model.withheld import WithheldAnswer, withheld_by

NOW = datetime(2026, 5, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ANA = new_id()
SPEED, SIZE = Topic(FactKind.NEED, "speed"), Topic(FactKind.NEED, "size")


def declined(days_ago, who=ANA, about="need:speed"):
    return WithheldAnswer(customer_id=who, about=about, recorded_at=NOW - days_ago * DAY)


def fact(days_ago, origin=FactOrigin.STATED, who=ANA, topic=SPEED):
    return CustomerFact(customer_id=who, topic=topic, origin=origin, recorded_at=NOW - days_ago * DAY)


def plan(rest=None, kind=IntentKind.QUESTION):
    return KnowledgePlan(
        code="needs",
        topics=(WantedTopic(topic=SPEED, worth=10, rest=rest), WantedTopic(topic=SIZE, worth=1)),
        approaches=(
            Approach(code="speed", kind=kind, text="How soon?", teaches=(SPEED,)),
            Approach(code="both", kind=kind, text="How soon, and how large?", teaches=(SPEED, SIZE)),
            Approach(code="size", kind=kind, text="How large?", teaches=(SIZE,)),
        ),
    )


def test_what_was_declined_is_withheld_since_the_last_time_and_of_others_nothing_is():
    assert withheld_by(ANA, [declined(1), declined(3), declined(2, who=new_id())], NOW) == {"need:speed": NOW - DAY}
    assert withheld_by(ANA, [declined(-1)], NOW) == {}


@pytest.mark.parametrize(
    ("said", "withheld"),
    [
        (fact(1), False),
        (fact(3), True),
        (fact(2), True),
        (fact(-1), True),
        (fact(1, FactOrigin.INFERRED), True),
        (fact(1, FactOrigin.OBSERVED), True),
        (fact(1, who=new_id()), True),
        (fact(1, topic=SIZE), True),
    ],
)
def test_only_a_later_word_of_his_own_ends_it(said, withheld):
    assert bool(withheld_by(ANA, [declined(2)], NOW, facts=[said])) is withheld


def test_a_topic_is_never_asked_again_unless_the_plan_says_when():
    said = {"need:speed": NOW - 10 * DAY, "custom.gender": NOW}
    assert plan().withheld(said, NOW + 999 * DAY) == {SPEED}
    assert plan(rest=10 * DAY).withheld(said, NOW - DAY) == {SPEED}
    assert plan(rest=10 * DAY).withheld(said, NOW) == frozenset()


@pytest.mark.parametrize(("kind", "other"), [(IntentKind.QUESTION, False), (IntentKind.SURVEY, False), (IntentKind.CONTENT, True)])  # fmt: skip
def test_words_that_ask_for_it_are_not_said_and_what_teaches_more_is_not_credited_with_it(kind, other):
    asked = plan(kind=kind)
    speed, both, size = asked.approaches
    hidden = frozenset({SPEED})
    assert asked.asks(both, {}, hidden) == (SIZE,)
    assert asked.gain(speed, {}, withheld=hidden) == 0.0
    assert asked.gain(size, {}, withheld=hidden) == asked.gain(size, {}) > 0
    assert (asked.gain(both, {}, withheld=hidden) > 0) is other
    assert asked.gain(both, {}, withheld=hidden) <= asked.gain(size, {})
