"""One case of benchmarks/matching.py: resolve a table with one tool, and print seconds and quality as JSON."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

PEOPLE = {
    "given_name": "given_name", "surname": "surname", "dob": "date", "phone": "phone", "address": "address", "city": "city",
    "postcode": "postcode", "email": "email",
}  # fmt: skip
FEBRL = {
    "given_name": "given_name", "surname": "surname", "street_number": "text", "address_1": "address", "address_2": "text",
    "suburb": "city", "postcode": "postcode", "state": "text", "date_of_birth": "date", "soc_sec_id": "identifier",
}  # fmt: skip


def table(name):
    frame = pd.read_csv(name, dtype=str)
    return (
        (frame, "rec_id", FEBRL, frame["rec_id"].str.split("-").str[1])
        if "rec_id" in frame
        else (frame, "record", PEOPLE, frame["person"])
    )


def pycrm(frame, id, fields):
    from pycrm.matching import resolve

    return resolve(frame, id=id, fields=fields).clusters.set_index("id")["cluster"].loc[frame[id]].to_numpy()


def splink(frame, id, fields):
    import splink.comparison_library as cl
    from splink import Linker, SettingsCreator, block_on
    from splink.internals.duckdb.database_api import DuckDBAPI

    made = {
        "given_name": cl.NameComparison, "surname": cl.NameComparison,
        "date": lambda f: cl.DamerauLevenshteinAtThresholds(f, [1, 2]), "phone": lambda f: cl.DamerauLevenshteinAtThresholds(f, [1, 2]),
        "email": lambda f: cl.JaroWinklerAtThresholds(f, [0.88]), "identifier": lambda f: cl.DamerauLevenshteinAtThresholds(f, [1]),
    }  # fmt: skip
    comparisons = [
        made.get(kind, lambda f: cl.JaroWinklerAtThresholds(f, [0.92, 0.8]))(name).configure(
            term_frequency_adjustments=kind != "date"
        )
        for name, kind in fields.items()
    ]
    if "soc_sec_id" in fields:
        rules = [
            ("soc_sec_id",),
            ("given_name", "surname"),
            ("date_of_birth", "given_name"),
            ("date_of_birth", "surname"),
            ("postcode", "surname"),
            ("address_1",),
        ]
        train = [("given_name", "surname"), ("date_of_birth",)]
    else:
        rules = [
            ("email",),
            ("phone",),
            ("given_name", "surname", "city"),
            ("dob", "surname"),
            ("dob", "given_name"),
            ("postcode", "surname"),
            ("address", "city"),
        ]
        train = [("given_name", "surname"), ("dob",)]
    api = DuckDBAPI()
    settings = SettingsCreator(
        link_type="dedupe_only", unique_id_column_name=id, comparisons=comparisons,
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in rules],
    )  # fmt: skip
    linker = Linker(api.register(frame[[id, *fields]]), settings, log_level=40)
    linker.training.estimate_probability_two_random_records_match([block_on(*rule) for rule in rules[:2]], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in train:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    predicted = linker.inference.predict(threshold_match_probability=0.5)
    found = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=0.5)
    found = found.as_pandas_dataframe()
    return found.set_index(id)["cluster_id"].loc[frame[id]].to_numpy()


def recordlinkage(frame, id, fields):
    import recordlinkage as rl
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    held = frame.set_index(id)
    indexer = rl.Index()
    blocks = (
        ["soc_sec_id", ["given_name", "surname"], ["date_of_birth", "surname"]]
        if "soc_sec_id" in fields
        else ["email", "phone", ["dob", "surname"], ["dob", "given_name"], ["given_name", "surname", "city"]]
    )
    for block in blocks:
        indexer.block(block)
    pairs = indexer.index(held)
    compare = rl.Compare()
    for name, kind in fields.items():
        if kind in {"date", "phone", "identifier", "postcode"}:
            compare.string(name, name, method="damerau_levenshtein", threshold=0.85, label=name)
        else:
            compare.string(name, name, method="jarowinkler", threshold=0.85, label=name)
    matches = rl.ECMClassifier().fit_predict(compare.compute(pairs, held))
    place = pd.Series(np.arange(len(frame)), index=frame[id])
    left, right = place[matches.get_level_values(0)].to_numpy(), place[matches.get_level_values(1)].to_numpy()
    graph = coo_array((np.ones(len(left)), (left, right)), shape=(len(frame), len(frame)))
    return connected_components(graph, directed=False)[1]


def f1(found, truth):
    def pairs(labels):
        count = np.bincount(labels)
        return (count * (count - 1.0)).sum() / 2

    one, other = pd.factorize(np.asarray(found))[0], pd.factorize(np.asarray(truth))[0]
    both = pairs(pd.factorize(one.astype(np.int64) * (other.max() + 1) + other)[0])
    return 2 * both / (pairs(one) + pairs(other))


def beside(name):
    """Figures of our own that no peer has: one new record, survivorship, un-merge."""
    from pycrm.matching import Decision, DecisionLog, MatchIndex, resolve, survivors
    from pycrm.matching.keys import keys_of

    frame, id, fields, _ = table(name)
    texts = {kind: (frame[kind].dropna().tolist() * 2)[: len(frame)] for kind in ("email", "phone") if kind in frame}
    started = time.perf_counter()
    for kind, values in texts.items():
        keys_of(kind, values)
    normalising = time.perf_counter() - started
    base, new = frame.iloc[:-1000], frame.iloc[-1000:]
    index = MatchIndex(resolve(base, id=id, fields=fields))
    records = [{key: (None if pd.isna(row[key]) else row[key]) for key in fields} for row in new.to_dict("records")]
    took = []
    for record in records * 2:
        started = time.perf_counter()
        index.find(record)
        took.append(time.perf_counter() - started)
    kept = base.assign(cluster=index.resolution.clusters["cluster"].to_numpy())
    coded = kept.assign(**{key: kept[key].astype("category") for key in fields}, source=kept["given_name"])
    started = time.perf_counter()
    survivors(coded, id=id, cluster="cluster", fields=dict.fromkeys((*fields, "source"), "most_recent"))
    surviving = time.perf_counter() - started
    log = DecisionLog(range(len(base)))
    for number, pair in enumerate(np.random.default_rng(0).integers(0, len(base), (len(base) // 3, 2)).tolist()):
        if pair[0] != pair[1]:
            log.append(Decision(id=number, action="merge", records=pair))
    undone = []
    for number in range(200):
        entry = Decision(id=f"r{number}", action="revoke", revokes=number)
        started = time.perf_counter()
        log.append(entry)
        undone.append(time.perf_counter() - started)
    return {
        "find_p50_ms": 1e3 * float(np.quantile(took[1000:], 0.5)), "find_p99_ms": 1e3 * float(np.quantile(took[1000:], 0.99)),
        "normalise_s": normalising, "survivors_s": surviving, "unmerge_max_ms": 1e3 * max(undone),
    }  # fmt: skip


if __name__ == "__main__":
    tool, name = sys.argv[1:3]
    if tool == "beside":
        print(json.dumps({"seconds": 0.0, **beside(name)}))
    else:
        frame, id, fields, truth = table(name)
        started, cpu = time.perf_counter(), time.process_time()
        found = {"pycrm": pycrm, "splink": splink, "recordlinkage": recordlinkage}[tool](frame, id, fields)
        print(
            json.dumps(
                {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu, "f1": f1(found, truth)}
            )
        )
