"""Mails to subscribers, the links in them, and what came of those."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recover.foundation.database import Base
from recover.models.columns import AccountId, BigId, Id, Long, OptionalCaseId, Short


class MessageStatus(StrEnum):
    """Pending, then sending, then one of the others."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"  # the mail server took it
    REFUSED = "refused"
    UNCERTAIN = "uncertain"  # nobody can know whether it left; it is never sent again
    SKIPPED = "skipped"  # no longer called for
    OBSERVED = "observed"  # observe mode or a test customer: would have been sent


class Message(Base):
    """One mail to a subscriber."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("account_id", "dedup_key"),
        Index("ix_messages_customer", "account_id", "stripe_customer_id", "created_at"),
        Index("ix_messages_by_id", "account_id", "id"),
        Index("ix_messages_todo", "status", "due_at"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    case_id: Mapped[OptionalCaseId]
    stripe_customer_id: Mapped[Short]
    dedup_key: Mapped[Short]
    template: Mapped[Short]
    step: Mapped[Short]
    reason: Mapped[Long]
    status: Mapped[MessageStatus]
    to_email: Mapped[Short]
    subject: Mapped[Short]
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # what the template needs
    error: Mapped[Long]
    failures: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class Link(Base):
    """A mailed link to the card page; the token signs ``public_id``, the row can be revoked."""

    __tablename__ = "links"
    __table_args__ = (Index("ix_links_customer", "account_id", "stripe_customer_id"),)
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    case_id: Mapped[OptionalCaseId]
    public_id: Mapped[str] = mapped_column(String(64), unique=True)
    stripe_customer_id: Mapped[Short]
    stripe_subscription_id: Mapped[Short]
    created_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class CardForm(StrEnum):
    """Where the card is typed in."""

    ELEMENT = "element"  # Stripe's Payment Element, on our page
    CHECKOUT = "checkout"  # Stripe's hosted page


class CardUpdateStatus(StrEnum):
    STARTED = "started"
    SAVED = "saved"
    FAILED = "failed"


class CardUpdate(Base):
    """One use of the card page, from the SetupIntent to the payment."""

    __tablename__ = "card_updates"
    __table_args__ = (
        UniqueConstraint("account_id", "stripe_setup_intent_id"),
        UniqueConstraint("account_id", "stripe_session_id"),
        Index("ix_card_updates_origin", "origin_hash", "created_at"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    link_id: Mapped[int] = mapped_column(BigId, ForeignKey("links.id"), index=True)
    via: Mapped[CardForm]
    status: Mapped[CardUpdateStatus]
    stripe_setup_intent_id: Mapped[str | None] = mapped_column(String(255))
    stripe_session_id: Mapped[str | None] = mapped_column(String(255))
    payment_method_id: Mapped[Short]
    card_fingerprint: Mapped[Short]
    field: Mapped[Short]  # the CardField it was saved in
    origin_hash: Mapped[Short]  # keyed hash of the visitor's network address, for the caps
    invoice_ids: Mapped[list[str]] = mapped_column(JSON, default=list)  # agreed to on the page
    # Every invoice that the page showed, and the amount it named (minor units).
    shown: Mapped[dict[str, int]] = mapped_column(JSON, default=dict, server_default="{}")
    created_at: Mapped[datetime]
    saved_at: Mapped[datetime | None]


class SuppressionReason(StrEnum):
    ASKED = "asked"  # they want no more mail
    REFUSED = "refused"  # their address refuses it
    ERASED = "erased"  # they were erased on request


class Suppression(Base):
    """A customer who asked for no more mail, or whose address refuses it.

    It counts for the address, whoever has it; what a person asked for counts for them as well,
    whatever address they have later.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        UniqueConstraint("account_id", "stripe_customer_id", "reason", "email"),
        Index("ix_suppressions_email", "account_id", "email"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    stripe_customer_id: Mapped[Short]
    email: Mapped[str] = mapped_column(String(255), default="", server_default="")  # normalised
    reason: Mapped[SuppressionReason]
    created_at: Mapped[datetime]


class ErasedAddress(Base):
    """A mail address of an erased person, as a hash: it gets no more mail."""

    __tablename__ = "erased_addresses"
    __table_args__ = (UniqueConstraint("company_id", "address_hash"),)
    id: Mapped[Id]
    company_id: Mapped[int] = mapped_column(BigId, ForeignKey("companies.id"))
    # Keyed: see `recover.compliance.erasure_list`.
    address_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
