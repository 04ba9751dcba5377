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
    """Chances to take an offer, by context: offers lean on their context, contexts on their kind.

    Parameters
    ----------
    alpha, beta : ndarray, shape (contexts,)
        Shapes of the chance in each context, over all arms; above 0.
    taken, trials : ndarray, shape (contexts, arms)
        How often each arm was taken and tried in each context; trials of long ago count less than one.
    pooling : float
        How many trials the lean of an arm on its context is worth, above 0.

    References
    ----------
    .. [1] Thompson (1933), Biometrika 25(3/4), 285-294; Chapelle & Li (2011), NIPS 24.

    Examples
    --------
    >>> tried = Responses.fit([0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0], arms=2, contexts=1, prior=0.5, strength=2.0, pooling=2.0)
    >>> tried.mean.round(2).tolist()
    [[0.75, 0.25]]
    """

    alpha: NDArray[np.float64] = field(repr=False)
    beta: NDArray[np.float64] = field(repr=False)
    taken: NDArray[np.float64] = field(repr=False)
    trials: NDArray[np.float64] = field(repr=False)
    pooling: float = 100.0

    @classmethod
    def fit(
        cls,
        arm: ArrayLike,
        context: ArrayLike,
        taken: ArrayLike,
        *,
        arms: int,
        contexts: int,
        kind: ArrayLike | None = None,
        weight: ArrayLike | None = None,
        prior: float = 0.05,
        strength: float = 20.0,
        pooling: float = 100.0,
    ) -> Responses:
        """Learn from trials.

        An offer that was tried little in a context leans on the other offers there, a context on those of its kind, and these on
        all trials; so a new offer starts where others stand, not at a guess.

        Parameters
        ----------
        arm, context : array_like of int
            Of each trial.
        taken : array_like of 0 and 1
            Whether it was.
        arms, contexts : int
            How many there are.
        kind : array_like of int, shape (contexts,), optional
            The kind of each context, from 0; all of one unless given.
        weight : array_like, optional
            How much each trial counts, 0 to 1: less for what is long ago.
        prior : float
            The chance before anything was tried, between 0 and 1.
        strength : float
            How many trials that prior, and the lean of a context on its kind, are worth; above 0.
        pooling : float
            How many trials the lean of an offer on its context is worth, above 0.

        Raises
        ------
        InvalidDataError
            Naming the row of a trial that is none.
        """
        if not 0.0 < prior < 1.0:
            raise InvalidValueError("prior", prior, "give a chance between 0 and 1")
        for name, number in (("strength", strength), ("pooling", pooling)):
            if not (np.isfinite(number) and number > 0.0):
                raise InvalidValueError(name, number, "give a number above 0")
        which = _whole(arm, "arm", None, arms)
        where = _whole(context, "context", which.size, contexts)
        yes = _whole(taken, "taken", which.size, 2).astype(np.float64)
        counts = np.ones(which.size) if weight is None else np.asarray(weight, dtype=np.float64)
        if counts.shape != which.shape or not ((counts >= 0.0) & (counts <= 1.0)).all():
            raise InvalidDataError("weight", None, str(counts.shape), "give one from 0 to 1 per trial")
        of = np.zeros(contexts, dtype=np.int64) if kind is None else _whole(kind, "kind", contexts, contexts)
        cell = where * arms + which
        trials = np.bincount(cell, counts, contexts * arms).reshape(contexts, arms).astype(np.float64)
        successes = np.bincount(cell, counts * yes, contexts * arms).reshape(contexts, arms).astype(np.float64)
        tried, won = trials.sum(axis=1), successes.sum(axis=1)
        overall = (won.sum() + strength * prior) / (tried.sum() + strength)
        by_kind = (np.bincount(of, won, contexts) + strength * overall) / (np.bincount(of, tried, contexts) + strength)
        lean = by_kind[of]
        return cls(
            alpha=won + strength * lean,
            beta=tried - won + strength * (1.0 - lean),
            taken=successes,
            trials=trials,
            pooling=pooling,
        )

    @property
    def mean(self) -> NDArray[np.float64]:
        """The expected chance, shape (contexts, arms)."""
        lean = self.alpha / (self.alpha + self.beta)
        return (self.taken + self.pooling * lean[:, None]) / (self.trials + self.pooling)

    def expected(self, context: ArrayLike) -> NDArray[np.float64]:
        """Return the expected chance of each arm for each row, given the context of each cell, shape (n, arms)."""
        where = np.asarray(context)
        means: NDArray[np.float64] = self.mean[where, np.arange(self.trials.shape[1])]
        return means

    def drawn(self, context: ArrayLike, random: Generator) -> NDArray[np.float64]:
        """Return one draw of the chance of each arm for each row: take the best of them, and what is little known is tried.

        The chance in each context is drawn once for all rows, that of an arm within it row by row.

        Parameters
        ----------
        context : array_like of int, shape (n, arms)
            The context of each cell.
        random : numpy.random.Generator
            Where chance comes from.
        """
        where, arms = np.asarray(context), np.arange(self.trials.shape[1])
        lean = np.clip(random.beta(self.alpha, self.beta), 1e-6, 1.0 - 1e-6)[:, None]
        alpha = self.taken + self.pooling * lean
        beta = self.trials - self.taken + self.pooling * (1.0 - lean)
        draws: NDArray[np.float64] = random.beta(alpha[where, arms], beta[where, arms])
        return draws
