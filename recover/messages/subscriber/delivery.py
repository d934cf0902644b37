"""Sending the mails that `queue` wrote: each at most once, and only while it is still wanted.

A row goes from pending over sending to sent. SMTP has no idempotency key: if a worker dies while
it sends, nobody can know whether the mail left. The row then ends as "uncertain" and is never sent
again, because a missing mail, which the founder sees on the page, does less harm than a second one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from emails.envelope import Outgoing
from recover.accounts.settings.catalogue import TestMail
from recover.cases.evidence import fetch_evidence, still_owed
from recover.dunning import CaseState, RetryMode, campaign
from recover.dunning.local_time import next_opening
from recover.foundation.errors import (
    DeliveryUncertain,
    MailRefused,
    MailUnavailable,
    StripeAccessLost,
    StripeUnavailable,
)
from recover.foundation.mail_addresses import normal_email
from recover.learning import timing_in_force
from recover.messages import suppression
from recover.messages.subscriber import expiring_cards, queue, rendering
from recover.messages.subscriber.queue import ASKED_FOR, LEASE
from recover.models import (
    Account,
    Message,
    MessageStatus,
    RecoveryCase,
    User,
)
from recover.services import Services

TEST_MODE = "test mode: mail goes only to your own people"
ANSWERS = ("thank_you", ASKED_FOR)  # mails that answer what the subscriber has just done
# The verb and the text of the timeline entry for each final status.
TIMELINE_ENTRIES = {
    MessageStatus.SENT: ("sent", "The mail to {to} was taken by the mail server."),
    MessageStatus.REFUSED: ("refused", "The mail to {to} was refused by its mail server: {error}"),
    MessageStatus.UNCERTAIN: (
        "uncertain",
        "The mail to {to} may not have reached its mail server: {error}",
    ),
    MessageStatus.SKIPPED: ("skip", "The mail to {to} was not sent: {error}"),
}

BACK_OFF = (1, 5, 30, 120)  # minutes, while the mail server is away
GIVE_UP = timedelta(hours=48)  # after this long a mail's text is out of date


def send(services: Services, message_id: int) -> str:
    """Send a pending mail and settle its row. The row's status afterwards."""
    claim = (
        update(Message)
        .where(Message.id == message_id, Message.status == MessageStatus.PENDING)
        .values(status=MessageStatus.SENDING, due_at=services.now() + LEASE)
        .returning(Message.id)
    )
    with services.db.begin() as session:
        if session.scalar(claim) is None:
            return session.get_one(Message, message_id).status
        message = session.get_one(Message, message_id)
        account = session.get_one(Account, message.account_id)
        outgoing = rendering.outgoing_mail(session, services, account, message)
        held_back = _is_held_back(session, account, message)
    if held_back:
        return _settle(services, message, MessageStatus.OBSERVED, error=TEST_MODE)
    return _deliver(services, message, outgoing)


def _is_held_back(session: Session, account: Account, message: Message) -> bool:
    """Whether this mail must not leave, because its reader is none of the company's own people.

    In test mode only they get mail, unless a setting says otherwise: test customers may bear the
    addresses of real people.
    """
    if account.livemode or account.test_mail == TestMail.EVERYONE:
        return False
    own_people = select(User.id).where(
        User.company_id == account.company_id, User.email == normal_email(message.to_email)
    )
    return session.scalar(own_people) is None


def _deliver(services: Services, message: Message, outgoing: Outgoing) -> str:
    try:
        services.mailer.send(outgoing)
    except MailUnavailable as error:
        return _put_off(services, message, error, too_late=MessageStatus.REFUSED)
    except MailRefused as error:
        if error.recipient_refused:
            customer = message.account_id, message.stripe_customer_id
            suppression.note_refusal(services, *customer, message.to_email, message.case_id)
        return _settle(services, message, MessageStatus.REFUSED, error=str(error))
    except DeliveryUncertain as error:
        return _settle(services, message, MessageStatus.UNCERTAIN, error=str(error))
    return _settle(
        services,
        message,
        MessageStatus.SENT,
        sent_at=services.now(),
        subject=outgoing.subject,
        error="",
    )


def _put_off(
    services: Services, message: Message, error: Exception, *, too_late: MessageStatus
) -> str:
    """Put the mail off, for longer each time. After `GIVE_UP` it ends with status ``too_late``."""
    now = services.now()
    minutes = BACK_OFF[min(message.failures, len(BACK_OFF) - 1)]
    return _settle(
        services,
        message,
        too_late if now - message.created_at > GIVE_UP else MessageStatus.PENDING,
        error=str(error),
        due_at=now + timedelta(minutes=minutes),
        failures=message.failures + 1,
    )


def _settle(services: Services, message: Message, status: MessageStatus, **values: Any) -> str:
    with services.db.begin() as session:
        row = session.get_one(Message, message.id)
        row.status = status
        if not row.to_email:  # the customer was erased meanwhile; their data must not come back
            values |= {"subject": "", "error": ""}
        for name, value in values.items():
            setattr(row, name, value)
        if status in TIMELINE_ENTRIES:
            verb, text = TIMELINE_ENTRIES[status]
            reason = text.format(to=row.to_email, error=row.error)
            queue.note_message(session, row, verb, reason, services.now())
    return status


def send_due(services: Services, limit: int = 200) -> int:
    """Send the due mails: thanks, expiry notices, and what a crash or a mail outage left.

    A mail about a case is sent only if fresh evidence still calls for it. How many were handled.
    """
    due = (
        select(Message)
        .where(
            Message.status.in_((MessageStatus.PENDING, MessageStatus.SENDING)),
            Message.due_at <= services.now(),
        )
        .order_by(Message.due_at)
        .limit(limit)
    )
    with services.db.read() as session:
        messages = list(session.scalars(due))
    for message in messages:
        if message.status == MessageStatus.SENDING:
            _settle(services, message, MessageStatus.UNCERTAIN, error="the sender was interrupted")
        else:
            _send_if_wanted(services, message)
    return len(messages)


def _send_if_wanted(services: Services, message: Message) -> None:
    """Send a mail, put it off or skip it. Raises nothing for trouble of one account with Stripe."""
    may_leave_at = _may_leave_at(services, message)
    if may_leave_at > services.now():
        _settle(services, message, MessageStatus.PENDING, due_at=may_leave_at)
        return
    try:
        wanted = _still_wanted(services, message)
    except (StripeUnavailable, StripeAccessLost) as error:
        _put_off(services, message, error, too_late=MessageStatus.SKIPPED)
        return
    if wanted:
        send(services, message.id)
    else:
        _settle(services, message, MessageStatus.SKIPPED, error="no longer called for")


def _may_leave_at(services: Services, message: Message) -> datetime:
    """When the mail may leave: now, or when the sending hours begin for the subscriber.

    A mail that was put off may fall due at night. Answers (`ANSWERS`) are never held back.
    """
    now = services.now()
    if message.template in ANSWERS:
        return now
    with services.db.read() as session:
        account = session.get_one(Account, message.account_id)
        case = session.get(RecoveryCase, message.case_id) if message.case_id else None
    default = campaign(account.campaign_key, account.campaign_version)
    steps = (
        timing_in_force.campaign_of(account, case)
        if case
        else timing_in_force.within_limits(account, default)
    )
    zone = (case.timezone if case else message.details.get("timezone")) or account.timezone
    return next_opening(now, steps.send_from_hour, steps.send_until_hour, zone or "UTC")


def _still_wanted(services: Services, message: Message) -> bool:
    """Whether the mail is still called for, by our rows and, about an open case, by Stripe."""
    with services.db.read() as session:
        account = session.get_one(Account, message.account_id)
        case = session.get(RecoveryCase, message.case_id) if message.case_id else None
        suppressed = suppression.is_suppressed(
            session, account.id, message.stripe_customer_id, message.to_email
        )
    observing = account.mode == RetryMode.OBSERVE  # it may have begun after the mail was written
    if account.disconnected_at or ((suppressed or observing) and message.template != ASKED_FOR):
        return False
    if message.template == expiring_cards.TEMPLATE:
        return expiring_cards.still_due(services, account, message)
    if case is None or message.template in ANSWERS:
        return True
    if case.state != CaseState.OPEN:
        return False
    evidence = fetch_evidence(services.stripe(account), case.stripe_invoice_id, services.now())
    return still_owed(evidence)
