"""Reports that are worked out line by line in the background, and stored.

A worker stores a batch of lines together with the cursor behind them: a worker that is killed loses
its batch alone, and no line is stored twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from recover.compliance import audit_log
from recover.foundation.errors import RecoverError, TransientError
from recover.models import Report, ReportKind, ReportLine, ReportState
from recover.services import CHORES, Services

NAMES = {
    ReportKind.DRY_RUN: "A dry run over the last 90 days",
    ReportKind.SWITCHOVER: "A switch-over report",
}

LEASE = timedelta(minutes=5)
LINES_AT_ONCE = 20  # lines stored together
MAX_FAILURES = 5

Line = tuple[str, str, dict[str, Any]]  # (cursor, Stripe's invoice id, body as JSON)


def request(
    services: Services,
    account_id: int,
    kind: ReportKind,
    actor: str,
    mode: str = "",
    reason: str = "",
) -> Report:
    """Have a report worked out. One of this kind and mode that is already running is returned."""
    now = services.now()
    with services.db.begin() as session:
        row = newest(session, account_id, kind)
        if row is None or row.state != ReportState.RUNNING or row.mode != mode:
            row = Report(
                account_id=account_id,
                kind=kind,
                state=ReportState.RUNNING,
                mode=mode,
                asked_at=now,
                due_at=now,
            )
            session.add(row)
            session.flush()
            audit_log.write(
                session,
                "report",
                reason or f"{NAMES[kind]} was asked for.",
                now,
                audit_log.Subject(f"report:{row.id}", account_id=account_id),
                actor=actor,
            )
    services.enqueue("work_report", row.id, queue=CHORES)
    return row


def newest(
    session: Session, account_id: int, kind: ReportKind, *states: ReportState
) -> Report | None:
    """The account's newest report of a kind; with ``states``, the newest in one of them."""
    query = select(Report).where(Report.account_id == account_id, Report.kind == kind)
    if states:
        query = query.where(Report.state.in_(states))
    return session.scalar(query.order_by(Report.id.desc()).limit(1))


def due(services: Services) -> list[int]:
    """The ids of running reports that no worker holds."""
    waiting = select(Report.id).where(
        Report.state == ReportState.RUNNING, Report.due_at <= services.now()
    )
    with services.db.read() as session:
        return list(session.scalars(waiting.order_by(Report.id)))


def claim(services: Services, report_id: int) -> Report | None:
    """Take a report for `LEASE`; None if it is finished or another worker holds it."""
    now = services.now()
    take = (
        update(Report)
        .where(Report.id == report_id, Report.state == ReportState.RUNNING, Report.due_at <= now)
        .values(due_at=now + LEASE)
        .returning(Report.id)
    )
    with services.db.begin() as session:
        if session.scalar(take) is None:
            return None
        return session.get_one(Report, report_id)


def restart(services: Services, report: Report) -> None:
    """Delete the lines of an earlier run: they describe another moment."""
    with services.db.begin() as session:
        session.execute(delete(ReportLine).where(ReportLine.report_id == report.id))
        row = session.get_one(Report, report.id)
        row.cursor, row.done = "", 0
    report.cursor, report.done = "", 0


def work(
    services: Services,
    report: Report,
    total: int,
    lines: Iterable[Line],
    summary: Callable[[Session, Report], Mapping[str, Any]],
) -> None:
    """Store ``lines``, which begin behind ``report.cursor``, and finally their summary.

    Raises TransientError if another worker has taken the report over.
    """
    remaining = iter(lines)
    while batch := list(islice(remaining, LINES_AT_ONCE)):
        _store(services, report, total, batch)
    now = services.now()
    with services.db.begin() as session:
        row = session.get_one(Report, report.id)
        row.summary, row.state, row.finished_at = dict(summary(session, row)), ReportState.DONE, now
        row.total = row.done


def _store(services: Services, report: Report, total: int, batch: Sequence[Line]) -> None:
    keys = {"account_id": report.account_id, "report_id": report.id}
    with services.db.begin() as session:
        row = session.get_one(Report, report.id, with_for_update=True)
        if row.cursor != report.cursor:
            raise TransientError("Another worker has taken this report over.")
        session.execute(
            insert(ReportLine),
            [
                {**keys, "stripe_invoice_id": invoice_id, "body": body}
                for _, invoice_id, body in batch
            ],
        )
        row.cursor, row.done, row.total = batch[-1][0], row.done + len(batch), total
        row.due_at, row.failures = services.now() + LEASE, 0
        report.cursor = row.cursor


def failed(services: Services, report: Report, error: RecoverError) -> None:
    """Try again later if the error may pass; if not, end the report with the error."""
    with services.db.begin() as session:
        row = session.get_one(Report, report.id)
        row.failures, row.error = row.failures + 1, str(error)
        row.due_at = services.now() + timedelta(minutes=row.failures)
        if not isinstance(error, TransientError) or row.failures >= MAX_FAILURES:
            row.state, row.finished_at = ReportState.FAILED, services.now()


def page(session: Session, report: Report, after: int, limit: int) -> tuple[list[ReportLine], int]:
    """Lines after an id, and the id that the next page begins after; 0 on the last."""
    query = (
        select(ReportLine)
        .where(ReportLine.report_id == report.id, ReportLine.id > after)
        .order_by(ReportLine.id)
        .limit(limit + 1)
    )
    found = list(session.scalars(query))
    return found[:limit], found[limit - 1].id if len(found) > limit else 0


def line(session: Session, report: Report, invoice_id: str) -> ReportLine | None:
    query = select(ReportLine).where(
        ReportLine.report_id == report.id, ReportLine.stripe_invoice_id == invoice_id
    )
    return session.scalar(query)


def bodies(session: Session, report: Report) -> Iterable[dict[str, Any]]:
    """The lines' bodies in their order, read in batches."""
    query = select(ReportLine.body).where(ReportLine.report_id == report.id)
    return session.scalars(query.order_by(ReportLine.id).execution_options(yield_per=200))


def count(session: Session, report: Report) -> int:
    query = select(func.count(ReportLine.id)).where(ReportLine.report_id == report.id)
    return session.scalar(query) or 0
