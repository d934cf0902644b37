"""Subscriptions."""

from __future__ import annotations

from sandbox import lifecycle
from sandbox.api.call import Call, route
from sandbox.api.errors import missing, refused
from sandbox.state import Obj, kind_of

_EDITABLE = (
    "default_payment_method default_source cancel_at_period_end metadata pause_collection "
    "collection_method days_until_due"
)


@route("GET", "/v1/subscriptions", "page status customer collection_method created price")
def index(call: Call) -> Obj:
    """Without a status, everything but the canceled."""
    wanted = call.params.get("status", "")
    found = call.newest("subscription", "collection_method")
    return call.page(
        sub
        for sub in found
        if wanted in ("all", sub["status"]) or (not wanted and sub["status"] != "canceled")
    )


@route("GET", "/v1/subscriptions/<sub_id>")
def retrieve(call: Call, sub_id: str) -> Obj:
    return call.find("subscription", sub_id)


@route("POST", "/v1/subscriptions/<sub_id>", _EDITABLE)
def update(call: Call, sub_id: str) -> Obj:
    sub = call.find("subscription", sub_id)
    if sub["status"] == "canceled":
        raise refused("A canceled subscription can only update its cancellation_details.")
    fields: Obj = {"metadata": sub["metadata"] | call.params.get("metadata", {})}
    for name in ("default_payment_method", "default_source"):
        if name in call.params:
            fields[name] = _own(call, sub, call.params[name])
    if "cancel_at_period_end" in call.params:
        ends = call.flag("cancel_at_period_end")
        period_end = sub["items"]["data"][0]["current_period_end"]
        fields |= {"cancel_at_period_end": ends, "cancel_at": period_end if ends else None}
    if "pause_collection" in call.params:
        paused = call.params["pause_collection"] or None
        fields["pause_collection"] = paused and {"resumes_at": None, **paused}
    if "collection_method" in call.params:
        fields["collection_method"] = call.params["collection_method"]
    call.store.change(sub, "customer.subscription.updated", **fields)
    return sub


def _own(call: Call, sub: Obj, method_id: str) -> str | None:
    if not method_id:
        return None
    method = call.store.objects.get(method_id)
    if method is None or method["customer"] != sub["customer"]:
        raise missing(kind_of(method_id) or "payment_method", method_id, "payment_method", 400)
    return method_id


@route("DELETE", "/v1/subscriptions/<sub_id>", "cancellation_details invoice_now prorate")
def cancel(call: Call, sub_id: str) -> Obj:
    sub = call.find("subscription", sub_id)
    if sub["status"] == "canceled":
        raise missing("subscription", sub_id)
    lifecycle.cancel_subscription(call.store, sub, "cancellation_requested")
    return sub
