"""An account's history at Stripe: read once, page by page, and used as training data.

Only what decides something is kept: ids, amounts, times, codes, and what a bank sees of a card. No
names, addresses or whole numbers.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recover.foundation.database import Base
from recover.models.columns import BigId, Id, Long, Short

# Every index below begins with it.
Owner = Annotated[int, mapped_column(BigId, ForeignKey("accounts.id"))]


class ImportState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"  # Stripe refused our key
    DISCONNECTED = "disconnected"  # goes on once connected again


class ImportStage(StrEnum):
    """In this order."""

    INVOICES = "invoices"
    CHARGES = "charges"
    SORTING = "sorting"
    DONE = "done"


class HistoryImport(Base):
    """How far the import of one account's history has come: the cursor to continue from."""

    __tablename__ = "history_imports"
    __table_args__ = (Index("ix_history_imports_due", "state", "due_at"),)
    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("accounts.id"), primary_key=True)
    state: Mapped[ImportState]
    stage: Mapped[ImportStage]
    since: Mapped[datetime]
    until: Mapped[datetime]
    cursor: Mapped[Short]  # the last object of the stage that is stored; "" before the first
    cursor_at: Mapped[datetime]  # when it was created; `until` before the first
    invoices: Mapped[int] = mapped_column(default=0)
    charges: Mapped[int] = mapped_column(default=0)
    sorted: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)  # renewals that failed at first
    requests: Mapped[int] = mapped_column(default=0)
    error: Mapped[Long]
    failures: Mapped[int] = mapped_column(default=0)  # in a row; drives the back-off
    due_at: Mapped[datetime]  # pushed ahead as a lease while a worker reads
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ImportedInvoice(Base):
    """One past invoice, as it was when it was read."""

    __tablename__ = "imported_invoices"
    __table_args__ = (
        UniqueConstraint("account_id", "stripe_invoice_id"),
        Index("ix_imported_invoices_failed", "account_id", "failed_at", "id"),
        Index("ix_imported_invoices_next", "account_id", "next_payment_attempt_at"),
    )
    id: Mapped[Id]
    account_id: Mapped[Owner]
    stripe_invoice_id: Mapped[Short]
    stripe_customer_id: Mapped[Short]
    stripe_subscription_id: Mapped[Short]
    status: Mapped[Short]
    billing_reason: Mapped[Short]
    collection_method: Mapped[Short]
    currency: Mapped[Short]
    amount_due_minor: Mapped[int] = mapped_column(BigInteger)
    amount_remaining_minor: Mapped[int] = mapped_column(BigInteger)
    attempted: Mapped[bool]
    attempt_count: Mapped[int]  # Stripe's own attempts
    paid_out_of_band: Mapped[bool]
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]  # voided, or marked uncollectible
    next_payment_attempt_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]  # of a renewal that failed at first; set by the sorting


class ImportedPayment(Base):
    """Which PaymentIntent pays which invoice: charges name the intent alone."""

    __tablename__ = "imported_payments"
    __table_args__ = (UniqueConstraint("account_id", "stripe_payment_intent_id"),)
    id: Mapped[Id]
    account_id: Mapped[Owner]
    stripe_payment_intent_id: Mapped[Short]
    stripe_invoice_id: Mapped[Short]


class ImportedCharge(Base):
    """One past authorisation, and what the bank answered."""

    __tablename__ = "imported_charges"
    __table_args__ = (
        UniqueConstraint("account_id", "stripe_charge_id"),
        Index("ix_imported_charges_invoice", "account_id", "stripe_invoice_id", "created_at"),
        Index("ix_imported_charges_card", "account_id", "card_fingerprint", "created_at"),
        Index("ix_imported_charges_customer", "account_id", "stripe_customer_id", "created_at"),
    )
    id: Mapped[Id]
    account_id: Mapped[Owner]
    stripe_charge_id: Mapped[Short]
    stripe_invoice_id: Mapped[Short]  # "" where it paid no invoice that was read
    stripe_payment_intent_id: Mapped[Short]
    stripe_customer_id: Mapped[Short]
    status: Mapped[Short]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[Short]
    # The card as it was when it was charged. A customer's present default method is not imported:
    # it says nothing of past charges, and is fetched anew before every attempt.
    payment_method_id: Mapped[Short]
    card_type: Mapped[Short]
    card_fingerprint: Mapped[Short]
    card_brand: Mapped[Short]
    card_funding: Mapped[Short]
    card_country: Mapped[Short]
    card_issuer: Mapped[Short]
    card_last4: Mapped[str] = mapped_column(String(4), default="")
    card_exp_month: Mapped[int | None]
    card_exp_year: Mapped[int | None]
    failure_code: Mapped[Short]
    decline_code: Mapped[Short]
    advice_code: Mapped[Short]
    network_decline_code: Mapped[Short]
    network_advice_code: Mapped[Short]
    outcome_type: Mapped[Short]
    network_status: Mapped[Short]
    amount_refunded_minor: Mapped[int] = mapped_column(BigInteger)
    disputed: Mapped[bool]
    created_at: Mapped[datetime]
