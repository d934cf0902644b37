"""What Recover has no business with: money that leaves, and what is sold.

Nothing is kept here. A key with the permission learns that there is no such object; a key without
it is refused before. That is all a careful product ever sees of these.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.api.call import Call, route
from sandbox.api.errors import missing
from sandbox.state import Obj

_KINDS = {
    "coupons": "coupon",
    "disputes": "dispute",
    "payouts": "payout",
    "products": "product",
    "refunds": "refund",
    "transfers": "transfer",
}


@route("GET", "/v1/balance")
def balance(call: Call) -> Obj:
    currency = call.store.account["default_currency"]
    empty = [{"amount": 0, "currency": currency, "source_types": {"card": 0}}]
    return {"object": "balance", "available": empty, "livemode": False, "pending": empty}


@route("GET", "/v1/products", "page")
def products(call: Call) -> Obj:
    return call.page(call.newest("product"))


@route("GET", "/v1/payment_intents", "page customer created")
def payment_intents(call: Call) -> Obj:
    return call.page(call.newest("payment_intent", "customer"))


def _nothing_there(kind: str) -> Callable[[Call, str], Obj]:
    def view(_call: Call, object_id: str) -> Obj:
        raise missing(kind, object_id)

    return view


for _path, _kind in _KINDS.items():
    route("POST", f"/v1/{_path}/<object_id>")(_nothing_there(_kind))
route("POST", "/v1/payment_intents/<object_id>/cancel")(_nothing_there("payment_intent"))
