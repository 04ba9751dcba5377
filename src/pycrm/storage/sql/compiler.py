"""A predicate becomes SQL, exactly as `evaluate` answers it; what no column holds is left to `evaluate`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, Context, Decimal
from enum import Enum
from typing import Any

from attrs import frozen

from pycrm.model.predicate import AllOf, Not, Op, Predicate, Where, all_of, kind_of
from pycrm.storage.mapping import COMPARED_AS, Column, EntityMap, Kind, search_key
from pycrm.storage.ordering import Ordering, Term
from pycrm.storage.sql.dialects import Dialect

__all__ = ["Clause", "Compiler"]

_SIGNS = {Op.EQ: "=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
_FALSE, _TRUE = "1=0", "1=1"
_WIDE = Context(prec=1000)
_DEEP = 400  # parts joined by one word: SQLite nests each in the next, and takes no more than 1,000 levels
_VARIABLES = 20_000  # from so many values on, SQLite gets them as one
_MANY = 1_000  # from so many values on, PostgreSQL gets them as one array: it takes no more than 65,535 parameters


@frozen
class Clause:
    """SQL with its parameters, and the rest that only `evaluate` can answer (None: nothing is left)."""

    sql: str
    parameters: tuple[Any, ...] = ()
    rest: Predicate | None = None


class _Left(Exception):  # no failure: it says that a part is left to evaluate
    """A part of a predicate that no column answers."""


@frozen
class Compiler:
    """Compiles conditions and orders over the table of one map."""

    map: EntityMap
    dialect: Dialect
    quoted: Mapping[str, str]
    tenant: str

    def where(self, predicate: Predicate | None) -> Clause:
        """Compile a condition; its rest, if any, must hold too."""
        if predicate is None:
            return Clause(_TRUE)
        sqls: list[str] = []
        parameters: list[Any] = []
        rest: list[Predicate] = []
        for part in all_of(predicate).parts if isinstance(predicate, AllOf) else (predicate,):
            try:
                sql, values = self._part(part)
            except _Left:
                rest.append(part)
            else:
                sqls.append(sql)
                parameters += values
        return Clause(" AND ".join(sqls) or _TRUE, tuple(parameters), all_of(*rest) if rest else None)

    def _part(self, predicate: Predicate) -> tuple[str, list[Any]]:
        match predicate:
            case Where():
                return self._where(predicate)
            case Not(part=part):
                sql, parameters = self._part(part)
                return f"NOT ({sql})", parameters
            case AllOf(parts=parts):
                return self._joined(parts, " AND ", _TRUE)
        return self._joined(predicate.parts, " OR ", _FALSE)

    def _joined(self, parts: Iterable[Predicate], word: str, empty: str) -> tuple[str, list[Any]]:
        made = [self._part(part) for part in parts]
        sqls = [sql for sql, _ in made]
        while len(sqls) > _DEEP:
            sqls = [f"({word.join(sqls[at : at + _DEEP])})" for at in range(0, len(sqls), _DEEP)]
        return (f"({word.join(sqls)})" if sqls else empty), [value for _, values in made for value in values]

    def _where(self, where: Where) -> tuple[str, list[Any]]:
        column = self.map.by_path.get(where.path)
        if column is not None:
            return self._column(column, where.op, where.value)
        if where.path in self.map.many and where.op in {Op.EQ, Op.IN}:
            asked = where.value if where.op is Op.IN else (where.value,)
            return self._search(where.path, [_plain(each) for each in asked])
        if where.path.partition(".")[0] in self.map.by_path:
            # A path below a scalar leads nowhere.
            return (_TRUE if where.op is Op.IS_NULL and where.value else _FALSE), []
        raise _Left

    def _search(self, path: str, asked: list[Any]) -> tuple[str, list[Any]]:
        keys = [search_key(value) for value in asked if isinstance(value, str)]
        if not keys:
            return _FALSE, []
        mark = self.dialect.parameter
        among, values = self._among("value", keys)
        sql = (
            f"{self.quoted['id']} IN (SELECT id FROM pycrm_search"  # noqa: S608  # no value is part of the text
            f" WHERE tenant = {mark} AND model = {mark} AND path = {mark} AND {among})"
        )
        return sql, [self.tenant, self.map.table, path, *values]

    def _among(self, name: str, values: list[Any]) -> tuple[str, list[Any]]:
        mark = self.dialect.parameter
        if self.dialect.name == "postgresql" and len(values) > _MANY:
            return f"{name} = ANY({mark})", [values]
        if self.dialect.name == "sqlite" and len(values) > _VARIABLES and not isinstance(values[0], float):
            # As one variable: it takes no more than 32,766. JSON has no bytes, so these are compared by their digits.
            bytes_ = isinstance(values[0], bytes)
            listed = json.dumps([value.hex().upper() for value in values] if bytes_ else values, ensure_ascii=False)
            return f"{f'hex({name})' if bytes_ else name} IN (SELECT value FROM json_each({mark}))", [listed]  # noqa: S608  # names alone
        return f"{name} IN ({', '.join([mark] * len(values))})", values

    def _column(self, column: Column, op: Op, value: Any) -> tuple[str, list[Any]]:
        name = self.quoted[column.name]
        if op is Op.IS_NULL:
            return f"{name} IS {'' if value else 'NOT '}NULL", []
        if op is Op.IN:
            values = [bound for each in value for bound in self._compared(column, Op.EQ, each)[1]]
            if not values:
                return _FALSE, []
            sql, values = self._among(name, values)
            return self._present(column, sql), values
        if op is Op.NE:
            sql, values = self._compared(column, Op.EQ, value)
            return self._present(column, _TRUE if sql == _FALSE else f"{name} <> {self.dialect.parameter}"), values
        if op is Op.CONTAINS:
            plain = _plain(value)
            if column.kind is not Kind.TEXT or not isinstance(plain, str):
                return _FALSE, []
            return self._present(column, self.dialect.contains.format(name, self.dialect.parameter)), [plain]
        sql, values = self._compared(column, op, value)
        return (sql if sql == _FALSE else self._present(column, sql)), values

    def _present(self, column: Column, sql: str) -> str:
        """Return `sql` that is false, not unknown, where the value is missing: negation stays plain."""
        return f"({self.quoted[column.name]} IS NOT NULL AND {sql})" if column.nullable else sql

    def _compared(self, column: Column, op: Op, value: Any) -> tuple[str, list[Any]]:
        plain = _plain(value)
        if kind_of(plain) != COMPARED_AS[column.kind]:
            return _FALSE, []
        if COMPARED_AS[column.kind] == "number":
            below, exact = _below(column, plain)
            if not isinstance(below, int | float | Decimal):
                always = {Op.GT, Op.GE} if below is None else {Op.LT, Op.LE}
                return (_TRUE if op in always else _FALSE), []
            if not exact:
                # Between two numbers that the column can hold: what is less is at most the lower one.
                op = {Op.LT: Op.LE, Op.GE: Op.GT}.get(op, op)
                if op is Op.EQ:
                    return _FALSE, []
            plain = below
        bind = self.dialect.binder(column)
        sql = f"{self.quoted[column.name]} {_SIGNS[op]} {self.dialect.parameter}"
        return sql, [plain if bind is None else bind(plain)]

    def order(self, ordering: Ordering) -> str:
        """Compile the order."""
        made: list[str] = []
        for term in ordering.terms:
            name, way = self.quoted[term.column.name], "DESC" if term.descending else "ASC"
            if not term.column.nullable:
                made.append(f"{name} {way}")
            elif self.dialect.nulls_clause:
                made.append(f"{name} {way} NULLS {'LAST' if term.nulls_last else 'FIRST'}")
            else:
                made += [f"{name} IS NULL {'ASC' if term.nulls_last else 'DESC'}", f"{name} {way}"]
        return ", ".join(made)

    def after(self, ordering: Ordering, values: list[Any]) -> tuple[str, list[Any]]:
        """Compile "behind these values in this order"."""
        terms = ordering.terms
        bound = [self._bound(term, value) for term, value in zip(terms, values, strict=True)]
        mark = self.dialect.parameter
        plain = len({term.descending for term in terms}) == 1 and not any(term.column.nullable for term in terms)
        if plain and (self.dialect.row_values or len(bound) == 1):
            names = ", ".join(self.quoted[term.column.name] for term in terms)
            marks = ", ".join([mark] * len(bound))
            return f"({names}) {'<' if terms[0].descending else '>'} ({marks})", bound
        sql, parameters = _FALSE, list[Any]()
        for term, value in reversed(list(zip(terms, bound, strict=True))):
            beyond, same = self._steps(term, value)
            own = [] if value is None else [value]
            sql = f"({beyond} OR ({same} AND {sql}))"
            parameters = [*own, *own, *parameters]
        first = terms[0]
        if bound[0] is not None and not first.column.nullable:
            # Says again what follows from the rest, so that an index can begin there.
            sql = f"({self.quoted[first.column.name]} {'<=' if first.descending else '>='} {mark} AND {sql})"
            parameters = [bound[0], *parameters]
        return sql, parameters

    def _bound(self, term: Term, value: Any) -> Any:
        bind = self.dialect.binder(term.column)
        return value if value is None or bind is None else bind(value)

    def _steps(self, term: Term, value: Any) -> tuple[str, str]:
        """Return SQL for "behind this value" and "at this value"; each takes the value once unless it is missing."""
        name, mark = self.quoted[term.column.name], self.dialect.parameter
        if value is None:
            return (_FALSE if term.nulls_last else f"{name} IS NOT NULL"), f"{name} IS NULL"
        beyond = f"{name} {'<' if term.descending else '>'} {mark}"
        if term.column.nullable and term.nulls_last:
            beyond = f"({beyond} OR {name} IS NULL)"
        return beyond, f"{name} = {mark}"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _below(column: Column, value: Any) -> tuple[Any, bool]:
    """Return the greatest number a column can hold that is at most `value`, and whether it is equal.

    None stands for "below all it can hold", the text "above" for "above all".
    """
    if column.kind is Kind.INT:
        whole = math.floor(value)
        if whole < -(2**63):
            return None, False
        return ("above", False) if whole >= 2**63 else (whole, whole == value)
    if column.kind is Kind.FLOAT:
        try:
            near = float(value)
        except OverflowError:
            near = math.inf if value > 0 else -math.inf
        if math.isinf(near):
            return ("above", False) if near > 0 else (None, False)
        return (near, True) if near == value else (math.nextafter(near, -math.inf) if near > value else near, False)
    exact = Decimal(value)
    top = Decimal(10) ** (column.precision - column.scale)
    if exact >= top:
        return "above", False
    if exact <= -top:
        return None, False
    below = exact.quantize(Decimal(1).scaleb(-column.scale), rounding=ROUND_FLOOR, context=_WIDE)
    return (None, False) if below <= -top else (below, below == exact)
