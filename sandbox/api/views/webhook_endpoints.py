"""Where events are sent."""

from __future__ import annotations

from sandbox.api.call import Call, route
from sandbox.api.errors import ApiError, required
from sandbox.shapes import shape
from sandbox.state import Obj

_EDITABLE = "url enabled_events description metadata"


@route("GET", "/v1/webhook_endpoints", "page")
def index(call: Call) -> Obj:
    return call.page(call.newest("webhook_endpoint"))


@route("POST", "/v1/webhook_endpoints", f"api_version connect {_EDITABLE}")
def create(call: Call) -> Obj:
    """The only answer that shows the signing secret."""
    if not call.params.get("enabled_events"):
        raise required("enabled_events")
    url = call.text("url")
    if not url.startswith(("http://", "https://")):
        raise ApiError(400, "Invalid URL: URL must be publicly accessible.", code="url_invalid")
    endpoint = shape(
        "webhook_endpoint",
        id=call.state.mint("we", call.store.id),
        created=call.state.epoch(),
        url=url,
        api_version=call.params.get("api_version"),
        enabled_events=call.params["enabled_events"],
        description=call.params.get("description"),
        metadata=call.params.get("metadata", {}),
    )
    call.store.put(endpoint)
    secret = f"whsec_{call.state.chance.token(32, 'whsec', endpoint['id'])}"
    call.sandbox.webhooks.secrets[endpoint["id"]] = secret
    if call.flag("connect"):
        call.sandbox.webhooks.connect.add(endpoint["id"])
    return {**endpoint, "secret": secret}


@route("GET", "/v1/webhook_endpoints/<endpoint_id>")
def retrieve(call: Call, endpoint_id: str) -> Obj:
    return call.find("webhook_endpoint", endpoint_id)


@route("POST", "/v1/webhook_endpoints/<endpoint_id>", f"disabled {_EDITABLE}")
def update(call: Call, endpoint_id: str) -> Obj:
    endpoint = call.find("webhook_endpoint", endpoint_id)
    for name in _EDITABLE.split():
        if name in call.params:
            endpoint[name] = call.params[name]
    if "disabled" in call.params:
        endpoint["status"] = "disabled" if call.flag("disabled") else "enabled"
    return endpoint


@route("DELETE", "/v1/webhook_endpoints/<endpoint_id>")
def delete(call: Call, endpoint_id: str) -> Obj:
    endpoint = call.find("webhook_endpoint", endpoint_id)
    call.store.remove(endpoint)
    call.sandbox.webhooks.secrets.pop(endpoint_id, None)
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}
