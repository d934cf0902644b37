"""Begins an import, and does a bounded slice of it; called by workers and by the command."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from recover.compliance import audit_log
from recover.foundation.errors import (
    PermanentError,
    StripeAccessLost,
    StripeRejected,
    TransientError,
)
from recover.foundation.locales import english_day
from recover.models import Account, HistoryImport, ImportStage, ImportState
from recover.onboarding.backtest.wording import start_of
from recover.onboarding.history_import.cursor import LEASE, Overtaken, Position, move
from recover.onboarding.history_import.failed_renewals import judge_batch
from recover.onboarding.history_import.pages import read_page
from recover.services import Services
from recover.stripe_api.throttle import Pace

log = logging.getLogger(__name__)

SPAN = "18mo"
PAGES_AT_ONCE = 20  # in one slice: some seconds, then the queue's other jobs get their turn
OVERLAP = timedelta(days=60)  # read again when the history is brought up to date: statuses change
MAX_WAIT = timedelta(minutes=30)
KEY_REFUSED_TEXT = (
    "Stripe refuses our key: {error}. Reading the past needs read access to Invoices and"
    " Charges. Once the key has it, go on: what was read stays."
)
DISCONNECTED_TEXT = (
    "The account was disconnected from Stripe. Reading goes on by itself once it is connected."
)


def begin(services: Services, account: Account, actor: str = audit_log.RECOVER) -> HistoryImport:
    """Begin to import the history, or what has changed since it was last imported.

    An import that is running or was interrupted is left as it is. Returns the row.
    """
    now = services.now().replace(microsecond=0)
    with services.db.begin() as session:
        row = session.get(HistoryImport, account.id, with_for_update=True)
        if row is not None and row.state != ImportState.DONE:
            return row
        since = start_of(SPAN, now) if row is None else max(row.since, row.until - OVERLAP)
        row = row or HistoryImport(account_id=account.id, started_at=now, failed=0)
        row.state, row.stage = ImportState.RUNNING, ImportStage.INVOICES
        row.cursor = row.error = ""
        row.since, row.until, row.cursor_at, row.due_at = since, now, now, now
        row.invoices = row.charges = row.sorted = row.requests = row.failures = 0
        row.started_at = now
        session.add(row)
        text = f"The past from {english_day(since, 'dd MMMM y')} on is read from Stripe."
        audit_log.write(
            session,
            "import",
            text,
            now,
            audit_log.Subject("history", account_id=account.id),
            actor=actor,
        )
    return row


def resume(services: Services, account_id: int, actor: str) -> None:
    """Continue after Stripe refused the key or the account was disconnected."""
    now = services.now()
    waiting = update(HistoryImport).where(
        HistoryImport.account_id == account_id,
        HistoryImport.state.in_((ImportState.REFUSED, ImportState.DISCONNECTED)),
    )
    with services.db.begin() as session:
        changed = waiting.values(state=ImportState.RUNNING, due_at=now, failures=0, error="")
        if session.execute(changed.returning(HistoryImport.account_id)).scalar() is not None:
            audit_log.write(
                session,
                "import",
                "Reading the past goes on.",
                now,
                audit_log.Subject("history", account_id=account_id),
                actor=actor,
            )


def due(services: Services) -> list[int]:
    """The accounts whose import is due: never begun, running, or connected again."""
    now = services.now()
    query = (
        select(Account.id)
        .outerjoin(HistoryImport, HistoryImport.account_id == Account.id)
        .where(
            Account.disconnected_at.is_(None),
            or_(
                HistoryImport.account_id.is_(None),
                HistoryImport.state == ImportState.DISCONNECTED,
                (HistoryImport.state == ImportState.RUNNING) & (HistoryImport.due_at <= now),
            ),
        )
        .order_by(Account.id)
    )
    with services.db.read() as session:
        return list(session.scalars(query))


def import_slice(
    services: Services,
    account_id: int,
    *,
    pace: Pace | None = None,
    pages: int | None = None,
    on_page: Callable[[], object] = lambda: None,
) -> bool:
    """Do up to ``pages`` pages (`PAGES_AT_ONCE`). True if another slice should follow at once.

    False also if another worker holds the import, or nothing can be done now. ``on_page`` is called
    after each page is stored.
    """
    account, position = _claim(services, account_id)
    if position is None:
        return False
    stripe, pace = services.stripe(account), pace or Pace()
    try:
        for _ in range(pages or PAGES_AT_ONCE):
            if position.stage != ImportStage.SORTING:
                pace.wait_turn()
                read_page(services.db, stripe, position, services.now())
            else:
                judge_batch(services.db, position, services.now())
            on_page()
            next_position = _position(services, account_id)
            if next_position is None:
                return False
            position = next_position
        _move_unless_overtaken(services, position, due_at=services.now())
    except Overtaken:
        return False
    except (StripeAccessLost, StripeRejected) as error:
        _stop(
            services,
            position,
            ImportState.REFUSED,
            KEY_REFUSED_TEXT.format(error=str(error).rstrip(".")),
        )
        return False
    except TransientError as error:
        _back_off(services, position, error)
        return False
    return True


def _claim(services: Services, account_id: int) -> tuple[Account, Position | None]:
    """Take the import for `LEASE`, beginning or resuming it first if that is due."""
    now = services.now()
    with services.db.read() as session:
        account = session.get_one(Account, account_id)
        row = session.get(HistoryImport, account_id)
    if account.disconnected_at is None and row is None:
        begin(services, account)
    elif account.disconnected_at is None and row and row.state == ImportState.DISCONNECTED:
        resume(services, account_id, audit_log.RECOVER)
    take = (
        update(HistoryImport)
        .where(
            HistoryImport.account_id == account_id,
            HistoryImport.state == ImportState.RUNNING,
            HistoryImport.due_at <= now,
        )
        .values(due_at=now + LEASE)
        .returning(HistoryImport.account_id)
    )
    with services.db.begin() as session:
        if session.scalar(take) is None:
            return account, None
    return account, _position(services, account_id)


def _position(services: Services, account_id: int) -> Position | None:
    """The position to continue from; None if the import ended or the account was disconnected."""
    with services.db.read() as session:
        row = session.get_one(HistoryImport, account_id)
        gone = session.get_one(Account, account_id).disconnected_at is not None
    if row.state != ImportState.RUNNING:
        return None
    position = Position.of(row)
    if gone:
        _stop(services, position, ImportState.DISCONNECTED, DISCONNECTED_TEXT)
        return None
    return position


def _stop(services: Services, position: Position, state: ImportState, error: str) -> None:
    log.warning("import of account %s: %s", position.account_id, error)
    now = services.now()
    try:
        with services.db.begin() as session:
            move(session, position, now, state=state, error=error)
            audit_log.write(
                session,
                "import",
                error,
                now,
                audit_log.Subject("history", account_id=position.account_id),
                actor=audit_log.RECOVER,
            )
    except Overtaken:
        return


def _back_off(services: Services, position: Position, error: TransientError) -> None:
    """Put the import off as long as Stripe asks, or else longer after each failure."""
    with services.db.read() as session:
        failures = session.get_one(HistoryImport, position.account_id).failures + 1
    wait = timedelta(seconds=error.retry_after or min(15 * 2**failures, 1800))
    until = services.now() + min(wait, MAX_WAIT)
    _move_unless_overtaken(services, position, due_at=until, failures=failures, error=str(error))


def _move_unless_overtaken(
    services: Services, position: Position, **values: datetime | int | str
) -> None:
    try:
        with services.db.begin() as session:
            move(session, position, services.now(), **values)
    except Overtaken:
        return


def require_finished(session: Session, account_id: int) -> HistoryImport:
    """The account's import, once finished. Raises PermanentError, which names the command."""
    row = session.get(HistoryImport, account_id)
    if row is None or row.finished_at is None:
        raise PermanentError("The past is not read yet: recover import")
    return row
