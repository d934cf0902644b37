"""The checklist as a whole: how far an account has come, and what is next."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from recover.dunning import RetryMode
from recover.models import Account, ChecklistState, Report, ReportKind, ReportState
from recover.onboarding import history_import
from recover.onboarding.checklist import items, sender_check
from recover.onboarding.checklist.items import DONE, OPEN, TROUBLE, Item
from recover.onboarding.checklist.stripe_signs import (
    StripeRetries,
    checklist_state,
    first_webhook,
    stripe_retries,
)
from recover.onboarding.history_import import Progress
from recover.reporting import background_reports
from recover.services import Services


@dataclass(frozen=True, slots=True)
class Checklist:
    account: Account
    start: ChecklistState
    items: tuple[Item, ...]
    progress: Progress | None
    retries: StripeRetries
    dry_run: Report | None  # the newest
    sender: str
    moving: bool = field(default=False)  # something is being worked out: the page reloads itself

    @property
    def done(self) -> int:
        return sum(item.state == DONE for item in self.items)

    @property
    def finished(self) -> bool:
        """Everything is done, or the account is live already: no more guidance is needed."""
        return self.account.mode != RetryMode.OBSERVE or self.done == len(self.items)

    @property
    def next(self) -> Item | None:
        """The first item on which a person can act."""
        open_ = [item for item in self.items if item.state in (OPEN, TROUBLE)]
        return next(iter(open_), None)


def checklist(services: Services, session: Session, account: Account) -> Checklist:
    now = services.now()
    start = checklist_state(session, account.id)
    progress = history_import.progress_of(session, account.id, now)
    retries = stripe_retries(session, account.id, now)
    dry_run = background_reports.newest(session, account.id, ReportKind.DRY_RUN)
    address = sender_check.address_of(services, account)
    webhook = first_webhook(session, account.id)
    return Checklist(
        account=account,
        start=start,
        progress=progress,
        retries=retries,
        dry_run=dry_run,
        sender=address,
        items=(
            items.connected(account),
            items.webhook(services, account, webhook),
            items.history(progress, now),
            items.retries(account, retries),
            items.mails(account, start),
            items.sender(start, address),
            items.campaign(start),
            items.dry_run(start, dry_run, progress),
            items.live(account),
        ),
        moving=webhook is None
        or bool(progress and progress.running)
        or bool(dry_run and dry_run.state == ReportState.RUNNING),
    )


def unfinished(session: Session, accounts: list[Account]) -> Account | None:
    """The first account that nobody has taken live."""
    for account in accounts:
        watching = account.mode == RetryMode.OBSERVE and account.disconnected_at is None
        if watching and checklist_state(session, account.id).live_at is None:
            return account
    return None
