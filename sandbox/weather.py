"""What happens without anybody asking: updaters, self-cures, cancellations, refunds, disputes."""

from __future__ import annotations

from datetime import timedelta

from sandbox import lifecycle
from sandbox.books import Source
from sandbox.cards import CardTruth, fresh_number, from_number
from sandbox.latent import Cause
from sandbox.objects import customers
from sandbox.objects.subscriptions import subscription_id
from sandbox.payments import attempt, charged_method
from sandbox.state import Obj, Store

_HORIZON_DAYS = 45


def listen(store: Store, event: Obj) -> None:
    """React to an event of Stripe's by deciding what these people and networks will do."""
    if invoice := first_failure(store, event):
        _after_failure(store, invoice)
    elif charge := theirs(store, event, "charge.succeeded"):
        _after_charge(store, charge)


def theirs(store: Store, event: Obj, event_type: str) -> Obj | None:
    """What an event of this type is about, if it is of somebody who acts by themselves."""
    obj = event["data"]["object"]
    if event["type"] != event_type or obj.get("customer") not in store.state.people:
        return None
    return store.get(obj["id"])


def first_failure(store: Store, event: Obj) -> Obj | None:
    """The invoice of such a person, where the event tells of its renewal's first failure."""
    invoice = theirs(store, event, "invoice.payment_failed")
    counted = event["data"]["object"].get("attempt_count")
    if invoice is None or invoice["id"] not in store.state.books.failed or counted != 1:
        return None
    return invoice


def _after_failure(store: Store, invoice: Obj) -> None:
    state, numbers = store.state, store.state.world.subscribers
    rng = state.chance.rng("alone", invoice["id"])
    cured, canceled = (
        rng.expovariate(rate) if rate else _HORIZON_DAYS
        for rate in (numbers.self_cure_per_day, numbers.cancel_per_day)
    )
    if cured < _HORIZON_DAYS:
        state.timers.at(
            store.now() + timedelta(days=cured), lambda: _pay_on_hosted_page(store, invoice)
        )
    if canceled < _HORIZON_DAYS:
        state.timers.at(store.now() + timedelta(days=canceled), lambda: _cancel(store, invoice))
    method = charged_method(store, invoice)
    if method is not None and method["object"] == "payment_method":
        _maybe_update(store, method)


def _maybe_update(store: Store, method: Obj) -> None:
    """A dead card's successor may arrive through the networks' updater."""
    state, truth = store.state, store.truth(method["id"])
    numbers = state.world.recovery
    dead = truth.episode is not None and truth.episode.cause is Cause.DEAD_CARD
    rng = state.chance.rng("updater", method["id"], store.now())
    if not dead or not state.issuers.updates(truth):
        return
    # The share is over all dead cards, so among cards of issuers that take part it is higher.
    share = numbers.updater_after_failure / max(0.01, state.world.issuers.updater_us)
    if rng.random() < share:
        at = store.now() + timedelta(days=rng.expovariate(1 / numbers.updater_days))
        state.timers.at(at, lambda: automatically_update(store, method))


def automatically_update(store: Store, method: Obj) -> None:
    """Same payment method, new number and date, and a card that works."""
    if method["id"] not in store.objects:
        return
    old: CardTruth = store.truth(method["id"])
    number = fresh_number(store.state.chance, method["id"], store.now(), brand=old.brand)
    new = from_number(number, store.state.chance)
    new.funding, new.country, new.timezone = old.funding, old.country, old.timezone
    new.issuer = old.issuer
    store.state.truths[method["id"]] = new
    card = method["card"]
    shown = ("exp_month", "exp_year", "fingerprint", "last4")
    previous = {"card": {key: card[key] for key in shown}}
    customers.show_card(card, new, card["exp_month"], store.now().year + 4)
    store.emit("payment_method.automatically_updated", method, previous)


def _pay_on_hosted_page(store: Store, invoice: Obj) -> None:
    if invoice["status"] == "open":
        pay_on_hosted_page(store, invoice)


def pay_on_hosted_page(store: Store, invoice: Obj) -> Obj:
    """The subscriber finds Stripe's invoice page by themselves and pays with a good card."""
    chance = store.state.chance
    truth = from_number(fresh_number(chance, "hosted", invoice["id"]), chance)
    method = customers.payment_method(store, truth, customer_id=invoice["customer"])
    store.emit("payment_method.attached", method)
    attempt(store, invoice, method, Source.HOSTED_PAGE, off_session=False)
    return invoice


def _cancel(store: Store, invoice: Obj) -> None:
    if invoice["status"] == "open":
        sub = store.get(subscription_id(invoice))
        lifecycle.cancel_subscription(store, sub, "cancellation_requested")


def _after_charge(store: Store, charge: Obj) -> None:
    numbers = store.state.world.subscribers
    rng = store.state.chance.rng("regrets", charge["id"])
    luck, days = rng.random(), rng.uniform(1, 14)
    later = store.now() + timedelta(days=days)
    if luck < numbers.refund_share:
        store.state.timers.at(later, lambda: _give_back(store, charge))
    elif luck < numbers.refund_share + numbers.dispute_share:
        store.state.timers.at(later, lambda: _dispute(store, charge))


def _give_back(store: Store, charge: Obj) -> None:
    left = charge["amount"] - charge["amount_refunded"]
    if left and not charge["disputed"]:
        lifecycle.refund(store, charge, left)


def _dispute(store: Store, charge: Obj) -> None:
    if not charge["refunded"]:
        lifecycle.dispute(store, charge)
