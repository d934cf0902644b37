"""The endpoints for Stripe's webhooks: verify an event, store it once, signal for a drain, answer.

Nothing else happens before the answer, because Stripe waits for it and repeats what is slow. An
event that was answered with 200 is stored; another process handles it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, abort, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from recover.foundation.errors import BadEvent, BadSignature
from recover.models import EventStatus
from recover.services import Services
from recover.stripe_api.gateway import verify_webhook
from recover.stripe_api.objects import WebhookEvent
from webhooks.account_cache import AccountCache, KnownAccount
from webhooks.drain_signal import DrainSignal
from webhooks.event_writer import EventWriter, Row
from webhooks.group_commit import GroupCommit
from webhooks.handlers import ROUTES

if TYPE_CHECKING:  # these exist for type checkers alone
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

# For so long a queued drain keeps further events from queueing another, unless it begins before.
SIGNAL_SECONDS = 30
RETRY_AFTER_SECONDS = 60
LONGEST_ID = 255  # the columns' length


def blueprint(services: Services, signal: Callable[[], object] | None = None) -> Blueprint:
    """Both webhook addresses. Machines post here, signed: CSRF protection must not apply.

    ``signal`` calls for a drain; by default it enqueues one, without keeping the answer waiting.

    Answers 200: stored, known already, or of no interest; 400: not signed for this address, or no
    event; 404: no such address; 413: too long; 503: the database is away, so that Stripe repeats.
    """
    signal = signal or DrainSignal(lambda: services.enqueue("drain_inbox", once_for=SIGNAL_SECONDS))
    receiver = Receiver(services, signal)
    routes = Blueprint("webhooks", __name__)
    routes.post("/webhooks/stripe")(receiver.platform)
    routes.post("/webhooks/stripe/<hook_token>")(receiver.direct)
    routes.register_error_handler(HTTPException, _http_problem)
    for refused in (BadSignature, BadEvent):
        routes.register_error_handler(refused, _bad_event)
    for away in (OperationalError, InterfaceError, PoolTimeout):
        routes.register_error_handler(away, _database_away)
    return routes


def mount(app: Flask, services: Services, signal: Callable[[], object] | None = None) -> None:
    """Serve the webhooks beside the pages of ``app``, without what only pages need.

    Sessions, page headers and CSRF checks would take a tenth of the time of every answer.
    """
    receiving = Flask("webhooks")
    receiving.register_blueprint(blueprint(services, signal))
    pages = app.wsgi_app

    def choose(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        ours = environ.get("PATH_INFO", "").startswith("/webhooks/")
        return (receiving.wsgi_app if ours else pages)(environ, start_response)

    app.wsgi_app = choose  # type: ignore[method-assign] # Flask's own documented way


class Receiver:
    """The two views, and the state they share between requests."""

    def __init__(self, services: Services, signal: Callable[[], object]) -> None:
        self._services = services
        self._signal = signal
        self._accounts = AccountCache(services)
        self._inbox = GroupCommit(EventWriter(services.db).write)

    def platform(self) -> Response:
        """Events of every account connected through the platform; each names its account."""
        event = self._verified(self._services.settings.stripe_webhook_secrets)
        if event.type in ROUTES:
            account = self._accounts.by_stripe_id(event.account_id, livemode=event.livemode)
            if account is None:
                log.warning("event %s is of an account that is not connected here", event.id)
            else:
                self._store(account, event)
        return Response(status=200)

    def direct(self, hook_token: str) -> Response:
        """Events of the one account that this address belongs to."""
        account = self._accounts.by_token(hook_token)
        if account is None:
            abort(404, "No account has this webhook address.")
        event = self._verified(self._accounts.secrets(account))
        if event.account_id not in {"", account.stripe_account_id}:
            raise BadEvent("This event belongs to another account than this address.")
        if event.livemode != account.livemode:
            raise BadEvent("This event and this account are not in the same mode, test or live.")
        if event.type in ROUTES:
            self._store(account, event)
        return Response(status=200)

    def _verified(self, secrets: Sequence[str]) -> WebhookEvent:
        """The event in the request, once one of ``secrets`` proves to have signed its raw bytes."""
        payload = _body(self._services.settings.max_webhook_bytes)
        if not secrets:
            raise BadSignature("No signing secret is stored for this webhook address.")
        header = request.headers.get("Stripe-Signature", "")
        return verify_webhook(payload, header, secrets, self._services.now())

    def _store(self, account: KnownAccount, event: WebhookEvent) -> None:
        """Store the event and then signal. In this order no drain can run before it is stored."""
        key = ROUTES[event.type].key(event)
        if not key or account.disconnected:
            return
        if any(len(text) > LONGEST_ID or not text.isprintable() for text in (event.id, key)):
            raise BadEvent("The event's ids are not ids of Stripe's.")
        if self._inbox.store(self._as_row(account, event, key)):
            self._signal()

    def _as_row(self, account: KnownAccount, event: WebhookEvent, key: str) -> Row:
        now = self._services.now()
        return {
            "account_id": account.id,
            "stripe_event_id": event.id,
            "type": event.type,
            "object_id": key,
            "stripe_customer_id": event.customer_id[:LONGEST_ID],
            "created_at": event.created_at,
            "received_at": now,
            "status": EventStatus.RECEIVED,
            "due_at": now,
            "failures": 0,
            "error": "",
        }


def _body(cap: int) -> bytes:
    """The raw body of the request. One of more than ``cap`` bytes is answered with 413.

    Werkzeug silently cuts off a body without a Content-Length at its limit. The limit is therefore
    a byte more than the cap, so that a body that is too long shows.
    """
    request.max_content_length = cap + 1
    payload = request.get_data(cache=False)
    if len(payload) > cap:
        abort(413)
    return payload


def _http_problem(error: HTTPException) -> Response:
    return _problem(error.code or 500, error.description or error.name)


def _bad_event(error: BadSignature | BadEvent) -> Response:
    log.warning("a webhook was refused: %s", error)
    return _problem(400, str(error))


def _database_away(error: Exception) -> Response:
    log.error("the database is away, a webhook was not stored: %s", type(error).__name__)
    answer = _problem(503, "The event could not be stored now. Please send it again later.")
    answer.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _problem(status: int, detail: str) -> Response:
    """A refusal in the form of RFC 9457. The text holds no secret."""
    body = json.dumps({"status": status, "detail": detail})
    return Response(body, status=status, mimetype="application/problem+json")
