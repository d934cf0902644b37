"""What a founder should know before trusting the numbers: modes, trouble, things left undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recover.dunning import RetryMode
from recover.models import Account, Message, RecordHead, StripeEvent, SweepReport
from recover.web import plain

UNCERTAIN_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Notice:
    tone: str  # warn, bad or quiet
    text: str
    command: str = ""  # what to type to look into it


def notices(session: Session, accounts: list[Account], now: datetime) -> list[Notice]:
    """Gravest first. Every text names the account where there are several."""
    several = len(accounts) > 1
    found = []
    for account in accounts:
        name = f"{account.name}: " if several else ""
        found += [
            Notice(one.tone, name + one.text, one.command) for one in _of(session, account, now)
        ]
    order = {"bad": 0, "warn": 1, "quiet": 2}
    return sorted(found, key=lambda notice: order[notice.tone])


def _of(session: Session, account: Account, now: datetime) -> list[Notice]:
    broken = _record(session, account)
    if account.disconnected_at:
        gone = Notice("bad", "Stripe is disconnected. Nothing more is charged or sent.")
        return [gone, *([broken] if broken else [])]
    found = [
        broken,
        _problem(account),
        _parked(session, account),
        _uncertain(session, account, now),
    ]
    return [one for one in [*found, _sweep(session, account), _mode(account)] if one]


def _record(session: Session, account: Account) -> Notice | None:
    head = session.get(RecordHead, f"account:{account.id}")
    if head is None or not head.fault:
        return None
    text = f"The record does not hold: {head.fault}."
    return Notice("bad", text, "recover record verify")


def _problem(account: Account) -> Notice | None:
    if not account.problem:
        return None
    return Notice("bad", f"Stripe refuses our key: {account.problem}")


def _parked(session: Session, account: Account) -> Notice | None:
    query = select(func.count(StripeEvent.id)).where(
        StripeEvent.account_id == account.id, StripeEvent.status == "parked"
    )
    count = session.scalar(query)
    if not count:
        return None
    events = "event waits" if count == 1 else "events wait"
    text = f"{count} Stripe {events} for you: handling failed again and again."
    return Notice("warn", text, "recover events parked")


def _uncertain(session: Session, account: Account, now: datetime) -> Notice | None:
    query = select(func.count(Message.id)).where(
        Message.account_id == account.id,
        Message.status == "uncertain",
        Message.created_at > now - UNCERTAIN_FOR,
    )
    count = session.scalar(query)
    if not count:
        return None
    mails = "mail" if count == 1 else "mails"
    text = f"{count} {mails} of the last 30 days may not have arrived. None was sent twice."
    return Notice("warn", text)


def _sweep(session: Session, account: Account) -> Notice | None:
    query = (
        select(SweepReport)
        .where(SweepReport.account_id == account.id, SweepReport.finished_at.is_not(None))
        .order_by(SweepReport.id.desc())
    )
    last = session.scalar(query.limit(1))
    if last is None:
        return None
    if last.error:
        return Notice("warn", f"The last comparison with Stripe broke off: {last.error}")
    if not last.fixes:
        return None
    cases = "case" if len(last.fixes) == 1 else "cases"
    text = f"The last comparison with Stripe set {len(last.fixes)} {cases} right."
    return Notice("quiet", text, "recover sweep")


def _mode(account: Account) -> Notice | None:
    text = plain.MODES.get(RetryMode(account.mode), "")
    return Notice("quiet", text) if text else None
