"""The words of the pages subscribers see, by language; and days and money as one reader writes
them.

A language is one file of `translations/`. The reader's own locale decides how amounts and days are
written even where the page's words are English for want of a translation.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date

from recover.foundation.locales import first_known
from recover.foundation.money import format_money

FOLDER = Path(__file__).parent / "translations"
FALLBACK = "en"


@cache
def languages() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def catalogue(language: str) -> dict[str, str]:
    return dict(tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language, and the reader's way to write amounts and days.

    ``locale`` is a BCP 47 tag or "".
    """

    language: str
    locale: str
    timezone: str = "UTC"

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key`` with its placeholders filled in. KeyError for an unknown key."""
        text = catalogue(self.language)[key]
        return text.format(**values) if values else text

    def money(self, amount_minor: int, currency: str) -> str:
        return format_money(amount_minor, currency, self.locale, self.language)

    def day(self, at: datetime) -> str:
        """The day ``at`` falls on where the company is: "22 November 2026"."""
        local = at.astimezone(_zone(self.timezone))
        return str(
            format_date(local.date(), "long", locale=first_known(self.locale, self.language))
        )

    def month(self, month: int, year: int) -> str:
        """11, 2027 -> "11/2027", as it stands on the card."""
        return f"{date(year, month, 1):%m/%Y}"


def words_for(locale: str, accepted: Iterable[str] = (), timezone: str = "UTC") -> Words:
    """The words for a customer's own locale, else for what their browser asks for.

    ``accepted`` are the tags of Accept-Language, the best first.
    """
    wanted = [tag for tag in (locale, *accepted) if tag and tag != "*"]
    spoken = map(language_of, wanted)
    language = next((one for one in spoken if one in languages()), FALLBACK)
    return Words(language, wanted[0] if wanted else FALLBACK, timezone)


def language_of(tag: str) -> str:
    """The language of a tag: "de" of "de-AT"."""
    return tag.replace("_", "-").partition("-")[0].lower()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):  # the last: names that are folders of the database
        return ZoneInfo("UTC")
