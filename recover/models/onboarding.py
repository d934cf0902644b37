"""From a connected account to a live one: the checklist's state, and reports."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from recover.foundation.database import Base
from recover.models.columns import BigId, Id, Long, Short


class StripeMails(StrEnum):
    """Whether Stripe's own mails to subscribers are on, as somebody at the company said."""

    UNSAID = ""
    ON = "on"
    OFF = "off"


class ChecklistState(Base):
    """What the checklist needs and no other table holds: answers, and when pages were seen."""

    __tablename__ = "starts"
    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("accounts.id"), primary_key=True)
    webhook_at: Mapped[datetime | None]  # of the first event; the inbox deletes old ones
    webhook_type: Mapped[Short]
    retries_off_at: Mapped[datetime | None]  # somebody said that Stripe's own retries are off
    stripe_mails: Mapped[StripeMails] = mapped_column(default=StripeMails.UNSAID)
    stripe_mails_at: Mapped[datetime | None]
    sender_asked: Mapped[Short]  # the address that the newest confirming mail went to
    sender_asked_at: Mapped[datetime | None]
    sender_confirmed: Mapped[Short]  # the address whose mailbox the company proved to read
    sender_confirmed_at: Mapped[datetime | None]
    dns: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)  # see `sender_check`
    campaign_at: Mapped[datetime | None]
    dry_run_at: Mapped[datetime | None]
    live_at: Mapped[datetime | None]


class ReportKind(StrEnum):
    DRY_RUN = "dry_run"
    SWITCHOVER = "switchover"


class ReportState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Report(Base):
    """A report that is worked out line by line in the background: dry run or switch-over."""

    __tablename__ = "reports"
    __table_args__ = (
        Index("ix_reports_newest", "account_id", "kind", "id"),
        Index("ix_reports_due", "state", "due_at"),
    )
    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("accounts.id"))
    kind: Mapped[ReportKind]
    state: Mapped[ReportState]
    mode: Mapped[Short]  # dry run: the `RetryMode` the account is thought to be in; "" otherwise
    cursor: Mapped[Short]  # the last line that is stored
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    summary: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    error: Mapped[Long]
    failures: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]  # pushed ahead as a lease while a worker is at it
    asked_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ReportLine(Base):
    """One invoice of a report."""

    __tablename__ = "report_lines"
    __table_args__ = (UniqueConstraint("report_id", "stripe_invoice_id"),)
    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(BigId, ForeignKey("accounts.id"), index=True)
    report_id: Mapped[int] = mapped_column(BigId, ForeignKey("reports.id"))
    stripe_invoice_id: Mapped[Short]
    body: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
