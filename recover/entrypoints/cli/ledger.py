"""`recover ledger`: hold what was booked as won back against Stripe's books."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.progress import track

from recover.accounts import connections
from recover.compliance.audit_log import COMMAND
from recover.entrypoints.cli.context import opened
from recover.foundation.errors import RecoverError
from recover.models import Account
from recover.services import Services
from recover.workflow import ledger_check
from recover.workflow.ledger_check import Finding

progress_console = Console(stderr=True)  # progress must not get into piped output


@click.group("ledger")
def group() -> None:
    """What was won back."""


@group.command("check")
@click.option("--account", "account_id", type=int, help="Only this account.")
@click.option("--fix", is_flag=True, help="Correct what is wrong, each by a line that says so.")
def check(account_id: int | None, fix: bool) -> None:
    """Compare every line with what Stripe shows was paid and refunded.

    A wrong line is never changed or removed: with --fix another one is added beside it, and the
    audit log has it. The exit status is 1 while something is wrong.
    """
    wrong = False
    with opened() as services:
        for found in connections.all_connected(services):
            if account_id in (None, found.id):
                wrong |= _check_account(services, found, fix=fix)
    sys.exit(1 if wrong else 0)


def _check_account(services: Services, account: Account, *, fix: bool) -> bool:
    """Print what is wrong with an account's lines; whether any of it is left."""
    findings = []
    checked = ledger_check.check(services, account, fix=fix, actor=COMMAND)
    total = ledger_check.count(services, account)
    try:
        for finding in track(
            checked, f"{account.name}:", total=total, console=progress_console, transient=True
        ):
            findings += [finding] if finding else []
    except RecoverError as error:
        click.echo(f"{account.name}: {error}")
        return True
    for finding in findings:
        _print(finding)
    click.echo(f"{account.name}: {_summary(total, len(findings), fix=fix)}")
    return bool(findings) and not fix


def _print(finding: Finding) -> None:
    for words in finding.words:
        click.echo(f"{finding.invoice_id}: {words}")


def _summary(total: int, wrong: int, *, fix: bool) -> str:
    if not wrong:
        return f"cases compared with Stripe: {total}. The ledger agrees."
    what = "and corrected" if fix else "- recover ledger check --fix corrects them"
    return f"cases compared with Stripe: {total}. Wrong in the ledger: {wrong} {what}."
