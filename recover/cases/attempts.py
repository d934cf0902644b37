"""Payment attempts: written as pending, made once, settled. A decline is an outcome, not an error.

The order of work makes a crash harmless. First the row is committed with its idempotency key; then
Stripe is asked, with no transaction open; then the row is settled. A row that is still pending
after a crash is resumed with the same key, as long as Stripe remembers that key.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recover.cases import attempt_log
from recover.cases.charge_import import copy_card
from recover.cases.evidence import Evidence, still_owed
from recover.cases.timeline import note
from recover.compliance.audit_log import RECOVER
from recover.dunning import Outcome, Proposal, RetryMode, RetryPayment, Trigger
from recover.foundation.errors import StripeRejected
from recover.models import Account, Attempt, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Payment

# How long one worker may be busy with a request before another takes the row over.
IN_FLIGHT = timedelta(minutes=5)
DEBIT_CHECK = timedelta(hours=6)
# Stripe forgets an idempotency key after 24 hours; beyond that a repeat would charge again.
KEY_LIFETIME = timedelta(hours=23)

OUTCOMES = {
    "succeeded": Outcome.SUCCEEDED,
    "declined": Outcome.FAILED,
    "requires_action": Outcome.REQUIRES_ACTION,
    "processing": Outcome.PENDING,  # a bank debit: days may pass; its PaymentIntent is noted
}


def begin(
    session: Session,
    account: Account,
    case: RecoveryCase,
    evidence: Evidence,
    decision: RetryPayment,
    *,
    actor: str = RECOVER,
    act: str = "",
) -> Attempt | None:
    """Write the row of an attempt about to be made, and note it. None where another attempt is
    already under way, or was made for the same ``act``: what one person did once.

    While the account observes, only an attempt that a subscriber asked for is made. Any other is
    written as observed and never made.
    """
    observing = account.mode == RetryMode.OBSERVE and decision.trigger != Trigger.SUBSCRIBER
    row = Attempt(
        account_id=case.account_id,
        case_id=case.id,
        trigger=decision.trigger,
        outcome=Outcome.OBSERVED if observing else Outcome.PENDING,
        reason=decision.reason,
        proposal=_as_json(decision.proposal),
        idempotency_key=f"recover-{case.id}-{act or secrets.token_hex(12)}",
        amount_minor=case.amount_remaining_minor,
        currency=case.currency,
        attempted_at=evidence.at,
    )
    copy_card(row, evidence.method)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return None
    verb = "observe" if observing else "attempt"
    note(session, case, verb, decision.reason, evidence.at, actor=actor)
    return row


def _as_json(proposal: Proposal | None) -> dict[str, Any] | None:
    """A proposal as JSON, stored with its attempt for training and for off-policy estimates."""
    if proposal is None:
        return None
    return {
        "model": proposal.model,
        "chance": proposal.chance,
        "propensity": proposal.propensity,
        "choices": proposal.choices,
        "plan": [at.isoformat() for at in proposal.plan],
        "plan_chance": proposal.plan_chance,
        "warnings": list(proposal.warnings),
    }


def pending(session: Session, case: RecoveryCase) -> Attempt | None:
    """The case's attempt that has no answer yet. A unique index allows one at most."""
    query = select(Attempt).where(
        Attempt.account_id == case.account_id,
        Attempt.case_id == case.id,
        Attempt.outcome == Outcome.PENDING,
    )
    return session.scalar(query)


def make(services: Services, account: Account, attempt_id: int) -> Payment | None:
    """Have Stripe make the pending attempt, once, and settle its row.

    None where Stripe asked no bank. The row is abandoned if the invoice can no longer be paid (it
    was paid or voided meanwhile), and refused if it still could. Raises StripeUnavailable; the row
    then stays pending.
    """
    with services.db.read() as session:
        row = session.get_one(Attempt, attempt_id)
        case = session.get_one(RecoveryCase, row.case_id)
    stripe = services.stripe(account)
    try:
        payment = stripe.pay(
            case.stripe_invoice_id,
            payment_method_id=row.payment_method_id or None,
            off_session=row.trigger != Trigger.SUBSCRIBER,
            idempotency_key=row.idempotency_key or "",
        )
    except StripeRejected as error:
        invoice = stripe.invoice(case.stripe_invoice_id)
        payable = invoice is not None and invoice.status == "open"
        outcome = Outcome.REFUSED if payable else Outcome.ABANDONED
        settle(services, attempt_id, outcome, {"error_code": error.code})
        return None
    settle(services, attempt_id, OUTCOMES[payment.status], _answer_columns(payment))
    return payment


def _answer_columns(payment: Payment) -> dict[str, str | None]:
    """Stripe's answer as values for an attempt's columns."""
    return {
        "stripe_payment_intent_id": payment.payment_intent_id,
        "stripe_charge_id": payment.charge_id or None,
        "error_code": payment.error_code,
        "decline_code": payment.decline_code,
        "advice_code": payment.advice_code,
        "network_decline_code": payment.network_decline_code,
        "network_advice_code": payment.network_advice_code,
    }


def settle(
    services: Services, attempt_id: int, outcome: Outcome, answer: dict[str, str | None]
) -> bool:
    """Write Stripe's answer. False where the row is settled already, as by an earlier webhook.

    Where the bank asks the cardholder to confirm, no charge is made, and Stripe's answer names the
    charge of an earlier attempt. A charge that another row has is therefore left out.
    """
    charge_id = answer.get("stripe_charge_id")
    with services.db.begin() as session:
        row = session.get_one(Attempt, attempt_id)
        # The case first, as everybody locks it: who waited for each other would wait for ever.
        case = session.get_one(RecoveryCase, row.case_id, with_for_update=True)
        other_row = select(Attempt.id).where(
            Attempt.account_id == row.account_id,
            Attempt.stripe_charge_id == charge_id,
            Attempt.id != attempt_id,
        )
        if charge_id and session.scalar(other_row) is not None:
            answer = answer | {"stripe_charge_id": None}
        query = (
            update(Attempt)
            .where(Attempt.id == attempt_id, Attempt.outcome == Outcome.PENDING)
            .values(outcome=outcome, settled_at=services.now(), **answer)
        )
        settled = session.execute(query).rowcount == 1  # type: ignore[attr-defined]
        if settled:
            session.refresh(row)
            attempt_log.note_outcome(session, case, row, Outcome.PENDING, services.now())
        return bool(settled)


def paid_since(session: Session, case: RecoveryCase, evidence: Evidence) -> bool:
    """Whether an attempt succeeded since this evidence, which still shows a debt, was fetched."""
    query = select(Attempt.id).where(
        Attempt.account_id == case.account_id,
        Attempt.case_id == case.id,
        Attempt.outcome == Outcome.SUCCEEDED,
        Attempt.settled_at >= evidence.at,
    )
    return still_owed(evidence) and session.scalar(query.limit(1)) is not None


def recheck_after(row: Attempt) -> timedelta:
    """How long to wait before looking at a pending attempt again. A bank debit takes days."""
    return DEBIT_CHECK if row.stripe_payment_intent_id else IN_FLIGHT


class PendingState(StrEnum):
    """What to do about an attempt whose answer is missing."""

    WAIT = "wait"  # another process is waiting for the answer, or a bank is
    REPEAT = "repeat"  # ask again with the same key: Stripe answers as it did, or charges once
    LOST = "lost"  # no charge came of it, and it must not be repeated


def pending_state(row: Attempt, evidence: Evidence, mode: str) -> PendingState:
    """Decide what to do about a pending attempt for which Stripe shows no charge.

    ``mode`` is the account's current retry mode: while it observes, only an attempt that a
    subscriber asked for is repeated.
    """
    invoice, age = evidence.invoice, evidence.at - row.attempted_at
    if row.stripe_payment_intent_id and invoice and invoice.payment_intent_status == "processing":
        return PendingState.WAIT
    if age < IN_FLIGHT:
        return PendingState.WAIT
    same_method = evidence.method is not None and evidence.method.id == row.payment_method_id
    key_remembered = age < KEY_LIFETIME and not row.stripe_payment_intent_id
    wanted = mode != RetryMode.OBSERVE or row.trigger == Trigger.SUBSCRIBER
    if still_owed(evidence) and same_method and key_remembered and wanted:
        return PendingState.REPEAT
    return PendingState.LOST


def abandon(session: Session, case: RecoveryCase, row: Attempt, now: datetime) -> None:
    """Settle a pending attempt as abandoned: no charge came of it."""
    row.outcome, row.settled_at = Outcome.ABANDONED, now
    reason = "A payment attempt was interrupted and left no charge at Stripe."
    note(session, case, "abandon", reason, now)
    session.flush()
