"""A past is read from a pretend Stripe, through kills, and judged by the command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sandbox_cast import Desk, open_desk

from recover.entrypoints.cli import backtest as backtest_command
from recover.foundation import config
from recover.foundation.errors import PermanentError
from recover.onboarding.backtest.files import HistoryFiles, Span
from recover.onboarding.backtest.reader import read
from recover.onboarding.backtest.report import backtest
from recover.stripe_api.gateway import StripeAccount, StripeGateway

YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Two months of a company whose failed renewals Stripe retries after 3, 5 and 7 days."""
    with open_desk("calm", seed=3, subscribers=120, stripe_retries=(3, 5, 7)) as made:
        made.sandbox.advance(timedelta(days=61))
        yield made


@pytest.fixture(scope="module")
def stripe(desk: Desk) -> StripeAccount:
    return StripeGateway(desk.url, retries=0).account(desk.sandbox.account_key)


@pytest.fixture(scope="module")
def span(desk: Desk) -> Span:
    now = desk.sandbox.clock.now()
    return Span(desk.sandbox.account_id, now - YEAR, now)


class Killed(Exception):
    pass


def silent(_what: str, _at: datetime) -> None:
    """Nobody looks at the progress."""


def killed_after(count: int):
    """A progress that ends the run at its ``count``-th report."""
    seen = 0

    def progress(_what: str, _at: datetime) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            raise Killed

    return progress


def judged(kept: HistoryFiles, span: Span):
    return backtest(kept.invoices, kept.charges, since=span.since, until=span.until)


def ids(kept: HistoryFiles) -> tuple[list[str], list[str]]:
    return [one.id for one in kept.invoices], [one.id for one in kept.charges]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, stripe: StripeAccount, span: Span) -> Path:
    directory = tmp_path_factory.mktemp("undisturbed")
    kept = HistoryFiles(directory / "kept")
    read(stripe, kept, kept.span(span), silent)
    return directory / "kept"


@pytest.fixture
def whole(tmp_path: Path, undisturbed: Path) -> HistoryFiles:
    """What one run without any trouble keeps."""
    return HistoryFiles(Path(shutil.copytree(undisturbed, tmp_path / "whole")))


def test_what_is_read_is_what_stripe_has(whole, desk, span):
    store, (invoices, charges) = desk.sandbox.store, ids(whole)

    assert sorted(invoices) == sorted(one["id"] for one in store.all("invoice"))
    assert sorted(charges) == sorted(one["id"] for one in store.all("charge"))


def test_the_report_agrees_with_the_sandbox_s_own_books(whole, desk, span):
    report, tries = judged(whole, span), desk.sandbox.books.tries
    renewals = {
        one["id"]: one
        for one in desk.sandbox.store.all("invoice")
        if one["billing_reason"] == "subscription_cycle" and one["status"] != "draft"
    }
    first = {}
    for one in tries:
        first.setdefault(one.invoice, one)
    failed = {name for name, one in first.items() if not one.approved and name in renewals}

    assert report.failed >= 5
    assert report.renewals == len(renewals)
    assert report.failed == len(failed)
    paid = {name for name in failed if renewals[name]["status"] == "paid"}
    won = [one.invoices for one in report.endings if one.ending in {"retry", "other_card"}]
    assert sum(won) == len(paid)
    counted = sum(length * count for length, count in report.tries.histogram)
    assert counted == sum(one.invoice in failed for one in tries)
    assert {place.wait for place in report.placements if place.theirs} <= {
        "3 days",
        "5 days",
        "7 days",
    }


@pytest.mark.parametrize("count", [1, 40, 150, 260])
def test_a_killed_run_goes_on_and_nothing_is_kept_twice(tmp_path, stripe, span, whole, desk, count):
    directory = tmp_path / "killed"
    first = HistoryFiles(directory)
    with pytest.raises(Killed):
        read(stripe, first, first.span(span), killed_after(count))

    later = Span(span.stripe_account_id, span.since + YEAR / 2, span.until + YEAR)
    again = HistoryFiles(directory)
    fixed = again.span(later)
    read(stripe, again, fixed, silent)

    assert fixed == span
    invoices, charges = ids(again)
    assert len(invoices) == len(set(invoices))
    assert len(charges) == len(set(charges))
    assert judged(again, span) == judged(whole, span)


def test_a_line_cut_short_is_read_again(tmp_path, stripe, span, whole):
    kept = HistoryFiles(tmp_path / "torn")
    with pytest.raises(Killed):
        read(stripe, kept, kept.span(span), killed_after(30))
    file = tmp_path / "torn" / "invoices.jsonl"
    file.write_bytes(file.read_bytes()[:-25])

    read(stripe, kept, span, silent)

    assert ids(kept) == ids(whole)


def test_a_finished_reading_asks_stripe_nothing_more(whole, span):
    nowhere = StripeGateway("http://127.0.0.1:9", retries=0).account("sk_test_nowhere")
    before = judged(whole, span)

    read(nowhere, whole, span, silent)

    assert judged(whole, span) == before


def test_the_directory_of_another_account_is_refused(whole, span):
    with pytest.raises(PermanentError, match="holds acct_"):
        whole.span(Span("acct_other", span.since, span.until))


def test_a_damaged_file_is_named_and_can_be_read_anew(tmp_path, stripe, span, whole):
    file = tmp_path / "whole" / "charges.jsonl"
    file.write_text("not json\n" + file.read_text("utf-8"), "utf-8")
    with pytest.raises(PermanentError, match=r"charges\.jsonl is damaged.*--fresh"):
        judged(whole, span)

    whole.forget()
    read(stripe, whole, whole.span(span), silent)

    assert judged(whole, span).failed >= 5


def test_what_is_kept_names_nobody_and_is_the_owner_s_alone(tmp_path, whole, desk):
    directory = tmp_path / "whole"
    text = "".join(path.read_text("utf-8") for path in directory.iterdir())

    assert directory.stat().st_mode & 0o777 == 0o700
    people = desk.sandbox.store.all("customer")
    assert [one["email"] for one in people if one["email"] and one["email"] in text] == []
    assert "hosted_invoice_url" not in text


# The command


@pytest.fixture
def run(world, environ, tmp_path, monkeypatch):
    """Run `recover backtest` with these arguments, at the sandbox's time."""
    monkeypatch.chdir(tmp_path)
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    clock = tmp_path / "clock"

    def invoke(*arguments: str):
        clock.write_text(world.clock.now().isoformat())
        env = environ | {"CLOCK_FILE": str(clock)}
        return CliRunner().invoke(backtest_command.command, arguments, env=env)

    return invoke


def test_the_command_judges_an_account_and_keeps_what_it_read(run, world, tmp_path):
    customer = world.sandbox.add_customer()
    world.sandbox.fail_renewal(world.sandbox.add_subscription(customer), "stolen_card")
    world.sandbox.advance(timedelta(days=3))

    result = run()

    assert result.exit_code == 0, result.output
    assert "1 renewals, of which 1 failed at first" in result.stdout
    assert "1 unpaid, and too young to call: $29.00" in result.stdout
    assert (tmp_path / ".recover-backtest" / world.account.stripe_account_id).is_dir()
    assert "back to" in result.stderr


def test_the_command_speaks_json_also_of_an_empty_account(run):
    result = run("--json", "--since", "90d")

    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["renewals"], said["failed"]) == (0, 0)
    assert said["since"] == "2026-12-01T09:00:00+00:00"
    assert said["estimates"][0]["too_little"] == ["there are no such retries"]


def test_a_second_run_says_which_span_it_tells_of_until_it_is_asked_to_read_anew(run, world):
    run("--since", "2y")
    customer = world.sandbox.add_customer()
    world.sandbox.fail_renewal(world.sandbox.add_subscription(customer))

    kept, fresh = run("--since", "90d"), run("--since", "90d", "--fresh")

    assert "0 renewals" in kept.stdout
    assert "What is kept begins on 01 March 2025" in kept.stderr
    assert "1 renewals" in fresh.stdout
    assert "What is kept" not in fresh.stderr


@pytest.mark.parametrize("since", ["soon", "2030-01-01", "0d", "999y9"])
def test_a_start_that_is_no_past_is_refused(run, since):
    result = run("--since", since)

    assert result.exit_code == 2
    assert since in result.output


def test_a_start_before_stripe_existed_is_taken_for_everything(run):
    result = run("--since", "300y", "--json")

    assert json.loads(result.stdout)["since"] == "2011-01-01T00:00:00+00:00"


def test_an_account_that_is_not_connected_is_named(run):
    result = run("--account", "4711")

    assert isinstance(result.exception, PermanentError)
    assert "No account 4711" in str(result.exception)
