"""The items: why each matters, how it stands, and the one thing to do next."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recover import importing, reports
from recover.checklist import sender
from recover.checklist.places import Place, places
from recover.checklist.sightings import StripeRetries, first_webhook, start_of, stripe_retries
from recover.dunning import RetryMode
from recover.importing import Progress
from recover.models import Account, Connection, Report, ReportKind, ReportState, Start, StripeMails
from recover.services import Services

DONE, OPEN, WAITS, TROUBLE = "done", "todo", "waits", "trouble"
PATIENCE = timedelta(minutes=5)  # without a webhook after connecting


@dataclass(frozen=True, slots=True)
class Item:
    """``told`` is a sentence on how it stands, ``next`` one on what to do; "" where nothing is."""

    key: str
    title: str
    why: str
    state: str  # done, todo, waits, trouble
    told: str
    next: str = ""
    places: tuple[Place, ...] = ()
    about: tuple[str, ...] = ()  # more to know, a sentence each


@dataclass(frozen=True, slots=True)
class Checklist:
    account: Account
    start: Start
    items: tuple[Item, ...]
    progress: Progress | None
    retries: StripeRetries
    dry_run: Report | None  # the newest
    sender: str
    moving: bool = field(default=False)  # something is being worked out: the page renews itself

    @property
    def done(self) -> int:
        return sum(item.state == DONE for item in self.items)

    @property
    def finished(self) -> bool:
        """Everything is done, or the account is live already: nothing more to be led through."""
        return self.account.mode != RetryMode.OBSERVE or self.done == len(self.items)

    @property
    def next(self) -> Item | None:
        """The first thing that a person can do something about."""
        open_ = [item for item in self.items if item.state in (OPEN, TROUBLE)]
        return next(iter(open_), None)


def checklist(services: Services, session: Session, account: Account) -> Checklist:
    now = services.now()
    start = start_of(session, account.id)
    progress = importing.progress_of(session, account.id, now)
    retries = stripe_retries(session, account.id, now)
    dry_run = reports.newest(session, account.id, ReportKind.DRY_RUN)
    address = sender.address_of(services, account)
    webhook = first_webhook(session, account.id)
    return Checklist(
        account=account, start=start, progress=progress, retries=retries, dry_run=dry_run,
        sender=address,
        items=(
            _connected(account), _webhook(services, account, webhook), _history(progress, now),
            _retries(account, retries), _mails(account, start), _sender(start, address),
            _campaign(start), _dry_run(start, dry_run, progress), _live(account),
        ),
        moving=webhook is None
        or bool(progress and progress.running)
        or bool(dry_run and dry_run.state == ReportState.RUNNING),
    )  # fmt: skip


def unfinished(session: Session, accounts: list[Account]) -> Account | None:
    """The first account that nobody has taken live."""
    for account in accounts:
        watching = account.mode == RetryMode.OBSERVE and account.disconnected_at is None
        if watching and start_of(session, account.id).live_at is None:
            return account
    return None


def _connected(account: Account) -> Item:
    why = "Recover reads failed payments from your Stripe account, and acts in it once you say go."
    title = "Stripe is connected"
    if account.disconnected_at:
        return Item("connected", title, why, TROUBLE, "The account was disconnected.",
                    "Connect it again.")  # fmt: skip
    if account.problem:
        return Item("connected", title, why, TROUBLE, f"Stripe refuses our key: {account.problem}",
                    "Mend or renew the key.")  # fmt: skip
    kind = "live" if account.livemode else "test"
    return Item("connected", title, why, DONE, f"{account.stripe_account_id}, in {kind} mode.")


def _webhook(services: Services, account: Account, seen: tuple[datetime, str] | None) -> Item:
    why = "Stripe tells Recover of a failed payment within seconds, instead of within the hour."
    title = "Stripe's events arrive"
    if seen:
        return Item("webhook", title, why, DONE, f"The first one was {seen[1]}.")
    late = services.now() - account.connected_at > PATIENCE
    url = f"{services.links.base_url}/webhooks/stripe"
    if account.connection == Connection.KEY:
        url += f"/{account.hook_token}"
    return Item(
        "webhook", title, why, TROUBLE if late else WAITS,
        "None has come so far." if late else "Waiting for the first one.",
        "In Stripe, change something small that causes an event, such as a customer's description;"
        " in test mode, let a test subscription renew. Then look at the endpoint's deliveries.",
        places(account, "webhooks"),
        (
            f"The endpoint there must be {url} and enabled.",
            ("A delivery that failed shows the answer Stripe got: a 404 means another address, a"
            " 400 another signing secret, a timeout that this installation cannot be reached from"
            " outside."),
            "Until one arrives, an hourly comparison with Stripe finds what was missed.",
        ) if late else (),
    )  # fmt: skip


def _history(progress: Progress | None, now: datetime) -> Item:
    why = "Eighteen months of renewals teach the retry engine before its first try here."
    title = "The past is read"
    if progress is None:
        return Item("history", title, why, WAITS, "It begins within a minute.")
    row = progress.row
    if progress.done:
        return Item("history", title, why, DONE, f"{row.invoices:,} invoices and {row.charges:,}"
                    f" charges; {row.failed:,} renewals failed at first.")  # fmt: skip
    if progress.stopped:
        return Item("history", title, why, TROUBLE, row.error, "Mend that, then go on.")
    told = f"{row.invoices:,} invoices and {row.charges:,} charges so far."
    if progress.waits(now):
        told += f" Stripe asked for a pause: {row.error}"
    return Item("history", title, why, WAITS, told)


def _retries(account: Account, found: StripeRetries) -> Item:
    why = "Two schedules on one card use up its tries twice as fast. One of them has to rest."
    title = "Stripe's own retries are off"
    where = places(account, "retries", "automatic")
    if account.mode == RetryMode.STRIPE:
        return Item("retries", "Stripe retries, Recover writes", why, DONE,
                    "This account is in stripe mode: Stripe's retries stay on.")  # fmt: skip
    if found.declared_at and not found.contradicted_at:
        return Item("retries", title, why, DONE, "Somebody switched them off, and none was seen"
                    " since. A new one would be named here.")  # fmt: skip
    if found.contradicted_at:
        return Item("retries", title, why, TROUBLE, "They were said to be off, and Stripe has made"
                    f" or planned one since, on {found.contradicted_at:%d %B %Y}.",
                    "Look at both places again.", where, _how())  # fmt: skip
    if found.on:
        return Item("retries", title, why, OPEN, _seen(found), "Switch them off, or leave them on"
                    " and go live in stripe mode.", where, _how())  # fmt: skip
    return Item("retries", title, why, OPEN, "No sign of them so far, which proves nothing: Stripe"
                " does not tell its settings.", "Look, and say so.", where, _how())  # fmt: skip


def _seen(found: StripeRetries) -> str:
    told = []
    if found.scheduled:
        first = f", the first on {found.next_at:%d %B}" if found.next_at else ""
        noun = "invoice" if found.scheduled == 1 else "invoices"
        told.append(f"Stripe has a retry in store for {found.scheduled} past-due {noun}{first}.")
    if found.retried:
        noun = "renewal" if found.retried == 1 else "renewals"
        told.append(f"It tried {found.retried} {noun} of the last 90 days more than once.")
    if found.last_retry_at:
        told.append(f"A try that was not ours was made on {found.last_retry_at:%d %B %Y}.")
    return " ".join(told)


def _how() -> tuple[str, ...]:
    return (
        (
            "At Retries, switch the retries of subscriptions off, so that a failed payment stays"
            " past due until Recover acts."
        ),
        (
            "At Subscriptions and emails, under “Manage failed payments”, leave the subscription"
            " past due after failed payments: one that Stripe cancels cannot be won back."
        ),
        (
            "Retries that Stripe planned before may still come; they are counted, and kept apart"
            " from ours."
        ),
    )


def _mails(account: Account, start: Start) -> Item:
    why = "A subscriber with two mails about one payment trusts neither."
    title = "Stripe's mails about failed payments are off"
    where = places(account, "mails", "automatic")
    about = (
        (
            "At Emails, switch off “Send emails when card payments fail”. Mails about cards that"
            " are about to expire are there too; Recover sends those as well."
        ),
    )
    if start.stripe_mails == StripeMails.OFF:
        return Item("mails", title, why, DONE, "Somebody at your company said so.")
    if start.stripe_mails == StripeMails.ON:
        return Item("mails", title, why, TROUBLE, "They are on: subscribers will get Stripe's mails"
                    " and yours.", "Switch them off, then say so.", where, about)  # fmt: skip
    return Item("mails", title, why, OPEN, "Stripe tells no program whether they are on, so you"
                " are asked.", "Look, and say which it is.", where, about)  # fmt: skip


def _sender(start: Start, address: str) -> Item:
    why = "A mail that lands in spam wins nothing back."
    title = "The sender is confirmed"
    found = start.dns if start.dns.get("domain") == address.rpartition("@")[2] else {}
    about = tuple(f"{kind}: {found[kind][1]}" for kind in ("SPF", "DMARC", "DKIM") if kind in found)
    wrong = [kind for kind in ("SPF", "DMARC") if found.get(kind, [""])[0] in ("missing", "wrong")]
    if start.sender_confirmed == address:
        told = f"{address} is yours, and mail arrives there."
        if wrong:
            told += f" Still to mend in its DNS: {' and '.join(wrong)}."
        return Item("sender", title, why, DONE, told, about=about)
    if start.sender_asked == address:
        return Item("sender", title, why, OPEN, f"A mail is on its way to {address}.",
                    "Follow the link in it. If none arrives in ten minutes, look into the spam"
                    " folder, then have it sent again.", about=about)  # fmt: skip
    if start.sender_confirmed:
        told = f"The sender has changed from {start.sender_confirmed} to {address}."
    else:
        told = f"Mails to subscribers come from {address}."
    return Item("sender", title, why, OPEN, told, "Have a confirming mail sent there.")


def _campaign(start: Start) -> Item:
    why = "These mails go out in your name."
    title = "The campaign was looked at"
    if start.campaign_at:
        return Item("campaign", title, why, DONE, "Somebody has seen the mails and their days.")
    return Item("campaign", title, why, OPEN, "Nobody has looked at it yet.",
                "Look at the mails and their days.")  # fmt: skip


def _dry_run(start: Start, report: Report | None, progress: Progress | None) -> Item:
    why = "What Recover would have done on your own last 90 days, before it does anything."
    title = "The dry run was looked at"
    if start.dry_run_at:
        return Item("dry_run", title, why, DONE, "Somebody has looked at it.")
    if report and report.state == ReportState.RUNNING:
        return Item("dry_run", title, why, WAITS,
                    f"{report.done} of {report.total} failed renewals so far.")  # fmt: skip
    if report and report.state == ReportState.FAILED:
        return Item("dry_run", title, why, TROUBLE, report.error, "Have it worked out again.")
    if report:
        return Item("dry_run", title, why, OPEN, "It is ready.", "Look at it.")
    if progress is None or progress.row.finished_at is None:
        return Item("dry_run", title, why, WAITS, "It follows once the past is read.")
    return Item("dry_run", title, why, OPEN, "The past is read.", "Have it worked out.")


def _live(account: Account) -> Item:
    why = "Until you say go, Recover only watches: nothing is charged, nothing is sent."
    title = "Recover is live"
    if account.mode != RetryMode.OBSERVE:
        return Item("live", title, why, DONE, f"The account is in {account.mode} mode.")
    return Item("live", title, why, OPEN, "Recover is watching.",
                "See who would own each past-due invoice, then choose.")  # fmt: skip
