"""What the company does by itself: it forgives, takes money elsewhere, and its refunds may fail."""

from __future__ import annotations

from datetime import timedelta

from sandbox import crediting, lifecycle, weather
from sandbox.state import Obj, Store

BANK_SAYS_NO_AFTER = timedelta(days=4)


def listen(store: Store, event: Obj) -> None:
    """Decide at a renewal's first failure, and at each refund, what the company will do."""
    if invoice := weather.first_failure(store, event):
        _after_failure(store, invoice)
    elif refund := weather.theirs(store, event, "refund.created"):
        _after_refund(store, refund)


def _after_failure(store: Store, invoice: Obj) -> None:
    numbers = store.state.world.company
    rng = store.state.chance.rng("company", invoice["id"])
    luck, later = rng.random(), store.now() + timedelta(days=rng.uniform(0.5, 12))
    acts = (
        (numbers.credit_share, lambda: _credit(store, invoice, 1.0)),
        (numbers.part_credit_share, lambda: _credit(store, invoice, 0.3)),
        (numbers.elsewhere_share, lambda: _take_elsewhere(store, invoice)),
    )
    for share, act in acts:
        if luck < share:
            store.state.timers.at(later, act)
            return
        luck -= share


def _credit(store: Store, invoice: Obj, share: float) -> None:
    """Forgive this share of what is still owed, with the note that Stripe would mail."""
    amount = int(invoice["amount_remaining"] * share)
    if invoice["status"] == "open" and amount:
        crediting.issue(store, invoice, amount, crediting.Back())


def _take_elsewhere(store: Store, invoice: Obj) -> None:
    if invoice["status"] == "open":
        lifecycle.pay_out_of_band(store, invoice)


def _after_refund(store: Store, refund: Obj) -> None:
    rng = store.state.chance.rng("refund", refund["id"])
    if rng.random() < store.state.world.company.refund_fails_share:
        store.state.timers.at(
            store.now() + BANK_SAYS_NO_AFTER, lambda: lifecycle.fail_refund(store, refund)
        )
