"""Whatever the engine is told, it answers with a reason, warns of what is odd, and never raises."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from dunning_cast import FAILED_AT, VISA, days, facts, tried
from engine_cast import PRIOR
from hypothesis import given, settings
from hypothesis import strategies as st

from recover.dunning import (
    DEFAULT,
    CardUse,
    Decline,
    Facts,
    Outcome,
    PastAttempt,
    RetryMode,
    Trigger,
)
from recover.dunning.engine import Engine, Model, differences, refit
from recover.dunning.engine.model import checksum

ENGINE = Engine.default()
ZONES = (
    "UTC",
    "Europe/Madrid",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America",
    "../etc/passwd",
    "Mars/Base",
    "",
    "\0",
    "x" * 500,
)

_moments = st.one_of(
    st.datetimes(datetime(2026, 10, 1), datetime(2027, 4, 30)),  # noqa: DTZ001  made aware below
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59)),  # noqa: DTZ001
    st.sampled_from([datetime(2026, 3, 29, 1, 30), datetime(2026, 10, 25, 1, 30)]),  # noqa: DTZ001
).map(lambda at: at.replace(tzinfo=UTC))
_words = st.one_of(
    st.sampled_from(
        [
            "",
            "insufficient_funds",
            "generic_decline",
            "processing_error",
            "stolen_card",
            "try_again_later",
            "do_not_retry",
            "24",
            "30",
            "03",
            "1A",
            "99",
        ]
    ),
    st.text(max_size=12),
)
_cards = st.none() | st.builds(
    lambda **told: replace(VISA, **told),
    type=st.sampled_from(["card", "sepa_debit", "", "moon"]),
    fingerprint=_words,
    brand=st.sampled_from(["visa", "mastercard", "amex", "", "?"]),
    funding=_words,
    country=st.sampled_from(["US", "GB", "IN", "BR", "", "ZZ", "usa"]),
    exp_month=st.none() | st.integers(-3, 99),
    exp_year=st.none() | st.integers(-3, 99999),
)
_attempts = st.builds(
    PastAttempt,
    _moments,
    st.sampled_from(Trigger),
    st.sampled_from(Outcome),
    _cards,
    st.none() | st.builds(Decline, *[_words] * 7),
)
_facts = st.builds(
    Facts,
    mode=st.sampled_from(RetryMode),
    failed_at=_moments,
    invoice_status=_words,
    amount_remaining_minor=st.sampled_from([0, 1, -1, 1900, 10**30, -(10**30)]),
    currency=_words,
    collection_method=_words,
    subscription_status=_words,
    card=_cards,
    next_stripe_attempt_at=st.none() | _moments,
    attempts=st.lists(_attempts, max_size=12).map(tuple),
    card_uses=st.lists(st.builds(CardUse, _moments, st.integers(), st.booleans()), max_size=4).map(
        tuple
    ),
    timezone=st.sampled_from(ZONES),
    stripe_retries_left=st.none() | st.integers(),
    paid_hours=st.lists(_moments, max_size=8).map(tuple),
)


def sound(failed_at, zone, codes, card=VISA, amount=1900):
    """A history that agrees with itself: one failed try every other day."""
    past = tuple(
        PastAttempt(
            failed_at + days(2 * n),
            Trigger.SCHEDULE,
            Outcome.FAILED,
            card,
            Decline("card_declined", code, network_advice_code=advice),
        )
        for n, (code, advice) in enumerate(codes)
    )
    return facts(
        *past, failed_at=failed_at, card=card, timezone=zone, amount_remaining_minor=amount
    )


@given(_facts, _moments, st.none() | st.floats(0, 1, exclude_max=True), st.floats(0, 1))
@settings(max_examples=250, deadline=None)
def test_it_answers_anything_with_a_reason_and_never_raises(told, now, draw, explore):
    found = replace(ENGINE, explore=explore).explain(told, DEFAULT, now, draw)
    assert found.reason
    assert found.retry is None or found.retry.at.tzinfo is not None
    assert found.chance is None or 0 <= found.chance <= 1
    assert 0 < found.propensity <= 1


@given(
    _moments,
    st.sampled_from(ZONES),
    st.lists(st.tuples(_words, _words), min_size=1, max_size=9),
    _cards,
    st.sampled_from([0, 1, -1, 1900, 10**30]),
    st.floats(-1, 500),
)
@settings(max_examples=250, deadline=None)
def test_a_history_that_agrees_with_itself_is_answered_in_any_era_and_zone(
    failed_at, zone, codes, card, amount, later
):
    try:
        told = sound(failed_at, zone, codes, card, amount)
        now = told.attempts[-1].at + timedelta(hours=later)
    except OverflowError:  # the calendar itself has an end
        return
    found = ENGINE.explain(told, DEFAULT, now)
    assert found.reason
    if found.retry is not None:
        assert found.retry.at <= failed_at + DEFAULT.window
        assert found.retry.at >= told.attempts[-1].at


@pytest.mark.parametrize("year", [1, 1970, 9999])
def test_times_that_cannot_be_right_are_told_and_nothing_is_planned(year):
    found = ENGINE.explain(facts(), DEFAULT, datetime(year, 1, 1, tzinfo=UTC))
    assert found.retry is None
    assert found.warnings == (found.reason,)
    assert "cannot be right" in found.reason
    naive = replace(facts(), failed_at=datetime(2026, 1, 1))  # noqa: DTZ001  that is the mistake
    assert ENGINE.explain(naive, DEFAULT, FAILED_AT).warnings


@given(st.lists(st.tuples(_facts, _moments, st.booleans()), max_size=6))
@settings(max_examples=60, deadline=None)
def test_learning_takes_or_leaves_anything_and_never_raises(told):
    found = refit(PRIOR, told)
    assert found.reason
    assert found.used + found.held_out + found.left_out == len(told)
    again, warning = Model.from_json(found.model.to_json())
    assert warning == ""
    assert differences(found.model, again) == []


def saved(**changed):
    """A model's text with other numbers in it, and a checksum that fits them."""
    body = {**PRIOR.body(), **changed}
    return json.dumps({"format": 1, "checksum": checksum(body), "model": body})


WIDTH = len(PRIOR.coefficients)
_COUNTS = {name: row.tolist() for name, row in PRIOR.causes.items()}
_NONSENSE = {
    "indefinite precision": {"precision": (-np.eye(WIDTH)).tolist()},
    "lopsided precision": {"precision": (156 * np.eye(WIDTH) + np.eye(WIDTH, k=1)).tolist()},
    "no precision": {"precision": np.zeros((WIDTH, WIDTH)).tolist()},
    "huge precision": {"precision": (1e300 * np.eye(WIDTH)).tolist()},
    "huge counts": {"causes": {**_COUNTS, "funds": [1e300] * 6}},
    "a cause that nothing can bring back": {"causes": {**_COUNTS, "funds": [0, 1, 1, 1, 1, 1]}},
    "negative counts": {"causes": {**_COUNTS, "funds": [-1, 1, 1, 1, 1, 1]}},
    "endless counts": {"causes": {**_COUNTS, "funds": [float("inf")] * 6}},
    "a short row": {"causes": {**_COUNTS, "funds": [1.0]}},
    "a nested row": {"causes": {**_COUNTS, "funds": [[1.0]] * 6}},
    "words": {"causes": {**_COUNTS, "funds": ["many"] * 6}},
    "no group": {"causes": {}},
    "no region": {"schedules": {}},
    "a list for a table": {"schedules": []},
    "a certain coefficient": {"coefficients": [1e6] * WIDTH},
    "an uncertain coefficient": {"coefficients": [float("nan")] * WIDTH},
    "too few coefficients": {"coefficients": [0.0]},
    "an integer beyond floats": {"coefficients": [10**400] * WIDTH},
    "negative outcomes": {"seen": -1},
    "endless outcomes": {"seen": float("inf")},
    "outcomes in words": {"seen": "many"},
    "no outcomes": {"seen": None},
}


@pytest.mark.parametrize("changed", _NONSENSE.values(), ids=_NONSENSE)
def test_a_saved_model_of_nonsense_is_not_used_though_its_checksum_fits(changed):
    engine = Engine.from_json(saved(**changed))
    assert engine.model.version == PRIOR.version
    assert "damaged" in engine.warning
    assert engine.warning in engine.explain(facts(), DEFAULT, FAILED_AT).warnings


def test_the_same_text_unchanged_is_used():
    assert Engine.from_json(saved()).warning == ""


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_saved_model_cut_or_scratched_anywhere_never_gets_in(data):
    text = PRIOR.to_json()
    at = data.draw(st.integers(0, len(text) - 1))
    scratch = data.draw(st.sampled_from(["", "9", "-", "NaN", "1e999", "[", '"', "\0", "null"]))
    damaged = text[:at] + scratch + (text[at + 1 :] if scratch else "")
    model, warning = Model.from_json(damaged)
    assert warning or model.version == PRIOR.version
    assert Engine(model).explain(facts(), DEFAULT, FAILED_AT).retry is not None


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    "failed_at",
    [datetime(2026, 3, 27, 1, 30, tzinfo=UTC), datetime(2026, 10, 23, 1, 30, tzinfo=UTC)],
    ids=["clocks go ahead", "clocks go back"],
)
def test_where_clocks_change_no_try_falls_into_the_night_or_the_past(zone, failed_at):
    told = sound(failed_at, zone, [("insufficient_funds", "")])
    plan = ENGINE.explain(told, DEFAULT, failed_at).plan
    assert plan
    assert all(at > failed_at for at in plan)
    assert all(not 1 <= at.astimezone(ZoneInfo(zone)).hour < 6 for at in plan)


@pytest.mark.parametrize("explore", [0.05, 1.0])
def test_the_propensities_over_the_allowed_hours_sum_to_one_with_a_floor_for_each(explore):
    engine = replace(ENGINE, explore=explore)
    told = facts(tried(code="insufficient_funds"))
    best = ENGINE.explain(told, DEFAULT, FAILED_AT).retry.at
    strayed = engine.explain(told, DEFAULT, FAILED_AT, draw=0.0)
    assert strayed.retry.at != best
    floor = strayed.propensity
    shares = {}
    for number in range(round(explore / floor)):  # the middle of each hour's share of the draws
        found = engine.explain(told, DEFAULT, FAILED_AT, (number + 0.5) * floor)
        assert found.retry.at not in shares
        shares[found.retry.at] = found.propensity
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) == pytest.approx(floor)
    assert shares.pop(best) == pytest.approx(1 - explore + floor)
    assert set(shares.values()) == {floor}
