"""Storing a card: what a typed number, a setup intent and 3-D Secure come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.answers import MESSAGES, Answer, decline, message
from sandbox.cards import CardTruth, from_number, luhn_valid
from sandbox.objects import customers
from sandbox.payments import NEXT_ACTION
from sandbox.state import Obj, State, Store

_SHORTEST, _LONGEST = 12, 19


class CardRefused(Exception):
    """The card cannot be stored; ``error`` is Stripe's error object."""

    def __init__(
        self, code: str, text: str, *, param: str = "", answer: Answer | None = None
    ) -> None:
        super().__init__(text)
        self.error: Obj = {"code": code, "message": text, "type": "card_error"}
        if param:
            self.error["param"] = param
        if answer is not None:
            self.error["decline_code"] = answer.decline_code
            if answer.advice_code:
                self.error["advice_code"] = answer.advice_code


def read_card(state: State, card: Mapping[str, Any]) -> tuple[CardTruth, int, int]:
    """(truth, month, year) of what somebody typed. Raises CardRefused as Stripe would."""
    number = "".join(str(card.get("number", "")).split())
    if not number.isdigit() or not _SHORTEST <= len(number) <= _LONGEST or not luhn_valid(number):
        raise CardRefused("incorrect_number", MESSAGES["incorrect_number"], param="number")
    try:
        month, year = int(card.get("exp_month", "")), int(card.get("exp_year", ""))
    except ValueError:
        raise _bad_date("month") from None
    year += 2000 if year < 100 else 0
    if not 1 <= month <= 12:
        raise _bad_date("month")
    now = state.now()
    if (year, month) < (now.year, now.month) or year > now.year + 50:
        raise _bad_date("year")
    return from_number(number, state.chance), month, year


def _bad_date(part: str) -> CardRefused:
    code = f"invalid_expiry_{part}"
    return CardRefused(code, MESSAGES[code], param=f"exp_{part}")


def confirm(store: Store, intent: Obj, card: Mapping[str, Any], name: str | None) -> None:
    """Confirm a setup intent with a typed card: succeeded, or requires_action for 3-D Secure.

    Raises CardRefused where the card is declined; the intent then keeps the error.
    """
    try:
        truth, month, year = read_card(store.state, card)
    except CardRefused as refusal:
        intent["last_setup_error"] = refusal.error
        raise
    method = customers.payment_method(store, truth, exp_month=month, exp_year=year, name=name)
    answer = decline(truth.behaviour.on_setup, truth.brand) if truth.behaviour.on_setup else None
    if answer is not None:
        declined = CardRefused(answer.code, message(answer), answer=answer)
        _fail(store, intent, {**declined.error, "payment_method": dict(method)})
        raise declined
    intent["payment_method"] = method["id"]
    intent["last_setup_error"] = None
    if truth.behaviour.authenticate:
        intent.update(status="requires_action", next_action=dict(NEXT_ACTION))
        store.emit("setup_intent.requires_action", intent)
    else:
        complete(store, intent)


def authenticate(store: Store, intent: Obj, *, passed: bool) -> None:
    """The end of 3-D Secure for a setup intent that waits for it."""
    if passed:
        store.truth(intent["payment_method"]).set_up = True
        complete(store, intent)
        return
    error = {
        "code": "setup_intent_authentication_failure",
        "message": (
            "The latest attempt to set up the payment method has failed because authentication "
            "failed."
        ),
        "payment_method": dict(store.get(intent["payment_method"])),
        "type": "invalid_request_error",
    }
    _fail(store, intent, error)


def _fail(store: Store, intent: Obj, error: Obj) -> None:
    intent.update(
        status="requires_payment_method",
        last_setup_error=error,
        next_action=None,
        payment_method=None,
    )
    store.emit("setup_intent.setup_failed", intent)


def complete(store: Store, intent: Obj) -> None:
    intent.update(status="succeeded", next_action=None, last_setup_error=None)
    method = store.get(intent["payment_method"])
    if intent["customer"]:
        attach(store, method, intent["customer"])
    store.emit("setup_intent.succeeded", intent)


def attach(store: Store, method: Obj, customer_id: str) -> None:
    method["customer"] = customer_id
    store.link(method, customer_id)
    store.emit("payment_method.attached", method)


def detach(store: Store, method: Obj) -> None:
    """The method leaves its customer, and every place that charged it by default."""
    customer = store.get(method["customer"])
    settings = customer["invoice_settings"]
    if settings["default_payment_method"] == method["id"]:
        settings["default_payment_method"] = None
        previous = {"invoice_settings": {"default_payment_method": method["id"]}}
        store.emit("customer.updated", customer, previous)
    for sub in store.owned("subscription", customer["id"]):
        if sub["default_payment_method"] == method["id"]:
            store.change(sub, "customer.subscription.updated", default_payment_method=None)
    previous = {"customer": method["customer"]}
    method["customer"] = None
    store.emit("payment_method.detached", method, previous)
