"""Imported history: Stripe's invoices and charges as rows and back, and the failed renewals in it.

A long history does not fill the memory: `CHUNK` invoices are read at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from recover.cases.evidence import HISTORY, PAID_HOURS
from recover.models import ImportedCharge, ImportedInvoice, RecoveryCase
from recover.stripe_api.objects import Charge, Invoice, PaymentMethod

CHUNK = 200

_CARD = (
    "type",
    "fingerprint",
    "brand",
    "funding",
    "country",
    "issuer",
    "last4",
    "exp_month",
    "exp_year",
)
_CHARGE = (
    "status",
    "amount_minor",
    "currency",
    "failure_code",
    "decline_code",
    "advice_code",
    "network_decline_code",
    "network_advice_code",
    "outcome_type",
    "network_status",
    "amount_refunded_minor",
    "disputed",
    "created_at",
)
_INVOICE = (
    "status",
    "billing_reason",
    "collection_method",
    "currency",
    "amount_due_minor",
    "amount_remaining_minor",
    "attempted",
    "attempt_count",
    "paid_out_of_band",
    "created_at",
    "paid_at",
    "ended_at",
    "next_payment_attempt_at",
)


@dataclass(frozen=True, slots=True)
class Story:
    """A renewal that failed at first, with all its authorisations, oldest first."""

    id: int  # of the invoice's row, from which reading can go on later
    invoice: Invoice
    failed_at: datetime
    charges: tuple[Charge, ...]
    paid_hours: tuple[datetime, ...]  # when this customer's last payments before went through


def invoice_row(account_id: int, invoice: Invoice) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "stripe_invoice_id": invoice.id,
        "stripe_customer_id": invoice.customer_id,
        "stripe_subscription_id": invoice.subscription_id,
        **{name: getattr(invoice, name) for name in _INVOICE},
    }


def charge_row(account_id: int, charge: Charge, invoice_id: str) -> dict[str, Any]:
    method = charge.method or PaymentMethod(id="", type="")
    return {
        "account_id": account_id,
        "stripe_charge_id": charge.id,
        "stripe_invoice_id": invoice_id,
        "stripe_payment_intent_id": charge.payment_intent_id,
        "stripe_customer_id": charge.customer_id,
        "payment_method_id": method.id,
        **{f"card_{name}": getattr(method, name) for name in _CARD},
        **{name: getattr(charge, name) for name in _CHARGE},
    }


def invoice_of(row: ImportedInvoice) -> Invoice:
    return Invoice(
        id=row.stripe_invoice_id,
        customer_id=row.stripe_customer_id,
        subscription_id=row.stripe_subscription_id,
        **{name: getattr(row, name) for name in _INVOICE},
    )


def charge_of(row: ImportedCharge) -> Charge:
    has_method = bool(row.payment_method_id or row.card_type)
    card = {name: getattr(row, f"card_{name}") for name in _CARD}
    return Charge(
        id=row.stripe_charge_id,
        payment_intent_id=row.stripe_payment_intent_id,
        customer_id=row.stripe_customer_id,
        method=PaymentMethod(id=row.payment_method_id, **card) if has_method else None,
        **{name: getattr(row, name) for name in _CHARGE},
    )


def failed(account_id: int) -> Select[ImportedInvoice]:
    """The renewals that failed at first."""
    return select(ImportedInvoice).where(
        ImportedInvoice.account_id == account_id, ImportedInvoice.failed_at.is_not(None)
    )


def untold(account_id: int) -> Select[ImportedInvoice]:
    """Those of `failed` that never were a case of ours.

    Of the others our own rows tell more than the imported ones.
    """
    ours = select(RecoveryCase.id).where(
        RecoveryCase.account_id == account_id,
        RecoveryCase.stripe_invoice_id == ImportedInvoice.stripe_invoice_id,
    )
    return failed(account_id).where(~ours.exists())


def stories(
    session: Session, account_id: int, invoices: Iterable[ImportedInvoice]
) -> Iterator[Story]:
    """The story of each invoice, in the order given."""
    rows = iter(invoices)
    while chunk := tuple(islice(rows, CHUNK)):
        charges = charges_of(session, account_id, [row.stripe_invoice_id for row in chunk])
        paid = _payment_times(session, account_id, chunk)
        for row in chunk:
            at = row.failed_at or row.created_at
            yield Story(
                id=row.id,
                invoice=invoice_of(row),
                failed_at=at,
                charges=tuple(charges[row.stripe_invoice_id]),
                paid_hours=_last_before(paid[row.stripe_customer_id], at),
            )


def charges_of(
    session: Session, account_id: int, invoice_ids: Sequence[str]
) -> dict[str, list[Charge]]:
    """The settled charges of these invoices, each one's oldest first."""
    query = (
        select(ImportedCharge)
        .where(
            ImportedCharge.account_id == account_id,
            ImportedCharge.stripe_invoice_id.in_(invoice_ids),
            ImportedCharge.status != "pending",
        )
        .order_by(ImportedCharge.created_at, ImportedCharge.id)
    )
    by_invoice: dict[str, list[Charge]] = defaultdict(list)
    for row in session.scalars(query):
        by_invoice[row.stripe_invoice_id].append(charge_of(row))
    return by_invoice


def _payment_times(
    session: Session, account_id: int, rows: Sequence[ImportedInvoice]
) -> dict[str, list[datetime]]:
    """When payments of these invoices' customers went through, by customer, oldest first."""
    times = [row.failed_at or row.created_at for row in rows]
    customers = {row.stripe_customer_id for row in rows} - {""}
    query = (
        select(ImportedCharge.stripe_customer_id, ImportedCharge.created_at)
        .where(
            ImportedCharge.account_id == account_id,
            ImportedCharge.stripe_customer_id.in_(customers),
            ImportedCharge.status == "succeeded",
            ImportedCharge.created_at > min(times) - HISTORY,
            ImportedCharge.created_at < max(times),
        )
        .order_by(ImportedCharge.created_at)
    )
    by_customer: dict[str, list[datetime]] = defaultdict(list)
    for customer_id, at in session.execute(query):
        by_customer[customer_id].append(at)
    return by_customer


def _last_before(paid: Sequence[datetime], at: datetime) -> tuple[datetime, ...]:
    """The last `PAID_HOURS` of these times before ``at`` that lie within `HISTORY`."""
    return tuple([time for time in paid if at - HISTORY < time < at][-PAID_HOURS:])
