"""Payment methods."""

from __future__ import annotations

from sandbox import setups
from sandbox.api.call import Call, route
from sandbox.api.errors import missing, refused
from sandbox.state import Obj


@route("GET", "/v1/payment_methods", "page customer type")
def index(call: Call) -> Obj:
    customer_id = call.named("customer", "customer")["id"]
    held = reversed(call.store.owned("payment_method", customer_id))
    return call.page(one for one in held if one["customer"] == customer_id)


@route("GET", "/v1/payment_methods/<method_id>")
def retrieve(call: Call, method_id: str) -> Obj:
    return call.find("payment_method", method_id)


@route("POST", "/v1/payment_methods/<method_id>/attach", "customer")
def attach(call: Call, method_id: str) -> Obj:
    method = call.find("payment_method", method_id)
    customer = call.named("customer", "customer")
    if customer.get("deleted"):
        raise missing("customer", customer["id"], "customer", status=400)
    if method["customer"] not in (None, customer["id"]):
        raise refused(
            "The payment method you provided has already been attached to a customer.",
            "payment_method_unexpected_state",
        )
    if method["customer"] is None:
        setups.attach(call.store, method, customer["id"])
    return method


@route("POST", "/v1/payment_methods/<method_id>/detach")
def detach(call: Call, method_id: str) -> Obj:
    method = call.find("payment_method", method_id)
    if method["customer"] is None:
        raise refused(
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible."
        )
    setups.detach(call.store, method)
    return method
