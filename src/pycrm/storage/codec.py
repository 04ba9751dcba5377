"""How the parts of an entity that are no columns become one JSON document, and come back."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from pycrm.errors import DocumentError, InvalidValueError
from pycrm.model.predicate import reach
from pycrm.serialize import from_plain, to_plain
from pycrm.storage.mapping import EntityMap

if TYPE_CHECKING:
    from pycrm.storage.protocols import Change

__all__ = ["DocumentCodec", "both_changed", "changed_fields", "column_value", "plain_at"]


_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _holds_nul(plain: Any) -> bool:
    if isinstance(plain, str):
        return "\0" in plain
    if isinstance(plain, Mapping):
        return any(_holds_nul(key) or _holds_nul(value) for key, value in plain.items())
    return isinstance(plain, list | tuple) and any(map(_holds_nul, plain))


class DocumentCodec:
    """The document of one map: its fields that are no columns, without those that are empty by default."""

    _made: ClassVar[weakref.WeakKeyDictionary[EntityMap, DocumentCodec]] = weakref.WeakKeyDictionary()

    def __init__(self, map: EntityMap) -> None:
        self.map = map
        hints = {attribute.name: attribute.type for attribute in attrs.fields(map.model)}
        self.kinds: dict[str, Any] = {name: hints[name] for name in map.documents}
        self.defaults: dict[str, Any] = {}
        self.fallbacks: dict[str, Any] = {}
        for attribute in attrs.fields(map.model):
            if attribute.name not in self.kinds or attribute.default is attrs.NOTHING:
                continue
            default = attribute.default
            if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # Factory is a class at run time
                if not default.takes_self:
                    self.fallbacks[attribute.name] = default.factory
                continue
            # Only what is empty is left out: a default that says something may say something else tomorrow.
            if not default:
                self.defaults[attribute.name] = (
                    attribute.converter(default) if callable(attribute.converter) else default
                )
            else:
                self.fallbacks[attribute.name] = lambda default=default: default

    @classmethod
    def of(cls, map: EntityMap) -> DocumentCodec:
        """Return the codec of a map, made once."""
        found = cls._made.get(map)
        if found is None:
            found = cls._made[map] = cls(map)
        return found

    def plain(self, entity: Any, known: Any = None) -> dict[str, Any]:
        """Return the fields of the document as plain data, without those that hold the very objects `known` holds."""
        made = {}
        for name in self.kinds:
            value = getattr(entity, name)
            if known is not None and value is getattr(known, name):
                continue
            if name in self.defaults and value == self.defaults[name]:
                continue
            made[name] = to_plain(value)
        return made

    def plain_after(self, entity: Any, before: Any, text: str | None) -> dict[str, Any]:
        """Return the same of an entity that was `before`, whose document is `text`: what it holds still is not written anew."""
        kept = {} if text is None else json.loads(text)
        made = {}
        for name in self.kinds:
            value, old, plain = getattr(entity, name), getattr(before, name), kept.get(name)
            if name in self.defaults and value == self.defaults[name]:
                continue
            if isinstance(value, tuple) and isinstance(old, tuple) and isinstance(plain, list):
                known = dict(zip(map(id, old), plain, strict=True))
                made[name] = [known[id(each)] if id(each) in known else to_plain(each) for each in value]
            else:
                made[name] = to_plain(value)
        return made

    def value(self, name: str, plain: Any) -> Any:
        """Return plain data as the entity holds it in one field."""
        return from_plain(self.kinds[name], plain)

    def dump(self, entity: Any) -> str | None:
        """Return the document as JSON, None where it is empty; raise InvalidValueError where no store could keep it."""
        return self.text(self.plain(entity))

    def text(self, plain: Mapping[str, Any]) -> str | None:
        """Return plain fields as the JSON that is kept."""
        if not plain:
            return None
        try:
            text = _written(plain)
            if not text.isascii():
                text.encode()
        except (TypeError, ValueError) as error:
            raise InvalidValueError(self.map.name, plain, f"give what JSON can hold: {error}") from error
        if "\\u0000" in text and _holds_nul(plain):
            raise InvalidValueError(self.map.name, plain, "take out NUL characters")
        return text

    def load(self, text: str | None) -> dict[str, Any]:
        """Return every field of the document as the entity holds it."""
        if text is None:
            return dict(self.defaults)
        return self.structure(json.loads(text))

    def structure(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Return plain fields as the entity holds them."""
        made = dict(self.defaults)
        for name, value in plain.items():
            kind = self.kinds.get(name)
            if kind is None:
                raise DocumentError(name, "unknown_field", f"{self.map.name} has no such field")
            made[name] = from_plain(kind, value)
        for name, fallback in self.fallbacks.items():
            if name not in made:  # written by a release that did not know the field
                made[name] = fallback()
        return made


def changed_fields(
    map: EntityMap, before: Any, after: Any, plain: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, tuple[Any, Any]]:
    """Return the plain old and new value of every field that differs; `plain` is what is known of the new ones."""
    changed = {}
    for name in map.compared:
        old, new = getattr(before, name), getattr(after, name)
        if old is not new and old != new:
            written = plain[name] if name in plain else to_plain(new)
            changed[name] = (_plain_beside(old, new, written), written)
    return changed


def _plain_beside(old: Any, new: Any, written: Any) -> Any:
    """Return `old` as plain data; what it shares with `new` is not written twice."""
    if not (isinstance(old, tuple) and isinstance(new, tuple)):
        return to_plain(old)
    known = dict(zip(map(id, new), written, strict=True))
    return [known[id(each)] if id(each) in known else to_plain(each) for each in old]


def both_changed(ours: Any, theirs: Any, history: Sequence[Change], expected: int) -> dict[str, dict[str, Any]] | None:
    """Return the fields that were changed since version `expected` by the trail and in `ours`, to different values.

    None where the trail does not tell all that happened since.
    """
    since = [change for change in history if change.version > expected]
    if [change.version for change in since] != list(range(expected + 1, theirs.version + 1)):
        return None
    base: dict[str, Any] = {}
    for change in since:
        if change.action == "erase":
            return None
        for name, (old, _) in change.fields.items():
            base.setdefault(name, old)
    both = {}
    for name, old in base.items():
        told, own = to_plain(getattr(theirs, name)), to_plain(getattr(ours, name))
        if own not in (old, told) and told != old:
            both[name] = {"base": old, "theirs": told, "ours": own}
    return both


def column_value(map: EntityMap, entity: Any, path: str) -> Any:
    """Return what `entity` holds at `path`, as bulk reads give it.

    Scalars as they are and enums as their values; of a path through collections, a list; of nested values, plain data.
    """
    column = map.by_path.get(path)
    if column is not None:
        return map.value(entity, column)
    name, _, rest = path.partition(".")
    codec = DocumentCodec.of(map)
    value = getattr(entity, name)
    if name in codec.defaults and value == codec.defaults[name]:
        return None
    return column_value_of(value, rest)


def column_value_of(value: Any, rest: str) -> Any:
    """Return what a document field holds below it; a collection on the way gives a list."""
    if not rest:
        return to_plain(value)
    found = list(reach(value, rest))
    values = [
        value.value
        if isinstance(value, Enum)
        else to_plain(value)
        if attrs.has(type(value)) or isinstance(value, Mapping)
        else value
        for value, _ in found
    ]
    through = isinstance(value, tuple | frozenset) or any(element for _, element in found) or len(values) > 1
    if through:
        return values
    return values[0] if values else None


def plain_at(codec: DocumentCodec, documents: list[dict[str, Any]], path: str) -> list[Any]:
    """Return what each document holds at `path`, as `column_value` would."""
    name, _, rest = path.partition(".")
    if not rest:
        return [document.get(name) for document in documents]
    known: dict[str, Any] = {}
    made: list[Any] = []
    for document in documents:
        if name not in document:
            made.append(None)
            continue
        # Many rows hold the same small value; it is read once.
        key = json.dumps(document[name])
        if key not in known:
            known[key] = column_value_of(codec.value(name, document[name]), rest)
        made.append(known[key])
    return made
