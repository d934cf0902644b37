"""What a company's programs use: API tokens, and the webhooks that go out."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recover.foundation.database import Base
from recover.models.columns import AccountId, BigId, Id, Long, OptionalCaseId, Short


class ApiToken(Base):
    """A key to the API: one company, test or live mode, and there all its accounts or one."""

    __tablename__ = "api_tokens"
    id: Mapped[Id]
    company_id: Mapped[int] = mapped_column(BigId, ForeignKey("companies.id"), index=True)
    account_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("accounts.id"))
    livemode: Mapped[bool]
    name: Mapped[Short]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)  # sha256; the token is random
    last4: Mapped[Short]
    scopes: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_by: Mapped[Short]  # user:1, command
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]  # to the minute
    read_noted_at: Mapped[datetime | None]  # when reading personal data was last noted


class IdempotentAnswer(Base):
    """What a POST with an Idempotency-Key was answered, so that a repeat gets the same."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (UniqueConstraint("token_id", "key"),)
    id: Mapped[Id]
    token_id: Mapped[int] = mapped_column(BigId, ForeignKey("api_tokens.id"))
    key: Mapped[Short]
    request_hash: Mapped[str] = mapped_column(String(64))  # of method, path and body
    status: Mapped[int] = mapped_column(default=0)  # 0 while the first one is being worked on
    body_sealed: Mapped[Long]  # sealed
    created_at: Mapped[datetime] = mapped_column(index=True)


class WebhookEndpoint(Base):
    """An address of the company's own that gets events about the account's cases."""

    __tablename__ = "webhook_endpoints"
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    url: Mapped[Long]
    events: Mapped[list[str]] = mapped_column(JSON, default=list)  # of `webhook_events.EVENTS`
    secret_sealed: Mapped[Long]
    old_secret_sealed: Mapped[Long]  # signs too until `old_secret_until`
    old_secret_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(default=True)
    trouble: Mapped[Short]  # why Recover switched it off by itself; "" otherwise
    failing_since: Mapped[datetime | None]  # the first failure since the last success
    unanswered: Mapped[int] = mapped_column(default=0)  # attempts in a row without any answer
    resting_until: Mapped[datetime | None]  # nothing is sent before, so that it holds up nobody
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class DeliveryStatus(StrEnum):
    """Pending, then one of the others."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Delivery(Base):
    """One event on its way to one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        Index("ix_webhook_deliveries_todo", "status", "due_at"),
        Index("ix_webhook_deliveries_log", "endpoint_id", "id"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    endpoint_id: Mapped[int] = mapped_column(BigId, ForeignKey("webhook_endpoints.id"))
    case_id: Mapped[OptionalCaseId]
    event_id: Mapped[Short]  # evt_...; the same for every endpoint and attempt
    event_type: Mapped[Short]
    body: Mapped[Long]  # the JSON that is signed and sent, byte for byte
    status: Mapped[DeliveryStatus]
    due_at: Mapped[datetime]  # pushed ahead as a lease while it is being sent, and as a back-off
    failures: Mapped[int] = mapped_column(default=0)
    keep_trying_until: Mapped[datetime]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]


class DeliveryAttempt(Base):
    """One attempt to deliver: the log that the endpoint's owner reads."""

    __tablename__ = "webhook_tries"
    id: Mapped[Id]
    delivery_id: Mapped[int] = mapped_column(BigId, ForeignKey("webhook_deliveries.id"), index=True)
    at: Mapped[datetime]
    took_ms: Mapped[int]
    status_code: Mapped[int]  # 0 where there was no answer
    answer: Mapped[Long]  # its beginning
    error: Mapped[Long]  # what went wrong, in plain words; "" on success
