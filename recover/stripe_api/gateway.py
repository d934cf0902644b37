"""Stripe's API as Recover uses it.

`StripeGateway` is made once per process; `StripeAccount` is one company's account. Results are the
frozen values of `recover.stripe_api.objects`; reading what does not exist (any more) gives None.
Errors are those of `recover.foundation.errors`: StripeUnavailable (the same request may succeed
later), StripeAccessLost (the key is not valid), StripeRejected (repeating it is pointless).

The SDK is imported in `recover.stripe_api.sdk` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from recover.foundation.errors import BadSignature
from recover.stripe_api import results as answers
from recover.stripe_api.account_client import StripeAccount
from recover.stripe_api.oauth import StripeConnect
from recover.stripe_api.objects import WebhookEvent
from recover.stripe_api.sdk import (
    API_VERSION,
    DEFAULT_API_BASE,
    DEFAULT_CONNECT_BASE,
    Connections,
    signed_by,
)

__all__ = ["API_VERSION", "StripeAccount", "StripeConnect", "StripeGateway", "verify_webhook"]


class StripeGateway:
    """The way to Stripe for one process, safe across threads and forks.

    ``timeout`` is in seconds, for connecting and for each wait on an answer. A failed connection,
    a 409 and a 5xx are repeated ``retries`` times within the call: harmless, since every POST
    carries an idempotency key.
    """

    def __init__(
        self,
        api_base: str = DEFAULT_API_BASE,
        timeout: float = 30.0,
        *,
        retries: int = 2,
        connect_base: str = DEFAULT_CONNECT_BASE,
    ) -> None:
        self._api_base = api_base
        self._connect_base = connect_base
        self._retries = retries
        self._connections = Connections(timeout)

    def account(self, secret_key: str, stripe_account_id: str = "") -> StripeAccount:
        """One account, by its own key, or by the platform's key and the account's id."""
        client = self._connections.client(
            secret_key, stripe_account_id, self._api_base, self._retries
        )
        return StripeAccount(client, livemode="_live_" in secret_key)

    def connect(self, secret_key: str, client_id: str) -> StripeConnect:
        """OAuth for the platform whose key and client id these are."""
        return StripeConnect(self._connections.platform(secret_key, client_id, self._connect_base))


def verify_webhook(
    payload: bytes, header: str, secrets: Sequence[str], now: datetime, tolerance: int = 300
) -> WebhookEvent:
    """The event in a webhook's raw body, if any of ``secrets`` signed it within ``tolerance`` s.

    Raises BadSignature (missing, malformed, stale, early, mismatch), BadEvent (signed, no event).
    """
    answers.check_age(header, now, tolerance)
    if not any(signed_by(secret, payload, header) for secret in secrets):
        raise BadSignature("The signature matches none of the webhook secrets.")
    return answers.event(payload)
