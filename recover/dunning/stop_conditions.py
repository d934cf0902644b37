"""When a case is over by Stripe's books: by its invoice, its subscription or a dispute."""

from __future__ import annotations

from recover.dunning.decisions import CaseState, CloseReason, Stop
from recover.dunning.facts import Facts

_INVOICE_OVER = {
    "void": (CloseReason.VOIDED, "The invoice was voided on Stripe."),
    "uncollectible": (CloseReason.UNCOLLECTIBLE, "The invoice was marked uncollectible on Stripe."),
    "deleted": (CloseReason.DELETED, "The invoice no longer exists on Stripe."),
    "draft": (CloseReason.NOTHING_OWED, "The invoice is a draft: nothing is owed yet."),
}
_PAUSED_BY_FAILURE = frozenset({"first_payment_failure", "final_payment_failure"})
_SUBSCRIPTION_OVER = frozenset({"canceled", "incomplete_expired", "ended"})


def stop_by_stripe(facts: Facts) -> Stop | None:
    """The end of the case, by what Stripe says of it; None while it goes on."""
    if facts.invoice_status == "paid":
        return Stop(CaseState.RECOVERED, "The invoice is paid.")
    if over := _INVOICE_OVER.get(facts.invoice_status):
        return _closed(*over)
    if facts.amount_remaining_minor <= 0:
        return _closed(CloseReason.NOTHING_OWED, "Nothing is left to pay on the invoice.")
    if facts.collection_method != "charge_automatically":
        return _closed(CloseReason.NOT_AUTOMATIC, "The invoice is not charged automatically.")
    return _stop_by_subscription(facts)


def _stop_by_subscription(facts: Facts) -> Stop | None:
    if facts.subscription_status in _SUBSCRIPTION_OVER:
        text = "The subscription has ended; who has left is neither charged nor written to."
        return _closed(CloseReason.SUBSCRIPTION_ENDED, text)
    if facts.pause_collection or _paused_by_somebody(facts):
        return _closed(CloseReason.PAUSED, "Collection for the subscription is paused on Stripe.")
    if facts.disputed:
        text = "The customer disputes a payment; a person should look before anything is charged."
        return _closed(CloseReason.DISPUTED, text)
    if facts.fraud_warned:
        text = "The bank calls a payment of the customer's fraud; a person should look before"
        return _closed(CloseReason.FRAUD_WARNING, f"{text} anything is charged.")
    return None


def _paused_by_somebody(facts: Facts) -> bool:
    """Paused, and not by Stripe over the very failure that is to be recovered."""
    return facts.subscription_status == "paused" and facts.pause_reason not in _PAUSED_BY_FAILURE


def _closed(reason: CloseReason, text: str) -> Stop:
    return Stop(CaseState.CLOSED, text, reason)
