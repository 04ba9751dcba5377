"""Strategies for the kinds of value a field may hold: what its type leaves open, its own validator is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

import attrs
from hypothesis import strategies as st

from pycrm.model.custom import CustomFields
from pycrm.model.money import Money
from pycrm.model.predicate import AllOf, AnyOf, Not, Op, Where
from pycrm.storage.mapping import Column
from pycrm.testing.strategies import custom_fields, texts

__all__ = ["REFUSED", "accepts", "plain_of", "predicates", "strategy_of"]

REFUSED = (ValueError, TypeError, AttributeError)
"""What a converter, a validator or a constructor refuses a value with."""

Attribute: TypeAlias = "attrs.Attribute[Any]"
_AT = datetime(2026, 1, 1, tzinfo=UTC)

# A family and a flag are several code points; é is written in both ways; some scripts go from right to left.
_AWKWARD = ("👩‍👩‍👧", "🇪🇸", "é", "e\u0301", "ﬁ", "ß", "İ", "שלום", "\u202e", "'", '"', "\\", "%_", "a" * 255, "🙂" * 60)
_LINES = texts() | st.sampled_from(_AWKWARD).filter(lambda text: bool(text.strip()))
_WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=8)
_CODES = st.lists(_WORD, min_size=1, max_size=3).map(".".join)
_ZONES = st.sampled_from(["UTC", "Europe/Madrid", "Asia/Kathmandu", "Pacific/Kiritimati", "America/St_Johns"])
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_ENDS = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))

# Of texts the first that the field takes; each with one that is plain.
_TEXTS: tuple[tuple[tuple[str, ...], Callable[[int], str], st.SearchStrategy[str]], ...] = (
    (("Ünï 😀", "x"), lambda number: f"a{number}", _LINES),
    (("marketing.a_1",), lambda number: f"a{number}", _CODES),
    (("email", "web"), lambda _: "email", st.sampled_from(["email", "phone", "web", "sms"])),
    (("Europe/Madrid",), lambda _: "UTC", _ZONES),
    (
        ("0" * 64,),
        lambda number: f"{number:064x}",
        st.text("0123456789abcdef", min_size=64, max_size=64) | st.just("f" * 64),
    ),
    (("{}",), lambda number: json.dumps({"a": number}), st.dictionaries(texts(), texts(), max_size=3).map(json.dumps)),
)
# By name, where a rule of the whole noun, and not of its field, says what the text is.
_NAMED: dict[str, tuple[str, st.SearchStrategy[str]]] = {
    "country": ("ES", st.sampled_from(["ES", "FR", "JP"])),
    "language": ("es", st.sampled_from(["es", "es-ES", "zh-Hant-TW"])),
    "domains": ("a.example", _WORD.map(lambda word: f"{word}.example")),
    "words": ("word", _WORD),
}


def accepts(attribute: Any, value: Any) -> bool:
    """Whether the converter and the validator of a field let a value pass."""
    try:
        if attribute.converter is not None:
            value = attribute.converter(value)
        if attribute.validator is not None:
            attribute.validator(None, attribute, value)
    except REFUSED:
        return False
    return True


def _between(attribute: Attribute, lows: tuple[Any, ...], highs: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the widest bounds that the field takes; the last of each where it takes none."""
    low = next((each for each in lows if accepts(attribute, each)), lows[-1])
    return low, next((each for each in highs if each >= low and accepts(attribute, each)), max(low, highs[-1]))


def _text(attribute: Attribute, many: bool, currency: str) -> tuple[Callable[[int], str], st.SearchStrategy[str]]:
    if attribute.name == "currency" or attribute.name.endswith("_currency"):
        return lambda _: currency, st.just(currency)
    if attribute.name in _NAMED:
        plain, drawn = _NAMED[attribute.name]
        return lambda _: plain, drawn
    for probes, simple, strategy in _TEXTS:
        if all(
            accepts(attribute, (probe,) if many else probe) or (many and accepts(attribute, frozenset({probe})))
            for probe in probes
        ):
            return simple, strategy
    return _TEXTS[0][1:]


def _whole(attribute: Attribute) -> tuple[int, int]:
    return _between(attribute, (-(2**63), -1, 0, 1, 2), (2**63 - 1, 10_000, 1439, 100, 5, 1))


def _real(attribute: Attribute) -> tuple[float, float]:
    return _between(attribute, (-1.7e308, -1.0, 0.0, 5e-324, 0.5), (1.7e308, 100.0, 1.0))


def _exact(attribute: Attribute, column: Column | None) -> tuple[Decimal, Decimal, int]:
    scale, digits = (6, 12) if column is None else (column.scale, column.precision - column.scale)
    most = Decimal(10) ** digits - Decimal(1).scaleb(-scale)
    low, high = _between(attribute, (-most, Decimal(0), Decimal(1).scaleb(-scale)), (most, Decimal(100), Decimal(1)))
    return low, high, scale


def _length(attribute: Attribute) -> tuple[timedelta, timedelta]:
    return _between(attribute, (timedelta(0), timedelta(microseconds=1)), (timedelta(days=36_500),))


def _least(attribute: Attribute) -> Decimal:
    lows = (Decimal(-(10**9)), Decimal(0), Decimal("0.01"))
    return next((low for low in lows if accepts(attribute, Money(low, "EUR"))), Decimal(0))


def _moneys(attribute: Attribute, currency: str) -> st.SearchStrategy[Money]:
    cents = st.decimals(_least(attribute), 10**9, places=2)
    long = st.decimals(Decimal(10) ** 24, Decimal(10) ** 27, places=10)
    return st.builds(Money, cents | long, st.just(currency))


def predicates() -> st.SearchStrategy[Any]:
    """Return conditions of up to a few parts, on fields of a customer and on custom ones."""
    paths = st.sampled_from(["country", "source", "name.family", "tags", "custom.tier"])
    leaves = st.one_of(
        st.builds(Where, paths, st.sampled_from([Op.EQ, Op.GE, Op.LT]), texts(3) | st.integers(-9, 9) | st.dates()),
        st.builds(Where, paths, st.just(Op.IS_NULL), st.booleans()),
        st.builds(Where, paths, st.just(Op.IN), st.lists(texts(3), max_size=2).map(tuple)),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, max_size=3).map(AllOf),
            st.lists(inner, max_size=3).map(AnyOf),
        ),
        max_leaves=4,
    )


def _times() -> st.SearchStrategy[datetime]:
    # A day from both ends, so that no offset leads out of the calendar.
    local = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=_OFFSETS)  # noqa: DTZ001  # the zone is drawn
    usual = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    return usual | local | st.sampled_from(_ENDS)


def strategy_of(
    kind: type, attribute: Attribute, *, column: Column | None = None, currency: str = "EUR", many: bool = False
) -> st.SearchStrategy[Any] | None:
    """Return the strategy of a scalar, of custom fields or of money; None for another type."""
    if kind is str:
        return _text(attribute, many, currency)[1]
    if kind is bool:
        return st.booleans()
    if kind is int:
        low, high = _whole(attribute)
        return (
            st.integers(low, high)
            if low > 5 or high < 0
            else st.integers(max(low, 0), min(high, 5)) | st.integers(low, high)
        )
    if kind is float:
        low_real, high_real = _real(attribute)
        return st.floats(low_real, high_real, allow_nan=False, allow_infinity=False)
    if kind is Decimal:
        least, most, places = _exact(attribute, column)
        first, last = max(-int(-least // 1), 1), min(int(most), 100)
        drawn: st.SearchStrategy[Decimal] = st.decimals(least, most, places=places)
        return st.integers(first, last).map(Decimal) | drawn if first <= last else drawn
    if kind is timedelta:
        return st.timedeltas(*_length(attribute))
    if kind is Money:
        return _moneys(attribute, currency)
    simple: dict[type, st.SearchStrategy[Any]] = {
        datetime: _times(),
        date: st.dates(date(2020, 1, 1), date(2030, 1, 1)) | st.dates(),
        UUID: st.uuids(),
        CustomFields: custom_fields().map(CustomFields),
    }
    return simple.get(kind)


def plain_of(kind: type, attribute: Attribute, *, number: int, currency: str = "EUR", many: bool = False) -> list[Any]:
    """Return plain values that the field takes, the plainest first; none for a type that is none of these."""
    if kind is str:
        return [_text(attribute, many, currency)[0](number)]
    if kind is int:
        low, high = _whole(attribute)
        return [min(max(low, each), high) for each in (1, 2, 0)]
    if kind is float:
        least, most = _real(attribute)
        return [min(max(least, each), most) for each in (0.5, 1.0, 0.0)]
    simple: dict[type, list[Any]] = {
        bool: [False, True],
        Decimal: [Decimal(1)],
        timedelta: [timedelta(days=1), timedelta(days=2)],
        datetime: [_AT, _AT + timedelta(days=1)],
        date: [_AT.date()],
        UUID: [UUID(int=number), UUID(int=number + 1)],
        Money: [Money(Decimal("1.50"), currency)],
        CustomFields: [CustomFields()],
    }
    return simple.get(kind, [])
