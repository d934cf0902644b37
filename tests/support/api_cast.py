"""A company with a token of its API, and a receiver of its webhooks on this machine."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select

from recover.integrations import api_tokens, webhook_endpoints, webhook_events
from recover.models import Account, AuditLogEntry, Company, Delivery, WebhookEndpoint
from recover.services import Services
from sandbox.server import serve

ALL = tuple(api_tokens.SCOPES)


@dataclass
class Caller:
    """What a program of the company's holds: a token, and a way to call."""

    client: FlaskClient
    token: str
    id: int = 0

    @property
    def actor(self) -> str:
        return f"token:{self.id}"

    def __call__(self, method: str, path: str, **options: Any):
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **options)

    def get(self, path: str, **options: Any):
        return self("GET", path, **options)

    def post(self, path: str, **options: Any):
        return self("POST", path, **options)


def caller(scene, scopes=ALL, **more: Any) -> Caller:
    """A program with a new token of the scene's company."""
    more = {"company_id": scene.account.company_id, "livemode": False} | more
    company_id = more.pop("company_id")
    row, text = api_tokens.create(
        scene.services, company_id, name="billing", scopes=scopes, actor="user:1", **more
    )
    return Caller(scene.app.test_client(), text, row.id)


def rival(services: Services) -> Account:
    """Another company on the same installation."""
    with services.db.begin() as session:
        company = Company(name="Rival", created_at=services.now())
        session.add(company)
        session.flush()
        row = Account(
            company_id=company.id,
            stripe_account_id="acct_rival",
            livemode=False,
            connection="key",
            hook_token="hook-of-rival",
            mode="recover",
            campaign_key="default",
            campaign_version=1,
            name="Rival",
            connected_at=services.now(),
        )
        session.add(row)
    return row


def record_of(services: Services, **about: Any) -> list[AuditLogEntry]:
    query = select(AuditLogEntry).filter_by(**about).order_by(AuditLogEntry.id)
    with services.db.read() as session:
        return list(session.scalars(query))


@dataclass
class Receiver:
    """Verifies what comes in, as docs/api.md tells its readers to, and answers as it is told."""

    secrets: list[str] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)  # statuses in turn, or calls; then 200
    events: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    text: str = "thank you"
    url: str = ""
    stop: Callable[[], None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        header = environ["HTTP_RECOVER_SIGNATURE"]
        with self.lock:
            self.signatures.append(header)
            answer = self.answers.pop(0) if self.answers else 200
            if not any(signed(body, header, one) for one in self.secrets):
                answer = 400
            elif answer == 200:
                self.events.append(json.loads(body))
            self.bodies.append(body)
        status = answer() if callable(answer) else answer
        headers = [("Content-Type", "text/plain"), ("Location", "/elsewhere")]
        start_response(f"{status} Whatever", headers)
        return [self.text.encode()]


def signed(body: bytes, header: str, secret: str) -> bool:
    parts = [part.split("=", 1) for part in header.split(",")]
    stamp = dict(parts)["t"]
    expected = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return any(hmac.compare_digest(value, expected) for name, value in parts if name == "v1")


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens until the block ends."""
    made = Receiver()
    running = serve(made)
    made.url, made.stop = f"{running.url}/hooks?from=recover", running.stop
    yield made
    if made.stop:
        made.stop()


def listen(
    services: Services, account: Account, receiver: Receiver, events=tuple(webhook_events.EVENTS)
) -> WebhookEndpoint:
    """Have the receiver told of the account's events."""
    row, secret = webhook_endpoints.create(
        services, account, receiver.url, list(events), actor="user:1"
    )
    receiver.secrets.append(secret)
    return row


def deliveries(services: Services) -> list[Delivery]:
    with services.db.read() as session:
        return list(session.scalars(select(Delivery).order_by(Delivery.id)))
