"""How many webhooks a web process acknowledges, beside a bare route that only verifies them.

Both are served by gunicorn with the same settings and take turns in one run. Each is judged by its
best round: what else the machine does can only slow a round down.
"""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from pathlib import Path

import stripe
from sqlalchemy import func, select

from bench.company import ACCOUNT_ID, WEBHOOK_SECRET, environ, tables
from bench.figures import Figure
from bench.load import post_all, request_bytes
from bench.web_server import serving
from recover.models import StripeEvent
from sandbox.shapes import shape

PATH = "/webhooks/stripe"
ROUNDS, REQUESTS, CONNECTIONS, WARM_UP = 12, 400, 128, 400
LIMITS = {"postgresql": 0.5, "sqlite": 0.3}

_numbers = itertools.count(1)


def figures(postgres_url: str, redis_url: str) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="recover-bench-") as directory:
        sqlite_url = f"sqlite:///{Path(directory) / 'recover.db'}"
        return [
            measure("postgresql", postgres_url, redis_url),
            measure("sqlite", sqlite_url, redis_url),
        ]


def measure(name: str, database_url: str, redis_url: str) -> Figure:
    settings = environ(database_url, redis_url)
    with (
        tables(database_url) as db,
        serving("bench.bare:create_app()", settings) as bare,
        serving("app:create_app()", settings) as product,
    ):
        for port in (bare, product):
            post_all(port, _requests(WARM_UP), CONNECTIONS)
        rates: dict[int, list[float]] = {bare: [], product: []}
        for _ in range(ROUNDS):
            for port, found in rates.items():
                found.append(REQUESTS / post_all(port, _requests(REQUESTS), CONNECTIONS))
        with db.read() as session:
            stored = session.scalar(select(func.count(StripeEvent.id)))
    if stored != WARM_UP + ROUNDS * REQUESTS:
        raise RuntimeError(f"{stored} events were stored of those acknowledged")
    return Figure(
        f"webhook_ack_{name}",
        max(rates[product]),
        "events/s",
        max(rates[bare]),
        "bare Flask route",
        LIMITS[name],
    )


def _requests(count: int) -> list[bytes]:
    """Signed events about failed invoices, each with an id of its own."""
    return [_request(f"evt_{next(_numbers)}") for _ in range(count)]


def _request(event_id: str) -> bytes:
    now = int(time.time())
    invoice = shape("invoice", id="in_bench", customer="cus_bench", created=now)
    event = shape("event", id=event_id, type="invoice.payment_failed", created=now)
    event |= {"account": ACCOUNT_ID, "livemode": False, "data": {"object": invoice}}
    body = json.dumps(event, indent=2)  # as Stripe sends it
    signed = stripe.WebhookSignature.generate_signature_header(body, WEBHOOK_SECRET, now)
    headers = {"Stripe-Signature": signed, "Content-Type": "application/json; charset=utf-8"}
    return request_bytes(PATH, body.encode(), headers)
