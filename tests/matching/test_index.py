"""New records against a table that is resolved."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.invented import families, spaniards
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError
from pycrm.matching import MatchIndex, resolve

FAMILY = {"given": "given_name", "surname": "surname", "birth": "date", "address": "address", "phone": "phone"}
SPAIN = {"name": "full_name", "birth": "date", "phone": "phone", "postcode": "postcode"}


@settings(max_examples=5)
@given(st.integers(0, 400), st.booleans())
def test_extending_is_resolving_all_at_once(base, spanish):
    frame, fields = (spaniards(160), SPAIN) if spanish else (families(70), FAMILY)
    model = resolve(frame, id="id", fields=fields).model
    full = resolve(frame, id="id", fields=fields, model=model)
    index = MatchIndex(resolve(frame.iloc[:base], id="id", fields=fields, model=model))
    made = index.extend(frame.iloc[base:], id="id")
    assert (
        made.clusters.set_index("id")["cluster"]
        .sort_index()
        .equals(full.clusters.set_index("id")["cluster"].sort_index())
    )
    order = ["left", "right"]
    pd.testing.assert_frame_equal(
        made.pairs.sort_values(order, ignore_index=True), full.pairs.sort_values(order, ignore_index=True)
    )


def test_one_record_finds_the_mates_that_the_full_run_finds():
    frame = families()
    base, new = frame.iloc[:-100], frame.iloc[-100:]
    model = resolve(frame, id="id", fields=FAMILY).model
    pairs = resolve(frame, id="id", fields=FAMILY, model=model).pairs
    weight = {frozenset(pair[:2]): pair[2] for pair in pairs.itertuples(index=False)}
    index = MatchIndex(resolve(base, id="id", fields=FAMILY, model=model))
    found = 0
    for record in new.to_dict("records"):
        for match in index.find({name: record[name] for name in FAMILY}):
            assert match.weight == pytest.approx(weight[frozenset((record["id"], match.id))])
            found += 1
    likely = pairs[(pairs["probability"] > 0.5)]
    across = likely["left"].isin(new["id"]) != likely["right"].isin(new["id"])
    assert found == across.sum() > 30


def test_a_batch_is_linked_to_the_base():
    frame = families()
    base, new = frame.iloc[:-100], frame.iloc[-100:]
    index = MatchIndex(resolve(base, id="id", fields=FAMILY))
    pairs = index.link(new, id="id")
    truth = frame.set_index("id")["person"]
    likely = pairs[pairs["probability"] > 0.5]
    assert set(likely["left"]) <= set(new["id"])
    assert set(likely["right"]) <= set(base["id"])
    assert (truth[likely["left"]].to_numpy() == truth[likely["right"]].to_numpy()).mean() > 0.97


def test_a_record_of_several_values_and_one_of_none():
    frame = {"id": [1, 2, 3], "email": ["ana@x.example", "leo@x.example", "eva@x.example"]}
    index = MatchIndex(resolve(frame, id="id", fields={"email": "email"}))
    several = index.find({"email": ["nobody@x.example", "LEO@x.example"]}, least=0.0)
    assert [match.id for match in several] == [2]
    assert index.find({}) == ()
    assert index.find({"email": None}) == ()
    assert index.find({"email": "new@y.example"}) == ()


def test_an_index_of_nothing_finds_nothing_and_grows():
    index = MatchIndex(resolve({"id": [], "email": []}, id="id", fields={"email": "email"}))
    assert index.find({"email": "ana@x.example"}) == ()
    assert index.extend({"id": [1], "email": ["ana@x.example"]}, id="id").clusters["cluster"].tolist() == [1]


def test_what_cannot_be_asked_is_refused():
    frame = {"id": [1, 2], "email": ["ana@x.example", "ana@x.example"]}
    resolution = resolve(frame, id="id", fields={"email": "email"})
    index = MatchIndex(resolution)
    with pytest.raises(InvalidValueError, match="knows the fields email"):
        index.find({"mail": "ana@x.example"})
    with pytest.raises(InvalidValueError, match="a mapping"):
        index.find(["ana@x.example"])
    with pytest.raises(InvalidDataError, match="email"):
        index.find({"email": {"a": 1}})
    with pytest.raises(InvalidDataError, match="the base has this id"):
        index.extend(frame, id="id")
    with pytest.raises(NotEstimableError, match="rules only"):
        MatchIndex(resolve(frame, id="id", fields={"email": "email"}, rules=[["email"]], rules_only=True))
