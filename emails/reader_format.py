"""Values as text for one reader: names, cards, and days in the order and time zone of their region.

The mails are written in English. Weekday and month names are therefore English for everyone, in
the order the reader's region is used to; amounts follow the reader's own locale in full.
"""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date

from recover.foundation.locales import english_day, first_known, locale_named

_BRANDS = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "Eftpos",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
_LONGEST_GREETED_NAME = 40


def one_line(text: str) -> str:
    """``text`` with runs of white space as one blank and without control or direction marks.

    Zero-width joiners stay: names in several scripts are written with them.
    """
    joiners = "\u200c\u200d"
    kept = (c for c in " ".join(text.split()) if c in joiners or unicodedata.category(c)[0] != "C")
    return "".join(kept).strip()


def greeting(name: str) -> str:
    """Such as "Hi Ada Lovelace,", or "Hello," where the name looks like anything but a name.

    Whoever fills in a checkout form chooses this text. It must not become a way to have us mail
    an address or a link to strangers.
    """
    name = one_line(name)
    unlikely = set("@/\\<>{}[]:;|%=#") | set("0123456789")
    if not name or len(name) > _LONGEST_GREETED_NAME or "www." in name or unlikely & set(name):
        return "Hello,"
    return f"Hi {name},"


def card_name(brand: str, last4: str) -> str:
    """From "visa", "4242": "Visa card ending in 4242". "saved payment method" for no card."""
    brand_name = _BRANDS.get(brand.lower(), one_line(brand).replace("_", " ").capitalize())
    if not last4:
        return f"{brand_name} card" if brand_name else "saved payment method"
    return f"{brand_name} card ending in {one_line(last4)}".strip()


def expiry_month(month: int, year: int) -> str:
    """11, 2026 -> "November 2026"."""
    return english_day(date(year, month, 1), "MMMM yyyy")


def day(moment: datetime, locale: str = "en", timezone: str = "UTC") -> str:
    """An aware time as the day it falls on in ``timezone``: "Friday, 27 November 2026".

    An unknown time zone is read as UTC, an unknown locale as international English.
    """
    local = moment.astimezone(_zone(timezone))
    return str(format_date(local.date(), "full", locale=_english_of(locale)))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):  # the last: names that are directories of the database
        return ZoneInfo("UTC")


def _english_of(locale: str) -> Locale:
    """The English of the reader's region: "de-AT" -> en_AT, "en" -> en, "ja" -> en_001."""
    reader = locale_named(locale)
    if reader and reader.language == "en":
        return reader
    region = (reader and reader.territory) or "001"
    return first_known(f"en_{region}", "en_001")
