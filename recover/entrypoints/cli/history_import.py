"""`recover import`: read an account's history into the database, or watch a worker do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from recover.accounts import connections
from recover.compliance import audit_log
from recover.foundation import config
from recover.foundation.errors import PermanentError, TransientError
from recover.foundation.locales import english_day
from recover.models import Account
from recover.onboarding import history_import
from recover.onboarding.history_import import Progress
from recover.services import Services, build

POLL_SECONDS = 1.0  # while a worker reads

account_option = click.option(
    "--account", "account_id", type=int, help="Which account, where there are several."
)


@click.command("import")
@account_option
@click.option("--again", is_flag=True, help="Bring a history that was imported before up to date.")
def command(account_id: int | None, again: bool) -> None:
    """Read the last 18 months of invoices and charges, once, into the database.

    An interrupted import is continued by the next run or the next worker. If a worker is reading
    already, its progress is shown.
    """
    with closing(build(config.load())) as services:
        account = connections.named_or_only(services, account_id)
        read(services, account, again=again)
        found = _progress(services, account.id)
    click.echo(summary(found))


def read(services: Services, account: Account, *, again: bool = False) -> None:
    """Import the history to its end. Raises PermanentError, TransientError if it stops."""
    found = _progress_if_begun(services, account.id)
    if found is None or (again and found.done):
        history_import.begin(services, account, audit_log.COMMAND)
    elif found.stopped:
        history_import.resume(services, account.id, audit_log.COMMAND)
    with _bar() as show:
        while _is_unfinished(services, account.id, show):
            more = history_import.import_slice(
                services, account.id, on_page=lambda: show(_progress(services, account.id))
            )
            if not more and _progress(services, account.id).running:
                time.sleep(POLL_SECONDS)  # another worker holds the import


def summary(found: Progress) -> str:
    row = found.row
    since = english_day(row.since, "d MMMM y")
    return (
        f"Read back to {since}: {row.invoices} invoices and"
        f" {row.charges} charges, by {row.requests} requests. {row.failed} renewals failed at"
        " first."
    )


def _is_unfinished(services: Services, account_id: int, show: Callable[[Progress], None]) -> bool:
    found = _progress(services, account_id)
    show(found)
    if found.stopped:
        raise PermanentError(found.row.error)
    if found.waits(services.now()):
        seconds = (found.row.due_at - services.now()).total_seconds()
        text = f"{found.row.error} A worker goes on in {seconds:.0f} seconds; so does this command,"
        raise TransientError(f"{text} run again.", retry_after=seconds)
    return not found.done


def _progress_if_begun(services: Services, account_id: int) -> Progress | None:
    with services.db.read() as session:
        return history_import.progress_of(session, account_id, services.now())


def _progress(services: Services, account_id: int) -> Progress:
    found = _progress_if_begun(services, account_id)
    if found is None:
        raise PermanentError("The import has not begun.")
    return found


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("Reading the past", total=1.0, counts="")

        def show(found: Progress) -> None:
            row = found.row
            counts = f"{row.invoices:,} invoices, {row.charges:,} charges"
            bars.update(task, completed=found.share, counts=counts)

        yield show
