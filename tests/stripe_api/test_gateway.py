"""The gateway against a real HTTP server that answers as it is told, request by request."""

import json
import logging
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import pytest

from recover.foundation.errors import StripeAccessLost, StripeRejected, StripeUnavailable
from recover.stripe_api.gateway import API_VERSION, StripeGateway
from recover.stripe_api.objects import CardField

KEY = "sk_test_" + "secretsecret"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


class ScriptedStripe:
    """Answers requests with a queue of (status, body, headers); keeps what it was asked."""

    def __init__(self, url):
        self.url = url
        self.answers = []
        self.requests = []

    def answer(self, status, body, **headers):
        self.answers.append((status, body, headers))

    def error(self, status, headers=(), **error):
        self.answers.append((status, {"error": error}, dict(headers)))

    @property
    def paths(self):
        return [request["path"] for request in self.requests]


@contextmanager
def serving():
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keep-alive

        def do_GET(self):
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            stripe.requests.append(
                {
                    "method": self.command,
                    "path": address.path,
                    "params": parse_qs(address.query or body),
                    "headers": dict(self.headers),
                    "connection": self.client_address,
                }
            )
            status, answer, headers = stripe.answers.pop(0)
            payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Request-Id", "req_1")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_DELETE = do_GET  # noqa: N815 - the server looks for these names

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stripe = ScriptedStripe(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stripe
    finally:
        server.shutdown()
        thread.join()
        server.socket.close()


@pytest.fixture
def stripe():
    with serving() as scripted:
        yield scripted


@pytest.fixture
def account(stripe):
    gateway = StripeGateway(stripe.url, retries=0)
    yield gateway.account(KEY, "acct_1")
    gateway._connections.close()


def pay(account, **changes):
    return account.pay("in_1", idempotency_key="attempt-1", **changes)


def paid_invoice(status="paid", intent_status="succeeded"):
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "status": intent_status,
        "latest_charge": "ch_1",
        "client_secret": "pi_1_secret_x",
    }
    payment = {
        "object": "invoice_payment",
        "is_default": True,
        "status": "paid",
        "payment": {"type": "payment_intent", "payment_intent": intent},
    }
    return {
        "id": "in_1",
        "object": "invoice",
        "status": status,
        "amount_due": 1999,
        "payments": {"object": "list", "data": [payment], "has_more": False},
    }


# What is sent


def test_a_request_carries_the_pinned_version_the_key_and_the_account(stripe, account):
    stripe.answer(200, {"id": "ch_1", "object": "charge"})
    account.charge("ch_1")
    headers = stripe.requests[0]["headers"]
    assert headers["Stripe-Version"] == API_VERSION == "2026-10-28.endive"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Stripe-Account"] == "acct_1"


def test_a_directly_connected_account_needs_no_account_header(stripe):
    stripe.answer(200, {"id": "ch_1", "object": "charge"})
    StripeGateway(stripe.url, retries=0).account("rk_test_1").charge("ch_1")
    assert "Stripe-Account" not in stripe.requests[0]["headers"]


def test_an_attempts_own_idempotency_key_is_sent(stripe, account):
    stripe.answer(200, paid_invoice())
    pay(account)
    assert stripe.requests[0]["headers"]["Idempotency-Key"] == "attempt-1"


def test_each_kind_of_payment_method_is_named_by_its_own_parameter(stripe, account):
    for method in (None, "pm_1", "card_1"):
        stripe.answer(200, paid_invoice())
        pay(account, payment_method_id=method, off_session=False)
    sent = [request["params"] for request in stripe.requests]
    assert [one.get("payment_method") for one in sent] == [None, ["pm_1"], None]
    assert [one.get("source") for one in sent] == [None, None, ["card_1"]]
    assert {one["off_session"][0] for one in sent} == {"false"}


@pytest.mark.parametrize(
    ("field", "path", "param"),
    [
        (CardField.SUBSCRIPTION_METHOD, "/v1/subscriptions/sub_1", "default_payment_method"),
        (CardField.SUBSCRIPTION_SOURCE, "/v1/subscriptions/sub_1", "default_payment_method"),
        (
            CardField.CUSTOMER_METHOD,
            "/v1/customers/cus_1",
            "invoice_settings[default_payment_method]",
        ),
        (
            CardField.CUSTOMER_SOURCE,
            "/v1/customers/cus_1",
            "invoice_settings[default_payment_method]",
        ),
    ],
)
def test_a_new_card_is_written_to_the_object_whose_card_failed(stripe, account, field, path, param):
    stripe.answer(200, {"id": "x", "object": "customer"})
    account.set_default_method(
        field, customer_id="cus_1", subscription_id="sub_1", payment_method_id="pm_2"
    )
    assert stripe.paths == [path]
    assert stripe.requests[0]["params"] == {param: ["pm_2"]}


def test_an_empty_id_asks_stripe_nothing(stripe, account):
    assert account.invoice("") is None
    with pytest.raises(StripeRejected):
        account.set_default_method(
            CardField.SUBSCRIPTION_METHOD,
            customer_id="cus_1",
            subscription_id="",
            payment_method_id="pm_1",
        )
    with pytest.raises(StripeRejected):
        account.mark_uncollectible("")
    assert stripe.requests == []


# Paying


def test_a_paid_invoice_is_a_success(stripe, account):
    stripe.answer(200, paid_invoice())
    payment = pay(account)
    assert (payment.status, payment.invoice_status) == ("succeeded", "paid")
    assert (payment.payment_intent_id, payment.charge_id) == ("pi_1", "ch_1")


def test_a_bank_debit_is_under_way(stripe, account):
    stripe.answer(200, paid_invoice("open", "processing"))
    assert pay(account).status == "processing"


def test_an_invoice_covered_by_a_credit_balance_is_a_success_without_a_charge(stripe, account):
    stripe.answer(200, {"id": "in_1", "object": "invoice", "status": "paid"})
    assert (pay(account).status, pay_ids(stripe, account)) == ("succeeded", ("", ""))


def pay_ids(stripe, account):
    stripe.answer(200, {"id": "in_1", "object": "invoice", "status": "paid"})
    payment = pay(account)
    return payment.payment_intent_id, payment.charge_id


DECLINE = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "insufficient_funds",
    "advice_code": "try_again_later",
    "network_decline_code": "51",
    "network_advice_code": "24",
    "charge": "ch_9",
    "message": "Your card has insufficient funds.",
}


def test_a_decline_is_a_value_with_all_of_stripes_words(stripe, account):
    intent = {"id": "pi_9", "status": "requires_payment_method", "client_secret": "pi_9_secret_x"}
    stripe.error(402, **DECLINE, payment_intent=intent)
    payment = pay(account)
    assert (payment.status, payment.invoice_status) == ("declined", "open")
    assert (payment.error_code, payment.decline_code) == ("card_declined", "insufficient_funds")
    assert payment.advice_code == "try_again_later"
    assert (payment.network_decline_code, payment.network_advice_code) == ("51", "24")
    assert (payment.payment_intent_id, payment.charge_id) == ("pi_9", "ch_9")
    assert payment.message == "Your card has insufficient funds."
    assert len(stripe.requests) == 1


def test_where_a_decline_names_no_payment_the_invoice_is_asked(stripe, account):
    stripe.error(402, **DECLINE)
    stripe.answer(200, paid_invoice("open", "requires_payment_method"))
    payment = pay(account)
    assert (payment.status, payment.payment_intent_id) == ("declined", "pi_1")
    assert stripe.paths == ["/v1/invoices/in_1/pay", "/v1/invoices/in_1"]


def test_a_decline_stays_a_decline_when_the_invoice_was_paid_meanwhile(stripe, account):
    stripe.error(402, **DECLINE)
    stripe.answer(200, paid_invoice())
    payment = pay(account)
    assert (payment.status, payment.invoice_status) == ("declined", "paid")


def test_a_decline_is_not_lost_when_the_second_question_fails(stripe, account):
    stripe.error(402, **DECLINE)
    stripe.error(500, message="oops")
    payment = pay(account)
    assert (payment.status, payment.decline_code) == ("declined", "insufficient_funds")
    assert payment.payment_intent_id == ""


@pytest.mark.parametrize("http_status", [402, 400])
def test_a_wish_for_authentication_comes_with_the_secret_to_do_so(stripe, account, http_status):
    stripe.error(http_status, code="invoice_payment_intent_requires_action", message="3DS")
    stripe.answer(200, paid_invoice("open", "requires_action"))
    payment = pay(account)
    assert (payment.status, payment.client_secret) == ("requires_action", "pi_1_secret_x")


def test_an_off_session_wish_for_authentication_is_no_plain_decline(stripe, account):
    intent = {"id": "pi_9", "status": "requires_payment_method"}
    code = "authentication_required"
    stripe.error(402, code=code, decline_code=code, payment_intent=intent)
    assert pay(account).status == "requires_action"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("paid", "invoice_already_paid"),
        ("void", "invoice_void"),
        ("draft", "invoice_draft"),
        ("uncollectible", ""),
        ("open", ""),
    ],
)
def test_why_an_invoice_cannot_be_paid_is_read_off_the_invoice(stripe, account, status, code):
    stripe.error(400, type="invalid_request_error", message="Invoice is already paid")
    stripe.answer(200, paid_invoice(status))
    with pytest.raises(StripeRejected, match="Invoice is already paid") as caught:
        pay(account)
    assert caught.value.code == code


def test_stripes_own_code_is_kept_and_saves_the_question(stripe, account):
    stripe.error(400, code="invoice_not_editable", message="no")
    with pytest.raises(StripeRejected) as caught:
        pay(account)
    assert (caught.value.code, len(stripe.requests)) == ("invoice_not_editable", 1)


def test_paying_an_invoice_that_is_gone_is_rejected(stripe, account):
    stripe.error(404, code="resource_missing", message="No such invoice")
    with pytest.raises(StripeRejected) as caught:
        pay(account)
    assert caught.value.code == "resource_missing"


@pytest.mark.parametrize(
    ("intent", "status", "code"),
    [
        ({"status": "succeeded", "last_payment_error": {"code": "old"}}, "succeeded", ""),
        ({"status": "processing"}, "processing", ""),
        ({"status": "requires_action"}, "requires_action", ""),
        (
            {"status": "requires_payment_method", "last_payment_error": {"code": "expired_card"}},
            "declined",
            "expired_card",
        ),
        (
            {
                "status": "requires_payment_method",
                "last_payment_error": {"code": "authentication_required"},
            },
            "requires_action",
            "authentication_required",
        ),
        ({"status": "canceled"}, "declined", ""),
    ],
)
def test_a_payment_intent_tells_how_its_latest_try_stands(stripe, account, intent, status, code):
    stripe.answer(200, {"id": "pi_1", "object": "payment_intent", **intent})
    payment = account.payment_intent("pi_1")
    assert (payment.status, payment.error_code) == (status, code)


# Errors


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_no_good_is_access_lost(stripe, account, status):
    stripe.error(status, message="Invalid API Key provided")
    with pytest.raises(StripeAccessLost, match="Invalid API Key"):
        account.invoice("in_1")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "rate_limit"),
        (429, "lock_timeout"),
        (409, "idempotency_key_in_use"),
        (400, "rate_limit"),
        (500, "api_error"),
        (503, ""),
    ],
)
def test_what_may_go_better_later_is_unavailable(stripe, account, status, code):
    stripe.error(status, headers={"Retry-After": "7"}, code=code, message="slow down")
    with pytest.raises(StripeUnavailable, match="slow down") as caught:
        pay(account)
    assert caught.value.retry_after == 7


def test_where_stripe_names_no_time_neither_do_we(stripe, account):
    stripe.error(429, headers={"Retry-After": "Sun, 22 Nov 2026 04:00:00 GMT"}, message="slow")
    with pytest.raises(StripeUnavailable) as caught:
        account.invoice("in_1")
    assert caught.value.retry_after is None


@pytest.mark.parametrize("status", [200, 502, 503])
@pytest.mark.parametrize("body", [b"<html>bad gateway</html>", b"", b'{"id": "in_1"', b"\xff"])
def test_an_answer_that_cannot_be_read_is_unavailable(stripe, account, status, body):
    stripe.answer(status, body)
    with pytest.raises(StripeUnavailable):
        account.invoice("in_1")


def test_an_unreachable_stripe_is_unavailable():
    with serving() as stripe:
        address = stripe.url
    account = StripeGateway(address, timeout=5, retries=0).account(KEY)
    with pytest.raises(StripeUnavailable, match="could not be reached"):
        account.invoice("in_1")


def test_an_invalid_request_is_rejected_with_its_code_and_request_id(stripe, account):
    stripe.error(400, code="parameter_unknown", message="Received unknown parameter")
    with pytest.raises(StripeRejected, match=r"unknown parameter \(req_1\)") as caught:
        account.mark_uncollectible("in_1")
    assert caught.value.code == "parameter_unknown"


def test_the_same_key_with_other_parameters_is_rejected_and_never_tried_again(stripe, account):
    stripe.error(400, type="idempotency_error", message="Keys for idempotent requests")
    stripe.answer(200, paid_invoice("open"))
    with pytest.raises(StripeRejected):
        pay(account)


READS = ["invoice", "subscription", "customer", "payment_method", "charge", "payment_intent"]


@pytest.mark.parametrize("method", [*READS, "setup_intent", "checkout_session"])
def test_what_does_not_exist_is_none_where_it_is_read(stripe, account, method):
    stripe.error(404, code="resource_missing", message="No such thing")
    assert getattr(account, method)("x_1") is None


def test_the_lists_of_an_unknown_customer_are_empty(stripe, account):
    for _ in range(3):
        stripe.error(400, code="resource_missing", message="No such customer")
    assert account.customer_subscriptions("cus_1") == ()
    assert account.open_invoices("cus_1") == ()
    assert account.customer_charges("cus_1", NOW) == ()


def test_writing_to_what_does_not_exist_is_rejected(stripe, account):
    stripe.error(404, code="resource_missing", message="No such subscription")
    with pytest.raises(StripeRejected):
        account.cancel_subscription("sub_1")


def test_a_deleted_customer_is_known_as_deleted(stripe, account):
    stripe.answer(200, {"id": "cus_1", "object": "customer", "deleted": True})
    assert account.customer("cus_1").deleted


def test_no_secret_stands_in_an_error_or_a_log(stripe, account, caplog):
    caplog.set_level(logging.DEBUG)
    said = f"Invalid key {KEY}, see pi_1_secret_abc and whsec_abc123"
    stripe.error(401, message=said)
    with pytest.raises(StripeAccessLost) as caught:
        account.invoice("in_1")
    stripe.answer(
        200, {"id": "seti_1", "object": "setup_intent", "client_secret": "seti_1_secret_q"}
    )
    account.create_setup_intent("cus_1", idempotency_key="k", metadata={})
    for text in (str(caught.value), caplog.text):
        assert "secretsecret" not in text
        assert "_secret_abc" not in text
        assert "_secret_q" not in text
        assert "abc123" not in text
    assert caught.value.__cause__ is None


# Lists


def page(ids, more):
    data = [{"id": one, "object": "charge", "created": int(one[3:])} for one in ids]
    return {"object": "list", "url": "/v1/charges", "has_more": more, "data": data}


def test_charges_come_oldest_first_over_all_pages(stripe, account):
    stripe.answer(200, page(["ch_5", "ch_4"], more=True))
    stripe.answer(200, page(["ch_3"], more=True))
    stripe.answer(200, page(["ch_2", "ch_1"], more=False))
    assert [charge.id for charge in account.charges("pi_1")] == [f"ch_{n}" for n in range(1, 6)]
    after = [request["params"].get("starting_after") for request in stripe.requests]
    assert after == [None, ["ch_4"], ["ch_3"]]
    assert {request["params"]["limit"][0] for request in stripe.requests} == {"100"}


def test_invoices_are_streamed_page_by_page_and_no_further_than_asked(stripe, account):
    pages = [["in_3", "in_2"], ["in_1"]]
    for n, ids in enumerate(pages):
        data = [{"id": one, "object": "invoice"} for one in ids]
        stripe.answer(
            200, {"object": "list", "url": "/v1/invoices", "has_more": n == 0, "data": data}
        )
    stream = account.invoices(status="open", created_since=NOW)
    assert stripe.requests == []
    assert [one.id for one in islice(stream, 2)] == ["in_3", "in_2"]
    assert len(stripe.requests) == 1
    assert [one.id for one in stream] == ["in_1"]
    assert stripe.requests[0]["params"]["created[gte]"] == [str(int(NOW.timestamp()))]
    assert stripe.requests[1]["params"]["status"] == ["open"]


def test_an_outage_in_the_middle_of_a_stream_is_unavailable(stripe, account):
    data = [{"id": "in_2", "object": "invoice"}]
    stripe.answer(200, {"object": "list", "url": "/v1/invoices", "has_more": True, "data": data})
    stripe.error(503, message="down")
    stream = account.invoices()
    assert next(stream).id == "in_2"
    with pytest.raises(StripeUnavailable):
        next(stream)


def test_the_invoice_of_a_payment_intent_is_found_or_is_none(stripe, account):
    one = {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1"}
    for data in ([one], []):
        stripe.answer(200, {"object": "list", "has_more": False, "data": data})
    assert account.invoice_for_payment_intent("pi_1") == "in_1"
    assert account.invoice_for_payment_intent("pi_2") is None


def test_no_expansion_is_deeper_than_stripes_four_levels(stripe, account):
    empty = {"object": "list", "url": "/v1/x", "has_more": False, "data": []}
    for body in (paid_invoice(), {"id": "sub_1", "object": "subscription"}, *[empty] * 4):
        stripe.answer(200, body)
    account.invoice("in_1")
    account.subscription("sub_1")
    list(account.subscriptions())
    list(account.invoices())
    account.open_invoices("cus_1")
    account.customer_subscriptions("cus_1")
    expanded = [
        value
        for request in stripe.requests
        for name, values in request["params"].items()
        if name.startswith("expand")
        for value in values
    ]
    assert expanded
    assert max(path.count(".") + 1 for path in expanded) == 4


# Connections


def test_requests_share_a_connection_until_the_process_forks(stripe):
    gateway = StripeGateway(stripe.url, retries=0)
    for _ in range(3):
        stripe.answer(200, {"id": "ch_1", "object": "charge"})
    gateway.account(KEY).charge("ch_1")
    gateway.account("rk_test_other").charge("ch_1")
    first = gateway._connections._thread_local.session
    gateway._connections._pid = -1  # as a forked child finds it
    gateway.account(KEY).charge("ch_1")
    before, same, after = (request["connection"] for request in stripe.requests)
    assert before == same
    assert after != before
    first.close()
    gateway._connections.close()


def test_a_dropped_request_is_repeated_with_the_same_idempotency_key(stripe, monkeypatch):
    monkeypatch.setattr("stripe._http_client.time.sleep", lambda seconds: None)
    account = StripeGateway(stripe.url, retries=1).account(KEY)
    stripe.error(500, message="try again")
    stripe.answer(200, paid_invoice())
    assert pay(account).status == "succeeded"
    keys = [request["headers"]["Idempotency-Key"] for request in stripe.requests]
    assert keys == ["attempt-1", "attempt-1"]


@pytest.mark.parametrize(
    ("key", "live"), [("sk_live_1", True), ("rk_live_1", True), ("sk_test_1", False)]
)
def test_the_mode_is_that_of_the_key(stripe, key, live):
    stripe.answer(200, {"id": "acct_1", "object": "account"})
    account = StripeGateway(stripe.url, retries=0).account(key)
    assert account.account_info().livemode is live


def test_a_webhook_endpoint_is_made_in_our_version_and_tells_its_secret(stripe, account):
    stripe.answer(200, {"id": "we_1", "object": "webhook_endpoint", "secret": "whsec_1"})
    made = account.create_webhook_endpoint("https://r.example/w", ["invoice.paid"])
    assert made == ("we_1", "whsec_1")
    assert stripe.requests[0]["params"]["api_version"] == [API_VERSION]
