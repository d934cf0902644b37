"""`recover user`: who may sign in, and sign-in links for when mail does not work."""

from __future__ import annotations

from contextlib import closing

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.compliance import audit_log
from recover.foundation import config
from recover.foundation.signed_links import MAX_AGE, Purpose
from recover.models import Company, Role, SignInMethod, User
from recover.people import team, users
from recover.people.roles import MEANINGS
from recover.services import Services, build

console = Console()
ROLES = click.Choice([role.value for role in Role])
COMPANY = click.option("--company", help="The company's name; needed where there are several.")


@click.group("user")
def group() -> None:
    """People who may sign in."""


@group.command("add")
@click.argument("email")
@COMPANY
@click.option("--role", type=ROLES, help="owner for a company's first person, else member.")
@click.option("--new-company", is_flag=True, help="Make the company named with --company.")
def add(email: str, company: str | None, role: str | None, new_company: bool) -> None:
    """Let EMAIL sign in, by a link mailed to them; or change the role they have."""
    with closing(_services()) as services:
        company_row = _company(services, company, new_company)
        with services.db.read() as session:
            member = users.membership_at(session, company_row.id, email)
            first = not team.owner_count(session, company_row.id)
        new_role = Role(role or (Role.OWNER if first else Role.MEMBER))
        if member is None:
            member = _add(services, company_row, email, new_role)
        elif role:
            member = team.change_role(services, company_row.id, member.id, new_role)
        base = services.settings.base_url
    click.echo(
        f"{member.email} is {member.role} at {company_row.name}. {MEANINGS[Role(member.role)]}"
    )
    click.echo(f"They can sign in at {base}/sign-in")
    click.echo(f"Does mail not work yet? recover user link {member.email}")


def _add(services: Services, company: Company, email: str, role: Role) -> User:
    try:
        return users.add_user(services, company, email, role)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


@group.command("list")
def list_() -> None:
    """Show who may sign in, and when they last did."""
    table = Table("address", "company", "role", "last sign-in (UTC)")
    query = (
        select(User, Company)
        .join(Company, Company.id == User.company_id)
        .where(User.removed_at.is_(None))
        .order_by(Company.name, Company.id, User.email)
    )
    with closing(_services()) as services, services.db.read() as session:
        for user, company in session.execute(query):
            last = f"{user.signed_in_at:%Y-%m-%d %H:%M}" if user.signed_in_at else "never"
            table.add_row(user.email, company.name, user.role, last)
    console.print(table if table.row_count else "Nobody can sign in: recover user add EMAIL")


@group.command("remove")
@click.argument("email")
@COMPANY
def remove(email: str, company: str | None) -> None:
    """Remove EMAIL from a company; their sessions there end at once."""
    with closing(_services()) as services:
        user = _membership(services, email, company)
        team.remove(services, user.company_id, user.id)
    click.echo(f"{user.email} is removed, and signed out there.")


@group.command("link")
@click.argument("email")
def link(email: str) -> None:
    """Print a sign-in link for EMAIL, for when mail does not work.

    It works once, for whoever has it: send it by a safe way.
    """
    with closing(_services()) as services:
        with services.db.begin() as session:
            user = _first_membership(session, email)
            sign_in_mail = users.new_link(session, services, user, way=SignInMethod.COMMAND)
            reason = f"A sign-in link for {user.email} was made at the command line."
            audit_log.write(
                session,
                "make_link",
                reason,
                services.now(),
                audit_log.Subject(f"user:{user.id}", company_id=user.company_id),
                actor=audit_log.COMMAND,
            )
        address = users.link_url(services, sign_in_mail)
    minutes = int(MAX_AGE[Purpose.SIGN_IN].total_seconds() // 60)
    click.echo(f"Signs in {user.email}, once, within {minutes} minutes:", err=True)
    click.echo(address)


def _services() -> Services:
    return build(config.load())


def _company(services: Services, name: str | None, make: bool) -> Company:
    """The company of that name, or the only one; or a new one, if ``make`` and a name are given."""
    with services.db.begin() as session:
        query = select(Company).order_by(Company.id)
        found = list(session.scalars(query.where(Company.name == name) if name else query))
        if len(found) == 1:
            return found[0]
        names = ", ".join(session.scalars(select(Company.name).order_by(Company.id)))
        if name and not found and (make or not names):
            company = Company(name=name, created_at=services.now())
            session.add(company)
            return company
    hint = "" if names else ' Make the first: --company "Your company"'
    if name and names and not found:
        hint = " A new one? Add --new-company."
    raise click.ClickException(
        f"Name one company with --company. There are: {names or 'none'}.{hint}"
    )


def _first_membership(session: Session, email: str) -> User:
    found = users.memberships(session, email)
    if not found:
        raise click.ClickException(f"{email} may not sign in: recover user add {email}")
    return found[0]


def _membership(services: Services, email: str, company: str | None) -> User:
    """The person's membership; ``company`` must name the company if they have several."""
    with services.db.read() as session:
        _first_membership(session, email)
        found = {
            session.get_one(Company, u.company_id).name: u
            for u in users.memberships(session, email)
        }
    if company is None and len(found) == 1:
        return next(iter(found.values()))
    if company in found:
        return found[company]
    names = ", ".join(found)
    raise click.ClickException(f"Name one company with --company. {email} is at: {names}.")
