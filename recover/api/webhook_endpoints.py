"""Webhook endpoints: where Recover delivers events to, and what came of each delivery."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.api import request_models, response_models
from recover.api.operations import Call, Group
from recover.api.paging import find, page, single_account
from recover.api.problems import FieldError, Problem
from recover.integrations import payloads, webhook_endpoints
from recover.integrations.webhook_endpoints import EndpointFault
from recover.models import Delivery, DeliveryAttempt, DeliveryStatus, WebhookEndpoint

GROUP = Group("Webhook endpoints")
MANAGE = "webhooks:manage"
ATTEMPTS_SHOWN = 10


def endpoint_payload(row: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": payloads.public_id(payloads.ENDPOINT, row.id),
        "object": "webhook_endpoint",
        "account": payloads.public_id(payloads.ACCOUNT, row.account_id),
        "url": row.url,
        "events": row.events,
        "enabled": row.enabled,
        "trouble": row.trouble or None,
        "failing_since": payloads.moment(row.failing_since),
        "created_at": payloads.moment(row.created_at),
    }


@GROUP.operation("GET", "/webhook-endpoints", scope=MANAGE, answer=response_models.EndpointList)
def list_webhook_endpoints(call: Call) -> dict[str, Any]:
    """List endpoints
    They are few, so all at once.
    """
    with call.services.db.read() as session:
        rows = [
            row
            for account_id in call.holder.account_ids
            for row in webhook_endpoints.of_account(session, account_id)
        ]
    return {"object": "list", "data": [endpoint_payload(row) for row in rows], "next": None}


@GROUP.operation(
    "POST",
    "/webhook-endpoints",
    scope=MANAGE,
    body=request_models.EndpointIn,
    status=201,
    answer=response_models.EndpointWithSecret,
    repeatable=True,
)
def create_webhook_endpoint(call: Call) -> dict[str, Any]:
    """Add an endpoint
    The answer holds the signing secret, this once. With an Idempotency-Key a repeat within the day
    shows it again.
    """
    with call.services.db.read() as session:
        account = single_account(call, session, call.body.account)
    try:
        row, secret = webhook_endpoints.create(
            call.services, account, call.body.url, call.body.events, actor=call.holder.actor
        )
    except EndpointFault as fault:
        raise _problem(fault) from None
    return endpoint_payload(row) | {"secret": secret}


@GROUP.operation(
    "GET", "/webhook-endpoints/{endpoint}", scope=MANAGE, answer=response_models.Endpoint
)
def get_webhook_endpoint(call: Call) -> dict[str, Any]:
    """Get an endpoint"""
    return endpoint_payload(_own_endpoint(call))


@GROUP.operation(
    "PATCH",
    "/webhook-endpoints/{endpoint}",
    scope=MANAGE,
    body=request_models.EndpointChange,
    answer=response_models.Endpoint,
)
def change_webhook_endpoint(call: Call) -> dict[str, Any]:
    """Change an endpoint
    What is left out stays. `enabled: true` switches on again what Recover had switched off.
    """
    endpoint, body = _own_endpoint(call), call.body
    try:
        row = webhook_endpoints.change(
            call.services,
            endpoint,
            actor=call.holder.actor,
            url=body.url,
            events=body.events,
            enabled=body.enabled,
        )
    except EndpointFault as fault:
        raise _problem(fault) from None
    return endpoint_payload(row)


@GROUP.operation("DELETE", "/webhook-endpoints/{endpoint}", scope=MANAGE, answer=None, status=204)
def delete_webhook_endpoint(call: Call) -> None:
    """Remove an endpoint"""
    webhook_endpoints.remove(call.services, _own_endpoint(call), actor=call.holder.actor)


@GROUP.operation(
    "POST",
    "/webhook-endpoints/{endpoint}/rotate-secret",
    scope=MANAGE,
    answer=response_models.EndpointWithSecret,
)
def rotate_webhook_secret(call: Call) -> dict[str, Any]:
    """Make a new signing secret
    For 24 hours events are signed with both, so that you can change over at leisure.
    """
    endpoint = _own_endpoint(call)
    secret = webhook_endpoints.rotate(call.services, endpoint, actor=call.holder.actor)
    return endpoint_payload(endpoint) | {"secret": secret}


@GROUP.operation(
    "POST",
    "/webhook-endpoints/{endpoint}/test",
    scope=MANAGE,
    answer=response_models.Delivery,
    status=202,
    problems=("conflict",),
)
def test_webhook_endpoint(call: Call) -> dict[str, Any]:
    """Send a test event
    Of type ``webhook.test``, within seconds. Its delivery tells what came of it.
    """
    endpoint = _own_endpoint(call)
    if not endpoint.enabled:
        raise Problem("conflict", "This endpoint is switched off.")
    return _delivery_payload(webhook_endpoints.send_test(call.services, endpoint), [])


@GROUP.operation(
    "GET",
    "/webhook-endpoints/{endpoint}/deliveries",
    scope=MANAGE,
    query=request_models.DeliveryQuery,
    answer=response_models.DeliveryList,
)
def list_deliveries(call: Call) -> dict[str, Any]:
    """List what was sent
    Newest first, with the latest attempts of each, for 30 days.
    """
    endpoint = _own_endpoint(call)
    with call.services.db.read() as session:
        return page(
            session,
            Delivery,
            [endpoint.account_id],
            [Delivery.endpoint_id == endpoint.id],
            call.query,
            payloads.DELIVERY,
            lambda row: _delivery_payload(row, _latest_attempts(session, row)),
        )


@GROUP.operation(
    "POST",
    "/webhook-endpoints/{endpoint}/deliveries/{delivery}/resend",
    scope=MANAGE,
    answer=response_models.Delivery,
    status=202,
    problems=("conflict",),
)
def resend_delivery(call: Call) -> dict[str, Any]:
    """Send an event again
    The same event with the same id, whatever came of it before.
    """
    endpoint = _own_endpoint(call)
    with call.services.db.read() as session:
        row: Delivery = find(call, session, Delivery, payloads.DELIVERY, call.path["delivery"])
        attempts = _latest_attempts(session, row)
    if row.endpoint_id != endpoint.id:
        raise Problem("not_found", "This endpoint was sent no such event.")
    if not endpoint.enabled:
        raise Problem("conflict", "This endpoint is switched off.")
    return _delivery_payload(webhook_endpoints.send_again(call.services, row), attempts)


def _own_endpoint(call: Call) -> WebhookEndpoint:
    public = call.path["endpoint"]
    with call.services.db.read() as session:
        row: WebhookEndpoint = find(call, session, WebhookEndpoint, payloads.ENDPOINT, public)
    if row.deleted_at:
        raise Problem("not_found", f"{public} was removed.")
    return row


def _problem(fault: EndpointFault) -> Problem:
    if not fault.field:
        return Problem("conflict", str(fault))
    return Problem("invalid", errors=[FieldError("body", fault.field, str(fault))])


def _latest_attempts(session: Session, row: Delivery) -> list[DeliveryAttempt]:
    latest = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == row.id)
    latest = latest.order_by(DeliveryAttempt.id.desc()).limit(ATTEMPTS_SHOWN)
    return list(session.scalars(latest))[::-1]


def _delivery_payload(row: Delivery, attempts: list[DeliveryAttempt]) -> dict[str, Any]:
    return {
        "id": payloads.public_id(payloads.DELIVERY, row.id),
        "object": "webhook_delivery",
        "event": row.event_id,
        "type": row.event_type,
        "status": row.status,
        "due_at": payloads.moment(row.due_at) if row.status == DeliveryStatus.PENDING else None,
        "created_at": payloads.moment(row.created_at),
        "delivered_at": payloads.moment(row.delivered_at),
        "tries": [
            {
                "at": payloads.moment(one.at),
                "status_code": one.status_code,
                "took_ms": one.took_ms,
                "error": one.error or None,
                "answer": one.answer,
            }
            for one in attempts
        ],
    }
