"""What the retry engine has learned: every version is kept and can be used again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from recover.foundation.database import Base
from recover.models.columns import AccountId, BigId, Id, Long, Short


class RetryModel(Base):
    """One version of an account's retry model, accepted or refused.

    Never changed once written.
    """

    __tablename__ = "retry_models"
    __table_args__ = (Index("ix_retry_models_newest", "account_id", "id"),)
    id: Mapped[Id]
    account_id: Mapped[AccountId]
    version: Mapped[Short]  # sixteen hex digits that name the beliefs; "" where it was refused
    parent_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("retry_models.id"))
    body: Mapped[Long]  # the model as JSON with its checksum; "" where it was refused
    accepted: Mapped[bool]
    reason: Mapped[Long]  # a sentence: what it was learned from, or why it was refused
    # See `recover.learning.training`.
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    made_at: Mapped[datetime]


class AccountEvidence(Base):
    """An account's model fitted to its own outcomes alone, from the shipped prior.

    Overwritten by every accepted training. The prior of the installation's other accounts is
    pooled from these.
    """

    __tablename__ = "account_lessons"
    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("accounts.id"), primary_key=True)
    body: Mapped[Long]
    made_at: Mapped[datetime]
