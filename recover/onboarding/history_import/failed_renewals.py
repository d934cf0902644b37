"""Which of the imported renewals failed at first, and when: what everything later asks for."""

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


def sort_some(db: Database, place: Position, now: datetime) -> bool:
    """Judge the next invoices, in the order of their rows. False once all are judged."""
    after = int(place.cursor or 0)
    with db.begin() as session:
        found = session.scalars(_suspects(place.account_id, after)).all()
        if found:
            session.execute(update(ImportedInvoice), _judged(session, found))
        move(session, place, now, **_next(session, place, found, now))
    return bool(found)


def _suspects(account_id: int, after: int) -> Select[ImportedInvoice]:
    """Invoices that may have failed at first, by their books or by a charge of theirs."""
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


def _judged(session: Session, rows: Sequence[ImportedInvoice]) -> list[dict[str, Any]]:
    ids = [row.stripe_invoice_id for row in rows]
    charges = imported_history.charges_of(session, rows[0].account_id, ids)
    return [
        {"id": row.id, "failed_at": _failed_at(row, charges[row.stripe_invoice_id])} for row in rows
    ]


def _failed_at(row: ImportedInvoice, charges: Sequence[Charge]) -> datetime | None:
    """When the renewal first failed; the invoice's own time where that left no charge."""
    invoice = imported_history.invoice_of(row)
    if not is_renewal(invoice):
        return None
    told = History(invoice, attempts_of_charges(charges))
    if told.first_failure_seen:
        return told.tries[0].at
    return invoice.created_at if failed_by_invoice(invoice) else None


def _next(
    session: Session, place: Position, found: Sequence[ImportedInvoice], now: datetime
) -> dict[str, Any]:
    if found:
        return {"cursor": str(found[-1].id), "sorted": HistoryImport.sorted + len(found)}
    total = select(func.count(ImportedInvoice.id)).where(
        ImportedInvoice.account_id == place.account_id, ImportedInvoice.failed_at.is_not(None)
    )
    return {
        "stage": ImportStage.DONE,
        "state": ImportState.DONE,
        "cursor": "",
        "failed": session.scalar(total) or 0,
        "finished_at": now,
    }
