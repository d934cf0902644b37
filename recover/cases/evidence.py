"""Fresh evidence: what Stripe says now about one invoice. Asked for with no transaction open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.stripe_api.gateway import StripeAccount
from recover.stripe_api.objects import CardField, Charge, Invoice, PaymentMethod, Subscription

# Six monthly renewals: on which days this customer's money was there. Still one page of charges.
HISTORY = timedelta(days=190)
PAID_HOURS = 6  # of earlier payments are remembered
ENDED = ("canceled", "incomplete_expired")  # subscriptions whose holder has left


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


def fetch_evidence(stripe: StripeAccount, invoice_id: str, now: datetime) -> Evidence:
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
