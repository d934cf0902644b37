"""What Recover would have done: one renewal's replay by itself, and the report over real tables."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from backtest_cast import invoice
from click.testing import CliRunner
from past_cast import past_of, rows_of

from recover.dunning import (
    DEFAULT,
    Card,
    Decline,
    FixedTiming,
    Outcome,
    PastAttempt,
    RetryMode,
    Trigger,
)
from recover.entrypoints.cli import main
from recover.foundation import config
from recover.foundation.errors import PermanentError
from recover.models import Account, ReportKind, ReportLine, ReportState
from recover.onboarding import dry_run, history_import
from recover.onboarding.dry_run.replay import Event, Kind, PastRenewal, replay
from recover.onboarding.dry_run.tally import line, summary
from recover.reporting import background_reports
from recover.stripe_api.throttle import Pace

AT = datetime(2027, 3, 1, 15, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CARD = Card("pm_1", fingerprint="f1", brand="visa", funding="debit", country="US", last4="4242")
OTHER = dataclasses.replace(CARD, payment_method_id="pm_2", fingerprint="f2", last4="5555")
AT_ONCE = Pace(pause=lambda seconds: None)


def tried(days, code="insufficient_funds", card=CARD, *, paid=False) -> PastAttempt:
    decline = None if paid else Decline(error_code="card_declined", decline_code=code)
    outcome = Outcome.SUCCEEDED if paid else Outcome.FAILED
    trigger = Trigger.SCHEDULE if days else Trigger.STRIPE
    return PastAttempt(AT + days * DAY, trigger, outcome, card, decline)


def story(*tries, ended=None, ending="Still unpaid after 30 days.", **about) -> PastRenewal:
    ended_at = None if ended is None else AT + ended * DAY
    shown = invoice(created_at=AT)
    return PastRenewal(shown, AT, tries or (tried(0),), (), (), "UTC", ended_at, ending, **about)


def replayed(told, mode=RetryMode.RECOVER, now=AT + 90 * DAY) -> list[Event]:
    return replay(told, DEFAULT, FixedTiming(), mode, now)


def days(events, kind) -> list[float]:
    return [round((one.at - AT) / DAY, 1) for one in events if one.kind is kind]


def test_a_soft_decline_that_nobody_paid_runs_its_whole_course():
    found = replayed(story())

    assert days(found, Kind.OUR_RETRY) == [1, 3, 7, 13, 20]
    assert days(found, Kind.OUR_MAIL) == [1, 5, 10, 18]
    assert found[0].kind is Kind.FAILED
    assert all(event.at <= AT + DEFAULT.window for event in found)


def test_nothing_of_ours_lies_after_the_real_end():
    found = replayed(story(tried(0), tried(5, paid=True), ended=5, ending="Paid by a later try."))

    assert days(found, Kind.OUR_RETRY) == [1, 3]
    assert days(found, Kind.ENDED) == [5]
    assert days(found, Kind.REAL_RETRY) == [5]
    assert max(event.at for event in found if event.ours) < AT + 5 * DAY


def test_nothing_lies_after_the_report_s_own_time():
    assert days(replayed(story(), now=AT + 4 * DAY), Kind.OUR_RETRY) == [1, 3]


def test_a_hard_decline_is_written_about_and_not_tried_and_the_reason_is_given():
    found = replayed(story(tried(0, "stolen_card")))

    assert days(found, Kind.OUR_RETRY) == []
    assert days(found, Kind.OUR_MAIL)[0] == 0
    [left] = [event for event in found if event.kind is Kind.LEFT]
    assert left.text


def test_what_the_bank_really_answered_meanwhile_changes_what_we_do():
    """Its schedule would have been off, but its answer is what ours would have been told."""
    found = replayed(story(tried(0), tried(4, "stolen_card"), tried(6, "stolen_card")))

    assert days(found, Kind.REAL_RETRY) == [4, 6]
    assert days(found, Kind.OUR_RETRY) == [1, 3]
    later = [event for event in found if event.kind is Kind.OUR_MAIL and event.at > AT + 4 * DAY]
    assert later


def test_their_tries_do_not_use_up_ours_in_recover_mode():
    found = replayed(story(tried(0), tried(2), tried(5), tried(9)))

    assert days(found, Kind.OUR_RETRY) == [1, 3, 7, 13, 20]


def test_in_stripe_mode_we_write_and_leave_the_tries_to_stripe():
    found = replayed(story(tried(0), tried(3), tried(5)), RetryMode.STRIPE)

    assert days(found, Kind.OUR_RETRY) == []
    assert len(days(found, Kind.OUR_MAIL)) >= 3
    assert any("left to Stripe" in one.text for one in found if one.kind is Kind.LEFT)


def test_another_card_is_really_there_from_its_own_day_on():
    found = replayed(story(tried(0, "expired_card"), tried(6, card=OTHER)))

    assert days(found, Kind.NEW_CARD) == [6]
    assert [day for day in days(found, Kind.OUR_RETRY) if day < 6] == []
    assert [day for day in days(found, Kind.OUR_RETRY) if day > 6]


def test_a_real_try_near_ours_says_what_the_bank_thought_then():
    found = replayed(
        story(tried(0), tried(1.2, "generic_decline"), tried(3.9, paid=True), ended=3.9)
    )

    notes = [event.note for event in found if event.kind is Kind.OUR_RETRY]
    assert notes == ["A real retry within 5 hours of it was declined (generic_decline).", ""]


def test_a_renewal_that_failed_without_a_card_is_written_about():
    found = replayed(story(PastAttempt(AT, Trigger.STRIPE, Outcome.FAILED)))

    assert days(found, Kind.OUR_RETRY) == []
    assert days(found, Kind.OUR_MAIL)


def test_the_tally_counts_acts_and_no_money():
    lines = [
        line(told, replayed(told))
        for told in (
            story(),
            story(tried(0), tried(5, paid=True), ended=5, ending="Paid by a later try."),
            story(ended=0.01, ending="Voided."),
        )
    ]
    found = summary(lines)

    assert (found["invoices"], found["ours"], found["theirs"]) == (3, 7, 1)
    assert found["untouched"] == 1
    assert sum(number for _, _, number in found["placement"]) == found["ours"]
    assert sum(number for _, number, _ in found["placement"]) == found["theirs"]
    assert sum(count * number for count, number in found["mails_each"]) == found["mails"]
    assert dict(found["endings"])["Voided."] == 1
    assert not any("recovered" in key or "amount" in key for key in found)
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(summary(lines)))


def test_nothing_sums_to_nothing():
    assert summary([])["invoices"] == 0


# Over real tables


@pytest.fixture
def lived(world):
    past_of(world.sandbox, subscribers=60, days=75)
    return world


def read(world) -> None:
    while history_import.import_slice(world.services, world.account.id, pace=AT_ONCE):
        pass


def worked(world, mode=""):
    services = world.services
    dry_run.request(services, world.account, "user:1", mode)
    for report_id in background_reports.due(services):
        dry_run.work(services, background_reports.claim(services, report_id))
    with services.db.read() as session:
        report = background_reports.newest(
            session, world.account.id, ReportKind.DRY_RUN, ReportState.DONE
        )
        return report, background_reports.page(session, report, 0, 10_000)[0]


def test_every_failed_renewal_of_the_last_90_days_has_a_line(lived):
    read(lived)
    report, lines = worked(lived)

    books = lived.sandbox.books.tries
    first = {}
    for one in books:
        first.setdefault(one.invoice, one)
    renewals = {
        one["id"]
        for one in lived.sandbox.store.all("invoice")
        if one["billing_reason"] == "subscription_cycle"
    }
    failed = {name for name, one in first.items() if not one.approved and name in renewals}
    assert {row.stripe_invoice_id for row in lines} == failed
    assert report.summary["invoices"] == len(failed) >= 3
    real = sum(one.invoice in failed for one in books) - len(failed)
    assert report.summary["theirs"] + report.summary["new_cards"] == real
    at = [row.body["failed_at"] for row in lines]
    assert at == sorted(at, reverse=True)


def test_the_account_s_own_limits_hold(lived):
    read(lived)
    with lived.services.db.begin() as session:
        session.get_one(Account, lived.account.id).max_retries = 1

    _, lines = worked(lived)

    assert max(row.body["ours"] for row in lines) == 1


def test_a_worker_that_dies_costs_its_own_lines_alone(lived, monkeypatch):
    read(lived)
    services = lived.services
    monkeypatch.setattr(background_reports, "LINES_AT_ONCE", 2)
    _, whole = worked(lived)
    report = dry_run.request(services, lived.account, "user:1")
    kept = background_reports._store

    def dies(*args):
        kept(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(background_reports, "_store", dies)
    with pytest.raises(KeyboardInterrupt):
        dry_run.work(services, background_reports.claim(services, report.id))
    monkeypatch.setattr(background_reports, "_store", kept)
    assert background_reports.due(services) == []
    lived.clock.advance(minutes=6)
    assert background_reports.due(services) == [report.id]

    dry_run.work(services, background_reports.claim(services, report.id))

    with services.db.read() as session:
        again = background_reports.newest(
            session, lived.account.id, ReportKind.DRY_RUN, ReportState.DONE
        )
        lines = background_reports.page(session, again, 0, 10_000)[0]
    assert again.id == report.id
    assert [row.body for row in lines] == [row.body for row in whole]
    assert again.done == again.total == len(lines) >= 3


def test_without_an_imported_past_there_is_nothing_to_ask(world):
    with pytest.raises(PermanentError, match="recover import"):
        dry_run.request(world.services, world.account, "user:1")


def test_the_first_one_follows_the_import_by_itself(world):
    read(world)
    dry_run.request_first(world.services, world.account.id)
    dry_run.request_first(world.services, world.account.id)
    assert len(background_reports.due(world.services)) == 1


def test_a_past_without_failures_gives_an_empty_report(world):
    rows_of(world.sandbox, 3)
    read(world)
    report, lines = worked(world)
    assert (report.summary["invoices"], lines) == (0, [])


# The command


@pytest.fixture
def run(lived, environ, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    clock = tmp_path / "clock"
    clock.write_text(lived.clock.now().isoformat())
    env = environ | {"CLOCK_FILE": str(clock)}
    return lambda *arguments: CliRunner().invoke(main.cli, ["dry-run", *arguments], env=env)


def test_the_command_tells_every_act_and_what_nobody_can_know(lived, run):
    assert isinstance(run().exception, PermanentError)
    read(lived)

    result, told = run(), json.loads(run("--json").stdout)

    assert result.exit_code == 0, result.output
    assert "renewals failed at first" in result.stdout
    assert "What nobody can know:" in result.stdout
    assert told["invoices"] == len(told["lines"]) >= 3
    assert told["mode"] == "recover"
    stripe = json.loads(run("--json", "--mode", "stripe").stdout)
    assert (stripe["mode"], stripe["ours"]) == ("stripe", 0)
    with lived.services.db.read() as session:
        assert session.query(ReportLine.report_id).distinct().count() == 2
