"""Whether Stripe will charge a subscription, and on what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recover.cases import collection
from recover.stripe_api.objects import CardField, Customer, Invoice, PaymentMethod, Subscription

ENDS = datetime(2026, 12, 1, tzinfo=UTC)
CARD, OWN = PaymentMethod("pm_1", "card"), PaymentMethod("pm_own", "card")
SUB = Subscription(
    "sub_1",
    "active",
    Customer("cus_1", default_method=CARD),
    current_period_end=ENDS,
    amount_minor=2900,
)
INVOICE = Invoice(
    "in_1", "open", "cus_1", "sub_1", "subscription_cycle", "charge_automatically", "usd",
    2900, 2900, True, 1, None, ENDS,
)  # fmt: skip


def test_an_invoice_s_own_method_comes_first():
    own = replace(INVOICE, default_method=OWN)
    source = replace(INVOICE, default_source=OWN)
    assert collection.charged_method(SUB, own) == (OWN, CardField.INVOICE_METHOD)
    assert collection.charged_method(SUB, source) == (OWN, CardField.INVOICE_SOURCE)
    assert collection.charged_method(SUB, INVOICE) == (CARD, CardField.CUSTOMER_METHOD)
    assert collection.charged_method(SUB) == (CARD, CardField.CUSTOMER_METHOD)
    assert collection.charged_method(None) is None


@pytest.mark.parametrize(
    ("changes", "paused"),
    [
        ({}, False),
        ({"pause_collection": True}, True),
        ({"status": "paused", "pause_reason": "pause_requested"}, True),
        ({"status": "paused"}, True),
        ({"status": "paused", "pause_reason": "first_payment_failure"}, False),
        ({"status": "paused", "pause_reason": "final_payment_failure"}, False),
        (
            {"status": "paused", "pause_reason": "first_payment_failure", "pause_collection": True},
            True,
        ),
        ({"status": "past_due", "pause_reason": "pause_requested"}, False),
    ],
)
def test_it_is_paused_where_somebody_wanted_it(changes, paused):
    assert collection.is_paused(replace(SUB, **changes)) is paused


@pytest.mark.parametrize(
    ("changes", "renews"),
    [
        ({}, True),
        ({"status": "trialing"}, True),
        ({"amount_minor": None}, True),
        ({"cancel_at": ENDS + timedelta(days=1)}, True),
        ({"status": "past_due"}, False),
        ({"collection_method": "send_invoice"}, False),
        ({"amount_minor": 0}, False),
        ({"pause_collection": True}, False),
        ({"cancel_at_period_end": True}, False),
        ({"cancel_at": ENDS}, False),
        ({"cancel_at": ENDS, "current_period_end": None}, False),
    ],
)
def test_it_renews_by_a_charge(changes, renews):
    assert collection.will_renew_by_charge(replace(SUB, **changes)) is renews


@pytest.mark.parametrize(
    ("changes", "leaving"),
    [({}, False), ({"cancel_at_period_end": True}, True), ({"cancel_at": ENDS}, True)],
)
def test_who_is_set_to_end_is_leaving(changes, leaving):
    assert collection.is_leaving(replace(SUB, **changes)) is leaving
