"""The snapshot before, and who moved since."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from pycrm.model.assessment import Assessment, Tier
from pycrm.model.predicate import where
from pycrm.model.snapshot import Snapshot
from pycrm.segmentation import (
    TIERS,
    Migration,
    migration_matrix,
)
from pycrm.storage import read_columns
from pycrm.storage.protocols import UnitOfWork
from pycrm.storage.query import Query, desc
from pycrm.workflows.differentiate.asking import Asked
from pycrm.workflows.differentiate.reading import People

__all__ = ["former_snapshot", "former_tiers", "migration_since"]


def former_snapshot(unit: UnitOfWork, asked: Asked) -> Snapshot | None:
    """Return the last snapshot of this run before this day."""
    before = (where("run") == asked.run) & (where("as_of") < asked.as_of)
    found = unit.of(Snapshot).page(Query(Snapshot, before, order=(desc("as_of"),)), size=1).items
    return found[0] if found else None


def former_tiers(unit: UnitOfWork, asked: Asked) -> tuple[date, pd.DataFrame] | None:
    """Return the day of the snapshot before, and the tier of each customer then."""
    found = former_snapshot(unit, asked)
    if found is None:
        return None
    which = (where("run") == found.run) & (where("as_of") == found.as_of)
    held = read_columns(unit, Query(Assessment, which), ["customer_id", "tier"])
    tiers = [Tier(tier).value for tier in held["tier"]]
    return found.as_of, pd.DataFrame({"customer": held["customer_id"], "tier": tiers})


def migration_since(former: pd.DataFrame, people: People, frame: pd.DataFrame) -> Migration:
    """Return who moved between tiers since the snapshot before."""
    # Who was merged into another since then went nowhere: the other one is compared.
    itself = [people.ids[people.place.get(id, 0)] == id or id not in people.place for id in former["customer"]]
    former = former[np.asarray(itself, dtype=bool)]
    now = pd.DataFrame({"customer": people.ids, "tier": frame["tier"].to_numpy()})
    return migration_matrix(former, now, state="tier", states=TIERS)
