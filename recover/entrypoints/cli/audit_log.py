"""`recover record`: verify the audit log, and export it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from recover.compliance import audit_export, audit_verification
from recover.compliance.audit_verification import Checked
from recover.entrypoints.cli.context import opened
from recover.services import Services

console = Console()
progress_console = Console(stderr=True)  # progress must not get into piped output

Expected = dict[str, dict[int, str]]


@click.group("record")
def group() -> None:
    """The audit log: everything that was decided, done, seen or changed."""


@group.command("verify")
@click.option("--account", "account_id", type=int, help="Only this account's chain.")
@click.option("--all", "all_", is_flag=True, help="Every chain; the default.")
@click.option(
    "--expect",
    multiple=True,
    metavar="HEAD",
    help="A head kept elsewhere, as this command printed it: the chain must still lead there.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a chain.")
def verify(account_id: int | None, all_: bool, expect: tuple[str, ...], as_json: bool) -> None:
    """Check that no entry of the audit log was changed, moved or removed since it was sealed.

    Prints each chain's head. Keep it where nobody who can write to this database can. The exit
    status is 1 if a chain was changed; its first broken entry is then named.
    """
    if account_id is not None and all_:
        raise click.UsageError("Say --account or --all, not both.")
    expected = _heads(expect)
    with opened() as services:
        asked = [f"account:{account_id}"] if account_id else audit_verification.chains(services.db)
        found = _check(services, sorted({*asked, *expected}), expected)
    for one in found:
        _print_json(one) if as_json else _print_result(one)
    if not found and not as_json:
        console.print("The audit log is still empty.")
    if any(one.fault for one in found):
        sys.exit(1)


def _heads(texts: Iterable[str]) -> Expected:
    found: Expected = {}
    for text in texts:
        chain, _, rest = text.partition("/")
        line, _, hash_ = rest.partition("/")
        if not line.isdecimal() or not hash_:
            raise click.UsageError(f"{text!r} is no head, such as account:1/1234/9f86d0...")
        found.setdefault(chain, {})[int(line)] = hash_
    return found


def _check(services: Services, chains: list[str], expected: Expected) -> list[Checked]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    found = []
    with Progress(*columns, console=progress_console, transient=True) as bar:
        for chain in chains:
            task = bar.add_task(chain, total=audit_verification.sealed_count(services.db, chain))
            one = audit_verification.check(
                services.db,
                chain,
                services.now(),
                expected=expected.get(chain),
                progress=lambda lines, task=task: bar.advance(task, lines),  # type: ignore[misc]
            )
            audit_verification.store_result(services.db, one, services.now())
            found.append(one)
    return found


def _print_result(one: Checked) -> None:
    if one.fault:
        console.print(
            f"[bold red]BROKEN[/] {escape(str(one.fault))}", highlight=False, soft_wrap=True
        )
    else:
        erased = f", {one.erased:,} of them without their words (erased)" if one.erased else ""
        waiting = f", {one.waiting:,} more wait to be sealed" if one.waiting else ""
        console.print(f"{one.chain}: {one.lines:,} lines hold{erased}{waiting}", highlight=False)
    if one.lines and not one.fault:
        console.print(f"  head {one.head}", highlight=False, soft_wrap=True)


def _print_json(one: Checked) -> None:
    click.echo(
        json.dumps(asdict(one) | {"head": one.head, "holds": one.fault is None}, default=str)
    )


@group.command("export")
@click.option("--account", "account_id", type=int, required=True, help="Whose chain.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day (UTC) on.")
@click.option(
    "--format", "form", type=click.Choice(audit_export.FORMATS), default="jsonl", show_default=True
)
def export(account_id: int, since: datetime | None, form: str) -> None:
    """Write an account's audit log entries to standard output, oldest first."""
    start = since.replace(tzinfo=UTC) if since else None
    with opened() as services:
        for text in audit_export.export(services.db, [f"account:{account_id}"], form, start):
            click.echo(text, nl=False)
