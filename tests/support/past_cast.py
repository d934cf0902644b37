"""A company's past on the pretend Stripe: lived through, or, where much of it is needed, copied."""

from __future__ import annotations

import dataclasses
from copy import deepcopy
from datetime import timedelta


def past_of(sandbox, *, subscribers: int, days: int, retries=(3, 5, 7)) -> None:
    """Live through ``days`` with subscribers who renew and sometimes fail."""
    world = sandbox.state.world
    billing = dataclasses.replace(world.billing, stripe_retries=tuple(retries))
    sandbox.state.world = dataclasses.replace(world, billing=billing)
    sandbox.populate(subscribers, days=30)
    sandbox.advance(timedelta(days=days))


def rows_of(sandbox, count: int) -> None:
    """``count`` paid renewals an hour apart, the last one now."""
    customer = sandbox.add_customer()
    invoice = sandbox.renew(sandbox.add_subscription(customer))
    store = sandbox.store
    intent = store.owned("payment_intent", invoice["id"])[0]
    [charge] = [one for one in store.all("charge") if one["payment_intent"] == intent["id"]]
    payment = store.owned("invoice_payment", invoice["id"])[0]
    found = (invoice, intent, charge, payment)
    for nth in range(count - 1):
        sandbox.advance(timedelta(hours=1))
        names = {one["id"]: f"{one['id']}x{nth}x{count}" for one in found}
        for one in found:
            copy = deepcopy(one) | {"id": names[one["id"]], "created": store.epoch()}
            for key in ("invoice", "payment_intent", "latest_charge"):
                if copy.get(key) in names:
                    copy[key] = names[copy[key]]
            if isinstance(copy.get("payment"), dict):
                copy["payment"] = copy["payment"] | {"payment_intent": names[intent["id"]]}
            store.put(copy)
