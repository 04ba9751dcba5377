"""Figures of quality, ids that last, keys in bulk, other engines, and looser groups."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from matching.invented import families
from pycrm.errors import InvalidDataError, InvalidValueError, MissingExtraError, NotEstimableError
from pycrm.matching import (
    Edges,
    cluster_quality,
    estimate_quality,
    households,
    keep_ids,
    organisations,
    resolve,
    resolve_edges,
    splink_edges,
)
from pycrm.matching.comparison import compare
from pycrm.matching.fields import KINDS, Vocabulary
from pycrm.matching.keys import keys_of
from pycrm.matching.single import level_of

LABELS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30)
FAMILY = {"given": "given_name", "surname": "surname", "birth": "date", "address": "address", "phone": "phone"}


@given(LABELS)
def test_quality_is_that_of_counting_every_pair(labels):
    found, truth = zip(*labels, strict=True)
    made = cluster_quality(found, truth)
    n = len(found)
    pairs = [(a, b) for a in range(n) for b in range(a)]
    both = sum(found[a] == found[b] and truth[a] == truth[b] for a, b in pairs)
    claimed, true = sum(found[a] == found[b] for a, b in pairs), sum(truth[a] == truth[b] for a, b in pairs)
    assert made.pair_precision == pytest.approx(both / claimed if claimed else 1.0)
    assert made.pair_recall == pytest.approx(both / true if true else 1.0)
    share = [
        sum(found[b] == found[a] and truth[b] == truth[a] for b in range(n)) / found.count(found[a]) for a in range(n)
    ]
    assert made.b_cubed_precision == pytest.approx(np.mean(share))
    assert made.largest == max(map(found.count, found))
    groups = [{frozenset(a for a in range(n) if side[a] == side[b]) for b in range(n)} for side in (found, truth)]
    assert made.cluster_precision == pytest.approx(len(groups[0] & groups[1]) / len(groups[0]))


@given(LABELS)
def test_the_truth_is_perfect(labels):
    truth = [label for _, label in labels]
    made = cluster_quality(truth, [str(label) for label in truth])
    assert (made.pair_f1, made.cluster_f1, made.b_cubed_f1) == (1.0, 1.0, 1.0)


def test_quality_of_nothing_is_refused():
    for found, truth in (([], []), ([1], [1, 2]), ([1, None], [1, 2])):
        with pytest.raises(InvalidDataError):
            cluster_quality(found, truth)
    with pytest.raises(NotEstimableError, match="no records"):
        estimate_quality(resolve({"id": [], "x": []}, id="id", fields={"x": "text"}))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20))
def test_ids_last_where_clusters_do_and_every_id_that_goes_has_an_alias(labels):
    now, before = zip(*labels, strict=True)
    ids = list(range(len(labels)))
    kept, aliases = keep_ids(ids, [f"n{label}" for label in now], ids, [f"o{label}" for label in before])
    assert len(set(kept)) == len(set(now))
    assert all((kept[a] == kept[b]) == (now[a] == now[b]) for a in ids for b in ids)
    assert set(aliases) == {f"o{label}" for label in before} - set(kept.tolist())
    assert set(aliases.values()) <= set(kept.tolist())
    same, none = keep_ids(ids, [f"n{label}" for label in before], ids, [f"o{label}" for label in before])
    assert same.tolist() == [f"o{label}" for label in before]
    assert none == {}


def test_a_record_of_two_clusters_is_refused():
    with pytest.raises(InvalidDataError, match="each id once"):
        keep_ids([1, 2], [1, 1], [1, 1], ["a", "b"])
    with pytest.raises(InvalidDataError, match="one cluster a record"):
        keep_ids([1, 2], [1], [1], ["a"])


EMAILS = st.from_regex(r"[A-Za-z0-9._+-]{1,12}@(gmail|firm|x-y)\.(com|es)", fullmatch=True)
ODD = (
    st.text(alphabet="abcXYZ 019@.+-_'/()\nñÁ", max_size=14)
    | EMAILS
    | st.dates().map(str)
    | st.from_regex(r"\+?[0-9 ()-]{6,14}", fullmatch=True)
)


@given(st.lists(ODD, min_size=70, max_size=90), st.sampled_from(KINDS))
@example(["78901234"] * 70, "phone")
@example(["21098765", "89012345"] * 40, "phone")
@example(["n.a@gmail.com", "test@x.com", "x@y.com"] * 30, "email")
@example(["1900-01-01", "19000101", "1980-02-28"] * 30, "date")
def test_keys_in_bulk_are_keys_one_by_one(values, kind):
    assert keys_of(kind, values) == [keys_of(kind, [value])[0] for value in values]


@given(ODD, ODD, st.sampled_from(KINDS))
@example("Maria Carmen Gil", "Gil, Maria Carmen", "full_name")
@example("Gil Ruiz", "Ruiz", "surname")
@example("Paco", "Francisco", "given_name")
@example("1980-01-02", "1980-02-01", "date")
@example("1980-01-02", "1981-10-02", "date")
def test_one_pair_has_the_level_it_has_among_many(one, other, kind):
    keys = [key for key in keys_of(kind, [one, other]) if key is not None]
    if len(set(keys)) == 2:
        vocabulary, first, second = Vocabulary.of(kind, keys), np.array([0]), np.array([1])
        assert compare(vocabulary, first, vocabulary, second).tolist() == [level_of(kind, *keys)]
        assert level_of(kind, *keys) == level_of(kind, *keys[::-1])


def test_edges_of_another_engine_go_through_our_clusters():
    frame = families(60)
    ours = resolve(frame, id="id", fields=FAMILY)
    edges = Edges.of_frame(ours.pairs, left="left", right="right", weight="weight")
    theirs = resolve_edges(frame, edges, id="id", fields=FAMILY)
    found = cluster_quality(theirs.clusters["cluster"], frame["person"])
    assert found.pair_f1 > 0.97
    a, b = ours.clusters.groupby("cluster")["id"].agg(list)[lambda groups: groups.str.len() > 1].iloc[0][:2]
    apart = resolve_edges(frame, edges, id="id", fields=FAMILY, never=[(a, b)]).clusters.set_index("id")["cluster"]
    assert apart[a] != apart[b]
    with pytest.raises(InvalidValueError, match="no record"):
        resolve_edges(frame, Edges([10**6], [0], [3.0]), id="id", fields=FAMILY)
    with pytest.raises(InvalidDataError, match="has a weight"):
        resolve_edges(frame, Edges([0], [1], [float("nan")]), id="id", fields=FAMILY)
    assert resolve_edges(frame, Edges([], [], []), id="id", fields=FAMILY).clusters["cluster"].is_unique


def test_splink_finds_the_same_people():
    pytest.importorskip("splink", reason="the extra `splink` is not installed")
    frame = families()
    made = resolve_edges(frame, splink_edges(frame, id="id", fields=FAMILY, sample=100_000), id="id", fields=FAMILY)
    assert cluster_quality(made.clusters["cluster"], frame["person"]).pair_f1 > 0.5


def test_without_splink_the_way_to_get_it_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "splink", None)
    with pytest.raises(MissingExtraError, match=r"pycrm-domain\[splink\]"):
        splink_edges(families(5), id="id", fields=FAMILY)


def test_organisations_share_a_domain_and_free_mail_unites_nobody():
    frame = {
        "who": ["a", "b", "c", "d", "e"],
        "email": ["a@acme.example", "b@acme.example", "c@gmail.com", "d@gmail.com", None],
    }
    assert organisations(frame, person="who", email="email").frame["organisation"].tolist() == ["a", "a", "c", "d", "e"]
    assert organisations(frame, person="who", email="email", largest=1).refused == 1


def test_a_household_without_a_place_is_refused():
    frame = {"id": [1], "who": [1], "surname": ["Gil"]}
    with pytest.raises(InvalidValueError, match="address or a telephone"):
        households(frame, id="id", person="who", fields={"surname": "surname"})
    with pytest.raises(InvalidValueError, match="2 or more"):
        households(frame, id="id", person="who", fields={"surname": "surname"}, largest=1)
    with pytest.raises(InvalidValueError, match="speak of the fields"):
        households(frame, id="id", person="who", fields={"surname": "surname"}, rules=[["street"]])
    empty = households(
        {"id": [], "who": [], "surname": []}, id="id", person="who", fields={"surname": "surname"}, rules=[["surname"]]
    )
    assert len(empty.frame) == 0
