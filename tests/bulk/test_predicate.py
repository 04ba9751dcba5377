"""Conditions over columns answer what the model answers row by row."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.bulk import evaluate_columns
from pycrm.errors import InvalidDataError, MissingColumnError
from pycrm.model.predicate import Op, Where, all_of, any_of, evaluate, where

UTC = dt.UTC
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**53, 2**53 + 1, -(2**60), 0.5, -0.0, 1.0, 2.0**53]),
    st.sampled_from([Decimal("0.5"), Decimal(1), Decimal("0.1")]),
    st.sampled_from(["", "a", "b", "ab", "1"]),
    st.sampled_from([dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime(2025, 1, 1, tzinfo=UTC)]),
)
cells = st.one_of(
    scalars,
    st.lists(scalars, max_size=3).map(tuple),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
    st.sets(st.sampled_from(["a", "b"])).map(frozenset),
    st.dictionaries(st.sampled_from(["x", "y"]), scalars, max_size=2),
)
asked = scalars.filter(lambda value: value is not None)
paths = st.sampled_from(["p", "q", "p.x"])
leaves = st.one_of(
    st.builds(Where, paths, st.sampled_from([op for op in Op if op not in {Op.IN, Op.IS_NULL}]), asked),
    st.builds(Where, paths, st.just(Op.IN), st.lists(asked, max_size=3).map(tuple)),
    st.builds(Where, paths, st.just(Op.IS_NULL), st.booleans()),
)
predicates = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: all_of(*parts)),
        st.lists(inner, max_size=3).map(lambda parts: any_of(*parts)),
        inner.map(lambda part: ~part),
    ),
    max_leaves=6,
)


def column(values):
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def frame(rows):
    made = pd.DataFrame(index=range(len(rows)))
    for place, name in enumerate(("p", "q")):
        made[name] = pd.Series(column([row[place] for row in rows]), dtype=object)
    return made


@given(predicates, st.lists(st.tuples(cells, cells), max_size=12))
@example(where("p") == 1, [(True, None), (1, None), (1.0, None), (Decimal(1), None)])
@example(~(where("p") != "a"), [(None, None), ((), None), (("a", "b"), None)])
def test_the_bulk_answer_is_the_answer_row_by_row(predicate, rows):
    assert evaluate_columns(predicate, frame(rows)).tolist() == [evaluate(predicate, {"p": p, "q": q}) for p, q in rows]


@given(
    st.builds(Where, st.just("p"), st.sampled_from([Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE]), asked),
    st.lists(st.one_of(st.none(), st.sampled_from([0.5, -1.0, 2.0**53, 0.1, 1.0])), max_size=9),
    st.lists(st.sampled_from([0, 1, -(2**60), 2**53 + 1, 2**53]), max_size=9),
)
def test_columns_of_numbers_answer_as_python_numbers_do(predicate, floats, whole):
    as_floats = np.asarray([np.nan if value is None else value for value in floats], dtype=np.float64)
    assert evaluate_columns(predicate, {"p": as_floats}).tolist() == [
        evaluate(predicate, {"p": value}) for value in floats
    ]
    as_whole = np.asarray(whole, dtype=np.int64)
    assert evaluate_columns(predicate, {"p": as_whole}).tolist() == [
        evaluate(predicate, {"p": value}) for value in whole
    ]


def test_polars_columns_and_dotted_names_are_read():
    rows = pl.DataFrame({"custom.tier": ["gold", None, "tin"], "spent": [1, 2, 3]})
    assert evaluate_columns((where("custom.tier") == "gold") | (where("spent") > 2), rows).tolist() == [
        True,
        False,
        True,
    ]


def test_a_path_without_a_column_and_times_without_a_zone_are_named():
    with pytest.raises(MissingColumnError, match=r"name\.family"):
        evaluate_columns(where("name.family") == "x", {"tier": ["gold"]})
    naive = pd.DataFrame({"at": pd.to_datetime(["2024-01-01"])})
    with pytest.raises(InvalidDataError, match="aware"):
        evaluate_columns(where("at") > dt.datetime(2024, 1, 1, tzinfo=UTC), naive)
    aware = naive.assign(at=naive["at"].dt.tz_localize("UTC"))
    assert evaluate_columns(where("at") >= dt.datetime(2024, 1, 1, tzinfo=UTC), aware).tolist() == [True]


def test_nobody_has_no_answers():
    assert evaluate_columns(where("p") == 1, {"p": []}).tolist() == []
