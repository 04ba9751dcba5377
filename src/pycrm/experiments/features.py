"""Any table of what is known of the units, as a matrix: numbers as they are, text as one column a level."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from pycrm.errors import InvalidDataError, MissingColumnError, NotEstimableError
from pycrm.experiments.arms import vector
from pycrm.table import Frame, column, column_names, factorise

__all__ = ["Features"]

_MOST_LEVELS = 200


@frozen(kw_only=True)
class Features:
    """How the columns of a table become numbers; learned once, and the same at every prediction.

    Parameters
    ----------
    names : tuple of str
        The columns, in order.
    levels : tuple
        For each column None if it holds numbers, else its texts, sorted. A text not seen before becomes a row of zeros: for
        the penalised scorers the average unit.

    Examples
    --------
    >>> features = Features.of({"age": [30, 40], "zip": ["rural", "urban"]})
    >>> features.matrix({"age": [50], "zip": ["moon"]})
    array([[50.,  0.,  0.]])
    """

    names: tuple[str, ...]
    levels: tuple[tuple[str, ...] | None, ...]

    @classmethod
    def of(cls, X: Frame) -> Features:
        """Return how to read tables like `X`: a frame, a mapping of columns, or an array of numbers."""
        table = _columns(X, None)
        if not table:
            raise NotEstimableError("a model", "X has no columns")
        levels: list[tuple[str, ...] | None] = []
        for name, values in table.items():
            if not _is_text(values):
                vector(values, name)
                levels.append(None)
                continue
            _, found = factorise(values)
            if len(found) > _MOST_LEVELS:
                raise InvalidDataError(
                    name, None, f"{len(found)} different texts", "leave an identifier out, or group its values first"
                )
            levels.append(tuple(sorted(str(value) for value in found)))
        return cls(names=tuple(table), levels=tuple(levels))

    def matrix(self, X: Frame) -> NDArray[np.float64]:
        """Return `X` as numbers, one row per unit.

        Raises
        ------
        MissingColumnError
            If a column of the training is not there.
        InvalidDataError
            Naming column and row of a missing value, or of a text where numbers were.
        """
        table = _columns(X, len(self.names))
        if not any(len(values) for values in table.values()):
            return np.empty((0, sum(1 if known is None else len(known) for known in self.levels)))
        parts: list[NDArray[np.float64]] = []
        for name, known in zip(self.names, self.levels, strict=True):
            if name not in table:
                raise MissingColumnError(name, tuple(table))
            values = table[name]
            if known is None:
                parts.append(vector(values, name)[:, None])
                continue
            codes, found = factorise(values)
            if (codes < 0).any():
                raise InvalidDataError(name, int(np.argmax(codes < 0)), None, "give a text, such as 'unknown'")
            place = {level: k for k, level in enumerate(known)}
            to = np.array([place.get(str(value), len(known)) for value in found], dtype=np.int64)
            parts.append(np.eye(len(known) + 1, len(known))[to[codes]])
        return np.concatenate(parts, axis=1)


def _is_text(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "UST" or (
        values.dtype.kind == "O" and any(isinstance(value, str) for value in values[:1000])
    )


def _columns(X: Frame, width: int | None) -> dict[str, NDArray[Any]]:
    if isinstance(X, np.ndarray | list | tuple):
        raw = np.asarray(X)
        if raw.ndim == 1:
            raw = raw[:, None]
        if raw.ndim != 2:
            raise InvalidDataError("X", None, f"{raw.ndim} dimensions", "give one row per unit, one column per fact")
        if width is not None and raw.shape[1] != width:
            raise InvalidDataError("X", None, f"{raw.shape[1]} columns", f"the model was fitted on {width}")
        return {f"x{k}": raw[:, k] for k in range(raw.shape[1])}
    return {name: column(X, name) for name in column_names(X)}
