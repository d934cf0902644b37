from dataclasses import replace

import pytest
from backtest_cast import invoice

from recover.cases.core_values import invoice_state
from recover.dunning import (
    CaseSnapshot,
    CaseState,
    CloseReason,
    InvoiceState,
    MissingOnStripe,
    OpenCase,
    SyncCase,
    fixes,
    opens_case,
)

FAILED = InvoiceState(
    "in_1",
    "open",
    1900,
    attempted=True,
    billing_reason="subscription_cycle",
    collection_method="charge_automatically",
    subscription_id="sub_1",
)
PAID = replace(FAILED, status="paid", amount_remaining_minor=0)
CREDITED = replace(PAID, credited=True)


def case(state, close_reason=None, amount=1900):
    return {"in_1": CaseSnapshot("in_1", state, amount, close_reason)}


def kinds(*found):
    return [type(fix) for fix in found]


@pytest.mark.parametrize(
    "reason", ["subscription_cycle", "subscription_update", "subscription_threshold"]
)
def test_a_failed_renewal_opens_a_case(reason):
    assert opens_case(replace(FAILED, billing_reason=reason))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"billing_reason": "subscription_create"}, "first invoice"),
        ({"billing_reason": "manual"}, "no renewal"),
        ({"billing_reason": "a reason of next year"}, "no renewal"),
        ({"collection_method": "send_invoice"}, "not charged automatically"),
        ({"subscription_id": ""}, "no subscription"),
        ({"attempted": False}, "no payment was tried"),
        ({"amount_remaining_minor": 0}, "nothing is left"),
        ({"status": "draft"}, "is draft"),
        ({"status": "paid"}, "is paid"),
        ({"payment_status": "processing"}, "under way"),
    ],
)
def test_everything_else_opens_none_and_says_why(change, why):
    opening = opens_case(replace(FAILED, **change))
    assert not opening
    assert why in opening.reason


def test_a_failed_renewal_without_a_case_is_opened():
    assert kinds(*fixes([FAILED], {})) == [OpenCase]


def test_a_paid_invoice_without_a_case_is_none_of_our_business():
    assert fixes([PAID], {}) == []


@pytest.mark.parametrize(
    ("invoice", "ours"),
    [
        (FAILED, case(CaseState.OPEN)),
        (FAILED, case(CaseState.EXHAUSTED, CloseReason.WINDOW_OVER)),
        (FAILED, case(CaseState.CLOSED, CloseReason.PAUSED)),
        (FAILED, case(CaseState.CLOSED, CloseReason.SUBSCRIPTION_ENDED)),
        (FAILED, case(CaseState.CLOSED, CloseReason.DISPUTED)),
        (PAID, case(CaseState.RECOVERED)),
        (CREDITED, case(CaseState.CLOSED, CloseReason.CREDITED)),
    ],
)
def test_sides_that_agree_need_no_fix(invoice, ours):
    assert fixes([invoice], ours) == []


@pytest.mark.parametrize(
    ("invoice", "ours"),
    [
        (PAID, case(CaseState.OPEN)),
        (PAID, case(CaseState.EXHAUSTED, CloseReason.WINDOW_OVER)),
        (PAID, case(CaseState.CLOSED, CloseReason.UNCOLLECTIBLE)),
        (CREDITED, case(CaseState.RECOVERED)),
        (CREDITED, case(CaseState.OPEN)),
        (FAILED, case(CaseState.CLOSED, CloseReason.CREDITED)),
        (FAILED, case(CaseState.RECOVERED)),
        (FAILED, case(CaseState.CLOSED, CloseReason.VOIDED)),
        (FAILED, case(CaseState.CLOSED, CloseReason.DELETED)),
        (FAILED, case(CaseState.CLOSED, CloseReason.DISCONNECTED)),
        (FAILED, case(CaseState.OPEN, amount=2500)),
        (replace(FAILED, status="void"), case(CaseState.OPEN)),
        (replace(FAILED, status="uncollectible"), case(CaseState.OPEN)),
    ],
)
def test_sides_that_disagree_are_synced(invoice, ours):
    assert kinds(*fixes([invoice], ours)) == [SyncCase]


def test_an_open_case_that_stripe_does_not_list_is_looked_up_alone():
    assert kinds(*fixes([], case(CaseState.OPEN))) == [MissingOnStripe]
    assert fixes([], case(CaseState.RECOVERED)) == []


def test_an_invoice_listed_twice_is_fixed_once():
    assert len(fixes([FAILED, FAILED], {})) == 1


def test_the_state_is_taken_from_stripes_invoice():
    shown = invoice(currency="eur", amount_due_minor=1900, amount_remaining_minor=1900)
    assert invoice_state(shown) == FAILED
