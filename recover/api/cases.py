"""Cases: see them, and what a person may do about one."""

from __future__ import annotations

from operator import eq, ge, lt
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from recover.api import request_models, response_models
from recover.api.operations import Call, Group
from recover.api.paging import find, page, visible
from recover.api.problems import Problem
from recover.cases.core_values import decline_of
from recover.cases.timeline import note
from recover.dunning import RetryMode, Trigger, classify
from recover.integrations import api_tokens, payloads
from recover.models import Account, AuditLogEntry, RecoveryCase
from recover.stripe_api.objects import Payment
from recover.subscribers import card_page
from recover.workflow import sync

GROUP = Group("Cases")
READ, WRITE = "cases:read", "cases:write"


def case_payload(row: RecoveryCase) -> dict[str, Any]:
    who = {"customer_name": row.customer_name or None, "customer_email": row.customer_email or None}
    return payloads.case(row) | who


@GROUP.operation(
    "GET", "/cases", scope=READ, query=request_models.CaseQuery, answer=response_models.CaseList
)
def list_cases(call: Call) -> dict[str, Any]:
    """List cases
    Newest first. Each filter narrows the list further.
    """
    api_tokens.note_reading(call.services, call.holder, "cases")
    account_ids = visible(call, call.query.account)
    with call.services.db.read() as session:
        conditions = _conditions(call.query)
        return page(
            session, RecoveryCase, account_ids, conditions, call.query, payloads.CASE, case_payload
        )


def _conditions(query: request_models.CaseQuery) -> list[ColumnElement[bool]]:
    wanted = (
        (RecoveryCase.state, eq, query.state),
        (RecoveryCase.stripe_customer_id, eq, query.customer),
        (RecoveryCase.stripe_subscription_id, eq, query.subscription),
        (RecoveryCase.opened_at, ge, query.created_gte),
        (RecoveryCase.opened_at, lt, query.created_lt),
    )
    return [compare(column, value) for column, compare, value in wanted if value is not None]


@GROUP.operation("GET", "/cases/{case}", scope=READ, answer=response_models.Case)
def get_case(call: Call) -> dict[str, Any]:
    """Get a case"""
    api_tokens.note_reading(call.services, call.holder, "cases")
    with call.services.db.read() as session:
        return case_payload(_case(call, session))


@GROUP.operation(
    "GET",
    "/cases/{case}/timeline",
    scope=READ,
    query=request_models.TimelineQuery,
    answer=response_models.TimelineList,
)
def list_timeline(call: Call) -> dict[str, Any]:
    """List what happened to a case
    Every decision, payment attempt and mail with its reason and who took it, newest first.
    """
    api_tokens.note_reading(call.services, call.holder, "cases")
    with call.services.db.read() as session:
        case = _case(call, session)
        of_case = [AuditLogEntry.case_id == case.id]
        accounts = [case.account_id]
        return page(
            session, AuditLogEntry, accounts, of_case, call.query, payloads.ENTRY, _entry_payload
        )


def _entry_payload(row: AuditLogEntry) -> dict[str, Any]:
    return {
        "id": payloads.public_id(payloads.ENTRY, row.id),
        "object": "timeline_entry",
        "verb": row.verb,
        "actor": row.actor,
        "reason": row.reason,
        "at": payloads.moment(row.at),
    }


@GROUP.operation(
    "POST",
    "/cases/{case}/retry",
    scope=WRITE,
    answer=response_models.RetryResult,
    repeatable=True,
    problems=("conflict", "stripe_away", "stripe_refuses"),
)
def retry_case(call: Call) -> dict[str, Any]:
    """Charge the card now
    As a person at your company would on the case's page. The card networks' rules and the retry
    budget hold here too: where they forbid it, the outcome is ``not_charged``. Send an
    Idempotency-Key, so that a repeat after a broken connection charges nothing.
    """
    account, case = _account_and_case(call)
    if account.mode == RetryMode.OBSERVE:
        raise Problem("conflict", "This account only observes: nothing is charged.")
    reason = f"The API token {call.holder.name} asked for a retry now."
    _log_request(call, case, reason)
    payment = sync.pay_now(
        call.services,
        account,
        case.stripe_invoice_id,
        Trigger.FOUNDER,
        reason,
        actor=call.holder.actor,
    )
    outcome, message = _retry_outcome(payment)
    return {
        "object": "retry",
        "outcome": outcome,
        "message": message,
        "case": _fresh_payload(call, case),
    }


@GROUP.operation(
    "POST",
    "/cases/{case}/refresh",
    scope=WRITE,
    answer=response_models.Case,
    repeatable=True,
    problems=("stripe_away", "stripe_refuses"),
)
def refresh_case(call: Call) -> dict[str, Any]:
    """Reconcile a case with Stripe
    Bring the case in line with what Stripe says now, and plan its next step. Charges nothing.
    """
    account, case = _account_and_case(call)
    _log_request(
        call, case, f"The API token {call.holder.name} asked for a reconciliation with Stripe."
    )
    sync.sync(call.services, account, case.stripe_invoice_id)
    return _fresh_payload(call, case)


@GROUP.operation(
    "POST",
    "/cases/{case}/revoke-links",
    scope=WRITE,
    answer=response_models.RevokedLinks,
    repeatable=True,
)
def revoke_links(call: Call) -> dict[str, Any]:
    """Switch off a case's card links
    Every link to the card page that was mailed about this case stops working.
    """
    account, case = _account_and_case(call)
    reason = f"The API token {call.holder.name} switched off every card link of this case."
    count = card_page.revoke_all(call.services, account, case, reason, actor=call.holder.actor)
    return {"object": "revoked_links", "case": call.path["case"], "count": count}


def _case(call: Call, session: Session) -> RecoveryCase:
    row: RecoveryCase = find(call, session, RecoveryCase, payloads.CASE, call.path["case"])
    return row


def _account_and_case(call: Call) -> tuple[Account, RecoveryCase]:
    with call.services.db.read() as session:
        case = _case(call, session)
        account = session.get_one(Account, case.account_id)
    if account.disconnected_at:
        raise Problem("conflict", "This account is disconnected from Stripe.")
    return account, case


def _log_request(call: Call, case: RecoveryCase, reason: str) -> None:
    with call.services.db.begin() as session:
        note(session, case, "ask", reason, call.services.now(), actor=call.holder.actor)


def _fresh_payload(call: Call, case: RecoveryCase) -> dict[str, Any]:
    with call.services.db.read() as session:
        return case_payload(session.get_one(RecoveryCase, case.id))


def _retry_outcome(payment: Payment | None) -> tuple[str, str]:
    if payment is None:
        return "not_charged", (
            "The invoice is settled, another payment attempt is under way, or this card must not be"
            " charged now."
        )
    if payment.status == "declined":
        return "declined", classify(decline_of(payment)).text
    return {
        "succeeded": ("paid", "The invoice is paid."),
        "requires_action": ("requires_action", "The bank asks the cardholder to confirm."),
        "processing": ("processing", "The bank has not answered yet."),
    }[payment.status]
