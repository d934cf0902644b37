"""How a case ends other than by our own doing, and what is owed to the truth afterwards."""

from __future__ import annotations

import pytest
from journey import CLEAN


def settle_first(journey, code="insufficient_funds"):
    """A case in the middle of its campaign, with a mail sent."""
    invoice = journey.fail(*[code] * 9)
    journey.run(days=1, hours=2)
    assert journey.case(invoice).state == "open"
    assert journey.sent == ["payment_failed"]
    return invoice, journey.case(invoice)


def void(journey, case):
    journey.api("POST", f"/v1/invoices/{case.stripe_invoice_id}/void")


def give_up(journey, case):
    journey.api("POST", f"/v1/invoices/{case.stripe_invoice_id}/mark_uncollectible")


def delete_invoice(journey, case):
    del journey.sandbox.store.objects[case.stripe_invoice_id]
    journey.reconcile()


def cancel(journey, case):
    journey.api("DELETE", f"/v1/subscriptions/{case.stripe_subscription_id}")


def pause(journey, case):
    journey.api(
        "POST",
        f"/v1/subscriptions/{case.stripe_subscription_id}",
        **{"pause_collection[behavior]": "keep_as_draft"},
    )


def delete_customer(journey, case):
    journey.api("DELETE", f"/v1/customers/{case.stripe_customer_id}")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (void, "voided"),
        (give_up, "uncollectible"),
        (delete_invoice, "deleted"),
        (cancel, "subscription_ended"),
        (pause, "paused"),
        (delete_customer, "subscription_ended"),
    ],
)
def test_what_ends_at_stripe_ends_here_and_nothing_more_leaves(journey, end, reason):
    invoice, case = settle_first(journey)

    end(journey, case)
    journey.run(days=30)

    case = journey.case(invoice)
    assert (case.state, case.close_reason, case.next_step_at) == ("closed", reason, None)
    assert len(journey.charged(invoice)) == 2
    assert journey.sent == ["payment_failed"]
    assert journey.ledger == []
    assert journey.verbs(invoice)[-1] == "close"
    assert journey.faults == CLEAN


def test_a_case_goes_on_when_a_paused_subscription_resumes(journey):
    invoice, case = settle_first(journey)
    pause(journey, case)
    journey.run(days=1)
    assert journey.case(invoice).close_reason == "paused"

    subscription = f"/v1/subscriptions/{case.stripe_subscription_id}"
    journey.api("POST", subscription, pause_collection="")
    journey.run(days=1)

    assert journey.case(invoice).state == "open"
    assert "reopen" in journey.verbs(invoice)
    assert len(journey.charged(invoice)) == 3


def test_an_invoice_paid_out_of_band_is_nobody_s_merit(journey):
    invoice, _ = settle_first(journey)

    journey.pay_elsewhere(invoice)
    journey.run(days=25)

    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("elsewhere", 2900, "usd")]
    assert len(journey.charged(invoice)) == 2
    assert journey.sent == ["payment_failed", "thank_you"]


def test_an_invoice_paid_on_stripe_s_hosted_page_is_not_ours(journey):
    invoice, _ = settle_first(journey)

    journey.sandbox.pay_on_hosted_page(invoice)
    journey.run(days=25)

    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("elsewhere", 2900, "usd")]
    assert journey.faults == CLEAN


def won_back(journey):
    """A recovered invoice, and the charge that paid it."""
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(days=2)
    assert journey.won == [("our_retry", 2900, "usd")]
    return journey.attempts(invoice)[-1].stripe_charge_id


def test_a_refund_nets_out_in_the_ledger_and_a_second_one_is_not_added_twice(journey):
    charge = won_back(journey)

    journey.api("POST", "/v1/refunds", charge=charge, amount="1000")
    journey.run(days=1)
    assert journey.won == [("our_retry", 2900, "usd"), ("refunded", -1000, "usd")]

    journey.api("POST", "/v1/refunds", charge=charge, amount="1900")
    journey.run(days=1)
    assert journey.won == [("our_retry", 2900, "usd"), ("refunded", -2900, "usd")]
    assert sum(line.amount_minor for line in journey.ledger) == 0


def test_a_dispute_nets_out_in_the_ledger(journey):
    charge = won_back(journey)

    journey.dispute(charge)
    journey.run(days=1)

    assert journey.won == [("our_retry", 2900, "usd"), ("disputed", -2900, "usd")]


def test_a_dispute_after_a_partial_refund_takes_no_more_than_was_paid(journey):
    charge = won_back(journey)

    journey.api("POST", "/v1/refunds", charge=charge, amount="1000")
    journey.settle()
    journey.dispute(charge)
    journey.run(days=1)

    assert sum(line.amount_minor for line in journey.ledger) == 0


def test_a_refund_that_is_heard_of_before_the_payment_is_not_forgotten(journey):
    invoice = journey.fail("insufficient_funds")
    journey.run(hours=1)
    journey.sandbox.webhooks.lose = 1.0
    journey.sandbox.pay_on_hosted_page(invoice)
    charge = journey.books.tries[-1].charge
    journey.sandbox.webhooks.lose = 0.0
    journey.api("POST", "/v1/refunds", charge=charge, amount="1000")
    journey.settle()

    journey.reconcile()

    assert journey.won == [("elsewhere", 2900, "usd"), ("refunded", -1000, "usd")]


def test_an_invoice_whose_amount_is_changed_by_the_company_ends_without_a_charge(journey):
    invoice, _ = settle_first(journey)
    journey.sandbox.store.get(invoice).update(amount_remaining=0, amount_due=0)
    journey.sandbox.emit("invoice.updated", invoice)

    journey.run(days=25)

    case = journey.case(invoice)
    assert (case.state, case.close_reason) == ("closed", "nothing_owed")
    assert len(journey.charged(invoice)) == 2
