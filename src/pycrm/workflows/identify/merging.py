"""Two customers who turn out to be one, and who turn out not to be: decided by a person, kept, and taken back without a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import attrs
from attrs import frozen

from pycrm.errors import InvalidValueError
from pycrm.model.consent import ConsentEntry
from pycrm.model.customer import Customer
from pycrm.model.entity import new_id
from pycrm.model.interaction import Interaction
from pycrm.model.lifecycle import Stage, StageChange, StageRetraction, stage_of, standing_stages
from pycrm.model.merge import MatchDecision, MatchQuestion, decisions_in_force
from pycrm.model.order import Order
from pycrm.model.source import IdentityLink, SourceRecord, identities
from pycrm.model.time import instant
from pycrm.storage import identity
from pycrm.storage.lookups import united_consents
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.workflows.identify.resolving import clusters_of, named_clusters
from pycrm.workflows.identify.rules import RULES, Rule, edges_of, in_order
from pycrm.workflows.identify.settling import settle
from pycrm.workflows.identify.state import Cause, all_of_model, few, links_about, records_of, refuse_earlier
from pycrm.workflows.identify.surviving import Surviving, made_of, said_of

__all__ = ["CustomerFile", "aliases", "decide", "file_of", "forget", "merge", "questions", "retell", "unmerge"]


def merge(
    store: Store,
    winner_id: UUID,
    loser_id: UUID,
    *,
    at: datetime,
    reason: str,
    surviving: Surviving | None = None,
    actor: str | None = None,
) -> Customer:
    """Decide that two customers are one; return the one that stays.

    Nothing is moved or overwritten: the loser's source records speak of the winner from now on, and what else speaks of the
    loser is read under the winner, by every verb. So `unmerge` brings both back as they were, and `resolve` knows of it.

    Parameters
    ----------
    store : Store
        With both customers, each with a source record.
    winner_id, loser_id : UUID
        Who stays, and who becomes an alias of him.
    at : datetime
        Now; later than the decisions about their records so far.
    reason : str
        In words, for the record.
    surviving : Surviving, optional
        As it is given to `resolve`.
    actor : str, optional
        Who decides, for the audit trail.

    Raises
    ------
    NotFound
        If there is no such customer.
    InvalidValueError
        If they are the same, one of them has no source records, a decision keeps them apart, or a later decision is there already.
    """
    if winner_id == loser_id:
        raise InvalidValueError("loser_id", loser_id, "name two different customers")
    at = instant(at)
    with store.begin(actor=actor, cause="identify.merge") as unit:
        winner, _ = unit.of(Customer).get_many([winner_id, loser_id])
        links = links_about(unit, [winner_id, loser_id])
        now = identities(links)
        for name, one in (("winner_id", winner_id), ("loser_id", loser_id)):
            if one not in now.values():
                raise InvalidValueError(
                    name, one, "no source record speaks of this customer; register one, or take his merge back"
                )
        sides = [[record for record, customer in now.items() if customer == one] for one in (winner_id, loser_id)]
        refuse_earlier(links, sides[1], at)
        said = _decisions_about(unit, [*sides[0], *sides[1]])
        _refuse_apart(said, sides)
        known = {record.id: record for record in unit.of(SourceRecord).get_many([*sides[0], *sides[1]])}
        made = MatchDecision(
            left_id=_own_record(winner_id, sides[0], links, known),
            right_id=_own_record(loser_id, sides[1], links, known),
            same=True,
            decided_at=at,
            decided_by=actor,
            reason=reason,
            winner_id=winner_id,
            loser_id=loser_id,
            own_first_touch_at=_own_first_touch(said, winner),
        )
        unit.of(MatchDecision).add(made)
        cause = Cause(rule="merge", reason=reason, mate_id=made.left_id)
        settle(
            unit, at=at, records=known, links=links, surviving=surviving or Surviving(),
            after=now | dict.fromkeys(sides[1], winner_id), causes=dict.fromkeys(sides[1], cause),
        )  # fmt: skip
        _forget_questions(unit, known, [made])
        stays = unit.of(Customer).get(winner_id)
        unit.commit()
    return stays


def unmerge(
    store: Store,
    loser_id: UUID,
    *,
    at: datetime,
    reason: str,
    rules: Sequence[Rule] = RULES,
    surviving: Surviving | None = None,
    actor: str | None = None,
) -> Customer:
    """Take the last merge of a customer back; return him as he is again.

    The decisions are replayed without that one, and who is who follows as if it had never been made: the records that came
    since go where they belong. Where nobody decided the merge, because the engine or a rule found it, it is decided now that
    they are two. If exact rules still make them one without the decision, he stays who he is and is returned; ask once more
    to keep them apart all the same.

    Parameters
    ----------
    store : Store
        Where he was merged.
    loser_id : UUID
        Who became an alias.
    at : datetime
        Now; later than the merge.
    reason : str
        In words, for the record.
    rules, surviving
        As they are given to `resolve`.
    actor : str, optional
        Who decides, for the audit trail.

    Raises
    ------
    NotFound
        If there is no such customer.
    InvalidValueError
        If he is merged into nobody, or a later decision is there already.
    """
    at = instant(at)
    with store.begin(actor=actor, cause="identify.unmerge") as unit:
        unit.of(Customer).get(loser_id)
        links = links_about(unit, [loser_id])
        now = identities(links)
        said = _decisions_about(unit, now)
        undone = next(
            (one for one in reversed(decisions_in_force(said)) if one.same and one.loser_id == loser_id), None
        )
        if undone is None and (loser_id in now.values() or not any(link.former_id == loser_id for link in links)):
            raise InvalidValueError("loser_id", loser_id, "he is merged into nobody; there is nothing to take back")
        refuse_earlier(links, now, at)
        known = {record.id: record for record in unit.of(SourceRecord).get_many(list(now))}
        apart: frozenset[UUID] = frozenset()
        if undone is not None:
            fresh = [
                attrs.evolve(
                    undone, id=new_id(), version=0, decided_at=at, decided_by=actor, reason=reason, revokes=undone.id
                )
            ]
        else:
            apart = _left_with(loser_id, links)
            mates = [
                record
                for record, customer in now.items()
                if customer in {now[one] for one in apart} and record not in apart
            ]
            keeper = in_order(known[record] for record in mates)[0].id
            fresh = [
                MatchDecision(
                    left_id=keeper, right_id=record, same=False, decided_at=at, decided_by=actor, reason=reason
                )
                for record in sorted(apart, key=str)
            ]
        unit.of(MatchDecision).put_many(fresh)
        said = [*said, *fresh]
        customers = {one.id for one in few(unit, Customer, "id", [link.customer_id for link in links])}
        after = _replayed(known, links, now, said, rules, undone, apart, loser_id, customers)
        moved = [record for record in after if after[record] != now[record]]
        settle(
            unit, at=at, records=known, links=links, after=after, surviving=surviving or Surviving(),
            causes=_carried(links, moved, reason),
            first_touches=_first_touches(unit, undone, said, after, known),
        )  # fmt: skip
        home = identity.aliases_of(unit, loser_id).of(loser_id)
        back = unit.of(Customer).get(home)
        unit.commit()
    return back


def _replayed(
    known: Mapping[UUID, SourceRecord],
    links: Sequence[IdentityLink],
    now: Mapping[UUID, UUID],
    said: Iterable[MatchDecision],
    rules: Sequence[Rule],
    undone: MatchDecision | None,
    apart: frozenset[UUID],
    loser_id: UUID,
    customers: set[UUID],
) -> dict[UUID, UUID]:
    """Return whom each record speaks of by rules, by what the engine found, and by the decisions that are left."""
    records = in_order(known.values())
    place = {record.id: row for row, record in enumerate(records)}
    edges = list(edges_of(records, rules))
    edges += [
        (place[link.record_id], place[link.mate_id], link.rule)
        for link in links
        if link.mate_id in place and link.rule not in _BY_HAND and link.record_id in place
    ]
    if apart:
        edges = [
            (one, other, rule)
            for one, other, rule in edges
            if (records[one].id in apart) == (records[other].id in apart)
        ]
    labels = clusters_of(records, edges, decisions_in_force(said), None).clusters["cluster"].tolist()
    own = apart or _cluster_of(undone, records, labels)
    held = {**now, **dict.fromkeys(own, loser_id)} if own else _before(undone, links, now)
    return named_clusters(records, labels, held, links, customers)


_BY_HAND = frozenset({"merge", "together", "new"})


def _cluster_of(undone: MatchDecision | None, records: Sequence[SourceRecord], labels: Sequence[Any]) -> list[UUID]:
    """Return the records that the loser of a merge is left with; none where he is still one with the winner."""
    assert undone is not None
    label = {record.id: label for record, label in zip(records, labels, strict=True)}
    if label.get(undone.right_id) == label.get(undone.left_id):
        return []
    return [record for record, one in label.items() if one == label.get(undone.right_id)]


def _before(undone: MatchDecision | None, links: Iterable[IdentityLink], now: Mapping[UUID, UUID]) -> dict[UUID, UUID]:
    """Return whom records spoke of without a merge, where the two are one all the same: who keeps his id is decided anew."""
    assert undone is not None
    since = {link.record_id for link in links if link.decided_at <= undone.decided_at}
    by_it = {
        link.record_id: link.former_id
        for link in links
        if link.decided_at == undone.decided_at and link.former_id == undone.loser_id
    }
    return {record: by_it.get(record) or customer for record, customer in now.items() if record in since}


def _left_with(loser_id: UUID, links: Iterable[IdentityLink]) -> frozenset[UUID]:
    """Return the records that went when the last of a customer's went."""
    left = [link for link in links if link.former_id == loser_id]
    last = max(link.decided_at for link in left)
    return frozenset(link.record_id for link in left if link.decided_at == last)


def _carried(links: Iterable[IdentityLink], moved: Iterable[UUID], reason: str) -> Mapping[UUID, Cause]:
    """Return the cause of going back: the mate beside which the record was found stays known."""
    mates = {
        link.record_id: link.mate_id
        for link in sorted(links, key=lambda one: one.decided_at)
        if link.mate_id is not None and link.rule not in _BY_HAND
    }
    return {record: Cause(rule="unmerge", reason=reason, mate_id=mates.get(record)) for record in moved}


def _own_record(
    customer: UUID, records: Sequence[UUID], links: Iterable[IdentityLink], known: Mapping[UUID, SourceRecord]
) -> UUID:
    """Return the record that stands for a customer: the first that was his from the beginning, not by a merge."""
    ordered = sorted(links, key=lambda link: (link.decided_at, str(link.id)))
    first = {link.record_id: link for link in reversed(ordered)}
    own = [record for record in records if first[record].customer_id == customer]
    founding = [record for record in own if first[record].rule == "new"]
    return in_order(known[record] for record in founding or own or records)[0].id


def _decisions_about(unit: UnitOfWork, records: Iterable[UUID]) -> list[MatchDecision]:
    spoken_of = list(records)
    found = {one.id: one for path in ("left_id", "right_id") for one in few(unit, MatchDecision, path, spoken_of)}
    return list(found.values())


def _refuse_apart(said: Iterable[MatchDecision], sides: Sequence[Sequence[UUID]]) -> None:
    one, other = map(set, sides)
    for held in decisions_in_force(said):
        if not held.same and ((held.left_id in one) != (held.right_id in one)) and held.pair <= one | other:
            raise InvalidValueError(
                "loser_id", held.right_id, f"it was decided that they are two ({held.reason}); decide otherwise first"
            )


def _own_first_touch(said: Iterable[MatchDecision], winner: Customer) -> datetime | None:
    """Return when a customer was first touched by himself, whoever was merged into him before."""
    before = [one for one in decisions_in_force(said) if one.same and one.winner_id == winner.id]
    return before[0].own_first_touch_at if before else winner.first_touch_at


def _first_touches(
    unit: UnitOfWork,
    undone: MatchDecision | None,
    said: Iterable[MatchDecision],
    after: Mapping[UUID, UUID],
    known: Mapping[UUID, SourceRecord],
) -> Mapping[UUID, datetime]:
    """Return the first touch of the winner without the merge taken back: his own, and that of those still merged into him."""
    if undone is None or undone.winner_id is None or undone.own_first_touch_at is None:
        return {}
    home = undone.winner_id
    losers = [one.loser_id for one in decisions_in_force(said) if one.same and one.winner_id == home and one.loser_id]
    touches = [one.first_touch_at for one in few(unit, Customer, "id", losers) if one.first_touch_at is not None]
    received = [known[record].received_at for record, customer in after.items() if customer == home]
    return {home: min([undone.own_first_touch_at, *touches, *received])}


def forget(
    store: Store,
    records: Iterable[UUID],
    *,
    surviving: Surviving | None = None,
    actor: str | None = None,
) -> tuple[UUID, ...]:
    """Take away from customers what only these source records said of them; return who knows less now.

    The step before single records are erased for good (`pycrm.storage.Erasing`), where a source takes its word back: nothing
    they said is left on anybody, whether their customers were merged before or will be after. The records themselves, and what
    was decided about them, are the caller's to erase; until then the next `resolve` that moves a record of the same customer
    reads them again. To erase a person whole use `pycrm.workflows.privacy.erase`: it takes his records, links and customers at
    once, needs no `forget` before, and `register` refuses what spoke of him from then on.

    Parameters
    ----------
    store : Store
        With the records.
    records : iterable of UUID
        Which.
    surviving : Surviving, optional
        As it is given to `resolve`.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    NotFound
        If there is no such record.
    """
    going = dict.fromkeys(records)
    with store.begin(actor=actor, cause="identify.forget") as unit:
        unit.of(SourceRecord).get_many(list(going))
        changed = _remade(unit, going, surviving or Surviving())
        unit.commit()
    return changed


def retell(unit: UnitOfWork, records: Mapping[UUID, SourceRecord], surviving: Surviving) -> tuple[UUID, ...]:
    """Write what source records say instead of what they said, and make their customers anew; return who changed."""
    changed = _remade(unit, records, surviving)
    for record in records.values():
        unit.of(SourceRecord).save(record)
    return changed


def _remade(unit: UnitOfWork, instead: Mapping[UUID, SourceRecord | None], how: Surviving) -> tuple[UUID, ...]:
    """Make customers anew where records of theirs say something else instead, or, with None, are not counted any more."""
    links = links_about(unit, [link.customer_id for link in few(unit, IdentityLink, "record_id", instead)])
    now = identities(links)
    known = {record.id: record for record in unit.of(SourceRecord).get_many(list(now))}
    changed = []
    for customer in list(few(unit, Customer, "id", [link.customer_id for link in links])):
        his = [one for one, id in now.items() if id == customer.id] or _left_with(customer.id, links)
        left = [record for one in his if (record := instead.get(one, known[one])) is not None]
        if not left or left == [known[one] for one in his]:
            continue
        before, after = (said_of({customer.id: side}, how)[customer.id] for side in ([known[one] for one in his], left))
        less = made_of(customer, customer.id, after, before)
        if less != customer:
            changed.append(unit.of(Customer).save(less).id)
    return tuple(changed)


def decide(
    store: Store,
    left_id: UUID,
    right_id: UUID,
    *,
    same: bool,
    at: datetime,
    reason: str,
    actor: str | None = None,
) -> MatchDecision:
    """Keep a person's word that two source records speak of one customer, or of two; the next `resolve` obeys it.

    Parameters
    ----------
    store : Store
        With both records.
    left_id, right_id : UUID
        The source records, as a question names them.
    same : bool
        Whether they speak of one.
    at : datetime
        Now; the last word on a pair counts.
    reason : str
        In words.
    actor : str, optional
        Who decides.

    Raises
    ------
    NotFound
        If there is no such record.
    InvalidValueError
        If both are the same record.
    """
    with store.begin(actor=actor, cause="identify.decide") as unit:
        known = {record.id: record for record in unit.of(SourceRecord).get_many([left_id, right_id])}
        made = unit.of(MatchDecision).add(
            MatchDecision(
                left_id=left_id, right_id=right_id, same=same, decided_at=instant(at), decided_by=actor, reason=reason
            )
        )
        _forget_questions(unit, known, [made])
        unit.commit()
    return made


def _forget_questions(unit: UnitOfWork, records: Iterable[UUID], decided: Iterable[MatchDecision]) -> None:
    answered = {one.pair for one in decided}
    for question in list(few(unit, MatchQuestion, "left_id", records)):
        if question.pair in answered:
            unit.of(MatchQuestion).remove(question.id)


def questions(store: Store) -> tuple[MatchQuestion, ...]:
    """Return the pairs that wait for a person, those nearest to even odds first; answer them with `decide`."""
    with store.begin(read_only=True) as unit:
        return tuple(sorted(all_of_model(unit, MatchQuestion), key=lambda one: (abs(one.weight), str(one.id))))


def aliases(store: Store) -> Mapping[UUID, UUID]:
    """Return for each customer who was merged into another who he is now; what speaks of the first speaks of the second."""
    with store.begin(read_only=True) as unit:
        return {gone: now for gone, (now, _) in identity.aliases(unit).into.items()}


@frozen(kw_only=True)
class CustomerFile:
    """Everything that speaks of one customer, under whichever id it was written.

    Parameters
    ----------
    customer : Customer
        Who he is now.
    ids : tuple of UUID
        His own id, and those of customers merged into him.
    merged : tuple of Customer
        Those customers as they were, with what was written on them by hand.
    records : tuple of SourceRecord
        What the sources say, in the order it was received.
    orders : tuple of Order
        By the time they were placed.
    interactions : tuple of Interaction
        By the time they happened.
    consents : tuple of ConsentEntry
        One ledger; where two of them disagreed, the no has the last word.
    stage : Stage or None
        Of his stage changes under all ids the last.
    """

    customer: Customer
    ids: tuple[UUID, ...]
    merged: tuple[Customer, ...]
    records: tuple[SourceRecord, ...]
    orders: tuple[Order, ...]
    interactions: tuple[Interaction, ...]
    consents: tuple[ConsentEntry, ...]
    stage: Stage | None


def file_of(store: Store, customer_id: UUID, *, at: datetime) -> CustomerFile:
    """Return everything that speaks of one customer; the id of one who was merged leads to who he is now.

    Raises
    ------
    NotFound
        If there is no such customer.
    """
    with store.begin(read_only=True) as unit:
        known = identity.aliases_of(unit, customer_id)
        ids = known.ids_of(customer_id)
        home = ids[0]
        customer = unit.of(Customer).get(home)
        records = records_of(unit, [home]).get(home, ())
        consents = united_consents(few(unit, ConsentEntry, "customer_id", ids), known, at).get(home, ())
        stages = standing_stages(
            few(unit, StageChange, "customer_id", ids), few(unit, StageRetraction, "customer_id", ids)
        )
        return CustomerFile(
            customer=customer,
            ids=ids,
            merged=tuple(few(unit, Customer, "id", ids[1:])),
            records=tuple(in_order(records)),
            orders=tuple(
                sorted(few(unit, Order, "customer_id", ids), key=lambda order: (order.placed_at, order.number))
            ),
            interactions=tuple(
                sorted(few(unit, Interaction, "customer_id", ids), key=lambda one: (one.occurred_at, str(one.id)))
            ),
            consents=tuple(consents),
            stage=stage_of((attrs.evolve(change, customer_id=home) for change in stages), at),
        )
