"""Money that came in: what was paid, in which ways, and what was only forgiven."""

from __future__ import annotations

import pytest

from sandbox import lifecycle

pytestmark = pytest.mark.both_databases  # lines for each payment


def credit(journey, invoice, amount, **back):
    data = {"invoice": invoice, "amount": str(amount), "email_type": "none", **back}
    return journey.api("POST", "/v1/credit_notes", **data)


def record(journey, invoice, amount):
    """The company reports money that came in outside Stripe."""
    made = journey.api(
        "POST",
        "/v1/payment_records/report_payment",
        **{"amount_requested[value]": str(amount), "amount_requested[currency]": "usd"},
        initiated_at=str(int(journey.now.timestamp())),
        outcome="guaranteed",
    )
    journey.api("POST", f"/v1/invoices/{invoice}/attach_payment", payment_record=made["id"])


def truth(journey, invoice):
    case = journey.books.failed[invoice]
    return case.recovered_minor - case.given_back_minor


def net(journey):
    return sum(line.amount_minor for line in journey.ledger)


def state(journey, invoice):
    case = journey.case(invoice)
    return case.state, case.close_reason


def test_a_credit_for_all_of_it_is_no_money_won_back_and_nobody_is_thanked(journey):
    invoice = journey.fail(*["insufficient_funds"] * 9)
    journey.run(days=1, hours=2)
    credit(journey, invoice, 2900)
    journey.run(days=30)

    assert journey.won == []
    assert state(journey, invoice) == ("closed", "credited")
    assert "thank_you" not in journey.sent
    assert journey.reconcile().fixes == []  # the two sides agree


def test_of_an_invoice_credited_in_part_only_what_was_paid_is_won(journey):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(hours=1)
    credit(journey, invoice, 900)
    journey.run(days=3)

    assert journey.won == [("our_retry", 2000, "usd")]
    assert state(journey, invoice) == ("recovered", "")


def test_what_is_credited_after_the_payment_is_given_back_as_far_as_money_moved(journey):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(days=3)
    credit(journey, invoice, 1000, refund_amount="600", credit_amount="400")
    journey.run(days=1)

    assert journey.won == [("our_retry", 2900, "usd"), ("refunded", -600, "usd")]
    assert net(journey) == truth(journey, invoice)


def test_parts_are_booked_as_they_come_each_by_whom_it_came(journey):
    journey.sandbox.state.partial_payments = True
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(hours=1)
    record(journey, invoice, 500)
    journey.settle()
    assert journey.won == [("elsewhere", 500, "usd")]
    assert state(journey, invoice) == ("open", "")
    journey.run(days=3)

    assert journey.won == [("elsewhere", 500, "usd"), ("our_retry", 2400, "usd")]
    assert state(journey, invoice) == ("recovered", "")


def test_a_part_stays_booked_where_the_rest_never_comes(journey):
    journey.sandbox.state.partial_payments = True
    invoice = journey.fail(*["insufficient_funds"] * 20)
    journey.run(hours=1)
    record(journey, invoice, 500)
    journey.run(days=40)

    assert state(journey, invoice) == ("exhausted", "window_over")
    assert journey.won == [("elsewhere", 500, "usd")]


def test_a_part_and_a_credit_for_the_rest_is_recovered_with_the_part_alone(journey):
    journey.sandbox.state.partial_payments = True
    invoice = journey.fail("insufficient_funds")
    journey.run(hours=1)
    record(journey, invoice, 500)
    credit(journey, invoice, 2400)
    journey.run(days=1)

    assert state(journey, invoice) == ("recovered", "")
    assert journey.won == [("elsewhere", 500, "usd")]


def test_a_refund_that_fails_later_gives_the_money_back_to_the_ledger(journey):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(days=3)
    charge = journey.attempts(invoice)[-1].stripe_charge_id
    refund = journey.api("POST", "/v1/refunds", charge=charge, amount="1000")
    journey.settle()
    assert net(journey) == 1900
    lifecycle.fail_refund(journey.sandbox.store, journey.sandbox.store.get(refund["id"]))
    journey.settle()
    journey.reconcile()

    assert net(journey) == truth(journey, invoice) == 2900
    assert journey.verbs(invoice)[-1] == "returned"


@pytest.mark.parametrize("amount", [1000, 2900])
def test_a_refund_whose_event_was_lost_is_found(journey, amount):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(days=3)
    charge = journey.attempts(invoice)[-1].stripe_charge_id
    journey.sandbox.webhooks.lose = 1.0
    journey.api("POST", "/v1/refunds", charge=charge, amount=str(amount))
    journey.settle()
    assert net(journey) == 2900
    report = journey.reconcile()

    assert net(journey) == 2900 - amount
    assert [fix["invoice"] for fix in report.fixes] == [invoice]
    assert journey.reconcile().fixes == []
