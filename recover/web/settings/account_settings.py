"""The settings of an account, page by page: shown, saved all together or not at all."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from recover.accounts.settings import catalogue, changes
from recover.accounts.settings.catalogue import SettingsPage
from recover.models import Account, Role, User
from recover.services import Services
from recover.web import headers
from recover.web.access_control import actor, current_user
from recover.web.settings import brand_preview, change_history
from recover.web.settings import form as settings_form
from recover.web.settings.form import Form

Answer = str | Response | tuple[str, int]


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("account_settings", __name__)
    for page in catalogue.PAGES:
        view = partial(_page, services, page)
        routes.add_url_rule(f"/settings/{page.key}", page.key, view, defaults={"account_id": None})
        routes.add_url_rule(
            f"/settings/{page.key}/<int:account_id>", page.key, view, methods=["GET", "POST"]
        )
    change_history.add_routes(routes, services)
    brand_preview.add_routes(routes, services)
    return routes


def _page(services: Services, page: SettingsPage, account_id: int | None) -> Answer:
    accounts, account = _own_account(services, account_id)
    if account is None:
        return render_template("dashboard/overview_empty.html", base_url=services.links.base_url)
    hints = settings_form.hints(account, _owner_emails(services), services.settings.mail_from)
    if request.method == "POST":
        form = settings_form.read(page, account, hints, request.form, request.form.get("seen", ""))
        return _save_or_ask(services, accounts, account, form)
    form = settings_form.shown(page, account, hints)
    return _render(services, accounts, account, form)


def _own_account(
    services: Services, account_id: int | None
) -> tuple[list[Account], Account | None]:
    with services.db.read() as session:
        return change_history.own_account(session, account_id)


def _owner_emails(services: Services) -> list[str]:
    mine = User.company_id == current_user().company_id, User.role == Role.OWNER.value
    with services.db.read() as session:
        return list(session.scalars(select(User.email).where(*mine).order_by(User.id)))


def _save_or_ask(
    services: Services, accounts: list[Account], account: Account, form: Form
) -> Answer:
    """Save, unless somebody should look once more: at faults, at a warning, or at a preview."""
    show = partial(_render, services, accounts, account, form)
    if form.complaints:
        return show(), 422
    if request.form.get("act") == "preview":
        return show()
    if form.warnings and request.form.get("sure") != form.sure:
        return show(asks=True)
    try:
        ids = changes.change(services, account.id, form.values, actor=actor(), seen=form.seen)
    except changes.SettingsRefused as error:
        form.blame(error.faults)
        return show(), 422
    except changes.ChangedMeanwhile:
        _, current = _own_account(services, account.id)
        settings_form.compare(form, current or account)
        return show(conflict=True), 409
    return _saved(account, form, ids)


def _saved(account: Account, form: Form, ids: list[int]) -> Response:
    """Back to the page, which offers to undo what was saved."""
    if not ids:
        flash("Nothing was different, so nothing was changed.")
    saved = ",".join(map(str, ids)) or None
    address = url_for(f"web.account_settings.{form.page.key}", account_id=account.id, saved=saved)
    return redirect(address, 303)


def _render(
    services: Services,
    accounts: list[Account],
    account: Account,
    form: Form,
    *,
    asks: bool = False,
    conflict: bool = False,
) -> str:
    with services.db.read() as session:
        saved = changes.changes_by_id(
            session, account, change_history.ids_of(request.args.get("saved"))
        )
    preview = {}
    if form.page is catalogue.BRAND:
        headers.allow_frames_of_ours()
        preview = brand_preview.preview_args(form)
    return render_template(
        "settings/form.html",
        accounts=accounts,
        account=account,
        form=form,
        asks=asks,
        conflict=conflict,
        saved=[one for one in saved if one.undoable],
        preview=preview,
        may_change=Role(current_user().role).may(Role.MEMBER),
        titles=catalogue.SETTINGS,
        color_hint=settings_form.color_hint,
    )
