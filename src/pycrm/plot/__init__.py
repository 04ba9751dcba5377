"""Pictures of what the numbers rooms return, each with the function that gives its data (extra: plot)."""

from pycrm.plot.clv import (
    expected_purchases_matrix,
    frequency_histogram,
    holdout_by_frequency,
    interpurchase,
    lorenz,
    probability_alive_matrix,
    spend_density,
    tracking,
    value_intervals,
)
from pycrm.plot.experiments import (
    effects,
    effects_data,
    power_curve,
    power_curve_data,
    qini_curve,
    qini_curve_data,
    sequential_trace,
    sequential_trace_data,
)

__all__ = [
    "effects",
    "effects_data",
    "expected_purchases_matrix",
    "frequency_histogram",
    "holdout_by_frequency",
    "interpurchase",
    "lorenz",
    "power_curve",
    "power_curve_data",
    "probability_alive_matrix",
    "qini_curve",
    "qini_curve_data",
    "sequential_trace",
    "sequential_trace_data",
    "spend_density",
    "tracking",
    "value_intervals",
]


def __dir__() -> list[str]:
    return __all__
