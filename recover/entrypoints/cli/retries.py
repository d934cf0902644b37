"""`recover retries` and `recover account set`: how an account's retries are timed and limited."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recover.accounts import connections
from recover.dunning import TimingKind, campaign
from recover.foundation import config
from recover.foundation.locales import english_day
from recover.learning import timing_in_force, training, versions
from recover.models import Account, AccountEvidence, RetryModel
from recover.services import Services, build

console = Console()


class NumberOrDefault(click.ParamType[str | int]):
    """A whole number, or "default" (None) for what the campaign says."""

    name = "number|default"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | int:
        text = str(value).strip().lower()
        if text == "default":
            return text
        try:
            return int(text)
        except ValueError:
            self.fail(f'"{value}" is neither a whole number nor "default".', param, ctx)


@click.command("set")
@click.argument("account_id", type=int)
@click.option(
    "--timing",
    type=click.Choice([kind.value for kind in TimingKind]),
    help="Who chooses the moments.",
)
@click.option(
    "--max-retries", type=NumberOrDefault(), help="Scheduled retries on one invoice at most."
)
@click.option(
    "--min-gap",
    type=NumberOrDefault(),
    help="Hours between two payment attempts on a card at least.",
)
@click.option("--explore", type=float, help="Share of retries at a random hour, such as 0.05.")
def account_set(
    account_id: int,
    timing: str | None,
    max_retries: str | int | None,
    min_gap: str | int | None,
    explore: float | None,
) -> None:
    """Change how the retries of ACCOUNT_ID are timed and limited, then show what is in force.

    Open cases are planned anew at once. Without an option nothing changes.
    """
    asked = {
        "timing": timing,
        "max_retries": max_retries,
        "min_gap_hours": min_gap,
        "explore": explore,
    }
    wanted = {
        name: None if value == "default" else value
        for name, value in asked.items()
        if value is not None
    }
    with _account(account_id) as (services, found):
        if wanted:
            connections.set_retries(services, found.id, wanted)
    with _account(account_id) as (services, found):
        _print_lines(_timing_text(services, found), *_limits(found))


@click.group("retries")
def group() -> None:
    """The versions of the retry model, and which of them is used."""


account_option = click.option(
    "--account", "account_id", type=int, help="Which account, where there are several."
)


@group.command("versions")
@account_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def list_versions(account_id: int | None, limit: int) -> None:
    """List the versions, newest first, with the result of their training."""
    table = Table("id", "version", "made", "retries", "", "result")
    with _account(account_id) as (services, found), services.db.read() as session:
        for row in training.versions(session, found.id, limit):
            table.add_row(
                str(row.id),
                versions.short_name(row) if row.accepted else "",
                _made_on(row),
                str(row.figures.get("used") or 0),
                _use_of(found, row),
                escape(" ".join(filter(None, (row.reason, versions.held_out_verdict(row))))),
            )
        _print_lines(_timing_text(services, found))
    console.print(
        table
        if table.row_count
        else "No version yet: the model is trained every night, once there are outcomes."
    )


@group.command("compare")
@click.argument("old")
@click.argument("new")
@account_option
def compare(old: str, new: str, account_id: int | None) -> None:
    """Say what NEW believes differently from OLD, the biggest difference first.

    Each is an id, the beginning of a version's name, or "shipped".
    """
    with _account(account_id) as (services, found), services.db.read() as session:
        before, after = (versions.named(session, found.id, name) for name in (old, new))
    sentences = training.compare(before, after)
    _print_lines(*(sentences or ["Both believe the same, to the point."]))


@group.command("use")
@click.argument("version")
@account_option
def use(version: str, account_id: int | None) -> None:
    """Use VERSION from now on: an id, the beginning of its name, or "shipped".

    Nightly training goes on but does not change the version used, until `recover retries follow`.
    """
    with _account(account_id) as (services, found):
        with services.db.read() as session:
            row = versions.named(session, found.id, version)
        training.pin(services, found.id, row.id if row else None)
    _print_lines("Open cases are planned anew.")
    _print_timing(account_id)


@group.command("follow")
@account_option
def follow(account_id: int | None) -> None:
    """Use the newest accepted version again, and each that nightly training accepts."""
    with _account(account_id) as (services, found):
        training.unpin(services, found.id)
    _print_lines("The nights choose again. Open cases are planned anew.")
    _print_timing(account_id)


@group.command("learn")
@account_option
def learn(account_id: int | None) -> None:
    """Train the model now, as the clock does every night."""
    with _account(account_id) as (services, found):
        with Console(stderr=True).status(f"Learning from the payment attempts of {found.name}..."):
            row = training.learn(services, found)
        _print_lines(_training_result(services, found, row))


def _training_result(services: Services, account: Account, row: RetryModel | None) -> str:
    if row is not None:
        used = "It is used from now on."
        if account.model_pinned:
            used = "It is not used, for somebody chose another: recover retries follow"
        if not row.accepted:
            return f"Refused: {row.reason}"
        return " ".join(
            filter(
                None,
                (
                    f"Version {versions.short_name(row)} ({row.id}).",
                    row.reason,
                    versions.held_out_verdict(row),
                    used,
                ),
            )
        )
    with services.db.read() as session:
        evidence = session.get(AccountEvidence, account.id)
    if evidence is not None:
        return "Nothing changed: all that the outcomes say is known already."
    return "There is nothing to learn from yet: no case with a retry is past its window."


@contextmanager
def _account(account_id: int | None) -> Iterator[tuple[Services, Account]]:
    """The account named, or the only one. Raises PermanentError without such."""
    with closing(build(config.load())) as services:
        yield services, connections.named_or_only(services, account_id)


def _print_timing(account_id: int | None) -> None:
    with _account(account_id) as (services, found):
        _print_lines(_timing_text(services, found))


def _timing_text(services: Services, account: Account) -> str:
    with services.db.read() as session:
        row = versions.in_use(session, account)
        warning = timing_in_force.warning(session, account)
    sentences = versions.timing_description(account, row, _made_on(row) if row else "")
    return f"{account.name}: {' '.join(filter(None, (sentences, warning)))}"


def _limits(account: Account) -> Iterator[str]:
    own_campaign = campaign(account.campaign_key, account.campaign_version)
    steps = timing_in_force.within_limits(account, own_campaign)
    hours = f"{steps.min_gap.total_seconds() / 3600:.0f} hours"
    yield f"Retries of one invoice: at most {steps.max_retries}{_by_campaign(account.max_retries)}."
    gap = f"at least {hours}{_by_campaign(account.min_gap_hours)}"
    yield f"Between two payment attempts on one card: {gap}."
    if account.timing != TimingKind.FIXED:
        yield f"At a random hour, to learn from it: {account.explore:.1%} of the retries."


def _by_campaign(own_limit: int | None) -> str:
    return ", as the campaign says" if own_limit is None else ""


def _use_of(account: Account, row: RetryModel) -> str:
    if row.id == account.model_id:
        return "in use"
    return "" if row.accepted else "refused"


def _made_on(row: RetryModel) -> str:
    return english_day(row.made_at, "d MMM y")


def _print_lines(*lines: str) -> None:
    for line in lines:
        click.echo(line)
