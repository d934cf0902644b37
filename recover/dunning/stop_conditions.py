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

# The status of a dispute is Stripe's own word, or one of these three of ours: there is one, but the
# key may not read how it stands; and what Stripe tells of a bank's early fraud warning by a flag.
UNREADABLE = "unreadable"
ACTIONABLE, NOT_ACTIONABLE = "actionable", "not_actionable"

_DECIDED = frozenset({"won", "lost", "warning_closed", "prevented", NOT_ACTIONABLE})
_OVER = frozenset({"won", "warning_closed", NOT_ACTIONABLE})
_NO_MONEY_TAKEN = frozenset({"won", "prevented", ACTIONABLE, NOT_ACTIONABLE})


def stop_by_stripe(facts: Facts) -> Stop | None:
    """The end of the case, by what Stripe says of it; None while it goes on."""
    if facts.invoice_status == "paid" and facts.credited:
        text = "The invoice was credited: nothing was paid, and nothing is owed any more."
        return _closed(CloseReason.CREDITED, text)
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
    if is_paused(
        facts.subscription_status, facts.pause_reason, collection_paused=facts.pause_collection
    ):
        return _closed(CloseReason.PAUSED, "Collection for the subscription is paused on Stripe.")
    if facts.disputed:
        text = "The customer disputes a payment; a person should look before anything is charged."
        return _closed(CloseReason.DISPUTED, text)
    if facts.fraud_warned:
        text = "The bank calls a payment of the customer's fraud; a person should look before"
        return _closed(CloseReason.FRAUD_WARNING, f"{text} anything is charged.")
    return None


def is_paused(subscription_status: str, pause_reason: str, *, collection_paused: bool) -> bool:
    """Somebody paused the subscription or its collection: what is owed is not asked for meanwhile.

    Not where Stripe paused it over the very failure that is to be recovered: the invoice stays
    collectible (API 2026-09-30.endive, "pause on payment failure").
    """
    by_somebody = subscription_status == "paused" and pause_reason not in _PAUSED_BY_FAILURE
    return collection_paused or by_somebody


def _closed(reason: CloseReason, text: str) -> Stop:
    return Stop(CaseState.CLOSED, text, reason)


def holds(status: str) -> bool:
    """Whether a dispute's customer is neither charged nor written to before a person looked.

    A lost one holds too: whoever was right at the bank does not want to be charged again. So does
    one whose status is not known here.
    """
    return status not in _OVER


def decided(status: str) -> bool:
    """Whether nothing more is to be expected of it."""
    return status in _DECIDED


def money_taken(status: str) -> bool:
    """Whether the bank has taken the money. An inquiry (``warning_...``) only asks about it."""
    return status not in _NO_MONEY_TAKEN and not status.startswith("warning_")
