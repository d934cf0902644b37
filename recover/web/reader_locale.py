"""The language of a subscriber's page: the customer's own, else what the browser asks for."""

from __future__ import annotations

from flask import request
from sqlalchemy import select

from recover.models import Account, RecoveryCase
from recover.services import Services
from recover.web.translations import Words, words_for


def words(account: Account | None = None, locale: str = "") -> Words:
    accepted = [tag for tag, _ in request.accept_languages]
    return words_for(locale, accepted, (account.timezone if account else "") or "UTC")


def known_locale(services: Services, account: Account, customer_id: str) -> str:
    """The locale Stripe last showed for a customer, for pages that do not ask it again."""
    query = (
        select(RecoveryCase.locale)
        .where(
            RecoveryCase.account_id == account.id, RecoveryCase.stripe_customer_id == customer_id
        )
        .order_by(RecoveryCase.id.desc())
    )
    with services.db.read() as session:
        return session.scalar(query.limit(1)) or ""
