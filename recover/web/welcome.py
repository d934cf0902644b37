"""An invitation's own page: opening it changes nothing, its button takes the place."""

from __future__ import annotations

from flask import Blueprint, render_template, session
from werkzeug.wrappers import Response

from recover import invitations, sessions
from recover.errors import LinkExpired, LinkInvalid
from recover.invitations import InvitationOver
from recover.roles import MEANINGS
from recover.services import Services
from recover.web import device, security
from recover.web.sign_in import welcome_in

OLD = "This invitation is too old. Ask whoever invited you to send it again."


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("welcome", __name__)

    @routes.get("/invitation/<token>")
    def show(token: str) -> str | tuple[str, int]:
        security.allow().private = True
        try:
            found = invitations.find(services, token)
        except (LinkExpired, LinkInvalid, InvitationOver) as error:
            return _over(error)
        may = MEANINGS[found.invitation.role]
        return render_template("invitation.html", token=token, found=found, may_do=may)

    @routes.post("/invitation/<token>")
    def accept(token: str) -> Response | tuple[str, int]:
        security.allow().private = True
        try:
            holder = sessions.current(services, session.get("token", ""))
            session_token = invitations.accept(services, token, device.visit(services), holder)
        except (LinkExpired, LinkInvalid, InvitationOver) as error:
            return _over(error)
        return welcome_in(services, session_token)

    return routes


def _over(error: Exception) -> tuple[str, int]:
    reason = OLD if isinstance(error, LinkExpired) else str(error)
    return render_template("invitation_over.html", reason=reason), 410
