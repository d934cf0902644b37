"""Stripe's form encoding, ``a[b][0][c]=1``, read back into nested values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_PART = re.compile(r"\[([^\]]*)\]")
_LIST_END = re.compile(r"^\d+$")


def parse(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """[("a[b][]", "1")] -> {"a": {"b": ["1"]}}. Every leaf is a string."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        head, _, _ = name.partition("[")
        path = [head, *_PART.findall(name)]
        node = root
        for step in path[:-1]:
            child = node.setdefault(_key(node, step), {})
            node = child if isinstance(child, dict) else {}
        node[_key(node, path[-1])] = value
    return {key: _listed(value) for key, value in root.items()}


def _key(node: dict[str, Any], step: str) -> str:
    """``[]`` means one more."""
    return step or str(len(node))


def _listed(value: Any) -> Any:
    """A dict whose keys are all numbers was a list."""
    if not isinstance(value, dict):
        return value
    if value and all(_LIST_END.match(key) for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(child) for key, child in value.items()}
