"""Entries of the audit log as they are stored, and whether each is still what was written.

The table may have been tampered with. So columns are read raw and compared byte for byte: another
spelling of the same value was not written by Recover.
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


class EntryBroken(Exception):
    """The entry is not what was sealed. The text says why."""


class RawEntry(NamedTuple):
    """An entry as it is stored; ``details`` is JSON text, ``at`` is text on SQLite."""

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
    """The entries in the order of the chain, unsealed ones by id, in batches."""
    query = select(*COLUMNS).where(*conditions).order_by(AuditLogEntry.seq, AuditLogEntry.id)
    batches = session.execute(query.execution_options(yield_per=ROWS_AT_ONCE))
    for batch in batches.partitions(ROWS_AT_ONCE):
        yield [RawEntry._make(entry) for entry in batch]


def checked_hash(previous_hash: str, entry: RawEntry) -> str:
    """The hash of an unchanged entry. Raises EntryBroken if its words or columns were changed."""
    with_time = entry._replace(at=time_of(entry.at))
    if not entry.erased:
        check_words(entry)
    if audit_log.entry_hash(previous_hash, with_time, entry.seq) != entry.hash:
        raise EntryBroken(
            "it is not what was sealed: a column was changed, or the line before it was"
        )
    return str(entry.hash)


def check_words(entry: RawEntry) -> None:
    details = _parsed_details(entry.details)
    if not entry.salt or details is None:
        raise EntryBroken("its words are erased only in part")
    if audit_log.digest(entry.salt, entry.reason, details) != entry.digest:
        raise EntryBroken("its words (reason, details or salt) no longer fit their digest")


def _parsed_details(text: str | None) -> Any:
    """``details`` as a value. Raises EntryBroken if the text is not exactly as written."""
    try:
        value = json.loads(text or "null")
    except ValueError:
        raise EntryBroken("its details cannot be read") from None
    if text is not None and json.dumps(value) != text:
        raise EntryBroken("its details are not spelt as they were written")
    return value


def time_of(raw: Any) -> datetime:
    if isinstance(raw, datetime):
        return raw.astimezone(UTC)
    try:
        at = datetime.fromisoformat(raw)
    except (TypeError, ValueError):
        raise EntryBroken("its time cannot be read") from None
    if at.isoformat(" ", "microseconds") != raw:
        raise EntryBroken("its time is not spelt as it was written")
    return at.replace(tzinfo=UTC)


def time_if_any(raw: Any) -> datetime | None:
    try:
        return time_of(raw)
    except EntryBroken:
        return None


def erased_entries_claimed(entry: RawEntry) -> int:
    """How many entries an erasure says it has emptied; 0 for every other entry."""
    if entry.verb != audit_log.ERASE or entry.erased:
        return 0
    return int(json.loads(entry.details or "{}").get("lines", 0))
