"""The field types of request and response models."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _moment(value: Any) -> datetime:
    """Only what RFC 3339 calls a time: with a zone, and no other spelling that Python reads."""
    if not isinstance(value, str) or not RFC3339.fullmatch(value):
        raise ValueError("must be a time such as 2027-03-01T09:00:00Z")
    try:
        return datetime.fromisoformat(value.upper())
    except (ValueError, OverflowError):
        raise ValueError("is not a moment there is") from None


def _whole(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        raise ValueError("must be a whole number")
    return value


def public_id(prefix: str, example: int = 12) -> Any:
    """An id of ours: case_12."""
    return Field(pattern=public_id_pattern(prefix), examples=[f"{prefix}_{example}"])


def public_id_pattern(prefix: str) -> str:
    return rf"^{prefix}_[1-9][0-9]{{0,17}}$"


STRIPE_ID = r"^[A-Za-z0-9][A-Za-z0-9_.@:+-]{0,254}$"
IDEMPOTENCY_KEY = r"^[!-~]([ -~]*[!-~])?$"
# What stands in a path, by its name there.
PATHS = {
    "case": public_id_pattern("case"),
    "customer": STRIPE_ID,
    "endpoint": public_id_pattern("we"),
    "delivery": public_id_pattern("del"),
}
CaseId = Annotated[str, public_id("case")]
AccountId = Annotated[str, public_id("acc", 1)]
EndpointId = Annotated[str, public_id("we", 3)]
DeliveryId = Annotated[str, public_id("del")]
StripeId = Annotated[str, Field(pattern=STRIPE_ID)]
CustomerId = Annotated[str, Field(pattern=STRIPE_ID, examples=["cus_NffrFeUfNV2Hib"])]
MOMENT = {"type": "string", "format": "date-time"}
MomentIn = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema(MOMENT)]
Moment = Annotated[str, WithJsonSchema(MOMENT)]
Minor = Annotated[int, Field(description="In minor units of the currency.")]
Currency = Annotated[str, Field(description="ISO 4217, lower case.", examples=["usd"])]
Limit = Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole)]

State = Literal["open", "recovered", "exhausted", "closed"]
EventType = Literal[
    "case.opened", "case.step_taken", "case.recovered", "case.exhausted", "case.closed"
]
AccessState = Literal["fine", "grace", "limited"]
# Whether the host is one that may be sent to is checked by `webhook_http` at each delivery.
WEB_ADDRESS = (
    r"^https?://[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?(/[!-\"$-~]{0,1500})?$"
)
Url = Annotated[str, Field(pattern=WEB_ADDRESS, examples=["https://example.com/recover"])]
