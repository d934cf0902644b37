"""What a subscriber agreed to on the card page, and what they left out. Only reads.

A card is saved for the invoices that were ticked. One that was shown and not ticked is not charged
before the subscriber asks for it; one that was not on the page at all is not charged at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from recover.dunning import Card, Trigger
from recover.models import Attempt, CardUpdate, CardUpdateStatus, Link, RecoveryCase


@dataclass(frozen=True, slots=True)
class Consent:
    """What the customer's visits to the card page say of one invoice, and of the card on file."""

    left_out: bool  # they saw the invoice when they last saved a card, and did not tick it
    card_for_others: bool  # the card was saved on the card page, and never for this invoice


def consent(session: Session, case: RecoveryCase, card: Card | None) -> Consent:
    saved = _saved_cards(session, case)
    return Consent(_left_out(session, case, saved), _for_others(case, card, saved))


def _left_out(session: Session, case: RecoveryCase, saved: Sequence[CardUpdate]) -> bool:
    """What they asked for since takes it back."""
    shown = [one for one in saved if case.stripe_invoice_id in one.shown]
    if not shown or case.stripe_invoice_id in shown[-1].invoice_ids:
        return False
    asked_since = select(Attempt.id).where(
        Attempt.account_id == case.account_id,
        Attempt.case_id == case.id,
        Attempt.trigger == Trigger.SUBSCRIBER,
        Attempt.attempted_at > (shown[-1].saved_at or shown[-1].created_at),
    )
    return session.scalar(asked_since.limit(1)) is None


def _for_others(case: RecoveryCase, card: Card | None, saved: Sequence[CardUpdate]) -> bool:
    of_card = [one for one in saved if card and one.payment_method_id == card.payment_method_id]
    return bool(of_card) and all(case.stripe_invoice_id not in one.invoice_ids for one in of_card)


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
