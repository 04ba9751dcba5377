"""Where a deal stands is a fold of its history; no way of calling leads to a state that its pipeline does not allow."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm import testing
from pycrm.errors import CurrencyMismatchError, InvalidTransitionError, InvalidValueError, PycrmError
from pycrm.model.evidence import Actor, ActorKind, EvidenceRef
from pycrm.model.money import Money
from pycrm.model.opportunity import (
    BuyingRole,
    Opportunity,
    OpportunityChange,
    OpportunityContact,
    OpportunityTerms,
    RecurringAmount,
)
from pycrm.model.opportunity_history import open_opportunity, opportunity_state
from pycrm.model.order import OrderLine
from pycrm.model.pipeline import Pipeline, PipelineStage, PipelineStageKind
from pycrm.model.predicate import where
from pycrm.model.priority import PriorityRule, PriorityRules, expected_value
from pycrm.testing import made
from strategies import pipelines

K = PipelineStageKind
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BOSS = Actor(ActorKind.HUMAN, "boss")
SALES = Pipeline(
    code="sales",
    stages=(
        PipelineStage(code="talking", probability=0.2, stale_after=14 * DAY),
        PipelineStage(code="quoted", probability=0.5, requires=where("evidence.kind") == "quote"),
        PipelineStage(code="won", kind=K.WON),
        PipelineStage(code="lost", kind=K.LOST, next=("talking",)),
    ),
)
QUOTE = EvidenceRef("quote", UUID(int=7))


def euros(amount, **more):
    return OpportunityTerms(amount=Money(amount, "EUR"), **more)


def deal(pipeline=SALES, **more):
    return Opportunity(customer_id=UUID(int=1), name="Tea", pipeline_id=pipeline.id, opened_at=NOW, **more)


class Told:
    """A deal with its history, as a program would keep it."""

    def __init__(self, pipeline=SALES, terms=None, **more):
        self.deal = deal(pipeline)
        self.editions = [pipeline]
        self.history = [open_opportunity(self.deal, pipeline, terms or euros(100), **more)]

    def at(self, days=10_000, **more):
        return opportunity_state(self.deal, self.history, self.editions, NOW + days * DAY, **more)

    def move(self, to, days, **more):
        more = {"reason": "moved", "at": NOW + days * DAY} | more
        self.history.append(self.at(days).moved(to, **more))
        return self.at(days)


def test_a_deal_begins_in_the_first_open_stage_and_ends_won_for_certain():
    told = Told(terms=euros("500.00", expected_close=date(2026, 6, 1)))
    first = told.at(0)
    assert (first.stage, first.kind, first.probability, first.weighted) == (
        "talking",
        K.OPEN,
        0.2,
        Money("100.00", "EUR"),
    )
    assert (first.closed_at, first.lost_reason, first.entries, first.forced) == (None, None, 1, False)
    won = told.move("won", 3)
    assert (won.kind, won.probability, won.weighted, won.closed_at) == (
        K.WON,
        1.0,
        Money("500.00", "EUR"),
        NOW + 3 * DAY,
    )
    assert told.at(2) == first
    assert told.at(-1) is None


def test_a_lost_deal_says_why_has_no_chance_and_is_reopened_only_where_the_pipeline_says_so():
    told = Told()
    lost = told.move("lost", 1, reason="price")
    assert (lost.lost_reason, lost.probability, lost.closed_at) == ("price", 0.0, NOW + DAY)
    again = told.move("talking", 2)
    assert (again.kind, again.lost_reason, again.closed_at, again.entered_at) == (K.OPEN, None, None, NOW + 2 * DAY)
    told.move("won", 3)
    with pytest.raises(InvalidTransitionError, match="cannot move from 'won' to 'talking'; allowed next: nothing"):
        told.move("talking", 4)


def test_a_stage_asks_for_evidence_on_entering_whoever_gave_it_before():
    told = Told()
    with pytest.raises(InvalidValueError, match=r"to: 'quoted' is refused; this stage asks something of evidence.kind"):
        told.move("quoted", 1)
    assert told.move("quoted", 1, evidence=[QUOTE]).evidence == (QUOTE,)
    told.move("talking", 2)
    assert told.move("quoted", 3).stage == "quoted"


def test_a_requirement_sees_the_terms_that_come_with_the_step():
    large = PipelineStage(
        code="large", probability=0.6, requires=(where("amount") >= 1000) & (where("probability") > 0.5)
    )
    sales = attrs.evolve(SALES, stages=(*SALES.stages, large))
    told = Told(sales)
    with pytest.raises(InvalidValueError, match="amount, probability"):
        told.move("large", 1, terms=euros(2000))
    assert told.move("large", 1, terms=euros(2000, probability=0.9)).terms.total == Money(2000, "EUR")


def test_a_forced_step_is_flagged_for_good_and_names_who_and_why():
    told = Told()
    told.move("won", 1)
    with pytest.raises(InvalidValueError, match="names its actor and, as note, its reason"):
        told.move("talking", 2, forced=True)
    state = told.move("talking", 2, forced=True, actor=BOSS, note="signed by mistake")
    assert (state.stage, state.forced) == ("talking", True)
    assert told.move("lost", 3, reason="price").forced is True
    assert Told().move("quoted", 1, forced=True, actor=BOSS, note="on the phone").stage == "quoted"


def test_other_terms_leave_the_stage_alone_and_a_closed_deal_is_corrected_by_force_only():
    told = Told()
    state = told.move("talking", 5, terms=euros(300, probability=0.4), reason="repriced")
    assert (state.entered_at, state.changed_at, state.terms.total) == (NOW, NOW + 5 * DAY, Money(300, "EUR"))
    assert (state.probability, state.weighted) == (0.4, Money("120.00", "EUR"))
    assert told.at(4).terms.total == Money(100, "EUR")
    won = told.move("won", 6)
    assert won.probability == 1.0
    with pytest.raises(InvalidValueError, match="the deal is closed"):
        told.move("won", 7, terms=euros(1))
    corrected = told.move("won", 7, terms=euros(250), forced=True, actor=BOSS, note="wrong sum")
    assert (corrected.closed_at, corrected.terms.total) == (won.closed_at, Money(250, "EUR"))
    with pytest.raises(InvalidValueError, match="nothing changes"):
        Told().move("talking", 1)


def test_what_was_recorded_late_was_not_known_before():
    told = Told()
    told.move("won", 3, recorded_at=NOW + 9 * DAY)
    assert told.at(4).kind is K.WON
    assert told.at(4, known_at=NOW + 8 * DAY).stage == "talking"
    assert told.at(4, known_at=NOW - DAY) is None


def test_a_deal_goes_from_one_pipeline_or_edition_to_another_through_their_open_stages():
    renewals = attrs.evolve(SALES, id=UUID(int=50), code="renewals")
    second = attrs.evolve(SALES, id=UUID(int=51), revision=2)
    told = Told()
    told.editions += [renewals, second]
    stays = told.move("talking", 2, pipeline=second)
    assert (stays.pipeline.name, stays.entered_at) == ("sales/2", NOW)
    begins = told.move("talking", 4, pipeline=renewals)
    assert (begins.pipeline.name, begins.entered_at) == ("renewals/1", NOW + 4 * DAY)
    with pytest.raises(InvalidTransitionError, match="allowed next: quoted, talking"):
        told.move("won", 5, pipeline=second)
    assert told.move("lost", 5, reason="price").pipeline is renewals
    with pytest.raises(InvalidTransitionError, match="allowed next: nothing"):
        told.move("talking", 6, pipeline=second)


def test_a_stage_that_became_closed_in_the_next_edition_closes_the_deal_when_it_is_forced_there():
    ends = (*SALES.stages[1:], PipelineStage(code="talking", kind=K.LOST), PipelineStage(code="met", probability=0.1))
    second = attrs.evolve(SALES, id=UUID(int=51), revision=2, stages=ends)
    told = Told()
    told.editions.append(second)
    state = told.move("talking", 2, pipeline=second, forced=True, actor=BOSS, note="given up", reason="old")
    assert (state.kind, state.lost_reason, state.closed_at) == (K.LOST, "old", NOW + 2 * DAY)


def lied(change, **fields):
    """The entry as a store might give it back: nobody asked its rules."""
    made = attrs.evolve(change)
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"from_stage": "quoted"}, InvalidTransitionError),
        ({"to_stage": "quoted", "allowed": ()}, InvalidTransitionError),
        ({"former_pipeline_id": UUID(int=9)}, InvalidTransitionError),
        ({"kind": K.OPEN}, InvalidValueError),
        ({"opportunity_id": UUID(int=9)}, InvalidValueError),
        ({"pipeline_id": UUID(int=9)}, InvalidValueError),
        ({"occurred_at": NOW + 2 * DAY}, InvalidValueError),
        ({"number": 1}, InvalidValueError),
        (
            {"from_stage": None, "number": 1, "terms": euros(1), "kind": K.OPEN, "to_stage": "talking"},
            InvalidTransitionError,
        ),
    ],
)
def test_an_entry_that_lies_is_refused_when_it_is_read(fields, error):
    told = Told()
    told.move("won", 1)
    told.history[1] = lied(told.history[1], **fields)
    with pytest.raises(error):
        told.at()


def test_an_edge_that_the_entry_claims_and_the_edition_does_not_know_is_refused():
    told = Told()
    told.move("won", 1)
    forged = OpportunityChange(
        opportunity_id=told.deal.id, pipeline_id=SALES.id, number=3, from_stage="won", to_stage="talking",
        kind=K.OPEN, allowed=("talking",), occurred_at=NOW + 2 * DAY, recorded_at=NOW + 2 * DAY, reason="hope",
    )  # fmt: skip
    told.history.append(forged)
    with pytest.raises(InvalidTransitionError, match="cannot move from 'won' to 'talking'"):
        told.at()


def test_a_deal_is_opened_in_an_open_stage_of_the_edition_it_names():
    with pytest.raises(
        InvalidTransitionError, match="cannot move from 'nothing' to 'won'; allowed next: quoted, talking"
    ):
        Told(stage="won")
    with pytest.raises(InvalidValueError, match="the edition given is"):
        open_opportunity(deal(), attrs.evolve(SALES, id=UUID(int=5)), euros(1))
    with pytest.raises(InvalidValueError, match="sales/1 has"):
        Told(stage="gone")
    first = Told().history[0]
    with pytest.raises(InvalidValueError, match="on which terms"):
        attrs.evolve(first, terms=None)
    assert Told(stage="quoted").at(0).stage == "quoted"
    assert opportunity_state(deal(), [], [], NOW) is None


def test_the_amount_is_the_sum_of_the_lines_or_the_one_that_is_given():
    lines = (
        OrderLine(sku="tea", quantity=3, unit_price=Money("2.50", "EUR")),
        OrderLine(sku="pot", unit_price=Money("20.00", "EUR"), discount=Money("5.00", "EUR")),
    )
    assert OpportunityTerms(lines=lines).total == Money("22.50", "EUR")
    assert OpportunityTerms(lines=lines, amount=Money(20, "EUR")).total == Money(20, "EUR")
    with pytest.raises(InvalidValueError, match="give an amount, or the lines"):
        OpportunityTerms()
    with pytest.raises(InvalidValueError, match="at least 0"):
        euros(-1)
    with pytest.raises(CurrencyMismatchError):
        OpportunityTerms(lines=lines, amount=Money(20, "USD"))
    with pytest.raises(CurrencyMismatchError):
        euros(20, recurring=RecurringAmount(Money(20, "USD")))
    with pytest.raises(InvalidValueError, match="give a calendar date"):
        euros(20, expected_close=NOW)


def test_what_recurs_counts_by_whole_payments():
    yearly = RecurringAmount(Money("120.00", "EUR"), 12)
    assert [yearly.over(months).amount for months in (11, 12, 30)] == [0, 120, 240]
    with pytest.raises(InvalidValueError, match="months"):
        yearly.over(-1)


def test_each_contact_is_named_once_in_each_role():
    ana = OpportunityContact(UUID(int=2), BuyingRole.DECISION_MAKER)
    assert deal(contacts=(ana, OpportunityContact(UUID(int=2), BuyingRole.USER))).contacts[0] is ana
    with pytest.raises(InvalidValueError, match="once in each role"):
        deal(contacts=(ana, ana))


def test_a_deal_is_stale_from_its_last_sign_on_and_a_closed_or_patient_one_never():
    told = Told()
    assert told.at(1).stale_since() == NOW + 14 * DAY
    assert told.at(1).stale_since(NOW + 3 * DAY) == NOW + 17 * DAY
    assert told.at(1).stale_since(NOW - 3 * DAY) == NOW + 14 * DAY
    assert told.move("quoted", 2, evidence=[QUOTE]).stale_since() is None
    assert told.move("won", 3).stale_since() is None


def test_a_state_that_contradicts_itself_is_none():
    won = Told().move("won", 1)
    with pytest.raises(InvalidValueError, match="closed_at"):
        attrs.evolve(won, closed_at=None)
    with pytest.raises(InvalidValueError, match="lost_reason"):
        attrs.evolve(won, lost_reason="price")


def test_the_needs_of_an_organisation_are_points_and_a_closed_deal_expects_nothing():
    told = Told(terms=euros(900, expected_close=date(2026, 5, 20)))
    rules = PriorityRules(
        (
            PriorityRule("soon", where("days_to_close") <= 14, 10),
            PriorityRule("large", where("amount") >= 500, 5),
            PriorityRule("waits", where("days_in_stage") > 30, -3),
        )
    )
    now = NOW + 8 * DAY
    assert (rules.holding(told.at(8), now), rules(told.at(8), now)) == (("soon", "large"), 15.0)
    assert rules(told.at(40), NOW + 40 * DAY) == 12.0
    assert expected_value(told.at(8), now) == 180.0
    undated = Told(terms=euros(900)).at(8)
    assert rules.holding(undated, now) == ("large",)
    assert expected_value(told.move("won", 9), now) == 0.0
    with pytest.raises(InvalidValueError, match="a code of its own"):
        PriorityRules((rules.rules[0], rules.rules[0]))
    with pytest.raises(InvalidValueError, match="points"):
        PriorityRule("soon", where("amount") > 0, float("nan"))


steps = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.sampled_from(["move", "move", "force", "reprice", "transfer"]),
        st.integers(0, 20),
        st.integers(0, 5),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(pipelines(), pipelines(), steps, st.randoms(use_true_random=False))
def test_no_sequence_of_calls_leads_to_a_state_that_is_not_allowed(one, other, asked, random):
    one, other = (
        attrs.evolve(each, stages=tuple(attrs.evolve(stage, requires=None) for stage in each.stages))
        for each in (one, other)
    )
    told = Told(one)
    told.editions.append(other)
    for pick, how, days, late in asked:
        before = told.at(days)
        into = other if how == "transfer" else before.pipeline
        to = before.stage if how == "reprice" else into.stages[pick % len(into.stages)].code
        more = {
            "at": NOW + days * DAY,
            "recorded_at": NOW + (days + late) * DAY,
            "reason": "any",
            "number": len(told.history) + 1,
        }
        more |= {"forced": True, "actor": BOSS, "note": "so be it"} if how == "force" else {}
        more |= {"terms": euros(pick)} if how == "reprice" else {}
        more |= {"pipeline": into} if how == "transfer" else {}
        legal = to in before.after(into) or how == "force"
        refused = None
        try:
            change = before.moved(to, **more)
        except InvalidTransitionError as error:
            refused = error
        except InvalidValueError:
            assert to == before.stage  # nothing changes, or a closed deal on other terms
            continue
        if refused is not None:
            assert not legal
            assert refused.allowed == frozenset(before.after(into))
            continue
        try:
            opportunity_state(told.deal, [*told.history, change], told.editions, NOW + 99 * DAY)
        except PycrmError:
            continue  # it happened earlier than what follows from another stage
        told.history.append(change)
    check_laws(told)
    shuffled = list(told.history)
    random.shuffle(shuffled)
    assert opportunity_state(told.deal, shuffled, told.editions, NOW + 99 * DAY) == told.at()


def check_laws(told):
    ordered = sorted(told.history, key=lambda change: (change.occurred_at, change.number))
    former = None
    for at, change in enumerate(ordered, 1):
        # Replay: the fold of the first so many is the fold of all as of then.
        state = opportunity_state(told.deal, ordered[:at], told.editions, NOW + 99 * DAY)
        assert state.kind.is_closed == (state.closed_at is not None)
        assert (state.kind is K.LOST) == (state.lost_reason is not None)
        assert state.probability == {K.WON: 1.0, K.LOST: 0.0}.get(state.kind, state.probability)
        assert 0.0 <= state.probability <= 1.0
        assert state.stage == change.to_stage
        if former is not None and not change.forced and change.to_stage != former.stage:
            assert change.to_stage in former.after(state.pipeline)
        former = state


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_deals_made_for_tests_follow_their_pipeline(data):
    who = made.ana()
    pipeline = data.draw(testing.pipelines())
    drawn, history = data.draw(testing.opportunities(who, pipeline))
    assert drawn.changes == len(history)
    state = opportunity_state(drawn, history, [pipeline], drawn.opened_at + 9 * DAY)
    assert (state.entries, state.stage, state.forced) == (len(history), history[-1].to_stage, False)
