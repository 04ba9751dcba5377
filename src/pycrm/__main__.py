"""`python -m pycrm report orders.csv`, `python -m pycrm demo` and `python -m pycrm check sqlite:///crm.db`.

Exit status: 0 if it worked, 2 if what was given cannot be used or is broken (one line says why and what to do), 130 if it was interrupted;
in both of the last cases no store and no file was changed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from collections.abc import Sequence

from pycrm.errors import PycrmError

__all__ = ["main"]

_ROLES = ("customer", "order", "time", "amount", "quantity", "price", "product", "currency", "name", "group")


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it like 2024-12-31") from None


def _share(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write it like 0.05 or 5%")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of customers; give a whole number of at least 1")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed; give a whole number of at least 0")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pycrm", description="Know your customers, from a file of orders.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    report = commands.add_parser("report", help="report on a file of orders", description="Report on a file of orders.")
    report.add_argument("file", help="delimited text with a header, .gz or not: one line per order or order line")
    report.add_argument(
        "--refunds",
        choices=("net", "ignore"),
        default="net",
        help="set credit lines against purchases (net), or leave them out",
    )
    report.add_argument(
        "--as-of", type=_day, metavar="DATE", help="the last day that counts; the last in the file unless given"
    )
    report.add_argument(
        "--max-dropped",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="share of unreadable lines above which the file is refused (0.05)",
    )
    report.add_argument("--delimiter", help="what divides fields; found out unless given")
    report.add_argument("--encoding", help="such as utf-8 or cp1252; found out unless given")
    report.add_argument("--decimal", choices=(".", ","), help="the decimal mark; found out unless given")
    report.add_argument(
        "--date-order", choices=("dmy", "mdy", "ymd"), help="which number of a date is what; found out unless given"
    )
    columns = report.add_argument_group("columns", "which column is what, recognised unless given; - for none")
    for role in _ROLES:
        also = {
            "currency": ", or a code such as EUR",
            "group": " of customers, such as gender or country, to see whether care is even",
        }.get(role, "")
        columns.add_argument(f"--{role}", metavar="COLUMN", help=f"the column of the {role}{also}")

    demo = commands.add_parser(
        "demo",
        help="make a business and run the whole loop over it",
        description="Make a business of invented people, keep it in a store, and run identify, differentiate, interact and personalise over it.",
    )
    demo.add_argument("--customers", type=_count, default=1_000, metavar="N", help="how many people (1000)")
    demo.add_argument("--seed", type=_seed, default=1, metavar="N", help="another seed, another business (1)")

    check = commands.add_parser(
        "check",
        help="look whether a store is whole",
        description="Read everything in a store once and name what is broken: documents, values, references, trails, points.",
    )
    check.add_argument("store", metavar="URL", help="such as sqlite:///crm.db")

    for command in (report, demo):
        command.add_argument(
            "--store",
            metavar="URL",
            help="such as sqlite:///crm.db" + ("; an SQLite file of its own unless given" if command is demo else ""),
        )
        command.add_argument("--out", default="report.html", metavar="FILE", help="where the page goes (report.html)")
        command.add_argument("--json", metavar="FILE", help="write the figures as JSON as well")
        command.add_argument(
            "--unit", choices=("day", "week"), default="week", help="the unit of time of the model (week)"
        )
        command.add_argument("--text", action="store_true", help="print the whole report, not only its beginning")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    given = _parser().parse_args(arguments)
    try:
        from pycrm.report import command

        for line in command.run(given, sys.stderr):
            print(line)
        sys.stdout.flush()
    except PycrmError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: no store and no file was changed", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing else is to be said, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
