"""The model as a value: what outcomes do to it, and that a bad one cannot get in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from random import Random

import numpy as np
import pytest
from dunning_cast import FAILED_AT, VISA, days, facts, hours, tried

from recover.dunning import DEFAULT
from recover.dunning.engine import Engine, Model, TryOutcome, learned
from recover.dunning.engine.fitting import MAX_COEFFICIENT_STEP, MAX_SHIFT, losses
from recover.dunning.engine.hypotheses import CAUSES
from recover.dunning.engine.outcomes import rows_of
from recover.dunning.hours import local

NEW_YORK = "America/New_York"
CARD = replace(VISA, country="US", funding="debit")
PRIOR = Model.prior()


def case(number, code="generic_decline"):
    """One of many cases, each failed at its own hour."""
    told = facts(tried(code=code, card=CARD), card=CARD, timezone=NEW_YORK)
    moved = FAILED_AT + hours(7 * number)
    first = replace(told.attempts[0], at=moved)
    return replace(told, failed_at=moved, attempts=(first,), card_uses=())


def outcomes(count, succeeds, first=0):
    """``count`` first retries on random days; ``succeeds(after, dice)`` is the world."""
    dice, found = Random(first), []
    for number in range(first, first + count):
        told, after = case(number), timedelta(hours=dice.uniform(13, 400))
        at = told.failed_at + after
        found.append(TryOutcome(told, at, succeeds(after, dice)))
    return found


def never(after, dice):
    return False


def often(after, dice):
    return dice.random() < 0.8


def loss(model, told):
    return float(losses(model, rows_of(told, model, DEFAULT.window)).mean())


def share(model, group, cause):
    counts = model.causes[group]
    return float(counts[CAUSES.index(cause)] / counts.sum())


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


def test_one_version_moves_by_a_bounded_step():
    model = learned(PRIOR, outcomes(4000, never)).model
    for name, counts in model.causes.items():
        was = PRIOR.causes[name] / PRIOR.causes[name].sum()
        assert 0.5 * np.abs(counts / counts.sum() - was).sum() <= MAX_SHIFT + 1e-9
    assert np.abs(model.coefficients).max() <= MAX_COEFFICIENT_STEP + 1e-9


def test_a_version_that_predicts_held_out_cases_worse_is_refused():
    told = outcomes(600, often)
    rows = rows_of(told, PRIOR, DEFAULT.window)
    lying = [
        outcome._replace(succeeded=not held_out)
        for outcome, held_out in zip(told, rows.held_out, strict=True)
    ]
    found = learned(PRIOR, lying)
    assert not found.accepted
    assert found.model is PRIOR
    assert "worse" in found.reason


def test_learning_from_nothing_changes_nothing():
    found = learned(PRIOR, [])
    assert found.model is PRIOR
    assert Engine(PRIOR).learn([]).note == found.reason


def test_outcomes_that_contradict_themselves_are_left_out_and_counted():
    told = outcomes(3, often)
    before_it_failed = told[0]._replace(at=told[0].facts.failed_at - days(3))
    hard = TryOutcome(case(7, "stolen_card"), FAILED_AT + days(9), succeeded=True)
    found = learned(PRIOR, [*told, before_it_failed, hard])
    assert "Learned from 3 tries; 2" in found.reason
    assert found.model.version == learned(PRIOR, told).model.version


def test_plain_tuples_are_outcomes_too():
    told = outcomes(20, often)
    plain = [tuple(outcome) for outcome in told]
    assert learned(PRIOR, plain).model.version == learned(PRIOR, told).model.version


def test_a_saved_model_comes_back_the_same():
    model = learned(PRIOR, outcomes(50, often)).model
    again, warning = Model.from_json(model.to_json())
    assert warning == ""
    assert again.version == model.version
    assert again.parent == PRIOR.version
    assert again.seen == 50
    told = case(1)
    kept = Engine(model).explain(told, DEFAULT, told.failed_at)
    back = Engine(again).explain(told, DEFAULT, told.failed_at)
    assert back.retry.at == kept.retry.at
    assert back.chance == pytest.approx(kept.chance)


def _changed(change):
    saved = json.loads(PRIOR.to_json())
    change(saved)
    return json.dumps(saved)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "{",
        "null",
        "[]",
        "{}",
        '"model"',
        PRIOR.to_json()[:-200],
        _changed(lambda saved: saved.update(format=99)),
        _changed(lambda saved: saved["model"].update(seen=12)),
        _changed(lambda saved: saved["model"]["causes"].pop("funds")),
        _changed(lambda saved: saved["model"]["causes"].update(funds=[float("nan")] * 6)),
        "[" * 100_000,
    ],
)
def test_an_empty_or_damaged_model_gives_the_prior_and_a_warning(text):
    engine = Engine.from_json(text)
    assert engine.model.version == PRIOR.version
    assert engine.warning
    told = case(1)
    assert engine.warning in engine.explain(told, DEFAULT, told.failed_at).warnings


def test_an_account_starts_from_the_population_and_then_goes_its_own_way():
    population = learned(PRIOR, outcomes(2000, often)).model
    account = population.for_account()
    assert account.parent == population.version
    assert share(account, "generic", "dead") == pytest.approx(share(population, "generic", "dead"))
    contrary = outcomes(120, never, first=9000)
    moved_alone = share(learned(account, contrary).model, "generic", "dead")
    moved_with_all = share(learned(population, contrary).model, "generic", "dead")
    assert moved_alone > moved_with_all


def test_every_share_of_the_prior_sums_to_one():
    for group, counts in PRIOR.causes.items():
        assert counts.sum() == pytest.approx(120.0), group
        for region in PRIOR.schedules:
            assert PRIOR.weights(group, region, "credit").sum() == pytest.approx(1.0)
