"""`recover backtest`: read an account's history from Stripe, and report on its retries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from recover.accounts import connections
from recover.dunning import FixedTiming, Timing, campaign
from recover.dunning.engine import Engine
from recover.entrypoints.cli import context
from recover.foundation import config
from recover.foundation.locales import english_day
from recover.models import Account
from recover.onboarding.backtest.files import HistoryFiles, Span
from recover.onboarding.backtest.reader import Progress as ReadProgress
from recover.onboarding.backtest.reader import read
from recover.onboarding.backtest.report import Report, backtest
from recover.onboarding.backtest.wording import lines, start_of
from recover.services import Services, build

TIMINGS: dict[str, Timing] = {"engine": Engine.default(), "fixed": FixedTiming()}
"""The timings that a history can be compared with, by name. The engine is the shipped one:
an engine trained on this very history would be judged by its own training data."""

STRIPE_BEGAN = datetime(2011, 1, 1, tzinfo=UTC)
SLACK = timedelta(days=31)  # a --since that differs by less, some weeks later, means the same


@click.command("backtest")
@click.option("--account", "account_id", type=int, help="Which account, where there are several.")
@click.option("--since", default="18mo", show_default=True, help="90d, 18mo, 2y, or a date.")
@click.option("--timing", type=click.Choice(sorted(TIMINGS)), default="engine", show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Where to keep what was read.")
@click.option("--fresh", is_flag=True, help="Read everything anew.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    account_id: int | None, since: str, timing: str, keep: Path | None, fresh: bool, as_json: bool
) -> None:
    """Judge past retries: renewals that failed, rules broken, what other times would have given.

    Nothing is charged, sent or changed. An interrupted run continues where it stopped.
    """
    with closing(build(config.load())) as services:
        context.note(services)
        account = connections.named_or_only(services, account_id)
        files = HistoryFiles(keep or Path(".recover-backtest") / account.stripe_account_id)
        if fresh:
            files.forget()
        span = _span(files, _wanted(services, account, since))
        with _progress(span) as show_progress:
            read(services.stripe(account), files, span, show_progress)
    report = _judge(files, span, account, TIMINGS[timing])
    if as_json:
        click.echo(json.dumps(asdict(report), default=datetime.isoformat, indent=2))
        return
    for line in lines(report):
        click.echo(line)
    click.echo(f"Read on {english_day(span.until, 'dd MMMM y')}; --fresh reads it anew.")


def _span(files: HistoryFiles, wanted: Span) -> Span:
    span = files.span(wanted)
    if abs(span.since - wanted.since) > SLACK:
        began = english_day(span.since, "dd MMMM y")
        click.echo(f"What is kept begins on {began}; --fresh reads another span.", err=True)
    return span


def _wanted(services: Services, account: Account, since: str) -> Span:
    now = services.now().replace(microsecond=0)
    try:
        start = start_of(since, now)
    except (ValueError, OverflowError):
        raise click.BadParameter(f'"{since}" is none of 90d, 18mo, 2y, 2026-01-31.') from None
    if start >= now:
        raise click.BadParameter(f'"{since}" is not in the past.')
    return Span(account.stripe_account_id, max(start, STRIPE_BEGAN), now)


def _judge(files: HistoryFiles, span: Span, account: Account, timing: Timing) -> Report:
    return backtest(
        files.invoices,
        files.charges,
        since=span.since,
        until=span.until,
        timing=timing,
        campaign=campaign(account.campaign_key, account.campaign_version),
        timezone=account.timezone or "UTC",
    )


@contextmanager
def _progress(span: Span) -> Iterator[ReadProgress]:
    """A progress bar for each listing on standard error: how far back it has been read."""
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[day]}")
    bars = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
    tasks: dict[str, TaskID] = {}

    def show_progress(what: str, at: datetime) -> None:
        if what not in tasks:
            total = (span.until - span.since).total_seconds()
            tasks[what] = bars.add_task(f"Reading {what}", total=total, day="")
        done = (span.until - at).total_seconds()
        bars.update(tasks[what], completed=done, day=f"back to {english_day(at, 'dd MMM y')}")

    with bars:
        yield show_progress
