"""Credit notes, parts and payment records, through Stripe's own client."""

import pytest
from sandbox_cast import error_of, open_desk

from sandbox import lifecycle

OWED = 2900


@pytest.fixture
def desk():
    with open_desk("calm") as desk:
        yield desk


def credit(desk, invoice, amount, **back):
    params = {"invoice": invoice, "amount": amount, "email_type": "none", **back}
    return desk.client.v1.credit_notes.create(params)


def read(desk, invoice):
    return desk.client.v1.invoices.retrieve(invoice, {"expand": ["payments"]})


def payments(desk, invoice):
    return {
        (one.payment.type, one.status, one.amount_paid) for one in read(desk, invoice).payments.data
    }


def truth(desk, invoice):
    case = desk.sandbox.books.failed[invoice]
    return case.recovered_minor, case.given_back_minor


def part(desk, invoice, amount, **params):
    shown = read(desk, invoice)
    cards = desk.client.v1.payment_methods.list({"customer": shown.customer}).data
    intent = desk.client.v1.payment_intents.create(
        {
            "amount": amount,
            "currency": shown.currency,
            "customer": shown.customer,
            "payment_method": cards[0].id,
            **params,
        }
    )
    return desk.client.v1.invoices.attach_payment(invoice, {"payment_intent": intent.id})


def record(desk, amount):
    return desk.client.v1.payment_records.report_payment(
        {
            "amount_requested": {"currency": "usd", "value": amount},
            "initiated_at": desk.sandbox.clock.epoch(),
            "payment_method_details": {"type": "custom", "custom": {"display_name": "Bank"}},
            "outcome": "guaranteed",
            "guaranteed": {"guaranteed_at": desk.sandbox.clock.epoch()},
        }
    )


def test_a_credit_for_all_of_an_open_invoice_makes_it_paid_with_no_money(desk):
    invoice = desk.failed_invoice()
    note = credit(desk, invoice, OWED)
    shown = read(desk, invoice)

    assert (note.type, note.pre_payment_amount, note.post_payment_amount) == (
        "pre_payment",
        OWED,
        0,
    )
    assert (shown.status, shown.amount_due, shown.amount_paid, shown.amount_remaining) == (
        "paid",
        0,
        0,
        0,
    )
    assert shown.pre_payment_credit_notes_amount == OWED
    assert payments(desk, invoice) == {("payment_intent", "canceled", None)}
    assert truth(desk, invoice) == (0, 0)
    assert desk.sandbox.books.failed[invoice].recovered_at is None


def test_after_a_credit_for_a_part_only_the_rest_is_charged(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    credit(desk, invoice, 900)
    assert read(desk, invoice).status == "open"
    desk.client.v1.invoices.pay(invoice)
    shown = read(desk, invoice)

    assert (shown.status, shown.amount_due, shown.amount_paid) == ("paid", 2000, 2000)
    assert payments(desk, invoice) == {("payment_intent", "paid", 2000)}
    assert truth(desk, invoice) == (2000, 0)


def test_after_the_payment_a_credit_gives_back_by_refund_by_balance_or_elsewhere(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    desk.client.v1.invoices.pay(invoice)
    note = credit(desk, invoice, 1000, refund_amount=500, credit_amount=300, out_of_band_amount=200)
    shown = read(desk, invoice)
    customer = desk.client.v1.customers.retrieve(shown.customer)

    assert (note.type, note.post_payment_amount, len(note.refunds)) == ("post_payment", 1000, 1)
    assert (shown.status, shown.amount_paid, shown.amount_due) == ("paid", OWED, OWED)
    assert shown.post_payment_credit_notes_amount == 1000
    assert customer.balance == -300
    assert truth(desk, invoice) == (OWED, 500)


@pytest.mark.parametrize(
    ("amount", "back"),
    [(OWED + 1, {}), (1000, {"refund_amount": 999}), (0, {}), (3000, {"credit_amount": 3000})],
)
def test_a_note_that_does_not_add_up_is_refused(desk, amount, back):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    desk.client.v1.invoices.pay(invoice)
    error_of(lambda: credit(desk, invoice, amount, **back))
    assert desk.client.v1.credit_notes.list({"invoice": invoice}).data == []


def test_a_note_may_be_taken_back_while_the_invoice_is_open(desk):
    invoice = desk.failed_invoice()
    note = credit(desk, invoice, 900)
    desk.client.v1.credit_notes.void_credit_note(note.id)
    assert read(desk, invoice).amount_remaining == OWED
    error_of(lambda: desk.client.v1.credit_notes.void_credit_note(note.id))


def test_no_part_is_taken_for_an_automatically_charged_renewal(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    assert "not supported" in str(error_of(lambda: part(desk, invoice, 900, confirm=True)))
    half = record(desk, 900)
    refusal = error_of(
        lambda: desk.client.v1.invoices.attach_payment(invoice, {"payment_record": half.id})
    )
    assert "not supported" in str(refusal)


def test_parts_add_up_until_the_invoice_is_paid(desk):
    desk.sandbox.state.partial_payments = True
    invoice = desk.failed_invoice("insufficient_funds", "approve", "approve")
    part(desk, invoice, 900, confirm=True)
    assert (read(desk, invoice).status, read(desk, invoice).amount_remaining) == ("open", 2000)
    error_of(lambda: desk.client.v1.invoices.void_invoice(invoice))
    desk.client.v1.invoices.attach_payment(invoice, {"payment_record": record(desk, 500).id})
    desk.client.v1.invoices.pay(invoice)
    shown = read(desk, invoice)

    assert (shown.status, shown.amount_paid, shown.amount_paid_off_stripe) == ("paid", OWED, 500)
    assert payments(desk, invoice) == {
        ("payment_intent", "paid", 900),
        ("payment_record", "paid", 500),
        ("payment_intent", "paid", 1500),
    }
    assert truth(desk, invoice) == (OWED, 0)


def test_what_is_paid_too_much_goes_to_the_customers_balance(desk):
    invoice = desk.failed_invoice()
    desk.client.v1.invoices.attach_payment(invoice, {"payment_record": record(desk, 3000).id})
    shown = read(desk, invoice)
    assert (shown.status, shown.amount_paid, shown.amount_overpaid) == ("paid", OWED, 100)
    assert desk.client.v1.customers.retrieve(shown.customer).balance == -100
    assert truth(desk, invoice) == (OWED, 0)


def test_a_refund_that_fails_later_is_money_that_did_not_go_back(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    desk.client.v1.invoices.pay(invoice)
    store = desk.sandbox.store
    [charge] = [one for one in store.all("charge") if one["paid"]]
    refund = desk.client.v1.refunds.create({"charge": charge["id"], "amount": 700})
    assert truth(desk, invoice) == (OWED, 700)
    lifecycle.fail_refund(store, store.get(refund.id))

    assert desk.client.v1.refunds.retrieve(refund.id).status == "failed"
    assert desk.client.v1.charges.retrieve(charge["id"]).amount_refunded == 0
    assert truth(desk, invoice) == (OWED, 0)
