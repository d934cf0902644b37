"""Who looks after each past-due invoice, by mode, on real databases and a pretend Stripe."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from recover.accounts import connections
from recover.dunning import RetryMode
from recover.dunning.ownership import Owner
from recover.entrypoints.cli import switchover as subject
from recover.foundation import config
from recover.models import RecoveryCase
from recover.onboarding.switchover import switchover
from recover.workflow import sync

DAY = timedelta(days=1)


@pytest.fixture
def fail(world):
    """A renewal that failed; ``known`` where a webhook told us, ``stripe_after`` where Stripe will
    try again by itself."""

    def make(code="insufficient_funds", *, known=True, stripe_after=None) -> str:
        customer = world.sandbox.add_customer(timezone="UTC")
        invoice = world.sandbox.fail_renewal(world.sandbox.add_subscription(customer), code)
        if stripe_after:
            at = int((world.clock.now() + stripe_after).timestamp())
            world.sandbox.store.get(invoice)["next_payment_attempt"] = at
        if known:
            sync.sync(world.services, world.account, invoice)
        return invoice

    return make


@pytest.fixture
def report(world):
    return lambda: switchover(world.services, world.account)


def end(world, state: str, reason: str) -> None:
    with world.services.db.begin() as session:
        ended = {"state": state, "close_reason": reason, "next_step_at": None}
        session.execute(update(RecoveryCase).values(ended))


def owners(report, nth=0):
    return {str(mode): str(found.owner) for mode, found in report.lines[nth].modes.items()}


def test_an_account_without_past_due_invoices_has_nothing_to_show(report):
    found = report()

    assert (found.lines, found.missing) == ((), ())
    assert found.owners(RetryMode.RECOVER) == dict.fromkeys(Owner, 0)


def test_an_open_case_without_stripe_s_retries_is_ours_alone(fail, report, world):
    fail()

    found = report()

    # In stripe mode we still write, and so it is not forgotten; but nobody charges the card.
    assert owners(found) == {"recover": "us", "stripe": "us", "observe": "nobody"}
    here = found.lines[0].modes[RetryMode.RECOVER]
    assert here.our_retry_at == world.clock.now() + DAY
    assert here.first is Owner.US
    assert [found.uncharged(mode) for mode in RetryMode] == [0, 1, 1]
    assert "left to Stripe" in found.lines[0].modes[RetryMode.STRIPE].reason
    assert "only watch" in found.lines[0].modes[RetryMode.OBSERVE].reason


@pytest.mark.parametrize(("after", "first"), [(DAY / 2, Owner.STRIPE), (5 * DAY, Owner.US)])
def test_where_both_try_the_one_who_goes_first_is_named(fail, report, world, after, first):
    fail(stripe_after=after)

    found = report()

    assert owners(found) == {"recover": "both", "stripe": "both", "observe": "stripe"}
    both = found.lines[0].modes[RetryMode.RECOVER]
    assert (both.stripe_retry_at, both.first) == (world.clock.now() + after, first)
    assert found.lines[0].modes[RetryMode.STRIPE].first is Owner.STRIPE
    assert found.lines[0].modes[RetryMode.STRIPE].our_retry_at is None


def test_our_try_keeps_its_distance_from_one_of_stripe_s_that_is_near(fail, report, world):
    fail(stripe_after=DAY + timedelta(hours=2))

    both = report().lines[0].modes[RetryMode.RECOVER]

    assert both.our_retry_at >= both.stripe_retry_at + timedelta(hours=1)
    assert both.first is Owner.STRIPE


def test_a_hard_decline_is_ours_to_write_about_and_nobody_s_to_charge(fail, report):
    fail("stolen_card")

    found = report()
    here = found.lines[0].modes[RetryMode.RECOVER]

    assert owners(found) == {"recover": "us", "stripe": "us", "observe": "nobody"}
    assert (here.our_retry_at, here.charged) == (None, False)
    assert here.our_mail_at is not None
    assert "No retry is made before the customer acts" in here.reason


def test_an_invoice_without_a_case_is_an_orphan_until_the_next_reconciliation(fail, report):
    fail(known=False)

    found = report()

    assert set(owners(found).values()) == {"nobody"}
    reason = found.lines[0].modes[RetryMode.RECOVER].reason
    assert "The next reconciliation opens one" in reason


@pytest.mark.parametrize(
    ("state", "why", "said"),
    [
        ("exhausted", "window_over", "The case is exhausted as window_over."),
        ("closed", "paused", "The case is closed as paused."),
        ("closed", "voided", "The next reconciliation looks at it again."),
    ],
)
def test_an_ended_case_is_an_orphan_and_says_why(fail, report, world, state, why, said):
    fail()
    end(world, state, why)

    found = report()

    assert set(owners(found).values()) == {"nobody"}
    assert said in found.lines[0].modes[RetryMode.RECOVER].reason


def test_an_ended_case_that_stripe_still_tries_is_stripe_s(fail, report, world):
    fail(stripe_after=3 * DAY)
    end(world, "exhausted", "window_over")

    assert set(owners(report()).values()) == {"stripe"}


def test_a_try_of_stripe_s_whose_time_has_passed_is_nobody_s_promise(fail, report, world):
    invoice = fail(known=False)
    past = int((world.clock.now() - DAY).timestamp())
    world.sandbox.store.get(invoice)["next_payment_attempt"] = past

    found = report()

    assert set(owners(found).values()) == {"nobody"}
    assert "was due and has not been seen" in found.lines[0].modes[RetryMode.RECOVER].reason


def test_a_one_off_invoice_that_nobody_tried_is_not_past_due(report, world):
    world.sandbox.add_invoice(world.sandbox.add_customer(), 4900)

    assert report().lines == ()


def test_an_open_case_that_stripe_no_longer_shows_is_listed_as_missing(fail, report, world):
    invoice = fail()
    world.sandbox.pay_on_hosted_page(invoice)

    found = report()

    assert (found.lines, found.missing) == ((), (invoice,))


def test_the_present_mode_s_column_is_what_happens_after_switching_to_it(fail, report, world):
    fail()
    before = report()

    connections.set_mode(world.services, world.account.id, RetryMode.STRIPE)
    world.account.mode = RetryMode.STRIPE
    after = report()

    assert after.mode is RetryMode.STRIPE
    assert after.lines == before.lines


def test_looking_changes_nothing(fail, report, world):
    fail(stripe_after=3 * DAY)

    def state():
        with world.services.db.read() as session:
            [case] = session.scalars(select(RecoveryCase))
        return case.state, case.next_step_at, len(world.sandbox.store.all("charge"))

    before = state()

    assert report() == report()
    assert state() == before


# The command


@pytest.fixture
def run(world, environ, tmp_path, monkeypatch):
    """Run `recover switchover` with these arguments, at the sandbox's time."""
    monkeypatch.chdir(tmp_path)
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    (tmp_path / "clock").write_text(world.clock.now().isoformat())
    env = environ | {"CLOCK_FILE": str(tmp_path / "clock")}
    return lambda *arguments: CliRunner().invoke(subject.command, arguments, env=env)


def test_the_command_shows_every_invoice_in_every_mode(run, fail):
    invoice, orphan = fail(stripe_after=5 * DAY), fail(known=False)

    result = run()

    assert result.exit_code == 0, result.output
    said = result.stdout
    assert "2 past-due invoices; the account is in recover mode." in said
    assert "recover (now): us 0, stripe 0, both 1, nobody 1; nobody charges 1 of them." in said
    assert f"{invoice}, $29.00" in said
    assert "recover: both. we charge Tuesday 2 March, 09:00 UTC" in said
    assert "Ours goes first." in said
    assert orphan in said


def test_the_command_speaks_json(run, fail):
    invoice = fail()

    said = json.loads(run("--json").stdout)

    assert said["lines"][0]["invoice_id"] == invoice
    assert said["lines"][0]["modes"]["recover"]["our_retry_at"] == "2027-03-02T09:00:00+00:00"
    assert said["summary"]["observe"] == {
        "us": 0,
        "stripe": 0,
        "both": 0,
        "nobody": 1,
        "uncharged": 1,
    }
