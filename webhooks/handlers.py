"""The Stripe events that Recover handles: which object each is about, and the call that handles it.

A handler gets an object's id and asks Stripe for its present state, because an event may be late,
repeated or out of order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recover.accounts import disconnecting
from recover.messages.subscriber import expiring_cards
from recover.models import Account
from recover.services import Services
from recover.stripe_api.objects import WebhookEvent
from recover.workflow import disputes, sync

Key = Callable[[WebhookEvent], str]
Handler = Callable[[Services, Account, str], object]


@dataclass(frozen=True, slots=True)
class Route:
    """``key`` names the object an event is about; ``handler`` is called with it, once a batch."""

    key: Key
    handler: Handler


# Keys. An event whose key is "" concerns nothing Recover follows, and is dropped.


def invoice(event: WebhookEvent) -> str:
    """The invoice itself; the gateway files a credit note under the invoice it lowers."""
    return event.object_id


def subscription(event: WebhookEvent) -> str:
    return event.object_id


def charge(event: WebhookEvent) -> str:
    """The charge itself, to which the gateway files its disputes, refunds and fraud warnings.

    "" for one without a charge, such as a refund of a payment made elsewhere.
    """
    return event.object_id if event.object_type == "charge" else ""


def customer(event: WebhookEvent) -> str:
    """The customer, or the owner of the card; of a detached card, the one who owned it."""
    return event.customer_id


def account(event: WebhookEvent) -> str:
    return event.account_id


# Handlers. Called through their modules, so that each is one readable call.


def sync_invoice(services: Services, account: Account, invoice_id: str) -> None:
    sync.sync(services, account, invoice_id)


def sync_known_invoice(services: Services, account: Account, invoice_id: str) -> None:
    sync.sync_known(services, account, invoice_id)


def sync_subscription(services: Services, account: Account, subscription_id: str) -> None:
    sync.sync_subscription(services, account, subscription_id)


def sync_customer(services: Services, account: Account, customer_id: str) -> None:
    sync.sync_customer(services, account, customer_id)


def sync_charge(services: Services, account: Account, charge_id: str) -> None:
    sync.sync_charge(services, account, charge_id)


def sync_disputes(services: Services, account: Account, charge_id: str) -> None:
    disputes.sync_disputes(services, account, charge_id)


def sync_warnings(services: Services, account: Account, charge_id: str) -> None:
    disputes.sync_warnings(services, account, charge_id)


def check_cards(services: Services, account: Account, customer_id: str) -> None:
    expiring_cards.check_customer(services, account, customer_id)


def disconnect(services: Services, account: Account, _stripe_account_id: str) -> None:
    disconnecting.access_revoked(services, account)


ROUTES: dict[str, Route] = {
    # A charge failed, or waits for the subscriber: a case opens or moves on.
    "invoice.payment_failed": Route(invoice, sync_invoice),
    "invoice.payment_action_required": Route(invoice, sync_invoice),
    # Somebody paid it: the case is recovered, and nothing more may be sent.
    "invoice.paid": Route(invoice, sync_known_invoice),
    # Nothing is owed any more, or the company has given up on it.
    "invoice.voided": Route(invoice, sync_known_invoice),
    "invoice.marked_uncollectible": Route(invoice, sync_known_invoice),
    # The amount or the time of Stripe's next retry changed.
    "invoice.updated": Route(invoice, sync_known_invoice),
    # A renewal is days away, and its card may expire before. (The invoice has no id yet.)
    "invoice.upcoming": Route(customer, check_cards),
    # Cancelled, paused, resumed, or another payment method became its default.
    "customer.subscription.updated": Route(subscription, sync_subscription),
    "customer.subscription.deleted": Route(subscription, sync_subscription),
    "customer.subscription.paused": Route(subscription, sync_subscription),
    "customer.subscription.resumed": Route(subscription, sync_subscription),
    # A card stored the old way expires this month.
    "customer.source.expiring": Route(customer, check_cards),
    # The card that would be charged may be another one now, or the same with new dates.
    "customer.source.updated": Route(customer, sync_customer),
    "payment_method.automatically_updated": Route(customer, sync_customer),
    "payment_method.attached": Route(customer, sync_customer),
    "payment_method.detached": Route(customer, sync_customer),
    "payment_method.updated": Route(customer, sync_customer),
    # Another default card, name, address or language; or the customer is gone.
    "customer.updated": Route(customer, sync_customer),
    "customer.deleted": Route(customer, sync_customer),
    # Money was given back, or a refund failed and came back: the ledger's negative line follows.
    "charge.refunded": Route(charge, sync_charge),
    "refund.created": Route(charge, sync_charge),
    "refund.updated": Route(charge, sync_charge),
    "refund.failed": Route(charge, sync_charge),
    # A credit note lowers what is owed, or gives back what was paid.
    "credit_note.created": Route(invoice, sync_known_invoice),
    "credit_note.updated": Route(invoice, sync_known_invoice),
    "credit_note.voided": Route(invoice, sync_known_invoice),
    # A payment is disputed: its customer's cases wait, and go on once it is won or withdrawn.
    "charge.dispute.created": Route(charge, sync_disputes),
    "charge.dispute.updated": Route(charge, sync_disputes),
    "charge.dispute.closed": Route(charge, sync_disputes),
    "charge.dispute.funds_withdrawn": Route(charge, sync_disputes),
    "charge.dispute.funds_reinstated": Route(charge, sync_disputes),
    # The bank calls a payment fraud, most often weeks before a dispute.
    "radar.early_fraud_warning.created": Route(charge, sync_warnings),
    "radar.early_fraud_warning.updated": Route(charge, sync_warnings),
    # The company revoked our access (Connect only).
    "account.application.deauthorized": Route(account, disconnect),
}

# What a webhook endpoint subscribes to. Stripe may send more; those are dropped.
HANDLED_TYPES: tuple[str, ...] = tuple(ROUTES)
