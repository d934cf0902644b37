"""Entries of the audit log as they are stored, and whether each is still what was written.

Whatever stands in the table may have been tampered with, so columns are read raw, and held to the
byte: another spelling of the same value was not written by us.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, Text, cast, select, type_coerce
from sqlalchemy.orm import Session

from recover.compliance import audit_log
from recover.models import AuditLogEntry

ROWS_AT_ONCE = 2000


class Broken(Exception):
    """The line does not hold. The text says why."""


class RawEntry(NamedTuple):
    """A line as it is stored; ``details`` is JSON text, ``at`` text on SQLite."""

    id: int
    chain: str
    account_id: int | None
    company_id: int | None
    case_id: int | None
    stripe_customer_id: str
    actor: str
    verb: str
    about: str
    reason: str
    details: str | None
    salt: str
    digest: str
    at: Any
    seq: Any
    hash: Any

    @property
    def erased(self) -> bool:
        return self.salt == "" and self.reason == "" and self.details in (None, "null")


AS_STORED: dict[str, ColumnElement[Any]] = {
    "at": type_coerce(AuditLogEntry.at, String),
    "details": cast(AuditLogEntry.details, Text),
}
COLUMNS = [
    AS_STORED.get(name, getattr(AuditLogEntry, name)).label(name) for name in RawEntry._fields
]


def raw_entries(session: Session, *conditions: ColumnElement[bool]) -> Iterator[Sequence[RawEntry]]:
    """The lines in the order of the chain, unsealed ones in that of their ids, some at a time."""
    query = select(*COLUMNS).where(*conditions).order_by(AuditLogEntry.seq, AuditLogEntry.id)
    found = session.execute(query.execution_options(yield_per=ROWS_AT_ONCE))
    for rows in found.partitions(ROWS_AT_ONCE):
        yield [RawEntry._make(row) for row in rows]


def checked_hash(before: str, row: RawEntry) -> str:
    """The line's hash, if its words and all its columns are what was sealed. Raises Broken."""
    line = row._replace(at=time_of(row.at))
    if not row.erased:
        check_words(row)
    if audit_log.entry_hash(before, line, row.seq) != row.hash:
        raise Broken("it is not what was sealed: a column was changed, or the line before it was")
    return str(row.hash)


def check_words(row: RawEntry) -> None:
    details = _json(row.details)
    if not row.salt or details is None:
        raise Broken("its words are erased only in part")
    if audit_log.digest(row.salt, row.reason, details) != row.digest:
        raise Broken("its words (reason, details or salt) no longer fit their digest")


def _json(text: str | None) -> Any:
    """Held to the byte: another spelling of the same words was not written by us."""
    try:
        value = json.loads(text or "null")
    except ValueError:
        raise Broken("its details cannot be read") from None
    if text is not None and json.dumps(value) != text:
        raise Broken("its details are not spelt as they were written")
    return value


def time_of(raw: Any) -> datetime:
    if isinstance(raw, datetime):
        return raw.astimezone(UTC)
    try:
        at = datetime.fromisoformat(raw)
    except (TypeError, ValueError):
        raise Broken("its time cannot be read") from None
    if at.isoformat(" ", "microseconds") != raw:
        raise Broken("its time is not spelt as it was written")
    return at.replace(tzinfo=UTC)


def time_if_any(raw: Any) -> datetime | None:
    try:
        return time_of(raw)
    except Broken:
        return None


def erased_entries_claimed(row: RawEntry) -> int:
    """How many lines an erasure says it has emptied."""
    if row.verb != audit_log.ERASE or row.erased:
        return 0
    return int(json.loads(row.details or "{}").get("lines", 0))
