"""Payment tries: seen, written as pending, made once, settled. A decline is a value.

The order that makes a crash harmless: the row is committed with its idempotency key, Stripe is
asked with no transaction open, the row is settled. A pending row is resumed with the same key,
within the day for which Stripe remembers it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recover.dunning import Outcome, RetryMode, Trigger
from recover.errors import StripeRejected
from recover.models import Account, Attempt, RecoveryCase
from recover.services import Services
from recover.stripe_objects import Charge, Payment, PaymentMethod
from recover.timeline import note
from recover.truth import Evidence, attempts_of, still_owed

# Stripe's clock counts whole seconds and need not agree with ours to the last of them.
CLOCK_SKEW = timedelta(seconds=60)
# How long one worker may be busy with a request before another takes the row over.
IN_FLIGHT = timedelta(minutes=5)
DEBIT_CHECK = timedelta(hours=6)
# Stripe forgets an idempotency key after 24 hours; beyond that a repeat would charge again.
KEY_LIFE = timedelta(hours=23)

NO_METHOD = "missing"

OUTCOMES = {
    "succeeded": Outcome.SUCCEEDED,
    "declined": Outcome.FAILED,
    "requires_action": Outcome.REQUIRES_ACTION,
    "processing": Outcome.PENDING,  # a bank debit: days may pass; its PaymentIntent is noted
}


def absorb(session: Session, case: RecoveryCase, evidence: Evidence) -> None:
    """Bring our rows in line with the charges Stripe shows: settle ours, add Stripe's own."""
    rows = attempts_of(session, case)
    known = {row.stripe_charge_id: row for row in rows}
    for charge in evidence.invoice_charges():
        row = known.get(charge.id)
        if charge.status == "pending" or (row and _complete(row)):
            continue  # a bank debit not yet answered; or nothing new
        row = row or _ours(rows, charge)
        if row is None:
            row = _seen(case, charge)
            session.add(row)
            rows.append(row)
        _settle_with_charge(row, charge, evidence.at)
    _settle_unconfirmed(rows, evidence)
    session.flush()


def _complete(row: Attempt) -> bool:
    """The row says all that the charge does. The answer to `pay` leaves out some of it."""
    return row.outcome != Outcome.PENDING and bool(row.network_status)


def _ours(rows: Iterable[Attempt], charge: Charge) -> Attempt | None:
    """The try of ours that this charge belongs to: asked for before it, and still without one."""
    waiting = (Outcome.PENDING, Outcome.REQUIRES_ACTION, Outcome.ABANDONED)
    candidates = [
        row
        for row in rows
        if row.idempotency_key
        and row.stripe_charge_id is None
        and row.outcome in waiting
        and not (row.outcome == Outcome.ABANDONED and row.error_code)  # refused: never a charge
        and row.attempted_at - CLOCK_SKEW <= charge.created_at
        and _same_method(row, charge)
    ]
    return max(candidates, key=lambda row: row.attempted_at, default=None)


def _same_method(row: Attempt, charge: Charge) -> bool:
    """Our tries name what they charge; a charge on anything else is somebody else's."""
    charged = charge.method.id if charge.method else ""
    return not (charged and row.payment_method_id) or charged == row.payment_method_id


def _seen(case: RecoveryCase, charge: Charge) -> Attempt:
    return Attempt(
        account_id=case.account_id,
        case_id=case.id,
        trigger=Trigger.STRIPE,
        reason="Made by Stripe or by the customer, not by Recover.",
        amount_minor=charge.amount_minor,
        currency=charge.currency,
        attempted_at=charge.created_at,
    )


def _settle_unconfirmed(rows: Iterable[Attempt], evidence: Evidence) -> None:
    """The bank asked and the subscriber did not confirm: Stripe wants another payment method."""
    invoice = evidence.invoice
    if invoice is None or invoice.payment_intent_status != "requires_payment_method":
        return
    for row in rows:
        if row.outcome == Outcome.REQUIRES_ACTION:
            row.outcome, row.settled_at = Outcome.FAILED, evidence.at
            row.error_code = row.error_code or "authentication_required"


def record_chargeless_failure(session: Session, case: RecoveryCase, evidence: Evidence) -> None:
    """A renewal can fail without any charge: for want of a card, or while the bank waits for the
    customer. The core has to know, or it would take the first card to come for an old one.
    """
    if evidence.method is None:
        outcome, error_code = Outcome.FAILED, NO_METHOD
    elif evidence.invoice and evidence.invoice.payment_intent_status == "requires_action":
        outcome, error_code = Outcome.REQUIRES_ACTION, "authentication_required"
    else:
        return
    row = Attempt(
        account_id=case.account_id,
        case_id=case.id,
        trigger=Trigger.STRIPE,
        outcome=outcome,
        reason="The renewal itself; Stripe made no charge.",
        error_code=error_code,
        amount_minor=case.amount_minor,
        currency=case.currency,
        attempted_at=evidence.at,
        settled_at=evidence.at,
    )
    put_card(row, evidence.method)
    session.add(row)


def _settle_with_charge(row: Attempt, charge: Charge, now: datetime) -> None:
    row.outcome = Outcome.SUCCEEDED if charge.status == "succeeded" else Outcome.FAILED
    row.stripe_charge_id = charge.id
    row.stripe_payment_intent_id = charge.payment_intent_id
    row.settled_at = row.settled_at or now
    row.error_code = charge.failure_code
    row.decline_code = charge.decline_code
    row.advice_code = charge.advice_code
    row.network_decline_code = charge.network_decline_code
    row.network_advice_code = charge.network_advice_code
    row.outcome_type = charge.outcome_type
    row.network_status = charge.network_status
    put_card(row, charge.method)


def put_card(row: Attempt, method: PaymentMethod | None) -> None:
    if method is None:
        return
    row.payment_method_id = method.id
    row.card_type = method.type
    row.card_fingerprint = method.fingerprint
    row.card_brand = method.brand
    row.card_funding = method.funding
    row.card_country = method.country
    row.card_last4 = method.last4
    row.card_exp_month = method.exp_month
    row.card_exp_year = method.exp_year


def begin(
    session: Session,
    case: RecoveryCase,
    evidence: Evidence,
    *,
    trigger: Trigger,
    reason: str,
    outcome: Outcome = Outcome.PENDING,
) -> Attempt | None:
    """Write the row of a try about to be made. None where another try is already under way."""
    row = Attempt(
        account_id=case.account_id,
        case_id=case.id,
        trigger=trigger,
        outcome=outcome,
        reason=reason,
        idempotency_key=f"recover-{case.id}-{secrets.token_hex(12)}",
        amount_minor=case.amount_remaining_minor,
        currency=case.currency,
        attempted_at=evidence.at,
    )
    put_card(row, evidence.method)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return None
    return row


def pending(session: Session, case: RecoveryCase) -> Attempt | None:
    query = select(Attempt).where(
        Attempt.account_id == case.account_id,
        Attempt.case_id == case.id,
        Attempt.outcome == Outcome.PENDING,
    )
    return session.scalar(query)


def make(services: Services, account: Account, attempt_id: int) -> Payment | None:
    """Ask Stripe for the pending try, once, and settle its row.

    None where the invoice could not be paid at all any more (paid or voided meanwhile): the row
    is abandoned, no authorisation was made. Raises StripeUnavailable with the row left pending.
    """
    with services.db.read() as session:
        row = session.get_one(Attempt, attempt_id)
        case = session.get_one(RecoveryCase, row.case_id)
    try:
        payment = services.stripe(account).pay(
            case.stripe_invoice_id,
            payment_method_id=row.payment_method_id or None,
            off_session=row.trigger != Trigger.SUBSCRIBER,
            idempotency_key=row.idempotency_key or "",
        )
    except StripeRejected as error:
        settle(services, attempt_id, Outcome.ABANDONED, {"error_code": error.code})
        return None
    settle(services, attempt_id, OUTCOMES[payment.status], _answer(payment))
    return payment


def _answer(payment: Payment) -> dict[str, str | None]:
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
    """Write Stripe's answer, unless a webhook about the same charge was quicker.

    Where the bank first asks for the customer, no charge is made, and Stripe names the one before.
    """
    charge_id = answer.get("stripe_charge_id")
    with services.db.begin() as session:
        row = session.get_one(Attempt, attempt_id)
        another = select(Attempt.id).where(
            Attempt.account_id == row.account_id,
            Attempt.stripe_charge_id == charge_id,
            Attempt.id != attempt_id,
        )
        if charge_id and session.scalar(another) is not None:
            answer = answer | {"stripe_charge_id": None}
        query = (
            update(Attempt)
            .where(Attempt.id == attempt_id, Attempt.outcome == Outcome.PENDING)
            .values(outcome=outcome, settled_at=services.now(), **answer)
        )
        return session.execute(query).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def overtaken(session: Session, case: RecoveryCase, evidence: Evidence) -> bool:
    """Somebody paid after this evidence was fetched: what it says is owed is owed no more."""
    query = select(Attempt.id).where(
        Attempt.account_id == case.account_id,
        Attempt.case_id == case.id,
        Attempt.outcome == Outcome.SUCCEEDED,
        Attempt.settled_at >= evidence.at,
    )
    return still_owed(evidence) and session.scalar(query.limit(1)) is not None


def patience(row: Attempt) -> timedelta:
    """How long to wait before looking at an unanswered try again: a bank takes days."""
    return DEBIT_CHECK if row.stripe_payment_intent_id else IN_FLIGHT


class Standing(StrEnum):
    """What can be said of a try whose answer is missing."""

    WAIT = "wait"  # another process is waiting for the answer, or a bank is
    REPEAT = "repeat"  # ask again with the same key: Stripe answers as it did, or charges once
    LOST = "lost"  # no charge came of it, and it must not be repeated


def standing(row: Attempt, evidence: Evidence, mode: str) -> Standing:
    """Decide about a pending row for which Stripe shows no charge.

    ``mode`` is the account's by now: while it only observes, nothing of ours is tried again.
    """
    invoice, age = evidence.invoice, evidence.at - row.attempted_at
    if row.stripe_payment_intent_id and invoice and invoice.payment_intent_status == "processing":
        return Standing.WAIT
    if age < IN_FLIGHT:
        return Standing.WAIT
    unchanged = evidence.method is not None and evidence.method.id == row.payment_method_id
    fresh = age < KEY_LIFE and not row.stripe_payment_intent_id
    wanted = mode != RetryMode.OBSERVE or row.trigger == Trigger.SUBSCRIBER
    if still_owed(evidence) and unchanged and fresh and wanted:
        return Standing.REPEAT
    return Standing.LOST


def abandon(session: Session, case: RecoveryCase, row: Attempt, now: datetime) -> None:
    """Give up on a try that left no charge behind."""
    row.outcome, row.settled_at = Outcome.ABANDONED, now
    note(session, case, "abandon", "A try was interrupted and left no charge at Stripe.", now)
    session.flush()
