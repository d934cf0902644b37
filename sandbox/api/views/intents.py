"""Payment intents, setup intents, and the end of 3-D Secure."""

from __future__ import annotations

from typing import Any

from sandbox import installments, lifecycle, setups
from sandbox.api.call import Call, route
from sandbox.api.errors import ApiError, missing, refused
from sandbox.api.views.invoices import declined
from sandbox.books import Source
from sandbox.objects import customers
from sandbox.objects.setups import setup_intent
from sandbox.payments import attempt
from sandbox.state import Obj, kind_of


def guarded(call: Call, kind: str, intent_id: str) -> Obj:
    """The intent; to a publishable key only with its client secret."""
    intent = call.find(kind, intent_id)
    if call.key.publishable and call.params.get("client_secret") != intent["client_secret"]:
        raise missing(kind, intent_id, "intent")
    return intent


@route("GET", "/v1/payment_intents/<intent_id>", "client_secret", public=True)
def payment_intent(call: Call, intent_id: str) -> Obj:
    return guarded(call, "payment_intent", intent_id)


@route(
    "POST",
    "/v1/payment_intents/<intent_id>/confirm",
    "client_secret payment_method payment_method_data return_url use_stripe_sdk off_session",
    public=True,
)
def confirm_payment(call: Call, intent_id: str) -> Obj:
    """Pay on session, with the intent's method, another one, or a typed card."""
    intent = guarded(call, "payment_intent", intent_id)
    if intent["status"] == "requires_action" and "payment_method" not in call.params:
        return intent
    if intent["status"] not in (
        "requires_action",
        "requires_payment_method",
        "requires_confirmation",
    ):
        raise _unexpected(intent)
    method = _method(call, intent)
    if installments.stands_alone(call.store, intent):
        return _confirm_alone(call, intent, method)
    invoice = _invoice(call, intent)
    made = attempt(call.store, invoice, method, Source.AUTHENTICATED, off_session=False)
    if made.status == "declined":
        lifecycle.announce_failure(call.store, invoice, made, counted=False)
        raise declined(made.intent)
    return intent


def _confirm_alone(call: Call, intent: Obj, method: Obj) -> Obj:
    intent["payment_method"] = method["id"]
    if not installments.confirm(call.store, intent):
        raise declined(intent)
    return intent


def _method(call: Call, intent: Obj) -> Obj:
    typed = call.params.get("payment_method_data")
    if typed:
        try:
            truth, month, year = setups.read_card(call.state, typed.get("card", {}))
        except setups.CardRefused as refusal:
            raise card_refused(refusal, payment_intent=intent) from None
        return customers.payment_method(
            call.store, truth, exp_month=month, exp_year=year, customer_id=intent["customer"]
        )
    wanted = call.params.get("payment_method") or intent["payment_method"]
    if not wanted:
        raise refused(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            "payment_intent_unexpected_state",
        )
    method = call.find("payment_method", wanted, "payment_method")
    if method["customer"] != intent["customer"]:
        raise missing("payment_method", wanted, "payment_method", status=400)
    return method


def _invoice(call: Call, intent: Obj) -> Obj:
    payment = call.store.owned("invoice_payment", intent["id"])[0]
    return call.store.get(payment["invoice"])


def _unexpected(intent: Obj) -> ApiError:
    kind = "PaymentIntent" if intent["object"] == "payment_intent" else "SetupIntent"
    error = ApiError(
        400,
        f"You cannot confirm this {kind} because it has already {intent['status']}.",
        executed=True,
        code=f"{intent['object']}_unexpected_state",
    )
    error.error[intent["object"]] = intent
    return error


def card_refused(refusal: setups.CardRefused, **extra: Any) -> ApiError:
    error = dict(refusal.error)
    text = error.pop("message")
    return ApiError(402, text, type_=error.pop("type"), executed=True, **error, **extra)


@route(
    "POST",
    "/v1/setup_intents",
    "customer usage metadata payment_method_types automatic_payment_methods description confirm "
    "allowed_payment_method_types",
)
def create(call: Call) -> Obj:
    fields: Obj = {"metadata": call.params.get("metadata", {})}
    if "customer" in call.params:
        fields["customer"] = call.named("customer", "customer")["id"]
    fields["usage"] = call.params.get("usage", "off_session")
    fields["description"] = call.params.get("description")
    intent = setup_intent(call.store, **fields)
    call.store.emit("setup_intent.created", intent)
    return intent


@route("GET", "/v1/setup_intents", "page customer payment_method created")
def index(call: Call) -> Obj:
    return call.page(call.newest("setup_intent", "payment_method"))


@route("GET", "/v1/setup_intents/<intent_id>", "client_secret", public=True)
def retrieve(call: Call, intent_id: str) -> Obj:
    return guarded(call, "setup_intent", intent_id)


@route(
    "POST",
    "/v1/setup_intents/<intent_id>/confirm",
    "client_secret payment_method payment_method_data return_url use_stripe_sdk mandate_data",
    public=True,
)
def confirm(call: Call, intent_id: str) -> Obj:
    intent = guarded(call, "setup_intent", intent_id)
    if intent["status"] in ("succeeded", "canceled"):
        raise _unexpected(intent)
    typed = call.params.get("payment_method_data", {})
    try:
        name = typed.get("billing_details", {}).get("name")
        setups.confirm(call.store, intent, typed.get("card", {}), name)
    except setups.CardRefused as refusal:
        raise card_refused(refusal, setup_intent=intent) from None
    return intent


@route("POST", "/v1/setup_intents/<intent_id>/cancel", "cancellation_reason")
def cancel(call: Call, intent_id: str) -> Obj:
    intent = call.find("setup_intent", intent_id)
    if intent["status"] in ("succeeded", "canceled"):
        raise _unexpected(intent)
    intent["status"] = "canceled"
    call.store.emit("setup_intent.canceled", intent)
    return intent


@route("POST", "/v1/sandbox/authenticate", "client_secret outcome", public=True)
def authenticate(call: Call) -> Obj:
    """Not Stripe's: the bank's page, answered. ``outcome``: success or fail."""
    secret = call.text("client_secret")
    intent_id = secret.partition("_secret_")[0]
    intent = guarded(call, kind_of(intent_id), intent_id)
    passed = call.text("outcome") == "success"
    if intent["status"] != "requires_action":
        raise _unexpected(intent)
    if intent["object"] == "setup_intent":
        setups.authenticate(call.store, intent, passed=passed)
        return intent
    return _authenticate_payment(call, intent, passed=passed)


def _authenticate_payment(call: Call, intent: Obj, *, passed: bool) -> Obj:
    invoice = _invoice(call, intent)
    method = call.store.get(intent["payment_method"])
    if not passed:
        text = (
            "We are unable to authenticate your payment method. Please choose a different payment "
            "method and try again."
        )
        intent.update(
            status="requires_payment_method",
            next_action=None,
            payment_method=None,
            last_payment_error={
                "code": "payment_intent_authentication_failure",
                "message": text,
                "payment_method": dict(method),
                "type": "invalid_request_error",
            },
        )
        call.store.emit("payment_intent.payment_failed", intent)
        return intent
    made = attempt(
        call.store,
        invoice,
        method,
        Source.AUTHENTICATED,
        off_session=False,
        authenticated=True,
    )
    if made.status == "declined":
        lifecycle.announce_failure(call.store, invoice, made, counted=False)
        raise declined(made.intent)
    return intent
