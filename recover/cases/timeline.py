"""A case's timeline: each entry is written to the audit log and sent to webhook endpoints."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recover.compliance.audit_log import RECOVER, note_customer
from recover.integrations import webhook_events
from recover.models import RecoveryCase


def note(
    session: Session,
    case: RecoveryCase,
    verb: str,
    reason: str,
    at: datetime,
    *,
    actor: str = RECOVER,
    announce: bool = True,
) -> None:
    """Add an audit log entry about a case, and its webhook events, in the caller's transaction.

    Without ``announce`` there are no events. Only endpoints that asked for the verb get one.
    """
    if announce:
        webhook_events.announce(session, case, verb, reason, at)
    note_customer(
        session,
        verb,
        reason,
        at,
        actor=actor,
        account_id=case.account_id,
        case_id=case.id,
        customer_id=case.stripe_customer_id,
    )
