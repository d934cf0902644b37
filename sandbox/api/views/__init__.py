"""The views, one module per part of Stripe's API."""

from __future__ import annotations

from importlib import import_module

_MODULES = (
    "accounts",
    "charges",
    "checkout",
    "credit_notes",
    "customers",
    "events",
    "intents",
    "invoices",
    "money",
    "payment_methods",
    "subscriptions",
    "webhook_endpoints",
)


def load() -> None:
    """Import every view, so that its routes are entered."""
    for name in _MODULES:
        import_module(f"sandbox.api.views.{name}")
