import pytest
import requests
from sandbox_cast import code_of, error_of, open_desk


@pytest.fixture(scope="module")
def desk():
    with open_desk() as opened:
        yield opened


@pytest.fixture
def customer(desk):
    return desk.sandbox.add_customer()["id"]


def confirm(desk, intent, number, *, month="11", year="2034"):
    card = {"number": number, "exp_month": month, "exp_year": year, "cvc": "123"}
    fields = {f"payment_method_data[card][{name}]": value for name, value in card.items()}
    return desk.browser(
        f"/v1/setup_intents/{intent.id}/confirm", client_secret=intent.client_secret, **fields
    )


def event_types(desk, object_id):
    held = desk.sandbox.store.all("event")
    return [event["type"] for event in held if event["data"]["object"].get("id") == object_id]


def test_a_good_card_is_stored_and_attached(desk, customer):
    intent = desk.client.v1.setup_intents.create({"customer": customer, "usage": "off_session"})
    answer = confirm(desk, intent, "4242424242424242").json()
    assert answer["status"] == "succeeded"
    method = desk.client.v1.payment_methods.retrieve(answer["payment_method"])
    assert (method.customer, method.card.last4, method.card.brand) == (customer, "4242", "visa")
    assert "setup_intent.succeeded" in event_types(desk, intent.id)
    assert event_types(desk, method.id) == ["payment_method.attached"]
    listed = desk.client.v1.customers.payment_methods.list(customer).data
    assert listed[0].id == method.id


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4242424242424241", "incorrect_number", None),
    ],
)
def test_a_bad_card_is_refused_and_the_intent_remembers_why(
    desk, customer, number, code, decline_code
):
    intent = desk.client.v1.setup_intents.create({"customer": customer})
    answer = confirm(desk, intent, number)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("decline_code")) == (
        402,
        code,
        decline_code,
    )
    shown = desk.client.v1.setup_intents.retrieve(intent.id)
    assert (shown.status, shown.last_setup_error.code) == ("requires_payment_method", code)
    assert confirm(desk, intent, "4242424242424242").json()["status"] == "succeeded"


@pytest.mark.parametrize(("month", "year"), [("13", "2034"), ("1", "2020"), ("x", "2034")])
def test_a_senseless_date_is_refused(desk, customer, month, year):
    intent = desk.client.v1.setup_intents.create({"customer": customer})
    error = confirm(desk, intent, "4242424242424242", month=month, year=year).json()["error"]
    assert error["code"].startswith("invalid_expiry_")


def test_the_card_that_attaches_is_declined_when_charged(desk, customer):
    intent = desk.client.v1.setup_intents.create({"customer": customer})
    assert confirm(desk, intent, "4000000000000341").json()["status"] == "succeeded"


def test_a_setup_that_was_authenticated_is_not_asked_again(desk, customer):
    intent = desk.client.v1.setup_intents.create({"customer": customer})
    assert confirm(desk, intent, "4000002500003155").json()["status"] == "requires_action"
    answer = desk.browser(
        "/v1/sandbox/authenticate", client_secret=intent.client_secret, outcome="success"
    )
    method = answer.json()["payment_method"]
    subscription = desk.sandbox.add_subscription(desk.sandbox.store.get(customer), method=method)
    assert desk.sandbox.renew(subscription)["status"] == "paid"


def test_a_setup_whose_authentication_failed_keeps_no_card(desk, customer):
    intent = desk.client.v1.setup_intents.create({"customer": customer})
    confirm(desk, intent, "4000002760003184")
    answer = desk.browser(
        "/v1/sandbox/authenticate", client_secret=intent.client_secret, outcome="fail"
    )
    assert answer.json()["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    assert answer.json()["payment_method"] is None


def test_a_typed_number_has_one_fingerprint_wherever_it_is_typed(desk):
    prints = set()
    for _ in range(2):
        intent = desk.client.v1.setup_intents.create(
            {"customer": desk.sandbox.add_customer()["id"]}
        )
        method = confirm(desk, intent, "4242424242424242").json()["payment_method"]
        prints.add(desk.client.v1.payment_methods.retrieve(method).card.fingerprint)
    assert len(prints) == 1
    issued = {desk.sandbox.issue_card() for _ in range(50)}
    assert len(issued) == 50


def test_a_detached_card_leaves_every_place_that_named_it(desk):
    customer = desk.sandbox.add_customer()
    method = customer["invoice_settings"]["default_payment_method"]
    subscription = desk.sandbox.add_subscription(customer, method=method)
    assert desk.client.v1.payment_methods.detach(method).customer is None
    shown = desk.client.v1.customers.retrieve(customer["id"])
    assert shown.invoice_settings.default_payment_method is None
    renewed = desk.client.v1.subscriptions.retrieve(subscription["id"])
    assert renewed.default_payment_method is None
    assert desk.client.v1.customers.payment_methods.list(customer["id"]).data == []
    client = desk.client.v1.payment_methods
    assert client.attach(method, {"customer": customer["id"]}).customer == customer["id"]
    other = desk.sandbox.add_customer()["id"]
    error = error_of(lambda: client.attach(method, {"customer": other}))
    assert code_of(error) == "payment_method_unexpected_state"


def test_a_strangers_card_cannot_become_the_default(desk, customer):
    stranger = desk.sandbox.add_card(desk.sandbox.add_customer()["id"], "4242424242424242")
    settings = {"invoice_settings": {"default_payment_method": stranger}}
    error = error_of(lambda: desk.client.v1.customers.update(customer, settings))
    assert (error.http_status, code_of(error)) == (400, "resource_missing")


def test_changing_the_default_says_what_it_was(desk):
    customer = desk.sandbox.add_customer()
    old = customer["invoice_settings"]["default_payment_method"]
    new = desk.sandbox.add_card(customer["id"], "4242424242424242")
    settings = {"invoice_settings": {"default_payment_method": new}}
    desk.client.v1.customers.update(customer["id"], settings)
    event = desk.client.v1.events.list({"type": "customer.updated", "limit": 1}).data[0]
    before = event.data.previous_attributes.to_dict()
    assert before["invoice_settings"]["default_payment_method"] == old


def test_a_deleted_customer_is_a_stub_and_their_subscriptions_end(desk):
    customer = desk.sandbox.add_customer()
    subscription = desk.sandbox.add_subscription(customer)
    invoice = desk.sandbox.fail_renewal(subscription)
    desk.client.v1.customers.delete(customer["id"])
    shown = desk.client.v1.invoices.retrieve(invoice, {"expand": ["customer"]}).customer.to_dict()
    assert shown == {"id": customer["id"], "object": "customer", "deleted": True}
    assert desk.client.v1.subscriptions.retrieve(subscription["id"]).status == "canceled"
    assert error_of(lambda: desk.client.v1.invoices.pay(invoice)).http_status == 400
    assert customer["id"] not in [one.id for one in desk.client.v1.customers.list().data]


def test_only_a_draft_can_be_deleted(desk, customer):
    draft = desk.client.v1.invoices.create({"customer": customer})
    assert desk.client.v1.invoices.delete(draft.id).deleted
    assert error_of(lambda: desk.client.v1.invoices.retrieve(draft.id)).http_status == 404
    open_one = desk.failed_invoice()
    assert error_of(lambda: desk.client.v1.invoices.delete(open_one)).http_status == 400


# -- hosted Checkout ---------------------------------------------------------------------------


def session_for(desk, customer):
    return desk.client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "customer": customer,
            "currency": "usd",
            "success_url": "https://shop.test/done?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.test/",
        }
    )


def submit(session, **fields):
    return requests.post(session.url, data=fields, timeout=10, allow_redirects=False)


def test_checkout_takes_a_card_without_scripts_and_sends_the_visitor_home(desk, customer):
    session = session_for(desk, customer)
    assert "Fernhill Software" in requests.get(session.url, timeout=10).text
    back = submit(session, number="4242 4242 4242 4242", expiry="11 / 34", cvc="123")
    assert back.status_code == 303
    assert back.headers["Location"] == f"https://shop.test/done?s={session.id}"
    shown = desk.client.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert (shown.status, shown.setup_intent.status) == ("complete", "succeeded")
    assert requests.get(session.url, timeout=10).status_code == 410


def test_checkout_explains_a_decline_and_lets_the_visitor_try_again(desk, customer):
    session = session_for(desk, customer)
    declined = submit(session, number="4000000000000002", exp_month="1", exp_year="2030")
    assert "Your card was declined." in declined.text
    assert submit(session, number="4242424242424242", expiry="1/30").status_code == 303


def test_checkout_asks_the_bank_where_the_bank_asks(desk, customer):
    session = session_for(desk, customer)
    asked = submit(session, number="4000002760003184", expiry="11/34")
    assert "Complete authentication" in asked.text
    assert submit(session, outcome="success").status_code == 303
