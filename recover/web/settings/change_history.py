"""Who changed which setting when, and taking it back."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from recover.accounts.settings import catalogue, changes
from recover.accounts.settings.catalogue import SETTINGS
from recover.accounts.settings.changes import Change
from recover.compliance import audit_log
from recover.foundation.errors import PermanentError
from recover.models import Account, Role, User
from recover.reporting import figures
from recover.services import Services
from recover.web import live_or_test
from recover.web.access_control import actor, current_user

_LARGEST_ID = 2**62
ACTORS = {
    audit_log.COMMAND: "Somebody at the command line",
    audit_log.RECOVER: "Recover",
    audit_log.STRIPE: "Stripe",
}


def add_routes(routes: Blueprint, services: Services) -> None:
    @routes.get("/settings/changes", defaults={"account_id": None})
    @routes.get("/settings/changes/<int:account_id>")
    def changes(account_id: int | None) -> str:
        return _show(services, account_id)

    @routes.post("/settings/changes/<int:account_id>/undo")
    def undo(account_id: int) -> Response | str:
        return _undo(services, account_id)


def ids_of(text: str | None) -> list[int]:
    """[3, 4] of "3,4"; whatever is no id is left out."""
    parts = (text or "").split(",")[: len(SETTINGS)]
    return [int(one) for one in parts if one.isascii() and one.isdigit() and len(one) < 19]  # noqa: PLR2004 - digits of the largest id


def own_account(session: Session, account_id: int | None) -> tuple[list[Account], Account | None]:
    """The company's accounts, and the one named or the first; 404 for another company's."""
    mine = figures.accounts_of(session, current_user().company_id)
    shown = live_or_test.shown(mine)
    found = next(
        (one for one in (mine if account_id else shown) if account_id in (None, one.id)), None
    )
    if found is None and account_id is not None:
        abort(404)
    return shown, found


def _show(services: Services, account_id: int | None) -> str:
    before = request.args.get("before", type=int)
    before = before if before is not None and 0 < before < _LARGEST_ID else None
    with services.db.read() as session:
        accounts, account = own_account(session, account_id)
        if account is None:
            return render_template(
                "dashboard/overview_empty.html", base_url=services.links.base_url
            )
        rows, older = changes.history(session, account, before)
        names = _actor_names(session, rows)
    return render_template(
        "settings/changes.html",
        accounts=accounts,
        account=account,
        rows=rows,
        who=names,
        older=older,
        before=before,
        settings=SETTINGS,
        may_change=Role(current_user().role).may(Role.MEMBER),
    )


def _actor_names(session: Session, found: list[Change]) -> dict[str, str]:
    """The name of each actor: a person of this company by their address, others by their kind."""
    actors = {one.entry.actor for one in found}
    query = select(User).where(User.company_id == current_user().company_id)
    people = {f"user:{user.id}": user.email for user in session.scalars(query)}
    return {one: people.get(one) or ACTORS.get(one) or _actor_kind(one) for one in actors}


def _actor_kind(actor: str) -> str:
    kind = actor.partition(":")[0]
    return {"user": "Somebody who has left", "token": "An API token"}.get(kind, actor)


def _undo(services: Services, account_id: int) -> Response | str:
    ids = [found for text in request.form.getlist("id") for found in ids_of(text)]
    with services.db.read() as session:
        _, account = own_account(session, account_id)
        found = changes.changes_by_id(session, account, ids) if account else []
    warnings = [
        text for one in found if (text := catalogue.warning_before_change(one.name, one.before))
    ]
    back = _page_to_return_to()
    if warnings and not request.form.get("sure"):
        return render_template(
            "settings/undo.html",
            account=account,
            found=found,
            warnings=warnings,
            ids=ids,
            back=back,
            settings=SETTINGS,
        )
    try:
        names = changes.undo(services, account_id, ids, actor=actor())
        flash(f"Undone: {', '.join(SETTINGS[name].title for name in names)}.")
    except PermanentError as error:
        flash(f"Nothing was undone: {error}")
    return redirect(url_for(f"web.account_settings.{back}", account_id=account_id), 303)


def _page_to_return_to() -> str:
    """The page to go back to."""
    wanted = request.form.get("back", "")
    return wanted if wanted in {page.key for page in catalogue.PAGES} else "changes"
