"""Pareto/NBD with covariates that change: seasons, campaigns, prices, each from a date on, for each customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.special import gammaln, psi

from pycrm.clv import _pareto as process
from pycrm.clv._effects import Effects
from pycrm.clv._history import Floats, lengths, positive
from pycrm.clv._search import finished, maximise
from pycrm.clv.units import DAYS, Unit, checked_unit
from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.fit import Fit
from pycrm.table import Frame, column, day_numbers, eager, factorise, numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CovariatePaths", "TimeVaryingParetoNBD", "covariate_gaps"]

_NEVER = 2**40
"""A day beyond every other, which NumPy still writes as a date."""


def _first_days(orders: Frame, customer: str, time: str) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Return the customers, and the distinct (customer, day) of their orders as two sorted columns."""
    table = eager(orders)
    code, who = factorise(column(table, customer))
    day = day_numbers(table, time)
    if not code.size:
        raise InvalidDataError(time, None, "no rows", "give at least one order")
    if (code < 0).any():
        raise InvalidDataError(customer, int(np.argmax(code < 0)), None, "give a customer, or drop the row")
    pairs = np.unique(np.column_stack([code, day]), axis=0)
    return who, pairs[:, 0], pairs[:, 1]


def _places(who: NDArray[Any], customers: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each of `customers` stands in `who`, -1 where he does not."""
    import pandas as pd

    return np.asarray(pd.Index(who).get_indexer(pd.Index(customers)), dtype=np.int64)


def covariate_gaps(
    orders: Frame, covariates: Frame, *, customer: str, time: str, every: int | None = None
) -> pd.DataFrame:
    """Return where the covariates of a customer are missing: one row a gap, none if all is well.

    Parameters
    ----------
    orders, covariates : Frame
        The log, and the long table: customer, first day of a period, values, which hold until the next row of the customer.
    customer, time : str
        The columns of both.
    every : int, optional
        Days a row is meant to hold at most; a longer one is a gap.

    Returns
    -------
    pandas.DataFrame
        The customer column, `since` and `until` (until None: to the end), and `reason`.

    Examples
    --------
    >>> orders = {"who": ["a", "b"], "day": np.array(["2024-01-03", "2024-01-05"], dtype="M8[D]")}
    >>> known = {"who": ["a", "b"], "day": np.array(["2024-01-01", "2024-01-08"], dtype="M8[D]"), "rain": [0, 1]}
    >>> covariate_gaps(orders, known, customer="who", time="day")[["who", "reason"]].to_dict("list")
    {'who': ['b'], 'reason': ['the covariates begin after the first purchase']}
    """
    import pandas as pd

    who, owner, when = _first_days(orders, customer, time)
    begins = when[np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))]
    table = eager(covariates)
    whose, day = _places(who, column(table, customer)), day_numbers(table, time)
    order = np.lexsort((day, whose))
    order = order[whose[order] >= 0]
    whose, day = whose[order], day[order]
    first = np.full(who.size, _NEVER)
    np.minimum.at(first, whose, day)
    none, late = np.flatnonzero(first == _NEVER), np.flatnonzero((first > begins) & (first < _NEVER))
    wide = np.flatnonzero((whose[1:] == whose[:-1]) & (np.diff(day) > every)) if every is not None else none[:0]
    at = np.concatenate([none, late, whose[wide]])
    since = np.concatenate([begins[none], begins[late], day[wide] + (every or 0)])
    until = np.concatenate([np.full(none.size, _NEVER), first[late], day[wide + 1]])
    reason = np.repeat(
        np.array(
            [
                "the customer has no covariates",
                "the covariates begin after the first purchase",
                f"no row for more than {every} days",
            ],
            dtype=object,
        ),
        [none.size, late.size, wide.size],
    )
    sequence = np.lexsort((since, at))
    ends = until[sequence].astype("datetime64[D]").astype(object)
    ends[until[sequence] == _NEVER] = None
    return pd.DataFrame(
        {
            customer: who[at[sequence]],
            "since": since[sequence].astype("datetime64[D]").astype(object),
            "until": ends,
            "reason": reason[sequence],
        }
    )


@frozen(kw_only=True, eq=False)
class CovariatePaths:
    """Customers, their histories, and their covariates from the first purchase on, piece by piece.

    Make it with :meth:`of`.

    Parameters
    ----------
    customer : ndarray
        Who, one entry a customer; `frequency`, `recency` and `age` are theirs.
    frequency, recency, age : ndarray
        As in a summary.
    owner, start : ndarray
        Of each piece: the row of its customer, and when it begins, from the first purchase (the first piece at 0). It lasts
        until the next piece of the customer, the last one for ever.
    covariates : mapping of str to ndarray
        The value of each covariate in each piece.
    at_purchases : mapping of str to ndarray
        Of each customer, the sum of a covariate over the days of repeat purchases.
    unit : Unit
        The unit of time.
    """

    customer: NDArray[Any] = field(repr=False)
    frequency: Floats = field(repr=False)
    recency: Floats = field(repr=False)
    age: Floats = field(repr=False)
    owner: NDArray[np.int64] = field(repr=False)
    start: Floats = field(repr=False)
    covariates: Mapping[str, Floats] = field(repr=False)
    at_purchases: Mapping[str, Floats] = field(repr=False)
    unit: Unit

    @classmethod
    def of(
        cls,
        orders: Frame,
        covariates: Frame,
        *,
        customer: str,
        time: str,
        columns: Sequence[str],
        unit: Unit = "week",
        end: dt.date | str | None = None,
        every: int | None = None,
    ) -> CovariatePaths:
        """Join a log of orders with a long table of covariates.

        Parameters
        ----------
        orders, covariates : Frame
            The log; and one row for each customer and period: customer, the first day of the period, values, which hold until
            the next row of that customer, the last one for ever.
        customer, time : str
            The columns of both.
        columns : sequence of str
            The covariates.
        unit : Unit
            The unit of time.
        end : date or str, optional
            The last day that counts; the day of the last order where not given. Covariates may go on: predictions use them.
        every : int, optional
            Days a row may hold at most.

        Raises
        ------
        InvalidDataError
            If a customer's covariates have a gap: the message names the first; :func:`covariate_gaps` lists all.

        Examples
        --------
        >>> orders = {"who": ["a", "a"], "day": np.array(["2024-01-03", "2024-01-10"], dtype="M8[D]")}
        >>> known = {"who": ["a", "a"], "day": np.array(["2024-01-01", "2024-01-08"], dtype="M8[D]"), "rain": [0, 1]}
        >>> paths = CovariatePaths.of(orders, known, customer="who", time="day", columns=["rain"], unit="day")
        >>> paths.start.tolist(), paths.at_purchases["rain"].tolist()
        ([0.0, 5.0], [1.0])
        """
        days_per_unit = DAYS[checked_unit(unit)]
        if isinstance(columns, str) or not columns:
            raise InvalidValueError("columns", columns, "give a sequence of names of covariates")
        who, owner, when = _first_days(orders, customer, time)
        last_day = int(when.max()) if end is None else int(np.datetime64(end, "D").astype(np.int64))
        kept = when <= last_day
        owner, when = owner[kept], when[kept]
        if not owner.size:
            raise InvalidValueError("end", end, "no order was placed until then; give a later day")
        seen, owner = np.unique(owner, return_inverse=True)
        who = who[seen]
        opening = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
        first = when[opening]
        last = when[np.append(opening[1:], owner.size) - 1]
        gaps = covariate_gaps(
            {customer: who[owner], time: when.astype("datetime64[D]")},
            covariates,
            customer=customer,
            time=time,
            every=every,
        )
        if len(gaps):
            one = gaps.iloc[0]
            raise InvalidDataError(
                time,
                None,
                one[customer],
                f"{one['reason']} (from {one['since']}; {len(gaps)} gaps in all, covariate_gaps lists them): fill them",
            )
        table = eager(covariates)
        whose = _places(who, column(table, customer))
        day = day_numbers(table, time)
        values = {name: numbers(table, name) for name in columns}
        order = np.lexsort((day, whose))
        order = order[whose[order] >= 0]
        whose, day = whose[order], day[order]
        twice = np.flatnonzero((whose[1:] == whose[:-1]) & (day[1:] == day[:-1]))
        if twice.size:
            row = int(order[twice[0] + 1])
            raise InvalidDataError(
                time, row, str(day[twice[0] + 1].astype("datetime64[D]")), "one row a customer and day"
            )
        begin = np.maximum(day - first[whose], 0)
        # Of the rows before the first purchase only the last one counts.
        alive = np.append((whose[1:] != whose[:-1]) | (day[1:] > first[whose[1:]]), True)
        keep = np.flatnonzero(alive)
        key = whose * (2**32) + day
        spot = np.searchsorted(key, owner * (2**32) + when, side="right") - 1
        repeat = np.ones(owner.size, dtype=bool)
        repeat[opening] = False
        return cls(
            customer=who,
            frequency=np.bincount(owner, minlength=who.size).astype(np.float64) - 1.0,
            recency=(last - first) / days_per_unit,
            age=(last_day - first) / days_per_unit,
            owner=whose[keep],
            start=begin[keep] / days_per_unit,
            covariates={name: each[order][keep] for name, each in values.items()},
            at_purchases={
                name: _sums(owner[repeat], each[order][spot[repeat]], who.size) for name, each in values.items()
            },
            unit=unit,
        )

    def _pieces(self, until: Floats) -> tuple[Floats, Floats]:
        """Return where each piece begins and ends, cut at `until` of its customer."""
        following = np.append(self.start[1:], np.inf)
        following[np.append(self.owner[1:] != self.owner[:-1], True)] = np.inf
        cut = until[self.owner]
        return np.minimum(self.start, cut), np.minimum(following, cut)


def _sums(owner: NDArray[np.int64], amounts: Floats, size: int) -> Floats:
    """Return the sum of `amounts` of each customer."""
    return np.bincount(owner, weights=amounts, minlength=size).astype(np.float64)


def _before(owner: NDArray[np.int64], amounts: Floats) -> Floats:
    """Return the sum of the earlier pieces of the same customer; each by itself, for one long sum would lose digits."""
    opening = np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
    lengths_ = np.diff(np.append(opening, owner.size))
    place = np.arange(owner.size) - np.repeat(opening, lengths_)
    row = np.repeat(np.arange(opening.size), lengths_)
    table = np.zeros((opening.size, int(lengths_.max()) + 1))
    table[row, place + 1] = amounts
    return np.asarray(np.cumsum(table, axis=1)[row, place])


@frozen(kw_only=True)
class TimeVaryingParetoNBD:
    """Pareto/NBD whose purchase rate and dropout rate follow covariates that change in time.

    At each moment a customer's rates are his own, drawn from Gammas as in :class:`ParetoNBD`, times exp(effect . covariates).

    Parameters
    ----------
    r, s : float
        Shapes of the Gammas of purchase rate and dropout rate, > 0.
    alpha, beta : float
        Their rates, > 0, in the unit of time, where all covariates are 0.
    purchase_effects, dropout_effects : mapping of str to float
        Effects by covariate.
    unit : Unit, optional
        The unit of time.

    Notes
    -----
    With A(t) and B(t) the integrals of exp(effect . covariates) since the first purchase, the likelihood is that of
    Pareto/NBD with times A and B; between two changes both are straight, and the integral over the moment of leaving is a sum
    of integrals of the plain model.

    References
    ----------
    .. [1] Bachmann, Meierer & Näf (2021), The Role of Time-Varying Contextual Factors in Latent Attrition Models for Customer
       Base Analysis, Marketing Science 40(4), 783-809.
    """

    r: float = field(validator=positive)
    alpha: float = field(validator=positive)
    s: float = field(validator=positive)
    beta: float = field(validator=positive)
    purchase_effects: Mapping[str, float] = field(factory=dict, hash=False)
    dropout_effects: Mapping[str, float] = field(factory=dict, hash=False)
    unit: Unit | None = None

    @classmethod
    def fit(
        cls,
        paths: CovariatePaths,
        *,
        purchase_covariates: Sequence[str] | None = None,
        dropout_covariates: Sequence[str] | None = None,
        equal_effects: bool = False,
        penalty: float = 0.0,
    ) -> Fit[TimeVaryingParetoNBD]:
        """Return the model under which the histories are most likely, given their covariates.

        Warns
        -----
        BoundaryWarning, ConvergenceWarning
            Naming the parameter that has no estimate.
        """
        effects = Effects.of(purchase_covariates, dropout_covariates, equal=equal_effects)
        for name in effects.columns:
            if name not in paths.covariates:
                raise InvalidValueError("covariates", name, f"the paths know {', '.join(paths.covariates)}")
        size = float(paths.frequency.size)

        def likelihood(values: Floats) -> tuple[float, Floats]:
            purchase, dropout = effects.split(values[4:])
            found, slopes, bends = _likelihood(tuple(values[:4]), purchase, dropout, paths, 24)
            ups = {name: float(bends[0][name].sum()) for name in effects.purchase}
            outs = {name: float(bends[1][name].sum()) for name in effects.dropout}
            tail = (
                [ups[name] + outs[name] for name in effects.purchase]
                if effects.equal
                else [*ups.values(), *outs.values()]
            )
            return float(found.sum()), np.array([*(float(slope.sum()) for slope in slopes), *tail])

        begin = max(float(paths.age.mean()) / 4.0, 1e-6)
        optimum = maximise(
            likelihood,
            {"r": 1.0, "alpha": begin, "s": 1.0, "beta": begin, **dict.fromkeys(effects.names, 0.0)},
            weight=size,
            scales=effects.scales,
            penalty=penalty,
            model="Pareto/NBD with changing covariates",
        )
        r, alpha, s, beta = (float(value) for value in optimum.estimates[:4])
        purchase, dropout = effects.split(optimum.estimates[4:])
        model = cls(
            r=r, alpha=alpha, s=s, beta=beta, purchase_effects=purchase, dropout_effects=dropout, unit=paths.unit
        )
        return finished(model, optimum, size)

    def log_likelihood(self, paths: CovariatePaths) -> Floats:
        """Return the log-likelihood of each history."""
        return _likelihood(self._shapes(), self.purchase_effects, self.dropout_effects, paths, 32)[0]

    def probability_alive(self, paths: CovariatePaths) -> Floats:
        """Return the probability that each customer is active now, at his age."""
        alive, gone, _, _ = _cases(self._shapes(), self.purchase_effects, self.dropout_effects, paths, 32)
        return np.asarray(np.exp(alive - np.logaddexp(alive, gone)))

    def expected_purchases(self, horizon: float, paths: CovariatePaths) -> Floats:
        """Return the expected purchases of each customer in the next `horizon`, under his covariates of that time."""
        ahead = float(lengths("horizon", horizon))
        begin, end = paths._pieces(paths.age + ahead)  # noqa: SLF001  # two classes of one module
        now = paths.age[paths.owner]
        a, b = _rates(self.purchase_effects, paths), _rates(self.dropout_effects, paths)
        past, coming = _overlap(begin, end, now)
        lived = self.beta + _sums(paths.owner, b * past, paths.age.size)
        bought = self.alpha + np.bincount(
            paths.owner, weights=a * _overlap(begin, end, now)[0], minlength=paths.age.size
        )
        older = lived[paths.owner] + _before(paths.owner, b * coming)
        each = process.surviving(older - lived[paths.owner], np.full((), self.s), lived[paths.owner])
        made = each * process.expected(coming, np.full((), 1.0), np.full((), 1.0), np.full((), self.s), older / b)
        total = _sums(paths.owner, a * made, paths.age.size)
        return np.asarray(self.probability_alive(paths) * (self.r + paths.frequency) / bought * total)

    def _shapes(self) -> tuple[float, float, float, float]:
        return self.r, self.alpha, self.s, self.beta


def _overlap(begin: Floats, end: Floats, now: Floats) -> tuple[Floats, Floats]:
    """Return how much of each piece lies before now, and how much after."""
    past = np.clip(np.minimum(end, now) - begin, 0.0, None)
    return past, np.clip(end - begin, 0.0, None) - past


def _rates(effects: Mapping[str, float], paths: CovariatePaths) -> Floats:
    return np.exp(
        sum((effect * paths.covariates[name] for name, effect in effects.items()), np.zeros(paths.owner.size))
    )


def _cases(
    shapes: tuple[Any, ...],
    purchase: Mapping[str, float],
    dropout: Mapping[str, float],
    paths: CovariatePaths,
    nodes: int,
) -> tuple[Floats, Floats, Floats, Any]:
    """Return log of alive and of gone, A and B at the end, and what the derivatives need."""
    r, alpha, s, beta = shapes
    owner, n = paths.owner, paths.age.size
    begin, end = paths._pieces(paths.age)  # noqa: SLF001  # two classes of one module
    a, b = _rates(purchase, paths), _rates(dropout, paths)
    recent = paths.recency[owner]
    lasts = np.clip(end - begin, 0.0, None)
    in_a, in_b = _before(owner, a * lasts), _before(owner, b * lasts)
    whole_a = alpha + np.bincount(owner, weights=a * lasts, minlength=n)
    whole_b = beta + np.bincount(owner, weights=b * lasts, minlength=n)
    x = paths.frequency
    alive = -(r + x) * np.log(whole_a) - s * np.log(whole_b)
    # Of each piece, the part after the last purchase; there alpha + A = a (near_a + time), and the same of beta.
    skip = np.clip(recent - begin, 0.0, lasts)
    silent = np.flatnonzero(lasts - skip > 0.0)
    near_a = ((alpha + in_a) / a + skip)[silent]
    near_b = ((beta + in_b) / b + skip)[silent]
    mine = owner[silent]
    zero = np.zeros(silent.size)
    found = process.cases((r, near_a, s, near_b), x[mine], zero, (lasts - skip)[silent], nodes, slopes=True)
    piece = found.gone - (r + x[mine]) * np.log(a[silent]) - s * np.log(b[silent])
    gone = np.full(n, -np.inf)
    if silent.size:
        opening = np.flatnonzero(np.concatenate(([True], mine[1:] != mine[:-1])))
        gone[mine[opening]] = np.logaddexp.reduceat(piece, opening)
    return alive, gone, np.column_stack([whole_a, whole_b]), (a, b, lasts, in_a, in_b, skip, silent, found, piece)


def _likelihood(
    shapes: tuple[Any, ...],
    purchase: Mapping[str, float],
    dropout: Mapping[str, float],
    paths: CovariatePaths,
    nodes: int,
) -> tuple[Floats, list[Floats], tuple[dict[str, Floats], dict[str, Floats]]]:
    """Return log L of each customer, its derivatives in r, alpha, s and beta, and those in the effects."""
    r, alpha, s, beta = shapes
    x, owner, n = paths.frequency, paths.owner, paths.age.size
    alive, gone, whole, parts = _cases(shapes, purchase, dropout, paths, nodes)
    a, b, lasts, in_a, in_b, skip, silent, found, piece = parts
    both = np.logaddexp(alive, gone)
    seen = sum((effect * paths.at_purchases[name] for name, effect in purchase.items()), np.zeros(n))
    value = seen + gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + both
    lives = np.exp(alive - both)
    mine = owner[silent]
    share = np.exp(piece - both[mine])
    in_r, by_alpha, in_s, by_beta = found.gone_slopes

    def back(amounts: Floats) -> Floats:
        return _sums(mine, share * amounts, n)

    whole_a, whole_b = whole[:, 0], whole[:, 1]
    start_a, start_b = (alpha + in_a)[silent], (beta + in_b)[silent]
    scale_a, scale_b = start_a + (a * skip)[silent], start_b + (b * skip)[silent]
    slopes = [
        psi(r + x) - psi(r) + np.log(alpha) - lives * np.log(whole_a) + back(in_r - np.log(a[silent])),
        r / alpha - lives * (r + x) / whole_a + back(by_alpha / scale_a),
        np.log(beta) - lives * np.log(whole_b) + back(in_s - np.log(b[silent])),
        s / beta - lives * s / whole_b + back(by_beta / scale_b),
    ]
    ups, outs = {}, {}
    for name in purchase:
        z = paths.covariates[name]
        grown = np.bincount(owner, weights=z * a * lasts, minlength=n)
        inner = by_alpha * (_before(owner, z * a * lasts)[silent] - z[silent] * start_a) / scale_a
        ups[name] = (
            paths.at_purchases[name] - lives * (r + x) * grown / whole_a + back(inner - (r + x[mine]) * z[silent])
        )
    for name in dropout:
        z = paths.covariates[name]
        grown = np.bincount(owner, weights=z * b * lasts, minlength=n)
        inner = by_beta * (_before(owner, z * b * lasts)[silent] - z[silent] * start_b) / scale_b
        outs[name] = -lives * s * grown / whole_b + back(inner - s * z[silent])
    return value, slopes, (ups, outs)
