"""What survives of several records, and where it came from."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import InvalidDataError, InvalidValueError, MissingColumnError
from pycrm.matching import survivors

SAID = pd.DataFrame(
    {
        "id": ["r1", "r2", "r3", "r4"],
        "who": ["a", "a", "a", "b"],
        "on": pd.to_datetime(["2026-01-01", "2026-03-01", "2026-02-01", "2026-01-05"]),
        "from": ["shop", "web", "call", "shop"],
        "name": ["Ana", "", "Ana María", None],
        "city": ["Vigo", "Lugo", "Vigo", "Oslo"],
        "age": [40, 41, 39, 20],
    }
)


@pytest.mark.parametrize(
    ("strategy", "city", "winner"),
    [
        ("most_recent", "Lugo", "r2"),
        ("most_frequent", "Vigo", "r3"),
        ("source_priority", "Vigo", "r3"),
        ("longest", "Lugo", "r2"),
    ],
)
def test_each_strategy_has_its_winner(strategy, city, winner):
    made = survivors(
        SAID, id="id", cluster="who", fields={"city": strategy}, time="on", source="from", priority=["call", "web"]
    )
    assert made.frame.set_index("cluster")["city"]["a"] == city
    assert made.provenance.set_index("cluster")["city"]["a"] == winner


def test_an_empty_text_never_wins_and_nothing_said_is_none():
    made = survivors(SAID, id="id", cluster="who", fields={"name": "most_recent"}, time="on")
    assert made.frame["name"][0] == "Ana María"
    assert made.provenance["name"][0] == "r3"
    assert made.frame["name"].isna().tolist() == made.provenance["name"].isna().tolist() == [False, True]


def test_the_losers_are_told():
    made = survivors(SAID, id="id", cluster="who", fields={"city": "most_recent", "name": "keep_all"}, time="on")
    why = made.why("a", "city")
    assert list(zip(why["id"], why["value"], why["won"], strict=True)) == [
        ("r1", "Vigo", False), ("r2", "Lugo", True), ("r3", "Vigo", False),
    ]  # fmt: skip
    assert made.frame["name"].tolist() == [("Ana", "Ana María"), ()]
    assert made.why("a", "name")["won"].tolist() == [True, False, True]


def test_numbers_have_a_least_and_a_greatest():
    low = survivors(SAID, id="id", cluster="who", fields={"age": "minimum"}).frame["age"].tolist()
    high = survivors(SAID, id="id", cluster="who", fields={"age": "maximum"}).frame["age"].tolist()
    assert (low, high) == ([39, 20], [41, 20])


ROWS = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 5), st.sampled_from(["s", "t"]), st.sampled_from([None, "", "x", "yy", "zzz"])
    ),
    max_size=25,
)


@given(ROWS, st.sampled_from(["most_recent", "most_frequent", "source_priority", "longest", "minimum", "maximum"]))
def test_survivors_are_those_of_a_plain_search(rows, strategy):
    frame = pd.DataFrame(rows, columns=["who", "on", "from", "value"])
    frame["id"] = np.arange(len(frame))
    frame["value"] = frame["value"].astype(object)
    made = survivors(
        frame, id="id", cluster="who", fields={"value": strategy}, time="on", source="from", priority=["t", "s"]
    )
    for who, value in zip(made.frame["cluster"], made.frame["value"], strict=True):
        held = [(row[1], number, row[2], row[3]) for number, row in enumerate(rows) if row[0] == who and row[3]]
        if not held:
            assert value is None or pd.isna(value)
            continue
        texts = [text for *_, text in held]
        score = {
            "most_recent": lambda row: 0, "most_frequent": lambda row, texts=texts: texts.count(row[3]),
            "source_priority": lambda row: row[2] == "t", "longest": lambda row: len(row[3]),
            "minimum": lambda row: [-ord(c) for c in row[3]], "maximum": lambda row: [ord(c) for c in row[3]],
        }[strategy]  # fmt: skip
        assert value == max(held, key=lambda row: (score(row), row[0], row[1]))[3]


def test_what_cannot_be_used_is_refused():
    with pytest.raises(InvalidValueError, match="keep_all"):
        survivors(SAID, id="id", cluster="who", fields={"city": "newest"})
    with pytest.raises(InvalidValueError, match="order of sources"):
        survivors(SAID, id="id", cluster="who", fields={"city": "source_priority"})
    with pytest.raises(MissingColumnError, match="town"):
        survivors(SAID, id="id", cluster="who", fields={"town": "longest"})
    with pytest.raises(InvalidDataError, match="row 3"):
        survivors(SAID.assign(who=["a", "a", "a", None]), id="id", cluster="who", fields={"city": "longest"})
    with pytest.raises(InvalidDataError, match="ordered"):
        mixed = SAID.assign(city=pd.Series(["a", 1, 2.5, "b"], dtype=object))
        survivors(mixed, id="id", cluster="who", fields={"city": "minimum"})
    with pytest.raises(InvalidDataError, match="single values"):
        survivors({"id": [1], "who": [1], "city": [["Vigo"]]}, id="id", cluster="who", fields={"city": "longest"})
    made = survivors(SAID, id="id", cluster="who", fields={"city": "longest"})
    with pytest.raises(InvalidValueError, match="no such cluster"):
        made.why("z", "city")
    with pytest.raises(InvalidValueError, match="choose from city"):
        made.why("a", "town")
