"""The event types that Recover subscribes to at Stripe; `webhooks.handlers` handles each."""

from __future__ import annotations

# Never `invoice.created`: while its endpoint fails, Stripe finalizes no invoice for up to 72 hours.
CONNECT_ONLY = ("account.application.deauthorized",)  # sent to the platform, of its accounts

OF_AN_ACCOUNT: tuple[str, ...] = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refunded",
    "credit_note.created",
    "credit_note.updated",
    "credit_note.voided",
    "customer.deleted",
    "customer.source.expiring",
    "customer.source.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.updated",
    "customer.updated",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.upcoming",
    "invoice.updated",
    "invoice.voided",
    "payment_method.attached",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "radar.early_fraud_warning.created",
    "radar.early_fraud_warning.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
)

OF_THE_PLATFORM: tuple[str, ...] = (*CONNECT_ONLY, *OF_AN_ACCOUNT)
