"""A file becomes order lines, or one sentence that says why not."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.errors import UnreadableFileError
from pycrm.report.amounts import parse_amounts
from pycrm.report.lines import ReadOptions, read_lines
from pycrm.report.refunds import settle
from pycrm.report.source import LONGEST_LINE

HEADER = "customer,order,date,product,quantity,price\n"


@pytest.fixture
def file(tmp_path):
    def write(content, name="orders.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refusal(path, **options):
    with pytest.raises(UnreadableFileError) as caught:
        read_lines(path, ReadOptions(**options))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert str(path) in sentence
    assert "; " in sentence  # what to do stands behind
    return caught.value


def test_online_retail_without_refunds_has_the_published_counts(data_dir):
    lines = read_lines(data_dir / "online_retail.csv.gz", ReadOptions(refunds="ignore"))
    assert lines.rows_read == 541_909
    assert lines.rows_used == 397_884
    assert len(lines.customers) == 4_338
    assert len(lines.orders) == 18_532
    assert lines.amount.sum() == pytest.approx(8_911_407.904, abs=5e-4)
    assert lines.dropped == {"no customer": 135_080, "amount is zero": 40, "credit or cancellation (ignored)": 8_905}
    assert lines.rows_read == lines.rows_used + sum(lines.dropped.values())


def test_online_retail_with_refunds_loses_no_money(data_dir):
    lines = read_lines(data_dir / "online_retail.csv.gz", ReadOptions(refunds="net"))
    settled = settle(lines)
    bought = lines.amount[lines.amount > 0].sum()
    assert bought - settled.refunded.sum() - settled.unallocated.sum() == pytest.approx(lines.amount.sum(), abs=1e-4)
    assert (settled.refunded <= np.maximum(lines.amount, 0) + 1e-9).all()
    # 12346 bought 74,215 pieces and took them back sixteen minutes later.
    who = list(lines.customers).index("12346")
    assert lines.amount[lines.customer == who].sum() == pytest.approx(0)
    assert settled.unallocated[who] == 0


def test_lines_of_one_invoice_are_numbered_and_equal_lines_are_two_purchases(data_dir, file):
    lines = read_lines(file(HEADER + "a,1,2024-05-01,x,1,2\nb,2,2024-05-01,x,1,2\na,1,2024-05-01,x,1,2\n"))
    assert [(lines.orders[o], n) for o, n in zip(lines.order, lines.line, strict=True)] == [
        ("1", 1),
        ("2", 1),
        ("1", 2),
    ]
    lines = read_lines(data_dir / "online_retail.csv.gz")
    keys = lines.order * 10_000 + lines.line
    assert len(np.unique(keys)) == lines.rows_used


def test_rfm_orders_needs_no_flags(data_dir):
    lines = read_lines(data_dir / "rfm_orders.csv")
    assert (lines.rows_used, len(lines.customers), lines.amount.sum()) == (4_906, 995, 464_158)


@pytest.mark.parametrize(
    "content",
    [
        "customer,date,amount\nAna,2024-01-31,1234.5\nBo,2024-02-01,2\n",
        "\ufeffCliente;Fecha;Importe\r\nAna;31/01/2024;1.234,50 €\r\nBo;01/02/2024;2\r\n",
        "user_id\tcreated_at\ttotal\nAna\t2024-01-31T10:00:00Z\t$1,234.50\nBo\t2024-02-01T00:30:00Z\t2\n",
        "ID Cliente|Fecha de compra|Monto\nAna|31 de enero de 2024|1234.5\nBo|1 feb 2024|2\n",
        "customerId,orderDate,qty,unitPrice\nAna,01/31/2024 3:05 PM,2,617.25\nBo,02/01/2024 12:00 AM,1,2\n",
        "Customer No.;Invoice Date;Amount\nAna;31.01.2024;1234,5\nBo;01.02.2024;2\n",
        "sep=;\ncustomer;date;amount\nAna;2024-01-31;1234.5\nBo;2024-02-01;2\n",
        'customer,date,amount\n"Ana",20240131,"1,234.50"\n\n"Bo",20240201,2\n',
        "customer,date,amount,\nAna,2024-01-31,1234.5,\nBo,2024-02-01,2,\n",
    ],
)
def test_the_same_two_orders_however_they_are_written(file, content):
    for data in (content.encode(), content.encode("utf-16"), gzip.compress(content.encode())):
        lines = read_lines(file(data))
        assert lines.amount.tolist() == [1234.5, 2.0]
        assert lines.time.astype("datetime64[D]").astype(str).tolist() == ["2024-01-31", "2024-02-01"]
        assert [lines.customers[c] for c in lines.customer] == ["Ana", "Bo"]
        assert not lines.dropped


def test_windows_1252_is_read_as_what_it_is(file):
    lines = read_lines(file("cliente;fecha;importe\nMuñoz;2024-01-31;5 €\n".encode("cp1252")))
    assert list(lines.customers) == ["Muñoz"]
    assert lines.currency == "EUR"


def test_flags_overrule_what_was_recognised(file):
    path = file("customer,who,date,amount\n1,Ana,2024-01-31,5\n")
    assert list(read_lines(path).customers) == ["1"]
    assert list(read_lines(path, ReadOptions(columns={"customer": "WHO"})).customers) == ["Ana"]
    assert "nobody" in refusal(path, columns={"customer": "nobody"}).problem


def test_a_missing_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "nothing.csv").problem
    assert "folder" in refusal(tmp_path).problem


@pytest.mark.parametrize(
    ("content", "row", "column", "words"),
    [
        (b"", None, None, "empty"),
        (b" \n\n", None, None, "empty"),
        (b"customer,date,amount\n", 1, None, "nothing below"),
        (b"customer,date,amount\n\n\n", 1, None, "nothing below"),
        (b"date,amount\n2024-01-01,2\n", None, None, "who bought"),
        (b"customer,amount\nAna,2\n", None, None, "when"),
        (b"customer,date\nAna,2024-01-01\n", None, None, "how much"),
        (b"17850,2024-01-01,3\n17851,2024-01-01,4\n", None, None, "looks like data"),
        (b"customer,date,amount\nAna,soon,2\n", 2, "date", "date cannot be read"),
        (b"customer,date,amount\nAna,2024-02-30,2\n", 2, "date", "date cannot be read"),
        (b"customer,date,amount\nAna,13/01/2024,2\nBo,01/14/2024,2\n", 3, "date", "change places"),
        (b"customer,date,amount\nAna,13/01/2024,2\nBo,2024-01-14,2\n", 3, "date", "two ways"),
        (b"customer,date,amount\nAna,01/02/2024,2\n", 2, "date", "may be day-month or month-day"),
        (
            b"customer,date,amount,currency\nAna,2024-01-01,2,EUR\nBo,2024-01-01,2,usd\n",
            3,
            "currency",
            "two currencies",
        ),
        ("customer,date,amount\nAna,2024-01-01,2 €\nBo,2024-01-01,$2\n".encode(), 3, "amount", "two currencies"),
        (b'customer,date,amount\nAna,2024-01-01,"1,5"\nBo,2024-01-01,2.5\n', 3, "amount", "decimal marks"),
        (b"customer;date;amount\nAna;2024-01-01;7\nBo;2024-01-01;1,234\n", 3, "amount", "a thousand or a fraction"),
        (b"PK\x03\x04rest", 1, None, "Excel"),
        (b"customer,date,amount\nAna\x00,2024-01-01,2\n", 2, None, "not text"),
        (b"customer,date,amount,Date\nAna,2024-01-01,2,2024-01-01\n", 1, "Date", "same name"),
        (b"customer,date,amount\nAna,2024-01-01," + b"9" * 10_000_000 + b"\n", 2, None, "million bytes"),
        (b'customer,date,amount\n"Ana,2024-01-01,2\nBo,2024-01-01,2\n', 2, None, "never closed"),
        (b"customer,date,amount\nAna,2024-01-01,nan\n", 2, "amount", "amount cannot be read"),
        (b"customer,date,amount\nAna,2024-01-01,inf\n", 2, "amount", "amount cannot be read"),
        (b"customer,date,amount\n,2024-01-01,2\n", None, "customer", "no line has a customer"),
        (b"customer,date,amount\nAna,2024-01-01,0\n", None, None, "no line is left"),
        (b"customer,date,amount\nAna,2024-01-01,1.5\nBo,2024-01-01,1e300\n", 3, "amount", "add up to 1e+300"),
        (b"\x1f\x8bbroken", None, None, "cut off or damaged"),
    ],
)
def test_bad_files_are_refused_with_place_and_remedy(file, content, row, column, words):
    error = refusal(file(content))
    assert (error.row, error.column) == (row, column)
    assert words in error.problem


def test_the_row_is_the_line_of_the_file_even_behind_quoted_line_breaks(file):
    path = file('customer,date,amount\n"An\na",13/01/2024,2\n\nBo,01/14/2024,2\n')
    assert refusal(path).row == 5


def test_a_few_unreadable_lines_are_dropped_and_counted_and_more_are_refused(file):
    good = "".join(f"c{n},2024-01-{n % 28 + 1:02d},5\n" for n in range(95))
    five = "x,never,5\ny,2024-01-01,NaN\nz,2024-01-01,-inf\nu,2024-01-01,5,,,\nv,,5\n"
    path = file("customer,date,amount\n" + good + five)
    lines = read_lines(path)
    assert lines.dropped == {"date cannot be read": 2, "amount cannot be read": 2, "wrong number of fields": 1}
    assert lines.rows_read == 100
    path = file("customer,date,amount\n" + good + five + "w,never,5\n")
    assert "6 of 101 lines (5.9%)" in refusal(path).problem
    assert read_lines(path, ReadOptions(max_dropped=0.1)).rows_used == 95


def test_lines_without_a_customer_are_counted_without_a_bound(file):
    path = file("customer,date,amount\n" + ",2024-01-01,3\nnull,2024-01-01,3\n" * 50 + "Ana,2024-01-01,5\n")
    lines = read_lines(path)
    assert lines.dropped == {"no customer": 100}
    assert lines.rows_used == 1


def test_lines_after_the_as_of_date_do_not_count(file):
    path = file("customer,date,amount\nAna,2024-01-01 23:59:59,5\nAna,2024-01-02,5\n")
    lines = read_lines(path, ReadOptions(as_of=np.datetime64("2024-01-01")))
    assert lines.rows_used == 1
    assert lines.dropped == {"after the as-of date": 1}


def test_a_date_order_that_is_told_is_taken(file):
    path = file("customer,date,amount\nAna,01/02/2024,2\n")
    assert str(read_lines(path, ReadOptions(date_order="dmy")).time[0].astype("datetime64[D]")) == "2024-02-01"
    assert str(read_lines(path, ReadOptions(date_order="mdy")).time[0].astype("datetime64[D]")) == "2024-01-02"


def test_a_credit_takes_back_the_latest_earlier_purchase_with_pieces_left(file):
    path = file(
        HEADER
        + "a,1,2024-05-01,x,4,10\n"  # 40
        + "a,2,2024-05-02,x,2,11\n"  # 22
        + "a,3,2024-05-03,y,9,1\n"
        + "a,c1,2024-05-04,x,-3,11\n"  # two of order 2, one of order 1
        + "a,4,2024-05-05,x,1,12\n"  # later: untouched
        + "b,c2,2024-05-06,x,-1,7\n"  # never bought
    )
    lines = read_lines(path)
    settled = settle(lines)
    assert settled.refunded.tolist() == [11.0, 22.0, 0.0, 0.0, 0.0, 0.0]
    assert dict(zip(lines.customers, settled.unallocated, strict=True)) == {"a": 0.0, "b": 7.0}
    assert (settled.matched_lines, settled.unmatched_lines) == (1, 1)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(-5, 5).filter(bool), st.integers(1, 9)),
        min_size=1,
        max_size=30,
    )
)
def test_settling_conserves_money_and_never_makes_a_purchase_negative(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("refunds") / "orders.csv"
    body = "".join(f"{who},{n},2024-05-{n % 28 + 1:02d},{what},{q},{p}\n" for n, (who, what, q, p) in enumerate(rows))
    path.write_text(HEADER + body)
    lines = read_lines(path)
    settled = settle(lines)
    assert (settled.refunded >= 0).all()
    assert (settled.unallocated >= 0).all()
    assert (settled.refunded <= np.maximum(lines.amount, 0) + 1e-9).all()
    for place in range(len(lines.customers)):
        own = lines.customer == place
        bought = lines.amount[own & (lines.amount > 0)].sum()
        left = bought - settled.refunded[own].sum() - settled.unallocated[place]
        assert left == pytest.approx(lines.amount[own].sum(), abs=1e-6)


@given(st.decimals(-(10**7), 10**7, places=2, allow_nan=False))
def test_a_number_is_read_the_same_in_every_notation(value):
    plain = f"{value:.2f}"
    english, spanish = f"{value:,.2f}", f"{value:,.2f}".translate(str.maketrans(",.", ".,"))
    assert parse_amounts([plain, english, f"USD {english}", f"${english}"], ".").tolist() == [float(value)] * 4
    assert parse_amounts([spanish, f"{spanish} €"], ",").tolist() == [float(value)] * 2
    if value < 0:
        assert parse_amounts([f"({english[1:]})", f"{english[1:]}-"], ".").tolist() == [float(value)] * 2


@given(st.binary(max_size=400))
def test_whatever_the_bytes_it_is_lines_or_a_refusal(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "orders.csv"
    for content in (data, b"customer,date,amount\n" + data, b"customer,date,amount\nAna,2024-01-01,2\n" + data):
        path.write_bytes(content)
        try:
            lines = read_lines(path)
        except UnreadableFileError as error:
            sentence = str(error)
        else:
            sentence = ""
            assert lines.rows_used > 0
            assert np.isfinite(lines.amount).all()
        assert "\n" not in sentence


def test_the_longest_line_that_passes(file):
    filler = "z" * (LONGEST_LINE - 40)
    assert read_lines(file(f"customer,date,amount,note\nAna,2024-01-01,2,{filler}\n")).rows_used == 1
