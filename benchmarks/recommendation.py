"""Recommenders and market baskets beside implicit and mlxtend, on Online Retail, in one run.

python benchmarks/recommendation.py [rounds]; PYCRM_DATA names the folder of the data sets.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path

from harness import HERE, ROOT, environment, interleave, ratio, record, run, table

GROUP = "peers-recommendation"
DATA = str(Path(os.environ.get("PYCRM_DATA", ROOT.parent / "shared" / "data")) / "online_retail.csv.gz")
MODELS = {
    "pycrm EASE": (None, "pycrm", "ease"),
    "pycrm item neighbours, BM25": (None, "pycrm", "bm25"),
    "pycrm item neighbours, cosine": (None, "pycrm", "cosine"),
    "pycrm popularity": (None, "pycrm", "popularity"),
    "implicit BM25": (GROUP, "implicit", "bm25"),
    "implicit TFIDF": (GROUP, "implicit", "tfidf"),
    "implicit cosine": (GROUP, "implicit", "cosine"),
    "implicit ALS": (GROUP, "implicit", "als"),
}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    cases = {name: (group, "recommendation_case.py", [who, case, DATA]) for name, (group, who, case) in MODELS.items()}
    cases["pycrm pairs"] = (None, "recommendation_case.py", ["pycrm", "pairs", DATA])
    cases["mlxtend pairs"] = (GROUP, "recommendation_case.py", ["mlxtend", "pairs", DATA])
    found = interleave(cases, rounds=rounds)
    rows = []
    for name in MODELS:
        good = [one for one in found[name] if "error" not in one]
        if not good:
            rows.append(
                {"model": name, "recall@10": None, "NDCG@10": None, "fit s": None, "users/s": found[name][0]["error"]}
            )
            continue
        fastest = max(good, key=lambda one: one["users_per_second"])
        rows.append(
            {
                "model": name,
                "recall@10": good[0]["recall"],
                "NDCG@10": good[0]["ndcg"],
                "fit s": min(one["fit"] for one in good),
                "users/s": fastest["users_per_second"],
            }
        )
    mine, theirs = found["pycrm pairs"], found["mlxtend pairs"]
    same = [a.get("pairs") == b.get("pairs") for a, b in zip(mine, theirs, strict=True)]
    seconds = min(one["seconds"] for one in mine if "seconds" in one)
    times = ratio(found, "mlxtend pairs", "pycrm pairs")
    text = (
        table(rows)
        + "\n\nFigures: recall@10 >= .053, NDCG@10 >= .117, >= 1,000 users/s (EASE). Learned before 2011-09-09, judged by what each"
        " customer bought new from then on.\n\n"
        + f"Basket pairs at 1 % support: {len(mine[0].get('pairs', []))} pairs in {seconds:.3f} s (figure 0.5 s)"
        + (f", mlxtend fpgrowth / pycrm {times:.1f}" if times else f"; mlxtend: {theirs[0].get('error')}")
        + f"; supports equal to mlxtend's, pair by pair, in {sum(same)} of {len(same)} rounds."
    )
    peers = run(environment(GROUP), str(HERE / "recommendation_case.py"), "peers", "versions")
    shown = {name: str(peers[name]) for name in ("implicit", "mlxtend") if name in peers}
    record("Recommendation", text, versions={"numpy": version("numpy"), **shown})
    print(text)


if __name__ == "__main__":
    main()
