"""Payment intents, invoice payments, charges, and what may happen to a charge later."""

from __future__ import annotations

from sandbox.answers import Answer, message
from sandbox.cards import CardTruth
from sandbox.objects.customers import expiry
from sandbox.objects.parts import invoice_payment
from sandbox.shapes import shape
from sandbox.state import Obj, Store


def payment_intent(store: Store, invoice: Obj) -> Obj:
    """The invoice's payment intent, with the invoice payment that ties the two together."""
    intent_id = store.mint("pi", invoice["id"])
    intent = shape(
        "payment_intent",
        id=intent_id,
        client_secret=f"{intent_id}_secret_{store.state.chance.token(25, 'secret', intent_id)}",
        amount=invoice["amount_remaining"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        created=store.epoch(),
        description="Subscription update" if invoice["parent"] else "Payment for Invoice",
    )
    invoice_payment(
        store, invoice, invoice["amount_remaining"], "payment_intent", intent_id, default=True
    )
    store.link(intent, invoice["id"])
    return store.put(intent)


def default_intent(store: Store, invoice: Obj) -> Obj | None:
    """The payment intent an invoice is collected with; None while it is a draft."""
    intents = store.owned("payment_intent", invoice["id"])
    return intents[0] if intents else None


def charge(store: Store, invoice: Obj, intent: Obj, method: Obj, answer: Answer) -> Obj:
    truth = store.truth(method["id"])
    approved = answer.approved
    made = shape(
        "charge",
        id=store.mint("ch", intent["id"]),
        amount=intent["amount"],
        amount_captured=intent["amount"] if approved else 0,
        captured=approved,
        created=store.epoch(),
        currency=intent["currency"],
        customer=invoice["customer"],
        description=intent["description"],
        failure_code=answer.code or None,
        failure_message=None if approved else message(answer),
        outcome=_outcome(answer),
        paid=approved,
        payment_intent=intent["id"],
        payment_method=method["id"],
        status="succeeded" if approved else "failed",
    )
    _show(made["payment_method_details"]["card"], truth, expiry(store, method["id"]))
    return store.put(made)


def _show(card: Obj, truth: CardTruth, expires: tuple[int, int]) -> None:
    card.update(
        brand=truth.brand,
        country=truth.country,
        exp_month=expires[0],
        exp_year=expires[1],
        fingerprint=truth.fingerprint,
        funding=truth.funding,
        last4=truth.last4,
        network=truth.brand,
    )


def _outcome(answer: Answer) -> Obj:
    if answer.approved:
        seller = "Payment complete."
    elif answer.outcome_type == "blocked":
        seller = "Stripe blocked this payment as too risky."
    else:
        code = answer.decline_code
        seller = f"The bank returned the decline code `{code}`."
    return {
        "advice_code": answer.advice_code or None,
        "network_advice_code": answer.network_advice_code or None,
        "network_decline_code": answer.network_decline_code or None,
        "network_status": answer.network_status,
        "reason": answer.reason or None,
        "seller_message": seller,
        "type": answer.outcome_type,
    }


def payment_error(answer: Answer, charge_id: str | None, method: Obj) -> Obj:
    """The ``last_payment_error`` (and, with the intent, the API error) of a decline."""
    error: Obj = {
        "advice_code": answer.advice_code or None,
        "charge": charge_id,
        "code": answer.code,
        "decline_code": answer.decline_code,
        "doc_url": f"https://stripe.com/docs/error-codes/{answer.code.replace('_', '-')}",
        "message": message(answer),
        "network_advice_code": answer.network_advice_code or None,
        "network_decline_code": answer.network_decline_code or None,
        "payment_method": method,
        "type": "card_error",
    }
    return {key: value for key, value in error.items() if value is not None}


def refund(store: Store, of_charge: Obj, amount_minor: int) -> Obj:
    return store.put(
        shape(
            "refund",
            id=store.mint("re", of_charge["id"]),
            amount=amount_minor,
            charge=of_charge["id"],
            created=store.epoch(),
            currency=of_charge["currency"],
            customer=of_charge["customer"],
            payment_intent=of_charge["payment_intent"],
            payment_method=of_charge["payment_method"],
        )
    )


def dispute(store: Store, of_charge: Obj, amount_minor: int, *, inquiry: bool) -> Obj:
    made = shape(
        "dispute",
        id=store.mint("dp", of_charge["id"]),
        amount=amount_minor,
        charge=of_charge["id"],
        created=store.epoch(),
        currency=of_charge["currency"],
        is_charge_refundable=inquiry,
        payment_intent=of_charge["payment_intent"],
        reason="general" if inquiry else "fraudulent",
        status="warning_needs_response" if inquiry else "needs_response",
    )
    made["payment_method_details"]["card"]["case_type"] = "inquiry" if inquiry else "chargeback"
    made["evidence_details"]["due_by"] = store.epoch() + 7 * 86_400
    return store.put(made)
