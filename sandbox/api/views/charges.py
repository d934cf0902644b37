"""Charges, refunds, disputes and early fraud warnings."""

from __future__ import annotations

from sandbox import lifecycle
from sandbox.api.call import Call, route
from sandbox.api.errors import refused
from sandbox.state import Obj


@route("GET", "/v1/charges", "page customer payment_intent created")
def index(call: Call) -> Obj:
    if "payment_intent" in call.params:
        return call.page(call.newest("charge", "customer", owner="payment_intent"))
    return call.page(call.newest("charge"))


@route("GET", "/v1/charges/<charge_id>")
def retrieve(call: Call, charge_id: str) -> Obj:
    return call.find("charge", charge_id)


@route("POST", "/v1/refunds", "charge payment_intent amount reason metadata")
def refund(call: Call) -> Obj:
    if "payment_intent" in call.params:
        intent = call.named("payment_intent", "payment_intent")
        charge = call.find("charge", intent["latest_charge"] or "", "payment_intent")
    else:
        charge = call.named("charge", "charge")
    if charge["disputed"]:
        raise refused("This charge is disputed.", "charge_disputed")
    left = charge["amount"] - charge["amount_refunded"] if charge["paid"] else 0
    amount = call.integer("amount", left)
    if left == 0:
        raise refused(
            f"Charge {charge['id']} has already been refunded.", "charge_already_refunded"
        )
    if not 0 < amount <= left:
        raise refused("Refund amount is greater than unrefunded amount on charge.")
    return lifecycle.refund(call.store, charge, amount)


@route("GET", "/v1/refunds", "page charge payment_intent created")
def refunds(call: Call) -> Obj:
    return call.page(call.newest("refund", "charge", "payment_intent", owner="-"))


@route("GET", "/v1/refunds/<refund_id>")
def retrieve_refund(call: Call, refund_id: str) -> Obj:
    return call.find("refund", refund_id)


@route("GET", "/v1/disputes", "page charge payment_intent created")
def disputes(call: Call) -> Obj:
    return call.page(call.newest("dispute", "charge", "payment_intent", owner="-"))


@route("GET", "/v1/disputes/<dispute_id>")
def retrieve_dispute(call: Call, dispute_id: str) -> Obj:
    return call.find("dispute", dispute_id)


@route("GET", "/v1/radar/early_fraud_warnings", "page charge payment_intent created")
def warnings(call: Call) -> Obj:
    named = ("charge", "payment_intent")
    return call.page(call.newest("radar.early_fraud_warning", *named, owner="-"))


@route("GET", "/v1/radar/early_fraud_warnings/<warning_id>")
def retrieve_warning(call: Call, warning_id: str) -> Obj:
    return call.find("radar.early_fraud_warning", warning_id)
