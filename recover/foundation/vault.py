"""Encryption of stored secrets: sealed with the newest key, opened with any (MultiFernet).

Sealed values are stored in columns whose names end in ``_sealed``, in any table; by that ending
`recover keys rotate` finds them.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from recover.foundation.errors import PermanentError


class Vault:
    def __init__(self, keys: Sequence[str]) -> None:
        fernets = [Fernet(key) for key in keys]
        self._fernet, self._newest = MultiFernet(fernets), fernets[0]

    def seal(self, secret: str) -> str:
        """``secret`` encrypted; "" stays "", so that the table shows that there is none."""
        return self._fernet.encrypt(secret.encode()).decode() if secret else ""

    def fresh(self, sealed: str) -> bool:
        """Whether the newest key opens it, so that no older key is needed."""
        try:
            return not sealed or bool(self._newest.decrypt(sealed.encode()))
        except InvalidToken:
            return False

    def reseal(self, sealed: str) -> str:
        """The same secret, sealed with the newest key. Raises PermanentError as `open` does."""
        return self.seal(self.open(sealed))

    def open(self, sealed: str) -> str:
        """The secret. Raises PermanentError if none of ENCRYPTION_KEYS opens it."""
        if not sealed:
            return ""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise PermanentError(
                "a stored secret cannot be opened: the key it was sealed with is not in"
                " ENCRYPTION_KEYS"
            ) from None
