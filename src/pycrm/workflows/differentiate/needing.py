"""Groups of needs, in behaviour and in what is known."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import chain
from typing import TypeAlias

import attrs
import numpy as np
import pandas as pd
from attrs import frozen
from numpy.typing import NDArray

from pycrm.errors import NotEstimableError
from pycrm.model.inferred_need import inferred_needs
from pycrm.model.interaction import Interaction
from pycrm.model.knowledge import CustomerFact, NeedGap, knowledge_state, need_gaps
from pycrm.model.order import Product
from pycrm.model.predicate import where
from pycrm.model.snapshot import NamedNumber, NeedsGroup
from pycrm.segmentation import (
    NeedsRules,
    segment_needs,
)
from pycrm.storage import read_columns
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query
from pycrm.workflows.differentiate.asking import Asked
from pycrm.workflows.differentiate.comparing import former_snapshot
from pycrm.workflows.differentiate.reading import Books, People

__all__ = ["Needs", "find_needs"]

Floats: TypeAlias = NDArray[np.float64]


@frozen(kw_only=True, eq=False)
class Needs:
    """The groups of needs, and what they rest on."""

    groups: tuple[NeedsGroup, ...] = ()
    gaps: tuple[NeedGap, ...] = ()
    facts: int = 0


def find_needs(
    unit: UnitOfWork, asked: Asked, people: People, books: Books, frame: pd.DataFrame, notes: list[str]
) -> Needs:
    """Put the columns `needs`, `needs_profile` and `facts` into the frame."""
    size = len(people.ids)
    nobody = pd.Series([None] * size, index=frame.index, dtype=object)
    frame["needs"], frame["needs_profile"], frame["facts"] = nobody, nobody, 0
    if asked.needs is None:
        return Needs()
    said: dict[int, list[CustomerFact]] = {}
    for batch in unit.of(CustomerFact).stream(Query(CustomerFact, where("recorded_at") < asked.until)):
        for fact in batch:
            at = people.place.get(fact.customer_id)
            if at is not None:
                said.setdefault(at, []).append(attrs.evolve(fact, customer_id=people.ids[at]))
    moment = asked.until - timedelta(microseconds=1)
    stored = {fact.id for facts in said.values() for fact in facts}
    for fact in _concluded(unit, asked, moment):
        at = people.place.get(fact.customer_id)
        if at is not None:
            said.setdefault(at, []).append(attrs.evolve(fact, customer_id=people.ids[at]))
    states = {at: knowledge_state(people.ids[at], facts, moment) for at, facts in said.items()}
    facts = np.zeros(size, dtype=np.int64)
    strength: dict[str, Floats] = {}
    for at, state in states.items():
        # What was concluded is no row of its own; its evidence is in the dialogue.
        facts[at] = sum(fact.id in stored for fact in state.facts.values())
        for topic, fact in state.facts.items():
            strength.setdefault(str(topic), np.zeros(size))[at] = fact.strength * fact.confidence
    frame["facts"] = facts
    features = _spending_habits(unit, asked.needs, books, size)
    features |= {
        name: values for name, values in sorted(strength.items()) if (values > 0).mean() >= asked.needs.least_share
    }
    known = (frame["orders"].to_numpy() > 0) | np.isin(np.arange(size), list(states))
    rows = {name: values[known] for name, values in features.items()}
    gaps = need_gaps(states.values(), asked.satisfaction)
    try:
        found = segment_needs(rows, columns=list(rows), rules=asked.needs, former=_former_groups(unit, asked))
    except NotEstimableError as error:
        notes.append(f"groups of needs cannot be told apart: {error}")
        return Needs(gaps=gaps, facts=int(facts.sum()))
    for name, values in (("needs", found.names), ("needs_profile", found.profiles)):
        column = np.full(size, None, dtype=object)
        column[known] = np.asarray(values, dtype=object)[found.label]
        frame[name] = pd.Series(column, index=frame.index, dtype=object)
    sizes = np.bincount(found.label, minlength=len(found.names))
    groups = tuple(
        NeedsGroup(
            name=name,
            customers=int(count),
            profile=profile,
            centre=tuple(NamedNumber(column, float(value)) for column, value in centre.items()),
        )
        for name, count, profile, centre in zip(found.names, sizes, found.profiles, found.centres(), strict=True)
    )
    return Needs(groups=groups, gaps=gaps, facts=int(facts.sum()))


def _concluded(unit: UnitOfWork, asked: Asked, moment: datetime) -> tuple[CustomerFact, ...]:
    if not asked.signs:
        return ()
    telling = where("outcome").is_in({sign.outcome for sign in asked.signs}) & (where("recorded_at") < asked.until)
    query = Query(Interaction, telling)
    return inferred_needs(chain.from_iterable(unit.of(Interaction).stream(query)), asked.signs, moment)


def _spending_habits(unit: UnitOfWork, rules: NeedsRules, books: Books, size: int) -> dict[str, Floats]:
    """Return what each customer spends on, as shares of the largest categories, and how many articles an order has."""
    who, skus, amounts = books.lines
    products = read_columns(unit, Query(Product), ["sku", "category"])
    category = {sku: path[0] for sku, path in zip(products["sku"], products["category"], strict=True) if path}
    codes, names = pd.factorize(np.asarray([category.get(sku, sku) for sku in skus], dtype=object))
    ours = who >= 0
    spent = np.maximum(amounts, 0.0)
    largest = np.argsort(-np.bincount(codes[ours], weights=spent[ours], minlength=len(names)), kind="stable")
    total = np.bincount(who[ours], weights=spent[ours], minlength=size)
    made: dict[str, Floats] = {}
    for code in largest[: rules.categories].tolist():
        hit = ours & (codes == code)
        part = np.bincount(who[hit], weights=spent[hit], minlength=size)
        made[f"share of {names[code]}"] = np.where(total > 0, part / np.where(total > 0, total, 1.0), 0.0)
    orders = np.bincount(books.orders["customer"], minlength=size)
    lines = np.bincount(who[ours], minlength=size)
    made["articles per order"] = lines / np.maximum(orders, 1)
    return made


def _former_groups(unit: UnitOfWork, asked: Asked) -> dict[str, dict[str, float]]:
    found = former_snapshot(unit, asked)
    if found is None:
        return {}
    return {group.name: {number.name: number.value for number in group.centre} for group in found.groups}
