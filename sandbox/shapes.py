"""Stripe's own example objects, emptied of their examples, to build pretend ones from."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

API_VERSION = "2026-10-28.endive"
_SHAPES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "shapes.json").read_text(encoding="utf-8")
)


def shape(kind: str, **fields: Any) -> dict[str, Any]:
    """An object of this kind with these fields set. KeyError for a field Stripe does not have."""
    obj = deepcopy(_SHAPES[kind])
    for key, value in fields.items():
        if key not in obj:
            raise KeyError(f"{kind} has no {key}")
        obj[key] = value
    return obj


def listing(url: str, data: list[dict[str, Any]], *, more: bool = False) -> dict[str, Any]:
    """Stripe's list object."""
    return {"object": "list", "data": data, "has_more": more, "url": url}
