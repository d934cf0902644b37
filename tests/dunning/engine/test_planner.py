"""Plans beside a plain walk through their tries, hour by hour and story by story."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from dunning_cast import FAILED_AT, VISA, days, facts, tried

from recover.dunning import DEFAULT
from recover.dunning.engine import Engine, Model, Price
from recover.dunning.engine.planner import PlanningProblem, best_plan, candidate_hours
from recover.dunning.engine.posterior import APPROVE_CLOSED, approve_open, case_posterior
from recover.dunning.retry_budget import allowance, caps_clear_at

PRIOR, PRICE = Model.prior(), Price()
FLAT, STEEP = Price(per_retry=0.002, growth=0.0), Price(per_retry=0.002, growth=2.0)
LEARNED = replace(PRIOR, coefficients=np.linspace(-0.3, 0.3, len(PRIOR.coefficients)))
CARD = replace(VISA, country="US", funding="debit")


def believed(code, *after, model=PRIOR):
    tries = [tried(code=code, card=CARD), *(tried(days(n), code, CARD) for n in after)]
    case = facts(*tries, card=CARD, timezone="America/New_York")
    return case_posterior(case, model, DEFAULT.window)


def problem(posterior, tries=8, gap=12, *, fine=False):
    start, end = posterior.last_hour + 12, posterior.first_hour + 24 * DEFAULT.window.days
    hours = candidate_hours(posterior, start, end, fine=fine)
    return PlanningProblem(posterior, hours, tries, gap)


def walked(posterior, hours, price=PRICE):
    """The value and chance of trying at these hours: the two-state chain, one try after another."""
    alive, last = posterior.weights, posterior.last_hour
    opened = posterior.open_chances(last)
    value = chance = 0.0
    for number, hour in enumerate(hours, start=posterior.attempts - 1):  # the renewal was not ours
        carry, inflow = posterior.grid.carry, posterior.grid.inflow
        opened = carry[hour] * (opened / carry[last] + inflow[hour] - inflow[last])
        rate = float(approve_open(np.array([hour]))[0])
        wins = APPROVE_CLOSED + opened * (rate - APPROVE_CLOSED)
        share = float((alive * wins).sum())
        value += share * (1 - price.per_day * (hour - posterior.last_hour) / 24)
        value -= price.per_retry * (1 + price.growth * number) * (1 - chance)
        chance += share
        alive, opened, last = alive * (1 - wins), opened * (1 - rate) / (1 - wins), hour
    return value, chance


POSTERIORS = [
    believed("insufficient_funds"),
    believed("insufficient_funds", 2, 5),
    believed("generic_decline", 4),
    believed("processing_error"),
    believed("card_velocity_exceeded", 1, 3, 9),
]


@pytest.mark.parametrize("price", [PRICE, FLAT, STEEP], ids=["shipped", "flat", "steep"])
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_a_plan_is_worth_what_a_walk_through_it_says(posterior, price):
    found = best_plan(problem(posterior), price)
    assert len(found.hours) > 1
    walk = walked(posterior, found.hours, price)
    assert (found.value, found.chance) == pytest.approx(walk, abs=1e-9)


@pytest.mark.parametrize("price", [PRICE, FLAT, STEEP], ids=["shipped", "flat", "steep"])
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_each_hour_is_the_one_that_added_most(posterior, price):
    for limit in (1, 2, 3):
        few = set(best_plan(problem(posterior, limit), price).hours)
        more = set(best_plan(problem(posterior, limit + 1), price).hours)
        assert few <= more
        free = [
            hour
            for hour in problem(posterior).hours
            if all(abs(hour - other) >= 12 for other in few)
        ]
        best = max(walked(posterior, sorted({*few, int(hour)}), price)[0] for hour in free)
        best = max(best, walked(posterior, sorted(few), price)[0])  # none may be worth its price
        assert walked(posterior, sorted(more), price)[0] == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("model", [PRIOR, LEARNED], ids=["prior", "learned"])
def test_a_plan_of_one_try_has_the_chance_of_that_try(model):
    posterior = believed("insufficient_funds", 3, model=model)
    found = best_plan(problem(posterior, tries=1), PRICE)
    (hour,) = found.hours
    assert found.chance == pytest.approx(posterior.success_chance(hour), abs=1e-9)


def test_a_learned_correction_never_promises_more_than_is_left():
    sure = replace(PRIOR, coefficients=np.full(len(PRIOR.coefficients), 3.0))
    found = best_plan(problem(believed("generic_decline", model=sure)), PRICE)
    assert 0 < found.chance <= 1


@pytest.mark.parametrize(("tries", "gap"), [(0, 12), (1, 12), (4, 48), (8, 12), (8, 24 * 9)])
@pytest.mark.parametrize("fine", [False, True])
def test_a_plan_keeps_to_its_tries_and_their_gap_and_is_worth_what_it_says(tries, gap, fine):
    for posterior in [*POSTERIORS, believed("generic_decline", model=LEARNED)]:
        its = problem(posterior, tries, gap, fine=fine)
        found = best_plan(its, PRICE)
        assert set(found.hours) <= set(its.hours.tolist())
        assert len(found.hours) <= tries
        assert all(b - a >= gap for a, b in pairwise(found.hours))
        if not posterior.has_correction:
            walk = walked(posterior, found.hours)
            assert (found.value, found.chance) == pytest.approx(walk, abs=1e-9)


def test_where_no_hour_is_left_no_try_is_planned():
    its = problem(POSTERIORS[0])
    assert best_plan(replace(its, hours=its.hours[:0]), PRICE).hours == ()


def test_hours_that_may_be_tried_leave_the_night_alone_and_are_dense_at_first_where_it_pays():
    posterior = POSTERIORS[0]
    start, end = posterior.last_hour + 2, posterior.last_hour + 24 * 9
    daily = candidate_hours(posterior, start, end, fine=False)
    fine = candidate_hours(posterior, start, end, fine=True)
    assert set(daily) < set(fine)
    assert np.diff(fine).min() == 1
    for hours in (daily, fine):
        assert (np.diff(hours) > 0).all()
        assert start <= hours[0] <= hours[-1] < end
        assert not any(1 <= hour % 24 < 6 for hour in hours)


def test_an_engine_asked_about_many_answers_as_if_asked_about_each():
    engine = Engine(LEARNED)
    cases = [
        (facts(*(tried(days(n), code, CARD) for n in range(count)), card=CARD), FAILED_AT + days(5))
        for code in ("insufficient_funds", "processing_error", "lost_card", "try_again_later")
        for count in (1, 2, 4)
    ]
    assert engine.next_times(cases) == [engine.explain(f, DEFAULT, n).retry for f, n in cases]


def test_when_the_caps_clear_is_said_alike_with_and_without_words():
    for count in (1, 5, 9, 16):
        told = facts(*(tried(days(n)) for n in range(count)))
        now = FAILED_AT + days(count)
        assert caps_clear_at(told, now) == allowance(told, now).next_at
    assert caps_clear_at(replace(told, card=None), now) == now
