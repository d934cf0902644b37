"""Emptying what names a person: one statement a table, in the caller's transaction.

Amounts, dates, outcomes and Stripe's ids stay: the ledger and the figures are sums over them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, null, select, update
from sqlalchemy.orm import Session

from recover.compliance import audit_log
from recover.models import AuditLogEntry, CardUpdate, Link, Message, MessageStatus, RecoveryCase


@dataclass(frozen=True, slots=True)
class Emptied:
    """How many rows lost what named somebody."""

    cases: int = 0
    messages: int = 0
    links: int = 0
    lines: int = 0  # of the audit log

    def __add__(self, other: Emptied) -> Emptied:
        return Emptied(*(a + b for a, b in zip(self._all(), other._all(), strict=True)))

    def __bool__(self) -> bool:
        return any(self._all())

    def _all(self) -> tuple[int, ...]:
        return (self.cases, self.messages, self.links, self.lines)


@dataclass(frozen=True, slots=True)
class Where:
    """Which rows are meant, table by table."""

    cases: ColumnElement[bool]
    messages: ColumnElement[bool]
    links: ColumnElement[bool]
    lines: ColumnElement[bool]


def of_customer(account_id: int, customer_id: str) -> Where:
    """All there is about one customer."""

    def theirs(table: Any) -> ColumnElement[bool]:
        return and_(table.account_id == account_id, table.stripe_customer_id == customer_id)

    return Where(theirs(RecoveryCase), theirs(Message), theirs(Link), theirs(AuditLogEntry))


def empty(session: Session, where: Where, now: datetime) -> Emptied:
    """Cases first: whoever works on one holds its row, and what they write is seen after that."""
    cases = (RecoveryCase, where.cases, RecoveryCase.erased_at.is_(None), _case(now))
    messages = (Message, where.messages, _names_somebody(), _message())
    links = (Link, where.links, Link.revoked_at.is_(None), {"revoked_at": now})
    lines = (AuditLogEntry, where.lines, AuditLogEntry.salt != "", _words())
    done = [_update(session, *one) for one in (cases, messages, links, lines)]
    theirs = CardUpdate.link_id.in_(select(Link.id).where(where.links))
    _update(session, CardUpdate, theirs, CardUpdate.origin_hash != "", {"origin_hash": ""})
    return Emptied(*done)


def note_erasure(
    session: Session,
    account_id: int,
    done: Emptied,
    reason: str,
    now: datetime,
    actor: str,
) -> None:
    """A line that says how many others lost their words, and names nobody.

    Without it the verification of the audit log would find a fault.
    """
    audit_log.write(
        session,
        audit_log.ERASE,
        reason,
        now,
        audit_log.Subject("person", account_id=account_id),
        actor=actor,
        details=asdict(done),
    )


def _case(now: datetime) -> dict[str, Any]:
    return {
        "customer_name": "",
        "customer_email": "",
        "locale": "",
        "hosted_invoice_url": "",
        "warnings": [],
        "erased_at": now,
    }


def _names_somebody() -> ColumnElement[bool]:
    return (Message.to_email != "") | (Message.subject != "")


def _message() -> dict[str, Any]:
    """A mail that waits is not sent any more; one under way ends as it ends."""
    still = case(
        (Message.status == MessageStatus.PENDING, MessageStatus.SKIPPED), else_=Message.status
    )
    return {
        "to_email": "",
        "subject": "",
        "details": {},
        "reason": "",
        "error": "",
        "status": still,
    }


def _words() -> dict[str, Any]:
    return {"reason": "", "details": null(), "salt": ""}


def _update(
    session: Session,
    table: Any,
    where: ColumnElement[bool],
    full: ColumnElement[bool],
    values: dict[str, Any],
) -> int:
    statement = update(table).where(where, full).values(**values)
    done = session.execute(statement, execution_options={"synchronize_session": False})
    return int(done.rowcount)  # type: ignore[attr-defined]
