"""Fresh evidence: what Stripe says now, and the facts the core decides on.

Nothing here writes. `fetch` asks Stripe with no transaction open; `facts` joins that with our rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

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
from recover.models import Account, Attempt, Message, RecoveryCase
from recover.past import card_of, issuer_answers, past_attempt
from recover.stripe_gateway import StripeAccount
from recover.stripe_objects import CardField, Charge, Invoice, PaymentMethod, Subscription

# The longest window of any network rule is 30 days; the rest is slack for late events.
MEMORY = timedelta(days=60)
# Six monthly renewals: on which days this customer's money was there. Still one page of charges.
HISTORY = timedelta(days=190)
PAID_HOURS = 6  # of earlier payments are remembered
ENDED = ("canceled", "incomplete_expired")  # subscriptions whose holder has left
NO_TRY = (Outcome.PENDING, Outcome.ABANDONED, Outcome.OBSERVED)


@dataclass(frozen=True)
class Evidence:
    """What Stripe said about one invoice, a moment ago. ``invoice`` is None where it is gone."""

    at: datetime
    invoice_id: str
    invoice: Invoice | None
    subscription: Subscription | None
    charges: tuple[Charge, ...]  # of the customer since `HISTORY` before the invoice, oldest first
    chosen: PaymentMethod | None = None  # by the subscriber, and not yet saved as the default

    @property
    def method(self) -> PaymentMethod | None:
        """What would be charged now."""
        if self.chosen:
            return self.chosen
        charged = self.subscription.charged_method() if self.subscription else None
        return charged[0] if charged else None

    @property
    def field(self) -> CardField | None:
        charged = self.subscription.charged_method() if self.subscription else None
        return charged[1] if charged else None

    def invoice_charges(self) -> list[Charge]:
        """The authorisations made for this invoice, by anyone, oldest first."""
        intents = self.invoice.payment_intent_ids if self.invoice else ()
        return [charge for charge in self.charges if charge.payment_intent_id in intents]

    def paid_hours(self, before: datetime) -> list[datetime]:
        """When the customer's last payments before then went through, oldest first."""
        paid = [one.created_at for one in self.charges if one.status == "succeeded"]
        return [at for at in paid if at < before][-PAID_HOURS:]


def fetch(stripe: StripeAccount, invoice_id: str, now: datetime) -> Evidence:
    """Three requests: the invoice, its subscription with every card, the customer's charges.

    Raises StripeUnavailable, StripeAccessLost.
    """
    invoice = stripe.invoice(invoice_id)
    subscription = None
    charges: tuple[Charge, ...] = ()
    if invoice and invoice.subscription_id:
        subscription = stripe.subscription(invoice.subscription_id)
    if invoice and invoice.customer_id:
        since = min(now, invoice.created_at) - HISTORY
        charges = stripe.customer_charges(invoice.customer_id, since)
    return Evidence(now, invoice_id, invoice, subscription, charges)


def still_owed(evidence: Evidence) -> bool:
    """The invoice is open and its subscription lives: charging or writing makes sense."""
    invoice, subscription = evidence.invoice, evidence.subscription
    return (
        invoice is not None
        and invoice.status == "open"
        and invoice.amount_remaining_minor > 0
        and subscription is not None
        and subscription.status not in ENDED
        and not subscription.pause_collection
    )


def paid_until(invoice: Invoice, subscription: Subscription) -> datetime | None:
    """Up to when the subscription is paid, whatever becomes of this unpaid invoice; None: unknown.

    Stripe calls a subscription active only where its latest invoice is paid. A renewal begins
    the time it asks money for; any other invoice comes in the middle of a period that was paid.
    """
    if subscription.status in ("active", "trialing"):
        return subscription.current_period_end
    if invoice.billing_reason == "subscription_cycle":
        return invoice.created_at
    if subscription.latest_invoice_id in ("", invoice.id):
        return subscription.current_period_end
    return None


def attempts_of(session: Session, case: RecoveryCase) -> list[Attempt]:
    query = (
        select(Attempt)
        .where(Attempt.account_id == case.account_id, Attempt.case_id == case.id)
        .order_by(Attempt.attempted_at, Attempt.id)
    )
    return list(session.scalars(query))


def facts(
    session: Session, account: Account, case: RecoveryCase, evidence: Evidence, *, suppressed: bool
) -> Facts:
    """Everything `decide` may look at, for one case. ``suppressed``: the customer gets no mail."""
    invoice, subscription = evidence.invoice, evidence.subscription
    card, rows = card_of(evidence.method), attempts_of(session, case)
    return Facts(
        mode=RetryMode(account.mode),
        failed_at=case.failed_at,
        invoice_status=invoice.status if invoice else "deleted",
        amount_remaining_minor=invoice.amount_remaining_minor if invoice else 0,
        currency=case.currency,
        collection_method=invoice.collection_method if invoice else "charge_automatically",
        subscription_status=subscription.status if subscription else "canceled",
        pause_collection=bool(subscription and subscription.pause_collection),
        card=card,
        next_stripe_attempt_at=invoice.next_payment_attempt_at if invoice else None,
        attempts=tuple(past_attempt(row) for row in rows),
        card_uses=_card_uses(session, account, card, evidence),
        issuer_answers=_issuer_answers(session, card, rows, evidence.at),
        messages=_messages(session, case, evidence.at),
        has_email=bool(case.customer_email),
        suppressed=suppressed,
        disputed=any(charge.disputed for charge in evidence.invoice_charges()),
        timezone=case.timezone or account.timezone or "UTC",
        paid_hours=tuple(map(datetime.fromisoformat, case.paid_hours or ())),
    )


def _card_uses(
    session: Session, account: Account, card: Card | None, evidence: Evidence
) -> tuple[CardUse, ...]:
    """Every authorisation on this card, from our rows and from Stripe's charges, each once."""
    if card is None or not card.fingerprint:
        return ()
    query = select(Attempt).where(
        Attempt.account_id == account.id,
        Attempt.card_fingerprint == card.fingerprint,
        Attempt.attempted_at > evidence.at - MEMORY,
        Attempt.outcome.not_in(NO_TRY),
    )
    rows = list(session.scalars(query))
    known = {row.stripe_charge_id for row in rows}
    uses = [
        CardUse(row.attempted_at, row.amount_minor, row.outcome == Outcome.SUCCEEDED)
        for row in rows
    ]
    uses += [
        CardUse(charge.created_at, charge.amount_minor, charge.status == "succeeded")
        for charge in evidence.charges
        if charge.method
        and charge.method.fingerprint == card.fingerprint
        and charge.created_at > evidence.at - MEMORY
        and charge.id not in known
        and charge.network_status != "not_sent_to_network"
    ]
    return tuple(sorted(uses, key=lambda use: use.at))


def _issuer_answers(
    session: Session, card: Card | None, rows: Sequence[Attempt], now: datetime
) -> tuple[IssuerAnswer, ...]:
    """Nothing, and no query, unless a recent technical failure is the card's latest news."""
    failures = technical_failures([past_attempt(row) for row in rows], card)
    if not failures or now - failures[-1] > OUTAGE_MEMORY:
        return ()
    failed = next(row for row in reversed(rows) if row.attempted_at == failures[-1])
    return issuer_answers(session, failed, failures)


def _messages(session: Session, case: RecoveryCase, now: datetime) -> tuple[PastMessage, ...]:
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
