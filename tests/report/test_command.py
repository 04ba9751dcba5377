"""`python -m pycrm`: what it prints, writes, keeps and refuses."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from pycrm.__main__ import main
from pycrm.datasets import simulate_business
from pycrm.model.assessment import Assessment
from pycrm.model.customer import Customer
from pycrm.model.import_run import ImportRun
from pycrm.model.offer import OfferDecision
from pycrm.model.order import Order, OrderStatus, Product, UnallocatedRefund
from pycrm.model.points_entry import PointsEntry
from pycrm.report.ledgers import look, section
from pycrm.storage.query import Query
from pycrm.storage.sql import SqlStore

BUSINESS = simulate_business(customers=120, seed=9)
CENTS = int((BUSINESS.lines["quantity"] * BUSINESS.lines["unit_price"]).sum() - BUSINESS.refunds["amount"].sum())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    BUSINESS.order_lines().to_csv("orders.csv", index=False)
    return tmp_path


def everything(url, model):
    store = SqlStore(url)
    with store.begin(read_only=True) as unit:
        found = [entity for batch in unit.of(model).stream(Query(model)) for entity in batch]
    store.close()
    return found


def process(*arguments, cwd):
    return subprocess.Popen(
        [sys.executable, "-m", "pycrm", *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_report_prints_its_mapping_and_writes_page_and_figures(folder, capsys):
    assert main(["report", "orders.csv", "--json", "r.json", "--out", "page.html"]) == 0
    said = capsys.readouterr().out
    assert "Columns: customer = customer, time = date, order = order, quantity = quantity, price = price" in said
    assert "Format: encoding utf-8, fields divided by comma; dates as year-month-day" in said
    told = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert told["orders"] == len(BUSINESS.orders)
    assert told["currency"] == "EUR"
    assert told["purchase_model"]["name"] == "BG/NBD"
    page = Path("page.html").read_text(encoding="utf-8")
    assert "The customers of orders.csv" in page
    assert sorted(path.name for path in folder.iterdir()) == ["orders.csv", "page.html", "r.json"]


def test_flags_change_what_is_read(folder, capsys):
    arguments = [
        "report",
        "orders.csv",
        "--json",
        "r.json",
        "--unit",
        "day",
        "--refunds",
        "ignore",
        "--as-of",
        "2025-06-30",
    ]
    assert main([*arguments, "--text", "--currency", "EUR"]) == 0
    told = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert told["as_of"] == "2025-06-30"
    assert told["currency"] == "EUR"
    assert told["dropped"]["after the as-of date"] > 0
    assert told["dropped"]["credit or cancellation (ignored)"] > 0
    assert told["purchase_model"]["unit"] == "day"
    said = capsys.readouterr().out
    assert "Method and limits" in said


def test_the_store_holds_what_the_file_says(folder):
    url = "sqlite:///crm.db"
    assert main(["report", "orders.csv", "--store", url, "--json", "r.json"]) == 0
    told = json.loads(Path("r.json").read_text(encoding="utf-8"))
    orders = everything(url, Order)
    assert len(orders) == len(BUSINESS.orders)
    assert len(everything(url, Customer)) == told["customers"]
    assert len(everything(url, Product)) == len(set(BUSINESS.lines["product"]))
    assert not everything(url, UnallocatedRefund)
    net = sum(order.net.amount for order in orders)
    assert float(net) == pytest.approx(told["revenue"])
    assert 100 * net == CENTS
    whole = sum(order.status is OrderStatus.RETURNED for order in orders)
    assert whole == told["orders_given_back"]
    assessed = everything(url, Assessment)
    assert len(assessed) == told["customers"]
    for name, count in told["segments"].items():
        assert sum(one.segment == name for one in assessed) == count
    for tier in told["tiers"]:
        assert sum(one.tier == tier["name"] for one in assessed) == tier["customers"]


def test_the_same_file_twice_changes_nothing_and_says_so(folder, capsys):
    url = "sqlite:///crm.db"
    assert main(["report", "orders.csv", "--store", url]) == 0
    before = {model: everything(url, model) for model in (Customer, Order, Product, Assessment, ImportRun)}
    capsys.readouterr()
    assert main(["report", "orders.csv", "--store", url]) == 0
    assert "were imported" in capsys.readouterr().out
    assert {model: everything(url, model) for model in before} == before
    Path("copy.csv").write_bytes(Path("orders.csv").read_bytes().replace(b"customer,order", b"client,order"))
    assert main(["report", "copy.csv", "--store", url]) == 0
    assert "nothing in sqlite:///crm.db changed" in capsys.readouterr().out
    assert everything(url, Order) == before[Order]
    assert everything(url, Customer) == before[Customer]


def test_a_later_export_adds_what_is_new_and_changes_what_was_given_back(folder, capsys):
    url = "sqlite:///crm.db"
    exported = BUSINESS.order_lines()
    cut = BUSINESS.refunds["at"].iloc[len(BUSINESS.refunds) // 2]  # given back at that moment, of an order before it
    exported[exported["date"] < cut].to_csv("early.csv", index=False)
    assert main(["report", "early.csv", "--store", url]) == 0
    early = {order.number: order.id for order in everything(url, Order)}
    assert main(["report", "orders.csv", "--store", url]) == 0
    assert "changed orders" in capsys.readouterr().out
    late = everything(url, Order)
    assert len(late) == len(BUSINESS.orders)
    assert {order.number: order.id for order in late if order.number in early} == early
    assert 100 * sum(order.net.amount for order in late) == CENTS


def test_credits_without_a_purchase_are_kept_apart(folder):
    Path("o.csv").write_text("customer,date,amount\nAna,2024-01-03,5\nBo,2024-01-05,-2.25\nBo,2024-01-06,-2.25\n")
    assert main(["report", "o.csv", "--store", "sqlite:///o.db", "--currency", "EUR"]) == 0
    kept = everything("sqlite:///o.db", UnallocatedRefund)
    assert [str(refund.amount) for refund in kept] == ["2.25 EUR", "2.25 EUR"]
    assert len(everything("sqlite:///o.db", Order)) == 1


def test_an_order_of_all_kinds_of_rows_keeps_its_money_exactly(folder):
    Path("o.csv").write_text(
        "customer,order,date,product,quantity,price\nAna,1,2024-01-03,x,3,0.1\nAna,1,2024-01-03,x,3,0.1\n"
        "Ana,1,2024-01-03,y,1.5,2.333\nAna,C1,2024-01-04,x,-4,0.1\nBo,1,2024-01-03,y,1,1\n"
    )
    assert main(["report", "o.csv", "--store", "sqlite:///o.db", "--currency", "EUR"]) == 0
    orders = {order.number: order for order in everything("sqlite:///o.db", Order)}
    assert set(orders) == {"1", "1/Bo"}
    assert str(orders["1"].gross) == "4.0995 EUR"
    assert str(orders["1"].refunded) == "0.4 EUR"
    assert [refund.line for refund in orders["1"].refunds] == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "nothing.csv"], "no such file"),
        (["report", "orders.csv", "--customer", "who"], "--customer names the column 'who'"),
        (["report", "orders.csv", "--out", "no/folder/r.html"], "its folder does not exist"),
        (["report", "orders.csv", "--out", "."], "this is a folder"),
        (["report", "orders.csv", "--out", "r", "--json", "./r"], "named twice"),
        (["report", "orders.csv", "--out", "orders.csv"], "this is what is read"),
        (["report", "orders.csv", "--store", "sqlite:///crm.db", "--json", "crm.db"], "this is what is read"),
        (["report", "orders.csv", "--as-of", "2001-01-01"], "no line is left"),
        (["report", "orders.csv", "--delimiter", "ab"], "one character"),
        (["report", "orders.csv", "--encoding", "klingon"], "no encoding"),
        (["report", "orders.csv", "--store", "crm.db"], "write it as a URL"),
        (["report", "orders.csv", "--store", "sqlite:///orders.csv"], "not an SQLite database"),
        (["report", "orders.csv", "--store", "sqlite:///no/crm.db"], "its folder does not exist"),
        (["report", "orders.csv", "--store", "sqlite:///crm.db", "--currency", "XYZ"], "XYZ is no currency"),
        (["report", "orders.csv", "--store", "sqlite:///crm.db", "--currency", "-"], "no column says in what currency"),
        (["demo", "--store", "elsewhere"], "write it as a URL"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_2_and_leaves_nothing(folder, capsys, arguments, words):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.rstrip("\n").split("\r")[-1].startswith("error: ")
    assert error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_key_that_no_database_indexes_is_refused_before_the_store_is_made(folder, capsys):
    Path("o.csv").write_text(f"customer,date,amount\n{'x' * 201},2024-01-03,5\n")
    assert main(["report", "o.csv"]) == 0
    assert main(["report", "o.csv", "--store", "sqlite:///o.db", "--currency", "EUR"]) == 2
    assert "201 characters" in capsys.readouterr().err
    assert not Path("o.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["report"],
        ["report", "orders.csv", "--as-of", "soon"],
        ["report", "orders.csv", "--max-dropped", "2"],
        ["report", "orders.csv", "--max-dropped", "nan"],
        ["report", "orders.csv", "--unit", "year"],
        ["demo", "--customers", "0"],
        ["demo", "--customers", "-3"],
        ["demo", "--seed", "x"],
    ],
)
def test_flags_that_make_no_sense_are_status_2(folder, capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error" in capsys.readouterr().err


def test_a_store_of_a_newer_release_is_refused_and_left_alone(folder, capsys):
    url = "sqlite:///crm.db"
    assert main(["report", "orders.csv", "--store", url]) == 0
    with sqlite3.connect("crm.db") as connection:
        connection.execute("UPDATE pycrm_version SET version_num = '9999'")
    connection.close()
    Path("report.html").unlink()
    before = sha256(Path("crm.db").read_bytes()).digest()
    capsys.readouterr()
    assert main(["report", "orders.csv", "--store", url]) == 2
    assert "9999" in capsys.readouterr().err
    assert sha256(Path("crm.db").read_bytes()).digest() == before
    assert not Path("report.html").exists()


def test_the_demo_runs_the_whole_loop_and_a_second_time_changes_nothing(folder, capsys):
    arguments = ["demo", "--customers", "150", "--store", "sqlite:///demo.db", "--json", "d.json"]
    assert main(arguments) == 0
    assert "sqlite:///demo.db" in capsys.readouterr().out
    page = Path("report.html").read_text(encoding="utf-8")
    for title in ("Identify", "Interact", "Personalise"):
        assert f">{title}</h2>" in page
    decisions = everything("sqlite:///demo.db", OfferDecision)
    assert len(decisions) == len(everything("sqlite:///demo.db", Customer))
    first = json.loads(Path("d.json").read_bytes())
    told = first.pop("differentiate")
    assert sum(told["tiers"].values()) == sum(cell["customers"] for cell in told["grid"]) == len(decisions)
    assert sum(map(sum, told["migration"]["counts"])) + sum(told["migration"]["entered"]) == len(decisions)
    assert [audit["by"] for audit in told["fairness"]] == ["age_band"]
    assert {gap["need"] for gap in told["gaps"]} == {"care", "information"}
    before = {model: everything("sqlite:///demo.db", model) for model in (Customer, Order, Assessment, OfferDecision)}
    assert main(arguments) == 0
    assert "It was there already" in capsys.readouterr().out
    assert json.loads(Path("d.json").read_bytes()) == first | {"differentiate": None}
    assert {model: everything("sqlite:///demo.db", model) for model in before} == before
    assert main(["demo", "--customers", "151", "--store", "sqlite:///demo.db"]) == 2
    assert "give the demonstration a store of its own" in capsys.readouterr().err


def test_the_demo_names_the_store_it_made(folder, capsys):
    assert main(["demo", "--customers", "60"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    path = Path(first.rsplit("sqlite:///", 1)[1])
    assert path.is_file()
    path.unlink()
    path.parent.rmdir()


def test_a_store_is_looked_through_and_what_is_broken_is_named(folder, capsys):
    assert main(["report", "orders.csv", "--store", "sqlite:///crm.db", "--currency", "EUR"]) == 0
    capsys.readouterr()
    assert main(["check", "sqlite:///crm.db"]) == 0
    assert "nothing is broken" in capsys.readouterr().out
    with closing(sqlite3.connect("crm.db")) as connection, connection:
        connection.execute("UPDATE purchase SET document = '[' WHERE number = (SELECT min(number) FROM purchase)")
    assert main(["check", "sqlite:///crm.db"]) == 2
    said = capsys.readouterr()
    assert "document: Order" in said.out
    assert "restore them from a backup" in said.err
    assert main(["check", "sqlite:///none.db"]) == 2
    assert not Path("none.db").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX knows them")
@pytest.mark.parametrize("known", [False, True])
def test_an_interrupt_while_importing_leaves_the_store_as_it_was(tmp_path, known):
    simulate_business(customers=2_000, seed=4).order_lines().to_csv(tmp_path / "orders.csv", index=False)
    store = tmp_path / "crm.db"
    if known:
        (tmp_path / "o.csv").write_text("customer,date,amount\nAna,2024-01-03,5\n")
        running = process("report", "o.csv", "--store", "sqlite:///crm.db", "--currency", "EUR", cwd=tmp_path)
        running.communicate()
        (tmp_path / "report.html").unlink()
        orders = everything(f"sqlite:///{store}", Order)
    at_once = (  # a process started in the background may have inherited that interrupts are ignored
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from pycrm.__main__ import main; from pycrm.report.progress import Progress;"
        "Progress.__init__.__kwdefaults__['patience'] = 0.0; sys.exit(main(sys.argv[1:]))"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", at_once, "report", "orders.csv", "--store", "sqlite:///crm.db"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    seen = b""
    while b"keeping it in" not in seen:
        byte = running.stderr.read(1)
        assert byte, seen
        seen += byte
    running.send_signal(signal.SIGINT)
    _, error = running.communicate()
    assert running.returncode == 130
    assert error.decode().rstrip().endswith("interrupted: no store and no file was changed")
    assert not (tmp_path / "report.html").exists()
    assert store.exists() == known
    if known:
        assert everything(f"sqlite:///{store}", Order) == orders
        assert len(everything(f"sqlite:///{store}", Customer)) == 1


def test_a_reader_who_stops_reading_is_no_error(folder):
    running = process("report", "orders.csv", "--text", cwd=folder)
    running.stdout.readline()
    running.stdout.close()
    error = running.stderr.read()
    assert running.wait() == 0
    assert b"Traceback" not in error
    running.stderr.close()


def orders_in(path, *rows, head="customer,date,amount,currency"):
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


def test_a_currency_told_does_not_overrule_what_the_file_says(folder, capsys):
    orders_in(folder / "two.csv", "ana,2026-01-01,5,EUR", "bob,2026-01-02,5,USD")
    assert main(["report", "two.csv", "--currency", "EUR"]) == 2
    assert "there are two currencies, EUR and USD" in capsys.readouterr().err
    orders_in(folder / "one.csv", "ana,2026-01-01,5,USD", "bob,2026-01-02,5,USD")
    assert main(["report", "one.csv", "--currency", "EUR"]) == 2
    assert "its amounts are in USD, not in EUR" in capsys.readouterr().err
    assert main(["report", "one.csv", "--currency", "XXQ"]) == 2
    assert "XXQ is no currency" in capsys.readouterr().err


def test_a_date_after_today_is_left_out_and_does_not_move_the_as_of_date(folder, capsys):
    rows = [f"c{n % 40},2026-01-{1 + n % 28:02},5,EUR" for n in range(60)]
    orders_in(folder / "late.csv", *rows, "zoe,2204-01-31,5,EUR")
    assert main(["report", "late.csv", "--json", "r.json"]) == 0
    told = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert told["as_of"] == "2026-01-28"
    assert told["dropped"] == {"after the as-of date": 1}
    orders_in(folder / "all.csv", "zoe,2204-01-31,5,EUR")
    assert main(["report", "all.csv"]) == 2
    assert "every date lies after today" in capsys.readouterr().err


def test_a_page_that_cannot_be_written_leaves_the_store_as_it_was(folder, monkeypatch, capsys):
    from pycrm.errors import UnreadableFileError
    from pycrm.report import command

    def full(texts):
        raise UnreadableFileError(str(min(texts)), "no space left on device", "name another place")

    monkeypatch.setattr(command, "write_all", full)
    assert main(["report", "orders.csv", "--store", "sqlite:///crm.db"]) == 2
    assert "no space left" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["orders.csv"]


def test_the_demo_says_what_each_of_the_four_verbs_found(folder, capsys):
    assert main(["demo", "--customers", "60", "--store", f"sqlite:///{folder}/demo.db", "--out", "demo.html"]) == 0
    said = capsys.readouterr().out
    assert all(f"{verb}: " in said for verb in ("Identify", "Differentiate", "Interact", "Personalise"))


def test_the_demo_explains_a_pair_and_shows_a_merge_and_its_end(folder):
    assert main(["demo", "--customers", "150", "--store", "sqlite:///demo.db"]) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    for said in (
        "Who is who",
        "are one person with probability",
        "probabilistic engine",
        "taken back",
        "both are as they were",
    ):
        assert said in page


def test_the_demo_shows_tiers_who_moved_and_whether_care_is_even(folder):
    assert main(["demo", "--customers", "150", "--store", "sqlite:///demo.db", "--json", "d.json"]) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    for said in (
        "Value tiers",
        "From the tier of",
        "Groups of needs",
        "Value tiers (rows) by group of needs",
        "Needs by how far they are from being met",
        "Fairness: share of customers",
        "four-fifths",
    ):
        assert said in page
    assert len(page.encode()) <= 100_000
    assert "<script" not in page
    assert len({one.as_of for one in everything("sqlite:///demo.db", Assessment)}) == 2


def test_the_demo_shows_a_win_back_a_refused_contact_and_a_referral_that_pays_both_sides(folder):
    assert main(["demo", "--customers", "150", "--store", "sqlite:///demo.db", "--json", "d.json"]) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert "may not be written to" in page
    told = json.loads(Path("d.json").read_bytes())["ledgers"]
    before = everything("sqlite:///demo.db", PointsEntry)
    store = SqlStore("sqlite:///demo.db")
    shown = section(look(store, datetime(2025, 12, 31, tzinfo=UTC)))
    store.close()
    stages, refusals, points = shown.tables
    steps = [row[1:] for row in stages.rows]
    assert ("churned", "fulfilment", "won back") in steps
    assert all(one[1] == other[0] for one, other in pairwise(steps))
    assert all(row[0] in page for row in refusals.rows)
    assert [row[1:] for row in points.rows] == [("earn", "+100", "100"), ("earn", "+50", "50")]
    assert [(one["from"] or "-", one["to"], one["reason"].replace("_", " ")) for one in told["won_back"]] == steps
    assert [(code.replace("_", " "), f"{count:,}") for code, count in told["refused"].items()] == list(refusals.rows)
    assert set(told["refusal"]) <= set(told["refused"])
    assert [(one["kind"], one["change"], one["available"]) for one in told["paid"]] == [
        ("earn", 100, 100),
        ("earn", 50, 50),
    ]
    assert told["referral"] == "rewarded"
    assert everything("sqlite:///demo.db", PointsEntry) == before
    assert len(before) == 2
