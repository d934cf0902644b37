"""Payment attempts from Stripe's charges: each charge, whoever made it, becomes a settled row.

A charge of our own settles the attempt that asked for it, whether Stripe's answer or the webhook
comes first. Any other charge was made by Stripe or by the customer; it gets a row of its own,
because the networks count it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recover.cases import attempt_log, issuer_outages
from recover.cases.core_facts import attempts_of
from recover.cases.core_values import issuer_of
from recover.cases.evidence import Evidence
from recover.dunning import Outcome, Trigger
from recover.models import Attempt, RecoveryCase
from recover.stripe_api.objects import Charge, PaymentMethod

# Stripe's clock counts whole seconds and need not agree with ours to the last of them.
CLOCK_SKEW = timedelta(seconds=60)
NO_METHOD = "missing"


def import_charges(session: Session, case: RecoveryCase, evidence: Evidence) -> list[Attempt]:
    """Settle our attempts by the charges that Stripe shows, and add a row for every other charge.

    All of the case's attempts, oldest first.
    """
    rows = attempts_of(session, case)
    by_charge_id = {row.stripe_charge_id: row for row in rows}
    for charge in evidence.invoice_charges():
        row = by_charge_id.get(charge.id)
        if charge.status == "pending" or (row and _is_complete(row)):
            continue  # a bank debit not yet answered; or nothing new
        row = row or _our_attempt(rows, charge)
        if row is None:
            row = _new_attempt(case, charge)
            session.add(row)
            rows.append(row)
        before = row.outcome or ""
        _settle_with_charge(row, charge, evidence.at)
        attempt_log.note_outcome(session, case, row, before, evidence.at)
        issuer_outages.note_answer(session, case, row, rows, evidence.at)
    _settle_unconfirmed(session, case, rows, evidence)
    session.flush()
    return sorted(rows, key=lambda row: (row.attempted_at, row.id))


def _is_complete(row: Attempt) -> bool:
    """Whether the row says all that its charge does. Stripe's answer to a payment says less."""
    return row.outcome != Outcome.PENDING and bool(row.network_status)


def _our_attempt(rows: Iterable[Attempt], charge: Charge) -> Attempt | None:
    """The attempt of ours that made this charge: begun before it, and without a charge so far."""
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
    """Whether a charge is on the payment method of our attempt, as far as both are known."""
    charged = charge.method.id if charge.method else ""
    return not (charged and row.payment_method_id) or charged == row.payment_method_id


def _new_attempt(case: RecoveryCase, charge: Charge) -> Attempt:
    """A row for a charge that Recover did not ask for; `_settle_with_charge` fills in the rest."""
    return Attempt(
        account_id=case.account_id,
        case_id=case.id,
        trigger=Trigger.STRIPE,
        reason="Made by Stripe or by the customer, not by Recover.",
        amount_minor=charge.amount_minor,
        currency=charge.currency,
        attempted_at=charge.created_at,
    )


def _settle_unconfirmed(
    session: Session, case: RecoveryCase, rows: Iterable[Attempt], evidence: Evidence
) -> None:
    """Settle attempts that waited for the subscriber's confirmation as failed, once Stripe asks for
    another payment method.
    """
    invoice = evidence.invoice
    if invoice is None or invoice.payment_intent_status != "requires_payment_method":
        return
    for row in rows:
        if row.outcome == Outcome.REQUIRES_ACTION:
            row.outcome, row.settled_at = Outcome.FAILED, evidence.at
            row.error_code = row.error_code or "authentication_required"
            attempt_log.note_outcome(session, case, row, Outcome.REQUIRES_ACTION, evidence.at)


def record_chargeless_failure(session: Session, case: RecoveryCase, evidence: Evidence) -> None:
    """Write an attempt for a renewal that failed without a charge.

    That happens where there is no payment method, or where the bank waits for the customer.
    Without this row the core would take the first card added later for one that has failed.
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
    copy_card(row, evidence.method)
    session.add(row)
    attempt_log.note_outcome(session, case, row, "", evidence.at)


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
    copy_card(row, charge.method)


def copy_card(row: Attempt, method: PaymentMethod | None) -> None:
    """Copy what is known of a payment method into an attempt's columns."""
    if method is None:
        return
    row.payment_method_id = method.id
    row.card_type = method.type
    row.card_fingerprint = method.fingerprint
    row.card_brand = method.brand
    row.card_funding = method.funding
    row.card_country = method.country
    row.card_issuer = issuer_of(method)
    row.card_last4 = method.last4
    row.card_exp_month = method.exp_month
    row.card_exp_year = method.exp_year
