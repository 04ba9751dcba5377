"""The report as JSON: the figures under names that stay."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import attrs

from pycrm.report.comparing import Moved, fairness_as_dict, migration_as_dict
from pycrm.report.figures import Figures
from pycrm.report.forecast import Holdout, Unestimable, parameters_of

__all__ = ["as_dict", "as_json"]


def as_dict(figures: Figures, *, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the figures as plain values: text, numbers, lists and dicts; None where a number does not exist.

    `more` has what a store adds, each part under its name.
    """
    purchases = figures.purchases
    model, value, segments = figures.model, figures.value, figures.segments
    told: dict[str, Any] = {
        "version": 1,
        "source": purchases.source,
        "as_of": str(purchases.as_of),
        "currency": purchases.currency,
        "refunds": purchases.refunds,
        "rows_read": purchases.rows_read,
        "rows_used": purchases.rows_used,
        "dropped": dict(purchases.dropped),
        "notes": list(purchases.notes),
        "customers": figures.customers,
        "buyers": figures.buyers,
        "orders": len(purchases.gross),
        "orders_given_back": figures.given_back,
        "revenue": purchases.revenue,
        "gross_revenue": float(purchases.gross.sum()),
        "refunded": float(purchases.refunded.sum()),
        "unallocated_refunds": float(purchases.unallocated.sum()),
        "once_share": figures.once_share,
        "top_fifth_share": figures.top_share,
        "mean_order": figures.mean_order,
        "months": [{**attrs.asdict(month), "start": month.start.isoformat()} for month in figures.months],
        "segments": {} if isinstance(segments, Unestimable) else {part.name: part.customers for part in segments},
        "segment_details": [] if isinstance(segments, Unestimable) else [attrs.asdict(part) for part in segments],
        "tiers": [attrs.asdict(tier) for tier in figures.tiers],
        "top_customers": [{**attrs.asdict(one), "last": one.last.isoformat()} for one in figures.top],
        "unestimable": [
            {"what": part.what, "why": part.why}
            for part in (
                segments,
                model,
                figures.forecast.tracking,
                figures.forecast.holdout,
                value,
                figures.moved,
                figures.fairness,
            )
            if isinstance(part, Unestimable)
        ],
    }
    if isinstance(model, Unestimable):
        told["purchase_model"] = None
    else:
        told["purchase_model"] = {
            "name": model.name,
            "unit": model.summary.attrs["unit"],
            "parameters": parameters_of(model.fit),
            "standard_errors": {name: float(error) for name, error in model.fit.standard_errors.items()},
            "log_likelihood": model.fit.log_likelihood,
            "converged": bool(model.fit.converged),
            "customers_by_repeat_purchases": {"actual": model.actual.tolist(), "expected": model.expected.tolist()},
            "notes": list(model.notes),
        }
    moved, fairness = figures.moved, figures.fairness
    told["migration"] = migration_as_dict(moved.former, moved.migration) if isinstance(moved, Moved) else None
    told["fairness"] = (
        None if isinstance(fairness, Unestimable) else fairness_as_dict(figures.purchases.grouped_by, fairness)
    )
    holdout = figures.forecast.holdout
    told["holdout"] = _holdout(holdout) if isinstance(holdout, Holdout) else None
    if isinstance(value, Unestimable):
        told["lifetime_value"] = None
    else:
        told["lifetime_value"] = {
            "months": 12,
            "discount_rate": 0.1,
            "total": value.total,
            "low": value.low,
            "high": value.high,
            "spend_model": None
            if value.spend is None
            else {
                "name": "Gamma-Gamma",
                "parameters": parameters_of(value.spend),
                "log_likelihood": value.spend.log_likelihood,
                "converged": bool(value.spend.converged),
            },
            "notes": list(value.notes),
        }
    return {name: _plain(part) for name, part in (told | dict(more or {})).items()}


def _holdout(holdout: Holdout) -> dict[str, Any]:
    told = attrs.asdict(holdout)
    told["until"] = str(holdout.until)
    told["groups"] = [
        {"repeat_purchases": label, "customers": customers, "actual": actual, "predicted": predicted}
        for label, customers, actual, predicted in holdout.groups
    ]
    return told


def _plain(value: Any) -> Any:
    """JSON knows no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def as_json(figures: Figures, *, more: Mapping[str, Any] | None = None) -> str:
    """Return the same as JSON text."""
    return json.dumps(as_dict(figures, more=more), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
