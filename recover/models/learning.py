"""What the retry engine has learned: every version is kept, and can be gone back to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from recover.db import Base
from recover.models.columns import BigId, Id, Long, Short


class RetryModel(Base):
    """One version of what is believed of retries; never changed. Refused ones are kept as well."""

    __tablename__ = "retry_models"
    __table_args__ = (Index("ix_retry_models_account", "account_id", "made_at"),)
    id: Mapped[Id]
    # None: learned over all accounts of this installation, and where each of them begins.
    account_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("accounts.id"))
    version: Mapped[Short]  # sixteen hex digits that name the beliefs
    parent: Mapped[Short]  # the version it is compared with
    body: Mapped[Long]  # the model as JSON with its checksum
    accepted: Mapped[bool]
    reason: Mapped[Long]  # a sentence: what it was learned from, or why it was refused
    outcomes: Mapped[int] = mapped_column(default=0)
    figures: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # of the comparison
    made_at: Mapped[datetime]
