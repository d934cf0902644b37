"""Tries, mails, figures and accounts: what can be read besides the cases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from recover import stats, tokens, wire
from recover.api import asked, told
from recover.api.declare import Call, Group
from recover.api.paging import page, visible
from recover.models import Account, Attempt, Message

GROUP = Group("Records")


@GROUP.operation(
    "GET", "/attempts", scope="cases:read", query=asked.AttemptQuery, answer=told.AttemptList
)
def list_attempts(call: Call) -> dict[str, Any]:
    """List payment tries
    Every try on an invoice that has a case, by anyone: Recover, Stripe, the subscriber.
    """
    query, account_ids = call.query, visible(call, call.query.account)
    conditions = []
    if query.case:
        conditions.append(Attempt.case_id == wire.row_id(wire.CASE, query.case))
    with call.services.db.read() as session:
        return page(session, Attempt, account_ids, conditions, query, wire.ATTEMPT, _attempt)


def _attempt(row: Attempt) -> dict[str, Any]:
    return {
        "id": wire.public_id(wire.ATTEMPT, row.id),
        "object": "attempt",
        "account": wire.public_id(wire.ACCOUNT, row.account_id),
        "case": wire.public_id(wire.CASE, row.case_id),
        "trigger": row.trigger,
        "outcome": row.outcome,
        "reason": row.reason,
        "currency": row.currency,
        "amount_minor": row.amount_minor,
        "charge": row.stripe_charge_id,
        "error_code": row.error_code or None,
        "decline_code": row.decline_code or None,
        "card_brand": row.card_brand or None,
        "card_last4": row.card_last4 or None,
        "attempted_at": wire.moment(row.attempted_at),
        "settled_at": wire.moment(row.settled_at),
    }


@GROUP.operation(
    "GET", "/messages", scope="cases:read", query=asked.MessageQuery, answer=told.MessageList
)
def list_messages(call: Call) -> dict[str, Any]:
    """List mails to subscribers
    Also those that were only written down because the account observes.
    """
    tokens.note_reading(call.services, call.holder, "mails")
    query, account_ids = call.query, visible(call, call.query.account)
    conditions = []
    if query.case:
        conditions.append(Message.case_id == wire.row_id(wire.CASE, query.case))
    if query.customer:
        conditions.append(Message.stripe_customer_id == query.customer)
    with call.services.db.read() as session:
        return page(session, Message, account_ids, conditions, query, wire.MESSAGE, _message)


def _message(row: Message) -> dict[str, Any]:
    return {
        "id": wire.public_id(wire.MESSAGE, row.id),
        "object": "message",
        "account": wire.public_id(wire.ACCOUNT, row.account_id),
        "case": wire.public_id(wire.CASE, row.case_id) if row.case_id else None,
        "customer": row.stripe_customer_id,
        "template": row.template,
        "status": row.status,
        "reason": row.reason,
        "to_email": row.to_email,
        "subject": row.subject or None,
        "error": row.error or None,
        "created_at": wire.moment(row.created_at),
        "sent_at": wire.moment(row.sent_at),
    }


@GROUP.operation("GET", "/stats", scope="stats:read", query=asked.StatsQuery, answer=told.Stats)
def get_stats(call: Call) -> dict[str, Any]:
    """Get the figures of a period
    The same as on the dashboard. Without a holdout nobody can say how much of what came back would
    have come back anyway.
    """
    account_ids = list(visible(call, call.query.account))
    period = call.query.period
    since = None if period == "all" else call.services.now() - timedelta(days=int(period[:-1]))
    with call.services.db.read() as session:
        overview = stats.overview(session, account_ids, since)
    cohort = overview.cohort
    names = ("failed", "recovered", "lost", "unfinished", "set_aside", "recovered_share")
    return {
        "object": "stats",
        "period": period,
        "since": wire.moment(since),
        "currencies": _currencies(overview),
        "cohort": {name: getattr(cohort, name) for name in names},
    }


def _currencies(overview: stats.Overview) -> list[dict[str, Any]]:
    kinds = {
        "recovered": overview.recovered,
        "given_back": overview.given_back,
        "at_risk": overview.at_risk,
        "lost": overview.lost,
    }
    found: dict[str, dict[str, Any]] = {}
    for kind, sums in kinds.items():
        for one in sums:
            figures = found.setdefault(one.currency, _nothing(one.currency))
            figures[f"{kind}_invoices"] = one.invoices
            figures[f"{kind}_minor"] = one.amount_minor
    for won in overview.sources:
        source = {
            "source": won.source.value,
            "invoices": won.invoices,
            "amount_minor": won.amount_minor,
        }
        found.setdefault(won.currency, _nothing(won.currency))["sources"].append(source)
    return [found[currency] for currency in sorted(found)]


def _nothing(currency: str) -> dict[str, Any]:
    kinds = ("recovered", "given_back", "at_risk", "lost")
    zeros = {f"{kind}_{unit}": 0 for kind in kinds for unit in ("invoices", "minor")}
    return {"currency": currency, **zeros, "sources": []}


@GROUP.operation("GET", "/accounts", scope="accounts:read", answer=told.AccountList)
def list_accounts(call: Call) -> dict[str, Any]:
    """List the connected Stripe accounts
    All that this token sees: those of its company, in its mode. They are few, so all at once.
    """
    query = select(Account).where(Account.id.in_(call.holder.account_ids)).order_by(Account.id)
    with call.services.db.read() as session:
        rows = list(session.scalars(query))
    return {"object": "list", "data": [wire.account(row) for row in rows], "next": None}
