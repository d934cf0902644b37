"""Caps on the card page, which card testers would abuse: rows are counted in the database, so the
caps hold for all web processes together.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from recover.foundation.errors import PermanentError
from recover.models import Account, CardUpdate, Link
from recover.services import Services
from recover.stripe_api.objects import PaymentMethod

PER_LINK, PER_LINK_FOR = 6, timedelta(hours=24)
PER_ORIGIN, PER_ORIGIN_FOR = 12, timedelta(hours=1)
PER_CARD, PER_CARD_FOR = 3, timedelta(hours=24)  # customers one card number may be saved for


class TooManyCardUpdates(PermanentError):
    """The page was used too often from one ``scope``: link, origin or card."""

    def __init__(self, message: str, *, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


def check_caps(session: Session, services: Services, link: Link, origin: str) -> None:
    now = services.now()
    of_link = _count_updates(
        session, CardUpdate.link_id == link.id, CardUpdate.created_at > now - PER_LINK_FOR
    )
    of_origin = _count_updates(
        session, CardUpdate.origin_hash == origin, CardUpdate.created_at > now - PER_ORIGIN_FOR
    )
    if of_link >= PER_LINK:
        raise TooManyCardUpdates("the link was used too often today", scope="link")
    if of_origin >= PER_ORIGIN:
        raise TooManyCardUpdates("too many attempts from one network", scope="origin")


def _count_updates(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count(CardUpdate.id)).where(*conditions)) or 0


def check_card(
    services: Services, account: Account, link: Link, row: CardUpdate, method: PaymentMethod
) -> None:
    """Raises TooManyCardUpdates for a card saved for many customers today, as card testers do."""
    if not method.fingerprint:
        return
    query = (
        select(func.count(func.distinct(Link.stripe_customer_id)))
        .join(CardUpdate, CardUpdate.link_id == Link.id)
        .where(
            CardUpdate.account_id == account.id,
            CardUpdate.card_fingerprint == method.fingerprint,
            CardUpdate.created_at > services.now() - PER_CARD_FOR,
            Link.stripe_customer_id != link.stripe_customer_id,
        )
    )
    with services.db.begin() as session:
        session.get_one(CardUpdate, row.id).card_fingerprint = method.fingerprint
        others = session.scalar(query) or 0
    if others >= PER_CARD:
        raise TooManyCardUpdates("one card was saved for too many customers today", scope="card")
