"""Who looked at whose data: one entry for each person, case and hour, however often they look."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select

from recover.compliance import audit_log
from recover.models import AuditLogEntry, RecoveryCase
from recover.services import Services

VIEW, SEARCH = "view", "search"


def note_view(services: Services, actor: str, case: RecoveryCase) -> None:
    """Somebody (a user, a token) was shown a case, with the customer's name and address."""
    if _noted(services, AuditLogEntry.case_id == case.id, actor, VIEW):
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
    """Somebody searched among the customers of a company.

    What they typed is not kept: it may name a person, and an erasure could not find it here.
    """
    if _noted(services, AuditLogEntry.chain == f"company:{company_id}", actor, SEARCH):
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
    """Somebody read the company's record, whose words may name its customers."""
    mine = (AuditLogEntry.chain == f"company:{company_id}") & (AuditLogEntry.about == "record")
    if _noted(services, mine, actor, VIEW):
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


def _noted(services: Services, where: ColumnElement[bool], actor: str, verb: str) -> bool:
    """One look at an index: this hour has its line already."""
    hour = services.now().replace(minute=0, second=0, microsecond=0)
    query = select(AuditLogEntry.id).where(
        where, AuditLogEntry.actor == actor, AuditLogEntry.verb == verb, AuditLogEntry.at >= hour
    )
    with services.db.read() as session:
        return session.scalar(query.limit(1)) is not None
