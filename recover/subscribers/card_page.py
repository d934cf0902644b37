"""The card page without its HTML: who may see it, and what it shows. Nothing here needs Flask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from recover.cases import collection
from recover.cases.collection import ENDED
from recover.cases.timeline import note
from recover.compliance.audit_log import SUBSCRIBER, note_customer
from recover.dunning import CaseState
from recover.foundation.errors import LinkInvalid
from recover.foundation.signed_links import Purpose
from recover.models import Account, Link, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Invoice, PaymentMethod, Subscription


class PageState(StrEnum):
    OWED = "owed"  # something is owed: replace the card and pay
    CARD_ONLY = "card_only"  # nothing is owed; the card can be replaced
    PAID = "paid"  # this link's invoice is paid, nothing else is owed
    ENDED = "ended"  # the subscription is over: nothing to pay, nothing to save
    REVOKED = "revoked"
    DISCONNECTED = "disconnected"


@dataclass(frozen=True)
class Owed:
    invoice_id: str
    number: str
    amount_minor: int
    currency: str
    description: str
    created_at: datetime


@dataclass(frozen=True)
class CardPage:
    """Everything the page shows, fetched a moment ago."""

    state: PageState
    account: Account
    link: Link
    customer_name: str = ""
    locale: str = ""
    owed: tuple[Owed, ...] = ()
    method: PaymentMethod | None = None  # what is charged today
    renews_at: datetime | None = None
    product: str = ""


def find_link(services: Services, token: str) -> tuple[Account, Link]:
    """The link that a signed token of the card page stands for, and its account.

    Raises LinkExpired for a token of ours that is too old, LinkInvalid for any other.
    """
    payload = services.links.read(Purpose.CARD_PAGE, token, services.now())
    return link_by_id(services, str(payload.get("link", "")))


def link_by_id(services: Services, public_id: str) -> tuple[Account, Link]:
    """Raises LinkInvalid where there is no such link."""
    with services.db.read() as session:
        link = session.scalar(select(Link).where(Link.public_id == public_id))
        if link is None:
            raise LinkInvalid("This link is not one of ours.")
        return session.get_one(Account, link.account_id), link


def load_page(services: Services, account: Account, link: Link) -> CardPage:
    """What the page shows for a valid link, asked of Stripe now. Notes that the link was opened.

    Raises StripeUnavailable, StripeAccessLost.
    """
    _note_first_opening(services, link)
    if link.revoked_at:
        return CardPage(PageState.REVOKED, account, link)
    if account.disconnected_at:
        return CardPage(PageState.DISCONNECTED, account, link)
    stripe = services.stripe(account)
    subscription = stripe.subscription(link.stripe_subscription_id)
    invoices = [one for one in stripe.open_invoices(link.stripe_customer_id) if payable(one)]
    if _has_ended(subscription):  # nothing is paid for it any more; others may go on
        others = {one.id: one for one in stripe.customer_subscriptions(link.stripe_customer_id)}
        invoices = [one for one in invoices if one.subscription_id in others]
        subscription = others[invoices[0].subscription_id] if invoices else subscription
    owed = tuple(map(_owed_invoice, invoices))
    charged = collection.charged_method(subscription)
    return CardPage(
        state=_state(services, link, subscription, owed),
        account=account,
        link=link,
        customer_name=subscription.customer.name if subscription else "",
        locale=subscription.customer.locale if subscription else "",
        owed=owed,
        method=charged[0] if charged else None,
        renews_at=subscription.current_period_end if subscription else None,
        product=subscription.product_name if subscription else "",
    )


def _has_ended(subscription: Subscription | None) -> bool:
    return subscription is None or subscription.status in ENDED


def payable(invoice: Invoice) -> bool:
    """Whether a new card pays this invoice: it is charged automatically for a subscription.

    A subscription's first invoice and one made by hand are paid elsewhere, on terms of their own.
    """
    return (
        invoice.status == "open"
        and invoice.amount_remaining_minor > 0
        and invoice.collection_method == "charge_automatically"
        and bool(invoice.subscription_id)
        and invoice.billing_reason not in ("manual", "subscription_create")
    )


def revoke(services: Services, account: Account, public_id: str) -> None:
    """Revoke a link; it opens nothing from now on."""
    query = select(Link).where(Link.account_id == account.id, Link.public_id == public_id)
    with services.db.begin() as session:
        link = session.scalar(query)
        if link and link.revoked_at is None:
            link.revoked_at = services.now()


def revoke_all(
    services: Services, account: Account, case: RecoveryCase, reason: str, *, actor: str
) -> int:
    """Revoke every link that was mailed about a case. How many were not revoked before."""
    query = select(Link).where(
        Link.account_id == account.id, Link.case_id == case.id, Link.revoked_at.is_(None)
    )
    now = services.now()
    with services.db.begin() as session:
        links = list(session.scalars(query))
        for link in links:
            link.revoked_at = now
        if links:
            note(session, case, "revoke", reason, now, actor=actor)
    return len(links)


def _note_first_opening(services: Services, link: Link) -> None:
    if link.opened_at is None:
        with services.db.begin() as session:
            session.get_one(Link, link.id).opened_at = services.now()
            note_customer(
                session,
                "visit",
                "The card page was opened by its mailed link.",
                services.now(),
                actor=SUBSCRIBER,
                account_id=link.account_id,
                case_id=link.case_id,
                customer_id=link.stripe_customer_id,
            )


def _owed_invoice(invoice: Invoice) -> Owed:
    return Owed(
        invoice.id,
        invoice.number,
        invoice.amount_remaining_minor,
        invoice.currency,
        invoice.description,
        invoice.created_at,
    )


def _state(
    services: Services, link: Link, subscription: Subscription | None, owed: tuple[Owed, ...]
) -> PageState:
    if _has_ended(subscription):
        return PageState.ENDED
    if owed:
        return PageState.OWED
    if link.case_id:
        with services.db.read() as session:
            case = session.get_one(RecoveryCase, link.case_id)
        return PageState.PAID if case.state == CaseState.RECOVERED else PageState.CARD_ONLY
    return PageState.CARD_ONLY
