"""Hosted Checkout, in setup mode only; the page itself is in `sandbox.api.pages`."""

from __future__ import annotations

from sandbox.api.call import Call, route
from sandbox.api.errors import ApiError, refused
from sandbox.objects.setups import checkout_session, setup_intent
from sandbox.state import Obj


@route(
    "POST",
    "/v1/checkout/sessions",
    "mode customer success_url cancel_url currency metadata setup_intent_data locale "
    "payment_method_types client_reference_id expires_at",
)
def create(call: Call) -> Obj:
    if call.text("mode") != "setup":
        raise ApiError(400, "This sandbox knows Checkout in setup mode only.", param="mode")
    customer_id = None
    if "customer" in call.params:
        customer_id = call.named("customer", "customer")["id"]
    extra = call.params.get("setup_intent_data", {})
    intent = setup_intent(call.store, customer=customer_id, metadata=extra.get("metadata", {}))
    call.store.emit("setup_intent.created", intent)
    return checkout_session(
        call.store,
        intent,
        customer=customer_id,
        currency=call.params.get("currency"),
        client_reference_id=call.params.get("client_reference_id"),
        success_url=call.text("success_url"),
        cancel_url=call.params.get("cancel_url"),
        metadata=call.params.get("metadata", {}),
        locale=call.params.get("locale"),
    )


@route("GET", "/v1/checkout/sessions/<session_id>")
def retrieve(call: Call, session_id: str) -> Obj:
    return call.find("checkout.session", session_id)


@route("POST", "/v1/checkout/sessions/<session_id>/expire")
def expire(call: Call, session_id: str) -> Obj:
    session = call.find("checkout.session", session_id)
    if session["status"] != "open":
        raise refused("Only Checkout Sessions with a status of open can be expired.")
    session.update(status="expired", url=None)
    call.store.emit("checkout.session.expired", session)
    return session
