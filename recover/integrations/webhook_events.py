"""Webhook events for the company's own programs: what they say, and a row for each endpoint.

An event is written in the transaction of the act it reports, one row for each subscribed endpoint,
so neither exists without the other. `webhook_delivery` sends the rows a moment later, at least
once; their order is not promised.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.dunning import RetryMode
from recover.integrations import payloads
from recover.models import Account, Delivery, DeliveryStatus, RecoveryCase, WebhookEndpoint

KEEP_TRYING = timedelta(days=3)
TEST_EVENT: Final = "webhook.test"

EVENTS = {
    "case.opened": "A renewal could not be charged; a case was opened for it.",
    "case.step_taken": "The card was charged, or the subscriber was written to.",
    "case.recovered": "The invoice is paid.",
    "case.exhausted": "The campaign ran its course, and the invoice is still unpaid.",
    "case.closed": "The case ended otherwise: voided, paused, the subscription ended, and so on.",
}
"""Every event type, and what it means."""

# By the verb of the audit log entry.
_TYPES = {
    "open": "case.opened",
    "attempt": "case.step_taken",
    "message": "case.step_taken",
    "recover": "case.recovered",
    "exhaust": "case.exhausted",
    "close": "case.closed",
}
_STEPS = {"attempt": "payment_attempt", "message": "message"}


def announce(session: Session, case: RecoveryCase, verb: str, reason: str, at: datetime) -> None:
    """Store an event for each endpoint subscribed to it, in the caller's transaction.

    ``verb`` is that of the audit log entry; most verbs are no event.
    """
    event_type = _TYPES.get(verb)
    if event_type is None:
        return
    query = select(WebhookEndpoint).where(
        WebhookEndpoint.account_id == case.account_id, WebhookEndpoint.enabled
    )
    subscribed = [one for one in session.scalars(query) if event_type in one.events]
    if not subscribed:
        return
    account = session.get_one(Account, case.account_id)
    if verb in _STEPS and account.mode == RetryMode.OBSERVE:
        return  # nothing was charged or sent: the entry says what would have been
    data = {"object": payloads.case(case), "reason": reason, "step": _STEPS.get(verb)}
    event = _event(event_type, account, data, at)
    session.add_all(delivery_row(endpoint, event, at, case_id=case.id) for endpoint in subscribed)


def test_event(account: Account, at: datetime) -> dict[str, Any]:
    """An event without an object, to test an endpoint."""
    data = {"object": None, "reason": "Somebody asked for a test event.", "step": None}
    return _event(TEST_EVENT, account, data, at)


def _event(event_type: str, account: Account, data: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {
        "id": f"evt_{token_hex(12)}",
        "object": "event",
        "type": event_type,
        "created": payloads.moment(at),
        "livemode": account.livemode,
        "account": payloads.public_id(payloads.ACCOUNT, account.id),
        "data": data,
    }


def delivery_row(
    endpoint: WebhookEndpoint, event: dict[str, Any], at: datetime, *, case_id: int | None = None
) -> Delivery:
    """The delivery of an event to one endpoint, due now. ``body`` is the text that is signed."""
    return Delivery(
        account_id=endpoint.account_id,
        endpoint_id=endpoint.id,
        case_id=case_id,
        event_id=event["id"],
        event_type=event["type"],
        body=json.dumps(event, ensure_ascii=False, separators=(",", ":")),
        status=DeliveryStatus.PENDING,
        due_at=at,
        keep_trying_until=at + KEEP_TRYING,
        created_at=at,
    )
