"""The request models: they validate each call, and the OpenAPI document describes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from recover.api.field_types import (
    AccountId,
    CaseId,
    DeliveryId,
    EventType,
    Limit,
    MomentIn,
    State,
    StripeId,
    Url,
    public_id,
)
from recover.integrations.webhook_events import EVENTS


class In(BaseModel):
    """The base of every request model: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Paged(In):
    limit: Limit = Field(20, description="How many at most.")


class CaseQuery(Paged):
    after: Annotated[str, public_id("case")] | None = Field(
        None, description="The `next` of a page."
    )
    account: AccountId | None = None
    state: State | None = None
    customer: StripeId | None = Field(None, description="Stripe's id: cus_...")
    subscription: StripeId | None = Field(None, description="Stripe's id: sub_...")
    created_gte: MomentIn | None = Field(None, description="Opened at this moment or later.")
    created_lt: MomentIn | None = Field(None, description="Opened before this moment.")


class AttemptQuery(Paged):
    after: Annotated[str, public_id("att")] | None = Field(
        None, description="The `next` of a page."
    )
    account: AccountId | None = None
    case: CaseId | None = None


class MessageQuery(Paged):
    after: Annotated[str, public_id("msg")] | None = Field(
        None, description="The `next` of a page."
    )
    account: AccountId | None = None
    case: CaseId | None = None
    customer: StripeId | None = Field(None, description="Stripe's id: cus_...")


class TimelineQuery(Paged):
    after: Annotated[str, public_id("rec")] | None = Field(
        None, description="The `next` of a page."
    )


class DeliveryQuery(Paged):
    after: DeliveryId | None = Field(None, description="The `next` of a page.")


class StatsQuery(In):
    period: Literal["7d", "30d", "90d", "365d", "all"] = "30d"
    account: AccountId | None = None


class AccessQuery(In):
    subscription: StripeId | None = Field(None, description="Only this one counts: sub_...")
    account: AccountId | None = None


class EndpointIn(In):
    url: Url = Field(description="https:// and a public host.")
    events: list[EventType] = Field(min_length=1, max_length=len(EVENTS))
    account: AccountId | None = Field(None, description="Needed where the token sees several.")


class EndpointChange(In):
    """What is left out stays as it is."""

    url: Url | None = None
    events: list[EventType] | None = Field(None, min_length=1, max_length=len(EVENTS))
    enabled: bool | None = None
