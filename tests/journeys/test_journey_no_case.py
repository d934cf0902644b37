"""What opens no case, and amounts that are easily got wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest


def test_a_subscription_s_first_invoice_opens_no_case(journey):
    invoice = journey.fail("insufficient_funds")
    journey.sandbox.store.get(invoice)["billing_reason"] = "subscription_create"

    journey.run(days=5)
    journey.reconcile()

    assert journey.cases == []
    assert journey.charged(invoice) == [False]
    assert journey.mails == []


def test_an_invoice_that_is_sent_rather_than_charged_opens_no_case(journey):
    customer = journey.sandbox.add_customer()
    subscription = journey.sandbox.add_subscription(customer, collection_method="send_invoice")
    invoice = journey.sandbox.renew(subscription)["id"]

    journey.run(days=5)
    journey.reconcile()

    assert journey.cases == []
    assert journey.charged(invoice) == []


def test_a_one_off_invoice_opens_no_case(journey):
    customer = journey.sandbox.add_customer(card="4000000000000341")
    invoice = journey.sandbox.add_invoice(customer, 5000)
    journey.sandbox.emit("invoice.payment_failed", invoice)

    journey.run(days=5)
    journey.reconcile()

    assert journey.cases == []
    assert journey.mails == []


def test_a_renewal_of_nothing_opens_no_case(journey):
    subscription = journey.subscriber(amount=0)

    invoice = journey.sandbox.renew(subscription)
    journey.run(days=2)
    journey.reconcile()

    assert invoice["status"] == "paid"
    assert journey.cases == []


def test_a_renewal_that_is_paid_at_once_opens_no_case(journey):
    journey.sandbox.renew(journey.subscriber())

    journey.run(days=2)
    journey.reconcile()

    assert journey.cases == []
    assert journey.ledger == []


def test_an_event_about_an_unknown_customer_or_invoice_changes_nothing(journey):
    invoice = journey.fail("insufficient_funds")
    del journey.sandbox.store.objects[invoice]

    journey.run(days=2)

    assert journey.cases == []


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("jpy", 2900, "¥2,900"), ("usd", 2900, "$29.00"), ("eur", 2905, "€29.05")],
)
def test_amounts_are_shown_in_their_currency(journey, currency, amount, shown):
    journey.fail("expired_card", amount=amount, currency=currency)

    journey.settle()

    assert shown in journey.mails[0].text
    assert shown in journey.mails[0].html


def test_a_currency_without_minor_units_is_won_back_to_the_yen(journey):
    journey.fail("insufficient_funds", "approve", amount=2900, currency="jpy")

    journey.run(days=2)

    assert journey.won == [("our_retry", 2900, "jpy")]
    assert journey.sandbox.report()["recovered_minor"] == {"jpy": 2900}


def test_a_case_opens_once_for_a_renewal_and_again_for_the_next_one(journey):
    sandbox = journey.sandbox
    subscription = journey.subscriber()
    first = sandbox.fail_renewal(subscription, "expired_card")
    journey.run(days=30)
    second = sandbox.fail_renewal(subscription, "expired_card")
    journey.run(days=1)

    assert [case.stripe_invoice_id for case in journey.cases] == [first, second]
    assert [case.state for case in journey.cases] == ["exhausted", "open"]
    assert journey.cases[1].failed_at - journey.cases[0].failed_at == timedelta(days=30)


def test_a_renewal_that_ended_its_subscription_at_once_is_counted_as_lost(journey):
    """Stripe may be set to cancel at the first failure: nobody is written to, nothing is hidden."""
    subscription = journey.sandbox.add_subscription(journey.sandbox.add_customer())
    invoice = journey.sandbox.fail_renewal(subscription, "expired_card")
    subscription["status"] = "canceled"
    subscription["cancellation_details"]["reason"] = "payment_failed"
    journey.settle()
    assert journey.case(invoice).state == "closed"
    assert journey.case(invoice).close_reason == "subscription_ended"
    assert journey.mails == []


def test_the_last_invoice_of_somebody_who_left_by_choice_is_nobodys_loss(journey):
    subscription = journey.sandbox.add_subscription(journey.sandbox.add_customer())
    invoice = journey.sandbox.fail_renewal(subscription, "expired_card")
    journey.sandbox.cancel(subscription)
    journey.settle()
    assert journey.case(invoice) is None
    assert journey.reconcile().fixes == []
    assert journey.mails == []


def test_a_failure_that_was_mended_before_we_heard_of_it_still_counts(journey):
    subscription = journey.sandbox.add_subscription(journey.sandbox.add_customer(), 2900)
    invoice = journey.sandbox.fail_renewal(subscription)
    journey.sandbox.pay_on_hosted_page(invoice)
    journey.settle()
    assert journey.case(invoice).state == "recovered"
    assert [(line.source, line.amount_minor) for line in journey.ledger] == [("elsewhere", 2900)]
    assert journey.mails == []
