"""Covariates that do not change: what they do to a parameter, and how they are searched with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from attrs import frozen

from pycrm.clv._history import Floats
from pycrm.errors import InvalidValueError
from pycrm.fit import Scale
from pycrm.table import Frame, numbers

__all__ = ["Effects", "factor", "no_effects"]


def factor(effects: Mapping[str, float], covariates: Frame) -> Floats:
    """Return exp(effects . covariates), one a row."""
    return np.exp(sum((effect * numbers(covariates, name) for name, effect in effects.items()), np.zeros(())))


def no_effects(model: str, *effects: Mapping[str, float]) -> None:
    """Refuse to predict for nobody's covariates.

    Raises
    ------
    InvalidValueError
        If there are any effects.
    """
    names = sorted({name for some in effects for name in some})
    if names:
        raise InvalidValueError(
            f"{model}.covariates",
            names,
            "the model has effects: say whose covariates with model.given(frame), then ask that",
        )


@frozen
class Effects:
    """Which columns act on purchases and on dropout, and whether one coefficient serves both."""

    purchase: tuple[str, ...]
    dropout: tuple[str, ...]
    equal: bool

    @classmethod
    def of(cls, purchase: Sequence[str] | None, dropout: Sequence[str] | None, *, equal: bool) -> Effects:
        """Check the names of columns as `fit` was given them.

        Raises
        ------
        InvalidValueError
            For one name instead of a sequence, a name given twice, and equal effects of different columns.
        """
        for name, given in (("purchase_covariates", purchase), ("dropout_covariates", dropout)):
            if isinstance(given, str):
                raise InvalidValueError(name, given, f"give a sequence of names of columns, [{given!r}]")
            if given is not None and len(set(given)) != len(given):
                raise InvalidValueError(name, list(given), "name each column once")
        found = cls(tuple(purchase or ()), tuple(dropout or ()), equal)
        if equal and (not found.purchase or set(found.purchase) != set(found.dropout)):
            raise InvalidValueError(
                "equal_effects", equal, "name the same columns, at least one, as purchase and as dropout covariates"
            )
        return found

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column once."""
        return tuple(dict.fromkeys((*self.purchase, *self.dropout)))

    @property
    def names(self) -> tuple[str, ...]:
        """The coefficients, as a fit names them."""
        if self.equal:
            return tuple(f"purchase_effects=dropout_effects[{name}]" for name in self.purchase)
        return (
            *(f"purchase_effects[{name}]" for name in self.purchase),
            *(f"dropout_effects[{name}]" for name in self.dropout),
        )

    @property
    def scales(self) -> dict[str, Scale]:
        """Coefficients have either sign."""
        return dict.fromkeys(self.names, "identity")

    def split(self, coefficients: Floats) -> tuple[dict[str, float], dict[str, float]]:
        """Return the coefficients by column, of purchases and of dropout."""
        both = [float(value) for value in coefficients]
        if self.equal:
            shared = dict(zip(self.purchase, both, strict=True))
            return shared, dict(shared)
        cut = len(self.purchase)
        return dict(zip(self.purchase, both[:cut], strict=True)), dict(zip(self.dropout, both[cut:], strict=True))

    def logs(self, coefficients: Floats, covariates: Mapping[str, Floats]) -> tuple[Floats | float, Floats | float]:
        """Return what is added to the log of the purchase rate and of the inclination to leave, per row (0.0 where nothing is)."""
        purchase, dropout = self.split(coefficients)
        return (
            sum((effect * covariates[name] for name, effect in purchase.items()), 0.0),
            sum((effect * covariates[name] for name, effect in dropout.items()), 0.0),
        )

    def slopes(self, weight: Floats, up: Floats, out: Floats, covariates: Mapping[str, Floats]) -> list[float]:
        """Return the derivative in each coefficient, from those in the log purchase rate (`up`) and the log inclination (`out`)."""
        purchase = {name: float(np.einsum("i,i,i->", weight, up, covariates[name])) for name in self.purchase}
        dropout = {name: float(np.einsum("i,i,i->", weight, out, covariates[name])) for name in self.dropout}
        if self.equal:
            return [purchase[name] + dropout[name] for name in self.purchase]
        return [*purchase.values(), *dropout.values()]

    def bend(
        self,
        weight: Floats,
        second: Mapping[tuple[int, int], Floats],
        covariates: Mapping[str, Floats],
        at: tuple[int, int],
    ) -> Floats:
        """Return the second derivatives in the parameters and then in each coefficient, from those of each row by pair.

        `at` says which parameters are the log of the rate that purchase effects divide, and of the one dropout effects multiply.
        """
        size = 1 + max(pair[1] for pair in second)
        parts: list[list[tuple[int, Floats | None]]] = [[(i, None)] for i in range(size)]
        purchase = [(at[0], -covariates[name]) for name in self.purchase]
        dropout = [(at[1], covariates[name]) for name in (self.purchase if self.equal else self.dropout)]
        parts += (
            [list(pair) for pair in zip(purchase, dropout, strict=True)]
            if self.equal
            else [[p] for p in purchase + dropout]
        )
        made = np.zeros((len(parts), len(parts)))
        for i, one in enumerate(parts):
            for j, other in enumerate(parts[: i + 1]):
                for (c, z), (d, y) in ((p, q) for p in one for q in other):
                    values = second[min(c, d), max(c, d)]
                    values = values if z is None else values * z
                    made[i, j] += np.einsum("i,i->", weight, values if y is None else values * y)
                made[j, i] = made[i, j]
        return made
