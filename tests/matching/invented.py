"""Small invented tables with known truth: Spanish customers, households, and people of whom little is known."""

import numpy as np
import pandas as pd

GIVEN = [
    "María",
    "José",
    "Antonio",
    "Carmen",
    "Francisco",
    "Ana",
    "Manuel",
    "Isabel",
    "Juan",
    "Laura",
    "Pedro",
    "Lucía",
    "Miguel",
    "Elena",
    "Javier",
    "Rosa",
    "Luis",
    "Marta",
    "Pablo",
    "Pilar",
    "Diego",
    "Sara",
    "Rafael",
    "Teresa",
    "Andrés",
    "Nuria",
    "Sergio",
    "Irene",
    "Óscar",
    "Julia",
]
SURNAMES = [
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
    "Ortega",
    "Delgado",
    "Castro",
    "Ortiz",
    "Rubio",
    "Marín",
    "Sanz",
    "Núñez",
    "Iglesias",
    "Medina",
    "Garrido",
    "Cortés",
    "Castillo",
    "Santos",
    "Lozano",
    "Guerrero",
    "Cano",
    "Prieto",
]
SHORT = {"Francisco": "Paco", "María": "Mª", "José": "Pepe", "Manuel": "Manolo", "Isabel": "Isa", "Teresa": "Tere"}


def mistyped(rng, text):
    if not text or len(text) < 3:
        return text
    place = int(rng.integers(1, len(text)))
    return text[:place] + text[place + 1 :] if rng.random() < 0.5 else text[:place] + "x" + text[place:]


def spaniards(persons=300, seed=1):
    """Each person two or three times: one surname or both, short forms, "Apellidos, Nombre", accents lost, dates mistyped."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(persons):
        given, first, second = (
            str(rng.choice(GIVEN)), str(rng.choice(SURNAMES)), str(rng.choice(SURNAMES)),
        )  # fmt: skip
        birth = f"{rng.integers(1940, 2005)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
        phone, postcode = f"6{rng.integers(10**7, 10**8)}", f"{rng.integers(1000, 52999):05d}"
        for copy in range(int(rng.integers(2, 4))):
            names = [
                f"{given} {first} {second}",
                f"{first} {second}, {given}",
                f"{SHORT.get(given, given)} {first}",
                f"{given} {first}",
            ]
            name = names[int(rng.integers(0, 4))] if copy else names[0]
            date = birth if rng.random() < 0.8 else mistyped(rng, birth)
            rows.append(
                {
                    "person": person, "name": name.upper() if rng.random() < 0.3 else name, "birth": date if rng.random() < 0.9 else None,
                    "phone": f"+34 {phone}" if rng.random() < 0.5 else phone if rng.random() < 0.8 else None,
                    "postcode": postcode if rng.random() < 0.8 else None,
                }
            )  # fmt: skip
    made = pd.DataFrame(rows).sample(frac=1.0, random_state=seed).reset_index(drop=True)
    made.insert(0, "id", np.arange(len(made)))
    return made


def families(count=250, seed=2):
    """Two to four people of one surname, address and telephone, each of them twice, with one thing wrong the second time."""
    rng = np.random.default_rng(seed)
    rows = []
    for household in range(count):
        surname = f"{rng.choice(SURNAMES)} {rng.choice(SURNAMES)}"
        street, phone = f"Calle {rng.choice(SURNAMES)} {rng.integers(1, 90)}", f"91{rng.integers(10**6, 10**7)}"
        for member, given in enumerate(rng.choice(GIVEN, int(rng.integers(2, 5)), replace=False)):
            birth = f"{rng.integers(1940, 2005)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
            for copy in range(2):
                wrong = int(rng.integers(0, 4)) if copy else -1
                rows.append(
                    {
                        "household": household, "person": household * 10 + member,
                        "given": mistyped(rng, str(given)) if wrong == 0 else str(given),
                        "surname": surname.split(" ", maxsplit=1)[0] if wrong == 1 else surname,
                        "birth": birth if wrong != 2 else birth[:8] + "01",
                        "address": street, "phone": None if wrong == 3 else phone,
                    }
                )  # fmt: skip
    made = pd.DataFrame(rows).sample(frac=1.0, random_state=seed).reset_index(drop=True)
    made.insert(0, "id", np.arange(len(made)))
    return made


def little_known(persons=400, seed=3):
    """Three to twenty-one records a person, four fields of ten missing, names short, mistyped or those of a relative."""
    rng = np.random.default_rng(seed)
    letters = [
        f"{a}{b}{c}"
        for a in ("bra", "cor", "dan", "fel", "gor", "hal", "kel", "mor", "nor", "pel", "sal", "tor")
        for b in ("ba", "de", "li", "mo", "ni", "ra", "se", "tu", "vo")
        for c in ("n", "r", "s", "well", "by", "ton", "ham", "")
    ]
    rows = []
    for person in range(persons):
        given, family = str(rng.choice(letters)), str(rng.choice(letters))
        birth = f"{rng.integers(1700, 1930)}-{rng.integers(1, 13):02d}-{rng.integers(1, 29):02d}"
        place, postcode = str(rng.choice(letters)), f"{family[:2].upper()}{rng.integers(1, 60)} {rng.integers(1, 9)}AB"
        for _ in range(int(np.clip(rng.geometric(0.15) + 2, 3, 21))):
            said = [given, family, birth, place, postcode]
            said = [mistyped(rng, text) if rng.random() < 0.15 else text for text in said]
            said = [
                None if rng.random() < gone else text
                for text, gone in zip(said, (0.1, 0.1, 0.3, 0.4, 0.4), strict=True)
            ]
            rows.append((person, *said))
    made = pd.DataFrame(rows, columns=["person", "given", "surname", "birth", "place", "postcode"])
    made = made.sample(frac=1.0, random_state=seed).reset_index(drop=True)
    made.insert(0, "id", [f"Q{number:05d}" for number in range(len(made))])
    return made
