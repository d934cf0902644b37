"""What people, companies and Stripe do to a subscription that no renewal's course foresees."""

from __future__ import annotations

from sandbox import disputes, lifecycle
from sandbox.sandbox import Sandbox
from sandbox.state import Obj

GOOD = "4242424242424242"
LONGEST_DESCRIPTION = 500  # Stripe's own limit, in characters
LONGEST_NAME = 256


def cancel_at_period_end(sandbox: Sandbox, sub: Obj) -> None:
    """The subscriber leaves with the end of what is paid for; until then all goes on."""
    ends = sub["items"]["data"][0]["current_period_end"]
    with sandbox.state.lock:
        sandbox.store.change(
            sub, "customer.subscription.updated", cancel_at_period_end=True, cancel_at=ends
        )


def pause(sandbox: Sandbox, sub: Obj, kind: str) -> None:
    """The subscription is paused (API 2026-09-30.endive); its open invoices stay collectible.

    ``kind`` is Stripe's: pause_requested, trial_end_without_payment_method, first_payment_failure,
    final_payment_failure or system.
    """
    with sandbox.state.lock:
        sub["status_details"] = {"paused": {"subscription": {"type": kind}}}
        sub["status"] = "paused"
        sandbox.store.emit("customer.subscription.paused", sub)


def let_cards_expire(sandbox: Sandbox, customer_id: str) -> None:
    """All of the customer's cards are valid until the end of this month."""
    now = sandbox.clock.now()
    with sandbox.state.lock:
        for method in sandbox.store.owned("payment_method", customer_id):
            method["card"].update(exp_month=now.month, exp_year=now.year)


def stop_advancing(sandbox: Sandbox, invoice: Obj) -> None:
    """The company takes an open invoice out of Stripe's automatic collection."""
    with sandbox.state.lock:
        sandbox.store.change(
            invoice, "invoice.updated", auto_advance=False, next_payment_attempt=None
        )


def give_invoice_a_card(sandbox: Sandbox, invoice: Obj, number: str = GOOD) -> str:
    """The invoice's own default payment method, which is charged before any other; its id."""
    method = sandbox.add_card(invoice["customer"], number)
    with sandbox.state.lock:
        sandbox.store.change(invoice, "invoice.updated", default_payment_method=method)
    return method


def dispute(sandbox: Sandbox, charge: Obj) -> Obj:
    with sandbox.state.lock:
        return disputes.begin(sandbox.store, charge)


def decide_dispute(sandbox: Sandbox, disputed: Obj, *, won: bool) -> None:
    """The bank's verdict. Where the company wins, it gets its money back."""
    with sandbox.state.lock:
        disputes.close(sandbox.store, disputed, "won" if won else "lost")


def refund_last(sandbox: Sandbox, customer_id: str) -> Obj | None:
    """All that is left of the customer's newest payment is given back; None without a payment."""
    with sandbox.state.lock:
        paid = paid_charges(sandbox, customer_id)
        if not paid or paid[-1]["refunded"]:
            return None
        left = paid[-1]["amount"] - paid[-1]["amount_refunded"]
        return lifecycle.refund(sandbox.store, paid[-1], left)


def paid_charges(sandbox: Sandbox, customer_id: str) -> list[Obj]:
    """The customer's successful charges, oldest first."""
    held = sandbox.store.owned("charge", customer_id)
    return [charge for charge in held if charge["status"] == "succeeded"]


def lengthen(sandbox: Sandbox, sub: Obj) -> None:
    """Every text is as long as Stripe allows."""
    with sandbox.state.lock:
        sub["description"] = ("Pro, as agreed on the phone with Ada. " * 20)[:LONGEST_DESCRIPTION]
        customer = sandbox.store.get(sub["customer"])
        customer["name"] = ("Ada Example de la Torre y " * 20)[:LONGEST_NAME]


def open_disputes(sandbox: Sandbox, customer_id: str) -> list[Obj]:
    """Those without a verdict, of the customer's charges."""
    mine = {charge["id"] for charge in sandbox.store.owned("charge", customer_id)}
    undecided = ("needs_response", "under_review")
    return [
        one
        for one in sandbox.store.all("dispute")
        if one["charge"] in mine and one["status"] in undecided
    ]
