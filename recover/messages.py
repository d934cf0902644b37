"""Mails to subscribers: decided by the core, written as a row, sent once, settled.

A row goes pending -> sending -> sent. SMTP has no idempotency key: where a worker dies between
the two last, nobody can know whether the mail left, so the row ends as "uncertain" and is never
sent again. Better one mail too few, named on the founder's page, than one too many.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from emails.envelope import Outgoing
from recover import letters, truth
from recover.dunning import CaseState, RetryMode, SendMessage
from recover.errors import DeliveryUncertain, MailRefused, MailUnavailable
from recover.models import Account, Link, Message, RecoveryCase, Suppression
from recover.services import Services
from recover.timeline import note
from recover.truth import Evidence

log = logging.getLogger(__name__)

PENDING, SENDING, SENT = "pending", "sending", "sent"
REFUSED, UNCERTAIN, SKIPPED, OBSERVED = "refused", "uncertain", "skipped", "observed"

# What has to be asked before a mail that is about no case leaves, by its template.
GATES: dict[str, Callable[[Services, Account, Message], bool]] = {}

LEASE = timedelta(minutes=10)  # a mail half sent by a worker that died is looked at after this
BACK_OFF = (1, 5, 30, 120)  # minutes, while the mail server is away
GIVE_UP = timedelta(hours=48)  # a mail this late says things that are no longer so


def prepare(
    session: Session,
    services: Services,
    account: Account,
    case: RecoveryCase,
    evidence: Evidence,
    decision: SendMessage,
) -> Message | None:
    """Write the row of a mail about a case, with its own revocable link to the card page.

    None where that step's mail was written already.
    """
    details = letters.case_details(session, account, case, evidence)
    message = add(
        session,
        services,
        account,
        customer_id=case.stripe_customer_id,
        to_email=case.customer_email,
        template=decision.template,
        dedup_key=f"case:{case.id}:{decision.step}",
        case=case,
        step=decision.step,
        reason=decision.reason,
        details=details,
    )
    if message:
        message.due_at = evidence.at + LEASE  # the caller sends it at once; this is for its crash
        note(session, case, "message", decision.reason, evidence.at)
    return message


def add(
    session: Session,
    services: Services,
    account: Account,
    *,
    customer_id: str,
    to_email: str,
    template: str,
    dedup_key: str,
    reason: str,
    details: dict[str, Any],
    case: RecoveryCase | None = None,
    step: str = "",
    subscription_id: str = "",
) -> Message | None:
    """Write a mail's row, due now, once for each ``dedup_key``; None where there is one already."""
    found = select(Message.id).where(
        Message.account_id == account.id, Message.dedup_key == dedup_key
    )
    if session.scalar(found) is not None:
        return None
    now = services.now()
    link = Link(
        account_id=account.id,
        case_id=case.id if case else None,
        public_id=token_urlsafe(16),
        stripe_customer_id=customer_id,
        stripe_subscription_id=case.stripe_subscription_id if case else subscription_id,
        created_at=now,
    )
    message = Message(
        account_id=account.id,
        case_id=case.id if case else None,
        stripe_customer_id=customer_id,
        dedup_key=dedup_key,
        template=template,
        step=step,
        reason=reason,
        status=OBSERVED if account.mode == RetryMode.OBSERVE else PENDING,
        to_email=to_email,
        details=details | {"link_id": link.public_id},
        due_at=now,
        created_at=now,
    )
    session.add_all([link, message])
    session.flush()
    return message


def send_fresh_link(services: Services, account: Account, link: Link) -> None:
    """Mail a new link to the address Stripe has now, to whoever holds an expired one.

    At most one an hour for each link, so that an old link cannot be used to pester anybody.
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
            customer_id=customer.id,
            to_email=customer.email,
            template="fresh_link",
            dedup_key=f"fresh:{link.public_id}:{hour}",
            reason="The subscriber asked for a new link on the page of an expired one.",
            details={"locale": customer.locale},
            case=case,
            step="fresh_link",
            subscription_id=link.stripe_subscription_id,
        )
    services.enqueue("send_messages", once_for=30)


def follow_up(session: Session, services: Services, account: Account, case: RecoveryCase) -> None:
    """Thank a subscriber whose invoice is paid, if we ever troubled them about it."""
    if case.state != CaseState.RECOVERED or not case.customer_email:
        return
    told = select(Message.id).where(
        Message.account_id == case.account_id, Message.case_id == case.id, Message.status == SENT
    )
    if session.scalar(told.limit(1)) is None:
        return
    added = add(
        session,
        services,
        account,
        customer_id=case.stripe_customer_id,
        to_email=case.customer_email,
        template="thank_you",
        dedup_key=f"case:{case.id}:thank_you",
        case=case,
        step="thank_you",
        reason="The invoice is paid, and we had written about it.",
        details=letters.paid_details(session, case),
    )
    if added:
        services.enqueue("send_messages", once_for=30)


def send(services: Services, message_id: int) -> str:
    """Send a pending mail and settle its row. The row's status afterwards."""
    claim = (
        update(Message)
        .where(Message.id == message_id, Message.status == PENDING)
        .values(status=SENDING, due_at=services.now() + LEASE)
        .returning(Message.id)
    )
    with services.db.begin() as session:
        if session.scalar(claim) is None:
            return session.get_one(Message, message_id).status
        message = session.get_one(Message, message_id)
        account = session.get_one(Account, message.account_id)
        outgoing = letters.write(session, services, account, message)
    return _deliver(services, message, outgoing)


def _deliver(services: Services, message: Message, outgoing: Outgoing) -> str:
    now = services.now()
    try:
        services.mailer.send(outgoing)
    except MailUnavailable as error:
        minutes = BACK_OFF[min(message.failures, len(BACK_OFF) - 1)]
        late = now - message.created_at > GIVE_UP
        return _settle(
            services,
            message,
            REFUSED if late else PENDING,
            error=str(error),
            due_at=now + timedelta(minutes=minutes),
            failures=message.failures + 1,
        )
    except MailRefused as error:
        if error.recipient_refused:
            _suppress(services, message)
        return _settle(services, message, REFUSED, error=str(error))
    except DeliveryUncertain as error:
        return _settle(services, message, UNCERTAIN, error=str(error))
    return _settle(services, message, SENT, sent_at=now, subject=outgoing.subject, error="")


def _settle(services: Services, message: Message, status: str, **values: Any) -> str:
    with services.db.begin() as session:
        row = session.get_one(Message, message.id)
        row.status = status
        for name, value in values.items():
            setattr(row, name, value)
        if status in (REFUSED, UNCERTAIN) and row.case_id:
            case = session.get_one(RecoveryCase, row.case_id)
            why = "was refused by" if status == REFUSED else "may not have reached"
            reason = f"The mail {why} the subscriber's mail server: {row.error}"
            note(session, case, "message", reason, services.now())
    return status


def _suppress(services: Services, message: Message) -> None:
    """An address that refuses mail gets no more of it; card and address may change later."""
    insert = services.db.insert_ignoring_duplicates(Suppression.__table__).values(
        account_id=message.account_id,
        stripe_customer_id=message.stripe_customer_id,
        reason="refused",
        created_at=services.now(),
    )
    with services.db.begin() as session:
        session.execute(insert)


def send_due(services: Services, limit: int = 200) -> int:
    """Send what is due: thanks, expiry notices, and what a crash or a mail outage left behind.

    A mail about a case is sent only if fresh evidence still calls for it. How many were handled.
    """
    due = (
        select(Message)
        .where(Message.status.in_((PENDING, SENDING)), Message.due_at <= services.now())
        .order_by(Message.due_at)
        .limit(limit)
    )
    with services.db.read() as session:
        found = list(session.scalars(due))
    for message in found:
        if message.status == SENDING:
            _settle(services, message, UNCERTAIN, error="the sender was interrupted")
        elif _still_wanted(services, message):
            send(services, message.id)
        else:
            _settle(services, message, SKIPPED, error="no longer called for")
    return len(found)


def _still_wanted(services: Services, message: Message) -> bool:
    """Ask Stripe again: nothing is sent about an invoice that was paid or dropped meanwhile."""
    with services.db.read() as session:
        account = session.get_one(Account, message.account_id)
        case = session.get(RecoveryCase, message.case_id) if message.case_id else None
    if account.disconnected_at:
        return False
    if message.template in GATES:
        return GATES[message.template](services, account, message)
    if case is None or message.template in ("thank_you", "fresh_link"):
        return True
    evidence = truth.fetch(services.stripe(account), case.stripe_invoice_id, services.now())
    return truth.still_owed(evidence)
