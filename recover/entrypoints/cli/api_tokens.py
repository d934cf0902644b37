"""`recover api`: make, list and revoke API tokens."""

from __future__ import annotations

from datetime import timedelta

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from recover.compliance import audit_log
from recover.foundation import config
from recover.integrations import api_tokens
from recover.integrations.api_tokens import SCOPES, TokenFault
from recover.models import ApiToken, Company
from recover.services import Services, build

console = Console()


@click.group()
def command() -> None:
    """API tokens."""


@command.command("token")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(list(SCOPES)), required=True)
@click.option("--live", is_flag=True, help="For live data; without it, for test data.")
@click.option("--company", help="The company's name; needed where there are several.")
@click.option("--account", "account_id", type=int, help="Only this account of the company.")
@click.option("--days", type=click.IntRange(1, 3650), help="After which it expires.")
def token(
    name: str,
    scopes: tuple[str, ...],
    live: bool,
    company: str | None,
    account_id: int | None,
    days: int | None,
) -> None:
    """Make a token called NAME. It is shown only now."""
    services = build(config.load())
    try:
        _, text = api_tokens.create(
            services,
            _company(services, company).id,
            name=name,
            livemode=live,
            scopes=scopes,
            account_id=account_id,
            expires_at=services.now() + timedelta(days=days) if days else None,
            actor=audit_log.COMMAND,
        )
    except TokenFault as fault:
        raise click.ClickException(str(fault)) from None
    click.echo(text)
    click.echo("Keep it now: it is not shown again.", err=True)


@command.command("tokens")
def list_() -> None:
    """List the tokens."""
    table = Table("id", "name", "ends in", "mode", "scopes", "state")
    services = build(config.load())
    with services.db.read() as session:
        for row in session.scalars(select(ApiToken).order_by(ApiToken.id)):
            mode = "live" if row.livemode else "test"
            state = api_tokens.state_of(row, services.now())
            table.add_row(str(row.id), row.name, row.last4, mode, " ".join(row.scopes), state)
    console.print(table if table.row_count else "There is no token: recover api token --help")


@command.command("revoke")
@click.argument("token_id", type=int)
def revoke(token_id: int) -> None:
    """Revoke the token with this id."""
    services = build(config.load())
    with services.db.read() as session:
        row = session.get(ApiToken, token_id)
    if row is None:
        raise click.ClickException(f"There is no token {token_id}: recover api tokens")
    api_tokens.revoke(services, row.company_id, token_id, actor=audit_log.COMMAND)
    console.print(f"Token {token_id} ({row.name}) is revoked: it opens nothing any more.")


def _company(services: Services, name: str | None) -> Company:
    query = select(Company).order_by(Company.id)
    with services.db.read() as session:
        found = list(session.scalars(query.where(Company.name == name) if name else query))
    if len(found) != 1:
        names = ", ".join(row.name for row in found) or "none"
        raise click.ClickException(f"Name one company with --company. There are: {names}.")
    return found[0]
