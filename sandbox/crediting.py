"""Credit notes: what a company forgives of an invoice, before or after it was paid."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox import lifecycle
from sandbox.payments import follow, settle
from sandbox.shapes import listing, shape
from sandbox.state import Obj, Store

OWED = ("open", "uncollectible")


@dataclass(frozen=True, slots=True)
class Back:
    """How what was already paid goes back, in minor units: all three may share."""

    refunded: int = 0  # on the charge
    balance: int = 0  # to the customer's balance, for the next invoice; no money moves
    outside: int = 0  # outside Stripe

    @property
    def total(self) -> int:
        return self.refunded + self.balance + self.outside


class CreditRefused(Exception):
    """Stripe would not issue this note; the text says why."""


def issue(
    store: Store, invoice: Obj, amount_minor: int, back: Back, *, reason: str = "", memo: str = ""
) -> Obj:
    """A credit note. It first lowers what is owed, and only then gives back what was paid."""
    if invoice["status"] not in (*OWED, "paid"):
        raise CreditRefused("A credit note may only be issued for an open or a paid invoice.")
    before = min(amount_minor, invoice["amount_remaining"])
    after = amount_minor - before
    _require_possible(invoice, amount_minor, after, back)
    note = _note(store, invoice, before, after, back)
    note.update(reason=reason or None, memo=memo or None)
    store.emit("credit_note.created", note)
    if after:
        _give_back(store, invoice, after, back, note)
    if before:
        lower(store, invoice, before)
    return note


def _require_possible(invoice: Obj, amount_minor: int, after: int, back: Back) -> None:
    creditable = invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"]
    if amount_minor <= 0:
        raise CreditRefused("A credit note must be of more than nothing.")
    if after > creditable:
        raise CreditRefused("The credit note is of more than is left of the invoice.")
    if back.total != after:
        raise CreditRefused(
            "The sum of refunds, customer balance credits, and outside of Stripe credits must "
            f"equal the post payment amount ({after})."
        )


def _note(store: Store, invoice: Obj, before: int, after: int, back: Back) -> Obj:
    made = shape(
        "credit_note",
        id=store.mint("cn", invoice["id"]),
        **dict.fromkeys(("amount", "total", "subtotal", "subtotal_excluding_tax"), before + after),
        created=store.epoch(),
        effective_at=store.epoch(),
        currency=invoice["currency"],
        customer=invoice["customer"],
        invoice=invoice["id"],
        number=f"{invoice['number']}-CN-{1 + len(store.owned('credit_note', invoice['id'])):02d}",
        out_of_band_amount=back.outside or None,
        pre_payment_amount=before,
        post_payment_amount=after,
        type="mixed" if before and after else "post_payment" if after else "pre_payment",
    )
    made["lines"] = listing(f"/v1/credit_notes/{made['id']}/lines", [])
    return store.put(made)


def _give_back(store: Store, invoice: Obj, after: int, back: Back, note: Obj) -> None:
    store.change(
        invoice,
        "invoice.updated",
        post_payment_credit_notes_amount=invoice["post_payment_credit_notes_amount"] + after,
    )
    if back.balance:
        customer = store.get(invoice["customer"])
        store.change(
            customer, "customer.updated", balance=customer.get("balance", 0) - back.balance
        )
    if back.refunded:
        for made in _refund(store, invoice, back.refunded):
            note["refunds"].append({"amount_refunded": made["amount"], "refund": made["id"]})


def _refund(store: Store, invoice: Obj, amount_minor: int) -> list[Obj]:
    """Refunds on the invoice's charges, newest first, until the amount is reached."""
    made, left = [], amount_minor
    for charge in reversed(charges_of(store, invoice)):
        part = min(left, charge["amount"] - charge["amount_refunded"])
        if part:
            made.append(lifecycle.refund(store, charge, part))
            left -= part
    return made


def charges_of(store: Store, invoice: Obj) -> list[Obj]:
    """The charges that paid the invoice, oldest first."""
    payments = store.owned("invoice_payment", invoice["id"])
    intents = [one["payment"].get("payment_intent") for one in payments if one["status"] == "paid"]
    found = [charge for one in intents if one for charge in store.owned("charge", one)]
    return [charge for charge in found if charge["paid"]]


def lower(store: Store, invoice: Obj, amount_minor: int) -> None:
    """Less is owed now; where that is nothing, the invoice is paid, without any money."""
    changed = ("amount_due", "amount_remaining", "pre_payment_credit_notes_amount")
    before = {key: invoice[key] for key in changed}
    invoice["amount_due"] -= amount_minor
    invoice["amount_remaining"] -= amount_minor
    invoice["pre_payment_credit_notes_amount"] += amount_minor
    follow(store, invoice)
    if invoice["amount_remaining"] == 0:
        settle(store, invoice)
    store.emit("invoice.updated", invoice, before)


def void(store: Store, note: Obj) -> None:
    """Take a note back, which Stripe allows while the invoice is open."""
    invoice = store.get(note["invoice"])
    if invoice["status"] != "open" or note["status"] != "issued":
        raise CreditRefused("A credit note may only be voided while its invoice is open.")
    note.update(status="void", voided_at=store.epoch())
    store.emit("credit_note.voided", note)
    lower(store, invoice, -note["pre_payment_amount"])
