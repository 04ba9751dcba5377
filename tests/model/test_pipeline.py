"""A pipeline is data with rules: its stages, their kinds, and what may follow which."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from pycrm.errors import InvalidValueError
from pycrm.model.pipeline import Pipeline, PipelineStage, PipelineStageKind, current_pipeline
from pycrm.model.time import Period
from strategies import pipelines

K = PipelineStageKind
NOW = datetime(2026, 5, 1, tzinfo=UTC)
TALKING = PipelineStage(code="talking", label="We talk", probability=0.2)
WON = PipelineStage(code="won", kind=K.WON)
LOST = PipelineStage(code="lost", kind=K.LOST)


def edition(*stages, **more):
    return Pipeline(code="sales", stages=stages or (TALKING, WON, LOST), **more)


def test_after_an_open_stage_comes_every_other_one_and_after_a_closed_one_nothing():
    quoted = PipelineStage(code="quoted", probability=0.5)
    sales = edition(TALKING, quoted, WON, LOST)
    assert sales.after("talking") == ("quoted", "won", "lost")
    assert sales.after("quoted") == ("talking", "won", "lost")
    assert (sales.after("won"), sales.after("lost")) == ((), ())
    assert sales.open_stages == ("talking", "quoted")
    assert (sales.first_of(K.LOST), sales.name) == ("lost", "sales/1")


def test_what_is_declared_is_all_that_may_follow():
    sales = edition(TALKING, WON, PipelineStage(code="lost", kind=K.LOST, next=("talking",)))
    assert sales.after("lost") == ("talking",)
    narrow = edition(PipelineStage(code="talking", probability=0.2, next=("lost",)), WON, LOST)
    assert narrow.after("talking") == ("lost",)


def test_the_kind_gives_the_probability_and_the_label_is_free():
    assert (WON.probability, LOST.probability, WON.label, TALKING.label) == (1.0, 0.0, "won", "We talk")
    assert [K(kind).is_closed for kind in ("open", "won", "lost")] == [False, True, True]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PipelineStage(code="talking"), "probability"),
        (lambda: PipelineStage(code="won", kind=K.WON, probability=0.9), "a won deal has 1"),
        (lambda: PipelineStage(code="lost", kind=K.LOST, probability=0.1), "a lost deal has 0"),
        (lambda: PipelineStage(code="won", kind=K.WON, stale_after=timedelta(days=1)), "does not go stale"),
        (lambda: PipelineStage(code="talking", probability=0.2, stale_after=timedelta(0)), "length of time above 0"),
        (lambda: PipelineStage(code="talking", probability=0.2, requires="a quote"), "give a predicate"),
        (lambda: edition(TALKING, WON), "add a stage of kind lost"),
        (lambda: edition(TALKING, LOST), "add a stage of kind won"),
        (lambda: edition(WON, LOST), "add a stage of kind open"),
        (lambda: edition(TALKING, TALKING, WON, LOST), "a code of its own"),
        (lambda: edition(PipelineStage(code="talking", probability=0, next=("gone",)), WON, LOST), "another stage"),
        (lambda: edition(PipelineStage(code="talking", probability=0, next=("talking",)), WON, LOST), "another stage"),
        (lambda: edition(TALKING, PipelineStage(code="won", kind=K.WON, formerly=("lost",)), LOST), "is none of these"),
        (
            lambda: edition(
                PipelineStage(code="a", probability=0, next=("b",)),
                PipelineStage(code="b", probability=0, next=("a",)),
                WON,
                LOST,
            ),
            "no won or lost stage can be reached",
        ),
        (lambda: edition().stage("gone"), "sales/1 has talking, won, lost"),
    ],
)
def test_a_pipeline_that_leads_nowhere_or_twice_is_refused(make, words):
    with pytest.raises(InvalidValueError, match=words):
        make()


@settings(max_examples=40, deadline=None)
@given(pipelines())
def test_from_every_open_stage_of_every_pipeline_an_end_can_be_reached(sales):
    for code in sales.open_stages:
        seen, ahead = set(), {code}
        while ahead:
            seen |= ahead
            ahead = {after for each in ahead for after in sales.after(each)} - seen
        assert any(sales.stage(each).kind.is_closed for each in seen)


def test_the_highest_revision_that_holds_is_the_current_one():
    old = edition(revision=1)
    new = edition(revision=2, period=Period(NOW, None))
    assert current_pipeline([new, old], "sales", NOW) is new
    assert current_pipeline([new, old], "sales", NOW - timedelta(days=1)) is old
    with pytest.raises(InvalidValueError, match="none of its editions holds"):
        current_pipeline([new], "sales", NOW - timedelta(days=1))
    with pytest.raises(InvalidValueError, match="store a Pipeline of this code"):
        current_pipeline([new], "renewals", NOW)


def test_a_stage_of_an_earlier_edition_belongs_to_the_open_stage_that_says_so():
    new = edition(PipelineStage(code="met", probability=0.3, formerly=("talking", "called")), WON, LOST, revision=2)
    assert [new.counterpart(code) for code in ("met", "called", "won", "gone")] == ["met", "met", None, None]


def test_a_stage_is_as_patient_as_it_says_or_else_as_its_pipeline():
    quick = PipelineStage(code="quick", probability=0.4, stale_after=timedelta(days=3))
    sales = edition(TALKING, quick, WON, LOST, stale_after=timedelta(days=30))
    assert [sales.patience(code) for code in ("talking", "quick", "won")] == [
        timedelta(days=30),
        timedelta(days=3),
        None,
    ]
    assert edition().patience("talking") is None
