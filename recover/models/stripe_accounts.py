"""Connected Stripe accounts, and the events that came from them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column

from recover.dunning import EndOfDunning, Leavers, RetryMode, TimingKind
from recover.foundation.database import Base
from recover.models.columns import AccountId, BigId, Id, Long, Short


class Connection(StrEnum):
    """Whose key is used for an account."""

    PLATFORM = "platform"  # the platform's key with Stripe-Account; connected by OAuth
    KEY = "key"  # the account's own key


class Account(Base):
    """One connected Stripe account, in test or live mode."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("stripe_account_id", "livemode"),)
    id: Mapped[Id]
    company_id: Mapped[int] = mapped_column(BigId, ForeignKey("companies.id"), index=True)
    stripe_account_id: Mapped[Short]
    livemode: Mapped[bool]
    connection: Mapped[Connection]
    secret_key_sealed: Mapped[Long]
    webhook_secrets_sealed: Mapped[Long]  # comma-separated before sealing; newest first
    publishable_key: Mapped[Short]
    hook_token: Mapped[str] = mapped_column(String(64), unique=True)  # /webhooks/stripe/<token>
    mode: Mapped[RetryMode]
    campaign_key: Mapped[Short]
    campaign_version: Mapped[int]
    timing: Mapped[TimingKind] = mapped_column(default=TimingKind.ENGINE)
    explore: Mapped[float] = mapped_column(default=0.05)  # share of retries at a random hour
    max_retries: Mapped[int | None]  # on one invoice; None: as the campaign says
    min_gap_hours: Mapped[int | None]  # between any two attempts on one card; None: as the campaign
    grace_days: Mapped[int] = mapped_column(default=14)  # of full access while a renewal is unpaid
    # The `RetryModel` in use; None: the shipped prior. No foreign key, or each table would need
    # the other to exist first.
    model_id: Mapped[int | None] = mapped_column(BigId)
    model_pinned: Mapped[bool] = mapped_column(default=False)  # a person chose; nights only learn
    send_from_hour: Mapped[int | None]  # local; these four None: as the campaign says
    send_until_hour: Mapped[int | None]  # excluded
    messages_per_week: Mapped[int | None]
    message_gap_hours: Mapped[int | None]
    end_of_dunning: Mapped[EndOfDunning] = mapped_column(
        default=EndOfDunning.LEAVE, server_default=EndOfDunning.LEAVE.value
    )
    # How somebody is treated whose subscription is set to end.
    leavers: Mapped[Leavers] = mapped_column(
        default=Leavers.LEAVE_ALONE, server_default=Leavers.LEAVE_ALONE.value
    )
    notify_to: Mapped[str] = mapped_column(Text, default="", server_default="")  # "": the owners
    notify_trouble: Mapped[bool] = mapped_column(default=True, server_default=true())
    notify_parked: Mapped[bool] = mapped_column(default=True, server_default=true())
    notify_exhausted: Mapped[bool] = mapped_column(default=False, server_default=false())
    notify_weekly: Mapped[bool] = mapped_column(default=True, server_default=true())
    notify_disputes: Mapped[bool] = mapped_column(default=True, server_default=true())
    name: Mapped[Short]
    timezone: Mapped[Short]
    sender_name: Mapped[Short]
    sender_email: Mapped[Short]
    reply_to: Mapped[Short]
    support_email: Mapped[Short]
    website_url: Mapped[Short]
    logo_url: Mapped[Short]
    color: Mapped[Short]
    postal_address: Mapped[Long]
    problem: Mapped[Short]  # what Stripe said when it last refused our key; "" while all is well
    # What our key may do, as last asked of Stripe: by a permission's key, whether it is granted.
    permissions: Mapped[dict[str, bool]] = mapped_column(JSON, default=dict, server_default="{}")
    permissions_asked_at: Mapped[datetime | None]
    # In test mode, who gets mail: a `TestMail` of the settings, a layer above this one.
    test_mail: Mapped[str] = mapped_column(String(255), default="everyone")
    connected_at: Mapped[datetime]
    disconnected_at: Mapped[datetime | None]
    leaving_at: Mapped[datetime | None]  # disconnected here, but Stripe could not be told yet


class ConnectRequest(Base):
    """Somebody went to Stripe's page of consent. Its answer counts once, in the same session."""

    __tablename__ = "connect_requests"
    id: Mapped[Id]
    company_id: Mapped[int] = mapped_column(BigId, ForeignKey("companies.id"), index=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"), index=True)
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    session_hash: Mapped[Short]  # of the session's token
    livemode: Mapped[bool]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class EventStatus(StrEnum):
    RECEIVED = "received"
    DONE = "done"
    PARKED = "parked"  # failed too often: it waits for a person


class StripeEvent(Base):
    """The inbox: each event once, reduced to ids."""

    __tablename__ = "stripe_events"
    __table_args__ = (
        UniqueConstraint("account_id", "stripe_event_id"),
        Index("ix_stripe_events_todo", "status", "due_at"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    stripe_event_id: Mapped[Short]
    type: Mapped[Short]
    object_id: Mapped[Short]
    stripe_customer_id: Mapped[Short]
    created_at: Mapped[datetime]
    received_at: Mapped[datetime]
    status: Mapped[EventStatus]
    due_at: Mapped[datetime]  # pushed ahead as a lease while a drain holds it, and as a back-off
    failures: Mapped[int] = mapped_column(default=0)
    error: Mapped[Long]
    handled_at: Mapped[datetime | None]


class ReconciliationReport(Base):
    """One reconciliation with Stripe, and what it corrected."""

    __tablename__ = "sweeps"
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    seen: Mapped[int] = mapped_column(default=0)
    fixes: Mapped[list[dict[str, str]]] = mapped_column(JSON, default=list)
    error: Mapped[Long]
