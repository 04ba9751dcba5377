"""The whole loop over a simulated business: identify, differentiate, interact, personalise, in one unit of work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC
from decimal import Decimal
from itertools import groupby, islice
from typing import Any, Literal

import pandas as pd
from attrs import frozen

from pycrm.datasets import SimulatedBusiness
from pycrm.datasets.entities import source_records
from pycrm.errors import InvalidValueError
from pycrm.model.entity import Entity
from pycrm.model.import_run import ImportRun
from pycrm.model.offer import Offer, OfferKind
from pycrm.model.order import Order
from pycrm.model.predicate import where
from pycrm.model.source import SourceRecord
from pycrm.report import differentiating, identifying, ledgers
from pycrm.report.importing import owners_of
from pycrm.report.section import Bar, Section, Table
from pycrm.report.together import Together
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows import differentiate, identify, interact, personalise

__all__ = ["NAME", "Loop", "fill", "sections"]

NAME = "a simulated business"
_BATCH = 5_000


@frozen(kw_only=True)
class Loop:
    """What the four verbs found, and what was true.

    Parameters
    ----------
    before : bool
        Whether all of it was in the store already.
    identified : IdentifyReport
        Who is who.
    shown : Shown or None
        How records found their customers, and a merge with its end; None where it was shown before.
    people, whole : int
        People there are in truth; those of them whose records all were found, and nobody else's with them.
    assessed : DifferentiateReport or None
        What they are worth; None where it was assessed before.
    planned : InteractReport or None
        Whom to speak to next; None where it was planned before.
    decided : PersonaliseReport or None
        Who gets which offer; None where it was decided before.
    ledgers : LedgersFound
        A win-back, a refused contact, and a referral that paid both sides.
    """

    before: bool
    identified: identify.IdentifyReport
    shown: identifying.Shown | None
    people: int
    whole: int
    assessed: differentiate.DifferentiateReport | None
    planned: interact.InteractReport | None
    decided: personalise.PersonaliseReport | None
    ledgers: ledgers.LedgersFound


def fill(
    store: Store,
    business: SimulatedBusiness,
    *,
    unit: Literal["day", "week"] = "week",
    progress: Callable[[str], None] | None = None,
) -> Loop:
    """Keep a business in `store` and run the loop over it; the same business again changes nothing.

    Raises
    ------
    InvalidValueError
        If the store holds something else.
    """
    say = progress or (lambda _: None)
    now = pd.Timestamp(business.end).to_pydatetime().replace(tzinfo=UTC)
    key = f"simulated:{business.seed}:{len(business.people)}"
    with store.begin(actor="demo", cause="a simulated business") as work:
        together = Together(store, work)
        runs = work.of(ImportRun)
        if runs.page(Query(ImportRun, where("key") == key), size=1).items:
            identified = identify.resolve(together, at=now)
            people, whole = _against_truth(business, work)
            return Loop(
                before=True,
                identified=identified,
                shown=None,
                people=people,
                whole=whole,
                assessed=None,
                planned=None,
                decided=None,
                ledgers=ledgers.look(together, now),
            )
        if any(work.of(model).page(Query(model), size=1).items for model in (Order, SourceRecord)):
            raise InvalidValueError("store", key, "it holds other data; give the demonstration a store of its own")
        say("identify")
        identify.register(together, source_records(business))
        first = identify.resolve(together, at=now)
        owner = owners_of(work)
        say("orders and dialogue")
        for model, entities in groupby(business.entities(owner), key=type):
            if model is not SourceRecord:
                _put(work, model, entities)
        work.of(Offer).put_many(_offers())
        identified = identify.resolve(together, at=now)
        shown = identifying.show(together, work, first, now)
        as_of = now.date()
        say("differentiate")
        assessed = differentiating.assess_twice(together, as_of, unit)
        say("interact")
        planned = interact.plan(together, as_of=as_of, at=now)
        say("personalise")
        decided = personalise.decide(together, as_of=as_of, at=now)
        say("stages, permission, points")
        kept = ledgers.look(together, now)
        people, whole = _against_truth(business, work)
        runs.add(ImportRun(source=NAME, key=key, started_at=now))
        work.commit()
    return Loop(
        before=False,
        identified=identified,
        shown=shown,
        people=people,
        whole=whole,
        assessed=assessed,
        planned=planned,
        decided=decided,
        ledgers=kept,
    )


def _put(work: UnitOfWork, model: type[Any], entities: Iterable[Entity]) -> None:
    waiting = iter(entities)
    while batch := list(islice(waiting, _BATCH)):
        work.of(model).put_many(batch)


def _offers() -> list[Offer]:
    return [
        Offer(
            code="first_look",
            name="See the new season a week before everybody else",
            kind=OfferKind.SERVICE,
            eligible=where("tier") == "most valuable",
            priority=30,
        ),
        Offer(
            code="come_back",
            name="Ten percent on what you bought last",
            kind=OfferKind.PERCENT,
            percent=Decimal(10),
            eligible=where("segment").is_in(("At Risk", "Can't Lose Them", "About To Sleep")),
            priority=20,
        ),
        Offer(
            code="second_order",
            name="Free delivery of your next order",
            kind=OfferKind.SERVICE,
            eligible=where("segment").is_in(("New Customers", "Promising", "Potential Loyalist")),
            priority=10,
        ),
        Offer(code="guide", name="Our guide to tea and coffee", kind=OfferKind.CONTENT, fallback=True),
    ]


def _against_truth(business: SimulatedBusiness, work: UnitOfWork) -> tuple[int, int]:
    """Return how many people there are, and how many are one customer who is nobody else."""
    owner = owners_of(work)
    found = business.contacts[["source", "key", "person"]].copy()
    found["customer"] = [str(owner[pair]) for pair in zip(found["source"], found["key"], strict=True)]
    customers = found.groupby("person")["customer"].nunique()
    people = found.groupby("customer")["person"].nunique()
    alone = found["customer"].map(people).groupby(found["person"]).max()
    return len(customers), int(((customers == 1) & (alone == 1)).sum())


def sections(loop: Loop) -> tuple[Section, ...]:
    """Return what the loop adds to a report."""
    shown = () if loop.shown is None else (identifying.section(loop.shown),)
    ours = ledgers.section(loop.ledgers)
    return (_identified(loop), *shown, _assessed(loop), _planned(loop), _decided(loop), ours)


def _counted(caption: str, heads: tuple[str, str], counts: Iterable[tuple[str, int]]) -> Table:
    rows = sorted(counts, key=lambda row: (-row[1], row[0]))
    most = max((count for _, count in rows), default=1) or 1
    return Table(
        caption=caption,
        heads=heads,
        rows=tuple((name.replace("_", " "), Bar(f"{count:,}", count / most)) for name, count in rows),
    )


def _identified(loop: Loop) -> Section:
    found = loop.identified
    completeness = sorted(found.completeness.items(), key=lambda item: (-item[1], item[0]))
    return Section(
        name="identify",
        title="Identify",
        sentences=(
            (
                f"{found.records:,} records of two sources speak of {found.customers:,} customers; {found.duplicates:,} records are duplicates. "
                f"In truth they are {loop.people:,} people, of whom {loop.whole:,} ({loop.whole / loop.people:.1%}) are one customer and nobody "
                "else is. Exact rules came first, the probabilistic engine found what a typing error had hidden."
            ),
        ),
        tables=(
            Table(
                caption="Known of customers",
                heads=("Field", "Share"),
                rows=tuple((name.replace("_", " "), Bar(f"{share:.0%}", share)) for name, share in completeness),
            ),
            _counted(
                f"May be contacted for {found.purpose}, permission included",
                ("Channel", "Customers"),
                found.addressability.items(),
            ),
        ),
    )


def _assessed(loop: Loop) -> Section:
    if loop.assessed is None:
        return Section(
            name="differentiate",
            title="Differentiate",
            sentences=("The customers were assessed before; the snapshot is in the store.",),
        )
    return differentiating.section(loop.assessed)


def _planned(loop: Loop) -> Section:
    if loop.planned is None:
        return Section(
            name="interact",
            title="Interact",
            sentences=("The next contacts were planned before and are in the store.",),
        )
    planned = loop.planned
    tables = [_counted("What is asked and told", ("Topic", "Customers"), planned.topics.items())]
    if planned.refused:
        tables.append(_counted("Why the others get nothing", ("Reason", "Customers"), planned.refused.items()))
    return Section(
        name="interact",
        title="Interact",
        sentences=(
            (
                f"{planned.planned:,} of {planned.customers:,} customers get one question or message, the one worth most that concerns them, over "
                "a channel they permit. Nobody is contacted without permission."
            ),
        ),
        tables=tuple(tables),
    )


def _decided(loop: Loop) -> Section:
    if loop.decided is None:
        return Section(
            name="personalise", title="Personalise", sentences=("The offers were decided before and are in the store.",)
        )
    decided = loop.decided
    return Section(
        name="personalise",
        title="Personalise",
        sentences=(
            (
                f"Each of {decided.customers:,} customers has an offer that fits, {decided.fallback:,} of them the fallback; nobody gets what they "
                f"own. {sum(decided.told.values()):,} may be told, the others see it when they come."
            ),
        ),
        tables=(_counted("Offers", ("Offer", "Customers"), decided.offers.items()),),
    )
