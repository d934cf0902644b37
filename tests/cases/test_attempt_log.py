"""Each settled payment attempt gets one timeline entry, which says what Stripe answered."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from recover.cases import attempt_log
from recover.dunning import Outcome, Trigger
from recover.models import Attempt, AuditLogEntry, RecoveryCase
from recover.workflow import sync

ABANDONED = "Not made: there was nothing to charge any more."


def attempt(outcome=Outcome.FAILED, **about):
    values = {
        "trigger": Trigger.SCHEDULE, "outcome": outcome, "reason": "It is payday.",
        "error_code": "", "decline_code": "", "advice_code": "", "network_decline_code": "",
        "network_advice_code": "", "outcome_type": "", "network_status": "",
        "payment_method_id": "", "attempted_at": datetime(2027, 3, 1, 9, 0, tzinfo=UTC),
    }  # fmt: skip
    return Attempt(**values | about)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (attempt(Outcome.SUCCEEDED), "The bank agreed: paid."),
        (attempt(Outcome.REQUIRES_ACTION), "The bank asks the cardholder to confirm."),
        (attempt(Outcome.ABANDONED), ABANDONED),
        (attempt(decline_code="lost_card"), "Declined (lost_card): "),
        (attempt(error_code="expired_card"), "Declined (expired_card): "),
        (attempt(error_code="card_declined", decline_code="lost_card"), "Declined (lost_card): "),
        (attempt(), "Declined: "),
    ],
)
def test_the_text_says_what_stripe_answered_with_the_most_exact_code(row, text):
    said = attempt_log.outcome_text(row)

    assert said.startswith(text)
    assert len(said) > len(text) or row.outcome != Outcome.FAILED  # a decline is explained


@pytest.fixture
def entries_after(world):
    """Notes an outcome of an attempt on an open case; the (verb, reason) entries it added."""
    subscription = world.sandbox.add_subscription(world.sandbox.add_customer())
    invoice_id = world.sandbox.fail_renewal(subscription, "insufficient_funds")
    sync.sync(world.services, world.account, invoice_id)
    query = select(AuditLogEntry.verb, AuditLogEntry.reason, AuditLogEntry.actor)

    def note(row, before):
        with world.services.db.begin() as session:
            known = len(session.execute(query).all())
            case = session.scalar(select(RecoveryCase))
            attempt_log.note_outcome(session, case, row, before, world.clock.now())
            session.flush()
            return [tuple(one) for one in session.execute(query.order_by(AuditLogEntry.id))][known:]

    return note


@pytest.mark.parametrize(
    ("before", "outcome", "verb", "reason"),
    [
        ("pending", Outcome.SUCCEEDED, "settle", "The bank agreed: paid."),
        ("requires_action", Outcome.SUCCEEDED, "settle", "The bank agreed: paid."),
        ("", Outcome.SUCCEEDED, "seen", "It is payday. The bank agreed: paid."),
        ("pending", Outcome.ABANDONED, "abandon", ABANDONED),
    ],
)  # fmt: skip
def test_an_attempt_first_seen_at_stripe_has_its_own_verb_and_says_whose_it_is(
    entries_after, before, outcome, verb, reason
):
    assert entries_after(attempt(outcome), before) == [(verb, reason, "stripe")]


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        ("pending", Outcome.PENDING), ("", Outcome.PENDING),
        ("failed", Outcome.FAILED), ("succeeded", Outcome.SUCCEEDED),
    ],
)  # fmt: skip
def test_an_outcome_that_is_open_or_known_is_not_noted_again(entries_after, before, outcome):
    assert entries_after(attempt(outcome), before) == []
