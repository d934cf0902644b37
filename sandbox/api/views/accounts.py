"""Accounts."""

from __future__ import annotations

from sandbox.api import access
from sandbox.api.call import Call, route
from sandbox.state import Obj


@route("GET", "/v1/account")
def own(call: Call) -> Obj:
    return call.store.account


@route("GET", "/v1/accounts/<account_id>")
def retrieve(call: Call, account_id: str) -> Obj:
    return access.account_for(call.sandbox, call.key, account_id).account
