"""Events, for those who missed their webhooks."""

from __future__ import annotations

from sandbox.api.call import Call, route
from sandbox.state import Obj


@route("GET", "/v1/events", "page type types created delivery_success")
def index(call: Call) -> Obj:
    wanted = set(call.params.get("types", [])) | ({call.params.get("type")} - {None})
    found = call.newest("event")
    return call.page(event for event in found if not wanted or event["type"] in wanted)


@route("GET", "/v1/events/<event_id>")
def retrieve(call: Call, event_id: str) -> Obj:
    return call.find("event", event_id)
