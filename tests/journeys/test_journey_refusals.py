"""Stripe refuses the request itself: no bank was asked, and asking again changes nothing."""

from __future__ import annotations

import pytest

from recover.dunning import DEFAULT
from recover.stripe_api.objects import PaymentMethod


def test_an_amount_below_the_minimum_is_asked_for_a_few_times_and_the_subscriber_written_to(
    journey,
):
    invoice = journey.fail("insufficient_funds")
    journey.run(hours=5)
    journey.sandbox.change_amount_owed(invoice, 30)  # Stripe charges no less than 50

    journey.run(days=20)

    tries = journey.tries(invoice)
    assert tries == [("stripe", "failed"), *[("schedule", "refused")] * 3]
    assert journey.sandbox.books.refused_requests[invoice] == 3
    assert len(journey.charged(invoice)) == 1
    assert "payment_failed" in journey.sent
    assert "Stripe refused this payment three times" in journey.case(invoice).next_step_reason


def test_the_pauses_between_refused_requests_grow(journey):
    invoice = journey.fail("insufficient_funds")
    journey.run(hours=5)
    journey.sandbox.change_amount_owed(invoice, 30)

    journey.run(days=20)

    first, second, third = [row.attempted_at for row in journey.attempts(invoice)[1:]]
    assert second - first >= DEFAULT.min_gap
    assert third - second >= 2 * DEFAULT.min_gap


def test_what_the_company_mends_is_charged_again(journey):
    invoice = journey.fail("insufficient_funds")
    journey.run(hours=5)
    journey.sandbox.change_amount_owed(invoice, 30)
    journey.run(days=10)

    journey.sandbox.change_amount_owed(invoice, 2900)
    method = journey.replace_card(journey.case(invoice).stripe_customer_id)
    journey.run(days=1)

    assert journey.case(invoice).state == "recovered"
    assert journey.attempts(invoice)[-1].payment_method_id == method


def test_a_card_that_is_gone_calls_for_another_and_is_not_asked_for_again(journey, monkeypatch):
    invoice = journey.fail("insufficient_funds")
    journey.run(hours=5)
    gone = PaymentMethod("pm_1gone", "card", "fp_gone", "visa", last4="0000")
    monkeypatch.setattr("recover.cases.evidence.Evidence.method", property(lambda _: gone))

    journey.run(days=6)

    assert journey.tries(invoice)[1:] == [("card_update", "refused")]
    assert journey.case(invoice).state == "open"
    assert "payment_failed" in journey.sent


@pytest.mark.parametrize("status", ["void", "paid"])
def test_an_invoice_that_ended_meanwhile_is_no_refusal(journey, status):
    invoice = journey.fail("insufficient_funds")
    journey.run(hours=5)
    if status == "void":
        journey.api("POST", f"/v1/invoices/{invoice}/void")
    else:
        journey.pay_elsewhere(invoice)
    journey.run(days=20)
    assert "refused" not in [outcome for _, outcome in journey.tries(invoice)]
