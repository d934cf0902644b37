"""`recover switchover`: who owns each past-due invoice, now and in each other mode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import datetime

import click
from rich.console import Console

from recover.accounts import connections
from recover.dunning.ownership import Owner, Ownership
from recover.dunning.wording import moment
from recover.entrypoints.cli import context
from recover.foundation import config
from recover.foundation.money import format_money
from recover.onboarding.switchover import MODES, Report, switchover
from recover.services import build


@click.command("switchover")
@click.option("--account", "account_id", type=int, help="Which account, where there are several.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(account_id: int | None, as_json: bool) -> None:
    """Show who owns each past-due invoice, in each retry mode."""
    with closing(build(config.load())) as services:
        context.note(services)
        account = connections.named_or_only(services, account_id)
        with Console(stderr=True).status(f"Asking Stripe about {account.name}..."):
            report = switchover(services, account)
    if as_json:
        click.echo(json.dumps(_as_json(report), default=datetime.isoformat, indent=2))
        return
    for text in _report_lines(report, account.timezone or "UTC"):
        click.echo(text)


def _as_json(report: Report) -> dict[str, object]:
    summary = {mode: {**report.owners(mode), "uncharged": report.uncharged(mode)} for mode in MODES}
    return asdict(report) | {"summary": summary}


def _report_lines(report: Report, timezone: str) -> Iterator[str]:
    count = len(report.lines)
    yield f"{count} past-due invoices; the account is in {report.mode} mode."
    for mode in MODES:
        counts = ", ".join(f"{owner} {count}" for owner, count in report.owners(mode).items())
        now = " (now)" if mode is report.mode else ""
        yield f"{mode}{now}: {counts}; nobody charges {report.uncharged(mode)} of them."
    for line in report.lines:
        yield f"{line.invoice_id}, {format_money(line.amount_minor, line.currency)}"
        for mode, found in line.modes.items():
            yield f"  {mode}: {_ownership_text(found, timezone)}"
    for invoice_id in report.missing:
        yield f"{invoice_id}: our case is open, Stripe shows nothing past due. Run: recover sweep"


def _ownership_text(found: Ownership, timezone: str) -> str:
    acts = (
        ("we charge", found.our_retry_at),
        ("we write", found.our_mail_at),
        ("Stripe charges", found.stripe_retry_at),
    )
    times = ", ".join(f"{what} {moment(at, timezone)}" for what, at in acts if at)
    first = ""
    if found.owner is Owner.BOTH and found.first:
        first = f" {'Stripe' if found.first is Owner.STRIPE else 'Ours'} goes first."
    return f"{found.owner}. {times + '. ' if times else ''}{found.reason}{first}"
