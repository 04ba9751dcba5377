"""Experiments beside statsmodels, scikit-uplift and causalml: `python benchmarks/experiments.py [rounds]`."""

import sys
from importlib.metadata import version
from statistics import median

import numpy as np
from harness import HERE, environment, interleave, ratio, record, run, table
from scipy import stats

from pycrm import experiments as ex

GROUP = "peers-experiments"
PEERS = {
    "means": ["statsmodels"],
    "proportions": ["statsmodels"],
    "regression": ["statsmodels"],
    "boundary": ["statsmodels"],
    "uplift": ["sklift", "causalml"],
    "qini_point": ["sklift", "causalml"],
    "qini": ["causalml"],
    "ratios": [],
    "cuped": [],
    "clusters": [],
    "text_arms": [],
}
WHAT = {
    "means": "difference of means, 1M rows",
    "proportions": "difference of shares, 1M rows",
    "regression": "regression adjustment HC2, 1M rows",
    "boundary": "sample size 10 % -> 12 %, arcsine",
    "uplift": "T-learner fit + predict, 64k x 8",
    "qini_point": "Qini coefficient, 64k rows, unique scores",
    "qini": "Qini with 1,000 bootstrap replicates, 64k rows",
    "ratios": "ratio metric, 1M rows",
    "cuped": "CUPED, 1M rows",
    "clusters": "333k clusters, 1M rows",
    "text_arms": "difference of means, arms as text, 1M rows",
}
FIGURE = {
    "uplift": 0.5,
    "qini": 5.0,
    **dict.fromkeys(["means", "proportions", "regression", "ratios", "cuped", "clusters", "text_arms"], 1.0),
}


def speed(rounds):
    rows = []
    for case, peers in PEERS.items():
        cases = {"pycrm": (None, "experiments_case.py", ["pycrm", case])}
        cases |= {peer: (GROUP, "experiments_case.py", [peer, case]) for peer in peers}
        found = interleave(cases, rounds=rounds)
        failed = [f"{name}: {runs[0]['error']}" for name, runs in found.items() if "error" in runs[0]]
        row = {
            "what": WHAT[case],
            "pycrm s": median(run.get("seconds", np.nan) for run in found["pycrm"]),
            "figure s": FIGURE.get(case),
        }
        for peer in ("statsmodels", "sklift", "causalml"):
            row[f"{peer} / pycrm"] = ratio(found, peer, "pycrm") if peer in peers else None
        answers = {name: runs[0].get("answer") for name, runs in found.items() if "error" not in runs[0]}
        row["answers"] = "; ".join(failed) or ", ".join(f"{name} {_shown(answer)}" for name, answer in answers.items())
        rows.append(row)
    return table(rows)


def _shown(answer):
    return " ".join(f"{value:.6g}" for value in (answer if isinstance(answer, list) else [answer]))


def honesty(runs=10_000, looks=20, per_look=100):
    rng = np.random.default_rng(2024)
    n = per_look * np.arange(1, looks + 1)
    alarms = dict.fromkeys(
        ("naive z at every look", "mSPRT tau = 0.1", "O'Brien-Fleming spending", "Pocock spending"), 0
    )
    bounds = {
        name: ex.GroupSequential(fractions=n / n[-1], spending=spending).boundaries()
        for name, spending in (("O'Brien-Fleming spending", "obrien_fleming"), ("Pocock spending", "pocock"))
    }
    for _ in range(runs // 500):
        arms = []
        for _ in range(2):
            outcome = rng.standard_normal((500, looks, per_look))
            mean = outcome.sum(axis=2).cumsum(axis=1) / n
            arms.append((mean, ((outcome**2).sum(axis=2).cumsum(axis=1) / n - mean**2) / (n - 1)))
        estimate, variance = arms[1][0] - arms[0][0], arms[0][1] + arms[1][1]
        z = np.abs(estimate) / np.sqrt(variance)
        alarms["naive z at every look"] += int((z > 1.959964).any(axis=1).sum())
        alarms["mSPRT tau = 0.1"] += int((ex.MixtureSPRT(tau=0.1).p_values(estimate, variance)[:, -1] < 0.05).sum())
        for name, edge in bounds.items():
            alarms[name] += int((z >= edge).any(axis=1).sum())
    return table(
        [
            {
                "A/A test, 20 looks, 10,000 runs": name,
                "false alarms": f"{count / runs:.2%}",
                "upper 99 % bound": f"{stats.beta.isf(0.01, count + 1, runs - count):.2%}",
            }
            for name, count in alarms.items()
        ]
    )


def cuped(runs=10_000, n=200, rho=0.7):
    rng, arm = np.random.default_rng(7), np.arange(n) % 2
    ratios, covered = [], 0
    for _ in range(runs):
        before = rng.standard_normal(n)
        found = ex.cuped(rho * before + np.sqrt(1 - rho**2) * rng.standard_normal(n) + 0.3 * arm, arm, before)
        ratios.append(found.variance_ratio)
        covered += found.interval[0] <= 0.3 <= found.interval[1]
    return f"CUPED at correlation .7, {runs:,} runs of {n} units: variance ratio {np.mean(ratios):.4f} (1 - rho^2 = .51), coverage {covered / runs:.2%} (figure 94-96 %)."


def sizes():
    return ", ".join(
        f"{formula} {ex.sample_size_for_proportions(0.10, 0.12, formula=formula).control:,.2f}"
        for formula in ("arcsine", "pooled", "unpooled")
    )


def toy():
    found = ex.qini([0, 0, 0, 0, 1, 0, 0, 1, 1, 1], [0] * 5 + [1] * 5, [0, 0.1, 0.2, 0.3, 0.4] * 2)
    return f"Toy of causalml issue 519: coefficient {found.coefficient:.3f} (figure .200), on the scale of scikit-uplift {found.scikit_uplift:.4f}."


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    peers = run(environment(GROUP), str(HERE / "experiments_case.py"), "versions", "-")["answer"]
    text = "\n\n".join([speed(rounds), honesty(), cuped(), f"Sample size per arm, 10 % -> 12 %: {sizes()}.", toy()])
    record("Experiments", text, versions={"numpy": version("numpy"), **peers})


if __name__ == "__main__":
    main()
