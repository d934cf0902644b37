from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from dunning_cast import FAILED_AT, MASTERCARD, days, facts, hours, tried
from hypothesis import given
from hypothesis import strategies as st

from recover.dunning import DEFAULT, FixedTiming, Outcome
from recover.dunning.local_time import local, next_opening, out_of_the_night, zone

TIMING = FixedTiming()


def proposal(told, now):
    found = TIMING.next_retry(told, DEFAULT, now)
    return found and found.at


@pytest.mark.parametrize(("last", "following"), [(0, 1), (1, 3), (3, 7), (7, 13), (13, 20)])
def test_tries_fall_on_days_1_3_7_13_and_20_at_the_hour_of_the_first_failure(last, following):
    told = facts(tried(), tried(days(last)))
    assert proposal(told, FAILED_AT + days(last) + hours(1)) == FAILED_AT + days(following)


def test_after_the_last_day_there_is_no_further_try():
    assert proposal(facts(tried(), tried(days(20))), FAILED_AT + days(20) + hours(1)) is None


def test_several_slots_missed_give_one_try_now_and_then_the_next_slot():
    now = FAILED_AT + days(8)
    assert proposal(facts(), now) == now
    assert proposal(facts(tried(), tried(days(8))), now + hours(1)) == FAILED_AT + days(13)


def test_a_try_by_stripe_spends_the_slot_as_ours_would():
    told = facts(tried(), tried(days(1) + hours(3)))
    assert proposal(told, FAILED_AT + days(2)) == FAILED_AT + days(3)


def test_an_abandoned_try_spends_nothing_and_an_observed_one_does():
    abandoned = replace(tried(days(1)), outcome=Outcome.ABANDONED)
    observed = replace(tried(days(1)), outcome=Outcome.OBSERVED)
    now = FAILED_AT + days(1) + hours(1)
    assert proposal(facts(tried(), abandoned), now) == now
    assert proposal(facts(tried(), observed), now) == FAILED_AT + days(3)


def test_a_technical_failure_is_tried_after_two_hours_and_then_a_day():
    told = facts(tried(code="processing_error"))
    assert proposal(told, FAILED_AT) == FAILED_AT + hours(2)
    again = facts(tried(code="processing_error"), tried(hours(2), "issuer_not_available"))
    assert proposal(again, FAILED_AT + hours(3)) == FAILED_AT + hours(24)


def test_a_technical_failure_later_on_is_tried_after_two_hours_too():
    told = facts(tried(), tried(days(3), "processing_error"))
    assert proposal(told, FAILED_AT + days(3)) == FAILED_AT + days(3) + hours(2)


@pytest.mark.parametrize("code", ["expired_card", "authentication_required", "stolen_card"])
def test_no_timed_try_where_only_the_customer_can_help(code):
    assert proposal(facts(tried(code=code)), FAILED_AT + days(1)) is None


def test_mastercards_forecast_moves_the_next_slot_behind_it():
    told = facts(tried(card=MASTERCARD, network_advice_code="27"), card=MASTERCARD)
    found = TIMING.next_retry(told, DEFAULT, FAILED_AT + days(1))
    assert found is not None
    assert found.at == FAILED_AT + days(4)
    assert found.reason == "the bank asked to wait that long"


def test_a_slot_in_the_night_moves_to_nine_local():
    at_two = datetime(2026, 11, 25, 1, 30, tzinfo=UTC)  # 02:30 in Madrid
    told = facts(failed_at=at_two)
    assert proposal(replace(told, attempts=()), at_two) == datetime(2026, 11, 26, 8, tzinfo=UTC)


def test_the_hour_on_the_wall_is_kept_across_a_change_of_the_clock():
    before = datetime(2027, 3, 27, 9, 0, tzinfo=UTC)  # 10:00 in Madrid, the day before summer time
    told = replace(facts(), failed_at=before, attempts=())
    assert proposal(told, before) == datetime(2027, 3, 28, 8, 0, tzinfo=UTC)


instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from(
    [
        "UTC",
        "Europe/Madrid",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "America/St_Johns",
        "Africa/Casablanca",
    ]
)


@given(instants, zones, st.integers(0, 22 * 24))
def test_no_proposal_is_in_the_night_past_the_window_or_in_the_past(failed_at, timezone, later):
    now = failed_at + timedelta(hours=later)
    told = replace(facts(), failed_at=failed_at, attempts=(), timezone=timezone)
    at = proposal(told, now)
    if at is not None:
        assert now <= at < failed_at + DEFAULT.window
        assert not 1 <= local(at, timezone).hour < 6


@given(instants, zones)
def test_openings_are_open_and_the_night_is_left_forwards(at, timezone):
    opening = next_opening(at, 9, 20, timezone)
    assert at <= opening < at + timedelta(hours=14)
    assert 9 <= local(opening, timezone).hour < 20
    assert at <= out_of_the_night(at, timezone) <= at + timedelta(hours=8, minutes=30)


@given(st.text())
def test_any_text_is_a_timezone_if_only_utc(name):
    assert zone(name).utcoffset(datetime(2026, 1, 1, tzinfo=UTC)) is not None


def test_a_folder_of_zones_is_no_zone():
    assert zone("America").key == "UTC"
    assert zone("").key == "UTC"
