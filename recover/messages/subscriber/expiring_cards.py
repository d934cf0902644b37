"""Cards about to expire, found by a daily scan and by Stripe's events.

There is one mail for each card and expiry month, and none where the network replaced the card
before the mail was sent.
"""

from __future__ import annotations

import logging
from functools import partial

from recover.cases import collection, disputes
from recover.cases.collection import RENEWING
from recover.cases.core_values import card_of
from recover.dunning.card_expiry import notice_due
from recover.foundation.set_aside import set_aside
from recover.messages.subscriber import queue, rendering
from recover.models import Account, Message
from recover.services import Services
from recover.stripe_api.objects import Subscription

log = logging.getLogger(__name__)

TEMPLATE = "card_expiring"


def scan(services: Services, account: Account) -> int:
    """Check the card of every renewing subscription. How many notices were written.

    Reads a hundred subscriptions a request, and only writes rows: `delivery.send_due` sends them,
    after asking Stripe once more. Raises StripeUnavailable, StripeAccessLost.
    """
    written = 0
    for status in RENEWING:
        listed = services.stripe(account).subscriptions(status=status, unreadable=_leave_out)
        for subscription in listed:
            noticed, _ = set_aside(
                f"subscription {subscription.id}", partial(check, services, account, subscription)
            )
            written += bool(noticed)
    if written:
        services.enqueue("send_messages", once_for=30)
    return written


def _leave_out(subscription_id: str, why: str) -> None:
    log.warning("subscription %s is left out: %s", subscription_id, why)


def check_customer(services: Services, account: Account, customer_id: str) -> None:
    """Check the cards of one customer, about whose card or renewal Stripe sent an event."""
    subscriptions = services.stripe(account).customer_subscriptions(customer_id)
    if sum(check(services, account, subscription) for subscription in subscriptions):
        services.enqueue("send_messages", once_for=30)


def check(services: Services, account: Account, subscription: Subscription) -> bool:
    """Write the row of a notice. False where none is due, or it was written before."""
    if not is_due(services, subscription) or not subscription.customer.email:
        return False
    if _held(services, account, subscription):
        return False
    card = card_of(collection.charged_method(subscription)[0])  # type: ignore[index]
    if card is None:
        return False
    key = f"expiring:{card.payment_method_id}:{card.exp_year}-{card.exp_month:02d}"
    with services.db.begin() as session:
        message = queue.add(
            session,
            services,
            account,
            queue.Draft(
                customer_id=subscription.customer.id,
                to_email=subscription.customer.email,
                template=TEMPLATE,
                dedup_key=key,
                reason=f"The card ending in {card.last4} expires before the next renewal.",
                details=rendering.expiry_details(subscription, card),
                subscription_id=subscription.id,
            ),
        )
    return message is not None


def is_due(services: Services, subscription: Subscription) -> bool:
    """Whether the subscription renews soon by a charge, on a card that will have expired."""
    charged = collection.charged_method(subscription)
    if charged is None or not collection.will_renew_by_charge(subscription):
        return False
    return notice_due(card_of(charged[0]), subscription.current_period_end, services.now())


def still_due(services: Services, account: Account, message: Message) -> bool:
    """Ask Stripe right before sending whether the card is still in use and still expires."""
    subscription = services.stripe(account).subscription(message.details["subscription_id"])
    if subscription is None or not is_due(services, subscription):
        return False
    charged = collection.charged_method(subscription)
    if charged is None or _held(services, account, subscription):
        return False
    return bool(charged[0].id == message.details["payment_method_id"])


def _held(services: Services, account: Account, subscription: Subscription) -> bool:
    """Whether a dispute or a fraud warning is to be looked at before its customer gets mail."""
    with services.db.read() as session:
        return bool(disputes.holding(session, account.id, subscription.customer.id))
