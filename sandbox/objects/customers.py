"""Accounts, customers, and what they pay with."""

from __future__ import annotations

from typing import Any

from sandbox.cards import CardTruth
from sandbox.shapes import shape
from sandbox.state import Obj, State, Store

_LEGACY_BRANDS = {
    "visa": "Visa",
    "mastercard": "MasterCard",
    "amex": "American Express",
    "discover": "Discover",
}


def account(
    state: State, name: str, *, country: str = "US", currency: str = "usd", timezone: str = "UTC"
) -> Store:
    store = Store(state, {})
    acct = shape("account", country=country, default_currency=currency, details_submitted=True)
    acct["id"] = state.mint("acct", name)[:21]
    acct["created"] = state.epoch()
    acct["email"] = "billing@example.com"
    acct["business_profile"].update(
        name=name, support_email="support@example.com", url="https://example.com"
    )
    acct["settings"]["dashboard"].update(display_name=name, timezone=timezone)
    store.account = acct
    state.stores[store.id] = store
    return store


def customer(
    store: Store,
    *,
    name: str | None = None,
    email: str | None = None,
    country: str | None = None,
    timezone: str = "",
    locale: str = "",
    currency: str = "usd",
    metadata: dict[str, str] | None = None,
) -> Obj:
    """``email=None``: a customer without an address."""
    return store.put(
        shape(
            "customer",
            id=store.mint("cus", store.id),
            name=name,
            email=email,
            currency=currency,
            created=store.epoch(),
            invoice_prefix=store.state.chance.token(8, "prefix", store.id, email, name).upper(),
            preferred_locales=[locale] if locale else [],
            address=None if country is None else _address(country),
            metadata=dict(metadata or {}) | ({"timezone": timezone} if timezone else {}),
        )
    )


def _address(country: str) -> Obj:
    blank = dict.fromkeys(("city", "line1", "line2", "postal_code", "state"))
    return {**blank, "country": country}


def payment_method(
    store: Store,
    truth: CardTruth,
    *,
    exp_month: int = 12,
    exp_year: int = 2034,
    customer_id: str | None = None,
    name: str | None = None,
) -> Obj:
    method = shape(
        "payment_method",
        id=store.mint("pm", store.id, customer_id or truth.fingerprint),
        created=store.epoch(),
        customer=customer_id,
    )
    method["billing_details"]["name"] = name
    show_card(method["card"], truth, exp_month, exp_year)
    store.state.truths[method["id"]] = truth
    return store.put(method)


def show_card(card: Obj, truth: CardTruth, exp_month: int, exp_year: int) -> None:
    """Fill a payment method's ``card`` with what an API may show of the truth."""
    card.update(
        brand=truth.brand,
        display_brand={"amex": "american_express"}.get(truth.brand, truth.brand),
        country=truth.country,
        exp_month=exp_month,
        exp_year=exp_year,
        fingerprint=truth.fingerprint,
        funding=truth.funding,
        last4=truth.last4,
        networks={"available": [truth.brand], "preferred": None},
    )


def legacy_card(
    store: Store, truth: CardTruth, customer_id: str, *, exp_month: int, exp_year: int
) -> Obj:
    """A card from before payment methods, kept as the customer's source."""
    card = shape(
        "card",
        id=store.mint("card", customer_id),
        brand=_LEGACY_BRANDS[truth.brand],
        country=truth.country,
        customer=customer_id,
        exp_month=exp_month,
        exp_year=exp_year,
        fingerprint=truth.fingerprint,
        funding=truth.funding,
        last4=truth.last4,
    )
    store.state.truths[card["id"]] = truth
    return store.put(card)


def expiry(store: Store, method_id: str) -> tuple[int, int]:
    """(month, year) of a payment method or legacy card."""
    method = store.get(method_id)
    card: dict[str, Any] = method.get("card", method)
    return card["exp_month"], card["exp_year"]
