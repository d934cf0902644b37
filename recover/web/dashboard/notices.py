"""Notices above the overview: what is wrong or limited, and where to mend it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recover.accounts.health import can_verify_events
from recover.dunning import CaseState, Outcome, TimingKind
from recover.integrations import webhook_endpoints
from recover.learning import timing_in_force, training
from recover.models import (
    Account,
    Attempt,
    AuditLogHead,
    Ending,
    EndingStatus,
    EventStatus,
    Message,
    MessageStatus,
    ReconciliationReport,
    RecoveryCase,
    StripeEvent,
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
        found += [
            replace(one, text=name + one.text) for one in _account_notices(session, account, now)
        ]
    order = {"bad": 0, "warn": 1, "quiet": 2}
    return sorted(found, key=lambda notice: order[notice.tone])


def _account_notices(session: Session, account: Account, now: datetime) -> list[Notice]:
    broken = _broken_audit_log(session, account)
    if account.disconnected_at:
        gone = Notice("bad", "Stripe is disconnected. Nothing more is charged or sent.")
        return [gone, *([broken] if broken else [])]
    found = [
        broken,
        _refused_key(account),
        _missing_webhooks(account),
        _parked_events(session, account),
        _uncertain_mails(session, account, now),
        _refused_payments(session, account),
        _refused_endings(session, account),
        _unusable_model(session, account),
        _refused_version(session, account),
        _doubtful_cases(session, account),
        *_switched_off_endpoints(session, account),
    ]
    return [
        one for one in [*found, _last_reconciliation(session, account), _retry_mode(account)] if one
    ]


def _broken_audit_log(session: Session, account: Account) -> Notice | None:
    head = session.get(AuditLogHead, f"account:{account.id}")
    if head is None or not head.fault:
        return None
    text = f"The audit log fails verification: {head.fault}."
    return Notice("bad", text, "recover record verify")


def _refused_key(account: Account) -> Notice | None:
    if not account.problem:
        return None
    return Notice("bad", f"Stripe refuses our key: {account.problem}")


def _missing_webhooks(account: Account) -> Notice | None:
    if can_verify_events(account):
        return None
    text = "No webhook endpoint yet: Stripe sends us no events. See Settings, Stripe accounts."
    return Notice("bad", text, f"recover account listen {account.id}")


def _parked_events(session: Session, account: Account) -> Notice | None:
    query = select(func.count(StripeEvent.id)).where(
        StripeEvent.account_id == account.id, StripeEvent.status == EventStatus.PARKED
    )
    count = session.scalar(query)
    if not count:
        return None
    events = "event waits" if count == 1 else "events wait"
    text = f"{count} Stripe {events} for you: handling failed again and again."
    return Notice("warn", text, "recover events parked")


def _refused_payments(session: Session, account: Account) -> Notice | None:
    """Open cases of which Stripe refused a payment without asking the bank."""
    query = (
        select(Attempt.case_id, Attempt.error_code)
        .join(RecoveryCase, RecoveryCase.id == Attempt.case_id)
        .where(
            Attempt.account_id == account.id,
            Attempt.outcome == Outcome.REFUSED,
            RecoveryCase.state == CaseState.OPEN,
        )
        .order_by(Attempt.id.desc())
    )
    refused = session.execute(query).all()
    if not refused:
        return None
    count = len({row.case_id for row in refused})
    cases = "one open case" if count == 1 else f"{count} open cases"
    codes = ", ".join(sorted({row.error_code for row in refused if row.error_code}))
    why = f" ({codes})" if codes else ""
    text = f"Stripe refuses to charge {cases}{why}: it asked no bank, and no retry mends that."
    path = url_for("web.case_page.show", case_id=refused[0].case_id)
    return Notice("warn", text, path=path, link="Look at the latest")


def _refused_endings(session: Session, account: Account) -> Notice | None:
    """Cases whose end of dunning Stripe refused to carry out."""
    query = select(func.count(Ending.id)).where(
        Ending.account_id == account.id, Ending.status == EndingStatus.REFUSED
    )
    count = session.scalar(query)
    if not count:
        return None
    cases = "case" if count == 1 else "cases"
    text = f"Stripe refused what the end of dunning asks for, of {count} {cases}."
    path = url_for("web.overview.show", state="lost", _anchor="cases")
    return Notice("warn", text, path=path, link="Show what was lost")


def _uncertain_mails(session: Session, account: Account, now: datetime) -> Notice | None:
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


def _unusable_model(session: Session, account: Account) -> Notice | None:
    if not (warning := timing_in_force.warning(session, account)):
        return None
    return Notice(
        "bad", f"Retries: {warning}", path=_retries_path(account), link="Choose a version"
    )


def _refused_version(session: Session, account: Account) -> Notice | None:
    newest = next(iter(training.versions(session, account.id, 1)), None)
    if account.timing == TimingKind.FIXED or newest is None or newest.accepted:
        return None
    on = day(newest.made_at, account.timezone or "UTC")
    text = f"What the retry engine learned on {on} was refused; the version before stays in use."
    return Notice("warn", text, path=_retries_path(account), link="See why")


def _retries_path(account: Account) -> str:
    return url_for("web.retry_models.show", account_id=account.id)


def _doubtful_cases(session: Session, account: Account) -> Notice | None:
    query = select(func.count(RecoveryCase.id)).where(
        RecoveryCase.account_id == account.id, case_list.DOUBTED
    )
    count = session.scalar(query)
    if not count:
        return None
    cases = "open case has" if count == 1 else "open cases have"
    text = f"{count} {cases} facts that the retry engine distrusts or does not know."
    path = url_for("web.overview.show", state="doubted", _anchor="cases")
    return Notice("warn", text, path=path, link="Show them")


def _switched_off_endpoints(session: Session, account: Account) -> list[Notice | None]:
    """Endpoints that Recover switched off by itself."""
    rows = webhook_endpoints.of_account(session, account.id)
    return [Notice("warn", f"Webhooks to {row.url}: {row.trouble}") for row in rows if row.trouble]


def _last_reconciliation(session: Session, account: Account) -> Notice | None:
    query = (
        select(ReconciliationReport)
        .where(
            ReconciliationReport.account_id == account.id,
            ReconciliationReport.finished_at.is_not(None),
        )
        .order_by(ReconciliationReport.id.desc())
    )
    last = session.scalar(query.limit(1))
    if last is None:
        return None
    if last.error:
        return Notice("warn", f"The last reconciliation with Stripe broke off: {last.error}")
    if not last.fixes:
        return None
    cases = "case" if len(last.fixes) == 1 else "cases"
    text = f"The last reconciliation with Stripe corrected {len(last.fixes)} {cases}."
    return Notice("quiet", text, "recover sweep")


def _retry_mode(account: Account) -> Notice | None:
    text = labels.MODES.get(account.mode, "")
    return Notice("quiet", text) if text else None
