"""Where Stripe's Dashboard keeps what may have to be changed, by its own names."""

from __future__ import annotations

from dataclasses import dataclass

from recover.models import Account

DASHBOARD = "https://dashboard.stripe.com"
PLACES = {
    "retries": ("Billing > Revenue recovery > Retries", "/revenue_recovery/retries"),
    "mails": ("Billing > Revenue recovery > Emails", "/revenue_recovery/emails"),
    "automatic": ("Settings > Billing > Subscriptions and emails", "/settings/billing/automatic"),
    "webhooks": ("Workbench > Webhooks", "/webhooks"),
}


@dataclass(frozen=True, slots=True)
class DashboardPage:
    """A page of Stripe's Dashboard."""

    name: str
    url: str


def dashboard_pages(account: Account, *names: str) -> tuple[DashboardPage, ...]:
    """Some of `PLACES`, in the account's own mode."""
    base = DASHBOARD if account.livemode else f"{DASHBOARD}/test"
    return tuple(DashboardPage(PLACES[name][0], base + PLACES[name][1]) for name in names)
