"""Emptying the columns that name a person: one statement a table, in the caller's transaction.

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
    """How many rows were emptied. The names of the fields are stored in audit log entries."""

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
    """All rows about one customer."""

    def of_them(table: Any) -> ColumnElement[bool]:
        return and_(table.account_id == account_id, table.stripe_customer_id == customer_id)

    return Where(of_them(RecoveryCase), of_them(Message), of_them(Link), of_them(AuditLogEntry))


def empty(session: Session, where: Where, now: datetime) -> Emptied:
    """Empty the rows. Returns how many changed.

    Cases come first: a worker on a case holds its row, and whatever it writes is seen after that.
    """
    cases = (RecoveryCase, where.cases, RecoveryCase.erased_at.is_(None), _empty_case(now))
    messages = (Message, where.messages, _names_somebody(), _empty_message())
    links = (Link, where.links, Link.revoked_at.is_(None), {"revoked_at": now})
    lines = (AuditLogEntry, where.lines, AuditLogEntry.salt != "", _empty_words())
    done = [_rows_updated(session, *one) for one in (cases, messages, links, lines)]
    of_links = CardUpdate.link_id.in_(select(Link.id).where(where.links))
    _rows_updated(session, CardUpdate, of_links, CardUpdate.origin_hash != "", {"origin_hash": ""})
    return Emptied(*done)


def note_erasure(
    session: Session,
    account_id: int,
    done: Emptied,
    reason: str,
    now: datetime,
    actor: str,
) -> None:
    """Write the audit log entry that says how many rows were emptied, and names nobody.

    Without it the verification of the audit log would report the emptied entries.
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


def _empty_case(now: datetime) -> dict[str, Any]:
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


def _empty_message() -> dict[str, Any]:
    """A pending mail is skipped; one that is being sent keeps its status."""
    status = case(
        (Message.status == MessageStatus.PENDING, MessageStatus.SKIPPED), else_=Message.status
    )
    return {
        "to_email": "",
        "subject": "",
        "details": {},
        "reason": "",
        "error": "",
        "status": status,
    }


def _empty_words() -> dict[str, Any]:
    return {"reason": "", "details": null(), "salt": ""}


def _rows_updated(
    session: Session,
    table: Any,
    where: ColumnElement[bool],
    not_empty: ColumnElement[bool],
    values: dict[str, Any],
) -> int:
    statement = update(table).where(where, not_empty).values(**values)
    done = session.execute(statement, execution_options={"synchronize_session": False})
    return int(done.rowcount)  # type: ignore[attr-defined]
