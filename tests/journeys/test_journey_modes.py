"""Who retries: Recover, Stripe, or nobody while Recover only watches; and changing one's mind."""

from __future__ import annotations

from datetime import timedelta

from journey import CLEAN

DAY = timedelta(days=1)


def test_while_observing_nothing_leaves_and_the_rows_say_what_would_have(begin):
    journey = begin(mode="observe")
    invoice = journey.fail("insufficient_funds")

    journey.run(days=25)

    assert journey.charged(invoice) == [False]
    assert journey.mails == []
    tries = [outcome for trigger, outcome in journey.tries(invoice) if trigger == "schedule"]
    assert tries == ["observed"] * 5
    assert {row.status for row in journey.messages} == {"observed"}
    assert [row.template for row in journey.messages][-1] == "last_notice"
    assert all(row.reason for row in (*journey.attempts(invoice), *journey.messages))
    assert "observe" in journey.verbs(invoice)
    assert journey.case(invoice).state == "exhausted"


def test_while_observing_a_new_card_is_not_charged(begin):
    journey = begin(mode="observe")
    invoice = journey.fail("expired_card")
    journey.run(days=1)

    journey.replace_card(journey.case(invoice).stripe_customer_id)
    journey.run(days=25)

    assert journey.charged(invoice) == [False]
    assert journey.tries(invoice)[1] == ("card_update", "observed")
    assert journey.mails == []


def test_while_observing_expiring_cards_are_not_written_to(begin):
    journey = begin(mode="observe")
    journey.sandbox.advance_to(journey.now.replace(day=25))
    customer = journey.sandbox.add_customer(exp_month=11, exp_year=2026)
    journey.sandbox.add_subscription(customer, renews_at=journey.now + 9 * DAY)

    journey.scan()
    journey.run(days=8)

    assert [(row.template, row.status) for row in journey.messages] == [
        ("card_expiring", "observed")
    ]
    assert journey.mails == []


def test_while_observing_what_stripe_wins_back_is_credited_to_stripe(begin):
    journey = begin(mode="observe", stripe_retries=(3, 5))
    journey.fail("insufficient_funds", "approve")

    journey.run(days=10)

    assert journey.won == [("stripe_retry", 2900, "usd")]


def test_where_stripe_retries_we_make_no_scheduled_try_but_write(begin):
    journey = begin(mode="stripe", stripe_retries=(3, 5, 7))
    invoice = journey.fail(*["insufficient_funds"] * 9)

    journey.run(days=25)

    assert {trigger for trigger, _ in journey.tries(invoice)} == {"stripe"}
    assert journey.times(invoice) == [3 * DAY, 8 * DAY, 15 * DAY]
    assert journey.sent == ["payment_failed"] * 3 + ["last_notice"]


def test_where_stripe_retries_a_new_card_is_still_paid_at_once(begin):
    journey = begin(mode="stripe", stripe_retries=(3, 5, 7))
    invoice = journey.fail("expired_card")
    journey.run(days=1)

    journey.replace_card(journey.case(invoice).stripe_customer_id)
    journey.settle()

    assert journey.times(invoice) == [1 * DAY]
    assert journey.won == [("new_card", 2900, "usd")]


def test_switching_from_watching_to_acting_picks_up_the_open_cases(begin):
    journey = begin(mode="observe")
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(days=4)
    assert journey.charged(invoice) == [False]

    journey.switch("recover")
    journey.run(days=25)

    assert journey.case(invoice).state == "recovered"
    assert journey.charged(invoice) == [False, True]
    assert journey.won == [("our_retry", 2900, "usd")]
    assert journey.faults == CLEAN


def test_switching_back_and_forth_neither_doubles_a_try_nor_a_mail(begin):
    journey = begin(stripe_retries=())
    invoice = journey.fail(*["insufficient_funds"] * 9)

    for mode in ("stripe", "recover", "observe", "recover", "stripe", "recover"):
        journey.run(days=2)
        journey.switch(mode)
        journey.switch(mode)
    journey.run(days=25)

    assert journey.case(invoice).state == "exhausted"
    assert len({mail.subject for mail in journey.mails}) >= 1
    steps = [row.dedup_key for row in journey.messages]
    assert len(steps) == len(set(steps))
    assert len(journey.charged(invoice)) <= 6
    assert journey.faults == CLEAN


def test_switching_to_observe_in_the_middle_stops_everything_that_leaves(journey):
    invoice = journey.fail(*["insufficient_funds"] * 9)
    journey.run(days=2)
    charged, mailed = len(journey.charged(invoice)), len(journey.mails)
    assert (charged, mailed) == (2, 1)

    journey.switch("observe")
    journey.run(days=25)

    assert (len(journey.charged(invoice)), len(journey.mails)) == (2, 1)
    assert journey.case(invoice).state == "exhausted"


def test_a_mail_that_waits_for_the_mail_server_is_not_sent_after_switching_to_observe(journey):
    journey.mailbox.fail_next(421, 1, at="mail")
    journey.fail("expired_card")
    journey.settle()

    journey.switch("observe")
    journey.run(days=1)

    assert journey.mails == []
