"""A log of decisions that only grows, and merges that can be taken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.matching import Decision, DecisionLog, clusters_after, constraints_of

RECORDS = list(range(12))
GROUPS = st.lists(st.sampled_from(RECORDS), min_size=2, max_size=4, unique=True)
MERGES = st.lists(GROUPS, max_size=12).map(
    lambda groups: [Decision(id=f"m{n}", action="merge", records=group) for n, group in enumerate(groups)]
)


@given(MERGES, st.data())
def test_taking_a_merge_back_equals_never_having_merged(merges, data):
    for merge in data.draw(st.permutations(merges)):
        without = [other for other in merges if other is not merge]
        taken_back = [*merges, Decision(id="back", action="revoke", revokes=merge.id)]
        assert clusters_after(RECORDS, taken_back).tolist() == clusters_after(RECORDS, without).tolist()


@given(MERGES, st.data())
def test_the_order_of_merges_changes_nothing(merges, data):
    shuffled = data.draw(st.permutations(merges))
    assert clusters_after(RECORDS, merges).tolist() == clusters_after(RECORDS, shuffled).tolist()


@given(MERGES, st.data())
def test_a_log_kept_up_equals_a_log_replayed(merges, data):
    log = DecisionLog(RECORDS)
    entries = []
    for number, merge in enumerate(merges):
        log.append(merge)
        entries.append(merge)
        if data.draw(st.booleans()):
            in_force = [e for e in entries if e.action == "merge" and e.id not in {r.revokes for r in entries}]
            if in_force:
                back = Decision(id=f"r{number}", action="revoke", revokes=data.draw(st.sampled_from(in_force)).id)
                changed = log.append(back)
                entries.append(back)
                assert changed <= set(RECORDS)
    assert log.labels().tolist() == clusters_after(RECORDS, entries).tolist()
    assert log.decisions == tuple(entries)
    for record in RECORDS:
        assert log.members(record) == tuple(r for r in RECORDS if log.cluster_of(r) == log.cluster_of(record))
    assert (log.together, log.apart) == constraints_of(entries)


def test_appending_says_whose_cluster_changed():
    log = DecisionLog("abcd")
    assert log.append(Decision(id=1, action="merge", records=("a", "b"))) == {"a", "b"}
    assert log.append(Decision(id=2, action="merge", records=("b", "a"))) == frozenset()
    assert log.append(Decision(id=3, action="revoke", revokes=1)) == frozenset()
    assert log.append(Decision(id=4, action="revoke", revokes=2)) == {"a", "b"}


def test_kept_apart_cannot_be_merged_until_that_is_taken_back():
    log = DecisionLog(
        "abc", [Decision(id=1, action="keep_apart", records=("a", "c")), Decision(id=2, action="merge", records="ab")]
    )
    with pytest.raises(InvalidValueError, match="entry 1 keeps 'a' and 'c' apart"):
        log.append(Decision(id=3, action="merge", records=("b", "c")))
    log.append(Decision(id=4, action="revoke", revokes=1))
    log.append(Decision(id=5, action="merge", records=("b", "c")))
    assert set(log.labels()) == {"a"}
    with pytest.raises(InvalidValueError, match="they are merged"):
        log.append(Decision(id=6, action="keep_apart", records=("a", "c")))


def test_a_refused_entry_leaves_the_log_as_it_was():
    log = DecisionLog("abc", [Decision(id=1, action="keep_apart", records=("a", "b"))])
    with pytest.raises(InvalidValueError):
        log.append(Decision(id=2, action="merge", records=("a", "b", "c")))
    assert log.labels().tolist() == ["a", "b", "c"]
    assert len(log.decisions) == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"action": "split", "records": "ab"}, "merge, keep_apart or revoke"),
        ({"action": "merge", "records": "a"}, "two different"),
        ({"action": "merge", "records": "aa"}, "two different"),
        ({"action": "keep_apart", "records": "abc"}, "two different"),
        ({"action": "revoke"}, "name the entry"),
        ({"action": "revoke", "revokes": 1, "records": "ab"}, "no records"),
        ({"action": "merge", "records": "ab", "revokes": 1}, "takes nothing back"),
    ],
)
def test_an_entry_that_says_nothing_clear_is_refused(entry, words):
    with pytest.raises(InvalidValueError, match=words):
        Decision(id=1, **entry)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (Decision(id=1, action="merge", records="ac"), "already"),
        (Decision(id=2, action="merge", records="az"), "no record"),
        (Decision(id=2, action="revoke", revokes=9), "in force"),
        (Decision(id=2, action="revoke", revokes=2), "in force"),
    ],
)
def test_an_entry_that_does_not_fit_the_log_is_refused(entry, words):
    log = DecisionLog("abc", [Decision(id=1, action="merge", records="ab")])
    with pytest.raises(InvalidValueError, match=words):
        log.append(entry)
    with pytest.raises(InvalidValueError, match="named once"):
        DecisionLog("aba")
    with pytest.raises(InvalidValueError, match="no record"):
        log.cluster_of("z")
