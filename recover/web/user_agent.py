"""Which browser is calling, in words a person knows it by.

Browsers name one another in their user agent and hide their versions, so only the names below are
looked for. Anything else is called unknown.
"""

from __future__ import annotations

from flask import request

from recover.foundation.keyed_hash import HashPurpose, network_hash
from recover.people.sessions import Visit
from recover.services import Services

# In this order: most browsers also name those they descend from.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def visit(services: Services) -> Visit:
    """Where the present request comes from."""
    origin = network_hash(services.settings, HashPurpose.SESSION_NETWORK, request.remote_addr)
    return Visit(request.headers.get("User-Agent", ""), origin)


def named(user_agent: str) -> str:
    """Such as "Firefox on Linux"."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    if system:
        return f"A program on {system}"
    return browser or "An unknown device"
