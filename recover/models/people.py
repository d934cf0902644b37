"""Companies, their users and invitations, and what people sign in with."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from recover.foundation.database import Base
from recover.models.columns import AccountId, BigId, Id, Long, Short

OPEN = text("accepted_at IS NULL AND withdrawn_at IS NULL")


class Role(StrEnum):
    """Each may do what those below it may."""

    OWNER = "owner"  # people, keys, connections and erasure too
    MEMBER = "member"  # works on cases and changes settings
    VIEWER = "viewer"  # looks at everything that is no secret, changes nothing

    def may(self, wanted: Role) -> bool:
        order = list(Role)
        return order.index(self) <= order.index(wanted)


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
    """One person at one company. A person is a mail address: who serves two companies has a row at
    each (docs/adr/0012). Rows stay when a person leaves, so that the audit log can name them.
    """

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("company_id", "email"),)
    id: Mapped[Id]
    company_id: Mapped[int] = mapped_column(BigId, ForeignKey("companies.id"), index=True)
    email: Mapped[str] = mapped_column(String(255), index=True)
    role: Mapped[str] = mapped_column(String(255), default=Role.OWNER.value)  # "": removed
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    sessions_ended_at: Mapped[datetime | None]  # no session begun before opens this company


class SignInMethod(StrEnum):
    """What a session was begun with."""

    MAIL = "mail"  # a mailed link
    COMMAND = "command"  # a link made on the server
    INVITATION = "invitation"  # an invitation's mailed link
    HANDED = "handed"  # an invitation's link that a person handed on
    PASSKEY = "passkey"


class SignIn(Base):
    """A mailed sign-in link, single use, and the session it began; or a session begun otherwise."""

    __tablename__ = "sign_ins"
    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"), index=True)
    nonce: Mapped[str] = mapped_column(String(64), unique=True)  # then the session's own token
    origin_hash: Mapped[Short]  # keyed hash of the asker's network address, for the caps
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    way: Mapped[SignInMethod] = mapped_column(
        default=SignInMethod.MAIL, server_default=SignInMethod.MAIL.value
    )
    narrow: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    proof: Mapped[str | None] = mapped_column(String(64), unique=True)  # a passkey's challenge
    device: Mapped[str] = mapped_column(String(255), default="", server_default="")  # user agent
    seen_hash: Mapped[str] = mapped_column(String(64), default="", server_default="")
    last_seen_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Invitation(Base):
    """An offer to join a company under a role, until it is accepted or withdrawn."""

    __tablename__ = "invitations"
    __table_args__ = (
        Index(
            "uq_invitations_open",
            "company_id",
            "email",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
    )
    id: Mapped[Id]
    company_id: Mapped[int] = mapped_column(BigId, ForeignKey("companies.id"), index=True)
    email: Mapped[str] = mapped_column(String(255), index=True)
    role: Mapped[Role]
    mailed_nonce: Mapped[str] = mapped_column(String(64), unique=True)  # known to the mail alone
    shown_nonce: Mapped[str] = mapped_column(String(64), unique=True)  # of the link to copy
    invited_by: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"))
    created_at: Mapped[datetime]
    mails: Mapped[int] = mapped_column(default=0)
    mailed_at: Mapped[datetime | None]
    mail_trouble: Mapped[Short]  # "": the mail server took the latest mail
    accepted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class Passkey(Base):
    """A key that a person's device or password manager holds; we have its public half."""

    __tablename__ = "passkeys"
    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(255), index=True)
    name: Mapped[Short]
    handle: Mapped[Short]  # the person's id towards their devices: random, says nothing
    credential_id: Mapped[str] = mapped_column(String(1400), unique=True)  # base64url
    public_key: Mapped[str] = mapped_column(Text)  # COSE, base64url
    sign_count: Mapped[int] = mapped_column(BigId, default=0)
    backed_up: Mapped[bool] = mapped_column(default=False)  # synced by a password manager
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    suspect_at: Mapped[datetime | None]  # its count went back: it may have been copied


class NotificationKind(StrEnum):
    TROUBLE = "trouble"  # Stripe refuses our key, or the account was disconnected
    PARKED = "parked"  # events of Stripe's wait for a person
    EXHAUSTED = "exhausted"  # cases that ended unpaid
    WEEKLY = "weekly"  # the figures
    DISPUTES = "disputes"  # customers left alone because of a dispute or a fraud warning


class NotificationStatus(StrEnum):
    """Pending, then sending, then one of the others."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"  # nobody can know whether it left; it is never sent again
    SKIPPED = "skipped"  # no longer called for


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
    kind: Mapped[NotificationKind]
    dedup_key: Mapped[Short]
    status: Mapped[NotificationStatus]
    to_email: Mapped[Short]
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # what the mail says
    error: Mapped[Long]
    failures: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
