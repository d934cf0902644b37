"""The last step: who would own each past-due invoice, what would happen first, and the switch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from recover.accounts import connections
from recover.dunning.ownership import Owner, Ownership
from recover.foundation.errors import PermanentError
from recover.models import Account, Report, ReportKind, ReportState
from recover.onboarding import switchover
from recover.onboarding.checklist.stripe_signs import locked_checklist_state
from recover.onboarding.switchover import MODES
from recover.reporting import background_reports
from recover.services import Services
from recover.workflow import reconciliation

FRESH = timedelta(hours=1)  # a report on which somebody may still decide
FIRST_ACTS = 5


def request_report(services: Services, account: Account, actor: str) -> Report:
    """Have the switch-over report worked out."""
    return background_reports.request(services, account.id, ReportKind.SWITCHOVER, actor)


def work(services: Services, report: Report) -> None:
    """Work the report out. Reconciles first, so that each failed renewal has a case.

    Three requests for each past-due invoice, and the lists of open and recently paid ones.
    """
    with services.db.read() as session:
        account = session.get_one(Account, report.account_id)
    if report.cursor:
        background_reports.restart(services, report)
    reconciliation.reconcile(services, account)
    now, listed = services.now(), switchover.past_due_invoices(services, account)
    missing = switchover.missing_invoices(services, account, {one.id for one in listed})

    def lines() -> Iterator[background_reports.Line]:
        for invoice in listed:
            found = switchover.line(services, account, invoice, now)
            yield invoice.id, invoice.id, _line_json(found)

    def full_summary(session: Session, row: Report) -> dict[str, Any]:
        return summary(session, row) | {
            "missing": missing[:50],
            "missing_count": len(missing),
            "at": now.isoformat(),
            "mode": account.mode,
        }

    background_reports.work(services, report, len(listed), lines(), full_summary)


def _line_json(found: switchover.Line) -> dict[str, Any]:
    return {
        "customer": found.customer_id,
        "amount_minor": found.amount_minor,
        "currency": found.currency,
        "modes": {str(mode): _ownership_json(one) for mode, one in found.modes.items()},
    }


def _ownership_json(one: Ownership) -> dict[str, Any]:
    times = {
        name: getattr(one, name) for name in ("our_retry_at", "our_mail_at", "stripe_retry_at")
    }
    times_json = {name: at.isoformat() if at else None for name, at in times.items()}
    return {
        "owner": str(one.owner),
        "first": one.first and str(one.first),
        "reason": one.reason,
        "charged": one.charged,
    } | times_json


def summary(session: Session, report: Report) -> dict[str, Any]:
    """For each mode, as JSON: invoices by owner, and what Recover would do first."""
    owners: dict[str, Counter[str]] = {mode: Counter() for mode in MODES}
    uncharged, acts = Counter[str](), dict[str, list[list[Any]]]({mode: [] for mode in MODES})
    count = 0
    for row in background_reports.page(session, report, 0, 1_000_000)[0]:
        count += 1
        for mode, one in row.body["modes"].items():
            owners[mode][one["owner"]] += 1
            uncharged[mode] += not one["charged"]
            found = _acts_of(row.stripe_invoice_id, row.body, one)
            acts[mode] = sorted([*acts[mode], *found])[:FIRST_ACTS]
    return {
        "invoices": count,
        "modes": {
            str(mode): {
                "owners": {str(owner): owners[mode][owner] for owner in Owner},
                "uncharged": uncharged[mode],
                "first": acts[mode],
            }
            for mode in MODES
        },
    }


def _acts_of(
    invoice_id: str, body: Mapping[str, Any], one: Mapping[str, Any]
) -> Iterator[list[Any]]:
    for what, key in (("charge", "our_retry_at"), ("mail", "our_mail_at")):
        if one[key]:
            yield [one[key], what, invoice_id, body["amount_minor"], body["currency"]]


@dataclass(frozen=True, slots=True)
class FirstAct:
    at: datetime
    what: str  # charge, mail
    invoice_id: str
    amount_minor: int
    currency: str


def first_acts(report: Report, mode: str) -> list[FirstAct]:
    """What Recover would do first in this mode, earliest first."""
    found = report.summary.get("modes", {}).get(mode, {}).get("first", [])
    return [FirstAct(datetime.fromisoformat(at), *rest) for at, *rest in found]


def fresh(report: Report | None, now: datetime) -> bool:
    """Whether a report is recent enough to decide on."""
    return bool(report and report.finished_at and report.finished_at > now - FRESH)


def go(services: Services, account: Account, mode: str, actor: str) -> None:
    """Leave observe mode. Raises PermanentError without a fresh report to decide on."""
    now = services.now()
    with services.db.read() as session:
        report = background_reports.newest(
            session, account.id, ReportKind.SWITCHOVER, ReportState.DONE
        )
    if not fresh(report, now):
        raise PermanentError("The report is over an hour old. Have it worked out anew first.")
    connections.set_mode(services, account.id, mode, actor=actor)
    with services.db.begin() as session:
        locked_checklist_state(services.db, session, account.id).live_at = now
