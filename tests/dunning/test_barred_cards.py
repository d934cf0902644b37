"""A code that forbids a card belongs to the card, on whichever invoice it was met."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dunning_cast import FAILED_AT, OTHER, VISA, days, declined, facts, hours, tried

from recover.dunning import (
    DEFAULT,
    CardUse,
    DeclineCategory,
    FixedTiming,
    Outcome,
    RetryPayment,
    decide,
    plan,
)
from recover.dunning.assessment import barring_rule, current_rule, is_new_card

FORBIDDING = ("lost_card", "stolen_card", "revocation_of_authorization", "do_not_try_again")
UNTIL_NEW_DATA = ("authentication_required", "incorrect_number", "transaction_not_allowed")


def elsewhere(code, days_ago=40, **more):
    """A failed attempt on the card, for another invoice."""
    at, decline = FAILED_AT - days(days_ago), declined(code, **more)
    return CardUse(at, 900, succeeded=False, card=VISA, decline=decline)


def retried(told):
    steps = plan(told, replace(DEFAULT, steps=()), FixedTiming(), FAILED_AT + hours(1))
    return [step for step in steps if isinstance(step, RetryPayment)]


@pytest.mark.parametrize("code", FORBIDDING + UNTIL_NEW_DATA)
def test_a_card_forbidden_on_another_invoice_is_not_charged_for_this_one(code):
    told = facts(card_uses=(elsewhere(code),))
    assert barring_rule(told)
    assert retried(told) == []


@pytest.mark.parametrize("code", FORBIDDING)
def test_entered_anew_with_another_date_it_stays_forbidden(code):
    renewed = replace(VISA, payment_method_id="pm_anew", exp_year=2033)
    told = facts(card=renewed, card_uses=(elsewhere(code),))
    assert not is_new_card(told)
    assert current_rule(told).category is DeclineCategory.NEVER


@pytest.mark.parametrize("code", UNTIL_NEW_DATA)
def test_a_code_about_the_data_ends_with_new_data(code):
    renewed = replace(VISA, payment_method_id="pm_anew", exp_year=2033)
    told = facts(card=renewed, card_uses=(elsewhere(code),))
    assert is_new_card(told)


def test_network_codes_count_elsewhere_too():
    told = facts(card_uses=(elsewhere("do_not_honor", network_decline_code="R1"),))
    assert barring_rule(told)


def test_a_soft_decline_elsewhere_forbids_nothing():
    assert retried(facts(card_uses=(elsewhere("insufficient_funds", days_ago=3),)))


def test_what_was_tried_since_does_not_lift_it():
    later = CardUse(FAILED_AT - days(2), 900, succeeded=True, card=VISA)
    assert barring_rule(facts(card_uses=(elsewhere("lost_card"), later)))


def test_another_card_is_free():
    told = facts(tried(), tried(days(1), "lost_card"), card=OTHER)
    assert isinstance(decide(told, DEFAULT, FixedTiming(), FAILED_AT + days(2)), RetryPayment)


def test_a_refusal_by_stripe_is_no_authorisation_and_forbids_nothing():
    refused = replace(tried(days(1)), outcome=Outcome.REFUSED)
    assert barring_rule(facts(tried(), refused)) is None
