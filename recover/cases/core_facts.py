"""The facts that the core decides on: fresh evidence joined with our rows. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.cases import collection, disputes
from recover.cases.consent import consent
from recover.cases.core_values import (
    card_of,
    card_of_attempt,
    decline_of,
    issuer_answers,
    past_attempt,
)
from recover.cases.evidence import Evidence
from recover.cases.money_in import paid_without_money
from recover.dunning import (
    Card,
    CardUse,
    Facts,
    IssuerAnswer,
    Outcome,
    PastMessage,
    RetryMode,
)
from recover.dunning.outages import MEMORY as OUTAGE_MEMORY
from recover.dunning.outages import technical_failures
from recover.models import Account, Attempt, DisputeKind, Message, RecoveryCase
from recover.stripe_api.objects import Charge

# Of mails: far longer than any cap on them looks back.
MEMORY = timedelta(days=60)
NOT_AUTHORISED = (Outcome.PENDING, Outcome.ABANDONED, Outcome.OBSERVED, Outcome.REFUSED)


def attempts_of(session: Session, case: RecoveryCase) -> list[Attempt]:
    """All payment attempts of a case, oldest first."""
    query = (
        select(Attempt)
        .where(Attempt.account_id == case.account_id, Attempt.case_id == case.id)
        .order_by(Attempt.attempted_at, Attempt.id)
    )
    return list(session.scalars(query))


def facts_of(
    session: Session, account: Account, case: RecoveryCase, evidence: Evidence, *, suppressed: bool
) -> Facts:
    """All that `decide` may know about a case. ``suppressed``: the customer gets no mail."""
    invoice, subscription = evidence.invoice, evidence.subscription
    card, rows = card_of(evidence.method), attempts_of(session, case)
    agreed = consent(session, case, card)
    held_by = {one.kind for one in disputes.holding(session, account.id, case.stripe_customer_id)}
    return Facts(
        mode=RetryMode(account.mode),
        failed_at=case.failed_at,
        invoice_status=invoice.status if invoice else "deleted",
        amount_remaining_minor=invoice.amount_remaining_minor if invoice else 0,
        currency=case.currency,
        collection_method=invoice.collection_method if invoice else "charge_automatically",
        subscription_status=subscription.status if subscription else "canceled",
        pause_collection=bool(subscription and subscription.pause_collection),
        pause_reason=subscription.pause_reason if subscription else "",
        leaving=bool(subscription and collection.is_leaving(subscription)),
        card=card,
        left_out_by_subscriber=agreed.left_out,
        card_saved_for_others=agreed.card_for_others,
        next_stripe_attempt_at=invoice.next_payment_attempt_at if invoice else None,
        attempts=tuple(past_attempt(row) for row in rows),
        card_uses=_card_uses(session, case, card, evidence),
        issuer_answers=_issuer_answers(session, card, rows, evidence.at),
        messages=_messages(session, case, evidence.at),
        has_email=bool(case.customer_email),
        suppressed=suppressed,
        credited=paid_without_money(evidence, case.failed_at),
        disputed=DisputeKind.DISPUTE in held_by,
        fraud_warned=DisputeKind.WARNING in held_by,
        timezone=case.timezone or account.timezone or "UTC",
        paid_hours=tuple(map(datetime.fromisoformat, case.paid_hours or ())),
    )


def _card_uses(
    session: Session, case: RecoveryCase, card: Card | None, evidence: Evidence
) -> tuple[CardUse, ...]:
    """Every authorisation on this card, from our rows and from Stripe's charges, each once.

    However old: a code that forbids the card for good holds for good. In test mode many customers
    share Stripe's test cards; those on a test clock share no budget with those in real time.
    """
    if card is None or not card.fingerprint:
        return ()
    query = (
        select(Attempt)
        .join(RecoveryCase, RecoveryCase.id == Attempt.case_id)
        .where(
            Attempt.account_id == case.account_id,
            Attempt.card_fingerprint == card.fingerprint,
            Attempt.outcome.not_in(NOT_AUTHORISED),
            RecoveryCase.stripe_test_clock_id == case.stripe_test_clock_id,
        )
    )
    rows = list(session.scalars(query))
    recorded = {row.stripe_charge_id for row in rows}
    uses = [_use_of_row(row) for row in rows]
    uses += [
        _use_of_charge(charge)
        for charge in evidence.charges
        if charge.method
        and charge.method.fingerprint == card.fingerprint
        and charge.id not in recorded
        and charge.network_status != "not_sent_to_network"
    ]
    return tuple(sorted(uses, key=lambda use: use.at))


def _use_of_row(row: Attempt) -> CardUse:
    succeeded = row.outcome == Outcome.SUCCEEDED
    decline = None if succeeded else decline_of(row)
    return CardUse(row.attempted_at, row.amount_minor, succeeded, card_of_attempt(row), decline)


def _use_of_charge(charge: Charge) -> CardUse:
    succeeded = charge.status == "succeeded"
    decline = None if succeeded else decline_of(charge)
    card = card_of(charge.method)
    return CardUse(charge.created_at, charge.amount_minor, succeeded, card, decline)


def _issuer_answers(
    session: Session, card: Card | None, rows: Sequence[Attempt], now: datetime
) -> tuple[IssuerAnswer, ...]:
    """What other cards of the issuer were answered since this card's technical failures began.

    Empty, without a query, unless the card's latest answer is a recent technical failure.
    """
    failures = technical_failures([past_attempt(row) for row in rows], card)
    if not failures or now - failures[-1] > OUTAGE_MEMORY:
        return ()
    failed = next(row for row in reversed(rows) if row.attempted_at == failures[-1])
    return issuer_answers(session, failed, failures)


def _messages(session: Session, case: RecoveryCase, now: datetime) -> tuple[PastMessage, ...]:
    """The customer's mails within `MEMORY`, oldest first; ``step`` is "" for other cases' mails."""
    query = (
        select(Message)
        .where(
            Message.account_id == case.account_id,
            Message.stripe_customer_id == case.stripe_customer_id,
            Message.created_at > now - MEMORY,
        )
        .order_by(Message.created_at)
    )
    rows: Sequence[Message] = session.scalars(query).all()
    return tuple(
        PastMessage(
            row.sent_at or row.created_at, row.template, row.step if row.case_id == case.id else ""
        )
        for row in rows
    )
