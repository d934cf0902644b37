"""An import's cursor: it moves only in the transaction that stores the rows behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from recover.models import HistoryImport, ImportStage, ImportState

LEASE = timedelta(minutes=3)  # longer than one request may take, its repetitions included


class Overtaken(Exception):
    """Another worker has moved the cursor: what this one has read is not stored."""


@dataclass(frozen=True, slots=True)
class Position:
    """The cursor's position between two pages, and the import it belongs to."""

    account_id: int
    stage: ImportStage
    cursor: str
    cursor_at: datetime
    since: datetime
    until: datetime

    @classmethod
    def of(cls, row: HistoryImport) -> Position:
        return cls(row.account_id, row.stage, row.cursor, row.cursor_at, row.since, row.until)


def move(session: Session, position: Position, now: datetime, **values: Any) -> None:
    """Move the cursor on from ``position``, in the transaction that stores the rows behind it.

    Raises Overtaken if another worker has moved it, or the import was begun anew.
    """
    here = (
        update(HistoryImport)
        .where(
            HistoryImport.account_id == position.account_id,
            HistoryImport.state == ImportState.RUNNING,
            HistoryImport.stage == position.stage,
            HistoryImport.cursor == position.cursor,
            HistoryImport.until == position.until,
        )
        .values({"due_at": now + LEASE, "failures": 0, "error": "", **values})
    )
    result = session.execute(here)
    assert isinstance(result, CursorResult)  # noqa: S101 - what an UPDATE always gives
    if result.rowcount != 1:
        raise Overtaken
