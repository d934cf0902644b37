"""The settings page of the API: its tokens, made and revoked by owners, and the days of grace."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from recover.compliance import audit_log
from recover.integrations import api_tokens
from recover.integrations.api_tokens import SCOPES, TokenFault
from recover.models import Account, ApiToken
from recover.reporting import figures
from recover.services import Services
from recover.subscribers import entitlement
from recover.web.access_control import actor, current_user

LIVES = {"30": "30 days", "90": "90 days", "365": "1 year", "": "No end"}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("api_tokens", __name__)

    @routes.get("/settings/api")
    def show() -> str:
        return _page(services)

    @routes.post("/settings/api")
    def create() -> tuple[str, int]:
        """The response shows the token, so it is no redirect: the token's text is not stored."""
        try:
            row, text = _create(services)
        except TokenFault as fault:
            return _page(services, fault=fault), 400
        return render_template("settings/api_token_made.html", token=row, text=text), 201

    @routes.get("/settings/api/<int:token_id>/revoke")
    def confirm_revoke(token_id: int) -> str:
        return render_template(
            "settings/api_token_revoke.html", token=_own_token(services, token_id)
        )

    @routes.post("/settings/api/<int:token_id>/revoke")
    def revoke(token_id: int) -> Response:
        row = _own_token(services, token_id)
        api_tokens.revoke(services, row.company_id, row.id, actor=actor())
        flash(f"The token {row.name} opens nothing any more.")
        return redirect(url_for("web.api_tokens.show"), 303)

    @routes.post("/settings/api/grace/<int:account_id>")
    def grace(account_id: int) -> Response | tuple[str, int]:
        days = request.form.get("days", "")
        if not (days.isdecimal() and int(days) <= entitlement.LONGEST_GRACE):
            return _page(services, bad_grace=account_id), 400
        before = _set_grace(services, account_id, int(days))
        flash(f"{days} days of grace from now on; it was {before}. To undo, save {before} again.")
        return redirect(url_for("web.api_tokens.show", _anchor="grace"), 303)

    return routes


def _page(services: Services, *, fault: TokenFault | None = None, bad_grace: int = 0) -> str:
    company_id = current_user().company_id
    with services.db.read() as session:
        accounts = figures.accounts_of(session, company_id)
        tokens = api_tokens.of_company(session, company_id)
    now = services.now()
    return render_template(
        "settings/api_tokens.html",
        tokens=tokens,
        accounts=accounts,
        scopes=SCOPES,
        lives=LIVES,
        fault=fault,
        standings={row.id: api_tokens.state_of(row, now) for row in tokens},
        form=request.form,
        chosen=request.form.getlist("scope"),
        docs=request.script_root + "/api/v1/docs",
        modes=sorted({account.livemode for account in accounts}),
        bad_grace=bad_grace,
        names={account.id: account.name for account in accounts},
        most=entitlement.LONGEST_GRACE,
    )


def _create(services: Services) -> tuple[ApiToken, str]:
    form = request.form
    account = form.get("account", "")
    return api_tokens.create(
        services,
        current_user().company_id,
        name=form.get("name", ""),
        livemode=form.get("mode") == "live",
        scopes=form.getlist("scope"),
        account_id=int(account) if account.isdecimal() and len(account) < 19 else None,  # noqa: PLR2004 - what a row's id can be
        expires_at=_expiry(form.get("life", "90"), services.now()),
        actor=actor(),
    )


def _expiry(life: str, now: datetime) -> datetime | None:
    if life not in LIVES:
        raise TokenFault("expires", "Choose how long it is good for.")
    return now + timedelta(days=int(life)) if life else None


def _own_token(services: Services, token_id: int) -> ApiToken:
    with services.db.read() as session:
        row = session.get(ApiToken, token_id)
    if row is None or row.company_id != current_user().company_id:
        abort(404)
    return row


def _set_grace(services: Services, account_id: int, days: int) -> int:
    """Set the days of grace. Returns what they were before."""
    own = Account.id == account_id, Account.company_id == current_user().company_id
    with services.db.begin() as session:
        account = session.scalar(select(Account).where(*own).with_for_update())
        if account is None:
            abort(404)
        before, account.grace_days = account.grace_days, days
        if before != days:
            audit_log.write(
                session,
                "change",
                "The days of grace were changed.",
                services.now(),
                audit_log.Subject("setting:grace_days", account_id=account.id),
                actor=actor(),
                details={"before": before, "after": days},
            )
    return before
