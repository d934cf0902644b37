"""A case's story from our rows: the timeline, the tries and the mails, with their plain words."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.cases.core_facts import attempts_of
from recover.compliance.access_log import VIEW
from recover.dunning import Outcome
from recover.learning.calibration import LIKELIEST
from recover.models import Attempt, LedgerLine, Message, RecordEntry, RecoveryCase
from recover.web import labels


@dataclass(frozen=True, slots=True)
class Try:
    """One row of the table of payment tries."""

    attempt: Attempt
    words: str
    tone: str
    code: str  # Stripe's own, beside our words
    said: str  # of a try that the engine timed: the chance it gave


@dataclass(frozen=True, slots=True)
class Story:
    timeline: list[RecordEntry]
    tries: list[Try]
    mails: list[Message]
    ledger: list[LedgerLine]


def story(session: Session, case: RecoveryCase) -> Story:
    timeline = select(RecordEntry).where(
        RecordEntry.account_id == case.account_id,
        RecordEntry.case_id == case.id,
        RecordEntry.verb != VIEW,  # who looked stands on the page of the record
    )
    mails = select(Message).where(Message.account_id == case.account_id, Message.case_id == case.id)
    lines = select(LedgerLine).where(
        LedgerLine.account_id == case.account_id, LedgerLine.case_id == case.id
    )
    return Story(
        timeline=list(session.scalars(timeline.order_by(RecordEntry.at, RecordEntry.id))),
        tries=[_try(row) for row in attempts_of(session, case)],
        mails=list(session.scalars(mails.order_by(Message.created_at, Message.id))),
        ledger=list(session.scalars(lines.order_by(LedgerLine.at, LedgerLine.id))),
    )


def _try(row: Attempt) -> Try:
    words, tone = labels.outcome(row)
    codes = (row.decline_code or row.error_code, row.network_decline_code, row.network_advice_code)
    failed = row.outcome in (Outcome.FAILED, Outcome.REQUIRES_ACTION, Outcome.ABANDONED)
    return Try(row, words, tone, " · ".join(filter(None, codes)) if failed else "", _said(row))


def _said(row: Attempt) -> str:
    """Such as "Chance said: 31% · version 3f2a9c01"; "" where no model was asked."""
    proposal = row.proposal or {}
    if proposal.get("chance") is None:
        return ""
    parts = [f"Chance said: {_percent(proposal['chance'])}"]
    if model := str(proposal.get("model") or "")[:8]:
        parts.append(f"version {model}")
    if proposal.get("propensity", 1.0) < LIKELIEST:
        parts.append("at a random hour, to learn from it")
    return " · ".join(parts)


def _percent(chance: float) -> str:
    """Small chances in tenths: 0.4% and none are not the same."""
    return f"{chance:.0%}" if chance >= 0.1 else f"{chance:.1%}"  # noqa: PLR2004 - ten percent
