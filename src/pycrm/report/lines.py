"""A file of orders becomes columns of order lines; every line that is left out is counted under its reason."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.model.money import CURRENCIES
from pycrm.report.amounts import Texts, currencies_of, decimal_mark, parse_amounts
from pycrm.report.columns import ColumnMapping, recognise
from pycrm.report.dates import parse_dates
from pycrm.report.source import Coded, Records, Source, open_source

__all__ = ["OrderLines", "ReadOptions", "read_lines"]

NO_CUSTOMER = "no customer"
BAD_DATE = "date cannot be read"
BAD_AMOUNT = "amount cannot be read"
BAD_FIELDS = "wrong number of fields"
ZERO = "amount is zero"
CREDIT = "credit or cancellation (ignored)"
LATER = "after the as-of date"
UNREADABLE = (BAD_FIELDS, BAD_DATE, BAD_AMOUNT)
"""The reasons that `max_dropped` bounds; the others are business, not damage."""

_MISSING = {"", "nan", "null", "none", "n/a", "na", "-", "#n/a"}


@frozen(kw_only=True)
class ReadOptions:
    """What the user says about the file, where he does not leave it to be found out.

    Parameters
    ----------
    columns : mapping
        Part (customer, order, time, amount, quantity, price, product, currency, name, group) -> column, "-" for none.
    delimiter, encoding, decimal : str, optional
        How it is written.
    date_order : {"dmy", "mdy", "ymd"}, optional
        Which number of a date is what.
    refunds : {"net", "ignore"}
        Whether credit lines are kept, to be set against purchases, or left out.
    today : numpy.datetime64, optional
        The present day: a later date is a typing error, its line is left out. Without it every date is believed.
    as_of : numpy.datetime64, optional
        The last day that counts; otherwise the last in the file.
    max_dropped : float
        Share of unreadable lines, 0 to 1, above which the file is refused.
    """

    columns: Mapping[str, str] = field(factory=dict)
    delimiter: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    date_order: str | None = None
    refunds: str = "net"
    as_of: np.datetime64 | None = None
    today: np.datetime64 | None = None
    max_dropped: float = 0.05


@frozen(kw_only=True, eq=False)
class OrderLines:
    """Order lines in columns, one entry per line that is used.

    Parameters
    ----------
    customer, order, product : ndarray of int
        Places in `customers`, `orders`, `products`.
    line : ndarray of int
        The number of the line within its order, from 1, counted before any line was left out.
    time : ndarray of datetime64[us]
        When; as written, or UTC where the file gives offsets.
    quantity, amount : ndarray of float
        Pieces and worth; below 0 on a credit line.
    price : ndarray of float
        Of one piece, as the file says; NaN where it gives no price.
    customers, names, orders, products : ndarray of str
        Who, what to call them, the invoices, the articles.
    currency : str or None
        ISO 4217, where the file or the user says.
    as_of : numpy.datetime64
        The last day that counts.
    rows_read : int
        Lines below the header, blank ones not counted.
    dropped : mapping
        Reason -> lines left out.
    mapping : ColumnMapping
        Which column was read as what.
    digest : str
        A checksum of the content of the file: the same lines again have the same.
    notes : tuple of str
        How the file was understood, for the reader.
    groups : ndarray of str, optional
        The group of each customer, "" where the file gives him none; the last one given counts.
    """

    customer: NDArray[np.int64] = field(repr=False)
    order: NDArray[np.int64] = field(repr=False)
    product: NDArray[np.int64] = field(repr=False)
    line: NDArray[np.int64] = field(repr=False)
    time: NDArray[np.datetime64] = field(repr=False)
    quantity: NDArray[np.float64] = field(repr=False)
    amount: NDArray[np.float64] = field(repr=False)
    price: NDArray[np.float64] = field(repr=False)
    customers: NDArray[Any] = field(repr=False)
    names: NDArray[Any] = field(repr=False)
    orders: NDArray[Any] = field(repr=False)
    products: NDArray[Any] = field(repr=False)
    currency: str | None
    as_of: np.datetime64
    rows_read: int
    dropped: Mapping[str, int]
    mapping: ColumnMapping
    digest: str
    notes: tuple[str, ...] = ()
    groups: NDArray[Any] | None = field(default=None, repr=False)

    @property
    def rows_used(self) -> int:
        """Lines that are used."""
        return len(self.amount)


def read_lines(path: str | Path, options: ReadOptions | None = None) -> OrderLines:
    r"""Return the order lines of a file.

    Parameters
    ----------
    path : str or Path
        A delimited text file with a header, packed with gzip or not.
    options : ReadOptions, optional
        What is known about it.

    Raises
    ------
    UnreadableFileError
        If the file cannot be read as orders; the message names file, row, column and what to do.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "orders.csv")
    ...     _ = file.write_text("cliente;fecha;importe\nAna;31/01/2024;9,90\n;01/02/2024;5,00\n")
    ...     lines = read_lines(file)
    >>> lines.rows_read, lines.rows_used, dict(lines.dropped)
    (2, 1, {'no customer': 1})
    >>> print(lines.mapping)
    customer = cliente, time = fecha, amount = importe
    """
    options = options or ReadOptions()
    source = open_source(path, delimiter=options.delimiter, encoding=options.encoding)
    told = dict(options.columns)
    stated = told.get("currency", "")
    if len(stated) == 3 and stated.isupper() and stated not in source.header:
        if stated not in CURRENCIES:
            raise source.error(f"{stated} is no currency", "give an ISO 4217 code such as EUR")
        del told["currency"]
    else:
        stated = ""
    mapping = recognise(source, told)
    table = source.table({column for _, column in mapping.items()})
    too_long, blank = table.skipped, table.blank
    if not len(table):
        raise source.error(f"all {too_long} lines have more fields than the header", "check the delimiter", record=None)
    notes = [f"encoding {source.encoding}, fields divided by {_shown_delimiter(source.delimiter)}"]
    reason = np.zeros(len(table), dtype=np.int8)  # 0 used, k the k-th reason below
    reasons: list[str] = []

    def leave_out(why: str, where: NDArray[np.bool_]) -> None:
        if why not in reasons:
            reasons.append(why)
        reason[where & (reason == 0) & ~blank] = reasons.index(why) + 1

    leave_out(BAD_FIELDS, table.beyond)
    leave_out(NO_CUSTOMER, _is_missing(table.columns[mapping.customer]))
    open_rows = (reason == 0) & ~blank

    dates = _texts(table, mapping.time, open_rows)
    parsed = parse_dates(source, mapping.time, dates.texts, dates.first, options.date_order)
    time = _spread(table, dates, parsed.times, np.datetime64("NaT", "us"))
    notes.append(f"dates as {parsed.form}")
    mark, numbers = _numbers(source, table, mapping, open_rows, options.decimal)
    notes.append(f"decimal {'comma' if mark == ',' else 'point'}")
    quantity, amount = _quantity_and_amount(mapping, numbers, len(table))
    leave_out(BAD_DATE, np.isnat(time))
    leave_out(BAD_AMOUNT, ~np.isfinite(amount) | ~np.isfinite(quantity))
    _check_damage(source, mapping, reason, reasons, blank=blank, too_long=too_long, bound=options.max_dropped)

    open_rows = (reason == 0) & ~blank
    currency = _currency(source, table, mapping, open_rows)
    if stated and currency not in {None, stated}:
        raise source.error(
            f"its amounts are in {currency}, not in {stated}",
            "leave out --currency",
            column=mapping.currency or mapping.amount,
        )
    currency = stated or currency
    if options.as_of is None:
        if not open_rows.any():
            raise source.error(
                "no line has a customer", "name another column with --customer COLUMN", column=mapping.customer
            )
        known = time[open_rows]
        if options.today is not None:
            known = known[known < options.today.astype("datetime64[D]") + 1]
            if not known.size:
                raise source.error("every date lies after today", "name the column of the dates", column=mapping.time)
        as_of = known.max().astype("datetime64[D]")
    else:
        as_of = options.as_of.astype("datetime64[D]")
    leave_out(LATER, time >= (as_of + 1).astype("datetime64[us]"))
    leave_out(ZERO, amount == 0)
    if options.refunds == "ignore":
        leave_out(CREDIT, amount < 0)
    used = np.flatnonzero((reason == 0) & ~blank)
    dropped = {why: int((reason == number).sum()) for number, why in enumerate(reasons, start=1)}
    dropped[BAD_FIELDS] += too_long
    dropped = {why: count for why, count in dropped.items() if count}
    if not len(used):
        listed = ", ".join(f"{why}: {count}" for why, count in dropped.items())
        fix = "--refunds net keeps credits" if CREDIT in dropped else "check --as-of and the columns"
        raise source.error(f"no line is left ({listed})", fix)

    _check_size(source, mapping, amount, used)
    customer, customers = _coded(table.columns[mapping.customer], used)
    order, orders, line = _orders(table, mapping, used, customer, customers, time=time)
    product, products = (
        _coded(table.columns[mapping.product], used)
        if mapping.product
        else (np.zeros(len(used), dtype=np.int64), np.asarray([""], dtype=object))
    )
    return OrderLines(
        customer=customer,
        order=order,
        product=product,
        line=line,
        time=time[used],
        quantity=quantity[used],
        amount=amount[used],
        price=numbers.get("price", np.full(len(table), np.nan))[used],
        customers=_tidy(customers),
        names=_names(table, mapping, used, customer, customers),
        orders=orders,
        products=products,
        currency=currency,
        as_of=as_of,
        rows_read=int((~blank).sum()) + too_long,
        dropped=dropped,
        mapping=mapping,
        digest=hashlib.sha256(source.data).hexdigest(),
        notes=tuple(notes),
        groups=_groups(table, mapping, used, customer, len(customers)),
    )


def _shown_delimiter(delimiter: str) -> str:
    return {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}.get(delimiter, repr(delimiter))


def _is_missing(column: Coded) -> NDArray[np.bool_]:
    missing = [text.strip().casefold() in _MISSING for text in column.texts]
    return np.asarray(missing, dtype=bool)[column.codes]


@frozen(kw_only=True, eq=False)
class _Distinct(Texts):
    """Texts with the place of each among those of the whole column."""

    present: NDArray[np.int64]


def _texts(table: Records, column: str, rows: NDArray[np.bool_]) -> _Distinct:
    """Return the distinct texts of the `rows` of one column."""
    coded = table.columns[column]
    places = np.flatnonzero(rows)
    first = np.full(len(coded.texts), -1, dtype=np.int64)
    first[coded.codes[places][::-1]] = places[::-1]
    present = np.flatnonzero(first >= 0)
    return _Distinct(column=column, texts=coded.texts[present].tolist(), first=first[present], present=present)


def _spread(table: Records, distinct: _Distinct, meanings: NDArray[Any], missing: Any) -> NDArray[Any]:
    """Return the meaning of every row of a column; `missing` where its text was not asked about."""
    coded = table.columns[distinct.column]
    whole = np.full(len(coded.texts), missing, dtype=meanings.dtype)
    whole[distinct.present] = meanings
    return np.asarray(whole[coded.codes])


def _numbers(
    source: Source, table: Records, mapping: ColumnMapping, rows: NDArray[np.bool_], told: str | None
) -> tuple[str, dict[str, NDArray[np.float64]]]:
    if told not in {None, ".", ","}:
        raise source.error(f"{told!r} is no decimal mark", "say --decimal . or --decimal ,")
    columns = {
        role: _texts(table, name, rows) for role, name in mapping.items() if role in {"amount", "quantity", "price"}
    }
    mark = told or decimal_mark(source, list(columns.values()))
    return mark, {
        role: _spread(table, distinct, parse_amounts(distinct.texts, mark), np.nan)
        for role, distinct in columns.items()
    }


def _quantity_and_amount(
    mapping: ColumnMapping, numbers: Mapping[str, NDArray[np.float64]], rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    quantity = numbers.get("quantity", np.ones(rows))
    if mapping.amount is None:
        with np.errstate(over="ignore", invalid="ignore"):
            return quantity, quantity * numbers["price"]
    amount = numbers["amount"]
    if mapping.quantity is None:
        return np.where(np.isfinite(amount), np.sign(amount), np.nan), amount
    # A credit of -3 pieces and an amount without sign is a credit all the same.
    signed = np.where((quantity < 0) & (amount > 0), -amount, amount)
    return np.where(amount < 0, -np.abs(quantity), quantity), signed


def _check_damage(
    source: Source,
    mapping: ColumnMapping,
    reason: NDArray[np.int8],
    reasons: list[str],
    *,
    blank: NDArray[np.bool_],
    too_long: int,
    bound: float,
) -> None:
    with_customer = int((~blank & (reason != reasons.index(NO_CUSTOMER) + 1)).sum()) + too_long
    counts = {why: int((reason == reasons.index(why) + 1).sum()) for why in UNREADABLE}
    counts[BAD_FIELDS] += too_long
    damaged = sum(counts.values())
    if not damaged or (damaged <= bound * with_customer and damaged < with_customer):
        return
    worst = max(counts, key=lambda why: counts[why])
    at = np.flatnonzero(reason == reasons.index(worst) + 1)
    column = {BAD_DATE: mapping.time, BAD_AMOUNT: mapping.amount or mapping.price}.get(worst)
    share = f"{damaged} of {with_customer} lines ({damaged / with_customer:.1%}) cannot be read"
    role = {BAD_DATE: "--time COLUMN or --date-order", BAD_AMOUNT: "--amount COLUMN or --decimal"}.get(
        worst, "--delimiter"
    )
    raise source.error(
        f"{share}, more than {bound:.0%}; here: {worst}",
        f"mend them, name the form with {role}, or allow more with --max-dropped",
        record=int(at[0]) if len(at) else None,
        column=column,
    )


def _check_size(source: Source, mapping: ColumnMapping, amount: NDArray[np.float64], used: NDArray[np.int64]) -> None:
    """Refuse amounts whose sum floats cannot hold to the cent, or at all: beyond that no figure would be right."""
    worth = np.abs(amount[used])
    whole = bool((worth == np.rint(worth)).all())
    if worth.sum() * (1 if whole else 1_000_000) < 2.0**62:
        return
    row = int(used[np.argmax(worth)])
    raise source.error(
        f"the amounts add up to {worth.sum():.3g}, more than {'4e18' if whole else '4e12'}; the largest is {amount[row]:.3g}",
        "check it, or give the amounts in thousands",
        record=row,
        column=mapping.amount or mapping.price,
    )


def _currency(source: Source, table: Records, mapping: ColumnMapping, rows: NDArray[np.bool_]) -> str | None:
    found: dict[str, tuple[int, str]] = {}
    if mapping.currency is not None:
        distinct = _texts(table, mapping.currency, rows)
        for text, record in zip(distinct.texts, distinct.first, strict=True):
            code = text.strip().upper()
            if code.casefold() not in _MISSING and (code not in found or record < found[code][0]):
                found[code] = (int(record), mapping.currency)
    for column in filter(None, (mapping.amount, mapping.price)):
        distinct = _texts(table, column, rows)
        for code, record in currencies_of(distinct.texts, distinct.first).items():
            if code not in found or record < found[code][0]:
                found[code] = (record, column)
    if len(found) > 1 and "$" in found:
        # The sign of a dozen dollars and pesos: it agrees with whatever code stands beside it, but not with a euro.
        others = set(found) - {"$"}
        if not others & {"EUR", "GBP", "JPY", "INR"}:
            del found["$"]
    if len(found) > 1:
        (_, first_code, _), (record, code, column) = sorted((at, code, column) for code, (at, column) in found.items())[
            :2
        ]
        raise source.error(
            f"there are two currencies, {first_code} and {code}",
            "convert the amounts to one, or give one file per currency",
            record=record,
            column=column,
        )
    only = next(iter(found), "")
    return only if len(only) == 3 and only.isalpha() else None


def _coded(column: Coded, used: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return codes and trimmed texts of the `used` rows; texts that differ only in outer blanks are one."""
    merged, texts = pd.factorize(np.asarray([text.strip() for text in column.texts], dtype=object))
    codes, present = pd.factorize(merged[column.codes[used]])
    return codes.astype(np.int64), np.asarray(texts, dtype=object)[present]


def _orders(
    table: Records,
    mapping: ColumnMapping,
    used: NDArray[np.int64],
    customer: NDArray[np.int64],
    customers: NDArray[Any],
    *,
    time: NDArray[np.datetime64],
) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[np.int64]]:
    """Return the order of each line, the key of each order, and the number of each line within its order."""
    if mapping.order is None:
        # One row is one order; who, when and the how-manieth name it again when the file comes again, longer.
        stamps = time[used].astype(np.int64)
        turn = pd.DataFrame({"customer": customer, "time": stamps}).groupby(["customer", "time"]).cumcount().to_numpy()
        moments = np.datetime_as_string(time[used], unit="s")
        keys = [
            f"{who}@{when}" + (f"#{again + 1}" if again else "")
            for who, when, again in zip(customers[customer], moments, turn, strict=True)
        ]
        return np.arange(len(used)), _array(keys), np.ones(len(used), dtype=np.int64)
    numbers = _turn(table.columns[mapping.order].codes)
    invoice, invoices = _coded(table.columns[mapping.order], used)
    pair = invoice * (int(customer.max()) + 1) + customer
    order, pairs = pd.factorize(pair)
    of_invoice, of_customer = np.divmod(np.asarray(pairs), int(customer.max()) + 1)
    labels = invoices[of_invoice]
    again = pd.Series(of_invoice).duplicated().to_numpy() | (labels == "")
    labels[again] = [f"{label}/{who}" for label, who in zip(labels[again], customers[of_customer[again]], strict=True)]
    return order.astype(np.int64), labels, np.asarray(numbers[used], dtype=np.int64)


def _turn(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the how-manieth of its code each entry is, from 1."""
    by = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[by], prepend=-1))
    turn = np.empty(len(codes), dtype=np.int64)
    turn[by] = np.arange(1, len(codes) + 1) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    return turn


def _array(texts: list[str]) -> NDArray[Any]:
    return np.asarray(texts, dtype=object)


def _tidy(labels: NDArray[Any]) -> NDArray[Any]:
    """Return identifiers without the ".0" that spreadsheets and data frames add to numbers."""
    if all(re.fullmatch(r"\d+\.0", label) for label in labels):
        return np.asarray([label[:-2] for label in labels], dtype=object)
    return labels


def _names(
    table: Records,
    mapping: ColumnMapping,
    used: NDArray[np.int64],
    customer: NDArray[np.int64],
    customers: NDArray[Any],
) -> NDArray[Any]:
    """Return what to call each customer: the last name given, or else the identifier."""
    names = _tidy(customers).copy()
    if mapping.name is not None:
        code, texts = _coded(table.columns[mapping.name], used)
        names[customer] = texts[code]
        empty = names == ""
        names[empty] = _tidy(customers)[empty]
    return names


def _groups(
    table: Records, mapping: ColumnMapping, used: NDArray[np.int64], customer: NDArray[np.int64], size: int
) -> NDArray[Any] | None:
    """Return the last group given for each customer, "" where there is none; None without such a column."""
    if mapping.group is None:
        return None
    groups = np.full(size, "", dtype=object)
    code, texts = _coded(table.columns[mapping.group], used)
    given = np.asarray([text.casefold() not in _MISSING for text in texts], dtype=bool)[code]
    groups[customer[given]] = texts[code[given]]
    return groups
