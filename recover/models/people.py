"""Companies and who of them may sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recover.db import Base
from recover.models.columns import AccountId, BigId, Id, Long, Short


class Company(Base):
    """A SaaS company on this installation."""

    __tablename__ = "companies"
    id: Mapped[Id]
    name: Mapped[Short]
    created_at: Mapped[datetime]


class User(Base):
    """Someone at a company who may sign in."""

    __tablename__ = "users"
    id: Mapped[Id]
    company_id: Mapped[int] = mapped_column(BigId, ForeignKey("companies.id"), index=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    role: Mapped[str] = mapped_column(String(255), default="owner")  # see `recover.roles`
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]


class SignIn(Base):
    """A mailed sign-in link, single use, and the session it began."""

    __tablename__ = "sign_ins"
    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"), index=True)
    nonce: Mapped[str] = mapped_column(String(64), unique=True)  # then the session's own token
    origin_hash: Mapped[Short]  # keyed hash of the asker's network address, for the caps
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Notification(Base):
    """One mail to somebody at the company about their account; at most once, as a `Message`."""

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("account_id", "dedup_key"),
        Index("ix_notifications_kind", "account_id", "kind", "created_at"),
        Index("ix_notifications_todo", "status", "due_at"),
    )
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    kind: Mapped[Short]  # trouble, parked, exhausted, weekly
    dedup_key: Mapped[Short]
    status: Mapped[Short]  # pending, sending, sent, refused, uncertain
    to_email: Mapped[Short]
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # what the mail says
    error: Mapped[Long]
    failures: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
