"""What the commands do: read, keep, reckon and write, in that order, so that a refusal leaves everything as it was."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from pycrm.errors import (
    DocumentError,
    InvalidValueError,
    MissingExtraError,
    PycrmError,
    SchemaMismatch,
    UnreadableFileError,
)
from pycrm.report.document import as_json
from pycrm.report.escape import plain
from pycrm.report.figures import Figures, figures
from pycrm.report.files import check_writable, write_all
from pycrm.report.lines import OrderLines, ReadOptions, read_lines
from pycrm.report.page import as_html
from pycrm.report.progress import Progress
from pycrm.report.purchases import purchases_of
from pycrm.report.refunds import settle
from pycrm.report.section import Report, Section
from pycrm.report.story import tell
from pycrm.report.text import as_text, opening
from pycrm.storage.protocols import Store

if TYPE_CHECKING:
    from pycrm.storage.sql import SqlStore

__all__ = ["run"]

A_YEAR = np.timedelta64(365, "D")
"""How long before the as-of date lies the day that tiers are compared with."""

_ROLES = ("customer", "order", "time", "amount", "quantity", "price", "product", "currency", "name", "group")


def run(given: argparse.Namespace, stream: TextIO) -> Iterator[str]:
    """Yield what a command says, line by line, and do what it does; progress goes to `stream`.

    Raises
    ------
    PycrmError
        If what was given cannot be used.
    """
    if given.command == "check":
        yield from _check(given.store)
        return
    kept = [Path(given.file)] if given.command == "report" else []
    kept += [file for file in [_file_of(given.store or "")] if file is not None]
    check_writable([Path(given.out), *([Path(given.json)] if given.json else [])], keep=kept)
    yield from _report(given, stream) if given.command == "report" else _demo(given, stream)


def _check(url: str) -> Iterator[str]:
    from pycrm.storage.integrity import check

    file = _file_of(url)
    if file is not None and not file.exists():
        raise UnreadableFileError(str(file), "there is no such file", "give the store that is to be checked")
    with _opened(url) as store:
        found = check(store)
    for fault in found.faults:
        yield f"{fault.rule}: {fault.model} {fault.id}: {fault.detail}"
    if found.faults:
        fix = "restore them from a backup, or look at them by their ids"
        raise DocumentError(
            url, "not_whole", f"{len(found.faults)} of {found.entities:,} entities are not as they should be; {fix}"
        )
    yield f"{found.entities:,} entities read; nothing is broken."


def _report(given: argparse.Namespace, stream: TextIO) -> Iterator[str]:
    options = ReadOptions(
        columns={role: getattr(given, role) for role in _ROLES if getattr(given, role) is not None},
        delimiter={"\\t": "\t", "tab": "\t"}.get(given.delimiter, given.delimiter),
        encoding=given.encoding,
        decimal=given.decimal,
        date_order=given.date_order,
        refunds=given.refunds,
        as_of=None if given.as_of is None else np.datetime64(given.as_of.isoformat(), "D"),
        today=np.datetime64(datetime.now(UTC).date() + timedelta(days=1), "D"),  # somewhere it is tomorrow already
        max_dropped=given.max_dropped,
    )
    with Progress(stream, steps=7 + bool(given.store)) as say:
        say(f"reading {plain(given.file)}")
        lines = read_lines(given.file, options)
        if given.store:
            from pycrm.report.importing import check_keepable

            check_keepable(lines, given.file)
        say("refunds")
        purchases = purchases_of(lines, Path(given.file).name)
        say.clear()
        yield from _understood(lines)
        then = purchases_of(lines, purchases.source, until=lines.as_of - A_YEAR)
        found = figures(purchases, unit=given.unit, then=then, progress=say)
        made = tell(found)
        said: list[str] = []
        if given.store:
            say(f"keeping it in {plain(given.store)}")
            # Written while the store can still go back: either all of it is there in the end, or nothing.
            said = _keep(given, lines, lambda: _write(given, found, made))
        else:
            say("writing")
            _write(given, found, made)
    yield from _said(given, made)
    yield from said


def _understood(lines: OrderLines) -> Iterator[str]:
    yield "Columns: " + plain_parts(str(lines.mapping)) + " (say --customer, --time, --amount ... COLUMN to change one)"
    yield f"Format: {'; '.join(lines.notes)}"
    left = f"{lines.rows_used:,} of {lines.rows_read:,} lines used"
    reasons = ", ".join(
        f"{why}: {count:,}" for why, count in sorted(lines.dropped.items(), key=lambda item: (-item[1], item[0]))
    )
    yield f"Lines: {left}" + (f"; left out: {reasons}" if reasons else "")


def plain_parts(text: str) -> str:
    """Return a list of parts made harmless, each on its own so that a long list is not cut."""
    return ", ".join(plain(part) for part in text.split(", "))


def _write(given: argparse.Namespace, found: Figures, made: Report, more: Mapping[str, Any] | None = None) -> None:
    texts = {Path(given.out): as_html(made)}
    if given.json:
        texts[Path(given.json)] = as_json(found, more=more)
    write_all(texts)


def _said(given: argparse.Namespace, made: Report) -> Iterator[str]:
    yield ""
    yield (as_text(made) if given.text else opening(made)).rstrip("\n")
    yield ""
    yield f"Page: {given.out}"
    if given.json:
        yield f"JSON: {given.json}"


def _file_of(url: str) -> Path | None:
    """Return the file of an SQLite URL; None for other databases."""
    path = url.removeprefix("sqlite:///").partition("?")[0]
    return Path(path) if url.startswith("sqlite:///") and path and path != ":memory:" else None


def _prepare(store: SqlStore) -> None:
    """Give an empty database on a server its tables; one of another release is refused when it is used."""
    try:
        store.begin(read_only=True).rollback()
    except SchemaMismatch as error:
        if error.found == "none":
            store.create_schema()


@contextmanager
def _opened(url: str) -> Iterator[Store]:
    """Give the store at a URL; an SQLite file that was not there before is gone again if the work fails."""
    if "://" not in url:
        raise InvalidValueError("store", url, "write it as a URL, such as sqlite:///crm.db")
    try:
        from pycrm.storage.sql import SqlStore
    except ModuleNotFoundError as error:
        raise MissingExtraError("SQLAlchemy", "sql") from error
    file = _file_of(url)
    if file is not None:
        check_writable([file])
        if file.exists() and file.stat().st_size and not _is_sqlite(file):
            raise UnreadableFileError(str(file), "this is not an SQLite database", "give the store a file of its own")
    made_here = file is not None and not file.exists()
    store = SqlStore(url)
    try:
        if file is None:
            _prepare(store)
        yield store
    except BaseException:
        store.close()
        if file is not None and made_here:
            for name in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm", "-journal"))):
                name.unlink(missing_ok=True)
        raise
    store.close()


def _is_sqlite(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(16) == b"SQLite format 3\x00"


def _keep(given: argparse.Namespace, lines: OrderLines, write: Callable[[], None]) -> list[str]:
    from pycrm.report.importing import import_lines
    from pycrm.report.together import Together
    from pycrm.workflows import differentiate

    now = datetime.now(UTC)
    cause = f"import of {Path(given.file).name}"
    with _opened(given.store) as store, store.begin(actor="report", cause=cause) as unit:
        done = import_lines(store, unit, lines, settle(lines), path=given.file, at=now)
        if done.before is not None:
            write()
            when = f"{done.before:%Y-%m-%d %H:%M} UTC"
            return [f"Store: these lines were imported on {when} already; {given.store} is unchanged"]
        if lines.amount.max() > 0:
            as_of = date.fromisoformat(str(lines.as_of))
            differentiate.assess(Together(store, unit), as_of=as_of, unit=given.unit, currency=lines.currency)
        write()
        unit.commit()
    if done.nothing:
        return [f"Store: all {done.unchanged:,} orders were there already; nothing in {given.store} changed"]
    parts = [
        f"{count:,} {name}"
        for count, name in (
            (done.customers, "new customers"),
            (done.products, "new products"),
            (done.orders, "new orders"),
            (done.changed, "changed orders"),
            (done.unchanged, "orders that were there"),
            (done.refunds, "unallocated refunds"),
        )
        if count
    ]
    return [f"Store: {', '.join(parts)} in {given.store}"]


def _demo(given: argparse.Namespace, stream: TextIO) -> Iterator[str]:
    import tempfile

    from pycrm.datasets import simulate_business
    from pycrm.report import differentiating, ledgers
    from pycrm.report.demonstration import NAME, fill, sections
    from pycrm.report.rounds import three_weeks
    from pycrm.report.stored import purchases_of_store

    own = None
    url = given.store
    if url is None:
        own = Path(tempfile.mkdtemp(prefix="pycrm-demo-"))
        url = f"sqlite:///{(own / 'crm.db').as_posix()}"
    try:
        with Progress(stream, steps=11) as say:
            say("making a business")
            business = simulate_business(customers=given.customers, seed=given.seed)
            with _opened(url) as store:
                done = fill(store, business, unit=given.unit, progress=say)
                as_of = date.fromisoformat(str(business.end.astype("datetime64[D]")))
                purchases = purchases_of_store(store, as_of=as_of, name=NAME)
            found = figures(purchases, unit=given.unit, progress=say)
            more: tuple[Section, ...] = (*sections(done), three_weeks(given.seed))
            made = tell(found, more=more)
            say("writing")
            told = {
                "differentiate": None if done.assessed is None else differentiating.as_dict(done.assessed),
                "ledgers": ledgers.as_dict(done.ledgers),
            }
            _write(given, found, made, told)
    except (PycrmError, KeyboardInterrupt):
        if own is not None:
            import shutil

            shutil.rmtree(own, ignore_errors=True)
        raise
    yield f"A simulated business of {given.customers:,} people (seed {given.seed}) in {url}"
    for section in more:
        yield f"{section.title}: {' '.join(section.sentences)}"
    if done.before:
        yield "It was there already; the store is unchanged."
    yield from _said(given, made)
