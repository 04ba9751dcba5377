"""Lead scores by rules, from profiles, measures and the dialogue."""

from __future__ import annotations

from datetime import UTC
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd

from pycrm.errors import InvalidDataError
from pycrm.scoring import LeadScores, ProfileRule, score_leads
from pycrm.storage.engagements import engagements
from pycrm.storage.protocols import UnitOfWork
from pycrm.workflows.differentiate.asking import Asked
from pycrm.workflows.differentiate.reading import OF_THE_SNAPSHOT, People

__all__ = ["put_scores"]


def put_scores(unit: UnitOfWork, asked: Asked, people: People, frame: pd.DataFrame) -> LeadScores | None:
    """Put the columns `fit_score`, `engagement_score`, `grade` and `interactions` into the frame."""
    for name in ("fit_score", "engagement_score", "grade"):
        frame[name] = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    if asked.scoring is None:
        return None
    profiles: dict[str, Any] = {"lead": np.arange(len(people.ids))}
    for rule in asked.scoring.rules:
        if not isinstance(rule, ProfileRule):
            continue
        if rule.column in OF_THE_SNAPSHOT:
            profiles[rule.column] = frame["historic_value" if rule.column == "value" else rule.column].to_numpy()
        else:
            values = np.empty(len(people.ids), dtype=object)
            for row, value in enumerate(people.held[rule.column]):
                if isinstance(value, list | tuple) and len(value) > 1:
                    fix = "a profile rule reads one value; name a path that holds one"
                    raise InvalidDataError(rule.column, row, list(value), fix)
            values[:] = [value.value if isinstance(value, Enum) else value for value in people.only(rule.column)]
            profiles[rule.column] = values
    held = engagements(unit, asked.until)
    who = [people.place.get(id, -1) for id in held["customer"]]
    ours = np.asarray([at >= 0 for at in who], dtype=bool)
    # Typed by hand: nobody may have done anything yet, and an empty column has no type of its own.
    events = pd.DataFrame(
        {
            "lead": np.asarray(who, dtype=np.int64),
            "event": pd.Series(held["event"], dtype=object),
            "kind": pd.Series(held["kind"], dtype=object),
        }
    )
    events["time"] = pd.to_datetime(pd.Series(held["time"], dtype=object), utc=True).dt.tz_localize(None)
    moment = asked.until.astimezone(UTC).replace(tzinfo=None)
    scores = score_leads(pd.DataFrame(profiles), events[ours], asked.scoring, as_of=moment)
    place = scores.leads.astype(np.int64)
    for name, values in (("fit_score", scores.fit), ("engagement_score", scores.engagement), ("grade", scores.grade)):
        column = np.empty(len(people.ids), dtype=object)
        column[place] = values.tolist()
        frame[name] = pd.Series(column, index=frame.index, dtype=object)
    # One that counts under two kinds is one row all the same.
    own = events[ours & ~events["event"].str.contains(":", regex=False)]
    frame["interactions"] = np.bincount(own["lead"], minlength=len(people.ids))
    return scores
