"""One card, several invoices: what the network forbids on one holds for all."""

from __future__ import annotations

from journey import CLEAN


def test_a_card_forbidden_on_one_invoice_is_left_alone_on_another(journey):
    first = journey.subscriber()
    customer = journey.sandbox.store.get(first["customer"])
    second = journey.sandbox.add_subscription(customer, 900, product="Addon")
    soft = journey.sandbox.fail_renewal(first, "insufficient_funds")
    journey.run(hours=2)
    hard = journey.sandbox.fail_renewal(second, "stolen_card")

    journey.run(days=25)

    assert journey.charged(soft) == [False]
    assert journey.charged(hard) == [False]
    assert journey.faults == CLEAN


def test_a_new_card_pays_them_all_the_same(journey):
    first = journey.subscriber()
    customer = journey.sandbox.store.get(first["customer"])
    second = journey.sandbox.add_subscription(customer, 900, product="Addon")
    invoices = [
        journey.sandbox.fail_renewal(first, "insufficient_funds"),
        journey.sandbox.fail_renewal(second, "stolen_card"),
    ]
    journey.run(hours=2)
    journey.replace_card(customer["id"])
    journey.run(days=3)
    assert [journey.case(invoice).state for invoice in invoices] == ["recovered"] * 2


def test_who_lives_on_a_test_clock_shares_no_budget_with_real_time(journey):
    real, simulated = (journey.subscriber(email=f"{who}@example.test") for who in "ab")
    journey.sandbox.store.get(simulated["customer"])["test_clock"] = "clock_1"
    share_a_test_card(journey, real, simulated)
    first = journey.sandbox.fail_renewal(simulated, "stolen_card")
    journey.run(hours=2)

    other = journey.sandbox.fail_renewal(real, "insufficient_funds")
    journey.sandbox.script(real["customer"], ["approve"])
    journey.run(days=10)

    assert journey.case(first).stripe_test_clock_id == "clock_1"
    assert journey.case(other).state == "recovered"


def share_a_test_card(journey, *subscriptions):
    """As in test mode, where 4242 has one fingerprint for everybody."""
    store, state = journey.sandbox.store, journey.sandbox.state
    for subscription in subscriptions:
        customer = store.get(subscription["customer"])
        method = customer["invoice_settings"]["default_payment_method"]
        state.truths[method].fingerprint = "fp4242"
        store.get(method)["card"]["fingerprint"] = "fp4242"
