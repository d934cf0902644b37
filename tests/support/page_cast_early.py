"""Companies that are new, connecting, or watching; and one that has one of each."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from page_town import Town
from sqlalchemy import select, update

from recover.accounts.settings import changes
from recover.integrations import api_tokens, webhook_endpoints, webhook_events
from recover.models import (
    ChecklistState,
    HistoryImport,
    Report,
    ReportKind,
    ReportLine,
)
from recover.onboarding import dry_run, history_import
from recover.onboarding.checklist import going_live
from recover.reporting import background_reports
from recover.stripe_api.throttle import Pace

AT_ONCE = Pace(pause=lambda seconds: None)
NO_POLICY = (
    "recover.test has no DMARC policy. Large mailbox providers ask senders for one;"
    ' "v=DMARC1; p=none" at _dmarc.recover.test is a beginning.'
)


def new(town: Town) -> None:
    """Nobody has connected anything."""
    town.company("Nova Labs", "nina")


def connecting(town: Town) -> None:
    """Connected a moment ago: no event yet, and the past is being read."""
    town.company("Kettle & Co", "karl")
    about = {"mode": "observe", "connected_at": town.ago(minutes=2)}
    kettle = town.connect("kettle", "karl", title="Kettle & Co", **about)
    town.add(_import(town, kettle.id, "running", "charges", invoices=1840, charges=512))


def _import(town: Town, account_id: int, state: str, stage: str, **counts: Any) -> HistoryImport:
    return HistoryImport(
        account_id=account_id,
        state=state,
        stage=stage,
        since=town.ago(days=540),
        until=town.now,
        cursor_at=town.ago(days=200),
        due_at=town.now,
        started_at=town.ago(minutes=9),
        **counts,
    )


def observing(town: Town) -> None:
    """A past that was read, a dry run and a switch-over report; beside it two accounts on which
    something is under way, or has broken off.
    """
    fernhill = town.company("Fernhill Software", "fay")
    town.join("vic", fernhill.id, "viewer")
    account = town.connect("fernhill", "fay", title="Fernhill Software", mode="observe")
    _live_through(town)
    _work_out(town, account)
    with town.services.db.read() as session:
        lines = select(ReportLine.stripe_invoice_id).join(Report, Report.id == ReportLine.report_id)
        dry = Report.kind == ReportKind.DRY_RUN, Report.account_id == account.id
        town.rows["past invoice"] = session.scalar(lines.where(*dry).limit(1))
    dns = {
        "domain": "recover.test",
        "SPF": ["ok", "recover.test has an SPF record."],
        "DMARC": ["missing", NO_POLICY],
        "DKIM": ["unknown", "Cannot be looked up without your mail provider's selector."],
    }
    seen = {"webhook_at": town.ago(days=3), "webhook_type": "customer.updated"}
    town.add(
        ChecklistState(
            account_id=account.id,
            stripe_mails="on",
            sender_asked="billing@recover.test",
            sender_asked_at=town.ago(hours=1),
            dns=dns,
            dry_run_at=town.ago(hours=2),
            **seen,
        )
    )
    second = town.connect("running", "fay", title="Fernhill Labs", mode="observe", known=False)
    third = town.connect("stopped", "fay", title="Fernhill Archive", mode="observe")
    gone = "Stripe refuses our key: it lacks read access to Invoices and Charges."
    town.add(_import(town, third.id, "refused", "invoices", invoices=120, error=gone))
    late = {"asked_at": town.ago(minutes=4), "due_at": town.now + timedelta(minutes=4)}
    for kind in (ReportKind.DRY_RUN, ReportKind.SWITCHOVER):
        town.add(
            Report(
                account_id=second.id,
                kind=kind,
                state="running",
                mode="recover",
                done=17,
                total=41,
                **late,
            )
        )
        town.add(
            Report(
                account_id=third.id,
                kind=kind,
                state="failed",
                mode="recover",
                error="Stripe did not answer for an hour.",
                **late,
            )
        )


def _live_through(town: Town) -> None:
    """Some weeks with renewals that fail, Stripe's own retries on."""
    with town.at("fernhill") as sandbox:
        world = sandbox.state.world
        billing = dataclasses.replace(world.billing, stripe_retries=(3, 5, 7))
        sandbox.state.world = dataclasses.replace(world, billing=billing)
        codes = ("insufficient_funds", "expired_card", "do_not_honor", "lost_card", "fraudulent")
        for number, code in enumerate(codes * 2):
            email = f"s{number}@subscriber.test"
            customer = sandbox.add_customer(email=email, name=f"Sam {number}")
            renewal = sandbox.add_subscription(customer, 1900 + 700 * number, product="Team")
            sandbox.advance(timedelta(days=4))
            sandbox.fail_renewal(renewal, code)
        sandbox.advance(timedelta(days=2))


def _work_out(town: Town, account: Any) -> None:
    """What the background does for an account that watches."""
    while history_import.import_slice(town.services, account.id, pace=AT_ONCE):
        pass
    dry_run.request(town.services, account, "user:1")
    going_live.request_report(town.services, account, "user:1")
    for report_id in background_reports.due(town.services):
        report = background_reports.claim(town.services, report_id)
        assert report is not None
        (dry_run if report.kind == ReportKind.DRY_RUN else going_live).work(town.services, report)


def quiet(town: Town) -> None:
    """Watches, all of its steps are done, and nothing has failed."""
    town.company("Quiet Ltd", "quinn")
    account = town.connect("quiet", "quinn", title="Quiet Ltd", mode="observe", livemode=True)
    _work_out(town, account)
    stale = town.connect("stale", "quinn", title="Quiet Archive", mode="observe", livemode=True)
    _work_out(town, stale)
    with town.services.db.begin() as session:
        session.execute(
            update(Report)
            .where(Report.account_id == stale.id)
            .values(finished_at=town.ago(hours=3))
        )
    at = town.ago(days=1)
    town.add(
        ChecklistState(
            account_id=account.id,
            webhook_at=at,
            webhook_type="customer.updated",
            retries_off_at=at,
            stripe_mails="off",
            sender_confirmed="billing@recover.test",
            campaign_at=at,
            dry_run_at=at,
        )
    )


def one(town: Town) -> None:
    company = town.company("One & Only", "olaf")
    account = town.connect("solo", "olaf", title="One & Only")
    town.rows["one case"] = town.failed("solo", name="Ida Single")
    token = {"scopes": ["cases:read"], "livemode": False, "actor": town.actor("olaf")}
    api_tokens.create(town.services, company.id, name="Billing", **token)
    every = list(webhook_events.EVENTS)
    town.rows["one hook"], _ = webhook_endpoints.create(
        town.services, account, "https://solo.test/hooks", every, actor="user:1"
    )
    changes.change(town.services, account.id, {"max_retries": 4}, actor=town.actor("olaf"))
    town.rows["one key"] = town.passkey("olaf", "Laptop")
