"""Customers and the portal."""

from __future__ import annotations

from copy import deepcopy

from sandbox.api.call import Call, route
from sandbox.api.errors import missing
from sandbox.lifecycle import cancel_subscription
from sandbox.objects import customers
from sandbox.shapes import shape
from sandbox.state import Obj, kind_of

_FIELDS = "email name metadata description phone preferred_locales"
_EDITABLE = f"{_FIELDS} invoice_settings default_source address"


@route("GET", "/v1/customers", "page email created")
def index(call: Call) -> Obj:
    return call.page(call.newest("customer", "email"))


@route("POST", "/v1/customers", _EDITABLE)
def create(call: Call) -> Obj:
    customer = customers.customer(call.store)
    _edit(call, customer)
    call.store.emit("customer.created", customer)
    return customer


@route("GET", "/v1/customers/<customer_id>")
def retrieve(call: Call, customer_id: str) -> Obj:
    return call.find("customer", customer_id)


@route("POST", "/v1/customers/<customer_id>", _EDITABLE)
def update(call: Call, customer_id: str) -> Obj:
    customer = call.find("customer", customer_id)
    if customer.get("deleted"):
        raise missing("customer", customer_id)
    before = deepcopy(customer)
    _edit(call, customer)
    previous = {key: value for key, value in before.items() if customer[key] != value}
    if previous:
        call.store.emit("customer.updated", customer, previous)
    return customer


def _edit(call: Call, customer: Obj) -> None:
    for name in ("email", "name", "description", "phone"):
        if name in call.params:
            customer[name] = call.params[name] or None
    customer["metadata"] = customer["metadata"] | call.params.get("metadata", {})
    customer["preferred_locales"] = call.params.get(
        "preferred_locales", customer["preferred_locales"]
    )
    if "default_source" in call.params:
        customer["default_source"] = _own(call, customer, call.params["default_source"])
    settings = call.params.get("invoice_settings", {})
    if "default_payment_method" in settings:
        method = settings["default_payment_method"]
        customer["invoice_settings"]["default_payment_method"] = _own(call, customer, method)


def _own(call: Call, customer: Obj, method_id: str) -> str | None:
    """A method this customer may be charged with; "" unsets it."""
    if not method_id:
        return None
    method = call.store.objects.get(method_id)
    if method is None or method["customer"] != customer["id"]:
        raise missing(kind_of(method_id) or "payment_method", method_id, "payment_method", 400)
    return method_id


@route("DELETE", "/v1/customers/<customer_id>")
def delete(call: Call, customer_id: str) -> Obj:
    """Its subscriptions end; what remains under the id is a stub."""
    customer = call.find("customer", customer_id)
    for sub in call.store.owned("subscription", customer_id):
        cancel_subscription(call.store, sub, "cancellation_requested")
    call.store.emit("customer.deleted", customer)
    name = customer["id"]
    customer.clear()
    customer.update(id=name, object="customer", deleted=True)
    return customer


@route("GET", "/v1/customers/<customer_id>/payment_methods", "page type allow_redisplay")
def methods(call: Call, customer_id: str) -> Obj:
    call.find("customer", customer_id)
    held = reversed(call.store.owned("payment_method", customer_id))
    return call.page(one for one in held if one["customer"] == customer_id)


@route("POST", "/v1/billing_portal/sessions", "customer return_url configuration locale flow_data")
def portal(call: Call) -> Obj:
    customer = call.named("customer", "customer")
    session_id = call.state.mint("bps", customer["id"])
    return shape(
        "billing_portal.session",
        id=session_id,
        created=call.state.epoch(),
        customer=customer["id"],
        return_url=call.params.get("return_url"),
        url=f"{call.state.base_url}/p/session/{session_id}",
    )
