"""Training data: the outcomes of an account's payment attempts.

A case is told whole and once its window is over: tries told as they come in would be mostly the
early ones. Whoever made a try, we or Stripe, it says something of the card; so the imported past,
from before there were cases here, is told in the same way.
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

MOST_CASES = 15_000
"""The newest ones are learned from: enough for every number the model has, and minutes at most."""


def outcomes(
    session: Session, account: Account, now: datetime, window: timedelta
) -> Iterator[RetryOutcome]:
    """Every retry on unchanged card data of what is over, the imported past before the cases.

    A renewal that is a case here is told as one, though it was imported too. The newest are told,
    `MOST_CASES` in all.
    """
    over = now - window
    cases = select(func.count(RecoveryCase.id)).where(
        RecoveryCase.account_id == account.id, RecoveryCase.failed_at <= over
    )
    yield from _imported(session, account, over, MOST_CASES - (session.scalar(cases) or 0))
    yield from _cases(session, account, over)


def _imported(
    session: Session, account: Account, over: datetime, limit: int
) -> Iterator[RetryOutcome]:
    past = imported_history.untold(account.id).where(ImportedInvoice.failed_at <= over)
    newest = past.with_only_columns(ImportedInvoice.id)
    newest = newest.order_by(ImportedInvoice.failed_at.desc(), ImportedInvoice.id.desc())
    found = (
        select(ImportedInvoice)
        .where(ImportedInvoice.id.in_(newest.limit(max(0, limit)).scalar_subquery()))
        .order_by(ImportedInvoice.failed_at, ImportedInvoice.id)
    )
    rows = session.scalars(found).all()
    for story in imported_history.stories(session, account.id, rows):
        yield from _of_story(account, story)


def _of_story(account: Account, story: Story) -> Iterator[RetryOutcome]:
    tries = attempts_of_charges(story.charges)
    for nth, (before, this) in enumerate(pairwise(tries), start=1):
        if _tells(before, this):
            facts = Facts(
                mode=RetryMode.RECOVER,
                failed_at=story.failed_at,
                invoice_status="open",
                amount_remaining_minor=story.invoice.amount_due_minor,
                currency=story.invoice.currency,
                card=this.card,
                attempts=tries[:nth],
                timezone=_zone_of(account, this.card),
                paid_hours=story.paid_hours,
            )
            yield RetryOutcome(facts, this.at, this.outcome is Outcome.SUCCEEDED)


def _zone_of(account: Account, card: Card | None) -> str:
    ours = account.timezone or "UTC"
    return timezone_of("", [card.country] if card and card.country else [], ours) or ours


def _cases(session: Session, account: Account, over: datetime) -> Iterator[RetryOutcome]:
    newest = (
        select(RecoveryCase.id)
        .where(RecoveryCase.account_id == account.id, RecoveryCase.failed_at <= over)
        .order_by(RecoveryCase.failed_at.desc())
        .limit(MOST_CASES)
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
        told = list(of_case)
        yield from _of_case(account, told[0][0], [row for _, row in told])


def _of_case(
    account: Account, case: RecoveryCase, rows: Sequence[Attempt]
) -> Iterator[RetryOutcome]:
    before: list[PastAttempt] = []
    for row in rows:
        this = past_attempt(row)
        if before and _tells(before[-1], this):
            facts = _facts(account, case, row, tuple(before))
            yield RetryOutcome(facts, this.at, this.outcome is Outcome.SUCCEEDED)
        before.append(this)


def _tells(last: PastAttempt, this: PastAttempt) -> bool:
    """The same card data was tried again: what a new card does is another question."""
    if last.outcome is not Outcome.FAILED or this.outcome is Outcome.REQUIRES_ACTION:
        return False
    return bool(this.card and last.card and this.card.same_credentials(last.card))


def _facts(
    account: Account, case: RecoveryCase, row: Attempt, before: tuple[PastAttempt, ...]
) -> Facts:
    """As they were when this try was made, as far as the engine looks at them."""
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
