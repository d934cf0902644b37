"""Finds which of the imported renewals failed at first, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from recover.cases import imported_history
from recover.cases.core_values import attempts_of_charges
from recover.foundation.database import Database
from recover.models import HistoryImport, ImportedCharge, ImportedInvoice, ImportStage, ImportState
from recover.onboarding.backtest.renewals import History, failed_by_invoice, is_renewal
from recover.onboarding.history_import.cursor import Position, move
from recover.stripe_api.objects import Charge

CHUNK = 500  # invoices judged in one transaction


def judge_batch(db: Database, position: Position, now: datetime) -> bool:
    """Judge the next `CHUNK` invoices, in the order of their ids. False once all are judged."""
    after = int(position.cursor or 0)
    with db.begin() as session:
        rows = session.scalars(_suspects(position.account_id, after)).all()
        if rows:
            session.execute(update(ImportedInvoice), _failure_times(session, rows))
        move(session, position, now, **_next(session, position, rows, now))
    return bool(rows)


def _suspects(account_id: int, after: int) -> Select[ImportedInvoice]:
    """Invoices that may have failed at first, by their own fields or by a declined charge."""
    declined = select(ImportedCharge.id).where(
        ImportedCharge.account_id == account_id,
        ImportedCharge.stripe_invoice_id == ImportedInvoice.stripe_invoice_id,
        ImportedCharge.status == "failed",
    )
    books = or_(
        ImportedInvoice.attempt_count > 1,
        and_(ImportedInvoice.attempted, ImportedInvoice.status != "paid"),
    )
    return (
        select(ImportedInvoice)
        .where(
            ImportedInvoice.account_id == account_id,
            ImportedInvoice.id > after,
            or_(books, declined.exists()),
        )
        .order_by(ImportedInvoice.id)
        .limit(CHUNK)
    )


def _failure_times(session: Session, rows: Sequence[ImportedInvoice]) -> list[dict[str, Any]]:
    ids = [row.stripe_invoice_id for row in rows]
    charges = imported_history.charges_of(session, rows[0].account_id, ids)
    return [
        {"id": row.id, "failed_at": _failed_at(row, charges[row.stripe_invoice_id])} for row in rows
    ]


def _failed_at(row: ImportedInvoice, charges: Sequence[Charge]) -> datetime | None:
    """When the renewal first failed; the invoice's creation if that left no charge."""
    invoice = imported_history.invoice_of(row)
    if not is_renewal(invoice):
        return None
    history = History(invoice, attempts_of_charges(charges))
    if history.first_failure_seen:
        return history.attempts[0].at
    return invoice.created_at if failed_by_invoice(invoice) else None


def _next(
    session: Session, position: Position, rows: Sequence[ImportedInvoice], now: datetime
) -> dict[str, Any]:
    if rows:
        return {"cursor": str(rows[-1].id), "sorted": HistoryImport.sorted + len(rows)}
    total = select(func.count(ImportedInvoice.id)).where(
        ImportedInvoice.account_id == position.account_id, ImportedInvoice.failed_at.is_not(None)
    )
    return {
        "stage": ImportStage.DONE,
        "state": ImportState.DONE,
        "cursor": "",
        "failed": session.scalar(total) or 0,
        "finished_at": now,
    }
