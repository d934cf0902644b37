"""The checklist from a connected account to a live one, and what its items ask for."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from recover.compliance import audit_log
from recover.foundation.errors import LinkExpired, LinkInvalid, PermanentError
from recover.models import Account, Role
from recover.onboarding import history_import
from recover.onboarding.checklist import progress, sender_check
from recover.onboarding.checklist.stripe_signs import checklist_state, locked_checklist_state
from recover.reporting import figures
from recover.services import CHORES, Services
from recover.web import headers
from recover.web.access_control import actor, current_user
from recover.web.own_accounts import owned
from recover.web.settings.campaign_preview import steps_of

# Pages that belong to other parts, each linked to only where it exists.
ELSEWHERE = {
    "connected": ("web.stripe_accounts.show", "Stripe accounts"),
    "sender": ("web.account_settings.sending", "Change the sender"),
    "retries": ("web.account_settings.retries", "Settings of retries"),
}
REFRESH_SECONDS = 4


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("checklist", __name__)

    @routes.get("/start")
    def first() -> Response | str:
        """The account that is furthest from being live; else the first."""
        with services.db.read() as session:
            mine = figures.accounts_of(session, current_user().company_id)
            if not mine:
                return render_template(
                    "dashboard/overview_empty.html", base_url=services.links.base_url
                )
            wanted = progress.unfinished(session, mine) or mine[0]
        return redirect(url_for("web.checklist.show", account_id=wanted.id), 303)

    @routes.get("/start/<int:account_id>")
    def show(account_id: int) -> str:
        mine, account = owned(services, account_id)
        with services.db.read() as session:
            found = progress.checklist(services, session, account)
        return render_template(
            "onboarding/checklist.html",
            accounts=mine,
            account=account,
            list=found,
            refresh=REFRESH_SECONDS,
            elsewhere=ELSEWHERE,
            changes=may_change(),
        )

    _add_answer_routes(routes, services)
    _add_confirm_routes(routes, services)
    return routes


def _add_answer_routes(routes: Blueprint, services: Services) -> None:
    @routes.post("/start/<int:account_id>/import")
    def go_on(account_id: int) -> Response:
        _, account = owned(services, account_id)
        history_import.resume(services, account.id, actor())
        services.enqueue("import_history", account.id, queue=CHORES)
        return _to_checklist(account)

    @routes.post("/start/<int:account_id>/retries")
    def retries(account_id: int) -> Response:
        """Store a person's statement that Stripe's own retries are off, or take it back."""
        _, account = owned(services, account_id)
        off = request.form.get("off") == "yes"
        text = "Stripe's own retries were said to be off." if off else "That was taken back."
        _save_answer(
            services, account, "start:retries", text, retries_off_at=services.now() if off else None
        )
        return _to_checklist(account)

    @routes.post("/start/<int:account_id>/mails")
    def mails(account_id: int) -> Response:
        _, account = owned(services, account_id)
        said = request.form.get("said", "")
        said = said if said in ("on", "off") else ""
        text = f"Stripe's mails about failed payments were said to be {said or 'unknown'}."
        _save_answer(
            services,
            account,
            "start:mails",
            text,
            stripe_mails=said,
            stripe_mails_at=services.now(),
        )
        return _to_checklist(account)

    @routes.post("/start/<int:account_id>/sender")
    def ask(account_id: int) -> Response:
        _, account = owned(services, account_id)
        try:
            address = sender_check.mail_confirmation(services, account, actor())
        except PermanentError as error:
            flash(str(error))
        else:
            flash(f"A mail with a link is on its way to {address}.")
        return _to_checklist(account)

    @routes.get("/start/<int:account_id>/campaign")
    def campaign(account_id: int) -> str:
        _, account = owned(services, account_id)
        mark_as_seen(services, account, "campaign_at", "The campaign was looked at.")
        return render_template("onboarding/campaign.html", account=account, steps=steps_of(account))


def _add_confirm_routes(routes: Blueprint, services: Services) -> None:
    """The link in the confirming mail: whoever reads the mailbox need not sign in."""

    @routes.get("/confirm-sender/<token>")
    def confirm(token: str) -> str | tuple[str, int]:
        """A button only: mail scanners open links."""
        headers.allow().private = True
        try:
            account, address = sender_check.read_link(services, token)
        except (LinkExpired, LinkInvalid) as error:
            return _link_refused(error)
        return render_template(
            "onboarding/confirm_sender.html", token=token, account=account, address=address
        )

    @routes.post("/confirm-sender/<token>")
    def accept(token: str) -> str | tuple[str, int]:
        headers.allow().private = True
        try:
            address = sender_check.confirm(services, token)
        except (LinkExpired, LinkInvalid) as error:
            return _link_refused(error)
        return render_template("onboarding/sender_confirmed.html", address=address)


def _link_refused(error: Exception) -> tuple[str, int]:
    return render_template("onboarding/confirm_sender_useless.html", reason=str(error)), 410


def _to_checklist(account: Account) -> Response:
    return redirect(url_for("web.checklist.show", account_id=account.id), 303)


def _save_answer(
    services: Services, account: Account, about: str, text: str, **values: object
) -> None:
    now = services.now()
    with services.db.begin() as session:
        row = locked_checklist_state(services.db, session, account.id)
        for name, value in values.items():
            setattr(row, name, value)
        audit_log.write(
            session,
            "set",
            text,
            now,
            audit_log.Subject(about, account_id=account.id),
            actor=actor(),
        )


def mark_as_seen(services: Services, account: Account, column: str, text: str) -> None:
    """Tick an item that is done by opening its page: once, and only for who may change things."""
    if not may_change():
        return
    with services.db.read() as session:
        if getattr(checklist_state(session, account.id), column) is not None:
            return
    _save_answer(
        services, account, f"start:{column.removesuffix('_at')}", text, **{column: services.now()}
    )


def may_change() -> bool:
    return Role(current_user().role).may(Role.MEMBER)
