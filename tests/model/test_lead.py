"""Leads: steps that may follow, a sale that is final, a way back for those given up, and a rate that counts each once."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidTransitionError, InvalidValueError
from pycrm.model.lead import (
    ALLOWED_LEAD_STATES,
    Conversion,
    Lead,
    LeadChange,
    LeadState,
    conversion_rate,
    lead_state,
    recycle_due,
)
from pycrm.model.time import Period

DAY = datetime(2026, 1, 1, tzinfo=UTC)
LEAD = UUID(int=1)


def steps(*states):
    path = [LeadState.NEW, *states]
    return [
        LeadChange(lead_id=LEAD, from_state=a, to_state=b, occurred_at=DAY + timedelta(days=place), reason="score")
        for place, (a, b) in enumerate(itertools.pairwise(path))
    ]


@given(st.data())
def test_a_walk_along_what_is_allowed_folds_to_its_end(data):
    walk, state = [], LeadState.NEW
    while ALLOWED_LEAD_STATES[state] and len(walk) < 6:
        state = data.draw(st.sampled_from(sorted(ALLOWED_LEAD_STATES[state])))
        walk.append(state)
    history = steps(*walk)
    assert lead_state(history[::-1], DAY + timedelta(days=10)) is state
    assert lead_state(history, DAY - timedelta(days=1)) is LeadState.NEW


def test_a_sale_is_final_and_every_state_is_reached():
    with pytest.raises(InvalidTransitionError):
        steps(LeadState.CONVERTED, LeadState.WORKING)
    assert {LeadState.NEW} | frozenset().union(*ALLOWED_LEAD_STATES.values()) == set(LeadState)
    with pytest.raises(InvalidTransitionError):
        lead_state(steps(LeadState.WORKING, LeadState.DISQUALIFIED)[1:], DAY + timedelta(days=9))


def test_a_lead_given_up_may_be_tried_again_after_its_rest():
    history = steps(LeadState.DISQUALIFIED)
    assert not recycle_due(history, DAY + timedelta(days=179))
    assert recycle_due(history, DAY + timedelta(days=180))
    assert not recycle_due(steps(LeadState.DISQUALIFIED, LeadState.RECYCLED), DAY + timedelta(days=400))
    with pytest.raises(InvalidValueError, match="rest"):
        recycle_due(history, DAY, rest=-1)


def test_the_rate_counts_leads_of_the_period_by_source_and_sales_until_then():
    leads = [
        Lead(customer_id=LEAD, source=source, created_at=DAY + timedelta(days=days))
        for source, days in (("fair", 0), ("fair", 1), ("web", 2), ("web", 40))
    ]
    sales = [
        Conversion(lead_id=lead.id, customer_id=LEAD, order_id=LEAD, at=DAY + timedelta(days=50)) for lead in leads[::2]
    ]
    period = Period(start=DAY, end=DAY + timedelta(days=31))
    later = conversion_rate(leads, sales, period, DAY + timedelta(days=60))
    assert [(row.source, row.leads, row.converted) for row in later] == [("all", 3, 2), ("fair", 2, 1), ("web", 1, 1)]
    assert conversion_rate(leads, sales, period, DAY + timedelta(days=45))[0].rate == 0.0
    assert conversion_rate([], [], Period(), DAY)[0].rate is None
    with pytest.raises(InvalidValueError, match="what came of it"):
        Conversion(lead_id=LEAD, customer_id=LEAD, at=DAY)
