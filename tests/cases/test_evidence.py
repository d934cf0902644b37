"""What evidence says: what would be charged, whether anything is owed, until when is paid."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from backtest_cast import invoice

from recover.cases.evidence import PAID_HOURS, Evidence, fetch_evidence, paid_until, still_owed
from recover.stripe_api.objects import (
    CardField,
    Charge,
    Customer,
    PaymentMethod,
    Subscription,
)

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
PERIOD_END = NOW + timedelta(days=30)
OLD, NEW = PaymentMethod("pm_old", "card"), PaymentMethod("pm_new", "card")
INVOICE = invoice(created_at=NOW - timedelta(days=1), payment_intent_ids=("pi_1", "pi_2"))
SUBSCRIPTION = Subscription(
    "sub_1", "past_due", Customer("cus_1"), default_method=OLD,
    current_period_end=PERIOD_END, latest_invoice_id="in_1",
)  # fmt: skip
EVIDENCE = Evidence(NOW, "in_1", INVOICE, SUBSCRIPTION, ())


def charge(nth, intent="pi_1", status="failed", hours=0):
    return Charge(f"ch_{nth}", intent, status, 2900, "usd", NOW - timedelta(hours=hours), OLD)


@pytest.mark.parametrize(
    ("invoice", "subscription", "owed"),
    [
        (INVOICE, SUBSCRIPTION, True),
        (None, SUBSCRIPTION, False),
        (replace(INVOICE, status="paid"), SUBSCRIPTION, False),
        (replace(INVOICE, status="void"), SUBSCRIPTION, False),
        (replace(INVOICE, amount_remaining_minor=0), SUBSCRIPTION, False),
        (INVOICE, None, False),
        (INVOICE, replace(SUBSCRIPTION, status="canceled"), False),
        (INVOICE, replace(SUBSCRIPTION, status="incomplete_expired"), False),
        (INVOICE, replace(SUBSCRIPTION, status="unpaid"), True),
        (INVOICE, replace(SUBSCRIPTION, pause_collection=True), False),
    ],
)
def test_money_is_owed_on_an_open_invoice_of_a_subscription_that_goes_on(
    invoice, subscription, owed
):
    assert still_owed(replace(EVIDENCE, invoice=invoice, subscription=subscription)) is owed


@pytest.mark.parametrize(
    ("invoice", "subscription", "until"),
    [
        ({}, {"status": "active"}, PERIOD_END),
        ({}, {"status": "trialing"}, PERIOD_END),
        ({}, {}, INVOICE.created_at),
        ({"billing_reason": "subscription_update"}, {}, PERIOD_END),
        ({"billing_reason": "subscription_update"}, {"latest_invoice_id": ""}, PERIOD_END),
        ({"billing_reason": "subscription_update"}, {"latest_invoice_id": "in_2"}, None),
    ],
)
def test_a_failed_renewal_leaves_the_period_before_it_paid(invoice, subscription, until):
    found = paid_until(replace(INVOICE, **invoice), replace(SUBSCRIPTION, **subscription))
    assert found == until


def test_the_card_a_subscriber_has_just_chosen_is_charged_before_the_default():
    assert EVIDENCE.method == OLD
    assert EVIDENCE.field == CardField.SUBSCRIPTION_METHOD
    assert replace(EVIDENCE, chosen=NEW).method == NEW
    assert replace(EVIDENCE, subscription=None).method is None
    assert replace(EVIDENCE, subscription=None).field is None


def test_only_charges_of_the_invoice_s_own_payments_count_as_its_attempts():
    charges = (charge(1), charge(2, "pi_2"), charge(3, "pi_of_another"))
    seen = replace(EVIDENCE, charges=charges)

    assert [one.id for one in seen.invoice_charges()] == ["ch_1", "ch_2"]
    assert replace(seen, invoice=None).invoice_charges() == []


def test_the_last_payments_before_the_failure_are_remembered_oldest_first():
    paid = [charge(n, status="succeeded", hours=n) for n in range(PAID_HOURS + 3, 0, -1)]
    seen = replace(EVIDENCE, charges=(*paid, charge(0)))

    before = NOW - timedelta(hours=1)  # that payment itself is not before it
    expected = [NOW - timedelta(hours=n) for n in range(PAID_HOURS + 1, 1, -1)]
    assert seen.paid_hours(before) == expected


def test_an_invoice_that_is_gone_is_evidence_too(world):
    stripe = world.services.stripe(world.account)
    assert fetch_evidence(stripe, "in_gone", NOW) == Evidence(NOW, "in_gone", None, None, ())


def test_fresh_evidence_has_the_invoice_its_subscription_and_the_charges(world):
    subscription = world.sandbox.add_subscription(world.sandbox.add_customer())
    invoice_id = world.sandbox.fail_renewal(subscription, "insufficient_funds")

    seen = fetch_evidence(world.services.stripe(world.account), invoice_id, world.clock.now())

    assert (seen.invoice.id, seen.subscription.id) == (invoice_id, subscription["id"])
    assert [one.status for one in seen.invoice_charges()] == ["failed"]
    assert still_owed(seen)
