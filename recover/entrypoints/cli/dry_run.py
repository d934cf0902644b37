"""`recover dry-run`: what Recover would have done on the account's own last 90 days."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import click
from rich.console import Console

from recover.accounts import connections
from recover.compliance import audit_log
from recover.dunning.wording import moment
from recover.entrypoints.cli.history_import import account_option
from recover.foundation import config
from recover.foundation.errors import PermanentError
from recover.models import Account, Report, ReportKind, ReportState
from recover.onboarding import dry_run
from recover.onboarding.dry_run.wording import UNKNOWN, headline
from recover.reporting import background_reports
from recover.services import Services, build

POLL_SECONDS = 1.0  # while a worker works the report out


@click.command("dry-run")
@account_option
@click.option("--mode", type=click.Choice(["recover", "stripe"]), help="As if in this mode.")
@click.option("--again", is_flag=True, help="Work it out anew.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(account_id: int | None, mode: str | None, again: bool, as_json: bool) -> None:
    """Replay every renewal that failed in the last 90 days, with Recover deciding.

    Nothing is charged or sent. It uses the history that `recover import` has read.
    """
    with closing(build(config.load())) as services:
        account = connections.named_or_only(services, account_id)
        report = _report(services, account, mode or "", again=again)
        with services.db.read() as session:
            lines = [
                (row.stripe_invoice_id, row.body)
                for row in background_reports.page(session, report, 0, 1_000_000)[0]
            ]
    if as_json:
        json_lines = [{"invoice": name, **body} for name, body in lines]
        click.echo(
            json.dumps({"mode": report.mode, **report.summary, "lines": json_lines}, indent=2)
        )
        return
    for text in _report_lines(report, lines):
        click.echo(text)


def _report(services: Services, account: Account, mode: str, *, again: bool) -> Report:
    """The newest finished report of this mode, or a new one, worked out here or by a worker."""
    with services.db.read() as session:
        found = background_reports.newest(session, account.id, ReportKind.DRY_RUN)
    fits = found is not None and found.state == ReportState.DONE and mode in ("", found.mode)
    if found is None or again or not fits:
        found = dry_run.request(services, account, audit_log.COMMAND, mode)
    with Console(stderr=True).status("Replaying...") as status:
        while found.state == ReportState.RUNNING:
            found = _after_work(services, found)
            status.update(f"Replaying... {found.done} of {found.total or '?'}")
    if found.state == ReportState.FAILED:
        raise PermanentError(found.error)
    return found


def _after_work(services: Services, report: Report) -> Report:
    """The report after working it out here, or after waiting while a worker does."""
    claimed = background_reports.claim(services, report.id)
    if claimed is None:
        time.sleep(POLL_SECONDS)
    else:
        dry_run.work(services, claimed)
    with services.db.read() as session:
        return session.get_one(Report, report.id)


def _report_lines(report: Report, lines: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    yield from headline(report)
    if not report.summary["invoices"]:
        return
    yield "What nobody can know:"
    yield from (f"  {text}" for text in UNKNOWN)
    for name, body in lines:
        yield f"{name}: {body['ending']}"
        for event in body["events"]:
            at = moment(datetime.fromisoformat(event["at"]), body["timezone"])
            ours = (
                "  ours: " if event["kind"].startswith("our") or event["kind"] == "left" else "  "
            )
            yield f"{ours}{at}: {event['text']} {event['note']}".rstrip()
