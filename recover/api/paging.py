"""Pages of rows, newest first, by the id of the last one seen: what is added meanwhile shifts
nothing, and the thousandth page costs what the first does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from recover.api.operations import Call
from recover.api.problems import FieldError, Problem
from recover.integrations import payloads
from recover.models import Account

Row = Any  # a row of any table that has an id and an account_id


def visible(call: Call, account: str | None) -> tuple[int, ...]:
    """The accounts that the call is about: the token's, or the one named. Raises Problem."""
    if account is None:
        return call.holder.account_ids
    account_id = payloads.row_id(payloads.ACCOUNT, account)
    if account_id not in call.holder.account_ids:
        raise Problem("not_found", "This token sees no such account.")
    return (account_id,)


def single_account(call: Call, session: Session, account: str | None) -> Account:
    """The one account meant. Raises Problem where the token sees several and none is named."""
    account_ids = visible(call, account)
    if len(account_ids) != 1:
        text = "is needed: this token sees " + ("several accounts" if account_ids else "no account")
        raise Problem("invalid", errors=[FieldError("body", "account", text)])
    return session.get_one(Account, account_ids[0])


def find(call: Call, session: Session, model: Any, prefix: str, public: str) -> Row:
    """The row with that id, if the token may see it. Raises Problem otherwise."""
    number = payloads.row_id(prefix, public)
    row = session.get(model, number) if number is not None else None
    if row is None or row.account_id not in call.holder.account_ids:
        raise Problem("not_found", f"There is no {public} for this token.")
    return row


def page(
    session: Session,
    model: Any,
    account_ids: Sequence[int],
    conditions: Sequence[ColumnElement[bool]],
    asked: Any,
    prefix: str,
    to_payload: Callable[[Row], dict[str, Any]],
) -> dict[str, Any]:
    """One page of rows, each as ``to_payload`` makes it.

    Each account has a query of its own, so that its index gives the order.
    """
    if asked.after is not None:
        conditions = [*conditions, model.id < payloads.row_id(prefix, asked.after)]
    newest = select(model).where(*conditions).order_by(model.id.desc()).limit(asked.limit + 1)
    found = chain.from_iterable(
        session.scalars(newest.where(model.account_id == one)) for one in account_ids
    )
    rows = sorted(found, key=lambda row: -row.id)
    more = len(rows) > asked.limit
    rows = rows[: asked.limit]
    after = payloads.public_id(prefix, rows[-1].id) if more else None
    return {"object": "list", "data": [to_payload(row) for row in rows], "next": after}
