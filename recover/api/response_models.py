"""The response models. Fields may be added within a version; none is taken away."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from recover.api.field_types import (
    AccessState,
    AccountId,
    CaseId,
    Currency,
    DeliveryId,
    EndpointId,
    Minor,
    Moment,
    State,
    public_id,
)


class Out(BaseModel):
    """The base of every response model."""


class Case(Out):
    """One failed invoice and what is done about it."""

    id: CaseId
    object: Literal["case"]
    account: AccountId
    state: State
    close_reason: str | None
    invoice: str = Field(description="Stripe's id.")
    invoice_number: str | None
    customer: str = Field(description="Stripe's id.")
    customer_name: str | None
    customer_email: str | None
    subscription: str | None = Field(description="Stripe's id.")
    product: str | None
    currency: Currency
    amount_minor: Minor
    amount_remaining_minor: Minor
    decline_code: str | None = Field(description="Stripe's code of the latest decline.")
    decline_category: str | None
    card_brand: str | None
    card_last4: str | None
    failed_at: Moment
    opened_at: Moment
    closed_at: Moment | None
    next_step_at: Moment | None
    next_step_reason: str | None


class Attempt(Out):
    """One attempt to charge the card, by anyone."""

    id: Annotated[str, public_id("att")]
    object: Literal["attempt"]
    account: AccountId
    case: CaseId
    trigger: Literal["stripe", "schedule", "card_update", "subscriber", "founder"]
    outcome: Literal[
        "pending", "succeeded", "failed", "requires_action", "abandoned", "refused", "observed"
    ]
    reason: str
    currency: Currency
    amount_minor: Minor
    charge: str | None = Field(description="Stripe's id.")
    error_code: str | None
    decline_code: str | None
    card_brand: str | None
    card_last4: str | None
    attempted_at: Moment
    settled_at: Moment | None


class Message(Out):
    """One mail to a subscriber."""

    id: Annotated[str, public_id("msg")]
    object: Literal["message"]
    account: AccountId
    case: CaseId | None
    customer: str = Field(description="Stripe's id.")
    template: str
    status: Literal["pending", "sending", "sent", "refused", "uncertain", "skipped", "observed"]
    reason: str
    to_email: str
    subject: str | None
    error: str | None
    created_at: Moment
    sent_at: Moment | None


class TimelineEntry(Out):
    """One audit log entry of a case: who did what, and why."""

    id: Annotated[str, public_id("rec")]
    object: Literal["timeline_entry"]
    verb: str
    actor: str = Field(description="recover, stripe, subscriber, command, user:1, token:1.")
    reason: str
    at: Moment


class Account(Out):
    """A connected Stripe account."""

    id: AccountId
    object: Literal["account"]
    stripe_account: str
    livemode: bool
    name: str
    mode: Literal["recover", "stripe", "observe"]
    timezone: str
    connected: bool
    connected_at: Moment


class SourceFigures(Out):
    source: str
    invoices: int
    amount_minor: Minor


class CurrencyFigures(Out):
    """Nothing is converted: each currency stands for itself."""

    currency: Currency
    recovered_invoices: int
    recovered_minor: Minor = Field(description="Net of what was given back.")
    given_back_invoices: int
    given_back_minor: Minor
    at_risk_invoices: int
    at_risk_minor: Minor = Field(description="As of now, whatever the period.")
    lost_invoices: int
    lost_minor: Minor
    sources: list[SourceFigures]


class Cohort(Out):
    """What became of the invoices that first failed in the period."""

    failed: int
    recovered: int
    lost: int
    unfinished: int
    set_aside: int
    recovered_share: float | None = Field(description="Of those decided; null where none is.")


class Stats(Out):
    object: Literal["stats"]
    period: str
    since: Moment | None
    currencies: list[CurrencyFigures]
    cohort: Cohort


class SubscriptionAccess(Out):
    subscription: str | None
    state: AccessState
    reason: str
    since: Moment | None
    until: Moment | None


class Access(Out):
    """What a customer may use while an invoice is unpaid."""

    object: Literal["access"]
    customer: str
    state: AccessState = Field(description="grace: all still works; limited: it is over.")
    reason: str = Field(description="In plain words.")
    since: Moment | None = Field(description="The first failure that is still owed.")
    until: Moment | None = Field(description="When grace ends, or ended.")
    cases: list[CaseId] = Field(description="What is still owed, oldest first.")
    subscriptions: list[SubscriptionAccess] = Field(description="Each that ever failed.")


class RetryResult(Out):
    object: Literal["retry"]
    outcome: Literal["paid", "declined", "requires_action", "processing", "not_charged"]
    message: str
    case: Case


class RevokedLinks(Out):
    object: Literal["revoked_links"]
    case: CaseId
    count: int


class Endpoint(Out):
    id: EndpointId
    object: Literal["webhook_endpoint"]
    account: AccountId
    url: str
    events: list[str]
    enabled: bool
    trouble: str | None = Field(description="Why Recover switched it off by itself.")
    failing_since: Moment | None
    created_at: Moment


class EndpointWithSecret(Endpoint):
    secret: str = Field(description="Signs the events. Shown this once.")


class DeliveryAttempt(Out):
    at: Moment
    status_code: int = Field(description="0 where there was no answer.")
    took_ms: int
    error: str | None
    answer: str = Field(description="Its first 1,000 bytes.")


class Delivery(Out):
    id: DeliveryId
    object: Literal["webhook_delivery"]
    event: str
    type: str
    status: Literal["pending", "delivered", "given_up"]
    due_at: Moment | None
    created_at: Moment
    delivered_at: Moment | None
    tries: list[DeliveryAttempt] = Field(description="The latest ten, oldest first.")


class Page(Out):
    """Newest first. `next` goes into `after` for the page that follows; null: there is none."""

    object: Literal["list"]
    next: str | None


class CaseList(Page):
    data: list[Case]


class AttemptList(Page):
    data: list[Attempt]


class MessageList(Page):
    data: list[Message]


class TimelineList(Page):
    data: list[TimelineEntry]


class AccountList(Page):
    data: list[Account]


class EndpointList(Page):
    data: list[Endpoint]


class DeliveryList(Page):
    data: list[Delivery]
