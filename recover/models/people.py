"""Companies and who of them may sign in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from recover.db import Base
from recover.models.columns import BigId, Id, Long, Short


class Company(Base):
    """A SaaS company on this installation."""

    __tablename__ = "companies"
    id: Mapped[Id]
    name: Mapped[Short]
    created_at: Mapped[datetime]
    # Days for which what names a customer is kept after their case has closed; None: for good.
    keep_days: Mapped[int | None]
    # The key of the hashes in `ErasedAddress`, sealed; "" until somebody is erased.
    erasure_key_sealed: Mapped[Long]


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
