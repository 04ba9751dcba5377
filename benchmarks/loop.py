"""The loop: what planning and deciding cost, and what it earns in worlds whose truth is known.

python benchmarks/loop.py [scale] [worlds] [coverage] [floor]

Without an argument all run, about half an hour of one core. `worlds`: 20 seeds of each world, the loop beside the
best-seller and random offers, paired on the same people. `coverage`: 200 runs on the same people, each with a fresh holdout;
the truth of a run is the mean of the others. `floor`: the loop with a floor of service beside the same loop without one; of those
of each group who may be told something, the floor's share is told something every week.
"""

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import attrs
import numpy as np
from harness import HERE, record, table
from scipy import stats

from pycrm.datasets import WORLDS, populate
from pycrm.model.consent import ConsentEntry
from pycrm.model.customer import Customer
from pycrm.model.decision_policy import DecisionPolicy
from pycrm.model.entity import new_id
from pycrm.model.knowledge import CustomerFact
from pycrm.model.money import Money
from pycrm.model.offer import Offer, OfferKind
from pycrm.model.order import Order
from pycrm.model.predicate import where
from pycrm.report.picture import loop_picture
from pycrm.report.trial import POLICY, run_loop, run_rule
from pycrm.storage.columns import write_columns
from pycrm.storage.sql import SqlStore
from pycrm.workflows import interact, personalise

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ROUNDS = 20
PICTURE = HERE.parent / "docs" / "explanation" / "the-loop-in-five-worlds.svg"


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def filled(store, customers, offers):
    random = np.random.default_rng(1)
    ids = [new_id() for _ in range(customers)]
    orders = customers * 2
    buyers = random.integers(0, customers, orders)
    days = random.integers(1, 400, orders)
    with store.begin() as unit:
        points = [[{"kind": "email", "raw": f"c{number}@example.com"}] for number in range(customers)]
        write_columns(unit, Customer, {"id": ids, "contact_points": points, "country": ["ES", "FR"] * (customers // 2)})
        unit.commit()
    with store.begin() as unit:
        allowed = [ids[number] for number in range(customers) if number % 5]
        n = len(allowed)
        write_columns(
            unit,
            ConsentEntry,
            {
                "customer_id": allowed,
                "purpose": ["marketing"] * n,
                "status": ["granted"] * n,
                "captured_at": [NOW - timedelta(days=500)] * n,
            },
        )
        told = [ids[number] for number in range(0, customers, 3)]
        write_columns(
            unit,
            CustomerFact,
            {
                "customer_id": told,
                "topic": [{"kind": "need", "name": f"need{number % 10}"} for number in range(len(told))],
                "origin": ["stated"] * len(told),
                "recorded_at": [NOW - timedelta(days=30)] * len(told),
            },
        )
        lines = [[{"sku": f"s{number}", "unit_price": {"amount": "20", "currency": "EUR"}}] for number in range(200)]
        write_columns(
            unit,
            Order,
            {
                "customer_id": [ids[number] for number in buyers],
                "number": [str(number) for number in range(orders)],
                "placed_at": [NOW - timedelta(days=int(day)) for day in days],
                "currency": ["EUR"] * orders,
                "lines": [lines[number % 200] for number in range(orders)],
            },
        )
        unit.of(Offer).put_many(
            Offer(
                code=f"o{number}",
                name=f"offer {number}",
                kind=OfferKind.PERCENT,
                percent=Decimal(10),
                skus=(f"s{number}",),
                requires=(f"s{number + 60}",) if number % 10 == 9 else (),
                eligible=where("country") == "ES" if number % 4 == 0 else None,
                needs=(f"need{number % 10}",),
                price=Money("20", "EUR"),
                margin=Money(f"{5 + number % 7}", "EUR"),
                cost=Money("0.05", "EUR"),
                stock=4_000 if number % 3 == 0 else None,
                fallback=False,
            )
            for number in range(offers)
        )
        unit.of(Offer).add(Offer(code="news", name="News", kind=OfferKind.CONTENT, fallback=True))
        unit.commit()


def scale(customers=100_000, offers=50):
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(f"sqlite:///{Path(folder) / 'crm.db'}")
        store.create_schema()
        filled(store, customers, offers)
        before = peak()
        rows = []
        policy = DecisionPolicy(code="weekly", holdout=0.1, budget=Money("2000", "EUR"), prior=0.05)
        work = {
            "interact.plan": lambda: interact.plan(store, as_of=NOW.date(), at=NOW),
            "personalise.decide": lambda: personalise.decide(store, as_of=NOW.date(), at=NOW, policy=policy),
        }
        for name, do in work.items():
            wall, cpu = time.perf_counter(), time.process_time()
            report = do()
            rows.append(
                {
                    "what": name,
                    "wall s": time.perf_counter() - wall,
                    "CPU s": time.process_time() - cpu,
                    "peak MiB": peak(),
                }
            )
        told = sum(report.told.values())
        store.close()
    total = {"what": "both (figure: 30 s, 1536 MiB)"}
    total |= {key: sum(row[key] for row in rows) for key in ("wall s", "CPU s")} | {"peak MiB": peak()}
    return (
        f"{customers:,} customers x {offers} offers, 2 orders each, on SQLite in a file ({before:.0f} MiB after filling it).\n\n"
        + table([*rows, total])
        + f"\n\n{told:,} told within the budget, {report.holdout:,} held out; no other choice brings {report.gap:.2%} more."
    )


def paired(world, seed, customers):
    people = populate(WORLDS[world], customers, seed=seed)
    alone = people.without_contact(ROUNDS)
    loop = run_loop(people, rounds=ROUNDS, seed=seed)
    gains = {"loop": (loop.mean - alone[loop.treated].mean()) / 100}
    for rule in ("best seller", "random"):
        trial = run_rule(people, rule, rounds=ROUNDS, seed=seed)
        gains[rule] = float((trial.net - alone)[loop.treated].mean()) / 100
    bothered = int(loop.contacts[~people.permitted].sum())
    return gains, loop, bothered


def interval(values):
    values = np.asarray(values)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


def worlds(seeds=20, customers=500):
    rows, shown = [], {}
    for name in WORLDS:
        runs = []
        for seed in range(seeds):
            runs.append(paired(name, seed, customers))
            print(f"\r{name}: seed {seed + 1}/{seeds}   ", end="", file=sys.stderr, flush=True)
        gains = {way: [run[0][way] for run in runs] for way in ("loop", "best seller", "random")}
        over = np.subtract(gains["loop"], gains["best seller"])
        mean, low, high = interval(over)
        claims = [run[1].finding for run in runs]
        shown[name] = {way: interval(gains[way]) for way in gains}
        rows.append(
            {
                "world": name,
                "loop": f"{np.mean(gains['loop']):+.2f}",
                "best-seller to all": f"{np.mean(gains['best seller']):+.2f}",
                "random offers": f"{np.mean(gains['random']):+.2f}",
                "loop - best-seller (95 %)": f"{mean:+.2f} ({low:+.2f} to {high:+.2f})",
                "seeds won": f"{int((over > 0).sum())} of {seeds}",
                "gain claimed": f"{sum(one.low > 0 for one in claims)} of {seeds}",
                "loss claimed": f"{sum(one.high < 0 for one in claims)} of {seeds}",
                "contacts without permission": sum(run[2] for run in runs),
            }
        )
    print(file=sys.stderr)
    PICTURE.write_text(loop_picture(shown), encoding="utf-8")
    return (
        f"EUR a customer over {ROUNDS} weeks, beyond no contact; {seeds} seeds of {customers} people, the same people for each way.\n\n"
        + table(rows)
    )


def coverage(runs=200, customers=300, world="main"):
    people = populate(WORLDS[world], customers, seed=0)
    alone = people.without_contact(ROUNDS)
    total, times, found = np.zeros(customers), np.zeros(customers), []
    kept = []
    for number in range(runs):
        trial = run_loop(people, rounds=ROUNDS, seed=number, policy=attrs.evolve(POLICY, code=f"run-{number}"))
        gain = np.where(trial.treated, trial.net - alone, 0.0)
        total += gain
        times += trial.treated
        kept.append((gain, trial.treated))
        found.append(trial.finding)
        print(f"\rrun {number + 1}/{runs}   ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    inside = 0
    for finding, (gain, treated) in zip(found, kept, strict=True):
        truth = float(((total - gain) / (times - treated)).mean()) / 100
        inside += finding.low <= truth <= finding.high
    low, high = (int(stats.binom.ppf(p, runs, 0.95)) for p in (0.0005, 0.9995))
    truth = float((total / times).mean()) / 100
    said = np.mean([finding.estimate for finding in found])
    return (
        f"World {world}, {runs} runs of {customers} people: the 95 % interval that the loop gives of itself covers the true effect,"
        f" {truth:+.2f} EUR, in {inside} of {runs} (99.9 % band {low} to {high}); its mean estimate is {said:+.2f}."
    )


def floor(share=0.6, seeds=5, customers=500):
    rows = []
    for name in WORLDS:
        least, served, gains = [], [], {0.0: [], share: []}
        for seed in range(seeds):
            people = populate(WORLDS[name], customers, seed=seed)
            for floored, earned in gains.items():
                policy = attrs.evolve(POLICY, floor=floored, floor_by="kind", silence=0.0, min_gap=None)
                loop = run_loop(people, rounds=ROUNDS, seed=seed, policy=policy)
                earned.append(loop.mean / 100)
                (served if floored else least).append(
                    min(week.offered for week in loop.weeks) / int((people.permitted & loop.treated).sum())
                )
        mean, low, high = interval(np.subtract(gains[share], gains[0.0]))
        rows.append(
            {
                "world": name,
                "least told in a week, without a floor": f"{min(least):.1%}",
                f"with a floor of {share:.0%}": f"{min(served):.1%}",
                "floor holds": "yes" if min(served) >= share else "NO",
                "with less without, EUR a customer (95 %)": f"{mean:+.2f} ({low:+.2f} to {high:+.2f})",
            }
        )
    return f"Of those who may be told something; {seeds} seeds of {customers} people, {ROUNDS} weeks.\n\n" + table(rows)


PARTS = {"scale": scale, "worlds": worlds, "coverage": coverage, "floor": floor}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        text = PARTS[name]()
        print(text)
        record(f"Loop: {name}", text)
