"""The nouns that are about no person: rules, goods, plans and findings. Only what somebody wrote in them is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pycrm.model.action_plan import ActionPlan
from pycrm.model.auto_response import ResponseBook
from pycrm.model.automation import AutomationRun
from pycrm.model.campaign import Campaign
from pycrm.model.content import Content
from pycrm.model.earning import EarningRule, ProgramBudget
from pycrm.model.experiment import Decision, Experiment, Finding
from pycrm.model.feed import ChangeFeed, FeedEvent, FeedReader
from pycrm.model.form import CaptureForm
from pycrm.model.import_run import ImportOutcome, ImportRun
from pycrm.model.knowledge_plan import KnowledgePlan
from pycrm.model.lead_magnet import LeadMagnet
from pycrm.model.newsletter import Newsletter
from pycrm.model.nurture import NurtureSequence
from pycrm.model.offer import Offer
from pycrm.model.order import Product
from pycrm.model.pipeline import Pipeline
from pycrm.model.play import Play
from pycrm.model.privacy import Handling, Sensitivity
from pycrm.model.profiling import ProfilingPolicy
from pycrm.model.referral import ReferralProgram
from pycrm.model.reward import Reward
from pycrm.model.segment import Segment
from pycrm.model.snapshot import Snapshot
from pycrm.model.strategy import Strategy
from pycrm.model.template import Template
from pycrm.model.treatment import TreatmentPlan

__all__ = ["impersonal_handlings"]

_PLAIN: Mapping[type[Any], str] = {
    ActionPlan: "code finding_id actions",
    AutomationRun: "process key at items by_hand overseen basis",
    Campaign: "code name objective kind text status period segment audience not_owning open_list purpose channel cost budget "
    "parent_id",
    ChangeFeed: "epoch first last retold",
    CaptureForm: "code fields purposes channel text_version most",
    Content: "code title kind need about asset period",
    Decision: "finding_id recommended decided decided_at next_experiment_id",
    EarningRule: "code program event mode points per min_amount skus period valid_for pending_for caps",
    Experiment: "code name arms control holdout metric period window sample_size campaign_id follows",
    FeedEvent: "position type at",
    FeedReader: "name position",
    Finding: "question experiment_id arm control tactic metric as_of found_at estimate low high confidence p_value "
    "adjusted_p_value treated controls contacts treated_mean control_mean method assumes value value_low value_high cost rows",
    ImportRun: "source key started_at finished_at dry_run counts",
    KnowledgePlan: "code revision topics approaches again_after sure stop_after rest patience",
    LeadMagnet: "code title solves asset form period",
    Newsletter: "code title purpose channel every editorial products least_match",
    NurtureSequence: "code revision source purpose channel steps ends_when patience",
    Offer: "code name kind percent amount skus eligible purpose period priority fallback needs price margin cost floor_price "
    "stock max_per_customer again_after never_bought requires upgrades suppress_buyers excludes stackable",
    Pipeline: "code revision stages stale_after period",
    Play: "code revision stage trigger after action text kind purpose channel patience",
    Product: "sku name category list_price cost active custom",
    ProfilingPolicy: "purpose basis double_opt_in",
    ProgramBudget: "program max_points given closed_at",
    ReferralProgram: "code program advocate_points friend_points window limit program_limit velocity velocity_window household "
    "level_rates period",
    ResponseBook: "code rules simple never longest away",
    Reward: "code program name kind cost sku percent amount stock period",
    Segment: "name definition",
    Snapshot: "run as_of since until currency customers orders refunds expenses facts interactions parameters groups policy "
    "scoring notes",
    Strategy: "code revision segment aim actions period priority",
    Template: "code revision language slots renditions",
    TreatmentPlan: "edition levels floors valid_from",
}
"""The fields that say nothing of a person, by noun."""

_S = Sensitivity
_OTHERS: Mapping[type[Any], Mapping[str, Sensitivity]] = {
    ActionPlan: {"goal": _S.FREE_TEXT},
    Campaign: {"includes": _S.KEY, "excludes": _S.KEY},
    Decision: {"actor": _S.STAFF, "note": _S.FREE_TEXT},
    Experiment: {"hypothesis": _S.FREE_TEXT},
    FeedEvent: {"body": _S.FREE_TEXT},
    Finding: {"notes": _S.FREE_TEXT},
    ImportRun: {"outcomes": _S.PARTS},
    Segment: {"included": _S.KEY, "excluded": _S.KEY, "description": _S.FREE_TEXT},
}
_PARTS: Mapping[type[Any], Mapping[type[Any], Mapping[str, Sensitivity]]] = {
    # A row's key may be an address.
    ImportRun: {ImportOutcome: {"row": _S.NONE, "status": _S.NONE, "key": _S.FREE_TEXT, "reason": _S.FREE_TEXT}},
}
_WHY = "nothing of a person is kept in it"


def impersonal_handlings() -> Iterator[Handling]:
    """Yield the handling of every noun that is about no person.

    Examples
    --------
    >>> any(handling.is_personal for handling in impersonal_handlings())
    False
    """
    for model, names in _PLAIN.items():
        fields = dict.fromkeys(names.split(), _S.NONE) | dict(_OTHERS.get(model, {}))
        yield Handling(model=model, purpose=_WHY, use=_WHY, fields=fields, parts=_PARTS.get(model, {}))
