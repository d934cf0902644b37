"""Rows as payloads for other programs: one shape for the API and for webhooks.

Field names follow Stripe's habits. Ids are strings: Stripe's unchanged, ours with a prefix for the
kind of object. Amounts are in minor units, times RFC 3339 in UTC; what is not known is null.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from recover.models import Account, RecoveryCase

Fields = dict[str, Any]

ACCOUNT, CASE, ATTEMPT, MESSAGE, ENTRY = "acc", "case", "att", "msg", "rec"
ENDPOINT, DELIVERY, TOKEN = "we", "del", "tok"


def public_id(prefix: str, row_id: int) -> str:
    """Such as case_12."""
    return f"{prefix}_{row_id}"


def row_id(prefix: str, public: str) -> int | None:
    """The row an id stands for; None where it is no id of that kind."""
    match = re.fullmatch(rf"{prefix}_([1-9][0-9]{{0,17}})", public, re.ASCII)
    return int(match[1]) if match else None


def moment(at: datetime | None) -> str | None:
    """Such as 2027-03-01T09:00:00Z, with microseconds where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def case(row: RecoveryCase) -> Fields:
    """A case without what names a person beyond Stripe's id."""
    return {
        "id": public_id(CASE, row.id),
        "object": "case",
        "account": public_id(ACCOUNT, row.account_id),
        "state": row.state,
        "close_reason": row.close_reason or None,
        "invoice": row.stripe_invoice_id,
        "invoice_number": row.invoice_number or None,
        "customer": row.stripe_customer_id,
        "subscription": row.stripe_subscription_id or None,
        "product": row.product or None,
        "currency": row.currency,
        "amount_minor": row.amount_minor,
        "amount_remaining_minor": row.amount_remaining_minor,
        "decline_code": row.decline_code or None,
        "decline_category": row.decline_category or None,
        "card_brand": row.card_brand or None,
        "card_last4": row.card_last4 or None,
        "failed_at": moment(row.failed_at),
        "opened_at": moment(row.opened_at),
        "closed_at": moment(row.closed_at),
        "next_step_at": moment(row.next_step_at),
        "next_step_reason": row.next_step_reason or None,
    }


def account(row: Account) -> Fields:
    return {
        "id": public_id(ACCOUNT, row.id),
        "object": "account",
        "stripe_account": row.stripe_account_id,
        "livemode": row.livemode,
        "name": row.name,
        "mode": row.mode,
        "timezone": row.timezone or "UTC",
        "connected": row.disconnected_at is None,
        "connected_at": moment(row.connected_at),
    }
