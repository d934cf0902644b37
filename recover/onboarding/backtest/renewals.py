"""From Stripe's invoices and charges to the history of each renewal that failed at first. Pure."""

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

    RETRY = "retry"  # a later try on the same card data
    OTHER_CARD = "other_card"  # a try on another card, or on new details of the same one
    ELSEWHERE = "elsewhere"  # paid, and no charge that we saw did it
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"
    OPEN = "open"  # unpaid for longer than `STILL_RUNNING`
    RUNNING = "running"  # open, and too young to call


@dataclass(frozen=True, slots=True)
class History:
    """One renewal that failed at first, and every authorisation made for it."""

    invoice: Invoice
    tries: tuple[PastAttempt, ...]  # oldest first; empty where Stripe shows no charge

    @property
    def first_failure_seen(self) -> bool:
        """False where the first failure left no charge: no card, or the bank asked to confirm."""
        return bool(self.tries) and self.tries[0].outcome is Outcome.FAILED

    def ending(self, now: datetime) -> Ending:
        if self.invoice.status == "paid":
            return self._paid_by()
        if self.invoice.status in (Ending.VOID, Ending.UNCOLLECTIBLE):
            return Ending(self.invoice.status)
        running = now - self.invoice.created_at < STILL_RUNNING
        return Ending.RUNNING if running else Ending.OPEN

    def _paid_by(self) -> Ending:
        paid = [one for one in self.tries if one.outcome is Outcome.SUCCEEDED]
        if not paid or self.invoice.paid_out_of_band:
            return Ending.ELSEWHERE
        if not self.first_failure_seen:
            return Ending.OTHER_CARD
        return Ending.RETRY if same_card_data(self.tries[0], paid[-1]) else Ending.OTHER_CARD


@dataclass(frozen=True, slots=True)
class AccountHistory:
    """The failed renewals of one account, and what its cards went through meanwhile."""

    histories: tuple[History, ...]  # by the invoices' age, oldest first
    uses: Mapping[str, Sequence[CardUse]]  # by card number (see `number_of`), oldest first
    renewals: int  # all of them, most of which were paid at once


def account_history(invoices: Iterable[Invoice], charges: Iterable[Charge]) -> AccountHistory:
    """``charges`` is read twice, so that of many only those that matter are held."""
    renewals = {one.id: one for one in invoices if is_renewal(one)}
    failed_intents = {one.payment_intent_id for one in charges if one.status == "failed"}
    suspects = [
        one
        for one in renewals.values()
        if failed_by_invoice(one) or failed_intents.intersection(one.payment_intent_ids)
    ]
    owners = {intent: one.id for one in suspects for intent in one.payment_intent_ids}
    found, uses = _sort_out(charges, owners)
    histories = [History(one, attempts_of_charges(found[one.id])) for one in suspects]
    failed = [one for one in histories if one.first_failure_seen or failed_by_invoice(one.invoice)]
    failed.sort(key=lambda one: (one.invoice.created_at, one.invoice.id))
    return AccountHistory(tuple(failed), uses, len(renewals))


def number_of(card: Card) -> str:
    """What stands for the card's number: its fingerprint, or the method where there is none."""
    return card.fingerprint or card.payment_method_id


def same_card_data(one: PastAttempt, other: PastAttempt) -> bool:
    """Both on the same card data. False where either card is unknown."""
    return one.card is not None and other.card is not None and one.card.same_credentials(other.card)


def on_same_card(history: History) -> list[tuple[int, PastAttempt, PastAttempt]]:
    """Each retry on unchanged card data: its index, the failure before it, and itself."""
    return [
        (nth, before, after)
        for nth, (before, after) in enumerate(pairwise(history.tries), start=1)
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
    """Stripe says that the first try failed, whether or not it left a charge."""
    return invoice.attempt_count > 1 or (invoice.attempted and invoice.status != "paid")


def _sort_out(
    charges: Iterable[Charge], owners: Mapping[str, str]
) -> tuple[dict[str, list[Charge]], dict[str, list[CardUse]]]:
    """The charges by invoice, and the failed or owned ones by card number, oldest first."""
    found: dict[str, list[Charge]] = defaultdict(list)
    uses: dict[str, list[CardUse]] = defaultdict(list)
    for one in charges:
        invoice_id = owners.get(one.payment_intent_id)
        if one.status == "pending" or (invoice_id is None and one.status != "failed"):
            continue
        if invoice_id is not None:
            found[invoice_id].append(one)
        card = card_of(one.method)
        if card and one.network_status != NOT_SENT:
            use = CardUse(one.created_at, one.amount_minor, one.status == "succeeded")
            uses[number_of(card)].append(use)
    return found, {card: sorted(all_, key=lambda use: use.at) for card, all_ in uses.items()}
