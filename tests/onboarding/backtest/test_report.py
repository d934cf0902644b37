"""The judgement of a past, from plain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from backtest_cast import BEGAN, READ, SINCE, VISA, card, charge, invoice

from recover.onboarding.backtest.audit import Fault
from recover.onboarding.backtest.renewals import Ending
from recover.onboarding.backtest.report import backtest
from recover.onboarding.backtest.wording import lines, start_of


def judged(invoices, charges):
    return backtest(invoices, charges, since=SINCE, until=READ)


def faults(report):
    return {one.fault: (one.tries, one.succeeded) for one in report.audit.findings}


def text(report):
    return "\n".join(lines(report))


def test_an_empty_account_has_nothing_to_judge():
    report = judged([], [])

    assert (report.renewals, report.failed, report.endings, report.tries) == (0, 0, (), None)
    assert report.estimates[0].ours is None
    assert "There is nothing to judge." in text(report)


def test_one_invoice_is_described_and_nothing_is_estimated_from_it():
    report = judged([invoice(status="paid")], [charge(), charge(1, "")])

    [ending] = report.endings
    assert (ending.ending, ending.invoices, ending.amount_minor) == (Ending.RETRY, 1, 2900)
    assert report.tries.histogram == ((2, 1),)
    assert report.estimates[0].matched == 1
    assert report.estimates[0].ours is None
    assert "Too little data to say: 1 effective retries" in text(report)


def test_renewals_paid_at_once_and_invoices_that_are_no_renewals_are_left_out():
    paid = invoice(1, status="paid")
    first = invoice(2, billing_reason="subscription_create")
    sent = invoice(3, collection_method="send_invoice")
    charges = [charge(code=""), charge(number=2), charge(number=3)]

    report = judged([paid, first, sent], charges)

    assert (report.renewals, report.failed) == (1, 0)


@pytest.mark.parametrize(
    ("about", "charges", "ending"),
    [
        ({"status": "paid"}, [charge(), charge(3, "")], Ending.RETRY),
        ({"status": "paid"}, [charge(), charge(3, "", method=card(7))], Ending.OTHER_CARD),
        ({"status": "paid"}, [charge()], Ending.ELSEWHERE),
        ({"status": "paid", "attempt_count": 2}, [charge(3, "")], Ending.OTHER_CARD),
        ({"status": "void"}, [charge()], Ending.VOID),
        ({"status": "uncollectible"}, [charge()], Ending.UNCOLLECTIBLE),
        ({}, [charge()], Ending.OPEN),
        ({"created_at": READ - timedelta(days=2)}, [charge()], Ending.RUNNING),
    ],
)
def test_each_ending_is_told_apart(about, charges, ending):
    [line] = judged([invoice(**about)], charges).endings

    assert line.ending is ending


def test_a_failed_renewal_without_any_charge_is_counted_and_said_to_be_unjudged():
    report = judged([invoice(), invoice(2, status="paid", attempt_count=3)], [])

    assert (report.failed, report.tries, report.audit.retries) == (2, None, 0)
    assert "2 failed renewals have no charge on Stripe" in text(report)


def test_an_unknown_code_is_named_and_treated_with_care():
    report = judged([invoice()], [charge(code="moon_phase"), charge(2, "moon_phase")])

    assert '2 declines with the code "moon_phase", which is unknown here.' in report.warnings
    assert report.audit.findings == ()


def test_a_charge_without_a_card_breaks_nothing():
    report = judged([invoice()], [charge(method=None), charge(2, method=None)])

    assert (report.failed, report.audit.retries, report.audit.faulty) == (1, 1, 0)
    assert report.estimates[0].tries == 0


def test_a_hard_code_retried_on_the_same_card_is_found_and_its_waste_counted():
    code = "transaction_not_allowed"
    charges = [charge(code=code), charge(1, code), charge(2, code)]

    report = judged([invoice()], charges)

    assert faults(report) == {Fault.HARD: (2, 0)}
    assert (report.audit.faulty, report.audit.wasted) == (2, 2)
    assert report.audit.findings[0].examples == ("in_1",)


def test_a_hard_code_followed_by_another_card_is_no_fault():
    charges = [charge(code="transaction_not_allowed"), charge(1, "", method=card(7))]

    assert faults(judged([invoice(status="paid")], charges)) == {}


def test_a_stolen_card_stays_forbidden_when_it_is_entered_anew():
    anew = replace(VISA, id="pm_anew")
    charges = [charge(code="stolen_card"), charge(1, "stolen_card", method=anew)]

    assert faults(judged([invoice()], charges)) == {Fault.FORBIDDEN: (1, 0)}


def test_what_the_network_forbade_is_told_from_stripe_s_own_list():
    mastercard = card(5, "mastercard")
    refused = {"network_advice_code": "03", "method": mastercard}
    charges = [charge(code="do_not_honor", **refused), charge(4, "do_not_honor", **refused)]

    assert faults(judged([invoice()], charges)) == {Fault.FORBIDDEN: (1, 0)}


def test_a_retry_of_an_expired_card_that_went_through_is_a_fault_but_no_waste():
    report = judged([invoice(status="paid")], [charge(code="expired_card"), charge(2, "")])

    assert faults(report) == {Fault.NEEDS_CUSTOMER: (1, 1)}
    assert report.audit.wasted == 0
    assert (report.left_alone.tries, report.left_alone.succeeded) == (1, 1)


def test_a_retry_before_the_time_the_network_asked_to_wait_for_is_too_soon():
    mastercard = card(5, "mastercard")
    first = charge(network_advice_code="26", method=mastercard)  # wait for two days

    soon = judged([invoice()], [first, charge(1, method=mastercard)])
    later = judged([invoice()], [first, charge(2.5, method=mastercard)])

    assert faults(soon) == {Fault.TOO_SOON: (1, 0)}
    assert "not before two days had passed" in text(soon)
    assert faults(later) == {}


def test_the_limit_is_that_of_the_day_and_counts_the_card_over_all_invoices():
    def busy(began):
        """Twelve declines on each of two invoices of one card within twelve days."""
        pair = [invoice(n, created_at=began, status="void") for n in (1, 2)]
        tries = [
            charge(
                0.0, number=n, id=f"ch_{n}_{day}", created_at=began + timedelta(days=day, hours=n)
            )
            for n in (1, 2)
            for day in range(12)
        ]
        return backtest(pair, tries, since=SINCE - timedelta(days=900), until=READ)

    now, then = busy(BEGAN), busy(BEGAN - timedelta(days=450))

    assert faults(now) == {Fault.OVER_LIMIT: (4, 0)}
    assert faults(then) == {Fault.OVER_LIMIT: (9, 0)}
    assert "visa: 20 attempts in 30 days" in now.audit.findings[0].rules[0]
    assert "visa: 15 attempts in 30 days" in then.audit.findings[0].rules[0]


def test_each_retry_counts_once_however_much_was_wrong_with_it():
    refused = {"network_advice_code": "03", "method": card(5, "mastercard")}
    charges = [charge(day / 24, "do_not_honor", **refused) for day in range(13)]

    audit = judged([invoice()], charges).audit

    assert {one.fault for one in audit.findings} == {Fault.OVER_LIMIT, Fault.FORBIDDEN}
    assert (audit.retries, audit.faulty, audit.wasted) == (12, 12, 12)


def test_amounts_of_several_currencies_stand_side_by_side_and_are_not_added():
    pair = [invoice(), invoice(2, currency="jpy", amount_due_minor=500)]

    said = text(judged(pair, [charge(), charge(number=2, method=card(2))]))

    assert "2 still unpaid after 30 days: ¥500 + $29.00" in said


def test_what_stripe_blocked_never_reached_the_network_and_uses_up_nothing():
    blocked = {"network_status": "not_sent_to_network"}
    charges = [charge(day, **blocked) for day in range(25)]

    assert Fault.OVER_LIMIT not in faults(judged([invoice()], charges))


def test_waits_are_put_beside_those_of_our_timing():
    report = judged([invoice()], [charge(), charge(5), charge(8)])

    assert [(p.retry, p.wait, p.theirs, p.ours) for p in report.placements] == [
        (1, "1 day", 0, 1),
        (1, "5 days", 1, 0),
        (2, "2 days", 0, 1),
        (2, "3 days", 1, 0),
    ]


def test_a_charge_that_is_still_under_way_is_no_try():
    report = judged([invoice()], [charge(), charge(1, status="pending")])

    assert report.tries.histogram == ((1, 1),)


def test_the_order_of_what_is_read_does_not_matter():
    charges = [charge(), charge(1), charge(4, ""), charge(number=2, method=card(2))]
    invoices = [invoice(status="paid"), invoice(2)]

    assert judged(invoices, charges) == judged(invoices[::-1], charges[::-1])


def test_where_the_data_suffices_the_report_says_which_times_were_better():
    rng, invoices, charges = Random(5), [], []
    for number in range(600):
        wait, own = rng.choice((1, 5)), card(number)
        paid = rng.random() < (0.6 if wait == 1 else 0.3)
        invoices.append(invoice(number, status="paid" if paid else "void"))
        charges.append(charge(number=number, method=own))
        charges.append(charge(wait, "" if paid else "do_not_honor", number, own))

    report = judged(invoices, charges)

    best = report.estimates[0]
    assert best.ours.low < 0.6 < best.ours.high
    assert best.theirs.low < 0.45 < best.theirs.high
    assert "Ours would have done better, by +" in text(report)
    assert [one.group for one in report.estimates] == ["all", "payday"]


@pytest.mark.parametrize(
    ("said", "start"),
    [
        ("90d", READ - timedelta(days=90)),
        ("18mo", READ.replace(year=2025, month=3)),
        ("2y", READ.replace(year=2024)),
        ("2026-01-31", READ.replace(month=1, day=31)),
    ],
)
def test_the_start_is_a_span_or_a_date(said, start):
    assert start_of(said, READ) == start


@pytest.mark.parametrize("said", ["soon", "18", "mo", "-3d", "2026-13-01", "999y9", "300y300"])
def test_a_start_that_is_none_is_refused(said):
    with pytest.raises(ValueError, match=r"."):
        start_of(said, READ)


def test_months_before_the_end_of_a_long_one_stay_in_theirs():
    assert start_of("1mo", READ.replace(month=3, day=31)).day == 28
