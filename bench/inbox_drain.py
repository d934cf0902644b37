"""How many events one worker drains, beside the no-op jobs that one RQ worker runs.

The handlers are the product's own: each object's invoice, subscription and charges are fetched
from a Stripe over HTTP and a case is opened. What makes the difference is that a thousand events
about one object need that once.
"""

from __future__ import annotations

import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from bench.company import environ, tables
from bench.figures import Figure
from bench.rq_jobs import jobs_per_second
from recover.foundation import config
from recover.foundation.database import Database
from recover.models import EventStatus, RecoveryCase, StripeEvent
from recover.services import Services, build
from sandbox.api import create_stripe
from sandbox.sandbox import Sandbox
from sandbox.server import serve
from webhooks import inbox

EVENTS, OBJECTS = 20_000, 20
FORKED_JOBS, SIMPLE_JOBS = 200, 2_000
LIMIT = 10.0


def figures(postgres_url: str, redis_url: str) -> list[Figure]:
    drained = _drained_per_second(postgres_url, redis_url)
    forked = jobs_per_second(redis_url, "rq.worker.Worker", FORKED_JOBS)
    simple = jobs_per_second(redis_url, "rq.worker.SimpleWorker", SIMPLE_JOBS)
    return [
        Figure(
            "drain_events_per_second",
            drained,
            "events/s",
            forked,
            "RQ no-op jobs, forking worker",
            LIMIT,
        ),
        Figure(
            "drain_beside_simple_worker", drained, "events/s", simple, "RQ no-op jobs, SimpleWorker"
        ),
    ]


def _drained_per_second(postgres_url: str, redis_url: str) -> float:
    sandbox = Sandbox("calm")
    with closing(sandbox), tables(postgres_url, sandbox.account_id) as db:
        stripe = serve(create_stripe(sandbox))
        try:
            settings = environ(postgres_url, redis_url, stripe.url)
            settings |= {"STRIPE_SECRET_KEY": sandbox.platform_key}
            services = build(config.load(settings, Path("no.env")))
            _fill(services, [_failed_renewal(sandbox) for _ in range(OBJECTS)])
            began = time.perf_counter()
            drained = inbox.drain(services)
            took = time.perf_counter() - began
            services.db.engine.dispose()
        finally:
            stripe.stop()
        _check(db, drained)
    return EVENTS / took


def _failed_renewal(sandbox: Sandbox) -> str:
    return sandbox.fail_renewal(sandbox.add_subscription(sandbox.add_customer()))


def _fill(services: Services, invoice_ids: list[str]) -> None:
    """Events that came one after the other, about the invoices in turn."""
    now = services.now()
    rows = [
        {
            "account_id": 1,
            "stripe_event_id": f"evt_{number}",
            "type": "invoice.payment_failed" if number % 2 else "invoice.payment_action_required",
            "object_id": invoice_ids[number % len(invoice_ids)],
            "created_at": now,
            "received_at": now + timedelta(microseconds=number),
            "status": EventStatus.RECEIVED,
            "due_at": now,
        }
        for number in range(EVENTS)
    ]
    with services.db.begin() as session:
        session.execute(services.db.insert_ignoring_duplicates(StripeEvent.__table__), rows)


def _check(db: Database, drained: inbox.Drained) -> None:
    with db.read() as session:
        cases = session.scalar(select(func.count(RecoveryCase.id)))
    if drained != inbox.Drained(done=EVENTS) or cases != OBJECTS:
        raise RuntimeError(f"not the work that was to be measured: {drained}, {cases} cases")
