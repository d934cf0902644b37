"""Evidence: what Stripe says about one invoice now. It is fetched with no transaction open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.cases import collection
from recover.cases.collection import ENDED
from recover.cases.disputes import Objection, read_disputes
from recover.stripe_api.gateway import StripeAccount
from recover.stripe_api.objects import CardField, Charge, Invoice, PaymentMethod, Subscription

# Six monthly renewals show on which days a customer can pay, and still fit one page of charges.
HISTORY = timedelta(days=190)
PAID_HOURS = 6  # of earlier payments are remembered


@dataclass(frozen=True)
class Evidence:
    """What Stripe said about one invoice, a moment ago. ``invoice`` is None where it is gone."""

    at: datetime
    invoice_id: str
    invoice: Invoice | None
    subscription: Subscription | None
    charges: tuple[Charge, ...]  # of the customer since `HISTORY` before the invoice, oldest first
    disputes: tuple[Objection, ...] = ()  # of those charges that Stripe calls disputed
    chosen: PaymentMethod | None = None  # by the subscriber, and not yet saved as the default

    @property
    def method(self) -> PaymentMethod | None:
        """The payment method that would be charged now."""
        if self.chosen:
            return self.chosen
        charged = collection.charged_method(self.subscription, self.invoice)
        return charged[0] if charged else None

    @property
    def field(self) -> CardField | None:
        """Where Stripe keeps the payment method that would be charged for the invoice."""
        charged = collection.charged_method(self.subscription, self.invoice)
        return charged[1] if charged else None

    def invoice_charges(self) -> list[Charge]:
        """The authorisations made for this invoice, by anyone, oldest first."""
        intents = self.invoice.payment_intent_ids if self.invoice else ()
        return [charge for charge in self.charges if charge.payment_intent_id in intents]

    def paid_hours(self, before: datetime) -> list[datetime]:
        """The times of the customer's last `PAID_HOURS` payments before a time, oldest first."""
        paid = [charge.created_at for charge in self.charges if charge.status == "succeeded"]
        return [at for at in paid if at < before][-PAID_HOURS:]


def fetch_evidence(stripe: StripeAccount, invoice_id: str, now: datetime) -> Evidence:
    """Three requests: the invoice, its subscription with every card, the customer's charges.

    One more for each charge that is disputed, to know how that stands.
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
    disputed = [charge for charge in charges if charge.disputed]
    disputes = tuple(found for one in disputed for found in read_disputes(stripe, one))
    return Evidence(now, invoice_id, invoice, subscription, charges, disputes)


def still_owed(evidence: Evidence) -> bool:
    """The invoice is open and its subscription goes on, so a charge or a mail makes sense."""
    invoice, subscription = evidence.invoice, evidence.subscription
    return (
        invoice is not None
        and invoice.status == "open"
        and invoice.amount_remaining_minor > 0
        and subscription is not None
        and subscription.status not in ENDED
        and not collection.is_paused(subscription)
    )


def paid_until(invoice: Invoice, subscription: Subscription) -> datetime | None:
    """Until when the subscription is paid for without this unpaid invoice; None where unknown.

    Stripe calls a subscription active only if its latest invoice is paid. A renewal invoice is
    created when the unpaid period begins; any other invoice comes within a period already paid.
    """
    if subscription.status in ("active", "trialing"):
        return subscription.current_period_end
    if invoice.billing_reason == "subscription_cycle":
        return invoice.created_at
    if subscription.latest_invoice_id in ("", invoice.id):
        return subscription.current_period_end
    return None
