"""The names under which a fit knows the parameters of a model, and how a model is made with others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["changed", "targets"]


def targets(name: str) -> tuple[list[str], str | None]:
    """Take the name of a parameter apart: attributes, and the key where they are mappings ("purchase_effects[age]")."""
    head, _, key = name.partition("[")
    return head.split("="), key[:-1] if key else None


def changed(model: Any, values: Mapping[str, float]) -> Any:
    """Return `model` with other values of the parameters named."""
    changes: dict[str, Any] = {}
    for name, value in values.items():
        heads, key = targets(name)
        for head in heads:
            if key is None:
                changes[head] = value
            else:
                changes[head] = {**changes.get(head, getattr(model, head)), key: value}
    return attrs.evolve(model, **changes)
