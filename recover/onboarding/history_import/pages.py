"""One page of invoices or charges, from Stripe into the tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.cases import imported_history
from recover.foundation.database import Database
from recover.foundation.errors import StripeRejected
from recover.models import (
    HistoryImport,
    ImportedCharge,
    ImportedInvoice,
    ImportedPayment,
    ImportStage,
)
from recover.onboarding.history_import.cursor import Position, move
from recover.stripe_api.gateway import StripeAccount
from recover.stripe_api.listings import Page
from recover.stripe_api.objects import Charge, Invoice

_KEYS = {"id", "account_id", "failed_at"}  # never changed when an object is read again


def read_page(db: Database, stripe: StripeAccount, position: Position, now: datetime) -> None:
    """Fetch the page after ``position``, and store it together with the cursor behind it.

    One request; a second one only if the invoice to continue from was deleted meanwhile. Raises
    what `StripeAccount` raises, and Overtaken.
    """
    if position.stage == ImportStage.INVOICES:
        invoices = _invoices(stripe, position)
        with db.begin() as session:
            _keep_invoices(db, session, position.account_id, invoices.items)
            _advance(session, position, invoices, now)
        return
    charges = stripe.charge_page(position.since, position.until, position.cursor)
    with db.begin() as session:
        _keep_charges(db, session, position.account_id, charges.items)
        _advance(session, position, charges, now)


def _invoices(stripe: StripeAccount, position: Position) -> Page[Invoice]:
    """The next page; by creation time if the cursor's invoice, a draft, was deleted."""
    try:
        return stripe.invoice_page(position.since, position.until, position.cursor)
    except StripeRejected as error:
        if error.code != "resource_missing" or not position.cursor:
            raise
        return stripe.invoice_page(position.since, position.cursor_at)


def _advance(
    session: Session, position: Position, page: Page[Invoice] | Page[Charge], now: datetime
) -> None:
    column = (
        HistoryImport.invoices if position.stage == ImportStage.INVOICES else HistoryImport.charges
    )
    counted: dict[str, Any] = {
        column.key: column + len(page.items),
        "requests": HistoryImport.requests + 1,
    }
    if page.more:
        last = page.items[-1]
        counted |= {"cursor": last.id, "cursor_at": last.created_at}
    else:
        after = (
            ImportStage.CHARGES if position.stage == ImportStage.INVOICES else ImportStage.SORTING
        )
        counted |= {"stage": after, "cursor": "", "cursor_at": position.until}
    move(session, position, now, **counted)


def _keep_invoices(
    db: Database, session: Session, account_id: int, invoices: Sequence[Invoice]
) -> None:
    _upsert(
        db,
        session,
        ImportedInvoice,
        "stripe_invoice_id",
        [imported_history.invoice_row(account_id, one) for one in invoices],
    )
    intents = {
        intent: {
            "account_id": account_id,
            "stripe_payment_intent_id": intent,
            "stripe_invoice_id": one.id,
        }
        for one in invoices
        for intent in one.payment_intent_ids
    }
    _upsert(db, session, ImportedPayment, "stripe_payment_intent_id", list(intents.values()))


def _keep_charges(
    db: Database, session: Session, account_id: int, charges: Sequence[Charge]
) -> None:
    intents = {one.payment_intent_id for one in charges} - {""}
    query = select(
        ImportedPayment.stripe_payment_intent_id, ImportedPayment.stripe_invoice_id
    ).where(
        ImportedPayment.account_id == account_id,
        ImportedPayment.stripe_payment_intent_id.in_(intents),
    )
    owners = dict(session.execute(query).all())
    rows = [
        imported_history.charge_row(account_id, one, owners.get(one.payment_intent_id, ""))
        for one in charges
    ]
    _upsert(db, session, ImportedCharge, "stripe_charge_id", rows)


def _upsert(
    db: Database, session: Session, table: type[Any], name: str, rows: list[dict[str, Any]]
) -> None:
    """Insert the rows; those that exist are updated."""
    if not rows:
        return
    changed = [key for key in rows[0] if key not in _KEYS and key != name]
    session.execute(db.upsert(table, ("account_id", name), changed).values(rows))
