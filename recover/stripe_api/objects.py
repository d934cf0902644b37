"""Stripe's objects as frozen values with only the fields that Recover uses.

`parsing` and `results` make them; nothing else reads Stripe's JSON. Names and enumerations are
Stripe's own (API 2026-10-28.endive). Times are aware UTC, amounts are in minor units, currencies
lower case.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CardField(StrEnum):
    """The field from which Stripe takes an invoice's payment method, in Stripe's order."""

    INVOICE_METHOD = "invoice.default_payment_method"
    INVOICE_SOURCE = "invoice.default_source"
    SUBSCRIPTION_METHOD = "subscription.default_payment_method"
    SUBSCRIPTION_SOURCE = "subscription.default_source"
    CUSTOMER_METHOD = "customer.invoice_settings.default_payment_method"
    CUSTOMER_SOURCE = "customer.default_source"


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A stored payment method. Card fields are "" or None for other types (``type`` says which)."""

    id: str
    type: str  # card, sepa_debit, us_bank_account, ...
    fingerprint: str = ""
    brand: str = ""  # visa, mastercard, amex, discover, ...
    funding: str = ""  # credit, debit, prepaid, unknown
    country: str = ""  # ISO 3166, upper case
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None
    issuer: str = ""  # the bank's name, where Stripe tells it; most often it does not
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    email: str = ""
    name: str = ""
    locale: str = ""  # first of preferred_locales
    country: str = ""
    timezone: str = ""  # metadata["timezone"], where a company keeps one
    default_method: PaymentMethod | None = None  # invoice_settings.default_payment_method
    default_source: PaymentMethod | None = None  # legacy card or source
    deleted: bool = False
    test_clock_id: str = ""  # in test mode, where they live on simulated time


@dataclass(frozen=True, slots=True)
class Subscription:
    id: str
    status: str  # active, past_due, unpaid, canceled, paused, incomplete, trialing, ...
    customer: Customer
    cancel_at_period_end: bool = False
    cancel_at: datetime | None = None  # when it is set to end; schedules set this too
    cancellation_reason: str = ""  # cancellation_requested, payment_failed, payment_disputed
    current_period_end: datetime | None = None  # the earliest of its items
    default_method: PaymentMethod | None = None
    default_source: PaymentMethod | None = None
    collection_method: str = "charge_automatically"
    pause_collection: bool = False
    pause_reason: str = ""  # of a paused one: pause_requested, first_payment_failure, ...
    amount_minor: int | None = None  # of one period; None where it depends on use, or is unknown
    product_name: str = ""  # for mails: the first item's price nickname or description
    latest_invoice_id: str = ""

    def charged_method(self) -> tuple[PaymentMethod, CardField] | None:
        """The payment method that Stripe charges for it, and the field it stands in.

        An invoice may have its own: `recover.cases.collection` knows.
        """
        order = (
            (self.default_method, CardField.SUBSCRIPTION_METHOD),
            (self.default_source, CardField.SUBSCRIPTION_SOURCE),
            (self.customer.default_method, CardField.CUSTOMER_METHOD),
            (self.customer.default_source, CardField.CUSTOMER_SOURCE),
        )
        return next(((method, field) for method, field in order if method), None)


@dataclass(frozen=True, slots=True)
class InvoicePayment:
    """One payment of an invoice: its default one, a part, or one made outside Stripe."""

    id: str
    kind: str  # payment_intent, charge, payment_record (made outside Stripe)
    behind: str  # the id of that payment intent, charge or record
    status: str  # open, paid, canceled
    amount_paid_minor: int  # what of the payment went to this invoice
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class Invoice:
    id: str
    status: str  # draft, open, paid, void, uncollectible
    customer_id: str
    subscription_id: str  # "" for a one-off invoice
    billing_reason: str  # subscription_create, subscription_cycle, subscription_update, manual, ...
    collection_method: str  # charge_automatically, send_invoice
    currency: str
    amount_due_minor: int
    amount_remaining_minor: int
    attempted: bool
    attempt_count: int
    next_payment_attempt_at: datetime | None
    created_at: datetime
    paid_at: datetime | None = None
    number: str = ""
    hosted_invoice_url: str = ""
    payment_intent_ids: tuple[str, ...] = ()  # default payment first
    payment_intent_status: str = ""  # of the default payment
    paid_out_of_band: bool = False  # paid, but by no payment through Stripe
    description: str = ""  # the first line's text
    amount_paid_minor: int = 0  # by all payments, those outside Stripe included
    credited_minor: int = 0  # forgiven by credit notes before it was paid
    payments: tuple[InvoicePayment, ...] = ()  # default payment first
    more_payments: bool = False  # than `payments` lists
    ended_at: datetime | None = None  # when it was voided or marked uncollectible
    default_method: PaymentMethod | None = None  # its own, before the subscription's
    default_source: PaymentMethod | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """One authorisation, and how the issuer (or Stripe on its behalf) answered."""

    id: str
    payment_intent_id: str
    status: str  # succeeded, failed, pending
    amount_minor: int
    currency: str
    created_at: datetime
    method: PaymentMethod | None
    failure_code: str = ""
    decline_code: str = ""  # outcome.reason or failure's decline code
    advice_code: str = ""
    network_decline_code: str = ""
    network_advice_code: str = ""
    outcome_type: str = ""  # authorized, issuer_declined, blocked, invalid, manual_review
    network_status: str = ""  # approved_by_network, declined_by_network, not_sent_to_network, ...
    amount_refunded_minor: int = 0
    disputed: bool = False
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back; a refund that failed stays in the account after all."""

    id: str
    charge_id: str
    amount_minor: int
    status: str  # pending, requires_action, succeeded, failed, canceled

    @property
    def holds(self) -> bool:
        return self.status not in {"failed", "canceled"}


@dataclass(frozen=True, slots=True)
class Dispute:
    """A cardholder's dispute of one charge, or an inquiry before it (``warning_...``)."""

    id: str
    charge_id: str
    status: str  # warning_needs_response, needs_response, under_review, won, lost, ...
    amount_minor: int
    currency: str
    reason: str  # fraudulent, product_not_received, general, ...
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FraudWarning:
    """A bank's early report that a charge was fraud; most become disputes if nothing is done."""

    id: str
    charge_id: str
    actionable: bool  # neither disputed nor refunded in full
    fraud_type: str  # made_with_stolen_card, unauthorized_use_of_card, ...
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """Stripe's answer to a request to pay an invoice. A decline is an answer, not an exception."""

    status: str  # succeeded, declined, requires_action, processing
    invoice_status: str
    payment_intent_id: str = ""
    charge_id: str = ""
    client_secret: str = ""  # for requires_action, so that the page can authenticate
    error_code: str = ""  # card_declined, expired_card, authentication_required, ...
    decline_code: str = ""
    advice_code: str = ""
    network_decline_code: str = ""
    network_advice_code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class CardSetup:
    """A SetupIntent, made directly or by hosted Checkout in setup mode."""

    id: str
    status: str  # requires_payment_method, requires_action, processing, succeeded, canceled
    client_secret: str = ""
    payment_method_id: str = ""
    customer_id: str = ""
    error_message: str = ""
    url: str = ""  # hosted Checkout only
    session_id: str = ""  # hosted Checkout only


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A verified event, reduced to ids."""

    id: str
    type: str
    created_at: datetime
    livemode: bool
    account_id: str  # acct_..., "" on a directly connected account's endpoint
    object_type: str
    object_id: str
    customer_id: str  # where the object names one, also as previous_attributes.customer
    api_version: str = ""


@dataclass(frozen=True, slots=True)
class StripeAccountInfo:
    id: str
    name: str
    country: str
    default_currency: str
    timezone: str
    support_email: str
    livemode: bool


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    id: str
    url: str
    status: str  # enabled, disabled
    events: tuple[str, ...] = ()
    api_version: str = ""


@dataclass(frozen=True, slots=True)
class OAuthGrant:
    """What a company allowed the platform on Stripe's page of consent."""

    stripe_account_id: str
    livemode: bool
    scope: str  # read_write, read_only
    publishable_key: str
