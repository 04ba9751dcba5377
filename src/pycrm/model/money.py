"""Exact money: a decimal amount and its ISO 4217 currency; two currencies never meet in one sum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, Overflow, Rounded
from fractions import Fraction

from attrs import field, frozen

from pycrm.errors import CurrencyMismatchError, InvalidValueError
from pycrm.model.checks import is_a
from pycrm.model.time import in_utc, is_instant

__all__ = ["CURRENCIES", "Money", "MoneyAt", "currency_code", "total"]

# Wide enough that no sum of amounts is ever rounded; a result that would be is an error, not a surprise.
_EXACT = Context(prec=400, Emax=999_999, Emin=-999_999, traps=[Inexact, InvalidOperation, Overflow, Rounded])
_MAX_DIGITS = 38

_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP "
        "COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR "
        "JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN "
        "NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
        "THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG BGN ANG HRK SLL CUC"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
CURRENCIES: dict[str, int] = {code: digits for digits, codes in _BY_DIGITS.items() for code in codes.split()}
"""ISO 4217 code -> digits of its minor unit."""


def _amount(value: Decimal | int | str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise InvalidValueError("amount", value, "give a Decimal, an int or text such as '19.90'; a float is not exact")
    try:
        amount = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        raise InvalidValueError("amount", value, "give a plain number such as '19.90'") from None
    if not amount.is_finite():
        raise InvalidValueError("amount", value, "give a finite number")
    _, digits, exponent = amount.as_tuple()
    if len(digits) + max(int(exponent), 0) > _MAX_DIGITS or int(exponent) < -_MAX_DIGITS:
        raise InvalidValueError("amount", value, f"give at most {_MAX_DIGITS} digits")
    return amount


def currency_code(value: str) -> str:
    """Return `value` as an ISO 4217 code in capitals, or refuse it.

    Examples
    --------
    >>> currency_code(" eur ")
    'EUR'
    """
    code = str(value).strip().upper()
    if code not in CURRENCIES:
        raise InvalidValueError("currency", value, "give an ISO 4217 code such as 'EUR'")
    return code


@frozen(order=False)
class Money:
    """An exact amount of one currency.

    Parameters
    ----------
    amount : Decimal, int or str
        Any exact number of up to 38 digits; a float is refused. Prices may be finer than the minor unit.
    currency : str
        ISO 4217 code.

    Raises
    ------
    InvalidValueError
        If the amount is not an exact finite number or the currency is unknown.
    CurrencyMismatchError
        From arithmetic and comparisons of two currencies.

    Examples
    --------
    >>> Money("19.90", "EUR") + Money("0.10", "EUR")
    Money('20.00', 'EUR')
    >>> [str(part) for part in Money("10", "EUR").allocate([1, 1, 1])]
    ['3.34 EUR', '3.33 EUR', '3.33 EUR']
    """

    amount: Decimal = field(converter=_amount)
    currency: str = field(converter=currency_code)

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Nothing, of a currency."""
        return cls(Decimal(0), currency)

    @classmethod
    def from_minor(cls, minor: int, currency: str) -> Money:
        """Return the amount of `minor` whole minor units (cents).

        Examples
        --------
        >>> Money.from_minor(1990, "EUR")
        Money('19.90', 'EUR')
        """
        if isinstance(minor, bool) or not isinstance(minor, int):
            raise InvalidValueError("minor", minor, "give a whole number of minor units")
        return cls(Decimal(minor).scaleb(-CURRENCIES[currency_code(currency)], _EXACT), currency)

    @property
    def minor(self) -> int:
        """The amount in whole minor units.

        Raises
        ------
        InvalidValueError
            If it is finer than the minor unit; `rounded()` says how to get there.
        """
        scaled = self.amount.scaleb(CURRENCIES[self.currency], _EXACT)
        if scaled != scaled.to_integral_value():
            raise InvalidValueError(
                "amount", self.amount, f"it is finer than the minor unit of {self.currency}; call rounded()"
            )
        return int(scaled)

    def rounded(self, rounding: str = ROUND_HALF_EVEN) -> Money:
        """Return the amount rounded to the minor unit, half to even unless told otherwise."""
        unit = Decimal(1).scaleb(-CURRENCIES[self.currency])
        return Money(self.amount.quantize(unit, rounding=rounding, context=Context(prec=400)), self.currency)

    def allocate(self, weights: Sequence[int | Decimal]) -> tuple[Money, ...]:
        """Split into parts in proportion to `weights`, in whole minor units, without losing one.

        The units left over by rounding down go to the largest remainders, the first of equals first.

        Raises
        ------
        InvalidValueError
            If there are no weights, one is negative, or all are zero.
        """
        try:
            shares = [Fraction(weight) for weight in weights]
        except (TypeError, ValueError, OverflowError):
            shares = []
        if not shares or min(shares) < 0 or not any(shares):
            raise InvalidValueError("weights", weights, "give finite weights of at least 0, one of them positive")
        whole, units = sum(shares), self.minor
        sign = -1 if units < 0 else 1
        exact = [abs(units) * share / whole for share in shares]
        floors = [int(part) for part in exact]
        order = sorted(range(len(exact)), key=lambda index: (floors[index] - exact[index], index))
        for at in order[: abs(units) - sum(floors)]:
            floors[at] += 1
        return tuple(Money.from_minor(sign * floor, self.currency) for floor in floors)

    def _other(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise CurrencyMismatchError(self.currency, other.currency)
        return other.amount

    def __add__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money(_EXACT.add(self.amount, self._other(other)), self.currency)

    def __sub__(self, other: Money) -> Money:
        if not isinstance(other, Money):
            return NotImplemented
        return Money(_EXACT.subtract(self.amount, self._other(other)), self.currency)

    def __mul__(self, factor: int | Decimal) -> Money:
        if isinstance(factor, bool) or not isinstance(factor, int | Decimal):
            return NotImplemented
        try:
            return Money(_EXACT.multiply(self.amount, Decimal(factor)), self.currency)
        except (InvalidOperation, Overflow, Inexact) as error:
            raise InvalidValueError("factor", factor, "multiply by a finite number of moderate size") from error

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        return Money(self.amount.copy_negate(), self.currency)

    def __abs__(self) -> Money:
        return Money(self.amount.copy_abs(), self.currency)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._other(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._other(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._other(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._other(other)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def __repr__(self) -> str:
        return f"Money('{self.amount:f}', '{self.currency}')"


def total(amounts: Iterable[Money], currency: str) -> Money:
    """Return the sum of `amounts`, which all are in `currency`; nothing sums to zero.

    Examples
    --------
    >>> total([Money("1", "EUR"), Money("2.5", "EUR")], "EUR")
    Money('3.5', 'EUR')
    """
    summed = Money.zero(currency)
    for amount in amounts:
        summed += amount
    return summed


@frozen(kw_only=True)
class MoneyAt:
    """An amount with the rate to the base currency fixed at a date: it is never silently converted anew.

    Parameters
    ----------
    money : Money
        The original amount.
    as_of : datetime
        When the rate held.
    base_currency : str
        What `rate` leads to.
    rate : Decimal
        Base units per unit of the original, above 0.
    """

    money: Money = field(validator=is_a(Money))
    as_of: datetime = field(converter=in_utc, validator=is_instant)
    base_currency: str = field(converter=currency_code)
    rate: Decimal = field(converter=_amount)

    def __attrs_post_init__(self) -> None:
        if self.rate <= 0:
            raise InvalidValueError("rate", self.rate, "give a rate above 0")
        if self.base_currency == self.money.currency and self.rate != 1:
            raise InvalidValueError("rate", self.rate, "a currency changes into itself at 1")

    @property
    def in_base(self) -> Money:
        """The amount in the base currency, rounded to its minor unit."""
        return Money(_EXACT.multiply(self.money.amount, self.rate), self.base_currency).rounded()
