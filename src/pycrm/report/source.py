"""A file of orders as bytes and fields: how it is packed, encoded and divided, found out or told, and never repaired."""

from __future__ import annotations

import csv
import gzip
import io
import re
import warnings
import zlib
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from attrs import field, frozen
from numpy.typing import NDArray

from pycrm.errors import UnreadableFileError

__all__ = ["Coded", "Records", "Source", "open_source"]

LONGEST_LINE = 100_000
"""Bytes; a line of orders has some hundreds, and a field of the csv module 131,072 at most."""

_DELIMITERS = ",;\t|"
_SIGNATURES = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "an SQLite database",
    b"PAR1": "a Parquet file",
}
_SAVE_AS_CSV = "export the orders as CSV, one line each, and give that file"
_TOO_LONG = re.compile(r"Skipping line (\d+): expected \d+ fields, saw (\d+)")


@frozen(kw_only=True, eq=False)
class Coded:
    """A column as numbers that lead to its distinct texts, which are in the order of their first appearance."""

    codes: NDArray[np.int64]
    texts: NDArray[Any]


@frozen(kw_only=True, eq=False)
class Records:
    """The records of a file.

    Parameters
    ----------
    columns : mapping
        Name -> column.
    blank : ndarray of bool
        Records with nothing in them.
    beyond : ndarray of bool
        Records with something past the last column; nothing stands there where lines merely end in a delimiter.
    skipped : int
        Records with more fields still, which are in no column.
    """

    columns: Mapping[str, Coded] = field(repr=False)
    blank: NDArray[np.bool_] = field(repr=False)
    beyond: NDArray[np.bool_] = field(repr=False)
    skipped: int

    def __len__(self) -> int:
        return len(self.blank)


@frozen(kw_only=True)
class Source:
    """A file of delimited lines whose form is known.

    Parameters
    ----------
    path : str
        As the user wrote it.
    data : bytes
        The whole content, unpacked.
    encoding, delimiter : str
        How characters and fields are written.
    header : tuple of str
        The names of the columns.
    start : int
        Where the first record begins in `data`.
    header_lines : int
        Lines before that.
    """

    path: str
    data: bytes = field(repr=False)
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    start: int
    header_lines: int

    def error(
        self, problem: str, fix: str, *, record: int | None = None, column: str | None = None
    ) -> UnreadableFileError:
        """Return the error that names this file and the line where record number `record` (from 0) begins."""
        row = None if record is None else self.line_of(record)
        return UnreadableFileError(self.path, problem, fix, row, column)

    def line_of(self, record: int) -> int:
        """Return the line of the file (from 1) where a record of `table` begins; quoted line breaks are counted."""
        text = io.TextIOWrapper(io.BytesIO(self.data), encoding=self.encoding, errors="replace", newline="")
        reader = csv.reader(text, delimiter=self.delimiter)
        seen, begins = -1, self.header_lines + 1
        try:
            for fields in reader:
                if reader.line_num > self.header_lines and len(fields) <= len(self.header) + 1:
                    seen += 1
                if seen == record:
                    return begins
                begins = reader.line_num + 1
        except csv.Error:  # a field longer than the module allows: it begins here
            return begins
        return begins

    def table(self, wanted: Collection[str]) -> Records:
        """Return the `wanted` columns of every record."""
        stream = io.BytesIO(self.data)
        stream.seek(self.start)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", pd.errors.ParserWarning)
            try:
                frame = pd.read_csv(
                    stream,
                    header=None,
                    names=[str(number) for number in range(len(self.header) + 1)],
                    index_col=False,
                    dtype=str,
                    na_filter=False,
                    sep=self.delimiter,
                    encoding=self.encoding,
                    skip_blank_lines=False,
                    on_bad_lines="warn",
                )
            except (pd.errors.ParserError, UnicodeDecodeError) as error:
                raise self._parser_error(error) from error
        blank = np.ones(len(frame), dtype=bool)
        for number in range(len(self.header) + 1):
            blank &= (frame[str(number)] == "").to_numpy(dtype=bool)
            if not blank.any():
                break
        beyond = (frame.pop(str(len(self.header))) != "").to_numpy(dtype=bool)
        columns = {}
        for number, name in enumerate(self.header):
            values = frame.pop(str(number))
            if name in wanted:
                codes, texts = pd.factorize(values)
                columns[name] = Coded(codes=codes.astype(np.int64), texts=np.asarray(texts, dtype=object))
        return Records(
            columns=columns,
            blank=blank,
            beyond=beyond,
            skipped=sum(len(_TOO_LONG.findall(str(warning.message))) for warning in caught),
        )

    def _parser_error(self, error: Exception) -> UnreadableFileError:
        found = re.search(r"row (\d+)", str(error))
        record = int(found[1]) if found else None
        if "EOF inside string" in str(error):
            return self.error(
                "a quotation mark is opened and never closed", "close it, or double it inside a field", record=record
            )
        return self.error(str(error).splitlines()[0], "check the file with a text editor", record=record)


def open_source(path: str | Path, *, delimiter: str | None = None, encoding: str | None = None) -> Source:
    r"""Return the file at `path` with its packing, encoding and delimiter found out, unless told.

    Parameters
    ----------
    path : str or Path
        A text file with a header; packed with gzip or not, whatever its name.
    delimiter : str, optional
        One character; otherwise the one of comma, semicolon, tab and bar that divides the first lines most evenly.
    encoding : str, optional
        A codec; otherwise UTF-8 with or without its mark, UTF-16 with its mark, or Windows-1252.

    Raises
    ------
    UnreadableFileError
        If the file is missing, empty, binary, has only a header or none, two columns of one name, or an endless line.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "orders.csv")
    ...     _ = file.write_text("cliente;fecha;importe\nAna;2024-01-31;9,90\n")
    ...     source = open_source(file)
    >>> source.header, source.delimiter, source.encoding
    (('cliente', 'fecha', 'importe'), ';', 'utf-8')
    """
    name = str(path)
    if delimiter is not None and len(delimiter) != 1:
        raise UnreadableFileError(name, f"{delimiter!r} cannot divide fields", "give one character as --delimiter")
    data = _unpacked(name)
    if not data.strip():
        raise UnreadableFileError(name, "the file is empty", "give a file with a header and one line per order line")
    for signature, what in _SIGNATURES.items():
        if data.startswith(signature):
            raise UnreadableFileError(name, f"this is {what}, not text", _SAVE_AS_CSV, 1)
    codec = _encoding(name, data, encoding)
    if codec.startswith("utf-16"):
        data, codec = data.decode(codec).encode("utf-8"), "utf-8"
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    _check_lines(name, data)
    start = 3 if codec == "utf-8-sig" and data.startswith(b"\xef\xbb\xbf") else 0
    sample = data[start : start + 262_144].decode(codec, errors="replace")
    # Spreadsheets write and read a first line that names the delimiter.
    stated = re.match(r"\"?sep=(.)\"?\n", sample)
    chosen = delimiter or (stated[1] if stated else _delimiter(sample))
    header, lines = _header(name, sample[stated.end() :] if stated else sample, chosen)
    lines += bool(stated)
    after = _after_lines(data, lines)
    if not data[after:].strip():
        raise UnreadableFileError(
            name, "there is a header and nothing below it", "export the orders again, with their lines", 1
        )
    return Source(
        path=name,
        data=data,
        encoding="utf-8" if codec == "utf-8-sig" else codec,
        delimiter=chosen,
        header=header,
        start=after,
        header_lines=lines,
    )


def _unpacked(name: str) -> bytes:
    path = Path(name)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnreadableFileError(name, "there is no such file", "check the path") from None
    except IsADirectoryError:
        raise UnreadableFileError(name, "this is a folder", "give the file itself") from None
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise UnreadableFileError(name, reason.lower(), "check that you may read it") from error
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableFileError(name, "the gzip file is cut off or damaged", "copy it again, whole") from error


def _encoding(name: str, data: bytes, told: str | None) -> str:
    if told is not None:
        try:
            data.decode(told)
        except LookupError:
            raise UnreadableFileError(
                name, f"there is no encoding {told!r}", "give one Python knows, such as utf-8 or cp1252"
            ) from None
        except UnicodeDecodeError as error:
            row = data.count(b"\n", 0, error.start) + 1
            raise UnreadableFileError(
                name, f"this line is not {told}", "leave --encoding out, or name the right one", row
            ) from None
        return told
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            data.decode("utf-16")
        except UnicodeDecodeError:
            raise UnreadableFileError(name, "this is not text", _SAVE_AS_CSV, 1) from None
        return "utf-16"
    # Control characters have no place in orders; a few bytes above 127 do.
    controls = np.ones(256, dtype=bool)
    controls[32:] = False
    controls[[9, 10, 11, 12, 13, 26, 27]] = False
    values = np.frombuffer(data, dtype=np.uint8)
    found = controls[values]
    if found.any():
        first = int(np.argmax(found))
        raise UnreadableFileError(
            name, f"this is not text: it holds byte {data[first]:#04x}", _SAVE_AS_CSV, data.count(b"\n", 0, first) + 1
        )
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # Five bytes have no character in Windows-1252; ISO 8859-1 gives every byte one.
        undefined = np.isin(values, (0x81, 0x8D, 0x8F, 0x90, 0x9D)).any()
        return "iso-8859-1" if undefined else "cp1252"
    return "utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8"


def _check_lines(name: str, data: bytes) -> None:
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)
    lengths = np.diff(np.concatenate([[-1], ends, [len(data)]]))
    row = int(np.argmax(lengths))
    if lengths[row] > LONGEST_LINE:
        raise UnreadableFileError(
            name,
            f"this line has {lengths[row] / 1e6:.1f} million bytes",
            "a line is one order line; check how lines end in the export",
            row + 1,
        )


def _delimiter(sample: str) -> str:
    """Return the delimiter whose fields are most even over the first records, and of those the one with most fields."""
    best, chosen = (0.0, 0), ","
    for delimiter in _DELIMITERS:
        records: list[int] = []
        try:
            for fields in islice(csv.reader(io.StringIO(sample), delimiter=delimiter), 60):
                records += [len(fields)] if fields else []
        except csv.Error:  # a quotation mark that no one closes: what came before it tells enough
            pass
        if not records or records[0] < 2:
            continue
        even = sum(count in {records[0], records[0] + 1} for count in records) / len(records)
        if (round(even, 1), records[0]) > best:
            best, chosen = (round(even, 1), records[0]), delimiter
    return chosen


def _header(name: str, sample: str, delimiter: str) -> tuple[tuple[str, ...], int]:
    reader = csv.reader(io.StringIO(sample), delimiter=delimiter)
    fields: list[str] = []
    try:
        for fields in reader:
            if any(text.strip() for text in fields):
                break
    except csv.Error:
        raise UnreadableFileError(
            name, "a quotation mark in the header is never closed", "close it", reader.line_num
        ) from None
    names = [text.strip() or f"column {number}" for number, text in enumerate(fields, start=1)]
    if fields and not fields[-1].strip():
        names.pop()
    seen: dict[str, int] = {}
    for number, text in enumerate(names, start=1):
        key = text.casefold()
        if key in seen:
            raise UnreadableFileError(
                name,
                f"columns {seen[key]} and {number} have the same name",
                "rename one of them in the header",
                reader.line_num,
                text,
            )
        seen[key] = number
    return tuple(names), reader.line_num


def _after_lines(data: bytes, lines: int) -> int:
    position = 0
    for _ in range(lines):
        end = data.find(b"\n", position)
        if end < 0:
            carriage = data.find(b"\r", position)
            return len(data) if carriage < 0 else carriage + 1
        position = end + 1
    return position
