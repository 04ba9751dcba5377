"""Three weeks of the loop, for the demonstration: what was learned, offered, refused and gained."""

from __future__ import annotations

from collections import Counter

from pycrm.datasets import WORLDS, populate
from pycrm.report.section import Section, Table
from pycrm.report.trial import POLICY, run_loop

__all__ = ["three_weeks"]

_PEOPLE = 250
_WHY = {
    "holdout": "held out for good, to measure by",
    "silent": "left alone this once, to learn what comes by itself",
    "told_lately": "heard of us lately",
    "denied": "said no to being contacted",
    "no_consent": "never said yes to being contacted",
    "unreachable": "no working address",
}


def three_weeks(seed: int) -> Section:
    """Return what the whole loop does in three weeks in a small world of known truth.

    Examples
    --------
    >>> section = three_weeks(1)
    >>> section.name, len(section.tables[0].rows)
    ('loop', 3)
    """
    people = populate(WORLDS["main"], _PEOPLE, seed=seed)
    loop = run_loop(people, rounds=3, seed=seed)
    found = loop.finding
    assert found is not None
    gained = (loop.mean - people.without_contact(3)[loop.treated].mean()) / 100
    refused = Counter[str]()
    for week in loop.weeks:
        refused.update(week.refused)
    weeks = tuple(
        (str(number), f"{week.asked:,}", f"{week.answered:,}", f"{week.offered:,}", f"{week.left_alone:,}")
        for number, week in enumerate(loop.weeks, start=1)
    )
    why = tuple(
        (_WHY.get(code, code.replace("_", " ")), f"{count:,}")
        for code, count in sorted(refused.items(), key=lambda one: (-one[1], one[0]))
        if count
    )
    taken = sum(week.accepted for week in loop.weeks)
    return Section(
        name="loop",
        title="Three weeks of the loop",
        sentences=(
            (
                f"In a world of {_PEOPLE} invented people whose needs are known to us and not to the loop, it asked, learned and offered for three "
                f"weeks: {sum(week.answered for week in loop.weeks):,} said what they need, {sum(week.offered for week in loop.weeks):,} were told "
                f"of an offer, {taken:,} of those of the first two weeks took it, and nobody was contacted without permission. {POLICY.holdout:.0%} "
                f"were held out. The loop says it brought {found.estimate:+.2f} EUR a customer ({found.low:+.2f} to {found.high:+.2f}) at a cost of "
                f"{found.cost}; in truth it is {gained:+.2f}. Three weeks are too short to tell, and the interval says so; questions are "
                "paid for first and bring what they bring later."
            ),
        ),
        tables=(
            Table(
                caption="What was asked, learned and offered",
                heads=("Week", "Asked", "Answered", "Offered", "Left alone"),
                rows=weeks,
                numbers=frozenset({1, 2, 3, 4}),
            ),
            Table(
                caption="Why the others were left alone, over three weeks",
                heads=("Reason", "Times"),
                rows=why,
                numbers=frozenset({1}),
            ),
        ),
    )
