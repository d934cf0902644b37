"""The audit log: everything that was decided, done, seen or changed, with who and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from recover.foundation.database import Base
from recover.models.columns import BigId, Id, Long, Short


class AuditLogEntry(Base):
    """One entry of the audit log. Append only: `recover.compliance.audit_log` says what may change.

    What may name a person stands in ``reason`` and ``details`` alone; the chain covers their
    digest, so that they can be erased and the chain still holds.
    """

    __tablename__ = "record"
    __table_args__ = (
        UniqueConstraint("chain", "seq"),
        Index("ix_record_case_at", "case_id", "at"),
        Index("ix_record_chain", "chain", "id"),
        Index("ix_record_actor", "chain", "actor", "id"),
        Index("ix_record_customer", "account_id", "stripe_customer_id"),
        Index(
            "ix_record_settings",
            "account_id",
            "id",
            sqlite_where=text("verb = 'set'"),
            postgresql_where=text("verb = 'set'"),
        ),
        Index(
            "ix_record_unsealed",
            "chain",
            "id",
            sqlite_where=text("seq IS NULL"),
            postgresql_where=text("seq IS NULL"),
        ),
    )
    id: Mapped[Id]
    chain: Mapped[Short]  # account:1, company:1, installation
    account_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("accounts.id"))
    company_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("companies.id"))
    case_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("cases.id"))
    stripe_customer_id: Mapped[Short]
    actor: Mapped[Short]  # recover, stripe, subscriber, command, user:1, token:1
    verb: Mapped[Short]  # open, plan, attempt, settle, message, skip, recover, exhaust, close, ...
    about: Mapped[Short]  # case:1, user:1, setting:mode, ...
    reason: Mapped[Long]  # in plain words; "" once erased
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # None once erased
    salt: Mapped[Short]  # "" once erased
    digest: Mapped[str] = mapped_column(String(64))  # of salt, reason and details
    at: Mapped[datetime]
    seq: Mapped[int | None] = mapped_column(BigId)  # from 1, without a gap; None until sealed
    hash: Mapped[str | None] = mapped_column(String(64))  # of the hash before and of this entry


class AuditLogHead(Base):
    """The last sealed entry of a chain. Its row is the lock under which the chain grows."""

    __tablename__ = "record_heads"
    chain: Mapped[str] = mapped_column(String(255), primary_key=True)
    seq: Mapped[int] = mapped_column(BigId, default=0)
    hash: Mapped[Short]  # of the last entry
    # What the last check found (`recover record verify`, and every night). Never part of the chain.
    verified_at: Mapped[datetime | None]
    verified_seq: Mapped[int] = mapped_column(BigId, default=0)  # it was intact up to this entry
    fault: Mapped[Long]  # the first fault; "" if there is none
