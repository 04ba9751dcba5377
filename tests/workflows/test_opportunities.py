"""Deals over every store: opened once, moved by the rules of their pipeline, seen as of any time, and nobody's who is not used."""

from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from uuid import UUID

import attrs
import numpy as np
import pytest
from worlds import customer, everything

from pycrm.errors import (
    AppendOnly,
    Conflict,
    CurrencyMismatchError,
    Duplicate,
    InvalidDataError,
    InvalidTransitionError,
    InvalidValueError,
    NotEstimableError,
    NotFound,
    Transient,
)
from pycrm.model.customer import Customer
from pycrm.model.evidence import Actor, ActorKind, EvidenceRef
from pycrm.model.interaction import Interaction, InteractionKind
from pycrm.model.lead import Conversion, Lead, LeadChange
from pycrm.model.money import Money
from pycrm.model.opportunity import Opportunity, OpportunityChange, OpportunityTerms
from pycrm.model.pipeline import Pipeline, PipelineStage, PipelineStageKind
from pycrm.model.predicate import where
from pycrm.model.priority import PriorityRule, PriorityRules
from pycrm.model.source import SourceRecord
from pycrm.model.task import Task
from pycrm.model.time import Period
from pycrm.model.touchpoint import Touchpoint
from pycrm.storage import check
from pycrm.workflows import identify, leads, opportunities, privacy
from storage.opened import KINDS, fresh, opened

K = PipelineStageKind
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BOSS = Actor(ActorKind.HUMAN, "boss")
SELLER = UUID(int=77)


def stages(*middle, reopen=("talking",)):
    return (
        PipelineStage(code="talking", probability=0.2, stale_after=14 * DAY, tasks=("Call within a day",)),
        *middle,
        PipelineStage(code="won", kind=K.WON, tasks=("Thank them",)),
        PipelineStage(code="lost", kind=K.LOST, next=reopen),
    )


QUOTED = PipelineStage(code="quoted", probability=0.5, requires=where("evidence.kind") == "quote")
SALES = Pipeline(code="sales", stages=stages(QUOTED))
RENEWALS = Pipeline(code="renewals", stages=stages(PipelineStage(code="offered", probability=0.8), reopen=()))
ANA, BEA = customer("Ana"), customer("Bea")


@pytest.fixture(scope="module", params=KINDS)
def whole(request):
    with opened(request.param) as store:
        yield store


@pytest.fixture
def store(whole):
    made = fresh(whole)
    put(made, ANA, BEA, SALES, RENEWALS)
    return made


def put(store, *entities):
    with store.begin() as unit:
        for entity in entities:
            unit.of(type(entity)).add(entity)
        unit.commit()


def euros(amount, **more):
    return OpportunityTerms(amount=Money(amount, "EUR"), **more)


def begun(store, key, *, who=ANA, pipeline=SALES, days=0, terms=None, stage=None, **more):
    deal = Opportunity(
        customer_id=who.id, name=f"Tea {key}", pipeline_id=pipeline.id, opened_at=NOW + days * DAY, key=key, **more
    )
    return opportunities.open(store, deal, terms or euros(100), stage=stage)


def quote(store, deal, days, **more):
    evidence = [EvidenceRef("quote", UUID(int=5))]
    return opportunities.move(store, deal.id, "quoted", at=NOW + days * DAY, key="quote", evidence=evidence, **more)


def same(one, other):
    """Whether both are the same standing of a deal, which itself may have been written to since."""
    return attrs.evolve(one, opportunity=other.opportunity) == other


def test_a_deal_is_opened_once_and_goes_its_way_once(store):
    deal = begun(store, "1", terms=euros(400))
    assert begun(store, "1", terms=euros(999)) == deal
    with pytest.raises(InvalidTransitionError):
        begun(store, "2", stage="won")
    with pytest.raises(InvalidValueError, match=r"evidence\.kind"):
        opportunities.move(store, deal.id, "quoted", at=NOW + DAY, key="quote")
    first = quote(store, deal, 1)
    assert (first.stage, first.weighted) == ("quoted", Money("200.00", "EUR"))
    won = opportunities.win(store, deal.id, at=NOW + 3 * DAY, key="signed", terms=euros(380), actor=BOSS)
    assert (won.kind, won.closed_at, won.terms.total) == (K.WON, NOW + 3 * DAY, Money(380, "EUR"))
    assert same(quote(store, deal, 1), first)
    assert same(opportunities.win(store, deal.id, at=NOW + 9 * DAY, key="signed"), won)
    changes = [one for one in everything(store, OpportunityChange) if one.opportunity_id == deal.id]
    assert sorted(one.number for one in changes) == [1, 2, 3]
    with store.begin(read_only=True) as unit:
        held = unit.of(Opportunity).get(deal.id)
        assert (held.changes, held.version) == (3, 3)
        trail = unit.history(Opportunity, deal.id)
    assert (trail[-1].actor, trail[-1].cause) == ("human:boss", "opportunities.win")
    assert check(store).sound


def test_what_entering_a_stage_asks_people_to_do_becomes_their_tasks_once(store):
    deal = begun(store, "1", owner_id=SELLER)
    begun(store, "1", owner_id=SELLER)
    opportunities.win(store, deal.id, at=NOW + DAY, key="signed")
    opportunities.win(store, deal.id, at=NOW + DAY, key="signed")
    tasks = sorted(everything(store, Task), key=lambda task: task.created_at)
    assert [(task.title, task.assignee.id) for task in tasks] == [
        ("Call within a day", str(SELLER)),
        ("Thank them", str(SELLER)),
    ]
    assert tasks[0].because[0].text == "the deal entered talking"


def test_a_closed_deal_is_reopened_where_the_pipeline_says_so_and_forced_elsewhere(store):
    deal = begun(store, "1")
    with pytest.raises(InvalidValueError, match="it is open, in 'talking'"):
        opportunities.reopen(store, deal.id, at=NOW + DAY, key="again")
    lost = opportunities.lose(store, deal.id, at=NOW + DAY, key="no", reason="price")
    assert lost.lost_reason == "price"
    assert opportunities.reopen(store, deal.id, at=NOW + 2 * DAY, key="again").stage == "talking"
    opportunities.win(store, deal.id, at=NOW + 3 * DAY, key="signed")
    with pytest.raises(InvalidTransitionError, match="allowed next: nothing"):
        opportunities.reopen(store, deal.id, at=NOW + 4 * DAY, key="once more")
    forced = opportunities.force(store, deal.id, "talking", at=NOW + 4 * DAY, key="f", actor=BOSS, note="they withdrew")
    assert (forced.stage, forced.forced) == ("talking", True)
    (flagged,) = [one for one in everything(store, OpportunityChange) if one.forced]
    assert (flagged.actor, flagged.note) == (BOSS, "they withdrew")


def test_an_end_is_named_by_its_kind_only(store):
    deal = begun(store, "1")
    with pytest.raises(InvalidValueError, match="name a stage of kind won: won"):
        opportunities.win(store, deal.id, at=NOW, key="a", stage="lost")
    assert opportunities.lose(store, deal.id, at=NOW, key="b", stage="lost", reason="price").kind is K.LOST


def test_other_terms_are_kept_and_a_key_stands_for_one_step(store):
    deal = begun(store, "1")
    priced = opportunities.reprice(store, deal.id, euros(250, probability=0.9), at=NOW + DAY, key="p")
    assert (priced.weighted, priced.stage) == (Money("225.00", "EUR"), "talking")
    opportunities.win(store, deal.id, at=NOW + 2 * DAY, key="signed")
    assert same(opportunities.reprice(store, deal.id, euros(250), at=NOW + 3 * DAY, key="p"), priced)
    with pytest.raises(InvalidValueError, match="the deal is closed"):
        opportunities.reprice(store, deal.id, euros(1), at=NOW + 3 * DAY, key="late")
    with pytest.raises(InvalidValueError, match="it was used for the step to 'won'"):
        opportunities.lose(store, deal.id, at=NOW + 3 * DAY, key="signed", reason="price")


def test_a_step_before_the_opening_or_across_later_ones_is_refused_and_leaves_nothing(store):
    deal = begun(store, "1")
    with pytest.raises(InvalidValueError, match="the deal was opened at"):
        opportunities.win(store, deal.id, at=NOW - DAY, key="early")
    quote(store, deal, 4)
    with pytest.raises(InvalidTransitionError):
        opportunities.lose(store, deal.id, at=NOW + 2 * DAY, recorded_at=NOW + 5 * DAY, key="late", reason="price")
    late = euros(700)
    opportunities.reprice(store, deal.id, late, at=NOW + 2 * DAY, recorded_at=NOW + 5 * DAY, key="told late")
    assert opportunities.move(store, deal.id, "talking", at=NOW + 6 * DAY, key="back").terms == late
    assert sorted(one.number for one in everything(store, OpportunityChange)) == [1, 2, 3, 4]
    with pytest.raises(NotFound):
        opportunities.win(store, UUID(int=404), at=NOW, key="x")


def test_of_two_who_decide_on_what_they_saw_the_second_gets_a_conflict(store):
    deal = begun(store, "1")
    quote(store, deal, 1, version=deal.version)
    with pytest.raises(Conflict) as caught:
        opportunities.lose(store, deal.id, at=NOW + 2 * DAY, key="no", reason="price", version=deal.version)
    assert (caught.value.expected, caught.value.found) == (1, 2)


def test_of_two_who_move_at_once_one_wins_and_the_other_is_told(store):
    deal = begun(store, "1")
    told, gate = [], Barrier(2)

    def lose(key):
        gate.wait()
        try:
            opportunities.lose(store, deal.id, at=NOW + DAY, key=key, reason="price")
            told.append("lost")
        except (Conflict, Transient, InvalidTransitionError, Duplicate) as error:
            told.append(type(error).__name__)

    threads = [Thread(target=lose, args=(key,)) for key in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told.count("lost") == 1
    assert len(everything(store, OpportunityChange)) == 2


def test_a_unit_that_read_before_another_wrote_cannot_write(store):
    deal = begun(store, "1")
    with store.begin() as slow:
        read = slow.of(Opportunity).get(deal.id)
        if store_waits(store):
            slow.rollback()
        opportunities.win(store, deal.id, at=NOW + DAY, key="signed")
    with store.begin() as late, pytest.raises(Conflict):
        late.of(Opportunity).save(attrs.evolve(read, changes=2))
        late.commit()


def store_waits(store):
    """Whether a second writer waits for the first: then the first has to end before."""
    return getattr(getattr(store, "dialect", None), "name", "memory") == "sqlite"


def test_an_edition_and_its_history_are_never_edited(store):
    deal = begun(store, "1")
    with store.begin() as unit, pytest.raises(AppendOnly):
        unit.of(Pipeline).save(attrs.evolve(unit.of(Pipeline).get(SALES.id), stages=RENEWALS.stages))
    with store.begin() as unit, pytest.raises(AppendOnly):
        change = everything(store, OpportunityChange)[0]
        unit.of(OpportunityChange).save(attrs.evolve(change, reason="other"))
    with store.begin() as unit, pytest.raises(Duplicate):
        first = everything(store, OpportunityChange)[0]
        unit.of(OpportunityChange).add(attrs.evolve(first, id=deal.id, version=0, key="again"))
        unit.commit()


def test_a_history_that_no_pipeline_allows_counts_for_nothing_and_is_found_by_the_check(store):
    deal, fine = begun(store, "1"), begun(store, "2")
    opportunities.win(store, deal.id, at=NOW + DAY, key="signed")
    forged = OpportunityChange(
        opportunity_id=deal.id, pipeline_id=SALES.id, number=3, from_stage="won", to_stage="talking",
        kind=K.OPEN, allowed=("talking",), occurred_at=NOW + 2 * DAY, recorded_at=NOW + 2 * DAY, reason="hope",
    )  # fmt: skip
    put(store, forged)
    with pytest.raises(InvalidTransitionError, match=r"from 'won' to 'talking'"):
        opportunities.forecast(store, at=NOW + 3 * DAY)
    with pytest.raises(InvalidTransitionError):
        opportunities.move(
            store, deal.id, "quoted", at=NOW + 3 * DAY, key="x", evidence=[EvidenceRef("quote", deal.id)]
        )
    with store.begin() as unit:
        held = unit.of(Opportunity).get(fine.id)
        unit.of(Opportunity).save(attrs.evolve(held, changes=5))
        unit.commit()
    found = {fault.id: (fault.rule, fault.detail) for fault in check(store).faults}
    assert found == {
        deal.id: ("pipeline", "it says 2 entries, there are 3"),
        fine.id: ("pipeline", "it says 5 entries, there are 1"),
    }
    with store.begin() as unit:
        unit.of(Opportunity).save(attrs.evolve(unit.of(Opportunity).get(deal.id), changes=3))
        unit.of(Opportunity).save(attrs.evolve(unit.of(Opportunity).get(fine.id), changes=1))
        unit.commit()
    assert [(fault.id, fault.detail) for fault in check(store).faults] == [(deal.id, "an entry does not follow: stage")]


def test_open_deals_go_under_the_next_edition_and_closed_ones_are_read_under_theirs(store):
    here, there, gone, done = (begun(store, key) for key in "abcd")
    quote(store, there, 1)
    opportunities.win(store, done.id, at=NOW + DAY, key="signed")
    met = PipelineStage(code="met", probability=0.6, formerly=("quoted",))
    second = Pipeline(code="sales", revision=2, stages=stages(met), period=Period(NOW + 10 * DAY, None))
    put(store, second)
    assert opportunities.adopt(store, "sales", at=NOW + 9 * DAY).moved == {}
    found = opportunities.adopt(store, "sales", at=NOW + 10 * DAY, actor=BOSS)
    assert (found.pipeline, found.moved, found.left) == ("sales/2", {"talking": 2, "met": 1}, {})
    assert opportunities.adopt(store, "sales", at=NOW + 11 * DAY).moved == {}
    third = Pipeline(
        code="sales",
        revision=3,
        stages=(PipelineStage(code="other", probability=0.3, formerly=("talking",)), *stages()[1:-1],
                PipelineStage(code="lost", kind=K.LOST)),
        period=Period(NOW + 20 * DAY, None),
    )  # fmt: skip
    put(store, third)
    found = opportunities.adopt(store, "sales", at=NOW + 20 * DAY)
    assert (found.moved, found.left) == ({"other": 2}, {"met": (there.id,)})
    assert opportunities.win(store, there.id, at=NOW + 21 * DAY, key="signed").pipeline.name == "sales/2"
    assert (
        opportunities.move(store, here.id, "talking", at=NOW + 21 * DAY, key="x", pipeline="renewals").stage
        == "talking"
    )
    with pytest.raises(InvalidTransitionError):
        opportunities.reopen(store, done.id, at=NOW + 21 * DAY, key="y")
    assert opportunities.lose(store, gone.id, at=NOW + 22 * DAY, key="no", reason="price").pipeline.name == "sales/3"
    assert opportunities.transitions(store, "sales", at=NOW + 30 * DAY).counts.sum() == 8
    assert check(store).sound


def test_two_pipelines_side_by_side_are_told_apart(store):
    begun(store, "1", terms=euros(1000, expected_close=date(2026, 5, 20)))
    begun(store, "2", terms=euros(500, expected_close=date(2026, 7, 3)), pipeline=RENEWALS, stage="offered")
    begun(store, "3", terms=euros(50), pipeline=RENEWALS)
    moved = begun(store, "4", terms=euros(300, expected_close=date(2026, 4, 1)))
    opportunities.move(store, moved.id, "offered", at=NOW + DAY, key="over", pipeline="renewals")
    both = opportunities.forecast(store, at=NOW + DAY)
    assert (both.currency, both.deals, both.by_period.total) == ("EUR", 4, 200 + 400 + 10 + 240)
    assert both.by_period.weighted.tolist() == [200.0, 0.0, 400.0]
    assert both.by_period.overdue == (1, 300.0, 240.0)
    assert both.by_period.undated == (1, 50.0, 10.0)
    alone = opportunities.forecast(store, at=NOW + DAY, pipeline="sales", step="quarter")
    assert (alone.deals, alone.by_period.periods, alone.by_period.total) == (1, (date(2026, 4, 1),), 200.0)
    before = opportunities.forecast(store, at=NOW, pipeline="sales")
    assert (before.deals, before.by_period.total) == (2, 260.0)


def test_a_forecast_of_the_past_is_what_was_known_then(store):
    deal = begun(store, "1", terms=euros(1000))
    opportunities.reprice(store, deal.id, euros(400), at=NOW + DAY, recorded_at=NOW + 5 * DAY, key="p")
    as_seen = opportunities.forecast(store, at=NOW + 2 * DAY, known_at=NOW + 2 * DAY)
    as_known = opportunities.forecast(store, at=NOW + 2 * DAY)
    assert (as_seen.by_period.total, as_known.by_period.total) == (200.0, 80.0)
    late = Opportunity(customer_id=ANA.id, name="Told late", pipeline_id=SALES.id, opened_at=NOW)
    opportunities.open(store, late, euros(5000), recorded_at=NOW + 9 * DAY)
    assert opportunities.forecast(store, at=NOW, known_at=NOW + 8 * DAY).deals == 1
    assert opportunities.forecast(store, at=NOW).deals == 2


def test_currencies_are_never_added(store):
    begun(store, "1", terms=euros(1000))
    begun(store, "2", terms=OpportunityTerms(amount=Money(500, "USD")))
    with pytest.raises(CurrencyMismatchError):
        opportunities.forecast(store, at=NOW)
    with pytest.raises(CurrencyMismatchError):
        opportunities.queue(store, at=NOW)
    dollars = opportunities.forecast(store, at=NOW, currency="usd")
    assert (dollars.currency, dollars.deals, dollars.other_currencies, dollars.by_period.total) == ("USD", 1, 1, 100.0)
    assert opportunities.forecast(store, at=NOW, currency="JPY").by_period.total == 0.0
    with pytest.raises(NotEstimableError, match="no open deal"):
        opportunities.forecast(store, at=NOW - DAY)


def test_the_queue_follows_any_priority(store):
    small = begun(store, "small", terms=euros(100, probability=0.9, expected_close=date(2026, 5, 3)))
    large = begun(store, "large", days=1, terms=euros(1000), owner_id=SELLER)
    done = begun(store, "done", terms=euros(9999))
    opportunities.win(store, done.id, at=NOW, key="signed")
    now = NOW + 2 * DAY
    by_value = opportunities.queue(store, at=now)
    assert [(one.rank, one.deal.opportunity.id, one.priority) for one in by_value] == [
        (1, large.id, 200.0),
        (2, small.id, 90.0),
    ]
    urgent = PriorityRules((PriorityRule("soon", where("days_to_close") <= 7, 10),))
    first, second = opportunities.queue(store, at=now, priority=urgent)
    assert (first.deal.opportunity.id, first.reasons, second.reasons) == (small.id, ("soon",), ())
    oldest = opportunities.queue(store, at=now, priority=lambda deal, at: (at - deal.entered_at).days, capacity=1)
    assert [one.deal.opportunity.id for one in oldest] == [small.id]
    mine = opportunities.queue(store, at=now, condition=where("owner_id") == SELLER)
    assert [one.deal.opportunity.id for one in mine] == [large.id]
    with pytest.raises(InvalidDataError, match="give a finite number"):
        opportunities.queue(store, at=now, priority=lambda deal, at: float("nan"))
    with pytest.raises(InvalidValueError, match="capacity"):
        opportunities.queue(store, at=now, capacity=-1)


def test_a_deal_goes_stale_unless_somebody_speaks_about_it_and_its_owner_is_reminded_once(store):
    quiet, heard, closed = begun(store, "quiet", owner_id=SELLER), begun(store, "heard"), begun(store, "closed")
    opportunities.lose(store, closed.id, at=NOW, key="no", reason="price")
    put(store, *(
        Interaction(kind=InteractionKind.CALL, customer_id=ANA.id, channel="phone", opportunity_id=heard.id,
                    occurred_at=NOW + days * DAY, recorded_at=NOW + days * DAY)
        for days in (3, 9, 40)
    ))  # fmt: skip
    assert opportunities.stale(store, at=NOW + 13 * DAY) == ()
    (one,) = opportunities.stale(store, at=NOW + 14 * DAY)
    assert (one.deal.opportunity.id, one.last_sign, one.since) == (quiet.id, NOW, NOW + 14 * DAY)
    both = opportunities.stale(store, at=NOW + 23 * DAY)
    assert [(one.deal.opportunity.id, one.last_sign) for one in both] == [(quiet.id, NOW), (heard.id, NOW + 9 * DAY)]
    assert opportunities.stale(store, at=NOW + 23 * DAY, condition=where("key") == "heard") == (both[1],)
    assert [task.about[0].id for task in opportunities.remind(store, at=NOW + 20 * DAY)] == [quiet.id]
    assert [task.about[0].id for task in opportunities.remind(store, at=NOW + 25 * DAY)] == [heard.id]
    assert opportunities.remind(store, at=NOW + 26 * DAY) == ()


def test_time_in_stage_counts_every_stay_and_those_that_go_on(store):
    a, b, c = (begun(store, key) for key in "abc")
    quote(store, a, 10)
    opportunities.move(store, a.id, "talking", at=NOW + 12 * DAY, key="back")
    opportunities.win(store, a.id, at=NOW + 17 * DAY, key="signed")
    opportunities.move(store, b.id, "talking", at=NOW + 4 * DAY, key="over", pipeline="renewals")
    talking, quoted = opportunities.time_in_stage(store, "sales", at=NOW + 20 * DAY)
    assert talking.days == {a.id: 15.0, b.id: 4.0, c.id: 20.0}
    assert (talking.survival.stays, talking.survival.left.sum(), talking.median) == (4, 3, 5.0)
    assert (quoted.stage, quoted.days, quoted.median) == ("quoted", {a.id: 2.0}, 2.0)
    (elsewhere,) = opportunities.time_in_stage(store, "renewals", at=NOW + 20 * DAY)
    assert elsewhere.days == {b.id: 16.0}
    assert elsewhere.median == float("inf")
    matrix = opportunities.transitions(store, "sales", at=NOW + 20 * DAY)
    told = {(x, y): int(matrix.counts[i, j]) for i, x in enumerate(matrix.before) for j, y in enumerate(matrix.after)}
    assert {pair: n for pair, n in told.items() if n} == {
        ("", "talking"): 3, ("talking", "quoted"): 1, ("quoted", "talking"): 1, ("talking", "won"): 1,
    }  # fmt: skip
    found = opportunities.funnel(store, "sales", at=NOW + 20 * DAY)
    assert (found.stages, found.reached.tolist()) == (("talking", "quoted", "won"), [3, 1, 1])
    later = opportunities.funnel(store, "sales", at=NOW + 20 * DAY, period=Period(NOW + DAY, None))
    assert later.reached.tolist() == [0, 0, 0]


def test_a_shorter_cycle_is_seen_with_its_interval_and_what_it_assumes(store):
    for number, (start, length, won) in enumerate(
        [(0, 20, 1), (1, 24, 1), (2, 22, 1), (3, 9, 0), (40, 8, 1), (41, 11, 1), (42, 9, 1), (43, 10, 0), (50, 99, 1)]
    ):
        deal = begun(store, str(number), days=start, terms=euros(100 + number))
        at = NOW + (start + length) * DAY
        if won:
            opportunities.win(store, deal.id, at=at, key="end")
        else:
            opportunities.lose(store, deal.id, at=at, key="end", reason="price")
    first, second = Period(NOW, NOW + 30 * DAY), Period(NOW + 30 * DAY, NOW + 60 * DAY)
    before = opportunities.pace(store, first, at=NOW + 60 * DAY)
    assert (before.open, before.won, before.lost, before.cycle_days, before.win_rate) == (0, 3, 1, 22.0, 0.75)
    found = opportunities.compare(store, first, second, at=NOW + 60 * DAY)
    assert (found.before, found.after.cycle_days, found.after.open) == (before, pytest.approx(28 / 3), 1)
    assert found.cycle.estimate == pytest.approx(28 / 3 - 22)
    assert found.cycle.interval[1] < 0
    assert found.win_rate.estimate == 0.0
    assert found.cycle.assumes == ("the deals of the two times differ in nothing else that matters",)
    assert found.after.velocity == pytest.approx(1 * 0.75 * found.after.amount / (28 / 3))
    with pytest.raises(InvalidValueError, match="it begins when the time before is over"):
        opportunities.compare(store, second, first, at=NOW + 60 * DAY)
    with pytest.raises(InvalidValueError, match="both ends"):
        opportunities.pace(store, Period(NOW, None), at=NOW)
    dollars = opportunities.pace(store, first, at=NOW, currency="USD")
    assert (dollars.won, dollars.win_rate, dollars.velocity) == (0, None, None)


def test_a_lead_becomes_a_deal_in_one_step_and_the_line_back_is_kept(store):
    lead = Lead(customer_id=ANA.id, source="fair", created_at=NOW - 9 * DAY)
    touches = [
        Touchpoint(customer_id=ANA.id, at=NOW + days * DAY, channel="web", source=source)
        for days, source in ((-30, "search"), (-3, "newsletter"), (3, "later"))
    ]
    put(store, lead, *touches)
    deal = Opportunity(customer_id=ANA.id, name="Tea", pipeline_id=SALES.id, opened_at=NOW, key="from lead")
    made = leads.convert(store, lead.id, at=NOW, opportunity=deal, terms=euros(100), reason="qualified")
    (kept,) = everything(store, Opportunity)
    assert (made.opportunity_id, made.customer_id) == (kept.id, ANA.id)
    assert (kept.lead_id, kept.source) == (lead.id, "fair")
    assert (kept.first_touch_id, kept.last_touch_id) == (touches[0].id, touches[1].id)
    assert len(everything(store, OpportunityChange)) == 1
    assert len(everything(store, LeadChange)) == 1
    other = Lead(customer_id=BEA.id, source="fair", created_at=NOW)
    put(store, other)
    with pytest.raises(InvalidValueError, match="a deal of the lead's customer"):
        leads.convert(store, other.id, at=NOW, opportunity=attrs.evolve(deal, key="2"), terms=euros(1))
    with pytest.raises(InvalidValueError, match="together"):
        leads.convert(store, other.id, at=NOW, opportunity=deal)
    with pytest.raises(InvalidValueError, match="not both"):
        leads.convert(store, other.id, at=NOW, opportunity=deal, terms=euros(1), opportunity_id=kept.id)
    assert (len(everything(store, Conversion)), len(everything(store, Opportunity))) == (1, 1)
    assert leads.convert(store, other.id, at=NOW, opportunity_id=kept.id).opportunity_id == kept.id


def test_what_a_deal_says_itself_of_its_touches_and_source_stays(store):
    touch = Touchpoint(customer_id=ANA.id, at=NOW - DAY, channel="web", source="search")
    own = Touchpoint(anonymous_id="v", at=NOW - 2 * DAY, channel="web", source="fair")
    put(store, touch, own)
    deal = begun(store, "1", first_touch_id=own.id, source="partner")
    assert (deal.first_touch_id, deal.last_touch_id, deal.source) == (own.id, touch.id, "partner")
    untouched = begun(store, "2", who=BEA)
    assert (untouched.first_touch_id, untouched.last_touch_id) == (None, None)


@pytest.mark.parametrize("how", ["restricted", "erased"])
def test_deals_of_whom_is_not_used_are_neither_opened_moved_nor_counted_on(store, how):
    hers, his = begun(store, "hers"), begun(store, "his", who=BEA, terms=euros(50))
    stop = privacy.restrict if how == "restricted" else privacy.erase
    stop(store, ANA.id, at=NOW + DAY)
    words = "is restricted" if how == "restricted" else "was erased"
    with pytest.raises(InvalidValueError, match=words):
        begun(store, "new")
    with pytest.raises(InvalidValueError, match=words):
        opportunities.win(store, hers.id, at=NOW + 2 * DAY, key="signed")
    later = NOW + 30 * DAY
    assert opportunities.forecast(store, at=later).by_period.total == 10.0
    assert [one.deal.opportunity.id for one in opportunities.stale(store, at=later)] == [his.id]
    assert [one.deal.opportunity.id for one in opportunities.queue(store, at=later)] == [his.id]
    assert len(opportunities.remind(store, at=later)) == 1
    # Rates know nobody: who was erased stays a number in them, whose data is restricted does not.
    (talking,) = opportunities.time_in_stage(store, "sales", at=later)
    assert set(talking.days) == ({his.id} if how == "restricted" else {his.id, hers.id})


def test_deals_of_two_who_became_one_are_his_and_come_back_when_they_are_parted(store):
    said = [
        SourceRecord(source="shop", key=name, received_at=NOW - 90 * DAY,
                     fields={"given_name": name, "email": f"{name}@x.example"})
        for name in ("cid", "dan")
    ]  # fmt: skip
    identify.register(store, said)
    identify.resolve(store, at=NOW - 60 * DAY)
    known = {one.name.given: one for one in everything(store, Customer)}
    cid, dan = known["cid"], known["dan"]
    first, second = begun(store, "1", who=cid), begun(store, "2", who=dan)
    identify.merge(store, cid.id, dan.id, at=NOW + DAY, reason="one person")
    assert begun(store, "2", who=cid) == second
    opportunities.win(store, second.id, at=NOW + 2 * DAY, key="signed")
    export = privacy.access(store, dan.id, at=NOW + 2 * DAY)
    held = {row["id"] for part in export.held if part.table == "opportunity" for row in part.records}
    assert held == {str(first.id), str(second.id)}
    privacy.restrict(store, cid.id, at=NOW + 3 * DAY)
    with pytest.raises(InvalidValueError, match="is restricted"):
        opportunities.lose(store, second.id, at=NOW + 4 * DAY, key="no", reason="price")
    with pytest.raises(NotEstimableError):
        opportunities.forecast(store, at=NOW + 4 * DAY)
    privacy.restrict(store, cid.id, at=NOW + 5 * DAY, lift=True)
    identify.unmerge(store, dan.id, at=NOW + 6 * DAY, reason="brothers")
    with pytest.raises(InvalidValueError, match="another customer"):
        begun(store, "2", who=cid)
    assert opportunities.forecast(store, at=NOW + 6 * DAY).deals == 1


def test_a_merged_customer_s_history_is_erased_with_him_and_the_numbers_stay(store):
    terms = euros(100, expected_close=date(2026, 6, 1))
    deal = begun(store, "zz-key", terms=terms)
    note = {"note": "zz-note", "actor": Actor(ActorKind.HUMAN, "zz-clerk")}
    opportunities.lose(store, deal.id, at=NOW + DAY, key="zz-lost", reason="price", **note)
    privacy.erase(store, ANA.id, at=NOW + 2 * DAY)
    (kept,) = everything(store, Opportunity)
    changes = sorted(everything(store, OpportunityChange), key=lambda one: one.number)
    assert (kept.name, kept.key, kept.customer_id) == ("erased", str(deal.id), ANA.id)
    assert [one.key for one in changes] == [str(one.id) for one in changes]
    assert [(one.to_stage, one.reason) for one in changes] == [("talking", "opened"), ("lost", "price")]
    assert "zz-" not in str(changes)
    assert changes[0].terms == terms
    assert opportunities.pace(store, Period(NOW, NOW + 9 * DAY), at=NOW + 9 * DAY).lost == 1


def test_many_deals_are_measured_as_one_by_one(store):
    random = np.random.default_rng(7)
    lengths = {}
    for number in range(12):
        deal = begun(store, str(number), days=int(random.integers(0, 20)))
        days = int(random.integers(1, 30))
        opportunities.win(store, deal.id, at=deal.opened_at + days * DAY, key="w")
        lengths[deal.id] = float(days)
    (talking,) = opportunities.time_in_stage(store, "sales", at=NOW + 99 * DAY)
    assert talking.days == lengths
    assert talking.survival.at(15).item() == pytest.approx(np.mean([days > 15 for days in lengths.values()]))


def test_what_a_step_is_told_wrongly_is_refused_by_name(store):
    deal = begun(store, "a")
    for given, named in (({"key": None}, "key"), ({"key": "k", "evidence": None}, "evidence")):
        with pytest.raises(InvalidValueError, match=f"{named}: None is refused"):
            opportunities.move(store, deal.id, "won", at=NOW, **given)
    with pytest.raises(NotFound, match="no Customer"):
        begun(store, "b", who=customer("Nobody"))
    for capacity in ("2", 1.0, float("inf"), -1):
        with pytest.raises(InvalidValueError, match="capacity"):
            opportunities.queue(store, at=NOW, capacity=capacity)
    with pytest.raises(InvalidValueError, match="period: None is refused; give a Period"):
        opportunities.pace(store, None, at=NOW)
    with pytest.raises(InvalidValueError, match="pipeline: 'sale' is refused"):
        opportunities.forecast(store, at=NOW, pipeline="sale", currency="EUR")


def test_a_stage_that_an_edition_renames_is_not_entered_anew_so_what_entering_asks_is_not_asked(store):
    deal = begun(store, "a")
    asks = PipelineStage(
        code="speaking", probability=0.3, formerly=("talking",), requires=where("evidence.kind") == "call"
    )
    ends = tuple(PipelineStage(code=kind.value, kind=kind) for kind in (K.WON, K.LOST))
    put(store, Pipeline(code="sales", revision=2, stages=(asks, *ends)))
    assert opportunities.adopt(store, "sales", at=NOW + DAY).moved == {"speaking": 1}
    (ranked,) = opportunities.queue(store, at=NOW + DAY)
    assert (ranked.deal.opportunity.id, ranked.deal.stage) == (deal.id, "speaking")
