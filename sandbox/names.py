"""Invented people, with names as real customers have them: long, short, and not only ASCII."""

from __future__ import annotations

import random
import unicodedata


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = _words(
    "Ada Ben Chloé Dmitri Ebba Femke Grace Hiroshi İpek João Kofi Łucja Mei Nadège Óscar Priya "
    "Quentin Ruth Søren Tomás Uma Vésna Will Xiomara Yusuf Zoë"
)
_FAMILY = _words(
    "Abara Bauer Castillo-Domínguez Dubois Eriksson Fischer García Hall Ito Jansen Kowalczyk Lee "
    "Müller Nguyen O'Brien Petrović Quispe Rossi Smith Tanaka Üstün Vandenbroucke Wójcik Ximenes "
    "Yamamoto Zhang"
)
_LONG = "Maximiliane-Friederike Prinzessin von Hohenwaldeck-Schlüsselburg zu Neuenstein"
_COMPANIES = ("GmbH", "Ltd.", "LLC", "B.V.", "S.A.R.L.", "株式会社")
LOCALES = {"DE": "de", "FR": "fr", "NL": "nl", "BR": "pt-BR", "JP": "ja"}
TIMEZONES = {
    "US": ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    "GB": ("Europe/London",),
    "DE": ("Europe/Berlin",),
    "FR": ("Europe/Paris",),
    "NL": ("Europe/Amsterdam",),
    "CA": ("America/Toronto", "America/Vancouver"),
    "AU": ("Australia/Sydney", "Australia/Perth"),
    "BR": ("America/Sao_Paulo",),
    "IN": ("Asia/Kolkata",),
    "JP": ("Asia/Tokyo",),
}
CURRENCIES = {"GB": "gbp", "DE": "eur", "FR": "eur", "NL": "eur", "JP": "jpy"}


def person(rng: random.Random, index: int) -> tuple[str, str]:
    """(name, email). Addresses end in a domain that can never be delivered to."""
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILY)
    name = f"{given} {family}"
    if rng.random() < 0.02:
        name = _LONG
    elif rng.random() < 0.1:
        name = f"{family} {rng.choice(_COMPANIES)}"
    return name, f"{_ascii(given)}.{_ascii(family)}.{index}@example.test"


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum()) or "customer"
