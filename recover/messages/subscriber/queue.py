"""The queue of mails to subscribers: each is first a row with its contents; `delivery` sends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.cases.timeline import note
from recover.compliance.audit_log import RECOVER, SUBSCRIBER, note_customer
from recover.compliance.erasure_list import address_erased
from recover.dunning import CaseState, Facts, RetryMode, SendMessage
from recover.messages import suppression
from recover.messages.subscriber import rendering
from recover.models import Account, Link, Message, MessageStatus, RecoveryCase
from recover.services import Services

ASKED_FOR = "fresh_link"  # the template of the one mail that subscribers ask for themselves

LEASE = timedelta(minutes=10)  # a mail whose worker died while sending is looked at after this


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail whose row is to be written: to whom, which template, and why."""

    customer_id: str
    to_email: str
    template: str
    dedup_key: str  # there is at most one mail for each key
    reason: str
    details: dict[str, Any]  # what the template needs, as JSON
    case: RecoveryCase | None = None
    step: str = ""
    subscription_id: str = ""  # of a mail that is about no case


def add_case_message(
    session: Session,
    services: Services,
    account: Account,
    case: RecoveryCase,
    facts: Facts,
    decision: SendMessage,
    now: datetime,
) -> Message | None:
    """Write the row of a mail about a case, with its own revocable link to the card page.

    ``facts`` are those the decision was made on, ``now`` when their evidence was fetched. None
    where that step's mail was written already.
    """
    details = rendering.case_details(session, account, case, facts, now)
    message = add(
        session,
        services,
        account,
        Draft(
            customer_id=case.stripe_customer_id,
            to_email=case.customer_email,
            template=decision.template,
            dedup_key=f"case:{case.id}:{decision.step}",
            case=case,
            step=decision.step,
            reason=decision.reason,
            details=details,
        ),
    )
    if message:
        message.due_at = now + LEASE  # the caller sends it at once; `send_due` does if that fails
    return message


def add(session: Session, services: Services, account: Account, draft: Draft) -> Message | None:
    """Write a mail's row, due now.

    None where its key has a row already, or where the customer is on the suppression list or
    erased and did not ask for this mail.
    """
    if _is_suppressed(session, services, account, draft):
        return None
    existing = select(Message.id).where(
        Message.account_id == account.id, Message.dedup_key == draft.dedup_key
    )
    if session.scalar(existing) is not None:
        return None
    now = services.now()
    link = _new_link(account, draft, now)
    message = _new_message(account, draft, link, now)
    session.add_all([link, message])
    actor = SUBSCRIBER if draft.template == ASKED_FOR else RECOVER
    if draft.case:
        note(session, draft.case, "message", draft.reason, now, actor=actor)
    else:
        note_message(session, message, "message", draft.reason, now, actor=actor)
    session.flush()
    return message


def _is_suppressed(session: Session, services: Services, account: Account, draft: Draft) -> bool:
    return draft.template != ASKED_FOR and (
        suppression.is_suppressed(session, account.id, draft.customer_id, draft.to_email)
        or address_erased(session, services.vault, account, draft.to_email)
    )


def _new_link(account: Account, draft: Draft, now: datetime) -> Link:
    case = draft.case
    return Link(
        account_id=account.id,
        case_id=case.id if case else None,
        public_id=token_urlsafe(16),
        stripe_customer_id=draft.customer_id,
        stripe_subscription_id=case.stripe_subscription_id if case else draft.subscription_id,
        created_at=now,
    )


def _new_message(account: Account, draft: Draft, link: Link, now: datetime) -> Message:
    observing = account.mode == RetryMode.OBSERVE
    return Message(
        account_id=account.id,
        case_id=draft.case.id if draft.case else None,
        stripe_customer_id=draft.customer_id,
        dedup_key=draft.dedup_key,
        template=draft.template,
        step=draft.step,
        reason=draft.reason,
        status=MessageStatus.OBSERVED if observing else MessageStatus.PENDING,
        to_email=draft.to_email,
        details=draft.details | {"link_id": link.public_id},
        due_at=now,
        created_at=now,
    )


def note_message(
    session: Session, row: Message, verb: str, reason: str, at: datetime, *, actor: str = RECOVER
) -> None:
    """Write an audit log entry about what became of a mail."""
    note_customer(
        session,
        verb,
        reason,
        at,
        actor=actor,
        account_id=row.account_id,
        case_id=row.case_id,
        customer_id=row.stripe_customer_id,
    )


def send_fresh_link(services: Services, account: Account, link: Link) -> None:
    """Mail a new link, to the customer's address at Stripe, for an expired ``link``.

    At most once an hour for each expired link, so that nobody can use it to flood the customer.
    """
    customer = services.stripe(account).customer(link.stripe_customer_id)
    if customer is None or customer.deleted or not customer.email or link.revoked_at:
        return
    hour = services.now().strftime("%Y-%m-%dT%H")
    with services.db.begin() as session:
        case = session.get(RecoveryCase, link.case_id) if link.case_id else None
        add(
            session,
            services,
            account,
            Draft(
                customer_id=customer.id,
                to_email=customer.email,
                template=ASKED_FOR,
                dedup_key=f"fresh:{link.public_id}:{hour}",
                reason="The subscriber asked for a new link on the page of an expired one.",
                details={"locale": customer.locale},
                case=case,
                step="fresh_link",
                subscription_id=link.stripe_subscription_id,
            ),
        )
    services.enqueue("send_messages", once_for=30)


def add_thanks(session: Session, services: Services, account: Account, case: RecoveryCase) -> None:
    """Write the thank-you mail of a paid invoice, if a mail about it had been sent before."""
    if case.state != CaseState.RECOVERED or not case.customer_email:
        return
    sent = select(Message.id).where(
        Message.account_id == case.account_id,
        Message.case_id == case.id,
        Message.status == MessageStatus.SENT,
    )
    if session.scalar(sent.limit(1)) is None:
        return
    added = add(
        session,
        services,
        account,
        Draft(
            customer_id=case.stripe_customer_id,
            to_email=case.customer_email,
            template="thank_you",
            dedup_key=f"case:{case.id}:thank_you",
            case=case,
            step="thank_you",
            reason="The invoice is paid, and we had written about it.",
            details=rendering.paid_details(session, case),
        ),
    )
    if added:
        services.enqueue("send_messages", once_for=30)
