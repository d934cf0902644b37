"""Settings: one's own passkeys."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from recover.models import Passkey
from recover.people import passkeys
from recover.people.passkeys import NotAccepted
from recover.services import Services
from recover.web import user_agent
from recover.web.access_control import current_session, current_user
from recover.web.people.passkey_sign_in import keep_challenge, take_challenge


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("passkeys", __name__)

    @routes.get("/settings/passkeys")
    def show() -> str:
        return _page(services)

    @routes.post("/settings/passkeys/options")
    def options() -> dict[str, Any]:
        wanted, challenge, handle = passkeys.options_to_add(services, current_user())
        keep_challenge("add", challenge, services.now(), handle)
        return wanted

    @routes.post("/settings/passkeys")
    def add() -> Response | tuple[str, int]:
        form = request.form
        name = form.get("name", "") or user_agent.named(request.headers.get("User-Agent", ""))
        try:
            challenge, handle = take_challenge("add")
            key = passkeys.add(
                services, current_session(), form.get("answer", ""), challenge, handle, name
            )
        except NotAccepted as error:
            return _page(services, refused=str(error)), 400
        flash(f"The passkey “{key.name}” is added. Next time, use it to sign in.")
        response = _to_passkeys()
        response.call_on_close(lambda: passkeys.mail_owner(services, key))
        return response

    @routes.post("/settings/passkeys/<int:passkey_id>/name")
    def rename(passkey_id: int) -> Response:
        name = request.form.get("name", "")
        _or_404(passkeys.rename(services, current_session(), passkey_id, name))
        return _to_passkeys()

    @routes.get("/settings/passkeys/<int:passkey_id>/remove")
    def confirm_remove(passkey_id: int) -> str:
        key = next((key for key in _own_passkeys(services) if key.id == passkey_id), None)
        return render_template("people/passkey_remove.html", key=_or_404(key))

    @routes.post("/settings/passkeys/<int:passkey_id>/remove")
    def remove(passkey_id: int) -> Response:
        key = _or_404(passkeys.remove(services, current_session(), passkey_id))
        flash(f"The passkey “{key.name}” signs nobody in any more.")
        return _to_passkeys()

    return routes


def _page(services: Services, refused: str = "") -> str:
    return render_template(
        "people/passkeys.html",
        keys=_own_passkeys(services),
        refused=refused,
        possible=passkeys.site(services.settings).possible,
        narrow=current_session().sign_in.narrow,
    )


def _own_passkeys(services: Services) -> list[Passkey]:
    """No passkeys for a session that does not prove its mail address: it may not see them."""
    if current_session().sign_in.narrow:
        return []
    with services.db.read() as session:
        return passkeys.of_person(session, current_user().email)


def _or_404(key: Passkey | None) -> Passkey:
    """Anybody else's passkey does not exist."""
    if key is None:
        abort(404)
    return key


def _to_passkeys() -> Response:
    return redirect(url_for("web.passkeys.show"), 303)
