"""Stripe Connect's OAuth: who allowed the platform what, by codes that are good once."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.state import State, Store

CLIENT_ID = "ca_sandbox"


class OAuthError(Exception):
    """An answer of ``status`` with Stripe's ``error`` and ``error_description``."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclass(slots=True)
class Code:
    store: Store
    scope: str
    used: bool = False


@dataclass(slots=True)
class Consent:
    """``livemode``: what the next token says, where a test wants it to differ from the key's."""

    state: State
    livemode: bool | None = None
    exchanges: int = 0
    _codes: dict[str, Code] = field(default_factory=dict)

    def allow(self, store: Store, scope: str) -> str:
        """A code for the platform."""
        code = f"ac_{self.state.chance.token(32, 'code', store.id, len(self._codes))}"
        self._codes[code] = Code(store, scope)
        return code

    def exchange(self, code: str, *, live_key: bool) -> dict[str, object]:
        self.exchanges += 1
        found = self._codes.get(code)
        if found is None:
            raise OAuthError(400, "invalid_grant", f"Authorization code does not exist: {code}")
        if found.used:
            found.store.deauthorized = True
            raise OAuthError(
                400,
                "invalid_grant",
                "This authorization code has already been used. All tokens issued with this code "
                "have been revoked.",
            )
        found.used, found.store.deauthorized = True, False
        mode = "live" if live_key else "test"
        secret = self.state.chance.token(24, "oauth", found.store.id)
        return {
            "access_token": f"sk_{mode}_{secret}",
            "livemode": live_key if self.livemode is None else self.livemode,
            "refresh_token": f"rt_{secret}",
            "token_type": "bearer",
            "stripe_publishable_key": f"pk_{mode}_{secret}",
            "stripe_user_id": found.store.id,
            "scope": found.scope,
        }

    def deauthorize(self, account_id: str) -> dict[str, object]:
        store = self.state.stores.get(account_id)
        if store is None or store.deauthorized:
            raise OAuthError(
                401,
                "invalid_client",
                f"This application is not connected to stripe account {account_id}, or that "
                "account does not exist.",
            )
        store.deauthorize()
        return {"stripe_user_id": account_id}
