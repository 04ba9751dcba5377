"""Lead scoring by rules: explained to the last point, idempotent, bounded, and the same however it is replayed."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError
from pycrm.scoring import EventRule, ProfileRule, Qualification, ScoringRules, never_responders, score_leads, work_queue

NOW = dt.datetime(2024, 6, 1, 12)
PROFILES = {"lead": [0, 1, 2], "size": [10, None, 500], "sector": ["shop", "school", None]}
RULES = ScoringRules(
    rules=(
        ProfileRule(name="large", column="size", test="at_least", value=100, points=40),
        ProfileRule(name="sector known", column="sector", test="known", points=5),
        ProfileRule(name="competitor", column="sector", test="equals", value="shop", points=-20, disqualifies=True),
        EventRule(name="visit", event="visit", points=5, day_cap=10, half_life=30.0, limits=(0, 40)),
        EventRule(name="order form", event="form", points=25, window=90.0),
        EventRule(name="unsubscribed", event="bye", points=-30, limits=(-60, 0)),
    ),
    group_limits={"activity": (-50, 60)},
    engagement_limits=(-40, 55),
    fit_grades=(40, 5),
    engagement_grades=(30, 10),
    qualifications=(Qualification(state="mql", engagement=10), Qualification(state="sql", fit=40, engagement=30)),
)
happenings = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["visit", "form", "bye", "other"]),
        st.integers(0, 200 * 24).map(lambda hours: NOW - dt.timedelta(hours=hours)),
    ),
    max_size=40,
)


def events(rows):
    columns = ["lead", "kind", "time"]
    frame = pd.DataFrame(rows, columns=columns).assign(event=range(len(rows)))
    return frame.assign(time=pd.to_datetime(frame.time))


def scored(rows, *, as_of=NOW, rules=RULES, profiles=PROFILES):
    return score_leads(profiles, rows if isinstance(rows, pd.DataFrame) else events(rows), rules, as_of=as_of)


@given(happenings)
def test_contributions_sum_exactly_to_the_scores(rows):
    found = scored(rows)
    assert (sum(found.contributions.values()) == found.score).all()
    for lead in range(3):
        assert sum(points for _, points in found.explain(lead)) == found.score[lead]


@given(happenings, st.randoms(use_true_random=False))
def test_a_replay_in_another_order_and_events_told_twice_change_nothing(rows, random):
    frame = events(rows)
    again = pd.concat([frame, frame.head(5)]).sample(frac=1, random_state=random.randrange(99))
    ours, theirs = scored(frame), scored(again)
    assert {name: points.tolist() for name, points in ours.contributions.items()} == {
        name: points.tolist() for name, points in theirs.contributions.items()
    }


@given(happenings, st.integers(0, 400))
def test_without_new_events_positive_rules_never_rise(rows, days):
    rules = ScoringRules(rules=tuple(rule for rule in RULES.rules if rule.points > 0))
    before, after = scored(rows, rules=rules), scored(rows, rules=rules, as_of=NOW + dt.timedelta(days=days))
    assert (after.engagement <= before.engagement).all()


@given(happenings)
def test_no_limit_is_ever_passed(rows):
    found = scored(rows)
    assert ((found.engagement >= -40) & (found.engagement <= 55)).all()
    assert (found.contributions["visit"] <= 40).all()
    assert (found.contributions["unsubscribed"] >= -60).all()


@given(happenings)
def test_a_disqualifier_more_never_gives_a_better_grade(rows):
    more = ScoringRules(
        rules=(*RULES.rules, ProfileRule(name="no size", column="size", test="unknown", disqualifies=True)),
        fit_grades=RULES.fit_grades,
        engagement_grades=RULES.engagement_grades,
        group_limits=RULES.group_limits,
        engagement_limits=RULES.engagement_limits,
    )
    assert (scored(rows, rules=more).grade >= scored(rows).grade).all()


@given(happenings)
def test_what_comes_later_was_not_known(rows):
    past = [row for row in rows if row[2] <= NOW - dt.timedelta(days=30)]
    moment = NOW - dt.timedelta(days=30)
    assert scored(rows, as_of=moment).score.tolist() == scored(past, as_of=moment).score.tolist()


def test_the_day_cap_the_half_life_and_the_window_by_hand():
    day = NOW - dt.timedelta(days=30)
    found = scored([(1, "visit", day)] * 3 + [(2, "form", NOW - dt.timedelta(days=91)), (2, "form", NOW)])
    assert found.explain(1) == [("sector known", 5), ("visit", 5)]
    assert found.explain(2) == [("large", 40), ("order form", 25)]
    assert found.grade.tolist() == ["C3", "B3", "A2"]
    assert found.state.tolist() == ["disqualified", "new", "mql"]


def test_a_limit_that_bites_is_an_entry_of_its_own():
    found = scored([(1, "form", NOW)] * 4)
    assert found.contributions["limit of group 'activity'"].tolist() == [0, -40, 0]
    assert found.contributions["limit of the engagement score"].tolist() == [0, -5, 0]
    assert found.engagement[1] == 55


def test_rules_that_can_never_fire_are_reported():
    rules = ScoringRules(
        rules=(
            EventRule(name="nothing", event="visit", points=0),
            EventRule(name="shut", event="visit", points=5, limits=(-5, 0)),
            EventRule(name="fine", event="visit", points=5),
            ProfileRule(name="none of them", column="size", test="one_of", value=(), points=5),
            ProfileRule(name="not a number", column="size", test="equals", value=float("nan"), points=5),
            ProfileRule(name="closed", column="size", test="known", points=5, group="closed"),
        ),
        group_limits={"closed": (-5, 0)},
    )
    assert sorted(rules.dead_rules()) == ["closed", "none of them", "not a number", "nothing", "shut"]
    assert RULES.dead_rules() == {}
    assert scored([], rules=rules).fired["fine"] == 0


def test_nobody_and_nothing_have_empty_answers():
    nobody = {"lead": [], "size": [], "sector": []}
    assert len(scored([], profiles=nobody).score) == 0
    assert scored([]).engagement.tolist() == [0, 0, 0]
    assert len(scored([]).frame(PROFILES)) == 3


def test_bad_rows_are_named():
    with pytest.raises(InvalidDataError, match="no profile"):
        scored([(9, "visit", NOW)])
    with pytest.raises(InvalidDataError, match="other content"):
        scored(events([(0, "visit", NOW), (1, "visit", NOW)]).assign(event=1))
    with pytest.raises(InvalidDataError, match="one profile"):
        scored([], profiles={"lead": [1, 1], "size": [1, 1], "sector": ["a", "a"]})
    with pytest.raises(InvalidDataError, match="'many'"):
        scored([], profiles={"lead": [1], "size": ["many"], "sector": ["a"]})
    with pytest.raises(MissingColumnError, match="sector"):
        scored([], profiles={"lead": [1], "size": [1]})
    with pytest.raises(InvalidValueError, match="naive"):
        scored([], as_of=NOW.replace(tzinfo=dt.UTC))
    with pytest.raises(InvalidValueError, match="no such lead"):
        scored([]).explain(99)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: EventRule(name="x", event="x", points=1.5),
        lambda: EventRule(name="x", event="x", points=1, half_life=0),
        lambda: EventRule(name="x", event="x", points=1, limits=(1, 2)),
        lambda: EventRule(name="x", event="x", points=1, day_cap=-2),
        lambda: ProfileRule(name="x", column="x", test="like"),
        lambda: ProfileRule(name="x", column="x", test="at_least", value="5"),
        lambda: ScoringRules(rules=RULES.rules + RULES.rules),
        lambda: ScoringRules(rules=RULES.rules, group_limits={"none": (0, 1)}),
        lambda: ScoringRules(rules=(), fit_grades=(1, 2)),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(wrong):
    with pytest.raises(InvalidValueError):
        wrong()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60), st.booleans()), max_size=40),
    st.integers(1, 4),
    st.integers(1, 20),
)
def test_the_leads_who_never_answered_are_those_a_loop_finds(rows, touches, days):
    start = dt.date(2024, 1, 1)
    frame = pd.DataFrame(rows, columns=["lead", "day", "response"])
    frame = frame.assign(
        time=[pd.Timestamp(start) + pd.Timedelta(days=day) for day in frame.day], response=frame.response.astype(bool)
    )
    frame = frame.assign(time=pd.to_datetime(frame.time))
    expected = [
        lead
        for lead in sorted({row[0] for row in rows})
        if not any(answer for who, _, answer in rows if who == lead)
        and any(
            sum(who == lead and end - days < day <= end for who, day, _ in rows) >= touches
            for end in {day for who, day, _ in rows if who == lead}
        )
    ]
    found = never_responders(frame, as_of=start + dt.timedelta(days=60), touches=touches, days=days)
    assert found.lead.tolist() == expected


def test_a_silent_lead_comes_back_after_its_rest_and_an_answer_later_does_not_count_yet():
    days = [dt.date(2024, 1, 1), dt.date(2024, 1, 2), dt.date(2024, 3, 1)]
    rows = {"lead": ["ann"] * 3, "time": days, "response": [False, False, True]}
    february = never_responders(rows, as_of=dt.date(2024, 2, 1), touches=2, recycle_after=20)
    assert february.lead.tolist() == ["ann"]
    assert february.recyclable.tolist() == [True]
    assert len(never_responders(rows, as_of=dt.date(2024, 3, 1), touches=2)) == 0
    assert never_responders(rows, as_of=dt.date(2024, 2, 1), touches=2, recycle_after=None).recyclable.tolist() == [
        False
    ]


def test_the_queue_is_by_expected_value_then_id_and_leaves_out_what_loses():
    rows = {
        "lead": ["b", "a", "c", "d"],
        "probability": [0.5, 0.5, 1.0, 0.01],
        "value": [10, 10, 9, 10],
        "cost": [1] * 4,
    }
    found = work_queue(rows, cost="cost")
    assert found.lead.tolist() == ["c", "a", "b"]
    assert found["rank"].tolist() == [1, 2, 3]
    assert work_queue(rows, capacity=1).lead.tolist() == ["c"]
    assert len(work_queue({"lead": [], "probability": [], "value": []})) == 0
    with pytest.raises(InvalidDataError, match="row 0"):
        work_queue({"lead": [1], "probability": [1.2], "value": [1]})
    assert np.isfinite(found.expected_value).all()
