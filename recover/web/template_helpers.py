"""What every template may use: amounts, times, labels, and addresses of static files."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from flask import Flask, url_for
from markupsafe import Markup

from recover.foundation.locales import ENGLISH, english_day
from recover.foundation.money import format_money
from recover.learning import versions
from recover.web import labels

STATIC = Path(__file__).parent / "static"


def configure(app: Flask) -> None:
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(money=money, when=when, day=day)
    app.jinja_env.globals.update(asset=asset, plain=labels, tones=labels.TONES, versions=versions)


def money(amount_minor: int, currency: str) -> str:
    return format_money(amount_minor, currency, "en_US")


def when(at: datetime, timezone: str = "UTC") -> Markup:
    """A <time> element: "22 Nov 2026, 14:05" where the company is, to the second in its title."""
    local = at.astimezone(_zone(timezone))
    text = format_datetime(local, "d MMM y, HH:mm", locale=ENGLISH)
    title = format_datetime(local, "EEEE d MMMM y, HH:mm:ss ZZZZ", locale=ENGLISH)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), title, text)


def day(at: datetime, timezone: str = "UTC") -> str:
    return english_day(at.astimezone(_zone(timezone)), "d MMM y")


def asset(name: str) -> str:
    """A static file's address, which changes with its content so that browsers may keep it."""
    return url_for("static", filename=name, v=_digest(name))


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):  # the last: names that are folders of the database
        return ZoneInfo("UTC")
