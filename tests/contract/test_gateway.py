"""Every request the gateway can make is accepted by stripe-mock, and its answer can be read.

stripe-mock has no state: any id works, and it answers with Stripe's own example objects.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

import pytest

from recover.foundation.errors import StripeRejected
from recover.stripe_api import account_client
from recover.stripe_api.gateway import StripeAccount, StripeGateway
from recover.stripe_api.key_permissions import NEEDED, NOT_NEEDED, OPTIONAL
from recover.stripe_api.objects import (
    CardField,
    CardSetup,
    Charge,
    Customer,
    Dispute,
    FraudWarning,
    Invoice,
    Payment,
    PaymentMethod,
    Refund,
    StripeAccountInfo,
    Subscription,
    WebhookEndpoint,
)

pytestmark = pytest.mark.contract

NOW = datetime(2026, 11, 22, tzinfo=UTC)
EVENTS = ["invoice.payment_failed", "invoice.paid", "customer.source.expiring"]

# stripe-mock follows Stripe's OpenAPI at its own pace and may not know our version's name yet.
OLDER_VERSION = "2026-08-26.dahlia"


def create_webhook_endpoint(account):
    ask = partial(account.create_webhook_endpoint, "https://recover.example.com/w", EVENTS)
    try:
        return ask()
    except StripeRejected as refused:
        if "'api_version' validation failed: value is not in enum" not in str(refused):
            raise
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account_client, "API_VERSION", OLDER_VERSION)
        return ask()


# method -> each way of calling it, and the type of its answer, or of the answer's first item
CALLS = {
    "invoice": [(lambda a: a.invoice("in_1"), Invoice)],
    "subscription": [(lambda a: a.subscription("sub_1"), Subscription)],
    "customer": [(lambda a: a.customer("cus_1"), Customer)],
    "payment_method": [(lambda a: a.payment_method("pm_1"), PaymentMethod)],
    "charge": [(lambda a: a.charge("ch_1"), Charge)],
    "payment_intent": [(lambda a: a.payment_intent("pi_1"), Payment)],
    "setup_intent": [(lambda a: a.setup_intent("seti_1"), CardSetup)],
    "checkout_session": [(lambda a: a.checkout_session("cs_1"), CardSetup)],
    "account_info": [(lambda a: a.account_info(), StripeAccountInfo)],
    "charges": [(lambda a: a.charges("pi_1"), Charge)],
    "refunds": [(lambda a: a.refunds(NOW), Refund)],
    "customer_charges": [(lambda a: a.customer_charges("cus_1", NOW), Charge)],
    "account_charges": [(lambda a: a.account_charges(NOW - timedelta(days=9), NOW), Charge)],
    "charge_disputes": [(lambda a: a.charge_disputes("ch_1"), Dispute)],
    "charge_fraud_warnings": [(lambda a: a.charge_fraud_warnings("ch_1"), FraudWarning)],
    "disputes": [(lambda a: a.disputes(NOW), Dispute)],
    "fraud_warnings": [(lambda a: a.fraud_warnings(NOW), FraudWarning)],
    "open_invoices": [(lambda a: a.open_invoices("cus_1"), Invoice)],
    "invoices": [
        (lambda a: a.invoices(), Invoice),
        (lambda a: a.invoices(status="open", created_since=NOW), Invoice),
        (lambda a: a.invoices(created_since=NOW - timedelta(days=9), created_until=NOW), Invoice),
    ],
    "invoice_page": [
        (lambda a: a.invoice_page(NOW - timedelta(days=9), NOW).items, Invoice),
        (lambda a: a.invoice_page(NOW - timedelta(days=9), NOW, "in_1").items, Invoice),
    ],
    "charge_page": [
        (lambda a: a.charge_page(NOW - timedelta(days=9), NOW).items, Charge),
        (lambda a: a.charge_page(NOW - timedelta(days=9), NOW, "ch_1").items, Charge),
    ],
    "subscriptions": [
        (lambda a: a.subscriptions(), Subscription),
        (lambda a: a.subscriptions(status="past_due"), Subscription),
    ],
    "customer_subscriptions": [(lambda a: a.customer_subscriptions("cus_1"), Subscription)],
    "invoice_for_payment_intent": [(lambda a: a.invoice_for_payment_intent("pi_1"), str)],
    "list_webhook_endpoints": [(lambda a: a.list_webhook_endpoints(), WebhookEndpoint)],
    "pay": [
        (lambda a: a.pay("in_1", idempotency_key="k1"), Payment),
        (
            lambda a: a.pay(
                "in_1", payment_method_id="pm_1", off_session=False, idempotency_key="k2"
            ),
            Payment,
        ),
        (lambda a: a.pay("in_1", payment_method_id="card_1", idempotency_key="k3"), Payment),
    ],
    "create_setup_intent": [
        (
            lambda a: a.create_setup_intent("cus_1", idempotency_key="k4", metadata={"a": "b"}),
            CardSetup,
        )
    ],
    "create_checkout_session": [
        (
            lambda a: a.create_checkout_session(
                "cus_1",
                success_url="https://recover.example.com/done?s={CHECKOUT_SESSION_ID}",
                cancel_url="https://recover.example.com/back",
                idempotency_key="k5",
                metadata={"a": "b"},
                currency="eur",
            ),
            CardSetup,
        )
    ],
    "set_default_method": [
        (
            lambda a, field=field: a.set_default_method(
                field, customer_id="cus_1", subscription_id="sub_1", payment_method_id="pm_1"
            ),
            type(None),
        )
        for field in CardField
    ],
    "cancel_subscription": [(lambda a: a.cancel_subscription("sub_1"), type(None))],
    "mark_uncollectible": [(lambda a: a.mark_uncollectible("in_1"), type(None))],
    "create_webhook_endpoint": [(create_webhook_endpoint, str)],
    "set_webhook_events": [(lambda a: a.set_webhook_events("we_1", EVENTS), type(None))],
    "delete_webhook_endpoint": [(lambda a: a.delete_webhook_endpoint("we_1"), type(None))],
    "missing_permission": [
        (lambda a, probe=probe: a.missing_permission(probe), str)
        for permission in (*NEEDED, *OPTIONAL, *NOT_NEEDED)
        for probe in permission.probes
    ],
}


@pytest.fixture(scope="module")
def account(stripe_mock):
    return StripeGateway(stripe_mock, retries=0).account("sk_test_123", "acct_1")


def test_no_public_method_of_the_gateway_is_forgotten_here():
    public = {name for name in dir(StripeAccount) if not name.startswith("_")}
    assert set(CALLS) == public


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        pytest.param(*one, id=f"{name}-{n}")
        for name, ways in CALLS.items()
        for n, one in enumerate(ways)
    ],
)
def test_stripe_accepts_the_request_and_its_answer_is_understood(account, call, kind):
    answer = call(account)
    if isinstance(answer, Iterator):
        answer = tuple(islice(answer, 2))
    if isinstance(answer, tuple):
        assert answer, "the example list is not empty"
        answer = answer[0]
    assert isinstance(answer, kind)
    if kind is not type(None) and kind not in (str, Payment):
        assert answer.id


def test_a_subscription_comes_with_its_customer_expanded(account):
    found = account.subscription("sub_1")
    assert found.customer.id.startswith("cus_")
    assert found.customer.default_source is None or found.customer.default_source.id
    assert found.current_period_end.tzinfo is UTC


def test_stripe_takes_a_wrong_parameter_as_an_error_so_these_tests_can_fail(stripe_mock):
    account = StripeGateway(stripe_mock, retries=0).account("sk_test_123")
    with pytest.raises(StripeRejected, match="Stripe answered 400"):
        list(account.invoices(status="no-such-status"))
