"""The facts that justify a contact, in words: those its condition asks about, with what they are for this customer."""

from __future__ import annotations

from datetime import date, datetime

from pycrm.model.evidence import Reason
from pycrm.model.facts import Facts
from pycrm.model.predicate import Predicate, paths_of, reach

__all__ = ["because"]


def because(condition: Predicate, facts: Facts) -> Reason:
    """Return a reason that names every fact `condition` asks about.

    Examples
    --------
    >>> from pycrm.model.predicate import where
    >>> because((where("orders") >= 2) & where("custom.size").is_null(), {"orders": 3, "custom": {}}).text
    'custom.size is not known; orders is 3'
    """
    parts = []
    for path in sorted(paths_of(condition)):
        values = [_word(value) for value, _ in reach(facts, path) if value is not None]
        parts.append(f"{path} is {', '.join(values)}" if values else f"{path} is not known")
    return Reason("facts", "; ".join(parts))


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
