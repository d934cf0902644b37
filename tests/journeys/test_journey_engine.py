"""The engine at work in the service: its tries, their reasons, its limits, what is kept of them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from journey import CLEAN

from recover.accounts import connections
from recover.foundation.errors import PermanentError
from recover.learning.timing_in_force import SHIPPED

BROKE = ["insufficient_funds"] * 12


@pytest.fixture
def journey(begin):
    return begin(timing="engine")


def planned(journey, invoice):
    return [row for row in journey.attempts(invoice) if row.trigger == "schedule"]


def test_a_soft_decline_is_won_back_and_what_the_try_rested_on_is_kept(journey):
    invoice = journey.fail("insufficient_funds", "insufficient_funds", "approve")

    journey.run(days=25)

    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("our_retry", 2900, "usd")]
    assert journey.faults == CLEAN
    for row in planned(journey, invoice):
        assert row.proposal["model"] == SHIPPED.model.version
        assert 0 < row.proposal["chance"] < 1
        assert 0 < row.proposal["propensity"] <= 1
        assert row.proposal["choices"] > 10
        assert row.attempted_at.isoformat() in row.proposal["plan"]
        assert "chance about" in row.reason


def test_while_a_case_waits_it_says_until_when_why_and_what_is_left_on_the_card(journey):
    invoice = journey.fail(*BROKE)

    journey.run(minutes=1)

    waiting = journey.case(invoice)
    assert "Next try " in waiting.next_step_reason
    assert "chance about" in waiting.next_step_reason
    assert "tries on this Visa card until" in waiting.next_step_reason


def test_where_no_further_try_is_made_the_case_says_why(journey):
    invoice = journey.fail(*BROKE)

    journey.run(days=25)

    assert 1 <= len(planned(journey, invoice)) <= 8
    reasons = [entry.reason for entry in journey.timeline(invoice) if entry.verb == "plan"]
    assert "The window leaves no hour in which a further try is allowed." in reasons[-1]
    assert journey.faults == CLEAN


def test_the_account_s_own_limits_hold(begin):
    journey = begin(timing="engine")
    limits = {"max_retries": 2, "min_gap_hours": 100}
    connections.set_retries(journey.services, journey.account_id, limits)
    invoice = journey.fail(*BROKE)

    journey.run(days=25)

    assert len(planned(journey, invoice)) == 2
    waits = [timedelta(), *journey.times(invoice)]
    assert all(after - before >= timedelta(hours=100) for before, after in pairwise(waits))


def test_a_change_of_timing_or_limits_in_the_middle_neither_orphans_nor_doubles_a_case(journey):
    invoice = journey.fail(*BROKE)
    for wanted in ({"timing": "fixed"}, {"max_retries": 4}, {"timing": "engine"}, {"explore": 0.3}):
        journey.run(days=2)
        connections.set_retries(journey.services, journey.account_id, wanted)
        journey.settle()
        assert journey.case(invoice).next_step_at > journey.now

    journey.run(days=25)

    assert journey.case(invoice).state == "exhausted"
    assert len(planned(journey, invoice)) <= 4
    assert journey.faults == CLEAN


@pytest.mark.parametrize(
    "wanted",
    [
        {"max_retries": 16},
        {"max_retries": -1},
        {"min_gap_hours": 0},
        {"explore": 0.9},
        {"explore": None},
        {"timing": "moon"},
        {"timing": "fixed", "max_retries": 99},
    ],
)
def test_a_limit_out_of_bounds_is_refused_and_nothing_changes(journey, wanted):
    with pytest.raises(PermanentError):
        connections.set_retries(journey.services, journey.account_id, wanted)

    account = journey.account
    assert (account.timing, account.max_retries, account.min_gap_hours) == ("engine", None, None)
    assert account.explore == 0.05


def test_while_observing_the_rows_say_what_the_engine_would_have_done(begin):
    journey = begin(mode="observe", timing="engine")
    invoice = journey.fail(*BROKE)

    journey.run(days=25)

    assert journey.charged(invoice) == [False]
    assert {row.outcome for row in planned(journey, invoice)} == {"observed"}
    assert all(row.proposal["chance"] for row in planned(journey, invoice))


def test_a_share_of_the_tries_explores_and_says_with_which_probability(begin):
    journey = begin(timing="engine")
    connections.set_retries(journey.services, journey.account_id, {"explore": 0.3})
    invoices = [journey.fail(*BROKE) for _ in range(12)]

    journey.run(days=25)

    rows = [row for invoice in invoices for row in planned(journey, invoice)]
    strayed = [row for row in rows if "to learn from it" in row.reason]
    assert 0 < len(strayed) < len(rows)
    for row in rows:
        kept = row.proposal
        share = 0.3 / kept["choices"]
        expected = share if row in strayed else 0.7 + share
        assert kept["propensity"] == pytest.approx(expected)
    assert journey.faults == CLEAN


def test_a_code_nobody_knows_is_a_warning_on_the_case(journey):
    invoice = journey.fail("a_code_of_next_year", "approve")

    journey.run(minutes=1)

    assert any("a_code_of_next_year" in text for text in journey.case(invoice).warnings)


def test_earlier_payments_are_remembered_on_the_case(journey):
    customer = journey.sandbox.add_customer()
    subscription = journey.sandbox.add_subscription(customer)
    journey.run(days=63)
    paid = [one.at for one in journey.books.tries if one.approved]
    assert len(paid) >= 2
    invoice = journey.sandbox.fail_renewal(subscription)

    journey.run(minutes=1)

    assert len(journey.case(invoice).paid_hours) >= 2
