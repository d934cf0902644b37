"""What Stripe's settings seem to be, judged by its first event and its own retries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from recover.dunning import CaseState, Trigger
from recover.foundation.database import Database
from recover.models import (
    Account,
    Attempt,
    ChecklistState,
    ImportedInvoice,
    RecoveryCase,
    StripeEvent,
    StripeMails,
)
from recover.services import Services

LATELY = timedelta(days=90)


def checklist_state(session: Session, account_id: int) -> ChecklistState:
    """The account's state; an empty one, not stored, if there is no row."""
    return session.get(ChecklistState, account_id) or ChecklistState(
        account_id=account_id,
        webhook_type="",
        stripe_mails=StripeMails.UNSAID,
        sender_asked="",
        sender_confirmed="",
        dns={},
    )


def locked_checklist_state(db: Database, session: Session, account_id: int) -> ChecklistState:
    """The account's row, made if there is none yet, and locked for a change."""
    session.execute(
        db.insert_ignoring_duplicates(ChecklistState).values(
            account_id=account_id,
            webhook_type="",
            stripe_mails=StripeMails.UNSAID,
            sender_asked="",
            sender_confirmed="",
            dns={},
        )
    )
    return session.get_one(ChecklistState, account_id, with_for_update=True)


def first_webhook(session: Session, account_id: int) -> tuple[datetime, str] | None:
    """When the first event came, and its type; stored, since the inbox deletes old events."""
    start = checklist_state(session, account_id)
    if start.webhook_at is not None:
        return start.webhook_at, start.webhook_type
    query = select(StripeEvent).where(StripeEvent.account_id == account_id)
    event = session.scalar(query.order_by(StripeEvent.id).limit(1))
    return (event.received_at, event.type) if event else None


def keep_first_webhooks(services: Services) -> None:
    """Store the first event of every account that has none stored."""
    noted = select(ChecklistState.account_id).where(ChecklistState.webhook_at.is_not(None))
    waiting = select(Account.id).where(Account.id.not_in(noted))
    with services.db.read() as session:
        found = [(one, first_webhook(session, one)) for one in session.scalars(waiting)]
    for account_id, seen in found:
        if seen:
            with services.db.begin() as session:
                row = locked_checklist_state(services.db, session, account_id)
                row.webhook_at, row.webhook_type = seen


@dataclass(frozen=True, slots=True)
class StripeRetries:
    """Signs that Stripe retries by itself. Times are None where no such sign was seen."""

    scheduled: int  # past-due invoices that Stripe will retry
    next_at: datetime | None  # the first of those
    retried: int  # imported renewals of the last 90 days that Stripe retried
    last_retry_at: datetime | None  # of a case here
    declared_at: datetime | None
    contradicted_at: datetime | None  # a sign that came after somebody said they are off

    @property
    def on(self) -> bool:
        if self.declared_at is not None:
            return self.contradicted_at is not None
        return bool(self.scheduled or self.retried or self.last_retry_at)

    @property
    def seen(self) -> bool:
        """Whether there is any sign, also from before somebody said that they are off."""
        return bool(self.scheduled or self.retried or self.last_retry_at)


def stripe_retries(session: Session, account_id: int, now: datetime) -> StripeRetries:
    declared = checklist_state(session, account_id).retries_off_at
    scheduled, next_at = _scheduled(session, account_id, now)
    last = _last_retry(session, account_id)
    fresh = [at for at in (last, _new_schedule(session, account_id, declared)) if at]
    return StripeRetries(
        scheduled=scheduled,
        next_at=next_at,
        retried=_retried(session, account_id, now),
        last_retry_at=last,
        declared_at=declared,
        contradicted_at=next((at for at in fresh if declared and at > declared), None),
    )


def _scheduled(session: Session, account_id: int, now: datetime) -> tuple[int, datetime | None]:
    """Invoices with a planned retry of Stripe's: open cases, and imported ones without a case."""
    case = RecoveryCase
    ours = select(func.count(case.id), func.min(case.stripe_next_attempt_at)).where(
        case.account_id == account_id,
        case.state == CaseState.OPEN,
        case.stripe_next_attempt_at > now,
    )
    one = ImportedInvoice
    known = select(case.id).where(
        case.account_id == account_id, case.stripe_invoice_id == one.stripe_invoice_id
    )
    theirs = select(func.count(one.id), func.min(one.next_payment_attempt_at)).where(
        one.account_id == account_id,
        one.next_payment_attempt_at > now,
        one.attempted,
        one.status == "open",
        ~known.exists(),
    )
    found = [session.execute(query).one() for query in (ours, theirs)]
    times = [at for _, at in found if at]
    return sum(count for count, _ in found), min(times, default=None)


def _retried(session: Session, account_id: int, now: datetime) -> int:
    """Imported renewals with more than one attempt; Stripe counts only its own attempts."""
    query = select(func.count(ImportedInvoice.id)).where(
        ImportedInvoice.account_id == account_id,
        ImportedInvoice.failed_at > now - LATELY,
        ImportedInvoice.attempt_count > 1,
    )
    return session.scalar(query) or 0


def _last_retry(session: Session, account_id: int) -> datetime | None:
    """When Stripe last retried a case: its newest attempt that is not the case's first."""
    earlier = aliased(Attempt)
    before = select(earlier.id).where(
        earlier.account_id == account_id,
        earlier.case_id == Attempt.case_id,
        earlier.attempted_at < Attempt.attempted_at,
    )
    query = select(func.max(Attempt.attempted_at)).where(
        Attempt.account_id == account_id, Attempt.trigger == Trigger.STRIPE, before.exists()
    )
    return session.scalar(query)


def _new_schedule(session: Session, account_id: int, declared: datetime | None) -> datetime | None:
    """When an invoice last failed, since ``declared``, and Stripe planned a retry of it."""
    if declared is None:
        return None
    query = select(func.max(RecoveryCase.failed_at)).where(
        RecoveryCase.account_id == account_id,
        RecoveryCase.failed_at > declared,
        RecoveryCase.stripe_next_attempt_at.is_not(None),
    )
    return session.scalar(query)
