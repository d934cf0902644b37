"""Versions: refit from a prior, judged on cases kept apart, refused where a step is too large."""

from __future__ import annotations

import random

import numpy as np
import pytest
from dunning_cast import days
from engine_cast import PRIOR, case, loss, never, often, outcomes, share

from recover.dunning.engine import Model, RetryOutcome, refit, update_model
from recover.dunning.engine.model_distance import MAX_STEP, REFUSED_BEYOND, moves
from recover.dunning.engine.outcomes import is_held_out


def at_times(after, dice):
    """A world not far from the prior's: every third try succeeds, later ones more often."""
    return dice.random() < 0.25 + 0.2 * (after > days(6))


TOLD = outcomes(600, at_times)
FIRST = refit(PRIOR, TOLD)


def test_a_version_says_all_that_is_needed_to_compare_it():
    assert FIRST.accepted
    assert FIRST.used + FIRST.held_out == 600
    assert FIRST.used > 3 * FIRST.held_out > 200
    assert FIRST.model.seen == FIRST.used
    assert FIRST.model.parent == PRIOR.version
    assert f"Learned from {FIRST.used} attempts" in FIRST.reason
    judged = [outcome for outcome in TOLD if is_held_out(outcome)]
    assert FIRST.held_out == len(judged)
    assert FIRST.loss_before == pytest.approx(loss(PRIOR, judged))
    assert FIRST.loss_after == pytest.approx(loss(FIRST.model, judged))
    assert FIRST.loss_after < FIRST.loss_before
    assert 0 < FIRST.largest_move.share_of_limit < 1


def test_the_same_outcomes_give_the_same_beliefs_in_any_night_and_order():
    shuffled = random.Random(3).sample(TOLD, len(TOLD))
    half = refit(PRIOR, TOLD[:300])
    later = refit(PRIOR, shuffled, half.model)
    assert later.model.same_beliefs(FIRST.model)
    assert later.model.parent == half.model.version


def test_a_night_without_news_makes_no_new_version():
    again = refit(PRIOR, TOLD, FIRST.model)
    assert again.accepted
    assert again.model is FIRST.model
    restored, _ = Model.from_json(FIRST.model.to_json())
    assert refit(PRIOR, TOLD, restored).model is restored


def test_a_try_told_twice_under_its_case_s_name_counts_once_and_as_told_last():
    named = [outcome._replace(case=f"in_{n}") for n, outcome in enumerate(TOLD)]
    wrong = [outcome._replace(succeeded=not outcome.succeeded) for outcome in named[:50]]
    once, twice = refit(PRIOR, named), refit(PRIOR, [*wrong, *named])
    assert twice.model.same_beliefs(once.model)
    assert (twice.used, twice.left_out) == (once.used, 50)


def test_whether_a_case_is_kept_to_judge_by_hangs_on_what_never_changes_in_it():
    told = [RetryOutcome(case(n), case(n).failed_at + days(2), succeeded=False) for n in range(500)]
    kept = [is_held_out(outcome) for outcome in told]
    assert 70 < sum(kept) < 130
    for outcome, was in zip(told, kept, strict=True):
        facts = outcome.facts
        later = RetryOutcome(
            facts.__class__(
                **{
                    **{name: getattr(facts, name) for name in facts.__slots__},
                    "amount_remaining_minor": 5,
                    "currency": "usd",
                    "timezone": "Asia/Tokyo",
                    "attempts": (*facts.attempts, facts.attempts[0]),
                }
            ),
            outcome.at + days(3),
            succeeded=True,
        )
        assert is_held_out(later) is was
    names = {is_held_out(told[0]._replace(case=f"in_{n}")) for n in range(50)}
    assert names == {True, False}


def test_cases_kept_to_judge_by_are_never_learned_from():
    changed = [
        outcome._replace(succeeded=True) if is_held_out(outcome) else outcome for outcome in TOLD
    ]
    lied = update_model(PRIOR, changed)
    # It would be refused, as what it says of those cases is not true; the beliefs are the same.
    assert lied.largest_move == FIRST.largest_move


def test_a_version_that_predicts_held_out_cases_worse_is_refused():
    lying = [
        outcome._replace(succeeded=outcome.succeeded != is_held_out(outcome))
        for outcome in outcomes(300, often)
    ]
    found = refit(PRIOR, lying)
    assert not found.accepted
    assert found.model is PRIOR
    assert found.loss_after > found.loss_before
    assert "worse" in found.reason


def test_outcomes_that_point_too_far_block_the_version_and_are_told_why():
    found = refit(PRIOR, outcomes(3000, lambda after, dice: True), FIRST.model)
    assert not found.accepted
    assert found.model is FIRST.model
    assert found.largest_move.share_of_limit > 1
    assert str(found.largest_move) in found.reason
    assert "something is wrong" in found.reason
    assert found.loss_after is not None


def test_a_version_goes_a_bounded_step_however_far_it_has_to_go():
    """From a model at home in another world it takes several nights back."""
    elsewhere = Model(
        {name: counts[::-1].copy() for name, counts in PRIOR.causes.items()},
        PRIOR.schedules,
        PRIOR.coefficients + 0.5,
        PRIOR.precision,
    )
    found = refit(PRIOR, TOLD[:40], elsewhere)
    assert not found.accepted
    near = Model(PRIOR.causes, PRIOR.schedules, PRIOR.coefficients + 2.5, PRIOR.precision)
    nights = [near]
    while len(nights) < 6 and not nights[-1].same_beliefs(FIRST.model):
        nights.append(refit(PRIOR, TOLD, nights[-1]).model)
        for move in moves(nights[-2], nights[-1]):
            assert move.distance <= MAX_STEP[move.kind] + 1e-9
    assert 3 <= len(nights) < 6


def test_a_step_is_always_smaller_than_what_blocks():
    assert all(MAX_STEP[kind] < REFUSED_BEYOND[kind] for kind in REFUSED_BEYOND)


def test_one_case_alone_is_learned_from_though_nothing_is_left_to_judge_by():
    told = [RetryOutcome(case(1), case(1).failed_at + days(n), succeeded=False) for n in (1, 2, 3)]
    found = refit(PRIOR, told)
    assert (found.used, found.held_out, found.loss_before) == (3, 0, None)
    assert found.accepted


def test_failures_of_one_group_move_no_other_and_no_bound():
    model = refit(PRIOR, outcomes(250, never)).model
    assert share(model, "generic", "dead") > share(PRIOR, "generic", "dead")
    assert np.allclose(model.causes["funds"], PRIOR.causes["funds"])
