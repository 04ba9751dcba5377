"""Lifetime value of customers who move between states, as Pfeifer & Carraway have it: a matrix in, value and sensitivity out."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import Factory, field, frozen
from numpy.typing import ArrayLike, NDArray

from pycrm.clv._history import whole_number
from pycrm.clv.units import Per, Unit, continuous_rate, unit_or_none
from pycrm.errors import InvalidDataError, InvalidValueError, NotEstimableError

__all__ = ["MarkovChain", "MarkovSensitivity"]


def _matrix(values: ArrayLike) -> NDArray[np.float64]:
    try:
        matrix = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValueError(
            "MarkovChain", values, "give numbers: a square matrix, and one reward a state"
        ) from None
    matrix.flags.writeable = False
    return matrix


def _stochastic(_instance: object, _attribute: Any, value: NDArray[np.float64]) -> None:
    """Refuse what is no square matrix of probabilities whose rows add up to 1 (a validator of attrs)."""
    if value.ndim != 2 or value.shape[0] != value.shape[1] or not value.size:
        raise InvalidValueError("MarkovChain.transition", value.shape, "give a square matrix, from row to column")
    wrong = ~((value >= 0.0) & (value <= 1.0)).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidDataError("transition", row, value[row].tolist(), "give probabilities between 0 and 1")
    sums = value.sum(axis=1)
    wrong = np.abs(sums - 1.0) > 1e-9
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidDataError(
            "transition", row, float(sums[row]), "a row adds up to 1; give the lost a state of their own"
        )


def _one_a_state(instance: MarkovChain, _attribute: Any, value: NDArray[np.float64]) -> None:
    """Refuse what is not one finite number a state (a validator of attrs)."""
    if value.shape != instance.transition.shape[:1] or not np.isfinite(value).all():
        raise InvalidValueError("MarkovChain.reward", value.tolist(), "give one finite number for each state")


def _numbers_of(instance: MarkovChain) -> tuple[str, ...]:
    return tuple(map(str, range(len(instance.transition) if instance.transition.ndim else 0)))


def _distinct(instance: MarkovChain, _attribute: Any, value: tuple[str, ...]) -> None:
    """Refuse names that are too many, too few or not different (a validator of attrs)."""
    if len(value) != len(instance.transition) or len(set(value)) != len(value):
        raise InvalidValueError("MarkovChain.states", value, "give each state a name of its own")


@frozen(kw_only=True, eq=False)
class MarkovSensitivity:
    """How a value moves when what it rests on moves a little.

    Parameters
    ----------
    transition : ndarray, shape (states, states)
        Change of the value with each probability, the others as they are; a change must move probability from one column of a
        row to another, so differences within a row count.
    reward : ndarray, shape (states,)
        Change with what each state earns: the discounted number of periods spent there.
    discount_rate : float
        Change with the rate.
    """

    transition: NDArray[np.float64]
    reward: NDArray[np.float64]
    discount_rate: float


@frozen(kw_only=True, eq=False)
class MarkovChain:
    """Customers who move from state to state, one step a period, and earn what their state earns.

    Parameters
    ----------
    transition : array_like, shape (states, states)
        Probability to go from row to column in one period; rows add up to 1.
    reward : array_like, shape (states,)
        What a period in each state earns, costs taken off.
    states : sequence of str, optional
        What the states are called; their numbers otherwise.
    unit : Unit, optional
        The length of a period, where it is a calendar unit.

    References
    ----------
    .. [1] Pfeifer & Carraway (2000), Modeling Customer Relationships as Markov Chains, Journal of Interactive Marketing
       14(2), 43-55.

    Examples
    --------
    A mailing of 4 to customers whose last purchase (of 40) is 1 to 4 months old; then they are given up.

    >>> chance = [0.3, 0.2, 0.15, 0.05]
    >>> moves = [[p if to == 0 else 1 - p if to == now + 1 else 0 for to in range(5)] for now, p in enumerate(chance)]
    >>> mailing = MarkovChain(transition=[*moves, [0, 0, 0, 0, 1]], reward=[36, -4, -4, -4, 0])
    >>> mailing.value(discount_rate=0.2, per="period").round(2)
    array([52.32,  5.55,  1.25, -1.82,  0.  ])
    """

    transition: NDArray[np.float64] = field(converter=_matrix, validator=_stochastic)
    reward: NDArray[np.float64] = field(converter=_matrix, validator=_one_a_state)
    states: tuple[str, ...] = field(default=Factory(_numbers_of, takes_self=True), converter=tuple, validator=_distinct)
    unit: Unit | None = field(default=None, validator=unit_or_none)

    def _discount(self, discount_rate: float, per: Per, horizon: float) -> float:
        whole_number("horizon", horizon, 0, infinite=True)
        rate = continuous_rate(discount_rate, per, self.unit)
        if rate <= 0.0 and np.isinf(horizon):
            reason = "customers are in some state for ever: give a positive discount_rate, or a finite horizon"
            raise NotEstimableError("the value to infinity", reason, "discount_rate")
        return float(np.exp(-rate))

    def distribution(self, periods: int, start: ArrayLike) -> NDArray[np.float64]:
        """Return the share of customers in each state after `periods`, from the shares (or numbers) in `start`.

        Examples
        --------
        >>> chain = MarkovChain(transition=[[0.8, 0.2], [0.0, 1.0]], reward=[10, 0], states=["there", "lost"])
        >>> chain.distribution(2, [100, 0])
        array([64., 36.])
        """
        steps = int(whole_number("periods", periods, 0))
        return np.asarray(self._start(start) @ np.linalg.matrix_power(self.transition, steps))

    def _start(self, start: ArrayLike) -> NDArray[np.float64]:
        try:
            shares = np.asarray(start, dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidValueError("start", start, "give one number of at least 0 for each state") from None
        if shares.shape != self.reward.shape or not (np.isfinite(shares) & (shares >= 0.0)).all():
            raise InvalidValueError("start", shares.tolist(), "give one number of at least 0 for each state")
        return shares

    def value(self, *, discount_rate: float, per: Per = "year", horizon: float = np.inf) -> NDArray[np.float64]:
        """Return the value today of a customer in each state; the present period counts in full.

        Parameters
        ----------
        discount_rate : float
            0.1 means that 1.1 one `per` from now is worth 1 today.
        per : Per
            What the rate counts by; "period" is all a chain without a unit knows.
        horizon : float
            Periods after the present one; to infinity by default.

        Raises
        ------
        NotEstimableError
            To infinity without a positive rate.

        Notes
        -----
        (I - P / (1 + d))^-1 R, equation (4) of [1]_, or the sum of (P / (1 + d))^t R up to the horizon.

        Examples
        --------
        >>> chain = MarkovChain(transition=[[0.8, 0.2], [0.0, 1.0]], reward=[10, 0])
        >>> chain.value(discount_rate=0.1, per="period").round(4)
        array([36.6667,  0.    ])
        """
        z = self._discount(discount_rate, per, horizon)
        if np.isinf(horizon):
            found = np.linalg.solve(np.eye(self.reward.size) - z * self.transition, self.reward)
            return np.asarray(found, dtype=np.float64)
        worth = self.reward.copy()
        for _ in range(int(horizon)):
            worth = self.reward + z * (self.transition @ worth)
        return worth

    def sensitivity(
        self, start: ArrayLike, *, discount_rate: float, per: Per = "year", horizon: float = np.inf
    ) -> MarkovSensitivity:
        """Return the derivatives of the value of customers who are distributed over the states as `start` says.

        Examples
        --------
        >>> chain = MarkovChain(transition=[[0.8, 0.2], [0.0, 1.0]], reward=[10, 0])
        >>> found = chain.sensitivity([1, 0], discount_rate=0.1, per="period")
        >>> found.reward.round(4)
        array([3.6667, 7.3333])
        """
        z, at = self._discount(discount_rate, per, horizon), self._start(start)
        if np.isinf(horizon):
            stays = np.linalg.solve(np.eye(at.size) - z * self.transition.T, at)
            worth = self.value(discount_rate=discount_rate, per=per)
            moves = z * np.outer(stays, worth)
        else:
            worths = [self.reward]
            for _ in range(int(horizon)):
                worths.append(self.reward + z * (self.transition @ worths[-1]))
            stays, moves = at.copy(), np.zeros(self.transition.shape)
            for left in range(int(horizon) - 1, -1, -1):
                moves += z * np.outer(at, worths[left])
                at = z * (self.transition.T @ at)
                stays = stays + at
        by_z = float((moves * self.transition).sum()) / z
        step = 1e-6 * max(1.0, abs(discount_rate))
        ends = [continuous_rate(discount_rate + sign * step, per, self.unit) for sign in (1.0, -1.0)]
        return MarkovSensitivity(
            transition=moves,
            reward=np.asarray(stays, dtype=np.float64),
            discount_rate=by_z * -z * (ends[0] - ends[1]) / (2.0 * step),
        )
