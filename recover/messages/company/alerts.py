"""Alerts: mails to a company's own people, about trouble at once and about the rest in the morning.

`write_due` finds what is to be reported and writes a row for each reader. `send_due` of
`messages.company.delivery` mails each row at most once. Both may be repeated without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from recover.dunning import CaseState, EndOfDunning, RetryMode
from recover.dunning.local_time import days_later, local
from recover.foundation.locales import english_day
from recover.foundation.money import format_money
from recover.messages.company import dispute_alerts
from recover.models import (
    Account,
    EventStatus,
    Notification,
    NotificationKind,
    NotificationStatus,
    RecoveryCase,
    Role,
    StripeEvent,
    User,
)
from recover.reporting import figures
from recover.reporting.figures import Overview, Sum
from recover.services import Services

DAY = timedelta(days=1)
MORNING = 8  # o'clock, where the company is
LISTED = 25  # exhausted cases in one mail
LONGEST_GAP = 7  # days that a digest looks back at most, if the clock stood still
ENDINGS = {
    EndOfDunning.LEAVE: "On Stripe everything stays as it is, and customers can still pay by"
    " their links.",
    EndOfDunning.CANCEL: "On Stripe their subscriptions are cancelled, as your settings say.",
    EndOfDunning.UNCOLLECTIBLE: "On Stripe these invoices are marked uncollectible, as your"
    " settings say.",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to report. ``key`` is the same each time it is found, so it is reported once."""

    kind: NotificationKind
    key: str
    details: dict[str, Any]  # what the mail says, as JSON


def write_due(services: Services, *, digests: bool = True) -> int:
    """Write the due alerts of every account; with ``digests`` the morning's mails too.

    How many rows were due, those included that had been written before.
    """
    now = services.now()
    connected_lately = or_(Account.disconnected_at.is_(None), Account.disconnected_at > now - DAY)
    with services.db.read() as session:
        ids = list(session.scalars(select(Account.id).where(connected_lately).order_by(Account.id)))
    return sum(_write(services, account_id, now, digests=digests) for account_id in ids)


def _write(services: Services, account_id: int, now: datetime, *, digests: bool) -> int:
    with services.db.read() as session:
        account = session.get_one(Account, account_id)
        alerts = list(alerts_due(session, account, now, digests=digests))
        readers = _readers(session, account) if alerts else []
    rows = [
        {
            "account_id": account_id,
            "kind": alert.kind,
            "dedup_key": f"{alert.key}:{reader}"[:255],
            "status": NotificationStatus.PENDING,
            "to_email": reader,
            "details": alert.details,
            "error": "",
            "failures": 0,
            "due_at": now,
            "created_at": now,
        }
        for alert in alerts
        for reader in readers
    ]
    if rows:
        with services.db.begin() as session:
            session.execute(services.db.insert_ignoring_duplicates(Notification.__table__), rows)
    return len(rows)


def _readers(session: Session, account: Account) -> list[str]:
    """The addresses that the settings name; where they name none, those of the owners."""
    if account.notify_to:
        return account.notify_to.split("\n")
    owners = User.company_id == account.company_id, User.role == Role.OWNER.value
    return list(session.scalars(select(User.email).where(*owners).order_by(User.id)))


def alerts_due(
    session: Session, account: Account, now: datetime, *, digests: bool = True
) -> Iterator[Alert]:
    """The alerts that the settings ask for, that are due now and were not written yet."""
    kinds: list[tuple[bool, Callable[[Session, Account, datetime], Alert | None]]] = [
        (account.notify_trouble, _trouble),
        (account.notify_parked, _parked),
        (account.notify_disputes, _disputes),
        (account.notify_exhausted and digests, _exhausted),
        (account.notify_weekly and digests, _weekly),
    ]
    for wanted, find_alert in kinds:
        if wanted and (alert := find_alert(session, account, now)):
            yield alert


def in_trouble(account: Account) -> bool:
    return bool(account.problem or account.disconnected_at)


def count_parked(session: Session, account: Account) -> tuple[int, int]:
    """How many events are parked, and the id of the newest (0 for none)."""
    parked = StripeEvent.account_id == account.id, StripeEvent.status == EventStatus.PARKED
    query = select(func.count(StripeEvent.id), func.max(StripeEvent.id)).where(*parked)
    count, newest = session.execute(query).one()
    return count, newest or 0


def _latest(session: Session, account: Account, kind: str) -> Notification | None:
    query = select(Notification).where(
        Notification.account_id == account.id, Notification.kind == kind
    )
    return session.scalar(query.order_by(Notification.id.desc()).limit(1))


def _too_soon(last: Notification | None, now: datetime) -> bool:
    return last is not None and now < last.created_at + DAY


def _was_notified(session: Session, account: Account, key: str) -> bool:
    query = select(Notification.id).where(
        Notification.account_id == account.id, Notification.dedup_key.startswith(f"{key}:")
    )
    return session.scalar(query.limit(1)) is not None


def _trouble(session: Session, account: Account, now: datetime) -> Alert | None:
    """Trouble with Stripe, once a day while it lasts; a disconnection, once."""
    gone = account.disconnected_at
    if gone:
        details = {"said": "", "disconnected": True}
        return Alert(NotificationKind.TROUBLE, f"disconnected:{gone:%Y-%m-%dT%H:%M:%S}", details)
    last = _latest(session, account, NotificationKind.TROUBLE)
    if not account.problem or _too_soon(last, now):
        return None
    key = f"trouble:after:{last.id if last else 0}"
    return Alert(NotificationKind.TROUBLE, key, {"said": account.problem, "disconnected": False})


def _parked(session: Session, account: Account, now: datetime) -> Alert | None:
    """Parked events, once a day at most, and only where there are more or newer than before."""
    last, (count, newest) = (
        _latest(session, account, NotificationKind.PARKED),
        count_parked(session, account),
    )
    reported = last.details if last else {"count": 0, "newest": 0}
    nothing_new = count <= reported["count"] and newest <= reported["newest"]
    if _too_soon(last, now) or nothing_new or not count:
        return None
    key = f"parked:after:{last.id if last else 0}"
    return Alert(NotificationKind.PARKED, key, {"count": count, "newest": newest})


def _disputes(session: Session, account: Account, now: datetime) -> Alert | None:
    """Disputes and fraud warnings that hold somebody and were not told yet, once a day at most."""
    last = _latest(session, account, NotificationKind.DISPUTES)
    if _too_soon(last, now):
        return None
    found = dispute_alerts.new_holds(session, account, last.details["newest"] if last else 0)
    if not found:
        return None
    details = {
        "count": len(found),
        "newest": found[-1].id,
        "rows": dispute_alerts.mail_rows(session, account, found),
    }
    return Alert(NotificationKind.DISPUTES, f"disputes:upto:{found[-1].id}", details)


def _morning(account: Account, now: datetime) -> datetime:
    """The latest `MORNING` o'clock that is past in the company's time zone."""
    zone = account.timezone or "UTC"
    today = local(now, zone).replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return today if today <= now else days_later(today, -1, zone)


def _exhausted(session: Session, account: Account, now: datetime) -> Alert | None:
    """The cases that were exhausted since the last such mail, up to this morning."""
    until, zone = _morning(account, now), account.timezone or "UTC"
    key = f"exhausted:{until.isoformat()}"
    if _was_notified(session, account, key):
        return None
    last = _latest(session, account, NotificationKind.EXHAUSTED)
    since = days_later(until, -1, zone)
    if last and datetime.fromisoformat(last.details["until"]) < since:
        reported_until = datetime.fromisoformat(last.details["until"])
        since = max(reported_until, days_later(until, -LONGEST_GAP, zone))
    ended = select(RecoveryCase).where(
        RecoveryCase.account_id == account.id,
        RecoveryCase.state == CaseState.EXHAUSTED,
        RecoveryCase.closed_at >= since,
        RecoveryCase.closed_at < until,
    )
    cases = session.scalars(ended.order_by(RecoveryCase.amount_remaining_minor.desc())).all()
    if not cases:
        return None
    observing = account.mode == RetryMode.OBSERVE
    details = {
        "since": _day(since, zone),
        "until": until.isoformat(),
        "count": len(cases),
        "rows": [_case_row(case) for case in cases[:LISTED]],
        "ending": ENDINGS[EndOfDunning.LEAVE if observing else account.end_of_dunning],
    }
    return Alert(NotificationKind.EXHAUSTED, key, details)


def _case_row(case: RecoveryCase) -> tuple[str, str]:
    """The customer's name, and what they owe."""
    owed = format_money(case.amount_remaining_minor, case.currency)
    who = case.customer_name or case.customer_email or case.stripe_customer_id
    return who, f"{owed}, invoice {case.invoice_number or case.stripe_invoice_id}"


def _weekly(session: Session, account: Account, now: datetime) -> Alert | None:
    """Last week's figures, on Monday, or on Tuesday if the clock stood still on Monday.

    None for a week in which nothing happened.
    """
    zone = account.timezone or "UTC"
    morning = _morning(account, now)
    weekday = local(morning, zone).weekday()
    if weekday > 1:
        return None
    monday = days_later(local(morning, zone).replace(hour=0), -weekday, zone)
    since, key = days_later(monday, -7, zone), f"weekly:{local(monday, zone):%G-W%V}"
    if _was_notified(session, account, key):
        return None
    overview = figures.overview(session, [account.id], since, monday)
    failed = overview.cohort.failed
    if not (overview.sources or overview.given_back or overview.lost or failed):
        return None
    details = {
        "since": _day(since, zone),
        "until": _day(days_later(monday, -1, zone), zone),
        "failed": failed,
        "rows": _figure_rows(overview),
    }
    return Alert(NotificationKind.WEEKLY, key, details)


def _figure_rows(overview: Overview) -> list[tuple[str, str]]:
    """(label, text) of each figure in the weekly mail."""
    rows = [("Won back", _sums_text(overview.recovered))]
    rows += [
        (
            f"of it: {figures.SOURCE_NAMES[part.source]}",
            _sums_text((Sum(part.currency, part.invoices, part.amount_minor),)),
        )
        for part in overview.sources
    ]
    rows += [("Given back", _sums_text(overview.given_back)), ("Lost", _sums_text(overview.lost))]
    return [*rows, ("At risk now", _sums_text(overview.at_risk))]


def _sums_text(sums: tuple[Sum, ...]) -> str:
    """Such as "$29.00 (1 invoice), €10.00 (2 invoices)"."""
    texts = (
        f"{format_money(one.amount_minor, one.currency)}"
        f" ({one.invoices} {'invoice' if one.invoices == 1 else 'invoices'})"
        for one in sums
    )
    return ", ".join(texts) or "nothing"


def _day(at: datetime, zone: str) -> str:
    return english_day(local(at, zone), "d MMM y")
