"""The switch between companies, for people who belong to several of this installation."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, session, url_for
from werkzeug.wrappers import Response

from recover.people import sessions
from recover.services import Services
from recover.web.access_control import current_session


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("company_switch", __name__)

    @routes.get("/companies")
    def show() -> str:
        here = current_session()
        return render_template(
            "people/company_switch.html", places=sessions.switch_targets(services, here)
        )

    @routes.post("/companies/<int:user_id>")
    def switch(user_id: int) -> Response:
        """Move this session to that membership, then open the page asked for before signing in."""
        here = current_session()
        if user_id != here.user.id and sessions.switch_company(services, here, user_id) is None:
            abort(404)
        return redirect(session.pop("next", "") or url_for("web.overview.show"), 303)

    return routes
