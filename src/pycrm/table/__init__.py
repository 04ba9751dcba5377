"""Any data frame in, checked columns out, and the same kind of frame back.

The one room that knows narwhals. It knows columns, not customers: what a column means belongs to the room that asks for it.
"""

from pycrm.table.calendar import Grain, grains
from pycrm.table.frame import (
    Frame,
    build,
    column,
    column_names,
    day_numbers,
    eager,
    factorise,
    microseconds,
    numbers,
)
from pycrm.table.lazy import MILLIONTHS, LazyTable, lazy
from pycrm.table.options import number_option, text_list, whole_option
from pycrm.table.visits import Refunds, Visits, visits

__all__ = [
    "MILLIONTHS",
    "Frame",
    "Grain",
    "LazyTable",
    "Refunds",
    "Visits",
    "build",
    "column",
    "column_names",
    "day_numbers",
    "eager",
    "factorise",
    "grains",
    "lazy",
    "microseconds",
    "number_option",
    "numbers",
    "text_list",
    "visits",
    "whole_option",
]


def __dir__() -> list[str]:
    return __all__
