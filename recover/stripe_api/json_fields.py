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
    return exact(value.get("id") if isinstance(value, Mapping) else value)


def text(value: object, longest: int = SHORT) -> str:
    """A text of Stripe's, cut to what is stored of it; "" where there is none."""
    return fit(value, longest) if isinstance(value, str) else ""


def upper(value: object) -> str:
    """A code in upper case, such as a country; cut last, since some letters become two."""
    return fit(value.upper()) if isinstance(value, str) else ""


def lower(value: object) -> str:
    """As `upper`, in lower case, such as a currency."""
    return fit(value.lower()) if isinstance(value, str) else ""


def exact(value: object) -> str:
    """An id or a mail address: changed or cut it would be another's. "" where it cannot be kept."""
    return value if isinstance(value, str) and fit(value) == value else ""


def address(value: object) -> str:
    """A web address or a secret of any length, unchanged; "" where it cannot be kept."""
    return value if isinstance(value, str) and storable(value) == value else ""


def items_of(value: object) -> list[Json]:
    """The objects of a list object; none where the field was not asked for."""
    return list(value.get("data") or ()) if isinstance(value, Mapping) else []


def child(json: Json, *path: str) -> Json:
    """The hash at ``path``; an empty one where any step is missing, null or only an id."""
    for name in path:
        found = json.get(name)
        json = found if isinstance(found, Mapping) else NOTHING
    return json
