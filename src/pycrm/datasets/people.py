"""Invented people, and what two sources wrote down of them: typing errors, missing fields and duplicates included."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["make_contacts", "make_people"]

GIVEN = [
    "Ana",
    "María",
    "José",
    "Lucía",
    "Carmen",
    "Javier",
    "Marta",
    "Sofía",
    "Pablo",
    "Elena",
    "Diego",
    "Valentina",
    "Andrés",
    "Camila",
    "Tomás",
    "Inés",
    "Hugo",
    "Paula",
    "Álvaro",
    "Noa",
    "Emma",
    "Oliver",
    "Grace",
    "Jack",
    "Chloe",
    "Harry",
    "Amelia",
    "George",
    "Ruby",
    "Thomas",
    "Isla",
    "James",
    "Freya",
    "William",
    "Alice",
    "Samuel",
    "Zoë",
    "Noah",
    "Maya",
    "Liam",
    "Olga",
    "Iván",
    "Yasmin",
    "Omar",
    "Fatima",
    "Chen",
    "Wei",
    "Aiko",
    "Hiroshi",
    "Priya",
    "Arjun",
    "Ingrid",
    "Lars",
    "Søren",
    "Chiara",
    "Luca",
    "Amélie",
    "Étienne",
    "Jürgen",
    "Nadia",
]
FAMILY = [
    "García",
    "Fernández",
    "González",
    "Rodríguez",
    "López",
    "Martínez",
    "Sánchez",
    "Pérez",
    "Gómez",
    "Martín",
    "Jiménez",
    "Ruiz",
    "Hernández",
    "Díaz",
    "Moreno",
    "Muñoz",
    "Álvarez",
    "Romero",
    "Alonso",
    "Gutiérrez",
    "Navarro",
    "Torres",
    "Domínguez",
    "Vázquez",
    "Ramos",
    "Gil",
    "Ramírez",
    "Serrano",
    "Blanco",
    "Molina",
    "Morales",
    "Suárez",
    "Smith",
    "Jones",
    "Taylor",
    "Brown",
    "Williams",
    "Wilson",
    "Johnson",
    "Davies",
    "Patel",
    "Wright",
    "Walker",
    "Thompson",
    "White",
    "Hughes",
    "Edwards",
    "Green",
    "Hall",
    "Wood",
    "Harris",
    "Clarke",
    "O'Brien",
    "Murphy",
    "Kelly",
    "Novák",
    "Kowalski",
    "Rossi",
    "Ferrari",
    "Müller",
    "Schmidt",
    "Dubois",
    "Lefèvre",
    "Jensen",
    "Tanaka",
    "Sato",
    "Nguyen",
]
CITIES = (
    ("Madrid", "ES", "28"), ("Barcelona", "ES", "08"), ("Valencia", "ES", "46"), ("Sevilla", "ES", "41"), ("Zaragoza", "ES", "50"),
    ("Málaga", "ES", "29"), ("Bilbao", "ES", "48"), ("Granada", "ES", "18"), ("Vigo", "ES", "36"), ("Alicante", "ES", "03"),
)  # fmt: skip
SOURCES = ("shop", "newsletter")

_KEYS = "abcdefghijklmnopqrstuvwxyz"


def _pick(random: Generator, values: Any, size: int, *, steep: float = 0.6) -> NDArray[Any]:
    """Draw from `values`, the first the most often, as names are."""
    weights = np.arange(1, len(values) + 1) ** -steep
    return np.asarray(values, dtype=object)[random.choice(len(values), size=size, p=weights / weights.sum())]


def _plain(texts: NDArray[Any]) -> NDArray[Any]:
    codes, distinct = pd.factorize(texts)
    flat = [
        "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)) for text in distinct
    ]
    return np.asarray(flat, dtype=object)[codes]


def make_people(random: Generator, size: int, birth_years: tuple[int, int] = (1940, 2006)) -> pd.DataFrame:
    """Return `size` people, each with an address of their own."""
    given, family = _pick(random, GIVEN, size), _pick(random, FAMILY, size)
    second = np.where(random.random(size) < 0.5, _pick(random, FAMILY, size), "")
    place = random.choice(len(CITIES), size=size, p=np.arange(len(CITIES), 0, -1) / 55)
    city, country, province = (np.asarray(column, dtype=object)[place] for column in zip(*CITIES, strict=True))
    first = np.datetime64(f"{birth_years[0]}-01-01")
    days = int((np.datetime64(f"{birth_years[1]}-01-01") - first).astype(int))
    stem = pd.Series(_plain(given)).str.lower() + "." + pd.Series(_plain(family)).str.lower().str.replace("'", "")
    number = pd.Series(np.arange(size)).astype(str)
    return pd.DataFrame(
        {
            "person": np.arange(size),
            "given": given,
            "family": pd.Series(family, dtype=object).str.cat(second, sep=" ").str.strip().to_numpy(dtype=object),
            "email": (stem + number + "@example." + pd.Series(_pick(random, ("com", "org", "net"), size))).to_numpy(
                dtype=object
            ),
            # The number of the person is the number of the phone: no two people share one.
            "phone": ("+346" + pd.Series(np.arange(size)).astype(str).str.zfill(8)).to_numpy(dtype=object),
            "city": city,
            "country": country,
            "postcode": (
                pd.Series(province) + pd.Series(random.integers(1, 999, size)).astype(str).str.zfill(3)
            ).to_numpy(dtype=object),
            "birth_date": first + random.integers(0, days, size).astype("timedelta64[D]"),
        }
    )


def make_contacts(
    random: Generator,
    people: pd.DataFrame,
    joined: NDArray[np.datetime64],
    end: np.datetime64,
    *,
    newsletter: float = 0.6,
    duplicates: float = 0.08,
    typos: float = 0.12,
    missing: float = 0.15,
) -> pd.DataFrame:
    """Return what the sources hold: everybody is in the shop, some twice, and some read the newsletter.

    A record has typing errors with probability `typos`, lacks its e-mail or its phone (never both) with probability
    `missing`, and is otherwise written the way people write: capitals, blanks, no accents.
    """
    size = len(people)
    again = np.flatnonzero(random.random(size) < duplicates)
    reads = np.flatnonzero(random.random(size) < newsletter)
    person = np.concatenate([np.arange(size), again, reads])
    source = np.repeat([0, 0, 1], [size, len(again), len(reads)])
    count = len(person)
    told: dict[str, Any] = {
        name: people[name].to_numpy()[person].copy()
        for name in ("given", "family", "email", "phone", "postcode", "city", "country")
    }
    original = np.arange(count) < size

    flat = random.random(count) < 0.25
    for name in ("given", "family", "city"):
        told[name][flat] = _plain(told[name][flat])
    shout = random.random(count) < 0.1
    for name in ("family", "email"):
        told[name][shout] = pd.Series(told[name][shout]).str.upper().to_numpy(dtype=object)
    spaced = random.random(count) < 0.3
    digits = pd.Series(told["phone"][spaced])
    told["phone"][spaced] = (digits.str[3:6] + " " + digits.str[6:9] + " " + digits.str[9:]).to_numpy(dtype=object)

    # The first record of a person keeps what tells them apart, so that the truth can be found at all.
    wrong = np.flatnonzero(random.random(count) < typos)
    fields = random.integers(0, 4, len(wrong))
    for number, name in enumerate(("given", "family", "email", "phone")):
        rows = wrong[fields == number]
        if name in {"email", "phone"}:
            rows = rows[~original[rows]]
        told[name][rows] = _mistyped(random, told[name][rows], digits=name == "phone")
    gone = random.random(count)
    told["email"][(gone < missing / 2) & ~original] = ""
    told["phone"][(gone >= missing / 2) & (gone < missing)] = ""
    told["postcode"][random.random(count) < missing] = ""
    told["city"][random.random(count) < missing] = ""

    numbered = np.where(source == 0, np.cumsum(source == 0), np.cumsum(source == 1))
    start = joined[person]
    waited = (random.random(count) * (end - start).astype(np.int64)).astype("timedelta64[us]")
    return pd.DataFrame(
        {
            "source": np.asarray(SOURCES, dtype=object)[source],
            "key": (
                pd.Series(np.asarray(["S", "N"], dtype=object)[source]) + pd.Series(numbered).astype(str).str.zfill(7)
            ).to_numpy(dtype=object),
            "person": person,
            **told,
            "birth_date": pd.Series(people["birth_date"].to_numpy()[person]).where(source == 0).to_numpy(),
            "received_at": np.where(original, start, start + waited),
        }
    )


def _mistyped(random: Generator, texts: NDArray[Any], *, digits: bool) -> NDArray[Any]:
    """Return `texts`, each with one letter swapped, dropped, doubled or replaced."""
    kinds, places = random.integers(0, 4, len(texts)), random.random(len(texts))
    letters = random.integers(0, 10 if digits else 26, len(texts))
    made = []
    for text, kind, place, letter in zip(texts, kinds.tolist(), places.tolist(), letters.tolist(), strict=True):
        end = text.find("@") if "@" in text else len(text)
        at = int(place * max(end - 1, 1))
        new = str(letter) if digits else _KEYS[letter]
        made.append(
            (
                text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
                text[:at] + text[at + 1 :] if end > 2 else text,
                text[: at + 1] + text[at:],
                text[:at] + new + text[at + 1 :],
            )[kind]
        )
    return np.asarray(made, dtype=object)
