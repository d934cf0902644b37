"""How each item of the checklist stands, and the one thing to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from recover.dunning import RetryMode
from recover.foundation.locales import english_day
from recover.models import Account, ChecklistState, Connection, Report, ReportState, StripeMails
from recover.onboarding.checklist.dashboard_links import DashboardPage, dashboard_pages
from recover.onboarding.checklist.stripe_signs import StripeRetries
from recover.onboarding.history_import import Progress
from recover.services import Services

DONE, OPEN, WAITS, TROUBLE = "done", "todo", "waits", "trouble"
FIRST_EVENT_WITHIN = timedelta(minutes=5)  # without a webhook after connecting


@dataclass(frozen=True, slots=True)
class Item:
    """``status`` is a sentence on how it stands; ``next`` one on what to do, or ""."""

    key: str
    title: str
    why: str
    state: str  # done, todo, waits, trouble
    status: str
    next: str = ""
    pages: tuple[DashboardPage, ...] = ()
    about: tuple[str, ...] = ()  # more to know, a sentence each


@dataclass(frozen=True, slots=True)
class Topic:
    """What an item is about, however it stands."""

    key: str
    title: str
    why: str

    def item(
        self,
        state: str,
        status: str,
        todo: str = "",
        where: tuple[DashboardPage, ...] = (),
        about: tuple[str, ...] = (),
    ) -> Item:
        return Item(self.key, self.title, self.why, state, status, todo, where, about)


CONNECTED = Topic(
    "connected",
    "Stripe is connected",
    "Recover reads failed payments from your Stripe account, and acts in it once you say go.",
)
WEBHOOK = Topic(
    "webhook",
    "Stripe's events arrive",
    "Stripe tells Recover of a failed payment within seconds, instead of within the hour.",
)
HISTORY = Topic(
    "history",
    "The history is imported",
    "Eighteen months of renewals teach the retry engine before its first retry here.",
)
RETRIES = Topic(
    "retries",
    "Stripe's own retries are off",
    "Two schedules on one card use up its retries twice as fast. One of them has to rest.",
)
MAILS = Topic(
    "mails",
    "Stripe's mails about failed payments are off",
    "A subscriber with two mails about one payment trusts neither.",
)
SENDER = Topic("sender", "The sender is confirmed", "A mail that lands in spam wins nothing back.")
CAMPAIGN = Topic("campaign", "The campaign was looked at", "These mails go out in your name.")
DRY_RUN = Topic(
    "dry_run",
    "The dry run was looked at",
    "What Recover would have done on your own last 90 days, before it does anything.",
)
LIVE = Topic(
    "live",
    "Recover is live",
    "Until you say go, Recover only watches: nothing is charged, nothing is sent.",
)
STRIPE_RETRIES = Topic("retries", "Stripe retries, Recover writes", RETRIES.why)

RETRIES_HOW = (
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
MAILS_HOW = (
    (
        "At Emails, switch off “Send emails when card payments fail”. Mails about cards that"
        " are about to expire are there too; Recover sends those as well."
    ),
)


def connected(account: Account) -> Item:
    if account.disconnected_at:
        return CONNECTED.item(TROUBLE, "The account was disconnected.", "Connect it again.")
    if account.problem:
        return CONNECTED.item(
            TROUBLE, f"Stripe refuses our key: {account.problem}", "Mend or renew the key."
        )
    kind = "live" if account.livemode else "test"
    return CONNECTED.item(DONE, f"{account.stripe_account_id}, in {kind} mode.")


def webhook(services: Services, account: Account, seen: tuple[datetime, str] | None) -> Item:
    if seen:
        return WEBHOOK.item(DONE, f"The first one was {seen[1]}.")
    where = dashboard_pages(account, "webhooks")
    todo = (
        "In Stripe, change something small that causes an event, such as a customer's description;"
        " in test mode, let a test subscription renew. Then look at the endpoint's deliveries."
    )
    if services.now() - account.connected_at <= FIRST_EVENT_WITHIN:
        return WEBHOOK.item(WAITS, "Waiting for the first one.", todo, where)
    url = f"{services.links.base_url}/webhooks/stripe"
    if account.connection == Connection.KEY:
        url += f"/{account.hook_token}"
    about = (
        f"The endpoint there must be {url} and enabled.",
        (
            "A delivery that failed shows the answer Stripe got: a 404 means another address, a"
            " 400 another signing secret, a timeout that this installation cannot be reached from"
            " outside."
        ),
        "Until one arrives, an hourly reconciliation with Stripe finds what was missed.",
    )
    return WEBHOOK.item(TROUBLE, "None has come so far.", todo, where, about)


def history(progress: Progress | None, now: datetime) -> Item:
    if progress is None:
        return HISTORY.item(WAITS, "It begins within a minute.")
    row = progress.row
    read = f"{row.invoices:,} invoices and {row.charges:,} charges"
    if progress.done:
        return HISTORY.item(DONE, f"{read}; {row.failed:,} renewals failed at first.")
    if progress.stopped:
        return HISTORY.item(TROUBLE, row.error, "Mend that, then go on.")
    status = f"{read} so far."
    if progress.waits(now):
        status += f" Stripe asked for a pause: {row.error}"
    return HISTORY.item(WAITS, status)


def retries(account: Account, found: StripeRetries) -> Item:
    where = dashboard_pages(account, "retries", "automatic")
    if account.mode == RetryMode.STRIPE:
        return STRIPE_RETRIES.item(
            DONE, "This account is in stripe mode: Stripe's retries stay on."
        )
    if found.contradicted_at:
        status = "They were said to be off, and Stripe has made or planned one since, on"
        status += f" {english_day(found.contradicted_at, 'dd MMMM y')}."
        return RETRIES.item(TROUBLE, status, "Look at both places again.", where, RETRIES_HOW)
    if found.declared_at:
        status = "Somebody switched them off, and none was seen since."
        return RETRIES.item(DONE, f"{status} A new one would be named here.")
    if found.on:
        todo = "Switch them off, or leave them on and go live in stripe mode."
        return RETRIES.item(OPEN, _seen_retries_text(found), todo, where, RETRIES_HOW)
    status = "No sign of them so far, which proves nothing: Stripe does not tell its settings."
    return RETRIES.item(OPEN, status, "Look, and say so.", where, RETRIES_HOW)


def _seen_retries_text(found: StripeRetries) -> str:
    sentences = []
    if found.scheduled:
        first = f", the first on {english_day(found.next_at, 'dd MMMM')}" if found.next_at else ""
        noun = "invoice" if found.scheduled == 1 else "invoices"
        sentences.append(
            f"Stripe has a retry in store for {found.scheduled} past-due {noun}{first}."
        )
    if found.retried:
        noun = "renewal" if found.retried == 1 else "renewals"
        sentences.append(f"It retried {found.retried} {noun} of the last 90 days more than once.")
    if found.last_retry_at:
        sentences.append(
            f"A retry that is not ours was made on {english_day(found.last_retry_at, 'dd MMMM y')}."
        )
    return " ".join(sentences)


def mails(account: Account, start: ChecklistState) -> Item:
    where = dashboard_pages(account, "mails", "automatic")
    if start.stripe_mails == StripeMails.OFF:
        return MAILS.item(DONE, "Somebody at your company said so.")
    if start.stripe_mails == StripeMails.ON:
        status = "They are on: subscribers will get Stripe's mails and yours."
        return MAILS.item(TROUBLE, status, "Switch them off, then say so.", where, MAILS_HOW)
    status = "Stripe tells no program whether they are on, so you are asked."
    return MAILS.item(OPEN, status, "Look, and say which it is.", where, MAILS_HOW)


def sender(start: ChecklistState, address: str) -> Item:
    found = start.dns if start.dns.get("domain") == address.rpartition("@")[2] else {}
    about = tuple(f"{kind}: {found[kind][1]}" for kind in ("SPF", "DMARC", "DKIM") if kind in found)
    wrong = [kind for kind in ("SPF", "DMARC") if found.get(kind, [""])[0] in ("missing", "wrong")]
    if start.sender_confirmed == address:
        status = f"{address} is yours, and mail arrives there."
        if wrong:
            status += f" Still to mend in its DNS: {' and '.join(wrong)}."
        return SENDER.item(DONE, status, about=about)
    if start.sender_asked == address:
        todo = "Follow the link in it. If none arrives in ten minutes, look into the spam folder,"
        todo += " then have it sent again."
        return SENDER.item(OPEN, f"A mail is on its way to {address}.", todo, about=about)
    if start.sender_confirmed:
        status = f"The sender has changed from {start.sender_confirmed} to {address}."
    else:
        status = f"Mails to subscribers come from {address}."
    return SENDER.item(OPEN, status, "Have a confirming mail sent there.")


def campaign(start: ChecklistState) -> Item:
    if start.campaign_at:
        return CAMPAIGN.item(DONE, "Somebody has seen the mails and their days.")
    return CAMPAIGN.item(OPEN, "Nobody has looked at it yet.", "Look at the mails and their days.")


def dry_run(start: ChecklistState, report: Report | None, progress: Progress | None) -> Item:
    if start.dry_run_at:
        return DRY_RUN.item(DONE, "Somebody has looked at it.")
    if report and report.state == ReportState.RUNNING:
        return DRY_RUN.item(WAITS, f"{report.done} of {report.total} failed renewals so far.")
    if report and report.state == ReportState.FAILED:
        return DRY_RUN.item(TROUBLE, report.error, "Have it worked out again.")
    if report:
        return DRY_RUN.item(OPEN, "It is ready.", "Look at it.")
    if progress is None or progress.row.finished_at is None:
        return DRY_RUN.item(WAITS, "It follows once the history is imported.")
    return DRY_RUN.item(OPEN, "The history is imported.", "Have it worked out.")


def live(account: Account) -> Item:
    if account.mode != RetryMode.OBSERVE:
        return LIVE.item(DONE, f"The account is in {account.mode} mode.")
    return LIVE.item(
        OPEN, "Recover is watching.", "See who would own each past-due invoice, then choose."
    )
