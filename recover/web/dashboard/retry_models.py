"""The page about what times the retries, what was learned, and how to use another version."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from recover.foundation.errors import PermanentError
from recover.learning import training, versions
from recover.models import Account, RetryModel
from recover.reporting import figures
from recover.services import Services
from recover.web import live_or_test
from recover.web.access_control import actor, current_user
from recover.web.dashboard import retry_models_view

_LARGEST_ID = 2**62


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("retry_models", __name__)

    @routes.get("/retries", defaults={"account_id": None})
    @routes.get("/retries/<int:account_id>")
    def show(account_id: int | None) -> str:
        """An account's page; without one named, the first one's."""
        with services.db.read() as session:
            mine = figures.accounts_of(session, current_user().company_id)
            if not mine and account_id is None:
                return render_template(
                    "dashboard/overview_empty.html", base_url=services.links.base_url
                )
            shown = live_or_test.shown(mine)
            account = _own_account(mine if account_id else shown, account_id)
            view = retry_models_view.view(session, account, services.now(), _page_before())
        return render_template(
            "dashboard/retry_models.html", accounts=shown, account=account, view=view
        )

    _add_version_routes(routes, services)

    @routes.post("/retries/<int:account_id>/follow")
    def follow(account_id: int) -> Response:
        with services.db.read() as session:
            mine = figures.accounts_of(session, current_user().company_id)
        training.unpin(services, _own_account(mine, account_id).id, actor=actor())
        flash("The nights choose again. Open cases are planned anew.")
        return redirect(url_for("web.retry_models.show", account_id=account_id), 303)

    return routes


def _add_version_routes(routes: Blueprint, services: Services) -> None:
    """Compare a version with the one in use, or use it instead; ``name`` as in `versions.named`."""

    @routes.get("/retries/<int:account_id>/versions/<name>")
    def version(account_id: int, name: str) -> str:
        with services.db.read() as session:
            account, row = _version_named(session, account_id, name)
            in_use = versions.in_use(session, account)
        differences, fault = _differences(in_use, row)
        return render_template(
            "dashboard/retry_model.html",
            account=account,
            row=row,
            in_use=in_use,
            differences=differences,
            fault=fault,
        )

    @routes.get("/retries/<int:account_id>/versions/<name>/use")
    def confirm_use(account_id: int, name: str) -> str:
        with services.db.read() as session:
            account, row = _usable_version(session, account_id, name)
            in_use = versions.in_use(session, account)
            waiting = retry_models_view.open_cases(session, account.id)
        return render_template(
            "dashboard/retry_model_use.html",
            account=account,
            row=row,
            in_use=in_use,
            waiting=waiting,
        )

    @routes.post("/retries/<int:account_id>/versions/<name>/use")
    def use(account_id: int, name: str) -> Response:
        with services.db.read() as session:
            account, row = _usable_version(session, account_id, name)
        training.pin(services, account.id, row.id if row else None, actor=actor())
        name_shown = f"Version {versions.short_name(row)}" if row else "The shipped prior"
        flash(f"{name_shown} is used from now on. Open cases are planned anew.")
        return redirect(url_for("web.retry_models.show", account_id=account.id), 303)


def _own_account(mine: list[Account], account_id: int | None) -> Account:
    """The account, if it is of the user's own company; 404 otherwise."""
    found = next((one for one in mine if account_id in (None, one.id)), None)
    return found or abort(404)


def _version_named(
    session: Session, account_id: int, name: str
) -> tuple[Account, RetryModel | None]:
    account = _own_account(figures.accounts_of(session, current_user().company_id), account_id)
    try:
        return account, versions.named(session, account.id, name)
    except PermanentError:
        abort(404)


def _usable_version(
    session: Session, account_id: int, name: str
) -> tuple[Account, RetryModel | None]:
    """A refused version is never used."""
    account, row = _version_named(session, account_id, name)
    if row is not None and not row.accepted:
        abort(404)
    return account, row


def _differences(old: RetryModel | None, new: RetryModel | None) -> tuple[list[str], str]:
    """(what ``new`` believes differently, why they cannot be compared); one of them is empty."""
    try:
        return training.compare(old, new), ""
    except PermanentError as error:
        return [], str(error)


def _page_before() -> int | None:
    """The id below which the page of versions begins; None, the newest, where it is no row's id."""
    wanted = request.args.get("before", type=int)
    return wanted if wanted is not None and 0 < wanted < _LARGEST_ID else None
