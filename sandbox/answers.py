"""What comes back for an authorisation, in Stripe's words and in the networks'."""

from __future__ import annotations

from dataclasses import dataclass, replace

# Stripe answers these with an error code of their own; everything else is ``card_declined``.
_OWN_ERROR_CODE = frozenset(
    [
        "expired_card",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_zip",
        "processing_error",
        "authentication_required",
        "invalid_expiry_month",
        "invalid_expiry_year",
    ]
)
# ISO 8583 response codes as issuers commonly send them; one brand's table would not fit another's.
_NETWORK_CODE = {
    "insufficient_funds": "51",
    "generic_decline": "05",
    "do_not_honor": "05",
    "call_issuer": "01",
    "expired_card": "54",
    "lost_card": "41",
    "stolen_card": "43",
    "pickup_card": "04",
    "invalid_account": "14",
    "incorrect_number": "14",
    "card_velocity_exceeded": "65",
    "withdrawal_count_limit_exceeded": "61",
    "transaction_not_allowed": "57",
    "restricted_card": "62",
    "issuer_not_available": "91",
    "processing_error": "96",
    "reenter_transaction": "19",
    "try_again_later": "91",
    "authentication_required": "1A",
    "revocation_of_authorization": "R1",
    "revocation_of_all_authorizations": "R3",
    "stop_payment_order": "R0",
    "card_not_supported": "57",
}
_NEVER = frozenset(
    [
        "lost_card",
        "stolen_card",
        "pickup_card",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
        "stop_payment_order",
        "do_not_try_again",
    ]
)
_CONFIRM = frozenset(
    [
        "expired_card",
        "incorrect_number",
        "invalid_account",
        "incorrect_cvc",
        "incorrect_zip",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "new_account_information_available",
    ]
)
_SILENT = frozenset({"generic_decline", "authentication_required", "fraudulent"})

# The nine codes on which Stripe's own scheduler makes no authorisation until the card changes.
STRIPE_HARD = frozenset(
    [
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "stolen_card",
        "revocation_of_authorization",
        "revocation_of_all_authorizations",
        "authentication_required",
        "highest_risk_level",
        "transaction_not_allowed",
    ]
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An approval, or a decline with everything Stripe passes on about it."""

    approved: bool
    code: str = ""  # Stripe's error code, such as card_declined
    decline_code: str = ""
    advice_code: str = ""
    network_decline_code: str = ""
    network_advice_code: str = ""
    outcome_type: str = "authorized"
    network_status: str = "approved_by_network"
    reason: str = ""  # the charge's outcome.reason

    @property
    def hard(self) -> bool:
        return self.decline_code in STRIPE_HARD or self.reason in STRIPE_HARD


APPROVED = Answer(approved=True)


def decline(decline_code: str, brand: str = "visa", *, mac: str = "") -> Answer:
    """The answer for one of Stripe's decline codes. ``mac``: Mastercard's advice, if it sent one.

    ``highest_risk_level`` is a block by Stripe itself: no issuer saw it.
    """
    if decline_code == "highest_risk_level":
        return _blocked()
    answer = Answer(
        approved=False,
        code=decline_code if decline_code in _OWN_ERROR_CODE else "card_declined",
        decline_code=decline_code,
        advice_code=_advice(decline_code),
        network_decline_code=_NETWORK_CODE.get(decline_code, "05"),
        outcome_type="issuer_declined",
        network_status="declined_by_network",
        reason=decline_code,
    )
    if brand != "mastercard":
        return answer
    if answer.network_decline_code[0] == "R":  # R codes are Visa's
        answer = replace(answer, network_decline_code="05")
    return replace(answer, network_advice_code=mac or _usual_mac(decline_code))


def _blocked() -> Answer:
    return Answer(
        approved=False,
        code="card_declined",
        decline_code="fraudulent",
        outcome_type="blocked",
        network_status="not_sent_to_network",
        reason="highest_risk_level",
    )


def _advice(decline_code: str) -> str:
    if decline_code in _NEVER:
        return "do_not_try_again"
    if decline_code in _CONFIRM:
        return "confirm_card_data"
    return "" if decline_code in _SILENT else "try_again_later"


def _usual_mac(decline_code: str) -> str:
    if decline_code.startswith("revocation") or decline_code == "stop_payment_order":
        return "21"
    if decline_code in _NEVER:
        return "03"
    if decline_code in _CONFIRM:
        return "01"
    return "02" if decline_code == "insufficient_funds" else ""


MESSAGES = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "incorrect_number": "Your card number is incorrect.",
    "invalid_expiry_year": "Your card's expiration year is invalid.",
    "invalid_expiry_month": "Your card's expiration month is invalid.",
    "incomplete_number": "Your card number is incomplete.",
    "processing_error": (
        "An error occurred while processing your card. Try again in a little bit."
    ),
    "authentication_required": (
        "Your card was declined. This transaction requires authentication."
    ),
    "card_not_supported": "Your card does not support this type of purchase.",
}


def message(answer: Answer) -> str:
    """The sentence Stripe shows a cardholder; it never names loss, theft or fraud."""
    fallback = MESSAGES.get(answer.code, MESSAGES["card_declined"])
    return MESSAGES.get(answer.decline_code, fallback)
