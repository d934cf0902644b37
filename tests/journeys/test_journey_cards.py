"""Another card: entered on our page, delivered by the network, set in Stripe's own portal."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
from journey import CLEAN

ASKS_ALWAYS = "4000002760003184"
DECLINES_CHARGES = "4000000000000341"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_subscriber_replaces_an_expired_card_on_the_page_and_it_is_paid_at_once(journey, scripts):
    invoice = journey.fail("expired_card")
    journey.settle()
    assert journey.sent == ["payment_failed"]
    assert journey.mails[0].received_at == journey.now
    journey.run(hours=5)
    assert journey.charged(invoice) == [False]

    visit = journey.visit(journey.card_link(), scripts=scripts)
    paid_at = journey.now
    journey.run(days=25)

    assert visit.state in {"paid", "saved"}
    assert journey.case(invoice).state == "recovered"
    assert journey.charged(invoice) == [False, True]
    assert journey.attempts(invoice)[-1].attempted_at == paid_at
    assert journey.tries(invoice)[-1] == ("subscriber", "succeeded")
    assert journey.won == [("card_page", 2900, "usd")]
    assert journey.sent == ["payment_failed", "thank_you"]
    assert journey.faults == CLEAN


def test_the_new_card_is_saved_in_the_field_that_failed(journey):
    sandbox = journey.sandbox
    customer = sandbox.add_customer(timezone="UTC")
    old = sandbox.add_card(customer["id"], "4242424242424242")
    subscription = sandbox.add_subscription(customer, method=old)
    default = customer["invoice_settings"]["default_payment_method"]
    sandbox.fail_renewal(subscription, "expired_card")
    journey.settle()

    journey.visit(journey.card_link())

    assert subscription["default_payment_method"] not in {old, default, None}
    assert customer["invoice_settings"]["default_payment_method"] == default


def test_a_customer_without_any_card_saves_a_first_one(journey):
    sandbox = journey.sandbox
    customer = sandbox.add_customer(card=None, timezone="UTC")
    invoice = sandbox.renew(sandbox.add_subscription(customer))["id"]
    journey.settle()
    assert journey.case(invoice).decline_code == "missing"

    journey.visit(journey.card_link())
    journey.run(days=2)

    assert customer["invoice_settings"]["default_payment_method"]
    assert journey.won == [("card_page", 2900, "usd")]


def test_a_legacy_source_gives_way_to_the_new_card(journey):
    sandbox = journey.sandbox
    customer = sandbox.add_customer(legacy_source=True, timezone="UTC")
    invoice = sandbox.fail_renewal(sandbox.add_subscription(customer), "expired_card")
    journey.settle()

    journey.visit(journey.card_link())
    journey.run(days=2)

    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("card_page", 2900, "usd")]


def test_a_legacy_source_is_retried_like_any_card(journey):
    sandbox = journey.sandbox
    customer = sandbox.add_customer(legacy_source=True, timezone="UTC")
    invoice = sandbox.fail_renewal(sandbox.add_subscription(customer), "insufficient_funds")

    journey.run(days=2)

    assert journey.case(invoice).state == "recovered"
    assert journey.won == [("our_retry", 2900, "usd")]


def test_a_payment_that_needs_the_bank_s_consent_is_finished_on_the_page(journey):
    invoice = journey.fail("authentication_required")
    journey.settle()
    assert journey.sent == ["authentication_needed"]

    visit = journey.visit(journey.card_link(), ASKS_ALWAYS)
    journey.run(days=25)

    assert visit.state == "paid"
    assert journey.case(invoice).state == "recovered"
    assert journey.tries(invoice) == [("stripe", "failed"), ("subscriber", "succeeded")]
    assert journey.won == [("card_page", 2900, "usd")]
    assert journey.faults == CLEAN


def test_a_payment_that_waits_for_authentication_is_not_tried_without_its_holder(journey):
    invoice = journey.fail("authentication_required")

    journey.run(days=25)

    assert journey.charged(invoice) == [False]
    assert journey.sent == ["authentication_needed"] * 3 + ["last_notice"]


def test_a_new_card_that_is_declined_is_saved_and_the_case_goes_on(journey):
    invoice = journey.fail("expired_card")
    journey.settle()

    visit = journey.visit(journey.card_link(), DECLINES_CHARGES)
    journey.settle()

    assert visit.state == "declined"
    case = journey.case(invoice)
    assert (case.state, case.decline_code) == ("open", "generic_decline")
    assert case.next_step_at > journey.now
    assert journey.charged(invoice) == [False, False]


def test_the_network_s_updater_brings_a_card_that_is_tried_at_once(journey):
    invoice = journey.fail("expired_card")
    journey.run(days=3)
    case = journey.case(invoice)
    method = journey.sandbox.store.get(case.stripe_customer_id)["invoice_settings"]

    journey.sandbox.automatically_update(method["default_payment_method"])
    journey.settle()

    assert journey.case(invoice).state == "recovered"
    assert journey.times(invoice) == [timedelta(days=3)]
    assert journey.won == [("new_card", 2900, "usd")]


def test_a_card_replaced_in_stripe_s_own_portal_is_tried_at_once(journey):
    invoice = journey.fail("expired_card")
    journey.run(days=1)

    journey.replace_card(journey.case(invoice).stripe_customer_id)
    journey.settle()

    assert journey.times(invoice) == [timedelta(days=1)]
    assert journey.won == [("new_card", 2900, "usd")]
    assert journey.sent == ["payment_failed", "thank_you"]


def test_a_new_card_that_is_declined_is_not_tried_again_at_once(journey):
    invoice = journey.fail("expired_card")
    journey.run(days=1)

    journey.replace_card(journey.case(invoice).stripe_customer_id, DECLINES_CHARGES)
    journey.run(hours=6)

    assert journey.tries(invoice) == [("stripe", "failed"), ("card_update", "failed")]


def test_one_page_pays_two_failed_invoices_of_one_customer(journey):
    sandbox = journey.sandbox
    customer = sandbox.add_customer(timezone="UTC")
    first = sandbox.fail_renewal(sandbox.add_subscription(customer, 2900), "expired_card")
    second = sandbox.fail_renewal(sandbox.add_subscription(customer, 1900), "expired_card")
    journey.settle()
    assert len(journey.mails) == 1

    journey.visit(journey.card_link())
    journey.run(days=25)

    assert sorted(journey.won) == [("card_page", 1900, "usd"), ("card_page", 2900, "usd")]
    assert journey.charged(first) == journey.charged(second) == [False, True]
    assert journey.sent == ["payment_failed", "thank_you"]
    assert journey.faults == CLEAN


def test_a_finished_page_can_be_reloaded_without_a_second_charge(journey):
    invoice = journey.fail("expired_card")
    journey.settle()
    link = journey.card_link()

    assert journey.visit(link).state == "paid"
    journey.settle()
    again = journey.visit(link)
    journey.run(days=2)

    assert again.state in {"saved", "closed"}
    assert journey.charged(invoice) == [False, True]
    assert len(journey.ledger) == 1


def test_opening_the_link_alone_creates_nothing_at_stripe(journey):
    journey.fail("expired_card")
    journey.settle()

    for _ in range(3):
        with requests.get(journey.card_link(), timeout=30) as page:
            assert page.status_code == 200

    assert journey.sandbox.store.all("setup_intent") == []


def test_a_customer_of_one_link_cannot_finish_another_s_setup(journey):
    journey.fail("expired_card")
    other = journey.fail("expired_card", email="eve@example.test", amount=900)
    journey.settle()

    journey.visit(journey.card_link(to="ada@example.test"))
    journey.settle()

    assert journey.case(other).state == "open"
    assert journey.charged(other) == [False]


# Cards about to expire


def expiring(journey, **about):
    """A subscriber whose card dies at the end of this month, before a renewal nine days on."""
    journey.sandbox.advance_to(journey.now.replace(day=25))
    customer = journey.sandbox.add_customer(exp_month=11, exp_year=2026, **about)
    renews_at = journey.now + timedelta(days=9)
    return journey.sandbox.add_subscription(customer, renews_at=renews_at)


def test_an_expiring_card_gets_one_mail_whoever_notices_and_how_often(journey):
    expiring(journey)

    journey.scan()
    journey.run(days=7)  # invoice.upcoming arrives on the way
    journey.scan()

    assert journey.sent == ["card_expiring"]


def test_the_notice_of_a_coming_renewal_alone_finds_the_card(journey):
    expiring(journey)

    journey.run(days=7)

    assert journey.sent == ["card_expiring"]


def test_an_expiring_card_that_is_replaced_on_the_page_renews(journey):
    subscription = expiring(journey)
    journey.scan()

    visit = journey.visit(journey.card_link())
    journey.run(days=12)

    assert visit.state == "saved"
    assert subscription["status"] == "active"
    assert journey.cases == []
    assert journey.sent == ["card_expiring"]


def test_no_mail_about_an_expiring_card_that_the_updater_replaced_first(journey):
    subscription = expiring(journey)
    customer = journey.sandbox.store.get(subscription["customer"])

    journey.sandbox.automatically_update(customer["invoice_settings"]["default_payment_method"])
    journey.scan()
    journey.run(days=8)

    assert journey.mails == []


def test_no_mail_about_an_expiring_card_whose_subscription_ends_anyway(journey):
    subscription = expiring(journey)
    journey.api("POST", f"/v1/subscriptions/{subscription['id']}", cancel_at_period_end="true")

    journey.scan()
    journey.run(days=8)

    assert journey.mails == []


def test_no_mail_about_an_expiring_card_to_who_asked_for_no_more(journey):
    subscription = expiring(journey)
    journey.suppress(subscription["customer"])

    journey.scan()
    journey.run(days=8)

    assert journey.mails == []


def test_a_card_that_outlives_the_renewal_is_left_alone(journey):
    journey.sandbox.advance_to(journey.now.replace(day=20))
    customer = journey.sandbox.add_customer(exp_month=11, exp_year=2026)
    journey.sandbox.add_subscription(customer, renews_at=journey.now + timedelta(days=8))

    assert journey.scan() == 0
    assert journey.mails == []
