"""A simulated business: the same for a seed, true to what it says of itself."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycrm.datasets import simulate_business
from pycrm.errors import InvalidValueError, PycrmError
from pycrm.model.consent import ConsentEntry
from pycrm.model.customer import Customer
from pycrm.model.entity import new_id
from pycrm.model.interaction import Interaction
from pycrm.model.order import Order
from pycrm.model.source import SourceRecord
from pycrm.report.lines import ReadOptions, read_lines
from pycrm.report.refunds import settle

FRAMES = ("people", "contacts", "products", "orders", "lines", "refunds", "interactions", "consents")


@pytest.fixture(scope="module")
def business():
    return simulate_business(customers=3_000, seed=3)


def test_a_seed_makes_the_same_business_twice_and_another_seed_another(business):
    again, other = simulate_business(customers=3_000, seed=3), simulate_business(customers=3_000, seed=4)
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(business, name), getattr(again, name))
    assert not business.orders["time"].equals(other.orders["time"])


@settings(max_examples=15)
@given(customers=st.sampled_from([1, 2, 3, 17, 200]), seed=st.integers(0, 2**32))
def test_every_row_refers_to_something_that_is_there_and_nothing_happens_outside_the_time(customers, seed):
    made = simulate_business(customers=customers, seed=seed)
    assert len(made.people) == customers
    assert set(made.contacts["person"]) == set(range(customers))
    assert made.contacts["key"].is_unique
    assert (made.contacts["email"].str.len() + made.contacts["phone"].str.len() > 0).all()
    assert made.orders["number"].is_unique
    assert set(made.lines["order"]) == set(made.orders["order"])
    assert not made.lines.duplicated(["order", "line"]).any()
    assert made.lines["product"].between(0, len(made.products) - 1).all()
    back = made.refunds.merge(made.lines, on=["order", "line"], how="left", suffixes=("", "_bought"))
    assert (back["quantity"] <= back["quantity_bought"]).all()
    assert (made.refunds["at"].to_numpy() > made.orders["time"].to_numpy()[made.refunds["order"]]).all()
    for frame, column in (("orders", "time"), ("refunds", "at"), ("interactions", "time"), ("consents", "time")):
        assert getattr(made, frame)[column].between(made.start, made.end).all()
    owner = made.contacts.set_index("key")["person"]
    assert (owner.loc[made.orders["customer"]].to_numpy() == made.orders["person"].to_numpy()).all()


def test_purchases_follow_the_rates_that_are_said_to_be_the_truth(business):
    people = business.people
    repeats = business.orders.groupby("person").size().to_numpy() - 1
    weeks = (business.end - people["joined"].to_numpy()) / np.timedelta64(7, "D")
    # E[min(K, N)] for K geometric(p), N Poisson(m) is (1 - exp(-p m)) / p.
    p = people["churn_rate"].to_numpy()
    expected = -np.expm1(-p * people["purchase_rate"].to_numpy() * weeks) / p
    spread = repeats.std() * np.sqrt(len(people))
    assert abs(repeats.sum() - expected.sum()) < 4 * spread
    gone = people["left"].notna().to_numpy()
    last = business.orders.groupby("person")["time"].max().to_numpy()
    assert (last[gone] <= people["left"].to_numpy()[gone]).all()
    assert 0.05 < gone.mean() < 0.95


def test_duplicates_and_typing_errors_are_there_and_leave_a_way_to_the_truth(business):
    records = business.contacts
    per_person = records.groupby("person").size()
    assert (per_person >= 2).mean() == pytest.approx(1 - 0.4 * 0.92, abs=0.03)
    truth = business.people.loc[records["person"], ["given", "email"]].reset_index(drop=True)
    plain = records["email"].str.casefold().where(records["email"] != "")
    assert 0.005 < (plain.notna() & (plain != truth["email"])).mean() < 0.1


def test_the_export_reads_back_as_what_was_bought(business, tmp_path):
    path = tmp_path / "orders.csv.gz"
    exported = business.order_lines()
    exported.to_csv(path, index=False)
    lines = read_lines(path, ReadOptions(refunds="ignore"))
    assert lines.rows_used == len(business.lines)
    assert lines.currency == "EUR"
    assert len(lines.orders) == len(business.orders)
    bought = (business.lines["quantity"] * business.lines["unit_price"]).sum() / 100
    assert lines.amount.sum() == pytest.approx(bought, abs=1e-4)
    settled = settle(read_lines(path))
    back = business.refunds["amount"].sum() / 100
    assert settled.refunded.sum() + settled.unallocated.sum() == pytest.approx(back, abs=1e-4)
    assert settled.unallocated.sum() == pytest.approx(0, abs=1e-6)


def test_entities_say_what_the_columns_say():
    made = simulate_business(customers=40, seed=5)
    entities = list(made.entities())
    assert entities == list(made.entities())
    assert len({entity.id for entity in entities}) == len(entities)
    counts = Counter(type(entity) for entity in entities)
    assert counts[Customer] == 40
    assert counts[SourceRecord] == len(made.contacts)
    assert counts[Interaction] == len(made.interactions)
    assert counts[ConsentEntry] == len(made.consents)
    orders = [entity for entity in entities if isinstance(entity, Order)]
    gross = made.lines.assign(worth=made.lines["quantity"] * made.lines["unit_price"]).groupby("order")["worth"].sum()
    back = made.refunds.groupby("order")["amount"].sum().reindex(gross.index, fill_value=0)
    assert [order.net.minor for order in orders] == (gross - back).tolist()
    known = {entity.id for entity in entities if isinstance(entity, Customer)}
    assert {order.customer_id for order in orders} <= known


def test_entities_belong_to_the_customers_that_were_identified():
    made = simulate_business(customers=10, seed=5)
    one = new_id()
    owners = dict.fromkeys(zip(made.contacts["source"], made.contacts["key"], strict=True), one)
    entities = list(made.entities(owners))
    assert not any(isinstance(entity, Customer) for entity in entities)
    assert {entity.customer_id for entity in entities if isinstance(entity, Order | ConsentEntry | Interaction)} == {
        one
    }


@pytest.mark.parametrize(
    "arguments",
    [
        {"customers": 0},
        {"customers": -1},
        {"customers": 1.5},
        {"customers": True},
        {"customers": "9"},
        {"seed": -1},
        {"seed": None},
        {"start": "yesterday"},
        {"start": "2025-01-01", "end": "2025-01-10"},
    ],
)
def test_a_business_that_cannot_be_is_refused(arguments):
    with pytest.raises(InvalidValueError) as caught:
        simulate_business(**{"customers": 3, **arguments})
    assert isinstance(caught.value, PycrmError)
