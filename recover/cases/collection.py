"""Will Stripe charge this, and on which payment method? One answer for whoever asks.

Retries, mails, the card page and expiry notices all ask here. Pure: it reads what was fetched.
"""

from __future__ import annotations

from datetime import datetime

from recover.dunning import stop_conditions
from recover.stripe_api.objects import CardField, Invoice, PaymentMethod, Subscription

ENDED = ("canceled", "incomplete_expired")  # statuses of a subscription that is over
RENEWING = ("active", "trialing")


def charged_method(
    subscription: Subscription | None, invoice: Invoice | None = None
) -> tuple[PaymentMethod, CardField] | None:
    """What Stripe would charge, and the field it stands in: an invoice's own method comes first.

    Without ``invoice``: for the subscription's next renewal.
    """
    if invoice and invoice.default_method:
        return invoice.default_method, CardField.INVOICE_METHOD
    if invoice and invoice.default_source:
        return invoice.default_source, CardField.INVOICE_SOURCE
    return subscription.charged_method() if subscription else None


def is_paused(subscription: Subscription) -> bool:
    """Somebody paused it, or its collection: as the core decides."""
    return stop_conditions.is_paused(
        subscription.status,
        subscription.pause_reason,
        collection_paused=subscription.pause_collection,
    )


def is_leaving(subscription: Subscription) -> bool:
    """It goes on for now, but is set to end, in whichever way that was set."""
    return subscription.cancel_at_period_end or subscription.cancel_at is not None


def will_renew_by_charge(subscription: Subscription) -> bool:
    """The next renewal will be charged to the payment method on file."""
    renews_at = subscription.current_period_end
    return (
        subscription.status in RENEWING
        and subscription.collection_method == "charge_automatically"
        and subscription.amount_minor != 0  # None where it depends on use
        and not is_paused(subscription)
        and not _ends_before(subscription, renews_at)
    )


def _ends_before(subscription: Subscription, renews_at: datetime | None) -> bool:
    """The subscription is over by its next renewal."""
    if subscription.cancel_at_period_end:
        return True
    ends_at = subscription.cancel_at
    return ends_at is not None and (renews_at is None or ends_at <= renews_at)
