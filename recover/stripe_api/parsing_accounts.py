"""Parses what Stripe says of an account and its webhook endpoints, as `parsing` does the rest."""

from __future__ import annotations

from recover.stripe_api.json_fields import Json, address, child, exact, id_of, text
from recover.stripe_api.objects import StripeAccountInfo, WebhookEndpoint


def account_info(json: Json, *, livemode: bool) -> StripeAccountInfo:
    """``livemode`` belongs to the key that asked: an account has both modes."""
    dashboard = child(json, "settings", "dashboard")
    profile = child(json, "business_profile")
    return StripeAccountInfo(
        id=id_of(json),
        name=text(profile.get("name") or dashboard.get("display_name")),
        country=text(json.get("country")),
        default_currency=text(json.get("default_currency")),
        timezone=text(dashboard.get("timezone")) or "UTC",
        support_email=exact(profile.get("support_email") or json.get("email")),
        livemode=livemode,
    )


def webhook_endpoint(json: Json) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=id_of(json),
        url=address(json.get("url")),
        status=text(json.get("status")),
        events=tuple(filter(None, map(text, json.get("enabled_events") or ()))),
        api_version=text(json.get("api_version")),
    )
