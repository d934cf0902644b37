"""Predicted chances against outcomes: which retries count, and what luck still explains."""

from __future__ import annotations

import pytest
from learning_cast import add_cases
from sqlalchemy import update

from recover.learning.calibration import Band, Calibration, calibration, interval
from recover.models import Attempt


def predicted(chance, propensity=0.95):
    return {"proposal": {"chance": chance, "propensity": propensity}}


def measured(services, account):
    with services.db.read() as session:
        return calibration(session, account.id)


@pytest.mark.parametrize(
    ("succeeded", "retries", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (30, 100, 0.2189, 0.3958),
    ],
)
def test_the_interval_is_wilsons(succeeded, retries, low, high):
    """The figures are those of Wilson's formula with z = 1.96, worked out by hand."""
    assert interval(succeeded, retries) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize(
    ("chance", "succeeded", "retries", "verdict"),
    [
        (0.3, 19, 19, "few"),
        (0.3, 30, 100, "fits"),
        (0.22, 30, 100, "fits"),
        (0.21, 30, 100, "more"),
        (0.39, 30, 100, "fits"),
        (0.4, 30, 100, "less"),
    ],
)
def test_a_band_fits_while_luck_explains_the_difference(chance, succeeded, retries, verdict):
    assert Band(0.2, 0.4, retries, chance, succeeded).verdict == verdict


def test_retries_are_sorted_into_bands_by_their_predicted_chance(services, account):
    add_cases(services, account, 2, lambda *_: True, **predicted(0.1))
    add_cases(services, account, 1, lambda *_: False, **predicted(0.15, propensity=0.01))
    add_cases(services, account, 1, lambda *_: True, **predicted(1.0))

    found = measured(services, account)

    assert (found.retries, found.explored) == (4, 1)
    assert [(band.low, band.high, band.retries, band.succeeded) for band in found.bands] == [
        (0.1, 0.2, 3, 2),
        (0.4, 1.0, 1, 1),
    ]
    assert found.bands[0].predicted == pytest.approx((0.1 + 0.1 + 0.15) / 3)


def test_only_scheduled_retries_that_the_engine_timed_and_the_bank_answered_count(
    services, account
):
    add_cases(services, account, 1)  # timed by the fixed days: no chance was predicted
    [asked] = add_cases(services, account, 1, **predicted(0.3))
    [pressed] = add_cases(services, account, 1, **predicted(0.3))
    with services.db.begin() as session:
        retry = update(Attempt).where(Attempt.trigger == "schedule")
        session.execute(retry.where(Attempt.case_id == asked).values(outcome="requires_action"))
        session.execute(retry.where(Attempt.case_id == pressed).values(trigger="founder"))

    assert measured(services, account) == Calibration()


def test_another_accounts_retries_say_nothing_of_this_one(services, account):
    add_cases(services, account, 3, **predicted(0.3))

    with services.db.read() as session:
        assert calibration(session, account.id + 1) == Calibration()
