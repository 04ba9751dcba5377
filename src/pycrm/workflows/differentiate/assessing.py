"""The verb: every customer assessed as of a day, in one unit of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from pycrm.clv.units import Unit
from pycrm.errors import InvalidValueError
from pycrm.model.checks import expect
from pycrm.model.inferred_need import NeedSign
from pycrm.model.money import Money
from pycrm.model.snapshot import NamedNumber, Snapshot
from pycrm.scoring import ScoringRules
from pycrm.segmentation import (
    TIERS,
    NeedsRules,
    TierRules,
    concentration,
    value_needs_grid,
)
from pycrm.storage.calm import uncollected
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.workflows.differentiate.asking import Asked
from pycrm.workflows.differentiate.auditing import audit_groups, stored_plan
from pycrm.workflows.differentiate.comparing import former_tiers, migration_since
from pycrm.workflows.differentiate.finding import DifferentiateReport
from pycrm.workflows.differentiate.grading import GradeRule, lift_tiers
from pycrm.workflows.differentiate.keeping import keep, money
from pycrm.workflows.differentiate.needing import find_needs
from pycrm.workflows.differentiate.reading import Books, People
from pycrm.workflows.differentiate.scoring import put_scores
from pycrm.workflows.differentiate.tiering import customer_frame, share_of_customer
from pycrm.workflows.differentiate.valuing import Horizon, Valuation, value_orders

__all__ = ["assess"]


def assess(
    store: Store,
    *,
    as_of: date,
    run: str = "current",
    currency: str | None = None,
    zone: str = "UTC",
    unit: Unit = "week",
    horizon: Horizon | None = None,
    tiers: TierRules | None = None,
    spending: str | None = None,
    needs: NeedsRules | None = None,
    satisfaction: Mapping[tuple[UUID, str], float] | None = None,
    signs: Sequence[NeedSign] = (),
    scoring: ScoringRules | None = None,
    grades: GradeRule | None = None,
    policy: str | None = None,
    audit: Sequence[str] = (),
    min_rows: int = 20,
    actor: str | None = None,
) -> DifferentiateReport:
    """Assess every customer as of a day: value, needs, segment, scores and tier; keep the snapshot and compare it with the former.

    Parameters
    ----------
    store : Store
        With customers and their orders; refunds, expenses, facts and interactions count where they are kept.
    as_of : date
        The last day that counts.
    run : str
        The name of the snapshot; the same name and day again replaces it.
    currency : str, optional
        Which orders count; may be left out while there is one.
    zone : str
        Where a day begins and ends.
    unit, horizon
        As for `value_orders`.
    tiers : TierRules, optional
        Which shares of the customers are in which tier.
    spending : str, optional
        A path on the customer, such as "custom.yearly_spend": all he spends in a year on what we sell, here and elsewhere. The
        potential value follows from it; without it nobody is most growable.
    needs : NeedsRules, optional
        Finds groups of needs in behaviour and facts.
    satisfaction : mapping of (customer id, need) to float, optional
        How well each need is met, 0 to 1, for the gaps.
    signs : sequence of NeedSign
        Which tickets and complaints say that somebody has a need; with `needs`, what is concluded counts where nothing better is known.
    scoring : ScoringRules, optional
        Scores every customer; profile rules read columns of `facts_of` and paths on the customer, event rules the interactions.
    grades : GradeRule, optional
        Which tier a grade lifts to, and so what treatment he gets; it needs `scoring`.
    policy : str, optional
        The edition of a stored `TreatmentPlan`: what each tier gets. It needs `audit`.
    audit : sequence of str
        Paths on the customer whose groups are compared: "country", "gender", "custom.branch", or "age_band"; who has none is in
        "missing".
    min_rows : int
        A rate over fewer customers is not estimated.
    actor : str, optional
        Who does it, for the audit trail.

    Raises
    ------
    CurrencyMismatchError
        If there are orders of two currencies and none was chosen.
    NotEstimableError
        If there is no order yet.
    InvalidValueError
        If a policy comes without an audit, or is not in the store; if grades come without scoring.
    """
    if type(as_of) is not date or as_of >= date.max:
        raise InvalidValueError(
            "as_of", as_of, "give a calendar date that has a day after it, such as date(2026, 1, 31)"
        )
    if horizon is not None and not isinstance(horizon, Horizon):
        raise InvalidValueError("horizon", horizon, "give a Horizon, such as Horizon(length=12, unit='month')")
    rules = (
        ("tiers", tiers, TierRules),
        ("needs", needs, NeedsRules),
        ("scoring", scoring, ScoringRules),
        ("grades", grades, GradeRule),
    )
    for name, given, kind in rules:
        if given is not None:
            expect(name, given, kind)
    if isinstance(audit, str):
        raise InvalidValueError("audit", audit, f"give a list of paths, [{audit!r}]")
    if policy is not None and not audit:
        raise InvalidValueError("audit", audit, "a treatment policy is never without its audit; name the groups")
    if grades is not None and scoring is None:
        raise InvalidValueError(
            "grades", grades.version, "a grade comes from scores; give scoring=ScoringRules(...) too"
        )
    try:
        local = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InvalidValueError("zone", zone, "give an IANA zone, such as 'Europe/Madrid'") from None
    asked = Asked(
        as_of=as_of,
        run=run,
        currency=currency,
        zone=local,
        unit=unit,
        horizon=Horizon() if horizon is None else horizon,
        tiers=tiers,
        spending=spending,
        needs=needs,
        satisfaction={} if satisfaction is None else satisfaction,
        signs=tuple(signs),
        scoring=scoring,
        grades=grades,
        policy=policy,
        audit=tuple(audit),
        min_rows=min_rows,
    )
    with uncollected(), store.begin(actor=actor, cause="differentiate.assess") as unit_of_work:
        report = _assess(unit_of_work, asked)
        unit_of_work.commit()
    return report


def _assess(unit: UnitOfWork, asked: Asked) -> DifferentiateReport:
    people = People.read(unit, asked)
    books = Books.read(unit, asked, people)
    valuation = value_orders(
        books.orders,
        as_of=asked.as_of,
        unit=asked.unit,
        horizon=asked.horizon,
        value=dict(enumerate(float(amount) for amount in books.net)),
    )
    notes = [*valuation.notes, *books.notes]
    frame = customer_frame(people, books, valuation, asked)
    found_needs = find_needs(unit, asked, people, books, frame, notes)
    scores = put_scores(unit, asked, people, frame)
    if asked.grades is not None:
        lift_tiers(frame, asked.grades)
    snapshot = Snapshot(
        run=asked.run,
        as_of=asked.as_of,
        since=books.since,
        until=asked.until,
        currency=books.currency,
        customers=len(people.ids),
        orders=int(frame["orders"].sum()),
        refunds=int(books.refunds.sum()),
        expenses=int(books.spent_rows.sum()),
        facts=found_needs.facts,
        interactions=0 if scores is None else int(frame["interactions"].sum()),
        parameters=_parameters(valuation),
        groups=found_needs.groups,
        policy=asked.policy,
        scoring=None if asked.scoring is None else asked.scoring.version,
        notes=tuple(notes),
    )
    former = former_tiers(unit, asked)
    keep(unit, asked, people, books, frame, snapshot)
    plan = None if asked.policy is None else stored_plan(unit, asked.policy)
    fairness, treatment = audit_groups(asked, people, frame, plan)
    expected, potential = frame["expected_value"], frame["potential_value"]
    return DifferentiateReport(
        run=asked.run,
        as_of=asked.as_of,
        since=books.since,
        customers=len(people.ids),
        orders=snapshot.orders,
        revenue=Money(sum(books.net, Decimal(0)), books.currency),
        tiers={tier: int((frame["tier"] == tier).sum()) for tier in TIERS},
        segments={str(name): int(count) for name, count in valuation.customers["segment"].value_counts().items()},
        expected_value=None if expected.isna().all() else money(float(expected.sum()), books.currency),
        potential_value=None if potential.isna().all() else money(float(potential.sum()), books.currency),
        share_of_customer=share_of_customer(frame),
        profit=Money(sum(books.profit, Decimal(0)), books.currency) if books.costs_known else None,
        parameters={} if valuation.purchases is None else dict(valuation.purchases.parameters),
        log_likelihood=None if valuation.purchases is None else valuation.purchases.log_likelihood,
        needs={group.name: group.customers for group in found_needs.groups},
        rows={name: getattr(snapshot, name) for name in ("orders", "refunds", "expenses", "facts", "interactions")},
        groups=found_needs.groups,
        grid=_grid(frame) if found_needs.groups else (),
        gaps=found_needs.gaps,
        concentration=concentration(frame["historic_value"].to_numpy(float)),
        former=None if former is None else former[0],
        migration=None if former is None else migration_since(former[1], people, frame),
        fairness=fairness,
        treatment=treatment,
        left_out=people.left_out,
        notes=tuple(notes),
    )


def _parameters(valuation: Valuation) -> tuple[NamedNumber, ...]:
    fits = (("purchases", valuation.purchases), ("spend", valuation.spend))
    return tuple(
        NamedNumber(f"{name}.{parameter}", float(value))
        for name, fit in fits
        if fit is not None
        for parameter, value in fit.parameters.items()
        if np.isfinite(value)
    )


def _grid(frame: pd.DataFrame) -> tuple[Mapping[str, Any], ...]:
    cells = value_needs_grid(frame[["tier", "needs", "historic_value"]], need="needs", value="historic_value")
    return tuple(cells.to_dict("records"))
