"""The estimate is held against worlds where the truth is known."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from recover.onboarding.backtest.off_policy import MIN_SIZE, Interval, estimate
from recover.onboarding.backtest.retry_choices import Choice

RATE = {1: 0.15, 3: 0.30, 5: 0.45}  # success by the wait, in the pretend world
BURDEN = {"payday": 0.0, "day": -0.1}


def world(rng, count=4000, ours=5):
    """Tries whose waits depend on the kind of decline, and so do their successes."""
    found = []
    for nth in range(count):
        group = rng.choice(("payday", "day"))
        odds = (5, 3, 2) if group == "payday" else (2, 3, 5)
        theirs = rng.choices((1, 3, 5), odds)[0]
        chance = RATE[theirs] + BURDEN[group]
        customer = f"cus_{nth // 2}"
        found.append(Choice(customer, group, 1, theirs, ours, rng.random() < chance))
    return found


def test_the_truth_is_recovered_although_the_waits_were_chosen_by_the_kind_of_decline():
    found = estimate("all", world(Random(1)), seed=1)

    truth = RATE[5] + sum(BURDEN.values()) / 2
    assert abs(found.ours.value - truth) < 0.03
    assert found.ours.low < truth < found.ours.high
    assert found.difference.low > 0
    assert found.too_little == ()


def test_a_plain_average_of_the_matched_retries_would_have_been_wrong():
    choices = world(Random(1))
    matched = [one.succeeded for one in choices if one.theirs == one.ours]

    assert sum(matched) / len(matched) < estimate("all", choices, seed=1).ours.value - 0.01


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    truth = RATE[3] + sum(BURDEN.values()) / 2
    held = 0
    for seed in range(40):
        found = estimate("all", world(Random(seed), count=700, ours=3), seed=seed)
        held += found.ours.low <= truth <= found.ours.high

    assert held >= 34  # 38 expected of 40; fewer than 34 by chance less than once in 100


def test_our_own_waits_judged_against_themselves_make_no_difference():
    choices = [replace(one, ours=one.theirs) for one in world(Random(2))]

    found = estimate("all", choices, seed=2)

    assert found.difference == Interval(0, 0, 0)
    assert (found.covered, found.matched, found.effective_size) == (4000, 4000, 4000)


def test_rare_waits_weigh_more_and_so_the_effective_size_is_below_the_matched_retries():
    found = estimate("all", world(Random(2)), seed=2)

    assert MIN_SIZE < found.effective_size < found.matched < found.covered == 4000


def test_a_fixed_schedule_that_never_fell_on_our_days_says_nothing():
    choices = [replace(one, theirs=3) for one in world(Random(3), ours=5)]

    found = estimate("all", choices, seed=3)

    assert (found.matched, found.covered, found.ours) == (0, 0, None)
    assert any("only 0%" in text for text in found.too_little)


def test_few_retries_are_too_few_and_the_reasons_are_named():
    found = estimate("all", world(Random(4), count=60), seed=4)

    assert (found.ours, found.theirs, found.difference) == (None, None, None)
    assert any("effective retries; at least 100" in text for text in found.too_little)


def test_many_retries_without_a_success_are_too_little():
    found = estimate("all", [replace(one, succeeded=False) for one in world(Random(5))], seed=5)

    assert found.ours is None
    assert any("0 successes" in text for text in found.too_little)


def test_many_retries_of_a_handful_of_customers_are_too_little():
    choices = [
        replace(one, customer_id=f"cus_{nth % 9}") for nth, one in enumerate(world(Random(6)))
    ]

    found = estimate("all", choices, seed=6)

    assert found.too_little == ("9 customers; 30 are needed",)


def test_the_same_past_gives_the_same_interval():
    choices = world(Random(7))

    assert estimate("all", choices, seed=7) == estimate("all", choices, seed=7)


def test_no_retries_at_all_are_said_to_be_none():
    assert estimate("all", [], seed=1).too_little == ("there are no such retries",)
