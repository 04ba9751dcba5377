"""Every error and warning of pycrm, in one tree.

Each error says what was asked, what stands in the way and what to do; the values it speaks of are attributes; and each is
also the builtin a caller would expect, so code that never heard of pycrm catches it too.

::

    PycrmError
    ├── InvalidValueError        (ValueError)       a field of a value breaks its rule
    │   ├── CurrencyMismatchError                   amounts of two currencies in one sum
    │   └── InvalidTransitionError                  a stage that may not follow
    ├── InvalidDataError         (ValueError)       a row or column of a table breaks its rule
    │   └── MissingColumnError   (KeyError)         a column is not there
    ├── NotEstimableError        (ArithmeticError)  the data or the parameters do not determine the number
    ├── DocumentError            (ValueError)       a dict or JSON text is not what it claims to be
    ├── MissingExtraError        (ImportError)      an optional package is not installed
    ├── UnreadableFileError      (OSError)          a file that cannot be read as orders
    └── StoreError
        ├── NotFound             (LookupError)
        ├── Duplicate            (ValueError)       a unique rule
        ├── Broken               (ValueError)       a reference, check or not-null rule
        │   └── AppendOnly                          a change of what is only ever added
        ├── Conflict             (RuntimeError)     somebody saved a newer version
        ├── Transient            (RuntimeError)     try the whole unit of work again
        ├── Unknown              (RuntimeError)     the connection died during COMMIT
        ├── InvalidCursor        (ValueError)
        │   └── CursorTooOld                        what lies behind it was forgotten
        ├── InvalidQuery         (ValueError)
        ├── ReadOnly             (RuntimeError)     a write where only reading is possible
        ├── UnitClosed           (RuntimeError)     a unit of work used after its end
        └── SchemaMismatch       (RuntimeError)     the store was written by another release
    PycrmWarning                 (UserWarning)
    ├── ConvergenceWarning                          a fit stopped before its optimum
    ├── BoundaryWarning                             a parameter runs to the edge of its range
    └── DataWarning                                 rows were read under a stated policy
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "AppendOnly",
    "BoundaryWarning",
    "Broken",
    "Conflict",
    "ConvergenceWarning",
    "CurrencyMismatchError",
    "CursorTooOld",
    "DataWarning",
    "DocumentError",
    "Duplicate",
    "InvalidCursor",
    "InvalidDataError",
    "InvalidQuery",
    "InvalidTransitionError",
    "InvalidValueError",
    "MissingColumnError",
    "MissingExtraError",
    "NotEstimableError",
    "NotFound",
    "PycrmError",
    "PycrmWarning",
    "ReadOnly",
    "SchemaMismatch",
    "StoreError",
    "Transient",
    "UnitClosed",
    "Unknown",
    "UnreadableFileError",
]


def _shown(value: object) -> str:
    """`value` as it may stand in a sentence: quoted, and never longer than a line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class PycrmError(Exception):
    """The root: catch it to catch everything pycrm raises on purpose."""


class InvalidValueError(PycrmError, ValueError):
    """A field of a value breaks its rule."""

    def __init__(self, field: str, value: object, fix: str) -> None:
        super().__init__(field, value, fix)
        self.field = field
        self.value = value
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.field}: {_shown(self.value)} is refused; {self.fix}"


class CurrencyMismatchError(InvalidValueError):
    """Amounts of two currencies met in one sum, comparison or table."""

    def __init__(self, expected: str, found: str, field: str = "currency") -> None:
        super().__init__(field, found, f"the other amounts are in {expected}; convert them to one currency first")
        Exception.__init__(self, expected, found, field)
        self.expected = expected
        self.found = found


class InvalidTransitionError(InvalidValueError):
    """A stage that may not follow the present one."""

    def __init__(self, current: str, requested: str, allowed: frozenset[str] | set[str]) -> None:
        super().__init__("stage", requested, f"allowed next: {', '.join(sorted(allowed)) or 'nothing'}")
        Exception.__init__(self, current, requested, allowed)
        self.current = current
        self.requested = requested
        self.allowed: frozenset[str] = frozenset(allowed)

    def __str__(self) -> str:
        allowed = ", ".join(sorted(self.allowed)) or "nothing"
        return f"cannot move from {self.current!r} to {self.requested!r}; allowed next: {allowed}"


class InvalidDataError(PycrmError, ValueError):
    """A row or column of a table breaks its rule; `row` counts from 0, None where the whole column is meant."""

    def __init__(self, column: str, row: int | None, value: object, fix: str) -> None:
        super().__init__(column, row, value, fix)
        self.column = column
        self.row = row
        self.value = value
        self.fix = fix

    def __str__(self) -> str:
        where = f"column {self.column!r}" + ("" if self.row is None else f", row {self.row}")
        return f"{where}: {_shown(self.value)} is refused; {self.fix}"


class MissingColumnError(InvalidDataError, KeyError):
    """A column is not there."""

    def __init__(self, column: str, available: tuple[str, ...] | list[str], hint: str = "") -> None:
        found = ", ".join(map(str, available)) or "no columns"
        super().__init__(column, None, None, f"the table has {found}{hint and '; ' + hint}")
        Exception.__init__(self, column, available, hint)
        self.available: tuple[str, ...] = tuple(available)

    def __str__(self) -> str:
        return f"there is no column {self.column!r}; {self.fix}"


class NotEstimableError(PycrmError, ArithmeticError, ValueError):
    """The data or the parameters do not determine the number asked for."""

    def __init__(self, quantity: str, reason: str, parameter: str | None = None) -> None:
        super().__init__(quantity, reason, parameter)
        self.quantity = quantity
        self.reason = reason
        self.parameter = parameter

    def __str__(self) -> str:
        return f"cannot compute {self.quantity}: {self.reason}"


class DocumentError(PycrmError, ValueError):
    """A dict or JSON text is not what it claims to be; `path` leads to the place, `code` is stable."""

    def __init__(self, path: str, code: str, message: str) -> None:
        super().__init__(path, code, message)
        self.path = path
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.path or '$'}: {self.message} [{self.code}]"


class MissingExtraError(PycrmError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)
        self.package = package
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.package} is not installed; run: pip install 'pycrm-domain[{self.extra}]'"


class UnreadableFileError(PycrmError, OSError):
    """A file that cannot be read as orders; `row` counts lines from 1, the header included."""

    def __init__(self, path: str, problem: str, fix: str, row: int | None = None, column: str | None = None) -> None:
        super().__init__(path, problem, fix, row, column)
        self.path = path
        self.problem = problem
        self.fix = fix
        self.row = row
        self.column = column

    def __str__(self) -> str:
        where = "".join(
            [
                self.path,
                "" if self.row is None else f", row {self.row}",
                "" if self.column is None else f", column {self.column!r}",
            ]
        )
        return f"{where}: {self.problem}; {self.fix}"


class StoreError(PycrmError):
    """The root of what a store raises."""

    retryable: ClassVar[bool] = False


class NotFound(StoreError, LookupError):
    """There is no live row with this id in this tenant."""

    def __init__(self, model: str, id: object) -> None:
        super().__init__(model, id)
        self.model = model
        self.id = id

    def __str__(self) -> str:
        return f"no {self.model} with id {_shown(self.id)}; use find() where absence is expected"


class Duplicate(StoreError, ValueError):
    """A unique rule: another live row already holds these values."""

    def __init__(self, model: str, constraint: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(model, constraint, fields)
        self.model = model
        self.constraint = constraint
        self.fields = fields

    def __str__(self) -> str:
        what = ", ".join(self.fields) or self.constraint
        return f"another {self.model} already has this {what}; load and save that one, or change the value"


class Broken(StoreError, ValueError):
    """A reference, check or not-null rule of the store would be broken."""

    def __init__(self, model: str, constraint: str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(model, constraint, fields)
        self.model = model
        self.constraint = constraint
        self.fields = fields

    def __str__(self) -> str:
        what = ", ".join(self.fields) or self.constraint
        return (
            f"{self.model} breaks {self.constraint} ({what}); store what it refers to first, in the same unit of work"
        )


class AppendOnly(Broken):
    """A change or removal of an entity that is only ever added."""

    def __init__(self, model: str) -> None:
        super().__init__(model, "append-only")
        Exception.__init__(self, model)

    def __str__(self) -> str:
        return f"{self.model} is only ever added: add another entry that says what holds now, or erase() it for good"


class Conflict(StoreError, RuntimeError):
    """Somebody saved a newer version since this one was read.

    `fields` names what both sides changed, to different values: ``{"base", "theirs", "ours"}`` of each, as plain data. It is None
    where that is not known: nothing was to be saved, or the audit trail since then is gone.
    """

    def __init__(
        self,
        model: str,
        id: object,
        expected: int,
        found: int | None,
        fields: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(model, id, expected, found, fields)
        self.model = model
        self.id = id
        self.expected = expected
        self.found = found
        self.fields = fields

    def __str__(self) -> str:
        both = "" if not self.fields else f", and both changed {', '.join(self.fields)}"
        return (
            f"{self.model} {_shown(self.id)} was read at version {self.expected} and is now at {self.found}{both}; "
            "load it again, apply the change to the new state, and save"
        )


class Transient(StoreError, RuntimeError):
    """Busy, deadlock, serialisation failure or a connection lost before COMMIT: nothing was written."""

    retryable: ClassVar[bool] = True

    def __init__(self, reason: str, code: str | None = None) -> None:
        super().__init__(reason, code)
        self.reason = reason
        self.code = code

    def __str__(self) -> str:
        return f"{self.reason}; nothing was written: run the whole unit of work again, store.run() does so"


class Unknown(StoreError, RuntimeError):
    """The connection died during COMMIT: written or not, the store cannot tell."""

    def __init__(self, reason: str, code: str | None = None) -> None:
        super().__init__(reason, code)
        self.reason = reason
        self.code = code

    def __str__(self) -> str:
        return f"{self.reason}; it may or may not be written: give store.run() a key, which settles it"


class InvalidCursor(StoreError, ValueError):
    """A page cursor that this query did not give out."""

    def __init__(self, reason: str, fix: str = "start again at the first page") -> None:
        super().__init__(reason, fix)
        self.reason = reason
        self.fix = fix

    def __str__(self) -> str:
        return f"the cursor is refused: {self.reason}; {self.fix}"


class CursorTooOld(InvalidCursor):
    """A reader of the changes that stood still for so long that what it has not read was forgotten."""

    def __init__(self, position: int, kept_from: int) -> None:
        super().__init__(
            f"it has read up to change {position}, and those up to {kept_from - 1} were forgotten",
            "take latest(store), read the entities themselves, and go on from there",
        )
        Exception.__init__(self, position, kept_from)
        self.position = position
        self.kept_from = kept_from


class InvalidQuery(StoreError, ValueError):
    """A question about a path, operator or value the store does not know."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"query on {self.path!r}: {self.reason}"


class ReadOnly(StoreError, RuntimeError):
    """A write where only reading is possible: in a unit of work that only reads, or while the database only reads."""

    def __init__(
        self, reason: str = "this unit of work only reads", fix: str = "open one with begin() to write"
    ) -> None:
        super().__init__(reason, fix)
        self.reason = reason
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.reason}; {self.fix}"


class UnitClosed(StoreError, RuntimeError):
    """A unit of work used after its end, or before it was entered."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "this unit of work has ended; open another with store.begin()"


class SchemaMismatch(StoreError, RuntimeError):
    """The store was written by another release than the one that opens it."""

    def __init__(self, found: str, supported: str, fix: str) -> None:
        super().__init__(found, supported, fix)
        self.found = found
        self.supported = supported
        self.fix = fix

    def __str__(self) -> str:
        return f"the store is at schema {self.found}, this pycrm knows {self.supported}; {self.fix}"


class PycrmWarning(UserWarning):
    """The root of what pycrm warns of."""


class ConvergenceWarning(PycrmWarning):
    """A fit stopped before its optimum; its numbers are not the maximum."""


class BoundaryWarning(PycrmWarning):
    """A parameter runs to the edge of its range; the message names parameter and edge."""


class DataWarning(PycrmWarning):
    """Rows were read under a stated policy that the caller should know of."""
