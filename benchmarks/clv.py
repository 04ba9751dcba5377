"""Customer value beside lifetimes: fits, predictions, value and the summary of a log, on the same simulated customers.

`python benchmarks/clv.py` measures and writes its section of RESULTS.md; with a case and a size it is one case.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402  # the threads are set before it reads them

DATA = Path(__file__).parent / ".data"
REAL = Path(os.environ.get("PYCRM_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))
CDNOW = 2357
"""Customers of the tenth of CDNOW that the literature fits; as a size, it stands for them."""


def customers(n: int, base: str) -> Path:
    """Customers of CDNOW, or simulated: `joiners` of twelve weeks seen for 27 to 39 weeks, an `active` base of a year of joiners."""
    path = DATA / f"clv-{'cdnow' if n == CDNOW else base}-{n}.npy"
    if not path.exists() and n == CDNOW:
        DATA.mkdir(exist_ok=True)
        np.save(path, _cdnow())
    elif not path.exists():
        DATA.mkdir(exist_ok=True)
        random = np.random.default_rng(7)
        if base == "joiners":
            r, alpha, a, b = 0.243, 4.414 * 7, 0.793, 2.426
            age = random.integers(27 * 7, 39 * 7 + 1, n)
        else:
            r, alpha, a, b = 0.9, 7.5 * 7, 0.9, 6.0
            age = random.integers(365, 731, n)
        rate, chance = random.gamma(r, size=n) / alpha, random.beta(a, b, n)
        arrivals = random.poisson(rate * age)
        leaves = np.ceil(np.log(random.uniform(size=n)) / np.log1p(-np.clip(chance, 1e-12, 1 - 1e-12)))
        x = np.minimum(arrivals, leaves)
        last = np.where(x > 0, age * random.beta(np.maximum(x, 1), np.maximum(arrivals - x, 0) + 1), 0)
        np.save(path, np.column_stack([x, np.minimum(np.ceil(last), age) / 7, age / 7]))
    return path


def _cdnow() -> np.ndarray:
    """Frequency, recency and age in weeks of two decimals until 1997-09-30, as the peers ship them; PYCRM_DATA holds the log."""
    import pandas as pd

    from pycrm.clv import purchase_summary

    names = ["all", "customer", "day", "cds", "dollars"]
    log = pd.read_csv(REAL / "cdnow_sample.txt", sep=r"\s+", names=names, dtype={"day": str})
    log["day"] = pd.to_datetime(log["day"], format="%Y%m%d")
    summary = purchase_summary(log, customer="customer", time="day", end="1997-09-30")
    return summary[["frequency", "recency", "age"]].to_numpy(dtype=float).round(2)


def orders(n: int) -> Path:
    """Make a log of `n` orders."""
    path = DATA / f"clv-orders-{n}.npy"
    if not path.exists():
        DATA.mkdir(exist_ok=True)
        random = np.random.default_rng(8)
        np.save(
            path,
            np.column_stack(
                [random.integers(0, int(n * 0.303), n), random.integers(0, 365, n), random.integers(100, 9999, n)]
            ),
        )
    return path


def best(function, repeats: int) -> float:
    """Return the shortest of some runs after a first one."""
    function()
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        found.append(time.perf_counter() - started)
    return min(found)


def case(who: str, what: str, n: int) -> dict:
    """Run one case."""
    import pandas as pd

    repeats = 5 if n < 10_000 else 2 if n < 500_000 else 1
    if what.startswith("summary"):
        rows = np.load(orders(n))
        frame = pd.DataFrame({"id": rows[:, 0], "day": np.datetime64("2023-01-01") + rows[:, 1], "amount": rows[:, 2]})
        frame["day"] = frame["day"].astype("datetime64[ns]")
        return {"seconds": best(summary_of(who, what, frame), min(repeats, 2))}
    base = "active" if "active" in what else "joiners"
    x, t_x, age = np.load(customers(n, base)).T.copy()
    if who == "lifetimes":
        from lifetimes import BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter

        kind = {"BG": BetaGeoFitter, "MBG": ModifiedBetaGeoFitter, "Pareto": ParetoNBDFitter}[
            what.split("/", maxsplit=1)[0]
        ]

        def fit():
            return kind().fit(x, t_x, age)
    else:
        from pycrm.clv import BetaGeoCNBDk, BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD, lifetime_value

        kinds = {"BG": BetaGeoNBD, "MBG": ModifiedBetaGeoNBD, "Pareto": ParetoNBD, "CNBD": BetaGeoCNBDk}
        kind = kinds[what.split("/", maxsplit=1)[0]]
        summary = pd.DataFrame({"frequency": x, "recency": t_x, "age": age})
        if kind is BetaGeoCNBDk:
            # The peers have no such model; even gaps will do to see what the fit of one k costs.
            summary["log_gaps"] = np.where(x > 0, x * np.log(np.maximum(t_x, 1 / 7) / np.maximum(x, 1)), 0.0)

        def fit():
            return kind.fit(summary, unit="week", **({"k": 2} if kind is BetaGeoCNBDk else {}))

    if what.endswith(("/fit", "/fit active")):
        import resource

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seconds = best(fit, repeats)
        made = fit()
        estimates = dict(made.params_) if who == "lifetimes" else dict(made.parameters)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
        return {
            "seconds": seconds,
            "estimates": {key: float(value) for key, value in estimates.items()},
            "grown_mib": grown,
        }
    if who == "lifetimes":
        fitter = fit() if n < 200_000 else kind().fit(x[:100_000], t_x[:100_000], age[:100_000])
        frame = pd.DataFrame({"frequency": x, "recency": t_x, "T": age, "m": 30.0})
        asked = {
            "alive": lambda: fitter.conditional_probability_alive(x, t_x, age),
            "expected": lambda: fitter.conditional_expected_number_of_purchases_up_to_time(39, x, t_x, age),
            "value": lambda: _peer_value(fitter, frame),
        }
    else:
        model = kind.fit(summary.head(100_000), unit="week").model
        asked = {
            "alive": lambda: model.probability_alive(x, t_x, age),
            "expected": lambda: model.expected_purchases(39, x, t_x, age),
            "value": lambda: lifetime_value(model, 30.0, summary, horizon=12, unit="month", discount_rate=0.1),
        }
    return {"seconds": best(asked[what.split("/")[1]], repeats)}


def _peer_value(fitter, frame):
    from lifetimes.utils import _customer_lifetime_value

    return _customer_lifetime_value(
        fitter, frame["frequency"], frame["recency"], frame["T"], frame["m"], time=12, discount_rate=0.008, freq="W"
    )


def summary_of(who: str, what: str, frame):
    """Return the program that makes the summary."""
    if who == "lifetimes":
        from lifetimes.utils import summary_data_from_transaction_data

        return lambda: summary_data_from_transaction_data(
            frame, "id", "day", monetary_value_col="amount", observation_period_end="2023-12-31"
        )
    if what.endswith("polars"):
        import polars as pl

        frame = pl.from_pandas(frame)
    elif what.endswith("duckdb"):
        import duckdb

        connection = duckdb.connect()
        connection.execute("create table log as select * from frame")
    if who == "hand":
        if what.endswith("polars"):
            return lambda: (
                frame.group_by("id", pl.col("day").cast(pl.Date))
                .agg(pl.col("amount").sum())
                .with_columns(first=pl.col("day").min().over("id"))
                .with_columns(again=pl.when(pl.col("day") > pl.col("first")).then(pl.col("amount")).otherwise(0))
                .group_by("id")
                .agg(pl.len(), pl.col("day").min(), pl.col("day").max().alias("last"), pl.col("again").sum())
            )
        if what.endswith("duckdb"):
            query = (
                "with days as (select id, day::date as day, sum(amount) as amount from log group by all), "
                "firsts as (select *, min(day) over (partition by id) as first from days) "
                "select id, count(*) - 1, max(day) - min(day), min(day), sum(amount) filter (where day > first) "
                "from firsts group by id"
            )
            return lambda: connection.sql(query).df()

        def by_hand():
            days = frame.assign(day=frame["day"].dt.floor("D")).groupby(["id", "day"], as_index=False)["amount"].sum()
            spans = days.groupby("id")["day"].agg(["min", "max", "size"])
            days = days.join(spans["min"], on="id")
            return spans.assign(again=days[days["day"] > days["min"]].groupby("id")["amount"].sum())

        return by_hand
    from pycrm.clv import purchase_summary

    def ours():
        given = connection.table("log") if what.endswith("duckdb") else frame
        return purchase_summary(given, customer="id", time="day", amount="amount", end="2023-12-31")

    return ours


ASKED = [
    ("BG/fit", "2357", 12),
    ("MBG/fit", "2357", None),
    ("Pareto/fit", "2357", 3),
    ("BG/fit", "100000", 25),
    ("BG/alive", "100000", 1),
    ("BG/expected", "100000", 1),
    ("BG/value", "100000", 10),
    ("summary", "1000000", 4),
    ("BG/alive", "1000000", 1),
    ("BG/expected", "1000000", 1),
    ("BG/value", "1000000", 30),
    ("BG/fit", "1000000", 60),
    ("Pareto/fit", "100000", 12),
    ("Pareto/alive", "100000", 1),
    ("Pareto/expected", "100000", 1),
    ("Pareto/alive", "1000000", 1),
    ("Pareto/expected", "1000000", 1),
]
"""What is measured beside lifetimes: case, rows, and the ratio aimed at."""

_BESIDE = (
    "Beside lifetimes 0.11.3 (its time / ours; ours with standard errors, theirs without for Pareto/NBD): 2,357 rows are CDNOW, "
    "the others simulated joiners of twelve weeks seen for 27 to 39 weeks, by the day. `asked` is the figure aimed at."
)
_ALONE = "Alone, at a million customers; the active base is a year of joiners with two years of history, which hardly compresses."
_HANDS = "The summary of a million orders beside the same engine by hand."


def main() -> None:
    """Measure everything, in turn, and write it down."""
    from importlib.metadata import version

    from harness import interleave, ratio, record, table

    from pycrm.clv import BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD

    rounds = int(os.environ.get("ROUNDS", "2"))
    beside: list[dict] = []
    alone: list[dict] = []
    hands: list[dict] = []

    def write():
        parts = [_BESIDE, table(beside) if beside else "", _ALONE, table(alone) if alone else "", _HANDS]
        record(
            "clv",
            "\n\n".join([*parts, table(hands) if hands else ""]),
            versions={name: version(name) for name in ("numpy", "scipy", "pandas", "polars", "duckdb")},
        )

    for what, asked in [("summary pandas", 1.1), ("summary polars", 1.3), ("summary duckdb", 1.3)]:
        found = interleave({who: (None, "clv.py", [who, what, "1000000"]) for who in ("hand", "pycrm")}, rounds=rounds)
        hands.append({"case": what, "ours / by hand": ratio(found, "pycrm", "hand"), "asked at most": asked})
        write()
    for what, n, asked in ASKED:
        customers(int(n), "joiners")
        groups = {"lifetimes": "peers-lifetimes", "pycrm": None}
        turns = 1 if n == "1000000" or what == "Pareto/fit" else rounds
        found = interleave({who: (group, "clv.py", [who, what, n]) for who, group in groups.items()}, rounds=turns)
        ours, theirs = found["pycrm"][-1], found["lifetimes"][-1]
        gap = None
        if "estimates" in ours and "estimates" in theirs:
            x, t_x, age = np.load(customers(int(n), "joiners")).T
            kind = {"BG": BetaGeoNBD, "MBG": ModifiedBetaGeoNBD, "Pareto": ParetoNBD}[what.split("/")[0]]
            ends = [kind(**one["estimates"]).log_likelihood(x, t_x, age).sum() for one in (ours, theirs)]
            gap = float(ends[0] - ends[1])
        beside.append(
            {
                "case": what,
                "rows": n,
                "lifetimes s": theirs.get("seconds"),
                "pycrm s": ours.get("seconds"),
                "ratio": ratio(found, "lifetimes", "pycrm"),
                "asked": asked,
                "our log-likelihood minus theirs": gap,
                "our growth MiB": ours.get("grown_mib"),
            }
        )
        write()
    for what, n, asked in [
        ("MBG/fit", "1000000", "-"),
        ("CNBD/fit", "1000000", "-"),
        ("Pareto/fit", "1000000", "<= 5 s"),
        ("BG/fit active", "1000000", "<= 30 s"),
    ]:
        found = interleave({"pycrm": (None, "clv.py", ["pycrm", what, n])}, rounds=1)["pycrm"][0]
        growth = found.get("grown_mib")
        alone.append({"case": what, "rows": n, "seconds": found.get("seconds"), "asked": asked, "growth MiB": growth})
        write()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(case(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
    else:
        main()
