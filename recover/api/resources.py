"""Payment attempts, mails, figures and accounts: what can be read besides the cases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from recover.api import request_models, response_models
from recover.api.operations import Call, Group
from recover.api.paging import page, visible
from recover.integrations import api_tokens, payloads
from recover.models import Account, Attempt, Message
from recover.reporting import figures

GROUP = Group("Records")


@GROUP.operation(
    "GET",
    "/attempts",
    scope="cases:read",
    query=request_models.AttemptQuery,
    answer=response_models.AttemptList,
)
def list_attempts(call: Call) -> dict[str, Any]:
    """List payment attempts
    Every attempt on an invoice that has a case, by anyone: Recover, Stripe, the subscriber.
    """
    query, account_ids = call.query, visible(call, call.query.account)
    conditions = []
    if query.case:
        conditions.append(Attempt.case_id == payloads.row_id(payloads.CASE, query.case))
    with call.services.db.read() as session:
        return page(
            session, Attempt, account_ids, conditions, query, payloads.ATTEMPT, _attempt_payload
        )


def _attempt_payload(row: Attempt) -> dict[str, Any]:
    return {
        "id": payloads.public_id(payloads.ATTEMPT, row.id),
        "object": "attempt",
        "account": payloads.public_id(payloads.ACCOUNT, row.account_id),
        "case": payloads.public_id(payloads.CASE, row.case_id),
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
        "attempted_at": payloads.moment(row.attempted_at),
        "settled_at": payloads.moment(row.settled_at),
    }


@GROUP.operation(
    "GET",
    "/messages",
    scope="cases:read",
    query=request_models.MessageQuery,
    answer=response_models.MessageList,
)
def list_messages(call: Call) -> dict[str, Any]:
    """List mails to subscribers
    Also those that were only written down because the account observes.
    """
    api_tokens.note_reading(call.services, call.holder, "mails")
    query, account_ids = call.query, visible(call, call.query.account)
    conditions = []
    if query.case:
        conditions.append(Message.case_id == payloads.row_id(payloads.CASE, query.case))
    if query.customer:
        conditions.append(Message.stripe_customer_id == query.customer)
    with call.services.db.read() as session:
        return page(
            session, Message, account_ids, conditions, query, payloads.MESSAGE, _message_payload
        )


def _message_payload(row: Message) -> dict[str, Any]:
    return {
        "id": payloads.public_id(payloads.MESSAGE, row.id),
        "object": "message",
        "account": payloads.public_id(payloads.ACCOUNT, row.account_id),
        "case": payloads.public_id(payloads.CASE, row.case_id) if row.case_id else None,
        "customer": row.stripe_customer_id,
        "template": row.template,
        "status": row.status,
        "reason": row.reason,
        "to_email": row.to_email,
        "subject": row.subject or None,
        "error": row.error or None,
        "created_at": payloads.moment(row.created_at),
        "sent_at": payloads.moment(row.sent_at),
    }


@GROUP.operation(
    "GET",
    "/stats",
    scope="stats:read",
    query=request_models.StatsQuery,
    answer=response_models.Stats,
)
def get_stats(call: Call) -> dict[str, Any]:
    """Get the figures of a period
    The same as on the dashboard. Without a holdout nobody can say how much of what came back would
    have come back anyway.
    """
    account_ids = list(visible(call, call.query.account))
    period = call.query.period
    since = None if period == "all" else call.services.now() - timedelta(days=int(period[:-1]))
    with call.services.db.read() as session:
        overview = figures.overview(session, account_ids, since)
    cohort = overview.cohort
    names = ("failed", "recovered", "lost", "unfinished", "set_aside", "recovered_share")
    return {
        "object": "stats",
        "period": period,
        "since": payloads.moment(since),
        "currencies": _currency_figures(overview),
        "cohort": {name: getattr(cohort, name) for name in names},
    }


def _currency_figures(overview: figures.Overview) -> list[dict[str, Any]]:
    kinds = {
        "recovered": overview.recovered,
        "given_back": overview.given_back,
        "at_risk": overview.at_risk,
        "lost": overview.lost,
    }
    found: dict[str, dict[str, Any]] = {}
    for kind, sums in kinds.items():
        for one in sums:
            figures = found.setdefault(one.currency, _zero_figures(one.currency))
            figures[f"{kind}_invoices"] = one.invoices
            figures[f"{kind}_minor"] = one.amount_minor
    for won in overview.sources:
        source = {
            "source": won.source.value,
            "invoices": won.invoices,
            "amount_minor": won.amount_minor,
        }
        found.setdefault(won.currency, _zero_figures(won.currency))["sources"].append(source)
    return [found[currency] for currency in sorted(found)]


def _zero_figures(currency: str) -> dict[str, Any]:
    kinds = ("recovered", "given_back", "at_risk", "lost")
    zeros = {f"{kind}_{unit}": 0 for kind in kinds for unit in ("invoices", "minor")}
    return {"currency": currency, **zeros, "sources": []}


@GROUP.operation("GET", "/accounts", scope="accounts:read", answer=response_models.AccountList)
def list_accounts(call: Call) -> dict[str, Any]:
    """List the connected Stripe accounts
    All that this token sees: those of its company, in its mode. They are few, so all at once.
    """
    query = select(Account).where(Account.id.in_(call.holder.account_ids)).order_by(Account.id)
    with call.services.db.read() as session:
        rows = list(session.scalars(query))
    return {"object": "list", "data": [payloads.account(row) for row in rows], "next": None}
