"""How likely: lead scores by rules and by model, calibrated, explained, evaluated, and watched for drift."""

from pycrm.scoring.backtest import Fold, ModelRecord, RefitDecision, needs_refit, rolling_origin, time_split
from pycrm.scoring.binning import Bins, information_value
from pycrm.scoring.calibration import Isotonic, Platt, prior_correction, shrunken_rates
from pycrm.scoring.drift import Drift, population_stability, scorecard_drift
from pycrm.scoring.evaluate import Evaluation, ThresholdChoice, best_threshold, evaluate
from pycrm.scoring.queue import never_responders, work_queue
from pycrm.scoring.rules import EventRule, LeadScores, ProfileRule, Qualification, ScoringRules, score_leads
from pycrm.scoring.scorecard import Scaling, Scorecard, Scorer
from pycrm.scoring.snapshots import refuse_leaks, snapshot_labels

__all__ = [
    "Bins",
    "Drift",
    "Evaluation",
    "EventRule",
    "Fold",
    "Isotonic",
    "LeadScores",
    "ModelRecord",
    "Platt",
    "ProfileRule",
    "Qualification",
    "RefitDecision",
    "Scaling",
    "Scorecard",
    "Scorer",
    "ScoringRules",
    "ThresholdChoice",
    "best_threshold",
    "evaluate",
    "information_value",
    "needs_refit",
    "never_responders",
    "population_stability",
    "prior_correction",
    "refuse_leaks",
    "rolling_origin",
    "score_leads",
    "scorecard_drift",
    "shrunken_rates",
    "snapshot_labels",
    "time_split",
    "work_queue",
]


def __dir__() -> list[str]:
    return __all__
