"""The report over the imported history: asked for, worked out a few invoices at a time, kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from recover.cases import imported_history
from recover.cases.core_facts import MEMORY
from recover.cases.core_values import attempts_of_charges, card_of
from recover.cases.imported_history import Story
from recover.cases.subscriber_timezone import timezone_of
from recover.compliance import audit_log
from recover.dunning import Campaign, CardUse, RetryMode, TimingKind, campaign
from recover.learning import timing_in_force
from recover.models import (
    Account,
    HistoryImport,
    ImportedCharge,
    ImportedInvoice,
    Report,
    ReportKind,
)
from recover.onboarding.backtest.renewals import NOT_SENT, STILL_RUNNING, Ending, History
from recover.onboarding.dry_run.replay import PastRenewal, replay
from recover.onboarding.dry_run.tally import line, summary
from recover.onboarding.history_import.runner import require_finished
from recover.reporting import background_reports
from recover.services import Services

DAYS = 90
ENDINGS = {
    Ending.RETRY: "Paid by a later retry of the same card.",
    Ending.OTHER_CARD: "Paid by another card or new card details.",
    Ending.ELSEWHERE: "Paid, but not by a charge that we saw.",
    Ending.VOID: "Voided.",
    Ending.UNCOLLECTIBLE: "Marked uncollectible.",
    Ending.OPEN: f"Still unpaid after {STILL_RUNNING.days} days.",
    Ending.RUNNING: "Unpaid, and too young to call.",
}


def request(services: Services, account: Account, actor: str, mode: str = "") -> Report:
    """Have the last 90 days replayed. Raises PermanentError until the history is imported.

    ``mode``: recover or stripe; without one, the account's own. An account in observe mode
    is replayed as if in recover mode.
    """
    with services.db.read() as session:
        require_finished(session, account.id)
    return background_reports.request(
        services, account.id, ReportKind.DRY_RUN, actor, mode or own_mode(account)
    )


def request_first(services: Services, account_id: int) -> None:
    """Request the first dry run, once the history is imported and nobody has asked for one."""
    with services.db.read() as session:
        account = session.get_one(Account, account_id)
        found = session.get(HistoryImport, account_id)
        newest = background_reports.newest(session, account_id, ReportKind.DRY_RUN)
    if found and found.finished_at and newest is None:
        request(services, account, audit_log.RECOVER)


def own_mode(account: Account) -> str:
    return RetryMode.STRIPE if account.mode == RetryMode.STRIPE else RetryMode.RECOVER


def work(services: Services, report: Report) -> None:
    """Go through the failed renewals that the report does not hold yet."""
    with services.db.read() as session:
        account = session.get_one(Account, report.account_id)
        until = session.get_one(HistoryImport, account.id).until
        chosen = _failed_query(account.id, until)
        counting = chosen.with_only_columns(func.count(ImportedInvoice.id)).order_by(None)
        total = session.scalar(counting) or 0
        lines = _lines(session, account, report, until)
        background_reports.work(
            services, report, total, lines, lambda s, r: _summary(s, r, account, until)
        )


def _failed_query(account_id: int, until: datetime) -> Select[ImportedInvoice]:
    since = until - timedelta(days=DAYS)
    found = imported_history.failed(account_id).where(
        ImportedInvoice.failed_at >= since, ImportedInvoice.failed_at <= until
    )
    return found.order_by(ImportedInvoice.failed_at.desc(), ImportedInvoice.id.desc())


def _lines(
    session: Session, account: Account, report: Report, until: datetime
) -> Iterator[background_reports.Line]:
    """The lines behind the report's cursor, newest invoice first."""
    own = campaign(account.campaign_key, account.campaign_version)
    own_campaign = timing_in_force.within_limits(account, own)
    rows = list(
        session.scalars(_failed_query(account.id, until).with_only_columns(ImportedInvoice.id))
    )
    rest = rows[rows.index(int(report.cursor)) + 1 :] if report.cursor else rows
    for chunk in (
        rest[i : i + imported_history.CHUNK] for i in range(0, len(rest), imported_history.CHUNK)
    ):
        query = select(ImportedInvoice).where(ImportedInvoice.id.in_(chunk))
        found = {row.id: row for row in session.scalars(query)}
        ordered = [found[row_id] for row_id in chunk if row_id in found]
        for story in imported_history.stories(session, account.id, ordered):
            yield (
                str(story.id),
                story.invoice.id,
                _line(session, account, report, story, own_campaign, until),
            )


def _line(
    session: Session,
    account: Account,
    report: Report,
    story: Story,
    own_campaign: Campaign,
    until: datetime,
) -> dict[str, object]:
    renewal = _replay_input(session, account, story, until)
    timing = timing_in_force.timing_of(session, account, story.invoice.id)
    return line(renewal, replay(renewal, own_campaign, timing, RetryMode(report.mode), until))


def _replay_input(session: Session, account: Account, story: Story, until: datetime) -> PastRenewal:
    attempts = attempts_of_charges(story.charges)
    history = History(story.invoice, attempts)
    card = card_of(story.charges[0].method) if story.charges else None
    countries = [card.country] if card and card.country else []
    own_zone = account.timezone or "UTC"
    invoice = story.invoice
    return PastRenewal(
        invoice=invoice,
        failed_at=story.failed_at,
        attempts=attempts,
        card_uses=_card_uses(
            session, account.id, card.fingerprint if card else "", story.failed_at
        ),
        paid_hours=story.paid_hours,
        timezone=timezone_of("", countries, own_zone) or own_zone,
        ended_at=invoice.paid_at if invoice.status == "paid" else invoice.ended_at,
        ending=ENDINGS[history.ending(until)],
        disputed=any(one.disputed for one in story.charges),
    )


def _card_uses(
    session: Session, account_id: int, fingerprint: str, at: datetime
) -> tuple[CardUse, ...]:
    if not fingerprint:
        return ()
    query = (
        select(ImportedCharge.created_at, ImportedCharge.amount_minor, ImportedCharge.status)
        .where(
            ImportedCharge.account_id == account_id,
            ImportedCharge.card_fingerprint == fingerprint,
            ImportedCharge.created_at > at - MEMORY,
            ImportedCharge.created_at <= at,
            ImportedCharge.network_status != NOT_SENT,
            ImportedCharge.status != "pending",
        )
        .order_by(ImportedCharge.created_at)
    )
    return tuple(
        CardUse(created, amount, status == "succeeded")
        for created, amount, status in session.execute(query)
    )


def _summary(
    session: Session, report: Report, account: Account, until: datetime
) -> dict[str, object]:
    since = until - timedelta(days=DAYS)
    found = summary(background_reports.bodies(session, report))
    timing = "the retry engine" if account.timing == TimingKind.ENGINE else "the fixed days"
    return found | {"since": since.isoformat(), "until": until.isoformat(), "timing": timing}
