"""Whom each source record speaks of: exact rules first, then the probabilistic engine, under what people have decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs
import numpy as np
import pandas as pd
from attrs import field, frozen

from pycrm import matching
from pycrm.matching import Decision, Edges, FellegiSunter, Resolution, keep_ids, resolve_edges, review_queue
from pycrm.model.checks import expect, listed
from pycrm.model.consent import may_contact
from pycrm.model.contact import Channel, ContactKind
from pycrm.model.correction import is_correction
from pycrm.model.customer import Customer
from pycrm.model.entity import new_id
from pycrm.model.merge import MatchDecision, MatchQuestion, decisions_in_force
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.model.time import instant
from pycrm.storage.lookups import consents_by_customer
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.workflows.identify.rules import FIELDS, RULES, Rule, edges_of, in_order, tax_id_of, text_of
from pycrm.workflows.identify.settling import settle
from pycrm.workflows.identify.state import Cause, all_of_model
from pycrm.workflows.identify.surviving import Surviving

__all__ = ["ExplainedPair", "IdentifyReport", "Matching", "clusters_of", "resolve"]


@frozen(kw_only=True)
class Matching:
    """How records that no exact rule decides are compared.

    Parameters
    ----------
    fields : Mapping of str to str
        The fields of a source record to compare, each with its kind as in `pycrm.matching.resolve`.
    threshold : float
        Two records more probable than this are one customer.
    review : tuple of two float
        The probabilities between which a pair is a question for a person.
    questions : int
        The most that wait at a time; those nearest to even odds.
    fewest : int
        With fewer records there is nothing to learn from, and exact rules decide alone (unless `model` is given).
    model : FellegiSunter, optional
        What agreement weighs; learned from the records by default.
    limits : Mapping of str to int
        How many different values of a strong identifier one customer may have.

    Examples
    --------
    >>> Matching(threshold=0.9).review
    (0.1, 0.95)
    """

    fields: Mapping[str, str] = field(default=FIELDS)
    threshold: float = 0.5
    review: tuple[float, float] = (0.1, 0.95)
    questions: int = 100
    fewest: int = 100
    model: FellegiSunter | None = None
    limits: Mapping[str, int] = field(factory=lambda: {"tax_id": 1})


@frozen
class ExplainedPair:
    """Two source records that the engine takes for one customer, and why in words."""

    left_id: UUID
    right_id: UUID
    probability: float
    sentence: str


@frozen(kw_only=True)
class IdentifyReport:
    """What identifying found.

    Parameters
    ----------
    records : int
        Source records in the store, corrections not counted.
    customers : int
        Customers they speak of.
    added, changed : int
        Customers that are new, or know something new, since the last time.
    duplicates : int
        Records beyond the first of their customer.
    decided : Mapping of str to int
        How many records each rule decided this time; "model" is the probabilistic engine, "new" no match.
    united : tuple of (UUID, UUID)
        Customers who turned out to be one: who he is now, and who became an alias of him.
    conflicts : tuple of tuple of UUID
        Customers that a rule says are one, but who are kept apart: by a decision, by two tax ids, or because `unite` is off.
    questions : int
        Pairs that wait for a person; `identify.questions` lists them.
    explained : tuple of ExplainedPair
        Of the pairs that the engine joined this time the least sure ones, in words.
    completeness : Mapping of str to float
        Share of the customers of whom each field is known.
    addressability : Mapping of str to int
        Customers who may be reached over each channel for `purpose`, permission included.
    purpose : str
        The purpose asked about.
    model : FellegiSunter or None
        What agreement weighed; give it to the next run to weigh alike. None where rules decided alone.
    """

    records: int
    customers: int
    added: int
    changed: int
    duplicates: int
    decided: Mapping[str, int]
    united: tuple[tuple[UUID, UUID], ...]
    conflicts: tuple[tuple[UUID, ...], ...]
    questions: int
    explained: tuple[ExplainedPair, ...]
    completeness: Mapping[str, float]
    addressability: Mapping[str, int]
    purpose: str
    model: FellegiSunter | None = field(default=None, repr=False)


_DEFAULT = Matching()
_EXPLAINED = 5


def resolve(
    store: Store,
    *,
    at: datetime,
    rules: Sequence[Rule] = RULES,
    matching: Matching | None = _DEFAULT,
    surviving: Surviving | None = None,
    unite: bool = True,
    purpose: str = "marketing",
    actor: str | None = None,
) -> IdentifyReport:
    """Decide whom each source record speaks of, and bring the customer list up to date.

    Records that share every key of a rule are one customer, through as many steps as it takes; of the others the engine of
    `pycrm.matching` joins those that are more probably one than two. What people decided (`merge`, `decide`) holds over both.
    The answer is that of all records at once, whenever each of them came. A customer keeps his id: of several who turn out to
    be one, who has most records; the others become aliases, and `unmerge` takes it back.

    Parameters
    ----------
    store : Store
        With the source records that `register` kept.
    at : datetime
        Now; later than the decisions before.
    rules : sequence of Rule
        Any of them suffices.
    matching : Matching, optional
        How the engine is asked; None leaves it to the rules.
    surviving : Surviving, optional
        Which of several values of a field survives; the one received last by default. Contact points and ids are all kept.
    unite : bool
        Whether two customers who exist already may become one; otherwise they are reported as conflicts.
    purpose : str
        What addressability asks permission for.
    actor : str, optional
        Who does it, for the audit trail.

    Examples
    --------
    >>> from datetime import UTC
    >>> from pycrm.storage import MemoryStore
    >>> from pycrm.workflows.identify import register
    >>> store, now = MemoryStore(), datetime(2026, 5, 1, tzinfo=UTC)
    >>> said = [{"given_name": "Ana", "email": "ANA@example.com"}, {"family_name": "Ruiz", "email": "ana@example.com"}]
    >>> rows = [SourceRecord(source="shop", key=str(n), received_at=now, fields=f) for n, f in enumerate(said)]
    >>> [outcome.status.value for outcome in register(store, rows)]
    ['added', 'added']
    >>> report = resolve(store, at=now)
    >>> report.customers, report.duplicates
    (1, 1)
    """
    at = instant(at)
    rules = listed("rules", rules, Rule)
    if matching is not None:
        expect("matching", matching, Matching)
    if surviving is not None:
        expect("surviving", surviving, Surviving)
    how = Surviving() if surviving is None else surviving
    with store.begin(actor=actor, cause="identify.resolve") as unit:
        report = _resolve(unit, at, tuple(rules), matching, how, unite, purpose)
        unit.commit()
    return report


def _resolve(
    unit: UnitOfWork,
    at: datetime,
    rules: tuple[Rule, ...],
    how: Matching | None,
    surviving: Surviving,
    unite: bool,
    purpose: str,
) -> IdentifyReport:
    records = in_order(all_of_model(unit, SourceRecord))
    links = all_of_model(unit, IdentityLink)
    decisions = decisions_in_force(all_of_model(unit, MatchDecision))
    edges = list(edges_of(records, rules))
    found = clusters_of(records, edges, decisions, how)
    current = identities(links)
    customers = {customer.id: customer for customer in all_of_model(unit, Customer)}
    after = _named(records, found, current, links, customers)
    if not unite:
        after = _apart(after, current)
    causes = _causes(records, after, current, edges, found)
    settled = settle(
        unit,
        at=at,
        records={record.id: record for record in records},
        links=links,
        after=after,
        causes=causes,
        surviving=surviving,
    )
    customers |= settled.customers
    decided: dict[str, int] = {}
    for cause in causes.values():
        decided[cause.rule] = decided.get(cause.rule, 0) + 1
    asked = _ask(unit, records, found, edges, decisions, how, at)
    said = sum(not is_correction(record) for record in records)
    spoken_of = [customers[id] for id in dict.fromkeys(after.values()) if id in customers]
    return IdentifyReport(
        records=said,
        customers=len(spoken_of),
        added=settled.added,
        changed=settled.changed,
        duplicates=said - len(spoken_of),
        decided=decided,
        united=settled.merged,
        conflicts=_conflicts(records, after, edges),
        questions=asked,
        explained=_explained(records, causes, found),
        completeness=_completeness(spoken_of),
        addressability=_addressability(unit, spoken_of, at, purpose),
        purpose=purpose,
        model=found.model,
    )


def clusters_of(
    records: Sequence[SourceRecord],
    edges: Iterable[tuple[int, int, str]],
    decisions: Iterable[MatchDecision],
    how: Matching | None,
) -> Resolution:
    """Return who is who among records, by their places: exact agreements are certain, decisions hold, the rest is weighed."""
    limits = {} if how is None else dict(how.limits)
    names = [f"{record.source}\x1f{record.key}" for record in records]
    place = {record.id: name for record, name in zip(records, names, strict=True)}
    said = [one for one in decisions if one.left_id in place and one.right_id in place]
    always = [(names[later], names[earlier]) for later, earlier, _ in edges]
    always += [(place[one.left_id], place[one.right_id]) for one in said if one.same]
    never = [(place[one.left_id], place[one.right_id]) for one in said if not one.same]
    fields = FIELDS if how is None else how.fields
    table = _table(records, names, fields)
    if "tax_id" in table.columns:
        table["tax_id"] = _one_owner(table["tax_id"].tolist(), records, [one for one in said if one.same])
    kinds = {name: kind for name, kind in fields.items() if name in table.columns}
    limits = {name: most for name, most in limits.items() if name in kinds}
    if how is None or not kinds or (how.model is None and len(records) < how.fewest):
        kept = {name: kinds[name] for name in limits} or {"source": "text"}
        none = Edges([], [], np.empty(0))
        return resolve_edges(table, none, id="record", fields=kept, always=always, never=never, limits=limits)
    if how.model is not None:
        kinds = dict(how.model.kinds)
        table = table.assign(**{name: None for name in kinds if name not in table.columns})
    return matching.resolve(
        table,
        id="record",
        fields=kinds,
        threshold=how.threshold,
        model=how.model,
        always=always,
        never=never,
        limits=limits,
    )


def _table(records: Sequence[SourceRecord], names: Sequence[str], fields: Mapping[str, str]) -> pd.DataFrame:
    """Return records as columns; a field of which nobody says anything is left out."""
    columns: dict[str, Any] = {"record": names, "source": [record.source for record in records]}
    for name in fields:
        if name == "tax_id":
            values: list[Any] = [tax_id_of(record.fields) for record in records]
        else:
            values = [_cell(record.fields.get(name)) for record in records]
        if any(value is not None for value in values):
            columns[name] = np.array([*values, None], dtype=object)[:-1]
    return pd.DataFrame(columns)


def _one_owner(
    values: Sequence[str | None], records: Sequence[SourceRecord], same: Iterable[MatchDecision]
) -> list[str | None]:
    """Return tax ids with those that people gave to one customer written alike: a decision outranks the limit."""
    held = {record.id: value for record, value in zip(records, values, strict=True) if value is not None}
    as_one: dict[str, str] = {}
    for one in same:
        left, right = held.get(one.left_id), held.get(one.right_id)
        if left is not None and right is not None:
            former, now = as_one.get(right, right), as_one.get(left, left)
            as_one |= {value: now for value, of in {**as_one, right: former, former: former}.items() if of == former}
    return [value and as_one.get(value, value) for value in values]


def _cell(value: Any) -> Any:
    several = isinstance(value, tuple | list)
    return [text for one in value if (text := text_of(one)) is not None] or None if several else text_of(value)


def _named(
    records: Sequence[SourceRecord],
    found: Resolution,
    current: Mapping[UUID, UUID],
    links: Iterable[IdentityLink],
    customers: Collection[UUID],
) -> dict[UUID, UUID]:
    """Return the customer of each record: a cluster keeps the id of most of its records, else gets back one it once had."""
    labels = found.clusters["cluster"].tolist()
    return named_clusters(
        records, labels, {one: id for one, id in current.items() if id in customers}, links, customers
    )


def named_clusters(
    records: Sequence[SourceRecord],
    labels: Sequence[Any],
    held: Mapping[UUID, UUID],
    links: Iterable[IdentityLink],
    customers: Collection[UUID],
) -> dict[UUID, UUID]:
    """Return the customer of each record; `held` says whom records spoke of until now."""
    codes, _ = pd.factorize(np.array([*labels, None], dtype=object)[:-1])
    known = [row for row, record in enumerate(records) if record.id in held]
    # By the place of their first record, so that of two with as many records the older one keeps his id, in every store.
    by_age = list(dict.fromkeys(held[records[row].id] for row in known))
    written = {id: f"{place:012d}" for place, id in enumerate(by_age)}
    previous = np.array([written[held[records[row].id]] for row in known], dtype=object)
    names, _ = keep_ids(np.arange(len(records)), codes, np.array(known, dtype=np.int64), previous)
    kept = [by_age[int(name)] if isinstance(name, str) else None for name in names.tolist()]
    by_record: dict[UUID, list[UUID]] = {}
    for link in links:
        if link.former_id is not None:
            by_record.setdefault(link.record_id, []).append(link.former_id)
    used = {label for label in kept if label is not None}
    fresh: dict[int, UUID] = {}
    after: dict[UUID, UUID] = {}
    former: dict[int, list[UUID]] = {}
    for record, code, label in zip(records, codes.tolist(), kept, strict=True):
        if label is None:
            former.setdefault(code, []).extend(by_record.get(record.id, ()))
    for code, ids_once in former.items():
        free = [id for id in dict.fromkeys(ids_once) if id not in used and id in customers]
        fresh[code] = max(free, key=ids_once.count) if free else new_id()
        used.add(fresh[code])
    for record, code, label in zip(records, codes.tolist(), kept, strict=True):
        after[record.id] = fresh[code] if label is None else label
    return after


def _apart(after: Mapping[UUID, UUID], current: Mapping[UUID, UUID]) -> dict[UUID, UUID]:
    """Return the same without uniting customers who exist: records that speak of somebody go on to."""
    return {record: current.get(record, customer) for record, customer in after.items()}


def _causes(
    records: Sequence[SourceRecord],
    after: Mapping[UUID, UUID],
    current: Mapping[UUID, UUID],
    edges: Iterable[tuple[int, int, str]],
    found: Resolution,
) -> dict[UUID, Cause]:
    """Return for each record that changes hands why: the rule or pair that found it, a decision, or that it is new."""
    moved = {record.id for record in records if current.get(record.id) != after[record.id]}
    if not moved:
        return {}
    causes: dict[UUID, Cause] = {}
    for later, earlier, rule in edges:
        one, mate = records[later], records[earlier]
        if one.id in moved and one.id not in causes and after[one.id] == after[mate.id]:
            causes[one.id] = Cause(
                rule=rule, reason=f"it agrees on {rule} with {mate.source}:{mate.key}", mate_id=mate.id
            )
    first = {after[record.id]: record.id for record in reversed(records)}
    by_model = _best_mates(records, after, moved - causes.keys(), found)
    for record in records:
        if record.id not in moved or record.id in causes:
            continue
        if first[after[record.id]] == record.id and record.id not in current:
            causes[record.id] = Cause(rule="new", reason="nothing found it among the records before")
        elif record.id in by_model:
            mate, probability = by_model[record.id]
            reason = f"it is {probability:.1%} probable that it and {mate.source}:{mate.key} are one"
            causes[record.id] = Cause(rule="model", reason=reason, probability=probability, mate_id=mate.id)
        elif record.id in current:
            causes[record.id] = Cause(rule="together", reason="the records it belongs with changed hands")
        else:
            causes[record.id] = Cause(rule="together", reason="it belongs with records that were found to be one")
    return causes


def _best_mates(
    records: Sequence[SourceRecord], after: Mapping[UUID, UUID], wanted: Collection[UUID], found: Resolution
) -> Mapping[UUID, tuple[SourceRecord, float]]:
    """Return for each record wanted the one it most probably is one with, of those it was joined to."""
    if not wanted or found.model is None or not len(found.rows):
        return {}
    order = found.records.order
    left, right = order[found.rows], order[found.others]
    whose = pd.factorize(np.array([*(after[record.id] for record in records), None], dtype=object)[:-1])[0]
    asked = np.fromiter((record.id in wanted for record in records), bool, len(records))
    ones, mates = np.concatenate([left, right]), np.concatenate([right, left])
    weight = np.concatenate([found.weight, found.weight])
    kept = np.flatnonzero(asked[ones] & (whose[ones] == whose[mates]) & (weight > 0.0))
    kept = kept[np.lexsort((mates[kept], -weight[kept], ones[kept]))]
    kept = kept[np.diff(ones[kept], prepend=-1) != 0]
    probability = 1.0 / (1.0 + np.exp2(-np.clip(weight[kept], -500.0, 500.0)))
    return {
        records[one].id: (records[mate], float(chance))
        for one, mate, chance in zip(ones[kept].tolist(), mates[kept].tolist(), probability.tolist(), strict=True)
    }


def _conflicts(
    records: Sequence[SourceRecord], after: Mapping[UUID, UUID], edges: Iterable[tuple[int, int, str]]
) -> tuple[tuple[UUID, ...], ...]:
    pairs = ((after[records[earlier].id], after[records[later].id]) for later, earlier, _ in edges)
    return tuple(dict.fromkeys(tuple(sorted(pair, key=str)) for pair in pairs if pair[0] != pair[1]))


def _explained(
    records: Sequence[SourceRecord], causes: Mapping[UUID, Cause], found: Resolution
) -> tuple[ExplainedPair, ...]:
    by_model = [(id, cause) for id, cause in causes.items() if cause.rule == "model" and cause.mate_id is not None]
    by_model.sort(key=lambda one: one[1].probability)
    name = {record.id: f"{record.source}\x1f{record.key}" for record in records} if by_model else {}
    made = []
    for id, cause in by_model[:_EXPLAINED]:
        assert cause.mate_id is not None
        sentence = found.explain(name[id], name[cause.mate_id]).sentence.replace("\x1f", ":")
        made.append(ExplainedPair(id, cause.mate_id, cause.probability, sentence))
    return tuple(made)


def _ask(
    unit: UnitOfWork,
    records: Sequence[SourceRecord],
    found: Resolution,
    edges: Iterable[tuple[int, int, str]],
    decisions: Iterable[MatchDecision],
    how: Matching | None,
    at: datetime,
) -> int:
    """Keep the questions that are open now, and no others; a question that stands is left as it is."""
    repository = unit.of(MatchQuestion)
    held = {question.pair: question for question in all_of_model(unit, MatchQuestion)}
    pairs = [(one.left_id, one.right_id) for one in decisions]
    pairs += [(records[later].id, records[earlier].id) for later, earlier, _ in edges]
    answered = set(map(frozenset, pairs))
    wanted: dict[frozenset[UUID], MatchQuestion] = {}
    if how is not None and found.model is not None:
        by_name = {f"{record.source}\x1f{record.key}": record.id for record in records}
        low, high = how.review
        said = {record: name for name, record in by_name.items()}
        known = (pair for pair in pairs if pair[0] in said and pair[1] in said)
        before = [
            Decision(id=number, action="merge", records=(said[one], said[other]))
            for number, (one, other) in enumerate(known)
        ]
        queue = review_queue(found, low=low, high=high, limit=how.questions, decided=before)
        columns = [queue[name].tolist() for name in ("left", "right", "weight", "probability", "why")]
        for left, right, weight, probability, why in zip(*columns, strict=True):
            asked = MatchQuestion(
                left_id=by_name[left],
                right_id=by_name[right],
                probability=probability,
                weight=weight,
                why=why.replace("\x1f", ":"),
                asked_at=at,
            )
            wanted[asked.pair] = asked
    elif how is not None:
        wanted = {pair: question for pair, question in held.items() if pair not in answered}
    for pair, question in held.items():
        if pair not in wanted:
            repository.remove(question.id)
        elif question.weight != wanted[pair].weight:
            repository.save(
                attrs.evolve(
                    question, weight=wanted[pair].weight, probability=wanted[pair].probability, why=wanted[pair].why
                )
            )
    repository.put_many(question for pair, question in wanted.items() if pair not in held)
    return len(wanted)


def _completeness(customers: Sequence[Customer]) -> Mapping[str, float]:
    known = {
        "name": lambda customer: customer.name is not None,
        "email": lambda customer: any(point.kind is ContactKind.EMAIL for point in customer.contact_points),
        "phone": lambda customer: any(point.kind is ContactKind.PHONE for point in customer.contact_points),
        "birth_date": lambda customer: customer.birth_date is not None,
        "country": lambda customer: customer.country is not None,
    }
    if not customers:
        return dict.fromkeys(known, 0.0)
    return {name: sum(map(test, customers)) / len(customers) for name, test in known.items()}


def _addressability(unit: UnitOfWork, customers: Sequence[Customer], at: datetime, purpose: str) -> Mapping[str, int]:
    said = consents_by_customer(unit, at)
    channels = (Channel.EMAIL, Channel.PHONE, Channel.SMS)
    return {
        str(channel): sum(
            may_contact(customer, channel, purpose, at, consents=said[customer.id]).allowed
            for customer in customers
            if customer.id in said
        )
        for channel in channels
    }
