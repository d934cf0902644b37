"""Times, spans and numbers as the founder reads them in a decision's reason. English only."""

from __future__ import annotations

from datetime import datetime, timedelta

from recover.dunning.facts import Card
from recover.dunning.local_time import local, zone

# Not strftime: its names follow the process's locale.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_ORDINALS = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
)
_BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


def number(count: int) -> str:
    return _NUMBERS[count] if 0 <= count < len(_NUMBERS) else str(count)


def ordinal(count: int) -> str:
    if 1 <= count <= len(_ORDINALS):
        return _ORDINALS[count - 1]
    teens = 10 <= count % 100 < 20  # noqa: PLR2004  11th, 12th, 13th
    return f"{count}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(count % 10, 'th')}"


def counted(count: int, noun: str, plural: str = "") -> str:
    """2, "day" -> "two days"."""
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"


def day(at: datetime, timezone: str) -> str:
    """Such as "20 December", where the subscriber lives."""
    there = local(at, timezone)
    return f"{there.day} {_MONTHS[there.month - 1]}"


def moment(at: datetime, timezone: str) -> str:
    """Such as "Friday 27 November, 09:00 in Madrid", or "..., 09:00 UTC"."""
    there = local(at, timezone)
    key = zone(timezone).key
    city = key.rpartition("/")[2].replace("_", " ")
    place = f" in {city}" if "/" in key and not key.startswith("Etc/") else f" {city}"
    return f"{_DAYS[there.weekday()]} {day(at, timezone)}, {there:%H:%M}{place}"


def span(length: timedelta) -> str:
    """Such as "two days", "five hours", "ten minutes": rounded to the unit that fits."""
    minutes = max(0, round(length / timedelta(minutes=1)))
    hours, days = round(minutes / 60), round(minutes / 1440)
    if hours >= 36:  # noqa: PLR2004  up to a day and a half, hours say more than days
        return counted(days, "day")
    return counted(hours, "hour") if minutes >= 60 else counted(minutes, "minute")  # noqa: PLR2004


def card_name(card: Card) -> str:
    """Such as "Visa card", "Mastercard" or "sepa debit"."""
    if card.type != "card":
        return card.type.replace("_", " ")
    name = _BRANDS.get(card.brand, "")
    return name if name == "Mastercard" else f"{name} card".strip()
