"""What passes between the business and its people, and what they allow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["make_consents", "make_interactions"]

_TOUCHES = (
    # kind, channel, direction, share
    ("email", "email", "out", 0.42),
    ("email", "email", "in", 0.10),
    ("web", "web", "in", 0.22),
    ("call", "phone", "in", 0.10),
    ("call", "phone", "out", 0.05),
    ("chat", "chat", "in", 0.08),
    ("visit", "in_person", "in", 0.03),
)
_OUTCOMES = {"out": ("delivered", "opened", "answered"), "in": ("question", "complaint", "praise")}


def make_interactions(
    random: Generator,
    joined: NDArray[np.datetime64],
    end: np.datetime64,
    habits: dict[str, NDArray[Any]],
    mean: float = 5.0,
) -> pd.DataFrame:
    """Return interactions by time, `mean` of them a person; who is responsive answers more."""
    person = np.repeat(np.arange(len(joined)), random.poisson(mean, len(joined)))
    size = len(person)
    span = (end - joined).astype(np.int64)[person]
    time = (joined[person] + (random.random(size) * span).astype("timedelta64[us]")).astype("datetime64[s]")
    kind, channel, direction, share = zip(*_TOUCHES, strict=True)
    drawn = random.choice(len(_TOUCHES), size=size, p=np.asarray(share) / sum(share))
    out = np.asarray([where == "out" for where in direction])[drawn]
    answered = random.random(size) < habits["responsiveness"][person]
    mood = random.choice(3, size=size, p=[0.75, 0.15, 0.1])
    outcome = np.where(
        out,
        np.asarray(_OUTCOMES["out"], dtype=object)[np.where(answered, 2, random.integers(0, 2, size))],
        np.asarray(_OUTCOMES["in"], dtype=object)[mood],
    )
    by_time = np.lexsort((person, time))
    frame = pd.DataFrame(
        {
            "person": person,
            "time": time.astype("datetime64[us]"),
            "kind": np.asarray(kind, dtype=object)[drawn],
            "channel": np.asarray(channel, dtype=object)[drawn],
            "direction": np.asarray(direction, dtype=object)[drawn],
            "outcome": outcome,
        }
    ).iloc[by_time]
    frame.insert(0, "interaction", np.arange(size))
    return frame.reset_index(drop=True)


def make_consents(random: Generator, contacts: pd.DataFrame, end: np.datetime64) -> pd.DataFrame:
    """Return what people said about being contacted, by time.

    Who subscribes to the newsletter grants marketing by e-mail, and one in twelve withdraws it later; of those who only shop,
    a third allow it, a tenth say no, and of the others nothing is known.
    """
    reads = (contacts["source"] == "newsletter").to_numpy()
    drawn = random.random(len(contacts))
    yes = reads | (drawn < 1 / 3)
    no = ~reads & (drawn > 0.9)
    said = np.flatnonzero(yes | no)
    captured = contacts["received_at"].to_numpy()[said]
    first = pd.DataFrame(
        {
            "contact": said,
            "person": contacts["person"].to_numpy()[said],
            "channel": "email",
            "purpose": "marketing",
            "status": np.where(yes[said], "granted", "denied").astype(object),
            "time": captured,
        }
    )
    granted = first[first["status"] == "granted"]
    later = granted[random.random(len(granted)) < 1 / 12].copy()
    room = (end - later["time"].to_numpy()).astype(np.int64)
    later["time"] = later["time"].to_numpy() + (random.random(len(later)) * room).astype("timedelta64[us]")
    later["status"] = "withdrawn"
    both = pd.concat([first, later], ignore_index=True)
    return both.sort_values(["time", "contact"], kind="stable", ignore_index=True)
