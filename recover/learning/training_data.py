"""Training data: the outcomes of an account's payment attempts.

A case is used whole, and only once its window is over: attempts used as they come in would be
mostly early ones. An attempt says something of the card whoever made it, Recover or Stripe; so the
imported history, from before there were cases here, is used in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recover.cases import imported_history
from recover.cases.core_facts import NOT_AUTHORISED
from recover.cases.core_values import attempts_of_charges, card_of_attempt, past_attempt
from recover.cases.imported_history import Story
from recover.cases.subscriber_timezone import timezone_of
from recover.dunning import Card, Facts, Outcome, PastAttempt, RetryMode
from recover.dunning.engine import RetryOutcome
from recover.models import Account, Attempt, ImportedInvoice, RecoveryCase

MAX_CASES = 15_000
"""Only the newest are used: enough for every parameter of the model, and minutes at most."""


def outcomes(
    session: Session, account: Account, now: datetime, window: timedelta
) -> Iterator[RetryOutcome]:
    """Every retry on unchanged card data from cases whose window is over.

    Imported renewals come before cases; a renewal that is also a case counts as a case. At most
    `MAX_CASES` of both together are used, the newest.
    """
    failed_until = now - window
    cases = select(func.count(RecoveryCase.id)).where(
        RecoveryCase.account_id == account.id, RecoveryCase.failed_at <= failed_until
    )
    yield from _imported_outcomes(
        session, account, failed_until, MAX_CASES - (session.scalar(cases) or 0)
    )
    yield from _case_outcomes(session, account, failed_until)


def _imported_outcomes(
    session: Session, account: Account, failed_until: datetime, limit: int
) -> Iterator[RetryOutcome]:
    imported = imported_history.untold(account.id).where(ImportedInvoice.failed_at <= failed_until)
    newest = imported.with_only_columns(ImportedInvoice.id)
    newest = newest.order_by(ImportedInvoice.failed_at.desc(), ImportedInvoice.id.desc())
    found = (
        select(ImportedInvoice)
        .where(ImportedInvoice.id.in_(newest.limit(max(0, limit)).scalar_subquery()))
        .order_by(ImportedInvoice.failed_at, ImportedInvoice.id)
    )
    rows = session.scalars(found).all()
    for story in imported_history.stories(session, account.id, rows):
        yield from _outcomes_of_story(account, story)


def _outcomes_of_story(account: Account, story: Story) -> Iterator[RetryOutcome]:
    attempts = attempts_of_charges(story.charges)
    for nth, (before, this) in enumerate(pairwise(attempts), start=1):
        if _is_retry_of_same_card(before, this):
            facts = Facts(
                mode=RetryMode.RECOVER,
                failed_at=story.failed_at,
                invoice_status="open",
                amount_remaining_minor=story.invoice.amount_due_minor,
                currency=story.invoice.currency,
                card=this.card,
                attempts=attempts[:nth],
                timezone=_timezone_of(account, this.card),
                paid_hours=story.paid_hours,
            )
            yield RetryOutcome(facts, this.at, this.outcome is Outcome.SUCCEEDED)


def _timezone_of(account: Account, card: Card | None) -> str:
    ours = account.timezone or "UTC"
    return timezone_of("", [card.country] if card and card.country else [], ours) or ours


def _case_outcomes(
    session: Session, account: Account, failed_until: datetime
) -> Iterator[RetryOutcome]:
    newest = (
        select(RecoveryCase.id)
        .where(RecoveryCase.account_id == account.id, RecoveryCase.failed_at <= failed_until)
        .order_by(RecoveryCase.failed_at.desc())
        .limit(MAX_CASES)
        .subquery()
    )
    rows = session.execute(
        select(RecoveryCase, Attempt)
        .join(Attempt, Attempt.case_id == RecoveryCase.id)
        .where(
            RecoveryCase.id.in_(select(newest.c.id)),
            Attempt.account_id == account.id,
            Attempt.outcome.not_in(NOT_AUTHORISED),
        )
        .order_by(RecoveryCase.failed_at, RecoveryCase.id, Attempt.attempted_at, Attempt.id)
        .execution_options(yield_per=1000)
    )
    for _, of_case in groupby(rows, key=lambda row: row[0].id):
        pairs = list(of_case)
        yield from _outcomes_of_case(account, pairs[0][0], [row for _, row in pairs])


def _outcomes_of_case(
    account: Account, case: RecoveryCase, rows: Sequence[Attempt]
) -> Iterator[RetryOutcome]:
    before: list[PastAttempt] = []
    for row in rows:
        this = past_attempt(row)
        if before and _is_retry_of_same_card(before[-1], this):
            facts = _facts_at(account, case, row, tuple(before))
            yield RetryOutcome(facts, this.at, this.outcome is Outcome.SUCCEEDED)
        before.append(this)


def _is_retry_of_same_card(last: PastAttempt, this: PastAttempt) -> bool:
    """Whether ``this`` retried the card data that failed last; a new card teaches nothing here."""
    if last.outcome is not Outcome.FAILED or this.outcome is Outcome.REQUIRES_ACTION:
        return False
    return bool(this.card and last.card and this.card.same_credentials(last.card))


def _facts_at(
    account: Account, case: RecoveryCase, row: Attempt, before: tuple[PastAttempt, ...]
) -> Facts:
    """The facts when this attempt was made, as far as the engine reads them."""
    return Facts(
        mode=RetryMode.RECOVER,
        failed_at=case.failed_at,
        invoice_status="open",
        amount_remaining_minor=row.amount_minor,
        currency=row.currency,
        card=card_of_attempt(row),
        attempts=before,
        timezone=case.timezone or account.timezone or "UTC",
        paid_hours=tuple(map(datetime.fromisoformat, case.paid_hours or ())),
    )
