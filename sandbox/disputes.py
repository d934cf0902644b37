"""Disputes and early fraud warnings: what a cardholder's bank does about a charge afterwards.

As Stripe does it: the verdict and the money are told apart, an inquiry moves no money, and one can
act on a warning until its charge is disputed or refunded in full.
"""

from __future__ import annotations

from sandbox.objects import charges
from sandbox.shapes import shape
from sandbox.state import Obj, Store

INQUIRY_OPEN = ("warning_needs_response", "warning_under_review")


def begin(store: Store, charge: Obj, *, inquiry: bool = False, amount_minor: int = 0) -> Obj:
    """A dispute of the whole charge, or of a part; an ``inquiry`` only asks about it first."""
    made = charges.dispute(store, charge, amount_minor or charge["amount"], inquiry=inquiry)
    charge["disputed"] = True
    store.emit("charge.dispute.created", made)
    if not inquiry:
        _move(store, made, -made["amount"], "withdrawn")
    settle_warnings(store, charge)
    return made


def escalate(store: Store, dispute: Obj) -> None:
    """An inquiry becomes a dispute, and the money is taken."""
    if dispute["status"] in INQUIRY_OPEN:
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
        store.change(dispute, "charge.dispute.updated", status="needs_response")
        _move(store, dispute, -dispute["amount"], "withdrawn")


def answer(store: Store, dispute: Obj) -> None:
    """The company hands in its evidence; the bank looks at it."""
    under_review = {
        "needs_response": "under_review",
        "warning_needs_response": "warning_under_review",
    }
    status = under_review.get(dispute["status"], dispute["status"])
    store.change(dispute, "charge.dispute.updated", status=status)


def close(store: Store, dispute: Obj, status: str) -> None:
    """The end: ``won``, ``lost``, or ``warning_closed`` of an inquiry that was withdrawn."""
    dispute["status"] = status
    store.emit("charge.dispute.closed", dispute)
    if status == "won":
        reinstate(store, dispute)


def reinstate(store: Store, dispute: Obj) -> None:
    """The money comes back. Nothing happens where none was taken, or it is back already."""
    if sum(one["amount"] for one in dispute["balance_transactions"]) < 0:
        _move(store, dispute, dispute["amount"], "reinstated")


def _move(store: Store, dispute: Obj, amount_minor: int, what: str) -> None:
    moved = shape(
        "balance_transaction",
        id=store.mint("txn", dispute["id"]),
        amount=amount_minor,
        net=amount_minor,
        created=store.epoch(),
        currency=dispute["currency"],
        source=dispute["id"],
        reporting_category="dispute" if amount_minor < 0 else "dispute_reversal",
    )
    dispute["balance_transactions"].append(moved)
    store.state.books.record_back(dispute["charge"], store.now(), -amount_minor)
    store.emit(f"charge.dispute.funds_{what}", dispute)


def warn(store: Store, charge: Obj, *, actionable: bool = True) -> Obj:
    """The bank reports a charge as fraud, before any dispute."""
    made = store.put(
        shape(
            "radar.early_fraud_warning",
            id=store.mint("issfr", charge["id"]),
            actionable=actionable and not (charge["disputed"] or charge["refunded"]),
            charge=charge["id"],
            created=store.epoch(),
            fraud_type="unauthorized_use_of_card",
            payment_intent=charge["payment_intent"],
        )
    )
    store.emit("radar.early_fraud_warning.created", made)
    return made


def settle_warnings(store: Store, charge: Obj) -> None:
    """A disputed or wholly refunded charge leaves nothing to do about its warnings."""
    for warning in store.all("radar.early_fraud_warning"):
        if warning["charge"] == charge["id"]:
            store.change(warning, "radar.early_fraud_warning.updated", actionable=False)
