"""Who leaves, and what is no longer to be collected: each way in which Stripe shows it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recover.messages.subscriber import expiring_cards

NINE = ["insufficient_funds"] * 9
ENDS = {
    "at the period's end": {"cancel_at_period_end": True},
    "at a set time": {"cancel_at": 1_798_761_600},
}


@pytest.fixture(params=ENDS, ids=lambda name: name.replace(" ", "-"))
def leaver(request, journey):
    """An invoice of somebody who, an hour after it failed, has their subscription set to end."""
    invoice = journey.fail(*NINE)
    journey.run(hours=1)
    leave(journey, invoice, **ENDS[request.param])
    return invoice


def leave(journey, invoice, **how):
    subscription = journey.sandbox.store.get(journey.case(invoice).stripe_subscription_id)
    journey.sandbox.store.change(subscription, "customer.subscription.updated", **how)
    journey.settle()


def test_who_leaves_is_neither_charged_nor_written_to(journey, leaver):
    journey.run(days=30)
    assert journey.charged(leaver) == [False]
    assert journey.sent == []
    assert journey.case(leaver).state == "exhausted"


def test_the_reason_is_said(journey, leaver):
    assert "The customer is leaving" in journey.case(leaver).next_step_reason


def test_who_leaves_is_written_to_once_where_the_company_wants_that(journey, leaver):
    journey.set(leavers="once")
    journey.run(days=30)
    assert journey.charged(leaver) == [False]
    assert journey.sent == ["payment_failed"]


def test_who_leaves_is_treated_as_everybody_where_the_company_wants_that(journey, leaver):
    journey.set(leavers="as_usual")
    journey.run(days=30)
    assert len(journey.charged(leaver)) > 2
    assert len(journey.sent) > 2


def test_who_stays_after_all_is_looked_after_again(journey, leaver):
    journey.run(days=2)
    leave(journey, leaver, cancel_at_period_end=False, cancel_at=None)
    journey.run(days=12)
    assert len(journey.charged(leaver)) > 1
    assert journey.sent


def test_who_leaves_may_pay_all_the_same(journey):
    invoice = journey.fail("expired_card")
    journey.run(hours=1)
    leave(journey, invoice, cancel_at_period_end=True)
    journey.visit(journey.card_link())
    journey.run(days=1)
    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("card_page", 2900, "usd")]


def test_who_told_the_bank_to_stop_these_payments_is_left_alone(journey):
    invoice = journey.fail("revocation_of_authorization")
    journey.run(days=30)
    assert journey.charged(invoice) == [False]
    assert journey.sent == []


def test_a_subscription_that_stripe_paused_over_the_failure_is_still_recovered(journey):
    invoice = journey.fail("insufficient_funds", "insufficient_funds", "approve")
    pause(journey, invoice, "first_payment_failure")
    journey.run(days=25)
    assert journey.case(invoice).state == "recovered"


def test_a_subscription_that_was_paused_on_request_is_left_alone_until_it_goes_on(journey):
    invoice = journey.fail(*NINE)
    journey.run(hours=1)
    pause(journey, invoice, "pause_requested")
    journey.run(days=5)
    assert journey.case(invoice).close_reason == "paused"
    assert (journey.charged(invoice), journey.sent) == ([False], [])

    subscription = journey.sandbox.store.all("subscription")[0]
    subscription.update(status="past_due", status_details=None)
    journey.sandbox.emit("customer.subscription.resumed", subscription["id"])
    journey.run(days=9)
    assert len(journey.charged(invoice)) > 1


def pause(journey, invoice, why):
    [subscription] = journey.sandbox.store.all("subscription")
    details = {"paused": {"subscription": {"type": why}}}
    subscription.update(status="paused", status_details=details)
    journey.sandbox.emit("customer.subscription.paused", subscription["id"])
    journey.settle()


def test_the_card_set_on_the_invoice_itself_is_the_one_charged(journey):
    subscription = journey.subscriber()
    invoice = journey.sandbox.fail_renewal(subscription, "insufficient_funds")
    own = journey.sandbox.add_card(subscription["customer"], "4242424242424242")
    journey.sandbox.store.get(invoice)["default_payment_method"] = own
    journey.sandbox.emit("invoice.updated", invoice)

    journey.run(days=1)

    assert journey.attempts(invoice)[-1].payment_method_id == own
    assert journey.case(invoice).state == "recovered"


# Expiry notices


def expiring(journey, amount=2900, **about):
    journey.sandbox.advance_to(journey.now.replace(day=25))
    customer = journey.sandbox.add_customer(exp_month=11, exp_year=2026)
    renews_at = journey.now + timedelta(days=9)
    return journey.sandbox.add_subscription(customer, amount, renews_at=renews_at, **about)


def noticed(journey):
    journey.scan()
    journey.run(days=5)
    return journey.sent


def test_whose_card_expires_before_it_is_charged_is_told(journey):
    expiring(journey)
    assert noticed(journey) == ["card_expiring"]


def test_whose_subscription_ends_after_the_next_renewal_is_told(journey):
    later = int((journey.now + timedelta(days=90)).timestamp())
    expiring(journey)["cancel_at"] = later
    assert noticed(journey) == ["card_expiring"]


@pytest.mark.parametrize(
    "changed",
    [
        {"pause_collection": {"behavior": "void", "resumes_at": None}},
        {"cancel_at_period_end": True},
        {"cancel_at": 1_796_000_000},
        {"collection_method": "send_invoice"},
        {"status": "paused"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_no_notice_where_the_card_will_not_be_charged(journey, changed):
    expiring(journey).update(changed)
    assert noticed(journey) == []


def test_no_notice_where_nothing_is_charged(journey):
    expiring(journey, amount=0)
    assert noticed(journey) == []


def test_no_notice_where_that_was_so_only_after_it_was_written(journey):
    subscription = expiring(journey)
    assert expiring_cards.scan(journey.services, journey.account) == 1
    subscription["collection_method"] = "send_invoice"
    journey.run(days=2)
    assert journey.sent == []
