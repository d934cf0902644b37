"""The subscriber's time zone: noted, or told by a country."""

from __future__ import annotations

from zoneinfo import available_timezones

import pytest
from babel.core import get_global

from recover.cases.subscriber_timezone import MOST_PEOPLE, timezone_of

NO_COUNTRIES = {"001", "AQ", "UM", "ZZ"}  # the world, Antarctica, empty islands, nowhere


@pytest.mark.parametrize(
    ("noted", "countries", "ours", "expected"),
    [
        ("Asia/Tokyo", ["ES"], "UTC", "Asia/Tokyo"),
        ("UTC", ["JP"], "Europe/Berlin", "UTC"),
        ("Middle-earth/Shire", ["JP"], "UTC", "Asia/Tokyo"),
        ("America", ["JP"], "UTC", "Asia/Tokyo"),
        ("", ["IN"], "UTC", "Asia/Kolkata"),
        ("", ["", "IE"], "UTC", "Europe/Dublin"),  # the address says nothing, the card does
        ("", ["FR", "IE"], "UTC", "Europe/Paris"),
        ("", ["ES"], "Europe/Berlin", "Europe/Madrid"),
        ("", ["ES"], "Atlantic/Canary", "Atlantic/Canary"),
        ("", ["US"], "America/Los_Angeles", "America/Los_Angeles"),
        ("", ["US"], "US/Pacific", "America/Los_Angeles"),
        ("", ["US"], "Europe/London", "America/New_York"),
        ("", ["CA"], "America/New_York", "America/Toronto"),
        ("", ["BR"], "", "America/Sao_Paulo"),
        ("", [], "Europe/London", ""),
        ("", ["", "XX"], "Europe/London", ""),
        ("", ["AQ"], "UTC", ""),
    ],
)
def test_the_zone_is_noted_or_told_by_the_first_country_that_has_one(
    noted, countries, ours, expected
):
    assert timezone_of(noted, countries, ours) == expected


def test_every_country_with_several_zones_has_the_one_most_people_live_in():
    zones = get_global("territory_zones")
    several = {country for country, found in zones.items() if len(found) > 1}

    assert set(MOST_PEOPLE) == several - NO_COUNTRIES
    assert all(zone in zones[country] for country, zone in MOST_PEOPLE.items())
    assert set(MOST_PEOPLE.values()) <= available_timezones()
