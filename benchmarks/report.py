"""How long a report takes and how much memory, as a whole process; what a simulated business and a bare import cost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median


def report(path: str) -> None:
    from pycrm.__main__ import main

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        status = main(["report", path, "--out", f"{folder}/r.html", "--json", f"{folder}/r.json"])
        told = json.loads(Path(folder, "r.json").read_text(encoding="utf-8"))
    print(
        json.dumps(
            {
                "status": status,
                "seconds": time.perf_counter() - started,
                "rows": told["rows_read"],
                "orders": told["orders"],
                "customers": told["customers"],
            }
        )
    )


def simulate() -> None:
    from pycrm.datasets import simulate_business

    started = time.perf_counter()
    business = simulate_business(customers=100_000, seed=1)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - started,
                "rows": len(business.interactions),
                "orders": len(business.orders),
                "customers": len(business.people),
            }
        )
    )


def write(path: str) -> None:
    """Write a million orders of 200,000 customers, one line each, as CSV."""
    from pycrm.datasets import simulate_business
    from pycrm.datasets.commerce import Behaviour

    behaviour = Behaviour(r=1.5, alpha=10.8, lines_per_order=1.0)
    simulate_business(customers=200_000, seed=1, behaviour=behaviour).order_lines().to_csv(path, index=False)
    print("{}")


def imported(statement: str) -> float:
    """Return the median seconds of a process that runs one statement, after a first one that warms the caches."""
    taken = []
    for _ in range(12):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        taken.append(time.perf_counter() - started)
    return median(taken[1:])


def compare() -> None:
    import harness  # beside this file, which a case that is run by path does not see

    data = Path(os.environ.get("PYCRM_DATA", harness.ROOT.parent / "shared" / "data"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        million = f"{folder}/million.csv"
        harness.run(sys.executable, __file__, "write", million)
        cases = [
            ("report on a million simulated orders", ["report", million], 30.0, 2048),
            ("simulate_business(customers=100_000), without the interpreter", ["simulate"], 10.0, None),
        ]
        retail = data / "online_retail.csv.gz"
        if retail.exists():
            cases.insert(0, ("report on Online Retail", ["report", str(retail)], 15.0, 1229))
        for name, arguments, seconds, mebibytes in cases:
            runs = [harness.run(sys.executable, __file__, *arguments) for _ in range(3)]
            failed = [one["error"] for one in runs if "error" in one]
            if failed:
                raise SystemExit(failed[0])
            key = "seconds" if arguments[0] == "simulate" else "process_seconds"
            rows.append(
                {
                    "what": name,
                    "rows": runs[0]["rows"],
                    "orders": runs[0]["orders"],
                    "customers": runs[0]["customers"],
                    "seconds (best of 3)": min(one[key] for one in runs),
                    "at most": seconds,
                    "peak MiB": max(one["peak_mib"] for one in runs),
                    "MiB at most": mebibytes,
                }
            )
    bare = imported("pass")
    front = imported("import pycrm")
    rows.append(
        {
            "what": "import pycrm, over the bare interpreter",
            "rows": None,
            "orders": None,
            "customers": None,
            "seconds (best of 3)": front - bare,
            "at most": 0.15,
            "peak MiB": None,
            "MiB at most": None,
        }
    )
    text = harness.table(rows) + (
        "\n\nWhole processes, page and JSON written, refunds netted. Rows are lines of the file (of the simulation: interactions); "
        "the import is the median of eleven."
    )
    harness.record("report", text, versions={name: version(name) for name in ("numpy", "pandas", "scipy")})
    print(text)


if __name__ == "__main__":
    commands = {"report": report, "simulate": simulate, "write": write}
    if len(sys.argv) > 1:
        commands[sys.argv[1]](*sys.argv[2:])
    else:
        compare()
