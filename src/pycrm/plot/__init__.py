"""Pictures of what the numbers rooms return, each with the function that gives its data (extra: plot)."""

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
    "power_curve",
    "power_curve_data",
    "qini_curve",
    "qini_curve_data",
    "sequential_trace",
    "sequential_trace_data",
]


def __dir__() -> list[str]:
    return __all__
