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
from recover.workflow import sync

Key = Callable[[WebhookEvent], str]
Handler = Callable[[Services, Account, str], object]


@dataclass(frozen=True, slots=True)
class Route:
    """``key`` names the object an event is about; ``handler`` is called with it, once a batch."""

    key: Key
    handler: Handler


# Keys. An event whose key is "" concerns nothing Recover follows, and is dropped.


def invoice(event: WebhookEvent) -> str:
    return event.object_id


def subscription(event: WebhookEvent) -> str:
    return event.object_id


def charge(event: WebhookEvent) -> str:
    """The charge itself; the gateway files a dispute under the charge it disputes."""
    return event.object_id


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
    # Money was given back: the ledger gets a negative line.
    "charge.refunded": Route(charge, sync_charge),
    "charge.dispute.created": Route(charge, sync_charge),
    # The company revoked our access (Connect only).
    "account.application.deauthorized": Route(account, disconnect),
}

# What a webhook endpoint subscribes to. Stripe may send more; those are dropped.
HANDLED_TYPES: tuple[str, ...] = tuple(ROUTES)
