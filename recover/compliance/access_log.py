"""Who looked at whose data: one audit log entry for each person, case and hour."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select

from recover.compliance import audit_log
from recover.models import AuditLogEntry, RecoveryCase
from recover.services import Services

VIEW, SEARCH = "view", "search"


def note_view(services: Services, actor: str, case: RecoveryCase) -> None:
    """Note that ``actor`` (a user, a token) saw a case with the customer's name and address."""
    if _already_noted(services, AuditLogEntry.case_id == case.id, actor, VIEW):
        return
    with services.db.begin() as session:
        reason = "Looked at the case, with the customer's name and address."
        audit_log.note_customer(
            session,
            VIEW,
            reason,
            services.now(),
            actor=actor,
            account_id=case.account_id,
            customer_id=case.stripe_customer_id,
            case_id=case.id,
        )


def note_search(services: Services, actor: str, company_id: int) -> None:
    """Note that somebody searched a company's customers.

    The search text is not stored: it may name a person, and an erasure could not find it here.
    """
    if _already_noted(services, AuditLogEntry.chain == f"company:{company_id}", actor, SEARCH):
        return
    with services.db.begin() as session:
        audit_log.write(
            session,
            SEARCH,
            "Searched the cases by name, mail address or invoice.",
            services.now(),
            audit_log.Subject("cases", company_id=company_id),
            actor=actor,
        )


def note_audit_log_read(services: Services, actor: str, company_id: int) -> None:
    """Note that somebody read the company's audit log, whose words may name customers."""
    mine = (AuditLogEntry.chain == f"company:{company_id}") & (AuditLogEntry.about == "record")
    if _already_noted(services, mine, actor, VIEW):
        return
    with services.db.begin() as session:
        audit_log.write(
            session,
            VIEW,
            "Read the audit log.",
            services.now(),
            audit_log.Subject("record", company_id=company_id),
            actor=actor,
        )


def _already_noted(services: Services, where: ColumnElement[bool], actor: str, verb: str) -> bool:
    """Whether this hour has such an entry already."""
    hour = services.now().replace(minute=0, second=0, microsecond=0)
    query = select(AuditLogEntry.id).where(
        where, AuditLogEntry.actor == actor, AuditLogEntry.verb == verb, AuditLogEntry.at >= hour
    )
    with services.db.read() as session:
        return session.scalar(query.limit(1)) is not None
