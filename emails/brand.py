"""Who a mail is from and what it looks like: one company's name, logo, colour and addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from emails.reader_format import one_line

DEFAULT_COLOR = "#1f6feb"
INK_LIGHT = "#ffffff"
INK_DARK = "#16161a"
CARD_LIGHT = "#ffffff"
CARD_DARK = "#1e1e22"

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_LONGEST_NAME_IN_SUBJECT = 32


@dataclass(frozen=True, slots=True)
class Brand:
    """A company as its subscribers know it. Everything but the name may be "".

    ``color`` is ``#rgb`` or ``#rrggbb``; ``logo_url`` and ``website_url`` are http(s) addresses.
    Raises ValueError, naming the field, for a value no mail could carry.
    """

    company_name: str
    color: str = DEFAULT_COLOR
    logo_url: str = ""
    support_email: str = ""
    website_url: str = ""
    postal_address: str = ""
    reply_to: str = ""
    sender_name: str = ""
    sender_email: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "company_name", one_line(self.company_name))
        if not self.company_name:
            raise ValueError("company_name is empty: a mail must say whom it is from")
        if not _HEX.fullmatch(self.color):
            raise ValueError(f"color {self.color!r} is not of the form #rgb or #rrggbb")
        for field in ("logo_url", "website_url"):
            if value := getattr(self, field):
                require_web_address(value, field)

    @property
    def short_name(self) -> str:
        """The company's name, cut so that a subject line stays readable on a phone."""
        if len(self.company_name) <= _LONGEST_NAME_IN_SUBJECT:
            return self.company_name
        return self.company_name[: _LONGEST_NAME_IN_SUBJECT - 1].rstrip() + "…"

    @property
    def website_host(self) -> str:
        """``app.example.com``: what a reader compares with the address bar."""
        return urlsplit(self.website_url).hostname or ""

    @property
    def ink(self) -> str:
        """The text colour that is easier to read on ``color``."""
        return max((INK_LIGHT, INK_DARK), key=lambda ink: contrast(ink, self.color))

    @property
    def edge(self) -> str:
        """The button's border in light mode: visible even where ``color`` is nearly white."""
        return self._edge_on(CARD_LIGHT, fallback="#8c8c95")

    @property
    def edge_in_the_dark(self) -> str:
        """The button's border in dark mode: visible even where ``color`` is nearly black."""
        return self._edge_on(CARD_DARK, fallback="#8c8c95")

    def _edge_on(self, background: str, *, fallback: str) -> str:
        nearly_invisible = 1.6
        return fallback if contrast(self.color, background) < nearly_invisible else self.color


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours as WCAG 2 defines it, from 1.0 to 21.0."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def require_web_address(value: str, field: str) -> str:
    """``value`` again; ValueError unless it is a plain http(s) address that fits in a mail."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{field} must be an http or https address")
    if any(char.isspace() or char in "\"'<>\\" for char in value):
        raise ValueError(f"{field} contains a character that has no place in an address")
    return value


def _luminance(color: str) -> float:
    digits = color[1:] if len(color) == len("#rrggbb") else "".join(c * 2 for c in color[1:])
    red, green, blue = (_linear(int(digits[i : i + 2], 16) / 255) for i in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    """From sRGB to linear light; the numbers are the standard's."""
    knee = 0.04045
    return channel / 12.92 if channel <= knee else ((channel + 0.055) / 1.055) ** 2.4
