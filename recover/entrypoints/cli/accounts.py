"""`recover account`: connect Stripe accounts, and look after the connection."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from recover.accounts import connections, disconnecting, restricted_keys
from recover.accounts.connecting import try_to_replace_endpoint
from recover.accounts.restricted_keys import Fit, KeyRefused
from recover.accounts.settings.catalogue import TestMail
from recover.compliance.audit_log import COMMAND
from recover.dunning import RetryMode
from recover.foundation import config
from recover.models import Account, Company, Connection
from recover.services import Services, build

console = Console()


@click.group()
def account() -> None:
    """Connected Stripe accounts."""


@account.command("connect")
@click.argument("name")
@click.option("--company", help="An existing company that the account joins; else a new one.")
@click.option(
    "--key", default="", help="The account's own secret or restricted key; asked for if empty."
)
@click.option("--stripe-account", default="", help="acct_..., to use the platform's key instead.")
@click.option("--publishable-key", default="", help="pk_..., for the card page.")
@click.option("--webhook-secret", multiple=True, help="whsec_..., of an endpoint you made by hand.")
@click.option("--allow-more", is_flag=True, help="Use a key that may do more than is needed.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in RetryMode]),
    default=RetryMode.OBSERVE.value,
    show_default=True,
    help="observe: nothing leaves; recover: we retry and write; stripe: Stripe retries, we write.",
)
def account_connect(
    name: str,
    company: str | None,
    key: str,
    stripe_account: str,
    publishable_key: str,
    webhook_secret: tuple[str, ...],
    allow_more: bool,
    mode: str,
) -> None:
    """Connect the Stripe account of the company NAME, or renew its keys."""
    if not stripe_account and not key:
        key = click.prompt("Secret or restricted key", hide_input=True)
    services = build(config.load())
    if key:
        _require_fitting(services, key, allow_more=allow_more)
    connected = connections.connect(
        services,
        name,
        connections.Keys(
            secret=key,
            stripe_account_id=stripe_account,
            publishable=publishable_key,
            webhook_secrets=webhook_secret,
        ),
        company_id=_company_id(services, company) if company else None,
        mode=mode,
        test_mail=TestMail.TEAM,
    )
    console.print(
        f"Connected {connected.stripe_account_id} ({connected.name}) in {connected.mode} mode."
    )
    if connected.connection == Connection.KEY and not connected.webhook_secrets_sealed:
        _make_endpoint(services, connected)


def _require_fitting(services: Services, key: str, *, allow_more: bool) -> None:
    fit = restricted_keys.check(services, key)
    if fit.missing:
        lines = [f"  {one.permission.title}, to {one.permission.why}" for one in fit.missing]
        raise KeyRefused(
            "This key lacks these permissions, as the Dashboard names them:\n"
            + "\n".join(lines)
            + "\nEdit the key there, then connect again. Nothing was stored."
        )
    if fit.more_than_needed and not allow_more:
        click.echo(_excess_text(fit))
        click.confirm("Use it all the same?", abort=True)


def _excess_text(fit: Fit) -> str:
    if fit.full:
        return "This is a full secret key: it may do everything your account can do."
    return "This key may do more than Recover needs:\n" + "\n".join(
        f"  {one.title}: it {one.why}" for one in fit.excess
    )


def _company_id(services: Services, name: str) -> int:
    with services.db.read() as session:
        found = list(session.scalars(select(Company.id).where(Company.name == name)))
    if len(found) != 1:
        raise click.ClickException(f"There is no company {name}, or more than one.")
    return found[0]


def _make_endpoint(services: Services, connected: Account) -> None:
    if trouble := try_to_replace_endpoint(services, connected, COMMAND):
        raise click.ClickException(
            f"There is no webhook endpoint yet: {trouble}\n"
            f"Try again: recover account listen {connected.id}"
        )
    console.print("Stripe will send its events here.")


@account.command("listen")
@click.argument("account_id", type=int)
def account_listen(account_id: int) -> None:
    """Make a new webhook endpoint at Stripe, and remove our old ones."""
    services = build(config.load())
    found_account = connections.named_or_only(services, account_id)
    if found_account.connection != Connection.KEY:
        raise click.ClickException("This account's events come through the platform's endpoint.")
    _make_endpoint(services, found_account)


@account.command("disconnect")
@click.argument("account_id", type=int)
@click.confirmation_option(prompt="Every open case ends. Disconnect?")
def account_disconnect(account_id: int) -> None:
    """Disconnect this account, and return the access to Stripe."""
    services = build(config.load())
    found_account = connections.named_or_only(services, account_id)
    stripe_told = disconnecting.disconnect(
        services, found_account.id, COMMAND, "Somebody at the command line disconnected."
    )
    console.print(f"Account {account_id} is disconnected. Nothing more is charged or sent.")
    if not stripe_told:
        console.print("Stripe could not be told yet; Recover tries again every few minutes.")


@account.command("mode")
@click.argument("account_id", type=int)
@click.argument("mode", type=click.Choice([mode.value for mode in RetryMode]))
def account_mode(account_id: int, mode: str) -> None:
    """Change who retries: recover, stripe, or observe."""
    services = build(config.load())
    with services.db.read() as session:
        if session.get(Account, account_id) is None:
            raise click.ClickException(f"There is no account {account_id}: recover account list")
    connections.set_mode(services, account_id, mode)
    console.print(f"Account {account_id} is now in {mode} mode.")


@account.command("list")
def account_list() -> None:
    """Show the connected accounts."""
    table = Table("id", "Stripe account", "name", "mode", "live", "trouble")
    with build(config.load()).db.read() as session:
        for row in session.scalars(select(Account).order_by(Account.id)):
            state = "disconnected" if row.disconnected_at else row.problem
            table.add_row(
                str(row.id), row.stripe_account_id, row.name, row.mode, str(row.livemode), state
            )
    console.print(table if table.row_count else "No account is connected: recover account connect")
