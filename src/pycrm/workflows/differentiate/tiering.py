"""One row a customer: what was measured, and the tier that follows."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError
from pycrm.segmentation import (
    value_tiers,
)
from pycrm.workflows.differentiate.asking import Asked
from pycrm.workflows.differentiate.reading import Books, People
from pycrm.workflows.differentiate.valuing import Valuation

__all__ = ["customer_frame", "share_of_customer"]

Floats: TypeAlias = NDArray[np.float64]


def customer_frame(people: People, books: Books, valuation: Valuation, asked: Asked) -> pd.DataFrame:
    """Return one row a customer, in the order of `people`: what was measured, and the tier that follows."""
    frame = valuation.customers.set_index("customer").reindex(range(len(people.ids)))
    frame["orders"] = frame["orders"].fillna(0).astype(np.int64)
    frame["historic_value"] = [float(amount) for amount in books.net]
    frame["interactions"] = 0
    base = np.array([float(amount) for amount in (books.profit if books.costs_known else books.net)])
    expected = frame["expected_value"].to_numpy(float)
    # What lies ahead decides, but a past that cost more than it brought stays negative.
    frame["worth"] = np.where((base < 0) | np.isnan(expected), base, expected)
    potential = np.full(len(frame), np.nan)
    if asked.spending is not None:
        yearly = _numbers(people.only(asked.spending), asked.spending)
        potential = yearly * asked.horizon.margin * asked.horizon.years
    frame["potential_value"] = np.fmax(potential, np.where(np.isnan(potential), np.nan, frame["worth"]))
    known = np.where(np.isnan(potential), frame["worth"], frame["potential_value"])
    tiers = value_tiers(
        pd.DataFrame({"value": frame["worth"].to_numpy(), "potential": known}), potential="potential", rules=asked.tiers
    )
    frame["tier"], frame["tier_reason"] = tiers["tier"].to_numpy(), tiers["tier_reason"].to_numpy()
    frame["days_since_order"] = (pd.Timestamp(asked.as_of) - frame["last"]).dt.days
    return frame


def share_of_customer(frame: pd.DataFrame) -> float | None:
    """Return expected over potential value of all whose spending is known; None where nobody's is."""
    known = frame["potential_value"] > 0
    return float(frame["worth"][known].sum() / frame["potential_value"][known].sum()) if known.any() else None


def _numbers(values: list[Any], path: str) -> Floats:
    made = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        if value is None:
            continue
        try:
            made[place] = float(value)
        except (TypeError, ValueError):
            raise InvalidDataError(path, place, value, "give a number") from None
        if not 0.0 <= made[place] < np.inf:
            raise InvalidDataError(path, place, value, "give a finite amount of at least 0")
    return made
