"""The imported past teaches what our own cases do, and nothing is told twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from past_cast import past_of
from sqlalchemy import func, select

from recover.dunning import DEFAULT
from recover.learning import timing_in_force, training, training_data
from recover.models import Account, RecoveryCase, RetryModel
from recover.onboarding import history_import
from recover.onboarding.backtest.renewals import account_history, on_same_card
from recover.stripe_api.throttle import Pace
from recover.workflow import sync

AT_ONCE = Pace(pause=lambda seconds: None)


@pytest.fixture
def lived(world):
    """Over four months in which Stripe retried; the last of it is not over yet."""
    past_of(world.sandbox, subscribers=60, days=130, retries=(2, 5, 9))
    return world


def read(world) -> None:
    while history_import.import_slice(world.services, world.account.id, pace=AT_ONCE):
        pass


def told(world, account=None):
    with world.services.db.read() as session:
        found = training_data.outcomes(
            session, account or world.account, world.services.now(), DEFAULT.window
        )
        return [(one.facts.failed_at, one.at, one.succeeded) for one in found]


def test_the_past_s_retries_are_outcomes_once_their_window_is_over(lived):
    assert told(lived) == []
    read(lived)
    stripe, now = lived.services.stripe(lived.account), lived.services.now()
    charges = list(stripe.account_charges(now - timedelta(days=400), now))
    known = [
        (one.attempts[0].at, this.at, this.outcome == "succeeded")
        for one in account_history(stripe.invoices(), charges).histories
        for _, _, this in on_same_card(one)
        if one.attempts[0].at <= now - DEFAULT.window
    ]

    found = told(lived)

    assert sorted(found) == sorted(known)
    assert len(found) >= 5
    assert {succeeded for *_, succeeded in found} == {True, False}


def test_a_renewal_that_is_a_case_here_too_is_told_once(lived):
    read(lived)
    before = told(lived)
    opened = [
        case
        for one in lived.sandbox.store.all("invoice")
        if one["status"] == "open" and one["attempt_count"] > 1
        if (case := sync.sync(lived.services, lived.account, one["id"]))
    ]
    with lived.services.db.read() as session:
        assert session.scalar(select(func.count(RecoveryCase.id))) == len(opened) >= 1

    assert sorted(told(lived)) == sorted(before)


def test_another_account_learns_nothing_of_it(lived):
    read(lived)
    with lived.services.db.begin() as session:
        other = Account(
            company_id=lived.account.company_id,
            stripe_account_id="acct_other",
            livemode=False,
            connection="key",
            hook_token="other",
            mode="observe",
            campaign_key=DEFAULT.key,
            campaign_version=DEFAULT.version,
            connected_at=lived.services.now(),
        )
        session.add(other)

    assert told(lived, other) == []


def test_the_newest_are_told_where_there_are_too_many(lived, monkeypatch):
    read(lived)
    all_of_them = told(lived)
    failed = sorted({failed_at for failed_at, *_ in all_of_them})
    monkeypatch.setattr(training_data, "MAX_CASES", 4)

    found = told(lived)

    assert 0 < len(found) < len(all_of_them)
    assert min(failed_at for failed_at, *_ in found) > failed[0]


def test_the_first_night_makes_a_version_of_it(lived):
    timing_in_force._engines.clear()
    read(lived)

    row = training.learn(lived.services, lived.account)

    assert row is not None
    assert row.figures["used"] + row.figures["held_out"] >= 5
    with lived.services.db.read() as session:
        assert session.scalar(select(func.count(RetryModel.id))) == 1
    assert training.learn(lived.services, lived.account) is None
