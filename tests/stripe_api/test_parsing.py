from datetime import UTC, datetime

import pytest

from recover.stripe_api import parsing as parse
from recover.stripe_api import parsing_accounts
from recover.stripe_api.objects import CardField, PaymentMethod

CREATED = 1_795_000_000
CREATED_AT = datetime.fromtimestamp(CREATED, UTC)

CARD = {
    "id": "pm_1",
    "object": "payment_method",
    "type": "card",
    "customer": "cus_1",
    "card": {
        "brand": "amex",
        "funding": "credit",
        "country": "US",
        "last4": "0005",
        "fingerprint": "fp1",
        "exp_month": 8,
        "exp_year": 2030,
    },
}


def invoice(**changes):
    return {
        "id": "in_1",
        "object": "invoice",
        "status": "open",
        "customer": "cus_1",
        "billing_reason": "subscription_cycle",
        "collection_method": "charge_automatically",
        "currency": "USD",
        "amount_due": 1999,
        "amount_remaining": 1999,
        "attempted": True,
        "attempt_count": 1,
        "created": CREATED,
        "next_payment_attempt": CREATED + 86400,
        "parent": {"subscription_details": {"subscription": "sub_1"}},
        "payments": {"data": []},
        "lines": {"data": [{"description": "1 of Pro (at $19.99 / month)"}]},
    } | changes


def payment(intent, *, default=True, status="open", kind="payment_intent"):
    return {
        "is_default": default,
        "status": status,
        "payment": {"type": kind, kind: intent},
    }


def test_an_invoice_is_read_in_the_pinned_shape():
    intent = {"id": "pi_2", "status": "requires_payment_method"}
    read = parse.invoice(
        invoice(payments={"data": [payment("pi_1", default=False), payment(intent)]})
    )
    assert read.subscription_id == "sub_1"
    assert read.payment_intent_ids == ("pi_2", "pi_1")
    assert read.payment_intent_status == "requires_payment_method"
    assert read.currency == "usd"
    assert read.created_at == CREATED_AT
    assert read.next_payment_attempt_at.timestamp() == CREATED + 86400
    assert read.description == "1 of Pro (at $19.99 / month)"
    assert read.paid_at is None


def test_an_invoice_from_before_basil_is_read_too():
    old = invoice(subscription="sub_9", payment_intent="pi_9", parent=None)
    del old["payments"]
    read = parse.invoice(old)
    assert (read.subscription_id, read.payment_intent_ids) == ("sub_9", ("pi_9",))
    expanded = parse.invoice(old | {"payment_intent": {"id": "pi_9", "status": "processing"}})
    assert expanded.payment_intent_ids == ("pi_9",)
    assert expanded.payment_intent_status == "processing"


def test_a_one_off_invoice_has_no_subscription():
    assert parse.invoice(invoice(parent=None)).subscription_id == ""
    quote = {"type": "quote_details", "subscription_details": None}
    assert parse.invoice(invoice(parent=quote)).subscription_id == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"payments": {"data": [payment("pi_1", status="paid")]}}, False),
        ({"payments": {"data": [payment("ch_1", status="paid", kind="charge")]}}, False),
        ({"payments": {"data": [payment("pi_1", status="canceled")]}}, True),
        ({"payments": {"data": [payment("pr_1", status="paid", kind="payment_record")]}}, True),
        ({"payments": {"data": []}}, True),
        ({"payments": {"data": [], "has_more": True}}, False),  # cannot be known
        ({"payments": None}, False),  # not asked for
        ({"amount_due": 0}, False),  # nothing was due, so nobody paid elsewhere
        ({"status": "open"}, False),
        ({"paid_out_of_band": True, "payments": None}, True),  # before basil
        ({"paid_out_of_band": False, "payments": None}, False),
    ],
)
def test_paid_out_of_band_means_paid_without_a_payment_through_stripe(changes, expected):
    assert parse.invoice(invoice(status="paid") | changes).paid_out_of_band is expected


def test_a_bare_invoice_is_read_with_empty_values():
    read = parse.invoice({"id": "in_1"})
    assert (read.status, read.amount_due_minor, read.payment_intent_ids) == ("", 0, ())


def test_a_card_is_read_the_same_from_a_payment_method_and_from_a_legacy_card():
    legacy = {
        "id": "card_1",
        "object": "card",
        "brand": "American Express",
        "customer": {"id": "cus_1"},
        **{k: v for k, v in CARD["card"].items() if k != "brand"},
    }
    expected = PaymentMethod(
        id="pm_1",
        type="card",
        fingerprint="fp1",
        brand="amex",
        funding="credit",
        country="US",
        last4="0005",
        exp_month=8,
        exp_year=2030,
        customer_id="cus_1",
    )
    assert parse.payment_method(CARD) == expected
    as_method = parse.payment_method(legacy)
    assert (as_method.id, as_method.brand, as_method.customer_id) == ("card_1", "amex", "cus_1")
    assert as_method.fingerprint == expected.fingerprint


@pytest.mark.parametrize(
    ("spelt", "brand"),
    [
        ("Visa", "visa"),
        ("MasterCard", "mastercard"),
        ("Diners Club", "diners"),
        ("UnionPay", "unionpay"),
        (None, ""),
    ],
)
def test_legacy_brands_become_todays_words(spelt, brand):
    source = {"id": "src_1", "object": "source", "type": "card", "card": {"brand": spelt}}
    assert parse.payment_method(source).brand == brand


def test_other_payment_methods_keep_their_type_and_what_identifies_them():
    debit = {"fingerprint": "fp2", "last4": "3000", "country": "de"}
    read = parse.payment_method({"id": "pm_2", "type": "sepa_debit", "sepa_debit": debit})
    assert (read.type, read.last4, read.country, read.exp_year) == (
        "sepa_debit",
        "3000",
        "DE",
        None,
    )
    bank = parse.payment_method({"id": "ba_1", "object": "bank_account", "last4": "6789"})
    assert (bank.type, bank.last4) == ("us_bank_account", "6789")


def test_an_unexpanded_payment_method_is_known_by_its_id_alone():
    assert parse.payment_method("pm_1") == PaymentMethod(id="pm_1", type="")
    assert parse.payment_method(None) is None


def test_a_customer_with_and_without_details():
    read = parse.customer(
        {
            "id": "cus_1",
            "email": "zoe@example.com",
            "name": None,
            "preferred_locales": ["de-AT", "en"],
            "address": {"country": "at"},
            "metadata": {"timezone": "Europe/Vienna"},
            "invoice_settings": {"default_payment_method": CARD},
        }
    )
    assert (read.locale, read.country, read.timezone) == ("de-AT", "AT", "Europe/Vienna")
    assert read.default_method.id == "pm_1"
    assert read.name == ""
    assert parse.customer({"id": "cus_1", "deleted": True}).deleted
    assert parse.customer("cus_2").id == "cus_2"


def subscription(**changes):
    return {
        "id": "sub_1",
        "status": "past_due",
        "customer": {"id": "cus_1", "invoice_settings": {"default_payment_method": CARD}},
        "items": {
            "data": [
                {"current_period_end": CREATED + 20, "price": {"nickname": "pro-monthly-v2"}},
                {"current_period_end": CREATED, "price": {}},
            ]
        },
    } | changes


def test_a_subscription_ends_its_period_with_the_earliest_of_its_items():
    assert parse.subscription(subscription()).current_period_end == CREATED_AT
    old = parse.subscription(subscription(items=None, current_period_end=CREATED))
    assert old.current_period_end == CREATED_AT
    assert parse.subscription({"id": "sub_1"}).current_period_end is None


def test_the_product_is_named_in_the_words_meant_for_customers():
    with_product = {"data": [{"price": {"nickname": "pro-monthly-v2", "product": {"name": "Pro"}}}]}
    assert parse.subscription(subscription(description="The Pro plan")).product_name == (
        "The Pro plan"
    )
    assert parse.subscription(subscription(items=with_product)).product_name == "Pro"
    assert parse.subscription(subscription()).product_name == "pro-monthly-v2"
    assert parse.subscription(subscription(items=None)).product_name == ""


def test_stripes_order_of_payment_methods_is_kept():
    on_customer = parse.subscription(subscription())
    assert on_customer.charged_method()[1] is CardField.CUSTOMER_METHOD
    on_source = parse.subscription(subscription(default_source={"id": "card_1", "object": "card"}))
    assert on_source.charged_method()[1] is CardField.SUBSCRIPTION_SOURCE
    on_both = parse.subscription(subscription(default_payment_method=CARD, default_source="card_1"))
    assert on_both.charged_method()[1] is CardField.SUBSCRIPTION_METHOD


def charge(**changes):
    return {
        "id": "ch_1",
        "payment_intent": "pi_1",
        "status": "failed",
        "amount": 500,
        "currency": "jpy",
        "created": CREATED,
        "customer": "cus_1",
        "payment_method": "pm_1",
        "payment_method_details": {"type": "card", "card": CARD["card"]},
        "failure_code": "card_declined",
        "outcome": {
            "reason": "insufficient_funds",
            "type": "issuer_declined",
            "network_status": "declined_by_network",
            "advice_code": "try_again_later",
            "network_decline_code": "51",
            "network_advice_code": "24",
        },
    } | changes


def test_a_failed_charge_tells_what_the_issuer_said_and_about_which_card():
    read = parse.charge(charge())
    assert (read.failure_code, read.decline_code) == ("card_declined", "insufficient_funds")
    assert (read.advice_code, read.network_decline_code) == ("try_again_later", "51")
    assert (read.network_advice_code, read.outcome_type) == ("24", "issuer_declined")
    assert (read.method.id, read.method.fingerprint, read.method.brand) == ("pm_1", "fp1", "amex")
    assert read.amount_minor == 500


def test_radars_remark_on_a_succeeded_charge_is_no_decline():
    risky = charge(status="succeeded", outcome={"reason": "elevated_risk_level"})
    assert parse.charge(risky).decline_code == ""


def test_refunds_and_disputes_stand_on_the_charge():
    read = parse.charge(charge(amount_refunded=200, disputed=True, outcome=None))
    assert (read.amount_refunded_minor, read.disputed) == (200, True)


def test_a_charge_without_any_payment_method_has_none():
    assert parse.charge(charge(payment_method=None, payment_method_details=None)).method is None


def test_a_checkout_session_speaks_for_its_setup_intent():
    session = {"id": "cs_1", "status": "open", "customer": "cus_1", "url": "https://pay.example"}
    fresh = parse.checkout_session(session | {"setup_intent": None})
    assert (fresh.session_id, fresh.status, fresh.url) == (
        "cs_1",
        "requires_payment_method",
        "https://pay.example",
    )
    intent = {"id": "seti_1", "status": "succeeded", "payment_method": "pm_1"}
    done = parse.checkout_session(session | {"setup_intent": intent, "status": "complete"})
    assert (done.id, done.status, done.payment_method_id) == ("seti_1", "succeeded", "pm_1")
    assert parse.checkout_session(session | {"status": "expired"}).status == "canceled"


def test_a_failed_setup_says_why():
    read = parse.setup_intent(
        {"id": "seti_1", "status": "requires_payment_method", "last_setup_error": {"message": "No"}}
    )
    assert read.error_message == "No"


def test_an_account_falls_back_to_what_it_has():
    read = parsing_accounts.account_info({"id": "acct_1", "email": "a@example.com"}, livemode=True)
    assert (read.support_email, read.timezone, read.name) == ("a@example.com", "UTC", "")
    assert read.livemode
    full = {
        "id": "acct_1",
        "settings": {"dashboard": {"display_name": "Acme", "timezone": "America/New_York"}},
        "business_profile": {"name": None, "support_email": "help@acme.example"},
    }
    read = parsing_accounts.account_info(full, livemode=False)
    assert (read.name, read.timezone, read.support_email) == (
        "Acme",
        "America/New_York",
        "help@acme.example",
    )


@pytest.mark.parametrize(("told", "read"), [("Elm Street Bank", "Elm Street Bank"), (None, "")])
def test_a_card_s_bank_is_read_where_stripe_names_it(told, read):
    card = CARD | {"card": CARD["card"] | {"issuer": told}}

    assert parse.payment_method(card).issuer == read
