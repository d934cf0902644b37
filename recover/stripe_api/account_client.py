"""One company's Stripe account: every request that Recover can make is a method here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recover.foundation.errors import RecoverError, StripeAccessLost, StripeRejected
from recover.stripe_api import parsing as parse
from recover.stripe_api import parsing_accounts
from recover.stripe_api import results as answers
from recover.stripe_api.json_fields import NOTHING, Json, child, id_of
from recover.stripe_api.key_permissions import Probe
from recover.stripe_api.listings import CUSTOMER_CARDS, SUBSCRIPTION_CARDS, StripeLists
from recover.stripe_api.objects import (
    CardField,
    CardSetup,
    Charge,
    Customer,
    Invoice,
    Payment,
    PaymentMethod,
    StripeAccountInfo,
    Subscription,
)
from recover.stripe_api.sdk import (
    API_VERSION,
    InvoicePayParams,
    RequestOptions,
    SubscriptionCancelParams,
    errors,
    fetch_or_none,
)

FORBIDDEN = 403
INVOICE_INTENT = ["payments.data.payment.payment_intent"]
INVOICE_CARDS = ["default_payment_method", "default_source"]

# Ids of legacy cards, sources and bank accounts, which `pay` takes as another parameter.
LEGACY_PREFIXES = ("card_", "src_", "ba_")
# The code for a refusal to pay an invoice of this status, for which Stripe has only words.
CODE_OF_STATUS = {"paid": "invoice_already_paid", "void": "invoice_void", "draft": "invoice_draft"}


class StripeAccount(StripeLists):
    """One company's Stripe account. Each method is one request unless it says otherwise.

    A case is refreshed by three of them: `invoice`, `subscription` (with every card that may be
    charged) and `customer_charges`. `recover.stripe_api.key_permissions` lists what a restricted
    key needs for all of it.
    """

    # Reading: one object

    def invoice(self, invoice_id: str) -> Invoice | None:
        json = self._invoice(invoice_id)
        return parse.invoice(json) if json else None

    def subscription(self, subscription_id: str) -> Subscription | None:
        expand = [*SUBSCRIPTION_CARDS, "items.data.price.product"]
        json = fetch_or_none(
            lambda: self._v1.subscriptions.retrieve(subscription_id, {"expand": expand})
        )
        return parse.subscription(json) if json else None

    def customer(self, customer_id: str) -> Customer | None:
        """None if there never was such a customer; a deleted one has ``deleted`` set."""
        expand = list(CUSTOMER_CARDS)
        json = fetch_or_none(lambda: self._v1.customers.retrieve(customer_id, {"expand": expand}))
        return parse.customer(json) if json else None

    def payment_method(self, payment_method_id: str) -> PaymentMethod | None:
        json = fetch_or_none(lambda: self._v1.payment_methods.retrieve(payment_method_id))
        return parse.payment_method(json)

    def charge(self, charge_id: str) -> Charge | None:
        """With its refunds looked at one by one: a failed one is none."""
        expand: list[str] = ["refunds"]
        json = fetch_or_none(lambda: self._v1.charges.retrieve(charge_id, {"expand": expand}))
        return parse.charge(json) if json else None

    def payment_intent(self, payment_intent_id: str) -> Payment | None:
        """The latest attempt on a PaymentIntent. Its ``invoice_status`` is ""."""
        json = fetch_or_none(lambda: self._v1.payment_intents.retrieve(payment_intent_id))
        return answers.payment_of_intent(json) if json else None

    def setup_intent(self, setup_intent_id: str) -> CardSetup | None:
        json = fetch_or_none(lambda: self._v1.setup_intents.retrieve(setup_intent_id))
        return parse.setup_intent(json) if json else None

    def checkout_session(self, session_id: str) -> CardSetup | None:
        expand = ["setup_intent"]
        json = fetch_or_none(
            lambda: self._v1.checkout.sessions.retrieve(session_id, {"expand": expand})
        )
        return parse.checkout_session(json) if json else None

    def account_info(self) -> StripeAccountInfo:
        with errors():
            json = self._v1.accounts.retrieve_current().to_dict()
        return parsing_accounts.account_info(json, livemode=self._livemode)

    # Writing

    def pay(
        self,
        invoice_id: str,
        *,
        payment_method_id: str | None = None,
        off_session: bool = True,
        idempotency_key: str,
    ) -> Payment:
        """Attempt to collect an invoice now. A decline, or a demand to authenticate, is returned.

        A second request is made if Stripe's refusal does not say what it is about. Raises
        StripeRejected if the invoice cannot be paid, with Stripe's code, or for states without one
        ``invoice_already_paid``, ``invoice_void`` or ``invoice_draft``.
        """
        params: InvoicePayParams = {"off_session": off_session, "expand": INVOICE_INTENT}
        if payment_method_id and payment_method_id.startswith(LEGACY_PREFIXES):
            params["source"] = payment_method_id
        elif payment_method_id:
            params["payment_method"] = payment_method_id
        try:
            with errors():
                paid = self._v1.invoices.pay(
                    invoice_id, params, {"idempotency_key": idempotency_key}
                )
        except answers.Declined as declined:
            return self._payment_of_decline(invoice_id, declined.error)
        except StripeRejected as refused:
            raise self._with_code(invoice_id, refused) from None
        return answers.payment_of_invoice(paid.to_dict())

    def create_setup_intent(
        self, customer_id: str, *, idempotency_key: str, metadata: Mapping[str, str]
    ) -> CardSetup:
        """A SetupIntent for the Payment Element; the Dashboard sets which methods that offers."""
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
        """Set the default payment method on the object of ``field``: subscription or customer.

        Where ``field`` is a legacy source, the method field of the same object is set instead;
        Stripe prefers it.
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

    def cancel_subscription(self, subscription_id: str, *, comment: str = "") -> None:
        """Cancel at once. Stripe's Dashboard shows ``comment`` with the cancellation."""
        details: SubscriptionCancelParams = {"cancellation_details": {"comment": comment}}
        with errors():
            self._v1.subscriptions.cancel(subscription_id, details if comment else None)

    def mark_uncollectible(self, invoice_id: str, *, idempotency_key: str = "") -> None:
        options: RequestOptions = {"idempotency_key": idempotency_key} if idempotency_key else {}
        with errors():
            self._v1.invoices.mark_uncollectible(invoice_id, None, options)

    def create_webhook_endpoint(self, url: str, events: Sequence[str]) -> tuple[str, str]:
        """Make an endpoint for ``events`` in `API_VERSION`.

        Returns its id and its signing secret, which Stripe shows only now.
        """
        names: list[Any] = list(events)  # the SDK's type is a closed list; Stripe's own is not
        with errors():
            made = self._v1.webhook_endpoints.create(
                {"url": url, "enabled_events": names, "api_version": API_VERSION}
            ).to_dict()
        return id_of(made), made.get("secret") or ""

    def set_webhook_events(self, endpoint_id: str, events: Sequence[str]) -> None:
        """Have an endpoint get ``events`` and no others. Its version and its secret stay."""
        names: list[Any] = list(events)
        with errors():
            self._v1.webhook_endpoints.update(endpoint_id, {"enabled_events": names})

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Delete an endpoint; one that is already gone is no error."""
        fetch_or_none(lambda: self._v1.webhook_endpoints.delete(endpoint_id))

    def missing_permission(self, probe: Probe) -> str:
        """Stripe's words for the permission that the key lacks for this request; "" if none.

        The result of the request itself, such as "no such invoice", is ignored. Raises
        StripeAccessLost if the key is not valid at all, StripeUnavailable.
        """
        try:
            with errors():
                self._client.raw_request(probe.method.lower(), probe.path, **probe.params)
        except StripeAccessLost as refused:
            if refused.status != FORBIDDEN:
                raise
            return str(refused)
        except StripeRejected:
            pass  # understood and refused for another reason: the permission is there
        return ""

    def _invoice(self, invoice_id: str) -> Json | None:
        return fetch_or_none(
            lambda: self._v1.invoices.retrieve(
                invoice_id, {"expand": [*INVOICE_INTENT, *INVOICE_CARDS]}
            )
        )

    def _payment_of_decline(self, invoice_id: str, error: Json) -> Payment:
        intent, status = child(error, "payment_intent"), "open"
        if not intent:
            invoice = self._invoice_after_refusal(invoice_id)
            intent, status = parse.default_intent(invoice), invoice.get("status") or status
        return answers.payment_of_error(error, intent, invoice_status=status)

    def _with_code(self, invoice_id: str, refused: StripeRejected) -> StripeRejected:
        """The refusal with a code, taken from the invoice's status if Stripe gave none."""
        status = "" if refused.code else self._invoice_after_refusal(invoice_id).get("status") or ""
        return StripeRejected(str(refused), code=refused.code or CODE_OF_STATUS.get(status, ""))

    def _invoice_after_refusal(self, invoice_id: str) -> Json:
        """The invoice after a refusal; empty if it cannot be fetched."""
        try:
            return self._invoice(invoice_id) or NOTHING
        except RecoverError:
            return NOTHING
