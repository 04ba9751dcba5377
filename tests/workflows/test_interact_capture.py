"""Interact: forms and magnets that bring leads, sequences that nurture them, letters people want to read."""

from datetime import timedelta

import attrs
import pytest
from worlds import NOW, TODAY, customer, everything, order, permission, store_of

from pycrm.errors import InvalidValueError
from pycrm.model.consent import ConsentEntry, ConsentStatus, may_contact
from pycrm.model.content import Content, ContentKind
from pycrm.model.customer import Customer
from pycrm.model.form import CaptureForm, FormField, FormFill, Submission
from pycrm.model.intent import ContactIntent, IntentKind
from pycrm.model.interaction import Interaction
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic, knowledge_state
from pycrm.model.lead import Conversion, Lead
from pycrm.model.lead_magnet import LeadMagnet, MagnetClaim, PopUp, magnet_for
from pycrm.model.newsletter import Newsletter, compose
from pycrm.model.nurture import NurtureSequence, NurtureStep, ValueKind
from pycrm.model.predicate import where
from pycrm.model.touchpoint import Touchpoint, first_touch
from pycrm.workflows import interact

SPEED = Topic(FactKind.NEED, "speed")
MOON, SUN = Topic(FactKind.INTEREST, "moon"), Topic(FactKind.INTEREST, "sun")
DAY = timedelta(days=1)
MAIL = FormField(name="mail", used_for="to send the guide", fills=FormFill.EMAIL, required=True)
FORM = CaptureForm(
    code="guide",
    fields=(
        MAIL,
        FormField(name="first", used_for="to greet you", fills=FormFill.GIVEN),
        FormField(name="likes", used_for="to send what you like", topic=MOON),
    ),
    purposes=("marketing", "marketing.newsletter"),
    text_version="2026-05",
)
MAGNET = LeadMagnet(code="faster", title="Half the wait", solves=SPEED, asset="faster.pdf", form="guide")


def sent(key="s1", at=NOW, agreed=(), **answers):
    return Submission(key=key, at=at, answers={"mail": "Ana@example.com", **answers}, agreed=frozenset(agreed))


def with_magnet():
    return store_of(MAGNET)


def test_a_form_makes_a_lead_with_consent_and_first_touch_of_what_was_written():
    store = with_magnet()
    got = interact.capture(
        store, FORM, sent(agreed=["marketing.newsletter"], first="Ana", likes="eclipses"), at=NOW, magnet=MAGNET
    )
    assert (got.new_customer, got.new_lead, got.repeated, got.asset) == (True, True, False, "faster.pdf")
    (ana,) = everything(store, Customer)
    assert (ana.display_name, ana.contact_points[0].normalised, ana.source) == ("Ana", "ana@example.com", "guide")
    assert ana.first_touch_at == NOW
    (lead,) = everything(store, Lead)
    assert (lead.customer_id, lead.source, lead.topic) == (ana.id, "guide", "need:speed")
    (touch,) = everything(store, Touchpoint)
    assert first_touch([touch]).content == "faster"
    (said,) = everything(store, ConsentEntry)
    assert (said.purpose, said.status, said.text_version) == ("marketing.newsletter", ConsentStatus.GRANTED, "2026-05")
    assert not may_contact(ana, "email", "marketing", NOW, consents=[said])
    facts = {fact.topic: fact for fact in everything(store, CustomerFact)}
    assert (facts[MOON].value, facts[MOON].origin) == ("eclipses", FactOrigin.STATED)
    assert facts[SPEED].origin is FactOrigin.INFERRED
    (claim,) = everything(store, MagnetClaim)
    assert claim.consent_ids == (said.id,)


def test_the_same_form_twice_changes_nothing():
    store = with_magnet()
    first = interact.capture(store, FORM, sent(agreed=["marketing"]), at=NOW, magnet=MAGNET)
    held = [len(everything(store, model)) for model in (Customer, Lead, ConsentEntry, Touchpoint, MagnetClaim)]
    again = interact.capture(store, FORM, sent(agreed=["marketing"]), at=NOW + DAY, magnet=MAGNET)
    assert (again.repeated, again.customer_id, again.asset) == (True, first.customer_id, "faster.pdf")
    assert held == [len(everything(store, model)) for model in (Customer, Lead, ConsentEntry, Touchpoint, MagnetClaim)]


def test_another_form_of_one_who_is_known_makes_no_second_lead_and_moves_no_first_touch():
    ana = customer("Ana", first_touch_at=NOW - DAY)
    store = store_of(ana, MAGNET)
    one = interact.capture(store, FORM, sent("s1"), at=NOW, magnet=MAGNET)
    two = interact.capture(store, FORM, sent("s2", at=NOW + DAY), at=NOW + DAY, magnet=MAGNET)
    assert (one.new_customer, one.new_lead, two.new_lead) == (False, True, False)
    assert two.lead_id == one.lead_id
    assert [one.first_touch_at for one in everything(store, Customer)] == [NOW - DAY]
    assert len(everything(store, MagnetClaim)) == 1
    assert len(everything(store, Interaction)) == 2


def test_an_earlier_form_that_arrives_late_moves_the_first_touch_back():
    store = store_of(customer("Ana", first_touch_at=NOW))
    interact.capture(store, FORM, sent(at=NOW - DAY), at=NOW)
    assert everything(store, Customer)[0].first_touch_at == NOW - DAY


@pytest.mark.parametrize(
    ("submission", "options", "says"),
    [
        (sent(password="x"), {}, "does not ask it"),
        (Submission(key="s", at=NOW, answers={"first": "Ana"}), {}, "required"),
        (Submission(key="s", at=NOW, answers={"mail": "  "}), {}, "required"),
        (sent(agreed=["profiling"]), {}, "asks for: marketing"),
        (sent(at=NOW + DAY), {}, "two clocks"),
        (sent(), {"magnet": attrs.evolve(MAGNET, form="other")}, "given for the form other"),
    ],
)
def test_a_form_that_does_not_fit_is_refused_and_nothing_is_kept(submission, options, says):
    store = with_magnet()
    with pytest.raises(InvalidValueError, match=says):
        interact.capture(store, FORM, submission, at=NOW, **options)
    assert everything(store, Customer) == []


def test_a_form_asks_little_and_each_field_is_for_something():
    with pytest.raises(InvalidValueError, match="ask at most 1"):
        attrs.evolve(FORM, most=1)
    with pytest.raises(InvalidValueError, match="nobody can be answered"):
        attrs.evolve(FORM, fields=(attrs.evolve(MAIL, required=False),))
    with pytest.raises(InvalidValueError, match="each thing once"):
        attrs.evolve(FORM, fields=(MAIL, attrs.evolve(MAIL, name="again")))
    with pytest.raises(InvalidValueError, match="each field once"):
        attrs.evolve(FORM, fields=(MAIL, MAIL))
    with pytest.raises(InvalidValueError, match="each purpose once"):
        attrs.evolve(FORM, purposes=("a", "a"))
    with pytest.raises(InvalidValueError, match="not both"):
        FormField(name="x", used_for="y")
    with pytest.raises(InvalidValueError, match="used_for"):
        FormField(name="x", used_for=" ", fills=FormFill.GIVEN)


def test_a_need_leads_to_the_magnet_that_serves_it_and_that_was_not_taken():
    other = LeadMagnet(code="cheaper", title="Save", solves=Topic(FactKind.NEED, "price"), asset="c.pdf", form="guide")
    needs = {SPEED: 0.9, other.solves: 0.4}
    assert magnet_for(needs, [other, MAGNET], NOW) == MAGNET
    assert magnet_for(needs, [other, MAGNET], NOW, taken=[MAGNET.id]) == other
    assert magnet_for({MOON: 1.0}, [other, MAGNET], NOW) is None
    with pytest.raises(InvalidValueError, match="kind NEED"):
        attrs.evolve(MAGNET, solves=MOON)


def test_a_pop_up_is_shown_at_most_so_often():
    rule = PopUp(at_most=2, span=30 * DAY, rest=DAY)
    assert rule.may_show([], NOW)
    assert rule.may_show([NOW - DAY], NOW)
    assert not rule.may_show([NOW - DAY + timedelta(seconds=1)], NOW)
    assert not rule.may_show([NOW - 2 * DAY, NOW - DAY], NOW)
    assert rule.may_show([NOW - 30 * DAY, NOW - DAY], NOW)
    with pytest.raises(InvalidValueError, match="at least 0"):
        PopUp(rest=-DAY)


GUIDE = NurtureStep(code="guide", after=timedelta(0), value=ValueKind.GUIDE, promise="a guide", text="Here it is.")
GIFT = NurtureStep(code="gift", after=3 * DAY, value=ValueKind.DISCOUNT_CODE, promise="10 %", text="TEN")
WELCOME = NurtureSequence(code="welcome", steps=(GUIDE, GIFT), ends_when=where("days_since_order") >= 0)


def a_lead(who, days_ago):
    return Lead(customer_id=who.id, source="guide", created_at=NOW - timedelta(days=days_ago))


def followed(store, at=NOW, **options):
    return interact.follow(store, WELCOME, as_of=TODAY, at=at, **options)


def test_each_step_of_a_sequence_comes_once_and_says_what_it_gives():
    ana = customer("Ana")
    store = store_of(ana, permission(ana), a_lead(ana, 0))
    assert followed(store).steps == {"guide": 1}
    assert followed(store).refused == {"nothing_due": 1}
    assert followed(store, NOW + 3 * DAY).steps == {"gift": 1}
    assert followed(store, NOW + 9 * DAY).refused == {"nothing_due": 1}
    made = sorted(everything(store, ContactIntent), key=lambda intent: intent.created_at)
    assert [intent.kind for intent in made] == [IntentKind.CONTENT, IntentKind.OFFER]
    assert [intent.reasons[0].text for intent in made] == ["guide: a guide", "discount_code: 10 %"]


def test_a_sequence_ends_with_a_purchase_a_conversion_silence_or_a_refusal():
    ana = customer("Ana")
    lead = a_lead(ana, 1)
    assert followed(store_of(ana, permission(ana), lead, order(ana, 1, 1, 5))).refused == {"over": 1}
    sale = order(ana, 1, 1, 5)
    won = Conversion(lead_id=lead.id, customer_id=ana.id, order_id=sale.id, at=NOW - DAY)
    store = store_of(ana, permission(ana), lead)
    with store.begin() as unit:
        unit.of(type(sale)).add(sale)
        unit.of(Conversion).add(won)
        unit.commit()
    assert followed(store).looked_at == 0
    assert followed(store_of(ana, lead)).refused == {"no_consent": 1}
    quiet = store_of(ana, permission(ana), lead)
    followed(quiet)
    assert followed(quiet, NOW + 4 * DAY, stop_after=1).refused == {"left_alone": 1}
    with pytest.raises(InvalidValueError, match="at least 1"):
        followed(quiet, stop_after=0)
    with pytest.raises(InvalidValueError, match="not before it"):
        followed(quiet, NOW - DAY)


def test_a_step_that_is_too_late_is_passed_over():
    began = NOW - 15 * DAY
    assert WELCOME.step(began, (), NOW) == GIFT
    assert WELCOME.step(NOW - 14 * DAY, (), NOW) == GUIDE
    assert WELCOME.step(NOW - 18 * DAY, (), NOW) is None
    assert WELCOME.step(NOW + DAY, (), NOW) is None


@pytest.mark.parametrize(
    "wrong", [{"steps": ()}, {"steps": (GUIDE, GUIDE)}, {"steps": (GIFT, GUIDE)}, {"patience": -DAY}]
)
def test_a_sequence_has_steps_in_the_order_of_time(wrong):
    with pytest.raises(InvalidValueError):
        attrs.evolve(WELCOME, **wrong)
    with pytest.raises(InvalidValueError, match="at least 0"):
        attrs.evolve(GUIDE, after=-DAY)


def paper(code, *about):
    return Content(code=code, title=code.title(), kind=ContentKind.NEWS, about=about)


PAPERS = [paper("moon", MOON), paper("sun", SUN), paper("stars", MOON, SUN)]
SKY = Newsletter(code="sky", title="The week's sky", editorial=1, products=1)


def likes(who, topic):
    return CustomerFact(customer_id=who.id, topic=topic, origin=FactOrigin.STATED, recorded_at=NOW - DAY)


def test_each_reader_gets_what_he_wants_to_read_and_nothing_he_owns_on_the_cadence():
    ana, bob, eve = customer("Ana"), customer("Bob"), customer("Eve")
    allowed = [permission(who, purpose="marketing.newsletter") for who in (ana, bob)]
    store = store_of(ana, bob, eve, *allowed, likes(ana, MOON), likes(bob, SUN), order(bob, 1, 5, 9, sku="globe"))
    send = {"as_of": TODAY, "popular": ["globe", "map"]}
    report = interact.send_newsletter(store, SKY, PAPERS, at=NOW, **send)
    assert (report.steps, report.refused) == ({"moon": 1, "sun": 1}, {"no_consent": 1})
    made = {intent.customer_id: intent for intent in everything(store, ContactIntent)}
    assert made[ana.id].carries == ("moon", "globe")
    assert made[bob.id].carries == ("sun", "map")
    early = interact.send_newsletter(store, SKY, PAPERS, at=NOW + 6 * DAY, **send)
    assert early.refused == {"not_yet": 2, "no_consent": 1}
    for weeks, steps in ((1, {"stars": 2}), (2, {"moon": 1, "sun": 1}), (3, {})):
        assert interact.send_newsletter(store, SKY, PAPERS, at=NOW + weeks * 7 * DAY, **send).steps == steps


def test_a_click_on_a_letter_teaches_what_its_contents_are_about():
    from pycrm.model.contact_event import ContactEvent, ContactEventKind

    ana = customer("Ana")
    store = store_of(ana, permission(ana, purpose="marketing.newsletter"))
    interact.send_newsletter(store, SKY, PAPERS[:1], as_of=TODAY, at=NOW)
    (intent,) = everything(store, ContactIntent)
    click = ContactEvent(key="c", kind=ContactEventKind.CLICKED, at=NOW + DAY, intent_id=intent.id)
    interact.record(store, [click], at=NOW + DAY)
    both = Newsletter(code="sky", title="The week's sky", editorial=1, products=0)
    later = interact.send_newsletter(
        store, both, [paper("venus", SUN), paper("eclipse", MOON)], as_of=TODAY, at=NOW + 8 * DAY
    )
    assert later.steps == {"eclipse": 1}


def test_a_letter_that_fits_badly_or_has_nothing_new_is_not_sent():
    ana = customer("Ana")
    state = knowledge_state(ana.id, [likes(ana, SUN)], NOW)
    strict = attrs.evolve(SKY, least_match=0.6)
    assert compose(strict, PAPERS[:1], ["map"], state, NOW) is None
    assert compose(strict, PAPERS, ["map"], state, NOW).contents[0].code == "sun"
    assert compose(strict, PAPERS[:1], ["map"], knowledge_state(ana.id, [], NOW), NOW) is not None
    assert compose(SKY, [], ["map"], state, NOW) is None
    assert compose(attrs.evolve(SKY, editorial=0), [], ["map"], state, NOW, owned=["map"]) is None
    with pytest.raises(InvalidValueError, match="one slot"):
        attrs.evolve(SKY, editorial=0, products=0)
    with pytest.raises(InvalidValueError, match="above 0"):
        attrs.evolve(SKY, every=timedelta(0))


def test_a_benefit_and_a_solution_name_the_need_they_serve():
    for kind in (ContentKind.BENEFIT, ContentKind.SOLUTION):
        with pytest.raises(InvalidValueError, match="names the need"):
            Content(code="x", title="X", kind=kind)
    with pytest.raises(InvalidValueError, match="kind NEED"):
        Content(code="x", title="X", kind=ContentKind.BENEFIT, need=MOON)
    assert Content(code="x", title="X", kind=ContentKind.SOLUTION, need=SPEED, about=(MOON, SPEED)).topics == (
        SPEED,
        MOON,
    )
