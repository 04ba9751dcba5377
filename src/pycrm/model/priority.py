"""What to work on first: any function of a deal and a time, such as what it is expected to bring, or rules kept as data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.checks import is_code, tuple_of, within
from pycrm.model.opportunity_history import OpportunityState
from pycrm.model.predicate import Predicate, evaluate
from pycrm.model.time import instant

__all__ = ["Priority", "PriorityRule", "PriorityRules", "expected_value"]

Priority: TypeAlias = Callable[[OpportunityState, datetime], float]
"""How urgent a deal is at a time: the higher, the sooner; only the order counts."""


def expected_value(deal: OpportunityState, at: datetime) -> float:  # noqa: ARG001  # the form of every priority
    """Return amount times probability, in units of the deal's currency; what is closed has nothing left to do, and 0."""
    return 0.0 if deal.kind.is_closed else float(deal.terms.total.amount) * deal.probability


@frozen
class PriorityRule:
    """So many points where a condition on `OpportunityState.facts` holds; there is also `days_open`, `days_in_stage` and `days_to_close`."""

    code: str = field(validator=is_code)
    when: Predicate
    points: float = field(validator=within(-1e9, 1e9))


@frozen
class PriorityRules:
    """The needs of an organisation as data: the priority of a deal is the sum of the points of the rules that hold for it.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> from uuid import UUID
    >>> from pycrm.model import Money, Opportunity, OpportunityTerms, Pipeline, PipelineStage, PipelineStageKind
    >>> from pycrm.model import open_opportunity, opportunity_state, where
    >>> day = datetime(2026, 5, 1, tzinfo=UTC)
    >>> ends = (PipelineStage(code=kind.value, kind=kind) for kind in (PipelineStageKind.WON, PipelineStageKind.LOST))
    >>> sales = Pipeline(code="sales", stages=(PipelineStage(code="talking", probability=0.2), *ends))
    >>> deal = Opportunity(customer_id=UUID(int=1), name="Tea", pipeline_id=sales.id, opened_at=day)
    >>> first = open_opportunity(deal, sales, OpportunityTerms(amount=Money("900.00", "EUR")))
    >>> rules = PriorityRules((
    ...     PriorityRule("large", where("amount") >= 500, 10),
    ...     PriorityRule("waits", where("days_in_stage") > 7, 5),
    ... ))
    >>> then = day + timedelta(days=8)
    >>> rules(opportunity_state(deal, [first], [sales], then), then)
    15.0
    """

    rules: tuple[PriorityRule, ...] = field(validator=tuple_of(PriorityRule))

    def __attrs_post_init__(self) -> None:
        codes = [rule.code for rule in self.rules]
        if len(set(codes)) != len(codes):
            raise InvalidValueError("rules", codes, "give each rule a code of its own")

    def holding(self, deal: OpportunityState, at: datetime) -> tuple[str, ...]:
        """Return the codes of the rules that hold for a deal: the reasons of its priority."""
        now = instant(at)
        close = deal.terms.expected_close
        facts = {
            **deal.facts,
            "days_open": (now - deal.opportunity.opened_at).days,
            "days_in_stage": (now - deal.entered_at).days,
            "days_to_close": None if close is None else (close - now.date()).days,
        }
        return tuple(rule.code for rule in self.rules if evaluate(rule.when, facts))

    def __call__(self, deal: OpportunityState, at: datetime) -> float:
        """Return the sum of the points."""
        held = set(self.holding(deal, at))
        return float(sum(rule.points for rule in self.rules if rule.code in held))
