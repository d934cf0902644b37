"""Exact little worlds by hand, for tests: this customer, this card, these answers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sandbox import billing, lifecycle, weather
from sandbox.cards import CardTruth, fresh_number, from_number
from sandbox.objects import charges, customers, subscriptions
from sandbox.state import Obj, State, Store

APPROVE = "approve"


class Seeding:
    """Mixed into `Sandbox`. Customers and subscriptions are returned as Stripe's live dicts."""

    state: State
    store: Store

    def issue_card(self, brand: str = "visa", *name: object) -> str:
        """A valid, good card number; a new one at every call, or the same for the same name."""
        with self.state.lock:
            name = name or ("issued", self.state.mint("number"))
            return fresh_number(self.state.chance, *name, brand=brand)

    def add_customer(
        self,
        email: str | None = "ada@example.test",
        card: str | None = "4242424242424242",
        *,
        name: str = "Ada Example",
        exp_month: int = 12,
        exp_year: int = 2034,
        country: str = "US",
        timezone: str = "",
        locale: str = "en",
        currency: str = "usd",
        legacy_source: bool = False,
    ) -> Obj:
        """A customer whose default card behaves like this test number; ``card=None`` for none.

        Unlike a typed-in number, it has a fingerprint of its own, so that two customers never share
        one card's budget of tries by accident.
        """
        with self.state.lock:
            made = customers.customer(
                self.store,
                name=name,
                email=email,
                country=country,
                timezone=timezone,
                locale=locale,
                currency=currency,
            )
            if card and legacy_source:
                truth = self._truth(card, made["id"])
                source = customers.legacy_card(
                    self.store, truth, made["id"], exp_month=exp_month, exp_year=exp_year
                )
                made["default_source"] = source["id"]
            elif card:
                method_id = self.add_card(made["id"], card, exp_month=exp_month, exp_year=exp_year)
                made["invoice_settings"]["default_payment_method"] = method_id
            return made

    def _truth(self, number: str, owner: str) -> CardTruth:
        truth = from_number(number, self.state.chance)
        seeded = self.state.mint("seeded", number, owner)
        truth.fingerprint = self.state.chance.token(16, seeded)
        return truth

    def add_card(
        self, customer_id: str, number: str, *, exp_month: int = 12, exp_year: int = 2034
    ) -> str:
        """Another stored card with a fingerprint of its own, default of nothing; its method's id.

        No event is sent.
        """
        with self.state.lock:
            method = customers.payment_method(
                self.store,
                self._truth(number, customer_id),
                exp_month=exp_month,
                exp_year=exp_year,
                customer_id=customer_id,
            )
            return str(method["id"])

    def add_subscription(
        self,
        customer: Obj,
        amount: int = 2900,
        currency: str = "usd",
        renews_at: datetime | None = None,
        *,
        product: str = "Pro",
        method: str | None = None,
        collection_method: str = "charge_automatically",
    ) -> Obj:
        """Monthly, active; ``method`` is the subscription's own default payment method, if any."""
        with self.state.lock:
            renews_at = renews_at or self.state.now() + timedelta(days=30)
            price = subscriptions.price(self.store, amount, currency, product_name=product)
            sub = subscriptions.subscription(
                self.store,
                customer,
                price,
                (renews_at - timedelta(days=30), renews_at),
                collection_method=collection_method,
                default_payment_method=method,
            )
            billing.schedule(self.store, sub)
            return sub

    def script(self, card: str, answers: Iterable[str]) -> None:
        """The next answers of an issuer, in order: decline codes, or "approve".

        ``card`` is a payment method, a legacy card, or a customer with a default one.
        """
        with self.state.lock:
            truth = self.state.truths[self._method_of(card)]
            truth.script.extend("" if answer == APPROVE else answer for answer in answers)

    def bank_with(self, customer: Obj, issuer: int) -> None:
        """The customer's default card is this issuer's from now on."""
        with self.state.lock:
            self.state.truths[self._method_of(customer["id"])].issuer = issuer

    def break_issuer(self, issuer: int) -> None:
        """No card of this issuer gets an answer before `mend_issuer`, unless it has a script."""
        self.state.issuers.out_of_order.add(issuer)

    def mend_issuer(self, issuer: int) -> None:
        self.state.issuers.out_of_order.discard(issuer)

    def _method_of(self, holder: str) -> str:
        if not holder.startswith("cus_"):
            return holder
        customer = self.store.get(holder)
        default = customer["invoice_settings"]["default_payment_method"]
        return str(default or customer["default_source"])

    def renew(self, subscription: Obj) -> Obj:
        """Renew at once: the invoice, paid or failed by the card's truth."""
        with self.state.lock:
            return billing.renew_now(self.store, subscription)

    def fail_renewal(self, subscription: Obj, decline_code: str = "insufficient_funds") -> str:
        """Renew at once with this answer to the first try; the open invoice's id."""
        with self.state.lock:
            method = subscription["default_payment_method"] or subscription["default_source"]
            self.script(method or subscription["customer"], [decline_code])
            return str(self.renew(subscription)["id"])

    def add_invoice(self, customer: Obj, amount: int, currency: str = "usd") -> str:
        """An open one-off invoice nobody has tried to collect; its id."""
        with self.state.lock:
            now = self.state.epoch()
            line = subscriptions.line(
                self.store, amount, currency, description="Services", period=(now, now)
            )
            invoice = subscriptions.invoice(self.store, customer, [line], currency=currency)
            self.store.put(invoice)
            lifecycle.finalize(self.store, invoice)
            return str(invoice["id"])

    def change_amount_owed(self, invoice_id: str, amount: int) -> None:
        """Another amount is left to pay on an open invoice, as after a part of it was credited."""
        with self.state.lock:
            invoice = self.store.get(invoice_id)
            intent = charges.default_intent(self.store, invoice)
            if intent is not None:
                intent["amount"] = amount
            owed = {"amount_due": amount, "amount_remaining": amount}
            self.store.change(invoice, "invoice.updated", **owed)

    def automatically_update(self, method_id: str) -> None:
        """The networks' updater delivers a new number and date for a stored card."""
        with self.state.lock:
            weather.automatically_update(self.store, self.store.get(method_id))

    def pay_on_hosted_page(self, invoice_id: str) -> None:
        """The subscriber pays with a new card on Stripe's own invoice page."""
        with self.state.lock:
            weather.pay_on_hosted_page(self.store, self.store.get(invoice_id))

    def cancel(self, subscription: Obj) -> None:
        with self.state.lock:
            lifecycle.cancel_subscription(self.store, subscription, "cancellation_requested")

    def emit(self, event_type: str, object_id: str, previous: Obj | None = None) -> Obj:
        """Announce any event about an object as it is now."""
        with self.state.lock:
            return self.store.emit(event_type, self.store.get(object_id), previous)
