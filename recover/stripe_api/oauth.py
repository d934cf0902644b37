"""Stripe Connect's OAuth, as Recover uses it: ask for consent, take it up once, give it back."""

from __future__ import annotations

from recover.foundation.errors import StripeAccessLost
from recover.stripe_api.objects import OAuthGrant
from recover.stripe_api.sdk import Client, errors

SCOPE = "read_write"
NOT_CONNECTED = "not connected to stripe account"  # Stripe's words; it has no code of its own


class StripeConnect:
    """The platform's side of OAuth. Each method but the first is one request, never repeated."""

    def __init__(self, client: Client) -> None:
        self._oauth = client.oauth

    def authorize_url(self, state: str, redirect_uri: str) -> str:
        """Stripe's page on which a company allows the platform to act for it."""
        return self._oauth.authorize_url(
            {"scope": SCOPE, "state": state, "redirect_uri": redirect_uri}
        )

    def exchange(self, code: str) -> OAuthGrant:
        """Take up what a company allowed. Never call it twice for one code.

        Raises StripeRejected (the code is of no use), StripeAccessLost, StripeUnavailable.
        """
        with errors():
            json = self._oauth.token({"grant_type": "authorization_code", "code": code}).to_dict()
        return OAuthGrant(
            stripe_account_id=json.get("stripe_user_id") or "",
            livemode=bool(json.get("livemode")),
            scope=json.get("scope") or "",
            publishable_key=json.get("stripe_publishable_key") or "",
        )

    def deauthorize(self, stripe_account_id: str) -> None:
        """Give the access back. An account that is not connected any more is no error.

        Raises StripeAccessLost where the platform's own key is refused, StripeUnavailable.
        """
        try:
            with errors():
                self._oauth.deauthorize({"stripe_user_id": stripe_account_id})
        except StripeAccessLost as refused:
            if NOT_CONNECTED not in str(refused).lower():
                raise
