"""What happened to a case, from our rows: the timeline, payment attempts, mails and ledger."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.cases.core_facts import attempts_of
from recover.compliance.access_log import VIEW
from recover.dunning import Outcome
from recover.learning.calibration import EXPLORATION_BELOW
from recover.models import Attempt, AuditLogEntry, LedgerLine, Message, RecoveryCase
from recover.web import labels


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One row of the list of payment attempts."""

    attempt: Attempt
    words: str
    tone: str
    code: str  # Stripe's own, beside our words
    prediction: str  # of an attempt that the engine timed: the chance it gave


@dataclass(frozen=True, slots=True)
class CaseHistory:
    timeline: list[AuditLogEntry]
    attempts: list[AttemptView]
    mails: list[Message]
    ledger: list[LedgerLine]


def case_history(session: Session, case: RecoveryCase) -> CaseHistory:
    timeline = select(AuditLogEntry).where(
        AuditLogEntry.account_id == case.account_id,
        AuditLogEntry.case_id == case.id,
        AuditLogEntry.verb != VIEW,  # who looked is shown on the page of the audit log
    )
    mails = select(Message).where(Message.account_id == case.account_id, Message.case_id == case.id)
    lines = select(LedgerLine).where(
        LedgerLine.account_id == case.account_id, LedgerLine.case_id == case.id
    )
    return CaseHistory(
        timeline=list(session.scalars(timeline.order_by(AuditLogEntry.at, AuditLogEntry.id))),
        attempts=[_attempt_view(row) for row in attempts_of(session, case)],
        mails=list(session.scalars(mails.order_by(Message.created_at, Message.id))),
        ledger=list(session.scalars(lines.order_by(LedgerLine.at, LedgerLine.id))),
    )


def _attempt_view(row: Attempt) -> AttemptView:
    words, tone = labels.outcome(row)
    codes = (row.decline_code or row.error_code, row.network_decline_code, row.network_advice_code)
    waiting_or_paid = (Outcome.PENDING, Outcome.SUCCEEDED, Outcome.OBSERVED)
    failed = row.outcome not in waiting_or_paid
    return AttemptView(
        row, words, tone, " · ".join(filter(None, codes)) if failed else "", _prediction(row)
    )


def _prediction(row: Attempt) -> str:
    """Such as "Predicted: 31% · version 3f2a9c01"; "" where no model was asked."""
    proposal = row.proposal or {}
    if proposal.get("chance") is None:
        return ""
    parts = [f"Predicted: {_percent(proposal['chance'])}"]
    if model := str(proposal.get("model") or "")[:8]:
        parts.append(f"version {model}")
    if proposal.get("propensity", 1.0) < EXPLORATION_BELOW:
        parts.append("at a random hour, to learn from it")
    return " · ".join(parts)


def _percent(chance: float) -> str:
    """Small chances in tenths: 0.4% and none are not the same."""
    return f"{chance:.0%}" if chance >= 0.1 else f"{chance:.1%}"  # noqa: PLR2004 - ten percent
