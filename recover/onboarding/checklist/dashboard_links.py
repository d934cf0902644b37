"""Links to the pages of Stripe's Dashboard on which settings may have to be changed."""

from __future__ import annotations

from dataclasses import dataclass

from recover.models import Account

DASHBOARD = "https://dashboard.stripe.com"
PAGES = {
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
    """The named ones of `PAGES`, in the account's own mode."""
    base = DASHBOARD if account.livemode else f"{DASHBOARD}/test"
    return tuple(DashboardPage(PAGES[name][0], base + PAGES[name][1]) for name in names)
