"""How readers write money and days: the one way from a language tag to Babel's locale.

Tags come from outside: a customer's ``preferred_locales``, a browser's Accept-Language. The locale
of the process (LANG, LC_ALL and the like) is never one of them: it is the server's, not a reader's.
"""

from __future__ import annotations

from datetime import date

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date

ENGLISH = Locale("en")
_POSIX = "POSIX"


def locale_named(tag: str) -> Locale | None:
    """The locale of a tag such as "de-AT" or "en_GB.UTF-8"; None where it names none.

    "C" and "POSIX" name no language. Babel 2.19 reads them as ``en_US_POSIX``, a variant for
    machines that writes "$ 19.99"; a tag that asks for the variant itself gets plain "en_US".
    """
    if tag.partition(".")[0].upper() in {"C", _POSIX}:
        return None
    try:
        found = Locale.parse(tag.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError):
        return None
    return found if found.variant != _POSIX else Locale(found.language, found.territory)


def first_known(*tags: str) -> Locale:
    """The locale of the first tag that names one, else English."""
    known = (locale_named(tag) for tag in tags)
    return next((locale for locale in known if locale), ENGLISH)


def english_day(day: date, pattern: str) -> str:
    """A day, or a time's day in its own zone, in English: "d MMM y" -> "27 Nov 2026".

    The pattern is CLDR's. Not strftime: its names follow the locale of the process.
    """
    return str(format_date(day, pattern, locale=ENGLISH))
