"""The types of an account's settings: how a value is read, validated and shown.

A type reads the text of a form field, validates a value from any source, and shows a value again,
in the field and in words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from emails.brand import require_web_address
from emails.envelope import mailbox_address
from emails.reader_format import one_line

Value = str | int | float | bool | None

_COLOR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_EMPTY = "nothing"


@dataclass(frozen=True, slots=True)
class Kind:
    """Any text of up to ``longest`` characters, on one line unless there may be ``lines``."""

    longest: int = 255
    required: bool = False
    lines: int = 1

    @property
    def widget(self) -> str:
        """Which input the form shows."""
        return "text" if self.lines == 1 else "lines"

    def read(self, typed: str) -> Value:
        """What the text of a field means. Raises ValueError, in words for whoever typed it."""
        if self.lines == 1:
            return one_line(typed)
        return "\n".join(filter(None, map(one_line, typed.splitlines())))

    def fault(self, value: Value) -> str:
        """What is wrong with a value; "" where nothing is."""
        if not isinstance(value, str):
            return "must be text"
        if self.required and not value:
            return "must not be empty"
        if len(value) > self.longest:
            return f"must have at most {self.longest} characters, not {len(value)}"
        return ""

    def show(self, value: Value) -> str:
        """The text of the field that means ``value``."""
        return "" if value is None else str(value)

    def words(self, value: Value) -> str:
        """``value`` as a person reads it, in a list of changes."""
        return self.show(value).replace("\n", ", ") or _EMPTY


class MailAddress(Kind):
    """One mail address, or none."""

    @property
    def widget(self) -> str:
        return "email"

    def fault(self, value: Value) -> str:
        if found := Kind.fault(self, value):
            return found
        return "" if not value or _is_mail_address(str(value)) else _not_an_address_text(str(value))


class MailAddresses(Kind):
    """Mail addresses, one a line; kept so, in the order they were typed, each once."""

    def read(self, typed: str) -> Value:
        return "\n".join(dict.fromkeys(re.split(r"[\s,;]+", typed.strip()))).strip()

    def fault(self, value: Value) -> str:
        if found := Kind.fault(self, value):
            return found
        wrong = [one for one in str(value).split("\n") if one and not _is_mail_address(one)]
        return _not_an_address_text(wrong[0]) if wrong else ""


def _is_mail_address(text: str) -> bool:
    try:
        mailbox_address(text)
    except ValueError:
        return False
    return True


def _not_an_address_text(text: str) -> str:
    return f"must be a mail address such as billing@example.com, not “{text[:60]}”"


class WebAddress(Kind):
    """An https address, or none: mail programs and browsers block what comes over plain http."""

    @property
    def widget(self) -> str:
        return "url"

    def fault(self, value: Value) -> str:
        if (found := Kind.fault(self, value)) or not value:
            return found
        try:
            secure = urlsplit(require_web_address(str(value), "it")).scheme == "https"
        except ValueError:
            secure = False
        return "" if secure else "must be a whole address such as https://example.com/logo.png"


class Color(Kind):
    """``#rrggbb``, in lower case."""

    @property
    def widget(self) -> str:
        return "color"

    def read(self, typed: str) -> Value:
        typed = typed.strip().lower()
        if _COLOR.fullmatch(typed) and len(typed) == len("#rgb"):
            return "#" + "".join(digit * 2 for digit in typed[1:])
        return typed

    def fault(self, value: Value) -> str:
        fits = isinstance(value, str) and _COLOR.fullmatch(value)
        return "" if fits else "must be a colour such as #1f6feb"


class Zone(Kind):
    """A name of the time zone database, such as Europe/Lisbon."""

    @property
    def widget(self) -> str:
        return "zone"

    @property
    def names(self) -> tuple[str, ...]:
        return zone_names()

    def fault(self, value: Value) -> str:
        known = value in (*zone_names(), "Etc/UTC")  # as Stripe calls it
        return "" if known else "must be a time zone from the list, such as Europe/Lisbon"


@cache
def zone_names() -> tuple[str, ...]:
    """Places, and UTC; without the database's abbreviations and offsets, which mislead."""
    places = (name for name in available_timezones() if "/" in name and "Etc/" not in name)
    return ("UTC", *sorted(places))


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    title: str
    about: str  # what choosing it does, and what that costs


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    options: tuple[Option, ...] = ()

    @property
    def widget(self) -> str:
        return "choice"

    def fault(self, value: Value) -> str:
        known = [one.value for one in self.options]
        return "" if value in known else f"is {_joined_by_or(known)}, not {value}"

    def words(self, value: Value) -> str:
        return next((one.title for one in self.options if one.value == value), str(value))


def _joined_by_or(words: list[str]) -> str:
    """a, b, c -> "a, b or c"."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


class Toggle(Kind):
    """On or off: a box that was ticked, or was not."""

    @property
    def widget(self) -> str:
        return "toggle"

    def read(self, typed: str) -> Value:
        return typed == "on"

    def fault(self, value: Value) -> str:
        return "" if isinstance(value, bool) else "is on or off"

    def show(self, value: Value) -> str:
        return "on" if value else ""

    def words(self, value: Value) -> str:
        return "on" if value else "off"


@dataclass(frozen=True, slots=True)
class WholeNumber(Kind):
    """A whole number from ``low`` to ``high``; empty (None) for what the campaign says."""

    low: int = 0
    high: int = 0
    unit: str = ""

    @property
    def widget(self) -> str:
        return "number"

    def read(self, typed: str) -> Value:
        typed = typed.strip()
        if not typed:
            return None
        if not re.fullmatch(r"-?[0-9]{1,9}", typed):
            raise ValueError(f"must be a whole number from {self.low} to {self.high}")
        return int(typed)

    def fault(self, value: Value) -> str:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is None or (whole and self.low <= value <= self.high):  # type: ignore[operator]
            return ""
        return f"must be from {self.low} to {self.high}, not {value}"

    def words(self, value: Value) -> str:
        return "as the campaign says" if value is None else f"{value} {self.unit}".strip()


class Hour(WholeNumber):
    """An hour of the day; None for what the campaign says."""

    @property
    def widget(self) -> str:
        return "hour"

    def words(self, value: Value) -> str:
        return WholeNumber.words(self, value) if value is None else f"{value:02}:00"


@dataclass(frozen=True, slots=True)
class Share(Kind):
    """A share from ``low`` to ``high``; typed and shown in percent."""

    low: float = 0.0
    high: float = 1.0

    @property
    def widget(self) -> str:
        return "percent"

    def read(self, typed: str) -> Value:
        try:
            share = round(float(typed.strip().removesuffix("%").replace(",", ".")) / 100, 6)
        except ValueError:
            share = -1.0
        if not self.low <= share <= self.high:
            raise ValueError(f"must be from {100 * self.low:.4g} to {100 * self.high:.4g} percent")
        return share

    def fault(self, value: Value) -> str:
        if isinstance(value, int | float) and self.low <= value <= self.high:
            return ""
        return f"must be from {self.low} to {self.high}, not {value}"

    def show(self, value: Value) -> str:
        return f"{100 * float(value or 0):.6g}"

    def words(self, value: Value) -> str:
        return f"{self.show(value)}%"
