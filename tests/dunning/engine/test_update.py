"""Learning: what outcomes do to a model, and which are not believed."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from dunning_cast import FAILED_AT, days, hours
from engine_cast import NEW_YORK, PRIOR, case, loss, never, often, outcomes, share

from recover.dunning import DEFAULT
from recover.dunning.engine import Engine, RetryOutcome, refit, update_model
from recover.dunning.engine.features import Stratum
from recover.dunning.engine.hypotheses import PARAMETERS
from recover.dunning.local_time import local

PRIOR_SPREAD = PARAMETERS["strength"]["correction"]


def test_in_a_world_other_than_its_prior_it_predicts_better_after_learning():
    later = outcomes(300, often, first=5000)
    model = update_model(PRIOR, outcomes(500, often)).model
    assert loss(model, later) < loss(PRIOR, later) - 0.1


def test_where_the_prior_is_right_learning_does_not_spoil_it():
    def by_the_book(after, dice):
        return dice.random() < 0.3

    later = outcomes(400, by_the_book, first=5000)
    model = update_model(PRIOR, outcomes(400, by_the_book)).model
    assert loss(model, later) < loss(PRIOR, later) + 0.01


def test_failures_without_end_teach_that_cards_are_dead():
    model = update_model(PRIOR, outcomes(300, never)).model
    assert share(model, "generic", "dead") > share(PRIOR, "generic", "dead") + 0.1
    assert share(model, "funds", "dead") == pytest.approx(share(PRIOR, "funds", "dead"))


def test_a_handful_of_outcomes_moves_a_strong_prior_little():
    model = update_model(PRIOR, outcomes(5, never)).model
    assert abs(share(model, "generic", "dead") - share(PRIOR, "generic", "dead")) < 0.05


def test_hours_that_work_are_preferred_once_they_were_seen_to_work():
    def afternoon(at):
        return 12 <= local(at, NEW_YORK).hour < 19

    told = [
        RetryOutcome(case(n), at, afternoon(at) and n % 10 > 0)
        for n in range(900)
        for at in [case(n).failed_at + days(2) + hours(n % 24)]
    ]
    engine = Engine(PRIOR).learn(told)
    assert "Learned" in engine.note
    before = Engine(PRIOR).explain(case(0), DEFAULT, FAILED_AT).plan
    after = engine.explain(case(0), DEFAULT, FAILED_AT).plan
    in_favour = [sum(map(afternoon, plan)) / len(plan) for plan in (before, after)]
    assert in_favour[1] > in_favour[0]


def test_learning_from_nothing_changes_nothing():
    found = update_model(PRIOR, [])
    assert found.model is PRIOR
    assert Engine(PRIOR).learn([]).note == found.reason


def test_outcomes_that_contradict_themselves_are_left_out_and_counted():
    told = outcomes(3, often)
    before_it_failed = told[0]._replace(at=told[0].facts.failed_at - days(3))
    hard = RetryOutcome(case(7, "stolen_card"), FAILED_AT + days(9), succeeded=True)
    found = update_model(PRIOR, [*told, before_it_failed, hard])
    assert (found.used + found.held_out, found.left_out) == (3, 2)
    assert found.model.version == update_model(PRIOR, told).model.version


def test_plain_tuples_are_outcomes_too():
    told = outcomes(20, often)
    plain = [tuple(outcome) for outcome in told]
    assert update_model(PRIOR, plain).model.version == update_model(PRIOR, told).model.version


def test_every_share_of_the_prior_sums_to_one():
    for group, counts in PRIOR.causes.items():
        assert counts.sum() == pytest.approx(120.0), group
        for region in PRIOR.schedules:
            shares = PRIOR.hypothesis_prior(Stratum(group, region, "credit"))
            assert shares.sum() == pytest.approx(1.0)


def in_the_evening(at, dice):
    return local(at, NEW_YORK).hour in range(18, 24) and dice.random() < 0.9


def at_all_hours(count, succeeds, first=0):
    """First retries two days after the failure, at every hour of the day in turn."""
    dice, told = Random(first), []
    for number in range(first, first + count):
        facts = case(number)
        at = facts.failed_at + days(2) + hours(5 * number % 24)
        told.append(RetryOutcome(facts, at, succeeds(at, dice)))
    return told


def test_where_no_story_can_say_it_the_correction_opens_up_over_the_nights():
    model, told = PRIOR, at_all_hours(1500, in_the_evening)
    later = at_all_hours(400, in_the_evening, first=7000)
    seen = [loss(model, later)]
    for _ in range(6):
        found = refit(PRIOR, told, model)
        assert found.accepted
        model = found.model
        seen.append(loss(model, later))
    assert np.abs(model.coefficients).max() > 5 * PRIOR_SPREAD
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] < 0.7 * seen[0]


def test_where_the_stories_hold_the_correction_stays_narrow():
    def as_believed(at, dice):
        return dice.random() < 0.2

    model = refit(PRIOR, at_all_hours(1500, as_believed)).model
    hours_of_day = model.coefficients[:4]
    assert np.abs(hours_of_day).max() < 2 * PRIOR_SPREAD
