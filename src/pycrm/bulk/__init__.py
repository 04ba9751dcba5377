"""The rules of the model over whole columns: the same answers as one by one."""

from pycrm.bulk.predicate import evaluate_columns

__all__ = ["evaluate_columns"]


def __dir__() -> list[str]:
    return __all__
