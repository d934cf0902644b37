import pytest
import stripe
from sandbox_cast import code_of, error_of, open_desk


@pytest.fixture(scope="module")
def desk():
    with open_desk() as opened:
        yield opened


def pay(desk, invoice, **params):
    return desk.client.v1.invoices.pay(invoice, params)


def events(desk, *ids):
    """Types of the events about these objects, oldest first."""
    held = desk.sandbox.store.all("event")
    return [event["type"] for event in held if event["data"]["object"].get("id") in ids]


def intent_of(desk, invoice):
    payments = desk.client.v1.invoice_payments.list({"invoice": invoice}).data
    [default] = [one for one in payments if one.is_default]
    return desk.client.v1.payment_intents.retrieve(
        default.payment.payment_intent, {"expand": ["latest_charge"]}
    )


def test_a_payment_settles_the_invoice_its_intent_and_its_subscription(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    before = desk.client.v1.invoices.retrieve(invoice)
    subscription = before.parent.subscription_details.subscription
    assert desk.client.v1.subscriptions.retrieve(subscription).status == "past_due"
    paid = pay(desk, invoice)
    assert (paid.status, paid.amount_remaining, paid.amount_paid) == ("paid", 0, 2900)
    assert paid.attempt_count == 1
    intent = intent_of(desk, invoice)
    assert intent.status == "succeeded"
    assert intent.latest_charge.outcome.type == "authorized"
    assert desk.client.v1.subscriptions.retrieve(subscription).status == "active"
    assert events(desk, invoice)[-2:] == ["invoice.paid", "invoice.payment_succeeded"]


def test_a_decline_is_a_card_error_that_carries_everything(desk):
    invoice = desk.failed_invoice("insufficient_funds", "lost_card")
    error = error_of(lambda: pay(desk, invoice))
    assert isinstance(error, stripe.CardError)
    told = error.json_body["error"]
    assert (error.http_status, told["code"], told["decline_code"]) == (
        402,
        "card_declined",
        "lost_card",
    )
    assert told["advice_code"] == "do_not_try_again"
    assert told["network_decline_code"] == "41"
    assert "lost" not in told["message"]
    assert told["payment_intent"]["status"] == "requires_payment_method"
    charge = desk.client.v1.charges.retrieve(told["charge"])
    assert (charge.status, charge.outcome.reason) == ("failed", "lost_card")
    assert charge.outcome.network_status == "declined_by_network"
    assert events(desk, invoice)[-1] == "invoice.payment_failed"


def test_a_manual_try_does_not_move_the_count_of_attempts(desk):
    invoice = desk.failed_invoice("insufficient_funds", "do_not_honor", "do_not_honor")
    for _ in range(2):
        error_of(lambda: pay(desk, invoice))
    assert desk.client.v1.invoices.retrieve(invoice).attempt_count == 1
    intent = intent_of(desk, invoice).id
    assert len(desk.client.v1.charges.list({"payment_intent": intent}).data) == 3


def test_a_paid_invoice_cannot_be_paid_again(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve", "approve")
    pay(desk, invoice)
    error = error_of(lambda: pay(desk, invoice))
    assert isinstance(error, stripe.InvalidRequestError)
    assert "Invoice is already paid" in str(error)


def test_a_void_invoice_cannot_be_paid(desk):
    invoice = desk.failed_invoice()
    assert desk.client.v1.invoices.void_invoice(invoice).status == "void"
    assert "Voided invoices" in str(error_of(lambda: pay(desk, invoice)))
    assert intent_of(desk, invoice).status == "canceled"


def test_an_uncollectible_invoice_may_still_be_paid(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    marked = desk.client.v1.invoices.mark_uncollectible(invoice)
    assert marked.status == "uncollectible"
    assert pay(desk, invoice).status == "paid"


def test_paid_out_of_band_there_is_no_charge(desk):
    invoice = desk.failed_invoice()
    paid = pay(desk, invoice, paid_out_of_band=True)
    assert (paid.status, paid.amount_paid_off_stripe) == ("paid", 2900)
    assert intent_of(desk, invoice).status == "canceled"
    assert desk.sandbox.books.failed[invoice].source == "out_of_band"


def test_another_payment_method_may_be_named_if_it_is_the_customers(desk):
    customer = desk.sandbox.add_customer(card="4000000000000341")
    invoice = desk.sandbox.fail_renewal(desk.sandbox.add_subscription(customer))
    good = desk.sandbox.add_card(customer["id"], "4242424242424242")
    stranger = desk.sandbox.add_card(desk.sandbox.add_customer()["id"], "4242424242424242")
    error = error_of(lambda: pay(desk, invoice, payment_method=stranger))
    assert "must be attached to the customer" in str(error)
    assert pay(desk, invoice, payment_method=good).status == "paid"


def test_stripe_charges_the_subscriptions_own_method_before_the_customers(desk):
    customer = desk.sandbox.add_customer(card="4242424242424242")
    own = desk.sandbox.add_card(customer["id"], "4000000000000341")
    subscription = desk.sandbox.add_subscription(customer, method=own)
    invoice = desk.sandbox.renew(subscription)
    assert invoice["status"] == "open"
    update = {"default_payment_method": ""}
    desk.client.v1.subscriptions.update(subscription["id"], update)
    assert pay(desk, invoice["id"]).status == "paid"


def test_a_legacy_card_is_charged_where_there_is_no_payment_method(desk):
    customer = desk.sandbox.add_customer(legacy_source=True)
    assert customer["default_source"].startswith("card_")
    invoice = desk.sandbox.renew(desk.sandbox.add_subscription(customer))
    assert invoice["status"] == "paid"


def test_without_any_method_the_renewal_fails_and_nothing_is_charged(desk):
    customer = desk.sandbox.add_customer(card=None)
    invoice = desk.sandbox.renew(desk.sandbox.add_subscription(customer))
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    assert "invoice.payment_failed" in events(desk, invoice["id"])
    error = error_of(lambda: pay(desk, invoice["id"]))
    assert (error.http_status, code_of(error)) == (400, None)
    assert "default_payment_method" in str(error)


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000341", "card_declined", "generic_decline"),
        ("4000000000000119", "processing_error", "processing_error"),
    ],
)
def test_the_test_cards_decline_as_stripes_do(desk, number, code, decline_code):
    invoice = desk.failed_invoice(card=number)
    error = error_of(lambda: pay(desk, invoice)).json_body["error"]
    assert (error["code"], error["decline_code"]) == (code, decline_code)


def test_a_block_by_stripe_never_reached_the_network(desk):
    invoice = desk.failed_invoice(card="4000000000004954")
    error_of(lambda: pay(desk, invoice))
    outcome = intent_of(desk, invoice).latest_charge.outcome
    assert (outcome.type, outcome.reason) == ("blocked", "highest_risk_level")
    assert outcome.network_status == "not_sent_to_network"


# -- authentication ----------------------------------------------------------------------------


def authenticate(desk, secret, outcome):
    return desk.browser("/v1/sandbox/authenticate", client_secret=secret, outcome=outcome)


def test_off_session_an_issuer_that_wants_authentication_declines(desk):
    invoice = desk.failed_invoice(card="4000002760003184")
    error = error_of(lambda: pay(desk, invoice))
    assert (error.http_status, code_of(error)) == (402, "authentication_required")
    assert error.json_body["error"]["payment_intent"]["status"] == "requires_action"
    assert "invoice.payment_action_required" in events(desk, invoice)


def test_on_session_the_cardholder_is_asked_and_nothing_is_charged_yet(desk):
    invoice = desk.failed_invoice(card="4000002760003184")
    tries = len(desk.sandbox.books.tries)
    error = error_of(lambda: pay(desk, invoice, off_session=False))
    assert code_of(error) == "invoice_payment_intent_requires_action"
    assert len(desk.sandbox.books.tries) == tries
    secret = error.json_body["error"]["payment_intent"]["client_secret"]
    assert authenticate(desk, secret, "success").json()["status"] == "succeeded"
    assert desk.client.v1.invoices.retrieve(invoice).status == "paid"
    assert desk.sandbox.books.failed[invoice].source == "authenticated"


def test_a_failed_authentication_leaves_the_invoice_open(desk):
    invoice = desk.failed_invoice("authentication_required")
    secret = intent_of(desk, invoice).client_secret
    answer = authenticate(desk, secret, "fail").json()
    assert answer["status"] == "requires_payment_method"
    assert answer["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert desk.client.v1.invoices.retrieve(invoice).status == "open"


def test_authentication_does_not_fill_an_account(desk):
    invoice = desk.failed_invoice("authentication_required", "insufficient_funds")
    secret = intent_of(desk, invoice).client_secret
    answer = authenticate(desk, secret, "success")
    assert answer.status_code == 402
    assert answer.json()["error"]["decline_code"] == "insufficient_funds"


def test_a_payment_can_be_confirmed_with_a_card_typed_on_the_page(desk):
    invoice = desk.failed_invoice()
    intent = intent_of(desk, invoice)
    card = {"number": desk.sandbox.issue_card(), "exp_month": "4", "exp_year": "2031"}
    fields = {f"payment_method_data[card][{name}]": value for name, value in card.items()}
    path = f"/v1/payment_intents/{intent.id}/confirm"
    answer = desk.browser(path, client_secret=intent.client_secret, **fields)
    assert answer.json()["status"] == "succeeded"
    assert desk.browser(path, client_secret=intent.client_secret).status_code == 400


# -- afterwards --------------------------------------------------------------------------------


def test_a_refund_is_capped_by_what_is_left(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    pay(desk, invoice)
    charge = intent_of(desk, invoice).latest_charge.id
    refunds = desk.client.v1.refunds
    assert refunds.create({"charge": charge, "amount": 900}).amount == 900
    assert error_of(lambda: refunds.create({"charge": charge, "amount": 2001})).http_status == 400
    assert refunds.create({"charge": charge}).amount == 2000
    shown = desk.client.v1.charges.retrieve(charge)
    assert (shown.amount_refunded, shown.refunded) == (2900, True)
    assert (
        code_of(error_of(lambda: refunds.create({"charge": charge}))) == "charge_already_refunded"
    )


def test_an_invoice_of_nothing_is_paid_by_itself(desk):
    subscription = desk.sandbox.add_subscription(desk.sandbox.add_customer(), amount=0)
    invoice = desk.sandbox.renew(subscription)
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", 0)
    assert desk.client.v1.invoice_payments.list({"invoice": invoice["id"]}).data == []
