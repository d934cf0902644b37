"""Sign-in with a passkey. The mailed link stays for everyone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, render_template, request, session
from werkzeug.wrappers import Response

from recover.people import passkeys
from recover.people.passkeys import Challenge, NotAccepted
from recover.services import Services
from recover.web import headers, user_agent
from recover.web.people.sign_in import begin_session

WAITING = "passkey"


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("passkey_sign_in", __name__)

    @routes.post("/sign-in/passkey/options")
    def options() -> dict[str, Any]:
        headers.allow().private = True
        wanted, challenge = passkeys.options_to_sign_in(services)
        keep_challenge("sign-in", challenge, services.now())
        return wanted

    @routes.post("/sign-in/passkey")
    def enter() -> Response | tuple[str, int]:
        headers.allow().private = True
        answer = request.form.get("answer", "")
        try:
            challenge, _ = take_challenge("sign-in")
            token = passkeys.sign_in(services, answer, challenge, user_agent.visit(services))
        except NotAccepted as error:
            possible = passkeys.site(services.settings).possible
            return render_template(
                "people/sign_in.html", passkeys=possible, refused=str(error)
            ), 403
        return begin_session(services, token)

    return routes


def keep_challenge(purpose: str, challenge: str, now: datetime, handle: str = "") -> None:
    """Bind a challenge to this browser's session; the one before it is gone."""
    session[WAITING] = [purpose, challenge, now.isoformat(), handle]


def take_challenge(purpose: str) -> tuple[Challenge, str]:
    """Take the challenge that this session waits for out of it, with the handle kept beside it.

    Raises NotAccepted without one.
    """
    waiting = session.pop(WAITING, None)
    if not waiting or waiting[0] != purpose:
        raise NotAccepted("This page was used already. Please try again.")
    _, value, at, handle = waiting
    return Challenge(value, datetime.fromisoformat(at)), handle
