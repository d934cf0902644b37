"""The Stripe accounts of a company, and the state of each connection."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from recover.accounts import connecting, upkeep
from recover.accounts.health import can_verify_events, health
from recover.accounts.settings.catalogue import TestMail
from recover.compliance.audit_log import Subject, write
from recover.dunning import CaseState
from recover.models import Account, RecoveryCase, Role
from recover.reporting.figures import accounts_of
from recover.services import Services
from recover.web import headers
from recover.web.access_control import current_user

MAIL_WORDS = {
    TestMail.EVERYONE: "Mail in test mode goes to every test customer.",
    TestMail.TEAM: "Mail in test mode goes to your own people only.",
}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("stripe_accounts", __name__)

    @routes.get("/settings/stripe")
    def show() -> str:
        headers.allow().sources["form-action"] = (
            headers.origin(services.settings.stripe_connect_base),
        )
        with services.db.read() as session:
            found = accounts_of(session, current_user().company_id)
        return render_template(
            "settings/stripe_accounts.html",
            accounts=found,
            state=state,
            may_connect=is_owner(),
            oauth=connecting.offers_oauth(services),
            live=connecting.platform_livemode(services),
        )

    @routes.get("/settings/stripe/<int:account_id>")
    def one(account_id: int) -> str:
        account = own_account(services, account_id)
        return render_template(
            "settings/stripe_account.html",
            account=account,
            state=state(account),
            health=health(services, account),
            missing=upkeep.missing_permissions(account),
            timezone=account.timezone or "UTC",
            may_connect=is_owner(),
            may_change=Role(current_user().role).may(Role.MEMBER),
        )

    @routes.post("/settings/stripe/<int:account_id>/test-mail")
    def test_mail(account_id: int) -> Response:
        account, choice = own_account(services, account_id), request.form.get("who", "")
        if choice not in MAIL_WORDS:
            abort(400)
        wanted = TestMail(choice)
        _set_test_mail(services, account, wanted)
        flash(MAIL_WORDS[wanted])
        return redirect(url_for("web.stripe_accounts.one", account_id=account_id), 303)

    return routes


def own_account(services: Services, account_id: int) -> Account:
    """The account, if it is of the user's own company; 404 otherwise."""
    query = select(Account).where(
        Account.id == account_id, Account.company_id == current_user().company_id
    )
    with services.db.read() as session:
        account = session.scalar(query)
    if account is None:
        abort(404)
    return account


def is_owner() -> bool:
    return Role(current_user().role).may(Role.OWNER)


def state(account: Account) -> tuple[str, str]:
    """The state of the connection, from our rows alone: a label and its tone."""
    if account.disconnected_at:
        return ("Disconnecting" if account.leaving_at else "Disconnected", "quiet")
    if account.problem:
        return ("Stripe refuses our key", "bad")
    if not can_verify_events(account):
        return ("No webhook endpoint yet", "warn")
    return ("Connected", "good")


def open_cases(services: Services, account: Account) -> int:
    query = select(func.count(RecoveryCase.id)).where(
        RecoveryCase.account_id == account.id, RecoveryCase.state == CaseState.OPEN
    )
    with services.db.read() as session:
        return session.scalar(query) or 0


def _set_test_mail(services: Services, account: Account, wanted: TestMail) -> None:
    user = current_user()
    with services.db.begin() as session:
        row = session.get_one(Account, account.id)
        before, row.test_mail = row.test_mail, wanted
        if before != wanted:
            write(
                session,
                "set",
                MAIL_WORDS[wanted],
                services.now(),
                Subject("setting:test_mail", account_id=account.id),
                actor=f"user:{user.id}",
                details={"before": before, "after": wanted},
            )
