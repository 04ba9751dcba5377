"""Relationships that bring less than they should."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from attrs import frozen

from pycrm.errors import NotEstimableError
from pycrm.model.assessment import Assessment
from pycrm.model.evidence import Reason
from pycrm.model.money import Money
from pycrm.model.predicate import where
from pycrm.model.snapshot import Snapshot
from pycrm.storage import read_columns
from pycrm.storage.profiling import profiled
from pycrm.storage.protocols import Store, UnitOfWork
from pycrm.storage.query import Query, desc

__all__ = ["Alert", "alerts"]


@frozen(kw_only=True)
class Alert:
    """A relationship that brings less than it should.

    Parameters
    ----------
    customer_id : UUID
        With whom.
    profit : Money
        Historic value less all costs; the historic value where no cost is known.
    former : Money, optional
        The same in the snapshot before; None where he was not in it.
    reason : Reason
        "profit.crossed" where it was enough before, "profit.low" where it was not, or nobody knows.
    """

    customer_id: UUID
    profit: Money
    former: Money | None
    reason: Reason


def alerts(store: Store, *, as_of: date, run: str = "current", least: Decimal | int = 0) -> tuple[Alert, ...]:
    """Return the customers of a snapshot whose profit is below `least`: who fell below since the one before first, then the worst.

    Of whom no numbers may be made today nothing is told.

    Raises
    ------
    NotEstimableError
        If there is no such snapshot.
    """
    with store.begin(read_only=True) as unit:
        now = _profits(unit, run, as_of)
        if not now:
            raise NotEstimableError(
                "alerts", f"there is no snapshot {run!r} of {as_of}; make it with differentiate.assess"
            )
        before = (where("run") == run) & (where("as_of") < as_of)
        found = unit.of(Snapshot).page(Query(Snapshot, before, order=(desc("as_of"),)), size=1).items
        then = _profits(unit, run, found[0].as_of) if found else {}
        who = profiled(unit)
    made = []
    for customer_id, profit in now.items():
        if profit.amount >= least or customer_id not in who:
            continue
        former = then.get(customer_id)
        crossed = former is not None and former.amount >= least
        told = f"profit {profit} is below {least}" + ("" if former is None else f"; it was {former}")
        made.append(
            Alert(
                customer_id=customer_id,
                profit=profit,
                former=former,
                reason=Reason("profit.crossed" if crossed else "profit.low", told),
            )
        )
    return tuple(sorted(made, key=lambda one: (one.reason.code, one.profit.amount, str(one.customer_id))))


def _profits(unit: UnitOfWork, run: str, as_of: date) -> dict[UUID, Money]:
    of_run = (where("run") == run) & (where("as_of") == as_of)
    held = read_columns(unit, Query(Assessment, of_run), ["customer_id", "profit", "historic_value"])
    return {
        id: Money(Decimal((profit or value)["amount"]), (profit or value)["currency"])
        for id, profit, value in zip(*held.values(), strict=True)
    }
