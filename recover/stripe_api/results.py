"""Stripe's answers as Recover's values: a payment's outcome, an event, or an error.

Pure, and without the SDK: an answer is an HTTP status, JSON and headers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from recover.foundation.errors import (
    BadEvent,
    BadSignature,
    RecoverError,
    StripeAccessLost,
    StripeRejected,
    StripeUnavailable,
)
from recover.stripe_api.json_fields import NOTHING, Json, address, child, id_of, text
from recover.stripe_api.objects import Payment, WebhookEvent
from recover.stripe_api.parsing import default_intent, subscription_id_of

# The outcome of an attempt by its PaymentIntent's status. Any other status is a refusal.
OUTCOMES = {
    "succeeded": "succeeded",
    "processing": "processing",
    "requires_capture": "processing",
    "requires_action": "requires_action",
}
# The customer has to authenticate, whatever the PaymentIntent's status is called.
NEEDS_CUSTOMER = frozenset({"authentication_required", "invoice_payment_intent_requires_action"})

# Like a 409: another request holds the object, or we send too many.
BUSY = frozenset({"rate_limit", "lock_timeout", "idempotency_key_in_use"})
SECRET = re.compile(r"\b([sr]k_(?:live|test)|whsec|(?:pi|seti|cs)_\w+?_secret)_[\w*]+")

# An event about one of these is filed under the object that Recover fetches.
PART_OF = {
    "credit_note": "invoice",
    "dispute": "charge",
    "invoice_payment": "invoice",
    "radar.early_fraud_warning": "charge",
    "refund": "charge",
}


class Declined(StripeRejected):
    """A 402, or an equivalent. ``error`` is Stripe's; only `pay` turns it into a Payment."""

    def __init__(self, message: str, *, code: str, error: Json) -> None:
        super().__init__(message, code=code)
        self.error = error


def payment_of_invoice(invoice: Json) -> Payment:
    """The outcome of paying ``invoice``, read with its default PaymentIntent expanded."""
    payment = payment_of_intent(default_intent(invoice), invoice_status=text(invoice.get("status")))
    if payment.invoice_status != "paid" or payment.status == "succeeded":
        return payment
    # Nothing was left to charge: a credit balance or a payment made elsewhere covered it.
    return Payment(
        status="succeeded", invoice_status="paid", payment_intent_id=payment.payment_intent_id
    )


def payment_of_intent(intent: Json, *, invoice_status: str = "") -> Payment:
    """The outcome of the latest attempt on a PaymentIntent; "declined" also before the first."""
    status = OUTCOMES.get(text(intent.get("status")), "")
    error = child(intent, "last_payment_error") if status != "succeeded" else NOTHING
    return _payment(status or _status_of_refusal(error, intent), error, intent, invoice_status)


def payment_of_error(error: Json, intent: Json, *, invoice_status: str) -> Payment:
    """A decline: the ``error`` of a 402 answer, with the PaymentIntent it was about.

    What the PaymentIntent has become since does not change that this attempt was declined.
    """
    return _payment(_status_of_refusal(error, intent), error, intent, invoice_status)


def _status_of_refusal(error: Json, intent: Json) -> str:
    codes = {text(error.get("code")), text(error.get("decline_code"))}
    customer_must_act = intent.get("status") == "requires_action" or NEEDS_CUSTOMER & codes
    return "requires_action" if customer_must_act else "declined"


def _payment(status: str, error: Json, intent: Json, invoice_status: str) -> Payment:
    return Payment(
        status=status,
        invoice_status=invoice_status,
        payment_intent_id=id_of(intent),
        charge_id=id_of(error.get("charge")) or id_of(intent.get("latest_charge")),
        client_secret=address(intent.get("client_secret")),
        error_code=text(error.get("code")),
        decline_code=text(error.get("decline_code")),
        advice_code=text(error.get("advice_code")),
        network_decline_code=text(error.get("network_decline_code")),
        network_advice_code=text(error.get("network_advice_code")),
        message=_said(error),
    )


def _said(error: Json) -> str:
    """What Stripe says of an error to people, without keys and client secrets."""
    return text(redacted(error["message"])) if isinstance(error.get("message"), str) else ""


def redacted(text: str) -> str:
    """``text`` without keys and client secrets."""
    return SECRET.sub(r"\1_...", text)


def refusal(status: int | None, error: Json, headers: Mapping[str, str]) -> RecoverError:
    """The error to raise for an HTTP ``status``; ``status`` is None if there was no answer.

    An answer without Stripe's ``error`` object is not Stripe's: a proxy's 404 does not mean that an
    invoice is gone, nor its 403 that our key was revoked. Nor does Stripe's own 404 to an address
    that it does not know: of a missing object it says ``resource_missing``.
    """
    code = text(error.get("code"))
    said = _text(status, error, headers)
    if status is None or not error:
        return StripeUnavailable(said, retry_after=_retry_after(headers))
    if status in {401, 403}:
        return StripeAccessLost(said, status=status, code=code)
    # A 2xx here is an answer that could not be read, such as a proxy's page.
    if status >= 500 or status < 400 or status in {409, 429} or code in BUSY:  # noqa: PLR2004
        return StripeUnavailable(said, retry_after=_retry_after(headers))
    if status == 402 or code in NEEDS_CUSTOMER:  # noqa: PLR2004
        return Declined(said, code=code, error=error)
    return StripeRejected(said, code=code)


def _text(status: int | None, error: Json, headers: Mapping[str, str]) -> str:
    if status is None:
        return "Stripe could not be reached."
    message = _said(error) or "no readable answer"
    request = headers.get("request-id")
    return f"Stripe answered {status}: {message}" + (f" ({request})" if request else "")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The header in seconds. None also for a date, which Stripe does not send."""
    value = headers.get("retry-after") or ""
    return float(value) if value.isdecimal() else None


def signed_seconds(header: str) -> int:
    """The time in a Stripe-Signature header, in seconds since 1970. Raises BadSignature."""
    if not header:
        raise BadSignature("The Stripe-Signature header is missing.")
    parts = [part.split("=", 2) for part in header.split(",")]
    try:
        seconds = int(next(part[1] for part in parts if part[0] == "t"))
    except (StopIteration, IndexError, ValueError):
        raise BadSignature("The Stripe-Signature header is malformed.") from None
    if not header.isascii():  # the SDK's comparison cannot take it
        raise BadSignature("The Stripe-Signature header is malformed.")
    return seconds


def check_age(header: str, now: datetime, tolerance: int) -> None:
    """Raises BadSignature where the header's time is over ``tolerance`` seconds from ``now``."""
    age = int(now.timestamp()) - signed_seconds(header)
    if age > tolerance:
        raise BadSignature(f"The signature is stale: over {tolerance} seconds old.")
    if age < -tolerance:
        raise BadSignature(f"The signature is over {tolerance} seconds in the future.")


def event(payload: bytes) -> WebhookEvent:
    """A webhook's body, reduced to ids. Raises BadEvent.

    ``object_type`` and ``object_id`` name what can be fetched: a dispute, a refund or an early
    fraud warning is filed under its charge, a credit note or an invoice payment under its invoice,
    and an upcoming invoice, which does not exist
    yet, under its subscription.
    """
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        raise BadEvent("The webhook's body is not JSON; it may be cut off.") from None
    if not isinstance(body, dict) or body.get("object") != "event":
        raise BadEvent("The webhook's body is not a Stripe event (a snapshot, not a thin one).")
    about = child(body, "data", "object")
    if not (id_of(body) and isinstance(body.get("type"), str) and about):
        raise BadEvent("The Stripe event lacks its id, its type or its object.")
    return _event_of(body, about)


def _event_of(body: Json, about: Json) -> WebhookEvent:
    object_type, object_id = _subject(body["type"], about)
    created = body.get("created")
    return WebhookEvent(
        id=id_of(body),
        type=text(body["type"]),
        created_at=datetime.fromtimestamp(created if isinstance(created, int) else 0, UTC),
        livemode=bool(body.get("livemode")),
        account_id=id_of(body.get("account")),
        object_type=object_type,
        object_id=object_id,
        customer_id=_customer_id(body, about),
        api_version=text(body.get("api_version")),
    )


def _subject(event_type: str, about: Json) -> tuple[str, str]:
    kind = text(about.get("object"))
    parent = PART_OF.get(kind)
    if parent and id_of(about.get(parent)):
        return parent, id_of(about[parent])
    if event_type == "invoice.upcoming":
        return "subscription", subscription_id_of(about)
    return kind, id_of(about)


def _customer_id(body: Json, about: Json) -> str:
    """The customer of an event; a detached payment method has it in previous_attributes only."""
    if about.get("object") == "customer":
        return id_of(about)
    before = child(body, "data", "previous_attributes")
    return id_of(about.get("customer")) or id_of(before.get("customer"))
