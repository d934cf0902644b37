"""Access while an invoice is unpaid: a table of how things stand, and what follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recover.dunning import CaseState, CloseReason
from recover.dunning.entitlement import STILL_OWED, Debt, EntitlementState, entitlement

FAILED = datetime(2027, 3, 1, 9, tzinfo=UTC)
WINDOW = timedelta(days=21)


def day(number: float) -> datetime:
    """So many days after the failure."""
    return FAILED + timedelta(days=number)


def debt(state=CaseState.OPEN, reason="", *, failed=0.0, closed=None, paid=None) -> Debt:
    return Debt(
        state=state,
        close_reason=reason,
        failed_at=day(failed),
        window_ends_at=day(failed) + WINDOW,
        closed_at=None if closed is None else day(closed),
        paid_until=None if paid is None else day(paid),
    )


RECOVERED, CLOSED, EXHAUSTED = CaseState.RECOVERED, CaseState.CLOSED, CaseState.EXHAUSTED
ENDED_PREPAID = debt(CLOSED, "subscription_ended", closed=3, paid=20)

TABLE = [
    # name, debts, days of grace, today, state, grace ends on day
    ("nothing failed", [], 14, 0, "fine", None),
    ("paid again", [debt(RECOVERED, closed=2)], 14, 30, "fine", None),
    ("voided by the company", [debt(CLOSED, "voided", closed=2)], 14, 30, "fine", None),
    ("collection paused", [debt(CLOSED, "paused", closed=2)], 14, 30, "fine", None),
    ("invoiced by hand", [debt(CLOSED, "not_automatic", closed=2)], 14, 30, "fine", None),
    ("Stripe disconnected", [debt(CLOSED, "disconnected", closed=2)], 14, 30, "fine", None),
    ("failed just now", [debt()], 14, 0, "grace", 14),
    ("failed just now, no grace", [debt()], 0, 0, "limited", 0),
    ("the last moment of grace", [debt()], 14, 13.999, "grace", 14),
    ("grace is over", [debt()], 14, 14, "limited", 14),
    ("grace cannot outlast the campaign", [debt()], 60, 22, "limited", 21),
    ("all tries used", [debt(EXHAUSTED, "window_over", closed=21)], 30, 22, "limited", 21),
    ("given up early", [debt(CLOSED, "uncollectible", closed=3)], 14, 4, "limited", 3),
    ("ended over it", [debt(CLOSED, "subscription_ended", closed=3)], 14, 4, "limited", 3),
    ("a dispute takes no grace away", [debt(CLOSED, "disputed", closed=3)], 14, 4, "grace", 14),
    ("prepaid beyond grace", [debt(paid=30)], 14, 20, "grace", 30),
    ("prepaid, then over", [debt(paid=30)], 14, 30, "limited", 30),
    ("prepaid ends before grace", [debt(paid=5)], 14, 6, "grace", 14),
    ("ended over it, yet prepaid", [ENDED_PREPAID], 14, 10, "grace", 20),
    ("two invoices: the stricter", [debt(), debt(failed=10)], 14, 15, "limited", 14),
    ("an old one paid, a new one not", [debt(RECOVERED), debt(failed=31)], 14, 32, "grace", 45),
]


@pytest.mark.parametrize(
    ("debts", "grace", "today", "state", "until"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_access(debts, grace, today, state, until):
    found = entitlement(debts, timedelta(days=grace), day(today))
    assert found.state == state
    assert found.until == (None if until is None else day(until))
    assert found.reason.endswith(".")


def test_the_reason_names_the_days_and_what_ends():
    grace = entitlement([debt()], timedelta(days=14), day(1))
    assert grace.reason == (
        "A renewal has been unpaid since 2027-03-01. Everything stays open until 2027-03-15,"
        " the end of the days of grace."
    )
    limited = entitlement([debt(paid=30)], timedelta(days=14), day(31))
    assert limited.reason == (
        "A renewal has been unpaid since 2027-03-01. Full access ended on 2027-03-31,"
        " the end of what was paid for."
    )


def test_since_is_the_oldest_failure_that_is_still_owed():
    found = entitlement([debt(failed=5), debt(RECOVERED), debt(failed=2)], timedelta(14), day(6))
    assert found.since == day(2)


def test_every_way_a_case_can_end_was_thought_of():
    settled = {"voided", "deleted", "paused", "nothing_owed", "credited"}
    settled |= {"not_automatic", "disconnected"}
    assert {one.value for one in CloseReason} == settled | {one.value for one in STILL_OWED}


DEBTS = st.builds(
    debt,
    st.sampled_from([CaseState.OPEN, CaseState.EXHAUSTED, CaseState.CLOSED]),
    st.sampled_from(["", *CloseReason]),
    failed=st.floats(0, 40),
    closed=st.floats(0, 60),
    paid=st.none() | st.floats(0, 90),
)


@given(st.lists(DEBTS, max_size=3), st.integers(0, 60), st.floats(0, 90))
def test_what_was_prepaid_is_never_locked(debts, grace, today):
    found = entitlement(debts, timedelta(days=grace), day(today))
    if debts and all(one.paid_until and day(today) < one.paid_until for one in debts):
        assert found.state != EntitlementState.LIMITED
