"""Sign-in by mailed link. Whatever address is typed in, the answer is the same."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from recover import card_update, people
from recover.errors import LinkExpired, LinkInvalid
from recover.services import Services
from recover.web import security


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("sign_in", __name__)

    @routes.get("/sign-in")
    def form() -> str:
        return render_template("sign_in.html")

    @routes.post("/sign-in")
    def ask() -> Response | str:
        email = people.normal(request.form.get("email", ""))
        if not people.plausible(email):
            return render_template("sign_in.html", email=email, fault=True)
        origin = card_update.origin_hash(services, request.remote_addr or "")
        wanted = people.ask(services, email, origin)
        response = Response(render_template("sign_in_sent.html", email=email), mimetype="text/html")
        if wanted:
            # After the answer: how long it takes must not tell whether the address is known.
            response.call_on_close(lambda: people.mail(services, wanted))
        return response

    @routes.get("/sign-in/<token>")
    def confirm(token: str) -> str | tuple[str, int]:
        """A button only: mail scanners open links, and must not use this one up."""
        security.allow().private = True
        try:
            people.nonce_of(services, token)
        except (LinkExpired, LinkInvalid) as error:
            return _useless(error)
        return render_template("sign_in_confirm.html", token=token)

    @routes.post("/sign-in/<token>")
    def enter(token: str) -> Response | tuple[str, int]:
        security.allow().private = True
        try:
            session_token = people.sign_in(services, token)
        except (LinkExpired, LinkInvalid, people.LinkUsed) as error:
            return _useless(error)
        wanted = session.get("next", "")
        session.clear()
        session.permanent = True
        session["token"] = session_token
        return redirect(wanted or url_for("web.dashboard.show"), 303)

    @routes.post("/sign-out")
    def leave() -> Response:
        people.sign_out(services, session.get("token", ""))
        session.clear()
        return redirect(url_for("web.sign_in.form"), 303)

    return routes


def _useless(error: Exception) -> tuple[str, int]:
    return render_template("sign_in_useless.html", reason=str(error)), 410
