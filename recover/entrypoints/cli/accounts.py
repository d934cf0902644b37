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
        _check(services, key, allow_more=allow_more)
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
        _listen(services, connected)


def _check(services: Services, key: str, *, allow_more: bool) -> None:
    fit = restricted_keys.check(services, key)
    if fit.missing:
        lines = [f"  {one.permission.title}, to {one.permission.why}" for one in fit.missing]
        raise KeyRefused(
            "This key lacks, by the names of Stripe's Dashboard:\n"
            + "\n".join(lines)
            + "\nEdit the key there, then connect again. Nothing was stored."
        )
    if fit.more_than_needed and not allow_more:
        click.echo(_too_much(fit))
        click.confirm("Use it all the same?", abort=True)


def _too_much(fit: Fit) -> str:
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


def _listen(services: Services, connected: Account) -> None:
    if trouble := try_to_replace_endpoint(services, connected, COMMAND):
        raise click.ClickException(
            f"Not listening yet: {trouble}\nTry again: recover account listen {connected.id}"
        )
    console.print("Stripe will send its events here.")


@account.command("listen")
@click.argument("account_id", type=int)
def account_listen(account_id: int) -> None:
    """Make the webhook endpoint at Stripe anew; old ones of ours are removed."""
    services = build(config.load())
    found = connections.named_or_only(services, account_id)
    if found.connection != Connection.KEY:
        raise click.ClickException("This account's events come through the platform's endpoint.")
    _listen(services, found)


@account.command("disconnect")
@click.argument("account_id", type=int)
@click.confirmation_option(prompt="Every open case ends. Disconnect?")
def account_disconnect(account_id: int) -> None:
    """Stop for this account, and give the access back to Stripe."""
    services = build(config.load())
    found = connections.named_or_only(services, account_id)
    told = disconnecting.disconnect(
        services, found.id, COMMAND, "Somebody at the command line disconnected."
    )
    console.print(f"Account {account_id} is disconnected. Nothing more is charged or sent.")
    if not told:
        console.print("Stripe could not be told yet; this is tried again every few minutes.")


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
