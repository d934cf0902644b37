"""What a company's own people are told of by mail: trouble at once, the rest in the morning.

`write_due` looks for what there is to tell and writes one row a reader; `send_due` mails it, each
row at most once, as `delivery` does for subscribers. Both are harmless to repeat.
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
LONGEST_GAP = 7  # days that a digest looks back, after the clock stood still
ENDINGS = {
    EndOfDunning.LEAVE: "On Stripe everything stays as it is, and customers can still pay by"
    " their links.",
    EndOfDunning.CANCEL: "On Stripe their subscriptions are cancelled, as your settings say.",
    EndOfDunning.UNCOLLECTIBLE: "On Stripe these invoices are marked uncollectible, as your"
    " settings say.",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell. ``key`` is the same however often it is found."""

    kind: NotificationKind
    key: str
    details: dict[str, Any]  # what the mail says, as JSON


def write_due(services: Services, *, digests: bool = True) -> int:
    """Write what there is to tell, for every account; ``digests``: the morning's mails too.

    How many rows, those that were there already included.
    """
    now = services.now()
    alive = or_(Account.disconnected_at.is_(None), Account.disconnected_at > now - DAY)
    with services.db.read() as session:
        ids = list(session.scalars(select(Account.id).where(alive).order_by(Account.id)))
    return sum(_write(services, account_id, now, digests=digests) for account_id in ids)


def _write(services: Services, account_id: int, now: datetime, *, digests: bool) -> int:
    with services.db.read() as session:
        account = session.get_one(Account, account_id)
        found = list(alerts_due(session, account, now, digests=digests))
        readers = _readers(session, account) if found else []
    rows = [
        {
            "account_id": account_id,
            "kind": one.kind,
            "dedup_key": f"{one.key}:{reader}"[:255],
            "status": NotificationStatus.PENDING,
            "to_email": reader,
            "details": one.details,
            "error": "",
            "failures": 0,
            "due_at": now,
            "created_at": now,
        }
        for one in found
        for reader in readers
    ]
    if rows:
        with services.db.begin() as session:
            session.execute(services.db.insert_ignoring_duplicates(Notification.__table__), rows)
    return len(rows)


def _readers(session: Session, account: Account) -> list[str]:
    """Whom the settings name, or the owners."""
    if account.notify_to:
        return account.notify_to.split("\n")
    owners = User.company_id == account.company_id, User.role == Role.OWNER.value
    return list(session.scalars(select(User.email).where(*owners).order_by(User.id)))


def alerts_due(
    session: Session, account: Account, now: datetime, *, digests: bool = True
) -> Iterator[Alert]:
    """What there is to tell now and was not told yet, of what the settings ask for."""
    kinds: list[tuple[bool, Callable[[Session, Account, datetime], Alert | None]]] = [
        (account.notify_trouble, _trouble),
        (account.notify_parked, _parked),
        (account.notify_exhausted and digests, _exhausted),
        (account.notify_weekly and digests, _weekly),
    ]
    for wanted, look in kinds:
        if wanted and (found := look(session, account, now)):
            yield found


def in_trouble(account: Account) -> bool:
    return bool(account.problem or account.disconnected_at)


def count_parked(session: Session, account: Account) -> tuple[int, int]:
    """How many events wait for somebody, and the newest one's id."""
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
    """Once a day while it lasts; of a disconnection once."""
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
    """Once a day, and only where more wait, or others, than were told of."""
    last, (count, newest) = (
        _latest(session, account, NotificationKind.PARKED),
        count_parked(session, account),
    )
    told = last.details if last else {"count": 0, "newest": 0}
    if _too_soon(last, now) or (count <= told["count"] and newest <= told["newest"]) or not count:
        return None
    key = f"parked:after:{last.id if last else 0}"
    return Alert(NotificationKind.PARKED, key, {"count": count, "newest": newest})


def _morning(account: Account, now: datetime) -> datetime:
    """The last morning that has begun where the company is."""
    zone = account.timezone or "UTC"
    there = local(now, zone).replace(hour=MORNING, minute=0, second=0, microsecond=0)
    return there if there <= now else days_later(there, -1, zone)


def _exhausted(session: Session, account: Account, now: datetime) -> Alert | None:
    """The cases that ended without money since the last morning that was told of."""
    until, zone = _morning(account, now), account.timezone or "UTC"
    key = f"exhausted:{until.isoformat()}"
    if _was_notified(session, account, key):
        return None
    last = _latest(session, account, NotificationKind.EXHAUSTED)
    since = days_later(until, -1, zone)
    if last and datetime.fromisoformat(last.details["until"]) < since:
        told = datetime.fromisoformat(last.details["until"])
        since = max(told, days_later(until, -LONGEST_GAP, zone))
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
        "rows": [_case(case) for case in cases[:LISTED]],
        "ending": ENDINGS[EndOfDunning.LEAVE if observing else account.end_of_dunning],
    }
    return Alert(NotificationKind.EXHAUSTED, key, details)


def _case(case: RecoveryCase) -> tuple[str, str]:
    owed = format_money(case.amount_remaining_minor, case.currency)
    who = case.customer_name or case.customer_email or case.stripe_customer_id
    return who, f"{owed}, invoice {case.invoice_number or case.stripe_invoice_id}"


def _weekly(session: Session, account: Account, now: datetime) -> Alert | None:
    """On Monday, or on Tuesday where the clock stood still; of a week in which something was."""
    zone = account.timezone or "UTC"
    morning = _morning(account, now)
    weekday = local(morning, zone).weekday()
    if weekday > 1:
        return None
    monday = days_later(local(morning, zone).replace(hour=0), -weekday, zone)
    since, key = days_later(monday, -7, zone), f"weekly:{local(monday, zone):%G-W%V}"
    if _was_notified(session, account, key):
        return None
    told = figures.overview(session, [account.id], since, monday)
    if not (told.sources or told.given_back or told.lost or told.cohort.failed):
        return None
    details = {
        "since": _day(since, zone),
        "until": _day(days_later(monday, -1, zone), zone),
        "failed": told.cohort.failed,
        "rows": _figures(told),
    }
    return Alert(NotificationKind.WEEKLY, key, details)


def _figures(told: Overview) -> list[tuple[str, str]]:
    rows = [("Won back", _sums(told.recovered))]
    rows += [
        (
            f"of it: {figures.SOURCE_NAMES[one.source]}",
            _sums((Sum(one.currency, one.invoices, one.amount_minor),)),
        )
        for one in told.sources
    ]
    rows += [("Given back", _sums(told.given_back)), ("Lost", _sums(told.lost))]
    return [*rows, ("At risk now", _sums(told.at_risk))]


def _sums(sums: tuple[Sum, ...]) -> str:
    """Such as "$29.00 (1 invoice), €10.00 (2 invoices)"."""
    told = (
        f"{format_money(one.amount_minor, one.currency)}"
        f" ({one.invoices} {'invoice' if one.invoices == 1 else 'invoices'})"
        for one in sums
    )
    return ", ".join(told) or "nothing"


def _day(at: datetime, zone: str) -> str:
    return english_day(local(at, zone), "d MMM y")
