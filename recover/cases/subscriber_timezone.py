"""A subscriber's time zone: the one the company noted, else the usual one of their country."""

from __future__ import annotations

from collections.abc import Iterable

from babel.core import get_global

from recover.dunning.local_time import zone

# The zone in which most people live, for countries with several. Babel does not know this.
MOST_PEOPLE = {
    "AR": "America/Argentina/Buenos_Aires",
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "CD": "Africa/Kinshasa",
    "CL": "America/Santiago",
    "CN": "Asia/Shanghai",
    "CY": "Asia/Nicosia",
    "DE": "Europe/Berlin",
    "EC": "America/Guayaquil",
    "ES": "Europe/Madrid",
    "FM": "Pacific/Chuuk",
    "GL": "America/Nuuk",
    "ID": "Asia/Jakarta",
    "KI": "Pacific/Tarawa",
    "KZ": "Asia/Almaty",
    "MH": "Pacific/Majuro",
    "MN": "Asia/Ulaanbaatar",
    "MX": "America/Mexico_City",
    "MY": "Asia/Kuala_Lumpur",
    "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti",
    "PG": "Pacific/Port_Moresby",
    "PS": "Asia/Gaza",
    "PT": "Europe/Lisbon",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "US": "America/New_York",
    "UZ": "Asia/Tashkent",
}


def timezone_of(noted: str, countries: Iterable[str], ours: str) -> str:
    """The IANA name of a subscriber's time zone; "" where it is unknown.

    ``noted`` is the zone that the company noted at Stripe. ``countries`` (ISO 3166, upper case)
    are the countries the subscriber may live in, the most certain first. In a country with
    several zones the company's own zone (``ours``) is taken if it is one of them, and otherwise
    the one in which most people live.
    """
    if noted and zone(noted).key == noted:  # `zone` reads an unknown name as UTC
        return noted
    found = (_zone_in(country, ours) for country in countries)
    return next((name for name in found if name), "")


def _zone_in(country: str, ours: str) -> str:
    zones: list[str] = get_global("territory_zones").get(country) or []
    if len(zones) == 1:
        return zones[0]
    modern = get_global("zone_aliases").get(ours, ours)  # such as "US/Pacific"
    return modern if modern in zones else MOST_PEOPLE.get(country, "")
