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

_KEYS = {"id", "account_id", "failed_at"}  # what another reading of the same object never changes


def read_page(db: Database, stripe: StripeAccount, place: Position, now: datetime) -> None:
    """Ask for the page after ``place`` and store it together with the place behind it.

    One request; a second one only where the invoice to go on from was deleted meanwhile. Raises
    what `StripeAccount` raises, and Overtaken.
    """
    if place.stage == ImportStage.INVOICES:
        invoices = _invoices(stripe, place)
        with db.begin() as session:
            _keep_invoices(db, session, place.account_id, invoices.items)
            _advance(session, place, invoices, now)
        return
    charges = stripe.charge_page(place.since, place.until, place.cursor)
    with db.begin() as session:
        _keep_charges(db, session, place.account_id, charges.items)
        _advance(session, place, charges, now)


def _invoices(stripe: StripeAccount, place: Position) -> Page[Invoice]:
    """A draft can be deleted, and a cursor with it: then the time of its creation leads on."""
    try:
        return stripe.invoice_page(place.since, place.until, place.cursor)
    except StripeRejected as error:
        if error.code != "resource_missing" or not place.cursor:
            raise
        return stripe.invoice_page(place.since, place.cursor_at)


def _advance(
    session: Session, place: Position, page: Page[Invoice] | Page[Charge], now: datetime
) -> None:
    column = (
        HistoryImport.invoices if place.stage == ImportStage.INVOICES else HistoryImport.charges
    )
    counted: dict[str, Any] = {
        column.key: column + len(page.items),
        "requests": HistoryImport.requests + 1,
    }
    if page.more:
        last = page.items[-1]
        counted |= {"cursor": last.id, "cursor_at": last.created_at}
    else:
        after = ImportStage.CHARGES if place.stage == ImportStage.INVOICES else ImportStage.SORTING
        counted |= {"stage": after, "cursor": "", "cursor_at": place.until}
    move(session, place, now, **counted)


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
    """Store each once; what is there already is brought up to date."""
    if not rows:
        return
    changed = [key for key in rows[0] if key not in _KEYS and key != name]
    session.execute(db.upsert(table, ("account_id", name), changed).values(rows))
