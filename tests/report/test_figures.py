"""Figures, page, text and JSON of a report: right where they can be, and plain about where they cannot."""

import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycrm.datasets import simulate_business
from pycrm.report.document import as_dict, as_json
from pycrm.report.escape import escaped, plain
from pycrm.report.figures import ACTIONS, figures
from pycrm.report.forecast import Holdout, LifetimeValue, PurchaseModel, Unestimable
from pycrm.report.lines import ReadOptions, read_lines
from pycrm.report.page import as_html
from pycrm.report.purchases import purchases_of
from pycrm.report.story import tell
from pycrm.report.svg import Series, bars, heat, lines
from pycrm.report.text import as_text
from pycrm.segmentation import STANDARD_SEGMENTS


def report_on(path, **options):
    return figures(purchases_of(read_lines(path, ReadOptions(**options)), path.name))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "orders.csv"
    simulate_business(customers=1_500, seed=2).order_lines().to_csv(path, index=False)
    return path


@pytest.fixture
def orders(tmp_path):
    def write(body, header="customer,date,amount"):
        path = tmp_path / "orders.csv"
        path.write_text(f"{header}\n{body}", encoding="utf-8")
        return path

    return write


def shown(found):
    """The page, after a look at whether it is well formed."""
    made = tell(found)
    page = as_html(made)

    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.ids, self.tags = [], [], []

        def handle_starttag(self, tag, attributes):
            self.tags.append((tag, dict(attributes)))
            self.ids += [value for name, value in attributes if name == "id"]
            if tag not in {"meta", "link"}:
                self.open.append(tag)

        def handle_startendtag(self, tag, attributes):
            self.tags.append((tag, dict(attributes)))

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    reader = Reader()
    reader.feed(page)
    assert not reader.open
    assert len(reader.ids) == len(set(reader.ids))
    assert not {"script", "iframe", "img", "object", "form"} & {tag for tag, _ in reader.tags}
    for tag, attributes in reader.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("href", "src"):
            assert attributes.get(name, "#").startswith(("#", "data:,"))
        if "aria-labelledby" in attributes:
            assert set(attributes["aria-labelledby"].split()) <= set(reader.ids)
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    assert len(page.encode()) < 500_000
    text = as_text(made)
    document = json.loads(as_json(found))
    return page, text, document


def test_online_retail_gives_the_counts_of_the_source(data_dir):
    found = report_on(data_dir / "online_retail.csv.gz", refunds="ignore")
    page, _, told = shown(found)
    assert told["rows_used"] == 397_884
    assert told["customers"] == 4_338
    assert told["orders"] == 18_532
    assert told["revenue"] == pytest.approx(8_911_407.904, abs=5e-4)
    assert sum(told["segments"].values()) == 4_338
    assert told["once_share"] == pytest.approx(0.344, abs=5e-4)
    assert told["top_fifth_share"] == pytest.approx(0.746, abs=5e-4)
    assert told["purchase_model"]["converged"]
    assert told["holdout"]["actual"] > 0
    assert "Holdout check" in page
    for reason in told["dropped"]:
        assert reason in page


def test_refunds_lower_the_value_of_the_customer_who_cancelled(data_dir):
    kept = purchases_of(read_lines(data_dir / "online_retail.csv.gz", ReadOptions(refunds="ignore")), "x")
    netted = purchases_of(read_lines(data_dir / "online_retail.csv.gz", ReadOptions(refunds="net")), "x")
    gross = dict(zip(kept.customers, kept.values(), strict=True))
    net = dict(zip(netted.customers, netted.values(), strict=True))
    assert gross["12346"] == pytest.approx(77_183.6)
    assert net["12346"] == pytest.approx(0, abs=1e-6)
    assert sum(net.values()) == pytest.approx(netted.revenue)
    assert netted.revenue < kept.revenue


def test_the_edges_of_rfm_orders_are_those_of_the_reference(data_dir):
    found = report_on(data_dir / "rfm_orders.csv", as_of=np.datetime64("2006-12-31"))
    champions = next(part for part in found.segments if part.name == "Champions")
    assert (champions.customers, champions.orders, champions.revenue) == (159, 1_240, 120_684)


def test_a_simulated_business_is_estimated_near_its_truth(simulated):
    found = report_on(simulated)
    model = found.model
    assert isinstance(model, PurchaseModel)
    truth = simulate_business(customers=1_500, seed=2).behaviour
    for name, error in model.fit.standard_errors.items():
        assert abs(model.fit.parameters[name] - getattr(truth, name)) < 4 * error
    assert model.actual.sum() == pytest.approx(model.expected.sum())
    assert isinstance(found.forecast.holdout, Holdout)
    assert isinstance(found.value, LifetimeValue)
    assert found.value.low < found.value.total < found.value.high
    assert found.value.total == pytest.approx(sum(tier.expected for tier in found.tiers))
    assert found.value.total == pytest.approx(sum(part.expected for part in found.segments))
    for one in found.top:
        assert one.low <= one.expected <= one.high
    shown(found)


def test_what_really_came_lies_within_the_limits(tmp_path):
    """The truth of 2025, from a business cut off at the end of 2024, held against the forecast made then."""
    path = tmp_path / "orders.csv"
    business = simulate_business(customers=4_000, seed=11, start="2023-01-01", end="2025-12-31")
    exported = business.order_lines()
    exported = exported[exported["quantity"] > 0]
    exported.to_csv(path, index=False)
    found = report_on(path, as_of=np.datetime64("2024-12-31"))
    assert isinstance(found.value, LifetimeValue)
    known = set(exported.loc[exported["date"] < "2025-01-01", "customer"])
    later = exported[(exported["date"] >= "2025-01-01") & exported["customer"].isin(known)]
    # Limits are of discounted value; what came in the middle of the year is worth 1.1 ** -0.5 of itself.
    came = (later["quantity"] * later["price"]).sum() * 1.1**-0.5
    assert found.value.low < came < found.value.high


def test_every_segment_has_an_action():
    assert set(ACTIONS) == {box.name for box in STANDARD_SEGMENTS}


CASES = {
    "one customer": "".join(f"Ana,2024-{m:02d}-03,{m}.5\n" for m in range(1, 13)),
    "one line": "Ana,2024-01-03,5\n",
    "every customer bought once": "".join(f"c{n},2024-01-{n % 28 + 1:02d},{n + 1}\n" for n in range(50)),
    "all negative": "".join(f"c{n},2024-01-{n % 28 + 1:02d},-{n + 1}\n" for n in range(50)),
    "few came back": "".join(f"c{n},2024-01-{n % 28 + 1:02d},{n + 1}\n" for n in range(50)) + "c1,2024-03-01,4\n",
    "one day": "".join(f"c{n % 9},2024-01-01,{n + 1}\n" for n in range(50)),
    "all the same": "".join(f"c{n},2024-{m:02d}-01,10\n" for n in range(30) for m in (1, 4, 7, 10)),
    "all given back": "".join(
        f"c{n},2024-01-{n % 28 + 1:02d},7\nc{n},2024-02-{n % 28 + 1:02d},-7\n" for n in range(30)
    ),
    "two days": "".join(f"c{n},2024-01-0{d},{n + d}\n" for n in range(30) for d in (1, 2)),
    "huge amounts": "".join(f"c{n % 40},2024-{n % 12 + 1:02d}-11,{10**12 * (n + 1)}\n" for n in range(200)),
    "tiny amounts": "".join(f"c{n % 40},2024-{n % 12 + 1:02d}-11,0.0{n % 9 + 1}\n" for n in range(200)),
}


@pytest.mark.parametrize("case", CASES)
def test_an_edge_of_the_data_gives_a_report_that_says_what_it_cannot_know(orders, case):
    found = report_on(orders(CASES[case]))
    page, text, told = shown(found)
    missing = {entry["what"]: entry["why"] for entry in told["unestimable"]}
    for why in missing.values():
        assert escaped(why) in page
        assert " ".join(why.split())[:40] in " ".join(text.split())
    if told["purchase_model"] is None:
        assert "the purchase model" in missing
        assert told["lifetime_value"] is None
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<style>.*?</style>", "", page))
    assert set(told) >= {
        "rows_read", "rows_used", "dropped", "customers", "orders", "revenue", "segments", "purchase_model", "as_of",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("one customer", "there is one customer"),
        ("every customer bought once", "every customer bought on one day only"),
        ("all negative", "there is no purchase that was not given back"),
        ("few came back", "only 1 of 50 customers came back"),
        ("all given back", "there is no purchase that was not given back"),
    ],
)
def test_the_reason_is_the_right_one(orders, case, words):
    found = report_on(orders(CASES[case]))
    assert isinstance(found.model, Unestimable)
    assert words in found.model.why


def test_all_negative_is_a_business_that_owes(orders):
    found = report_on(orders(CASES["all negative"]))
    assert found.purchases.revenue == -sum(range(1, 51))
    assert [tier.name for tier in found.tiers] == ["below zero"]
    assert not found.top


def test_names_of_others_are_shown_and_do_nothing(orders):
    names = [
        '<script>alert("x")</script>',
        "=cmd()",
        "Ana\u202egnp.exe",
        "a&b'\"",
        "@SUM(A1)",
        "𝕏" * 200,
        "\u200f\u200e",
    ]
    path = orders(
        "".join(f'"{name.replace(chr(34), chr(34) * 2)}",2024-01-0{n + 1},{n + 9}\n' for n, name in enumerate(names))
    )
    page, text, _ = shown(report_on(path))
    assert "<script" not in page
    assert "&#x27;=cmd()" in page
    assert "'=cmd()" in text
    for mark in "\u202e\u200f\u200e":
        assert mark not in page
        assert mark not in text
    assert "⟨U+202E⟩" in page
    assert "𝕏" * 100 not in page


@pytest.mark.parametrize("word", ["-10.9,", "+3.2).", "-1", "+34 600 000 000;"])
def test_a_number_at_the_end_of_a_clause_is_no_formula(word):
    assert plain(word) == word
    assert plain(f"{word}+cmd()").startswith("'")


@given(st.text(max_size=120))
def test_any_text_becomes_one_harmless_line(text):
    line = plain(text)
    assert len(line.splitlines()) <= 1
    assert line.isprintable()
    assert not line.startswith(("=", "@", "\t"))
    assert not set("<>\"'") & set(escaped(line))


finite = st.floats(-1e12, 1e12, allow_nan=False)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=40))
def test_charts_stay_inside_their_frame(values):
    labels = [str(at) for at in range(len(values))]
    series = [Series("one", [a for a, _ in values]), Series("two", [b for _, b in values], outlined=True)]
    positive = [Series(one.name, [abs(value) for value in one.values]) for one in series]
    for drawing in (
        bars("x", "t", labels, series),
        bars("x", "t", labels, positive, stacked=True),
        lines("x", "t", labels, series),
    ):
        assert "nan" not in drawing
        for number in re.findall(r'(?:x|y|x1|x2|y1|y2)="([-\d.e+]+)"', drawing):
            assert -1 <= float(number) <= 500
        for height in re.findall(r'height="([-\d.e+]+)"', drawing):
            assert 0 <= float(height) <= 220


def test_a_chart_says_its_numbers_in_words():
    drawing = heat("h", "title", ("5", "4"), ("1", "2"), [[1, 2], [3, 40]])
    assert "recency 4: frequency 1 3, frequency 2 40" in drawing


def test_months_and_totals_agree(simulated):
    found = report_on(simulated)
    assert sum(month.orders for month in found.months) == int(found.purchases.stands.sum())
    assert sum(month.new for month in found.months) == found.buyers
    assert sum(month.revenue for month in found.months) == pytest.approx(
        found.purchases.net[found.purchases.stands].sum()
    )
    assert int(found.cells.sum()) == found.buyers
    told = as_dict(found)
    assert told["revenue"] == pytest.approx(told["gross_revenue"] - told["refunded"] - told["unallocated_refunds"])
    assert math.isfinite(told["lifetime_value"]["total"])


YEAR_APART = "\n".join(
    [
        *(f"a{n},2024-01-0{n + 1},{10 * (n + 1)},north" for n in range(5)),
        *(f"a{n},2025-03-0{n + 1},{10 * (5 - n)},{'north' if n else 'south'}" for n in range(5)),
        "b,2025-03-09,5,",
        "a4,2025-03-10,-50,north",
    ]
)


def test_tiers_of_a_file_are_compared_with_those_of_a_year_earlier(orders):
    lines = read_lines(orders(YEAR_APART, header="customer,date,amount,region"))
    now = purchases_of(lines, "orders.csv")
    then = purchases_of(lines, "orders.csv", until=lines.as_of - np.timedelta64(365, "D"))
    assert then.as_of == np.datetime64("2024-03-10")
    # The credit of 2025 has taken nothing back in 2024.
    assert then.values().tolist() == [10, 20, 30, 40, 50, 0]
    found = figures(now, then=then)
    page, text, document = shown(found)
    assert sum(map(sum, document["migration"]["counts"])) == 5
    assert document["migration"]["entered"] == [0, 0, 0, 1, 0]
    assert document["migration"]["former"] == "2024-03-10"
    assert "not yet a customer" in page
    assert "From the tier of 2024-03-10" in text


def test_a_file_too_young_to_be_compared_says_so(orders):
    lines = read_lines(orders("a,2025-01-01,10\nb,2025-02-01,20"))
    then = purchases_of(lines, "orders.csv", until=lines.as_of - np.timedelta64(365, "D"))
    page, _, document = shown(figures(purchases_of(lines, "orders.csv"), then=then))
    assert "nobody had bought by 2024-02-02" in page
    assert document["migration"] is None
    assert "who moved between tiers" in {part["what"] for part in document["unestimable"]}


@pytest.mark.parametrize(
    ("header", "group", "words"),
    [
        ("customer,date,amount", "", "no column of groups"),
        ("customer,date,amount,country", ",ES", "all customers are of one group, ES"),
        ("customer,date,amount,country", ",", "all customers are of one group, missing"),
    ],
)
def test_without_groups_to_compare_the_report_says_why(orders, header, group, words):
    found = report_on(orders("\n".join(f"c{n},2025-01-0{n % 9 + 1},{n + 1}{group}" for n in range(20)), header=header))
    page, _, document = shown(found)
    assert words in page
    assert document["fairness"] is None


def test_a_customer_is_in_the_last_group_given_and_small_groups_are_one(orders):
    body = [f"c{n},2025-01-0{n % 9 + 1},{n + 1},{'left' if n < 60 else f'small{n % 9}'}" for n in range(80)]
    found = report_on(
        orders("\n".join([*body, "c0,2025-01-09,1,right", "c1,2025-01-09,1,"]), header="customer,date,amount,sex")
    )
    document = shown(found)[2]
    groups = {row["group"]: row["customers"] for row in document["fairness"]["groups"]}
    assert groups["left"] == 59
    assert sum(groups.values()) == 80
    assert len(groups) == 9
    assert groups["other"] == 80 - sum(count for name, count in groups.items() if name != "other")
    assert document["fairness"]["reference"] == "left"
