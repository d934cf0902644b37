"""The company's own webhook endpoints: create, change, rotate the secret, remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from secrets import token_hex

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.compliance import audit_log
from recover.foundation.errors import PermanentError
from recover.integrations import payloads, webhook_events
from recover.integrations.webhook_http import AddressRefused, check_url
from recover.models import Account, Delivery, DeliveryStatus, WebhookEndpoint
from recover.services import Services

OLD_SECRET_LIFETIME = timedelta(hours=24)  # how long the old secret signs too after a rotation
MAX_ENDPOINTS = 16  # endpoints of one account


class EndpointFault(PermanentError):
    """A request that cannot be fulfilled. ``field`` names what is wrong: url, events or ""."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check(services: Services, url: str, events: Sequence[str]) -> None:
    """Raises EndpointFault for an address or events that are not allowed."""
    try:
        check_url(url, loopback=services.settings.rehearsing)
    except AddressRefused as error:
        raise EndpointFault("url", str(error)) from None
    if not events:
        raise EndpointFault("events", "Choose at least one event.")
    if unknown := sorted(set(events) - set(webhook_events.EVENTS)):
        raise EndpointFault("events", f"There is no event {unknown[0]!r}.")


def create(
    services: Services, account: Account, url: str, events: Sequence[str], *, actor: str
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint. Returns its row and its secret, which is shown only now.

    Raises EndpointFault.
    """
    check(services, url, events)
    secret, now = _new_secret(), services.now()
    with services.db.begin() as session:
        if len(of_account(session, account.id)) >= MAX_ENDPOINTS:
            raise EndpointFault(
                "", f"There are {MAX_ENDPOINTS} endpoints already; remove one first."
            )
        row = WebhookEndpoint(
            account_id=account.id,
            url=url,
            events=_in_catalogue_order(events),
            secret_sealed=services.vault.seal(secret),
            created_at=now,
        )
        session.add(row)
        session.flush()
        _note(session, row, "create", f"Events will be sent to {url}.", now, actor)
    return row, secret


def change(
    services: Services,
    endpoint: WebhookEndpoint,
    *,
    actor: str,
    url: str | None = None,
    events: Sequence[str] | None = None,
    enabled: bool | None = None,
) -> WebhookEndpoint:
    """Change what is not None. Switching on clears earlier failures. Raises EndpointFault."""
    with services.db.begin() as session:
        row = session.get_one(WebhookEndpoint, endpoint.id, with_for_update=True)
        before = _as_details(row)
        row.url = row.url if url is None else url
        row.events = row.events if events is None else _in_catalogue_order(events)
        check(services, row.url, row.events)
        row.enabled = row.enabled if enabled is None else enabled
        if enabled or url is not None:
            row.trouble, row.failing_since = "", None
            row.unanswered, row.resting_until = 0, None
        if _as_details(row) != before:
            details = {"before": before, "after": _as_details(row)}
            reason = "The endpoint was changed."
            _note(session, row, "change", reason, services.now(), actor, details)
    return row


def rotate(services: Services, endpoint: WebhookEndpoint, *, actor: str) -> str:
    """Make a new signing secret, shown only now. The old one signs too for a day."""
    secret, now = _new_secret(), services.now()
    with services.db.begin() as session:
        row = session.get_one(WebhookEndpoint, endpoint.id, with_for_update=True)
        row.old_secret_sealed, row.old_secret_until = row.secret_sealed, now + OLD_SECRET_LIFETIME
        row.secret_sealed = services.vault.seal(secret)
        reason = "A new signing secret was made; the old one signs too for a day."
        _note(session, row, "rotate", reason, now, actor)
    return secret


def remove(services: Services, endpoint: WebhookEndpoint, *, actor: str) -> None:
    now = services.now()
    with services.db.begin() as session:
        row = session.get_one(WebhookEndpoint, endpoint.id, with_for_update=True)
        row.enabled, row.deleted_at = False, now
        row.secret_sealed = row.old_secret_sealed = ""
        _note(session, row, "remove", f"Nothing more is sent to {row.url}.", now, actor)


def send_test(services: Services, endpoint: WebhookEndpoint) -> Delivery:
    """Queue a test event."""
    now = services.now()
    with services.db.begin() as session:
        account = session.get_one(Account, endpoint.account_id)
        row = webhook_events.delivery_row(endpoint, webhook_events.test_event(account, now), now)
        session.add(row)
        _end_rest(session, endpoint.id)
    return row


def send_again(services: Services, delivery: Delivery) -> Delivery:
    """Queue the same event again, whatever became of it. Its id stays the same."""
    now = services.now()
    with services.db.begin() as session:
        row = session.get_one(Delivery, delivery.id, with_for_update=True)
        row.status, row.due_at, row.failures = DeliveryStatus.PENDING, now, 0
        row.keep_trying_until = now + webhook_events.KEEP_TRYING
        _end_rest(session, row.endpoint_id)
    return row


def _end_rest(session: Session, endpoint_id: int) -> None:
    """Let the endpoint be tried at once: somebody is waiting to see the result."""
    session.get_one(WebhookEndpoint, endpoint_id, with_for_update=True).resting_until = None


def of_account(session: Session, account_id: int) -> list[WebhookEndpoint]:
    query = select(WebhookEndpoint).where(
        WebhookEndpoint.account_id == account_id, WebhookEndpoint.deleted_at.is_(None)
    )
    return list(session.scalars(query.order_by(WebhookEndpoint.id)))


def secrets(services: Services, endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    """The secrets that sign now, newest first. Raises PermanentError if the vault's key is gone."""
    overlap = endpoint.old_secret_until is not None and now < endpoint.old_secret_until
    sealed = [endpoint.secret_sealed, endpoint.old_secret_sealed if overlap else ""]
    return [services.vault.open(one) for one in sealed if one]


def _in_catalogue_order(events: Sequence[str]) -> list[str]:
    return [one for one in webhook_events.EVENTS if one in events] or list(events)


def _new_secret() -> str:
    return f"rcv_whsec_{token_hex(24)}"


def _as_details(row: WebhookEndpoint) -> dict[str, object]:
    return {"url": row.url, "events": list(row.events), "enabled": row.enabled}


def _note(
    session: Session,
    row: WebhookEndpoint,
    verb: str,
    reason: str,
    at: datetime,
    actor: str,
    details: Mapping[str, object] | None = None,
) -> None:
    about = f"webhook_endpoint:{payloads.public_id(payloads.ENDPOINT, row.id)}"
    audit_log.write(
        session,
        verb,
        reason,
        at,
        audit_log.Subject(about, account_id=row.account_id),
        actor=actor,
        details=details,
    )
