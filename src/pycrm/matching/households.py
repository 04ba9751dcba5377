"""Who lives or works together: a second, looser level over persons, and never the same relation as being one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pycrm.errors import InvalidDataError, InvalidValueError
from pycrm.matching.blocking import Parts, composite
from pycrm.matching.fields import read_records
from pycrm.normalise import email_key
from pycrm.table import Frame, build, column

__all__ = ["Grouping", "households", "organisations"]

_PLACES = ("address", "phone", "postcode")
_FREE_MAIL = frozenset(
    ["gmail.com", "hotmail.com", "hotmail.es", "outlook.com", "outlook.es", "yahoo.com", "yahoo.es", "live.com", "icloud.com",
     "me.com", "msn.com", "aol.com", "gmx.de", "gmx.net", "web.de", "proton.me", "protonmail.com", "mail.com", "telefonica.net",
     "terra.es", "yandex.ru", "mail.ru", "qq.com", "163.com", "orange.fr", "free.fr", "wanadoo.fr", "libero.it"]
)  # fmt: skip


@frozen(eq=False)
class Grouping:
    """Persons in groups of a looser kind.

    Parameters
    ----------
    frame : Frame
        `person` and the group (`household` or `organisation`), one row a person; a person with none is a group of one.
    refused : int
        Shared values (an address, a telephone) of more persons than a group may have, which therefore unite nobody.
    """

    frame: Any
    refused: int = field(default=0)


def households(
    frame: Frame,
    *,
    id: str,
    person: str,
    fields: Mapping[str, str],
    rules: Sequence[Sequence[str]] | None = None,
    largest: int = 12,
) -> Grouping:
    """Return which persons share a household.

    Parameters
    ----------
    frame : Frame
        The records, with the person (cluster) each speaks of.
    id, person : str
        The columns of the record and of the person.
    fields : mapping of str to str
        The columns to go by, each with its kind as in `resolve`.
    rules : sequence of sequence of str, optional
        Persons who agree on all fields of any rule share a household; by default a surname (or one of two) together with the
        whole address, its postcode included where given, and a surname with a telephone.
    largest : int
        An address or telephone of more persons than this is a tower block or a switchboard.

    Notes
    -----
    A group is named by its first person in the order of the table.

    Examples
    --------
    >>> people = {"key": [1, 2, 3], "who": ["ana", "leo", "eva"], "surname": ["Ruiz Gil", "Ruiz", "Olsen"],
    ...           "street": ["C/ Mayor 5", "calle mayor, 5", "c/ Mayor 5"]}
    >>> made = households(people, id="key", person="who", fields={"surname": "surname", "street": "address"})
    >>> made.frame["household"].tolist()
    ['ana', 'ana', 'eva']
    """
    if largest < 2:
        raise InvalidValueError("largest", largest, "give 2 or more")
    records = read_records(frame, id, fields)
    persons = column(frame, person)
    if pd.isna(persons).any():
        raise InvalidDataError(person, int(np.argmax(pd.isna(persons))), None, "every record speaks of a person")
    who, names = pd.factorize(persons)
    who = who[records.order]
    chosen = _default_rules(fields) if rules is None else [tuple(rule) for rule in rules]
    unknown = [name for rule in chosen for name in rule if name.partition("/")[0] not in fields]
    if unknown or not all(chosen):
        raise InvalidValueError("rules", unknown[:1] or chosen, f"rules speak of the fields {', '.join(fields)}")
    parts = Parts(records.columns)
    edges: list[tuple[NDArray[Any], NDArray[Any]]] = []
    refused = 0
    for rule in chosen:
        keys, rows = composite(parts, rule)
        found, too_many = _stars(keys, who[rows], largest)
        edges.append(found)
        refused += too_many
    return Grouping(_grouped(names, edges, "household", frame), refused)


def organisations(frame: Frame, *, person: str, email: str, largest: int = 100_000) -> Grouping:
    """Return which persons share an employer, by the domain of their e-mail; free mail unites nobody.

    Parameters
    ----------
    frame : Frame
        The records, with the person each speaks of.
    person, email : str
        Their columns.
    largest : int
        A domain of more persons than this is taken for one more provider of mail.

    Examples
    --------
    >>> people = {"who": [1, 2, 3], "email": ["ana@acme.example", "leo@ACME.example", "eva@gmail.com"]}
    >>> organisations(people, person="who", email="email").frame["organisation"].tolist()
    [1, 1, 3]
    """
    who, names = pd.factorize(column(frame, person))
    texts = column(frame, email)
    codes, distinct = pd.factorize(texts)
    keys = [email_key(text) if isinstance(text, str) else None for text in np.asarray(distinct, dtype=object).tolist()]
    domains = [None if key is None else key.rpartition("@")[2] for key in keys]
    held = pd.factorize(np.array([None if domain in _FREE_MAIL else domain for domain in domains], dtype=object))[0]
    domain = np.append(held, -1)[codes] if len(codes) else np.empty(0, dtype=np.int64)
    there = domain >= 0
    found, refused = _stars(domain[there].astype(np.int64), who[there], largest)
    return Grouping(_grouped(names, [found], "organisation", frame), refused)


def _default_rules(fields: Mapping[str, str]) -> list[tuple[str, ...]]:
    of_kind = {kind: [name for name, held in fields.items() if held == kind] for kind in ("surname", *_PLACES)}
    if not of_kind["surname"] or not (of_kind["address"] or of_kind["phone"]):
        raise InvalidValueError(
            "fields",
            tuple(fields),
            "a household needs a surname and an address or a telephone; or give rules of your own",
        )
    surname = f"{of_kind['surname'][0]}/first"
    made = [(surname, name, *of_kind["postcode"][:1]) for name in of_kind["address"]]
    return made + [(surname, name) for name in of_kind["phone"]]


def _stars(keys: NDArray[np.int64], who: NDArray[Any], largest: int) -> tuple[tuple[NDArray[Any], NDArray[Any]], int]:
    """Edges from the first person of each shared value to the others; and how many values too many persons share."""
    order = np.lexsort((who, keys))
    keys, who = keys[order], who[order]
    fresh = np.flatnonzero((np.diff(keys, prepend=-1) != 0) | (np.diff(who, prepend=-1) != 0))
    keys, who = keys[fresh], who[fresh]
    starts = np.flatnonzero(np.diff(keys, prepend=-1) != 0)
    sizes = np.diff(np.append(starts, len(keys)))
    kept = np.repeat(sizes <= largest, sizes)
    return (np.repeat(who[starts], sizes)[kept], who[kept]), int((sizes > largest).sum())


def _grouped(names: Any, edges: list[tuple[NDArray[Any], NDArray[Any]]], level: str, like: Frame) -> Any:
    n = len(names)
    one, other = (np.concatenate([pair[side] for pair in edges]) if edges else np.empty(0, np.int64) for side in (0, 1))
    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(n, n))
    component = connected_components(graph, directed=False)[1] if n else np.empty(0, dtype=np.int64)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    held = np.asarray(names)
    return build({"person": held, level: held[first[inverse]]}, like)
