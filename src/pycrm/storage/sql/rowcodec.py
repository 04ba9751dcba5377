"""The code that turns an entity into a row and back: written once per map and dialect, then compiled by Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from attrs import frozen

from pycrm.storage.codec import DocumentCodec
from pycrm.storage.mapping import Column, EntityMap
from pycrm.storage.sql.dialects import Dialect

__all__ = ["RowCodec", "row_codec"]


@frozen(eq=False)
class RowCodec:
    """How one map travels to and from one dialect.

    Parameters
    ----------
    encode : callable
        An entity to the values of columns, searched columns and document.
    decode : callable
        A row of id, version, columns and document to the entity.
    renew : callable
        An entity and a version to the same entity at that version, without running its validators again.
    changes : callable
        An entity before and after, and how to write its plain document, to the names and values of the columns that hold
        another object now, and the document where it is among them: what is the very same object is stored already.
    verbatim : bool
        Whether `decode` gives every field just as the document tells it; a constructor may put elements in another order.
    """

    map: EntityMap
    document: DocumentCodec
    encode: Callable[[Any], tuple[Any, ...]]
    decode: Callable[[Sequence[Any]], Any]
    renew: Callable[[Any, int], Any]
    changes: Callable[[Any, Any, Callable[[Any], dict[str, Any]]], tuple[list[str], list[Any], dict[str, Any]]]
    verbatim: bool


def _writer(column: Column, bind: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    check = column.check
    if bind is None:
        return check

    def write(value: Any) -> Any:
        checked = check(value)
        return None if checked is None else bind(checked)

    return write


def row_codec(map: EntityMap, dialect: Dialect) -> RowCodec:
    """Write the codec of a map for a dialect.

    A row was checked when it was written, so an entity is built without running its validators again; one whose class
    computes fields of its own is built by its constructor.
    """
    document = DocumentCodec.of(map)
    names: dict[str, Any] = {"new": object.__new__, "put": object.__setattr__, "cls": map.model, "document": document}
    names |= {"dump": document.dump, "load": document.load, "value": map.value}
    names["text"] = document.text
    terms = []
    changes = ["def changes(b, e, plain):", "    names, values, d = [], [], {}"]
    nested = [f"        d = plain(e); names += {[*(each.name for each in map.searched), 'document']!r}"]
    for at, column in enumerate(map.columns):
        names[f"w{at}"] = _writer(column, dialect.binder(column))
        terms.append(f"w{at}(e.{column.path})")
        changes += [
            f"    if e.{column.path} is not b.{column.path}:",
            f"        names.append({column.name!r}); values.append(w{at}(e.{column.path}))",
        ]
    for at, column in enumerate(map.searched):
        names[f"s{at}"] = _writer(column, dialect.binder(column))
        names[f"c{at}"] = column
        terms.append(f"s{at}(value(e, c{at}))")
        nested.append(f"        values.append(s{at}(value(e, c{at})))")
    other = " or ".join([f"e.{name} is not b.{name}" for name in map.documents]) or "False"
    changes += [f"    if {other}:", *nested, "        values.append(text(d))", "    return names, values, d", ""]
    encode = f"def encode(e):\n    return ({''.join(f'{term}, ' for term in terms)}dump(e),)\n"

    fields: list[tuple[str, str]] = [("id", _read(names, "r_id", dialect, map.id_column, 0)), ("version", "r[1]")]
    for at, column in enumerate(map.columns, start=2):
        fields.append((column.path, _read(names, f"r{at}", dialect, column, at)))
    last = 2 + len(map.columns)
    computed = any(not attribute.init for attribute in attrs.fields(map.model))
    if computed:
        arguments = ", ".join(f"{name}={term}" for name, term in fields)
        decode = f"def decode(r):\n    return cls({arguments}, **load(r[{last}]))\n"
    else:
        lines = [f"    put(e, {name!r}, {term})" for name, term in fields]
        full = [f"        put(e, {name!r}, d[{name!r}])" for name in map.documents]
        empty = []
        for at, name in enumerate(map.documents):
            if name in document.defaults:
                names[f"d{at}"] = document.defaults[name]
                empty.append(f"        put(e, {name!r}, d{at})")
        always = len(empty) == len(map.documents)
        body = [f"    if r[{last}] is None:", *(empty or ["        pass"]), "    else:"] if always else ["    if True:"]
        body += [f"        d = load(r[{last}])", *full]
        decode = "\n".join(["def decode(r):", "    e = new(cls)", *lines, *body, "    return e", ""])
    if computed:
        names["evolve"] = attrs.evolve
        renew = "def renew(e, version):\n    return evolve(e, version=version)\n"
    else:
        others = [each.name for each in attrs.fields(map.model) if each.name != "version"]
        copied = [f"    put(made, {name!r}, e.{name})" for name in others]
        renew = "\n".join(
            [
                "def renew(e, version):",
                "    made = new(cls)",
                *copied,
                "    put(made, 'version', version)",
                "    return made",
                "",
            ]
        )
    exec("".join((encode, decode, renew, "\n".join(changes))), names)  # noqa: S102  # the text is made of attribute names of the class alone
    return RowCodec(map, document, names["encode"], names["decode"], names["renew"], names["changes"], not computed)


def _read(names: dict[str, Any], name: str, dialect: Dialect, column: Column, at: int) -> str:
    """Return the expression that reads one column, and what it needs among the names."""
    term = f"r[{at}]"
    read = dialect.reader(column)
    made = term
    if read is not None:
        names[name] = read
        made = f"{name}({term})"
    if column.enum is not None:
        names[f"{name}_enum"] = {member.value: member for member in column.enum}
        made = f"{name}_enum[{made}]"
    return f"(None if {term} is None else {made})" if column.nullable and made != term else made
