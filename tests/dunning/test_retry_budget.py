from dataclasses import replace
from datetime import timedelta

from dunning_cast import FAILED_AT, MASTERCARD, OTHER, VISA, days, facts, hours, tried, uses

from recover.dunning import DEFAULT, Outcome, allowance
from recover.dunning.retry_budget import attempts_on_card, gap_ends_at, stripe_clears_at


def test_every_use_of_the_number_by_anyone_counts():
    told = facts(card_uses=uses(*(FAILED_AT + hours(n) for n in range(6))))
    assert allowance(told, FAILED_AT + days(1)).attempts_left == 9


def test_a_use_leaves_the_budget_after_thirty_days():
    told = facts(card_uses=uses(FAILED_AT - days(29), FAILED_AT))
    assert allowance(told, FAILED_AT + hours(1)).attempts_left == 13
    assert allowance(told, FAILED_AT + days(1)).attempts_left == 14


def test_a_full_budget_names_the_moment_it_frees():
    told = facts(card_uses=uses(*(FAILED_AT + hours(n) for n in range(15))))
    found = allowance(told, FAILED_AT + days(2))
    assert found.attempts_left == 0
    assert found.next_at == FAILED_AT + days(30)
    assert "the next is allowed Friday 25 December, 09:00 in Madrid" in found.reason


def test_mastercard_also_counts_the_last_day():
    times = [FAILED_AT + timedelta(minutes=n) for n in range(10)]
    told = facts(tried(card=MASTERCARD), card=MASTERCARD, card_uses=uses(*times))
    found = allowance(told, FAILED_AT + hours(1))
    assert (found.attempts_left, found.next_at) == (0, FAILED_AT + hours(24))


def test_our_rows_count_where_stripes_list_lags_behind():
    told = facts(tried(), tried(hours(13)), tried(hours(26)), card_uses=uses(FAILED_AT))
    assert len(attempts_on_card(told, VISA)) == 3


def test_the_same_try_in_both_lists_counts_once():
    assert len(attempts_on_card(facts(tried(), tried(days(1))), VISA)) == 2


def test_observed_tries_count_and_abandoned_ones_do_not():
    observed = replace(tried(days(1)), outcome=Outcome.OBSERVED)
    abandoned = replace(tried(days(2)), outcome=Outcome.ABANDONED)
    told = facts(tried(), observed, abandoned, card_uses=uses(FAILED_AT))
    assert len(attempts_on_card(told, VISA)) == 2


def test_tries_on_another_card_are_not_this_cards():
    assert attempts_on_card(facts(tried(), card=OTHER, card_uses=()), OTHER) == []


def test_the_gap_runs_from_the_last_try_on_any_invoice():
    told = facts(card_uses=uses(FAILED_AT, FAILED_AT + hours(5)))
    assert gap_ends_at(told, DEFAULT) == FAILED_AT + hours(17)


def test_after_a_technical_failure_the_gap_is_short():
    assert gap_ends_at(facts(tried(code="processing_error")), DEFAULT) == FAILED_AT + hours(2)


def test_a_near_try_by_stripe_is_waited_for_until_it_has_passed():
    told = facts(next_stripe_attempt_at=FAILED_AT + days(3))
    assert stripe_clears_at(told, DEFAULT, FAILED_AT + days(2)) is None
    near = stripe_clears_at(told, DEFAULT, FAILED_AT + days(3) - hours(11))
    assert near == FAILED_AT + days(3) + hours(1)
    assert stripe_clears_at(told, DEFAULT, FAILED_AT + days(3) + hours(1)) is None


def test_what_is_left_is_said_after_the_try_and_with_a_date():
    text = allowance(facts(), FAILED_AT + days(1)).reason
    assert text == "This leaves 13 tries on this Visa card until 25 December."
