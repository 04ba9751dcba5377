import enum
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from pycrm.errors import InvalidValueError
from pycrm.model.predicate import AllOf, AnyOf, Not, Op, Where, all_of, any_of, evaluate, kind_of, paths_of, where


class Status(enum.Enum):
    OPEN = "open"


@frozen
class Name:
    family: str | None


@frozen
class Person:
    name: Name | None
    tags: frozenset[str] = frozenset()
    custom: dict | None = None


ANNA = Person(Name("Díaz"), frozenset({"vip", "press"}), {"tier": "gold", "likes": ["tea"], "score": 7})

SCALARS = st.one_of(
    st.text(max_size=3),
    st.integers(-3, 3),
    st.booleans(),
    st.decimals(-2, 2, places=1),
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
    st.just(Status.OPEN),
)
PREDICATES = st.recursive(
    st.one_of(
        st.builds(
            Where,
            st.sampled_from(["a", "b", "a.c"]),
            st.sampled_from([Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE, Op.CONTAINS]),
            SCALARS,
        ),
        st.builds(lambda p, v: where(p).is_in(v), st.sampled_from(["a", "b"]), st.lists(SCALARS, max_size=3)),
        st.builds(lambda p, v: where(p).is_null(v), st.sampled_from(["a", "b"]), st.booleans()),
    ),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3)),
        st.builds(AnyOf, st.lists(inner, max_size=3)),
    ),
    max_leaves=6,
)
VALUES = st.dictionaries(
    st.sampled_from(["a", "b"]),
    st.one_of(st.none(), SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(st.just("c"), SCALARS)),
)


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        (where("name.family") == "Díaz", True),
        (where("name.family") < "E", True),
        (where("name.family").contains("ía"), True),
        (where("tags").contains("vip"), True),
        (where("tags").contains("vi"), False),
        (where("tags") == "press", True),
        (where("tags") != "vip", True),
        (where("custom.tier") == "gold", True),
        (where("custom.likes").contains("tea"), True),
        (where("custom.score") >= Decimal("6.5"), True),
        (where("custom.score") == True, False),  # noqa: E712
        (where("custom.score") > "1", False),
        (where("custom.tier") != 5, True),
        (where("custom.none") != 5, False),
        (where("custom.none").is_null(), True),
        (where("custom.tier").is_null(False), True),
        (where("tags").is_in([]), False),
        (where("custom.score").between(7, 8), True),
        (where("custom.score") <= 7, True),
        (where("custom.score") <= 6, False),
        (where("custom.score") > 6, True),
        (where("custom.score") > 7, False),
        (where("custom.score").between(6, 7), False),
        (where("name.family.deeper").is_null(), True),
    ],
)
def test_a_condition_on_one_value_is_answered(condition, answer):
    assert evaluate(condition, ANNA) is answer
    assert evaluate(~condition, ANNA) is not answer


def test_a_missing_value_makes_every_comparison_false_and_its_negation_true():
    nobody = Person(None)
    for condition in (where("name.family") == "x", where("name.family") != "x", where("name.family") < "x"):
        assert not evaluate(condition, nobody)
        assert evaluate(~condition, nobody)


def test_times_of_two_zones_compare_by_the_instant():
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert evaluate(where("at") == noon.astimezone(timezone(timedelta(hours=5))), {"at": noon})
    assert not evaluate(where("at") == date(2026, 1, 1), {"at": noon})


def test_an_enum_stands_for_its_value():
    assert evaluate(where("status") == "open", {"status": Status.OPEN})
    assert evaluate(where("status").is_in([Status.OPEN]), {"status": "open"})


@given(PREDICATES, VALUES)
@example(AllOf(()), {})
@example(AnyOf(()), {})
def test_negation_is_plain_and_de_morgan_holds(predicate, value):
    answer = evaluate(predicate, value)
    assert evaluate(Not(predicate), value) is (not answer)
    if isinstance(predicate, AllOf):
        assert answer is (not evaluate(AnyOf(tuple(Not(p) for p in predicate.parts)), value))


@given(PREDICATES, PREDICATES, VALUES)
def test_joining_flattens_without_changing_the_answer(one, other, value):
    assert evaluate(one & other, value) is (evaluate(one, value) and evaluate(other, value))
    assert evaluate(one | other, value) is (evaluate(one, value) or evaluate(other, value))
    assert paths_of(one & other) == paths_of(one) | paths_of(other)


def test_three_joined_conditions_are_one_flat_value():
    joined = (where("a") == 1) & (where("b") == 2) & (where("c") == 3)
    assert len(joined.parts) == 3
    assert all_of() == AllOf(())
    assert any_of() == AnyOf(())


@pytest.mark.parametrize("value", [None, {}, float("nan"), float("inf"), Decimal("sNaN"), [1], datetime(2026, 1, 1)])
def test_a_value_that_cannot_be_compared_is_refused_when_the_condition_is_written(value):
    with pytest.raises(InvalidValueError):
        where("a") == value  # noqa: B015


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", 3])
def test_a_path_that_is_no_path_is_refused(path):
    with pytest.raises(InvalidValueError, match="path"):
        where(path)


@pytest.mark.parametrize(
    "make",
    [lambda: AllOf(None), lambda: AllOf("abc"), lambda: AnyOf([1]), lambda: AnyOf((None,)), lambda: Not(None), lambda: Not(True)],
)  # fmt: skip
def test_what_is_no_predicate_is_no_part_of_one(make):
    with pytest.raises(InvalidValueError, match=r"give .*predicate"):
        make()


def test_python_words_for_and_or_not_are_refused():
    with pytest.raises(InvalidValueError, match="combine with"):
        bool(where("a") == 1)
    with pytest.raises(InvalidValueError):
        (where("a") == 1) & True
    with pytest.raises(InvalidValueError):
        Where("a", Op.IN, [1])
    with pytest.raises(InvalidValueError):
        Where("a", Op.IS_NULL, 1)
    with pytest.raises(InvalidValueError):
        evaluate("a = 1", {})
    with pytest.raises(InvalidValueError):
        paths_of("a = 1")
    with pytest.raises(TypeError):
        hash(where("a"))


def test_each_scalar_has_one_kind():
    assert [kind_of(v) for v in (UUID(int=1), date.min, datetime.min, Status.OPEN, object())] == [
        "uuid", "date", "time", "text", None,
    ]  # fmt: skip
