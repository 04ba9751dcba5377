"""The error tree: each error is ours and a builtin's, carries its values, and says the fix."""

import pickle

import pytest

from pycrm import errors

EXAMPLES = [
    errors.InvalidValueError("amount", "x", "give a Decimal"),
    errors.CurrencyMismatchError("EUR", "USD"),
    errors.InvalidTransitionError("lead", "customer", {"prospect", "lost"}),
    errors.InvalidDataError("frequency", 3, -1, "give a number of at least 0"),
    errors.InvalidDataError("frequency", None, "text", "give numbers"),
    errors.MissingColumnError("customer", ("id", "date"), "name it with customer="),
    errors.NotEstimableError("the mean of the population", "q must be above 1", "q"),
    errors.DocumentError("lines[0].sku", "missing", "a field is missing"),
    errors.MissingExtraError("SQLAlchemy", "sql"),
    errors.UnreadableFileError("orders.csv", "no date column", "name it with --time", 1, "when"),
    errors.NotFound("Customer", "id-1"),
    errors.Duplicate("Customer", "uq_email", ("email",)),
    errors.Broken("Order", "fk_customer", ("customer_id",)),
    errors.AppendOnly("Interaction"),
    errors.Conflict("Customer", "id-1", 1, 2, {"name": {"base": "Ana", "theirs": "Anna", "ours": "Ane"}}),
    errors.Transient("deadlock", "40P01"),
    errors.Unknown("connection lost during COMMIT"),
    errors.InvalidCursor("it belongs to another query"),
    errors.CursorTooOld(80, 121),
    errors.InvalidQuery("nmae", "no such field; there are: id, name"),
    errors.ReadOnly(),
    errors.UnitClosed(),
    errors.SchemaMismatch("0003", "0002", "upgrade pycrm"),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_its_values_and_its_sentence(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_is_also_a_builtin_callers_expect(error):
    builtins = (ValueError, KeyError, LookupError, ArithmeticError, ImportError, OSError, RuntimeError)
    assert isinstance(error, errors.PycrmError)
    assert isinstance(error, builtins)


def test_every_public_error_has_an_example_here():
    shown = {type(error).__name__ for error in EXAMPLES}
    abstract = {"PycrmError", "StoreError", "PycrmWarning", "ConvergenceWarning", "BoundaryWarning", "DataWarning"}
    assert shown | abstract == set(errors.__all__)


def test_the_sentence_of_a_long_value_stays_one_line():
    assert len(str(errors.InvalidValueError("name", "x" * 10_000, "shorten it"))) < 200


def test_only_transient_is_worth_a_retry():
    assert [type(error).__name__ for error in EXAMPLES if getattr(error, "retryable", False)] == ["Transient"]


def test_the_refused_transition_says_where_one_may_go():
    error = errors.InvalidTransitionError("lead", "customer", {"prospect", "lost"})
    assert str(error) == "cannot move from 'lead' to 'customer'; allowed next: lost, prospect"
