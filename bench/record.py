"""A million lines on record: how fast they are sealed and checked, and one flipped byte among them.

Beside each stands what the same lines cost without us: to be read out of the table in order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, update

from bench.company import tables
from bench.figures import Figure
from recover.compliance import audit_log, audit_verification
from recover.compliance.audit_rows import raw_entries
from recover.foundation.database import Database
from recover.models import AuditLogEntry

LINES, AT_ONCE = 1_000_000, 10_000
CHAIN = "account:1"
LEAST = 0.1  # of the pace at which the lines can be read at all


def figures(postgres_url: str, redis_url: str) -> list[Figure]:
    del redis_url
    with tables(postgres_url) as db:
        return measured(db, LINES)


def measured(db: Database, lines: int) -> list[Figure]:
    """Raises RuntimeError where the flipped byte is not found and named."""
    now = _write(db, lines)
    sealed = lines / _seconds(lambda: audit_log.seal(db))
    read = lines / _seconds(lambda: _read(db))
    checked = lines / _seconds(lambda: _must_hold(db, now))
    _flip_one_byte(db, now, lines)
    return [
        Figure("record_lines_sealed", sealed, "lines/s", read, "lines read in order"),
        Figure("record_lines_checked", checked, "lines/s", read, "lines read in order", LEAST),
    ]


def _write(db: Database, lines: int) -> datetime:
    now = datetime.now(UTC)
    for start in range(0, lines, AT_ONCE):
        with db.begin() as session:
            for number in range(start, min(start + AT_ONCE, lines)):
                audit_log.write(
                    session,
                    "plan",
                    f"Tried again on day {number % 28}: the bank asked for time.",
                    now - timedelta(seconds=lines - number),
                    audit_log.Subject(
                        f"case:{number // 9}", account_id=1, customer_id=f"cus_{number // 9}"
                    ),
                    actor=audit_log.RECOVER,
                    details={"before": number, "after": number + 1},
                )
    return now


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _read(db: Database) -> None:
    with db.snapshot() as session:
        for _ in raw_entries(session, AuditLogEntry.chain == CHAIN):
            pass


def _must_hold(db: Database, now: datetime) -> None:
    found = audit_verification.check(db, CHAIN, now)
    if found.fault:
        raise RuntimeError(f"a whole chain does not hold: {found.fault}")


def _flip_one_byte(db: Database, now: datetime, lines: int) -> None:
    """In the words of one line, as somebody would who wants one sum to read another way."""
    victim = random.Random(7).randrange(1, lines + 1)
    here = AuditLogEntry.chain == CHAIN, AuditLogEntry.seq == victim
    with db.begin() as session:
        changed = func.replace(AuditLogEntry.reason, "bank", "bang")
        session.execute(update(AuditLogEntry).where(*here).values(reason=changed))
    found = audit_verification.check(db, CHAIN, now)
    if found.fault is None or found.fault.seq != victim:
        raise RuntimeError(f"the byte flipped in line {victim} was not named: {found.fault}")
    print(f"# found: {found.fault}", flush=True)
