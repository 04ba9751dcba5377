"""Options of a function that takes frames, checked before a row is read: whole numbers, numbers within bounds, names of columns."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from pycrm.errors import InvalidValueError

__all__ = ["number_option", "text_list", "whole_option"]


def number_option(name: str, value: object, fix: str, *, least: float = -math.inf, most: float = math.inf) -> float:
    """Return a finite number between `least` and `most`, both inclusive.

    Raises
    ------
    InvalidValueError
        Naming the option, for anything else; `fix` says what to give.

    Examples
    --------
    >>> number_option("share", 0.5, "give a share from 0 to 1", least=0, most=1)
    0.5
    """
    try:
        number = float(value) if isinstance(value, Real) else math.nan
    except OverflowError:  # a whole number beyond what a float holds
        number = math.inf
    if not math.isfinite(number) or not least <= number <= most:
        raise InvalidValueError(name, value, fix)
    return number


def whole_option(name: str, value: object, least: int, fix: str = "") -> int:
    """Return a whole number of at least `least`; 3.0 is one, True and "3" are none.

    Raises
    ------
    InvalidValueError
        Naming the option, for anything else.

    Examples
    --------
    >>> whole_option("k", 3.0, 1)
    3
    """
    said = fix or f"give a whole number of at least {least}"
    if isinstance(value, bool) or number_option(name, value, said, least=least) % 1.0:
        raise InvalidValueError(name, value, said)
    return int(value)  # type: ignore[call-overload, no-any-return]  # a Real, as was just seen


def text_list(name: str, value: Any) -> tuple[str, ...]:
    """Return names of columns, each once; a single text is no list of them.

    Raises
    ------
    InvalidValueError
        Naming the option, for a text, for what cannot be walked, and for a name that comes twice.

    Examples
    --------
    >>> text_list("columns", ["age", "city"])
    ('age', 'city')
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidValueError(name, value, "give a list of column names, such as ['age', 'city']")
    names = tuple(value)
    if len(set(names)) < len(names):
        raise InvalidValueError(name, names, "name each column once")
    return names
