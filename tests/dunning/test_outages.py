"""Outages: told from several cards, over when one of them is judged again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from dunning_cast import FAILED_AT, OTHER, VISA, days, declined, facts, hours, tried

from recover.dunning import (
    DEFAULT,
    FixedTiming,
    IssuerAnswer,
    Outcome,
    PastAttempt,
    Proposal,
    Retry,
    RetryMode,
    RetryPayment,
    Trigger,
    Wait,
    decide,
)
from recover.dunning.outages import (
    TECHNICAL_CODES,
    issuer_answer,
    next_canary_at,
    outage_behind,
    over_since,
    technical_failures,
)

DOWN = "issuer_not_available"


def minutes(count):
    return timedelta(minutes=count)


def words(*said):
    """``("a", 10, "x")``: card a, ten minutes after ours failed, was turned away; "ok": judged."""
    answers = (IssuerAnswer(FAILED_AT + minutes(at), card, said == "x") for card, at, said in said)
    return tuple(sorted(answers, key=lambda word: word.at))


TWO = (("a", -20, "x"), ("b", 30, "x"))


@pytest.mark.parametrize(
    ("said", "over"),
    [
        ((), "none"),
        ((("a", -20, "x"),), "none"),  # two cards, with ours: a coincidence
        ((("a", -20, "x"), ("a", 30, "x")), "none"),  # one card twice is one card
        ((("a", -20, "x"), ("b", 61, "x")), "none"),  # not at the same time
        (TWO, "lasts"),
        ((*TWO, ("c", 0, "ok"), ("d", 5, "ok")), "lasts"),  # other banks of the group
        ((*TWO, ("c", 0, "ok"), ("d", 5, "ok"), ("e", 6, "ok")), "none"),  # most were judged
        ((*TWO, ("a", 50, "ok"), ("b", 55, "ok")), 50),  # a short one, over within the hour
        ((*TWO, ("c", 70, "ok")), "lasts"),  # a card that was never turned away proves nothing
        ((*TWO, ("a", -10, "ok")), "lasts"),  # before ours failed
        ((*TWO, ("b", 120, "ok"), ("a", 130, "ok")), 120),
        ((*TWO, ("a", 120, "x"), ("b", 240, "ok")), 240),
        ((*TWO, ("z", 90, "x"), ("z", 210, "ok")), 210),  # turned away later than ours
        ((*TWO, ("a", 120, "ok"), ("b", 121, "x")), 120),  # one hiccup does not bring it back
        ((*TWO, ("a", 120, "ok"), ("b", 121, "x"), ("c", 122, "x")), "lasts"),  # two do
        ((*TWO, ("a", 120, "ok"), ("b", 121, "x"), ("c", 122, "x"), ("b", 250, "ok")), 250),
    ],
)
def test_an_outage_is_told_from_several_cards_and_over_by_one_of_them(said, over):
    found = outage_behind([FAILED_AT], words(*said))

    if over == "none":
        assert found is None
    else:
        assert found is not None
        assert found.over_at == (None if over == "lasts" else FAILED_AT + minutes(over))


def test_the_outage_that_counts_is_the_last_this_card_failed_in():
    again = FAILED_AT + hours(10)
    said = words(*TWO, ("a", 120, "ok"), ("b", 125, "ok"), ("a", 610, "x"), ("b", 615, "x"))

    assert outage_behind([FAILED_AT], said).over_at is None
    assert outage_behind([FAILED_AT, again], said).failed_at == again
    assert outage_behind([FAILED_AT, FAILED_AT + hours(5)], said).failed_at == FAILED_AT


@pytest.mark.parametrize(
    ("attempts", "after"),
    [
        ([tried(code=DOWN)], [0]),
        ([tried(code=DOWN), tried(hours(2), DOWN)], [0, 2]),
        ([tried(), tried(hours(2), DOWN)], [2]),
        ([tried(code=DOWN), tried(hours(2))], []),  # judged since
        ([tried(code=DOWN), tried(hours(2), card=OTHER)], [0]),
        ([tried(code=DOWN, network_status="not_sent_to_network")], []),
        ([], []),
    ],
)
def test_only_technical_failures_since_the_card_was_last_judged_count(attempts, after):
    found = technical_failures(attempts, VISA)

    assert found == [FAILED_AT + hours(count) for count in after]


@pytest.mark.parametrize(
    ("past", "technical"),
    [
        (tried(code=DOWN), True),
        (tried(code="processing_error"), True),
        (tried(code=DOWN, network_status="not_sent_to_network"), None),
        (tried(network_status="declined_by_network"), False),
        (tried(code="expired_card", network_status="declined_by_network"), False),
        (tried(network_status="not_sent_to_network", outcome_type="blocked"), None),
        (tried(), None),  # Stripe has not told yet who declined
        (tried(code="try_again_later", network_status="declined_by_network"), None),
        (tried(code="duplicate_transaction", network_status="declined_by_network"), None),
        (PastAttempt(FAILED_AT, Trigger.STRIPE, Outcome.SUCCEEDED, VISA), False),
        (PastAttempt(FAILED_AT, Trigger.STRIPE, Outcome.REQUIRES_ACTION, VISA), None),
        (PastAttempt(FAILED_AT, Trigger.SCHEDULE, Outcome.OBSERVED, VISA), None),
        (PastAttempt(FAILED_AT, Trigger.STRIPE, Outcome.FAILED, None, declined()), None),
    ],
)
def test_what_a_try_tells_of_the_issuer(past, technical):
    expected = None if technical is None else IssuerAnswer(FAILED_AT, "fp_visa", technical)

    assert issuer_answer(past) == expected


def test_insufficient_funds_are_no_technical_failure():
    assert {DOWN, "processing_error", "reenter_transaction"} <= TECHNICAL_CODES
    assert not {"insufficient_funds", "do_not_honor", "try_again_later"} & TECHNICAL_CODES


# What follows for a case: the renewal failed at 09:00 in Madrid, and once more two hours later


OVER = words(*TWO, ("a", 150, "ok"))
LASTS = words(*TWO, ("a", 150, "x"))
TWICE = (tried(code=DOWN), tried(hours(2), DOWN, trigger=Trigger.SCHEDULE))


def step(*attempts, after, said, **more):
    told = facts(*attempts, issuer_answers=said, **more)
    return decide(told, DEFAULT, FixedTiming(), FAILED_AT + after)


def test_the_try_at_once_comes_before_the_timing_and_says_why():
    early, found = (step(*TWICE, after=minutes(at), said=OVER) for at in (239, 240))

    assert isinstance(early, Wait)
    assert early.until == FAILED_AT + hours(4)  # the gap after its own last try
    assert isinstance(found, RetryPayment)
    assert found.trigger is Trigger.SCHEDULE
    assert found.reason == (
        "Wednesday 25 November, 13:00 in Madrid: third try, two hours after the last; the bank's"
        " systems were down at the last try and have answered again since Wednesday 25 November,"
        " 11:30 in Madrid. This leaves twelve tries on this Visa card until 25 December."
    )
    assert isinstance(step(*TWICE, after=hours(4), said=()), Wait)


@pytest.mark.parametrize("code", [DOWN, "do_not_honor"])
def test_a_try_since_its_end_has_spent_the_outage(code):
    once_more = (*TWICE, tried(hours(4), code, trigger=Trigger.SCHEDULE))

    assert over_since(facts(*TWICE, issuer_answers=OVER)) == FAILED_AT + minutes(150)
    assert over_since(facts(*once_more, issuer_answers=OVER)) is None
    assert isinstance(step(*once_more, after=hours(7), said=OVER), Wait)


def test_an_observed_try_spends_it_too():
    seen = PastAttempt(FAILED_AT + hours(4), Trigger.SCHEDULE, Outcome.OBSERVED, VISA)

    assert over_since(facts(*TWICE, seen, issuer_answers=OVER, mode=RetryMode.OBSERVE)) is None


@pytest.mark.parametrize(
    "more",
    [
        {"mode": RetryMode.STRIPE},
        {"card": replace(VISA, country="IN")},
        {"next_stripe_attempt_at": FAILED_AT + hours(6)},
        {"card_uses": tuple(use for use in facts(*[tried(-days(d)) for d in range(20)]).card_uses)},
    ],
    ids=["Stripe retries", "India", "Stripe is about to", "the card's tries are used"],
)
def test_the_try_at_once_keeps_every_limit(more):
    assert isinstance(step(*TWICE, after=hours(4), said=OVER, **more), Wait)


def test_the_try_at_once_keeps_out_of_the_night():
    night = hours(17)  # 02:00 in Madrid
    said = words(*TWO, ("a", 16.5 * 60, "ok"))

    found = step(*TWICE, after=night, said=said)

    assert isinstance(found, Wait)
    assert "Next try Thursday 26 November, 09:00 in Madrid: the bank's systems" in found.reason


def test_while_it_lasts_a_due_try_waits_for_another_card_s():
    said = words(*TWO, ("a", 90, "x"))
    held, found = (step(tried(code=DOWN), after=minutes(at), said=said) for at in (120, 210))

    assert isinstance(step(tried(code=DOWN), after=hours(2), said=said[-1:]), RetryPayment)
    assert isinstance(held, Wait)
    assert held.until == FAILED_AT + minutes(90) + hours(2)
    assert isinstance(found, RetryPayment)
    assert "down, and one card in two hours finds out if they still are" in found.reason


def test_while_it_lasts_a_card_finds_out_before_its_timing_would_have_it():
    found = step(*TWICE, after=minutes(280), said=LASTS)

    assert isinstance(step(*TWICE, after=minutes(280), said=()), Wait)
    assert isinstance(found, RetryPayment)
    assert found.trigger is Trigger.SCHEDULE


def test_no_card_finds_out_more_than_twice():
    thrice = (*TWICE, tried(hours(4), DOWN, trigger=Trigger.SCHEDULE))

    early = step(*thrice, after=hours(7), said=words(*TWO))

    assert isinstance(early, Wait)
    assert early.reason.startswith("Next try Thursday 26 November, 09:00 in Madrid: the failure")


class Eager:
    def propose(self, facts, campaign, now):
        return Proposal(Retry(now, "now"), "now")


def test_the_try_a_timing_wants_is_held_too():
    thrice = (*TWICE, tried(hours(4), DOWN, trigger=Trigger.SCHEDULE))
    told = facts(*thrice, issuer_answers=words(*TWO, ("a", 330, "x")))
    held, found = (decide(told, DEFAULT, Eager(), FAILED_AT + minutes(at)) for at in (360, 470))

    assert isinstance(held, Wait)
    assert held.until == FAILED_AT + minutes(470)
    assert "another card was turned away meanwhile" in held.reason
    assert isinstance(found, RetryPayment)
    assert "; now." in found.reason


def test_no_outage_holds_a_try_for_more_than_a_day():
    said = words(*TWO, *(("a", hour * 60, "x") for hour in range(1, 48)))
    told = facts(tried(code=DOWN), issuer_answers=said)

    assert next_canary_at(told, FAILED_AT + hours(23)) == FAILED_AT + hours(24)
    assert next_canary_at(told, FAILED_AT + hours(24)) is None


def test_a_new_card_is_not_held_and_needs_no_news():
    found = step(tried(code=DOWN), after=hours(1), said=LASTS, card=OTHER)

    assert isinstance(found, RetryPayment)
    assert found.trigger is Trigger.CARD_UPDATE
