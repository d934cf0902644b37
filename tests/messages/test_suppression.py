"""The suppression list: each reason of a customer on it once, and the one that came first told."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from recover.messages import suppression
from recover.models import AuditLogEntry

pytestmark = pytest.mark.both_databases  # inserts that ignore duplicates


@pytest.fixture
def listed(services, account):
    """Does things to the list in turn; the customer's reason, and the verbs noted."""

    def play(*steps, customer="cus_1"):
        acts = {
            "stop": lambda: suppression.stop_mail(services, account.id, "cus_1"),
            "resume": lambda: suppression.resume_mail(services, account.id, "cus_1"),
            "refuse": lambda: suppression.note_refusal(services, account.id, "cus_1", "", None),
        }
        for step in steps:
            acts[step]()
        with services.db.read() as session:
            entry = suppression.suppression_of(session, account.id, customer)
            reason = entry.reason if entry else None
            assert suppression.is_suppressed(session, account.id, customer) is (reason is not None)
            verbs = session.scalars(select(AuditLogEntry.verb).order_by(AuditLogEntry.id))
            return reason, list(verbs)

    return play


@pytest.mark.parametrize(
    ("steps", "reason", "verbs"),
    [
        ((), None, []),
        (("stop",), "asked", ["suppress"]),
        (("stop", "stop"), "asked", ["suppress"]),
        (("stop", "resume"), None, ["suppress", "resume"]),
        (("stop", "resume", "resume"), None, ["suppress", "resume"]),
        (("resume",), None, []),
        (("refuse",), "refused", ["suppress"]),
        (("refuse", "resume"), "refused", ["suppress"]),
        (("refuse", "stop"), "refused", ["suppress", "suppress"]),
        (("stop", "refuse"), "asked", ["suppress", "suppress"]),
        (("stop", "refuse", "resume"), "refused", ["suppress", "suppress", "resume"]),
    ],
)
def test_each_reason_is_listed_once_and_only_their_own_wish_can_be_taken_back(
    listed, steps, reason, verbs
):
    assert listed(*steps) == (reason, verbs)


def test_another_customer_is_not_touched(listed):
    assert listed("stop", customer="cus_2")[0] is None


def test_another_account_s_list_is_not_touched(services, account, listed):
    listed("stop")
    with services.db.read() as session:
        assert not suppression.is_suppressed(session, account.id + 1, "cus_1")
