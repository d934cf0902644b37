"""Sign-in by mailed link. Whatever address is typed in, the answer is the same."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from recover.foundation.errors import LinkExpired, LinkInvalid
from recover.foundation.keyed_hash import HashPurpose, network_hash
from recover.foundation.mail_addresses import normal_email, plausible_email
from recover.people import passkeys, sessions, users
from recover.services import Services
from recover.web import headers, user_agent

ASKED = "asked"  # set in a browser that asked for a link


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("sign_in", __name__)
    possible = passkeys.site(services.settings).possible

    @routes.get("/sign-in")
    def form() -> str:
        return render_template("people/sign_in.html", passkeys=possible)

    @routes.post("/sign-in")
    def ask() -> Response | str:
        email = normal_email(request.form.get("email", ""))
        if not plausible_email(email):
            return render_template(
                "people/sign_in.html", email=email, fault=True, passkeys=possible
            )
        origin = network_hash(services.settings, HashPurpose.NETWORK_CAPS, request.remote_addr)
        session[ASKED] = True
        response = Response(
            render_template("people/sign_in_sent.html", email=email), mimetype="text/html"
        )
        # After the answer: how long it takes must not tell whether the address is known.
        response.call_on_close(lambda: _ask_and_mail(services, email, origin))
        return response

    @routes.get("/sign-in/<token>")
    def confirm(token: str) -> str | tuple[str, int]:
        """A button only: mail scanners open links, and must not use this one up."""
        headers.allow().private = True
        try:
            email = users.email_of_link(services, token)
        except (LinkExpired, LinkInvalid, users.LinkUsed) as error:
            return _link_refused(error)
        elsewhere = ASKED not in session
        return render_template(
            "people/sign_in_confirm.html", token=token, email=email, elsewhere=elsewhere
        )

    @routes.post("/sign-in/<token>")
    def enter(token: str) -> Response | tuple[str, int]:
        headers.allow().private = True
        try:
            session_token = users.sign_in(services, token, user_agent.visit(services))
        except (LinkExpired, LinkInvalid, users.LinkUsed) as error:
            return _link_refused(error)
        return begin_session(services, session_token)

    @routes.post("/sign-out")
    def leave() -> Response:
        users.sign_out(services, session.get("token", ""))
        session.clear()
        return redirect(url_for("web.sign_in.form"), 303)

    return routes


def begin_session(services: Services, session_token: str) -> Response:
    """End the browser's old session, begin the new one, and redirect to the page first asked for.

    A person with several companies is led to the choice between them first.
    """
    users.sign_out(services, session.get("token", ""))
    wanted = session.get("next", "")
    session.clear()
    session.permanent = True
    session["token"] = session_token
    here = sessions.current(services, session_token)
    if here and len(sessions.switch_targets(services, here)) > 1:
        session["next"] = wanted
        return redirect(url_for("web.company_switch.show"), 303)
    return redirect(wanted or url_for("web.overview.show"), 303)


def _ask_and_mail(services: Services, email: str, origin: str) -> None:
    wanted = users.request_link(services, email, origin)
    if wanted:
        users.mail_link(services, wanted)


def _link_refused(error: Exception) -> tuple[str, int]:
    return render_template("people/sign_in_useless.html", reason=str(error)), 410
