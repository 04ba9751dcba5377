"""Who objects to being profiled is in no number about persons, whichever verb makes it; the business with him goes on."""

import inspect
from datetime import timedelta
from types import SimpleNamespace

import attrs
import numpy as np
import pytest
from attrs import frozen
from worlds import NOW, TODAY, customer, everything, order, permission, store_of

from pycrm.model.assessment import Assessment
from pycrm.model.consent import ConsentEntry, ConsentStatus, LegalBasis
from pycrm.model.entity import new_id
from pycrm.model.evidence import Reason
from pycrm.model.experiment import Assignment, Experiment, ExperimentArm
from pycrm.model.knowledge import CustomerFact, FactKind, FactOrigin, Topic
from pycrm.model.lead import Conversion, Lead
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferDecision, OfferKind
from pycrm.model.order import Order
from pycrm.model.points_command import Earn
from pycrm.model.predicate import where
from pycrm.model.profiling import ProfilingPolicy
from pycrm.model.segment import Segment, SegmentMembership
from pycrm.model.time import Period
from pycrm.report.stored import purchases_of_store
from pycrm.scoring import ProfileRule, Qualification, ScoringRules
from pycrm.storage.ledger import post_points
from pycrm.workflows import differentiate, leads, loyalty, measure, personalise, predict, privacy, review, segments

DAY = timedelta(days=1)
PEOPLE = tuple(customer(name, country="ES") for name in ("Ana", "Bea", "Cid", "Dan", "Eva", "Fay", "Gil", "Hal"))
BEA = PEOPLE[1].id
GRADES = [fit + engagement for fit in "ABC" for engagement in "123"]
SCORING = ScoringRules(
    rules=(ProfileRule(name="home", column="country", test="equals", value="ES", points=40),),
    qualifications=(Qualification(state="marketing_qualified", fit=30),),
    version="1",
)
GIFT = Offer(code="gift", name="A gift", kind=OfferKind.SERVICE, purpose="marketing", cost=Money("0.10", "EUR"))
TEST = Experiment(
    code="mail",
    name="Mail or not",
    arms=(ExperimentArm(code="mail", share=0.5), ExperimentArm(code="none", share=0.5)),
    control="none",
    metric="revenue",
    period=Period(NOW - 40 * DAY, NOW + DAY),
)
FRESH = attrs.evolve(TEST, id=new_id(), code="fresh")


def _world():
    made = [*PEOPLE, GIFT, TEST, FRESH, Segment(name="spanish", definition=where("country") == "ES")]
    for at, who in enumerate(PEOPLE):
        for n, days in enumerate((50, 30, 10)):
            one = order(who, f"{at}-{n}", days + at, 20 + at * at * (n + 1), sku=f"tea{n}")
            cost = Money("30", "EUR")
            made.append(attrs.evolve(one, lines=(attrs.evolve(one.lines[0], cost=cost),)))
        made += [
            permission(who),
            Lead(customer_id=who.id, source="fair", created_at=NOW - 60 * DAY),
            CustomerFact(
                customer_id=who.id, topic=Topic(FactKind.NEED, "calm"), origin=FactOrigin.STATED,
                recorded_at=NOW - 70 * DAY,
            ),
            Assignment(
                experiment_id=TEST.id, customer_id=who.id, arm=("mail", "none")[at // 2 % 2], assigned_at=NOW - 35 * DAY
            ),
            OfferDecision(
                customer_id=who.id, run="old", as_of=TODAY - 40 * DAY, decided_at=NOW - 40 * DAY, offer_id=GIFT.id,
                channel="email", reasons=(Reason("priority", "the best"),), policy="weekly",
                arm=("loop", "holdout")[at // 2 % 2], expires_at=NOW - 38 * DAY,
            ),
        ]  # fmt: skip
    return made


WORLD = _world()
OBJECTION = ConsentEntry(customer_id=BEA, purpose="profiling", status=ConsentStatus.WITHDRAWN, captured_at=NOW - DAY)


def world(*more):
    return store_of(*WORLD, *more)


def _assessed(store):
    differentiate.assess(store, as_of=TODAY)
    return {one.customer_id for one in everything(store, Assessment)}


def _object(store):
    with store.begin() as unit:
        unit.of(ConsentEntry).add(OBJECTION)
        unit.commit()


@frozen
class _Often:
    """A score that needs no fitting."""

    def predict_proba(self, features):
        likely = np.clip(np.asarray(features, dtype=float)[:, 0] / 10.0, 0.0, 1.0)
        return np.stack([1.0 - likely, likely], axis=1)


def _backtest(store):
    rows = []

    def fit(features, labels):
        rows.append(len(labels))
        return _Often()

    days = [TODAY - n * DAY for n in (41, 31)]
    predict.backtest(store, fit=fit, as_of=days, horizon=5, observed_until=TODAY, features=["frequency"], least_train=1)
    return rows[0]


def _last_order(store):
    return max((one for one in everything(store, Order) if one.customer_id == BEA), key=lambda one: one.placed_at).id


def _converting(store):
    """Return everybody, but for Bea unless her sale, the only one there was, is in a rate."""
    lead = next(one for one in everything(store, Lead) if one.customer_id == BEA)
    leads.convert(store, lead.id, at=NOW - 18 * DAY, order_id=_last_order(store))
    rates = leads.grade_rates(store, SCORING, moments=[NOW - 20 * DAY], horizon=5, at=NOW)
    return {who.id for who in PEOPLE if who.id != BEA or any(rates.values())}


# What each verb says of persons: their ids, or how many they are.
HONOURS = {
    "differentiate.assess": _assessed,
    "differentiate.alerts": lambda s: {one.customer_id for one in differentiate.alerts(s, as_of=TODAY, least=10**6)},
    "segments.rebuild": lambda s: segments.rebuild(s, at=NOW).members["spanish"],
    "segments.members": lambda s: segments.members(s, "spanish", at=NOW),
    "segments.explain": lambda s: {
        who.id for who in PEOPLE if segments.explain(s, "spanish", who.id)[0].code != "objected"
    },
    "predict.labels": lambda s: {
        next(who.id for who in PEOPLE if str(who.id) == id)
        for id in predict.labels(s, as_of=[TODAY - 5 * DAY], horizon=5, observed_until=TODAY)["customer"]
    },
    "predict.backtest": _backtest,
    "leads.scores": lambda s: len(leads.scores(s, SCORING, at=NOW).grade),
    "leads.qualify": lambda s: sum(leads.qualify(s, SCORING, at=NOW).states.values()),
    "leads.queue": lambda s: {
        one.customer_id
        for one in leads.queue(s, SCORING, at=NOW, probability=dict.fromkeys(GRADES, 0.5), value=9.0)
    },
    "leads.rates": lambda s: leads.rates(s, Period(NOW - 90 * DAY, NOW), at=NOW)[0].leads,
    "leads.grade_rates": _converting,
    "review.compare": lambda s: review.compare(
        s, former=("current", TODAY), later=("current", TODAY)
    ).migration.stayed,
    "review.audit": lambda s: review.audit(s, as_of=TODAY, group="country", min_rows=1).customers,
    "measure.assign": lambda s: sum(measure.assign(s, FRESH.id, at=NOW).assigned.values()),
    "measure.effect": lambda s: _both(measure.effect(s, TEST.id, as_of=TODAY, at=NOW)[0]),
    "measure.before_after": lambda s: _both(
        measure.before_after(
            s, question="tea", metric="revenue", treated=where("name.given").is_in(["Ana", "Bea", "Cid", "Dan"]), controls=None,
            changed_at=NOW - 30 * DAY, span=20 * DAY, as_of=TODAY, at=NOW,
        )
    ),
    "personalise.decide": lambda s: personalise.decide(s, as_of=TODAY, at=NOW).customers,
    "personalise.next_steps": lambda s: personalise.next_steps(
        s, [personalise.StepRule(code="call", text="Call", concerns=where("orders") >= 0, worth=1)],
        as_of=TODAY, at=NOW,
    ).customers,
    "personalise.recommend": lambda s: set(personalise.recommend(s, at=NOW)),
    "personalise.moments": lambda s: {one.customer_id for one in personalise.moments(s, at=NOW)},
    "personalise.segment_moments": lambda s: sum(one.customers for one in personalise.segment_moments(s, at=NOW)),
    "personalise.pull_list": lambda s: {
        one.customer_id for one in personalise.pull_list(s, "old", channel="email", at=NOW)[0]
    },
    "personalise.settle": lambda s: sum(personalise.settle(s, at=NOW).kept.values()),
    "personalise.evaluate": lambda s: _both(personalise.evaluate(s, "weekly", as_of=TODAY, at=NOW)),
}  # fmt: skip

GOES_ON = {
    "differentiate.rows_of": "tells on what an answer rested that was given before",
    "measure.rows_of": "tells on what an answer rested that was given before",
    "leads.convert": "a sale is kept",
    "personalise.record": "an answer is kept",
    "personalise.override": "a person decided",
    "personalise.coverage": "counts what was said, nobody by name",
    "personalise.repeat_sales": "counts the business, nobody by name",
    "personalise.touches_per_sale": "counts the business, nobody by name",
}


def _both(finding):
    return finding.treated + finding.controls


ROOMS = (differentiate, leads, measure, personalise, predict, review, segments)


def test_every_verb_that_takes_a_store_is_said_to_honour_an_objection_or_why_it_goes_on():
    verbs = {
        f"{room.__name__.rpartition('.')[2]}.{name}"
        for room in ROOMS
        for name in room.__all__
        if inspect.isfunction(verb := getattr(room, name)) and "store" in inspect.signature(verb).parameters
    }
    assert verbs == HONOURS.keys() | GOES_ON.keys()
    assert not HONOURS.keys() & GOES_ON.keys()


@pytest.mark.filterwarnings("ignore::pycrm.errors.DataWarning")
@pytest.mark.parametrize("verb", HONOURS)
def test_who_objects_is_in_none_of_its_numbers_and_everybody_else_is(verb):
    found = []
    for objects in (False, True):
        store = world()
        if verb != "differentiate.assess":
            # What was made before the objection is still there, and is not used either.
            _assessed(store)
            segments.rebuild(store, at=NOW - 2 * DAY)
        if objects:
            _object(store)
        found.append(HONOURS[verb](store))
    before, after = found
    if isinstance(before, (int, np.integer)):
        assert (before, after) == (len(PEOPLE), len(PEOPLE) - 1)
    else:
        assert before == {who.id for who in PEOPLE}
        assert after == before - {BEA}


def test_each_report_tells_how_many_were_left_out_and_why():
    store = world(OBJECTION)
    privacy.restrict(store, PEOPLE[2].id, at=NOW)
    privacy.erase(store, PEOPLE[3].id, at=NOW)
    reports = [
        differentiate.assess(store, as_of=TODAY),
        segments.rebuild(store, at=NOW),
        leads.qualify(store, SCORING, at=NOW),
        review.compare(store, former=("current", TODAY), later=("current", TODAY)),
        review.audit(store, as_of=TODAY, group="country", min_rows=1),
        measure.assign(store, FRESH.id, at=NOW),
        personalise.decide(store, as_of=TODAY, at=NOW),
        personalise.next_steps(store, [], as_of=TODAY, at=NOW),
        SimpleNamespace(
            left_out=predict.labels(store, as_of=[TODAY - 5 * DAY], horizon=5, observed_until=TODAY).attrs["left_out"]
        ),
    ]
    for report in reports:
        assert report.left_out == {"erased": 1, "objected": 1, "restricted": 1}
    assert purchases_of_store(store, as_of=TODAY, name="shop").dropped == {"objected": 3, "restricted": 3}
    said = "2 customers whose data is restricted or of whom no numbers may be made are left out"
    with pytest.warns(match="read before its end"):
        assert said in measure.effect(store, TEST.id, as_of=TODAY, at=NOW)[0].notes
    assert said in personalise.evaluate(store, "weekly", as_of=TODAY, at=NOW).notes
    assert said in measure.before_after(
        store, question="tea", metric="revenue", treated=where("name.given").is_in(["Ana", "Bea", "Eva", "Fay"]), changed_at=NOW - 30 * DAY, span=20 * DAY,
        as_of=TODAY, at=NOW,
    ).notes  # fmt: skip


def test_a_list_pulled_after_the_objection_says_why_he_is_not_on_it():
    entries, left_out = personalise.pull_list(world(OBJECTION), "old", channel="email", at=NOW)
    assert (len(entries), left_out) == (len(PEOPLE) - 1, {"objected": 1})


def test_membership_ends_with_the_objection_and_explain_says_so():
    store = world()
    segments.rebuild(store, at=NOW - 2 * DAY)
    _object(store)
    assert segments.rebuild(store, at=NOW).left == {"spanish": 1}
    (ended,) = [one for one in everything(store, SegmentMembership) if one.period.end is not None]
    assert (ended.customer_id, segments.explain(store, "spanish", BEA)[0].code) == (BEA, "objected")


def test_where_the_house_needs_consent_silence_leaves_out():
    yes = attrs.evolve(permission(PEOPLE[0]), id=OBJECTION.id, purpose="profiling")
    store = world(ProfilingPolicy(basis=LegalBasis.CONSENT), yes)
    report = differentiate.assess(store, as_of=TODAY)
    assert (report.customers, report.left_out) == (1, {"no_consent": len(PEOPLE) - 1})


def test_orders_points_consent_and_sales_go_on():
    store = world(OBJECTION)
    with store.begin() as unit:
        unit.of(Order).add(order(PEOPLE[1], "new", 1, 9))
        post_points(unit, BEA, "tea", Earn(100, reason="welcome"), key="welcome", at=NOW)
        unit.of(ConsentEntry).add(permission(PEOPLE[1], purpose="service"))
        unit.commit()
    with store.begin(read_only=True) as unit:
        assert loyalty.account_of(unit, BEA, "tea").available == 100
    lead = next(one for one in everything(store, Lead) if one.customer_id == BEA)
    leads.convert(store, lead.id, at=NOW, order_id=_last_order(store))
    assert [one.customer_id for one in everything(store, Conversion)] == [BEA]


def test_access_and_export_tell_the_objection():
    store = world(OBJECTION)
    told = privacy.access(store, BEA, at=NOW).as_json()
    assert '"purpose": "profiling"' in told
    assert '"purpose": "profiling"' in privacy.export(store, BEA, at=NOW)
