"""The right moment: the interval holds what it says, silence pushes the date on, and habits are told by the customer's clock."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.recommendation import best_hours, next_purchase

START = np.datetime64("2026-01-01", "us")


def at(days):
    return START + (np.asarray(days) * 86_400_000_000).astype("timedelta64[us]")


def crowd(seed, customers=400, buys=8):
    """Customers with log-normal gaps around a median of their own: histories, and what came next."""
    random = np.random.default_rng(seed)
    who, days, coming = [], [], []
    for one in range(customers):
        gaps = np.maximum(np.rint(np.exp(random.normal(3.0, 0.5) + random.normal(0, 0.4, buys))), 1)
        times = np.cumsum(gaps)
        who += [one] * (buys - 1)
        days += times[:-1].tolist()
        coming.append(times[-1])
    return who, np.array(days), np.array(coming)


def test_the_interval_holds_the_next_purchase_as_often_as_it_says():
    who, days, coming = crowd(1)
    last = np.array([days[i] for i in range(6, len(days), 7)])
    # Each is asked on the day after his last purchase: one by one, since `as_of` is one day for all.
    inside = []
    for one in range(0, 400, 4):
        known = days <= last[one]
        found = next_purchase(
            {"customer_id": np.array(who)[known], "at": at(days[known])}, as_of=at(last[one]), confidence=0.8
        )
        row = found["customer_id"].tolist().index(one)
        low, high = found["low"].to_numpy()[row], found["high"].to_numpy()[row]
        inside.append(low <= at(coming[one]) + np.timedelta64(12, "h") and at(coming[one]) <= high)
    assert 0.68 < np.mean(inside) < 0.92


def test_who_buys_often_is_expected_sooner():
    who = ["a"] * 6 + ["b"] * 6
    days = [0, 5, 10, 15, 20, 25, 0, 30, 60, 90, 120, 150]
    found = next_purchase({"customer_id": who, "at": at(days)}, as_of=at(151))
    by = found.set_index("customer_id")
    assert by.loc["b", "low"] < by.loc["b", "expected"] < by.loc["b", "high"]
    assert by.loc["b", "expected"] - by.loc["b", "last"] > np.timedelta64(15, "D")


@given(st.integers(1, 400), st.integers(0, 400))
def test_longer_silence_never_brings_the_date_nearer_to_the_last_purchase(days, more):
    history = {"customer_id": [1, 1, 1, 2, 2], "at": at([0, 10, 22, 0, 40])}
    sooner, later = (next_purchase(history, as_of=at(40 + wait)) for wait in (days, days + more))
    for name in ("expected", "low", "high"):
        assert (later[name] >= sooner[name]).all()
    assert (later["expected"] >= at(40 + days + more)).all()


def test_the_chance_is_that_of_a_customer_who_is_alive():
    history = {"customer_id": [1, 1, 2, 2], "at": at([0, 10, 0, 10])}
    sure = next_purchase(history, as_of=at(12), horizon=30)
    half = next_purchase(history, as_of=at(12), horizon=30, alive=[1.0, 0.5])
    assert half["chance"].tolist() == pytest.approx([sure["chance"][0], sure["chance"][1] / 2])


def test_several_purchases_on_one_day_are_one_and_later_ones_are_not_known_yet():
    history = {"customer_id": [1, 1, 1, 1], "at": at([0, 0.2, 10, 99])}
    assert next_purchase(history, as_of=at(11))["purchases"].tolist() == [2]


def test_without_a_second_day_there_is_no_cadence():
    with pytest.raises(NotEstimableError, match="nobody bought on two days"):
        next_purchase({"customer_id": [1, 2], "at": at([0, 3])}, as_of=at(5))
    with pytest.raises(InvalidDataError, match="at least one purchase"):
        next_purchase({"customer_id": [1], "at": at([9])}, as_of=at(5))


@pytest.mark.parametrize("wrong", [{"alive": [1.0]}, {"alive": [2.0, 1.0]}])
def test_a_chance_to_be_alive_is_one_of_each_customer(wrong):
    with pytest.raises(InvalidDataError):
        next_purchase({"customer_id": [1, 1, 2], "at": at([0, 3, 4])}, as_of=at(5), **wrong)


@pytest.mark.parametrize("wrong", [{"strength": 0}, {"horizon": -1}, {"confidence": 1.0}])
def test_spans_and_shares_that_are_none_are_refused(wrong):
    with pytest.raises(InvalidValueError):
        next_purchase({"customer_id": [1, 1], "at": at([0, 3])}, as_of=at(5), **wrong)


def test_who_was_seen_little_does_as_the_others_and_who_was_seen_often_as_he_does():
    seen = {"customer_id": ["a"] * 60 + ["b"] * 30 + ["c"], "hour": [9] * 60 + [21] * 30 + [3]}
    assert best_hours(seen)["hour"].tolist() == [9, 21, 9]


def test_midnight_is_near_to_both_sides():
    seen = {"customer_id": ["a"] * 12, "hour": [23, 0, 1] * 3 + [12, 12, 12]}
    assert best_hours(seen, strength=0.1)["hour"].tolist() == [0]


@pytest.mark.parametrize("hours", [[24], [-1], [9.5], []])
def test_an_hour_that_is_none_is_refused(hours):
    with pytest.raises(InvalidDataError):
        best_hours({"customer_id": ["a"] * len(hours), "hour": hours})
