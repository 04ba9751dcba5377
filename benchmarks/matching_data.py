"""Invented customers with known truth, for measuring only: clean people, then dirty copies of some of them.

`python benchmarks/matching_data.py 100000 people.csv` writes a table whose column `person` is the truth.
"""

import sys

import numpy as np
import pandas as pd

SYLLABLES = [
    "ba",
    "be",
    "bi",
    "bo",
    "ca",
    "ce",
    "co",
    "da",
    "de",
    "di",
    "do",
    "fa",
    "fe",
    "fi",
    "ga",
    "go",
    "la",
    "le",
    "li",
    "lo",
    "lu",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "ni",
    "no",
    "pa",
    "pe",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
    "se",
    "so",
    "ta",
    "te",
    "ti",
    "to",
    "va",
    "ve",
    "vi",
    "za",
]


def words(rng, count, lowest, highest):
    made = {}
    while len(made) < count:
        made.setdefault(
            "".join(rng.choice(SYLLABLES, rng.integers(lowest, highest + 1)))
            + rng.choice(["", "n", "r", "s", "z", "l"])
        )
    return np.array(list(made), dtype=object)


def zipf(rng, count, size, power=0.9):
    weight = 1.0 / np.arange(1, count + 1) ** power
    return rng.choice(count, size, p=weight / weight.sum())


def mistype(rng, text):
    if not isinstance(text, str) or len(text) < 2:
        return text
    place, letter = (
        int(rng.integers(0, len(text) - 1)),
        "abcdefghijklmnopqrstuvwxyz0123456789"[int(rng.integers(0, 36))],
    )
    kind = rng.integers(0, 4)
    if kind == 0:
        return text[:place] + letter + text[place + 1 :]
    if kind == 1:
        return text[:place] + letter + text[place:]
    if kind == 2:
        return text[:place] + text[place + 1 :]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def people(rows, seed=7, *, missing=0.05):
    """Return `rows` records, four in ten of them a dirty copy of another."""
    rng = np.random.default_rng(seed)
    clean = int(rows * 0.6)
    given, family = words(rng, 1500, 2, 3), words(rng, 20_000, 2, 4)
    streets, cities = words(rng, 4000, 2, 3), words(rng, 400, 2, 4)
    g, f = zipf(rng, len(given), clean, 0.8), zipf(rng, len(family), clean, 0.8)
    city = zipf(rng, len(cities), clean)
    born = pd.to_datetime("1930-01-01") + pd.to_timedelta(rng.integers(0, 365 * 75, clean), unit="D")
    frame = pd.DataFrame(
        {
            "person": np.arange(clean),
            "given_name": given[g],
            "surname": family[f],
            "dob": born.strftime("%Y-%m-%d").astype(object),
            "phone": [f"6{n:08d}" for n in rng.integers(0, 10**8, clean)],
            "address": [
                f"{s} {n}"
                for s, n in zip(streets[zipf(rng, len(streets), clean, 0.5)], rng.integers(1, 200, clean), strict=True)
            ],
            "city": cities[city],
            "postcode": [f"{10000 + c * 37 + n:05d}" for c, n in zip(city, rng.integers(0, 30, clean), strict=True)],
        }
    )
    domain = np.array(["gmail.com", "hotmail.com", "outlook.es", "yahoo.com", "correo.example"], dtype=object)[
        zipf(rng, 5, clean)
    ]
    frame["email"] = [
        f"{a}.{b}{n}@{d}"
        for a, b, n, d in zip(frame.given_name, frame.surname, rng.integers(1, 999, clean), domain, strict=True)
    ]
    copies = frame.iloc[rng.integers(0, clean, rows - clean)].copy()
    fields = [name for name in frame.columns if name != "person"]
    for name in fields:
        values = copies[name].to_numpy(dtype=object).copy()
        for row in np.flatnonzero(rng.random(len(copies)) < 0.25):
            values[row] = mistype(rng, values[row])
        values[rng.random(len(copies)) < missing * 2] = None
        copies[name] = values
    swapped = rng.random(len(copies)) < 0.03
    copies.loc[swapped, ["given_name", "surname"]] = copies.loc[swapped, ["surname", "given_name"]].to_numpy()
    moved = rng.random(len(copies)) < 0.1
    copies.loc[moved, ["address", "postcode", "city"]] = (
        frame[["address", "postcode", "city"]].iloc[rng.integers(0, clean, moved.sum())].to_numpy()
    )
    for name in fields:
        frame.loc[rng.random(clean) < missing, name] = None
    made = pd.concat([frame, copies]).sample(frac=1.0, random_state=seed).reset_index(drop=True)
    made.insert(0, "record", np.arange(len(made)))
    return made


if __name__ == "__main__":
    people(int(sys.argv[1])).to_csv(sys.argv[2], index=False)
