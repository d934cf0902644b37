"""Builds the history of each renewal that failed at first from invoices and charges. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from recover.cases.core_values import attempts_of_charges, card_of
from recover.dunning import Card, CardUse, Outcome, PastAttempt
from recover.dunning.reconciliation import RENEWALS
from recover.stripe_api.objects import Charge, Invoice

STILL_RUNNING = timedelta(days=30)
"""An open invoice younger than this may still be paid by whatever retries it now."""

NOT_SENT = "not_sent_to_network"  # blocked by Stripe itself: no authorisation was made


class Ending(StrEnum):
    """How a renewal that failed at first ended."""

    RETRY = "retry"  # a later attempt on the same card data
    OTHER_CARD = "other_card"  # an attempt on another card, or on new details of the same one
    ELSEWHERE = "elsewhere"  # paid, but by none of the charges we saw
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    OPEN = "open"  # unpaid for longer than `STILL_RUNNING`
    RUNNING = "running"  # open, and too young to judge


@dataclass(frozen=True, slots=True)
class History:
    """One renewal that failed at first, and every authorisation made for it."""

    invoice: Invoice
    attempts: tuple[PastAttempt, ...]  # oldest first; empty where Stripe shows no charge

    @property
    def first_failure_seen(self) -> bool:
        """False where the first failure left no charge: no card, or the bank asked to confirm."""
        return bool(self.attempts) and self.attempts[0].outcome is Outcome.FAILED

    def ending(self, now: datetime) -> Ending:
        if self.invoice.status == "paid":
            return self._paid_by()
        if self.invoice.status in (Ending.VOID, Ending.UNCOLLECTIBLE):
            return Ending(self.invoice.status)
        running = now - self.invoice.created_at < STILL_RUNNING
        return Ending.RUNNING if running else Ending.OPEN

    def _paid_by(self) -> Ending:
        paid = [one for one in self.attempts if one.outcome is Outcome.SUCCEEDED]
        if not paid or self.invoice.paid_out_of_band:
            return Ending.ELSEWHERE
        if not self.first_failure_seen:
            return Ending.OTHER_CARD
        return Ending.RETRY if same_card_data(self.attempts[0], paid[-1]) else Ending.OTHER_CARD


@dataclass(frozen=True, slots=True)
class AccountHistory:
    """The failed renewals of one account, and the authorisations on its cards."""

    histories: tuple[History, ...]  # by the invoices' age, oldest first
    uses: Mapping[str, Sequence[CardUse]]  # by card number (see `card_key`), oldest first
    renewals: int  # all, also those paid at once


def account_history(invoices: Iterable[Invoice], charges: Iterable[Charge]) -> AccountHistory:
    """Build the history. ``charges`` is iterated twice, so that only relevant ones are held."""
    renewals = {one.id: one for one in invoices if is_renewal(one)}
    failed_intents = {one.payment_intent_id for one in charges if one.status == "failed"}
    suspects = [
        one
        for one in renewals.values()
        if failed_by_invoice(one) or failed_intents.intersection(one.payment_intent_ids)
    ]
    invoice_of_intent = {intent: one.id for one in suspects for intent in one.payment_intent_ids}
    by_invoice, uses = _charges_and_uses(charges, invoice_of_intent)
    histories = [History(one, attempts_of_charges(by_invoice[one.id])) for one in suspects]
    failed = [one for one in histories if one.first_failure_seen or failed_by_invoice(one.invoice)]
    failed.sort(key=lambda one: (one.invoice.created_at, one.invoice.id))
    return AccountHistory(tuple(failed), uses, len(renewals))


def card_key(card: Card) -> str:
    """An identifier of the card's number: its fingerprint, or else the payment method's id."""
    return card.fingerprint or card.payment_method_id


def same_card_data(one: PastAttempt, other: PastAttempt) -> bool:
    """Whether both were made on the same card data. False if either card is unknown."""
    return one.card is not None and other.card is not None and one.card.same_credentials(other.card)


def on_same_card(history: History) -> list[tuple[int, PastAttempt, PastAttempt]]:
    """Each retry on unchanged card data: its index, the failure before it, and itself."""
    return [
        (nth, before, after)
        for nth, (before, after) in enumerate(pairwise(history.attempts), start=1)
        if history.first_failure_seen and same_card_data(before, after)
    ]


def is_renewal(invoice: Invoice) -> bool:
    return (
        invoice.billing_reason in RENEWALS
        and invoice.collection_method == "charge_automatically"
        and invoice.amount_due_minor > 0
        and invoice.status != "draft"
    )


def failed_by_invoice(invoice: Invoice) -> bool:
    """Whether the invoice says that its first attempt failed, even without a charge."""
    return invoice.attempt_count > 1 or (invoice.attempted and invoice.status != "paid")


def _charges_and_uses(
    charges: Iterable[Charge], invoice_of_intent: Mapping[str, str]
) -> tuple[dict[str, list[Charge]], dict[str, list[CardUse]]]:
    """The charges by invoice, and the failed or owned ones by card number, oldest first."""
    by_invoice: dict[str, list[Charge]] = defaultdict(list)
    uses: dict[str, list[CardUse]] = defaultdict(list)
    for one in charges:
        invoice_id = invoice_of_intent.get(one.payment_intent_id)
        if one.status == "pending" or (invoice_id is None and one.status != "failed"):
            continue
        if invoice_id is not None:
            by_invoice[invoice_id].append(one)
        card = card_of(one.method)
        if card and one.network_status != NOT_SENT:
            use = CardUse(one.created_at, one.amount_minor, one.status == "succeeded")
            uses[card_key(card)].append(use)
    return by_invoice, {card: sorted(all_, key=lambda use: use.at) for card, all_ in uses.items()}
