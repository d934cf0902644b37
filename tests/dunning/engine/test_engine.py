"""The engine as a timing: what it proposes, why, and that it can be asked anything."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from dunning_cast import FAILED_AT, MASTERCARD, VISA, days, declined, facts, hours, tried, uses
from hypothesis import given, settings
from hypothesis import strategies as st

import recover.dunning.engine
from recover.dunning import (
    DEFAULT,
    Decline,
    FixedTiming,
    Outcome,
    PastAttempt,
    RetryPayment,
    Trigger,
    Wait,
    decide,
    planned_retry,
)
from recover.dunning.engine import Engine, Price
from recover.dunning.local_time import local

ENGINE = Engine.default()
AMERICAN = replace(VISA, country="US", funding="debit")
NEW_YORK = "America/New_York"


def asked(told, now=FAILED_AT, engine=ENGINE):
    return engine.explain(told, DEFAULT, now)


def after_tries(code, count, card=AMERICAN, engine=ENGINE):
    """The case after ``count`` of the engine's own tries failed, and when the last one was."""
    told, now = facts(tried(code=code, card=card), card=card), FAILED_AT
    for _ in range(count):
        retry = asked(told, now, engine).retry
        if retry is None:
            break
        now = retry.at
        past = PastAttempt(now, Trigger.SCHEDULE, Outcome.FAILED, card, declined(code))
        told = facts(*told.attempts, past, card=card)
    return told, now


def test_a_salary_paid_on_friday_is_waited_for():
    told = facts(tried(card=AMERICAN), card=AMERICAN, timezone=NEW_YORK)
    found = asked(told)
    there = local(found.retry.at, NEW_YORK)
    assert there.strftime("%A") == "Friday"
    assert there.hour >= 6
    assert "Friday" in found.reason


def test_where_salaries_are_monthly_the_plan_holds_the_end_of_the_month():
    british = replace(AMERICAN, country="GB")
    told = facts(tried(card=british), card=british, timezone="Europe/London")
    assert {at.day for at in asked(told).plan} & {27, 28, 29, 30, 1}


def test_a_technical_failure_is_tried_again_within_a_day():
    told = facts(tried(code="processing_error", card=AMERICAN), card=AMERICAN)
    found = asked(told)
    assert hours(2) <= found.retry.at - FAILED_AT <= hours(26)
    assert "technical" in found.reason


def test_no_try_falls_into_the_night_of_the_subscriber():
    for code in ("insufficient_funds", "generic_decline", "processing_error", "do_not_honor"):
        for zone in ("Asia/Tokyo", NEW_YORK, "Asia/Kolkata", "UTC"):
            told = facts(tried(code=code, card=AMERICAN), card=AMERICAN, timezone=zone)
            assert all(not 1 <= local(at, zone).hour < 6 for at in asked(told).plan)


def test_a_plan_spreads_its_tries_over_different_days():
    plan = asked(facts()).plan
    assert len(plan) >= 3
    assert all(later - earlier >= hours(24) for earlier, later in pairwise(plan))


def test_it_stops_when_no_further_try_is_worth_its_price():
    thrifty = Engine(ENGINE.model, Price(per_retry=0.08))
    told, now = after_tries("generic_decline", 8, engine=thrifty)
    found = asked(told, now, thrifty)
    assert found.retry is None
    assert now < FAILED_AT + DEFAULT.window - days(3)
    assert "the best further one would succeed with a chance of about" in found.reason


def test_a_higher_price_makes_fewer_tries():
    cheap = Engine(ENGINE.model, Price(per_retry=0.005))
    dear = Engine(ENGINE.model, Price(per_retry=0.12))
    told = facts(tried(code="generic_decline", card=AMERICAN), card=AMERICAN)
    assert len(asked(told, engine=dear).plan) < len(asked(told, engine=cheap).plan)
    assert asked(told, engine=Engine(ENGINE.model, Price(per_retry=1.0))).retry is None


def test_each_further_try_costs_more_and_so_hopeless_cases_get_fewer():
    flat = Engine(ENGINE.model, Price(growth=0.0))
    steep = Engine(ENGINE.model, Price(growth=2.0))
    tries = [
        len(after_tries("generic_decline", 8, engine=engine)[0].attempts)
        for engine in (flat, ENGINE, steep)
    ]
    assert tries == sorted(tries, reverse=True)
    assert tries[0] > tries[2]


def test_every_failure_lowers_the_chance_that_the_rest_recovers_it():
    told, now = after_tries("insufficient_funds", 0)
    before = asked(told, now).plan_chance
    for count in (1, 2, 3, 4):
        told, now = after_tries("insufficient_funds", count)
        assert asked(told, now).plan_chance < before
        before = asked(told, now).plan_chance


def test_asked_again_before_it_is_due_it_keeps_to_its_word():
    told = facts(tried(card=AMERICAN), card=AMERICAN)
    first = asked(told).retry.at
    for earlier in (hours(30), hours(5), hours(1), timedelta(0), -timedelta(minutes=20)):
        assert asked(told, first - earlier).retry.at == first


def test_when_its_time_has_come_the_policy_charges():
    told = facts(tried(card=AMERICAN), card=AMERICAN)
    at = asked(told).retry.at
    quiet = replace(told, has_email=False)
    assert isinstance(decide(quiet, DEFAULT, ENGINE, FAILED_AT), Wait)
    assert isinstance(decide(quiet, DEFAULT, ENGINE, at), RetryPayment)


def test_a_wait_asked_for_by_mastercard_is_kept_and_named():
    card = replace(MASTERCARD, country="US", funding="debit")
    told = facts(tried(card=card, network_advice_code="28"), card=card)
    found = asked(told)
    assert days(6) <= found.retry.at - FAILED_AT < days(9)
    assert "bank asked" in asked(told).reason or found.retry.at - FAILED_AT >= days(7)


def test_stripes_own_next_try_is_given_room():
    told = facts(tried(card=AMERICAN), card=AMERICAN)
    stripes = asked(told).retry.at + hours(1)
    moved = asked(replace(told, next_stripe_attempt_at=stripes)).retry.at
    assert abs(moved - stripes) >= DEFAULT.min_gap - hours(1)


def test_a_hard_decline_is_not_tried_again():
    assert asked(facts(tried(code="stolen_card"))).retry is None
    assert asked(facts(tried(code="expired_card"))).retry is None


def test_an_unknown_code_is_treated_with_care_and_flagged():
    found = asked(facts(tried(code="moon_phase", card=AMERICAN), card=AMERICAN))
    assert found.retry is not None
    assert any("moon_phase" in warning for warning in found.warnings)


def test_a_card_without_details_is_flagged_and_still_planned():
    found = asked(facts())
    assert found.retry is not None
    assert any("missing" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("told", "now"),
    [
        (facts(tried(), tried(days(3))), FAILED_AT + days(1)),
        (facts(tried(days(3)), tried(days(1))), FAILED_AT + days(4)),
        (facts(tried(-days(2)), tried()), FAILED_AT),
        (facts(tried()), FAILED_AT - days(2)),
        (
            facts(tried(), replace(tried(days(1)), outcome=Outcome.SUCCEEDED)),
            FAILED_AT + days(2),
        ),
    ],
    ids=["future", "disordered", "before the failure", "clock went back", "paid and open"],
)
def test_facts_that_cannot_be_true_get_the_fixed_days_and_a_warning(told, now):
    found = asked(told, now)
    assert found.retry == FixedTiming().next_retry(told, DEFAULT, now)
    assert found.warnings


def test_many_cases_at_once_get_the_same_answers_as_one_by_one():
    cases = [
        (facts(tried(code=code, card=AMERICAN), card=AMERICAN, timezone=zone), FAILED_AT)
        for code in ("insufficient_funds", "generic_decline", "lost_card", "moon_phase")
        for zone in ("UTC", NEW_YORK)
    ]
    assert ENGINE.next_times(cases) == [ENGINE.next_retry(f, DEFAULT, n) for f, n in cases]
    assert ENGINE.next_times([]) == []


def test_exploration_needs_a_draw_and_tells_its_propensity():
    curious = replace(ENGINE, explore=0.2)
    told = facts(tried(card=AMERICAN), card=AMERICAN)
    best = ENGINE.explain(told, DEFAULT, FAILED_AT)
    assert curious.explain(told, DEFAULT, FAILED_AT).retry == best.retry
    strayed = curious.explain(told, DEFAULT, FAILED_AT, draw=0.0)
    stayed = curious.explain(told, DEFAULT, FAILED_AT, draw=0.9)
    assert stayed.retry.at == best.retry.at != strayed.retry.at
    assert 0 < strayed.propensity < 0.05
    assert 0.8 < stayed.propensity < 1


def test_an_hour_drawn_to_learn_from_is_kept_to_until_it_comes():
    curious = replace(ENGINE, explore=0.5)
    told = facts(tried(card=AMERICAN), card=AMERICAN)
    for draw in (0.1, 0.25, 0.4):
        at = curious.explain(told, DEFAULT, FAILED_AT, draw=draw).retry.at
        for earlier in (hours(9), hours(1), timedelta(0)):
            assert curious.explain(told, DEFAULT, at - earlier, draw=draw).retry.at == at


def test_the_propensities_of_all_draws_are_the_shares_they_happen_with():
    curious = replace(ENGINE, explore=0.5)
    told = facts(tried(card=AMERICAN), card=AMERICAN)
    draws = [(n + 0.5) / 4000 for n in range(4000)]
    found = [curious.explain(told, DEFAULT, FAILED_AT, draw=draw) for draw in draws[::40]]
    best = ENGINE.explain(told, DEFAULT, FAILED_AT).retry.at
    share = sum(proposal.retry.at == best for proposal in found) / len(found)
    expected = next(p.propensity for p in found if p.retry.at == best)
    assert share == pytest.approx(expected, abs=0.03)


_CODES = st.sampled_from(
    [
        "insufficient_funds",
        "generic_decline",
        "do_not_honor",
        "processing_error",
        "lost_card",
        "card_velocity_exceeded",
        "try_again_later",
        "",
        "no such code",
    ]
)
_ADVICE = st.sampled_from(["", "02", "03", "24", "26", "30", "99"])
_CARDS = st.builds(
    lambda brand, funding, country: replace(VISA, brand=brand, funding=funding, country=country),
    st.sampled_from(["visa", "mastercard", "", "cartes"]),
    st.sampled_from(["debit", "credit", "prepaid", "", "unknown"]),
    st.sampled_from(["US", "GB", "JP", "BR", "", "ZZ"]),
)


@given(
    card=_CARDS,
    codes=st.lists(st.tuples(_CODES, _ADVICE, st.floats(-50, 600)), max_size=9),
    now_after=st.floats(-30, 900),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", NEW_YORK, "nonsense", "Pacific/Apia"]),
    amount=st.sampled_from([-5, 0, 1, 1900, 10**12]),
    paid=st.lists(st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)), max_size=8),  # noqa: DTZ001  made aware below
)
@settings(max_examples=150, deadline=None)
def test_whatever_it_is_told_it_answers_within_every_limit(
    card, codes, now_after, zone, amount, paid
):
    attempts = [
        PastAttempt(
            FAILED_AT + timedelta(hours=after),
            Trigger.SCHEDULE,
            Outcome.FAILED,
            card,
            Decline("card_declined", code, network_advice_code=advice),
        )
        for code, advice, after in codes
    ]
    told = facts(
        *attempts,
        card=card,
        timezone=zone,
        amount_remaining_minor=amount,
        card_uses=uses(*sorted(past.at for past in attempts)),
        paid_hours=tuple(at.replace(tzinfo=UTC) for at in paid),
    )
    now = FAILED_AT + timedelta(hours=now_after)
    found = ENGINE.explain(told, DEFAULT, now)
    planned = planned_retry(told, DEFAULT, ENGINE, now)
    assert found.reason
    assert found.chance is None or 0 <= found.chance <= 1
    if planned is not None:
        last = max((past.at for past in told.attempts), default=FAILED_AT)
        assert max(planned.at, now) >= last + hours(2)


def test_the_page_about_it_holds_a_program_of_twenty_lines_that_runs(capsys):
    page = Path(__file__).parents[3] / "docs" / "engine.md"
    (program,) = re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    assert sum(bool(line.strip()) for line in program.splitlines()) <= 22
    exec(compile(program, str(page), "exec"), {})
    said = capsys.readouterr().out
    assert "Learned from 200 attempts" in said
    assert "Retry(at=" in said


def test_every_symbol_of_the_page_bears_its_name_in_the_code():
    page = Path(__file__).parents[3] / "docs" / "engine.md"
    engine = Path(recover.dunning.engine.__file__).parent
    names_in_code = set(
        re.findall(r"\w+", "".join(path.read_text("utf-8") for path in engine.glob("*.py")))
    )
    symbols = page.read_text("utf-8").partition("### Symbols")[2].partition("### 1.")[0]
    rows = [row.split("|") for row in symbols.splitlines() if row.startswith("| $")]
    assert len(rows) > 30
    for _, symbol, _, in_code, *_ in rows:
        names = re.findall(r"`([\w.]+)`", in_code)
        assert names, symbol
        assert {part for name in names for part in name.split(".")} <= names_in_code, symbol
