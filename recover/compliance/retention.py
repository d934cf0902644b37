"""How long a company keeps what names its customers: a number of days after their case has closed.

Every night older data is emptied as if the person had asked for it, except that mail is not
suppressed: a customer whose payment fails again is written to again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, func, select
from sqlalchemy.orm import Session

from recover.compliance import anonymization, audit_log
from recover.compliance.anonymization import Emptied, Where
from recover.dunning import CaseState
from recover.foundation.errors import PermanentError
from recover.models import Account, AuditLogEntry, Company, Link, Message, RecoveryCase
from recover.services import Services

LEAST_DAYS, MOST_DAYS = 400, 3650
"""After 400 days a year's books are closed and no charge can be disputed any more."""

CASES_AT_ONCE = 500
REASON = "Older than the company keeps such things: names, addresses and words were emptied."


def set_keep_days(services: Services, company_id: int, days: int | None, *, actor: str) -> None:
    """Set for how many days data is kept; None: for good. Raises PermanentError out of bounds."""
    if days is not None and not LEAST_DAYS <= days <= MOST_DAYS:
        raise PermanentError(
            f"Keep personal data for {LEAST_DAYS} to {MOST_DAYS} days: until then the books and"
            " disputes still need it."
        )
    with services.db.begin() as session:
        company = session.get_one(Company, company_id)
        before, company.keep_days = company.keep_days, days
        if before != days:
            audit_log.write(
                session,
                "setting",
                "How long personal data is kept was changed.",
                services.now(),
                audit_log.Subject("setting:keep_days", company_id=company_id),
                actor=actor,
                details={"before": before, "after": days},
            )


def due(session: Session, company: Company, now: datetime, days: int | None = None) -> Emptied:
    """What `run` would empty now, under ``days`` if given. Changes nothing."""
    days = days or company.keep_days
    total = Emptied()
    for account_id in _accounts(session, company.id) if days else []:
        old = _old_cases(account_id, _cutoff(now, days or 0))
        ids = select(RecoveryCase.id).where(old)
        cases = session.scalar(select(func.count(RecoveryCase.id)).where(old)) or 0
        of_cases = Emptied(
            cases,
            _count(session, Message, Message.case_id.in_(ids)),
            _count(session, Link, Link.case_id.in_(ids), Link.revoked_at.is_(None)),
            _count(
                session, AuditLogEntry, AuditLogEntry.case_id.in_(ids), AuditLogEntry.salt != ""
            ),
        )
        without_case = _without_case(account_id, _cutoff(now, days or 0))
        total += of_cases + Emptied(
            0,
            _count(session, Message, without_case.messages),
            _count(session, Link, without_case.links, Link.revoked_at.is_(None)),
            _count(session, AuditLogEntry, without_case.lines, AuditLogEntry.salt != ""),
        )
    return total


def run(services: Services, company_id: int) -> Emptied:
    """Empty all that is due, in batches. Harmless to repeat or to interrupt."""
    with services.db.read() as session:
        company = session.get_one(Company, company_id)
        accounts = _accounts(session, company_id) if company.keep_days else []
    total = Emptied()
    for account_id in accounts:
        cutoff = _cutoff(services.now(), company.keep_days or 0)
        while done := _empty_batch(services, account_id, cutoff):
            total += done
        total += _empty_and_note(services, account_id, _without_case(account_id, cutoff))
    return total


def companies(session: Session) -> Sequence[int]:
    """The ids of the companies that keep personal data for a limited time."""
    return session.scalars(select(Company.id).where(Company.keep_days.is_not(None))).all()


def _accounts(session: Session, company_id: int) -> Sequence[int]:
    return session.scalars(select(Account.id).where(Account.company_id == company_id)).all()


def _cutoff(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _old_cases(account_id: int, cutoff: datetime) -> ColumnElement[bool]:
    return and_(
        RecoveryCase.account_id == account_id,
        RecoveryCase.state != CaseState.OPEN,
        RecoveryCase.closed_at < cutoff,
        RecoveryCase.erased_at.is_(None),
    )


def _empty_batch(services: Services, account_id: int, cutoff: datetime) -> Emptied:
    old = select(RecoveryCase.id).where(_old_cases(account_id, cutoff)).limit(CASES_AT_ONCE)
    with services.db.read() as session:
        ids = list(session.scalars(old))
    if not ids:
        return Emptied()
    where = Where(
        cases=and_(RecoveryCase.id.in_(ids), RecoveryCase.state != CaseState.OPEN),
        messages=Message.case_id.in_(ids),
        links=Link.case_id.in_(ids),
        lines=AuditLogEntry.case_id.in_(ids),
    )
    return _empty_and_note(services, account_id, where)


def _without_case(account_id: int, cutoff: datetime) -> Where:
    """Rows about a customer but no case, such as the notice of a card that expires."""
    return Where(
        cases=false(),
        messages=and_(
            Message.account_id == account_id, Message.case_id.is_(None), Message.created_at < cutoff
        ),
        links=and_(Link.account_id == account_id, Link.case_id.is_(None), Link.created_at < cutoff),
        lines=and_(
            AuditLogEntry.account_id == account_id,
            AuditLogEntry.case_id.is_(None),
            AuditLogEntry.stripe_customer_id != "",
            AuditLogEntry.at < cutoff,
        ),
    )


def _empty_and_note(services: Services, account_id: int, where: Where) -> Emptied:
    with services.db.begin() as session:
        done = anonymization.empty(session, where, services.now())
        if done:
            anonymization.note_erasure(
                session, account_id, done, REASON, services.now(), audit_log.RECOVER
            )
    return done


def _count(
    session: Session, table: type[Message | Link | AuditLogEntry], *where: ColumnElement[bool]
) -> int:
    return session.scalar(select(func.count(table.id)).where(*where)) or 0
