"""Hashes with the installation's or a company's key: they recognise text that is not kept."""

from __future__ import annotations

import hmac
from enum import Enum
from hashlib import sha256

from recover.foundation.config import Settings


class HashPurpose(Enum):
    """What stands before the text, and how many hex digits are kept. Both are in the database's
    hashes, so neither is ever changed.
    """

    NETWORK_CAPS = ("", 32)  # a visitor's network, so that their acts can be counted
    SESSION_NETWORK = ("session:", 32)  # the network a session was last seen on
    ERASED_ADDRESS = ("", 64)  # a mail address that is written to no more


def keyed_hash(key: str, purpose: HashPurpose, text: str) -> str:
    """HMAC-SHA256 of ``text`` in hex digits."""
    prefix, digits = purpose.value
    return hmac.new(key.encode(), (prefix + text).encode(), sha256).hexdigest()[:digits]


def network_hash(settings: Settings, purpose: HashPurpose, address: str | None) -> str:
    """A network address under the installation's newest key; None: it is not known."""
    return keyed_hash(settings.secret_keys[0], purpose, address or "")
