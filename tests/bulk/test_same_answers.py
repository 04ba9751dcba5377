"""Columns give the same answers as one by one: stages and consent."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.bulk import consent_columns, derive_stages
from pycrm.bulk.times import utc_times
from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError
from pycrm.model.consent import CaptureSource, ConsentEntry, ConsentStatus, LegalBasis, may_contact
from pycrm.model.contact import ContactKind, ContactPoint
from pycrm.model.customer import Customer
from pycrm.model.evidence import Actor, ActorKind
from pycrm.model.journey import EventKind, LifecycleEvent, LifecyclePolicy, derive
from pycrm.model.lifecycle import Stage
from pycrm.model.time import Period

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE = [
    Customer(id=UUID(int=number), contact_points=(ContactPoint(kind=ContactKind.EMAIL, raw=f"{number}@example.com"),))
    for number in range(1, 4)
]


def naive(at):
    return np.datetime64(at.replace(tzinfo=None), "us")


events = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(EventKind),
        st.integers(0, 900),
        st.integers(0, 10),
        st.sampled_from(Stage),
        st.integers(1, 99),
    ),
    max_size=40,
    unique_by=lambda each: (each[0], each[5]),
)


@given(events, st.integers(0, 1000))
def test_stages_over_columns_are_those_of_one_by_one(rows, day):
    as_of = START + day * DAY
    steps = derive_stages(
        [who for who, *_ in rows],
        [str(kind) for _, kind, *_ in rows],
        [naive(START + days * DAY) for _, _, days, *_ in rows],
        value=[float(value) for _, _, _, value, *_ in rows],
        to=[str(to) for *_, to, _ in rows],
        id=[number for *_, number in rows],
        known_at=[naive(START + (days + number) * DAY) for _, _, days, _, _, number in rows],
        as_of=naive(as_of),
    )
    expected, recorded = [], []
    for who in range(1, 4):
        mine = [
            LifecycleEvent(
                id=UUID(int=number),
                customer_id=UUID(int=who),
                kind=kind,
                at=START + days * DAY,
                known_at=START + (days + number) * DAY,
                value=float(value),
                to=to,
                actor=Actor(ActorKind.HUMAN, "ana"),
                note="why",
            )
            for owner, kind, days, value, to, number in rows
            if owner == who
        ]
        for change in derive(mine, LifecyclePolicy(), as_of):
            expected.append(
                (who, str(change.from_stage or ""), str(change.to_stage), naive(change.occurred_at), change.reason)
            )
            recorded.append(naive(change.recorded_at))
    assert steps.recorded_at.tolist() == [at.item() for at in recorded]
    found = zip(steps.customer, steps.from_stage, steps.to_stage, steps.occurred_at, steps.reason, strict=True)
    assert [(int(who), str(before), str(after), at, str(why)) for who, before, after, at, why in found] == expected
    assert sum(steps.transitions().values()) == len(steps) == len(expected)
    assert (steps.days_in_stage(naive(as_of)) >= 0).all()
    assert dict(zip(*(column.tolist() for column in steps.present()), strict=True)) == {
        who: after for who, _, after, *_ in expected
    }
    assert steps.funnel()["awareness"] == len({who for who, _, after, *_ in expected if after == "awareness"})


def test_the_same_evidence_twice_counts_once():
    twice = derive_stages(
        [1, 1, 1],
        ["identified", "click", "click"],
        ["2026-01-01", "2026-01-02", "2026-01-02"],
        id=[1, 2, 2],
        as_of="2026-02-01",
    )
    assert twice.present()[1].tolist() == ["acquisition"]
    kinds = ["purchase", "purchase_reversed", "purchase"]
    undone = derive_stages(
        [1, 1, 1], kinds, ["2026-01-01", "2026-01-02", "2026-01-01"], id=[7, 7, 7], as_of="2026-02-01"
    )
    assert undone.present()[1].tolist() == ["retention"]
    done = []
    derive_stages([1], ["touch"], ["2026-01-01"], as_of="2026-02-01", progress=done.append)
    assert done == [0]


@pytest.mark.parametrize(
    "kind, at, options, column",
    [
        (["nap"], ["2026-01-01"], {}, "kind"),
        (["touch"], ["NaT"], {}, "at"),
        (["touch", "touch"], ["2026-01-01"], {}, "kind"),
        (["csat"], ["2026-01-01"], {}, "value"),
        (["csat"], ["2026-01-01"], {"value": [np.nan]}, "value"),
        (["forced"], ["2026-01-01"], {"to": [""]}, "to"),
        (["forced"], ["2026-01-01"], {"to": ["gold"]}, "to"),
    ],
)
def test_an_event_that_makes_no_sense_is_named_by_column_and_row(kind, at, options, column):
    with pytest.raises(InvalidDataError) as caught:
        derive_stages([1], kind, at, as_of="2026-02-01", **options)
    assert caught.value.column == column


entries = st.lists(
    st.builds(
        lambda who, day, confirmed, start, length, **fields: ConsentEntry(
            customer_id=UUID(int=who),
            captured_at=START + day * DAY,
            double_opt_in_at=None if confirmed is None else START + (day + confirmed) * DAY,
            effective=Period(
                None if start is None else START + start * DAY,
                None if length is None else START + ((start or 0) + length) * DAY,
            ),
            **fields,
        ),
        st.integers(1, 3),
        st.integers(0, 20),
        st.none() | st.integers(0, 20),
        st.none() | st.integers(0, 20),
        st.none() | st.integers(1, 20),
        purpose=st.sampled_from(["marketing", "marketing.news", "service"]),
        channel=st.sampled_from([None, "email", "sms"]),
        status=st.sampled_from(ConsentStatus),
        legal_basis=st.sampled_from(LegalBasis),
        capture_source=st.sampled_from(CaptureSource),
        brand=st.sampled_from([None, "tea"]),
    ),
    max_size=15,
)


@given(
    entries,
    st.sampled_from(["marketing", "marketing.news", "service"]),
    st.sampled_from([None, "tea", "coffee"]),
    st.booleans(),
    st.sampled_from([frozenset(), frozenset({"marketing"})]),
    st.integers(0, 25),
)
def test_consent_over_columns_is_that_of_one_by_one(ledger, purpose, brand, double_opt_in, interests, day):
    at = START + day * DAY
    options = {"brand": brand, "double_opt_in": double_opt_in, "interests": interests}

    def time_column(values):
        return np.array(
            [np.datetime64("NaT", "us") if value is None else naive(value) for value in values], dtype="datetime64[us]"
        )

    columns = {
        "customer": np.array([entry.customer_id.int for entry in ledger], dtype=np.int64),
        "purpose": [entry.purpose for entry in ledger],
        "channel": [entry.channel for entry in ledger],
        "status": [str(entry.status) for entry in ledger],
        "legal_basis": [str(entry.legal_basis) for entry in ledger],
        "capture_source": [str(entry.capture_source) for entry in ledger],
        "brand": [entry.brand for entry in ledger],
        "captured_at": time_column([entry.captured_at for entry in ledger]),
        "double_opt_in_at": time_column([entry.double_opt_in_at for entry in ledger]),
        "effective_start": time_column([entry.effective.start for entry in ledger]),
        "effective_end": time_column([entry.effective.end for entry in ledger]),
    }
    found = consent_columns([3, 1, 2, 1], "email", purpose, naive(at), columns, **options)
    one_by_one = [
        may_contact(PEOPLE[who - 1], "email", purpose, at, consents=ledger, **options).allowed for who in (3, 1, 2, 1)
    ]
    assert found.tolist() == one_by_one


@pytest.mark.parametrize(
    "change, error",
    [
        ({"status": None}, MissingColumnError),
        ({"status": ["yes"]}, InvalidDataError),
        ({"purpose": []}, InvalidDataError),
        ({"captured_at": ["NaT"]}, InvalidDataError),
        ({"legal_basis": ["because"]}, InvalidDataError),
    ],
)
def test_a_ledger_that_does_not_fit_is_refused(change, error):
    ledger = {"customer": [1], "purpose": ["marketing"], "status": ["granted"], "captured_at": ["2026-01-01"], **change}
    with pytest.raises(error):
        consent_columns(
            [1],
            "email",
            "marketing",
            "2026-02-01",
            {name: column for name, column in ledger.items() if column is not None},
        )


def test_times_are_read_in_utc_however_they_are_written():
    import pandas as pd

    noon = [np.datetime64("2026-05-01T12:00", "us")]
    for written in (
        ["2026-05-01T14:00:00+02:00"],
        pd.to_datetime(["2026-05-01T12:00"], utc=True),
        [datetime(2026, 5, 1, 12, tzinfo=UTC)],
        np.array(["2026-05-01T12"], dtype="datetime64[h]"),
    ):
        assert utc_times("at", written).tolist() == np.array(noon).tolist()
    assert np.isnat(utc_times("at", [None, "NaT"])).all()
    for wrong in (["yesterday"], [5], [True]):
        with pytest.raises(InvalidDataError, match="at"):
            utc_times("at", wrong)
    with pytest.raises(InvalidDataError, match="as_of"):
        derive_stages([1], ["touch"], ["2026-01-01"], as_of=None)
    with pytest.raises(InvalidValueError, match="channel"):
        consent_columns([1], "fax", "m", "2026-01-01", {"customer": [], "purpose": [], "status": [], "captured_at": []})


def test_no_events_are_no_steps():
    none = derive_stages([], [], [], as_of="2026-01-01")
    assert len(none) == len(none.present()[0]) == len(none.days_in_stage("2026-01-01")) == len(none.transitions()) == 0
