"""Which tier the grade of the lead scores lifts a customer to, by a stated, versioned rule."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from attrs import field, frozen

from pycrm.errors import InvalidValueError
from pycrm.model.assessment import Tier
from pycrm.model.checks import is_line
from pycrm.segmentation import TIERS

__all__ = ["GradeRule", "lift_tiers"]


@frozen(kw_only=True)
class GradeRule:
    """What a grade is worth: the tier a customer of it is in at least.

    Nobody is lowered, and who costs more than he brings stays below zero.

    Parameters
    ----------
    version : str
        Of the rule; it stands in the reason of each tier it changed.
    at_least : mapping of str to Tier
        By grade, A1 to C3.

    Examples
    --------
    >>> GradeRule(version="2026-1", at_least={"A1": Tier.MIGRATOR}).version
    '2026-1'
    """

    version: str = field(validator=is_line)
    at_least: Mapping[str, Tier]

    def __attrs_post_init__(self) -> None:
        for grade, tier in self.at_least.items():
            if tier is Tier.BELOW_ZERO:
                raise InvalidValueError(
                    f"at_least[{grade!r}]", tier, "give a tier above below zero, such as Tier.MIGRATOR"
                )


def lift_tiers(frame: pd.DataFrame, rule: GradeRule) -> None:
    """Lift the column `tier` where the grade asks for more, and say so in `tier_reason`."""
    rank = {name: place for place, name in enumerate(TIERS)}
    tiers, reasons = frame["tier"].tolist(), frame["tier_reason"].tolist()
    for at, (tier, grade) in enumerate(zip(tiers, frame["grade"].tolist(), strict=True)):
        wanted = rule.at_least.get(grade)
        if wanted is not None and tier != Tier.BELOW_ZERO.value and rank[wanted.value] < rank[tier]:
            tiers[at] = wanted.value
            reasons[at] = f"{reasons[at]}; grade {grade} lifts it to {wanted.value} by rule {rule.version}"
    frame["tier"], frame["tier_reason"] = tiers, reasons
