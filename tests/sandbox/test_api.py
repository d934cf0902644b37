from datetime import timedelta

import pytest
import stripe
from sandbox_cast import code_of, error_of, open_desk


@pytest.fixture(scope="module")
def desk():
    with open_desk() as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_faults(desk):
    yield
    desk.sandbox.faults.clear()


def test_an_unknown_key_is_refused_without_showing_it(desk):
    error = error_of(desk.as_key("sk_test_wrongwrongwrong").v1.accounts.retrieve_current)
    assert isinstance(error, stripe.AuthenticationError)
    assert "wrongwrong" not in str(error)


def test_a_request_without_a_key_is_refused(desk):
    assert desk.raw("GET", "/v1/account", headers={"Authorization": ""}).status_code == 401


def test_a_revoked_key_is_refused():
    with open_desk() as desk:
        desk.sandbox.revoke_key(desk.sandbox.account_key)
        client = desk.as_key(desk.sandbox.account_key)
        assert isinstance(error_of(client.v1.invoices.list), stripe.AuthenticationError)


def test_a_restricted_key_may_do_only_what_it_was_given(desk):
    key = desk.sandbox.restricted_key
    client = desk.as_key(key)
    desk.sandbox.restrict_key(key, {"invoices": "read"})
    assert client.v1.invoices.list().data is not None
    error = error_of(lambda: client.v1.invoices.pay("in_x"))
    assert isinstance(error, stripe.PermissionError)
    assert "Enabling Invoices Write ('invoice_write')" in str(error)
    assert error_of(client.v1.subscriptions.list).http_status == 403
    desk.sandbox.restrict_key(key, None)


def test_the_platform_acts_for_the_company_until_it_is_disconnected():
    with open_desk() as desk:
        assert desk.client.v1.accounts.retrieve_current().id == desk.sandbox.account_id
        desk.sandbox.deauthorize()
        error = error_of(desk.client.v1.accounts.retrieve_current)
        assert (error.http_status, code_of(error)) == (403, "account_invalid")


def test_a_publishable_key_reads_nothing_without_the_client_secret(desk):
    error = error_of(desk.as_key(desk.sandbox.account_publishable_key).v1.invoices.list)
    assert code_of(error) == "secret_key_required"
    intent = desk.client.v1.setup_intents.create({})
    path = f"/v1/setup_intents/{intent.id}"
    assert desk.browser(path, "GET", client_secret=intent.client_secret).status_code == 200
    assert desk.browser(path, "GET", client_secret=intent.client_secret + "x").status_code == 404


def test_a_missing_object_is_named(desk):
    error = error_of(lambda: desk.client.v1.invoices.retrieve("in_none"))
    assert (error.http_status, code_of(error), error.param) == (404, "resource_missing", "id")
    assert "No such invoice: 'in_none'" in str(error)


def test_an_unknown_parameter_and_an_unknown_address_are_refused(desk):
    answer = desk.raw("GET", "/v1/invoices?bogus=1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "parameter_unknown")
    assert desk.raw("GET", "/v1/nothing").status_code == 404
    assert desk.raw("DELETE", "/v1/account").status_code == 404


def test_the_version_and_the_account_are_echoed(desk):
    answer = desk.client.v1.invoices.list()._last_response
    assert answer.headers["Stripe-Version"] == stripe._api_version._ApiVersion.CURRENT
    assert answer.headers["Stripe-Account"] == desk.sandbox.account_id
    assert answer.request_id.startswith("req_")


# -- lists -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def customers(desk):
    return [desk.sandbox.add_customer(email=f"{n}@list.test")["id"] for n in range(25)]


def test_a_list_comes_newest_first_ten_at_a_time(desk, customers):
    page = desk.client.v1.customers.list()
    assert [one.id for one in page.data] == customers[:-11:-1]
    assert page.has_more


def test_paging_through_finds_every_object_once(desk, customers):
    pages = desk.client.v1.customers.list({"limit": 7}).auto_paging_iter()
    found = [one.id for one in pages]
    assert len(found) == len(set(found))
    assert found[:25] == customers[::-1]


def test_paging_backwards_ends_before_the_cursor(desk, customers):
    page = desk.client.v1.customers.list({"limit": 2, "ending_before": customers[10]})
    assert [one.id for one in page.data] == [customers[12], customers[11]]
    assert page.has_more


@pytest.mark.parametrize("limit", ["0", "101", "many"])
def test_a_senseless_limit_is_refused(desk, limit):
    assert desk.raw("GET", f"/v1/customers?limit={limit}").status_code == 400


@pytest.mark.parametrize("created", ["created=soon", "created[around]=5", "created[gte]=x"])
def test_a_senseless_time_is_refused(desk, customers, created):
    assert desk.raw("GET", f"/v1/customers?{created}").status_code == 400


def test_a_cursor_that_names_nothing_is_refused(desk):
    error = error_of(lambda: desk.client.v1.customers.list({"starting_after": "cus_gone"}))
    assert (error.http_status, code_of(error)) == (400, "resource_missing")


def test_invoices_are_filtered_by_status_owner_and_time(desk):
    invoice = desk.failed_invoice()
    shown = desk.client.v1.invoices.retrieve(invoice)
    subscription = shown.parent.subscription_details.subscription
    now = desk.sandbox.clock.epoch()

    def found(**params):
        return [one.id for one in desk.client.v1.invoices.list(params).data]

    assert invoice in found(status="open", created={"gte": now})
    assert found(customer=shown.customer) == found(subscription=subscription) == [invoice]
    assert found(customer=shown.customer, status="paid") == []
    assert found(customer=shown.customer, created={"gt": now}) == []


# -- expansion ---------------------------------------------------------------------------------


def test_ids_expand_into_objects_down_to_four_levels(desk):
    invoice = desk.failed_invoice("do_not_honor")
    path = "payments.data.payment.payment_intent"
    shown = desk.client.v1.invoices.retrieve(invoice, {"expand": [path]})
    intent = shown.payments.data[0].payment.payment_intent
    assert intent.last_payment_error.decline_code == "do_not_honor"
    assert isinstance(intent.latest_charge, str)


def test_what_is_not_asked_for_is_left_out(desk):
    shown = desk.client.v1.invoices.retrieve(desk.failed_invoice())
    assert "payments" not in shown.to_dict()
    assert isinstance(shown.customer, str)


def test_a_fifth_level_is_refused_before_anything_is_done(desk):
    invoice = desk.failed_invoice()
    tries = len(desk.sandbox.books.tries)
    deep = ["payments.data.payment.payment_intent.latest_charge"]
    error = error_of(lambda: desk.client.v1.invoices.pay(invoice, {"expand": deep}))
    assert "more than 4 levels" in str(error)
    assert len(desk.sandbox.books.tries) == tries


def test_lists_expand_too(desk):
    desk.failed_invoice()
    page = desk.client.v1.invoices.list({"limit": 1, "expand": ["data.customer"]})
    assert page.data[0].customer.object == "customer"


def test_what_cannot_be_expanded_is_refused(desk):
    invoice = desk.failed_invoice()
    error = error_of(lambda: desk.client.v1.invoices.retrieve(invoice, {"expand": ["status"]}))
    assert "cannot be expanded" in str(error)


# -- idempotency -------------------------------------------------------------------------------


def pay(desk, invoice, key, **params):
    return desk.client.v1.invoices.pay(invoice, params, {"idempotency_key": key})


def test_a_repeated_key_gives_the_first_answer_and_charges_once(desk):
    invoice = desk.failed_invoice("insufficient_funds", "do_not_honor", "approve")
    first = error_of(lambda: pay(desk, invoice, "once"))
    again = error_of(lambda: pay(desk, invoice, "once"))
    assert first.json_body == again.json_body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert pay(desk, invoice, "another").status == "paid"


def test_a_key_is_good_for_one_set_of_parameters(desk):
    invoice = desk.failed_invoice("insufficient_funds", "do_not_honor")
    error_of(lambda: pay(desk, invoice, "strict"))
    error = error_of(lambda: pay(desk, invoice, "strict", off_session=False))
    assert isinstance(error, stripe.IdempotencyError)
    assert error.http_status == 400


def test_a_key_is_forgotten_after_a_day_of_sandbox_time():
    with open_desk() as desk:
        invoice = desk.failed_invoice("insufficient_funds", "do_not_honor", "approve")
        error_of(lambda: pay(desk, invoice, "old"))
        desk.sandbox.advance(timedelta(hours=24))
        assert pay(desk, invoice, "old").status == "paid"


def test_keys_of_two_accounts_do_not_meet(desk):
    mine = desk.client.v1.customers.create({"name": "A"}, {"idempotency_key": "shared"})
    platform = desk.as_key(desk.sandbox.platform_key).v1
    theirs = platform.customers.create({"name": "A"}, {"idempotency_key": "shared"})
    assert mine.id != theirs.id


def test_what_failed_before_it_was_executed_is_not_kept(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    desk.sandbox.faults.outage(1)
    assert error_of(lambda: pay(desk, invoice, "later")).http_status == 500
    desk.sandbox.faults.rate_limit_next(1)
    assert isinstance(error_of(lambda: pay(desk, invoice, "later")), stripe.RateLimitError)
    desk.sandbox.faults.lock_next(1)
    assert code_of(error_of(lambda: pay(desk, invoice, "later"))) == "lock_timeout"
    assert pay(desk, invoice, "later").status == "paid"


def test_an_answer_lost_on_the_way_is_found_again_by_its_key(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    desk.sandbox.faults.drop_response_after_execution(1, match="/pay")
    assert isinstance(error_of(lambda: pay(desk, invoice, "lost")), stripe.APIConnectionError)
    found = pay(desk, invoice, "lost")
    assert found.status == "paid"
    assert found._last_response.headers["Idempotent-Replayed"] == "true"
    assert sum(one.approved for one in desk.sandbox.books.tries if one.invoice == invoice) == 1


def test_a_fault_strikes_only_what_it_names(desk):
    desk.sandbox.faults.outage(1, match="POST /v1/refunds")
    assert desk.client.v1.accounts.retrieve_current().id
    assert error_of(lambda: desk.client.v1.refunds.create({"charge": "x"})).http_status == 500
