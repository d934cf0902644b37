"""Delivering webhook events: at least once, retried for three days.

A round takes what is due, a few events of each endpoint, and sends to all endpoints in parallel.
An endpoint that does not answer at all rests, longer each time, so that a slow one delays no other.
What a killed worker held is due again when its lease ends.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update

from recover.compliance import audit_log
from recover.foundation.errors import PermanentError
from recover.integrations import webhook_endpoints
from recover.integrations.webhook_http import SIGNATURE, Answer, post, sign
from recover.models import Delivery, DeliveryAttempt, DeliveryStatus, WebhookEndpoint
from recover.services import Services

LEASE = timedelta(minutes=5)
BACK_OFF = (1, 5, 30, 120, 360, 720)  # minutes, by the event's failures so far
REST = (0, 1, 2, 5, 15, 30)  # minutes, by the endpoint's attempts in a row without an answer
SWITCH_OFF_AFTER = timedelta(days=5)  # of nothing but failures
KEPT_FOR = timedelta(days=30)
MAX_ENDPOINTS, MAX_EVENTS = 16, 20  # at most, in one round, and of each endpoint
ROUND_SECONDS = 10.0  # after which no further event of an endpoint is begun


def send_due(services: Services) -> int:
    """Run one round. Returns how many deliveries were attempted."""
    claimed = claim(services)
    if not claimed:
        return 0
    with ThreadPoolExecutor(len(claimed), "webhooks") as pool:
        return sum(pool.map(lambda one: _send_all(services, *one), claimed))


def claim(services: Services) -> list[tuple[WebhookEndpoint, list[Delivery]]]:
    """Lease what is due: first the endpoint that waits longest, of each its oldest event first."""
    now = services.now()
    due = (Delivery.status == DeliveryStatus.PENDING, Delivery.due_at <= now)
    awake = or_(WebhookEndpoint.resting_until.is_(None), WebhookEndpoint.resting_until <= now)
    waiting = (
        select(Delivery.endpoint_id)
        .join(WebhookEndpoint, WebhookEndpoint.id == Delivery.endpoint_id)
        .where(*due, WebhookEndpoint.enabled, awake)
        .group_by(Delivery.endpoint_id)
        .order_by(func.min(Delivery.due_at))
        .limit(MAX_ENDPOINTS)
    )
    with services.db.read() as session:
        endpoint_ids = list(session.scalars(waiting))
    if not endpoint_ids:  # most rounds; they need no write transaction
        return []
    found = []
    with services.db.begin() as session:
        for endpoint_id in endpoint_ids:
            due_rows = select(Delivery).where(*due, Delivery.endpoint_id == endpoint_id)
            due_rows = due_rows.order_by(Delivery.due_at, Delivery.id).limit(MAX_EVENTS)
            rows = list(session.scalars(due_rows.with_for_update(skip_locked=True)))
            for row in rows:
                row.due_at = now + LEASE
            if rows:
                found.append((session.get_one(WebhookEndpoint, endpoint_id), rows))
    return found


def _send_all(services: Services, endpoint: WebhookEndpoint, rows: list[Delivery]) -> int:
    """Send one event after the other, until one gets no answer or time is up; release the rest."""
    deadline = time.monotonic() + ROUND_SECONDS
    for number, row in enumerate(rows, start=1):
        answer = _send(services, endpoint, row)
        _settle(services, row, answer)
        if not answer.status_code or time.monotonic() > deadline:
            _release(services, rows[number:])
            return number
    return len(rows)


def _send(services: Services, endpoint: WebhookEndpoint, row: Delivery) -> Answer:
    now, body = services.now(), row.body.encode()
    try:
        secrets = webhook_endpoints.secrets(services, endpoint, now)
    except PermanentError as error:
        return Answer(0, error=str(error))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Recover-Webhooks/1",
        "Connection": "close",
        SIGNATURE: sign(body, secrets, now),
    }
    return post(endpoint.url, body, headers, loopback=services.settings.rehearsing)


def _settle(services: Services, delivery: Delivery, answer: Answer) -> None:
    """Store the attempt; the event is then delivered, put off or given up."""
    now = services.now()
    error = answer.error or ("" if answer.accepted else f"Answered {answer.status_code}.")
    with services.db.begin() as session:
        row = session.get_one(Delivery, delivery.id, with_for_update=True)
        endpoint = session.get_one(WebhookEndpoint, row.endpoint_id, with_for_update=True)
        session.add(
            DeliveryAttempt(
                delivery_id=row.id,
                at=now,
                took_ms=answer.took_ms,
                status_code=answer.status_code,
                answer=answer.body.replace("\0", ""),  # which PostgreSQL does not store
                error=error,
            )
        )
        if answer.accepted:
            row.status, row.delivered_at = DeliveryStatus.DELIVERED, now
            endpoint.failing_since, endpoint.unanswered, endpoint.resting_until = None, 0, None
        else:
            _back_off(row, now)
            _note_failure(endpoint, answer, error, now)
            if endpoint.trouble and endpoint.enabled:
                endpoint.enabled = False
                audit_log.write(
                    session,
                    "switch_off",
                    endpoint.trouble,
                    now,
                    audit_log.Subject(
                        f"webhook_endpoint:we_{endpoint.id}", account_id=endpoint.account_id
                    ),
                    actor=audit_log.RECOVER,
                )


def _back_off(row: Delivery, now: datetime) -> None:
    row.due_at = now + timedelta(minutes=BACK_OFF[min(row.failures, len(BACK_OFF) - 1)])
    row.failures += 1
    if row.due_at > row.keep_trying_until:
        row.status = DeliveryStatus.GIVEN_UP


def _note_failure(endpoint: WebhookEndpoint, answer: Answer, error: str, now: datetime) -> None:
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.unanswered = 0 if answer.status_code else endpoint.unanswered + 1
    rest = REST[min(endpoint.unanswered, len(REST) - 1)]
    endpoint.resting_until = now + timedelta(minutes=rest) if rest else None
    if now - endpoint.failing_since >= SWITCH_OFF_AFTER:
        days = SWITCH_OFF_AFTER.days
        endpoint.trouble = f"Switched off after {days} days of failures. The last: {error}"[:255]


def _release(services: Services, rows: list[Delivery]) -> None:
    """Make deliveries that were not attempted due again, without counting a failure."""
    ids = [row.id for row in rows]
    with services.db.begin() as session:
        pending = Delivery.id.in_(ids), Delivery.status == DeliveryStatus.PENDING
        session.execute(update(Delivery).where(*pending).values(due_at=services.now()))


def forget(services: Services) -> int:
    """Delete events older than `KEPT_FOR` with their attempts. Returns how many events."""
    old = Delivery.created_at < services.now() - KEPT_FOR
    with services.db.begin() as session:
        ids = select(Delivery.id).where(old)
        session.execute(delete(DeliveryAttempt).where(DeliveryAttempt.delivery_id.in_(ids)))
        return len(session.execute(delete(Delivery).where(old).returning(Delivery.id)).all())
