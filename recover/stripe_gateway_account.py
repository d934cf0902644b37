"""One company's Stripe, as Recover sees it: every request Recover can make is a method here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from recover import stripe_gateway_answers as answers
from recover import stripe_parse as parse
from recover.errors import RecoverError, StripeRejected
from recover.stripe_gateway_client import (
    API_VERSION,
    ChargeListParams,
    Client,
    InvoiceListParams,
    InvoicePayParams,
    SubscriptionListParams,
    errors,
    found,
    stream,
)
from recover.stripe_objects import (
    CardField,
    CardSetup,
    Charge,
    Customer,
    Invoice,
    Payment,
    PaymentMethod,
    StripeAccountInfo,
    Subscription,
    WebhookEndpoint,
)
from recover.stripe_parse import NOTHING, Json

PAGE = 100  # Stripe's largest

# Stripe expands four levels at most, a list's `data` being one of them.
CUSTOMER_CARDS = ("invoice_settings.default_payment_method", "default_source")
SUBSCRIPTION_CARDS = (
    "default_payment_method",
    "default_source",
    *(f"customer.{card}" for card in CUSTOMER_CARDS),
)
LISTED_CARDS = [f"data.{card}" for card in SUBSCRIPTION_CARDS]
INVOICE_INTENT = ["payments.data.payment.payment_intent"]

# Ids of legacy cards, sources and bank accounts, which `pay` takes as another parameter.
LEGACY = ("card_", "src_", "ba_")
# Why an invoice of this status was not paid; Stripe says so in words only.
UNPAYABLE = {"paid": "invoice_already_paid", "void": "invoice_void", "draft": "invoice_draft"}


class StripeAccount:
    """One company's Stripe. Each method is one request unless it says otherwise.

    A case is refreshed by three: `invoice`, `subscription` (with every card that may be charged)
    and `customer_charges`. A restricted key needs write on Invoices, Subscriptions, Customers,
    SetupIntents, Checkout Sessions and Webhook Endpoints, and read on PaymentIntents,
    PaymentMethods, Charges, Products and the account.
    """

    def __init__(self, client: Client, *, livemode: bool) -> None:
        self._v1 = client.v1
        self._livemode = livemode

    # Reading: one object

    def invoice(self, invoice_id: str) -> Invoice | None:
        json = self._invoice(invoice_id)
        return parse.invoice(json) if json else None

    def subscription(self, subscription_id: str) -> Subscription | None:
        expand = [*SUBSCRIPTION_CARDS, "items.data.price.product"]
        json = found(lambda: self._v1.subscriptions.retrieve(subscription_id, {"expand": expand}))
        return parse.subscription(json) if json else None

    def customer(self, customer_id: str) -> Customer | None:
        """None where there never was one; ``deleted`` is set where there is none any more."""
        expand = list(CUSTOMER_CARDS)
        json = found(lambda: self._v1.customers.retrieve(customer_id, {"expand": expand}))
        return parse.customer(json) if json else None

    def payment_method(self, payment_method_id: str) -> PaymentMethod | None:
        json = found(lambda: self._v1.payment_methods.retrieve(payment_method_id))
        return parse.payment_method(json)

    def charge(self, charge_id: str) -> Charge | None:
        json = found(lambda: self._v1.charges.retrieve(charge_id))
        return parse.charge(json) if json else None

    def payment_intent(self, payment_intent_id: str) -> Payment | None:
        """How the latest try stands, with the client secret. Its ``invoice_status`` is ""."""
        json = found(lambda: self._v1.payment_intents.retrieve(payment_intent_id))
        return answers.payment_of_intent(json) if json else None

    def setup_intent(self, setup_intent_id: str) -> CardSetup | None:
        json = found(lambda: self._v1.setup_intents.retrieve(setup_intent_id))
        return parse.setup_intent(json) if json else None

    def checkout_session(self, session_id: str) -> CardSetup | None:
        expand = ["setup_intent"]
        json = found(lambda: self._v1.checkout.sessions.retrieve(session_id, {"expand": expand}))
        return parse.checkout_session(json) if json else None

    def account_info(self) -> StripeAccountInfo:
        with errors():
            json = self._v1.accounts.retrieve_current().to_dict()
        return parse.account_info(json, livemode=self._livemode)

    # Reading: lists, in pages of 100, one request each

    def charges(self, payment_intent_id: str) -> tuple[Charge, ...]:
        """Every authorisation on a PaymentIntent, oldest first."""
        params: ChargeListParams = {"payment_intent": payment_intent_id, "limit": PAGE}
        return _oldest_first(stream(lambda: self._v1.charges.list(params)))

    def customer_charges(self, customer_id: str, since: datetime) -> tuple[Charge, ...]:
        """A customer's charges created since then, oldest first."""
        params: ChargeListParams = {"customer": customer_id, "limit": PAGE}
        params["created"] = {"gte": int(since.timestamp())}
        return _oldest_first(stream(lambda: self._v1.charges.list(params)))

    def open_invoices(self, customer_id: str) -> tuple[Invoice, ...]:
        """A customer's open invoices, newest first, without `payment_intent_status`."""
        params: InvoiceListParams = {"customer": customer_id, "status": "open", "limit": PAGE}
        params["expand"] = ["data.payments"]
        return tuple(map(parse.invoice, stream(lambda: self._v1.invoices.list(params))))

    def invoices(
        self, *, status: str = "", created_since: datetime | None = None
    ) -> Iterator[Invoice]:
        """The account's invoices, newest first, streamed; without `payment_intent_status`."""
        params: InvoiceListParams = {"limit": PAGE, "expand": ["data.payments"]}
        if status:
            params["status"] = status
        if created_since:
            params["created"] = {"gte": int(created_since.timestamp())}
        return map(parse.invoice, stream(lambda: self._v1.invoices.list(params)))

    def subscriptions(self, *, status: str = "") -> Iterator[Subscription]:
        """Subscriptions with their cards, streamed: all that have not ended, or of one status."""
        params: SubscriptionListParams = {"limit": PAGE, "expand": LISTED_CARDS}
        if status:
            params["status"] = status
        return map(parse.subscription, stream(lambda: self._v1.subscriptions.list(params)))

    def customer_subscriptions(self, customer_id: str) -> tuple[Subscription, ...]:
        """A customer's subscriptions that have not ended, with their cards."""
        params: SubscriptionListParams = {"limit": PAGE, "expand": LISTED_CARDS}
        params["customer"] = customer_id
        return tuple(map(parse.subscription, stream(lambda: self._v1.subscriptions.list(params))))

    def invoice_for_payment_intent(self, payment_intent_id: str) -> str | None:
        """The id of the invoice that a PaymentIntent pays."""
        json = found(
            lambda: self._v1.invoice_payments.list(
                {
                    "payment": {"type": "payment_intent", "payment_intent": payment_intent_id},
                    "limit": 1,
                }
            )
        )
        return next((parse.id_of(one.get("invoice")) for one in parse.items_of(json)), None)

    def list_webhook_endpoints(self) -> tuple[WebhookEndpoint, ...]:
        pages = stream(lambda: self._v1.webhook_endpoints.list({"limit": PAGE}))
        return tuple(map(parse.webhook_endpoint, pages))

    # Writing

    def pay(
        self,
        invoice_id: str,
        *,
        payment_method_id: str | None = None,
        off_session: bool = True,
        idempotency_key: str,
    ) -> Payment:
        """Try to collect an invoice now. A decline is an answer; so is a wish for authentication.

        Two requests where Stripe's refusal leaves out what it was about. Raises StripeRejected
        where there is nothing to try, with Stripe's code or, as Stripe has none for these,
        `invoice_already_paid`, `invoice_void` or `invoice_draft`.
        """
        params: InvoicePayParams = {"off_session": off_session, "expand": INVOICE_INTENT}
        if payment_method_id and payment_method_id.startswith(LEGACY):
            params["source"] = payment_method_id
        elif payment_method_id:
            params["payment_method"] = payment_method_id
        try:
            with errors():
                paid = self._v1.invoices.pay(
                    invoice_id, params, {"idempotency_key": idempotency_key}
                )
        except answers.Declined as declined:
            return self._declined(invoice_id, declined.error)
        except StripeRejected as refused:
            raise self._explained(invoice_id, refused) from None
        return answers.payment_of_invoice(paid.to_dict())

    def create_setup_intent(
        self, customer_id: str, *, idempotency_key: str, metadata: Mapping[str, str]
    ) -> CardSetup:
        """For the Payment Element. Which methods it offers is set in the Stripe Dashboard."""
        with errors():
            made = self._v1.setup_intents.create(
                {"customer": customer_id, "usage": "off_session", "metadata": dict(metadata)},
                {"idempotency_key": idempotency_key},
            )
        return parse.setup_intent(made.to_dict())

    def create_checkout_session(
        self,
        customer_id: str,
        *,
        success_url: str,
        cancel_url: str,
        idempotency_key: str,
        metadata: Mapping[str, str],
        currency: str,
    ) -> CardSetup:
        """Stripe's hosted page in setup mode; ``currency`` decides which methods it offers."""
        with errors():
            made = self._v1.checkout.sessions.create(
                {
                    "mode": "setup",
                    "customer": customer_id,
                    "currency": currency,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                    "metadata": dict(metadata),
                    "setup_intent_data": {"metadata": dict(metadata)},
                    "expand": ["setup_intent"],
                },
                {"idempotency_key": idempotency_key},
            )
        return parse.checkout_session(made.to_dict())

    def set_default_method(
        self, field: CardField, *, customer_id: str, subscription_id: str, payment_method_id: str
    ) -> None:
        """Make a payment method the one that ``field`` was: on the subscription or the customer.

        In place of a legacy source, the method field of the same object is set; Stripe prefers it.
        """
        with errors():
            if field in {CardField.SUBSCRIPTION_METHOD, CardField.SUBSCRIPTION_SOURCE}:
                self._v1.subscriptions.update(
                    subscription_id, {"default_payment_method": payment_method_id}
                )
            else:
                self._v1.customers.update(
                    customer_id,
                    {"invoice_settings": {"default_payment_method": payment_method_id}},
                )

    def cancel_subscription(self, subscription_id: str) -> None:
        with errors():
            self._v1.subscriptions.cancel(subscription_id)

    def mark_uncollectible(self, invoice_id: str) -> None:
        with errors():
            self._v1.invoices.mark_uncollectible(invoice_id)

    def create_webhook_endpoint(self, url: str, events: Sequence[str]) -> tuple[str, str]:
        """Its id and its signing secret, which Stripe tells only now. Events in our version."""
        names: list[Any] = list(events)  # the SDK's type is a closed list; Stripe's own is not
        with errors():
            made = self._v1.webhook_endpoints.create(
                {"url": url, "enabled_events": names, "api_version": API_VERSION}
            ).to_dict()
        return parse.id_of(made), made.get("secret") or ""

    def _invoice(self, invoice_id: str) -> Json | None:
        return found(lambda: self._v1.invoices.retrieve(invoice_id, {"expand": INVOICE_INTENT}))

    def _declined(self, invoice_id: str, error: Json) -> Payment:
        intent, status = parse.child(error, "payment_intent"), "open"
        if not intent:
            after = self._afterwards(invoice_id)
            intent, status = parse.default_intent(after), after.get("status") or status
        return answers.payment_of_error(error, intent, invoice_status=status)

    def _explained(self, invoice_id: str, refused: StripeRejected) -> StripeRejected:
        """The refusal with a code, read off the invoice where Stripe gave none."""
        status = "" if refused.code else self._afterwards(invoice_id).get("status") or ""
        return StripeRejected(str(refused), code=refused.code or UNPAYABLE.get(status, ""))

    def _afterwards(self, invoice_id: str) -> Json:
        """The invoice after a refusal; empty where it cannot be had. The refusal stands anyway."""
        try:
            return self._invoice(invoice_id) or NOTHING
        except RecoverError:
            return NOTHING


def _oldest_first(newest_first: Iterator[Json]) -> tuple[Charge, ...]:
    return tuple(map(parse.charge, newest_first))[::-1]
