"""The page of an invitation: opening it changes nothing, its button accepts."""

from __future__ import annotations

from flask import Blueprint, render_template, session
from werkzeug.wrappers import Response

from recover.foundation.errors import LinkExpired, LinkInvalid
from recover.people import invitations, sessions
from recover.people.invitations import InvitationOver
from recover.people.roles import MEANINGS
from recover.services import Services
from recover.web import headers, user_agent
from recover.web.people.sign_in import begin_session

OLD = "This invitation is too old. Ask whoever invited you to send it again."


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("accept_invitation", __name__)

    @routes.get("/invitation/<token>")
    def show(token: str) -> str | tuple[str, int]:
        headers.allow().private = True
        try:
            found = invitations.find(services, token)
        except (LinkExpired, LinkInvalid, InvitationOver) as error:
            return _invitation_refused(error)
        may = MEANINGS[found.invitation.role]
        return render_template("people/invitation.html", token=token, found=found, may_do=may)

    @routes.post("/invitation/<token>")
    def accept(token: str) -> Response | tuple[str, int]:
        headers.allow().private = True
        try:
            holder = sessions.current(services, session.get("token", ""))
            session_token = invitations.accept(services, token, user_agent.visit(services), holder)
        except (LinkExpired, LinkInvalid, InvitationOver) as error:
            return _invitation_refused(error)
        return begin_session(services, session_token)

    return routes


def _invitation_refused(error: Exception) -> tuple[str, int]:
    reason = OLD if isinstance(error, LinkExpired) else str(error)
    return render_template("people/invitation_over.html", reason=reason), 410
