"""How far an import has come, as shown to people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recover.models import HistoryImport, ImportStage, ImportState

# Of a stage; the sorting is soon over.
_BEGINS = {ImportStage.INVOICES: 0.0, ImportStage.CHARGES: 0.5, ImportStage.DONE: 1.0}
_LONGEST_ESTIMATE = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Progress:
    """``share`` is from 0 to 1, by the period read: Stripe does not count its objects."""

    row: HistoryImport
    share: float
    left: timedelta | None  # at the present rate; None while that is too uncertain

    @property
    def running(self) -> bool:
        return self.row.state == ImportState.RUNNING

    @property
    def done(self) -> bool:
        return self.row.state == ImportState.DONE

    @property
    def stopped(self) -> bool:
        return self.row.state in (ImportState.REFUSED, ImportState.DISCONNECTED)

    def waits(self, now: datetime) -> bool:
        """Whether Stripe could not be reached; it is asked again at `row.due_at`."""
        return self.running and self.row.failures > 0 and self.row.due_at > now


def progress_of(session: Session, account_id: int, now: datetime) -> Progress | None:
    """None before the import began."""
    row = session.get(HistoryImport, account_id)
    if row is None:
        return None
    share = _share(row)
    return Progress(row, share, _time_left(row, share, now))


def _share(row: HistoryImport) -> float:
    if row.stage not in (ImportStage.INVOICES, ImportStage.CHARGES):
        return _BEGINS.get(row.stage, 0.98)
    span = (row.until - row.since).total_seconds() or 1.0
    back = (row.until - row.cursor_at).total_seconds() / span
    return _BEGINS[row.stage] + 0.48 * min(1.0, max(0.0, back))


def _time_left(row: HistoryImport, share: float, now: datetime) -> timedelta | None:
    took = now - row.started_at
    too_early = share < 0.05 or took <= timedelta(0)  # noqa: PLR2004 - a guess would be wild
    if row.state != ImportState.RUNNING or too_early:
        return None
    left = took * ((1 - share) / share)
    return left if left < _LONGEST_ESTIMATE else None
