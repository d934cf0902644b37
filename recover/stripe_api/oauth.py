"""Stripe Connect's OAuth: the page of consent, the exchange of its code, and deauthorizing."""

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
        """The address of Stripe's page on which a company grants the platform access."""
        return self._oauth.authorize_url(
            {"scope": SCOPE, "state": state, "redirect_uri": redirect_uri}
        )

    def exchange(self, code: str) -> OAuthGrant:
        """Exchange a code for what the company granted. Never call it twice for one code.

        Raises StripeRejected (the code is not valid), StripeAccessLost, StripeUnavailable.
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
        """Return the access to an account; one that is no longer connected is no error.

        Raises StripeAccessLost if the platform's own key is refused, StripeUnavailable.
        """
        try:
            with errors():
                self._oauth.deauthorize({"stripe_user_id": stripe_account_id})
        except StripeAccessLost as refused:
            if NOT_CONNECTED not in str(refused).lower():
                raise
