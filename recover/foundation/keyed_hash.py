"""Hashes with the installation's or a company's key, to recognise text that is not stored."""

from __future__ import annotations

import hmac
from enum import Enum
from hashlib import sha256

from recover.foundation.config import Settings


class HashPurpose(Enum):
    """A prefix of the hashed text, and how many hex digits are stored. Neither may change: hashes
    in the database were made with them.
    """

    NETWORK_CAPS = ("", 32)  # a visitor's network, so that their acts can be counted
    SESSION_NETWORK = ("session:", 32)  # the network a session was last seen on
    ERASED_ADDRESS = ("", 64)  # a mail address of somebody who was erased


def keyed_hash(key: str, purpose: HashPurpose, text: str) -> str:
    """HMAC-SHA256 of ``text`` in hex digits."""
    prefix, digits = purpose.value
    return hmac.new(key.encode(), (prefix + text).encode(), sha256).hexdigest()[:digits]


def network_hash(settings: Settings, purpose: HashPurpose, address: str | None) -> str:
    """The hash of a network address (None: unknown) with the installation's newest key."""
    return keyed_hash(settings.secret_keys[0], purpose, address or "")
