"""What an offer is believed to bring with each customer: learned from the answers to those made, and from who heard nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from attrs import field, frozen
from numpy.random import Generator
from numpy.typing import NDArray

from pycrm.errors import CurrencyMismatchError
from pycrm.model.decision_policy import DecisionPolicy
from pycrm.model.money import Money
from pycrm.model.offer import Offer
from pycrm.recommendation import Responses
from pycrm.workflows.personalise.reading import Bought, Log, us

__all__ = ["CONTEXTS", "Beliefs", "Worth", "context_code", "contexts_of", "lasting_change", "match_levels", "worth_of"]

CONTEXTS = 27
_SILENT = "silent"


@frozen(kw_only=True, eq=False)
class Worth:
    """The money of m offers, in one currency.

    Parameters
    ----------
    currency : str, optional
        Of all; None where no offer says what it leaves.
    margin, discount, cost : ndarray, shape (m,)
        Of one sale without the offer, off it, and of telling it; NaN where the margin is not known.
    """

    currency: str | None
    margin: NDArray[np.float64]
    discount: NDArray[np.float64]
    cost: NDArray[np.float64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which offers say what a sale leaves."""
        return ~np.isnan(self.margin)


def _amount(money: Money | None, absent: float = 0.0) -> float:
    return absent if money is None else float(money.amount)


def worth_of(offers: Sequence[Offer], budget: Money | None) -> Worth:
    """Return the money of the offers.

    Raises
    ------
    CurrencyMismatchError
        If they, or the budget, are of several currencies.
    """
    said = [one for offer in offers for one in (offer.margin, offer.cost) if one is not None]
    currencies = sorted({one.currency for one in (*said, *([] if budget is None else [budget]))})
    if len(currencies) > 1:
        raise CurrencyMismatchError(currencies[0], currencies[1], "margin")
    return Worth(
        currency=currencies[0] if currencies else None,
        margin=np.array([_amount(offer.margin, np.nan) for offer in offers]),
        discount=np.array([_amount(offer.discount) for offer in offers]),
        cost=np.array([_amount(offer.cost) for offer in offers]),
    )


def lasting_change(
    offers: Sequence[Offer], values: Sequence[Money | None], shares: Mapping[str, float], currency: str | None
) -> NDArray[np.float64]:
    """Return by how much the lifetime value of each customer changes if he takes each offer; 0 where his value is not known.

    Raises
    ------
    CurrencyMismatchError
        If a value is of another currency than the offers.
    """
    for value in values:
        if value is not None and currency is not None and value.currency != currency:
            raise CurrencyMismatchError(currency, value.currency, "expected_value")
    share = np.array([shares.get(offer.code, 0.0) for offer in offers])
    return np.outer([_amount(value) for value in values], share)


def match_levels(offers: Sequence[Offer], known: NDArray[np.bool_], names: Sequence[str]) -> NDArray[np.int64]:
    """Return, for each customer and offer: 0 nothing is known of his needs, 1 it speaks to one of them, 2 it does not."""
    place = {name: number for number, name in enumerate(names)}
    levels = np.zeros((known.shape[0], len(offers)), dtype=np.int64)
    some = known.any(axis=1)
    for number, offer in enumerate(offers):
        if offer.needs:
            meets = known[:, [place[need] for need in offer.needs]].any(axis=1)
            levels[:, number] = np.where(meets, 1, np.where(some, 2, 0))
    return levels


def contexts_of(match: NDArray[np.int64], log: Log, often: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the context of each cell: how it meets his needs, how many offers he left unanswered, how often he was contacted."""
    n = match.shape[0]
    told = np.flatnonzero(log.told & (log.offer >= 0))
    order = told[np.argsort(log.at[told], kind="stable")]
    last_yes = np.full(n, np.iinfo(np.int64).min)
    yes = order[log.accepted[order]]
    np.maximum.at(last_yes, log.customer[yes], log.at[yes].astype(np.int64))
    later = log.at[told].astype(np.int64) > last_yes[log.customer[told]]
    ignored = np.bincount(log.customer[told][later], minlength=n)
    streak = np.digitize(ignored, [1, 3])
    pressure = np.minimum(often, 2)
    return match * 9 + (streak * 3 + pressure)[:, None]


def context_code(context: int) -> str:
    """Return a context as it is kept in a decision.

    Examples
    --------
    >>> context_code(14)
    'm1s1p2'
    """
    return f"m{context // 9}s{context // 3 % 3}p{context % 3}"


def _context(code: object) -> int:
    text = str(code)
    return int(text[1]) * 9 + int(text[3]) * 3 + int(text[5])


@frozen(kw_only=True, eq=False)
class Beliefs:
    """Chances that an offer is taken, and that its article is bought anyway.

    Parameters
    ----------
    told : Responses
        By context and offer.
    untold : Responses
        By how the offer meets the needs, and offer: of customers who were left alone by chance.
    answers : int
        How many answers this rests on.
    """

    told: Responses = field(repr=False)
    untold: Responses = field(repr=False)
    answers: int

    @classmethod
    def learned(
        cls,
        offers: Sequence[Offer],
        log: Log,
        bought: Bought,
        match: NDArray[np.int64],
        policy: DecisionPolicy,
        at: datetime,
    ) -> Beliefs:
        """Learn from the log: an offer whose window is over, or that was answered, and customers who were told nothing."""
        now, m = us(at), len(offers)
        fresh = log.at >= us(at - policy.memory)
        over = log.settled | (log.at + np.timedelta64(policy.window) <= now)
        tried = np.flatnonzero(log.told & (log.offer >= 0) & fresh & over & (log.context != None))  # noqa: E711  # elementwise
        told = Responses.fit(
            log.offer[tried],
            np.array([_context(code) for code in log.context[tried]], dtype=np.int64),
            log.accepted[tried].astype(np.int64),
            arms=m,
            contexts=CONTEXTS,
            kind=np.arange(CONTEXTS) // 9,
            weight=_weights(log.at[tried], at, policy.half_life),
            prior=policy.prior,
            strength=policy.strength,
        )
        silent = (log.arm == "holdout") | (log.context == _SILENT)
        watched = np.flatnonzero(silent & fresh & (log.at + np.timedelta64(policy.window) <= now))
        took = _took(offers, log, watched, bought, policy.window)
        who = log.customer[watched]
        untold = Responses.fit(
            np.tile(np.arange(m), watched.size),
            match[who].ravel(),
            took.ravel().astype(np.int64),
            arms=m,
            contexts=3,
            weight=np.repeat(_weights(log.at[watched], at, policy.half_life), m),
            prior=policy.prior / 2.0,
            strength=policy.strength,
        )
        return cls(told=told, untold=untold, answers=int(tried.size))

    def value(
        self,
        worth: Worth,
        context: NDArray[np.int64],
        chance: NDArray[np.float64],
        lasting: NDArray[np.float64] | float = 0.0,
    ) -> NDArray[np.float64]:
        """Return what telling each offer brings beyond what comes without it, its cost taken off; 0 where no margin is known.

        `lasting` is what the customer is worth more from then on if he buys; who would buy anyway is worth it without the offer.
        """
        anyway = self.untold.expected(context // 9)
        brought = chance * (worth.margin - worth.discount) - anyway * worth.margin - worth.cost
        brought = brought + (chance - anyway) * lasting
        return np.where(worth.known, brought, 0.0)

    def chance(self, context: NDArray[np.int64], random: Generator | None) -> NDArray[np.float64]:
        """Return the chances that are believed in; with `random`, a draw of each."""
        return self.told.expected(context) if random is None else self.told.drawn(context, random)


def _weights(at: NDArray[np.datetime64], now: datetime, half_life: timedelta | None) -> NDArray[np.float64]:
    if half_life is None:
        return np.ones(at.size)
    age = (us(now) - at) / np.timedelta64(half_life)
    weights: NDArray[np.float64] = 0.5 ** np.maximum(age.astype(np.float64), 0.0)
    return weights


def _took(
    offers: Sequence[Offer], log: Log, watched: NDArray[np.int64], bought: Bought, window: timedelta
) -> NDArray[np.bool_]:
    """Return whether each watched customer bought what each offer is for, within the window, without being told."""
    took = np.zeros((watched.size, len(offers)), dtype=np.bool_)
    if not watched.size or not bought.customer.size:
        return took
    order = np.lexsort((bought.at, bought.customer))
    customer, at, sku = bought.customer[order], bought.at[order], bought.sku[order]
    first = np.searchsorted(customer, log.customer[watched], side="left")
    last = np.searchsorted(customer, log.customer[watched], side="right")
    number = {
        offer_sku: [k for k, offer in enumerate(offers) if offer_sku in offer.skus] for offer_sku in set(sku.tolist())
    }
    anything = [k for k, offer in enumerate(offers) if not offer.skus]
    span = np.timedelta64(window)
    for row, (start, stop) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        since = log.at[watched[row]]
        for line in range(start, stop):
            if since <= at[line] < since + span:
                took[row, number[sku[line]]] = True
                took[row, anything] = True
    return took
