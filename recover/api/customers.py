"""Customers: the entitlement of one while an invoice is unpaid."""

from __future__ import annotations

from typing import Any

from recover.api import request_models, response_models
from recover.api.operations import Call, Group
from recover.api.paging import visible
from recover.dunning.entitlement import Entitlement
from recover.integrations import payloads
from recover.subscribers import entitlement

GROUP = Group("Customers")


@GROUP.operation(
    "GET",
    "/customers/{customer}/access",
    scope="access:read",
    query=request_models.AccessQuery,
    answer=response_models.Access,
)
def get_access(call: Call) -> dict[str, Any]:
    """Ask whether a customer is fine, in grace or limited
    `customer` is Stripe's id. Most never failed to pay and are not known here: they are `fine`.
    In grace everything should still work; `until` says how long. `limited` never begins before
    what was paid for in advance has ended. Nothing is asked of Stripe, so this is quick enough for
    every page view; still, keep the answer for a minute.
    """
    with call.services.db.read() as session:
        found = entitlement.customer_entitlement(
            session,
            visible(call, call.query.account),
            call.path["customer"],
            call.services.now(),
            call.query.subscription or "",
        )
    each = [
        {"subscription": subscription or None, **_entitlement_payload(one)}
        for subscription, one in sorted(found.subscriptions.items())
    ]
    return {
        "object": "access",
        "customer": call.path["customer"],
        **_entitlement_payload(found.overall),
        "cases": [payloads.public_id(payloads.CASE, one) for one in found.case_ids],
        "subscriptions": each,
    }


def _entitlement_payload(one: Entitlement) -> dict[str, Any]:
    return {
        "state": one.state.value,
        "reason": one.reason,
        "since": payloads.moment(one.since),
        "until": payloads.moment(one.until),
    }
