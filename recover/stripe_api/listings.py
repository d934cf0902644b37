"""Stripe's listings for one account: every one that Recover can request is a method here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from recover.stripe_api import dispute_parsing, money_parsing, parsing_accounts
from recover.stripe_api import parsing as parse
from recover.stripe_api.json_fields import Json, id_of, items_of
from recover.stripe_api.objects import (
    Charge,
    Dispute,
    FraudWarning,
    Invoice,
    Refund,
    Subscription,
    WebhookEndpoint,
)
from recover.stripe_api.sdk import (
    ChargeListParams,
    Client,
    DisputeListParams,
    EarlyFraudWarningListParams,
    InvoiceListParams,
    RefundListParams,
    SubscriptionListParams,
    fetch_or_none,
    page,
    stream,
)

PAGE = 100  # Stripe's largest

# Stripe expands four levels at most, a list's `data` being one of them.
CUSTOMER_CARDS = ("invoice_settings.default_payment_method", "default_source")
SUBSCRIPTION_CARDS = (
    "default_payment_method",
    "default_source",
    *(f"customer.{card}" for card in CUSTOMER_CARDS),
)
LISTED_CARDS = [f"data.{card}" for card in SUBSCRIPTION_CARDS]


Listed = TypeVar("Listed", Invoice, Charge)
Read = TypeVar("Read", Invoice, Subscription)
NOT_AS_EXPECTED = (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
Unreadable = Callable[[str, str], object]
"""Told the id of an object that cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Listed]):
    """At most a hundred objects, newest first, got by one request."""

    items: tuple[Listed, ...]
    more: bool


class StripeLists:
    """The listings of one account, in pages of 100, one request each."""

    def __init__(self, client: Client, *, livemode: bool) -> None:
        self._client = client
        self._v1 = client.v1
        self._livemode = livemode

    def charges(self, payment_intent_id: str) -> tuple[Charge, ...]:
        """Every authorisation on a PaymentIntent, oldest first."""
        params: ChargeListParams = {"payment_intent": payment_intent_id, "limit": PAGE}
        return _oldest_first(stream(lambda: self._v1.charges.list(params)))

    def customer_charges(self, customer_id: str, since: datetime) -> tuple[Charge, ...]:
        """A customer's charges created since then, oldest first."""
        params: ChargeListParams = {"customer": customer_id, "limit": PAGE}
        params["created"] = {"gte": int(since.timestamp())}
        return _oldest_first(stream(lambda: self._v1.charges.list(params)))

    def account_charges(self, since: datetime, until: datetime) -> Iterator[Charge]:
        """Every charge created from ``since`` to ``until``, newest first, streamed.

        Both ends are included, to the second.
        """
        params: ChargeListParams = {"limit": PAGE}
        params["created"] = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
        return map(parse.charge, stream(lambda: self._v1.charges.list(params)))

    def refunds(self, since: datetime) -> Iterator[Refund]:
        """Every refund created since then, newest first, streamed."""
        params: RefundListParams = {"limit": PAGE, "created": {"gte": int(since.timestamp())}}
        return map(money_parsing.refund, stream(lambda: self._v1.refunds.list(params)))

    def charge_disputes(self, charge_id: str) -> tuple[Dispute, ...]:
        """The disputes of one charge, inquiries included, newest first."""
        params: DisputeListParams = {"charge": charge_id, "limit": PAGE}
        return tuple(map(dispute_parsing.dispute, stream(lambda: self._v1.disputes.list(params))))

    def charge_fraud_warnings(self, charge_id: str) -> tuple[FraudWarning, ...]:
        """The early fraud warnings about one charge, newest first."""
        params: EarlyFraudWarningListParams = {"charge": charge_id, "limit": PAGE}
        found = stream(lambda: self._v1.radar.early_fraud_warnings.list(params))
        return tuple(map(dispute_parsing.fraud_warning, found))

    def disputes(self, since: datetime) -> Iterator[Dispute]:
        """The account's disputes that began since then, newest first, streamed."""
        params: DisputeListParams = {"limit": PAGE, "created": {"gte": int(since.timestamp())}}
        return map(dispute_parsing.dispute, stream(lambda: self._v1.disputes.list(params)))

    def fraud_warnings(self, since: datetime) -> Iterator[FraudWarning]:
        """The account's early fraud warnings since then, newest first, streamed."""
        params: EarlyFraudWarningListParams = {"limit": PAGE}
        params["created"] = {"gte": int(since.timestamp())}
        found = stream(lambda: self._v1.radar.early_fraud_warnings.list(params))
        return map(dispute_parsing.fraud_warning, found)

    def open_invoices(self, customer_id: str) -> tuple[Invoice, ...]:
        """A customer's open invoices, newest first, without `payment_intent_status`."""
        params: InvoiceListParams = {"customer": customer_id, "status": "open", "limit": PAGE}
        params["expand"] = ["data.payments"]
        return tuple(map(parse.invoice, stream(lambda: self._v1.invoices.list(params))))

    def invoices(
        self,
        *,
        status: str = "",
        created_since: datetime | None = None,
        created_until: datetime | None = None,
        unreadable: Unreadable | None = None,
    ) -> Iterator[Invoice]:
        """The account's invoices, newest first, streamed; without `payment_intent_status`.

        Both ends are included, to the second; ``created_until`` counts only with the other one.
        """
        params: InvoiceListParams = {"limit": PAGE, "expand": ["data.payments"]}
        if status:
            params["status"] = status
        if created_since:
            params["created"] = {"gte": int(created_since.timestamp())}
        if created_since and created_until:
            since, until = int(created_since.timestamp()), int(created_until.timestamp())
            params["created"] = {"gte": since, "lte": until}
        listed = stream(lambda: self._v1.invoices.list(params))
        return _read_each(parse.invoice, listed, unreadable)

    def invoice_page(self, since: datetime, until: datetime, after: str = "") -> Page[Invoice]:
        """The invoices created from ``since`` to ``until``, both included; those ``after`` an id.

        Raises StripeRejected with the code ``resource_missing`` where that invoice is gone.
        """
        params: InvoiceListParams = {"limit": PAGE, "expand": ["data.payments"]}
        params["created"] = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
        if after:
            params["starting_after"] = after
        items, more = page(lambda: self._v1.invoices.list(params))
        return Page(tuple(map(parse.invoice, items)), more)

    def charge_page(self, since: datetime, until: datetime, after: str = "") -> Page[Charge]:
        """As `invoice_page`, of charges."""
        params: ChargeListParams = {"limit": PAGE}
        params["created"] = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
        if after:
            params["starting_after"] = after
        items, more = page(lambda: self._v1.charges.list(params))
        return Page(tuple(map(parse.charge, items)), more)

    def subscriptions(
        self, *, status: str = "", unreadable: Unreadable | None = None
    ) -> Iterator[Subscription]:
        """Subscriptions with their cards, streamed: all that have not ended, or of one status."""
        params: SubscriptionListParams = {"limit": PAGE, "expand": LISTED_CARDS}
        if status:
            params["status"] = status
        listed = stream(lambda: self._v1.subscriptions.list(params))
        return _read_each(parse.subscription, listed, unreadable)

    def customer_subscriptions(self, customer_id: str) -> tuple[Subscription, ...]:
        """A customer's subscriptions that have not ended, with their cards."""
        params: SubscriptionListParams = {"limit": PAGE, "expand": LISTED_CARDS}
        params["customer"] = customer_id
        return tuple(map(parse.subscription, stream(lambda: self._v1.subscriptions.list(params))))

    def invoice_for_payment_intent(self, payment_intent_id: str) -> str | None:
        """The id of the invoice that a PaymentIntent pays."""
        json = fetch_or_none(
            lambda: self._v1.invoice_payments.list(
                {
                    "payment": {"type": "payment_intent", "payment_intent": payment_intent_id},
                    "limit": 1,
                }
            )
        )
        return next((id_of(one.get("invoice")) for one in items_of(json)), None)

    def list_webhook_endpoints(self) -> tuple[WebhookEndpoint, ...]:
        pages = stream(lambda: self._v1.webhook_endpoints.list({"limit": PAGE}))
        return tuple(map(parsing_accounts.webhook_endpoint, pages))


def _read_each(
    read: Callable[[Json], Read], listed: Iterator[Json], unreadable: Unreadable | None
) -> Iterator[Read]:
    """Each object of a list; one that cannot be read is told to ``unreadable`` and left out."""
    for json in listed:
        try:
            found = read(json)
        except NOT_AS_EXPECTED as error:
            if unreadable is None:
                raise
            unreadable(id_of(json), f"Stripe shows it in a form that cannot be read: {error!r}")
        else:
            yield found


def _oldest_first(newest_first: Iterator[Json]) -> tuple[Charge, ...]:
    return tuple(map(parse.charge, newest_first))[::-1]
