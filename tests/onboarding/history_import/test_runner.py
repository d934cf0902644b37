"""The past is read from a pretend Stripe into real databases, whatever comes in between."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from math import ceil

import pytest
from click.testing import CliRunner
from flask import request
from past_cast import past_of, rows_of
from sqlalchemy import func, select, update

from recover.accounts import connections
from recover.cases import imported_history
from recover.entrypoints import jobs
from recover.entrypoints.cli import main
from recover.foundation import config
from recover.foundation.errors import PermanentError, TransientError
from recover.models import (
    Account,
    AuditLogEntry,
    HistoryImport,
    ImportedCharge,
    ImportedInvoice,
    ImportedPayment,
)
from recover.onboarding import history_import
from recover.onboarding.backtest.renewals import account_history
from recover.onboarding.history_import.runner import begin, due, import_slice
from recover.stripe_api.gateway import StripeGateway
from recover.stripe_api.throttle import Pace
from sandbox.api import create_stripe
from sandbox.server import serve

YEAR = timedelta(days=365)
AT_ONCE = Pace(pause=lambda seconds: None)


@pytest.fixture
def asked(world):
    """What Stripe was asked, and a way to do something at the n-th request for a path."""
    return Asked(world.sandbox)


class Asked:
    """A second address of the same pretend Stripe, which counts and can interfere."""

    def __init__(self, sandbox) -> None:
        self.paths: list[str] = []
        self.acts: dict[int, object] = {}
        app = create_stripe(sandbox)
        app.before_request(self._count)
        self.running = serve(app)

    def _count(self) -> None:
        self.paths.append(request.path)
        act = self.acts.pop(len(self.paths), None)
        if act:
            act()

    def count(self, path: str) -> int:
        return sum(one == path for one in self.paths)


@pytest.fixture
def counted(world, asked) -> Iterator[object]:
    """The services, with the counting address for Stripe's."""
    yield dataclasses.replace(world.services, gateway=StripeGateway(asked.running.url, retries=0))
    asked.running.stop()


def read_all(services, account_id) -> None:
    while import_slice(services, account_id, pace=AT_ONCE):
        pass


def row(services, account_id) -> HistoryImport:
    with services.db.read() as session:
        return session.get_one(HistoryImport, account_id)


def count(services, table) -> int:
    with services.db.read() as session:
        return session.scalar(select(func.count(table.id)))


def ids(services, column) -> list[str]:
    with services.db.read() as session:
        return list(session.scalars(select(column)))


@pytest.fixture
def lived(world):
    """Two months of a company whose failed renewals Stripe retries after 3, 5 and 7 days."""
    past_of(world.sandbox, subscribers=120, days=61)
    return world


def test_what_is_imported_is_what_stripe_has(lived):
    services, store = lived.services, lived.sandbox.store

    read_all(services, lived.account.id)

    found = row(services, lived.account.id)
    assert (found.state, found.stage, found.error) == ("done", "done", "")
    assert sorted(ids(services, ImportedInvoice.stripe_invoice_id)) == sorted(
        one["id"] for one in store.all("invoice")
    )
    assert sorted(ids(services, ImportedCharge.stripe_charge_id)) == sorted(
        one["id"] for one in store.all("charge")
    )
    assert found.invoices == len(store.all("invoice"))
    assert found.charges == len(store.all("charge"))
    assert found.until - found.since > 1.4 * YEAR


def test_the_failed_renewals_are_those_that_the_backtest_finds(lived):
    services, account_id = lived.services, lived.account.id
    read_all(services, account_id)
    stripe = services.stripe(lived.account)
    since = lived.clock.now() - YEAR
    charges = list(stripe.account_charges(since, lived.clock.now()))
    told = account_history(stripe.invoices(), charges)

    with services.db.read() as session:
        found = list(
            imported_history.stories(
                session, account_id, session.scalars(imported_history.failed(account_id))
            )
        )

    assert len(found) == row(services, account_id).failed == len(told.histories) > 5
    mine = {one.invoice.id: [charge.id for charge in one.charges] for one in found}
    theirs = {one.invoice.id: len(one.attempts) for one in told.histories}
    assert {name: len(charges) for name, charges in mine.items()} == theirs
    assert all(one.failed_at >= one.invoice.created_at for one in found)


def test_a_value_survives_the_way_through_the_tables(lived):
    services, account_id = lived.services, lived.account.id
    read_all(services, account_id)
    stripe = services.stripe(lived.account)
    now = lived.clock.now()
    known = {one.id: one for one in stripe.account_charges(now - YEAR, now)}

    with services.db.read() as session:
        rows = list(session.scalars(select(ImportedCharge)))
        back = {one.id: one for one in map(imported_history.charge_of, rows)}

    assert back.keys() == known.keys()
    for name, charge in back.items():
        assert charge.method.fingerprint == known[name].method.fingerprint
        assert charge.created_at == known[name].created_at
        assert charge.decline_code == known[name].decline_code


def test_there_are_as_many_requests_as_there_are_pages(lived, counted, asked):
    store = lived.sandbox.store

    read_all(counted, lived.account.id)

    pages = [ceil(len(store.all(kind)) / 100) for kind in ("invoice", "charge")]
    assert [asked.count("/v1/invoices"), asked.count("/v1/charges")] == pages
    assert min(pages) >= 2
    assert len(asked.paths) == sum(pages) == row(counted, lived.account.id).requests


def test_an_empty_account_takes_two_requests(world, counted, asked):
    read_all(counted, world.account.id)

    assert asked.paths == ["/v1/invoices", "/v1/charges"]
    found = row(counted, world.account.id)
    assert (found.state, found.invoices, found.failed) == ("done", 0, 0)


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_slices_go_on_from_each_other(lived, counted, asked, pages):
    slices = 0
    while import_slice(counted, lived.account.id, pace=AT_ONCE, pages=pages):
        slices += 1

    store = lived.sandbox.store
    assert slices >= 2
    assert count(counted, ImportedInvoice) == len(store.all("invoice"))
    assert len(asked.paths) == sum(ceil(len(store.all(k)) / 100) for k in ("invoice", "charge"))


class Killed(BaseException):
    pass


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_a_worker_that_dies_in_the_middle_leaves_a_place_to_go_on_from(lived, counted, nth):
    seen = itertools.count(1)

    def die():
        if next(seen) == nth:
            raise Killed

    with pytest.raises(Killed):
        import_slice(counted, lived.account.id, pace=AT_ONCE, on_page=die)

    assert (
        import_slice(counted, lived.account.id, pace=AT_ONCE) is False
    )  # the lease is not over yet
    assert due(counted) == []
    lived.clock.advance(minutes=4)
    assert due(counted) == [lived.account.id]
    read_all(counted, lived.account.id)
    assert count(counted, ImportedInvoice) == len(lived.sandbox.store.all("invoice"))
    assert count(counted, ImportedCharge) == row(counted, lived.account.id).charges


def test_two_workers_at_one_place_store_it_once(lived, counted, asked):
    """One was thought dead, its lease ran out, and it comes back with the page it had read."""

    def other():
        lived.clock.advance(minutes=4)
        import_slice(lived.services, lived.account.id, pace=AT_ONCE, pages=1)

    asked.acts[1] = other

    assert import_slice(counted, lived.account.id, pace=AT_ONCE) is False

    assert len(asked.paths) == 1
    assert row(counted, lived.account.id).invoices == 100 == count(counted, ImportedInvoice)


def test_stripe_s_wish_to_wait_is_heeded(lived, counted, asked):
    lived.sandbox.faults.rate_limit_next(1, "/v1/charges")
    lived.sandbox.faults.retry_after = 77

    assert import_slice(counted, lived.account.id, pace=AT_ONCE) is False

    found = row(counted, lived.account.id)
    assert (found.state, found.stage, found.failures) == ("running", "charges", 1)
    assert found.due_at == lived.clock.now() + timedelta(seconds=77)
    assert due(counted) == []
    lived.clock.advance(seconds=77)
    assert due(counted) == [lived.account.id]
    read_all(counted, lived.account.id)
    assert row(counted, lived.account.id).state == "done"


def test_without_such_a_wish_each_pause_is_longer(lived, counted):
    waits = []
    lived.sandbox.faults.outage(4)
    for _ in range(4):
        import_slice(counted, lived.account.id, pace=AT_ONCE)
        waits.append(row(counted, lived.account.id).due_at - lived.clock.now())
        lived.clock.advance_to(row(counted, lived.account.id).due_at)

    assert waits == sorted(set(waits))
    assert waits[0] >= timedelta(seconds=15)
    read_all(counted, lived.account.id)
    assert row(counted, lived.account.id).failures == 0


def test_the_pace_is_even_and_costs_nothing_while_nobody_hurries():
    now, slept = [100.0], []

    def pause(seconds):
        slept.append(round(seconds, 3))
        now[0] += seconds

    pace = Pace(10, pause=pause, clock=lambda: now[0])
    for _ in range(4):
        pace.wait_turn()
    assert slept == [0.1, 0.1, 0.1]
    now[0] += 60
    pace.wait_turn()
    pace.wait_turn()
    assert slept == [0.1, 0.1, 0.1, 0.1]  # a pause saved is not a burst earned


def test_a_permission_that_is_missing_is_named_and_reading_goes_on_later(lived, counted):
    key = lived.sandbox.state.keys[lived.sandbox.account_key]
    key.permissions = {"invoices": "read"}
    read_all(counted, lived.account.id)
    stopped = row(counted, lived.account.id)
    assert (stopped.state, stopped.stage) == ("refused", "charges")
    assert "read access to Invoices and Charges" in stopped.error
    assert due(counted) == []

    key.permissions = None
    history_import.resume(counted, lived.account.id, "user:1")
    read_all(counted, lived.account.id)

    assert row(counted, lived.account.id).state == "done"
    assert count(counted, ImportedInvoice) == len(lived.sandbox.store.all("invoice"))
    with counted.db.read() as session:
        lines = session.scalars(select(AuditLogEntry).where(AuditLogEntry.verb == "import")).all()
    assert [line.actor for line in lines] == ["recover", "recover", "user:1"]
    assert {line.account_id for line in lines} == {lived.account.id}


def test_an_account_disconnected_meanwhile_stops_and_goes_on_by_itself_once_it_is_back(
    lived, counted
):
    account_id = lived.account.id
    import_slice(counted, account_id, pace=AT_ONCE, pages=1)
    connections.disconnect(counted, account_id)

    assert import_slice(counted, account_id, pace=AT_ONCE) is False

    stopped = row(counted, account_id)
    assert (stopped.state, stopped.invoices) == ("disconnected", 100)
    assert "disconnected" in stopped.error
    assert due(counted) == []

    with counted.db.begin() as session:
        session.execute(update(Account).values(disconnected_at=None))
    assert due(counted) == [account_id]
    read_all(counted, account_id)
    assert row(counted, account_id).state == "done"
    assert count(counted, ImportedInvoice) == len(lived.sandbox.store.all("invoice"))


def test_a_cursor_that_was_deleted_meanwhile_loses_nothing(lived, counted):
    account_id, store = lived.account.id, lived.sandbox.store
    import_slice(counted, account_id, pace=AT_ONCE, pages=1)
    gone = store.get(row(counted, account_id).cursor)
    store.remove(gone)

    read_all(counted, account_id)

    known = set(ids(counted, ImportedInvoice.stripe_invoice_id))
    assert {one["id"] for one in store.all("invoice")} <= known


def test_bringing_it_up_to_date_reads_only_what_may_have_changed(lived, counted, asked):
    account_id, sandbox = lived.account.id, lived.sandbox
    read_all(counted, account_id)
    before = set(ids(counted, ImportedInvoice.stripe_invoice_id))
    sandbox.advance(timedelta(days=100))
    asked.paths.clear()

    begin(counted, lived.account)
    with counted.db.read() as session:
        assert history_import.progress_of(session, account_id, counted.now()).share == 0
    read_all(counted, account_id)

    after = ids(counted, ImportedInvoice.stripe_invoice_id)
    assert len(after) == len(set(after)) == len(sandbox.store.all("invoice"))
    assert before < set(after)
    paid = {one["id"]: one["status"] for one in sandbox.store.all("invoice")}
    with counted.db.read() as session:
        stored = session.execute(
            select(ImportedInvoice.stripe_invoice_id, ImportedInvoice.status)
        ).all()
    young = row(counted, account_id).since.timestamp()
    assert all(
        paid[name] == status
        for name, status in stored
        if sandbox.store.get(name)["created"] >= young
    )


def test_the_clock_rings_and_each_slice_rings_the_next(lived, monkeypatch):
    queued, rounds = [], 0
    services = lived.services

    class JobQueue:
        def __call__(self, job, *args, queue):
            queued.append((job, *args, queue))

    monkeypatch.setattr(jobs, "services", lambda: dataclasses.replace(services, enqueue=JobQueue()))
    monkeypatch.setattr("recover.onboarding.history_import.runner.PAGES_AT_ONCE", 2)
    monkeypatch.setattr("recover.onboarding.history_import.runner.Pace", lambda: AT_ONCE)
    jobs.import_histories()
    assert queued == [("import_history", lived.account.id, "chores")]
    while queued and queued[0][0] == "import_history":
        jobs.import_history(queued.pop()[1])
        rounds += 1

    assert rounds >= 3
    assert row(services, lived.account.id).state == "done"
    [(job, report_id, queue)] = queued  # the first dry run follows by itself
    jobs.work_report(report_id)
    assert (job, queue) == ("work_report", "chores")
    queued.clear()
    jobs.import_histories()
    jobs.work_reports()
    assert queued == []


def test_memory_stays_flat_however_long_the_past(world):
    """Four times the invoices, and not a third more at the peak of any page.

    The pretend Stripe works in this process too, for a page at a time. To trace what is in use
    makes all of it several times slower: two pages and eight are enough to compare.
    """
    services, account_id, peaks = world.services, world.account.id, []
    for more in (200, 600):
        rows_of(world.sandbox, more)
        begin(services, world.account)
        peaks.append(highest(services, account_id))

    assert count(services, ImportedInvoice) >= 800
    assert peaks[1] < peaks[0] * 4 / 3


def highest(services, account_id) -> int:
    """The most bytes that were in use above the start, over all pages."""
    peak = 0
    tracemalloc.start()
    while import_slice(services, account_id, pace=AT_ONCE, pages=1):
        peak = max(peak, tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()
    return peak


# The command, and a real SIGKILL


@pytest.fixture
def env(lived, environ, asked, tmp_path):
    clock = tmp_path / "clock"
    clock.write_text(lived.clock.now().isoformat())
    yield environ | {"CLOCK_FILE": str(clock), "STRIPE_API_BASE": asked.running.url}
    asked.running.stop()


@pytest.fixture
def run(env, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    return lambda *arguments: CliRunner().invoke(main.cli, ["import", *arguments], env=env)


def process(env, cwd) -> subprocess.Popen:
    command = [
        sys.executable,
        "-c",
        "from recover.entrypoints.cli.main import main; main()",
        "import",
    ]
    return subprocess.Popen(
        command, env=os.environ | env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_a_process_that_is_killed_for_good_loses_nothing_and_repeats_nothing(
    lived, asked, env, run, tmp_path
):
    children = []
    asked.acts[2] = lambda: os.kill(children[0].pid, signal.SIGKILL)
    children.append(process(env, tmp_path))
    children[0].communicate(timeout=120)
    assert children[0].returncode == -signal.SIGKILL
    stored = row(lived.services, lived.account.id)
    assert (stored.state, stored.invoices) == ("running", 100)

    (tmp_path / "clock").write_text((lived.clock.now() + timedelta(minutes=4)).isoformat())
    result = run()

    assert result.exit_code == 0, result.output
    store = lived.sandbox.store
    kept = ids(lived.services, ImportedInvoice.stripe_invoice_id)
    assert sorted(kept) == sorted(one["id"] for one in store.all("invoice"))
    assert count(lived.services, ImportedCharge) == len(store.all("charge"))
    pages = sum(ceil(len(store.all(kind)) / 100) for kind in ("invoice", "charge"))
    assert len(asked.paths) == pages + 1  # the page that the dead process had asked for


def test_the_command_reads_to_the_end_and_then_has_nothing_to_do(lived, run, asked):
    first, asked_first = run(), len(asked.paths)
    second = run()

    assert first.exit_code == second.exit_code == 0, first.output
    assert "renewals failed at first" in first.stdout
    assert second.stdout == first.stdout
    assert len(asked.paths) == asked_first
    assert run("--again").exit_code == 0
    assert len(asked.paths) > asked_first


def test_the_command_says_why_it_stopped_and_when_it_goes_on(lived, run):
    lived.sandbox.faults.rate_limit_next(1)
    lived.sandbox.faults.retry_after = 77
    result = run()
    assert isinstance(result.exception, TransientError)
    assert "in 77 seconds" in str(result.exception)


def test_the_command_names_the_permission_that_is_missing(lived, run):
    lived.sandbox.state.keys[lived.sandbox.account_key].permissions = {"charges": "read"}
    result = run()
    assert isinstance(result.exception, PermanentError)
    assert "read access to Invoices and Charges" in str(result.exception)


def test_what_is_stored_names_nobody(lived):
    read_all(lived.services, lived.account.id)
    people = lived.sandbox.store.all("customer")
    with lived.services.db.read() as session:
        text = json.dumps(
            [
                {key: str(value) for key, value in vars(found).items()}
                for table in (ImportedInvoice, ImportedCharge, ImportedPayment)
                for found in session.scalars(select(table))
            ]
        )
    assert [one["email"] for one in people if one["email"] and one["email"] in text] == []
    assert [one["name"] for one in people if one["name"] and one["name"] in text] == []
