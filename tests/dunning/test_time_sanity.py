"""Times at the ends of the calendar, or without a zone: an answer with a reason, and no try."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from dunning_cast import FAILED_AT, VISA, days, facts, tried

from recover.dunning import (
    DEFAULT,
    CardUse,
    FixedTiming,
    IssuerAnswer,
    Outcome,
    PastMessage,
    Wait,
    allowance,
    decide,
    planned_retry,
)
from recover.dunning.engine import Engine

NOW = FAILED_AT + days(2)
STRANGE = {
    "the first moment": datetime.min.replace(tzinfo=UTC),
    "the last moment": datetime.max.replace(tzinfo=UTC),
    "long ago": datetime(1970, 1, 1, tzinfo=UTC),
    "without a zone": datetime(2026, 11, 25, 8),  # noqa: DTZ001  that is the mistake
}
PLACES = {
    "failed_at": lambda at: {"failed_at": at},
    "next_stripe_attempt_at": lambda at: {"next_stripe_attempt_at": at},
    "attempts": lambda at: {"attempts": (tried(), replace(tried(), at=at))},
    "a charge in flight": lambda at: {
        "attempts": (tried(), replace(tried(), at=at, outcome=Outcome.PENDING, decline=None))
    },
    "card_uses": lambda at: {"card_uses": (CardUse(at, 1900, succeeded=False),)},
    "issuer_answers": lambda at: {"issuer_answers": (IssuerAnswer(at, "f_2", technical=True),)},
    "messages": lambda at: {"messages": (PastMessage(at, "card_declined"),)},
    "paid_hours": lambda at: {"paid_hours": (at,)},
}
STRANGE_FACTS = [
    pytest.param(facts(tried(), **place(at)), NOW, id=f"{name}, {when}")
    for name, place in PLACES.items()
    for when, at in STRANGE.items()
] + [pytest.param(facts(tried()), at, id=f"now, {when}") for when, at in STRANGE.items()]


def sensible(told=None, now=NOW):
    return planned_retry(told or facts(tried()), DEFAULT, FixedTiming(), now)


def test_the_same_facts_with_sensible_times_get_a_try():
    assert sensible() is not None
    assert allowance(facts(tried()), NOW).attempts_left > 0


@pytest.mark.parametrize(("told", "now"), STRANGE_FACTS)
def test_nothing_is_tried_where_a_time_cannot_be_right(told, now):
    assert sensible(told, now) is None
    budget = allowance(told, now)
    assert budget.attempts_left == 0
    assert "cannot be right" in budget.reason
    for timing in (FixedTiming(), Engine.default()):
        found = timing.propose(told, DEFAULT, now)
        assert found.retry is None
        assert found.warnings == (found.reason,)
        assert timing.next_retry(told, DEFAULT, now) is None
    assert Engine.default().warnings(told, now) == (found.reason,)


@pytest.mark.parametrize(("told", "now"), STRANGE_FACTS)
def test_a_step_waits_for_better_facts_and_sends_nothing(told, now):
    found = decide(told, DEFAULT, FixedTiming(), now)
    assert isinstance(found, Wait)
    assert "cannot be right" in found.reason
    assert found.until > now or now == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(("told", "now"), STRANGE_FACTS)
def test_a_new_card_is_not_tried_at_once_either(told, now):
    new = replace(told, card=replace(VISA, payment_method_id="pm_new", fingerprint="f_new"))
    assert isinstance(decide(new, DEFAULT, FixedTiming(), now), Wait)
