"""The account of a webhook address or a Stripe account id, cached for a few seconds.

Without it every event would cost a read before its write. A change of an account (another signing
secret, a disconnection) is seen by every process within `TTL_SECONDS`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select

from recover.models import Account, Connection
from recover.services import Services

TTL_SECONDS = 5.0
LONGEST_TOKEN = 64  # the column's length; what is longer is not looked up
SECRETS_KEPT = 1024  # decrypted signing secrets that are cached, by their sealed text


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """What the receiver needs to know of an account. ``secrets_sealed`` is the column's value."""

    id: int
    stripe_account_id: str
    livemode: bool
    disconnected: bool
    secrets_sealed: str


class AccountCache:
    """Only accounts that exist are kept, so strangers cannot fill it. ``clock`` is in seconds."""

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = services.db
        self._clock = clock
        self._known: dict[object, tuple[float, KnownAccount]] = {}
        self._open = lru_cache(SECRETS_KEPT)(services.vault.open)

    def by_token(self, hook_token: str) -> KnownAccount | None:
        """The account with this webhook address."""
        if len(hook_token) > LONGEST_TOKEN:
            return None
        return self._cached(("token", hook_token), hook_token=hook_token)

    def by_stripe_id(self, stripe_account_id: str, *, livemode: bool) -> KnownAccount | None:
        """The account connected through the platform under this ``acct_...``."""
        if not stripe_account_id:
            return None
        return self._cached(
            (stripe_account_id, livemode),
            stripe_account_id=stripe_account_id,
            livemode=livemode,
            # An account with a key of its own has an address of its own.
            connection=Connection.PLATFORM,
        )

    def secrets(self, account: KnownAccount) -> list[str]:
        """The signing secrets of the account's own address, newest first.

        Raises PermanentError where they were sealed with a key that is gone.
        """
        return [secret for secret in self._open(account.secrets_sealed).split(",") if secret]

    def _cached(self, key: object, **columns: str | bool) -> KnownAccount | None:
        read_at, account = self._known.get(key, (0.0, None))
        if account is not None and self._clock() - read_at < TTL_SECONDS:
            return account
        account = self._read(columns)
        if account is None:
            self._known.pop(key, None)
        else:
            self._known[key] = (self._clock(), account)
        return account

    def _read(self, columns: Mapping[str, str | bool]) -> KnownAccount | None:
        with self._db.read() as session:
            account = session.scalars(select(Account).filter_by(**columns)).one_or_none()
        if account is None:
            return None
        return KnownAccount(
            id=account.id,
            stripe_account_id=account.stripe_account_id,
            livemode=account.livemode,
            disconnected=account.disconnected_at is not None,
            secrets_sealed=account.webhook_secrets_sealed,
        )
