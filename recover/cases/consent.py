"""What a subscriber agreed to on the card page, and what they left out. Only reads.

A card is saved for the invoices that were ticked. One that was shown and not ticked is not charged
before the subscriber asks for it; one that was not on the page at all is not charged at once.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.dunning import Card, Trigger
from recover.models import Attempt, CardUpdate, CardUpdateStatus, Link, RecoveryCase


def left_out(session: Session, case: RecoveryCase) -> bool:
    """Whether the subscriber saw this invoice when they last saved a card, and did not tick it.

    What they asked for since takes it back.
    """
    shown = [one for one in _saved_cards(session, case) if case.stripe_invoice_id in one.shown]
    if not shown or case.stripe_invoice_id in shown[-1].invoice_ids:
        return False
    asked_since = select(Attempt.id).where(
        Attempt.account_id == case.account_id,
        Attempt.case_id == case.id,
        Attempt.trigger == Trigger.SUBSCRIBER,
        Attempt.attempted_at > (shown[-1].saved_at or shown[-1].created_at),
    )
    return session.scalar(asked_since.limit(1)) is None


def card_saved_for_others(session: Session, case: RecoveryCase, card: Card | None) -> bool:
    """Whether the card was saved on the card page, and never for this invoice."""
    if card is None:
        return False
    saved = [
        one
        for one in _saved_cards(session, case)
        if one.payment_method_id == card.payment_method_id
    ]
    return bool(saved) and all(case.stripe_invoice_id not in one.invoice_ids for one in saved)


def _saved_cards(session: Session, case: RecoveryCase) -> list[CardUpdate]:
    """The cards that the case's customer saved on the card page, oldest first."""
    query = (
        select(CardUpdate)
        .join(Link, Link.id == CardUpdate.link_id)
        .where(
            CardUpdate.account_id == case.account_id,
            Link.stripe_customer_id == case.stripe_customer_id,
            CardUpdate.status == CardUpdateStatus.SAVED,
        )
        .order_by(CardUpdate.saved_at, CardUpdate.id)
    )
    return list(session.scalars(query))
