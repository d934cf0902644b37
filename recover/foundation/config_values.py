"""Parsers of the settings' texts; each raises ValueError that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

SHORTEST_SECRET = 32
MAY_LACK_HOST = ("postgresql", "redis")  # a file, or a socket on this machine


def text(value: str) -> str:
    return value.strip()


def comma_separated(value: str) -> tuple[str, ...]:
    """Comma-separated; the first is the one in use, the others are still accepted (rotation)."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def secrets(value: str) -> tuple[str, ...]:
    keys = comma_separated(value)
    if not keys or any(len(key) < SHORTEST_SECRET for key in keys):
        raise ValueError("needs at least one secret of 32 characters or more")
    return keys


def fernet_keys(value: str) -> tuple[str, ...]:
    keys = comma_separated(value)
    if not keys:
        raise ValueError("needs at least one key; make one with `recover keys new`")
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            raise ValueError("is not a Fernet key; make one with `recover keys new`") from None
    return keys


def url(*schemes: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        value = value.strip()
        try:
            parts = urlsplit(value)
        except ValueError:  # its text may quote a password
            raise ValueError("is not an address that can be read") from None
        if parts.scheme not in schemes:
            raise ValueError(f"must begin with {' or '.join(f'{s}://' for s in schemes)}")
        if schemes[0] not in MAY_LACK_HOST and not parts.hostname:
            raise ValueError("names no host")
        return value.rstrip("/") if schemes[0].startswith("http") else value

    return check


def address(value: str) -> str:
    value = value.strip()
    if "@" not in value or any(c in value for c in "\r\n,"):
        raise ValueError("must be one mail address, such as billing@example.com")
    return value


def prefix(*prefixes: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        value = value.strip()
        if value and not value.startswith(prefixes):
            raise ValueError(f"must begin with {' or '.join(prefixes)}")
        return value

    return check


def whsecs(value: str) -> tuple[str, ...]:
    found = comma_separated(value)
    if any(not secret.startswith("whsec_") for secret in found):
        raise ValueError("each secret must begin with whsec_")
    return found


def level(value: str) -> str:
    value = value.strip().upper()
    if value not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return value


def count(low: int, high: int) -> Callable[[str], int]:
    def check(value: str) -> int:
        if not value.strip().isdigit() or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return check
