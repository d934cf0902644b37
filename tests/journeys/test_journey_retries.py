"""Retries: at the right moments, within every limit, won back and credited."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from journey import CLEAN

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_a_soft_decline_is_won_back_by_a_retry_and_nothing_follows(journey):
    invoice = journey.fail("insufficient_funds", "insufficient_funds", "approve")

    journey.run(days=25)

    case = journey.case(invoice)
    assert (case.state, case.close_reason, case.next_step_at) == ("recovered", "", None)
    assert journey.charged(invoice) == [False, False, True]
    assert journey.times(invoice) == [1 * DAY, 3 * DAY]
    assert journey.tries(invoice) == [
        ("stripe", "failed"),
        ("schedule", "failed"),
        ("schedule", "succeeded"),
    ]
    assert journey.won == [("our_retry", 2900, "usd")]
    assert "the third try" in journey.ledger[0].reason
    assert journey.verbs(invoice)[0] == "open"
    assert journey.verbs(invoice)[-1] == "recover"
    assert journey.sent == ["payment_failed", "thank_you"]
    assert journey.faults == CLEAN


def test_a_subscriber_who_was_never_written_to_is_not_thanked(journey):
    invoice = journey.fail("insufficient_funds", "approve")

    journey.run(days=25)

    assert journey.case(invoice).state == "recovered"
    assert journey.mails == []


def test_every_line_of_the_timeline_says_why(journey):
    invoice = journey.fail("insufficient_funds", "insufficient_funds", "approve")

    journey.run(days=5)

    assert all(len(entry.reason) > 10 for entry in journey.timeline(invoice))
    assert [row.reason for row in journey.attempts(invoice) if row.trigger == "schedule"] == [
        entry.reason for entry in journey.timeline(invoice) if entry.verb == "attempt"
    ]


def test_retries_keep_out_of_the_subscribers_night(begin):
    journey = begin(timezone="America/New_York")  # the renewal fails at four in the morning there
    invoice = journey.fail("insufficient_funds", "approve")

    journey.run(days=3)

    assert journey.times(invoice) == [1 * DAY + 5 * HOUR]


def test_a_subscriber_s_hours_are_those_of_their_country(begin):
    journey = begin(timezone="America/New_York")
    invoice = journey.fail("insufficient_funds", "approve", timezone="", country="GB")

    journey.run(days=3)

    assert journey.case(invoice).timezone == "Europe/London"
    assert journey.times(invoice) == [1 * DAY]  # nine in the morning there
    assert "09:00 in London" in journey.attempts(invoice)[-1].reason


def test_a_technical_decline_is_tried_again_within_hours(journey):
    invoice = journey.fail("processing_error", "approve")

    journey.run(days=1)

    assert journey.case(invoice).state == "recovered"
    assert journey.times(invoice) == [2 * HOUR]
    assert journey.won == [("our_retry", 2900, "usd")]
    assert journey.mails == []


@pytest.mark.parametrize("code", ["stolen_card", "lost_card", "pickup_card", "incorrect_number"])
def test_a_hard_code_is_never_tried_again_until_another_card_appears_then_at_once(journey, code):
    invoice = journey.fail(code)
    journey.run(days=10)
    assert journey.charged(invoice) == [False]

    journey.replace_card(journey.case(invoice).stripe_customer_id)
    journey.settle()

    assert journey.case(invoice).state == "recovered"
    assert journey.charged(invoice) == [False, True]
    assert journey.times(invoice) == [10 * DAY]
    assert journey.won == [("new_card", 2900, "usd")]
    assert journey.faults == CLEAN


def test_a_stolen_card_saved_once_more_is_still_not_tried(journey):
    invoice = journey.fail("stolen_card")
    journey.run(days=2)

    journey.save_again(journey.attempts(invoice)[0].payment_method_id)
    journey.run(days=25)

    assert journey.charged(invoice) == [False]
    assert journey.case(invoice).state == "exhausted"


def test_no_mail_names_a_lost_or_stolen_card(journey):
    journey.fail("stolen_card")

    journey.run(days=25)

    assert journey.mails
    for mail in journey.mails:
        assert not {"stolen", "lost", "fraud"} & set(mail.text.lower().split())


def test_a_case_that_nothing_mends_is_exhausted_within_the_limits(journey):
    invoice = journey.fail(*["insufficient_funds"] * 12)

    journey.run(days=40)

    case = journey.case(invoice)
    assert (case.state, case.close_reason) == ("exhausted", "window_over")
    assert journey.times(invoice) == [days * DAY for days in (1, 3, 7, 13, 20)]
    assert journey.sent == ["payment_failed"] * 3 + ["last_notice"]
    assert journey.verbs(invoice)[-1] == "exhaust"
    assert journey.ledger == []
    assert journey.faults == CLEAN


def test_a_subscriber_who_pays_late_from_an_old_mail_is_still_counted(journey):
    invoice = journey.fail("expired_card")
    journey.run(days=24)
    assert journey.case(invoice).state == "exhausted"

    visit = journey.visit(journey.card_link())
    journey.run(days=5)

    assert visit.state == "paid"
    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("card_page", 2900, "usd")]
    assert journey.sent[-1] == "thank_you"


def test_a_payment_elsewhere_after_exhaustion_is_not_ours(journey):
    invoice = journey.fail("expired_card")
    journey.run(days=24)

    journey.sandbox.pay_on_hosted_page(invoice)
    journey.settle()

    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("elsewhere", 2900, "usd")]


def test_stripes_own_retries_are_seen_and_credited_to_stripe(begin):
    journey = begin(stripe_retries=(3, 5, 7))
    invoice = journey.fail("insufficient_funds", "insufficient_funds", "approve")

    journey.run(days=10)

    assert journey.tries(invoice) == [
        ("stripe", "failed"),
        ("schedule", "failed"),
        ("stripe", "succeeded"),
    ]
    assert journey.times(invoice) == [1 * DAY, 3 * DAY]
    assert journey.won == [("stripe_retry", 2900, "usd")]


def test_our_retries_and_stripes_share_one_schedule_and_never_come_close(begin):
    journey = begin(stripe_retries=(3, 5, 7))
    invoice = journey.fail(*["insufficient_funds"] * 12)

    journey.run(days=40)

    times = [timedelta(0), *journey.times(invoice)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= timedelta(hours=12)
    made = [trigger for trigger, _ in journey.tries(invoice)]
    assert made.count("stripe") == 4
    assert made.count("schedule") >= 2
    assert len(journey.charged(invoice)) == len(journey.attempts(invoice))
    assert journey.case(invoice).state == "exhausted"
    assert journey.faults == CLEAN


def test_a_subscription_that_stripe_cancels_after_its_last_retry_ends_the_case(begin):
    journey = begin(stripe_retries=(2, 2), end_action="cancel")
    invoice = journey.fail(*["insufficient_funds"] * 12)

    journey.run(days=30)

    case = journey.case(invoice)
    assert (case.state, case.close_reason) == ("closed", "subscription_ended")
    assert journey.faults == CLEAN


def test_a_try_that_stripe_blocked_before_the_bank_is_known_as_such(journey):
    invoice = journey.fail("insufficient_funds", "highest_risk_level")

    journey.run(days=2)

    blocked = journey.attempts(invoice)[-1]
    assert (blocked.trigger, blocked.outcome) == ("schedule", "failed")
    assert (blocked.outcome_type, blocked.network_status) == ("blocked", "not_sent_to_network")
