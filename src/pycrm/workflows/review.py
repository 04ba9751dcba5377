"""Review: what changed between two snapshots, and whether what customers get by them is fair to groups of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Literal
from uuid import UUID

import numpy as np
import pandas as pd
from attrs import field, frozen

from pycrm.errors import InvalidValueError, NotEstimableError
from pycrm.insight import (
    FairnessAudit,
    GroupMean,
    TreatmentAudit,
    TreatmentPolicy,
    apply_policy,
    audit_means,
    audit_selection,
    publish_counts,
)
from pycrm.model.assessment import Assessment, Tier
from pycrm.model.customer import Customer
from pycrm.model.predicate import reach, where
from pycrm.model.withheld import WithheldAnswer
from pycrm.segmentation import STANDARD_SEGMENTS, Concentration, Migration, concentration, migration_matrix
from pycrm.storage.columns import read_columns
from pycrm.storage.lookups import IN_USE
from pycrm.storage.profiling import Profiled, profiled
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query

__all__ = ["FairnessReport", "SnapshotComparison", "audit", "compare"]


@frozen(kw_only=True)
class SnapshotComparison:
    """Two snapshots side by side.

    Parameters
    ----------
    former, later : (str, date)
        Run and day of each.
    by : {"segment", "tier"}
        The groups.
    migration : Migration
        Who moved; groups come best first.
    former_value, later_value : Concentration
        How the historic value is spread.
    left_out : Mapping of str to int
        Customers of whom no numbers may be made, by the reason.
    """

    former: tuple[str, date]
    later: tuple[str, date]
    by: str
    migration: Migration
    former_value: Concentration
    later_value: Concentration
    left_out: Mapping[str, int] = field(factory=dict)


def compare(
    store: Store,
    *,
    former: tuple[str, date],
    later: tuple[str, date],
    by: Literal["segment", "tier"] = "tier",
) -> SnapshotComparison:
    """Compare two snapshots of `differentiate.assess`, by who everybody is today.

    Of customers who were merged since, a snapshot counts the assessment of the one who stayed, else the first of those merged
    into him. Whose data is restricted or was erased, and who objected to being profiled, is in neither.

    Parameters
    ----------
    store : Store
        With both.
    former, later : (str, date)
        Run and day of each.
    by : {"segment", "tier"}
        Which groups; a customer without a segment, having no order yet, is in "none".

    Raises
    ------
    NotEstimableError
        If there is no such snapshot.
    """
    if by not in {"segment", "tier"}:
        raise InvalidValueError("by", by, "give segment or tier")
    with store.begin() as unit:
        who = profiled(unit)
        frames = [_snapshot(unit, who, *which) for which in (former, later)]
    tiers = [tier.value for tier in Tier]
    names = [*dict.fromkeys(box.name for box in STANDARD_SEGMENTS), "none"]
    return SnapshotComparison(
        former=former,
        later=later,
        by=by,
        migration=migration_matrix(*frames, state=by, states=tiers if by == "tier" else names),
        former_value=concentration(frames[0]["value"]),
        later_value=concentration(frames[1]["value"]),
        left_out=who.left_out,
    )


@frozen(kw_only=True)
class FairnessReport:
    """What groups of people get by a snapshot.

    Parameters
    ----------
    run : str
        The snapshot.
    as_of, since : date
        The window of the orders it rests on.
    customers : int
        How many.
    group : str
        The path on the customer that makes the groups. Who withholds it is in "withheld", of whom it is not known in "missing".
    tiers : tuple of Tier
        The tiers whose care is audited.
    selection : FairnessAudit
        Who is in these tiers; conditional on the RFM segment in `selection.strata`.
    value : tuple of GroupMean
        Mean historic value by group: what the tiers go by.
    treatment : TreatmentAudit, optional
        What a policy gives each group.
    at_risk : bool
        Whether a gap that people would see also reaches many.
    left_out : Mapping of str to int
        Customers of whom no numbers may be made, by the reason.
    published : Mapping of str to int, optional
        The customers of each group that may be published: of the others publish no number, their rates and means neither.
        None where `least` was not given.
    published_total : int, optional
        The customers of all groups; None where it would tell what is hidden, or `least` was not given.
    """

    run: str
    as_of: date
    since: date
    customers: int
    group: str
    tiers: tuple[Tier, ...]
    selection: FairnessAudit
    value: tuple[GroupMean, ...]
    treatment: TreatmentAudit | None
    at_risk: bool
    left_out: Mapping[str, int] = field(factory=dict)
    published: Mapping[str, int] | None = None
    published_total: int | None = None


def audit(
    store: Store,
    *,
    run: str = "current",
    as_of: date,
    group: str,
    tiers: Sequence[Tier] = (Tier.MOST_VALUABLE, Tier.MOST_GROWABLE),
    policy: TreatmentPolicy | None = None,
    reference: str | None = None,
    min_rows: int = 20,
    least: int | None = None,
    rng: np.random.Generator | None = None,
) -> FairnessReport:
    """Audit who is in the tiers that get most care, and what a treatment policy gives to groups of people.

    Parameters
    ----------
    store : Store
        With the snapshot and its customers.
    run : str
        The snapshot.
    as_of : date
        Its day.
    group : str
        A path on the customer, such as "country", "gender" or "custom.branch"; who has none is in the group "missing", or in
        "withheld" where a `WithheldAnswer` says that he was asked and would rather not say.
    tiers : sequence of Tier
        Whose care is audited.
    policy : TreatmentPolicy, optional
        What each tier gets.
    reference : str, optional
        The group to compare with; the largest by default.
    min_rows : int
        A rate over fewer customers is not estimated.
    least : int, optional
        Say which counts may be published: no group of fewer customers, and none that subtraction would tell (`publish_counts`).
    rng : numpy.random.Generator, optional
        Gives bootstrap intervals.

    Raises
    ------
    NotEstimableError
        If there is no such snapshot.
    """
    if not tiers:
        raise InvalidValueError("tiers", tiers, "give at least one tier")
    with store.begin() as unit:
        who = profiled(unit)
        frame = _snapshot(unit, who, run, as_of)
        groups = {
            customer.id: next((str(found) for found, _ in reach(customer, group)), None)
            for customer in _all_customers(unit)
        }
        declined = _declined(unit, who, group)
    frame["group"] = [
        "withheld" if groups.get(id) is None and id in declined else groups.get(id) for id in frame["customer"]
    ]
    frame["selected"] = frame["tier"].isin([tier.value for tier in tiers]).astype(int)
    selection = audit_selection(
        frame, group="group", selected="selected", given="segment", rng=rng, reference=reference, min_rows=min_rows
    )
    published, total = (None, None) if least is None else _published(selection, least)
    treatment = None if policy is None else apply_policy(policy, frame, group="group", min_rows=min_rows)[1]
    return FairnessReport(
        run=run,
        as_of=as_of,
        since=min(frame["since"]),
        customers=len(frame),
        group=group,
        tiers=tuple(tiers),
        selection=selection,
        value=audit_means(frame, group="group", amount="value", reference=reference, min_rows=min_rows),
        treatment=treatment,
        at_risk=selection.reputation_risk(),
        left_out=who.left_out,
        published=published,
        published_total=total,
    )


def _declined(unit: UnitOfWork, who: Profiled, about: str) -> frozenset[UUID]:
    held = read_columns(unit, Query(WithheldAnswer, where("about") == about), ["customer_id"])["customer_id"]
    return frozenset(map(who.now.of, held))


def _published(selection: FairnessAudit, least: int) -> tuple[dict[str, int], int | None]:
    found = publish_counts([row.rows for row in selection.groups], least=least)
    shown = zip(selection.groups, found.hidden.tolist(), strict=True)
    return {row.group[0]: row.rows for row, hidden in shown if not hidden}, found.total


def _all_customers(unit: UnitOfWork) -> Iterator[Customer]:
    for batch in unit.of(Customer).stream(Query(Customer, IN_USE)):
        yield from batch


def _snapshot(unit: UnitOfWork, who: Profiled, run: str, as_of: date) -> pd.DataFrame:
    now = who.now
    asked = Query(Assessment, (where("run") == run) & (where("as_of") == as_of))
    found = [one for batch in unit.of(Assessment).stream(asked) for one in batch]
    # Who stayed comes first, so that his own assessment counts; of several merged into him, the same one in every store.
    found.sort(key=lambda one: (one.customer_id in now.into, str(one.customer_id)))
    of_today: dict[UUID, Assessment] = {}
    for one in found:
        of_today.setdefault(now.of(one.customer_id), one)
    rows = [
        (id, one.tier.value, one.segment or "none", float(one.historic_value.amount), one.since)
        for id, one in of_today.items()
        if id in who
    ]
    if not rows:
        raise NotEstimableError(
            "the review", f"there is no snapshot {run!r} of {as_of}; make it with differentiate.assess"
        )
    return pd.DataFrame(rows, columns=["customer", "tier", "segment", "value", "since"])
