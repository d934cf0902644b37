"""Secrets at rest: sealed with the newest key, opened with any (cryptography's MultiFernet)."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from recover.errors import PermanentError


class Vault:
    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secret: str) -> str:
        """What is stored instead of ``secret``; nothing for nothing, easy to see in the table."""
        return self._fernet.encrypt(secret.encode()).decode() if secret else ""

    def open(self, sealed: str) -> str:
        """Raises PermanentError where none of ENCRYPTION_KEYS fits."""
        if not sealed:
            return ""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise PermanentError(
                "a stored secret cannot be opened: the key it was sealed with is not in"
                " ENCRYPTION_KEYS"
            ) from None
