"""Stripe's objects and our rows as values of the core, and the answers that an issuer gave to other
cards.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.dunning import Card, Decline, InvoiceState, IssuerAnswer, Outcome, PastAttempt, Trigger
from recover.dunning.outages import MEMORY, NEAR, issuer_answer
from recover.models import Attempt
from recover.stripe_api.objects import Charge, Invoice, Payment, PaymentMethod

MOST_ANSWERS = 1000  # of one issuer that are looked at together


def invoice_state(invoice: Invoice) -> InvoiceState:
    """Stripe's side of one invoice, as reconciliation compares it."""
    return InvoiceState(
        invoice_id=invoice.id,
        status=invoice.status,
        amount_remaining_minor=invoice.amount_remaining_minor,
        attempted=invoice.attempted,
        billing_reason=invoice.billing_reason,
        collection_method=invoice.collection_method,
        subscription_id=invoice.subscription_id,
        paid_at=invoice.paid_at,
        credited=invoice.status == "paid" and not invoice.amount_paid_minor,
        payment_status=invoice.payment_intent_status,
    )


def card_of(method: PaymentMethod | None) -> Card | None:
    if method is None:
        return None
    return Card(
        payment_method_id=method.id,
        type=method.type,
        fingerprint=method.fingerprint,
        brand=method.brand,
        funding=method.funding,
        country=method.country,
        last4=method.last4,
        exp_month=method.exp_month,
        exp_year=method.exp_year,
    )


def card_of_attempt(row: Attempt) -> Card | None:
    if not row.payment_method_id:
        return None
    return Card(
        payment_method_id=row.payment_method_id,
        type=row.card_type,
        fingerprint=row.card_fingerprint,
        brand=row.card_brand,
        funding=row.card_funding,
        country=row.card_country,
        last4=row.card_last4,
        exp_month=row.card_exp_month,
        exp_year=row.card_exp_year,
    )


def decline_of(source: Attempt | Charge | Payment) -> Decline:
    """Why a payment attempt failed: from our row, from its charge, or from Stripe's direct answer.

    The direct answer says neither the outcome's type nor the network's status.
    """
    return Decline(
        error_code=source.failure_code if isinstance(source, Charge) else source.error_code,
        decline_code=source.decline_code,
        advice_code=source.advice_code,
        network_decline_code=source.network_decline_code,
        network_advice_code=source.network_advice_code,
        outcome_type="" if isinstance(source, Payment) else source.outcome_type,
        network_status="" if isinstance(source, Payment) else source.network_status,
    )


def past_attempt(row: Attempt) -> PastAttempt:
    failed = row.outcome in (Outcome.FAILED, Outcome.REQUIRES_ACTION, Outcome.REFUSED)
    return PastAttempt(
        at=row.attempted_at,
        trigger=Trigger(row.trigger),
        outcome=Outcome(row.outcome),
        card=card_of_attempt(row),
        decline=decline_of(row) if failed else None,
    )


def attempts_of_charges(charges: Sequence[Charge]) -> tuple[PastAttempt, ...]:
    """The charges of one invoice as its payment attempts, oldest first."""
    ordered = sorted(charges, key=lambda charge: (charge.created_at, charge.id))
    return tuple(
        _attempt_of_charge(charge, first=index == 0) for index, charge in enumerate(ordered)
    )


def _attempt_of_charge(charge: Charge, *, first: bool) -> PastAttempt:
    """A later attempt counts as a scheduled retry, because Stripe does not say who asked for it."""
    failed = charge.status != "succeeded"
    return PastAttempt(
        at=charge.created_at,
        trigger=Trigger.STRIPE if first else Trigger.SCHEDULE,
        outcome=Outcome.FAILED if failed else Outcome.SUCCEEDED,
        card=card_of(charge.method),
        decline=decline_of(charge) if failed else None,
    )


def issuer_of(method: PaymentMethod) -> str:
    """A key for the bank that issued a card; "" for other payment methods.

    Stripe seldom names the bank. The key is then brand, funding and country, which stands for a
    group of banks: `recover.dunning.outages` takes their answers as an outage only where many
    agree.
    """
    if method.type != "card" or not method.fingerprint:
        return ""
    return method.issuer[:255] or f"{method.brand} {method.funding} {method.country}"


def issuer_answers(
    session: Session, row: Attempt, failures: Sequence[datetime]
) -> tuple[IssuerAnswer, ...]:
    """What the row's issuer answered for other cards since the row's card began to fail.

    ``failures`` are the times of that card's technical failures. At most `MOST_ANSWERS`, the
    oldest first: where an account has more, the end of an outage may go unnoticed.
    """
    if not row.card_issuer:
        return ()
    since = max(failures[0], failures[-1] - MEMORY) - NEAR
    query = (
        select(Attempt)
        .where(
            Attempt.account_id == row.account_id,
            Attempt.card_issuer == row.card_issuer,
            Attempt.attempted_at >= since,
            Attempt.card_fingerprint != row.card_fingerprint,
            Attempt.outcome.in_((Outcome.SUCCEEDED, Outcome.FAILED)),
        )
        .order_by(Attempt.attempted_at, Attempt.id)
        .limit(MOST_ANSWERS)
    )
    answers = (issuer_answer(past_attempt(other)) for other in session.scalars(query))
    return tuple(answer for answer in answers if answer)
