"""The audit log as a file: one line of JSON or of CSV for each entry, in constant memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import select

from recover.foundation.database import Database
from recover.models import AuditLogEntry

FORMATS = ("jsonl", "csv")
COLUMNS = (
    "id",
    "chain",
    "seq",
    "at",
    "actor",
    "verb",
    "about",
    "reason",
    "details",
    "account_id",
    "company_id",
    "case_id",
    "stripe_customer_id",
    "salt",
    "digest",
    "hash",
)
"""Everything the chain is made of, so that an export can be verified without us."""

ROWS_AT_ONCE = 1000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would carry out


def export(
    db: Database, chains: Sequence[str], format_: str, since: datetime | None = None
) -> Iterator[str]:
    """Text, some lines at a time: oldest first within each chain. ``format_`` is jsonl or csv."""
    if format_ == "csv":
        yield _as_csv([COLUMNS])
    for chain in chains:
        for rows in _batches(db, chain, since):
            if format_ == "csv":
                yield _as_csv(
                    [[_safe_cell(value) for value in _as_dict(row).values()] for row in rows]
                )
            else:
                yield "".join(json.dumps(_as_dict(row)) + "\n" for row in rows)


def _batches(db: Database, chain: str, since: datetime | None) -> Iterator[Sequence[AuditLogEntry]]:
    """By ids, each batch in a short reading of its own: a download may take long."""
    after = 0
    while True:
        query = select(AuditLogEntry).where(AuditLogEntry.chain == chain, AuditLogEntry.id > after)
        if since:
            query = query.where(AuditLogEntry.at >= since)
        with db.read() as session:
            rows = session.scalars(query.order_by(AuditLogEntry.id).limit(ROWS_AT_ONCE)).all()
        if not rows:
            return
        after = rows[-1].id
        yield rows


def _as_dict(row: AuditLogEntry) -> dict[str, object]:
    values = {name: getattr(row, name) for name in COLUMNS}
    return values | {"at": row.at.isoformat(timespec="microseconds")}


def _safe_cell(value: object) -> object:
    """Words that came from elsewhere must not become formulas in a spreadsheet."""
    if isinstance(value, dict):
        return json.dumps(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _as_csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
