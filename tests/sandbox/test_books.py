from datetime import timedelta

import pytest
from sandbox_cast import error_of, open_desk


@pytest.fixture
def desk():
    with open_desk() as opened:
        yield opened


def pay(desk, invoice, **params):
    return desk.client.v1.invoices.pay(invoice, params)


def faults(desk):
    return {name: count for name, count in desk.sandbox.report()["faults"].items() if count}


def test_a_clean_recovery_has_no_faults(desk):
    invoice = desk.failed_invoice("insufficient_funds", "do_not_honor", "approve")
    desk.sandbox.advance(timedelta(days=1))
    error_of(lambda: pay(desk, invoice))
    desk.sandbox.advance(timedelta(days=3))
    pay(desk, invoice)
    report = desk.sandbox.report()
    assert faults(desk) == {}
    assert (report["failed_invoices"], report["recovered_invoices"]) == (1, 1)
    assert report["recovered_minor"] == {"usd": 2900}
    assert report["by_source"] == {"api_pay": 1}
    assert (report["authorisations"], report["authorisations_after_failure"]) == (3, 2)


def test_a_first_payment_that_succeeds_is_no_recovery(desk):
    desk.sandbox.renew(desk.sandbox.add_subscription(desk.sandbox.add_customer()))
    assert desk.sandbox.report()["recovered_invoices"] == 0
    assert desk.sandbox.report()["charges"] == 1


def test_a_one_off_invoice_is_not_in_the_books_of_renewals(desk):
    customer = desk.sandbox.add_customer()
    assert pay(desk, desk.sandbox.add_invoice(customer, 500)).status == "paid"
    assert desk.sandbox.report()["failed_invoices"] == 0


def test_two_machine_tries_within_an_hour_are_too_close(desk):
    invoice = desk.failed_invoice("insufficient_funds", *["insufficient_funds"] * 2)
    for minutes in (0, 59):
        desk.sandbox.advance(timedelta(minutes=minutes))
        error_of(lambda: pay(desk, invoice))
    assert faults(desk) == {"too_close": 1}


def test_the_subscribers_own_tries_are_not_held_against_the_machine(desk):
    invoice = desk.failed_invoice("insufficient_funds", *["insufficient_funds"] * 2)
    for _ in range(2):
        error_of(lambda: pay(desk, invoice, off_session=False))
    assert faults(desk) == {}


def test_a_machine_try_on_a_hard_code_is_a_fault_until_the_card_changes(desk):
    invoice = desk.failed_invoice("lost_card", "lost_card")
    error_of(lambda: pay(desk, invoice))
    assert faults(desk) == {"hard_code_tries": 1}
    customer = desk.client.v1.invoices.retrieve(invoice).customer
    new = desk.sandbox.add_card(customer, "4242424242424242")
    assert pay(desk, invoice, payment_method=new).status == "paid"
    assert faults(desk) == {"hard_code_tries": 1}


def test_a_machine_try_after_the_subscription_ended_is_a_fault(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    shown = desk.client.v1.invoices.retrieve(invoice)
    desk.client.v1.subscriptions.cancel(shown.parent.subscription_details.subscription)
    pay(desk, invoice)
    assert faults(desk) == {"after_cancel": 1}


def test_tries_past_the_networks_cap_are_counted(desk):
    invoice = desk.failed_invoice("insufficient_funds", *["insufficient_funds"] * 21)
    for _ in range(21):
        desk.sandbox.advance(timedelta(hours=6))
        error_of(lambda: pay(desk, invoice))
    assert faults(desk) == {"over_network_cap": 2}  # the renewal itself was the first of 22
    assert desk.sandbox.report()["most_tries_per_card_30d"] == 22


def test_a_payment_asked_for_after_the_end_is_noted_but_moves_no_money(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    pay(desk, invoice)
    error_of(lambda: pay(desk, invoice))
    assert desk.sandbox.report()["refused_after_end"] == {"paid": 1}
    assert faults(desk) == {}


def test_a_company_that_records_a_bank_transfer_is_a_source_of_its_own(desk):
    pay(desk, desk.failed_invoice(), paid_out_of_band=True)
    assert desk.sandbox.report()["by_source"] == {"out_of_band": 1}


def test_a_doubled_charge_would_be_seen(desk):
    invoice = desk.failed_invoice("insufficient_funds", "approve")
    pay(desk, invoice)
    tries = desk.sandbox.books.tries
    tries.append(tries[-1])
    assert faults(desk) == {"charged_twice": 1, "after_payment": 1, "too_close": 1}
