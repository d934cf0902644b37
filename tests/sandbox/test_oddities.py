"""Odd worlds: what people, companies and Stripe do beside a renewal's usual course."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sandbox_cast import hook_receiver, open_desk

from sandbox import oddities


@pytest.fixture
def desk():
    with open_desk("calm") as opened:
        yield opened


def types(desk):
    return [event["type"] for event in desk.sandbox.store.all("event")]


def subscribed(desk):
    return desk.sandbox.add_subscription(desk.sandbox.add_customer())


def test_who_cancels_at_period_end_is_renewed_no_more(desk):
    sub = subscribed(desk)

    oddities.cancel_at_period_end(desk.sandbox, sub)
    assert sub["status"] == "active"
    assert sub["cancel_at"] == sub["items"]["data"][0]["current_period_end"]
    desk.sandbox.advance(timedelta(days=31))

    assert sub["status"] == "canceled"
    assert desk.sandbox.store.all("invoice") == []


@pytest.mark.parametrize("kind", ["pause_requested", "first_payment_failure"])
def test_a_paused_subscription_says_why_and_leaves_its_invoice_collectible(desk, kind):
    invoice = desk.failed_invoice("insufficient_funds")
    sub = desk.sandbox.store.all("subscription")[0]

    oddities.pause(desk.sandbox, sub, kind)

    shown = desk.client.v1.subscriptions.retrieve(sub["id"]).to_dict()
    assert shown["status"] == "paused"
    assert shown["status_details"]["paused"]["subscription"]["type"] == kind
    assert types(desk)[-1] == "customer.subscription.paused"
    assert desk.client.v1.invoices.pay(invoice).status == "paid"


def test_an_invoices_own_card_is_charged_before_any_other(desk):
    invoice = desk.sandbox.store.get(desk.failed_invoice("lost_card"))

    own = oddities.give_invoice_a_card(desk.sandbox, invoice)
    paid = desk.client.v1.invoices.pay(invoice["id"])

    [charge] = oddities.paid_charges(desk.sandbox, invoice["customer"])
    assert (paid.status, charge["payment_method"]) == ("paid", own)


def test_what_is_taken_out_of_collection_is_not_retried_by_stripe():
    with open_desk("calm", stripe_retries=(3,)) as desk:
        invoice = desk.sandbox.store.get(desk.failed_invoice("insufficient_funds"))
        oddities.stop_advancing(desk.sandbox, invoice)
        desk.sandbox.advance(timedelta(days=9))

        assert (invoice["auto_advance"], invoice["status"]) == (False, "open")
        assert len(desk.sandbox.books.tries) == 1


@pytest.mark.parametrize("won", [True, False])
def test_a_dispute_takes_the_money_and_a_won_one_brings_it_back(desk, won):
    sub = subscribed(desk)
    desk.sandbox.renew(sub)
    [charge] = oddities.paid_charges(desk.sandbox, sub["customer"])

    disputed = oddities.dispute(desk.sandbox, charge)
    assert oddities.open_disputes(desk.sandbox, sub["customer"]) == [disputed]
    oddities.decide_dispute(desk.sandbox, disputed, won=won)

    told = [name for name in types(desk) if "dispute" in name]
    assert oddities.open_disputes(desk.sandbox, sub["customer"]) == []
    assert told == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
        *(["charge.dispute.funds_reinstated"] if won else []),
    ]


def test_the_last_payment_is_given_back_once(desk):
    sub = subscribed(desk)
    assert oddities.refund_last(desk.sandbox, sub["customer"]) is None
    desk.sandbox.renew(sub)

    refund = oddities.refund_last(desk.sandbox, sub["customer"])

    assert refund is not None
    assert refund["amount"] == 2900
    assert oddities.refund_last(desk.sandbox, sub["customer"]) is None


def test_texts_grow_to_what_stripe_allows_and_no_further(desk):
    sub = subscribed(desk)

    oddities.lengthen(desk.sandbox, sub)

    assert len(sub["description"]) == 500
    assert len(desk.sandbox.store.get(sub["customer"])["name"]) == 256


def test_what_is_put_off_comes_late_and_a_repeat_at_its_own_time(desk):
    with hook_receiver() as (url, received, statuses):
        client = desk.as_key(desk.sandbox.account_key)
        client.v1.webhook_endpoints.create(
            {"url": url, "enabled_events": ["invoice.payment_failed"]}
        )
        desk.failed_invoice()
        desk.sandbox.webhooks.put_off(timedelta(hours=7))
        assert desk.sandbox.deliver_due() == 0
        statuses.append(500)
        desk.sandbox.advance(timedelta(hours=7))
        assert desk.sandbox.deliver_due() == 1
        desk.sandbox.webhooks.put_off(timedelta(hours=7))
        desk.sandbox.advance(timedelta(minutes=5))
        assert desk.sandbox.deliver_due() == 1

    assert len(received) == 2
