"""Reads single fields of Stripe's JSON, whatever is missing, null or unexpanded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from recover.foundation.texts import SHORT, fit, storable

Json = Mapping[str, Any]
NOTHING: Json = {}


def moment(seconds: int | None) -> datetime | None:
    """Seconds since 1970 as an aware UTC time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def id_of(value: object) -> str:
    """The id of a field that Stripe gives as an id, or expanded, or null."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return text(value)


def text(value: object) -> str:
    """A text of Stripe's, cut to what is stored of it; "" where there is none."""
    return fit(value) if isinstance(value, str) else ""


def whole(value: object) -> str:
    """A text of Stripe's that is useless when cut, such as an address; "" where there is none."""
    return storable(value) if isinstance(value, str) else ""


def mail_address(value: object) -> str:
    """A mail address; "" for one that is too long, which cut would be somebody else's."""
    address = whole(value)
    return address if len(address) <= SHORT else ""


def items_of(value: object) -> list[Json]:
    """The objects of a list object; none where the field was not asked for."""
    return list(value.get("data") or ()) if isinstance(value, Mapping) else []


def child(json: Json, *path: str) -> Json:
    """The hash at ``path``; an empty one where any step is missing, null or only an id."""
    for name in path:
        found = json.get(name)
        json = found if isinstance(found, Mapping) else NOTHING
    return json
