"""Keys: who is calling, and for which account."""

from __future__ import annotations

from sandbox.api.errors import ApiError
from sandbox.sandbox import Sandbox
from sandbox.state import Key, Store


def authenticate(sandbox: Sandbox, secret: str) -> Key:
    if not secret:
        raise ApiError(
            401,
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using Bearer auth.",
        )
    key = sandbox.state.keys.get(secret)
    shown = f"{secret[:8]}{'*' * 12}{secret[-4:]}"
    if key is None:
        raise ApiError(401, f"Invalid API Key provided: {shown}")
    if key.revoked:
        raise ApiError(401, f"Expired API Key provided: {shown}", code="api_key_expired")
    return key


def account_for(sandbox: Sandbox, key: Key, header: str) -> Store:
    """The account a request acts for: the key's own, or one connected to the platform."""
    if not header or header == key.store.id:
        return key.store
    store = sandbox.state.stores.get(header)
    if key.store is not sandbox.platform or store is None or store.deauthorized:
        raise ApiError(
            403,
            f"The provided key does not have access to account '{header}' (or that account does "
            "not exist). Application access may have been revoked.",
            code="account_invalid",
        )
    return store


# The first part of a path -> what Stripe calls the permission, in the Dashboard and in its errors.
_NAMES = {
    "account": ("Accounts", "accounts_kyc_basic"),
    "balance": ("Balance", "balance"),
    "charges": ("Charges and Refunds", "charge"),
    "checkout": ("Checkout Sessions", "checkout_session"),
    "coupons": ("Coupons", "coupon"),
    "credit_notes": ("Credit notes", "credit_note"),
    "customers": ("Customers", "customer"),
    "disputes": ("Disputes", "dispute"),
    "events": ("Events", "event"),
    "invoices": ("Invoices", "invoice"),
    "payment_intents": ("Payment Intents", "payment_intent"),
    "payment_records": ("Payment Records", "payment_records"),
    "payment_methods": ("Payment Methods", "payment_method"),
    "payouts": ("Payouts", "payout"),
    "products": ("Products", "product"),
    "setup_intents": ("Setup Intents", "setup_intent"),
    "subscriptions": ("Subscriptions", "subscription"),
    "transfers": ("Transfers", "transfer"),
    "webhook_endpoints": ("Webhook Endpoints, Event Destinations", "webhook"),
}
_UNDER = {
    "accounts": "account",
    "invoice_payments": "invoices",
    "radar": "charges",  # early fraud warnings
    "refunds": "charges",
}


def permit(key: Key, method: str, path: str, *, public: bool) -> None:
    """Raises ApiError where the kind of key may not make this request."""
    if key.publishable and not public:
        raise ApiError(
            403,
            "This API call cannot be made with a publishable API key. Please use a secret API key.",
            code="secret_key_required",
        )
    if key.permissions is None:
        return
    resource = path.removeprefix("/v1/").split("/")[0]
    resource = _UNDER.get(resource, resource)
    held = key.permissions.get(resource, "")
    if held != "write" and not (held == "read" and method == "GET"):
        raise _forbidden(key, resource, "read" if method == "GET" else "write")


def _forbidden(key: Key, resource: str, wanted: str) -> ApiError:
    name, slug = _NAMES.get(resource, (resource, resource))
    shown = f"{key.secret[:8]}{'*' * 12}{key.secret[-4:]}"
    return ApiError(
        403,
        f"Permission denied. The provided key '{shown}' does not have the required permissions for"
        f" this endpoint on account '{key.store.id}'. Enabling {name} {wanted.capitalize()}"
        f" ('{slug}_{wanted}') permissions on this key would allow this request to continue. You"
        " can edit permissions at https://dashboard.stripe.com/apikeys.",
        code="more_permissions_required",
    )
