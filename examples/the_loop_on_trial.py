"""A loop that asks, learns and offers, beside two simple rules, in a world whose truth is known.

python examples/the_loop_on_trial.py [world] [customers] [weeks]
"""

import sys

from pycrm.datasets import WORLDS, populate
from pycrm.report.trial import run_loop, run_rule


def main(world="main", customers=300, weeks=20):
    people = populate(WORLDS[world], customers, seed=1)
    alone = people.without_contact(weeks)

    print(f"{world}: {customers} people, {weeks} weeks")
    print("week  asked  answered  offered  accepted  left alone  needs known")
    shown = iter(range(1, weeks + 1))

    def show(week):
        print(
            f"{next(shown):>4}  {week.asked:>5}  {week.answered:>8}  {week.offered:>7}  {week.accepted:>8}"
            f"  {week.left_alone:>10}  {week.known:>11.0%}"
        )

    loop = run_loop(people, rounds=weeks, seed=1, progress=show)
    print("\nwhat it earns a customer beyond no contact, EUR (the world's own reckoning)")
    print(f"  the loop     {(loop.mean - alone[loop.treated].mean()) / 100:+.2f}")
    for rule in ("best seller", "random"):
        trial = run_rule(people, rule, rounds=weeks, seed=1)
        print(f"  {rule:<12} {(trial.mean - alone.mean()) / 100:+.2f}")
    said = loop.finding
    print(
        f"\nthe loop says of itself: {said.estimate:+.2f} ({said.low:+.2f} to {said.high:+.2f}), at a cost of {said.cost}"
    )
    print(f"contacts without permission: {int(loop.contacts[~people.permitted].sum())}")
    return loop


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(*arguments[:1], *(int(number) for number in arguments[1:]))
