"""What the core answers. Every decision carries its reason in plain words, for the founder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from recover.dunning.facts import Trigger
from recover.dunning.timing import Proposal


class CaseState(StrEnum):
    OPEN = "open"
    RECOVERED = "recovered"
    EXHAUSTED = "exhausted"
    CLOSED = "closed"


class CloseReason(StrEnum):
    """Why a case ended other than by payment; "" in the database while open or when recovered."""

    VOIDED = "voided"
    UNCOLLECTIBLE = "uncollectible"
    DELETED = "deleted"
    SUBSCRIPTION_ENDED = "subscription_ended"
    PAUSED = "paused"
    NOTHING_OWED = "nothing_owed"
    CREDITED = "credited"  # Stripe shows it paid, by credit notes: no money came in
    NOT_AUTOMATIC = "not_automatic"  # collection_method is send_invoice
    DISPUTED = "disputed"
    FRAUD_WARNING = "fraud_warning"  # the bank calls a payment of the customer's fraud
    DISCONNECTED = "disconnected"
    WINDOW_OVER = "window_over"  # exhausted: the campaign ran its course


class EndOfDunning(StrEnum):
    """What is done on Stripe about an exhausted case, by the account's setting."""

    LEAVE = "leave"
    CANCEL = "cancel"  # the subscription
    UNCOLLECTIBLE = "uncollectible"  # the invoice is marked so


@dataclass(frozen=True, slots=True)
class RetryPayment:
    """Charge the invoice now. ``proposal``: what a scheduled retry rests on."""

    trigger: Trigger
    reason: str
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Send this step's mail now."""

    step: str
    template: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing before ``until`` (aware UTC)."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The case is over. ``close_reason`` is None for a recovered one."""

    state: CaseState
    reason: str
    close_reason: CloseReason | None = None


Decision = RetryPayment | SendMessage | Wait | Stop
