"""A new card from a subscriber: create a SetupIntent within caps, save the card, pay what is open.

A SetupIntent is created only for a valid link and after a person acted on the page, because card
testers abuse any page that creates them freely: see `card_caps`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from recover.cases import collection
from recover.cases.collection import ENDED
from recover.compliance.audit_log import SUBSCRIBER, note_customer
from recover.dunning import Trigger
from recover.foundation.errors import PermanentError
from recover.models import Account, CardForm, CardUpdate, CardUpdateStatus, Link
from recover.services import Services
from recover.stripe_api.gateway import StripeAccount
from recover.stripe_api.objects import CardField, CardSetup, Payment, PaymentMethod
from recover.subscribers import card_caps, card_page
from recover.subscribers.card_page import PageState
from recover.workflow import sync
from recover.workflow.sync import Agreed

# Checkout wants a currency even where nothing is paid: it decides which methods are offered.
DEFAULT_CURRENCY = "usd"
REASON = "The subscriber replaced the card on the card page and asked to pay now."


class NotPossible(PermanentError):
    """The link's state changed meanwhile: nothing to save or pay. The page shows why."""


@dataclass(frozen=True)
class Finished:
    """What came of a new card. ``payments`` has (invoice id, payment) for each invoice that the
    subscriber agreed to pay; the payment is None where nothing was to be charged any more.
    """

    saved: bool
    message: str = ""  # Stripe's words where the card could not be saved
    method: PaymentMethod | None = None
    payments: tuple[tuple[str, Payment | None], ...] = ()

    @property
    def needs_action(self) -> Payment | None:
        """The first payment that waits for the subscriber to authenticate."""
        waiting = (p for _, p in self.payments if p and p.status == "requires_action")
        return next(waiting, None)


def start(
    services: Services,
    account: Account,
    link: Link,
    *,
    origin: str,
    invoice_ids: Sequence[str],
    shown: Mapping[str, int] | None = None,
    return_url: str = "",
) -> CardSetup:
    """A SetupIntent for Stripe's Payment Element; with ``return_url``, hosted Checkout instead.

    ``invoice_ids`` are those the visitor agreed to pay with the new card, ``shown`` all that the
    page showed, each with its amount in minor units; None for what is owed now. ``return_url``
    gets ``?session_id={CHECKOUT_SESSION_ID}`` added. Raises TooManyCardUpdates, NotPossible,
    StripeUnavailable, StripeAccessLost.
    """
    page = card_page.load_page(services, account, link)
    if page.state not in (PageState.OWED, PageState.CARD_ONLY, PageState.PAID):
        raise NotPossible("This link can no longer be used to change a card.")
    owed = {one.invoice_id: one.amount_minor for one in page.owed}
    shown = owed if shown is None else shown
    if any(owed.get(ticked, 0) > shown.get(ticked, 0) for ticked in invoice_ids):
        raise NotPossible("The amount has changed since this page was shown.")
    agreed = [invoice_id for invoice_id in owed if invoice_id in invoice_ids]
    via = CardForm.CHECKOUT if return_url else CardForm.ELEMENT
    with services.db.begin() as session:
        card_caps.check_caps(session, services, link, origin)
        row = CardUpdate(
            account_id=account.id,
            link_id=link.id,
            via=via,
            status=CardUpdateStatus.STARTED,
            origin_hash=origin,
            invoice_ids=agreed,
            shown={one: shown[one] for one in owed if one in shown},
            created_at=services.now(),
        )
        session.add(row)
    currency = page.owed[0].currency if page.owed else DEFAULT_CURRENCY
    setup = _create_setup(services.stripe(account), link, row, return_url, currency)
    with services.db.begin() as session:
        stored = session.get_one(CardUpdate, row.id)
        stored.stripe_setup_intent_id = setup.id or None
        stored.stripe_session_id = setup.session_id or None
    return setup


def _create_setup(
    stripe: StripeAccount, link: Link, row: CardUpdate, return_url: str, currency: str
) -> CardSetup:
    key, metadata = f"recover-card-{row.id}-{link.public_id}", {"recover_link": link.public_id}
    if not return_url:
        return stripe.create_setup_intent(
            link.stripe_customer_id, idempotency_key=key, metadata=metadata
        )
    return stripe.create_checkout_session(
        link.stripe_customer_id,
        success_url=f"{return_url}?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=return_url,
        idempotency_key=key,
        metadata=metadata,
        currency=currency,
    )


def finish(
    services: Services,
    account: Account,
    link: Link,
    *,
    setup_intent_id: str = "",
    session_id: str = "",
) -> Finished:
    """The visitor is back from Stripe: save the card where the old one failed, pay what they
    agreed to.

    Harmless when repeated: a saved card stays saved, a paid invoice is not paid again.
    Raises NotPossible where the SetupIntent was not made for this link, TooManyCardUpdates for a
    card saved for too many customers today, StripeUnavailable (reloading the page goes on).
    """
    if link.revoked_at or account.disconnected_at:
        raise NotPossible("This link was switched off.")
    stripe = services.stripe(account)
    row = find(services, link, setup_intent_id, session_id)
    if row.status == CardUpdateStatus.SAVED:
        return Finished(True, method=stripe.payment_method(row.payment_method_id))
    setup = (
        stripe.checkout_session(session_id) if session_id else stripe.setup_intent(setup_intent_id)
    )
    if setup is None or setup.customer_id != link.stripe_customer_id:
        raise NotPossible("This card was not entered on this page.")
    if setup.status != "succeeded" or not setup.payment_method_id:
        return Finished(False, message=setup.error_message)
    method = stripe.payment_method(setup.payment_method_id)
    if method is None:
        raise NotPossible("This card was removed again.")
    card_caps.check_card(services, account, link, row, method)
    payments = _save_and_pay(services, account, link, row, method)
    return Finished(True, method=method, payments=payments)


def find(services: Services, link: Link, setup_intent_id: str, session_id: str) -> CardUpdate:
    """The card update that a visitor comes back from. Raises NotPossible for another link's."""
    made_by = (
        CardUpdate.stripe_session_id == session_id
        if session_id
        else CardUpdate.stripe_setup_intent_id == setup_intent_id
    )
    query = select(CardUpdate).where(
        CardUpdate.account_id == link.account_id, CardUpdate.link_id == link.id, made_by
    )
    with services.db.read() as session:
        row = session.scalar(query)
    if row is None:
        raise NotPossible("This card was not entered on this page.")
    return row


def _save_and_pay(
    services: Services, account: Account, link: Link, row: CardUpdate, method: PaymentMethod
) -> tuple[tuple[str, Payment | None], ...]:
    """Save the card and pay the agreed invoices with it. (invoice id, payment) of each.

    The rows of the payment attempts are written first, so that nobody else charges the new card
    meanwhile. Then the card becomes the default, and then the invoices are paid.
    """
    begun = [
        (
            invoice_id,
            sync.begin_payment(
                services,
                account,
                invoice_id,
                Trigger.SUBSCRIBER,
                REASON,
                method,
                actor=SUBSCRIBER,
                agreed=Agreed(f"card-update-{row.id}", row.shown.get(invoice_id)),
            ),
        )
        for invoice_id in row.invoice_ids
    ]
    fields = _save(services, account, link, row, method)
    _note_saved(services, link, row, method, fields)
    return tuple(
        (
            invoice_id,
            sync.complete_payment(services, account, invoice_id, attempt_id)
            if attempt_id
            else None,
        )
        for invoice_id, attempt_id in begun
    )


def _note_saved(
    services: Services,
    link: Link,
    row: CardUpdate,
    method: PaymentMethod,
    fields: Sequence[CardField],
) -> None:
    """Settle the row, once: the page may have been sent twice."""
    with services.db.begin() as session:
        stored = session.get_one(CardUpdate, row.id, with_for_update=True)
        if stored.status == CardUpdateStatus.SAVED:
            return
        stored.status, stored.saved_at = CardUpdateStatus.SAVED, services.now()
        stored.payment_method_id, stored.field = method.id, ", ".join(fields)
        note_customer(
            session,
            "card",
            "Another card was saved on the card page.",
            services.now(),
            actor=SUBSCRIBER,
            account_id=link.account_id,
            customer_id=link.stripe_customer_id,
            case_id=link.case_id,
        )


def _save(
    services: Services, account: Account, link: Link, row: CardUpdate, method: PaymentMethod
) -> list[CardField]:
    """Make the card the default for each agreed invoice, or for the link's subscription.

    Where no default is set, it becomes the customer's, for all subscriptions. The fields written.
    """
    stripe = services.stripe(account)
    invoices = [stripe.invoice(invoice_id) for invoice_id in row.invoice_ids]
    subscription_ids = {link.stripe_subscription_id} | {i.subscription_id for i in invoices if i}
    found = [stripe.subscription(one) for one in sorted(filter(None, subscription_ids))]
    going_on = [one for one in found if one is None or one.status not in ENDED]
    fields = []
    for subscription in going_on or [None]:
        charged = collection.charged_method(subscription)
        field = charged[1] if charged else CardField.CUSTOMER_METHOD
        stripe.set_default_method(
            field,
            customer_id=link.stripe_customer_id,
            subscription_id=subscription.id if subscription else "",
            payment_method_id=method.id,
        )
        fields.append(field)
    return fields
