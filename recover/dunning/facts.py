"""What the core is told. Plain values: aware UTC times, minor units, Stripe's own codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class RetryMode(StrEnum):
    """Who retries. OBSERVE: nothing leaves; what would have been done is recorded."""

    RECOVER = "recover"
    STRIPE = "stripe"
    OBSERVE = "observe"


class Trigger(StrEnum):
    """Why a payment attempt was made."""

    STRIPE = "stripe"  # the renewal itself, or Stripe's own scheduled retry
    SCHEDULE = "schedule"  # our planned retry
    CARD_UPDATE = "card_update"  # our retry because another card, or new card details, appeared
    SUBSCRIBER = "subscriber"  # the subscriber pressed the button on our page
    FOUNDER = "founder"  # someone at the company pressed retry


class Outcome(StrEnum):
    PENDING = "pending"  # the row is written, Stripe's answer is not in yet
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REQUIRES_ACTION = "requires_action"  # the issuer wants the customer to authenticate
    ABANDONED = "abandoned"  # never reached Stripe; no authorisation was made
    REFUSED = "refused"  # Stripe refused the request itself and asked no issuer
    OBSERVED = "observed"  # observe mode: would have been tried here


@dataclass(frozen=True, slots=True)
class Decline:
    """Stripe's words about one failed attempt; "" where it said nothing."""

    error_code: str = ""
    decline_code: str = ""
    advice_code: str = ""
    network_decline_code: str = ""
    network_advice_code: str = ""
    outcome_type: str = ""
    network_status: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """The payment method that an attempt is, or was, made on."""

    payment_method_id: str
    type: str = "card"
    fingerprint: str = ""
    brand: str = ""
    funding: str = ""
    country: str = ""
    last4: str = ""
    exp_month: int | None = None
    exp_year: int | None = None

    def same_credentials(self, other: Card) -> bool:
        """True where an issuer would see the same card data: the same method, number and expiry."""
        if self.fingerprint and other.fingerprint and self.fingerprint != other.fingerprint:
            return False
        return (
            self.payment_method_id == other.payment_method_id
            and self.last4 == other.last4
            and self.exp_month == other.exp_month
            and self.exp_year == other.exp_year
        )


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """One payment attempt on this invoice, by anyone."""

    at: datetime
    trigger: Trigger
    outcome: Outcome
    card: Card | None = None
    decline: Decline | None = None


@dataclass(frozen=True, slots=True)
class CardUse:
    """One authorisation on this card's number for any invoice of the account, by anyone."""

    at: datetime
    amount_minor: int
    succeeded: bool
    card: Card | None = None  # as it was then; its expiry may have changed since
    decline: Decline | None = None


@dataclass(frozen=True, slots=True)
class IssuerAnswer:
    """How an attempt on another card of the same issuer, or group of issuers, was answered."""

    at: datetime
    card: str  # its fingerprint
    technical: bool  # the issuer was out of reach; False: it judged the payment, either way


@dataclass(frozen=True, slots=True)
class PastMessage:
    """One mail to this customer. ``step`` is "" where it was not about this case."""

    at: datetime
    template: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything `decide` may look at, fetched a moment ago."""

    mode: RetryMode
    failed_at: datetime  # the first failed attempt on this invoice
    invoice_status: str  # draft, open, paid, void, uncollectible, deleted
    amount_remaining_minor: int
    currency: str
    collection_method: str = "charge_automatically"
    subscription_status: str = "past_due"
    pause_collection: bool = False
    pause_reason: str = ""  # why a subscription with the status "paused" is paused
    leaving: bool = False  # the subscription goes on, but is set to end
    card: Card | None = None  # what would be charged now
    # The subscriber saw this invoice on the card page, and saved a card without ticking it.
    left_out_by_subscriber: bool = False
    # `card` was saved on the card page by somebody who was not asked about this invoice.
    card_saved_for_others: bool = False
    next_stripe_attempt_at: datetime | None = None
    attempts: tuple[PastAttempt, ...] = ()  # oldest first
    card_uses: tuple[CardUse, ...] = ()  # on `card`'s number, all that are known, oldest first
    # From an hour before `card` last began to fail technically, oldest first; else empty.
    issuer_answers: tuple[IssuerAnswer, ...] = ()
    messages: tuple[PastMessage, ...] = ()  # to this customer, last 60 days, oldest first
    has_email: bool = True
    suppressed: bool = False  # the customer asked for no more mail, or their address bounces
    credited: bool = False  # paid on Stripe, though no money came in since it failed
    disputed: bool = False  # a payment of this customer's is, and nobody let it go on
    fraud_warned: bool = False  # the same of a bank's early fraud warning
    timezone: str = "UTC"  # the subscriber's, else the account's
    stripe_retries_left: int | None = None  # None: unknown
    paid_hours: tuple[datetime, ...] = field(default=())  # this customer's past successful renewals
