"""What happened to a case, and why: one line for each act, in the words the core gave."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recover.models import RecoveryCase, TimelineEntry


def note(session: Session, case: RecoveryCase, verb: str, reason: str, at: datetime) -> None:
    """Add a line to the case's timeline, in the caller's transaction."""
    session.add(
        TimelineEntry(account_id=case.account_id, case_id=case.id, verb=verb, reason=reason, at=at)
    )
