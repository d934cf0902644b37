"""Texts of any length, answers that are not Stripe's, and one broken object among sound ones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recover.foundation.errors import StripeUnavailable
from recover.models import ReconciliationReport
from recover.services import CHORES
from recover.workflow import sync

pytestmark = pytest.mark.both_databases  # PostgreSQL is strict about lengths and NULs

LONG = "Pro plan as agreed on the phone, with everything in it. " * 9  # Stripe allows 500
ODD = "\0Ada\ud800 " + "x" * 400


@pytest.mark.parametrize("words", [LONG, ODD, "\0"], ids=["long", "odd", "a NUL"])
def test_texts_of_any_length_open_a_case(journey, words):
    customer = journey.sandbox.add_customer(name=words, timezone="UTC", locale=words[:300])
    customer["address"] = {"country": words}
    customer["metadata"] = {"timezone": words}
    subscription = journey.sandbox.add_subscription(customer, product=words)
    subscription["description"] = words
    invoice = journey.sandbox.fail_renewal(subscription, "expired_card")
    journey.sandbox.store.get(invoice)["number"] = words

    journey.run(days=2)

    assert journey.case(invoice).state == "open"
    assert journey.sent == ["payment_failed"]
    assert "\0" not in journey.mails[0].text


def test_an_address_too_long_to_keep_is_nobody_s(journey):
    invoice = journey.fail("expired_card", email=f"{'a' * 250}@example.test")
    journey.run(days=2)
    assert journey.case(invoice).customer_email == ""
    assert journey.messages == []


def test_a_text_that_grows_later_stops_nothing(journey):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(hours=2)
    [subscription] = journey.sandbox.store.all("subscription")
    journey.sandbox.store.change(
        subscription, "customer.subscription.updated", description=LONG + LONG
    )
    journey.run(days=9)
    assert journey.case(invoice).state == "recovered"


# One broken object


def three_failed(journey):
    invoices = []
    for name in "abc":
        subscription = journey.subscriber(email=f"{name}@example.test")
        invoices.append(journey.sandbox.fail_renewal(subscription, "insufficient_funds"))
        journey.sandbox.advance(timedelta(seconds=5))
    return invoices


def reports(journey):
    with journey.services.db.read() as session:
        return session.query(ReconciliationReport).all()


def test_an_invoice_that_cannot_be_read_is_set_aside_and_named(journey):
    first, broken, last = three_failed(journey)
    journey.sandbox.store.get(broken)["created"] = "yesterday"

    report = journey.reconcile()

    assert journey.case(first)
    assert journey.case(last)
    assert journey.case(broken) is None
    [named] = [fix for fix in report.fixes if "error" in fix]
    assert named["invoice"] == broken
    assert "cannot be read" in named["error"]
    assert len(reports(journey)) == 1


def test_a_reconciliation_that_breaks_off_says_so(journey):
    journey.sandbox.faults.outage(50, "GET /v1/invoices")
    with pytest.raises(StripeUnavailable):
        journey.reconcile()
    [report] = reports(journey)
    assert report.finished_at
    assert "Stripe" in report.error


def test_a_comparison_may_take_longer_than_the_three_minutes_of_rq(journey):
    queue = journey.services.enqueue
    queue("reconcile_account", journey.account_id, queue=CHORES)
    [job] = queue._queues[CHORES].jobs
    assert job.timeout >= 3600


def test_an_invoice_at_which_we_fail_is_set_aside_and_named(journey, monkeypatch):
    first, broken, last = three_failed(journey)
    honest = sync.sync

    def fails_at_one(services, account, invoice_id):
        if invoice_id == broken:
            raise ZeroDivisionError
        return honest(services, account, invoice_id)

    monkeypatch.setattr(sync, "sync", fails_at_one)
    report = journey.reconcile()

    assert journey.case(first)
    assert journey.case(last)
    assert [fix.get("error") for fix in report.fixes if fix["invoice"] == broken] == [
        "Recover failed at it: ZeroDivisionError."
    ]


def test_a_subscription_that_cannot_be_read_keeps_nobody_from_a_notice(journey):
    journey.sandbox.advance_to(journey.now.replace(day=25))
    for name in "abc":
        customer = journey.sandbox.add_customer(
            email=f"{name}@example.test", exp_month=11, exp_year=2026
        )
        journey.sandbox.add_subscription(customer, renews_at=journey.now + timedelta(days=9))
    broken = journey.sandbox.store.all("subscription")[1]
    broken["items"]["data"][0]["current_period_end"] = 10**20
    journey.scan()
    journey.run(days=2)
    assert sorted(address for mail in journey.mails for address in mail.to) == [
        "a@example.test",
        "c@example.test",
    ]


# Answers that are not Stripe's


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 502])
def test_a_page_of_something_in_between_closes_nothing(journey, status):
    invoice = journey.fail("insufficient_funds", "approve")
    journey.run(hours=2)
    journey.sandbox.faults.proxy_next(12, "GET /v1/invoices/", status=status)
    journey.sandbox.emit("invoice.updated", invoice)

    journey.run(days=9)

    assert journey.case(invoice).state == "recovered"
    assert "close" not in journey.verbs(invoice)
    assert journey.account.problem == ""
