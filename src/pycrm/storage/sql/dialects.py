"""What differs between the databases: how values travel, how a transaction begins, and what an error code means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import count
from typing import Any
from uuid import UUID, SafeUUID

from attrs import field, frozen

from pycrm.errors import StoreError
from pycrm.storage.mapping import Column, Kind

__all__ = ["MARIADB", "POSTGRESQL", "SQLITE", "Dialect", "Failure", "Numbered", "dialect_of", "uuid_of"]

_new, _set, _unknown = object.__new__, object.__setattr__, SafeUUID.unknown


def uuid_of(raw: bytes) -> UUID:
    """Return the UUID of 16 bytes, without the checks of its constructor."""
    made = _new(UUID)
    _set(made, "int", int.from_bytes(raw, "big"))
    _set(made, "is_safe", _unknown)
    return made


def _bytes(value: UUID) -> bytes:
    return value.bytes


def _iso(value: datetime) -> str:
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(timespec="microseconds")


def _naive(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None)


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


def _in_utc(value: datetime) -> datetime:
    return value if value.tzinfo is UTC else value.astimezone(UTC)


@frozen
class Failure:
    """What a driver's error means: which of our errors, and the constraint where the database names it."""

    kind: str  # duplicate | broken | transient | readonly | other
    code: str
    constraint: str | None = None
    lost: bool = False  # the connection is gone


@frozen(kw_only=True)
class Dialect:
    """One family of databases.

    Parameters
    ----------
    name : str
        "sqlite", "postgresql" or "mariadb".
    parameter : str
        The placeholder of its driver.
    binders, readers : mapping of Kind to callable
        How a value travels to and from a column; kinds that are not named travel as they are.
    document : str
        How a document is selected as text.
    contains : str
        How a substring is asked for.
    setup : tuple of str
        What every connection is told once.
    local : str
        The same within a transaction, for a connection of the host's; empty where there is no such thing.
    lasting : tuple of str
        What of `setup` a connection would remember: names of settings, put back before it goes to the host's pool.
    optional : tuple of pairs of str
        A question, and what a connection is told where the question has an answer.
    begin_read, begin_write, begin_serializable : tuple of str
        How a transaction begins.
    nulls_clause, row_values : bool
        Whether it knows NULLS LAST, and uses an index for (a, b) > (x, y).
    locking : str
        What keeps others from rows that were read, until the transaction ends.
    """

    name: str
    parameter: str
    binders: Mapping[Kind, Callable[[Any], Any]] = field(factory=dict)
    readers: Mapping[Kind, Callable[[Any], Any]] = field(factory=dict)
    document: str = "{0}"
    contains: str = "instr({0}, {1}) > 0"
    setup: tuple[str, ...] = ()
    local: str = ""
    lasting: tuple[str, ...] = ()
    optional: tuple[tuple[str, str], ...] = ()
    begin_read: tuple[str, ...] = ("BEGIN",)
    begin_write: tuple[str, ...] = ("BEGIN",)
    begin_serializable: tuple[str, ...] = ("BEGIN",)
    nulls_clause: bool = True
    row_values: bool = True
    locking: str = " FOR UPDATE"

    def kept(self, cursor: Any) -> tuple[str, ...]:
        """Return the statements that put a connection back to what it is now."""
        if self.name == "sqlite":
            values = []
            for name in self.lasting:
                cursor.execute(f"PRAGMA {name}")
                values.append((name, cursor.fetchone()[0]))
            return tuple(f"PRAGMA {name} = {value:d}" for name, value in values)
        if self.name == "mariadb":
            cursor.execute("SET " + ", ".join(f"@pycrm_{name} = @@SESSION.{name}" for name in self.lasting))
            return ("SET " + ", ".join(f"SESSION {name} = @pycrm_{name}" for name in self.lasting),)
        return ()

    def binder(self, column: Column) -> Callable[[Any], Any] | None:
        """Return what turns a checked value into the driver's, None where it travels as it is."""
        if column.kind is Kind.DECIMAL and self.name == "sqlite":
            return _scaled(column) if column.precision <= 18 else _sortable(column)
        return self.binders.get(column.kind)

    def reader(self, column: Column) -> Callable[[Any], Any] | None:
        """Return what turns the driver's value into ours, None where it travels as it is."""
        if column.kind is Kind.DECIMAL:
            if self.name == "sqlite":
                return _unscaled(column) if column.precision <= 18 else _unsortable(column)
            return trimmed
        return self.readers.get(column.kind)

    def failure(self, error: BaseException) -> Failure:
        """Return what an error of the driver means, by its code."""
        return _FAILURES[self.name](error)


def _whole(value: Decimal, scale: int) -> int:
    """`value` in units of its last place, without a context that could round."""
    sign, digits, exponent = Decimal(value).as_tuple()
    assert isinstance(exponent, int)
    number: int = int("".join(map(str, digits)) or "0")
    shift = exponent + scale
    number = number * int(10**shift) if shift >= 0 else number // int(10**-shift)
    return -number if sign else number


def _places(whole: int, scale: int) -> Decimal:
    return trimmed(Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -scale)))


def _scaled(column: Column) -> Callable[[Any], Any]:
    return lambda value: _whole(value, column.scale)


def _unscaled(column: Column) -> Callable[[Any], Any]:
    return lambda value: _places(value, column.scale)


def _sortable(column: Column) -> Callable[[Any], Any]:
    """Text whose order is the order of the numbers: digits of fixed width, those of a negative one complemented."""
    width, scale = column.precision, column.scale

    def bind(value: Decimal) -> str:
        whole = _whole(value, scale)
        return f"1{whole:0{width}d}" if whole >= 0 else f"0{10**width + whole:0{width}d}"

    return bind


def _unsortable(column: Column) -> Callable[[Any], Any]:
    width, scale = column.precision, column.scale

    def read(value: str) -> Decimal:
        return _places(int(value[1:]) - (0 if value[0] == "1" else 10**width), scale)

    return read


def trimmed(value: Decimal) -> Decimal:
    """Return `value` without zeros at its end behind the point: the same on every database."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or exponent >= 0 or digits[-1] != 0:
        return value
    while exponent < 0 and digits[-1] == 0 and len(digits) > 1:
        digits, exponent = digits[:-1], exponent + 1
    return Decimal((sign, digits, exponent)) if digits != (0,) else Decimal(0)


def _sqlite_failure(error: BaseException) -> Failure:
    error = error.__cause__ if not hasattr(error, "sqlite_errorcode") and error.__cause__ is not None else error
    code = getattr(error, "sqlite_errorcode", None)
    name = str(getattr(error, "sqlite_errorname", code))
    if code in {2067, 1555, 2579}:
        return Failure("duplicate", name)
    if code is not None and code & 0xFF == 19:
        return Failure("broken", name)
    if code is not None and code & 0xFF in {5, 6}:
        return Failure("transient", name)
    if code is not None and code & 0xFF == 8:
        return Failure("readonly", name)
    return Failure("other", name)


def _postgresql_failure(error: BaseException) -> Failure:
    code = str(getattr(error, "sqlstate", None) or "")
    named = getattr(getattr(error, "diag", None), "constraint_name", None)
    if not code:
        lost = type(error).__name__ in {"OperationalError", "InterfaceError"}
        return Failure("transient" if lost else "other", "connection lost" if lost else type(error).__name__, lost=lost)
    if code == "23505":
        return Failure("duplicate", code, named)
    if code.startswith("23"):
        return Failure("broken", code, named)
    if code.startswith("08") or code in {"57P01", "57P02", "57P03", "25P03"}:
        return Failure("transient", code, lost=True)
    if code[:2] == "40" or code in {"55P03", "57014", "53300", "53200"}:
        return Failure("transient", code)
    if code == "25006":
        return Failure("readonly", code)
    return Failure("other", code)


_LOST = {0, 1053, 1152, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2006, 2013, 2014, 2055}


def _mariadb_failure(error: BaseException) -> Failure:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if code in {1062, 1586, 1557}:
        return Failure("duplicate", str(code))
    if code in {1216, 1217, 1451, 1452, 1048, 1364, 3819, 4025, 1761, 1762}:
        return Failure("broken", str(code))
    if code in {1213, 1205, 1020, 1040, 1969, 3024}:
        return Failure("transient", str(code))
    if code == 1153:  # a statement larger than max_allowed_packet: the server hangs up, and would again
        return Failure("other", str(code), lost=True)
    if code in _LOST:
        return Failure("transient", str(code), lost=True)
    if code in {1290, 1792, 1836}:
        return Failure("readonly", str(code))
    return Failure("other", str(code))


_FAILURES: dict[str, Callable[[BaseException], Failure]] = {
    "sqlite": _sqlite_failure,
    "postgresql": _postgresql_failure,
    "mariadb": _mariadb_failure,
}

SQLITE = Dialect(
    name="sqlite",
    parameter="?",
    binders={Kind.UUID: _bytes, Kind.TIME: _iso, Kind.DATE: date.isoformat},
    readers={Kind.UUID: uuid_of, Kind.TIME: datetime.fromisoformat, Kind.DATE: date.fromisoformat, Kind.BOOL: bool},
    setup=(
        "PRAGMA foreign_keys = ON",
        "PRAGMA busy_timeout = 5000",
        "PRAGMA cache_size = -65536",
        "PRAGMA secure_delete = ON",  # what is deleted is overwritten with zeros
    ),
    lasting=("foreign_keys", "busy_timeout", "cache_size", "secure_delete", "synchronous"),
    begin_read=("BEGIN DEFERRED",),
    begin_write=("BEGIN IMMEDIATE",),
    begin_serializable=("BEGIN IMMEDIATE",),
    locking="",
)
POSTGRESQL = Dialect(
    name="postgresql",
    parameter="%s",
    readers={Kind.TIME: _in_utc},
    document="{0}::text",
    contains="strpos({0}, {1}) > 0",
    setup=(
        "SET TIME ZONE 'UTC'",
        "SET lock_timeout = '5s'",
        "SET statement_timeout = '60s'",
        "SET idle_in_transaction_session_timeout = '60s'",
    ),
    local=(
        "SELECT set_config('TimeZone', 'UTC', true), set_config('lock_timeout', '5s', true),"
        " set_config('statement_timeout', '60s', true), set_config('idle_in_transaction_session_timeout', '60s', true)"
    ),
    begin_read=("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",),
    begin_write=("BEGIN ISOLATION LEVEL READ COMMITTED",),
    begin_serializable=("BEGIN ISOLATION LEVEL SERIALIZABLE",),
)
MARIADB = Dialect(
    name="mariadb",
    parameter="%s",
    binders={Kind.UUID: _bytes, Kind.TIME: _naive},
    readers={Kind.UUID: uuid_of, Kind.TIME: _aware, Kind.BOOL: bool},
    contains="LOCATE({1}, {0}) > 0",
    setup=(
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
        "SET time_zone = '+00:00'",
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
        "SET SESSION innodb_lock_wait_timeout = 5",
    ),
    lasting=(
        "character_set_client",
        "character_set_results",
        "character_set_connection",
        "collation_connection",
        "time_zone",
        "sql_mode",
        "innodb_lock_wait_timeout",
    ),
    optional=(
        (
            "SHOW VARIABLES LIKE 'innodb_snapshot_isolation'",
            "SET SESSION innodb_snapshot_isolation = ON",
        ),
    ),
    begin_read=(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ),
    begin_write=("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "START TRANSACTION"),
    begin_serializable=("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "START TRANSACTION"),
    nulls_clause=False,
    row_values=False,
)


@lru_cache(maxsize=5_000)
def _numbered(sql: str) -> str:
    numbers = count(1)
    return re.sub("%s", lambda _: f"${next(numbers)}", sql)


class Numbered:
    """A cursor of a driver whose placeholders are $1, $2, ..., spoken to with %s."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement."""
        self._cursor.execute(_numbered(sql), parameters)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows."""
        self._cursor.executemany(_numbered(sql), rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def dialect_of(name: str) -> Dialect:
    """Return the family of a SQLAlchemy dialect name; raise StoreError for one we do not speak."""
    found = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mysql": MARIADB, "mariadb": MARIADB}.get(name)
    if found is None:
        raise StoreError(f"{name} is no database pycrm speaks; use sqlite, postgresql+psycopg or mysql+pymysql")
    return found
