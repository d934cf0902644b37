"""Sending the alerts that `alerts` wrote: each at most once, and only while it is still true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from emails import company_mails
from emails.company_mails import PRODUCT
from emails.envelope import Outgoing, message_id
from emails.render import Rendered
from recover.compliance import audit_log
from recover.foundation.errors import DeliveryUncertain, MailRefused, MailUnavailable
from recover.messages.company import alerts
from recover.messages.subscriber.delivery import BACK_OFF, GIVE_UP
from recover.messages.subscriber.queue import LEASE
from recover.models import Account, Notification, NotificationKind, NotificationStatus
from recover.services import Services

RENDERERS: dict[str, Callable[..., Rendered]] = {
    NotificationKind.TROUBLE: company_mails.company_trouble,
    NotificationKind.PARKED: company_mails.company_parked,
    NotificationKind.EXHAUSTED: company_mails.company_exhausted,
    NotificationKind.WEEKLY: company_mails.company_weekly,
    NotificationKind.DISPUTES: company_mails.company_disputes,
}
# Which of a row's ``details`` the mail takes.
DETAIL_NAMES = {
    NotificationKind.TROUBLE: ("said", "disconnected"),
    NotificationKind.PARKED: ("count",),
    NotificationKind.EXHAUSTED: ("since", "count", "rows", "ending"),
    NotificationKind.WEEKLY: ("since", "until", "failed", "rows"),
    NotificationKind.DISPUTES: ("count", "rows"),
}
# The page that a mail links to, where it is not the first one.
PAGE_PATHS = {NotificationKind.EXHAUSTED: "/?state=lost"}


def send_due(services: Services, limit: int = 200) -> int:
    """Send the due rows, and settle those that a dead worker left. How many were handled."""
    due = (
        select(Notification)
        .where(
            Notification.status.in_((NotificationStatus.PENDING, NotificationStatus.SENDING)),
            Notification.due_at <= services.now(),
        )
        .order_by(Notification.due_at)
        .limit(limit)
    )
    with services.db.read() as session:
        rows = list(session.scalars(due))
    for row in rows:
        if row.status == NotificationStatus.SENDING:
            _settle(services, row, NotificationStatus.UNCERTAIN, error="the sender was interrupted")
        else:
            _send(services, row)
    return len(rows)


def _send(services: Services, row: Notification) -> None:
    with services.db.read() as session:
        account = session.get_one(Account, row.account_id)
        solved = row.kind == NotificationKind.TROUBLE and not alerts.in_trouble(account)
        solved |= (
            row.kind == NotificationKind.PARKED and not alerts.count_parked(session, account)[0]
        )
    if solved or not getattr(account, f"notify_{row.kind}"):
        _settle(services, row, NotificationStatus.SKIPPED, error="no longer called for")
    elif _claim(services, row):
        _hand_over(services, account, row)


def _claim(services: Services, row: Notification) -> bool:
    claim = (
        update(Notification)
        .where(Notification.id == row.id, Notification.status == NotificationStatus.PENDING)
        .values(status=NotificationStatus.SENDING, due_at=services.now() + LEASE)
        .returning(Notification.id)
    )
    with services.db.begin() as session:
        return session.scalar(claim) is not None


def _hand_over(services: Services, account: Account, row: Notification) -> None:
    rendered = _rendered(services, account, row)
    outgoing = Outgoing(
        to=row.to_email,
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        sender=services.settings.mail_from,
        sender_name=PRODUCT,
        message_id=message_id(
            f"notification:{row.account_id}:{row.dedup_key}", services.settings.mail_domain
        ),
        sent_at=services.now(),
    )
    try:
        services.mailer.send(outgoing)
    except MailUnavailable as error:
        _put_off(services, row, error)
    except MailRefused as error:
        _settle(services, row, NotificationStatus.REFUSED, error=str(error))
    except DeliveryUncertain as error:
        _settle(services, row, NotificationStatus.UNCERTAIN, error=str(error))
    else:
        _settle(
            services,
            row,
            NotificationStatus.SENT,
            subject=rendered.subject,
            sent_at=services.now(),
            error="",
        )


def _rendered(services: Services, account: Account, row: Notification) -> Rendered:
    base = services.links.base_url
    return RENDERERS[row.kind](
        account=account.name or account.stripe_account_id,
        link=base + PAGE_PATHS.get(row.kind, "/"),
        settings_link=f"{base}/settings/notifications/{account.id}",
        **{name: row.details[name] for name in DETAIL_NAMES[row.kind]},
    )


def _put_off(services: Services, row: Notification, error: Exception) -> None:
    now = services.now()
    late = now - row.created_at > GIVE_UP
    wait = timedelta(minutes=BACK_OFF[min(row.failures, len(BACK_OFF) - 1)])
    _settle(
        services,
        row,
        NotificationStatus.REFUSED if late else NotificationStatus.PENDING,
        error=str(error),
        due_at=now + wait,
        failures=row.failures + 1,
    )


def _settle(
    services: Services,
    row: Notification,
    status: NotificationStatus,
    *,
    subject: str = "",
    **values: Any,
) -> None:
    with services.db.begin() as session:
        stored = session.get_one(Notification, row.id)
        stored.status = status
        for name, value in values.items():
            setattr(stored, name, value)
        if status == NotificationStatus.SENT:
            audit_log.write(
                session,
                "notify",
                f"Wrote to {stored.to_email}: {subject}",
                services.now(),
                audit_log.Subject(f"notification:{stored.id}", account_id=stored.account_id),
                actor=audit_log.RECOVER,
            )
