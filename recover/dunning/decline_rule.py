"""The shape of one row of the decline table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

HARD_CODES = frozenset(
    {
        "authentication_required",
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    }
)
"""Stripe's own nine: its scheduler does not execute a retry on them without a new payment method.
Nothing says that its pay endpoint refuses them, so we hold to them ourselves."""


class DeclineCategory(StrEnum):
    """What a decline calls for."""

    RETRY_LATER = "retry_later"  # the same card may work at another time
    NEW_PAYMENT_METHOD = "new_payment_method"  # this card data will not work again
    CUSTOMER_ACTION = "customer_action"  # the same card works once its holder acts
    NEVER = "never"  # the network or the issuer forbids any further attempt on this card


class Pace(StrEnum):
    """How soon a retry makes sense."""

    SOON = "soon"  # technical: hours
    DAY = "day"  # a day or more
    PAYDAY = "payday"  # when money arrives
    NONE = "none"  # not at all


@dataclass(frozen=True, slots=True)
class DeclineRule:
    """What one decline means. NEVER speaks of this card only: another card reopens the way."""

    code: str  # the Stripe code that decided
    category: DeclineCategory
    pace: Pace
    subscriber_reason: str  # which copy the mail uses; "generic" wherever `disclose` is False
    text: str  # for the founder, in plain words
    disclose: bool = True  # may the subscriber be told the kind of reason?
    cancel_intent: bool = False  # the cardholder told the bank to stop these payments
    not_before: timedelta | None = None  # since the decline; the network's or Stripe's own wish
    known: bool = True  # False: a code this table has never heard of

    @property
    def bars_card(self) -> bool:
        """True where no unattended attempt on the same card is allowed, now or later."""
        return self.category is DeclineCategory.NEVER or self.code in HARD_CODES
