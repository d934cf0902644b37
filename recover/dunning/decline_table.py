"""The closed table of Stripe's decline codes and what each calls for.

All 50 card codes and the codes of other payment methods (docs.stripe.com/declines/codes), the
``outcome.reason`` values beside them, and the error codes that stand alone where there is no
decline code. Card-present codes cannot reach a renewal; they are here so that the table has no gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from recover.dunning.decline_rule import DeclineCategory, DeclineRule, Pace

# What Stripe's codes say, as the founder reads it. Codes in one dict call for the same (`_GROUPS`).

_INSUFFICIENT_FUNDS = {
    "insufficient_funds": "The account has too little money for this payment.",
    "partner_insufficient_funds": "The wallet or bank has too little money for this payment.",
}
_OVER_A_LIMIT = {
    "card_velocity_exceeded": "The card has reached its balance, credit or amount limit.",
    "withdrawal_count_limit_exceeded": "The card has reached its balance or credit limit.",
    "payment_limit_exceeded": "The payment is above a limit on the customer's account.",
}
_DECLINED_BY_BANK = {
    "generic_decline": "The bank declined without giving a reason.",
    "card_declined": "The bank declined without giving a reason.",
    "do_not_honor": "The bank declined without giving a reason.",
    "call_issuer": "The bank declined and asks the cardholder to call.",
    "no_action_taken": "The bank declined without giving a reason.",
    "try_again_later": "The bank declined and says it may work later.",
    "partner_generic_decline": "The payment provider declined without giving a reason.",
    "payment_method_provider_decline": "The payment provider declined without a reason.",
    "refer_to_customer": "The bank refers to its customer; most often the money is missing.",
    "payment_intent_payment_attempt_failed": "The payment failed for no stated reason.",
}
_TECHNICAL = {
    "approve_with_id": "The bank could not authorise it; trying again may work.",
    "issuer_not_available": "The bank could not be reached.",
    "processing_error": "A technical error while the payment was processed.",
    "partner_processing_error": "A technical error at the payment provider.",
    "reenter_transaction": "The bank could not process the payment.",
    "payment_method_provider_timeout": "The payment provider did not answer in time.",
    "partner_payment_not_found": "The payment provider has lost track of this payment.",
}
# The truth is fetched again before each charge, which is the reconciliation Stripe asks for; an
# invoice still open a day later was really not paid by the twin.
_DUPLICATE = {
    "duplicate_transaction": "The same amount was charged to this card a moment before.",
    "partner_duplicate_transaction": "The same payment was sent to the provider just before.",
}
_RATE_LIMITED = {
    "card_decline_rate_limit_exceeded": (
        "This card was declined too often; Stripe lets nobody try it for 24 hours."
    ),
}
_HELD_BACK = {
    "low_probability_of_authorization": "Stripe held the payment back as likely to fail.",
    "blocked": "Stripe blocked the payment before it reached the bank.",
    "invalid_business_account": "Your own business account at the provider is deactivated.",
}
_AUTHENTICATION = {
    "authentication_required": "The bank wants the cardholder to confirm this payment.",
    "authentication_not_handled": "The bank asked for a confirmation that did not take place.",
    "authentication_failure": "The cardholder's confirmation failed.",
    "mobile_device_authentication_required": "The device must be tapped again.",
    "payment_intent_authentication_failure": "The cardholder's confirmation failed.",
    "payment_intent_action_required": "The bank wants the cardholder to confirm this payment.",
    "invoice_payment_intent_requires_action": "The bank wants the cardholder to confirm it.",
}
_WRONG_ADDRESS = {
    "incorrect_zip": "The postal code does not match the card.",
    "incorrect_postal_code": "The postal code does not match the card.",
    "incorrect_address": "The billing address does not match the card.",
}
_AMOUNT_NOT_ALLOWED = {
    "invalid_amount": "The bank does not allow this amount on the card.",
    "partner_invalid_amount": "The payment provider does not allow this amount.",
}
_CUSTOMER_MUST_ACT = {
    "invalid_customer_account": "The customer's account at the provider needs their attention.",
    "payment_method_customer_decline": "The customer declined the payment.",
}
_DISPUTED = {
    "payment_disputed": "The payment is disputed.",
}
_EXPIRED = {
    "expired_card": "The card has expired.",
    "expired_payment_method": "The payment method has expired.",
    "partner_expired_card": "The card kept at the payment provider has expired.",
    "expired_payment_information": "The stored payment details have expired.",
}
_WRONG_DETAILS = {
    "incorrect_number": "The card number is wrong.",
    "invalid_number": "The card number is wrong.",
    "incorrect_cvc": "The security code is wrong.",
    "invalid_cvc": "The security code is wrong.",
    "invalid_expiry_month": "The expiry month is wrong.",
    "invalid_expiry_year": "The expiry year is wrong.",
    "invalid_payment_information": "The stored payment details are not valid.",
}
_UNUSABLE = {
    "no_payment_method": "There is no payment method to charge.",
    "missing": "There is no payment method to charge.",
    "invalid_account": "The card or the account behind it is not valid.",
    "new_account_information_available": "The card was replaced; its new details are needed.",
    "card_not_supported": "The card cannot be used for this kind of purchase.",
    "currency_not_supported": "The card cannot be charged in this currency.",
    "partner_invalid_currency": "The payment provider does not support this currency.",
    "payment_method_currency_mismatch": "The payment method cannot pay in this currency.",
    "payment_method_unexpected_state": "The payment method cannot be charged in its state.",
    "resource_missing": "The payment method no longer exists on Stripe.",
    "not_permitted": "The bank does not permit this payment.",
    "transaction_not_allowed": "The card does not allow this kind of payment.",
    "service_not_allowed": "The card does not allow this kind of payment.",
    "payment_method_not_available": "The payment method cannot be used at present.",
    "payment_method_unactivated": "The payment method was never activated.",
    "recurring_not_supported_by_bank": "The bank does not support recurring payments.",
    "partner_action_not_supported": "The payment provider does not support this payment.",
    "card_already_activated": "The card was activated before; it cannot be charged like this.",
    "account_closed": "The bank account is closed.",
    "no_account": "The bank account does not exist.",
    "bank_account_declined": "The bank account cannot be debited.",
    "bank_account_restricted": "The bank account cannot be debited.",
    "bank_account_unusable": "The bank account cannot be debited.",
    "invalid_billing_agreement": "The billing agreement is not valid; retries cannot succeed.",
    "invalid_authorization": "The authorisation is gone; retries cannot succeed.",
    "payment_intent_mandate_invalid": "The mandate is not valid any more.",
    "billing_invalid_mandate": "The mandate is not valid any more.",
    "pin_try_exceeded": "The PIN was entered wrongly too often (card readers only).",
    "incorrect_pin": "The PIN was wrong (card readers only).",
    "invalid_pin": "The PIN was wrong (card readers only).",
    "offline_pin_required": "A PIN is required (card readers only).",
    "online_or_offline_pin_required": "A PIN is required (card readers only).",
    "invalid_track_data": "The card could not be read (card readers only).",
    "testmode_decline": "A test card was used in live mode.",
}
_RESTRICTED = {
    "restricted_card": "The card is restricted; it may have been reported lost or stolen.",
    "security_violation": "The bank declined for a security reason.",
    "payment_method_restricted": "The payment method is restricted.",
    "rule": "One of your own Radar rules blocked the payment.",
}
_LOST_OR_FRAUDULENT = {
    "do_not_try_again": "The bank says that this card must not be tried again.",
    "lost_card": "The card was reported lost.",
    "stolen_card": "The card was reported stolen.",
    "lost_or_stolen_card": "The card was reported lost or stolen.",
    "pickup_card": "The bank wants the card back; it may be lost or stolen.",
    "fraudulent": "Stripe or the bank suspects fraud.",
    "merchant_blacklist": "The card is on your block list.",
    "highest_risk_level": "Stripe blocked the payment as very likely fraud.",
    "partner_high_risk_customer": "The payment provider sees a high risk in this customer.",
    "compliance_violation": "The payment breaks the provider's rules; retries cannot succeed.",
}
_REVOKED = {
    "revocation_of_authorization": "The cardholder revoked this payment at the bank.",
    "revocation_of_all_authorizations": "The cardholder revoked all payments to you.",
    "stop_payment_order": "The cardholder told the bank to stop this payment.",
    "debit_not_authorized": "The account holder says the debit was not authorised.",
    "india_recurring_payment_mandate_canceled": "The cardholder cancelled the mandate.",
}

_LATER = DeclineCategory.RETRY_LATER
_ACT = DeclineCategory.CUSTOMER_ACTION
_NEW = DeclineCategory.NEW_PAYMENT_METHOD
_NEVER = DeclineCategory.NEVER


@dataclass(frozen=True, slots=True)
class _Group:
    """Codes that call for the same, each with its text. The fields are those of `DeclineRule`."""

    texts: Mapping[str, str]
    category: DeclineCategory
    pace: Pace
    subscriber_reason: str
    disclose: bool = True
    cancel_intent: bool = False
    not_before: timedelta | None = None

    def rules(self) -> Iterator[DeclineRule]:
        for code, text in self.texts.items():
            yield DeclineRule(
                code,
                self.category,
                self.pace,
                self.subscriber_reason,
                text,
                disclose=self.disclose,
                cancel_intent=self.cancel_intent,
                not_before=self.not_before,
            )


_GROUPS = (
    _Group(_INSUFFICIENT_FUNDS, _LATER, Pace.PAYDAY, "insufficient_funds"),
    _Group(_OVER_A_LIMIT, _LATER, Pace.DAY, "limit"),
    _Group(_DECLINED_BY_BANK, _LATER, Pace.DAY, "bank_declined"),
    _Group(_TECHNICAL, _LATER, Pace.SOON, "technical"),
    _Group(_DUPLICATE, _LATER, Pace.DAY, "technical"),
    _Group(
        _RATE_LIMITED,
        _LATER,
        Pace.DAY,
        "generic",
        disclose=False,
        not_before=timedelta(hours=24),
    ),
    _Group(_HELD_BACK, _LATER, Pace.DAY, "generic", disclose=False),
    _Group(_AUTHENTICATION, _ACT, Pace.NONE, "authentication"),
    _Group(_WRONG_ADDRESS, _ACT, Pace.NONE, "details"),
    _Group(_AMOUNT_NOT_ALLOWED, _ACT, Pace.NONE, "limit"),
    _Group(_CUSTOMER_MUST_ACT, _ACT, Pace.NONE, "bank_declined"),
    _Group(_DISPUTED, _ACT, Pace.NONE, "generic", disclose=False),
    _Group(_EXPIRED, _NEW, Pace.NONE, "expired"),
    _Group(_WRONG_DETAILS, _NEW, Pace.NONE, "details"),
    _Group(_UNUSABLE, _NEW, Pace.NONE, "card_problem"),
    _Group(_RESTRICTED, _NEW, Pace.NONE, "generic", disclose=False),
    _Group(_LOST_OR_FRAUDULENT, _NEVER, Pace.NONE, "generic", disclose=False),
    _Group(_REVOKED, _NEVER, Pace.NONE, "bank_declined", cancel_intent=True),
)

TABLE: dict[str, DeclineRule] = {rule.code: rule for group in _GROUPS for rule in group.rules()}

NO_METHOD_CODES = frozenset(
    {"missing", "no_payment_method", "parameter_missing", "invoice_no_payment_method_types"}
)
"""Error codes of an attempt that had no payment method to charge."""
