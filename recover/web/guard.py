"""Who may call which page: nothing is public unless it is listed here."""

from __future__ import annotations

from flask import Flask, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from recover import people
from recover.models import User
from recover.services import Services
from recover.web import security

PUBLIC = frozenset(
    {
        "web.health.health",
        "web.brand.stylesheet",
        "web.sign_in.form",
        "web.sign_in.ask",
        "web.sign_in.confirm",
        "web.sign_in.enter",
        # Signed by the link itself:
        "web.card.show",
        "web.card.start",
        "web.card.checkout",
        "web.card.finish",
        "web.card.settle",
        "web.card.come_back",
        "web.card.fresh",
        "web.stop.show",
        "web.stop.stop",
        "web.stop.undo",
    }
)
"""Endpoints that ask for no sign-in. Everything else does."""

WITHOUT_CSRF = frozenset({"web.stop.stop"})
"""A mail program posts here by itself (RFC 8058): it has the signed link and no session."""

csrf = CSRFProtect()


def configure(app: Flask) -> None:
    app.config.update(
        WTF_CSRF_CHECK_DEFAULT=False,  # `check` does, for our pages; webhooks are signed instead
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a page may lie open over lunch
        # Signed pages send no referrer, so that their address stays private; the token suffices.
        WTF_CSRF_SSL_STRICT=False,
    )
    csrf.init_app(app)


def check(services: Services) -> Response | None:
    """Before every page: a small body, a CSRF token for what changes things, a user."""
    request.max_content_length = security.MAX_FORM_BYTES
    if request.endpoint not in WITHOUT_CSRF:
        csrf.protect()
    if request.endpoint in PUBLIC:
        return None
    security.allow().private = True
    g.user = people.user_of(services, session.get("token", ""))
    if g.user is None:
        if request.method == "GET":
            session["next"] = request.full_path.rstrip("?")
        return redirect(url_for("web.sign_in.form"), 303)
    return None


def current_user() -> User:
    """Who is signed in; only behind `check`."""
    user: User = g.user
    return user
