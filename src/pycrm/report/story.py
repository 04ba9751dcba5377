"""What the figures mean, in the words, tables and charts of a report."""

from __future__ import annotations

import math

from pycrm.report.comparing import audit_table, even_sentence, migration_table, moved_sentence
from pycrm.report.escape import plain
from pycrm.report.figures import Customer, Figures, Segment
from pycrm.report.forecast import Holdout, LifetimeValue, Tracking, Unestimable, parameters_of
from pycrm.report.section import Bar, Chart, Fact, Report, Section, Table
from pycrm.report.svg import Series, bars, heat, lines

__all__ = ["tell"]

_COUNTS = ("0", "1", "2", "3", "4", "5", "6", "7+")
_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥"}


def tell(figures: Figures, *, more: tuple[Section, ...] = ()) -> Report:
    """Return the report on `figures`; `more` sections, as a store has them, stand before method and limits."""
    purchases = figures.purchases
    first = figures.months[0].start.isoformat()[:7] if figures.months else None
    span = f"purchases since {first}, as of {purchases.as_of}" if first else f"as of {purchases.as_of}"
    return Report(
        title=f"The customers of {plain(purchases.source)}",
        subtitle=f"{span}; {_amounts(figures)}",
        facts=_facts(figures),
        summary=_summary(figures),
        sections=(
            _quality(figures),
            _business(figures),
            _segments(figures),
            _model(figures),
            _value(figures),
            _tiers(figures, audited=bool(more)),
            _top(figures),
            _actions(figures),
            *more,
            _method(figures),
        ),
    )


def _amounts(figures: Figures) -> str:
    currency = figures.purchases.currency
    return f"amounts in {currency}" if currency else "amounts in the currency of the source, which names none"


def _money(value: float | None, figures: Figures, *, cents: bool = False) -> str:
    """Return an amount as a reader wants it: no false precision, a true minus, the sign of the currency if known."""
    if value is None or not math.isfinite(value):
        return "–"
    sign = _SIGNS.get(figures.purchases.currency or "", "")
    digits = f"{abs(value):,.2f}" if cents or (abs(value) < 100 and value != round(value)) else f"{abs(value):,.0f}"
    return ("−" if value < 0 and float(digits.replace(",", "")) else "") + sign + digits


def _percent(value: float) -> str:
    return (
        "–"
        if not math.isfinite(value)
        else f"{value:.0%}"
        if value in {0.0, 1.0} or 0.1 <= value <= 0.995
        else f"{value:.1%}"
    )


def _people(count: int) -> str:
    return f"{count:,} customer" + ("" if count == 1 else "s")


def _facts(figures: Figures) -> tuple[Fact, ...]:
    purchases, value = figures.purchases, figures.value
    back = float(purchases.refunded.sum() + purchases.unallocated.sum())
    ignored = purchases.dropped.get("credit or cancellation (ignored)", 0)
    note = (
        f"after {_money(back, figures)} given back" if back else f"{ignored:,} credit lines ignored" if ignored else ""
    )
    made = [
        Fact("Revenue", _money(purchases.revenue, figures), note),
        Fact("Customers", f"{figures.customers:,}", f"{figures.buyers:,} with a purchase that stands"),
        Fact(
            "Orders",
            f"{len(purchases.gross):,}",
            f"{figures.given_back:,} given back whole" if figures.given_back else "",
        ),
        Fact("Mean order", _money(figures.mean_order, figures)),
        Fact("Bought once", _percent(figures.once_share), "of those with a purchase"),
        Fact("Top fifth brings", _percent(figures.top_share), "of revenue"),
    ]
    if not isinstance(value, Unestimable):
        made.append(
            Fact(
                "Next 12 months",
                _money(value.total, figures),
                f"{_between(value.low, value.high, figures)} (95 %)"
                if math.isfinite(value.low)
                else "no interval: the data do not determine the model",
            )
        )
    return tuple(made)


def _between(low: float, high: float, figures: Figures) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval: the data do not determine the model"
    return f"{_money(low, figures)} to {_money(high, figures)}"


def _summary(figures: Figures) -> tuple[str, ...]:
    made = []
    if math.isfinite(figures.top_share) and figures.customers >= 5:
        made.append(
            f"The top fifth of customers brings {_percent(figures.top_share)} of revenue; {_percent(figures.once_share)} bought once."
        )
    segments = () if isinstance(figures.segments, Unestimable) else figures.segments
    fading = [part for part in segments if part.name in {"At Risk", "Can't Lose Them"}]
    if fading:
        made.append(
            f"Gone quiet after buying often: {_people(sum(part.customers for part in fading))}, who brought "
            f"{_money(sum(part.revenue for part in fading), figures)} so far. Speak to them first."
        )
    fresh = [part for part in segments if part.name in {"New Customers", "Promising", "Potential Loyalist"}]
    if fresh:
        made.append(
            f"New or on the way: {_people(sum(part.customers for part in fresh))}. A second and third purchase decides about them."
        )
    value, holdout = figures.value, figures.forecast.holdout
    if not isinstance(value, Unestimable):
        made.append(
            f"Existing customers are expected to bring {_money(value.total, figures)} in the next twelve months "
            f"({_between(value.low, value.high, figures)})."
        )
    if isinstance(holdout, Holdout) and holdout.actual:
        off = holdout.predicted / holdout.actual - 1
        made.append(
            f"Put to the test, the model foretold {holdout.predicted:,.0f} of the {holdout.actual:,.0f} repeat purchases of the last "
            f"{holdout.days} days ({off:+.0%}); read the forecast with that in mind."
        )
    reasons = sum(figures.purchases.dropped.values())
    if reasons:
        made.append(
            f"{reasons:,} of {figures.purchases.rows_read:,} lines ({_percent(reasons / figures.purchases.rows_read)}) are left out; "
            "the reasons stand under data quality."
        )
    return tuple(made)


def _quality(figures: Figures) -> Section:
    purchases = figures.purchases
    rows = [("used", f"{purchases.rows_used:,}", _share(purchases.rows_used, purchases.rows_read))]
    rows += [
        (plain(why), f"{count:,}", _share(count, purchases.rows_read))
        for why, count in sorted(purchases.dropped.items(), key=lambda item: -item[1])
    ]
    sentences = [f"How the source was understood: {'; '.join(purchases.notes)}."] if purchases.notes else []
    if purchases.identical_lines:
        sentences.append(
            f"{purchases.identical_lines:,} lines repeat another of the same order; they count as purchases of their own."
        )
    if purchases.unallocated.any():
        number = int((purchases.unallocated > 0).sum())
        sentences.append(
            f"{_money(float(purchases.unallocated.sum()), figures)} were given back to {_people(number)} without an earlier purchase "
            "in the source; they lower these customers' value and belong to no order."
        )
    return Section(
        name="quality",
        title="Data quality",
        sentences=tuple(sentences),
        tables=(
            Table(
                caption=f"What became of {purchases.rows_read:,} lines",
                heads=("Lines", "Count", "Share"),
                rows=tuple(rows),
                numbers=frozenset({1, 2}),
            ),
        ),
    )


def _share(part: float, whole: float) -> str:
    return _percent(part / whole) if whole else "–"


def _business(figures: Figures) -> Section:
    months = figures.months[-24:]
    if not months:
        return Section(
            name="business", title="The business so far", missing=("there is no purchase that was not given back.",)
        )
    labels = [month.start.strftime("%b %y") for month in months]
    partial = [month.start.strftime("%B %Y") for month in months if not month.whole]
    sentences = [f"Not a whole month: {', '.join(partial)}."] if partial else []
    if len(figures.months) > len(months):
        sentences.append(f"The last {len(months)} of {len(figures.months)} months are shown.")
    return Section(
        name="business",
        title="The business so far",
        sentences=tuple(sentences),
        charts=(
            Chart(
                "Revenue a month",
                bars("revenue", "Revenue a month", labels, [Series("revenue", [m.revenue for m in months])]),
            ),
            Chart(
                "Customers who bought in a month: again, or for the first time",
                bars(
                    "buyers",
                    "Customers a month",
                    labels,
                    [
                        Series("again", [float(m.returning) for m in months]),
                        Series("first time", [float(m.new) for m in months], colour=3),
                    ],
                    stacked=True,
                ),
            ),
        ),
    )


def _segments(figures: Figures) -> Section:
    title = "RFM segments"
    if isinstance(figures.segments, Unestimable):
        return Section(name="segments", title=title, missing=(f"{figures.segments.why}.",))
    most = max(part.customers for part in figures.segments)
    rows = tuple(
        (
            part.name,
            Bar(f"{part.customers:,}", part.customers / most),
            f"{part.orders:,}",
            _money(part.revenue, figures),
            f"{part.recency:,.0f} days ago",
        )
        for part in figures.segments
    )
    note = (
        ("With so few customers the scores only rank them; read nothing into their edges.",)
        if figures.buyers < 25
        else ()
    )
    return Section(
        name="segments",
        title=title,
        sentences=(
            (
                "Each customer is scored from 1 to 5 by how recently, how often and for how much they bought (fifths of the customers, "
                "ties share a score); each of the 125 combinations belongs to one segment."
            ),
            *note,
        ),
        charts=(
            Chart(
                "Customers by recency and frequency",
                heat(
                    "cells",
                    "Customers by recency and frequency score",
                    ("5", "4", "3", "2", "1"),
                    _COUNTS[1:6],
                    figures.cells.tolist(),
                ),
            ),
        ),
        tables=(
            Table(
                caption="The segments",
                heads=("Segment", "Customers", "Orders", "Revenue", "Last purchase (median)"),
                rows=rows,
                numbers=frozenset({2, 3, 4}),
            ),
        ),
    )


def _model(figures: Figures) -> Section:
    title, model = "Purchase model", figures.model
    if isinstance(model, Unestimable):
        return Section(name="model", title=title, missing=(f"{model.why}.",))
    unit = model.summary.attrs["unit"]
    settled = (
        "ended at its optimum" if model.fit.converged else "did not end at an optimum; its numbers are provisional"
    )
    charts = [
        Chart(
            "Customers by number of repeat purchases: counted and by the model",
            bars(
                "repeats",
                "Customers by number of repeat purchases",
                _COUNTS,
                [
                    Series("actual", model.actual.tolist()),
                    Series("model", model.expected.tolist(), colour=2, outlined=True),
                ],
            ),
        )
    ]
    sentences = [
        (
            f"BG/NBD: while active, customers buy at rates that differ (Gamma), and after each repeat purchase may leave for good with chances "
            f"that differ (Beta). The fit to {len(model.summary):,} customers {settled}."
        ),
        *(f"Note: {note}." for note in model.notes),
    ]
    missing = []
    tracking, holdout = figures.forecast.tracking, figures.forecast.holdout
    if isinstance(tracking, Tracking):
        labels = [day.item().strftime("%d %b %y") for day in tracking.days]
        charts.append(
            Chart(
                "Repeat purchases since the start: counted and by the model",
                lines(
                    "tracking",
                    "Cumulative repeat purchases",
                    labels,
                    [
                        Series("actual", tracking.actual.tolist()),
                        Series("model", tracking.expected.tolist(), colour=2, outlined=True),
                    ],
                ),
            )
        )
    else:
        missing.append(f"{tracking}.")
    tables = [
        Table(
            caption=f"Parameters (time in {unit}s); log-likelihood {model.fit.log_likelihood:,.3f}",
            heads=("Parameter", "Estimate", "Standard error"),
            rows=tuple(
                (name, f"{value:.5g}", f"{error:.3g}" if math.isfinite(error) else "–")
                for (name, value), error in zip(
                    parameters_of(model.fit).items(), model.fit.standard_errors.values(), strict=True
                )
            ),
            numbers=frozenset({1, 2}),
        )
    ]
    if isinstance(holdout, Holdout):
        sentences.append(_held_out(holdout))
        tables.insert(
            0,
            Table(
                caption=f"Holdout check: purchases per customer in the {holdout.days} days after {holdout.until}, by repeat purchases before",
                heads=("Before", "Customers", "Actual", "Predicted"),
                rows=tuple(
                    (label, f"{count:,}", f"{actual:.2f}", f"{told:.2f}")
                    for label, count, actual, told in holdout.groups
                ),
                numbers=frozenset({1, 2, 3}),
            ),
        )
        charts.append(
            Chart(
                "Holdout check: purchases per customer in the last third of the time, by repeat purchases before",
                bars(
                    "holdout",
                    "Holdout check",
                    [group[0] for group in holdout.groups],
                    [
                        Series("actual", [group[2] for group in holdout.groups]),
                        Series("predicted", [group[3] for group in holdout.groups], colour=2, outlined=True),
                    ],
                ),
            )
        )
    else:
        missing.append(f"{holdout}.")
    return Section(
        name="model",
        title=title,
        sentences=tuple(sentences),
        missing=tuple(missing),
        charts=tuple(charts),
        tables=tuple(tables),
    )


def _held_out(holdout: Holdout) -> str:
    off = f" ({holdout.predicted / holdout.actual - 1:+.1%})" if holdout.actual else ""
    better = (
        "smaller than"
        if holdout.error < holdout.naive_error * 0.995
        else ("larger than" if holdout.error > holdout.naive_error * 1.005 else "about the same as")
    )
    return (
        f"Holdout check: fitted to the time up to {holdout.until} only, the model expected {holdout.predicted:,.0f} purchases of the "
        f"{holdout.customers:,} customers known then in the {holdout.days} days that followed; there were {holdout.actual:,.0f}{off}. Its mean "
        f'error per customer is {holdout.error:.2f} purchases, {better} that of "everybody goes on as before" ({holdout.naive_error:.2f}).'
    )


def _value(figures: Figures) -> Section:
    title, value = "Lifetime value", figures.value
    if isinstance(value, Unestimable):
        return Section(name="value", title=title, missing=(f"{value.why}.",))
    segments = () if isinstance(figures.segments, Unestimable) else figures.segments
    how = (
        "spend per purchase by Gamma-Gamma ("
        + ", ".join(f"{name} {number:.4g}" for name, number in parameters_of(value.spend).items())
        + ")"
        if value.spend is not None
        else f"every purchase at the mean order, {_money(value.mean_order, figures)}"
    )
    return Section(
        name="value",
        title=title,
        sentences=(
            (
                f"What existing customers are expected to spend in the next twelve months, discounted at 10 % a year: "
                f"{_money(value.total, figures)}, with 95 % limits of {_money(value.low, figures)} and {_money(value.high, figures)} "
                f"(uncertain parameters and chance). Purchases by BG/NBD, {how}. It is revenue, not margin."
            ),
            *(f"Note: {note}." for note in value.notes),
        ),
        tables=(*([_by_segment(segments, figures)] if segments else []), _spread(value, figures)),
    )


def _by_segment(segments: tuple[Segment, ...], figures: Figures) -> Table:
    most = max(part.expected or 0.0 for part in segments) or 1.0
    return Table(
        caption="By segment",
        heads=("Segment", "Next 12 months", "A customer, on average", "Brought so far"),
        rows=tuple(
            (
                part.name,
                Bar(_money(part.expected, figures), (part.expected or 0.0) / most),
                _money((part.expected or 0.0) / part.customers, figures),
                _money(part.revenue, figures),
            )
            for part in segments
        ),
        numbers=frozenset({2, 3}),
    )


def _spread(value: LifetimeValue, figures: Figures) -> Table:
    ordered = sorted(value.value.tolist())
    at = [("Lowest tenth below", 0.1), ("Median", 0.5), ("Highest tenth above", 0.9), ("Highest hundredth above", 0.99)]
    rows = [(label, _money(ordered[min(int(share * len(ordered)), len(ordered) - 1)], figures)) for label, share in at]
    rows.append(("Mean", _money(value.total / len(ordered), figures)))
    return Table(
        caption="Expected value of a customer",
        heads=("Of customers", "Value"),
        rows=tuple(rows),
        numbers=frozenset({1}),
    )


def _tiers(figures: Figures, *, audited: bool) -> Section:
    """Return the tiers; with `audited`, another section says who moved and whether care is even."""
    most = max((tier.customers for tier in figures.tiers), default=1)
    known = not isinstance(figures.value, Unestimable)
    moved, fairness, by = figures.moved, figures.fairness, plain(figures.purchases.grouped_by)
    sentences: list[str] = []
    missing: list[str] = []
    more: list[Table] = []
    if isinstance(moved, Unestimable):
        missing.append(f"{moved.what.capitalize()} cannot be told: {moved.why}.")
    elif moved is not None:
        sentences += moved_sentence(moved.former, moved.migration)
        if moved.expected != known:
            sentences.append(
                f"On one of the two days only the value until then was known: read moves since {moved.former} with care."
            )
        more.append(migration_table(moved.former, moved.migration))
    if not isinstance(fairness, Unestimable):
        sentences.append(even_sentence(by, fairness))
        more.append(audit_table(by, fairness))
    elif not audited:
        missing.append(f"{fairness.what.capitalize()} cannot be told: {fairness.why}.")
    return Section(
        name="tiers",
        title="Value tiers",
        sentences=(
            "Different customers are treated differently: by what they are expected to bring, or, where more was given back than "
            "charged, by what they cost so far."
            if known
            else "Ranked by what customers brought so far, since what they will bring cannot be estimated.",
            *sentences,
        ),
        missing=tuple(missing),
        tables=(
            Table(
                caption="The tiers",
                heads=("Tier", "Customers", "Revenue so far", "Next 12 months", "Who"),
                rows=tuple(
                    (
                        tier.name,
                        Bar(f"{tier.customers:,}", tier.customers / most),
                        _money(tier.revenue, figures),
                        _money(tier.expected, figures),
                        tier.meaning,
                    )
                    for tier in figures.tiers
                ),
                numbers=frozenset({2, 3}),
            ),
            *more,
        ),
    )


def _top(figures: Figures) -> Section:
    title = "Top customers"
    if not figures.top:
        return Section(name="top", title=title, missing=("nobody has a purchase that was not given back.",))
    widest = max([one.high or one.revenue for one in figures.top], default=1.0) or 1.0
    known = figures.top[0].expected is not None
    return Section(
        name="top",
        title=title,
        sentences=(
            (
                "Ranked by expected value; the bar spans what 95 of 100 such customers would bring, the mark is the expectation.",
            )
            if known
            else ("Ranked by what they brought so far.",)
        ),
        tables=(
            Table(
                caption=f"The first {len(figures.top)}",
                heads=(
                    "Customer",
                    "Orders",
                    "Revenue so far",
                    "Last purchase",
                    "Segment",
                    "Still a customer",
                    "Next 12 months",
                ),
                rows=tuple(_top_row(one, figures, widest) for one in figures.top),
                numbers=frozenset({1, 2, 5}),
            ),
        ),
    )


def _top_row(one: Customer, figures: Figures, widest: float) -> tuple[str | Bar, ...]:
    worth: str | Bar = "–"
    if one.expected is not None and one.low is not None and one.high is not None:
        text = f"{_money(one.expected, figures)} ({_between(one.low, one.high, figures)})"
        worth = Bar(text, one.expected / widest)
        if math.isfinite(one.low) and math.isfinite(one.high):
            worth = Bar(text, one.expected / widest, one.low / widest, one.high / widest)
    return (
        plain(one.name),
        f"{one.orders:,}",
        _money(one.revenue, figures),
        one.last.isoformat(),
        one.segment or "–",
        "–" if one.alive is None else _percent(one.alive) if one.alive < 0.9995 else "> 99.9%",
        worth,
    )


def _actions(figures: Figures) -> Section:
    title = "Next actions"
    if isinstance(figures.segments, Unestimable):
        return Section(name="actions", title=title, missing=(f"{figures.segments.why}.",))
    ordered = sorted(figures.segments, key=lambda part: -(part.expected if part.expected is not None else part.revenue))
    return Section(
        name="actions",
        title=title,
        sentences=(
            "In the order of what is at stake. Before writing to anybody, check that they allow it: an order is no consent.",
        ),
        tables=(
            Table(
                caption="What to do about each segment",
                heads=(
                    "Segment",
                    "Customers",
                    "At stake in 12 months" if ordered[0].expected is not None else "Revenue so far",
                    "What to do",
                ),
                rows=tuple(
                    (
                        part.name,
                        f"{part.customers:,}",
                        _money(part.expected if part.expected is not None else part.revenue, figures),
                        part.action,
                    )
                    for part in ordered
                ),
                numbers=frozenset({1, 2}),
            ),
        ),
    )


def _method(figures: Figures) -> Section:
    net = figures.purchases.refunds == "net"
    return Section(
        name="method",
        title="Method and limits",
        sentences=(
            "Purchases of one customer on one day are one. "
            + (
                "A credit line takes back the customer's latest earlier line of the same product that has pieces left; what finds none is an "
                "unallocated refund of the customer. Value is orders less both, and may be negative; an order that was given back whole is "
                "no purchase."
                if net
                else "Credit lines and cancellations are left out, so revenue is gross and the value of those who cancelled is too high."
            ),
            "RFM: scores are fifths of the customers, cut at type 7 quantiles with ties sharing a score, as of the day named above.",
            (
                "Purchases: BG/NBD (Fader, Hardie & Lee 2005), maximum likelihood. Spend: Gamma-Gamma (Fader & Hardie 2013), of customers who "
                "came back. Limits: 95 %, parameters by the delta method and chance by simulation."
            ),
            (
                "The models know no seasons, prices or campaigns, and take spend and frequency as independent: after a strong quarter they expect "
                "too little of the next one like it, and after a weak one too much. They speak of existing customers only; new ones come on top."
            ),
            "It is revenue, not profit: give margins to find out whom it pays to serve.",
        ),
    )
