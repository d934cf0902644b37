"""Learning: what outcomes do to a model, and which are not believed."""

from __future__ import annotations

import pytest
from dunning_cast import FAILED_AT, days, hours
from engine_cast import NEW_YORK, PRIOR, case, loss, never, often, outcomes, share

from recover.dunning import DEFAULT
from recover.dunning.engine import Engine, TryOutcome, learned
from recover.dunning.hours import local


def test_in_a_world_other_than_its_prior_it_predicts_better_after_learning():
    later = outcomes(300, often, first=5000)
    model = learned(PRIOR, outcomes(500, often)).model
    assert loss(model, later) < loss(PRIOR, later) - 0.1


def test_where_the_prior_is_right_learning_does_not_spoil_it():
    def by_the_book(after, dice):
        return dice.random() < 0.3

    later = outcomes(400, by_the_book, first=5000)
    model = learned(PRIOR, outcomes(400, by_the_book)).model
    assert loss(model, later) < loss(PRIOR, later) + 0.01


def test_failures_without_end_teach_that_cards_are_dead():
    model = learned(PRIOR, outcomes(300, never)).model
    assert share(model, "generic", "dead") > share(PRIOR, "generic", "dead") + 0.1
    assert share(model, "funds", "dead") == pytest.approx(share(PRIOR, "funds", "dead"))


def test_a_handful_of_outcomes_moves_a_strong_prior_little():
    model = learned(PRIOR, outcomes(5, never)).model
    assert abs(share(model, "generic", "dead") - share(PRIOR, "generic", "dead")) < 0.05


def test_hours_that_work_are_preferred_once_they_were_seen_to_work():
    def afternoon(at):
        return 12 <= local(at, NEW_YORK).hour < 19

    told = [
        TryOutcome(case(n), at, afternoon(at) and n % 10 > 0)
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
    found = learned(PRIOR, [])
    assert found.model is PRIOR
    assert Engine(PRIOR).learn([]).note == found.reason


def test_outcomes_that_contradict_themselves_are_left_out_and_counted():
    told = outcomes(3, often)
    before_it_failed = told[0]._replace(at=told[0].facts.failed_at - days(3))
    hard = TryOutcome(case(7, "stolen_card"), FAILED_AT + days(9), succeeded=True)
    found = learned(PRIOR, [*told, before_it_failed, hard])
    assert (found.used + found.held_out, found.left_out) == (3, 2)
    assert found.model.version == learned(PRIOR, told).model.version


def test_plain_tuples_are_outcomes_too():
    told = outcomes(20, often)
    plain = [tuple(outcome) for outcome in told]
    assert learned(PRIOR, plain).model.version == learned(PRIOR, told).model.version


def test_every_share_of_the_prior_sums_to_one():
    for group, counts in PRIOR.causes.items():
        assert counts.sum() == pytest.approx(120.0), group
        for region in PRIOR.schedules:
            assert PRIOR.weights(group, region, "credit").sum() == pytest.approx(1.0)
