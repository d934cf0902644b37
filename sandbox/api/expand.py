"""``expand[]``: ids replaced by the objects they name, at most four levels deep."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from sandbox.api.errors import ApiError
from sandbox.objects import charges
from sandbox.shapes import listing
from sandbox.state import Obj, Store, kind_of

_DEEPEST = 4


def expand(store: Store, answer: Obj, paths: list[str]) -> Obj:
    """A copy of ``answer`` with every path expanded. Raises ApiError where Stripe would."""
    shown = deepcopy(answer)
    for path in paths:
        _walk(store, shown, path.split("."), path)
    return shown


def check_depth(paths: list[str]) -> None:
    """Refuse paths that are too deep before anything is executed."""
    for path in paths:
        if path.count(".") >= _DEEPEST:
            raise ApiError(
                400,
                f"You cannot expand more than {_DEEPEST} levels of a property. Property: {path}",
                param="expand",
            )


def _walk(store: Store, node: Any, steps: list[str], path: str) -> None:
    if isinstance(node, list):
        for item in node:
            _walk(store, item, steps, path)
        return
    step, rest = steps[0], steps[1:]
    if step not in node:
        included = _include(store, node, step)
        if included is None:
            raise ApiError(400, f"This property cannot be expanded ({path}).", param="expand")
        node[step] = included
    value = node[step]
    if isinstance(value, str):
        if not kind_of(value):
            raise ApiError(400, f"This property cannot be expanded ({path}).", param="expand")
        value = node[step] = deepcopy(store.objects.get(value, value))
    if rest and isinstance(value, (dict, list)):
        _walk(store, value, rest, path)


def _include(store: Store, node: Obj, step: str) -> Obj | None:
    """Properties Stripe leaves out unless they are asked for."""
    kind, object_id = node.get("object", ""), node.get("id", "")
    if (kind, step) == ("invoice", "payments"):
        payments = store.owned("invoice_payment", object_id)
        return listing(f"/v1/invoices/{object_id}/payments", deepcopy(payments))
    if (kind, step) == ("invoice", "confirmation_secret"):
        intent = charges.default_intent(store, node)
        secret = intent["client_secret"] if intent else None
        return {"client_secret": secret, "type": "payment_intent"}
    if (kind, step) == ("customer", "sources"):
        cards = [c for c in store.owned("card", object_id) if c["id"] in store.objects]
        return listing(f"/v1/customers/{object_id}/sources", deepcopy(cards))
    if (kind, step) == ("customer", "subscriptions"):
        subs = [s for s in store.owned("subscription", object_id) if s["status"] != "canceled"]
        return listing(f"/v1/customers/{object_id}/subscriptions", deepcopy(subs))
    if (kind, step) == ("charge", "refunds"):
        refunds = [r for r in store.all("refund") if r["charge"] == object_id]
        return listing(f"/v1/charges/{object_id}/refunds", deepcopy(refunds))
    # Below a payment of another type, or in an emptied or deleted parent, the path simply ends.
    return {} if kind == "" or node.get("deleted") else None
