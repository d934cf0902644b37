"""Stripe's billing engine: renewals, its own retries, and the end of its schedule."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta

from sandbox.answers import STRIPE_HARD
from sandbox.books import FailedInvoice, Source
from sandbox.cards import CardTruth
from sandbox.lifecycle import announce_failure, cancel_subscription, finalize, mark_past_due
from sandbox.objects.subscriptions import invoice as new_invoice
from sandbox.objects.subscriptions import line, subscription_id
from sandbox.payments import attempt, charged_method
from sandbox.state import Obj, Store, moment

DRAFT_LASTS = timedelta(hours=1)


def schedule(store: Store, sub: Obj) -> None:
    """Set the timers of the subscription's next renewal."""
    due = sub["items"]["data"][0]["current_period_end"]
    renews_at = moment(due)
    notice = timedelta(days=store.state.world.billing.upcoming_days)
    timers = store.state.timers
    if renews_at - notice > store.now():
        timers.at(renews_at - notice, lambda: _announce(store, sub, due))
    timers.at(max(renews_at, store.now()), lambda: _renew(store, sub, due))


def _announce(store: Store, sub: Obj, due: int) -> None:
    """``invoice.upcoming`` shows an invoice that does not exist yet, and so has no id."""
    if not _renews(sub, due):
        return
    customer = store.get(sub["customer"])
    preview = new_invoice(
        store,
        customer,
        _lines(store, sub, _next_period(sub)),
        subscription=sub,
        billing_reason="upcoming",
        currency=sub["currency"],
    )
    preview["next_payment_attempt"] = sub["items"]["data"][0]["current_period_end"] + 3600
    del preview["id"]
    store.emit("invoice.upcoming", preview)


def _renew(store: Store, sub: Obj, due: int) -> None:
    if not _renews(sub, due):
        return
    if sub["cancel_at_period_end"]:
        cancel_subscription(store, sub, "cancellation_requested")
        return
    invoice = create_renewal(store, sub)
    store.state.timers.at(store.now() + DRAFT_LASTS, lambda: collect(store, sub, invoice))
    schedule(store, sub)


def renew_now(store: Store, sub: Obj) -> Obj:
    """A renewal before its time, collected at once; the next one stays a period away."""
    invoice = create_renewal(store, sub)
    collect(store, sub, invoice)
    schedule(store, sub)
    return invoice


def create_renewal(store: Store, sub: Obj) -> Obj:
    """The draft of the next period; the subscription moves into that period."""
    period = _next_period(sub)
    invoice = new_invoice(
        store,
        store.get(sub["customer"]),
        _lines(store, sub, period),
        subscription=sub,
        billing_reason="subscription_cycle",
        collection_method=sub["collection_method"],
        currency=sub["currency"],
    )
    store.put(invoice)
    store.emit("invoice.created", invoice)
    item = sub["items"]["data"][0]
    previous = {
        "latest_invoice": sub["latest_invoice"],
        "items": {"data": [{**item}]},
    }
    item.update(current_period_start=period[0], current_period_end=period[1])
    sub["latest_invoice"] = invoice["id"]
    store.emit("customer.subscription.updated", sub, previous)
    return invoice


def collect(store: Store, sub: Obj, invoice: Obj) -> None:
    """Finalize, and charge for the first time."""
    if invoice["status"] != "draft":
        return
    if sub["status"] in ("unpaid", "canceled") or sub["pause_collection"]:
        return  # such invoices stay drafts
    finalize(store, invoice)
    if invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
        _try(store, invoice, Source.RENEWAL)


def _try(store: Store, invoice: Obj, source: Source) -> None:
    method = charged_method(store, invoice)
    if method is None:
        _nothing_to_charge(store, invoice, source)
        return
    invoice["attempt_count"] += 1
    if source is Source.RENEWAL:
        _maybe_trouble(store, invoice, method)
    made = attempt(store, invoice, method, source)
    if made.status != "succeeded":
        if source is Source.RENEWAL:
            _open_books(store, invoice, _cause(store.truth(method["id"])))
        _plan_next(store, invoice)
        announce_failure(store, invoice, made)
        _end_if_over(store, invoice)


def _nothing_to_charge(store: Store, invoice: Obj, source: Source) -> None:
    """No stored method: Stripe announces a failure although nothing was tried."""
    invoice.update(attempted=True, attempt_count=invoice["attempt_count"] + 1)
    if source is Source.RENEWAL:
        _open_books(store, invoice, "no_method")
    _plan_next(store, invoice)
    store.emit("invoice.payment_failed", invoice)
    mark_past_due(store, invoice)
    _end_if_over(store, invoice)


def _maybe_trouble(store: Store, invoice: Obj, method: Obj) -> None:
    truth = store.truth(method["id"])
    if truth.episode or truth.issuer < 0 or truth.script:
        return
    sub_id = subscription_id(invoice)
    planned = store.state.issuers.planned_failure(
        sub_id, cycle(store, sub_id), country=truth.country
    )
    new_card = store.epoch() - method.get("created", 0) < 20 * 86_400
    if planned and not (new_card and method["object"] == "payment_method"):
        store.state.issuers.begin(truth, *planned, store.now())


def _open_books(store: Store, invoice: Obj, cause: str) -> None:
    store.state.books.failed[invoice["id"]] = FailedInvoice(
        invoice=invoice["id"],
        account=store.id,
        customer=invoice["customer"],
        subscription=subscription_id(invoice),
        amount_minor=invoice["amount_remaining"],
        currency=invoice["currency"],
        failed_at=store.now(),
        cause=cause,
    )


def _cause(truth: CardTruth) -> str:
    """The latent cause of a failure; "" where a test wrote the answer."""
    if truth.episode:
        return str(truth.episode.cause)
    return "" if truth.issuer < 0 else "outage"


def _plan_next(store: Store, invoice: Obj) -> None:
    """Stripe's next own try: so many days after this one, if its schedule has one left."""
    waits = store.state.world.billing.stripe_retries
    done = invoice["attempt_count"] - 1
    if done >= len(waits) or _issued_in_india(store, invoice):
        invoice["next_payment_attempt"] = None
        return
    at = store.now() + timedelta(days=waits[done])
    invoice["next_payment_attempt"] = int(at.timestamp())
    store.state.timers.at(at, lambda: _retry(store, invoice))


def _retry(store: Store, invoice: Obj) -> None:
    if invoice["status"] != "open" or invoice["next_payment_attempt"] is None:
        return
    if not _hard_and_unchanged(store, invoice):
        _try(store, invoice, Source.STRIPE_SCHEDULE)
        return
    # "Retries continue to be scheduled, and attempt_count continues to increment, but retries
    # only execute after detecting a new payment method."
    previous = {key: invoice[key] for key in ("attempt_count", "next_payment_attempt")}
    invoice["attempt_count"] += 1
    _plan_next(store, invoice)
    store.emit("invoice.updated", invoice, previous)
    _end_if_over(store, invoice)


def _end_if_over(store: Store, invoice: Obj) -> None:
    """After Stripe's last try the subscription meets its fate. Without retries: past due."""
    numbers = store.state.world.billing
    sub = store.objects.get(subscription_id(invoice))
    if invoice["next_payment_attempt"] or not numbers.stripe_retries or not sub:
        return
    if numbers.end_action == "cancel":
        cancel_subscription(store, sub, "payment_failed")
    elif numbers.end_action == "unpaid":
        store.change(sub, "customer.subscription.updated", status="unpaid")


def cycle(store: Store, sub_id: str) -> int:
    """How many renewals the subscription has had: 1 from its first on."""
    invoices = store.owned("invoice", store.get(sub_id)["customer"])
    return sum(subscription_id(one) == sub_id for one in invoices)


def _renews(sub: Obj, due: int) -> bool:
    """The subscription goes on, and its period was not renewed early."""
    alive = sub["status"] in ("active", "past_due", "unpaid")
    return alive and bool(sub["items"]["data"][0]["current_period_end"] == due)


def _hard_and_unchanged(store: Store, invoice: Obj) -> bool:
    tried = [
        c
        for i in store.owned("payment_intent", invoice["id"])
        for c in store.owned("charge", i["id"])
    ]
    method = charged_method(store, invoice)
    if not tried or method is None or tried[-1]["outcome"]["reason"] not in STRIPE_HARD:
        return False
    card = method.get("card", method)
    seen = tried[-1]["payment_method_details"]["card"]
    shown = ("fingerprint", "exp_month", "exp_year")
    return all(card[key] == seen[key] for key in shown)


def _issued_in_india(store: Store, invoice: Obj) -> bool:
    method = charged_method(store, invoice)
    return method is not None and method.get("card", method)["country"] == "IN"


def _lines(store: Store, sub: Obj, period: tuple[int, int]) -> list[Obj]:
    item = sub["items"]["data"][0]
    amount = item["price"]["unit_amount"] * item["quantity"]
    text = f"{item['quantity']} x {item['price']['nickname']}"
    return [line(store, amount, sub["currency"], description=text, period=period, item=item)]


def _next_period(sub: Obj) -> tuple[int, int]:
    item = sub["items"]["data"][0]
    start = moment(item["current_period_end"])
    anchor = moment(sub["billing_cycle_anchor"]).day
    return int(start.timestamp()), int(next_period_end(start, anchor).timestamp())


def next_period_end(start: datetime, anchor_day: int) -> datetime:
    """A month later on the anchor's day, or on the month's last where it has no such day."""
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    return start.replace(year=year, month=month, day=min(anchor_day, monthrange(year, month)[1]))
