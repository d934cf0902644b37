"""Importing a long past: memory beside a short one's, and what a killed import costs again.

The pretend Stripe answers from this process; `recover import` runs in one of its own, without the
pace that spares a real Stripe, and its memory is what the kernel says it had in use at most.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.fernet import Fernet
from flask import request
from sqlalchemy import func, select

from bench.figures import Figure
from recover.dunning import DEFAULT, RetryMode
from recover.foundation import upgrade
from recover.foundation.database import Database
from recover.foundation.vault import Vault
from recover.models import (
    Account,
    Company,
    Connection,
    HistoryImport,
    ImportedCharge,
    ImportedInvoice,
    ImportState,
)
from sandbox.api import create_stripe
from sandbox.clock import Clock
from sandbox.sandbox import Sandbox
from sandbox.server import serve
from sandbox.state import Obj, Store

FEW, MANY = 10_000, 100_000
FLAT = 1 / 1.1  # ten times the invoices, and at most a tenth more memory
KILLED_AT = 700  # the request during which the first process is killed
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)

# It notes its own peak: what the kernel reports to a parent counts the parent's size at the fork.
_CHILD = """
import atexit, pathlib
import recover.onboarding.history_import.runner as work
from recover.stripe_api.throttle import Pace

def note():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    pathlib.Path("peak").write_text(peak)

atexit.register(note)
work.Pace = lambda: Pace(1e9)
from recover.entrypoints.cli.main import main
main()
"""


def figures(postgres_url: str, redis_url: str) -> list[Figure]:
    upgrade.upgrade(postgres_url)
    few = _measured(postgres_url, redis_url, FEW, killed_at=None)
    many = _measured(postgres_url, redis_url, MANY, killed_at=KILLED_AT)
    return [
        Figure("import_memory_flat", few.peak_kb, "kB", many.peak_kb, f"{MANY} invoices", FLAT),
        Figure(
            "import_invoices_per_second",
            MANY / many.seconds,
            "invoices",
            FEW / few.seconds,
            f"{FEW} invoices",
        ),
        Figure(
            "import_requests",
            many.pages,
            "pages",
            many.requests - 1,
            "requests, without the one that was killed",
            1.0,
        ),
        Figure("import_nothing_twice", many.objects, "objects", many.stored, "rows", 1.0),
        Figure("import_nothing_lost", many.stored, "rows", many.objects, "objects", 1.0),
    ]


class _Measured:
    peak_kb = 0.0
    seconds = 0.0
    pages = requests = objects = stored = 0


def _measured(postgres_url: str, redis_url: str, count: int, killed_at: int | None) -> _Measured:
    found, sandbox = _Measured(), Sandbox("calm", clock=Clock(NOW))
    _fill(sandbox, count)
    with TemporaryDirectory() as directory, _served(sandbox) as (url, on_request):
        env = _environment(postgres_url, redis_url, url, Path(directory))
        db = Database.connect(postgres_url)
        account_id = _connect(db, sandbox, env["ENCRYPTION_KEYS"])
        began = time.monotonic()
        if killed_at:
            _run(env, directory, account_id, found, on_request, killed_at)
            clock = Path(env["CLOCK_FILE"])
            clock.write_text((NOW + timedelta(minutes=5)).isoformat())
        _run(env, directory, account_id, found, on_request, None)
        found.seconds = time.monotonic() - began
        _count(db, sandbox, account_id, found)
        found.requests = on_request.count
        db.engine.dispose()
    sandbox.close()
    return found


class _OnRequest:
    """Counts the requests, and does something once at a given one."""

    def __init__(self) -> None:
        self.count = 0
        self.at: int | None = None
        self.act: Callable[[], object] = lambda: None

    def __call__(self) -> None:
        if request.path.startswith("/v1/"):
            self.count += 1
            if self.count == self.at:
                self.act()


@contextmanager
def _served(sandbox: Sandbox) -> Iterator[tuple[str, _OnRequest]]:
    app, seen = create_stripe(sandbox), _OnRequest()
    app.before_request(seen)
    running = serve(app)
    sandbox.state.base_url = running.url
    try:
        yield running.url, seen
    finally:
        running.stop()


def _run(
    env: dict[str, str],
    directory: str,
    account_id: int,
    found: _Measured,
    on_request: _OnRequest,
    killed_at: int | None,
) -> None:
    command = [sys.executable, "-c", _CHILD, "import", "--account", str(account_id)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, env=os.environ | env, cwd=directory, stdout=quiet, stderr=quiet
    ) as child:
        on_request.at = killed_at
        on_request.act = lambda: os.kill(child.pid, signal.SIGKILL)
        child.wait()
    if not killed_at:
        found.peak_kb = float((Path(directory) / "peak").read_text())
    if child.returncode != (-signal.SIGKILL if killed_at else 0):
        raise RuntimeError(f"the import ended with {child.returncode}")


def _environment(postgres_url: str, redis_url: str, url: str, directory: Path) -> dict[str, str]:
    clock = directory / "clock"
    clock.write_text(NOW.isoformat())
    return {
        "SECRET_KEYS": "a-secret-key-for-benchmarks-0123456789",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "BASE_URL": "http://recover.test",
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "SMTP_URL": "smtp://127.0.0.1:9",
        "MAIL_FROM": "billing@recover.test",
        "STRIPE_API_BASE": url,
        "CLOCK_FILE": str(clock),
    }


def _connect(db: Database, sandbox: Sandbox, key: str) -> int:
    with db.begin() as session:
        company = Company(name=sandbox.account_id, created_at=NOW)
        session.add(company)
        session.flush()
        account = Account(
            company_id=company.id,
            stripe_account_id=f"{sandbox.account_id}{company.id}",
            livemode=False,
            connection=Connection.KEY,
            hook_token=f"hook-{company.id}",
            mode=RetryMode.OBSERVE,
            secret_key_sealed=Vault([key]).seal(sandbox.account_key),
            campaign_key=DEFAULT.key,
            campaign_version=DEFAULT.version,
            name="Bench",
            connected_at=NOW,
        )
        session.add(account)
        session.flush()
        return account.id


def _fill(sandbox: Sandbox, count: int) -> None:
    """``count`` renewals over the last 500 days, one in fifty of which failed at first."""
    store = sandbox.store
    sandbox.clock.advance_to(NOW)
    invoice = sandbox.renew(sandbox.add_subscription(sandbox.add_customer()))
    intent = store.owned("payment_intent", invoice["id"])[0]
    payment = store.owned("invoice_payment", invoice["id"])[0]
    [charge] = [one for one in store.all("charge") if one["payment_intent"] == intent["id"]]
    templates = (invoice, payment, charge)
    store.objects.clear()
    store.by_kind.clear()
    began = int((NOW - timedelta(days=500)).timestamp())
    for nth in range(count):
        at = began + nth * (500 * 86_400) // count
        _copy(store, intent["id"], templates, nth, at)


def _copy(store: Store, intent_id: str, templates: tuple[Obj, ...], nth: int, at: int) -> None:
    """The intent itself is not made: nobody asks for it."""
    names = {one: f"{one}x{nth}" for one in (intent_id, *(one["id"] for one in templates))}
    made = []
    for one in templates:
        copy = one | {"id": names[one["id"]], "created": at}  # what lies deeper is shared
        copy |= {"customer": f"cus_{nth}"} if "customer" in copy else {}
        for key in ("invoice", "payment_intent", "latest_charge"):
            if copy.get(key) in names:
                copy[key] = names[copy[key]]
        made.append(copy)
    made[1]["payment"] = {"type": "payment_intent", "payment_intent": names[intent_id]}
    if nth % 50 == 0:
        failed = made[2] | {
            "id": f"{made[2]['id']}f",
            "status": "failed",
            "paid": False,
            "failure_code": "card_declined",
        }
        made[0]["attempt_count"] = 2
        made.insert(2, failed)
    for copy in made:
        store.put(copy)


def _count(db: Database, sandbox: Sandbox, account_id: int, found: _Measured) -> None:
    sizes = [len(sandbox.store.all(kind)) for kind in ("invoice", "charge")]
    found.objects, found.pages = sum(sizes), sum(ceil(size / 100) for size in sizes)
    with db.read() as session:
        for table in (ImportedInvoice, ImportedCharge):
            rows = select(func.count(table.id)).where(table.account_id == account_id)
            found.stored += session.scalar(rows) or 0
        row = session.get_one(HistoryImport, account_id)
    if row.state != ImportState.DONE or row.failed != ceil(sizes[0] / 50):
        raise RuntimeError(f"the import is {row.state}, with {row.failed} failed renewals")
