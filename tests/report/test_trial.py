"""The loop on trial, small: the real workflows over a store, and what they may never do. The full proof is benchmarks/loop.py."""

import importlib.util
from pathlib import Path

import attrs
import numpy as np
import pytest
from scipy import stats

from pycrm.datasets import WORLDS, populate
from pycrm.model.intent import ContactIntent
from pycrm.model.knowledge import CustomerFact
from pycrm.model.offer import OfferDecision
from pycrm.model.offer_log import OfferOutcome
from pycrm.report.picture import loop_picture
from pycrm.report.rounds import three_weeks
from pycrm.report.trial import POLICY, run_loop, run_rule
from pycrm.storage import MemoryStore, Query
from pycrm.storage.sql import SqlStore

ROOT = Path(__file__).parents[2]


def everything(store, model):
    with store.begin(read_only=True) as unit:
        return [entity for batch in unit.of(model).stream(Query(model)) for entity in batch]


@pytest.fixture(scope="module")
def trial():
    people = populate(WORLDS["main"], 150, seed=3)
    return people, run_loop(people, rounds=6, seed=3)


def test_nobody_is_contacted_without_permission_and_the_holdout_not_at_all(trial):
    people, loop = trial
    assert loop.contacts[~people.permitted].sum() == 0
    assert loop.contacts[~loop.treated].sum() == 0
    assert loop.contacts.sum() > 0
    for one in everything(loop.store, ContactIntent):
        assert one.permission.allowed


def test_nobody_hears_of_us_twice_within_the_gap(trial):
    people, loop = trial
    row = {id: number for number, id in enumerate(people.ids)}
    told = {}
    for one in everything(loop.store, OfferDecision):
        if one.channel is not None:
            told.setdefault(row[one.customer_id], []).append(one.decided_at)
    for one in everything(loop.store, ContactIntent):
        told.setdefault(row[one.customer_id], []).append(one.send_at)
    offers = [when for times in told.values() for when in np.diff(sorted(times))]
    assert offers
    assert min(offers) >= POLICY.min_gap - (
        POLICY.min_gap - POLICY.window
    )  # a question may follow an offer after a week


def test_everybody_gets_a_decision_every_week_and_every_offer_told_an_outcome(trial):
    people, loop = trial
    decisions = everything(loop.store, OfferDecision)
    assert len(decisions) == 6 * people.size
    told = {one.id for one in decisions if one.channel is not None}
    assert {one.decision_id for one in everything(loop.store, OfferOutcome)} == told


def test_what_is_answered_is_known_and_true(trial):
    people, loop = trial
    truth = dict(zip(people.ids, people.need(0).tolist(), strict=True))
    needs = list(people.world.needs)
    facts = everything(loop.store, CustomerFact)
    assert sum(week.answered for week in loop.weeks) == len(facts) > 0
    assert all(one.value == needs[truth[one.customer_id]] for one in facts)


def test_the_same_seed_is_the_same_trial_on_either_store(tmp_path):
    people = populate(WORLDS["main"], 40, seed=1)
    store = SqlStore(f"sqlite:///{tmp_path / 'trial.db'}")
    store.create_schema()
    kept, memory = (run_loop(people, rounds=3, seed=5, store=one) for one in (store, MemoryStore()))
    store.close()
    assert kept.net == pytest.approx(memory.net)
    assert (kept.contacts == memory.contacts).all()
    assert kept.finding.estimate == pytest.approx(memory.finding.estimate)


def test_where_nothing_works_no_gain_is_claimed():
    people = populate(WORLDS["no effect"], 120, seed=2)
    found = run_loop(people, rounds=5, seed=2).finding
    assert found.low < 0 < found.high


def test_the_service_floor_holds_for_who_may_be_told():
    people = populate(WORLDS["main"], 120, seed=4)
    policy = attrs.evolve(POLICY, floor=0.5, floor_by="kind", silence=0.0, min_gap=None)
    loop = run_loop(people, rounds=2, seed=4, policy=policy)
    able = int((people.permitted & loop.treated).sum())
    assert loop.weeks[0].offered >= able / 2
    assert loop.weeks[1].offered >= able / 2


@pytest.mark.deep
def test_the_loop_beats_the_best_seller_and_its_interval_covers_the_truth():
    over, inside, runs = [], 0, 40
    for seed in range(10):
        people = populate(WORLDS["main"], 400, seed=seed)
        loop = run_loop(people, rounds=20, seed=seed)
        rule = run_rule(people, "best seller", rounds=20, seed=seed)
        over.append(loop.mean - rule.net[loop.treated].mean())
    spread = stats.sem(over)
    assert np.mean(over) - stats.t.ppf(0.975, 9) * spread > 0
    people = populate(WORLDS["main"], 200, seed=0)
    alone = people.without_contact(20)
    trials = [
        run_loop(people, rounds=20, seed=number, policy=attrs.evolve(POLICY, code=f"run-{number}"))
        for number in range(runs)
    ]
    gains = np.stack([np.where(one.treated, one.net - alone, 0.0) for one in trials])
    times = np.stack([one.treated for one in trials])
    for number, one in enumerate(trials):
        truth = ((gains.sum(axis=0) - gains[number]) / (times.sum(axis=0) - times[number])).mean() / 100
        inside += one.finding.low <= truth <= one.finding.high
    assert stats.binom.ppf(0.0005, runs, 0.95) <= inside


def test_a_simple_rule_contacts_who_allows_it_and_nobody_else():
    people = populate(WORLDS["main"], 50, seed=1)
    for rule, contacts in (("random", 4), ("best seller", 4), ("nothing", 0)):
        trial = run_rule(people, rule, rounds=4, seed=1)
        assert set(trial.contacts[people.permitted].tolist()) == {contacts}
        assert trial.contacts[~people.permitted].sum() == 0
    assert trial.net.mean() == pytest.approx(people.without_contact(4).mean(), rel=0.05)


def test_the_example_runs(capsys):
    spec = importlib.util.spec_from_file_location("the_loop_on_trial", ROOT / "examples" / "the_loop_on_trial.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main("drift", customers=60, weeks=3)
    shown = capsys.readouterr().out
    assert "contacts without permission: 0" in shown
    assert "the loop says of itself" in shown


def test_the_picture_says_its_numbers_in_words():
    drawn = loop_picture({"a <b>": {"loop": (1.0, -0.5, 1.5)}})
    assert "a &lt;b&gt;, loop: +1.00 (-0.50 to +1.50)" in drawn
    assert loop_picture({}).startswith("<svg")


def test_three_weeks_show_what_was_learned_offered_refused_and_gained():
    section = three_weeks(2)
    asked, refused = section.tables
    assert [row[0] for row in asked.rows] == ["1", "2", "3"]
    assert int(asked.rows[0][1]) > int(asked.rows[0][2]) > 0
    assert {"held out for good, to measure by", "heard of us lately"} <= {row[0] for row in refused.rows}
    assert "in truth it is" in section.sentences[0]
