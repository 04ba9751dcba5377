"""Money is exact: no cent appears or is lost, and two currencies never meet."""

from datetime import UTC, datetime
from decimal import ROUND_UP, Decimal, localcontext

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import strategies
from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model.money import CURRENCIES, Money, MoneyAt, currency_code, total

euros = strategies.money(st.just("EUR"))
cents = st.integers(-(10**15), 10**15).map(lambda minor: Money.from_minor(minor, "EUR"))
NOON = datetime(2026, 5, 1, tzinfo=UTC)


@given(cents, st.lists(st.integers(0, 10**6) | st.decimals(0, 10**6, places=6), min_size=1, max_size=9))
@example(Money("10", "EUR"), [1, 1, 1])
@example(Money("-0.01", "EUR"), [1, 2])
@example(Money("0", "EUR"), [1])
@example(Money("100", "EUR"), [Decimal("1e-30"), 1])
def test_allocate_loses_nothing_and_is_within_a_cent_of_the_share(amount, weights):
    if not any(weights):
        weights = [*weights, 1]
    parts = amount.allocate(weights)
    assert total(parts, "EUR") == amount
    whole = sum(map(Decimal, weights))
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.amount - amount.amount * Decimal(weight) / whole) < Decimal("0.0101")


def test_what_rounding_leaves_over_goes_to_the_largest_remainders_first():
    assert [part.minor for part in Money("0.05", "EUR").allocate([3, 7])] == [2, 3]
    assert [part.minor for part in Money("-0.10", "EUR").allocate([1, 1, 1])] == [-4, -3, -3]
    assert [part.minor for part in Money("1", "JPY").allocate([1, 1])] == [1, 0]


@pytest.mark.parametrize(
    "weights", [[], [0, 0], [-1, 2], ["x"], [float("nan")], [Decimal("Infinity")], [None], [Decimal("sNaN")]]
)
def test_weights_that_split_nothing_are_refused(weights):
    with pytest.raises(InvalidValueError, match="weights"):
        Money("1", "EUR").allocate(weights)


@given(st.lists(euros, max_size=8), st.randoms())
def test_a_sum_is_exact_whatever_the_order(amounts, random):
    shuffled = list(amounts)
    random.shuffle(shuffled)
    with localcontext() as context:
        context.prec = 3  # the context of the caller changes nothing
        found = total(shuffled, "EUR")
    with localcontext() as context:
        context.prec = 200
        assert found.amount == sum((each.amount for each in amounts), Decimal(0))


@given(euros, euros)
def test_what_is_added_can_be_taken_away(one, other):
    assert one + other - other == one
    assert one.__neg__().__neg__() == one
    assert abs(one) == abs(-one)
    assert one - other == -(other - one)
    assert (one < other) == (other > one)
    assert (one <= other) == (other >= one)


@given(st.integers(-(10**18), 10**18), st.sampled_from(sorted(CURRENCIES)))
def test_minor_units_are_whole(minor, currency):
    amount = Money.from_minor(minor, currency)
    assert amount.minor == minor
    assert amount.rounded() == amount


@pytest.mark.parametrize(
    "amount, currency, rounded",
    [("0.125", "EUR", "0.12"), ("0.135", "EUR", "0.14"), ("1.5", "JPY", "2"), ("2.5", "JPY", "2")],
)
def test_rounding_is_half_to_even_unless_told_otherwise(amount, currency, rounded):
    assert Money(amount, currency).rounded() == Money(rounded, currency)
    assert Money("0.121", "EUR").rounded(ROUND_UP) == Money("0.13", "EUR")


def test_what_is_finer_than_a_cent_has_no_minor_units():
    with pytest.raises(InvalidValueError, match="rounded"):
        _ = Money("0.001", "EUR").minor


@pytest.mark.parametrize(
    "amount", [1.5, True, None, "x", "", "1,5", "NaN", "Infinity", Decimal("NaN"), "1" * 39, "1e39", "1e-39", b"1", [1]]
)
def test_an_amount_that_is_not_exact_is_refused(amount):
    with pytest.raises(InvalidValueError, match="amount"):
        Money(amount, "EUR")


@pytest.mark.parametrize("currency", ["", "EURO", "XXX", None, 978, "€"])
def test_an_unknown_currency_is_refused(currency):
    with pytest.raises(InvalidValueError, match="ISO 4217"):
        Money(1, currency)


@pytest.mark.parametrize("minor", [True, 1.0, "1", None])
def test_minor_units_that_are_not_whole_are_refused(minor):
    with pytest.raises(InvalidValueError, match="minor"):
        Money.from_minor(minor, "EUR")


@pytest.mark.parametrize(
    "combine",
    [Money.__add__, Money.__sub__, Money.__lt__, Money.__le__, Money.__gt__, Money.__ge__],
    ids=lambda f: f.__name__,
)
def test_two_currencies_never_meet(combine):
    with pytest.raises(CurrencyMismatchError) as caught:
        combine(Money(1, "EUR"), Money(1, "USD"))
    assert (caught.value.expected, caught.value.found) == ("EUR", "USD")
    with pytest.raises(CurrencyMismatchError):
        total([Money(1, "USD")], "EUR")


def test_two_currencies_are_simply_unequal():
    assert Money(1, "EUR") != Money(1, "USD")
    assert Money("1.0", "eur") == Money("1.00", "EUR")
    assert hash(Money("1.0", "EUR")) == hash(Money("1.00", "EUR"))


@pytest.mark.parametrize("other", [1, "1", 1.0, None])
def test_money_is_added_to_money_only(other):
    with pytest.raises(TypeError):
        Money(1, "EUR") + other
    with pytest.raises(TypeError):
        Money(1, "EUR") - other


def test_money_is_multiplied_by_exact_numbers():
    assert 3 * Money("1.10", "EUR") == Money("1.10", "EUR") * Decimal(3) == Money("3.30", "EUR")
    for factor in (1.5, True, "2", None):
        with pytest.raises(TypeError):
            Money(1, "EUR") * factor
    for factor in (Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e999999"), Decimal("1e-999999")):
        with pytest.raises(InvalidValueError):
            Money(11, "EUR") * factor


def test_nothing_is_false_and_money_is_printed_plainly():
    assert not Money.zero("EUR")
    assert Money("0.01", "EUR")
    assert str(Money("1E+2", "EUR")) == "100 EUR"
    assert repr(Money("1.50", "EUR")) == "Money('1.50', 'EUR')"
    assert currency_code("eur") == "EUR"


def test_a_rate_is_fixed_at_a_date():
    fixed = MoneyAt(money=Money("10", "USD"), as_of=NOON, base_currency="eur", rate="0.9155")
    assert fixed.in_base == Money("9.16", "EUR")
    assert MoneyAt(money=Money("10", "EUR"), as_of=NOON, base_currency="EUR", rate=1).in_base == Money("10", "EUR")


@pytest.mark.parametrize("base, rate", [("EUR", 0), ("EUR", -1), ("USD", 2), ("EUR", 1.1), ("XXX", 1)])
def test_an_impossible_rate_is_refused(base, rate):
    with pytest.raises(InvalidValueError):
        MoneyAt(money=Money(1, "USD"), as_of=NOON, base_currency=base, rate=rate)
