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
