"""What a plan, a form, an intent or a touchpoint cannot be is refused by the name of its field."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import attrs
import pytest

from pycrm.errors import InvalidValueError
from pycrm.model.form import CaptureForm, FormField, FormFill
from pycrm.model.intent import IntentKind
from pycrm.model.interest import learnt_interest
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.knowledge_plan import Approach, KnowledgePlan, WantedTopic
from pycrm.model.nurture import NurtureSequence, NurtureStep, ValueKind
from pycrm.model.touchpoint import Touchpoint

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SPEED, PRICE = Topic(FactKind.NEED, "speed"), Topic(FactKind.NEED, "price")
ASK = Approach(code="ask", kind=IntentKind.QUESTION, text="How fast?", teaches=(SPEED,))
WANTED = WantedTopic(topic=SPEED, worth=1.0)
FACT = CustomerFact(
    customer_id=UUID(int=1), topic=SPEED, origin=FactOrigin.INFERRED, strength=0.5, confidence=0.5, recorded_at=NOON
)
STEP = NurtureStep(code="a", after=timedelta(0), value=ValueKind.GUIDE, promise="a guide", text="Here it is.")
FORM = CaptureForm(
    code="news",
    text_version="1",
    fields=(FormField(name="mail", used_for="the letter", fills=FormFill.EMAIL, required=True),),
)


@pytest.mark.parametrize(
    ("named", "make"),
    [
        ("effort", lambda: attrs.evolve(ASK, effort=-1.0)),
        ("concerns", lambda: attrs.evolve(ASK, concerns="orders >= 1")),
        ("worth", lambda: attrs.evolve(ASK, teaches=())),
        ("teaches", lambda: attrs.evolve(ASK, teaches=(SPEED, SPEED))),
        ("approaches", lambda: KnowledgePlan(code="p", topics=(WANTED,), approaches=(ASK, ASK))),
        ("topics", lambda: KnowledgePlan(code="p", topics=(WANTED, WANTED), approaches=(ASK,))),
        ("teaches", lambda: KnowledgePlan(code="p", topics=(WantedTopic(topic=PRICE, worth=1.0),), approaches=(ASK,))),
        ("weight", lambda: learnt_interest(FACT, NOON, weight=0.0)),
        ("weight", lambda: learnt_interest(FACT, NOON, weight=1.5)),
        ("mail", lambda: FORM.checked({"mail": 7})),
        ("customer_id", lambda: Touchpoint(at=NOON, channel="web", source="ad")),
        ("ends_when", lambda: NurtureSequence(code="s", steps=(STEP,), ends_when="orders >= 1")),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(named, make):
    with pytest.raises(InvalidValueError) as refused:
        make()
    assert refused.value.field == named


def test_questions_and_surveys_wait_for_words_and_offers_do_not():
    assert [kind for kind in IntentKind if kind.asks] == [IntentKind.QUESTION, IntentKind.SURVEY]
