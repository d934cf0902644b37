"""Settings: where one is signed in, and ending it."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from recover.models import SignInMethod
from recover.people import sessions
from recover.services import Services
from recover.web import user_agent
from recover.web.access_control import current_session

WAYS = {
    SignInMethod.MAIL: "by mailed link",
    SignInMethod.PASSKEY: "with a passkey",
    "invitation": "by a mailed invitation",
    "command": "by a link made at the command line",
    "handed": "by an invitation that was handed on",
}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("sessions", __name__)

    @routes.get("/settings/sessions")
    def show() -> str:
        here = current_session()
        return render_template(
            "people/sessions.html",
            found=sessions.own_sessions(services, here),
            here=here.sign_in,
            network=user_agent.visit(services).origin,
            named=user_agent.named,
            ways=WAYS,
            settings=services.settings,
            several=len(sessions.switch_targets(services, here)) > 1,
        )

    @routes.post("/settings/sessions/<int:session_id>/end")
    def end(session_id: int) -> Response:
        if not sessions.end(services, current_session(), session_id):
            abort(404)
        flash("That session is ended.")
        return _to_sessions()

    @routes.post("/settings/sessions/end-others")
    def end_others() -> Response:
        count = sessions.end(services, current_session(), None)
        flash(
            {0: "There was no other session.", 1: "The other session is ended."}.get(
                count, f"{count} other sessions are ended."
            )
        )
        return _to_sessions()

    return routes


def _to_sessions() -> Response:
    return redirect(url_for("web.sessions.show"), 303)
