"""The default world has the properties its specification asks for, and chance has no order."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from sandbox.cards import CardTruth, brand_of, fresh_number, luhn_valid
from sandbox.chance import Chance
from sandbox.issuers import Authorisation, Issuers
from sandbox.latent import Cause, pick
from sandbox.names import TIMEZONES
from sandbox.sandbox import Sandbox
from sandbox.world import World

START = datetime(2026, 11, 2, tzinfo=UTC)
FAILURES = 2500


def failures(issuers):
    """FAILURES failing renewals of the world's people, each tried once: (card, time, code)."""
    numbers = issuers.world.population
    made, index = 0, 0
    while made < FAILURES:
        index += 1
        rng = issuers.chance.rng("case", index)
        country = pick(numbers.countries, rng.random())
        planned = issuers.planned_failure(index, country=country)
        if planned is None:
            continue
        made += 1
        card = CardTruth(
            str(index),
            brand=pick(numbers.brands, rng.random()),
            funding=pick(numbers.funding, rng.random()),
            country=country,
            issuer=issuers.assign(index),
            timezone=rng.choice(TIMEZONES[country]),
        )
        at = START + timedelta(hours=rng.randrange(720))
        issuers.begin(card, *planned, at)
        first = issuers.authorise(card, Authorisation(at, 2900, "usd"))
        if not first.approved:
            yield card, at, first


@cache
def recovered(*days):
    """Shares won back by retrying on these days and nothing else, by code, cause and funding."""
    issuers = Issuers(World.load("default"), Chance(7))
    seen, won, by_day = Counter(), Counter(), Counter()
    for card, at, answer in failures(issuers):
        groups = ("all", answer.decline_code, card.episode.cause, card.funding)
        seen.update(groups)
        for day in () if answer.hard else days:
            again = issuers.authorise(card, Authorisation(at + timedelta(day), 2900, "usd"))
            if again.approved:
                won.update(groups)
                by_day[day] += 1
                break
    return {group: won[group] / seen[group] for group in seen}, by_day


def test_retries_on_days_1_3_5_7_win_back_what_the_specification_expects():
    shares, _ = recovered(1, 3, 5, 7)
    assert 0.31 < shares["all"] < 0.42


def test_spreading_the_same_tries_wins_more_and_daily_tries_a_little_more_still():
    naive, spread, daily = (
        recovered(*days)[0]["all"] for days in ((1, 3, 5, 7), (1, 3, 7, 13), range(1, 15))
    )
    assert naive + 0.015 < spread < daily < naive + 0.16


def test_most_recoveries_come_within_ten_days():
    _, by_day = recovered(*range(1, 15))
    early = sum(count for day, count in by_day.items() if day <= 10)
    assert 0.85 < early / by_day.total() < 0.98


def test_what_is_refused_for_empty_accounts_recovers_best_and_dead_cards_hardly_ever():
    shares, _ = recovered(1, 3, 7, 13)
    assert shares["insufficient_funds"] > shares["generic_decline"] > 0.2
    assert shares[Cause.DEAD_CARD] < 0.05
    assert shares[Cause.AUTHENTICATION] < 0.05
    assert shares["credit"] > shares["debit"]


def test_two_tries_on_one_day_mostly_end_alike():
    """Of same-day pairs on empty accounts about 3 % should disagree [CFPB]."""
    issuers = Issuers(World.load("default"), Chance(3))
    mixed = pairs = 0
    for card, at, answer in failures(issuers):
        if answer.decline_code != "insufficient_funds" or card.episode is None:
            continue
        day = at + timedelta(days=4)
        opens = [card.episode.open_at(day + timedelta(hours=hours)) for hours in (0, 8)]
        pairs += 1
        mixed += opens[0] != opens[1]
    assert 0.005 < mixed / pairs < 0.08


def test_most_declines_are_generic_or_for_funds():
    issuers = Issuers(World.load("default"), Chance(5))
    codes = Counter(answer.decline_code for _, _, answer in failures(issuers))
    soft = ("insufficient_funds", "generic_decline", "do_not_honor")
    assert sum(codes[code] for code in soft) / codes.total() > 0.6


def test_renewals_fail_about_as_often_as_the_world_says():
    sandbox = Sandbox(seed=11, subscribers=600)
    sandbox.advance(timedelta(days=31))
    assert 0.06 < sandbox.report()["failed_invoices"] / 600 < 0.12
    assert {"usd", "eur", "gbp"} <= set(sandbox.report()["failed_minor"])


def busy_month(seed, steps=1):
    """A month with Stripe's own retries, run in uneven steps; the books at its end."""
    sandbox = Sandbox(seed=seed, subscribers=150, stripe_retries=(3, 5, 7))
    rng = Chance(steps).rng("steps")
    until = sandbox.clock.now() + timedelta(days=45)
    while sandbox.clock.now() < until:
        step = timedelta(hours=rng.randrange(1, 60))
        sandbox.advance_to(min(until, sandbox.clock.now() + step))
    return sandbox


def test_the_same_seed_gives_the_same_books_however_time_is_advanced():
    one, two = busy_month(4, steps=1), busy_month(4, steps=2)
    assert one.report() == two.report()
    assert [t.charge for t in one.books.tries] == [t.charge for t in two.books.tries]


def test_another_seed_gives_another_month():
    assert busy_month(4).report() != busy_month(5).report()


def calm_answers(hours):
    """Approvals on days 1 to 9 of one calm failure, tried at this hour of the day."""
    issuers = Issuers(World.load("calm"), Chance(2))
    card = CardTruth("x", issuer=1)
    answers = []
    for day in range(1, 10):
        issuers.begin(card, Cause.INSUFFICIENT_FUNDS, "insufficient_funds", START)
        at = START + timedelta(days=day, hours=hours)
        request = Authorisation(at, 2900, "usd", invoice_id="in_1", invoice_created_at=START)
        answers.append(issuers.authorise(card, request).approved)
    return answers


def test_a_calm_world_does_not_mind_the_hour():
    assert calm_answers(1) == calm_answers(13) == calm_answers(23)
    assert set(calm_answers(1)) == {True, False}


def test_calm_people_do_nothing_by_themselves():
    sandbox = Sandbox("calm", seed=3, subscribers=200)
    sandbox.advance(timedelta(days=60))
    assert sandbox.report()["failed_invoices"] > 5
    assert sandbox.report()["recovered_invoices"] == 0


def test_a_card_declined_as_expired_says_so_on_its_face():
    sandbox = Sandbox(seed=8, subscribers=800)
    sandbox.advance(timedelta(days=31))
    expired = [t for t in sandbox.books.tries if t.decline_code == "expired_card"]
    assert expired
    for one in expired:
        card = sandbox.store.get(one.charge)["payment_method_details"]["card"]
        assert (card["exp_year"], card["exp_month"]) < (one.at.year, one.at.month)


def test_mastercards_waiting_advice_is_informative():
    """The advised wait is over sooner for cards that truly open sooner, more often than not."""
    issuers = Issuers(World.load("default"), Chance(9))
    waits = {}
    for card, at, answer in failures(issuers):
        code = answer.network_advice_code
        if code in {"24", "25", "26", "27", "28", "29", "30"}:
            opens = card.episode.next_open(at) or at + timedelta(days=30)
            waits.setdefault(code, []).append((opens - at) / timedelta(days=1))
            assert card.brand == "mastercard"
    soon, late = waits["25"] + waits["26"], waits["29"] + waits["30"]
    assert sorted(soon)[len(soon) // 2] < sorted(late)[len(late) // 2]


@pytest.mark.parametrize("brand", ["visa", "mastercard", "amex", "discover"])
def test_issued_numbers_are_valid_and_of_their_brand(brand):
    number = fresh_number(Chance(1), "me", brand=brand)
    assert luhn_valid(number)
    assert brand_of(number) == brand


def test_a_world_with_a_missing_number_names_it():
    with pytest.raises(KeyError, match="billing"):
        World.from_dict({"name": "broken"})
    with pytest.raises(FileNotFoundError):
        World.load("nowhere")
