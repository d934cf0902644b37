"""`recover person`: what is kept about a customer, as a copy, and its erasure."""

from __future__ import annotations

import json

import click
from rich.console import Console
from sqlalchemy import select

from recover.compliance import audit_log, erasure
from recover.compliance.erasure import Person
from recover.entrypoints.cli.context import opened
from recover.models import Company
from recover.services import Services

console = Console()
_company = click.option("--company", help="The company's name; needed where there are several.")

KEPT_TEXT = (
    "What stays, since the books need it: amounts, dates and outcomes, Stripe's ids, the brand and"
    " last four digits of cards that were charged."
)


@click.group("person")
def group() -> None:
    """A company's customer who asks what is kept about them, or to be erased."""


@group.command("export")
@click.argument("who")
@_company
def export(who: str, company: str | None) -> None:
    """Print all that is kept about WHO (cus_... or a mail address) as JSON."""
    with opened() as services:
        company_id = _company_id(services, company)
        found = erasure.export_person(services, company_id, who, actor=audit_log.COMMAND)
    if found is None:
        raise click.ClickException(f"Nothing is kept about {who}.")
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@group.command("erase")
@click.argument("who")
@_company
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(who: str, company: str | None, yes: bool) -> None:
    """Erase WHO (cus_... or a mail address): name, address, mails, links. Cannot be undone."""
    with opened() as services:
        company_id = _company_id(services, company)
        with services.db.read() as session:
            person = erasure.find(session, company_id, who)
        if person is None:
            raise click.ClickException(f"Nothing is kept about {who}.")
        console.print(_summary(person), KEPT_TEXT, sep="\n")
        if not yes:
            click.confirm("Erase them? This cannot be undone", abort=True)
        done = erasure.erase(services, company_id, who, actor=audit_log.COMMAND)
    if done:
        console.print(
            f"Erased: {done.cases} cases, {done.messages} mails, {done.links} links and"
            f" {done.lines} entries of the audit log name nobody any more."
            " No more mail is sent to them."
        )


def _summary(person: Person) -> str:
    customers = ", ".join(one.stripe_customer_id for one in person.customers)
    open_cases_text = (
        f" ({person.open_cases} still open: retries go on, mails end)" if person.open_cases else ""
    )
    return f"{customers}: {person.cases} cases{open_cases_text}, {person.messages} mails."


def _company_id(services: Services, name: str | None) -> int:
    query = select(Company.id, Company.name).order_by(Company.id)
    with services.db.read() as session:
        found = session.execute(query.where(Company.name == name) if name else query).all()
    if len(found) != 1:
        names = ", ".join(row.name for row in found) or "none"
        raise click.ClickException(f"Name one company with --company. There are: {names}.")
    return int(found[0].id)
