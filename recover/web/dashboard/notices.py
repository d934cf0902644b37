"""What a founder should know before trusting the numbers: modes, trouble, things left undone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recover.accounts.health import listening
from recover.dunning import TimingKind
from recover.integrations import webhook_endpoints
from recover.learning import timing_in_force, training
from recover.models import (
    Account,
    Ending,
    EndingStatus,
    EventStatus,
    Message,
    MessageStatus,
    RecordHead,
    RecoveryCase,
    StripeEvent,
    SweepReport,
)
from recover.web import labels
from recover.web.dashboard import case_list
from recover.web.template_helpers import day

UNCERTAIN_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Notice:
    tone: str  # warn, bad or quiet
    text: str
    command: str = ""  # what to type to look into it
    path: str = ""  # where to look into it
    link: str = ""  # the words of the link there


def notices(session: Session, accounts: list[Account], now: datetime) -> list[Notice]:
    """Gravest first. Every text names the account where there are several."""
    several = len(accounts) > 1
    found = []
    for account in accounts:
        name = f"{account.name}: " if several else ""
        found += [replace(one, text=name + one.text) for one in _of(session, account, now)]
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
        _deaf(account),
        _parked(session, account),
        _uncertain(session, account, now),
        _endings(session, account),
        _model(session, account),
        _refused(session, account),
        _doubted(session, account),
        *_endpoints(session, account),
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


def _deaf(account: Account) -> Notice | None:
    if listening(account):
        return None
    text = "Not listening yet: Stripe sends us no events. See Settings, Stripe accounts."
    return Notice("bad", text, f"recover account listen {account.id}")


def _parked(session: Session, account: Account) -> Notice | None:
    query = select(func.count(StripeEvent.id)).where(
        StripeEvent.account_id == account.id, StripeEvent.status == EventStatus.PARKED
    )
    count = session.scalar(query)
    if not count:
        return None
    events = "event waits" if count == 1 else "events wait"
    text = f"{count} Stripe {events} for you: handling failed again and again."
    return Notice("warn", text, "recover events parked")


def _endings(session: Session, account: Account) -> Notice | None:
    """What the end of dunning asks for, and Stripe does not do."""
    query = select(func.count(Ending.id)).where(
        Ending.account_id == account.id, Ending.status == EndingStatus.REFUSED
    )
    count = session.scalar(query)
    if not count:
        return None
    cases = "case" if count == 1 else "cases"
    text = f"Stripe refused what the end of dunning asks for, of {count} {cases}."
    path = url_for("web.dashboard.show", state="lost", _anchor="cases")
    return Notice("warn", text, path=path, link="Show what was lost")


def _uncertain(session: Session, account: Account, now: datetime) -> Notice | None:
    query = select(func.count(Message.id)).where(
        Message.account_id == account.id,
        Message.status == MessageStatus.UNCERTAIN,
        Message.created_at > now - UNCERTAIN_FOR,
    )
    count = session.scalar(query)
    if not count:
        return None
    mails = "mail" if count == 1 else "mails"
    text = f"{count} {mails} of the last 30 days may not have arrived. None was sent twice."
    return Notice("warn", text)


def _model(session: Session, account: Account) -> Notice | None:
    if not (warning := timing_in_force.warning(session, account)):
        return None
    return Notice("bad", f"Retries: {warning}", path=_retries(account), link="Choose a version")


def _refused(session: Session, account: Account) -> Notice | None:
    newest = next(iter(training.versions(session, account.id, 1)), None)
    if account.timing == TimingKind.FIXED or newest is None or newest.accepted:
        return None
    on = day(newest.made_at, account.timezone or "UTC")
    text = f"What the retry engine learned on {on} was refused; the version before stays in use."
    return Notice("warn", text, path=_retries(account), link="See why")


def _retries(account: Account) -> str:
    return url_for("web.retry_models.show", account_id=account.id)


def _doubted(session: Session, account: Account) -> Notice | None:
    query = select(func.count(RecoveryCase.id)).where(
        RecoveryCase.account_id == account.id, case_list.DOUBTED
    )
    count = session.scalar(query)
    if not count:
        return None
    cases = "open case has" if count == 1 else "open cases have"
    text = f"{count} {cases} facts that the retry engine distrusts or does not know."
    path = url_for("web.dashboard.show", state="doubted", _anchor="cases")
    return Notice("warn", text, path=path, link="Show them")


def _endpoints(session: Session, account: Account) -> list[Notice | None]:
    """Endpoints that Recover switched off by itself."""
    rows = webhook_endpoints.of_account(session, account.id)
    return [Notice("warn", f"Webhooks to {row.url}: {row.trouble}") for row in rows if row.trouble]


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
    text = labels.MODES.get(account.mode, "")
    return Notice("quiet", text) if text else None
