"""Review: snapshots compared customer by customer, and care audited by groups of people."""

from datetime import date, timedelta

import numpy as np
import pytest
from worlds import TODAY, everything, shop, store_of

from pycrm.errors import InvalidValueError, NotEstimableError
from pycrm.insight import Floor, TreatmentPolicy
from pycrm.model.assessment import Assessment, Tier
from pycrm.workflows import differentiate, review

BEFORE = TODAY - timedelta(days=90)
POLICY = TreatmentPolicy(
    version="1",
    treatments={tier.value: {"answer_hours": 8.0 * (place + 1)} for place, tier in enumerate(Tier)},
    floor={"answer_hours": Floor(maximum=72.0)},
)


@pytest.fixture(scope="module")
def store():
    made = store_of(*shop())
    for day in (BEFORE, TODAY):
        differentiate.assess(made, as_of=day)
    return made


@pytest.mark.parametrize("by", ["segment", "tier"])
def test_every_customer_of_both_snapshots_is_in_the_matrix_once(store, by):
    found = review.compare(store, former=("current", BEFORE), later=("current", TODAY), by=by)
    assessed = everything(store, Assessment)
    former = {one.customer_id for one in assessed if one.as_of == BEFORE}
    later = {one.customer_id for one in assessed if one.as_of == TODAY}
    assert found.migration.stayed == len(former & later)
    assert found.migration.entered.sum() == len(later - former)
    assert 0 <= found.migration.upward + found.migration.downward <= 1
    assert found.later_value.total == pytest.approx(
        sum(float(one.historic_value.amount) for one in assessed if one.as_of == TODAY)
    )


def test_a_snapshot_compared_with_itself_moves_nobody(store):
    found = review.compare(store, former=("current", TODAY), later=("current", TODAY)).migration
    assert (found.upward, found.downward, found.entropy) == (0.0, 0.0, 0.0)


def test_the_audit_counts_every_customer_and_says_its_window(store):
    found = review.audit(store, as_of=TODAY, group="country", policy=POLICY, rng=np.random.default_rng(0))
    assessed = [one for one in everything(store, Assessment) if one.as_of == TODAY]
    assert found.customers == len(assessed) == sum(row.rows for row in found.selection.groups)
    chosen = sum(one.tier in found.tiers for one in assessed)
    assert sum(row.selected for row in found.selection.groups) == chosen
    assert (found.as_of, found.since) == (TODAY, min(one.since for one in assessed))
    assert found.treatment.version == "1"
    assert found.treatment.tier_gap == {"answer_hours": (8.0, 40.0)}
    assert set(found.selection.strata) == {one.segment or "none" for one in assessed}


def test_a_path_nobody_has_makes_one_group_called_missing(store):
    found = review.audit(store, as_of=TODAY, group="custom.branch")
    assert [row.group for row in found.selection.groups] == [("missing",)]
    assert np.isnan(found.selection.demographic_parity_difference)
    assert not found.at_risk


def test_what_is_not_there_is_refused(store):
    with pytest.raises(NotEstimableError, match="no snapshot"):
        review.audit(store, as_of=date(1999, 1, 1), group="country")
    with pytest.raises(NotEstimableError, match="no snapshot"):
        review.compare(store, former=("none", TODAY), later=("current", TODAY))
    with pytest.raises(InvalidValueError, match="tier"):
        review.audit(store, as_of=TODAY, group="country", tiers=())
    with pytest.raises(InvalidValueError, match="segment or tier"):
        review.compare(store, former=("current", TODAY), later=("current", TODAY), by="age")
