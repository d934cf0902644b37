"""Two models compared in words, and several accounts pooled."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from engine_cast import PRIOR, never, often, outcomes, share

from recover.dunning.engine import Model, differences, pool, refit
from recover.dunning.engine.features import FEATURES
from recover.dunning.engine.hypotheses import CAUSES, HYPOTHESES


def with_share(cause, now, group="generic"):
    """The prior with one cause of a group at ``now``, the others in proportion."""
    counts = PRIOR.causes[group].copy()
    at, total = CAUSES.index(cause), counts.sum()
    counts *= (1 - now) / (1 - counts[at] / total)
    counts[at] = now * total
    return replace(PRIOR, causes={**PRIOR.causes, group: counts})


def with_coefficient(name, value):
    coefficients = np.where(np.array(FEATURES) == name, value, 0.0)
    return replace(PRIOR, coefficients=coefficients)


def test_equal_models_have_no_differences():
    assert differences(PRIOR, PRIOR) == []


def test_a_cause_that_is_believed_less_is_told_first_in_plain_words():
    first, *rest = differences(PRIOR, with_share("dead", 0.26))
    assert first == "Of generic declines, 26% are now thought to be dead cards (was 36%)."
    assert len(rest) >= 2
    assert all(text.startswith("Of generic declines, ") for text in rest)


def test_a_calendar_is_told_with_its_place():
    at = next(
        n
        for n, each in enumerate(HYPOTHESES)
        if each.calendar == "monthly" and each.month_days == (25,)
    )
    counts = PRIOR.schedules["GB"].copy()
    counts[at] *= 3
    told = differences(PRIOR, replace(PRIOR, schedules={**PRIOR.schedules, "GB": counts}))
    assert re.fullmatch(
        r"Of accounts short of money for now in the UK, \d\d% are now thought to be paid"
        r" on the 25th \(was 1\d%\)\.",
        told[0],
    )


@pytest.mark.parametrize("name", FEATURES)
def test_every_coefficient_has_its_words(name):
    told = differences(PRIOR, with_coefficient(name, 0.5))
    assert told
    assert all(text.startswith("The odds of ") and "was 1.00" in text for text in told)


def test_every_part_of_the_model_has_its_words():
    model = Model(
        {name: counts[::-1].copy() for name, counts in PRIOR.causes.items()},
        {name: counts[::-1].copy() for name, counts in PRIOR.schedules.items()},
        PRIOR.coefficients,
        PRIOR.precision,
    )
    told = differences(PRIOR, model, most=1000)
    assert len(set(told)) == len(told) > 100
    assert len(differences(PRIOR, model)) == 12


def test_differences_below_a_point_are_not_told():
    assert differences(PRIOR, with_share("dead", 0.365)) == []


def test_an_account_without_data_gets_the_population_s_beliefs():
    population = pool([refit(PRIOR, outcomes(400, never)).model]).for_account()
    assert share(population, "generic", "dead") > share(PRIOR, "generic", "dead")
    mine = refit(population, [])
    assert mine.model is population


def test_an_account_with_much_data_follows_its_own():
    population = pool([refit(PRIOR, outcomes(400, never)).model]).for_account()
    own = outcomes(2500, lambda after, dice: dice.random() < 0.35, first=9000)
    alone, pooled = (share(refit(p, own).model, "generic", "dead") for p in (PRIOR, population))
    started = share(population, "generic", "dead")
    assert abs(pooled - alone) < 0.35 * abs(started - alone)


def test_an_account_with_little_data_stays_near_the_population():
    population = pool([refit(PRIOR, outcomes(400, never)).model]).for_account()
    mine = refit(population, outcomes(10, often, first=9000)).model
    started = share(population, "generic", "dead")
    assert abs(share(mine, "generic", "dead") - started) < 0.05


def test_no_account_outvotes_the_others_by_its_size():
    small = [refit(PRIOR, outcomes(150, never, first=1000 * n)).model for n in range(1, 5)]
    large = refit(PRIOR, outcomes(3000, lambda after, dice: dice.random() < 0.4, 9000)).model
    everybody = share(pool([*small, large]), "generic", "dead")
    middle = (share(small[0], "generic", "dead") + share(large, "generic", "dead")) / 2
    assert everybody > middle


def test_a_pool_of_none_or_of_accounts_without_data_is_the_shipped_prior():
    assert pool([]).same_beliefs(PRIOR)
    assert pool([PRIOR, PRIOR]).same_beliefs(PRIOR)


def test_a_population_is_held_as_an_account_s_prior_as_firmly_as_the_shipped_one():
    models = [refit(PRIOR, outcomes(500, never, first=1000 * n)).model for n in range(3)]
    population = pool(models)
    account = population.for_account()
    for name, counts in PRIOR.causes.items():
        assert account.causes[name].sum() == pytest.approx(counts.sum())
    for name, counts in PRIOR.schedules.items():
        assert account.schedules[name].sum() == pytest.approx(counts.sum())
    assert population.causes["generic"].sum() > PRIOR.causes["generic"].sum()
    assert (account.seen, account.parent) == (0, population.version)
    assert np.linalg.eigvalsh(account.precision)[0] > 0


def test_pooled_corrections_lie_between_those_of_the_accounts():
    models = [
        refit(PRIOR, outcomes(600, lambda after, dice, p=p: dice.random() < p, 1000 * n)).model
        for n, p in enumerate((0.1, 0.5), start=1)
    ]
    both = pool(models).coefficients
    low, high = np.sort([model.coefficients for model in models], axis=0)
    inside = (both > low - 0.02) & (both < high + 0.02)
    assert inside.all()
