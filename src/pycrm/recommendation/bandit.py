"""How likely an offer is taken, learned from what was tried, and drawn so that what is little known is still tried."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from pycrm.errors import InvalidDataError, InvalidValueError

__all__ = ["Responses"]


def _whole(values: ArrayLike, name: str, size: int | None, below: int) -> NDArray[np.int64]:
    numbers = np.asarray(values)
    if numbers.ndim != 1 or (size is not None and numbers.size != size):
        raise InvalidDataError(name, None, str(numbers.shape), "give one per trial, in one dimension")
    refused = (numbers < 0) | (numbers >= below) | (numbers != np.floor(numbers))
    if refused.any():
        row = int(np.argmax(refused))
        raise InvalidDataError(name, row, numbers[row].item(), f"give a whole number from 0 to {below - 1}")
    return numbers.astype(np.int64)


@frozen(kw_only=True, eq=False)
class Responses:
    """Chances to take an offer, by context: a Beta distribution each.

    Parameters
    ----------
    alpha, beta : ndarray, shape (contexts, arms)
        Its shapes, above 0.

    References
    ----------
    .. [1] Thompson (1933), Biometrika 25(3/4), 285-294; Chapelle & Li (2011), NIPS 24.

    Examples
    --------
    >>> tried = Responses.fit([0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0], arms=2, contexts=1, prior=0.5, strength=2.0)
    >>> tried.mean.round(2).tolist()
    [[0.75, 0.25]]
    """

    alpha: NDArray[np.float64] = field(repr=False)
    beta: NDArray[np.float64] = field(repr=False)

    @classmethod
    def fit(
        cls,
        arm: ArrayLike,
        context: ArrayLike,
        taken: ArrayLike,
        *,
        arms: int,
        contexts: int,
        weight: ArrayLike | None = None,
        prior: float = 0.05,
        strength: float = 20.0,
    ) -> Responses:
        """Learn from trials.

        A context in which an offer was tried little leans on the other offers in that context, and these on all trials; so a new
        offer starts where others stand, not at a guess.

        Parameters
        ----------
        arm, context : array_like of int
            Of each trial.
        taken : array_like of 0 and 1
            Whether it was.
        arms, contexts : int
            How many there are.
        weight : array_like, optional
            How much each trial counts, 0 to 1: less for what is long ago.
        prior : float
            The chance before anything was tried, between 0 and 1.
        strength : float
            How many trials the lean is worth, above 0.

        Raises
        ------
        InvalidDataError
            Naming the row of a trial that is none.
        """
        if not 0.0 < prior < 1.0:
            raise InvalidValueError("prior", prior, "give a chance between 0 and 1")
        if not (np.isfinite(strength) and strength > 0.0):
            raise InvalidValueError("strength", strength, "give a number above 0")
        which = _whole(arm, "arm", None, arms)
        where = _whole(context, "context", which.size, contexts)
        yes = _whole(taken, "taken", which.size, 2).astype(np.float64)
        counts = np.ones(which.size) if weight is None else np.asarray(weight, dtype=np.float64)
        if counts.shape != which.shape or not ((counts >= 0.0) & (counts <= 1.0)).all():
            raise InvalidDataError("weight", None, str(counts.shape), "give one from 0 to 1 per trial")
        cell = where * arms + which
        trials = np.bincount(cell, counts, contexts * arms).reshape(contexts, arms)
        successes = np.bincount(cell, counts * yes, contexts * arms).reshape(contexts, arms)
        overall = (successes.sum() + strength * prior) / (trials.sum() + strength)
        leaning = (successes.sum(axis=1) + strength * overall) / (trials.sum(axis=1) + strength)
        return cls(
            alpha=successes + strength * leaning[:, None],
            beta=trials - successes + strength * (1.0 - leaning[:, None]),
        )

    @property
    def mean(self) -> NDArray[np.float64]:
        """The expected chance, shape (contexts, arms)."""
        return self.alpha / (self.alpha + self.beta)

    def expected(self, context: ArrayLike) -> NDArray[np.float64]:
        """Return the expected chance of each arm for each row, given the context of each cell, shape (n, arms)."""
        where = np.asarray(context)
        means: NDArray[np.float64] = self.mean[where, np.arange(self.alpha.shape[1])]
        return means

    def drawn(self, context: ArrayLike, random: Generator) -> NDArray[np.float64]:
        """Return one draw of the chance of each arm for each row: take the best of them, and what is little known is tried.

        Parameters
        ----------
        context : array_like of int, shape (n, arms)
            The context of each cell.
        random : numpy.random.Generator
            Where chance comes from.
        """
        where, arms = np.asarray(context), np.arange(self.alpha.shape[1])
        draws: NDArray[np.float64] = random.beta(self.alpha[where, arms], self.beta[where, arms])
        return draws
