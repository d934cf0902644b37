"""The command line: set-up, and the tasks that people do by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import entry_points
from pathlib import Path

import click
from cryptography.fernet import Fernet
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recover.accounts import connections
from recover.compliance import key_rotation
from recover.entrypoints.cli import accounts as account_commands
from recover.entrypoints.cli import (
    api_tokens,
    audit_log,
    backtest,
    context,
    dry_run,
    history_import,
    ledger,
    privacy,
    retries,
    switchover,
    users,
)
from recover.entrypoints.cli import encryption_keys as keys_commands
from recover.foundation import config, upgrade
from recover.foundation.errors import RecoverError
from recover.messages.subscriber import expiring_cards
from recover.models import Account
from recover.services import Services, build
from recover.workflow import reconciliation
from webhooks import inbox

console = Console()


def _services() -> Services:
    services = build(config.load())
    context.note(services)
    return services


class WithPlugins(click.Group):
    """Our commands and those of other packages; theirs are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        added = [plugin.name for plugin in entry_points(group="recover.commands")]
        return sorted([*super().list_commands(ctx), *added])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for plugin in entry_points(group="recover.commands", name=cmd_name):
            command: click.Command = plugin.load()
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=WithPlugins)
def cli() -> None:
    """Recover wins back failed subscription payments on Stripe."""


@cli.command()
def check() -> None:
    """Check the settings and the stored secrets; name every fault."""
    settings = config.load()
    with closing(build(settings)) as services:
        for text in key_rotation.warnings(services.db, services.vault):
            console.print(f"[bold yellow]{escape(text)}[/]", highlight=False)
    console.print(f"The settings are complete. Recover will be at {settings.base_url}")


@cli.command("migrate")
def migrate_() -> None:
    """Check the settings and bring the database to the newest schema."""
    settings = config.load()
    upgrade.upgrade(settings.database_url)
    console.print("The database is up to date.")


@cli.group()
def keys() -> None:
    """Secrets for the .env file."""


@keys.command("new")
def keys_new() -> None:
    """Print a new SECRET_KEYS and a new ENCRYPTION_KEYS entry."""
    click.echo(f"SECRET_KEYS={Fernet.generate_key().decode()}")
    click.echo(f"ENCRYPTION_KEYS={Fernet.generate_key().decode()}")


@cli.group()
def events() -> None:
    """Stripe's events that could not be handled."""


@events.command("parked")
def events_parked() -> None:
    """List parked events with their errors."""
    table = Table("id", "event", "type", "object", "failures", "error")
    with _services().db.read() as session:
        for row in inbox.parked(session):
            table.add_row(
                str(row.id),
                row.stripe_event_id,
                row.type,
                row.object_id,
                str(row.failures),
                row.error,
            )
    console.print(table if table.row_count else "No event is parked.")


@events.command("replay")
@click.argument("ids", nargs=-1, type=int)
def events_replay(ids: tuple[int, ...]) -> None:
    """Handle parked events again: those with the given IDS, or all."""
    count = inbox.replay(_services(), ids or None)
    console.print(f"{count} parked events will be handled again.")


@cli.command("sweep")
@click.option("--account", "account_id", type=int, help="Only this account.")
def sweep_(account_id: int | None) -> None:
    """Reconcile with Stripe now: compare, correct and list what differs."""

    def compare(services: Services, found: Account) -> None:
        with console.status(f"Comparing {found.name} with Stripe..."):
            report = reconciliation.reconcile(services, found)
        console.print(f"{found.name}: {report.seen} invoices seen, {len(report.fixes)} differed")
        for fix in report.fixes:
            console.print(f"  {fix['invoice']}: {fix['reason']} {fix.get('error', 'Mended.')}")

    _for_accounts(compare, account_id)


@cli.command("scan")
def scan_() -> None:
    """Look for cards about to expire now, as the clock does every morning."""

    def look(services: Services, found: Account) -> None:
        with console.status(f"Looking at the cards of {found.name}..."):
            written = expiring_cards.scan(services, found)
        console.print(f"{found.name}: {written} notices")

    _for_accounts(look)


def _for_accounts(work: Callable[[Services, Account], None], only: int | None = None) -> None:
    """Run ``work`` for each connected account, or one; an error of one does not stop the others."""
    services = _services()
    failed = False
    for found in connections.all_connected(services):
        try:
            if only in (None, found.id):
                work(services, found)
        except RecoverError as error:
            console.print(f"{found.name}: [bold red]{escape(str(error))}[/]", highlight=False)
            failed = True
    if failed:
        sys.exit(1)


@cli.group("emails")
def emails_() -> None:
    """The mails to subscribers."""


@emails_.command("preview")
@click.argument("directory", type=click.Path(path_type=Path), default=Path("mail-previews"))
def emails_preview(directory: Path) -> None:
    """Write every mail as HTML, text and .eml into DIRECTORY."""
    from emails.preview import write_previews  # noqa: PLC0415 - renders nothing unless asked

    console.print(f"Written. Open {write_previews(directory)}")


cli.add_command(account_commands.account)
cli.add_command(api_tokens.command, "api")
cli.add_command(backtest.command)
cli.add_command(users.group)
cli.add_command(switchover.command)
cli.add_command(history_import.command)
cli.add_command(dry_run.command)
cli.add_command(retries.group)
account_commands.account.add_command(retries.account_set)
cli.add_command(audit_log.group)
cli.add_command(ledger.group)
cli.add_command(privacy.group)
keys.add_command(keys_commands.rotate)


def main() -> None:
    """The `recover` command: errors are one clear text, not a traceback."""
    try:
        cli(standalone_mode=True)
    except RecoverError as error:
        console.print(f"[bold red]{escape(str(error))}[/]", highlight=False)
        sys.exit(1)
