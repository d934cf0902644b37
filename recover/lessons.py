"""What became of an account's tries, as the retry engine learns from it.

A case is told whole and once its window is over: tries told as they come in would be mostly the
early ones. Whoever made a try, we or Stripe, it says something of the card.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover import truth
from recover.dunning import Facts, Outcome, PastAttempt, RetryMode
from recover.dunning.engine import TryOutcome
from recover.models import Account, Attempt, RecoveryCase
from recover.past import card_of_attempt, past_attempt

MOST_CASES = 15_000
"""The newest ones are learned from: enough for every number the model has, and minutes at most."""


def outcomes(
    session: Session, account: Account, now: datetime, window: timedelta
) -> Iterator[TryOutcome]:
    """Every retry on unchanged card data of the cases whose window is over, oldest case first."""
    newest = (
        select(RecoveryCase.id)
        .where(RecoveryCase.account_id == account.id, RecoveryCase.failed_at <= now - window)
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
            Attempt.outcome.not_in(truth.NO_TRY),
        )
        .order_by(RecoveryCase.failed_at, RecoveryCase.id, Attempt.attempted_at, Attempt.id)
        .execution_options(yield_per=1000)
    )
    for _, of_case in groupby(rows, key=lambda row: row[0].id):
        told = list(of_case)
        yield from _of_case(account, told[0][0], [row for _, row in told])


def _of_case(account: Account, case: RecoveryCase, rows: Sequence[Attempt]) -> Iterator[TryOutcome]:
    before: list[PastAttempt] = []
    for row in rows:
        this = past_attempt(row)
        if before and _tells(before[-1], this):
            facts = _facts(account, case, row, tuple(before))
            yield TryOutcome(facts, this.at, this.outcome is Outcome.SUCCEEDED)
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
