"""Cases: the failed invoice, every payment attempt, and the money won back."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from recover.dunning import CaseState, EndOfDunning, Outcome, Trigger
from recover.foundation.database import Base
from recover.models.columns import AccountId, BigId, CaseId, Id, Long, Short


class RecoveryCase(Base):
    """One failed invoice."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("account_id", "stripe_invoice_id"),
        Index("ix_cases_due", "state", "next_step_at"),
        Index("ix_cases_customer", "account_id", "stripe_customer_id"),
        Index("ix_cases_subscription", "account_id", "stripe_subscription_id"),
        Index("ix_cases_list", "account_id", "state", "failed_at"),
        Index("ix_cases_newest", "account_id", "failed_at"),
        Index("ix_cases_by_id", "account_id", "id"),
        Index("ix_cases_state_by_id", "account_id", "state", "id"),
        Index("ix_cases_issuer", "account_id", "card_issuer", "state"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    stripe_invoice_id: Mapped[Short]
    stripe_subscription_id: Mapped[Short]
    stripe_customer_id: Mapped[Short]
    customer_name: Mapped[Short]
    customer_email: Mapped[Short]
    locale: Mapped[Short]
    timezone: Mapped[Short]
    product: Mapped[Short]
    invoice_number: Mapped[Short]
    hosted_invoice_url: Mapped[Long]
    # Of a test-mode customer who lives on one; their time is not ours. "" for everybody else.
    stripe_test_clock_id: Mapped[str] = mapped_column(String(255), default="", server_default="")
    currency: Mapped[Short]
    amount_minor: Mapped[int] = mapped_column(BigInteger)  # owed when the case opened
    amount_remaining_minor: Mapped[int] = mapped_column(BigInteger)
    decline_code: Mapped[Short]  # the latest
    decline_category: Mapped[Short]  # a `DeclineCategory`; "" while there is no decline
    card_brand: Mapped[Short]
    card_last4: Mapped[Short]
    card_issuer: Mapped[Short]
    state: Mapped[CaseState]
    close_reason: Mapped[Short]  # a `CloseReason`; "" while open, or when recovered
    campaign_key: Mapped[Short]
    campaign_version: Mapped[int]
    failed_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    # As Stripe showed them last, for `recover.dunning.entitlement`.
    subscription_status: Mapped[Short]
    paid_until: Mapped[datetime | None]  # up to when the subscription is paid all the same
    closed_at: Mapped[datetime | None]
    stripe_next_attempt_at: Mapped[datetime | None]
    # When a worker looks at the case next; pushed ahead as a lease while one does.
    next_step_at: Mapped[datetime | None]
    next_step_reason: Mapped[Long]
    paid_hours: Mapped[list[str]] = mapped_column(JSON, default=list)  # of earlier renewals, ISO
    warnings: Mapped[list[str]] = mapped_column(JSON, default=list)  # about the facts; sentences
    transient_failures: Mapped[int] = mapped_column(default=0)  # in a row; drives the back-off
    # From then on it names nobody: see `recover.compliance.anonymization`.
    erased_at: Mapped[datetime | None]


class Attempt(Base):
    """One payment attempt by anyone. Ours is stored as pending before Stripe is asked."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("account_id", "stripe_charge_id"),
        UniqueConstraint("idempotency_key"),
        # No two charges of one invoice can be under way at once.
        Index(
            "uq_attempts_one_pending",
            "case_id",
            unique=True,
            sqlite_where=text("outcome = 'pending'"),
            postgresql_where=text("outcome = 'pending'"),
        ),
        Index("ix_attempts_card", "account_id", "card_fingerprint", "attempted_at"),
        Index("ix_attempts_by_id", "account_id", "id"),
        Index("ix_attempts_issuer", "account_id", "card_issuer", "attempted_at"),
        Index("ix_attempts_newest", "account_id", "trigger", "id"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    case_id: Mapped[CaseId]
    trigger: Mapped[Trigger]
    outcome: Mapped[Outcome]
    reason: Mapped[Long]
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    stripe_payment_intent_id: Mapped[Short]
    stripe_charge_id: Mapped[str | None] = mapped_column(String(255))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[Short]
    payment_method_id: Mapped[Short]
    card_type: Mapped[Short]
    card_fingerprint: Mapped[Short]
    card_brand: Mapped[Short]
    card_funding: Mapped[Short]
    card_country: Mapped[Short]
    card_issuer: Mapped[Short]  # as Stripe names it; else as `issuer_of` does
    card_last4: Mapped[Short]
    card_exp_month: Mapped[int | None]
    card_exp_year: Mapped[int | None]
    error_code: Mapped[Short]
    decline_code: Mapped[Short]
    advice_code: Mapped[Short]
    network_decline_code: Mapped[Short]
    network_advice_code: Mapped[Short]
    outcome_type: Mapped[Short]
    network_status: Mapped[Short]
    # What a scheduled retry was based on: see `recover.cases.attempts.begin`. None for all others.
    proposal: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    attempted_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class LedgerKind(StrEnum):
    RECOVERED = "recovered"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CORRECTED = "corrected"  # of a line that was wrong: by how much, either way


class LedgerLine(Base):
    """Money won back, and money given back later: the only source of the founder's numbers."""

    __tablename__ = "ledger"
    __table_args__ = (
        UniqueConstraint("case_id", "kind", "reference"),
        Index("ix_ledger_account_at", "account_id", "at"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    case_id: Mapped[CaseId]
    kind: Mapped[LedgerKind]
    reference: Mapped[Short]  # the charge or payment record behind it; once, the invoice
    source: Mapped[Short]  # the `Source` it is credited to; "" of money given back
    reason: Mapped[Long]
    amount_minor: Mapped[int] = mapped_column(BigInteger)  # negative when given back
    currency: Mapped[Short]
    at: Mapped[datetime]


class EndingStatus(StrEnum):
    """Pending, begun right before Stripe is asked, then one of the others."""

    PENDING = "pending"
    BEGUN = "begun"
    DONE = "done"
    SKIPPED = "skipped"  # no longer called for
    REFUSED = "refused"
    OBSERVED = "observed"  # observe mode: would have been done


class Ending(Base):
    """What is done on Stripe about an exhausted case, once a case; stored before it is done."""

    __tablename__ = "endings"
    __table_args__ = (Index("ix_endings_todo", "status", "due_at"),)
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    case_id: Mapped[int] = mapped_column(BigId, ForeignKey("cases.id"), unique=True)
    action: Mapped[EndOfDunning]
    status: Mapped[EndingStatus]
    idempotency_key: Mapped[Short]
    error: Mapped[Long]  # why it was skipped, refused, or is late
    failures: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]  # pushed ahead as a lease once begun, and as a back-off
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
