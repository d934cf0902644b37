"""The command line: set-up, connecting an account, and the chores a person does by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import click
from cryptography.fernet import Fernet
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import select

from recover import accounts, cards, config, migrate, people, sweep, switchover
from recover.backtest import command as backtest
from recover.commands import dry_run, history, retries
from recover.dunning import RetryMode
from recover.errors import RecoverError
from recover.models import Account, Company
from recover.services import Services, build
from webhooks import inbox
from webhooks.handlers import HANDLED_TYPES

console = Console()


def _services() -> Services:
    return build(config.load())


class WithPlugins(click.Group):
    """Our commands, and those other packages add; theirs are imported only when called for."""

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
    """Check the settings; name every fault."""
    settings = config.load()
    console.print(f"The settings are complete. Recover will be at {settings.base_url}")


@cli.command("migrate")
def migrate_() -> None:
    """Check the settings and bring the database to the newest schema."""
    settings = config.load()
    migrate.upgrade(settings.database_url)
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
def account() -> None:
    """Connected Stripe accounts."""


@account.command("connect")
@click.argument("name")
@click.option(
    "--key", default="", help="The account's own secret or restricted key; asked for if empty."
)
@click.option("--stripe-account", default="", help="acct_..., to use the platform's key instead.")
@click.option("--publishable-key", default="", help="pk_..., for the card page.")
@click.option("--webhook-secret", multiple=True, help="whsec_..., of an endpoint you made by hand.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in RetryMode]),
    default=RetryMode.OBSERVE.value,
    show_default=True,
    help="observe: nothing leaves; recover: we retry and write; stripe: Stripe retries, we write.",
)
def account_connect(
    name: str,
    key: str,
    stripe_account: str,
    publishable_key: str,
    webhook_secret: tuple[str, ...],
    mode: str,
) -> None:
    """Connect the Stripe account of the company NAME, or renew its keys."""
    if not stripe_account and not key:
        key = click.prompt("Secret or restricted key", hide_input=True)
    services = _services()
    connected = accounts.connect(
        services,
        name,
        secret_key=key,
        stripe_account_id=stripe_account,
        publishable_key=publishable_key,
        webhook_secrets=webhook_secret,
        mode=mode,
    )
    console.print(
        f"Connected {connected.stripe_account_id} ({connected.name}) in {connected.mode} mode."
    )
    if connected.connection == "key" and not connected.webhook_secrets_sealed:
        url = accounts.add_webhook_endpoint(services, connected, HANDLED_TYPES)
        console.print(f"Stripe will send its events to {url}")


@account.command("mode")
@click.argument("account_id", type=int)
@click.argument("mode", type=click.Choice([mode.value for mode in RetryMode]))
def account_mode(account_id: int, mode: str) -> None:
    """Change who retries: recover, stripe, or observe."""
    services = _services()
    with services.db.read() as session:
        if session.get(Account, account_id) is None:
            raise click.ClickException(f"There is no account {account_id}: recover account list")
    accounts.set_mode(services, account_id, mode)
    console.print(f"Account {account_id} is now in {mode} mode.")


@account.command("list")
def account_list() -> None:
    """Show the connected accounts."""
    table = Table("id", "Stripe account", "name", "mode", "live", "trouble")
    with _services().db.read() as session:
        for row in session.scalars(select(Account).order_by(Account.id)):
            state = "disconnected" if row.disconnected_at else row.problem
            table.add_row(
                str(row.id), row.stripe_account_id, row.name, row.mode, str(row.livemode), state
            )
    console.print(table if table.row_count else "No account is connected: recover account connect")


@cli.group()
def user() -> None:
    """People who may sign in."""


@user.command("add")
@click.argument("email")
@click.option("--company", help="The company's name; needed where there are several.")
def user_add(email: str, company: str | None) -> None:
    """Let EMAIL sign in, by a link mailed to them."""
    services = _services()
    with services.db.read() as session:
        query = select(Company).order_by(Company.id)
        found = list(session.scalars(query.where(Company.name == company) if company else query))
    if len(found) != 1:
        names = ", ".join(row.name for row in found) or "none"
        raise click.ClickException(f"Name one company with --company. There are: {names}.")
    try:
        people.add_user(services, found[0], email)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    console.print(f"{email} can sign in at {services.settings.base_url}/sign-in")


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
    """Try parked events again: those with the given IDS, or all."""
    count = inbox.replay(_services(), ids or None)
    console.print(f"{count} parked events will be tried again.")


@cli.command("sweep")
@click.option("--account", "account_id", type=int, help="Only this account.")
def sweep_(account_id: int | None) -> None:
    """Compare with Stripe now, mend what differs, and report the drift."""

    def compare(services: Services, found: Account) -> None:
        with console.status(f"Comparing {found.name} with Stripe..."):
            report = sweep.sweep(services, found)
        console.print(f"{found.name}: {report.seen} invoices seen, {len(report.fixes)} differed")
        for fix in report.fixes:
            console.print(f"  {fix['invoice']}: {fix['reason']} {fix.get('error', 'Mended.')}")

    _for_accounts(compare, account_id)


@cli.command("scan")
def scan_() -> None:
    """Look for cards about to expire now, as the clock does every morning."""

    def look(services: Services, found: Account) -> None:
        with console.status(f"Looking at the cards of {found.name}..."):
            written = cards.scan(services, found)
        console.print(f"{found.name}: {written} notices")

    _for_accounts(look)


def _for_accounts(work: Callable[[Services, Account], None], only: int | None = None) -> None:
    """Do it for each connected account, or one; what one of them refuses stops no other."""
    services = _services()
    failed = False
    for found in accounts.connected(services):
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
    """The mails subscribers get."""


@emails_.command("preview")
@click.argument("directory", type=click.Path(path_type=Path), default=Path("mail-previews"))
def emails_preview(directory: Path) -> None:
    """Write every mail as HTML, text and .eml into DIRECTORY."""
    from emails.preview import write_previews  # noqa: PLC0415 - renders nothing unless asked

    console.print(f"Written. Open {write_previews(directory)}")


cli.add_command(backtest.command)
cli.add_command(switchover.command)
cli.add_command(history.command)
cli.add_command(dry_run.command)
cli.add_command(retries.group)
account.add_command(retries.account_set)


def main() -> None:
    """The `recover` command: errors are one clear text, not a traceback."""
    try:
        cli(standalone_mode=True)
    except RecoverError as error:
        console.print(f"[bold red]{escape(str(error))}[/]", highlight=False)
        sys.exit(1)
