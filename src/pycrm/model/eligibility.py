"""Who may be given an offer: its rules put to what is known of one customer. `pycrm.bulk.eligibility` answers for all at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

from pycrm.model.evidence import Reason
from pycrm.model.facts import Facts
from pycrm.model.offer import Offer
from pycrm.model.predicate import evaluate

__all__ = ["OBJECTIONS", "Given", "Holding", "objection"]

OBJECTIONS: Mapping[str, str] = {
    "not_running": "it does not run at this time",
    "not_concerned": "the facts do not meet its condition",
    "bought_before": "it is for those who never bought anything",
    "owned": "he owns what it is for",
    "goes_with_nothing": "he owns nothing that it goes with",
    "improves_nothing": "he owns nothing that it is better than",
    "given_often": "he was given it as often as may be",
    "given_lately": "he was given it lately",
    "excluded": "he holds an offer it does not go with",
    "not_alone": "he holds an open offer, and it stands alone",
}
"""Why an offer may not be given, in the order in which the rules are asked."""


@frozen
class Given:
    """How often one offer was given, when last, and whether it is still open."""

    times: int
    last: datetime
    open: bool = False


@frozen(kw_only=True)
class Holding:
    """What one customer has.

    Parameters
    ----------
    owned : frozenset of str
        The articles he bought and kept.
    bought : bool
        Whether he ever bought anything.
    given : mapping of str to Given
        The offers he was given, by code.
    """

    owned: frozenset[str] = frozenset()
    bought: bool = False
    given: Mapping[str, Given] = field(factory=dict)


def objection(offer: Offer, facts: Facts, holding: Holding, at: datetime) -> Reason | None:
    """Return why the customer may not be given the offer; None if he may.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.model.offer import OfferKind
    >>> pot = Offer(code="pot", name="A pot", kind=OfferKind.SERVICE, skus=("pot",), requires=("tea",))
    >>> now = datetime(2026, 5, 1, tzinfo=UTC)
    >>> objection(pot, {}, Holding(owned=frozenset({"mug"}), bought=True), now).code
    'goes_with_nothing'
    >>> objection(pot, {}, Holding(owned=frozenset({"tea"}), bought=True), now) is None
    True
    """
    code = _objection(offer, facts, holding, at)
    return None if code is None else Reason(code, OBJECTIONS[code])


def _objection(offer: Offer, facts: Facts, holding: Holding, at: datetime) -> str | None:
    if at not in offer.period:
        return "not_running"
    if offer.eligible is not None and not evaluate(offer.eligible, facts):
        return "not_concerned"
    if offer.never_bought and holding.bought:
        return "bought_before"
    if offer.suppress_buyers and not holding.owned.isdisjoint(offer.skus):
        return "owned"
    if offer.requires and holding.owned.isdisjoint(offer.requires):
        return "goes_with_nothing"
    if offer.upgrades and holding.owned.isdisjoint(offer.upgrades):
        return "improves_nothing"
    his = holding.given.get(offer.code)
    if his is not None and offer.max_per_customer is not None and his.times >= offer.max_per_customer:
        return "given_often"
    if his is not None and offer.again_after is not None and at < his.last + offer.again_after:
        return "given_lately"
    held = {code for code, given in holding.given.items() if given.open}
    if not held.isdisjoint(offer.excludes):
        return "excluded"
    if held and not offer.stackable:
        return "not_alone"
    return None
