"""The sandbox speaks in Stripe's shapes.

Two witnesses. stripe-mock answers from Stripe's OpenAPI: what it always shows, the sandbox shows.
Stripe's library knows every field of the pinned version: what the sandbox shows, it knows.
"""

from datetime import timedelta
from inspect import get_annotations

import pytest
import requests
from sandbox_cast import error_of, open_desk
from stripe import StripeObject
from stripe._object_classes import get_object_class

pytestmark = pytest.mark.contract

# Shown by stripe-mock's examples, but left out by Stripe where the feature is not in use.
ABSENT_WHERE_UNUSED = {
    "managed_payments",  # Stripe as merchant of record
    "billing_schedules",
    "wallet_options",
    "refunds",  # of a charge: included only on request since 2022
    "external_accounts",  # of an account
    "tos_acceptance",
}


@pytest.fixture(scope="module")
def told():
    """Name -> (path at Stripe, JSON): one answer of the sandbox for everything it serves."""
    with open_desk(stripe_retries=(3,)) as desk:
        yield dict(tell(desk))


def tell(desk):
    def get(path):
        return path.partition("?")[0], desk.raw("GET", f"/v1/{path}").json()

    sandbox, client = desk.sandbox, desk.as_key(desk.sandbox.account_key)
    failed = desk.failed_invoice("lost_card", "approve")
    held = desk.failed_invoice("authentication_required")
    legacy = sandbox.add_customer(legacy_source=True, country="DE")
    sandbox.renew(sandbox.add_subscription(legacy))
    customer = client.v1.invoices.retrieve(failed).customer
    subscription = sandbox.store.owned("subscription", customer)[0]["id"]
    method = sandbox.store.owned("payment_method", customer)[0]["id"]
    intents = [sandbox.store.owned("payment_intent", one)[0]["id"] for one in (failed, held)]

    yield "open invoice", get(f"invoices/{failed}?expand[]=payments")
    yield "declined intent", get(f"payment_intents/{intents[0]}")
    yield "intent that waits", get(f"payment_intents/{intents[1]}")
    yield "declined charge", get(f"charges/{sandbox.store.all('charge')[0]['id']}")
    yield "past due subscription", get(f"subscriptions/{subscription}")
    client.v1.invoices.pay(failed)
    charge = client.v1.payment_intents.retrieve(intents[0]).latest_charge
    yield "paid invoice", get(f"invoices/{failed}?expand[]=customer")
    yield "paid intent", get(f"payment_intents/{intents[0]}")
    yield "charge", get(f"charges/{charge}")
    yield "invoices", get("invoices?limit=3")
    yield "invoice payments", get(f"invoice_payments?invoice={failed}")
    yield "charges", get("charges")
    yield "subscription", get(f"subscriptions/{subscription}?expand[]=default_payment_method")
    yield "subscriptions", get("subscriptions")
    yield "customer", get(f"customers/{customer}")
    yield "customer with a card", get(f"customers/{legacy['id']}?expand[]=default_source")
    yield "payment method", get(f"payment_methods/{method}")
    yield "payment methods", get(f"customers/{customer}/payment_methods")
    yield "account", get("account")
    refund = client.v1.refunds.create({"charge": charge, "amount": 5})
    yield "refund", ("refunds/re_x", refund.to_dict())
    setup = client.v1.setup_intents.create({"customer": customer})
    card = {"number": "4000000000000002", "exp_month": "1", "exp_year": "2033"}
    desk.browser(
        f"/v1/setup_intents/{setup.id}/confirm",
        client_secret=setup.client_secret,
        **{f"payment_method_data[card][{name}]": value for name, value in card.items()},
    )
    yield "refused setup", get(f"setup_intents/{setup.id}")
    session = client.v1.checkout.sessions.create(
        {"mode": "setup", "customer": customer, "currency": "usd", "success_url": "https://a.test"}
    )
    yield "checkout session", get(f"checkout/sessions/{session.id}")
    hook = client.v1.webhook_endpoints.create({"url": "https://a.test", "enabled_events": ["*"]})
    yield "webhook endpoint", get(f"webhook_endpoints/{hook.id}")
    portal = client.v1.billing_portal.sessions.create({"customer": customer})
    yield "portal session", ("", portal.to_dict())
    sandbox.advance(timedelta(days=29))
    yield "events", get("events?limit=100")


NAMES = [
    "open invoice",
    "declined intent",
    "intent that waits",
    "declined charge",
    "past due subscription",
    "paid invoice",
    "paid intent",
    "charge",
    "invoices",
    "invoice payments",
    "charges",
    "subscription",
    "subscriptions",
    "customer",
    "customer with a card",
    "payment method",
    "payment methods",
    "account",
    "refund",
    "refused setup",
    "checkout session",
    "webhook endpoint",
    "portal session",
    "events",
]


def test_every_answer_is_looked_at(told):
    assert list(told) == NAMES


def unknown(node, known, path):
    """Paths of fields the library's class for this place does not know."""
    if isinstance(node, list):
        for item in node:
            yield from unknown(item, known, path)
    elif isinstance(node, dict):
        if isinstance(node.get("object"), str):
            known = get_object_class("V1", node["object"])
        if known in (None, StripeObject):
            return  # a place the library leaves untyped, such as metadata
        fields = {name.rstrip("_") for base in known.__mro__ for name in get_annotations(base)}
        fields.add("object")  # a list's is the one the library does not declare
        for name, value in node.items():
            if name not in fields:
                yield f"{path}.{name}"
            inner = (known._inner_class_types or {}).get(name)
            yield from unknown(value, inner, f"{path}.{name}")


@pytest.mark.parametrize("name", NAMES)
def test_stripes_library_knows_every_field_the_sandbox_shows(told, name):
    assert list(unknown(told[name][1], None, name)) == []


def lacking(mock, ours, path):
    """Paths of fields stripe-mock shows and the sandbox does not, where both show an object."""
    if isinstance(mock, list) and isinstance(ours, list):
        for item in ours:
            yield from lacking(mock[0] if mock else None, item, path)
    elif isinstance(mock, dict) and isinstance(ours, dict):
        for name in set(mock) - set(ours) - ABSENT_WHERE_UNUSED:
            yield f"{path}.{name}"
        for name in set(mock) & set(ours) - {"metadata"}:
            if name == "data" and ours.get("object") == "event":
                continue  # another object than the mock's example
            yield from lacking(mock[name], ours[name], f"{path}.{name}")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "portal session"])
def test_the_sandbox_shows_every_field_stripe_always_shows(told, stripe_mock, name):
    path, ours = told[name]
    auth = ("sk_test_123", "")
    mock = requests.get(f"{stripe_mock}/v1/{path}", auth=auth, timeout=10).json()
    assert "error" not in mock
    assert list(lacking(mock, ours, name)) == []


def test_a_declines_error_has_stripes_fields(told):
    with open_desk() as desk:
        invoice = desk.failed_invoice("insufficient_funds", "stolen_card")
        error = error_of(lambda: desk.client.v1.invoices.pay(invoice)).json_body["error"]
    known = get_object_class("V1", "payment_intent").LastPaymentError
    assert list(unknown({**error, "payment_intent": {}}, known, "error")) == []
