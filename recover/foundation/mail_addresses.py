"""Mail addresses of people."""

from __future__ import annotations

LONGEST = 255  # characters, as wide as the columns


def normal_email(address: str) -> str:
    """The address as it is stored and compared: trimmed, lower case."""
    return address.strip().lower()


def plausible_email(address: str) -> bool:
    """Whether it looks like a mail address; only a mail that arrives proves that it is one."""
    local, _, domain = address.rpartition("@")
    return bool(local and domain) and len(address) <= LONGEST and not any(map(str.isspace, address))
