"""The mail for a message's row: what it says, from whom, with which links.

What a mail depends on is stored in the row's ``details`` when the mail is decided on. A mail sent
after a crash therefore says what was decided then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from emails import subscriber_mails
from emails.billing import Bill, Reader, ShownCard
from emails.envelope import Outgoing, message_id
from emails.render import Rendered
from recover.accounts.settings.brand import brand
from recover.cases.core_facts import attempts_of
from recover.cases.core_values import card_of_attempt
from recover.dunning import (
    Card,
    Facts,
    Outcome,
    Trigger,
    current_rule,
    planned_retry,
    window_ends_at,
)
from recover.foundation.signed_links import Payload, Purpose
from recover.learning import timing_in_force
from recover.models import Account, Message, RecoveryCase
from recover.services import Services
from recover.stripe_api.objects import Subscription

# A retry this near is over before the mail that announces it is read.
SOON = timedelta(hours=1)


def case_details(
    session: Session, account: Account, case: RecoveryCase, facts: Facts, now: datetime
) -> dict[str, Any]:
    """What the mails about a failed payment say, as JSON."""
    steps = timing_in_force.campaign_of(account, case)
    timing = timing_in_force.timing_of(session, account, case.stripe_invoice_id)
    retry = planned_retry(facts, steps, timing, now)
    our_retry_at = retry.at if retry and retry.at > now + SOON else None
    retries_at = [at for at in (our_retry_at, facts.next_stripe_attempt_at) if at]
    return {
        "reason": current_rule(facts).subscriber_reason,
        "next_try_at": min(retries_at).isoformat() if retries_at else None,
        "ends_at": window_ends_at(facts, steps).isoformat(),
        "amount_minor": case.amount_remaining_minor,
        "notice": 1 + _count_messages(session, case),
        **_card_details(facts.card),
    }


def _count_messages(session: Session, case: RecoveryCase) -> int:
    """How many mails about this case were written so far."""
    query = select(func.count(Message.id)).where(
        Message.account_id == case.account_id, Message.case_id == case.id
    )
    return session.scalar(query) or 0


def paid_details(session: Session, case: RecoveryCase) -> dict[str, Any]:
    """What the thank-you mail says, as JSON."""
    rows = attempts_of(session, case)
    winner = next((row for row in rows if row.outcome == Outcome.SUCCEEDED), None)
    card = card_of_attempt(winner) if winner else None
    return {
        "amount_minor": case.amount_minor,
        "new_card": winner is not None and winner.trigger == Trigger.SUBSCRIBER,
        "receipt_link": case.hosted_invoice_url,
        **_card_details(card),
    }


def expiry_details(subscription: Subscription, card: Card) -> dict[str, Any]:
    """What the notice about an expiring card says, as JSON."""
    renews_at = subscription.current_period_end
    return {
        "subscription_id": subscription.id,
        "payment_method_id": card.payment_method_id,
        "renews_at": renews_at.isoformat() if renews_at else None,
        "product": subscription.product_name,
        "customer_name": subscription.customer.name,
        "locale": subscription.customer.locale,
        **({"timezone": zone} if (zone := subscription.customer.timezone) else {}),
        **_card_details(card),
    }


def _card_details(card: Card | None) -> dict[str, Any]:
    if card is None:
        return {"card_brand": "", "card_last4": "", "exp_month": None, "exp_year": None}
    return {
        "card_brand": card.brand,
        "card_last4": card.last4,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
    }


def outgoing_mail(
    session: Session, services: Services, account: Account, message: Message
) -> Outgoing:
    """The finished mail for a message's row."""
    case = session.get(RecoveryCase, message.case_id) if message.case_id else None
    stop_link = _stop_link(services, account, message)
    rendered = _render(services, account, message, case, stop_link)
    sender = brand(account)
    return Outgoing(
        to=message.to_email,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        sender=sender.sender_email or services.settings.mail_from,
        sender_name=sender.sender_name,
        reply_to=sender.reply_to,
        message_id=message_id(
            f"{message.account_id}:{message.dedup_key}", services.settings.mail_domain
        ),
        sent_at=services.now(),
        stop_link=stop_link,
    )


_PAYMENT = ("reader", "bill", "card")


@dataclass(frozen=True, slots=True)
class Mail:
    """How a template is rendered, and the arguments its function takes beside the brand.

    An argument without a value is left out, and the function's default applies.
    """

    render: Callable[..., Rendered]
    arguments: tuple[str, ...]


MAILS = {
    "payment_failed": Mail(
        subscriber_mails.payment_failed, (*_PAYMENT, "reason", "link", "next_try_at", "notice")
    ),
    "authentication_needed": Mail(
        subscriber_mails.authentication_needed, (*_PAYMENT, "link", "notice")
    ),
    "last_notice": Mail(subscriber_mails.last_notice, (*_PAYMENT, "ends_at", "link")),
    "card_expiring": Mail(
        subscriber_mails.card_expiring, ("reader", "card", "renews_at", "link", "product")
    ),
    "thank_you": Mail(subscriber_mails.thank_you, (*_PAYMENT, "new_card", "receipt_link")),
    "fresh_link": Mail(subscriber_mails.fresh_link, ("reader", "link", "product", "works_until")),
}


def _render(
    services: Services,
    account: Account,
    message: Message,
    case: RecoveryCase | None,
    stop_link: str,
) -> Rendered:
    mail = MAILS[message.template]
    link: Payload = {"link": str(message.details["link_id"])}
    known = _stored_values(account, case, dict(message.details)) | {
        "link": services.links.url("card", Purpose.CARD_PAGE, link, services.now()),
        "stop_link": stop_link,
    }
    known |= _as_arguments(known)
    values = {name: known[name] for name in mail.arguments if name in known}
    return mail.render(brand(account), **values)


def _as_arguments(known: dict[str, Any]) -> dict[str, Any]:
    """The reader, the card, and the bill where its amount is known."""

    def renamed(**names: str) -> dict[str, Any]:
        return {field: known[name] for field, name in names.items() if name in known}

    values: dict[str, Any] = {
        "reader": Reader(
            **renamed(
                name="customer_name", locale="locale", timezone="timezone", stop_link="stop_link"
            )
        ),
        "card": ShownCard(
            **renamed(
                brand="card_brand", last4="card_last4", exp_month="exp_month", exp_year="exp_year"
            )
        ),
    }
    bill = renamed(amount_minor="amount_minor", currency="currency", product="product")
    if "amount_minor" in bill:
        values["bill"] = Bill(**bill, **renamed(number="invoice_number"))
    return values


def _stored_values(
    account: Account, case: RecoveryCase | None, details: dict[str, Any]
) -> dict[str, Any]:
    """The values of account, case and ``details``, of which the last win; times are parsed."""
    values: dict[str, Any] = {"timezone": account.timezone}
    if case:
        values |= {
            "customer_name": case.customer_name,
            "locale": case.locale,
            "timezone": case.timezone or account.timezone,
            "product": case.product,
            "invoice_number": case.invoice_number,
            "currency": case.currency,
        }
    times = {k: datetime.fromisoformat(v) for k, v in details.items() if k.endswith("_at") and v}
    return values | details | times


def _stop_link(services: Services, account: Account, message: Message) -> str:
    payload: Payload = {"account": account.id, "customer": message.stripe_customer_id}
    return services.links.url("stop", Purpose.STOP_MAIL, payload, services.now())
