"""Signed links: they open one page without a password, for one purpose and a limited time.

Sole importer of itsdangerous. A token carries its payload in the clear (it is signed, not
encrypted): put ids in it, never secrets. Each purpose has its own salt, so that a token made for
one page opens no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from recover.foundation.errors import LinkExpired, LinkInvalid

Payload = dict[str, str | int]

# Two machines' clocks may differ by this much; a token from further ahead was not made by us.
CLOCK_SKEW = timedelta(minutes=2)
# Longer than any token we make; anything longer is refused without computing a hash.
MAX_TOKEN = 2048


class Purpose(StrEnum):
    """What a token is for. The value is its salt: never change one while its links are valid."""

    CARD_PAGE = "card-page"
    CONFIRM_SENDER = "confirm-sender"
    FRESH_LINK = "fresh-link"
    INVITATION = "invitation"
    SIGN_IN = "sign-in"
    STOP_MAIL = "stop-mail"


MAX_AGE = {
    Purpose.CARD_PAGE: timedelta(days=30),  # outlives a campaign: a subscriber reads mail late
    Purpose.CONFIRM_SENDER: timedelta(days=3),
    Purpose.FRESH_LINK: timedelta(hours=1),  # the form on the page of an expired link
    Purpose.INVITATION: timedelta(days=7),
    Purpose.SIGN_IN: timedelta(minutes=15),
    Purpose.STOP_MAIL: timedelta(days=730),  # "no more mail" has to work from an old mail too
}


class Links:
    """Makes and reads tokens. The first of ``secret_keys`` signs; the others are still accepted."""

    def __init__(self, secret_keys: Sequence[str], base_url: str) -> None:
        if not secret_keys or not all(secret_keys):
            raise ValueError("needs at least one secret key, and none of them empty")
        self._keys = list(reversed(secret_keys))  # itsdangerous wants the newest last
        self.base_url = base_url.rstrip("/")

    def sign(self, purpose: Purpose, payload: Payload, now: datetime) -> str:
        """A URL-safe token over ``payload``, stamped with ``now`` to the second."""
        return str(self._serializer(purpose, now).dumps(payload))

    def read(self, purpose: Purpose, token: str, now: datetime) -> Payload:
        """The payload of a token made for ``purpose``, whichever of our keys signed it.

        Raises LinkExpired (with the payload) where it was ours and is too old, LinkInvalid for
        everything else.
        """
        payload, signed_at = self._open(purpose, token, now)
        if signed_at > now + CLOCK_SKEW:
            raise LinkInvalid("This link is dated in the future.")
        if now - signed_at > MAX_AGE[purpose]:
            raise LinkExpired("This link has expired.", payload=payload)
        return payload

    def url(self, path: str, purpose: Purpose, payload: Payload, now: datetime) -> str:
        """The address of a page of this installation: its ``path``, then a token."""
        return f"{self.base_url}/{path.strip('/')}/{self.sign(purpose, payload, now)}"

    def _open(self, purpose: Purpose, token: str, now: datetime) -> tuple[Payload, datetime]:
        if len(token) > MAX_TOKEN:
            raise LinkInvalid("This link is not one of ours.")
        try:
            payload, signed_at = self._serializer(purpose, now).loads(token, return_timestamp=True)
        except (BadData, ValueError, OverflowError, OSError):
            raise LinkInvalid("This link is not one of ours.") from None
        if not isinstance(payload, dict):
            raise LinkInvalid("This link is not one of ours.")
        return payload, signed_at

    def _serializer(self, purpose: Purpose, now: datetime) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._keys,
            salt=f"recover.{purpose}",
            signer=_Signer,
            signer_kwargs={
                "key_derivation": "hmac",
                "digest_method": hashlib.sha256,
                "now": now,
            },
        )


class _Signer(TimestampSigner):
    """A signer that uses the time it is given instead of the machine's clock."""

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._now = int(now.timestamp())

    def get_timestamp(self) -> int:
        return self._now
