"""Mail addresses of people."""

from __future__ import annotations

LONGEST = 255  # characters, as wide as the columns


def normal_email(address: str) -> str:
    """Addresses are compared without regard to case: nobody means two people by it."""
    return address.strip().lower()


def plausible_email(address: str) -> bool:
    """It looks like an address. Only a mail that arrives shows that it is one."""
    local, _, domain = address.rpartition("@")
    return bool(local and domain) and len(address) <= LONGEST and not any(map(str.isspace, address))
