"""What the page about retries shows of one account, read in a few bounded queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recover.dunning import Campaign, CaseState, campaign
from recover.foundation.errors import PermanentError
from recover.learning import timing_in_force, training, versions
from recover.learning.calibration import Calibration, calibration
from recover.models import Account, RecoveryCase, RetryModel
from recover.web.template_helpers import day

PAGE = 10


@dataclass(frozen=True, slots=True)
class View:
    standing: str  # what times the retries
    warning: str  # about the model in use
    in_use: RetryModel | None  # None: the shipped prior
    steps: Campaign  # with the limits in force
    believed: list[str]  # what the version in use believes differently from the shipped prior
    rows: Sequence[RetryModel]  # versions, newest first
    older: int  # the id below which the next page begins; 0 on the last one
    ahead: str  # what the coming night will find, where there is no version yet
    calibration: Calibration


def view(session: Session, account: Account, now: datetime, before: int | None) -> View:
    in_use = versions.in_use(session, account)
    zone = account.timezone or "UTC"
    steps = campaign(account.campaign_key, account.campaign_version)
    rows = training.versions(session, account.id, PAGE + 1, before)
    newest = before is None and not rows
    return View(
        standing=versions.timing_description(
            account, in_use, day(in_use.made_at, zone) if in_use else ""
        ),
        warning=timing_in_force.warning(session, account),
        in_use=in_use,
        steps=timing_in_force.within_limits(account, steps),
        believed=_differences_from_prior(in_use),
        rows=rows[:PAGE],
        older=rows[PAGE - 1].id if len(rows) > PAGE else 0,
        ahead=_next_learning(session, account, steps, now) if newest else "",
        calibration=calibration(session, account.id),
    )


def _differences_from_prior(in_use: RetryModel | None) -> list[str]:
    try:
        return training.compare(None, in_use) if in_use else []
    except PermanentError:
        return []  # damaged: the page has a warning of its own


def _next_learning(session: Session, account: Account, steps: Campaign, now: datetime) -> str:
    """How many cases tonight's training can use, or when the first can be used."""
    of_account = RecoveryCase.account_id == account.id
    first = session.scalar(select(func.min(RecoveryCase.failed_at)).where(of_account))
    if first is None:
        return "No payment has failed yet."
    if first > now - steps.window:
        over = day(first + steps.window, account.timezone or "UTC")
        return f"The first case can be learned from when its window is over, on {over}."
    finished = of_account, RecoveryCase.failed_at <= now - steps.window
    count = session.scalar(select(func.count(RecoveryCase.id)).where(*finished)) or 0
    return f"{count} {'case is' if count == 1 else 'cases are'} past the window."


def open_cases(session: Session, account_id: int) -> int:
    query = select(func.count(RecoveryCase.id)).where(
        RecoveryCase.account_id == account_id, RecoveryCase.state == CaseState.OPEN
    )
    return session.scalar(query) or 0
