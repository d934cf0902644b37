"""The words of the subscriber's pages: complete in each language, and right for each reader."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from recover.dunning import SUBSCRIBER_REASONS
from recover.web.subscriber.card_result import ResultState
from recover.web.translations import catalogue, languages, words_for

PLACEHOLDER = re.compile(r"{(\w+)}")
AT = datetime(2026, 12, 1, 3, tzinfo=UTC)
NBSP = "\u00a0"


def test_four_languages_are_spoken():
    assert languages() == ("de", "en", "es", "fr")


@pytest.mark.parametrize("language", ["de", "es", "fr"])
def test_every_language_says_everything_english_does(language):
    english, other = catalogue("en"), catalogue(language)
    assert other.keys() == english.keys()
    for key, text in english.items():
        assert set(PLACEHOLDER.findall(other[key])) == set(PLACEHOLDER.findall(text)), key
        assert other[key].strip()


@pytest.mark.parametrize("language", languages())
def test_there_are_words_for_every_decline_and_every_result(language):
    words = catalogue(language)
    assert {f"declined_{reason}" for reason in SUBSCRIBER_REASONS} <= words.keys()
    assert {f"title_{state}" for state in ResultState} <= words.keys()


@pytest.mark.parametrize("language", languages())
def test_no_decline_speaks_of_loss_theft_or_fraud(language):
    telling = ("lost", "stolen", "fraud", "verloren", "gestohlen", "betrug", "perdu", "volé")
    telling += ("fraude", "perdid", "robad")
    for key, text in catalogue(language).items():
        if key.startswith("declined_"):
            assert not any(word in text.lower() for word in telling), key


@pytest.mark.parametrize(
    ("locale", "accepted", "language"),
    [
        ("de-AT", ["fr"], "de"),
        ("", ["fr-CA", "en"], "fr"),
        ("ja", ["es", "en"], "es"),
        ("ja", ["ja", "zh"], "en"),
        ("", [], "en"),
        ("", ["*"], "en"),
        ("DE_de", [], "de"),
        ("nonsense!!", ["de"], "de"),
    ],
)
def test_the_customers_locale_comes_first_then_the_browser_then_english(locale, accepted, language):
    assert words_for(locale, accepted).language == language


@pytest.mark.parametrize(
    ("locale", "money", "day"),
    [
        ("de", f"1.234,50{NBSP}€", "30. November 2026"),
        ("ja", "€1,234.50", "2026年11月30日"),
        ("en-GB", "€1,234.50", "30 November 2026"),
        ("nonsense!!", "€1,234.50", "November 30, 2026"),
    ],
)
def test_amounts_and_days_follow_the_readers_own_locale(locale, money, day):
    t = words_for(locale, [], "America/New_York")
    assert t.money(123450, "eur") == money
    assert t.day(AT) == day  # the evening before, where the company is


def test_an_unknown_time_zone_is_read_as_utc():
    assert words_for("en", [], "Mars/Olympus").day(AT) == "December 1, 2026"
