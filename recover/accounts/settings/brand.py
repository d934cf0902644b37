"""The brand that an account's mails and pages wear, from its settings."""

from __future__ import annotations

from emails.brand import DEFAULT_COLOR, Brand
from recover.models import Account


def brand(account: Account) -> Brand:
    """Who this account's mails and pages are from."""
    return Brand(
        company_name=account.name or "Your subscription",
        color=account.color or DEFAULT_COLOR,
        logo_url=account.logo_url,
        support_email=account.support_email,
        website_url=account.website_url,
        postal_address=", ".join((account.postal_address or "").splitlines()),
        reply_to=account.reply_to or account.support_email,
        sender_name=account.sender_name or account.name,
        sender_email=account.sender_email,
    )
