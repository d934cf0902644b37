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
    held = key.permissions.get(resource, "")
    if held != "write" and not (held == "read" and method == "GET"):
        wanted = "read" if method == "GET" else "write"
        raise ApiError(
            403,
            f"The provided key does not have the required permissions for this endpoint on account "
            f"'{key.store.id}'. Having the 'rak_{resource}_{wanted}' permission would allow this "
            "request to continue.",
        )
