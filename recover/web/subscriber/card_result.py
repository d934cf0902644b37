"""What came of a new card, read back from our rows: the same whichever way the visitor came, and
after any number of reloads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.cases.core_values import past_attempt
from recover.dunning import CaseState, Outcome, Trigger, classify
from recover.models import Account, Attempt, CardUpdate, Link, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import PaymentMethod
from recover.subscribers import card_update
from recover.subscribers.card_update import Finished


class ResultState(StrEnum):
    PAID = "paid"
    SAVED = "saved"  # nothing was to be paid, or nothing could be
    DECLINED = "declined"  # saved, and a payment was declined
    ACTION = "action"  # saved, and the bank wants the subscriber to confirm a payment
    PROCESSING = "processing"  # saved, and the bank has not answered yet
    NOT_SAVED = "not_saved"


@dataclass(frozen=True)
class Result:
    state: ResultState = ResultState.SAVED
    method: PaymentMethod | None = None
    paid: tuple[RecoveryCase, ...] = ()
    waiting: RecoveryCase | None = None  # ACTION: the invoice the bank asks about
    client_secret: str = ""  # ACTION: of its PaymentIntent
    reason: str = ""  # DECLINED: the kind of decline that may be disclosed
    message: str = ""  # NOT_SAVED: Stripe's own words, in the reader's language


def finish(
    services: Services, account: Account, link: Link, setup_intent_id: str, session_id: str
) -> Result:
    """Save the card and pay, if that has not been done yet, and say what came of it.

    Raises what `card_update.finish` raises.
    """
    finished = card_update.finish(
        services, account, link, setup_intent_id=setup_intent_id, session_id=session_id
    )
    if not finished.saved:
        return Result(ResultState.NOT_SAVED, message=finished.message)
    row = card_update.find(services, link, setup_intent_id, session_id)
    return _result(services, account, row, finished)


def _result(services: Services, account: Account, row: CardUpdate, finished: Finished) -> Result:
    with services.db.read() as session:
        cases = _cases(session, row)
        attempts = [(case, _latest_attempt(session, case, row)) for case in cases]
    paid = tuple(case for case in cases if case.state == CaseState.RECOVERED)
    unpaid = [(case, one) for case, one in attempts if case not in paid and one]
    method = finished.method
    for case, one in unpaid:
        if one.outcome == Outcome.REQUIRES_ACTION:
            so_far = Result(method=method, paid=paid)
            return _confirmation_result(services, account, case, one, so_far)
    for _, one in unpaid:
        if one.outcome == Outcome.FAILED:
            return Result(ResultState.DECLINED, method, paid, reason=_decline_reason(one))
    if any(one.outcome == Outcome.PENDING for _, one in unpaid):
        return Result(ResultState.PROCESSING, method, paid)
    return Result(ResultState.PAID if paid else ResultState.SAVED, method, paid)


def _cases(session: Session, row: CardUpdate) -> list[RecoveryCase]:
    query = (
        select(RecoveryCase)
        .where(
            RecoveryCase.account_id == row.account_id,
            RecoveryCase.stripe_invoice_id.in_(row.invoice_ids),
        )
        .order_by(RecoveryCase.failed_at, RecoveryCase.id)
    )
    return list(session.scalars(query))


def _latest_attempt(session: Session, case: RecoveryCase, row: CardUpdate) -> Attempt | None:
    """The newest payment attempt that the visitor caused."""
    query = (
        select(Attempt)
        .where(
            Attempt.account_id == case.account_id,
            Attempt.case_id == case.id,
            Attempt.trigger == Trigger.SUBSCRIBER,
            Attempt.attempted_at >= row.created_at,
            Attempt.outcome != Outcome.ABANDONED,
        )
        .order_by(Attempt.attempted_at.desc(), Attempt.id.desc())
    )
    return session.scalar(query.limit(1))


def _confirmation_result(
    services: Services, account: Account, case: RecoveryCase, attempt: Attempt, so_far: Result
) -> Result:
    """Whether the bank still waits for the subscriber. A failed confirmation leaves no charge."""
    intent = services.stripe(account).payment_intent(attempt.stripe_payment_intent_id)
    if intent and intent.status == "requires_action":
        secret = intent.client_secret
        return replace(so_far, state=ResultState.ACTION, waiting=case, client_secret=secret)
    if intent and intent.status in ("succeeded", "processing"):
        return replace(so_far, state=ResultState.PROCESSING)
    return replace(so_far, state=ResultState.DECLINED, reason="authentication")


def _decline_reason(attempt: Attempt) -> str:
    decline = past_attempt(attempt).decline
    rule = classify(decline, attempt.card_brand, on=attempt.attempted_at.date())
    return rule.subscriber_reason
